/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/local-session-private.h"

#include "app/base/error.h"
#include "app/session/exit-status.h"
#include "app/session/session-waiters.h"
#include "app/session/snapshot-clock.h"
#include "app/usb/usb-watch.h"
#include "vmm/machine/machine-loan.h"

#include <glib/gi18n.h>
#include <unistd.h>

#define LAST_GRAB_TIMEOUT_MS 2000

static void local_session_iface_init (BonsaiSessionInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LocalSession, local_session, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (BONSAI_TYPE_SESSION, local_session_iface_init))

/* --- state --- */

void
local_session_set_state (LocalSession *self, BonsaiState state, BonsaiReason reason, const char *message)
{
  g_autofree char *copy = g_strdup (message);

  self->state = state;
  self->reason = reason;
  g_free (self->message);
  self->message = g_steal_pointer (&copy);
  local_session_update_window (self);
  local_session_tell_agent (self);
  session_waiters_tell (self->waiters, state, self->message);
  snapshot_clock_set_running (self->clock, state == BONSAI_STATE_RUNNING || state == BONSAI_STATE_STOPPING);
  g_signal_emit_by_name (self, "changed");
}

static BonsaiReason
reason_of (MachineReason reason)
{
  static const BonsaiReason reasons[] = {
    [MACHINE_REASON_NONE] = BONSAI_REASON_NONE,
    [MACHINE_REASON_USER] = BONSAI_REASON_USER,
    [MACHINE_REASON_IO_ERROR] = BONSAI_REASON_IO_ERROR,
    [MACHINE_REASON_GUEST_OFF] = BONSAI_REASON_GUEST_OFF,
    [MACHINE_REASON_GUEST_EXIT] = BONSAI_REASON_GUEST_EXIT,
    [MACHINE_REASON_TRIPLE_FAULT] = BONSAI_REASON_TRIPLE_FAULT,
    [MACHINE_REASON_GUEST_PANIC] = BONSAI_REASON_GUEST_PANIC,
    [MACHINE_REASON_WATCHDOG] = BONSAI_REASON_WATCHDOG,
    [MACHINE_REASON_ENGINE_ERROR] = BONSAI_REASON_ENGINE_ERROR,
  };

  return (unsigned)reason < G_N_ELEMENTS (reasons) ? reasons[reason] : BONSAI_REASON_NONE;
}

static int
exit_status_of (const MachineEvent *event)
{
  switch (event->reason)
    {
    case MACHINE_REASON_GUEST_EXIT:
      return event->status & 0xff;
    case MACHINE_REASON_TRIPLE_FAULT:
      return EXIT_STATUS_TRIPLE_FAULT;
    case MACHINE_REASON_GUEST_PANIC:
      return EXIT_STATUS_GUEST_PANIC;
    case MACHINE_REASON_WATCHDOG:
      return EXIT_STATUS_WATCHDOG;
    case MACHINE_REASON_ENGINE_ERROR:
      return EXIT_STATUS_ERROR;
    default:
      return EXIT_STATUS_OK;
    }
}

/* What people read when the engine has nothing to add. */
static const char *
default_message (MachineState state, BonsaiReason reason)
{
  if (state == MACHINE_PAUSED)
    return NULL;
  switch (reason)
    {
    case BONSAI_REASON_USER:
      return N_ ("It was powered off");
    case BONSAI_REASON_GUEST_OFF:
      return N_ ("The guest powered off");
    case BONSAI_REASON_GUEST_EXIT:
      return N_ ("The guest ended through the debug-exit port");
    case BONSAI_REASON_TRIPLE_FAULT:
      return N_ ("The guest crashed (triple fault)");
    case BONSAI_REASON_GUEST_PANIC:
      return N_ ("The guest's kernel panicked");
    case BONSAI_REASON_WATCHDOG:
      return N_ ("The guest stopped feeding its watchdog");
    case BONSAI_REASON_ENGINE_ERROR:
      return N_ ("The engine can't run this guest any further");
    case BONSAI_REASON_GUEST_RESTARTED:
      return N_ ("The guest restarts");
    default:
      return NULL;
    }
}

/* As it travels to the session's thread. */
typedef struct {
  MachineEvent event; /* message: its own */
  Machine *machine;   /* to know it by, not to be used */
} News;

static void
news_free (gpointer data)
{
  News *news = data;

  g_free ((char *)news->event.message);
  g_free (news);
}

