/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/disk/disk-secret.h"

#include "app/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

struct DiskSecret {
  ImageSecret image;
  uint8_t *data; /* a mapping of its own */
};

#define ROOM (DISK_SECRET_MAX + 1)

static DiskSecret *
secret_new (GError **error)
{
  void *data = mmap (NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  DiskSecret *secret;

  if (data == MAP_FAILED)
    {
      bonsai_set_errno_error (error, errno, "There is no memory for a passphrase");
      return NULL;
    }
  /* Both are wishes: limits may forbid the first. */
  (void)mlock (data, ROOM);
  (void)madvise (data, ROOM, MADV_DONTDUMP);
  secret = g_new0 (DiskSecret, 1);
  secret->data = data;
  secret->image.data = data;
  return secret;
}

void
disk_secret_free (DiskSecret *secret)
{
  if (secret == NULL)
    return;
  explicit_bzero (secret->data, ROOM);
  munmap (secret->data, ROOM);
  g_free (secret);
}

GBytes *
disk_secret_to_bytes (DiskSecret *secret)
{
  return g_bytes_new_with_free_func (secret->data, secret->image.length, (GDestroyNotify)disk_secret_free,
                                     secret);
}

int
disk_secret_pipe (GBytes *secret, GError **error)
{
  gsize length;
  const void *data = g_bytes_get_data (secret, &length);
  int fds[2], saved_errno;
  bool written;

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, error))
    return -1;
  /* The newline is what a reader takes off; both fit, as a pipe has 64 KiB (pipe(7)). */
  written = write (fds[1], data, length) == (ssize_t)length && write (fds[1], "\n", 1) == 1;
  saved_errno = errno;
  close (fds[1]);
  if (written)
    return fds[0];
  close (fds[0]);
  bonsai_set_errno_error (error, saved_errno, "Can't pass on the passphrase");
  return -1;
}

GBytes *
disk_secret_receive (int fd, GError **error)
{
  DiskSecret *secret;

  if (!g_unix_set_fd_nonblocking (fd, TRUE, error))
    return NULL;
  secret = disk_secret_read_fd (fd, "another process", error);
  return secret != NULL ? disk_secret_to_bytes (secret) : NULL;
}

const ImageSecret *
disk_secret_image (const DiskSecret *secret)
{
  return secret != NULL ? &secret->image : NULL;
}

static bool
check_length (const DiskSecret *secret, const char *name, GError **error)
{
  size_t length = secret->image.length;

  if (length > 0 && length <= DISK_SECRET_MAX)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "The passphrase from %s is %s", name,
               length == 0 ? "empty" : "longer than 4096 bytes");
  return false;
}

DiskSecret *
disk_secret_new (const void *data, size_t length, GError **error)
{
  g_autoptr (DiskSecret) secret = secret_new (error);

  if (secret == NULL)
    return NULL;
  secret->image.length = MIN (length, ROOM);
  memcpy (secret->data, data, secret->image.length);
  return check_length (secret, "its owner", error) ? g_steal_pointer (&secret) : NULL;
}

/* Until the end of @fd, or of a line. */
static bool
fill (DiskSecret *secret, int fd, bool one_line, const char *name, GError **error)
{
  size_t *length = &secret->image.length;

  while (*length < ROOM && !(one_line && *length > 0 && secret->data[*length - 1] == '\n'))
    {
      ssize_t n = read (fd, secret->data + *length, one_line ? 1 : ROOM - *length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return bonsai_set_errno_error (error, errno, "Can't read the passphrase from %s", name);
      if (n == 0)
        break;
      *length += (size_t)n;
    }
  if (*length > 0 && secret->data[*length - 1] == '\n')
    (*length)--;
  return check_length (secret, name, error);
}

DiskSecret *
disk_secret_read_fd (int fd, const char *name, GError **error)
{
  g_autoptr (DiskSecret) secret = secret_new (error);

  return secret != NULL && fill (secret, fd, false, name, error) ? g_steal_pointer (&secret) : NULL;
}

DiskSecret *
disk_secret_read_file (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  DiskSecret *secret;

  if (fd < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't read the passphrase from %s", path);
      return NULL;
    }
  secret = disk_secret_read_fd (fd, path, error);
  close (fd);
  return secret;
}

/* Whatever ends the process meanwhile must not leave the terminal silent: signals wait. */
static bool
ask_silently (DiskSecret *secret, int tty, const char *prompt, GError **error)
{
  struct termios before, silent;
  sigset_t all, old;
  bool done;

  if (tcgetattr (tty, &before) < 0)
    return bonsai_set_errno_error (error, errno, "Can't silence the terminal");
  silent = before;
  silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
  silent.c_lflag |= ECHONL;
  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, &old);
  tcsetattr (tty, TCSAFLUSH, &silent);
  /* Silent before anyone is asked: who answers fast isn't seen, nor flushed away. */
  done = write (tty, prompt, strlen (prompt)) > 0 && fill (secret, tty, true, "the terminal", error);
  tcsetattr (tty, TCSAFLUSH, &before);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  /* Without ISIG Ctrl+C is a character. */
  if (done && memchr (secret->data, '\003', secret->image.length) == NULL)
    return true;
  if (done || (error != NULL && *error == NULL))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "No passphrase was given");
  return false;
}

DiskSecret *
disk_secret_ask (const char *prompt, GError **error)
{
  int tty = open ("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  g_autoptr (DiskSecret) secret = NULL;
  bool done;

  if (tty < 0)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   "%s: there is no terminal to ask at; give --secret-file or --secret-fd", prompt);
      return NULL;
    }
  secret = secret_new (error);
  done = secret != NULL;
  if (done)
    {
      g_autofree char *line = g_strdup_printf ("%s: ", prompt);

      done = ask_silently (secret, tty, line, error);
    }
  close (tty);
  return done ? g_steal_pointer (&secret) : NULL;
}

static bool
is_same (const DiskSecret *a, const DiskSecret *b)
{
  return a->image.length == b->image.length && memcmp (a->data, b->data, a->image.length) == 0;
}

DiskSecret *
disk_secret_ask_new (const char *prompt, GError **error)
{
  g_autofree char *again = g_strdup_printf ("%s, once more", prompt);
  g_autoptr (DiskSecret) secret = disk_secret_ask (prompt, error);
  g_autoptr (DiskSecret) repeated = secret != NULL ? disk_secret_ask (again, error) : NULL;

  if (repeated == NULL)
    return NULL;
  if (is_same (secret, repeated))
    return g_steal_pointer (&secret);
  g_set_error_literal (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                       "The two passphrases differ: nothing was changed; try again");
  return NULL;
}
