/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/machine-actions.h"

#include "app/base/error.h"
#include "app/vm/vm-snapshots.h"
#include "ui/application.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/library/organise-dialog.h"
#include "ui/machine/start-anyway.h"
#include "ui/machine/unlock-dialog.h"
#include "ui/machine/vm-files.h"

#define KEY "bonsai-machine-actions"

/* The machine owns its actions: they go with it. */
typedef struct {
  BonsaiVm *vm; /* unowned */
  GSimpleActionGroup *group;
  bool preparing; /* a start: its disks are looked at, or their passphrases asked for */
  bool anyway;    /* the next start is one though the host has no room for it */
} MachineActions;

static MachineActions *actions_of (BonsaiVm *vm);

/* --- what goes wrong --- */

static GtkWindow *
active_window (void)
{
  GApplication *application = g_application_get_default ();

  return application ? gtk_application_get_active_window (GTK_APPLICATION (application)) : NULL;
}

/* @heading: (transfer full) */
static void
show_error (char *heading, const GError *error)
{
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error_dialog_show (active_window (), heading, error);
  g_free (heading);
}

/* --- start --- */

static void update (BonsaiVm *vm);

static void
set_preparing (BonsaiVm *vm, bool preparing)
{
  actions_of (vm)->preparing = preparing;
  update (vm);
}

static void start_anyway (BonsaiVm *vm);

static void
on_started (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *vm = BONSAI_VM (source);
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_start_finish (vm, result, &error))
    return;
  if (g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NO_ROOM))
    start_anyway_ask (active_window (), vm, error, start_anyway);
  else
    show_error (g_strdup_printf (_ ("Can’t Start “%s”"), bonsai_vm_get_name (vm)), error);
}

static void
start (BonsaiVm *vm)
{
  MachineActions *self = actions_of (vm);
  BonsaiStartFlags flags = self->anyway ? BONSAI_START_OVERCOMMIT : BONSAI_START_DEFAULT;

  self->anyway = false;
  bonsai_vm_start_async (vm, flags, NULL, on_started, NULL);
}

static void
on_dialog_gone (BonsaiVm *vm)
{
  actions_of (vm)->anyway = false;
  set_preparing (vm, false);
}

/* Encrypted disks are opened by their owner first. */
static void
on_locked_found (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *vm = BONSAI_VM (source);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) disks = bonsai_vm_find_locked_finish (vm, result, &error);

  if (disks && disks[0])
    {
      BonsaiUnlockDialog *dialog = bonsai_unlock_dialog_new (active_window (), vm, disks[0]);
      g_signal_connect_object (dialog, "unlocked", G_CALLBACK (start), vm, G_CONNECT_SWAPPED);
      g_signal_connect_object (dialog, "destroy", G_CALLBACK (on_dialog_gone), vm, G_CONNECT_SWAPPED);
      gtk_window_present (GTK_WINDOW (dialog));
      return;
    }
  set_preparing (vm, false);
  if (disks)
    start (vm);
  else
    show_error (g_strdup_printf (_ ("Can’t Start “%s”"), bonsai_vm_get_name (vm)), error);
}

static void
on_start (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  set_preparing (vm, true);
  bonsai_vm_find_locked_async (vm, NULL, on_locked_found, NULL);
}

static void
start_anyway (BonsaiVm *vm)
{
  actions_of (vm)->anyway = true;
  on_start (NULL, NULL, vm);
}

/* --- while it runs --- */

static void
on_controlled (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_control_finish (BONSAI_VM (source), result, &error))
    show_error (g_strdup_printf (_ ("Can’t Control “%s”"), bonsai_vm_get_name (BONSAI_VM (source))), error);
}

static void
control (BonsaiVm *vm, BonsaiControl what)
{
  bonsai_vm_control_async (vm, what, 0, NULL, on_controlled, NULL);
}

static void
on_pause (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  control (vm, BONSAI_CONTROL_PAUSE);
}

static void
on_resume (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  control (vm, BONSAI_CONTROL_RESUME);
}

static void
on_shutdown (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  control (vm, BONSAI_CONTROL_SHUTDOWN);
}

static void
on_power_off (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  control (vm, BONSAI_CONTROL_POWER_OFF);
}

static void
on_reset (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  control (vm, BONSAI_CONTROL_RESET);
}

static void
on_console_shown (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_show_console_finish (BONSAI_VM (source), result, &error))
    show_error (
      g_strdup_printf (_ ("Can’t Show the Console of “%s”"), bonsai_vm_get_name (BONSAI_VM (source))), error);
}

static void
on_console (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  bonsai_vm_show_console_async (vm, true, NULL, on_console_shown, NULL);
}

