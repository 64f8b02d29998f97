/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may open a disk image that is locked: nobody while a living process has it; at once, or after a moment,
 * where the lock is what is left of a killed one.
 */
#include "devices/image/image.h"
#include "vmm/base/error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 65536

typedef struct {
  EventLoop *loop;
  char *path;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("bonsai-lock-XXXXXX", &f->path, &error);

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, SIZE), ==, 0);
  close (fd);
  f->loop = loop_new ("test-file-lock", &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  loop_free (f->loop);
  g_unlink (f->path);
  g_free (f->path);
}

static Image *
open_image (const Fixture *f, bool read_only, GError **error)
{
  const ImageOptions options = { .read_only = read_only, .exclusive_lock = true, .format = "raw" };

  return image_open (f->loop, f->path, &options, error);
}

static int
open_locked (const char *path, short type)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET };
  int fd = open (path, O_RDWR | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);
  return fd;
}

static void
assert_busy (const Fixture *f, bool read_only)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Image) image = open_image (f, read_only, &error);

  g_assert_null (image);
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
}

static void
assert_free (const Fixture *f, bool read_only)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Image) image = open_image (f, read_only, &error);

  g_assert_no_error (error);
  g_assert_nonnull (image);
}

/* --- a living process --- */

/* It locks the file with @type, says so, and stays. */
static pid_t
start_holder (const Fixture *f, short type, int *death)
{
  int ready[2];
  char byte;
  pid_t pid;

  g_assert_cmpint (pipe2 (ready, O_CLOEXEC), ==, 0);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      open_locked (f->path, type);
      if (write (ready[1], "r", 1) != 1)
        _exit (1);
      for (;;)
        pause ();
    }
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[1]);
  *death = ready[0]; /* ends with the process */
  return pid;
}

static void
end_holder (pid_t pid)
{
  int status;

  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
}

static void
test_living (Fixture *f, gconstpointer data)
{
  int64_t begun = g_get_monotonic_time ();
  int death;
  pid_t pid = start_holder (f, F_WRLCK, &death);

  assert_busy (f, false);
  assert_busy (f, true);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 3 * G_USEC_PER_SEC);
  end_holder (pid);
  close (death);
  assert_free (f, false);
}

/* Readers leave room for readers. */
static void
test_living_reader (Fixture *f, gconstpointer data)
{
  int death;
  pid_t pid = start_holder (f, F_RDLCK, &death);

  assert_free (f, true);
  assert_busy (f, false);
  end_holder (pid);
  close (death);
  assert_free (f, false);
}

/* Another image of this process. */
static void
test_own (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Image) image = open_image (f, false, &error);

  g_assert_no_error (error);
  assert_busy (f, false);
}

/* Killed, and not waited for: whether it still shows its files or doesn't, it is about to let go. */
static void
test_killed (Fixture *f, gconstpointer data)
{
  for (unsigned i = 0; i < 100; i++)
    {
      int death, status;
      pid_t pid = start_holder (f, F_WRLCK, &death);

      kill (pid, SIGKILL);
      assert_free (f, false);
      g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
      close (death);
    }
}

/* --- nobody to be seen: an open file that is on its way through a socket, as one that the kernel still uses
 * --- */

static void
send_away (int socket, int fd)
{
  char byte = 0;
  struct iovec iov = { &byte, 1 };
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { .head = {
                  .cmsg_len = CMSG_LEN (sizeof (int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
  const struct msghdr message = {
    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };

  memcpy (CMSG_DATA (&control.head), &fd, sizeof fd);
  g_assert_cmpint (sendmsg (socket, &message, 0), ==, 1);
  close (fd);
}

static void *
let_go (void *data)
{
  int *sockets = data;

  g_usleep (100000); /* so that the other most likely waits by now */
  close (sockets[0]);
  close (sockets[1]);
  return NULL;
}

static void
test_unseen (Fixture *f, gconstpointer data)
{
  int sockets[2];
  GThread *thread;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
  send_away (sockets[0], open_locked (f->path, F_WRLCK));
  thread = g_thread_new ("let-go", let_go, sockets);
  assert_free (f, false);
  g_thread_join (thread);
}

/* The wait has an end, and leaves nothing that could get the lock later. */
static void
test_unseen_for_long (Fixture *f, gconstpointer data)
{
  int sockets[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
  send_away (sockets[0], open_locked (f->path, F_WRLCK));
  assert_busy (f, false);
  close (sockets[0]);
  close (sockets[1]);
  close (open_locked (f->path, F_WRLCK));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/image/file-lock/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("living", test_living);
  ADD ("living-reader", test_living_reader);
  ADD ("own", test_own);
  ADD ("killed", test_killed);
  ADD ("unseen", test_unseen);
  ADD ("unseen-for-long", test_unseen_for_long);
  return g_test_run ();
}
