/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/local-session-private.h"

#include "app/base/error.h"

/* The guest's agent: its channel is open for as long as the machine lives, so that it needs not look whether
 * somebody came. */

/* --- its connections --- */

/* A guest from a snapshot doesn't know how late it is, and its file systems may have been frozen for that. */
static void
catch_up (LocalSession *self)
{
  self->guest_is_late = false;
  guest_service_catch_up (self->guest, self->spec->agents.set_time);
}

static void
handle_connection (gpointer object, gconstpointer content)
{
  LocalSession *self = object;
  int *fd = (int *)content;

  if (self->guest == NULL)
    return;
  guest_agent_attach (guest_service_get_agent (self->guest), g_steal_fd (fd));
  if (self->guest_is_late)
    catch_up (self);
  local_session_tell_clone (self);
}

/* The machine's loop thread. */
static void
on_connected (int fd, void *data)
{
  relay_post_fd (data, handle_connection, fd);
}

void
local_session_open_agent (LocalSession *self)
{
  Channel *channel = pc_channel (self->pc, CHANNEL_GUEST_AGENT);
  g_autoptr (GError) error = NULL;

  local_session_open_desktop (self);
  if (channel == NULL)
    return;
  self->guest = guest_service_new ();
  self->agent_link =
    agent_link_new (machine_board (pc_machine (self->pc))->loop, channel, on_connected, self->relay, &error);
  if (self->agent_link == NULL)
    g_warning ("%s: %s", self->name, error->message);
}

void
local_session_close_agent (LocalSession *self)
{
  local_session_close_desktop (self);
  g_clear_pointer (&self->agent_link, agent_link_free);
  g_clear_pointer (&self->guest, guest_service_free);
}

void
local_session_tell_agent (LocalSession *self)
{
  if (self->guest != NULL)
    guest_service_set_running (self->guest, self->state != BONSAI_STATE_PAUSED, self->spec->agents.set_time);
}

static GError *
panic_error (LocalSession *self)
{
  return g_error_new (
    BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING,
    "The guest of %s can't answer any more, its kernel panicked: reset it, or go back to a snapshot",
    self->name);
}

void
local_session_lose_panicked_guest (LocalSession *self)
{
  g_autoptr (GError) error = panic_error (self);

  if (self->guest != NULL)
    guest_service_lose (self->guest, error);
}

void
local_session_lose_guest (LocalSession *self, const char *cause)
{
  g_autoptr (GError) error =
    g_error_new (BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s ended before its guest answered%s%s", self->name,
                 cause != NULL ? ": " : "", cause != NULL ? cause : "");

  if (self->guest != NULL)
    guest_service_lose (self->guest, error);
}

/* --- what it is asked --- */

static void
asked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  GVariant *answer = guest_service_ask_finish (result, &error);

  if (answer != NULL)
    g_task_return_pointer (task, answer, (GDestroyNotify)g_variant_unref);
  else
    g_task_return_error (task, error);
}

void
local_session_ask_guest (BonsaiSession *session, const char *operation, GVariant *arguments, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  g_autoptr (GVariant) taken = g_variant_ref_sink (arguments);
  const char *name = self->name;

  if (local_session_live_pc (self) == NULL)
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", name);
  else if (local_session_ask_desktop (self, operation, taken, task))
    return;
  else if (self->guest == NULL)
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                             "%s does not talk to its guest: \"qemu-guest-agent\" is off in its description",
                             name);
  else if (self->state == BONSAI_STATE_PAUSED && self->trouble == BONSAI_REASON_GUEST_PANIC)
    g_task_return_error (task, panic_error (self));
  else if (self->state == BONSAI_STATE_PAUSED && !g_str_equal (operation, "thaw"))
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                             "%s is paused, its guest can't answer: resume it first", name);
  else
    {
      guest_service_ask_async (self->guest, operation, taken, g_task_get_cancellable (task), asked, task);
      return;
    }
  g_object_unref (task);
}

/* Whoever can't, or is told nothing, has a power button. */
static void
shutdown_asked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (LocalSession) self = data;
  g_autoptr (GVariant) answer = guest_service_ask_finish (result, NULL);
  Pc *pc = local_session_live_pc (self);

  if (answer == NULL && pc != NULL)
    pc_press_power_button (pc);
}

void
local_session_ask_to_shut_down (LocalSession *self)
{
  if (self->guest == NULL || !guest_agent_is_there (guest_service_get_agent (self->guest)))
    {
      pc_press_power_button (self->pc);
      return;
    }
  guest_service_set_running (self->guest, true, false);
  guest_service_ask_async (self->guest, "shutdown", g_variant_new ("a{sv}", NULL), NULL, shutdown_asked,
                           g_object_ref (self));
}
