/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a machine starts, here or in a process of its own, and how its run is concluded. */
#include "app/vm/vm-private.h"
#include "app/vm/vm-settings.h"

#include "app/base/error.h"
#include "app/bundle/vm-limits.h"
#include "app/capacity/host-room.h"
#include "app/demand/demand-peer.h"
#include "app/install/install-end.h"
#include "app/session/local-session.h"
#include "app/session/remote-session.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/snapshot/snapshot-restore.h"
#include "app/snapshot/template.h"
#include "app/usb/usb-open.h"
#include "app/vm/program-path.h"
#include "app/workspace/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#define STATUS_FD 3

/* --- the end of a run --- */

/* An unattended installation goes on, or is over, when its guest has switched off or restarted. */
static void
conclude_install (BonsaiVm *self)
{
  BonsaiReason reason = self->last_run.reason;
  bool restarts = reason == BONSAI_REASON_GUEST_RESTARTED;
  g_autoptr (GError) error = NULL;

  if (!restarts && reason != BONSAI_REASON_GUEST_OFF)
    return;
  if (install_conclude (self->path, restarts, &error))
    self->starts_again = restarts;
  else
    g_warning ("%s", error->message);
}

/* @data: the last picture, or NULL. A disposable machine goes back. */
static void
tidy_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const char *bundle = ((BonsaiVm *)source)->path;
  g_autofree char *path = g_build_filename (bundle, "screenshot.png", NULL);
  g_autoptr (GError) error = NULL;

  conclude_install (source);
  if (!snapshot_dispose (bundle, &error))
    g_warning ("%s", error->message);
  g_clear_error (&error);
  if (data != NULL && !surface_save_png (data, path, &error))
    g_info ("%s", error->message);
  g_task_return_pointer (task, data != NULL ? surface_thumbnail (data, 320, 180) : NULL,
                         (GDestroyNotify)surface_unref);
}

static void record_failed_start (BonsaiVm *self, const char *message, RunRecordedFunc recorded,
                                 gpointer data);

static void
started_again (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_start_finish (self, result, &error))
    return;
  record_failed_start (self, error->message, NULL, NULL);
  bonsai_vm_update_state (self);
}

static void
release (BonsaiVm *self, gpointer data)
{
  bool had_window = self->session != NULL && local_session_had_window (LOCAL_SESSION (self->session));

  g_clear_pointer (&self->server, session_server_free);
  g_clear_pointer (&self->shared, vm_sharing_unref);
  bonsai_vm_end_lease (self);
  g_clear_pointer (&self->lock, bundle_unlock);
  self->concluding = false;
  if (self->session != NULL && bonsai_session_get_console_open (self->session))
    self->session_ended = true;
  else
    bonsai_vm_drop_session (self);
  g_object_notify (G_OBJECT (self), "session");
  bonsai_vm_reload (self);
  bonsai_vm_await_restart (self, had_window ? BONSAI_START_DEFAULT : BONSAI_START_HEADLESS);
  if (self->starts_again)
    {
      self->starts_again = false;
      bonsai_vm_start_async (self, had_window ? BONSAI_START_DEFAULT : BONSAI_START_HEADLESS, NULL,
                             started_again, NULL);
    }
  /* The state may have been told before the lock went: bonsai_vm_is_hosted_here has changed now. */
  g_object_notify (G_OBJECT (self), "state");
}

static void
picture_kept (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  Surface *picture = g_task_propagate_pointer (G_TASK (result), NULL);

  if (picture != NULL)
    bonsai_vm_set_thumbnail (self, picture);
  bonsai_vm_record_run (self, release, NULL);
}

/* What was done with snapshots is over; what isn't needed any more is put away. */
static void
settled (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiVm) self = data;
  Surface *picture = local_session_get_last_picture (LOCAL_SESSION (source));
  g_autoptr (GTask) task = g_task_new (self, NULL, picture_kept, NULL);

  local_session_settle_finish (LOCAL_SESSION (source), result);
  if (picture != NULL)
    g_task_set_task_data (task, surface_ref (picture), (GDestroyNotify)surface_unref);
  g_task_run_in_thread (task, tidy_in_thread);
}

