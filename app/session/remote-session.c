/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/remote-session-private.h"

#include "app/base/error.h"
#include "app/session/guest-message.h"
#include "app/session/peer-socket.h"
#include "app/session/runtime-dir.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SESSION_PATH      "/org/bonsaivm/Session"
#define SESSION_INTERFACE "org.bonsaivm.Session1"
#define MAX_SIDE          16384

static void remote_session_iface_init (BonsaiSessionInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (RemoteSession, remote_session, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (BONSAI_TYPE_SESSION, remote_session_iface_init))

/* --- what the host tells --- */

/* NULL if absent or of another type: the peer may be of another version. */
static GVariant *
get_property (RemoteSession *self, const char *name, const char *type)
{
  g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (self->proxy, name);

  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE (type)) ? g_steal_pointer (&value)
                                                                              : NULL;
}

static char *
get_string (RemoteSession *self, const char *name)
{
  g_autoptr (GVariant) value = get_property (self, name, "s");

  return value != NULL ? g_variant_dup_string (value, NULL) : g_strdup ("");
}

static int
get_int (RemoteSession *self, const char *name)
{
  g_autoptr (GVariant) value = get_property (self, name, "i");

  return value != NULL ? g_variant_get_int32 (value) : 0;
}

static void
read_properties (RemoteSession *self)
{
  g_autofree char *state = get_string (self, "State"), *reason = get_string (self, "Reason");
  g_autoptr (GVariant) console_open = get_property (self, "ConsoleOpen", "b");

  g_free (self->message);
  self->message = get_string (self, "Message");
  self->state = bonsai_state_from_name (state);
  self->reason = bonsai_reason_from_name (reason);
  self->exit_status = get_int (self, "ExitStatus");
  self->console_open = console_open != NULL && g_variant_get_boolean (console_open);
}

static void
on_properties_changed (RemoteSession *self)
{
  read_properties (self);
  g_signal_emit_by_name (self, "changed");
}

static void
on_signal (RemoteSession *self, const char *sender, const char *signal, GVariant *parameters)
{
  const char *what, *name, *state;
  guint64 done, total;

  if (g_str_equal (signal, "ThumbnailChanged"))
    g_signal_emit_by_name (self, "thumbnail-changed");
  else if ((g_str_equal (signal, "DiskProgress") || g_str_equal (signal, "SnapshotProgress"))
           && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(stt)")))
    {
      g_variant_get (parameters, "(&stt)", &what, &done, &total);
      g_signal_emit_by_name (self, signal[0] == 'D' ? "disk-progress" : "snapshot-progress", what, done,
                             total);
    }
  else if (g_str_equal (signal, "UsbChanged") && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sss)")))
    {
      g_variant_get (parameters, "(&s&s&s)", &what, &name, &state);
      g_signal_emit_by_name (self, "usb-changed", what, name, state);
    }
}

static void
on_closed (RemoteSession *self)
{
  if (!bonsai_state_is_alive (self->state))
    return;
  self->state = BONSAI_STATE_CRASHED;
  self->reason = BONSAI_REASON_HOST_LOST;
  self->console_open = false;
  g_free (self->message);
  self->message = g_strdup_printf ("The process that ran it (%d) ended without a word", self->pid);
  g_signal_emit_by_name (self, "changed");
}

/* --- connecting --- */

static void
proxy_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  RemoteSession *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->proxy = g_dbus_proxy_new_finish (result, &error);
  if (self->proxy == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_free (self->uuid);
  self->uuid = get_string (self, "Uuid");
  self->name = get_string (self, "Name");
  self->pid = get_int (self, "Pid");
  read_properties (self);
  g_signal_connect_object (self->proxy, "g-properties-changed", G_CALLBACK (on_properties_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->proxy, "g-signal", G_CALLBACK (on_signal), self, G_CONNECT_SWAPPED);
  if (g_dbus_connection_is_closed (self->connection))
    on_closed (self);
  g_task_return_pointer (task, g_object_ref (self), g_object_unref);
}

static void
bus_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  RemoteSession *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->connection = g_dbus_connection_new_finish (result, &error);
  if (self->connection == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_signal_connect_object (self->connection, "closed", G_CALLBACK (on_closed), self, G_CONNECT_SWAPPED);
  g_dbus_proxy_new (self->connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, NULL, NULL, SESSION_PATH,
                    SESSION_INTERFACE, g_task_get_cancellable (task), proxy_ready, g_object_ref (task));
}

static void
socket_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GSocketConnection) stream = peer_socket_connect_finish (result, &error);

  if (stream == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_dbus_connection_new (G_IO_STREAM (stream), NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL,
                         g_task_get_cancellable (task), bus_ready, g_object_ref (task));
}

static void
connect_to (const char *uuid, const char *path, uid_t owner, GTask *task)
{
  RemoteSession *self = g_object_new (REMOTE_TYPE_SESSION, NULL);

  self->uuid = g_strdup (uuid);
  g_task_set_task_data (task, self, g_object_unref);
  peer_socket_connect_async (path, owner, g_task_get_cancellable (task), socket_ready, g_object_ref (task));
}

void
remote_session_connect_async (const char *uuid, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  g_autofree char *path = runtime_dir_socket (uuid);

  g_task_set_source_tag (task, remote_session_connect_async);
  connect_to (uuid, path, geteuid (), task);
}

void
remote_session_connect_shared_async (const SharedSocket *shared, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);

  g_task_set_source_tag (task, remote_session_connect_shared_async);
  connect_to (shared->uuid, shared->path, shared->owner, task);
}

