/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/vm/vm-private.h"

#include "app/base/error.h"
#include "app/vm/vm-settings.h"

#include <glib/gi18n.h>
#include <string.h>

enum {
  PROP_0,
  PROP_UUID,
  PROP_NAME,
  PROP_PATH,
  PROP_CONFIG,
  PROP_STATE,
  PROP_STATE_TEXT,
  PROP_CONSOLE_OPEN,
  PROP_SESSION,
  PROP_SAVING,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (BonsaiVm, bonsai_vm, G_TYPE_OBJECT)

/* --- state --- */

typedef struct {
  BonsaiState state;
  BonsaiReason reason;
  int exit_status;
  char *text;
} Outlook;

static Outlook
outlook_of_session (BonsaiVm *self)
{
  Outlook outlook = {
    .state = bonsai_session_get_state (self->session),
    .reason = bonsai_session_get_reason (self->session),
    .exit_status = bonsai_session_get_exit_status (self->session),
    .text = g_strdup (bonsai_session_get_message (self->session)),
  };
  bool silent = outlook.text == NULL || outlook.text[0] == '\0';

  if (silent && outlook.state == BONSAI_STATE_RUNNING && self->config != NULL
      && self->config->install.system != NULL)
    {
      g_free (outlook.text);
      outlook.text = g_strdup_printf (_ ("Installing %s by itself"), self->config->install.system);
    }
  return outlook;
}

/* How its last run ended, and when it starts again if it does. */
static char *
tell_restart (const BundleRun *run)
{
  g_autoptr (GDateTime) time = NULL;
  g_autofree char *clock = NULL;

  if (run->restart_at <= g_get_real_time () / G_USEC_PER_SEC || run->message == NULL)
    return g_strdup (run->message);
  time = g_date_time_new_from_unix_local (run->restart_at);
  clock = time != NULL ? g_date_time_format (time, "%X") : g_strdup ("?");
  return g_strdup_printf (_ ("%s; it starts again at %s"), _ (run->message), clock);
}

/* Nobody talks to us: what the bundle says. */
static Outlook
outlook_of_bundle (BonsaiVm *self)
{
  BundleRun *run = &self->last_run;
  bool is_ours = self->lock != NULL || self->changing != NULL;
  int holder = is_ours ? 0 : bonsai_vm_find_user (self);
  Outlook outlook;

  /* It may have ended, which is recorded before its lock goes, since the record was read. */
  if (holder == 0 && !is_ours && bonsai_state_is_alive (run->state))
    {
      bundle_run_clear (run);
      bundle_read_run (self->path, run);
    }
  outlook = (Outlook){ run->state, run->reason, run->exit_status, tell_restart (run) };
  if (holder != 0)
    {
      g_free (outlook.text);
      outlook.text = holder > 0 ? g_strdup_printf (_ ("In use by process %d"), holder)
                                : g_strdup (N_ ("In use by another process"));
      if (!bonsai_state_is_alive (outlook.state))
        outlook.state = BONSAI_STATE_STOPPED;
    }
  else if (self->config->resume != NULL && self->lock == NULL && self->meeting == NULL
           && run->state != BONSAI_STATE_CRASHED)
    {
      outlook.state = BONSAI_STATE_SUSPENDED;
      if (outlook.reason != BONSAI_REASON_ENGINE_ERROR)
        {
          g_free (outlook.text);
          outlook.text = g_strdup (g_str_equal (self->config->resume, "suspended")
                                     ? N_ ("It goes on from there when it is started")
                                     : N_ ("It goes on from its snapshot when it is started"));
        }
    }
  else if (bonsai_state_is_alive (run->state) && self->meeting == NULL)
    {
      g_free (outlook.text);
      outlook.state = BONSAI_STATE_CRASHED;
      outlook.reason = BONSAI_REASON_HOST_LOST;
      outlook.text =
        g_strdup (N_ ("The process that ran it ended without a word; its disks are as after a power cut"));
    }
  if (self->changing != NULL)
    {
      g_free (outlook.text);
      outlook.text = g_strdup (self->changing);
    }
  return outlook;
}

static Outlook
look (BonsaiVm *self)
{
  if (self->session != NULL && !self->session_ended)
    return outlook_of_session (self);
  if (self->conflict != NULL)
    return (Outlook){ BONSAI_STATE_BROKEN, BONSAI_REASON_NONE, 0, g_strdup (self->conflict) };
  if (self->config == NULL)
    return (Outlook){ BONSAI_STATE_BROKEN, BONSAI_REASON_NONE, 0, g_strdup (self->trouble) };
  if (self->starting)
    return (Outlook){ BONSAI_STATE_STARTING, BONSAI_REASON_NONE, 0, NULL };
  return outlook_of_bundle (self);
}

void
bonsai_vm_update_state (BonsaiVm *self)
{
  Outlook outlook = look (self);
  bool console_open = self->session != NULL && bonsai_session_get_console_open (self->session);
  char *text = outlook.text != NULL ? outlook.text : g_strdup ("");

  g_object_freeze_notify (G_OBJECT (self));
  self->reason = outlook.reason;
  self->exit_status = outlook.exit_status;
  if (self->state != outlook.state)
    {
      self->state = outlook.state;
      if (bonsai_vm_is_hosted_here (self) && self->state == BONSAI_STATE_PAUSED)
        bonsai_vm_note_pause (self);
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
    }
  if (g_strcmp0 (self->state_text, text) != 0)
    {
      g_free (self->state_text);
      self->state_text = g_steal_pointer (&text);
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE_TEXT]);
    }
  if (self->console_open != console_open)
    {
      self->console_open = console_open;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CONSOLE_OPEN]);
    }
  g_object_thaw_notify (G_OBJECT (self));
  g_free (text);
}