static News *
news_new (Machine *machine, const MachineEvent *event)
{
  News *news = g_new (News, 1);

  *news = (News){ *event, machine };
  news->event.message = g_strdup (event->message);
  return news;
}

Pc *
local_session_live_pc (LocalSession *self)
{
  return self->ended || self->changing ? NULL : self->pc;
}

void
local_session_free_pc (LocalSession *self)
{
  Pc *pc;

  g_rw_lock_writer_lock (&self->pc_lock);
  pc = g_steal_pointer (&self->pc);
  g_rw_lock_writer_unlock (&self->pc_lock);
  g_clear_pointer (&pc, pc_free);
}

/* A worker thread: the last picture, then the machine's memory goes. A window that still shows how a guest
 * crashed keeps the machine, since its screen lives there. */
static void
bury (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  Surface *picture = NULL;
  Screen *screen;

  g_rw_lock_reader_lock (&self->pc_lock);
  screen = self->pc != NULL ? pc_screen (self->pc, 0) : NULL;
  if (screen != NULL)
    picture = screen_grab (screen, LAST_GRAB_TIMEOUT_MS);
  g_rw_lock_reader_unlock (&self->pc_lock);

  g_rw_lock_writer_lock (&self->pc_lock);
  self->last_picture = local_session_keepable (self, picture);
  g_rw_lock_writer_unlock (&self->pc_lock);
  if (GPOINTER_TO_INT (data))
    local_session_free_pc (self);
  g_task_return_boolean (task, TRUE);
}

typedef struct {
  BonsaiState state;
  BonsaiReason reason;
  char *message;
} End;

static void
end_free (gpointer data)
{
  End *end = data;

  g_free (end->message);
  g_free (end);
}

static void
buried (GObject *source, GAsyncResult *result, gpointer data)
{
  LocalSession *self = LOCAL_SESSION (source);
  End *end = data;

  if (self->pc == NULL)
    local_session_release_all_usb (self);
  local_session_set_state (self, end->state, end->reason, end->message);
  end_free (end);
}

static void
end (LocalSession *self, const MachineEvent *event)
{
  BonsaiReason reason = self->restarted ? BONSAI_REASON_GUEST_RESTARTED : reason_of (event->reason);
  bool crashed = reason == BONSAI_REASON_TRIPLE_FAULT || reason == BONSAI_REASON_GUEST_PANIC
                 || reason == BONSAI_REASON_WATCHDOG || reason == BONSAI_REASON_ENGINE_ERROR;
  End *outcome = g_new0 (End, 1);
  g_autoptr (GTask) task = g_task_new (self, NULL, buried, outcome);

  outcome->state = crashed ? BONSAI_STATE_CRASHED : BONSAI_STATE_STOPPED;
  outcome->reason = reason;
  if (self->suspended)
    outcome->message = g_strdup (N_ ("It was suspended: its next start goes on from there"));
  else
    outcome->message =
      g_strdup (event->message != NULL ? event->message : default_message (event->state, reason));
  self->exit_status = exit_status_of (event);
  self->ended = true;
  self->had_window = local_session_has_window (self);
  snapshot_clock_stop (self->clock);
  local_session_lose_guest (self, outcome->message);
  local_session_close_agent (self);
  local_session_suspend_disk_work (self);
  local_session_stop_watching (self);
  local_session_close_forwards (self);
  if (!crashed)
    local_session_close_window (self);
  g_task_set_task_data (task, GINT_TO_POINTER (!local_session_has_window (self)), NULL);
  g_task_run_in_thread (task, bury);
}

/* A guest that runs on although it panicked, or again since its watchdog ran out: its owner is to know. */
static bool
note_trouble (LocalSession *self, const MachineEvent *event)
{
  bool in_trouble = event->reason == MACHINE_REASON_GUEST_PANIC || event->reason == MACHINE_REASON_WATCHDOG;
  bool had_any = self->trouble != BONSAI_REASON_NONE;

  if (!in_trouble && !event->was_reset)
    return false;
  g_clear_pointer (&self->trouble_text, g_free);
  self->trouble = in_trouble ? reason_of (event->reason) : BONSAI_REASON_NONE;
  if (in_trouble)
    self->trouble_text = g_strdup_printf (
      event->was_reset ? "%s, and was reset" : "%s",
      event->message != NULL ? event->message : default_message (MACHINE_ENDED, self->trouble));
  return in_trouble || had_any;
}