void
bonsai_vm_conclude_run (BonsaiVm *self)
{
  if (self->concluding)
    return;
  self->concluding = true;
  bonsai_vm_leave_policy (self);
  bonsai_vm_leave_usb (self);
  recorder_remove (self->recorder, self->session);
  bundle_run_clear (&self->last_run);
  self->last_run = (BundleRun){
    .state = bonsai_session_get_state (self->session),
    .reason = bonsai_session_get_reason (self->session),
    .exit_status = bonsai_session_get_exit_status (self->session),
    .message = g_strdup (bonsai_session_get_message (self->session)),
  };
  bonsai_vm_plan_restart (self);
  bonsai_vm_note_end (self);
  g_signal_handlers_disconnect_by_func (self->session, bonsai_vm_refresh_thumbnail, self);
  local_session_settle_async (LOCAL_SESSION (self->session), settled, g_object_ref (self));
}

/* --- here --- */

static void
fail_start (BonsaiVm *self, GTask *task, GError *error)
{
  self->starting = false;
  bonsai_vm_end_lease (self);
  g_clear_pointer (&self->lock, bundle_unlock);
  bonsai_vm_note (self, "start", NULL, NULL, error);
  bonsai_vm_update_state (self);
  g_task_return_error (task, error);
}

/* What a run that never ran leaves behind. */
static void
record_failed_start (BonsaiVm *self, const char *message, RunRecordedFunc recorded, gpointer data)
{
  bundle_run_clear (&self->last_run);
  self->last_run = (BundleRun){ .state = BONSAI_STATE_STOPPED,
                                .reason = BONSAI_REASON_ENGINE_ERROR,
                                .exit_status = 4,
                                .message = g_strdup (message) };
  bonsai_vm_record_run (self, recorded, data);
}

typedef struct {
  GTask *task;
  GError *error;
} FailedStart;

static void
failure_recorded (BonsaiVm *self, gpointer data)
{
  g_autofree FailedStart *failed = data;
  g_autoptr (GTask) task = failed->task;

  fail_start (self, task, failed->error);
}

/* It was on the way when it failed: that is recorded before others can start it. @task, @error: (transfer
 * full) */
static void
fail_run (BonsaiVm *self, GTask *task, GError *error)
{
  FailedStart *failed = g_new (FailedStart, 1);

  *failed = (FailedStart){ task, error };
  record_failed_start (self, error->message, failure_recorded, failed);
}

