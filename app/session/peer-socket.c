/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/peer-socket.h"

#include "app/base/error.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 10

/* A socket that doesn't block is refused where the queue of those who wait is full, and nothing tells when it
 * is shorter: the kernel waits in ours. */
static int
connect_and_wait (const struct sockaddr_un *address)
{
  const struct timeval patience = { .tv_sec = PATIENCE_S };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

  if (fd < 0)
    return -errno;
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  do
    result = connect (fd, (const struct sockaddr *)address, sizeof *address);
  while (result < 0 && errno == EINTR);
  if (result == 0)
    return fd;
  result = -errno;
  close (fd);
  return result;
}

static int
connect_to (const char *path, GError **error)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  struct sockaddr_un native = { 0 };
  int fd;

  if (!g_socket_address_to_native (address, &native, sizeof native, error))
    return -1;
  fd = connect_and_wait (&native);
  if (fd >= 0)
    return fd;
  if (fd == -ENOENT || fd == -ECONNREFUSED)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "It is not running");
  else
    bonsai_set_errno_error (error, -fd, "Can't connect to %s", path);
  return -1;
}

/* A socket in a folder of its owner's, but whoever sits behind it must be his, too. */
static bool
check_peer (GSocket *socket, uid_t owner, GError **error)
{
  g_autoptr (GCredentials) credentials = g_socket_get_credentials (socket, error);

  if (credentials == NULL)
    return false;
  if (g_credentials_get_unix_user (credentials, NULL) == owner)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "The process that runs this machine isn't its owner's");
  return false;
}

typedef struct {
  char *path;
  uid_t owner;
} Peer;

static void
peer_free (gpointer data)
{
  g_free (((Peer *)data)->path);
  g_free (data);
}

static void
connect_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Peer *peer = data;
  GError *error = NULL;
  int fd = connect_to (peer->path, &error);
  g_autoptr (GSocket) socket = fd >= 0 ? g_socket_new_from_fd (fd, &error) : NULL;

  if (fd >= 0 && socket == NULL)
    close (fd);
  if (socket == NULL || !check_peer (socket, peer->owner, &error))
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_socket_connection_factory_create_connection (socket), g_object_unref);
}

void
peer_socket_connect_async (const char *path, uid_t owner, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  Peer *peer = g_new (Peer, 1);

  *peer = (Peer){ g_strdup (path), owner };
  g_task_set_source_tag (task, peer_socket_connect_async);
  g_task_set_return_on_cancel (task, TRUE);
  g_task_set_task_data (task, peer, peer_free);
  g_task_run_in_thread (task, connect_in_thread);
}

GSocketConnection *
peer_socket_connect_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
