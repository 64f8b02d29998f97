/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/session-server.h"

#include "app/base/error.h"
#include "app/session/disk-message.h"
#include "app/session/guest-message.h"
#include "app/session/runtime-dir.h"
#include "app/session/session-bus.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define SESSION_PATH    "/org/bonsaivm/Session"
#define MAX_CONNECTIONS 64

struct SessionServer {
  BonsaiSession *session;
  BonsaiBusSession1 *skeleton;
  GDBusServer *server;
  char *socket;
  GHashTable *connections; /* GDBusConnection → how often it watches (unsigned) */
};

static void
update_properties (SessionServer *server)
{
  BonsaiSession *session = server->session;
  const char *message = bonsai_session_get_message (session);

  g_object_set (server->skeleton, "state", bonsai_state_name (bonsai_session_get_state (session)), "reason",
                bonsai_reason_name (bonsai_session_get_reason (session)), "message",
                message != NULL ? message : "", "exit-status", bonsai_session_get_exit_status (session),
                "console-open", bonsai_session_get_console_open (session), NULL);
}

/* --- methods that answer later --- */

/* What an answer needs; the server may be gone by then. */
typedef struct {
  BonsaiBusSession1 *skeleton;
  GDBusMethodInvocation *invocation; /* (transfer full): the answer takes it */
} Answer;

static Answer *
answer_new (SessionServer *server, GDBusMethodInvocation *invocation)
{
  Answer *answer = g_new (Answer, 1);

  answer->skeleton = g_object_ref (server->skeleton);
  answer->invocation = invocation;
  return answer;
}

static void
answer_free (Answer *answer)
{
  g_object_unref (answer->skeleton);
  g_free (answer);
}

static void
answer_empty (Answer *answer, gboolean done, GError *error)
{
  if (done)
    g_dbus_method_invocation_return_value (answer->invocation, NULL);
  else
    g_dbus_method_invocation_take_error (answer->invocation, error);
  answer_free (answer);
}

static void
control_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_control_finish (BONSAI_SESSION (source), result, &error);

  answer_empty (data, done, error);
}

static void
control (SessionServer *server, GDBusMethodInvocation *invocation, BonsaiControl what, unsigned timeout_ms)
{
  bonsai_session_control_async (server->session, what, timeout_ms, NULL, control_done,
                                answer_new (server, invocation));
}

static gboolean
on_pause (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_PAUSE, 0);
  return TRUE;
}

static gboolean
on_resume (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_RESUME, 0);
  return TRUE;
}

static gboolean
on_reset (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_RESET, 0);
  return TRUE;
}

static gboolean
on_power_off (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_POWER_OFF, 0);
  return TRUE;
}

static gboolean
on_shutdown (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, unsigned timeout, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_SHUTDOWN, timeout);
  return TRUE;
}

static void
set_link_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_set_link_finish (BONSAI_SESSION (source), result, &error);

  answer_empty (data, done, error);
}

static gboolean
on_set_link (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *nic, gboolean up,
             gpointer data)
{
  SessionServer *server = data;

  bonsai_session_set_link_async (server->session, nic, up, NULL, set_link_done,
                                 answer_new (server, invocation));
  return TRUE;
}

static void
change_medium_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_change_medium_finish (BONSAI_SESSION (source), result, &error);

  answer_empty (data, done, error);
}

static gboolean
on_change_medium (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *drive,
                  const char *path, gboolean force, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_change_medium_async (server->session, drive[0] != '\0' ? drive : NULL,
                                      path[0] != '\0' ? path : NULL, force, NULL, change_medium_done,
                                      answer_new (server, invocation));
  return TRUE;
}

static void
change_disk_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_change_disk_finish (BONSAI_SESSION (source), result, &error);

  answer_empty (data, done, error);
}

static gboolean
on_change_disk (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *disk,
                guint64 size, gboolean limited, GVariant *values, gpointer data)
{
  SessionServer *server = data;
  guint64 v[4];

  g_variant_get (values, "(tttt)", &v[0], &v[1], &v[2], &v[3]);
  bonsai_session_change_disk_async (server->session, disk, size,
                                    limited ? &(ImageLimits){ v[0], v[1], v[2], v[3] } : NULL, NULL,
                                    change_disk_done, answer_new (server, invocation));
  return TRUE;
}