RemoteSession *
remote_session_connect_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- calls --- */

GError *
remote_session_clean_error (GError *error)
{
  g_dbus_error_strip_remote_error (error);
  return error;
}

static void
call_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);

  if (reply != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, remote_session_clean_error (error));
}

void
remote_session_call (RemoteSession *self, const char *method, GVariant *parameters, int timeout_ms,
                     GTask *task)
{
  g_dbus_proxy_call (self->proxy, method, parameters, G_DBUS_CALL_FLAGS_NONE, timeout_ms,
                     g_task_get_cancellable (task), call_done, task);
}

static void
remote_session_control (BonsaiSession *session, BonsaiControl control, unsigned timeout_ms, GTask *task)
{
  RemoteSession *self = REMOTE_SESSION (session);
  static const char *const methods[] = {
    [BONSAI_CONTROL_PAUSE] = "Pause",       [BONSAI_CONTROL_RESUME] = "Resume",
    [BONSAI_CONTROL_SHUTDOWN] = "Shutdown", [BONSAI_CONTROL_POWER_OFF] = "PowerOff",
    [BONSAI_CONTROL_RESET] = "Reset",
  };

  if (control == BONSAI_CONTROL_SHUTDOWN)
    remote_session_call (self, methods[control], g_variant_new ("(u)", timeout_ms), G_MAXINT, task);
  else
    remote_session_call (self, methods[control], NULL, CALL_TIMEOUT_MS, task);
}

void
remote_session_call_and_forget (RemoteSession *self, const char *method, GVariant *parameters)
{
  g_dbus_proxy_call (self->proxy, method, parameters, G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, NULL,
                     NULL);
}

static void
remote_session_input (BonsaiSession *session, const BonsaiInput *input)
{
  RemoteSession *self = REMOTE_SESSION (session);

  switch (input->kind)
    {
    case BONSAI_INPUT_KEY:
      remote_session_call_and_forget (self, "Key", g_variant_new ("(ub)", input->code, input->down));
      break;
    case BONSAI_INPUT_MOTION:
      remote_session_call_and_forget (self, "Motion", g_variant_new ("(ii)", input->x, input->y));
      break;
    case BONSAI_INPUT_POSITION:
      remote_session_call_and_forget (self, "Position", g_variant_new ("(ii)", input->x, input->y));
      break;
    case BONSAI_INPUT_BUTTON:
      remote_session_call_and_forget (self, "Button", g_variant_new ("(ub)", input->code, input->down));
      break;
    case BONSAI_INPUT_WHEEL:
      remote_session_call_and_forget (self, "Wheel", g_variant_new ("(ii)", input->x, input->y));
      break;
    case BONSAI_INPUT_RELEASE_ALL:
      remote_session_call_and_forget (self, "ReleaseAll", NULL);
      break;
    }
}