static void
console_shown (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_show_console_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* (transfer full): also @error */
static GError *
explain_failed_resume (BonsaiVm *self, GError *error)
{
  GError *explained;

  if (self->config == NULL || self->config->resume == NULL)
    return error;
  explained =
    g_error_new (error->domain, error->code,
                 _ ("%s. Nothing of it is lost: try again, or boot it without what its guest was doing "
                    "(bonsai start --discard-state)"),
                 error->message);
  g_error_free (error);
  return explained;
}

static void
started_here (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BonsaiVm *self = g_task_get_source_object (task);
  LocalSession *session = LOCAL_SESSION (source);
  BonsaiStartFlags flags = GPOINTER_TO_UINT (g_task_get_task_data (task));
  GError *error = NULL;

  if (local_session_start_finish (session, result, &error))
    self->server = session_server_new (BONSAI_SESSION (session), &error);
  if (error != NULL)
    {
      fail_run (self, g_steal_pointer (&task), explain_failed_resume (self, error));
      return;
    }
  self->starting = false;
  /* Others look for the socket when they read this. */
  self->last_run.state = BONSAI_STATE_RUNNING;
  bonsai_vm_record_run (self, NULL, NULL);
  bonsai_vm_note (self, "start", NULL, NULL, NULL);
  recorder_add (self->recorder, BONSAI_SESSION (session));
  bonsai_vm_set_session (self, g_object_ref (BONSAI_SESSION (session)));
  bonsai_vm_follow_lease (self);
  bonsai_vm_follow_policy (self);
  bonsai_vm_follow_sharing (self);
  bonsai_vm_follow_usb (self);
  if ((flags & BONSAI_START_HEADLESS) == 0 && bonsai_vm_get_session (self) != NULL)
    bonsai_session_show_console_async (self->session, true, NULL, console_shown, g_steal_pointer (&task));
  else
    g_task_return_boolean (task, TRUE);
}

/* A machine that was suspended, or has gone back to a snapshot while it was off, goes on from there. */
static bool
prepare_resume (BonsaiVm *self, LocalSession *session, BonsaiStartFlags flags, GError **error)
{
  g_autofree char *folder = snapshot_resume_folder (self->path, self->config);

  if (folder == NULL)
    return true;
  if ((flags & BONSAI_START_DISCARD_STATE) != 0)
    {
      bool dropped = snapshot_resume_drop (self->path, true, error);

      bonsai_vm_reload (self);
      return dropped;
    }
  local_session_set_resume (session, folder);
  return true;
}

/* What goes on with borrowed memory shares it. */
static bool
admit (BonsaiVm *self, BonsaiStartFlags flags, GError **error)
{
  g_autofree char *library = g_path_get_dirname (self->path);
  g_autoptr (GArray) neighbours = NULL;
  HostMemory host;

  if ((flags & BONSAI_START_OVERCOMMIT) != 0 || self->borrowed >= 0)
    return true;
  host = host_room_read_memory ();
  neighbours = host_room_find_neighbours (library, self->path);
  return admission_check (&host, neighbours, self->config->name, self->config->memory, error);
}

/* Everything that can be known without a look into the bundle; and nobody else has it from then on. */
static bool
prepare (BonsaiVm *self, BonsaiStartFlags flags, GError **error)
{
  g_autoptr (HostReport) host = host_check (NULL);
  g_autofree char *blocker = host_report_blocker (host);

  if (!template_check_change (self->path, NULL, error))
    return false;
  if (blocker != NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "%s", blocker);
      return false;
    }
  if (!vm_limits_check (host, self->config->memory, self->config->cpus, error))
    return false;
  if (!admit (self, flags, error))
    return false;
  if ((flags & BONSAI_START_HEADLESS) == 0 && consoles_get_host (self->consoles, error) == NULL)
    return false;
  self->lock = bundle_lock (self->path, error);
  return self->lock != NULL;
}

typedef struct {
  char *path, *uuid;
  GPtrArray *ports; /* of DemandPort: at which another process has listened */
  GSocket *run;     /* tells it of the run's end */
  GPtrArray *rules; /* of VmUsbRule */
  GPtrArray *usb;   /* of UsbOpened: what they name */
} Settling;

static void
settling_free (gpointer data)
{
  Settling *settling = data;

  g_free (settling->path);
  g_free (settling->uuid);
  g_clear_pointer (&settling->ports, g_ptr_array_unref);
  g_clear_object (&settling->run);
  g_ptr_array_unref (settling->rules);
  g_clear_pointer (&settling->usb, g_ptr_array_unref);
  g_free (settling);
}

