/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/vm-row.h"

#include "ui/application.h"
#include "ui/error-dialog.h"
#include "ui/thumbnail.h"
#include "ui/unlock-dialog.h"
#include "ui/vm-files.h"

struct _BonsaiVmRow {
  GtkListBoxRow parent;
  BonsaiVm *vm;
  GSimpleActionGroup *actions;
  bool preparing; /* a start: its disks are looked at, or their passphrases asked for */

  BonsaiThumbnail *thumbnail;
  GtkLabel *name_label;
  GtkLabel *state_label;
  GtkLabel *reason_label;
  GtkButton *start_button;
  GtkButton *pause_button;
  GtkButton *resume_button;
  GtkButton *shutdown_button;
  GtkMenuButton *menu_button;
};

G_DEFINE_FINAL_TYPE (BonsaiVmRow, bonsai_vm_row, GTK_TYPE_LIST_BOX_ROW)

/* --- what the buttons ask for --- */

static GtkWindow *
window_of (BonsaiVmRow *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));

  return GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL;
}

static void
show_error (BonsaiVmRow *self, const char *what, const GError *error)
{
  g_autofree char *heading = g_strdup_printf ("Can’t %s “%s”", what, bonsai_vm_get_name (self->vm));

  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error_dialog_show (window_of (self), heading, error);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiVmRow) self = data;
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_start_finish (BONSAI_VM (source), result, &error))
    show_error (self, "Start", error);
}

static void update (BonsaiVmRow *self);

static void
set_preparing (BonsaiVmRow *self, bool preparing)
{
  self->preparing = preparing;
  if (self->vm)
    update (self);
}

static void
start (BonsaiVmRow *self)
{
  bonsai_vm_start_async (self->vm, BONSAI_START_DEFAULT, NULL, on_started, g_object_ref (self));
}

static void
on_dialog_gone (BonsaiVmRow *self)
{
  set_preparing (self, false);
}

/* Encrypted disks are opened by their owner first. */
static void
on_locked_found (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiVmRow) self = data;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) disks = bonsai_vm_find_locked_finish (BONSAI_VM (source), result, &error);
  BonsaiUnlockDialog *dialog;

  if (disks != NULL && disks[0] != NULL && self->vm)
    {
      dialog = bonsai_unlock_dialog_new (window_of (self), self->vm, disks[0]);
      g_signal_connect_object (dialog, "unlocked", G_CALLBACK (start), self, G_CONNECT_SWAPPED);
      g_signal_connect_object (dialog, "destroy", G_CALLBACK (on_dialog_gone), self, G_CONNECT_SWAPPED);
      gtk_window_present (GTK_WINDOW (dialog));
      return;
    }
  set_preparing (self, false);
  if (disks == NULL)
    show_error (self, "Start", error);
  else if (self->vm)
    start (self);
}

static void
on_start (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiVmRow *self = data;

  set_preparing (self, true);
  bonsai_vm_find_locked_async (self->vm, NULL, on_locked_found, g_object_ref (self));
}

static void
on_controlled (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiVmRow) self = data;
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_control_finish (BONSAI_VM (source), result, &error))
    show_error (self, "Control", error);
}

static void
control (BonsaiVmRow *self, BonsaiControl what)
{
  bonsai_vm_control_async (self->vm, what, 0, NULL, on_controlled, g_object_ref (self));
}

static void
on_pause (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  control (data, BONSAI_CONTROL_PAUSE);
}

static void
on_resume (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  control (data, BONSAI_CONTROL_RESUME);
}

static void
on_shutdown (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  control (data, BONSAI_CONTROL_SHUTDOWN);
}

static void
on_power_off (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  control (data, BONSAI_CONTROL_POWER_OFF);
}

static void
on_reset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  control (data, BONSAI_CONTROL_RESET);
}

static void
on_console_shown (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiVmRow) self = data;
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_show_console_finish (BONSAI_VM (source), result, &error))
    show_error (self, "Show the Console of", error);
}

static void
on_console (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiVmRow *self = data;

  bonsai_vm_show_console_async (self->vm, true, NULL, on_console_shown, g_object_ref (self));
}

static void
on_screenshot (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiVmRow *self = data;

  vm_files_save_screenshot (window_of (self), self->vm);
}

static void
on_insert_cd (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiVmRow *self = data;

  vm_files_insert_cd (window_of (self), self->vm);
}

static void
on_eject_cd (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiVmRow *self = data;

  vm_files_eject_cd (window_of (self), self->vm);
}

static void
on_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiVmRow *self = data;

  /* The window does it: undo outlives the row. */
  gtk_widget_activate_action (GTK_WIDGET (self), "win.delete", "s", bonsai_vm_get_uuid (self->vm));
}

static const GActionEntry row_actions[] = {
  { .name = "start", .activate = on_start },           { .name = "pause", .activate = on_pause },
  { .name = "resume", .activate = on_resume },         { .name = "shutdown", .activate = on_shutdown },
  { .name = "power-off", .activate = on_power_off },   { .name = "reset", .activate = on_reset },
  { .name = "console", .activate = on_console },       { .name = "delete", .activate = on_delete },
  { .name = "insert-cd", .activate = on_insert_cd },   { .name = "eject-cd", .activate = on_eject_cd },
  { .name = "screenshot", .activate = on_screenshot },
};

/* --- what the row shows --- */

static void
enable (BonsaiVmRow *self, const char *action, bool enabled)
{
  GAction *a = g_action_map_lookup_action (G_ACTION_MAP (self->actions), action);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (a), enabled);
}