gboolean
remote_session_sync (RemoteSession *self, GError **error)
{
  /* Input that is none, answered in the order of what came before it: whoever may not work with the machine
   * is told. */
  g_autoptr (GVariant) reply = g_dbus_proxy_call_sync (self->proxy, "Wheel", g_variant_new ("(ii)", 0, 0),
                                                       G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, error);

  if (error != NULL && *error != NULL)
    g_dbus_error_strip_remote_error (*error);
  return reply != NULL;
}

/* Copies: a peer could change, or cut off, a memfd that it did not seal. */
static Surface *
surface_from_memfd (int fd, int width, int height, GError **error)
{
  gsize row = (gsize)width * 4;
  g_autoptr (Surface) surface = NULL;

  if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host sent a picture of %d×%d", width,
                   height);
      return NULL;
    }
  surface = surface_new (width, height);
  for (int y = 0; y < height; y++)
    {
      char *to = (char *)surface->pixels + (gsize)y * surface->stride;

      if (pread (fd, to, row, (off_t)(y * row)) != (ssize_t)row)
        {
          g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host sent half a picture");
          return NULL;
        }
    }
  return g_steal_pointer (&surface);
}

static void
grab_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) reply = NULL;
  GError *error = NULL;
  Surface *surface;
  int width, height, index, fd;

  reply = g_dbus_proxy_call_with_unix_fd_list_finish (G_DBUS_PROXY (source), &fds, result, &error);
  if (reply == NULL)
    {
      g_task_return_error (task, remote_session_clean_error (error));
      return;
    }
  if (!g_variant_is_of_type (reply, G_VARIANT_TYPE ("(iih)")) || fds == NULL)
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host sent no picture");
      return;
    }
  g_variant_get (reply, "(iih)", &width, &height, &index);
  fd = index < g_unix_fd_list_get_length (fds) ? g_unix_fd_list_get (fds, index, &error) : -1;
  surface = fd >= 0 ? surface_from_memfd (fd, width, height, &error) : NULL;
  if (fd >= 0)
    close (fd);
  if (surface != NULL)
    g_task_return_pointer (task, surface, (GDestroyNotify)surface_unref);
  else if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host sent no picture");
}

static void
remote_session_grab (BonsaiSession *session, unsigned head, int max_width, int max_height, GTask *task)
{
  RemoteSession *self = REMOTE_SESSION (session);

  g_dbus_proxy_call_with_unix_fd_list (
    self->proxy, "Grab", g_variant_new ("(uii)", head, max_width, max_height), G_DBUS_CALL_FLAGS_NONE,
    CALL_TIMEOUT_MS, NULL, g_task_get_cancellable (task), grab_done, task);
}

static void
remote_session_watch (BonsaiSession *session, bool active)
{
  remote_session_call_and_forget (REMOTE_SESSION (session), "Watch", g_variant_new ("(b)", active));
}

static void
remote_session_set_cap (BonsaiSession *session, double share)
{
  remote_session_call_and_forget (REMOTE_SESSION (session), "SetCap", g_variant_new ("(d)", share));
}

static void
open_serial_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) reply = NULL;
  GError *error = NULL;
  int index = -1, fd = -1;

  reply = g_dbus_proxy_call_with_unix_fd_list_finish (G_DBUS_PROXY (source), &fds, result, &error);
  if (reply == NULL)
    {
      g_task_return_error (task, remote_session_clean_error (error));
      return;
    }
  if (g_variant_is_of_type (reply, G_VARIANT_TYPE ("(h)")) && fds != NULL)
    g_variant_get (reply, "(h)", &index);
  if (index >= 0 && index < g_unix_fd_list_get_length (fds))
    fd = g_unix_fd_list_get (fds, index, &error);
  if (fd >= 0)
    g_task_return_int (task, fd);
  else if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host sent no connection");
}

static void
remote_session_open_serial (BonsaiSession *session, unsigned port, bool force, GTask *task)
{
  g_dbus_proxy_call_with_unix_fd_list (
    REMOTE_SESSION (session)->proxy, "OpenSerial", g_variant_new ("(ub)", port, force),
    G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, g_task_get_cancellable (task), open_serial_done, task);
}