static void
get_memory_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  GError *error = NULL;
  g_autoptr (GVariant) memory = bonsai_session_get_memory_finish (BONSAI_SESSION (source), result, &error);

  if (memory != NULL)
    bonsai_bus_session1_complete_get_memory (answer->skeleton, answer->invocation, memory);
  else
    g_dbus_method_invocation_take_error (answer->invocation, error);
  answer_free (answer);
}

static gboolean
on_get_memory (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_get_memory_async (server->session, NULL, get_memory_done, answer_new (server, invocation));
  return TRUE;
}

static void
set_memory_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_set_memory_finish (BONSAI_SESSION (source), result, &error);

  answer_empty (data, done, error);
}

static gboolean
on_set_memory (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, guint64 size, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_set_memory_async (server->session, size, NULL, set_memory_done,
                                   answer_new (server, invocation));
  return TRUE;
}

static void
disk_work_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_work_on_disk_finish (BONSAI_SESSION (source), result, &error);

  answer_empty (data, done, error);
}

static gboolean
on_work_on_disk (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *disk,
                 const char *name, guint layer, const char *backing_path, const char *backing_format,
                 gpointer data)
{
  SessionServer *server = data;
  const BonsaiDiskWork work = {
    .disk = disk,
    .work = name,
    .layer = layer,
    .backing_path = backing_path[0] != '\0' ? backing_path : NULL,
    .backing_format = backing_format[0] != '\0' ? backing_format : NULL,
  };

  bonsai_session_work_on_disk_async (server->session, &work, NULL, disk_work_done,
                                     answer_new (server, invocation));
  return TRUE;
}

static gboolean
on_cancel_disk_work (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *disk,
                     gpointer data)
{
  SessionServer *server = data;

  bonsai_session_cancel_disk_work (server->session, disk);
  bonsai_bus_session1_complete_cancel_disk_work (skeleton, invocation);
  return TRUE;
}

static void
attach_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  GError *error = NULL;
  g_autoptr (DiskSpec) disk = bonsai_session_attach_disk_finish (BONSAI_SESSION (source), result, &error);

  if (disk != NULL)
    bonsai_bus_session1_complete_attach_disk (answer->skeleton, answer->invocation, NULL, disk->id,
                                              disk_bus_names[disk->bus],
                                              disk->options.format != NULL ? disk->options.format : "");
  else
    g_dbus_method_invocation_take_error (answer->invocation, error);
  answer_free (answer);
}

static gboolean
on_attach_disk (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds,
                GVariant *settings, gpointer data)
{
  SessionServer *server = data;
  GError *error = NULL;
  bool any_bus;
  g_autoptr (DiskSpec) disk = disk_message_parse (settings, fds, &any_bus, &error);

  if (disk != NULL)
    bonsai_session_attach_disk_async (server->session, disk, any_bus, NULL, attach_done,
                                      answer_new (server, invocation));
  else
    g_dbus_method_invocation_take_error (invocation, error);
  return TRUE;
}

static void
detach_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_detach_disk_finish (BONSAI_SESSION (source), result, &error);

  answer_empty (data, done, error);
}

static gboolean
on_detach_disk (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *disk,
                gboolean force, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_detach_disk_async (server->session, disk, force, NULL, detach_done,
                                    answer_new (server, invocation));
  return TRUE;
}

static void
on_session_disk_progress (SessionServer *server, const char *disk, guint64 done, guint64 total)
{
  bonsai_bus_session1_emit_disk_progress (server->skeleton, disk, done, total);
}

static void
show_console_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_show_console_finish (BONSAI_SESSION (source), result, &error);

  answer_empty (data, done, error);
}

static gboolean
on_show_console (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gboolean show, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_show_console_async (server->session, show, NULL, show_console_done,
                                     answer_new (server, invocation));
  return TRUE;
}