/* --- the bundle --- */

/* An unreadable description keeps the last good name. */
void
bonsai_vm_take_config (BonsaiVm *self, VmConfig *config)
{
  g_autofree char *old_name = g_strdup (bonsai_vm_get_name (self));
  VmSchedule before = { 0 };

  if (self->config != NULL)
    before = self->config->schedule;
  if (config != NULL && LOCAL_IS_SESSION (self->session)
      && memcmp (&before, &config->schedule, sizeof before) != 0)
    local_session_set_schedule (LOCAL_SESSION (self->session), &config->schedule);
  g_clear_pointer (&self->config, vm_config_free);
  self->config = config;
  bonsai_vm_follow_policy (self);
  bonsai_vm_follow_sharing (self);
  bonsai_vm_follow_usb (self);
  if (g_strcmp0 (old_name, bonsai_vm_get_name (self)) != 0)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_NAME]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CONFIG]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_UUID]);
}

void
bonsai_vm_reload (BonsaiVm *self)
{
  g_autoptr (GError) error = NULL;
  VmConfig *config = bundle_load (self->path, &error);

  g_object_freeze_notify (G_OBJECT (self));
  g_free (self->trouble);
  self->trouble = error != NULL ? g_strdup (error->message) : NULL;
  bonsai_vm_take_config (self, config);
  if (self->lock == NULL)
    {
      bundle_run_clear (&self->last_run);
      bundle_read_run (self->path, &self->last_run);
    }
  bonsai_vm_meet (self);
  bonsai_vm_update_state (self);
  g_object_thaw_notify (G_OBJECT (self));
}

void
bonsai_vm_set_conflict (BonsaiVm *self, const char *conflict)
{
  if (g_strcmp0 (self->conflict, conflict) == 0)
    return;
  g_free (self->conflict);
  self->conflict = g_strdup (conflict);
  bonsai_vm_update_state (self);
}

void
bonsai_vm_set_path (BonsaiVm *self, const char *path)
{
  g_free (self->path);
  self->path = g_strdup (path);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PATH]);
}

void
bonsai_vm_adopt_config (BonsaiVm *self, VmConfig *config)
{
  bonsai_vm_note_settings (self, self->config, config);
  g_clear_pointer (&self->trouble, g_free);
  bonsai_vm_take_config (self, config);
  bonsai_vm_update_state (self);
}

/* --- properties --- */

