/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/trash-page.h"

#include "ui/application.h"
#include "ui/base/back-button.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/base/spare-title.h"

struct _BonsaiTrashPage {
  AdwBin parent;
  BonsaiLibrary *library;
  BonsaiTrash *trash;

  AdwWindowTitle *title;
  GtkWidget *empty_button, *empty_page;
  GtkStack *stack;
  GtkListBox *list;
  guint focus_id, focus_at; /* it is to be on the row at that place */
};

G_DEFINE_FINAL_TYPE (BonsaiTrashPage, bonsai_trash_page, ADW_TYPE_BIN)

static GtkWindow *
window_of (BonsaiTrashPage *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));

  return GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL;
}

/* --- for good --- */

static void
on_purged (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiJob) job = data;
  g_autoptr (GError) error = NULL;

  bonsai_library_purge_finish (BONSAI_LIBRARY (source), result, &error);
  bonsai_job_end (job, error);
}

/* @item: (nullable): all */
static void
purge (BonsaiTrashPage *self, const char *item, const char *title)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  g_autoptr (GCancellable) cancellable = item ? NULL : g_cancellable_new ();
  BonsaiJob *job = bonsai_job_new (title, NULL, cancellable);

  bonsai_jobs_add (bonsai_application_get_jobs (application), job);
  bonsai_library_purge_async (self->library, item, cancellable, on_purged, job);
}

static void
on_purge_response (AdwMessageDialog *dialog, const char *response, gpointer data)
{
  BonsaiTrashItem *item = g_object_get_data (G_OBJECT (dialog), "item");

  if (g_strcmp0 (response, "delete") != 0)
    return;
  if (!item)
    {
      purge (data, NULL, _ ("Emptying the trash"));
      return;
    }
  g_autofree char *title = g_strdup_printf (_ ("Deleting “%s” for good"), bonsai_trash_item_get_name (item));
  purge (data, bonsai_trash_item_get_id (item), title);
}

/* What can't be undone is asked. */
static void
ask (BonsaiTrashPage *self, BonsaiTrashItem *item, const char *heading, const char *body)
{
  GtkWidget *dialog = adw_message_dialog_new (window_of (self), heading, body);

  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "delete",
                                    _ ("_Delete for Good"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "delete",
                                              ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  if (item)
    g_object_set_data_full (G_OBJECT (dialog), "item", g_object_ref (item), g_object_unref);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_purge_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_purge (GtkWidget *button, BonsaiTrashPage *self)
{
  BonsaiTrashItem *item = g_object_get_data (G_OBJECT (button), "item");
  g_autofree char *heading = g_strdup_printf (_ ("Delete “%s” for Good?"), bonsai_trash_item_get_name (item));

  ask (self, item, heading, _ ("Its disks and snapshots are lost then. This can’t be undone."));
}

static void
on_empty (BonsaiTrashPage *self)
{
  ask (self, NULL, _ ("Empty the Trash?"),
       _ ("The disks and snapshots of all machines in it are lost then. This can’t be undone."));
}

/* --- bringing back --- */

static void
on_restore (GtkWidget *button, BonsaiTrashPage *self)
{
  BonsaiTrashItem *item = g_object_get_data (G_OBJECT (button), "item");
  g_autoptr (GError) error = NULL;

  if (!bonsai_library_undelete (self->library, bonsai_trash_item_get_id (item), &error))
    error_dialog_show (window_of (self), _ ("Can’t Bring the Machine Back"), error);
}

/* --- rows --- */

static char *
describe (BonsaiTrashItem *item)
{
  g_autoptr (GDateTime) when = g_date_time_new_from_unix_local (bonsai_trash_item_get_deleted (item));
  g_autofree char *size = g_format_size_full (bonsai_trash_item_get_size (item), G_FORMAT_SIZE_IEC_UNITS);
  /* Translators: the date and time at which a machine was deleted, as strftime writes it. */
  g_autofree char *time = when ? g_date_time_format (when, _ ("%-d %B %Y, %H:%M")) : g_strdup ("");

  return g_strdup_printf (_ ("Deleted on %s · %s"), time, size);
}

static GtkWidget *
make_button (BonsaiTrashPage *self, BonsaiTrashItem *item, const char *icon, const char *tip,
             const char *format, GCallback clicked)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  g_autofree char *label = g_strdup_printf (format, bonsai_trash_item_get_name (item));
#pragma GCC diagnostic pop

  gtk_widget_set_tooltip_text (button, tip);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_object_set_data_full (G_OBJECT (button), "item", g_object_ref (item), g_object_unref);
  g_signal_connect_object (button, "clicked", clicked, self, 0);
  return button;
}

static GtkWidget *
make_row (gpointer data, gpointer page)
{
  BonsaiTrashItem *item = data;
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *subtitle = describe (item);
  g_autofree char *label = g_strdup_printf ("%s, %s", bonsai_trash_item_get_name (item), subtitle);

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), bonsai_trash_item_get_name (item));
  row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 2);
  adw_action_row_add_suffix (
    ADW_ACTION_ROW (row),
    make_button (page, item, "edit-undo-symbolic", _ ("Restore"), _ ("Restore %s"), G_CALLBACK (on_restore)));
  adw_action_row_add_suffix (ADW_ACTION_ROW (row),
                             make_button (page, item, "edit-delete-symbolic", _ ("Delete for Good…"),
                                          _ ("Delete %s for Good…"), G_CALLBACK (on_purge)));
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  return row;
}

