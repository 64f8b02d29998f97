/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/demand/demand-peer.h"

#include "app/base/error.h"
#include "app/session/runtime-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdmessage.h>
#include <gio/gunixsocketaddress.h>
#include <sys/file.h>
#include <unistd.h>

#define ANSWER_SECONDS 5
#define UUID_SIZE      36
#define ANSWER_SIZE    (DEMAND_MAX_PORTS * 96)

DemandPort *
demand_port_new (const char *nic, const NetForward *forward, int fd)
{
  DemandPort *port = g_new (DemandPort, 1);

  *port = (DemandPort){ g_strdup (nic), *forward, fd };
  return port;
}

void
demand_port_free (DemandPort *port)
{
  if (port->fd >= 0)
    close (port->fd);
  g_free (port->nic);
  g_free (port);
}

char *
demand_peer_path (void)
{
  g_autofree char *folder = runtime_dir_path ();

  return g_build_filename (folder, "demand", NULL);
}

/* --- who listens --- */

static int
lock_path (const char *path, GError **error)
{
  g_autofree char *lock = g_strconcat (path, ".lock", NULL);
  int fd = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  if (errno == EWOULDBLOCK)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 "Another process starts machines on demand already; “bonsai demand” is needed once");
  else
    bonsai_set_errno_error (error, errno, "Can't lock %s", lock);
  if (fd >= 0)
    close (fd);
  return -1;
}

GSocket *
demand_peer_listen (int *lock, GError **error)
{
  g_autofree char *path = demand_peer_path ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GSocket) socket = NULL;

  *lock = runtime_dir_ensure (error) ? lock_path (path, error) : -1;
  if (*lock < 0)
    return NULL;
  unlink (path);
  socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_SEQPACKET, G_SOCKET_PROTOCOL_DEFAULT, error);
  if (socket != NULL && g_socket_bind (socket, address, FALSE, error) && g_socket_listen (socket, error))
    {
      g_socket_set_blocking (socket, FALSE);
      return g_steal_pointer (&socket);
    }
  close (*lock);
  *lock = -1;
  return NULL;
}

char *
demand_peer_read (GSocket *peer)
{
  char uuid[UUID_SIZE + 2] = { 0 };
  gssize n = g_socket_receive_with_blocking (peer, uuid, sizeof uuid - 1, FALSE, NULL, NULL);

  return n == UUID_SIZE && g_uuid_string_is_valid (uuid) ? g_strdup (uuid) : NULL;
}

bool
demand_peer_answer (GSocket *peer, GPtrArray *ports)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GString) text = g_string_new ("\n");
  g_autoptr (GSocketControlMessage) message = NULL;
  GOutputVector vector;

  for (guint i = 0; i < MIN (ports->len, DEMAND_MAX_PORTS); i++)
    {
      const DemandPort *port = g_ptr_array_index (ports, i);
      g_autofree char *forward = net_forward_format (&port->forward);

      if (g_unix_fd_list_append (fds, port->fd, NULL) < 0)
        break;
      g_string_append_printf (text, "%s %s\n", port->nic, forward);
    }
  message = g_unix_fd_message_new_with_fd_list (fds);
  vector = (GOutputVector){ text->str, text->len };
  g_socket_set_blocking (peer, FALSE);
  return g_socket_send_message (peer, NULL, &vector, 1, g_unix_fd_list_get_length (fds) > 0 ? &message : NULL,
                                g_unix_fd_list_get_length (fds) > 0 ? 1 : 0, G_SOCKET_MSG_NONE, NULL, NULL)
         == (gssize)text->len;
}

/* --- who runs the machine --- */

static GSocket *
connect_to (const char *path)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GSocket) socket =
    g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_SEQPACKET, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GCredentials) peer = NULL;

  if (socket == NULL)
    return NULL;
  g_socket_set_timeout (socket, ANSWER_SECONDS);
  if (!g_socket_connect (socket, address, NULL, NULL))
    return NULL;
  peer = g_socket_get_credentials (socket, NULL);
  return peer != NULL && g_credentials_get_unix_user (peer, NULL) == geteuid () ? g_steal_pointer (&socket)
                                                                                : NULL;
}

/* One line for each of @fds, in their order; what isn't understood is closed. */
static void
read_answer (const char *text, GArray *fds, GPtrArray *ports)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0;

  for (unsigned i = 0; lines[i] != NULL && n < fds->len; i++)
    {
      g_auto (GStrv) words = g_strsplit (lines[i], " ", 2);
      NetForward forward;
      int fd;

      if (lines[i][0] == '\0')
        continue;
      fd = g_array_index (fds, int, n++);
      if (g_strv_length (words) == 2 && net_forward_parse (&forward, words[1], NULL))
        g_ptr_array_add (ports, demand_port_new (words[0], &forward, fd));
      else
        close (fd);
    }
  for (; n < fds->len; n++)
    close (g_array_index (fds, int, n));
}

static bool
receive_answer (GSocket *socket, GPtrArray *ports)
{
  g_autofree char *text = g_malloc0 (ANSWER_SIZE + 1);
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  GSocketControlMessage **messages = NULL;
  GInputVector vector = { text, ANSWER_SIZE };
  int n_messages = 0, flags = 0;
  gssize size =
    g_socket_receive_message (socket, NULL, &vector, 1, &messages, &n_messages, &flags, NULL, NULL);

  for (int i = 0; i < n_messages; i++)
    {
      if (G_IS_UNIX_FD_MESSAGE (messages[i]))
        {
          int n;
          g_autofree int *stolen = g_unix_fd_message_steal_fds (G_UNIX_FD_MESSAGE (messages[i]), &n);

          g_array_append_vals (fds, stolen, (guint)n);
        }
      g_object_unref (messages[i]);
    }
  g_free (messages);
  read_answer (text, fds, ports);
  return size > 0;
}

GPtrArray *
demand_peer_ask (const char *uuid, GSocket **run)
{
  GPtrArray *ports = g_ptr_array_new_with_free_func ((GDestroyNotify)demand_port_free);
  g_autofree char *path = demand_peer_path ();
  g_autoptr (GSocket) socket = connect_to (path);

  *run = NULL;
  if (socket != NULL && g_socket_send (socket, uuid, strlen (uuid), NULL, NULL) == UUID_SIZE
      && receive_answer (socket, ports))
    *run = g_steal_pointer (&socket);
  return ports;
}
