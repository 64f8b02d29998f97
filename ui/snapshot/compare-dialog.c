/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/snapshot/compare-dialog.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/snapshot/snapshot-text.h"

#define BONSAI_TYPE_COMPARE_DIALOG (bonsai_compare_dialog_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiCompareDialog, bonsai_compare_dialog, BONSAI, COMPARE_DIALOG, AdwWindow)

struct _BonsaiCompareDialog {
  AdwWindow parent;
  BonsaiVm *vm;
  GPtrArray *ids;   /* of the rows' choices; the last is NULL: the machine as it is now */
  GPtrArray *kinds; /* of constants: what state each keeps, or is in */
  GPtrArray *rows;
  GCancellable *cancellable; /* of the comparison under way, or NULL */
  bool again;                /* something else was chosen meanwhile */

  AdwComboRow *from_row;
  AdwComboRow *to_row;
  AdwPreferencesGroup *group;
  GtkSpinner *spinner;
};

G_DEFINE_FINAL_TYPE (BonsaiCompareDialog, bonsai_compare_dialog, ADW_TYPE_WINDOW)

/* --- what differs --- */

static void
clear_rows (BonsaiCompareDialog *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    adw_preferences_group_remove (self->group, g_ptr_array_index (self->rows, i));
  g_ptr_array_set_size (self->rows, 0);
}

static void
add_row (BonsaiCompareDialog *self, const char *title, const char *subtitle)
{
  GtkWidget *row = adw_action_row_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_preferences_group_add (self->group, row);
  g_ptr_array_add (self->rows, row);
}

static void
add_change (BonsaiCompareDialog *self, const char *title, const char *from, const char *to)
{
  g_autofree char *text = g_strdup_printf ("%s → %s", from ? from : _ ("nothing"), to ? to : _ ("nothing"));

  add_row (self, title, text);
}

static void
add_disk (BonsaiCompareDialog *self, const SnapshotDiskDiff *disk)
{
  g_autofree char *title = g_strdup_printf (_ ("Disk %s"), disk->id);
  g_autofree char *changed = g_format_size_full (disk->changed, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *text = g_strdup_printf (
    ngettext ("%s written, in %u place", "%s written, in %u places", disk->extents ? disk->extents->len : 0),
    changed, disk->extents ? disk->extents->len : 0);

  if (!disk->in_from || !disk->in_to)
    add_row (self, title, disk->in_to ? _ ("Was added") : _ ("Was taken out"));
  else if (!disk->known)
    add_row (self, title, _ ("Is another one"));
  else if (disk->changed > 0)
    add_row (self, title, text);
}

static void
add_memory (BonsaiCompareDialog *self, const SnapshotDiff *diff)
{
  g_autofree char *changed = g_format_size_full (diff->memory_changed, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *text = g_strdup_printf (_ ("%s changed"), changed);

  if (diff->memory_changed > 0)
    add_row (self, _ ("Memory"), text);
}

static void
show_diff (BonsaiCompareDialog *self, const SnapshotDiff *diff)
{
  const char *from = g_ptr_array_index (self->kinds, adw_combo_row_get_selected (self->from_row));
  const char *to = g_ptr_array_index (self->kinds, adw_combo_row_get_selected (self->to_row));

  if (!g_str_equal (from, to))
    add_change (self, _ ("State"), from, to);
  for (guint i = 0; i < diff->settings->len; i++)
    {
      const SnapshotSetting *setting = g_ptr_array_index (diff->settings, i);
      add_change (self, setting->member, setting->from, setting->to);
    }
  for (guint i = 0; i < diff->disks->len; i++)
    add_disk (self, g_ptr_array_index (diff->disks, i));
  add_memory (self, diff);
  if (self->rows->len == 0)
    add_row (self, _ ("No Difference"), _ ("Settings and disks are the same"));
}

static void on_chosen (BonsaiCompareDialog *self);

static void
on_compared (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiCompareDialog) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SnapshotDiff) diff = bonsai_vm_diff_snapshots_finish (BONSAI_VM (source), result, &error);

  g_clear_object (&self->cancellable);
  if (!self->vm)
    return;
  if (self->again)
    {
      on_chosen (self);
      return;
    }
  gtk_spinner_set_spinning (self->spinner, FALSE);
  clear_rows (self);
  if (diff)
    show_diff (self, diff);
  else
    add_row (self, _ ("Can’t Compare"), error->message);
}