static void
update_actions (BonsaiVmRow *self)
{
  BonsaiState state = bonsai_vm_get_state (self->vm);
  bool alive = bonsai_state_is_alive (state);
  bool running = state == BONSAI_STATE_RUNNING || state == BONSAI_STATE_STOPPING;
  bool paused = state == BONSAI_STATE_PAUSED;

  enable (self, "start", !alive && !self->preparing && state != BONSAI_STATE_BROKEN);
  enable (self, "pause", running);
  enable (self, "resume", paused);
  enable (self, "shutdown", state == BONSAI_STATE_RUNNING);
  enable (self, "power-off", alive);
  enable (self, "reset", running || paused);
  enable (self, "console", running || paused);
  enable (self, "screenshot", running || paused);
  enable (self, "insert-cd", (running || paused) && vm_files_has_cd (self->vm));
  enable (self, "eject-cd", (running || paused) && vm_files_has_cd (self->vm));
  enable (self, "delete", !alive && !self->preparing);
  gtk_widget_set_visible (GTK_WIDGET (self->start_button), !alive);
  gtk_widget_set_visible (GTK_WIDGET (self->pause_button), alive && !paused);
  gtk_widget_set_visible (GTK_WIDGET (self->resume_button), paused);
  gtk_widget_set_visible (GTK_WIDGET (self->shutdown_button), running);
}

static void
set_state_class (BonsaiVmRow *self, BonsaiState state)
{
  static const char *const classes[] = { "success", "warning", "error", NULL };
  BonsaiReason reason = bonsai_vm_get_reason (self->vm);
  bool bad = state == BONSAI_STATE_CRASHED || state == BONSAI_STATE_BROKEN;
  bool in_trouble = reason == BONSAI_REASON_GUEST_PANIC || reason == BONSAI_REASON_WATCHDOG;

  for (unsigned i = 0; classes[i]; i++)
    gtk_widget_remove_css_class (GTK_WIDGET (self->state_label), classes[i]);
  if (bad)
    gtk_widget_add_css_class (GTK_WIDGET (self->state_label), "error");
  else if (state == BONSAI_STATE_PAUSED || (bonsai_state_is_alive (state) && in_trouble))
    gtk_widget_add_css_class (GTK_WIDGET (self->state_label), "warning");
  else if (bonsai_state_is_alive (state))
    gtk_widget_add_css_class (GTK_WIDGET (self->state_label), "success");
}

static void
update (BonsaiVmRow *self)
{
  BonsaiState state = bonsai_vm_get_state (self->vm);
  const char *name = bonsai_vm_get_name (self->vm);
  const char *reason = bonsai_vm_get_state_text (self->vm);
  bool alone =
    (state == BONSAI_STATE_RUNNING || state == BONSAI_STATE_PAUSED) && !bonsai_vm_get_console_open (self->vm);
  g_autofree char *label = g_strdup_printf ("%s, %s", name, bonsai_state_label (state));
  g_autofree char *menu = g_strdup_printf ("More Actions for %s", name);

  if (alone && *reason == '\0')
    reason = "Without a window: click to show its screen";
  gtk_label_set_text (self->name_label, name);
  gtk_label_set_text (self->state_label, bonsai_state_label (state));
  gtk_label_set_text (self->reason_label, reason);
  gtk_widget_set_visible (GTK_WIDGET (self->reason_label), *reason != '\0');
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->reason_label), reason);
  set_state_class (self, state);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->menu_button), GTK_ACCESSIBLE_PROPERTY_LABEL, menu,
                                  -1);
  update_actions (self);
}

static void
name_button (GtkButton *button, const char *verb, const char *name)
{
  g_autofree char *label = g_strdup_printf ("%s %s", verb, name);

  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

static void
bonsai_vm_row_dispose (GObject *object)
{
  BonsaiVmRow *self = BONSAI_VM_ROW (object);

  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_clear_object (&self->vm);
  g_clear_object (&self->actions);
  G_OBJECT_CLASS (bonsai_vm_row_parent_class)->dispose (object);
}

static void
bonsai_vm_row_class_init (BonsaiVmRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_vm_row_dispose;
  g_type_ensure (BONSAI_TYPE_THUMBNAIL);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "vm-row.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, thumbnail);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, name_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, state_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, reason_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, start_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, pause_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, resume_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, shutdown_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, menu_button);
}

static void
bonsai_vm_row_init (BonsaiVmRow *self)
{
  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), row_actions, G_N_ELEMENTS (row_actions),
                                   self);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "vm", G_ACTION_GROUP (self->actions));
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
bonsai_vm_row_new (BonsaiVm *vm)
{
  BonsaiVmRow *self = g_object_new (BONSAI_TYPE_VM_ROW, NULL);

  self->vm = g_object_ref (vm);
  bonsai_thumbnail_set_vm (self->thumbnail, vm);
  name_button (self->start_button, "Start", bonsai_vm_get_name (vm));
  name_button (self->pause_button, "Pause", bonsai_vm_get_name (vm));
  name_button (self->resume_button, "Resume", bonsai_vm_get_name (vm));
  name_button (self->shutdown_button, "Shut Down", bonsai_vm_get_name (vm));
  g_signal_connect_swapped (vm, "notify", G_CALLBACK (update), self);
  update (self);
  return GTK_WIDGET (self);
}

BonsaiVm *
bonsai_vm_row_get_vm (BonsaiVmRow *self)
{
  return self->vm;
}

void
bonsai_vm_row_activate (BonsaiVmRow *self)
{
  bool alive = bonsai_state_is_alive (bonsai_vm_get_state (self->vm));

  g_action_group_activate_action (G_ACTION_GROUP (self->actions), alive ? "console" : "start", NULL);
}
