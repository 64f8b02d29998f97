/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/virtio-vga.h"
#include "devices/platform/pc-private.h"

/* Graphics card 01.0, a VGA of either kind, and a screen for each of its heads. */

static bool
add_vga (Pc *pc, const MachineSpec *spec, GError **error)
{
  const SvgaConfig config = { pc_place (pc, PC_SLOT_SVGA, 0), spec->video_memory, pc->screens[0] };

  pc->svga = board_add (pc->board, &svga_class.device, NULL, &config, error);
  return pc->svga != NULL;
}

static bool
add_virtio_vga (Pc *pc, const MachineSpec *spec, GError **error)
{
  VirtioVgaConfig config = {
    .gpu = { .place = pc_place (pc, PC_SLOT_SVGA, 0), .n_heads = spec->heads },
    .video_memory_mib = spec->video_memory,
  };

  for (unsigned i = 0; i < spec->heads; i++)
    config.gpu.screens[i] = pc->screens[i];
  pc->svga = board_add (pc->board, &virtio_vga_class.device, NULL, &config, error);
  return pc->svga != NULL;
}

bool
pc_add_display (Pc *pc, GError **error)
{
  const MachineSpec *spec = pc->spec;

  if (spec->video_memory == 0)
    return true;
  for (unsigned i = 0; i < spec->heads; i++)
    {
      g_autofree char *name = g_strdup_printf ("screen%u", i);

      pc->screens[pc->n_screens++] = screen_new (name, loop_context (pc->board->loop));
    }
  return spec->graphics == GRAPHICS_VIRTIO ? add_virtio_vga (pc, spec, error) : add_vga (pc, spec, error);
}
