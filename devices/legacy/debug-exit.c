/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/debugcon.h"

#define DEBUG_EXIT_PORT 0xf4

static uint64_t
debug_exit_read (Device *device, uint64_t offset, unsigned size)
{
  return 0;
}

static void
debug_exit_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  board_request (device->board, BOARD_REQUEST_EXIT, (int)((value << 1 | 1) & 0xff), NULL);
}

static const BusOps debug_exit_ops = { .read = debug_exit_read, .write = debug_exit_write };

static bool
debug_exit_realize (Device *device, const void *config, GError **error)
{
  device_add_ports (device, &debug_exit_ops, DEBUG_EXIT_PORT, 4);
  return true;
}

const DeviceClass debug_exit_class = {
  .id = "debug-exit",
  .size = sizeof (Device),
  .realize = debug_exit_realize,
};
