/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connecting to a process that has much to do. */
#include "app/session/peer-socket.h"

#include "app/base/error.h"
#include "tests/app/scratch.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define N 24

static void
connected (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  g_autoptr (GSocketConnection) stream = peer_socket_connect_finish (result, &error);

  g_assert_no_error (error);
  g_assert_true (g_socket_connection_is_connected (stream));
  --*(unsigned *)data;
}

static int
listen_at (const char *path, int backlog)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  struct sockaddr_un native = { 0 };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_true (g_socket_address_to_native (address, &native, sizeof native, NULL));
  g_assert_cmpint (bind (fd, (struct sockaddr *)&native, sizeof native), ==, 0);
  g_assert_cmpint (listen (fd, backlog), ==, 0);
  return fd;
}

/* Its queue is full long before all are in it. */
static void
test_queue (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *path = g_build_filename (scratch, "socket", NULL);
  int listener = listen_at (path, 1), accepted[N];
  unsigned n_left = N;

  for (unsigned i = 0; i < N; i++)
    peer_socket_connect_async (path, geteuid (), NULL, connected, &n_left);
  for (unsigned i = 0; i < N; i++)
    {
      accepted[i] = accept (listener, NULL, NULL);
      g_assert_cmpint (accepted[i], >=, 0);
    }
  while (n_left > 0)
    g_main_context_iteration (NULL, TRUE);
  for (unsigned i = 0; i < N; i++)
    close (accepted[i]);
  close (listener);
  g_unlink (path);
}

static void
refused (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (peer_socket_connect_finish (result, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING);
  *(bool *)data = true;
}

static void
test_nobody (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *path = g_build_filename (scratch, "socket", NULL);
  bool done = false;

  peer_socket_connect_async (path, geteuid (), NULL, refused, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  close (listen_at (path, 1)); /* who left it has gone */
  done = false;
  peer_socket_connect_async (path, geteuid (), NULL, refused, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/peer-socket/queue", test_queue);
  g_test_add_func ("/peer-socket/nobody", test_nobody);
  return g_test_run ();
}
