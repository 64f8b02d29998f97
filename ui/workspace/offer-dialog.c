/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/workspace/offer-dialog.h"

#include "app/library/library-offer.h"
#include "ui/application.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/base/spare-title.h"
#include "ui/workspace/offer-text.h"

#define BONSAI_TYPE_OFFER_DIALOG (bonsai_offer_dialog_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiOfferDialog, bonsai_offer_dialog, BONSAI, OFFER_DIALOG, AdwWindow)

struct _BonsaiOfferDialog {
  AdwWindow parent;
  BonsaiLibrary *library;
  Offer *offer;
  char *template;                /* its folder, or NULL: it is in the library, or not known yet */
  GtkFileChooserNative *chooser; /* or NULL */
  GtkWidget *accept_button, *template_button;
  AdwActionRow *name_row, *issuer_row, *expiry_row, *limits_row, *template_row;
};

G_DEFINE_FINAL_TYPE (BonsaiOfferDialog, bonsai_offer_dialog, ADW_TYPE_WINDOW)

/* --- accepting --- */

typedef struct {
  Offer *offer;
  BonsaiJob *job;
} Accepting;

static void
on_accepted (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Accepting *accepting = data;
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm = library_accept_offer_finish (BONSAI_LIBRARY (source), result, &error);
  g_autofree char *text = vm ? g_strdup_printf (_ ("“%s” is ready"), bonsai_vm_get_name (vm)) : NULL;

  bonsai_job_set_detail (accepting->job, text);
  bonsai_job_end (accepting->job, error);
  if (!vm && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error_dialog_show (error_dialog_find_parent (), _ ("This Offer Can’t Be Accepted"), error);
  g_object_unref (accepting->job);
  offer_free (accepting->offer);
}

static void
on_accept (BonsaiOfferDialog *self)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *title = g_strdup_printf (_ ("Making “%s”"), self->offer->name);
  Accepting *accepting = g_new (Accepting, 1);

  *accepting = (Accepting){ g_steal_pointer (&self->offer), bonsai_job_new (title, NULL, cancellable) };
  bonsai_jobs_add (bonsai_application_get_jobs (application), accepting->job);
  library_accept_offer_async (self->library, accepting->offer, self->template, bonsai_job_progress,
                              accepting->job, cancellable, on_accepted, accepting);
  gtk_window_destroy (GTK_WINDOW (self));
}

/* --- the template --- */

static void
show_template (BonsaiOfferDialog *self)
{
  bool there = library_has_template_of (self->library, self->offer);
  g_autofree char *version =
    g_strdup_printf (_ ("Version %u, which is in the library"), self->offer->terms->version);

  row_set_subtitle (self->template_row, there ? version
                                        : self->template
                                          ? self->template
                                          : _ ("It isn’t in the library: choose its folder, which "
                                               "its issuer has"));
  gtk_widget_set_visible (self->template_button, !there);
  gtk_widget_set_sensitive (self->accept_button, there || self->template);
}

static void
on_chosen (GtkNativeDialog *chooser, int response, BonsaiOfferDialog *self)
{
  g_autoptr (GFile) file =
    response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser)) : NULL;
  char *path = file ? g_file_get_path (file) : NULL;

  if (!path)
    return;
  g_free (self->template);
  self->template = path;
  show_template (self);
}

static void
on_choose (BonsaiOfferDialog *self)
{
  g_clear_object (&self->chooser);
  self->chooser =
    gtk_file_chooser_native_new (_ ("The Template’s Folder"), GTK_WINDOW (self),
                                 GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("_Choose"), _ ("_Cancel"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  g_signal_connect_object (self->chooser, "response", G_CALLBACK (on_chosen), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

/* --- the dialog --- */

/* May be broken into lines, without hyphens, which would be read as a part of it. */
static char *
breakable (const char *key)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; key[i] != '\0'; i++)
    {
      if (i > 0 && i % 8 == 0)
        g_string_append (text, "\u200b");
      g_string_append_c (text, key[i]);
    }
  return g_string_free (text, FALSE);
}

static void
show_offer (BonsaiOfferDialog *self)
{
  const Terms *terms = self->offer->terms;
  g_autofree char *whose =
    g_strdup_printf (_ ("For %s, by the profile “%s”"), terms->subject, terms->profile);
  g_autofree char *expiry = offer_text_expiry (&terms->expiry), *afterwards = offer_text_afterwards (terms);
  g_autofree char *limits = offer_text_limits (&terms->permissions);
  g_autofree char *key = breakable (terms->issuer);
  g_autofree char *issuer = g_strdup_printf (_ ("%s – ask whoever sent it whether this is their key"), key);

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (self->name_row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->name_row), self->offer->name);
  row_set_subtitle (self->name_row, whose);
  row_set_subtitle (self->issuer_row, issuer);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->expiry_row), expiry);
  row_set_subtitle (self->expiry_row, afterwards);
  row_set_subtitle (self->limits_row, limits);
  show_template (self);
}

static void
bonsai_offer_dialog_dispose (GObject *object)
{
  BonsaiOfferDialog *self = BONSAI_OFFER_DIALOG (object);

  g_clear_object (&self->chooser);
  g_clear_object (&self->library);
  g_clear_pointer (&self->offer, offer_free);
  g_clear_pointer (&self->template, g_free);
  G_OBJECT_CLASS (bonsai_offer_dialog_parent_class)->dispose (object);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, BonsaiOfferDialog, name)

static void
bonsai_offer_dialog_class_init (BonsaiOfferDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_offer_dialog_dispose;
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "workspace/offer-dialog.ui");
  BIND (accept_button);
  BIND (template_button);
  BIND (name_row);
  BIND (issuer_row);
  BIND (expiry_row);
  BIND (limits_row);
  BIND (template_row);
  gtk_widget_class_bind_template_callback (widget_class, on_accept);
  gtk_widget_class_bind_template_callback (widget_class, on_choose);
}

static void
bonsai_offer_dialog_init (BonsaiOfferDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
offer_dialog_show (GtkWindow *parent, BonsaiLibrary *library, Offer *offer)
{
  BonsaiOfferDialog *self = g_object_new (BONSAI_TYPE_OFFER_DIALOG, "transient-for", parent, NULL);

  self->library = g_object_ref (library);
  self->offer = offer;
  show_offer (self);
  gtk_window_present (GTK_WINDOW (self));
}
