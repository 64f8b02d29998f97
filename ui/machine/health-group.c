/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/health-group.h"

#include "app/vm/vm-snapshots.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"

struct _BonsaiHealthGroup {
  AdwBin parent;
  BonsaiVm *vm;
  GCancellable *cancellable; /* of what is under way; or NULL */
  GPtrArray *rows;           /* of the findings */

  AdwPreferencesGroup *group;
  AdwActionRow *summary_row;
  GtkSpinner *spinner;
  GtkWidget *good_image;
  GtkWidget *repair_button;
};

G_DEFINE_FINAL_TYPE (BonsaiHealthGroup, bonsai_health_group, ADW_TYPE_BIN)

static void
clear_rows (BonsaiHealthGroup *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    adw_preferences_group_remove (self->group, g_ptr_array_index (self->rows, i));
  g_ptr_array_set_size (self->rows, 0);
}

static void
on_copy (GtkButton *button, AdwActionRow *row)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (row)),
                          g_object_get_data (G_OBJECT (row), "text"));
}

static void
add_row (BonsaiHealthGroup *self, const DoctorFinding *finding)
{
  static const char *const titles[DOCTOR_N_KINDS] = {
    [DOCTOR_LEFTOVER] = N_ ("Left Over"),
    [DOCTOR_UNUSED] = N_ ("Unused"),
    [DOCTOR_BROKEN] = N_ ("Damaged"),
  };
  GtkWidget *row = adw_action_row_new ();
  GtkWidget *copy = gtk_button_new_from_icon_name ("edit-copy-symbolic");
  g_autofree char *text =
    finding->path ? g_strdup_printf ("%s: %s", finding->path, finding->message) : g_strdup (finding->message);

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ (titles[finding->kind]));
  row_set_subtitle (ADW_ACTION_ROW (row), text);
  gtk_widget_set_tooltip_text (copy, _ ("Copy Details"));
  gtk_widget_set_valign (copy, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (copy, "flat");
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), copy);
  g_object_set_data_full (G_OBJECT (row), "text", g_steal_pointer (&text), g_free);
  g_signal_connect_object (copy, "clicked", G_CALLBACK (on_copy), row, 0);
  adw_preferences_group_add (self->group, row);
  g_ptr_array_add (self->rows, row);
}

static void
show_findings (BonsaiHealthGroup *self, GPtrArray *findings)
{
  guint open = 0;
  bool repairable = false;
  g_autofree char *text = NULL;

  for (guint i = 0; i < findings->len; i++)
    {
      const DoctorFinding *finding = g_ptr_array_index (findings, i);
      if (finding->repaired)
        continue;
      open++;
      repairable |= finding->kind != DOCTOR_UNUSED;
      add_row (self, finding);
    }
  text = open == 0 ? g_strdup (_ ("Everything is sound"))
                   : g_strdup_printf (ngettext ("%u finding", "%u findings", open), open);
  row_set_subtitle (self->summary_row, text);
  gtk_widget_set_visible (self->good_image, open == 0);
  gtk_widget_set_visible (self->repair_button, repairable);
}

static void
on_examined (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiHealthGroup) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) findings = bonsai_vm_examine_finish (BONSAI_VM (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || BONSAI_VM (source) != self->vm)
    return;
  gtk_spinner_set_spinning (self->spinner, FALSE);
  if (findings)
    show_findings (self, findings);
  else
    row_set_subtitle (self->summary_row, error->message);
}

static void
examine (BonsaiHealthGroup *self, bool repair)
{
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  clear_rows (self);
  gtk_widget_set_visible (self->good_image, FALSE);
  gtk_widget_set_visible (self->repair_button, FALSE);
  if (!self->vm || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  self->cancellable = g_cancellable_new ();
  row_set_subtitle (self->summary_row, repair ? _ ("Being repaired…") : _ ("Being looked at…"));
  gtk_spinner_set_spinning (self->spinner, TRUE);
  bonsai_vm_examine_async (self->vm, repair, NULL, NULL, self->cancellable, on_examined, g_object_ref (self));
}

static void
on_repair (BonsaiHealthGroup *self)
{
  examine (self, true);
}

void
bonsai_health_group_set_vm (BonsaiHealthGroup *self, BonsaiVm *vm)
{
  g_set_object (&self->vm, vm);
  examine (self, false);
}

static void
bonsai_health_group_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_health_group_parent_class)->map (widget);
  examine (BONSAI_HEALTH_GROUP (widget), false);
}

static void
bonsai_health_group_dispose (GObject *object)
{
  BonsaiHealthGroup *self = BONSAI_HEALTH_GROUP (object);

  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->vm);
  G_OBJECT_CLASS (bonsai_health_group_parent_class)->dispose (object);
}

static void
bonsai_health_group_finalize (GObject *object)
{
  g_ptr_array_unref (BONSAI_HEALTH_GROUP (object)->rows);
  G_OBJECT_CLASS (bonsai_health_group_parent_class)->finalize (object);
}

static void
bonsai_health_group_class_init (BonsaiHealthGroupClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_health_group_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_health_group_finalize;
  widget_class->map = bonsai_health_group_map;
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "machine/health-group.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiHealthGroup, group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiHealthGroup, summary_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiHealthGroup, spinner);
  gtk_widget_class_bind_template_child (widget_class, BonsaiHealthGroup, good_image);
  gtk_widget_class_bind_template_child (widget_class, BonsaiHealthGroup, repair_button);
  gtk_widget_class_bind_template_callback (widget_class, on_repair);
}

static void
bonsai_health_group_init (BonsaiHealthGroup *self)
{
  self->rows = g_ptr_array_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
}
