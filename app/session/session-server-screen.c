/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods about pictures, keys and pointers. */
#include "app/session/session-server-private.h"

#include "app/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <sys/mman.h>
#include <unistd.h>

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
  SessionAnswer *answer = data;
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
  session_answer_free (answer);
}

static gboolean
on_grab (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, unsigned head,
         int max_width, int max_height, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_grab_async (server->session, head, max_width, max_height, NULL, grab_done,
                             session_answer_new (server, invocation));
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

static void
on_session_thumbnail_changed (SessionServer *server)
{
  bonsai_bus_session1_emit_thumbnail_changed (server->skeleton);
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

static const SessionMethod screen_methods[] = {
  { "handle-grab", G_CALLBACK (on_grab) },         { "handle-watch", G_CALLBACK (on_watch) },
  { "handle-key", G_CALLBACK (on_key) },           { "handle-motion", G_CALLBACK (on_motion) },
  { "handle-position", G_CALLBACK (on_position) }, { "handle-button", G_CALLBACK (on_button) },
  { "handle-wheel", G_CALLBACK (on_wheel) },       { "handle-release-all", G_CALLBACK (on_release_all) },
};

void
session_server_connect_screen (SessionServer *server)
{
  session_server_connect (server, screen_methods, G_N_ELEMENTS (screen_methods));
  g_signal_connect_swapped (server->session, "thumbnail-changed", G_CALLBACK (on_session_thumbnail_changed),
                            server);
}