/* What was left undone in the bundle is done, and it is whole: which takes as long as the disk does. */
static void
settle_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Settling *settling = data;
  const char *path = settling->path;
  GError *error = NULL;

  settling->ports = demand_peer_ask (settling->uuid, &settling->run);
  settling->usb = usb_open_by_rules (host_usb_root (), settling->rules);

  if (bundle_make_private (path, &error) && template_check_change (path, NULL, &error)
      && install_mend (path, &error) && snapshot_settle (path, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* Who waits at them already is served. */
static void
adopt_ports (BonsaiVm *self, LocalSession *session, Settling *settling)
{
  for (guint i = 0; i < settling->ports->len; i++)
    {
      DemandPort *port = g_ptr_array_index (settling->ports, i);
      const VmNic *nic = vm_config_find_nic (self->config, port->nic);

      for (guint j = 0; nic != NULL && j < nic->forwards->len && port->fd >= 0; j++)
        if (net_forward_equal (&g_array_index (nic->forwards, NetForward, j), &port->forward))
          {
            local_session_adopt_forward (session, port->nic, &port->forward, port->fd);
            port->fd = -1;
          }
    }
  if (settling->run != NULL)
    g_object_set_data_full (G_OBJECT (session), "demand-run", g_steal_pointer (&settling->run),
                            g_object_unref);
}

static void
build (BonsaiVm *self, BonsaiStartFlags flags, Settling *settling, GTask *task)
{
  g_autoptr (MachineSpec) spec = NULL;
  g_autoptr (LocalSession) session = NULL;
  GError *error = NULL;

  if (self->config->install.system != NULL)
    bonsai_vm_reload (self); /* it may have been mended */
  if (bonsai_state_is_alive (self->last_run.state))
    bonsai_vm_note (self, "crash", "host", "The process that ran it ended without a word", NULL);
  bonsai_vm_begin_restart_count (self);
  bundle_run_clear (&self->last_run);
  self->last_run = (BundleRun){ .state = BONSAI_STATE_STARTING };
  bonsai_vm_record_run (self, NULL, NULL);
  spec = vm_config_to_spec (self->config, self->path);
  bonsai_vm_put_secrets (self, spec);
  spec->boot_menu = (flags & BONSAI_START_BOOT_MENU) != 0;
  session = local_session_new (spec, self->consoles);
  local_session_set_keeper (session, &bonsai_vm_keeper, self);
  local_session_set_schedule (session, &self->config->schedule);
  if (!workspace_check_use (self->path, WORKSPACE_SCREENSHOTS, NULL))
    local_session_forbid_pictures (session);
  adopt_ports (self, session, settling);
  bonsai_vm_give_usb (self, session, settling->usb);
  local_session_set_borrowed (session, self->borrowed);
  self->borrowed = -1;
  if (!prepare_resume (self, session, flags, &error))
    {
      fail_run (self, task, error);
      return;
    }
  local_session_start_async (session, g_task_get_cancellable (task), started_here, task);
}

/* Its owner may have edited it meanwhile. */
static bool
check_settled (BonsaiVm *self, GError **error)
{
  if (self->config == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("“%s” can't start: %s"),
                   bonsai_vm_get_name (self), self->trouble);
      return false;
    }
  return snapshot_guard_config (self->path, self->config, error)
         && snapshot_guard_terms (self->path, self->config, error) && bonsai_vm_begin_lease (self, error);
}

static void
bundle_settled (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error) && check_settled (self, &error))
    build (self, GPOINTER_TO_UINT (g_task_get_task_data (task)), g_task_get_task_data (G_TASK (result)),
           g_object_ref (task));
  else
    fail_start (self, task, error);
  bonsai_vm_forget_secrets (self);
}

static void
start_here (BonsaiVm *self, BonsaiStartFlags flags, GTask *task)
{
  g_autoptr (GTask) work = NULL;
  Settling *settling;
  GError *error = NULL;

  if (!prepare (self, flags, &error))
    {
      fail_start (self, task, error);
      bonsai_vm_forget_secrets (self);
      g_object_unref (task);
      return;
    }
  work = g_task_new (self, NULL, bundle_settled, task);
  settling = g_new0 (Settling, 1);
  settling->path = g_strdup (self->path);
  settling->uuid = g_strdup (self->config->uuid);
  settling->rules = vm_usb_rules_copy (self->config->usb_rules);
  g_task_set_task_data (work, settling, settling_free);
  g_task_run_in_thread (work, settle_in_thread);
}