const char *
bonsai_vm_get_uuid (BonsaiVm *self)
{
  return self->config != NULL ? self->config->uuid : NULL;
}

const char *
bonsai_vm_get_name (BonsaiVm *self)
{
  const char *slash = strrchr (self->path, '/');

  if (self->config != NULL)
    return self->config->name;
  return slash != NULL ? slash + 1 : self->path;
}

const char *
bonsai_vm_get_path (BonsaiVm *self)
{
  return self->path;
}

const VmConfig *
bonsai_vm_get_config (BonsaiVm *self)
{
  return self->config;
}

BonsaiState
bonsai_vm_get_state (BonsaiVm *self)
{
  return self->state;
}

BonsaiReason
bonsai_vm_get_reason (BonsaiVm *self)
{
  return self->reason;
}

const char *
bonsai_vm_get_state_text (BonsaiVm *self)
{
  return self->state_text[0] != '\0' ? _ (self->state_text) : "";
}

int
bonsai_vm_get_exit_status (BonsaiVm *self)
{
  return self->exit_status;
}

gboolean
bonsai_vm_is_hosted_here (BonsaiVm *self)
{
  return self->lock != NULL;
}

gboolean
bonsai_vm_get_console_open (BonsaiVm *self)
{
  return self->console_open;
}

/* --- what is asked of a running one --- */

static GTask *
task_for (BonsaiVm *self, gpointer tag, GCancellable *cancellable, GAsyncReadyCallback callback,
          gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, tag);
  return task;
}

/* Fails @task (and drops it) unless there is a session. */
static bool
require_session (BonsaiVm *self, GTask *task)
{
  if (bonsai_vm_get_session (self) != NULL)
    return true;
  g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, _ ("“%s” is not running"),
                           bonsai_vm_get_name (self));
  g_object_unref (task);
  return false;
}

static void
control_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_control_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_control_async (BonsaiVm *self, BonsaiControl control, unsigned timeout_ms,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = task_for (self, bonsai_vm_control_async, cancellable, callback, data);

  if (require_session (self, task))
    bonsai_session_control_async (self->session, control, timeout_ms, cancellable, control_done, task);
}

gboolean
bonsai_vm_control_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
screenshot_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  Surface *surface = bonsai_session_grab_finish (BONSAI_SESSION (source), result, &error);

  if (surface != NULL)
    g_task_return_pointer (task, surface, (GDestroyNotify)surface_unref);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_screenshot_async (BonsaiVm *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer data)
{
  GTask *task = task_for (self, bonsai_vm_screenshot_async, cancellable, callback, data);

  if (require_session (self, task))
    bonsai_session_grab_async (self->session, 0, 0, 0, cancellable, screenshot_done, task);
}

Surface *
bonsai_vm_screenshot_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
show_console_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_show_console_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_show_console_async (BonsaiVm *self, gboolean show, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = task_for (self, bonsai_vm_show_console_async, cancellable, callback, data);

  /* The window of one that crashed can still be raised or closed. */
  if (self->session != NULL || require_session (self, task))
    bonsai_session_show_console_async (self->session, show, cancellable, show_console_done, task);
}

gboolean
bonsai_vm_show_console_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- the object --- */

BonsaiVm *
bonsai_vm_new (const char *path, Consoles *consoles, Recorder *recorder, EventLog *events)
{
  BonsaiVm *self = g_object_new (BONSAI_TYPE_VM, NULL);

  self->path = g_strdup (path);
  self->consoles = consoles_ref (consoles);
  self->recorder = recorder_ref (recorder);
  self->events = event_log_ref (events);
  bonsai_vm_reload (self);
  return self;
}

