/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/virtio-vga.h"

#include "devices/graphics/svga-private.h"
#include "devices/virtio/virtio-gpu-private.h"

#define VIRTIO_VGA_ROM "vgabios-virtio.bin"

typedef struct {
  VirtioGpu gpu;
  Svga vga;
} VirtioVga;

static const VirtioClass vga_virtio = {
  .id = VIRTIO_ID_GPU,
  .class_code = 0x030000,
  .first_bar = 4,
  .kick = virtio_gpu_kick,
  .config_write = virtio_gpu_config_write,
  .reset = virtio_gpu_reset,
};

static bool
card_realize (Device *device, const void *config, GError **error)
{
  const VirtioVgaConfig *c = config;
  VirtioVga *card = (VirtioVga *)device;

  card->gpu.fallback = &svga_screen_source;
  card->gpu.fallback_data = &card->vga;
  if (!virtio_gpu_realize (&card->gpu, &vga_virtio, &c->gpu, error)
      || !svga_realize (&card->vga, &card->gpu.virtio.pci, c->video_memory_mib, VIRTIO_VGA_ROM,
                        c->gpu.screens[0], error))
    return false;
  virtio_gpu_attach_screens (&card->gpu);
  return true;
}

static void
card_unrealize (Device *device)
{
  VirtioVga *card = (VirtioVga *)device;

  virtio_gpu_detach_screens (&card->gpu);
  svga_unrealize (&card->vga);
  virtio_gpu_unrealize (&card->gpu);
}

static void
card_reset (Device *device)
{
  VirtioVga *card = (VirtioVga *)device;

  virtio_reset (device);
  svga_reset (&card->vga);
}

static const StateField card_fields[] = {
  STATE_STRUCT (VirtioVga, gpu, &virtio_gpu_state, 1),
  STATE_STRUCT (VirtioVga, vga, &svga_state, 1),
  STATE_END,
};

static const StateTable card_state = {
  .name = "virtio-vga",
  .version = 1,
  .fields = card_fields,
  .object_size = sizeof (VirtioVga),
};

const VgaCardClass virtio_vga_class = {
  .device = {
    .id = "virtio-vga",
    .size = sizeof (VirtioVga),
    .realize = card_realize,
    .unrealize = card_unrealize,
    .reset = card_reset,
    .stopped = virtio_stopped,
    .started = virtio_started,
    .state = &card_state,
  },
  .vga_offset = offsetof (VirtioVga, vga),
};
