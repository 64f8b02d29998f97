/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/create-wizard.h"

#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/wizard/customise-page.h"
#include "ui/wizard/details-page.h"
#include "ui/wizard/express-page.h"
#include "ui/wizard/source-page.h"
#include "ui/wizard/summary-page.h"

typedef enum { PAGE_SOURCE, PAGE_DETAILS, PAGE_EXPRESS, PAGE_CUSTOMISE, PAGE_SUMMARY, N_PAGES } PageNumber;

static const char *const page_titles[] = { N_ ("What Shall It Run?"), N_ ("Name and Size"),
                                           N_ ("Installation"), N_ ("Devices"), N_ ("Summary") };

struct _BonsaiCreateWizard {
  AdwWindow parent;
  WizardContext context;
  PageNumber page;
  GCancellable *creation; /* while the machine is being made */

  GtkStack *stack;
  AdwWindowTitle *title;
  GtkButton *back_button;
  GtkButton *next_button;
  GtkProgressBar *progress;
  BonsaiSourcePage *source_page;
  BonsaiDetailsPage *details_page;
  BonsaiExpressPage *express_page;
  BonsaiCustomisePage *customise_page;
  BonsaiSummaryPage *summary_page;
};

G_DEFINE_FINAL_TYPE (BonsaiCreateWizard, bonsai_create_wizard, ADW_TYPE_WINDOW)

enum { SIGNAL_CREATED, N_SIGNALS };
static guint signals[N_SIGNALS];

static BonsaiWizardPage *
get_page (BonsaiCreateWizard *self, PageNumber number)
{
  BonsaiWizardPage *const pages[] = {
    [PAGE_SOURCE] = BONSAI_WIZARD_PAGE (self->source_page),
    [PAGE_DETAILS] = BONSAI_WIZARD_PAGE (self->details_page),
    [PAGE_EXPRESS] = BONSAI_WIZARD_PAGE (self->express_page),
    [PAGE_CUSTOMISE] = BONSAI_WIZARD_PAGE (self->customise_page),
    [PAGE_SUMMARY] = BONSAI_WIZARD_PAGE (self->summary_page),
  };

  return pages[number];
}

/* --- the way --- */

static PageNumber
page_after (const BonsaiCreateWizard *self)
{
  if (self->page == PAGE_SOURCE)
    return PAGE_DETAILS;
  if (self->page == PAGE_DETAILS && vm_draft_is_express (self->context.draft))
    return PAGE_EXPRESS;
  return PAGE_SUMMARY;
}

static PageNumber
page_before (const BonsaiCreateWizard *self)
{
  switch (self->page)
    {
    case PAGE_EXPRESS:
      return PAGE_DETAILS;
    case PAGE_CUSTOMISE:
      return PAGE_SUMMARY;
    case PAGE_SUMMARY:
      return vm_draft_is_express (self->context.draft) ? PAGE_EXPRESS : PAGE_DETAILS;
    default:
      return PAGE_SOURCE;
    }
}

static void
check_page (BonsaiCreateWizard *self)
{
  bool is_busy = self->creation != NULL;
  bool fine = bonsai_wizard_page_check (get_page (self, self->page));

  gtk_widget_set_sensitive (GTK_WIDGET (self->next_button), fine && !is_busy);
  gtk_widget_set_sensitive (GTK_WIDGET (self->back_button), !is_busy);
  gtk_widget_set_sensitive (GTK_WIDGET (self->stack), !is_busy);
  gtk_widget_set_visible (GTK_WIDGET (self->progress), is_busy);
}

static void
show_page (BonsaiCreateWizard *self, PageNumber number)
{
  BonsaiWizardPage *page = get_page (self, number);

  self->page = number;
  bonsai_wizard_page_load (page);
  gtk_stack_set_visible_child (self->stack, GTK_WIDGET (page));
  adw_window_title_set_subtitle (self->title, _ (page_titles[number]));
  gtk_widget_set_visible (GTK_WIDGET (self->back_button), number != PAGE_SOURCE);
  gtk_button_set_label (self->next_button, number == PAGE_SUMMARY     ? _ ("_Create")
                                           : number == PAGE_CUSTOMISE ? _ ("_Done")
                                                                      : _ ("_Next"));
  check_page (self);
  if (number == PAGE_SUMMARY)
    gtk_widget_grab_focus (GTK_WIDGET (self->next_button));
  else
    bonsai_wizard_page_focus (page);
}

/* --- creating --- */

static void
on_progress (guint64 done, guint64 total, gpointer data)
{
  BonsaiCreateWizard *self = data;

  if (total > 0)
    gtk_progress_bar_set_fraction (self->progress, (double)done / (double)total);
}

static void
created (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiCreateWizard) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (BonsaiVm) vm = vm_draft_create_finish (result, &error);

  g_clear_object (&self->creation);
  if (vm != NULL)
    {
      g_signal_emit (self, signals[SIGNAL_CREATED], 0, vm,
                     bonsai_summary_page_get_start (self->summary_page));
      gtk_window_destroy (GTK_WINDOW (self));
      return;
    }
  if (!gtk_widget_in_destruction (GTK_WIDGET (self)) && gtk_widget_get_mapped (GTK_WIDGET (self)))
    {
      check_page (self);
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        error_dialog_show (GTK_WINDOW (self), _ ("Can’t Create the Machine"), error);
    }
}