static void
bonsai_vm_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BonsaiVm *self = BONSAI_VM (object);

  switch (id)
    {
    case PROP_UUID:
      g_value_set_string (value, bonsai_vm_get_uuid (self));
      break;
    case PROP_NAME:
      g_value_set_string (value, bonsai_vm_get_name (self));
      break;
    case PROP_PATH:
      g_value_set_string (value, self->path);
      break;
    case PROP_CONFIG:
      g_value_set_boxed (value, self->config);
      break;
    case PROP_STATE:
      g_value_set_enum (value, self->state);
      break;
    case PROP_STATE_TEXT:
      g_value_set_string (value, self->state_text);
      break;
    case PROP_CONSOLE_OPEN:
      g_value_set_boolean (value, self->console_open);
      break;
    case PROP_SESSION:
      g_value_set_object (value, bonsai_vm_get_session (self));
      break;
    case PROP_SAVING:
      g_value_set_boolean (value, bonsai_vm_is_saving (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

/* Letting go of a machine that is hosted here pulls its plug. */
static void
bonsai_vm_dispose (GObject *object)
{
  BonsaiVm *self = BONSAI_VM (object);

  if (self->meeting != NULL)
    g_cancellable_cancel (self->meeting);
  bonsai_vm_unwatch_snapshots (self);
  g_clear_handle_id (&self->restart.timer, g_source_remove);
  bonsai_vm_leave_policy (self);
  bonsai_vm_leave_usb (self);
  g_clear_pointer (&self->server, session_server_free);
  g_clear_pointer (&self->shared, vm_sharing_unref);
  bonsai_vm_drop_session (self);
  bonsai_vm_close_records (self);
  if (self->lock != NULL)
    {
      BundleRun run = { .state = BONSAI_STATE_STOPPED,
                        .reason = BONSAI_REASON_USER,
                        .message = (char *)"It was powered off" };

      bundle_write_run (self->path, &run, NULL);
    }
  bonsai_vm_end_lease (self);
  g_clear_pointer (&self->lock, bundle_unlock);
  G_OBJECT_CLASS (bonsai_vm_parent_class)->dispose (object);
}

static void
bonsai_vm_finalize (GObject *object)
{
  BonsaiVm *self = BONSAI_VM (object);

  g_clear_object (&self->meeting);
  g_clear_pointer (&self->thumbnail, surface_unref);
  g_clear_pointer (&self->config, vm_config_free);
  g_clear_pointer (&self->wanted, vm_config_free);
  g_clear_pointer (&self->consoles, consoles_unref);
  g_clear_pointer (&self->recorder, recorder_unref);
  g_clear_pointer (&self->events, event_log_unref);
  bundle_run_clear (&self->last_run);
  g_hash_table_unref (self->secrets);
  image_keys_free (self->keys);
  g_free (self->trouble);
  g_free (self->conflict);
  g_free (self->state_text);
  g_free (self->path);
  G_OBJECT_CLASS (bonsai_vm_parent_class)->finalize (object);
}

static void
bonsai_vm_class_init (BonsaiVmClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = bonsai_vm_get_property;
  object_class->dispose = bonsai_vm_dispose;
  object_class->finalize = bonsai_vm_finalize;

  properties[PROP_UUID] = g_param_spec_string ("uuid", NULL, NULL, NULL, flags);
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);
  properties[PROP_PATH] = g_param_spec_string ("path", NULL, NULL, NULL, flags);
  properties[PROP_CONFIG] = g_param_spec_boxed ("config", NULL, NULL, VM_TYPE_CONFIG, flags);
  properties[PROP_STATE] =
    g_param_spec_enum ("state", NULL, NULL, BONSAI_TYPE_STATE, BONSAI_STATE_STOPPED, flags);
  properties[PROP_STATE_TEXT] = g_param_spec_string ("state-text", NULL, NULL, "", flags);
  properties[PROP_CONSOLE_OPEN] = g_param_spec_boolean ("console-open", NULL, NULL, FALSE, flags);
  properties[PROP_SESSION] = g_param_spec_object ("session", NULL, NULL, BONSAI_TYPE_SESSION, flags);
  properties[PROP_SAVING] = g_param_spec_boolean ("saving", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  g_signal_new ("thumbnail-changed", BONSAI_TYPE_VM, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_signal_new ("snapshots-changed", BONSAI_TYPE_VM, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
bonsai_vm_init (BonsaiVm *self)
{
  self->state_text = g_strdup ("");
  self->lender = self->borrowed = -1;
  self->secrets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
}