static void
on_screenshot (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  vm_files_save_screenshot (active_window (), vm);
}

static void
on_insert_cd (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  vm_files_insert_cd (active_window (), vm);
}

static void
on_eject_cd (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  vm_files_eject_cd (active_window (), vm);
}

/* --- jobs --- */

static void
on_rebooted (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *vm = BONSAI_VM (source);
  g_autoptr (GError) error = NULL;

  set_preparing (vm, false);
  if (!bonsai_vm_reboot_finish (vm, result, &error))
    show_error (g_strdup_printf (_ ("Can’t Restart “%s”"), bonsai_vm_get_name (vm)), error);
}

static void
on_reboot (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  set_preparing (vm, true);
  bonsai_vm_reboot_async (vm, NULL, on_rebooted, NULL);
}

/* @title: (transfer full). (transfer full): the callback's */
static BonsaiJob *
begin_job (BonsaiVm *vm, char *title, GCancellable *cancellable)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  BonsaiJob *job = bonsai_job_new (title, bonsai_vm_get_uuid (vm), cancellable);

  bonsai_jobs_add (bonsai_application_get_jobs (application), job);
  g_free (title);
  return job;
}

static void
on_suspended (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiJob) job = data;
  g_autoptr (GError) error = NULL;

  bonsai_vm_suspend_finish (BONSAI_VM (source), result, &error);
  bonsai_job_end (job, error);
}

static void
on_suspend (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  BonsaiJob *job =
    begin_job (vm, g_strdup_printf (_ ("Suspending “%s”"), bonsai_vm_get_name (vm)), cancellable);

  bonsai_vm_suspend_async (vm, bonsai_job_progress, job, cancellable, on_suspended, job);
}

static void
on_snapshot_taken (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiJob) job = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = bonsai_vm_take_snapshot_finish (BONSAI_VM (source), result, &error);
  g_autofree char *text =
    g_strdup_printf (_ ("Snapshot of “%s” taken"), bonsai_vm_get_name (BONSAI_VM (source)));

  bonsai_job_set_detail (job, id ? text : NULL);
  bonsai_job_end (job, error);
}

static void
on_snapshot (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  BonsaiJob *job =
    begin_job (vm, g_strdup_printf (_ ("Taking a snapshot of “%s”"), bonsai_vm_get_name (vm)), cancellable);

  bonsai_vm_take_snapshot_async (vm, NULL, NULL, bonsai_job_progress, job, cancellable, on_snapshot_taken,
                                 job);
}

static void
on_cloned (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  BonsaiLibrary *library = bonsai_application_get_library (application);
  g_autoptr (BonsaiJob) job = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = bonsai_vm_clone_finish (BONSAI_VM (source), result, &error);
  g_autofree char *text =
    path ? g_strdup_printf (_ ("“%s” is cloned"), bonsai_vm_get_name (BONSAI_VM (source))) : NULL;

  bonsai_library_refresh (library);
  bonsai_job_set_detail (job, text);
  bonsai_job_end (job, error);
}

static void
make_clone (BonsaiVm *vm, bool linked)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *name =
    bonsai_library_unused_name (bonsai_application_get_library (application), bonsai_vm_get_name (vm));
  BonsaiJob *job = begin_job (vm, g_strdup_printf (_ ("Cloning “%s”"), bonsai_vm_get_name (vm)), cancellable);

  bonsai_vm_clone_async (vm, name, NULL, linked, bonsai_job_progress, job, cancellable, on_cloned, job);
}

/* There at once and without room, whatever the disks' size: linked, as people expect of one click. That its
 * original can't be deleted before it is said when somebody tries, with its name. */
static void
on_clone (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  make_clone (vm, true);
}

static void
on_full_clone (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  make_clone (vm, false);
}

/* --- in the library --- */

char *
bonsai_machine_actions_key (BonsaiVm *vm)
{
  const char *uuid = bonsai_vm_get_uuid (vm);

  return uuid ? g_strdup (uuid) : g_path_get_basename (bonsai_vm_get_path (vm));
}

static void
on_organise (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  g_autoptr (GPtrArray) vms = g_ptr_array_new_with_free_func (g_object_unref);

  g_ptr_array_add (vms, g_object_ref (vm));
  organise_dialog_show (active_window (), bonsai_application_get_library (application), vms);
}

static void
on_new_window (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  g_autofree char *key = bonsai_machine_actions_key (vm);
  g_autofree char *place = g_strconcat ("machine:", key, NULL);

  gtk_window_present (bonsai_application_new_window (application, place));
}

