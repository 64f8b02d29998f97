/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/serial-cable-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Pipes and terminals that poll as writable take this much without blocking (POSIX PIPE_BUF). */
#define WRITE_CHUNK 512

/* --- who is at the other end --- */

static void
on_input (void *part, int fd, GIOCondition condition)
{
  SerialCable *cable = part;

  cable->events->input (cable->device);
}

static void
on_room (void *part, int fd, GIOCondition condition)
{
  SerialCable *cable = part;

  cable->events->room (cable->device);
}

void
serial_cable_connect (SerialCable *cable, int in_fd, int out_fd)
{
  cable->in_fd = in_fd;
  cable->out_fd = out_fd;
  if (in_fd >= 0)
    cable->in_watch =
      device_watch_fd_for_part (cable->device, in_fd, cable->wants_input ? G_IO_IN : 0, on_input, cable);
  if (out_fd >= 0)
    cable->out_watch =
      device_watch_fd_for_part (cable->device, out_fd, cable->wants_room ? G_IO_OUT : 0, on_room, cable);
  TRACE (cable->device, "cable", "connected");
}

static void
stop_watching (SerialCable *cable)
{
  g_clear_pointer (&cable->in_watch, device_watch_free);
  g_clear_pointer (&cable->out_watch, device_watch_free);
}

/* The device is told that there is room, since what it has is lost. */
void
serial_cable_disconnect (SerialCable *cable)
{
  if (!serial_cable_is_connected (cable))
    return;
  stop_watching (cable);
  if (cable->closes && cable->in_fd >= 0 && cable->in_fd != cable->out_fd)
    close (cable->in_fd);
  if (cable->closes && cable->out_fd >= 0)
    close (cable->out_fd);
  cable->in_fd = cable->out_fd = -1;
  TRACE (cable->device, "cable", "disconnected");
  if (cable->wants_room)
    device_call (cable->device, cable->events->room);
}

bool
serial_cable_is_connected (const SerialCable *cable)
{
  return cable->in_fd >= 0 || cable->out_fd >= 0;
}

/* They may have gone without having been noticed, while nothing was read. */
bool
serial_cable_is_deserted (const SerialCable *cable)
{
  struct pollfd pfd = { .fd = cable->in_fd };

  return poll (&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLERR));
}

/* --- bytes --- */

/* Who has nothing more to say may still listen. */
static void
end_input (SerialCable *cable)
{
  if (cable->config.kind == CABLE_FDS
      || (cable->config.kind != CABLE_PTY && !serial_cable_is_deserted (cable)))
    g_clear_pointer (&cable->in_watch, device_watch_free);
  else
    serial_cable_disconnect (cable);
}

size_t
serial_cable_read (SerialCable *cable, uint8_t *bytes, size_t size)
{
  ssize_t n;

  if (!cable->in_watch || size == 0)
    return 0;
  n = read (cable->in_fd, bytes, size);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
    end_input (cable);
  return MAX (n, 0);
}

static bool
is_writable (int fd)
{
  struct pollfd pfd = { .fd = fd, .events = POLLOUT };

  return poll (&pfd, 1, 0) == 1 && (pfd.revents & (POLLOUT | POLLERR | POLLHUP));
}