static void
create (BonsaiCreateWizard *self)
{
  self->creation = g_cancellable_new ();
  gtk_progress_bar_set_fraction (self->progress, 0);
  vm_draft_create_async (self->context.draft, self->context.library, self->context.catalog, on_progress, self,
                         self->creation, created, g_object_ref (self));
  check_page (self);
}

/* --- buttons --- */

static void
on_next (GtkButton *button, gpointer data)
{
  BonsaiCreateWizard *self = data;

  if (self->page == PAGE_SUMMARY)
    create (self);
  else
    show_page (self, page_after (self));
}

static void
on_back (GtkButton *button, gpointer data)
{
  BonsaiCreateWizard *self = data;

  show_page (self, page_before (self));
}

static gboolean
on_back_key (GtkWidget *widget, GVariant *arguments, gpointer data)
{
  BonsaiCreateWizard *self = BONSAI_CREATE_WIZARD (widget);

  if (self->page == PAGE_SOURCE || self->creation != NULL)
    return GDK_EVENT_PROPAGATE;
  show_page (self, page_before (self));
  return GDK_EVENT_STOP;
}

static void
on_cancel (GtkButton *button, gpointer data)
{
  gtk_window_close (GTK_WINDOW (data));
}

/* While a machine is being made, closing stops that; nothing of it stays. */
static gboolean
on_close_request (GtkWindow *window, gpointer data)
{
  BonsaiCreateWizard *self = BONSAI_CREATE_WIZARD (window);

  if (self->creation == NULL)
    return GDK_EVENT_PROPAGATE;
  g_cancellable_cancel (self->creation);
  return GDK_EVENT_STOP;
}

static void
on_changed (BonsaiCreateWizard *self)
{
  check_page (self);
}

static void
on_create_now (BonsaiCreateWizard *self)
{
  g_autoptr (GError) error = NULL;

  if (vm_draft_check (self->context.draft, self->context.host, self->context.library, &error))
    create (self);
  else
    error_dialog_show (GTK_WINDOW (self), _ ("Can’t Create the Machine"), error);
}

static void
on_leave_source (BonsaiCreateWizard *self)
{
  if (self->page == PAGE_SOURCE)
    show_page (self, PAGE_DETAILS);
}

static void
on_customise (BonsaiCreateWizard *self)
{
  show_page (self, PAGE_CUSTOMISE);
}

void
bonsai_create_wizard_set_file (BonsaiCreateWizard *self, const char *path)
{
  bonsai_source_page_set_file (self->source_page, path);
}

/* --- life --- */

static void
bonsai_create_wizard_dispose (GObject *object)
{
  BonsaiCreateWizard *self = BONSAI_CREATE_WIZARD (object);

  if (self->creation != NULL)
    g_cancellable_cancel (self->creation);
  G_OBJECT_CLASS (bonsai_create_wizard_parent_class)->dispose (object);
}

static void
bonsai_create_wizard_finalize (GObject *object)
{
  WizardContext *context = &BONSAI_CREATE_WIZARD (object)->context;

  g_clear_object (&context->library);
  g_clear_pointer (&context->draft, vm_draft_free);
  g_clear_pointer (&context->catalog, os_catalog_unref);
  g_clear_pointer (&context->guests, g_ptr_array_unref);
  G_OBJECT_CLASS (bonsai_create_wizard_parent_class)->finalize (object);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, BonsaiCreateWizard, name)

static void
bonsai_create_wizard_class_init (BonsaiCreateWizardClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_create_wizard_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_create_wizard_finalize;
  signals[SIGNAL_CREATED] = g_signal_new ("created", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 2, BONSAI_TYPE_VM, G_TYPE_BOOLEAN);
  g_type_ensure (BONSAI_TYPE_SOURCE_PAGE);
  g_type_ensure (BONSAI_TYPE_DETAILS_PAGE);
  g_type_ensure (BONSAI_TYPE_EXPRESS_PAGE);
  g_type_ensure (BONSAI_TYPE_CUSTOMISE_PAGE);
  g_type_ensure (BONSAI_TYPE_SUMMARY_PAGE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "wizard/create-wizard.ui");
  BIND (stack);
  BIND (title);
  BIND (back_button);
  BIND (next_button);
  BIND (progress);
  BIND (source_page);
  BIND (details_page);
  BIND (express_page);
  BIND (customise_page);
  BIND (summary_page);
  gtk_widget_class_bind_template_callback (widget_class, on_back);
  gtk_widget_class_bind_template_callback (widget_class, on_next);
  gtk_widget_class_bind_template_callback (widget_class, on_cancel);
  gtk_widget_class_bind_template_callback (widget_class, on_close_request);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_create_now);
  gtk_widget_class_bind_template_callback (widget_class, on_customise);
  gtk_widget_class_bind_template_callback (widget_class, on_leave_source);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Left, GDK_ALT_MASK, on_back_key, NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
bonsai_create_wizard_init (BonsaiCreateWizard *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

BonsaiCreateWizard *
bonsai_create_wizard_new (GtkWindow *parent, BonsaiLibrary *library, const HostReport *host)
{
  BonsaiCreateWizard *self = g_object_new (BONSAI_TYPE_CREATE_WIZARD, "transient-for", parent, NULL);

  self->context = (WizardContext){
    .library = g_object_ref (library),
    .host = host,
    .catalog = os_catalog_new (),
    .guests = ready_guests_list (host),
    .draft = vm_draft_new (host),
  };
  for (PageNumber i = 0; i < N_PAGES; i++)
    bonsai_wizard_page_set_up (get_page (self, i), &self->context);
  show_page (self, PAGE_SOURCE);
  return self;
}