static void
begin_to_compare (BonsaiCompareDialog *self, guint from, guint to)
{
  self->cancellable = g_cancellable_new ();
  gtk_spinner_set_spinning (self->spinner, TRUE);
  bonsai_vm_diff_snapshots_async (self->vm, g_ptr_array_index (self->ids, from),
                                  g_ptr_array_index (self->ids, to), NULL, NULL, self->cancellable,
                                  on_compared, g_object_ref (self));
}

/* Whoever runs the machine makes one comparison at a time. */
static void
on_chosen (BonsaiCompareDialog *self)
{
  guint from = adw_combo_row_get_selected (self->from_row), to = adw_combo_row_get_selected (self->to_row);

  if (!self->vm || from >= self->ids->len || to >= self->ids->len)
    return;
  clear_rows (self);
  self->again = self->cancellable != NULL;
  if (self->again)
    {
      g_cancellable_cancel (self->cancellable);
      return;
    }
  gtk_spinner_set_spinning (self->spinner, FALSE);
  if (from == to)
    add_row (self, _ ("No Difference"), _ ("Both are the same"));
  else
    begin_to_compare (self, from, to);
}

/* --- what is compared --- */

/* @runs: whether the machine does. */
static void
fill (BonsaiCompareDialog *self, const SnapshotTree *tree, bool runs)
{
  g_autoptr (GtkStringList) from = gtk_string_list_new (NULL), to = gtk_string_list_new (NULL);

  for (guint i = 0; i < tree->nodes->len; i++)
    {
      const SnapshotNode *one = g_ptr_array_index (tree->nodes, i);
      g_autofree char *name = snapshot_text_name (one);

      if (one->trouble)
        continue;
      g_ptr_array_add (self->ids, g_strdup (one->id));
      g_ptr_array_add (self->kinds, (gpointer)snapshot_text_kind (one));
      gtk_string_list_append (from, name);
      gtk_string_list_append (to, name);
    }
  g_ptr_array_add (self->ids, NULL);
  g_ptr_array_add (self->kinds, runs ? _ ("Running") : _ ("Off"));
  gtk_string_list_append (to, _ ("Now"));
  adw_combo_row_set_model (self->from_row, G_LIST_MODEL (from));
  adw_combo_row_set_model (self->to_row, G_LIST_MODEL (to));
}

/* @id: NULL: the machine as it is now. */
static guint
place_of (BonsaiCompareDialog *self, const char *id)
{
  for (guint i = 0; i < self->ids->len; i++)
    if (g_strcmp0 (g_ptr_array_index (self->ids, i), id) == 0)
      return i;
  return 0;
}

void
compare_dialog_show (GtkWindow *parent, BonsaiVm *vm, const SnapshotTree *tree, const char *node)
{
  BonsaiCompareDialog *self = g_object_new (BONSAI_TYPE_COMPARE_DIALOG, "transient-for", parent, NULL);

  fill (self, tree, bonsai_vm_get_session (vm) != NULL);
  adw_combo_row_set_selected (self->from_row, place_of (self, node));
  adw_combo_row_set_selected (self->to_row, place_of (self, NULL));
  self->vm = g_object_ref (vm);
  on_chosen (self);
  gtk_window_present (GTK_WINDOW (self));
}

/* --- the object --- */

static void
bonsai_compare_dialog_dispose (GObject *object)
{
  BonsaiCompareDialog *self = BONSAI_COMPARE_DIALOG (object);

  g_clear_object (&self->vm);
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  G_OBJECT_CLASS (bonsai_compare_dialog_parent_class)->dispose (object);
}

static void
bonsai_compare_dialog_finalize (GObject *object)
{
  BonsaiCompareDialog *self = BONSAI_COMPARE_DIALOG (object);

  g_ptr_array_unref (self->ids);
  g_ptr_array_unref (self->kinds);
  g_ptr_array_unref (self->rows);
  G_OBJECT_CLASS (bonsai_compare_dialog_parent_class)->finalize (object);
}

static void
bonsai_compare_dialog_class_init (BonsaiCompareDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_compare_dialog_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_compare_dialog_finalize;
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "snapshot/compare-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiCompareDialog, from_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiCompareDialog, to_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiCompareDialog, group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiCompareDialog, spinner);
  gtk_widget_class_bind_template_callback (widget_class, on_chosen);
}

static void
bonsai_compare_dialog_init (BonsaiCompareDialog *self)
{
  self->ids = g_ptr_array_new_with_free_func (g_free);
  self->kinds = g_ptr_array_new ();
  self->rows = g_ptr_array_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
}
