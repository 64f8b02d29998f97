/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/bundle.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

struct BundleLock {
  int fd;
};

/* Open file description locks tell nobody who has them (fcntl_locking(2)), so the holder writes its number.
 */
static int
read_holder (int fd)
{
  char text[16] = "";
  ssize_t n = pread (fd, text, sizeof text - 1, 0);
  int pid = n > 0 ? atoi (text) : 0;

  return pid > 0 ? pid : -1;
}

/* Always as long as before, so that it needs no new room. */
static bool
write_holder (int fd, int pid)
{
  char text[16];
  int length = g_snprintf (text, sizeof text, "%10d\n", pid);

  return pwrite (fd, text, (size_t)length, 0) == length;
}

static int
open_lock_file (const char *path, int flags)
{
  g_autofree char *file = g_build_filename (path, "lock", NULL);

  return open (file, O_NOFOLLOW | O_CLOEXEC | flags, 0644);
}

static void
set_busy_error (const char *path, int holder, GError **error)
{
  g_autofree char *name = g_path_get_basename (path);

  if (holder > 0)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 _ ("%s is in use by process %d; stop it there first"), name, holder);
  else
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 _ ("%s is in use by another process; stop it there first"), name);
}

gboolean
bundle_make_lock (const char *path, GError **error)
{
  int fd = open_lock_file (path, O_RDWR | O_CREAT);
  bool done = fd >= 0 && write_holder (fd, 0);

  if (!done)
    bonsai_set_errno_error (error, errno, _ ("Can't write %s/lock"), path);
  if (fd >= 0)
    close (fd);
  return done;
}

BundleLock *
bundle_lock (const char *path, GError **error)
{
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int fd = open_lock_file (path, O_RDWR | O_CREAT);
  BundleLock *lock;

  if (fd < 0)
    {
      bonsai_set_errno_error (error, errno, _ ("Can't open %s/lock"), path);
      return NULL;
    }
  if (fcntl (fd, F_OFD_SETLK, &range) < 0)
    {
      if (errno == EAGAIN || errno == EACCES)
        set_busy_error (path, read_holder (fd), error);
      else
        bonsai_set_errno_error (error, errno, _ ("Can't lock %s/lock"), path);
      close (fd);
      return NULL;
    }
  if (!write_holder (fd, getpid ()))
    g_info ("%s: the lock's holder can't be told", path);

  lock = g_new (BundleLock, 1);
  lock->fd = fd;
  return lock;
}

void
bundle_unlock (BundleLock *lock)
{
  if (lock == NULL)
    return;
  /* Who watches the file hears of it when it is closed. */
  write_holder (lock->fd, 0);
  /* A child that is between fork and exec shares the description: closing alone would not unlock. */
  fcntl (lock->fd, F_OFD_SETLK, &(struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET });
  close (lock->fd);
  g_free (lock);
}

int
bundle_lock_holder (const char *path)
{
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int fd = open_lock_file (path, O_RDONLY); /* looking is nothing that who watches the file should hear of */
  int holder = 0;

  if (fd < 0)
    return 0;
  if (fcntl (fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK)
    holder = read_holder (fd);
  close (fd);
  return holder;
}

bool
bundle_await_unlock (const char *path, unsigned timeout_ms)
{
  g_autofree char *file = g_build_filename (path, "lock", NULL);
  gint64 end = g_get_monotonic_time () + (gint64)timeout_ms * 1000, left = timeout_ms;
  int fd = inotify_init1 (IN_CLOEXEC);
  char events[4096];

  /* Its holder writes to it, unlocks it, and closes it. */
  inotify_add_watch (fd, file, IN_CLOSE_WRITE);
  while (bundle_lock_holder (path) != 0 && left > 0)
    {
      struct pollfd wait = { fd, POLLIN, 0 };

      if (poll (&wait, 1, (int)left) > 0 && read (fd, events, sizeof events) < 0)
        break;
      left = (end - g_get_monotonic_time ()) / 1000;
    }
  if (fd >= 0)
    close (fd);
  return bundle_lock_holder (path) == 0;
}