/* --- in a process of its own --- */

static void
met_own_process (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BonsaiVm *self = g_task_get_source_object (task);
  GError *error = NULL;
  RemoteSession *session = remote_session_connect_finish (result, &error);

  self->starting = false;
  if (session == NULL)
    {
      bonsai_vm_reload (self);
      /* It ran, and has already ended: how is in the last run's record. */
      if (!g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING))
        g_task_return_error (task, error);
      else
        {
          g_error_free (error);
          g_task_return_boolean (task, TRUE);
        }
      return;
    }
  bonsai_vm_set_session (self, BONSAI_SESSION (session));
  g_task_return_boolean (task, TRUE);
}

/* The process says "ok", or what went wrong. */
static void
status_read (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BonsaiVm *self = g_task_get_source_object (task);
  g_autofree char *line =
    g_data_input_stream_read_line_finish_utf8 (G_DATA_INPUT_STREAM (source), result, NULL, NULL);

  if (g_strcmp0 (line, "ok") == 0)
    {
      remote_session_connect_async (self->config->uuid, NULL, met_own_process, g_steal_pointer (&task));
      return;
    }
  self->starting = false;
  bonsai_vm_reload (self);
  if (line != NULL && line[0] != '\0')
    {
      g_autofree char *message = g_strcompress (line);

      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED, "%s", message);
    }
  else
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED,
                             _ ("The machine's process ended before it said why; see %s/log/host.log"),
                             self->path);
}

static void
leave_session (gpointer data)
{
  setsid ();
}

/* A passphrase travels in a pipe; what the command line says is its number. */
static bool
hand_over_secrets (BonsaiVm *self, GSubprocessLauncher *launcher, GPtrArray *argv, GError **error)
{
  GHashTableIter iter;
  gpointer disk, secret;
  int target = STATUS_FD;

  g_hash_table_iter_init (&iter, self->secrets);
  while (g_hash_table_iter_next (&iter, &disk, &secret))
    {
      int fd = disk_secret_pipe (secret, error);

      if (fd < 0)
        return false;
      g_subprocess_launcher_take_fd (launcher, fd, ++target);
      g_ptr_array_add (argv, g_strdup_printf ("--disk-secret-fd=%s:%d", (const char *)disk, target));
    }
  return true;
}

static GPtrArray *
host_arguments (BonsaiVm *self, const char *program, BonsaiStartFlags flags)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, g_strdup (program));
  g_ptr_array_add (argv, g_strdup ("start"));
  g_ptr_array_add (argv, g_strdup ("--foreground"));
  g_ptr_array_add (argv, g_strdup_printf ("--status-fd=%d", STATUS_FD));
  if ((flags & BONSAI_START_HEADLESS) != 0)
    g_ptr_array_add (argv, g_strdup ("--headless"));
  if ((flags & BONSAI_START_BOOT_MENU) != 0)
    g_ptr_array_add (argv, g_strdup ("--boot-menu"));
  if ((flags & BONSAI_START_DISCARD_STATE) != 0)
    g_ptr_array_add (argv, g_strdup ("--discard-state"));
  if ((flags & BONSAI_START_OVERCOMMIT) != 0)
    g_ptr_array_add (argv, g_strdup ("--overcommit"));
  g_ptr_array_add (argv, g_strdup (self->config->uuid));
  return argv;
}

