/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"
#include "display/screen/screen.h"

#include <glib.h>

G_BEGIN_DECLS

/* The class of a card with a VGA in it. */
typedef struct {
  DeviceClass device;
  size_t vga_offset; /* where the VGA's part lies in the device's struct */
} VgaCardClass;

/*
 * Svga: a VGA-compatible PCI display card (1234:1111) with a linear frame buffer and the Bochs VBE
 * extension ("DISPI"): text, CGA, EGA and VGA modes, and packed modes of 4 to 32 bits per pixel.
 * Its BIOS is SeaVGABIOS from the distribution's package "seabios".
 *
 *   BAR0  video memory          0xa0000-0xbffff  legacy window
 *   BAR2  +0x000 EDID           0x3b0-0x3df      VGA registers
 *         +0x400 VGA registers  0x1ce-0x1d1      VBE index and data
 *         +0x500 VBE registers
 *         +0x600 byte order
 *
 * Threading: an ordinary device. It draws on the screen's context, which should be the board's loop.
 */
typedef struct {
  PciPlace place;
  unsigned video_memory_mib; /* a power of two, 1..256; 0 means 16 */
  Screen *screen;            /* (nullable): the card keeps a reference; NULL: nobody will look */
} SvgaConfig;

extern const VgaCardClass svga_class;

/**
 * svga_set_text_mode:
 * @card: a device of some VgaCardClass
 *
 * Puts the card into mode 3 (80x25, 8x16 font of its BIOS ROM, the standard palette, cleared) as a
 * firmware would: for machines that boot a kernel without one. Any thread, vCPUs parked.
 */
void svga_set_text_mode (Device *card);

G_END_DECLS