static void
open_serial_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  g_autoptr (GUnixFDList) fds = NULL;
  GError *error = NULL;
  int fd = bonsai_session_open_serial_finish (BONSAI_SESSION (source), result, &error);

  if (fd < 0)
    g_dbus_method_invocation_take_error (answer->invocation, error);
  else
    {
      fds = g_unix_fd_list_new_from_array (&fd, 1);
      bonsai_bus_session1_complete_open_serial (answer->skeleton, answer->invocation, fds,
                                                g_variant_new_handle (0));
    }
  answer_free (answer);
}

static gboolean
on_open_serial (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, guint port,
                gboolean force, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_open_serial_async (server->session, port, force, NULL, open_serial_done,
                                    answer_new (server, invocation));
  return TRUE;
}

static gboolean
on_ask_guest (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *operation,
              GVariant *arguments, gpointer data)
{
  guest_message_answer (((SessionServer *)data)->session, invocation, operation, arguments);
  return TRUE;
}

/* --- pictures --- */

/* A sealed memfd with the rows packed. Returns -1 with @error set. */
static int
memfd_of_surface (Surface *surface, GError **error)
{
  gsize row = (gsize)surface->width * 4;
  int fd = memfd_create ("bonsai-picture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int saved_errno;

  for (int y = 0; fd >= 0 && y < surface->height; y++)
    {
      const char *at = (const char *)surface->pixels + (gsize)y * surface->stride;

      if (pwrite (fd, at, row, (off_t)(y * row)) != (ssize_t)row)
        goto failed;
    }
  if (fd >= 0 && fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
    return fd;
failed:
  saved_errno = errno;
  if (fd >= 0)
    close (fd);
  bonsai_set_errno_error (error, saved_errno, "Can't pass on the picture");
  return -1;
}

static void
grab_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (Surface) surface = NULL;
  GError *error = NULL;
  int fd = -1;

  surface = bonsai_session_grab_finish (BONSAI_SESSION (source), result, &error);
  if (surface != NULL)
    fd = memfd_of_surface (surface, &error);
  if (fd < 0)
    g_dbus_method_invocation_take_error (answer->invocation, error);
  else
    {
      fds = g_unix_fd_list_new_from_array (&fd, 1);
      bonsai_bus_session1_complete_grab (answer->skeleton, answer->invocation, fds, surface->width,
                                         surface->height, g_variant_new_handle (0));
    }
  answer_free (answer);
}

static gboolean
on_grab (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, unsigned head,
         int max_width, int max_height, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_grab_async (server->session, head, max_width, max_height, NULL, grab_done,
                             answer_new (server, invocation));
  return TRUE;
}

static gboolean
on_watch (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gboolean active, gpointer data)
{
  SessionServer *server = data;
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (invocation);
  unsigned count = GPOINTER_TO_UINT (g_hash_table_lookup (server->connections, connection));

  if (g_hash_table_contains (server->connections, connection) && (active || count > 0))
    {
      count += active ? 1 : -1;
      g_hash_table_replace (server->connections, g_object_ref (connection), GUINT_TO_POINTER (count));
      bonsai_session_watch (server->session, active);
    }
  bonsai_bus_session1_complete_watch (skeleton, invocation);
  return TRUE;
}

/* --- input --- */

static gboolean
take_input (SessionServer *server, GDBusMethodInvocation *invocation, BonsaiInput input)
{
  bonsai_session_input (server->session, &input);
  g_dbus_method_invocation_return_value (invocation, NULL);
  return TRUE;
}

static gboolean
on_key (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, unsigned usage, gboolean down,
        gpointer data)
{
  return take_input (data, invocation,
                     (BonsaiInput){ .kind = BONSAI_INPUT_KEY, .code = usage, .down = down });
}

static gboolean
on_button (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, unsigned button, gboolean down,
           gpointer data)
{
  return take_input (data, invocation,
                     (BonsaiInput){ .kind = BONSAI_INPUT_BUTTON, .code = button, .down = down });
}

static gboolean
on_motion (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, int dx, int dy, gpointer data)
{
  return take_input (data, invocation, (BonsaiInput){ .kind = BONSAI_INPUT_MOTION, .x = dx, .y = dy });
}

static gboolean
on_position (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, int x, int y, gpointer data)
{
  return take_input (data, invocation, (BonsaiInput){ .kind = BONSAI_INPUT_POSITION, .x = x, .y = y });
}

static gboolean
on_wheel (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, int horizontal, int vertical,
          gpointer data)
{
  return take_input (data, invocation,
                     (BonsaiInput){ .kind = BONSAI_INPUT_WHEEL, .x = horizontal, .y = vertical });
}

static gboolean
on_release_all (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  return take_input (data, invocation, (BonsaiInput){ .kind = BONSAI_INPUT_RELEASE_ALL });
}

static void
connect_methods (SessionServer *server)
{
  static const struct {
    const char *signal;
    GCallback handler;
  } methods[] = {
    { "handle-pause", G_CALLBACK (on_pause) },
    { "handle-resume", G_CALLBACK (on_resume) },
    { "handle-reset", G_CALLBACK (on_reset) },
    { "handle-power-off", G_CALLBACK (on_power_off) },
    { "handle-shutdown", G_CALLBACK (on_shutdown) },
    { "handle-key", G_CALLBACK (on_key) },
    { "handle-motion", G_CALLBACK (on_motion) },
    { "handle-position", G_CALLBACK (on_position) },
    { "handle-button", G_CALLBACK (on_button) },
    { "handle-wheel", G_CALLBACK (on_wheel) },
    { "handle-release-all", G_CALLBACK (on_release_all) },
    { "handle-grab", G_CALLBACK (on_grab) },
    { "handle-watch", G_CALLBACK (on_watch) },
    { "handle-change-medium", G_CALLBACK (on_change_medium) },
    { "handle-set-link", G_CALLBACK (on_set_link) },
    { "handle-change-disk", G_CALLBACK (on_change_disk) },
    { "handle-show-console", G_CALLBACK (on_show_console) },
    { "handle-open-serial", G_CALLBACK (on_open_serial) },
    { "handle-work-on-disk", G_CALLBACK (on_work_on_disk) },
    { "handle-attach-disk", G_CALLBACK (on_attach_disk) },
    { "handle-detach-disk", G_CALLBACK (on_detach_disk) },
    { "handle-get-memory", G_CALLBACK (on_get_memory) },
    { "handle-set-memory", G_CALLBACK (on_set_memory) },
    { "handle-cancel-disk-work", G_CALLBACK (on_cancel_disk_work) },
    { "handle-ask-guest", G_CALLBACK (on_ask_guest) },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (methods); i++)
    g_signal_connect (server->skeleton, methods[i].signal, methods[i].handler, server);
}

/* --- connections --- */

static void
stop_watching_for (SessionServer *server, GDBusConnection *connection)
{
  unsigned count = GPOINTER_TO_UINT (g_hash_table_lookup (server->connections, connection));

  while (count-- > 0)
    bonsai_session_watch (server->session, false);
}

static void
on_connection_closed (GDBusConnection *connection, gboolean by_peer, GError *error, gpointer data)
{
  SessionServer *server = data;

  stop_watching_for (server, connection);
  g_signal_handlers_disconnect_by_data (connection, server);
  g_dbus_interface_skeleton_unexport_from_connection (G_DBUS_INTERFACE_SKELETON (server->skeleton),
                                                      connection);
  g_hash_table_remove (server->connections, connection);
}

static gboolean
on_new_connection (GDBusServer *bus, GDBusConnection *connection, gpointer data)
{
  SessionServer *server = data;
  g_autoptr (GError) error = NULL;

  if (g_hash_table_size (server->connections) >= MAX_CONNECTIONS)
    return FALSE;
  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (server->skeleton), connection,
                                         SESSION_PATH, &error))
    {
      g_warning ("%s", error->message);
      return FALSE;
    }
  g_hash_table_insert (server->connections, g_object_ref (connection), GUINT_TO_POINTER (0));
  g_signal_connect (connection, "closed", G_CALLBACK (on_connection_closed), server);
  return TRUE;
}