static GSubprocess *
spawn_host (BonsaiVm *self, BonsaiStartFlags flags, int status_fd, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_autofree char *program = program_path ("bonsai", error);
  g_autofree char *folder = g_path_get_dirname (self->path);
  g_autofree char *log = g_build_filename (self->path, "log", NULL);
  g_autofree char *log_file = g_build_filename (log, "host.log", NULL);
  g_autoptr (GPtrArray) argv = host_arguments (self, program, flags);

  g_subprocess_launcher_take_fd (launcher, status_fd, STATUS_FD);
  if (program == NULL || !hand_over_secrets (self, launcher, argv, error))
    return NULL;
  g_ptr_array_add (argv, NULL);
  g_mkdir_with_parents (log, 0755);
  g_subprocess_launcher_set_stdout_file_path (launcher, log_file);
  g_subprocess_launcher_set_stdin_file_path (launcher, "/dev/null");
  g_subprocess_launcher_setenv (launcher, "BONSAI_LIBRARY", folder, TRUE);
  g_subprocess_launcher_set_child_setup (launcher, leave_session, NULL, NULL);
  return g_subprocess_launcher_spawnv (launcher, (const char *const *)argv->pdata, error);
}

/* The same, by a lender. Disks of snapshots, and so of instant clones, have no passphrases. */
static bool
borrow_host (BonsaiVm *self, BonsaiStartFlags flags, int status_fd, GError **error)
{
  g_autofree char *program = program_path ("bonsai", error);
  g_autoptr (GPtrArray) argv = program != NULL ? host_arguments (self, program, flags) : NULL;
  bool began = argv != NULL && bonsai_vm_start_by_lender (self, argv, status_fd, error);

  close (status_fd);
  self->lender = -1;
  return began;
}

static void
start_own_process (BonsaiVm *self, BonsaiStartFlags flags, GTask *task)
{
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GDataInputStream) lines = NULL;
  GError *error = NULL;
  bool began;
  int fds[2];

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, &error))
    {
      fail_start (self, task, error);
      g_object_unref (task);
      return;
    }
  stream = g_unix_input_stream_new (fds[0], TRUE);
  if (self->lender >= 0)
    began = borrow_host (self, flags, fds[1], &error);
  else
    began = (process = spawn_host (self, flags, fds[1], &error)) != NULL;
  if (!began)
    {
      fail_start (self, task, error);
      g_object_unref (task);
      return;
    }
  lines = g_data_input_stream_new (stream);
  g_data_input_stream_read_line_async (lines, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), status_read,
                                       task);
}

/* --- either --- */

/* Takes @task. */
static void
begin_start (BonsaiVm *self, GTask *task)
{
  BonsaiStartFlags flags = GPOINTER_TO_UINT (g_task_get_task_data (task));

  if (!self->starting && self->lock == NULL)
    bonsai_vm_reload (self); /* it may have been edited a moment ago */
  if (self->state == BONSAI_STATE_BROKEN)
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("“%s” can't start: %s"),
                             bonsai_vm_get_name (self), self->state_text);
  else if (self->starting || bonsai_vm_get_session (self) != NULL)
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_BUSY, _ ("“%s” is already running"),
                             bonsai_vm_get_name (self));
  else if (self->changing != NULL)
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_BUSY, _ ("“%s” can't start yet: %s"),
                             bonsai_vm_get_name (self), _ (self->changing));
  else
    {
      bonsai_vm_drop_session (self);
      self->starting = true;
      bonsai_vm_update_state (self);
      if ((flags & BONSAI_START_OWN_PROCESS) != 0)
        {
          start_own_process (self, flags, task);
          bonsai_vm_forget_secrets (self);
        }
      else
        start_here (self, flags, task);
      return;
    }
  bonsai_vm_forget_secrets (self);
  g_object_unref (task);
}

/* What could not be saved has been told. */
static void
saved (GObject *source, GAsyncResult *result, gpointer data)
{
  bonsai_vm_save_finish (BONSAI_VM (source), result, NULL);
  begin_start (BONSAI_VM (source), data);
}

/* What its owner has just said counts. */
void
bonsai_vm_start_async (BonsaiVm *self, BonsaiStartFlags flags, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_vm_start_async);
  g_task_set_task_data (task, GUINT_TO_POINTER (flags), NULL);
  if (bonsai_vm_is_saving (self))
    bonsai_vm_await_saves_async (self, saved, task);
  else
    begin_start (self, task);
}

gboolean
bonsai_vm_start_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
