/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/serial-cable-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define BACKLOG 4

/* --- pseudoterminals --- */

/* Somebody opened the terminal. That everybody has closed it is read from the master (EIO). */
static void
on_opened (void *part, int fd, GIOCondition condition)
{
  SerialCable *cable = part;
  char events[4096] __attribute__ ((aligned (__alignof__(struct inotify_event))));

  while (read (fd, events, sizeof events) > 0)
    continue;
  if (!serial_cable_is_connected (cable))
    serial_cable_connect (cable, cable->pty_fd, cable->pty_fd);
}

/* An older link may be left over; anything else is not ours to replace. */
static bool
make_link (SerialCable *cable, const char *target, GError **error)
{
  struct stat st;

  if (lstat (cable->path, &st) == 0 && S_ISLNK (st.st_mode))
    unlink (cable->path);
  if (symlink (target, cable->path) < 0)
    return vmm_set_errno_error (error, errno, "Can't make %s, the link to the serial port's terminal",
                                cable->path);
  cable->made_path = true;
  return true;
}

/* The terminal passes bytes on as they are, and to whoever opens it: no echo, no lines, no signals. */
static bool
make_raw (int fd)
{
  struct termios termios;

  if (tcgetattr (fd, &termios) < 0)
    return false;
  cfmakeraw (&termios);
  return tcsetattr (fd, TCSANOW, &termios) == 0;
}

bool
serial_pty_open (SerialCable *cable, GError **error)
{
  char name[64];

  cable->pty_fd = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (cable->pty_fd < 0 || grantpt (cable->pty_fd) < 0 || unlockpt (cable->pty_fd) < 0
      || ptsname_r (cable->pty_fd, name, sizeof name) != 0 || !make_raw (cable->pty_fd))
    return vmm_set_errno_error (error, errno, "Can't make a terminal for the serial port %s", cable->path);
  cable->door_fd = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
  if (cable->door_fd < 0 || inotify_add_watch (cable->door_fd, name, IN_OPEN) < 0)
    return vmm_set_errno_error (error, errno, "Can't watch the serial port's terminal %s", name);
  if (!make_link (cable, name, error))
    return false;
  serial_door_watch (cable);
  return true;
}

/* --- sockets --- */

/* One at a time: who comes while another is there is sent away. */
static void
on_knock (void *part, int fd, GIOCondition condition)
{
  SerialCable *cable = part;
  int client = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (client < 0)
    return;
  if (serial_cable_is_connected (cable) && serial_cable_is_deserted (cable))
    serial_cable_disconnect (cable);
  if (!serial_cable_is_connected (cable))
    serial_cable_connect (cable, client, client);
  else
    {
      TRACE (cable->device, "cable", "in use: another was sent away");
      close (client);
    }
}

/* A socket's name is short, its path may not be: the folder is named by a descriptor. */
static bool
fill_address (struct sockaddr_un *address, int folder, const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  return g_snprintf (address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", folder, name)
         < (int)sizeof address->sun_path;
}

/* Left over by a machine that was killed: nobody answers. */
static void
remove_stale (const struct sockaddr_un *address)
{
  struct stat st;
  int fd;

  if (lstat (address->sun_path, &st) < 0 || !S_ISSOCK (st.st_mode))
    return;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect (fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED)
    unlink (address->sun_path);
  if (fd >= 0)
    close (fd);
}

static bool
listen_at (SerialCable *cable, int folder)
{
  struct sockaddr_un address;

  if (!fill_address (&address, folder, cable->path))
    {
      errno = ENAMETOOLONG;
      return false;
    }
  remove_stale (&address);
  cable->door_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (cable->door_fd < 0 || bind (cable->door_fd, (struct sockaddr *)&address, sizeof address) < 0)
    return false;
  cable->made_path = true;
  /* Its user's alone. */
  return chmod (address.sun_path, 0600) == 0 && listen (cable->door_fd, BACKLOG) == 0;
}

bool
serial_socket_open (SerialCable *cable, GError **error)
{
  g_autofree char *folder_path = g_path_get_dirname (cable->path);
  int folder = open (folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  bool good = folder >= 0 && listen_at (cable, folder);
  int saved_errno = errno;

  if (folder >= 0)
    close (folder);
  if (!good)
    return vmm_set_errno_error (error, saved_errno, "Can't listen for the serial port at %s", cable->path);
  serial_door_watch (cable);
  return true;
}

/* --- either --- */

void
serial_door_watch (SerialCable *cable)
{
  cable->door_watch = device_watch_fd_for_part (
    cable->device, cable->door_fd, G_IO_IN, cable->config.kind == CABLE_PTY ? on_opened : on_knock, cable);
}
