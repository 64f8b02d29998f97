/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include <string.h>

/* Mode 3 as a BIOS sets it: IBM VGA Technical Reference, "VGA Registers, Mode 3+". */
static const uint8_t mode3_seq[SEQ_COUNT] = { 0x03, 0x00, 0x03, 0x00, 0x02 };
static const uint8_t mode3_crtc[CRTC_COUNT] = {
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
  0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
};
static const uint8_t mode3_gfx[GFX_COUNT] = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff };
static const uint8_t mode3_attr[ATTR_COUNT] = {
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
  0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00,
};

#define FONT_HEIGHT 16
#define FONT_CHARS  256

/* A ROM has the 8x16 font of code page 437 somewhere: the smiley after the blank, and the letter A. */
static const uint8_t *
find_font (MemoryBank *rom)
{
  static const uint8_t start[2 * FONT_HEIGHT] = {
    [FONT_HEIGHT] = 0x00, 0x00, 0x7e, 0x81, 0xa5, 0x81, 0x81, 0xbd, 0x99, 0x81, 0x81, 0x7e,
  };
  static const uint8_t letter[FONT_HEIGHT] = {
    0x00, 0x00, 0x10, 0x38, 0x6c, 0xc6, 0xc6, 0xfe, 0xc6, 0xc6, 0xc6, 0xc6,
  };
  const uint8_t *p = memory_bank_data (rom), *end = p + memory_bank_size (rom);

  while ((p = memmem (p, end - p, start, sizeof start)) && end - p >= FONT_HEIGHT * FONT_CHARS)
    {
      if (memcmp (p + FONT_HEIGHT * 'A', letter, sizeof letter) == 0)
        return p;
      p++;
    }
  return NULL;
}

/* The 64 colours of an EGA, which attribute registers name by their bits rgbRGB. */
static void
fill_palette (Svga *svga)
{
  for (unsigned i = 0; i < 64; i++)
    for (unsigned c = 0; c < 3; c++)
      svga->palette[3 * i + c] = (i >> (2 - c) & 1 ? 0x2a : 0) + (i >> (5 - c) & 1 ? 0x15 : 0);
  memset (svga->palette + 3 * 64, 0, sizeof svga->palette - 3 * 64);
}

static void
fill_planes (Svga *svga)
{
  const uint8_t *font = svga->pci->rom ? find_font (svga->pci->rom) : NULL;

  for (unsigned i = 0; i < VGA_PLANE_SIZE; i++)
    {
      uint8_t word[4] = { i & 1 ? 0 : ' ', i & 1 ? 0 : 0x07, 0, 0 };

      if (font && i < 32 * FONT_CHARS && i % 32 < FONT_HEIGHT)
        word[2] = font[FONT_HEIGHT * (i / 32) + i % 32];
      memcpy (svga->memory + 4 * i, word, sizeof word);
    }
  if (!font)
    TRACE (svga->device, "font", "the BIOS ROM has no 8x16 font");
  svga->fonts_changed = true;
  svga_memory_written (svga, 0, 4 * VGA_PLANE_SIZE);
}

void
svga_set_text_mode (Device *device)
{
  Svga *svga = SVGA (device);

  device_lock (device);
  vga_window_drop (svga);
  vga_reset_registers (svga);
  vbe_reset (svga);
  svga->misc = 0x67;
  memcpy (svga->seq, mode3_seq, sizeof svga->seq);
  memcpy (svga->crtc, mode3_crtc, sizeof svga->crtc);
  memcpy (svga->gfx, mode3_gfx, sizeof svga->gfx);
  memcpy (svga->attr, mode3_attr, sizeof svga->attr);
  svga->attr_index = ATTR_INDEX_SOURCE;
  fill_palette (svga);
  fill_planes (svga);
  vga_window_update (svga);
  svga_changed_colors (svga);
  svga_changed_mode (svga);
  device_unlock (device);
}