void
local_session_forget_trouble (LocalSession *self)
{
  self->trouble = BONSAI_REASON_NONE;
  g_clear_pointer (&self->trouble_text, g_free);
}

/* A machine that ends when its guest resets it has got no further than its firmware's, or a kernel's, first
 * steps. */
static void
note_reset (LocalSession *self, const MachineEvent *event)
{
  if (!self->spec->ends_at_reset || event->reason != MACHINE_REASON_NONE || event->state == MACHINE_ENDED)
    return;
  self->restarted = true;
  machine_power_off (pc_machine (self->pc));
}

static void
take_machine_event (LocalSession *self, const MachineEvent *event)
{
  bool is_known = self->state == BONSAI_STATE_RUNNING || self->state == BONSAI_STATE_STOPPING;
  bool is_news = note_trouble (self, event);

  if (event->reason == MACHINE_REASON_GUEST_PANIC && !event->was_reset && event->state != MACHINE_ENDED)
    local_session_lose_panicked_guest (self);
  if (event->was_reset)
    {
      session_waiters_tell_reset (self->waiters);
      note_reset (self, event);
    }
  switch (event->state)
    {
    case MACHINE_RUNNING:
      if (!is_known || is_news)
        local_session_set_state (self, is_known ? self->state : BONSAI_STATE_RUNNING, self->trouble,
                                 self->trouble_text);
      break;
    case MACHINE_PAUSED:
      local_session_set_state (self, BONSAI_STATE_PAUSED, reason_of (event->reason),
                               event->message != NULL               ? event->message
                               : local_session_is_suspending (self) ? N_ ("It is being suspended to disk")
                                                                    : self->trouble_text);
      break;
    case MACHINE_ENDED:
      end (self, event);
      break;
    default:
      break;
    }
  local_session_tell_snapshot (self, event->state);
}

/* The machine may have been replaced by another since. */
static void
handle_machine_event (gpointer object, gconstpointer content)
{
  LocalSession *self = object;
  const News *news = content;

  if (self->changing)
    {
      g_clear_pointer (&self->missed, news_free);
      self->missed = news_new (news->machine, &news->event);
    }
  else if (self->pc == NULL || news->machine == pc_machine (self->pc))
    take_machine_event (self, &news->event);
}

void
local_session_forget_events (LocalSession *self)
{
  g_clear_pointer (&self->missed, news_free);
}

void
local_session_catch_up (LocalSession *self)
{
  News *news = g_steal_pointer (&self->missed);

  if (news == NULL)
    return;
  handle_machine_event (self, news);
  news_free (news);
}

void
local_session_on_machine_event (Machine *machine, const MachineEvent *event, void *data)
{
  relay_post (data, handle_machine_event, news_new (machine, event), news_free);
}

/* --- the keeper --- */

bool
local_session_begin_keeping (LocalSession *self)
{
  g_autoptr (GError) error = NULL;

  if (self->keeper == NULL)
    return false;
  if (!local_session_move (self, &error))
    g_warning ("%s: %s", self->name, error->message);
  g_mutex_lock (&self->description_lock);
  return true;
}

void
local_session_end_keeping (LocalSession *self)
{
  g_mutex_unlock (&self->description_lock);
}

/* --- start --- */

/* It goes on from another machine's state: what that had of the host's is that one's. */
static bool
is_clone (const LocalSession *self)
{
  const char *bundle =
    self->resume != NULL && self->keeper != NULL ? self->keeper->get_bundle (self->keeper_data) : NULL;

  return self->borrowed >= 0
         || (bundle != NULL
             && !(g_str_has_prefix (self->resume, bundle) && self->resume[strlen (bundle)] == '/'));
}

