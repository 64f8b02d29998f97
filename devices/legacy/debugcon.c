/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/debugcon.h"

#include <errno.h>
#include <unistd.h>

#define DEBUGCON_PORT    0x402
#define DEBUGCON_PRESENT 0xe9
#define DEBUGCON_BUFFER  1024

typedef struct {
  Device device;
  int out_fd;
  uint8_t buffer[DEBUGCON_BUFFER];
  unsigned count;
} Debugcon;

static void
debugcon_flush (Device *device)
{
  Debugcon *con = (Debugcon *)device;

  for (unsigned done = 0; done < con->count;)
    {
      ssize_t n = write (con->out_fd, con->buffer + done, con->count - done);

      if (n < 0 && errno != EINTR)
        break; /* a log that can't be kept must not stop the guest */
      done += MAX (n, 0);
    }
  con->count = 0;
}

static uint64_t
debugcon_read (Device *device, uint64_t offset, unsigned size)
{
  return DEBUGCON_PRESENT;
}

/* Lines go out whole: one system call a line rather than one a character. */
static void
debugcon_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Debugcon *con = (Debugcon *)device;

  if (con->out_fd < 0)
    return;
  con->buffer[con->count++] = value;
  if (con->count == DEBUGCON_BUFFER || value == '\n')
    debugcon_flush (device);
}

static const BusOps debugcon_ops = { .read = debugcon_read, .write = debugcon_write, .max_size = 1 };

static bool
debugcon_realize (Device *device, const void *config, GError **error)
{
  ((Debugcon *)device)->out_fd = ((const DebugconConfig *)config)->out_fd;
  device_add_ports (device, &debugcon_ops, DEBUGCON_PORT, 1);
  return true;
}

static void
debugcon_unrealize (Device *device)
{
  Debugcon *con = (Debugcon *)device;

  if (con->out_fd < 0)
    return;
  debugcon_flush (device);
  close (con->out_fd);
}

const DeviceClass debugcon_class = {
  .id = "debugcon",
  .size = sizeof (Debugcon),
  .realize = debugcon_realize,
  .unrealize = debugcon_unrealize,
};