/* The kernel vouches for the peer's user; nothing else is asked. */
static gboolean
on_authorize (GDBusAuthObserver *observer, GIOStream *stream, GCredentials *credentials, gpointer data)
{
  return credentials != NULL && g_credentials_get_unix_user (credentials, NULL) == geteuid ();
}

static gboolean
on_allow_mechanism (GDBusAuthObserver *observer, const char *mechanism, gpointer data)
{
  return g_str_equal (mechanism, "EXTERNAL");
}

static GDBusServer *
listen_at (const char *path, GError **error)
{
  g_autoptr (GDBusAuthObserver) observer = g_dbus_auth_observer_new ();
  g_autofree char *guid = g_dbus_generate_guid ();
  g_autofree char *escaped = g_dbus_address_escape_value (path);
  g_autofree char *address = g_strconcat ("unix:path=", escaped, NULL);

  g_signal_connect (observer, "authorize-authenticated-peer", G_CALLBACK (on_authorize), NULL);
  g_signal_connect (observer, "allow-mechanism", G_CALLBACK (on_allow_mechanism), NULL);
  return g_dbus_server_new_sync (address, G_DBUS_SERVER_FLAGS_NONE, guid, observer, NULL, error);
}

static void
on_session_thumbnail_changed (SessionServer *server)
{
  bonsai_bus_session1_emit_thumbnail_changed (server->skeleton);
}

