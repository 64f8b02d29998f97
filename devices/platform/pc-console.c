/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/virtio/virtio-console.h"

bool
pc_add_console (Pc *pc, GError **error)
{
  const AgentsSpec *agents = &pc->spec->agents;
  VirtioConsoleConfig config = {
    .place = pc_place (pc, PC_SLOT_CONSOLE, 0),
    .cable = { .kind = CABLE_CONSOLE, .in_fd = -1, .out_fd = -1 },
  };
  unsigned n = 0;

  if (agents->guest)
    config.channels[n++] = CHANNEL_GUEST_AGENT;
  if (agents->desktop)
    config.channels[n++] = CHANNEL_DESKTOP_AGENT;
  pc->console = board_add (pc->board, &virtio_console_class, NULL, &config, error);
  return pc->console != NULL;
}

Channel *
pc_channel (Pc *pc, const char *name)
{
  return virtio_console_channel (pc->console, name);
}

void
pc_resize_console (Pc *pc, uint16_t columns, uint16_t rows)
{
  virtio_console_resize (pc->console, columns, rows);
}