static void
remote_session_show_console (BonsaiSession *session, bool show, GTask *task)
{
  remote_session_call (REMOTE_SESSION (session), "ShowConsole", g_variant_new ("(b)", show), CALL_TIMEOUT_MS,
                       task);
}

static void
remote_session_ask_guest (BonsaiSession *session, const char *operation, GVariant *arguments, GTask *task)
{
  guest_message_send (REMOTE_SESSION (session)->proxy, operation, arguments, task);
}

/* --- the rest of the interface --- */

static const char *
remote_session_get_uuid (BonsaiSession *session)
{
  return REMOTE_SESSION (session)->uuid;
}

static const char *
remote_session_get_name (BonsaiSession *session)
{
  return REMOTE_SESSION (session)->name;
}

static BonsaiState
remote_session_get_state (BonsaiSession *session)
{
  return REMOTE_SESSION (session)->state;
}

static BonsaiReason
remote_session_get_reason (BonsaiSession *session)
{
  return REMOTE_SESSION (session)->reason;
}

static const char *
remote_session_get_message (BonsaiSession *session)
{
  const char *message = REMOTE_SESSION (session)->message;

  return message != NULL && message[0] != '\0' ? message : NULL;
}

static int
remote_session_get_exit_status (BonsaiSession *session)
{
  return REMOTE_SESSION (session)->exit_status;
}

static int
remote_session_get_pid (BonsaiSession *session)
{
  return REMOTE_SESSION (session)->pid;
}

static bool
remote_session_get_console_open (BonsaiSession *session)
{
  return REMOTE_SESSION (session)->console_open;
}

static void
remote_session_iface_init (BonsaiSessionInterface *iface)
{
  iface->get_uuid = remote_session_get_uuid;
  iface->get_name = remote_session_get_name;
  iface->get_state = remote_session_get_state;
  iface->get_reason = remote_session_get_reason;
  iface->get_message = remote_session_get_message;
  iface->get_exit_status = remote_session_get_exit_status;
  iface->get_pid = remote_session_get_pid;
  iface->control = remote_session_control;
  iface->input = remote_session_input;
  iface->grab = remote_session_grab;
  iface->watch = remote_session_watch;
  iface->set_cap = remote_session_set_cap;
  iface->change_medium = remote_session_change_medium;
  iface->change_disk = remote_session_change_disk;
  iface->show_console = remote_session_show_console;
  iface->open_serial = remote_session_open_serial;
  iface->get_console_open = remote_session_get_console_open;
  iface->work_on_disk = remote_session_work_on_disk;
  iface->cancel_disk_work = remote_session_cancel_disk_work;
  iface->set_link = remote_session_set_link;
  iface->set_forwards = remote_session_set_forwards;
  iface->get_forwards = remote_session_get_forwards;
  iface->attach_disk = remote_session_attach_disk;
  iface->detach_disk = remote_session_detach_disk;
  iface->ask_guest = remote_session_ask_guest;
  iface->get_memory = remote_session_get_memory;
  iface->get_counters = remote_session_get_counters;
  iface->set_memory = remote_session_set_memory;
  iface->change_snapshots = remote_session_change_snapshots;
  iface->cancel_snapshot = remote_session_cancel_snapshot;
  iface->attach_usb = remote_session_attach_usb;
  iface->detach_usb = remote_session_detach_usb;
  iface->list_usb = remote_session_list_usb;
}

static void
remote_session_finalize (GObject *object)
{
  RemoteSession *self = REMOTE_SESSION (object);

  if (self->connection != NULL)
    g_dbus_connection_close (self->connection, NULL, NULL, NULL);
  g_clear_object (&self->proxy);
  g_clear_object (&self->connection);
  g_free (self->uuid);
  g_free (self->name);
  g_free (self->message);
  G_OBJECT_CLASS (remote_session_parent_class)->finalize (object);
}

static void
remote_session_class_init (RemoteSessionClass *klass)
{
  /* Registers the names that our errors have on D-Bus. */
  (void)BONSAI_ERROR;
  G_OBJECT_CLASS (klass)->finalize = remote_session_finalize;
}

static void
remote_session_init (RemoteSession *self)
{
}