/* The window does it: its toast offers to undo. */
static void
on_delete (GSimpleAction *action, GVariant *parameter, gpointer vm)
{
  g_autofree char *key = bonsai_machine_actions_key (vm);
  GtkWindow *window = active_window ();

  if (window && gtk_window_get_transient_for (window))
    window = gtk_window_get_transient_for (window);
  if (window)
    gtk_widget_activate_action (GTK_WIDGET (window), "win.delete", "s", key);
}

void
bonsai_machine_actions_activate_all (GPtrArray *vms, const char *action)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());

  if (g_str_equal (action, "delete"))
    bonsai_library_order_for_delete (bonsai_application_get_library (application), vms);
  for (guint i = 0; i < vms->len; i++)
    g_action_group_activate_action (bonsai_machine_actions_get (g_ptr_array_index (vms, i)), action, NULL);
}

/* --- what can be done --- */

static void
enable (MachineActions *self, const char *name, bool enabled)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->group), name);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), enabled);
}

static void
update (BonsaiVm *vm)
{
  MachineActions *self = actions_of (vm);
  BonsaiState state = bonsai_vm_get_state (vm);
  const VmConfig *config = bonsai_vm_get_config (vm);
  bool alive = bonsai_state_is_alive (state);
  bool running = state == BONSAI_STATE_RUNNING || state == BONSAI_STATE_STOPPING;
  bool paused = state == BONSAI_STATE_PAUSED;
  bool sealed = config && config->template_state == VM_TEMPLATE_SEALED;

  enable (self, "start", !alive && !self->preparing && state != BONSAI_STATE_BROKEN && !sealed);
  enable (self, "pause", running);
  enable (self, "resume", paused);
  enable (self, "shutdown", state == BONSAI_STATE_RUNNING);
  enable (self, "power-off", alive);
  enable (self, "reset", running || paused);
  enable (self, "reboot", state == BONSAI_STATE_RUNNING && !self->preparing);
  enable (self, "suspend", running || paused);
  enable (self, "snapshot", config && !sealed && !self->preparing && state != BONSAI_STATE_STARTING);
  enable (self, "clone", config && !self->preparing && state != BONSAI_STATE_STARTING);
  enable (self, "full-clone", config && !self->preparing && state != BONSAI_STATE_STARTING);
  enable (self, "organise", config != NULL);
  enable (self, "console", running || paused);
  enable (self, "screenshot", running || paused);
  enable (self, "insert-cd", (running || paused) && vm_files_has_cd (vm));
  enable (self, "eject-cd", (running || paused) && vm_files_has_cd (vm));
  enable (self, "delete", !alive && !self->preparing);
}

static const GActionEntry entries[] = {
  { .name = "start", .activate = on_start },           { .name = "pause", .activate = on_pause },
  { .name = "resume", .activate = on_resume },         { .name = "shutdown", .activate = on_shutdown },
  { .name = "power-off", .activate = on_power_off },   { .name = "reset", .activate = on_reset },
  { .name = "console", .activate = on_console },       { .name = "delete", .activate = on_delete },
  { .name = "insert-cd", .activate = on_insert_cd },   { .name = "eject-cd", .activate = on_eject_cd },
  { .name = "screenshot", .activate = on_screenshot }, { .name = "reboot", .activate = on_reboot },
  { .name = "suspend", .activate = on_suspend },       { .name = "snapshot", .activate = on_snapshot },
  { .name = "clone", .activate = on_clone },           { .name = "organise", .activate = on_organise },
  { .name = "new-window", .activate = on_new_window }, { .name = "full-clone", .activate = on_full_clone },
};

static void
machine_actions_free (gpointer data)
{
  MachineActions *self = data;

  g_object_unref (self->group);
  g_free (self);
}

static MachineActions *
actions_of (BonsaiVm *vm)
{
  MachineActions *self = g_object_get_data (G_OBJECT (vm), KEY);

  if (self)
    return self;
  self = g_new0 (MachineActions, 1);
  self->vm = vm;
  self->group = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->group), entries, G_N_ELEMENTS (entries), vm);
  g_object_set_data_full (G_OBJECT (vm), KEY, self, machine_actions_free);
  g_signal_connect (vm, "notify", G_CALLBACK (update), NULL);
  update (vm);
  return self;
}

GActionGroup *
bonsai_machine_actions_get (BonsaiVm *vm)
{
  return G_ACTION_GROUP (actions_of (vm)->group);
}

void
bonsai_machine_actions_start (BonsaiVm *vm)
{
  bool alive = bonsai_state_is_alive (bonsai_vm_get_state (vm));

  g_action_group_activate_action (bonsai_machine_actions_get (vm), alive ? "console" : "start", NULL);
}

bool
bonsai_machine_actions_can (BonsaiVm *vm, const char *action)
{
  return g_action_group_get_action_enabled (bonsai_machine_actions_get (vm), action);
}