static ssize_t
write_some (SerialCable *cable, const uint8_t *bytes, size_t size)
{
  if (cable->config.kind == CABLE_SOCKET || cable->config.kind == CABLE_CONSOLE)
    return send (cable->out_fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  return write (cable->out_fd, bytes, MIN (size, WRITE_CHUNK));
}

size_t
serial_cable_write (SerialCable *cable, const uint8_t *bytes, size_t size)
{
  size_t done = 0;

  while (done < size && cable->out_fd >= 0 && is_writable (cable->out_fd))
    {
      ssize_t n = write_some (cable, bytes + done, size - done);

      if (n < 0 && (errno == EINTR || errno == EAGAIN))
        break;
      if (n >= 0)
        done += n;
      else if (cable->config.kind == CABLE_FDS)
        done = size; /* nobody listens: lost, as on a cable with a loose end */
      else
        serial_cable_disconnect (cable);
    }
  if (cable->out_fd < 0)
    done = size;
  serial_history_add (cable, bytes, done);
  return done;
}

void
serial_cable_watch_input (SerialCable *cable, bool watch)
{
  if (cable->wants_input == watch)
    return;
  cable->wants_input = watch;
  if (cable->in_watch)
    loop_watch_set_condition (cable->in_watch, watch ? G_IO_IN : 0);
}

void
serial_cable_watch_room (SerialCable *cable, bool watch)
{
  if (cable->wants_room == watch)
    return;
  cable->wants_room = watch;
  if (cable->out_watch)
    loop_watch_set_condition (cable->out_watch, watch ? G_IO_OUT : 0);
}

bool
serial_cable_plug (SerialCable *cable, int fd, bool force, GError **error)
{
  if (cable->config.kind != CABLE_CONSOLE)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "The serial port goes elsewhere: its kind must be \"console\".");
      return false;
    }
  if (serial_cable_is_connected (cable) && !force && !serial_cable_is_deserted (cable))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                   "The serial port's console is in use; --force takes it over.");
      return false;
    }
  if (!g_unix_set_fd_nonblocking (fd, TRUE, error))
    return false;
  serial_cable_disconnect (cable);
  serial_history_replay (cable, fd);
  serial_cable_connect (cable, fd, fd);
  return true;
}

/* --- from one device to another --- */

SerialCableEnd
serial_cable_give (SerialCable *cable)
{
  SerialCableEnd end = { cable->in_fd,     cable->out_fd,  cable->pty_fd, cable->door_fd,
                         cable->made_path, cable->history, cable->written };

  stop_watching (cable);
  g_clear_pointer (&cable->door_watch, device_watch_free);
  cable->in_fd = cable->out_fd = cable->pty_fd = cable->door_fd = -1;
  cable->made_path = false;
  cable->history = NULL;
  cable->written = 0;
  if (cable->wants_room)
    device_call (cable->device, cable->events->room);
  return end;
}

void
serial_cable_take (SerialCable *cable, SerialCableEnd end)
{
  g_free (cable->history);
  cable->pty_fd = end.pty_fd;
  cable->door_fd = end.door_fd;
  cable->made_path = end.made_path;
  cable->history = end.history;
  cable->written = end.written;
  if (cable->door_fd >= 0)
    serial_door_watch (cable);
  if (end.in_fd >= 0 || end.out_fd >= 0)
    serial_cable_connect (cable, end.in_fd, end.out_fd);
  device_call (cable->device, cable->events->room);
}

/* --- life --- */

SerialCable *
serial_cable_new (Device *device, const SerialCableEvents *events, const SerialCableConfig *config,
                  GError **error)
{
  SerialCable *cable = g_new0 (SerialCable, 1);
  bool made = true;

  cable->device = device;
  cable->events = events;
  cable->config = *config;
  cable->config.path = cable->path = g_strdup (config->path);
  cable->in_fd = cable->out_fd = cable->pty_fd = cable->door_fd = -1;
  cable->closes = config->kind == CABLE_FDS ? config->close_fds : config->kind != CABLE_PTY;
  if (config->kind == CABLE_FDS)
    serial_cable_connect (cable, config->in_fd, config->out_fd);
  else if (config->kind == CABLE_PTY && !config->later)
    made = serial_pty_open (cable, error);
  else if (config->kind == CABLE_SOCKET && !config->later)
    made = serial_socket_open (cable, error);
  if (made)
    return cable;
  serial_cable_free (cable);
  return NULL;
}

void
serial_cable_free (SerialCable *cable)
{
  if (!cable)
    return;
  cable->wants_room = false;
  serial_cable_disconnect (cable);
  device_watch_free (cable->door_watch);
  if (cable->door_fd >= 0)
    close (cable->door_fd);
  if (cable->pty_fd >= 0)
    close (cable->pty_fd);
  if (cable->made_path)
    unlink (cable->path);
  g_free (cable->history);
  g_free (cable->path);
  g_free (cable);
}