static void
build_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  GError *error = NULL;
  Pc *pc;

  self->last_scheduled = local_session_find_last_scheduled (self);
  if (!local_session_open_forwards (self, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  pc = pc_new (self->spec, local_session_on_machine_event, self->relay, &error);

  if (pc != NULL && !local_session_serve_forwards (self, pc, &error))
    g_clear_pointer (&pc, pc_free);
  if (pc != NULL && self->resume != NULL && !local_session_restore_state (self, pc, &error))
    g_clear_pointer (&pc, pc_free);
  if (pc != NULL && self->borrowed >= 0 && !machine_borrow (pc_machine (pc), self->borrowed, &error))
    g_clear_pointer (&pc, pc_free);
  if (pc == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (is_clone (self))
    pc_forget_usb (pc);
  local_session_plug_usb (self, pc);
  g_rw_lock_writer_lock (&self->pc_lock);
  self->pc = pc;
  g_rw_lock_writer_unlock (&self->pc_lock);
  g_task_return_boolean (task, TRUE);
}

static void
built (GObject *source, GAsyncResult *result, gpointer data)
{
  LocalSession *self = LOCAL_SESSION (source);
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    {
      local_session_close_forwards (self);
      self->exit_status = EXIT_STATUS_ERROR;
      local_session_set_state (self, BONSAI_STATE_STOPPED, BONSAI_REASON_ENGINE_ERROR, error->message);
      g_task_return_error (task, error);
      return;
    }
  session_waiters_add (self->waiters, g_steal_pointer (&task), SESSION_WAIT_RUNNING, 0);
  if (self->resume != NULL && self->keeper != NULL)
    self->keeper->description_changed (self->keeper_data);
  self->guest_is_late = self->resume != NULL || self->borrowed >= 0;
  snapshot_clock_set_last (self->clock, self->last_scheduled);
  local_session_open_agent (self);
  local_session_apply_cap (self);
  local_session_tell_usb (self);
  machine_run (pc_machine (self->pc));
  local_session_resume_disk_work (self);
}

void
local_session_start_async (LocalSession *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);
  g_autoptr (GTask) build = g_task_new (self, NULL, built, task);

  g_return_if_fail (self->pc == NULL && self->state == BONSAI_STATE_STARTING);
  g_task_set_source_tag (task, local_session_start_async);
  g_task_run_in_thread (build, build_in_thread);
}

gboolean
local_session_start_finish (LocalSession *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- control --- */

static void
shutdown_timed_out (gpointer data)
{
  LocalSession *self = data;

  if (self->state == BONSAI_STATE_STOPPING)
    local_session_set_state (self, BONSAI_STATE_RUNNING, self->trouble, self->trouble_text);
}

/* --- the rest of the interface --- */

static const char *
local_session_get_uuid (BonsaiSession *session)
{
  return LOCAL_SESSION (session)->uuid;
}

static const char *
local_session_get_name (BonsaiSession *session)
{
  return LOCAL_SESSION (session)->name;
}

static BonsaiState
local_session_get_state (BonsaiSession *session)
{
  return LOCAL_SESSION (session)->state;
}

static BonsaiReason
local_session_get_reason (BonsaiSession *session)
{
  return LOCAL_SESSION (session)->reason;
}

static const char *
local_session_get_message (BonsaiSession *session)
{
  return LOCAL_SESSION (session)->message;
}

static int
local_session_get_exit_status (BonsaiSession *session)
{
  return LOCAL_SESSION (session)->exit_status;
}

static int
local_session_get_pid (BonsaiSession *session)
{
  return getpid ();
}

static bool
local_session_get_console_open (BonsaiSession *session)
{
  return local_session_has_window (LOCAL_SESSION (session));
}

static void
local_session_iface_init (BonsaiSessionInterface *iface)
{
  iface->get_uuid = local_session_get_uuid;
  iface->get_name = local_session_get_name;
  iface->get_state = local_session_get_state;
  iface->get_reason = local_session_get_reason;
  iface->get_message = local_session_get_message;
  iface->get_exit_status = local_session_get_exit_status;
  iface->get_pid = local_session_get_pid;
  iface->control = local_session_control;
  iface->input = local_session_input;
  iface->grab = local_session_grab;
  iface->watch = local_session_watch;
  iface->change_medium = local_session_change_medium;
  iface->change_disk = local_session_change_disk;
  iface->show_console = local_session_show_console;
  iface->open_serial = local_session_open_serial;
  iface->get_console_open = local_session_get_console_open;
  iface->work_on_disk = local_session_work_on_disk;
  iface->cancel_disk_work = local_session_cancel_disk_work;
  iface->set_link = local_session_set_link;
  iface->set_forwards = local_session_set_forwards;
  iface->get_forwards = local_session_get_forwards;
  iface->attach_disk = local_session_attach_disk;
  iface->detach_disk = local_session_detach_disk;
  iface->ask_guest = local_session_ask_guest;
  iface->get_memory = local_session_get_memory;
  iface->set_cap = local_session_set_cap;
  iface->get_counters = local_session_get_counters;
  iface->set_memory = local_session_set_memory;
  iface->change_snapshots = local_session_change_snapshots;
  iface->cancel_snapshot = local_session_cancel_snapshot;
  iface->attach_usb = local_session_attach_usb;
  iface->detach_usb = local_session_detach_usb;
  iface->list_usb = local_session_list_usb;
}

LocalSession *
local_session_new (MachineSpec *spec, Consoles *consoles)
{
  LocalSession *self = g_object_new (LOCAL_TYPE_SESSION, NULL);

  self->spec = machine_spec_ref (spec);
  self->name = g_strdup (spec->name);
  self->uuid = g_strdup (spec->uuid);
  self->consoles = consoles != NULL ? consoles_ref (consoles) : NULL;
  return self;
}

void
local_session_set_keeper (LocalSession *self, const LocalSessionKeeper *keeper, void *data)
{
  self->keeper = keeper;
  self->keeper_data = data;
}

void
local_session_set_resume (LocalSession *self, const char *folder)
{
  g_free (self->resume);
  self->resume = g_strdup (folder);
}

void
local_session_set_borrowed (LocalSession *self, int contents)
{
  self->borrowed = contents;
}

void
local_session_forbid_pictures (LocalSession *self)
{
  self->no_pictures = true;
}

bool
local_session_had_window (LocalSession *self)
{
  return self->had_window;
}

Surface *
local_session_get_last_picture (LocalSession *self)
{
  return self->last_picture;
}

char *
local_session_exit_counts (LocalSession *self)
{
  Pc *pc = local_session_live_pc (self);

  return pc != NULL ? machine_exit_counts (pc_machine (pc)) : NULL;
}

static void
local_session_dispose (GObject *object)
{
  LocalSession *self = LOCAL_SESSION (object);

  snapshot_clock_stop (self->clock);
  local_session_stop_watching (self);
  local_session_close_agent (self);
  local_session_suspend_disk_work (self);
  local_session_cancel_snapshot (BONSAI_SESSION (self));
  local_session_free_windows (self);
  local_session_free_pc (self);
  local_session_close_forwards (self);
  g_clear_pointer (&self->usb_watch, usb_watch_free);
  local_session_release_all_usb (self);
  G_OBJECT_CLASS (local_session_parent_class)->dispose (object);
}

static void
local_session_finalize (GObject *object)
{
  LocalSession *self = LOCAL_SESSION (object);

  session_waiters_free (self->waiters);
  snapshot_clock_free (self->clock);
  g_clear_pointer (&self->consoles, consoles_unref);
  g_clear_pointer (&self->spec, machine_spec_unref);
  g_clear_pointer (&self->last_picture, surface_unref);
  g_clear_pointer (&self->usb_given, g_ptr_array_unref);
  g_hash_table_unref (self->disk_work);
  g_free (self->name);
  g_free (self->uuid);
  g_free (self->message);
  g_free (self->trouble_text);
  g_free (self->resume);
  if (self->borrowed >= 0)
    close (self->borrowed);
  g_clear_pointer (&self->shown_clip, clip_unref);
  local_session_forget_events (self);
  local_session_drop_snapshot_requests (self);
  g_mutex_clear (&self->description_lock);
  g_rw_lock_clear (&self->pc_lock);
  relay_unref (self->relay);
  G_OBJECT_CLASS (local_session_parent_class)->finalize (object);
}

static void
local_session_class_init (LocalSessionClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = local_session_dispose;
  G_OBJECT_CLASS (klass)->finalize = local_session_finalize;
}

static void
on_snapshot_due (void *data)
{
  local_session_take_scheduled (data);
}

static void
local_session_init (LocalSession *self)
{
  g_rw_lock_init (&self->pc_lock);
  g_mutex_init (&self->description_lock);
  self->disk_work = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->state = BONSAI_STATE_STARTING;
  self->borrowed = -1;
  self->own_cap = self->others_cap = 1;
  self->relay = relay_new (G_OBJECT (self));
  self->waiters = session_waiters_new (shutdown_timed_out, self);
  self->clock = snapshot_clock_new (on_snapshot_due, self);
}