SessionServer *
session_server_new (BonsaiSession *session, GError **error)
{
  SessionServer *server;
  g_autofree char *path = runtime_dir_socket (bonsai_session_get_uuid (session));
  GDBusServer *bus;

  if (!runtime_dir_ensure (error))
    return NULL;
  /* Left over by a process that was killed: the machine's lock is ours, so it can't be in use. */
  g_unlink (path);
  bus = listen_at (path, error);
  if (bus == NULL)
    {
      g_prefix_error (error, "Can't be reached by other processes: ");
      return NULL;
    }

  server = g_new0 (SessionServer, 1);
  server->session = g_object_ref (session);
  server->server = bus;
  server->socket = g_steal_pointer (&path);
  server->connections = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  server->skeleton = bonsai_bus_session1_skeleton_new ();
  g_object_set (server->skeleton, "uuid", bonsai_session_get_uuid (session), "name",
                bonsai_session_get_name (session), "pid", bonsai_session_get_pid (session), NULL);
  update_properties (server);
  connect_methods (server);
  g_signal_connect_swapped (session, "changed", G_CALLBACK (update_properties), server);
  g_signal_connect_swapped (session, "thumbnail-changed", G_CALLBACK (on_session_thumbnail_changed), server);
  g_signal_connect_swapped (session, "disk-progress", G_CALLBACK (on_session_disk_progress), server);
  g_signal_connect (server->server, "new-connection", G_CALLBACK (on_new_connection), server);
  g_dbus_server_start (server->server);
  return server;
}

void
session_server_free (SessionServer *server)
{
  GHashTableIter iter;
  GDBusConnection *connection;

  g_signal_handlers_disconnect_by_data (server->session, server);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (server->skeleton));
  g_dbus_server_stop (server->server);
  g_unlink (server->socket);

  g_hash_table_iter_init (&iter, server->connections);
  while (g_hash_table_iter_next (&iter, (gpointer *)&connection, NULL))
    {
      g_signal_handlers_disconnect_by_data (connection, server);
      stop_watching_for (server, connection);
      g_dbus_connection_flush_sync (connection, NULL, NULL);
      g_dbus_connection_close (connection, NULL, NULL, NULL);
    }
  if (g_dbus_interface_skeleton_get_connection (G_DBUS_INTERFACE_SKELETON (server->skeleton)) != NULL)
    g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (server->skeleton));
  g_signal_handlers_disconnect_by_data (server->skeleton, server);
  g_signal_handlers_disconnect_by_data (server->server, server);
  g_hash_table_unref (server->connections);
  g_object_unref (server->skeleton);
  g_object_unref (server->server);
  g_object_unref (server->session);
  g_free (server->socket);
  g_free (server);
}