static void
update (BonsaiTrashPage *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->trash));
  guint64 size = 0;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (BonsaiTrashItem) item = g_list_model_get_item (G_LIST_MODEL (self->trash), i);
      size += bonsai_trash_item_get_size (item);
    }
  g_autofree char *room = g_format_size_full (size, G_FORMAT_SIZE_IEC_UNITS);
  adw_window_title_set_subtitle (self->title, n ? room : "");
  gtk_stack_set_visible_child_name (self->stack, n ? "list" : "empty");
  gtk_widget_set_visible (self->empty_button, n > 0);
}

/* --- the focus --- */

/* The next row has it when one has gone with it, or the last one, or the word that none is left. */
static gboolean
give_focus (gpointer data)
{
  BonsaiTrashPage *self = data;
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->trash));
  GtkListBoxRow *row =
    n ? gtk_list_box_get_row_at_index (self->list, (int)MIN (self->focus_at, n - 1)) : NULL;

  self->focus_id = 0;
  gtk_widget_grab_focus (row ? GTK_WIDGET (row) : self->empty_page);
  return G_SOURCE_REMOVE;
}

static void
on_items_changed (BonsaiTrashPage *self, guint position, guint removed, guint added)
{
  GtkWindow *window = window_of (self);
  GtkWidget *focus = window ? gtk_window_get_focus (window) : NULL;
  bool is_lost = window && !(focus && gtk_widget_is_ancestor (focus, GTK_WIDGET (window)));

  update (self);
  if (removed == 0 || !is_lost || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  self->focus_at = position;
  if (self->focus_id == 0)
    self->focus_id = g_idle_add (give_focus, self);
}

/* --- the object --- */

static void
bonsai_trash_page_dispose (GObject *object)
{
  BonsaiTrashPage *self = BONSAI_TRASH_PAGE (object);

  g_clear_handle_id (&self->focus_id, g_source_remove);
  if (self->trash)
    gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
  g_clear_object (&self->trash);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_trash_page_parent_class)->dispose (object);
}

static void
bonsai_trash_page_class_init (BonsaiTrashPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = bonsai_trash_page_dispose;
  g_type_ensure (BONSAI_TYPE_BACK_BUTTON);
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/trash-page.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiTrashPage, title);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTrashPage, empty_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTrashPage, empty_page);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTrashPage, stack);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTrashPage, list);
  gtk_widget_class_bind_template_callback (widget_class, on_empty);
}

static void
bonsai_trash_page_init (BonsaiTrashPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
bonsai_trash_page_new (BonsaiLibrary *library, BonsaiTrash *trash)
{
  BonsaiTrashPage *self = g_object_new (BONSAI_TYPE_TRASH_PAGE, NULL);

  self->library = g_object_ref (library);
  self->trash = g_object_ref (trash);
  gtk_list_box_bind_model (self->list, G_LIST_MODEL (trash), make_row, self, NULL);
  g_signal_connect_object (trash, "items-changed", G_CALLBACK (on_items_changed), self, G_CONNECT_SWAPPED);
  update (self);
  return GTK_WIDGET (self);
}
