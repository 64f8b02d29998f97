/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/virtio/virtio-input.h"

/* After the PS/2 ones: the hub prefers the newest whose driver is there. */
bool
pc_add_input (Pc *pc, GError **error)
{
  const VirtioInputConfig keyboard = { .place = pc_place (pc, PC_SLOT_INPUT, 0),
                                       .kind = VIRTIO_INPUT_KEYBOARD,
                                       .hub = pc->input };
  const VirtioInputConfig tablet = { .place = pc_place (pc, PC_SLOT_INPUT, 1),
                                     .kind = VIRTIO_INPUT_TABLET,
                                     .hub = pc->input };

  return !pc->spec->virtio_input
         || (board_add (pc->board, &virtio_input_class, "keyboard0", &keyboard, error)
             && board_add (pc->board, &virtio_input_class, "tablet0", &tablet, error));
}
