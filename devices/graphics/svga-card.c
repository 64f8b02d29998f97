/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga.h"

#include "devices/graphics/svga-private.h"

#define SVGA_ROM "vgabios-stdvga.bin"

/* The card 1234:1111: the VGA and nothing else. */
typedef struct {
  PciDevice pci;
  Svga vga;
} SvgaCard;

static bool
card_realize (Device *device, const void *config, GError **error)
{
  static const PciIdentity identity = {
    .vendor = 0x1234,
    .device = 0x1111,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x030000,
    .revision = 2,
  };
  const SvgaConfig *c = config;
  SvgaCard *card = (SvgaCard *)device;

  if (!pci_realize (&card->pci, &c->place, &identity, error)
      || !svga_realize (&card->vga, &card->pci, c->video_memory_mib, SVGA_ROM, c->screen, error))
    return false;
  if (c->screen)
    screen_set_source (c->screen, &svga_screen_source, &card->vga);
  return true;
}

static void
card_unrealize (Device *device)
{
  SvgaCard *card = (SvgaCard *)device;

  if (card->vga.screen)
    screen_set_source (card->vga.screen, NULL, NULL);
  svga_unrealize (&card->vga);
  pci_unrealize (&card->pci);
}

static void
card_reset (Device *device)
{
  SvgaCard *card = (SvgaCard *)device;

  pci_reset (&card->pci);
  svga_reset (&card->vga);
}

static const StateField card_fields[] = {
  STATE_STRUCT (SvgaCard, pci, &pci_device_state, 1),
  STATE_STRUCT (SvgaCard, vga, &svga_state, 1),
  STATE_END,
};

static const StateTable card_state = {
  .name = "svga",
  .version = 1,
  .fields = card_fields,
  .object_size = sizeof (SvgaCard),
};

const VgaCardClass svga_class = {
  .device = {
    .id = "svga",
    .size = sizeof (SvgaCard),
    .realize = card_realize,
    .unrealize = card_unrealize,
    .reset = card_reset,
    .state = &card_state,
  },
  .vga_offset = offsetof (SvgaCard, vga),
};
