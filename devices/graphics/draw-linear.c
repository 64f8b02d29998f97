/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include "vmm/base/bytes.h"

#include <string.h>

/* Packed modes. With 32 bits per pixel the surface is video memory itself and only damage is told. */

static void
convert_8 (const Svga *svga, const uint8_t *from, unsigned width, uint32_t *to)
{
  for (unsigned i = 0; i < width; i++)
    to[i] = svga->colors[from[i]];
}

static void
convert_15 (const uint8_t *from, unsigned width, uint32_t *to)
{
  for (unsigned i = 0; i < width; i++)
    {
      uint32_t p = load_le16 (from + 2 * i);
      uint32_t r = p >> 10 & 0x1f, g = p >> 5 & 0x1f, b = p & 0x1f;

      to[i] = (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
    }
}

static void
convert_16 (const uint8_t *from, unsigned width, uint32_t *to)
{
  for (unsigned i = 0; i < width; i++)
    {
      uint32_t p = load_le16 (from + 2 * i);
      uint32_t r = p >> 11, g = p >> 5 & 0x3f, b = p & 0x1f;

      to[i] = (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
    }
}

static void
convert_24 (const uint8_t *from, unsigned width, uint32_t *to)
{
  for (unsigned i = 0; i < width; i++, from += 3)
    to[i] = from[0] | from[1] << 8 | from[2] << 16;
}

static void
convert_line (const Svga *svga, const uint8_t *from, uint32_t *to)
{
  unsigned width = svga->mode.width;

  switch (svga->mode.bpp)
    {
    case 8:
      convert_8 (svga, from, width, to);
      break;
    case 15:
      convert_15 (from, width, to);
      break;
    case 16:
      convert_16 (from, width, to);
      break;
    case 24:
      convert_24 (from, width, to);
      break;
    default: /* 32: borrowed, or copied where memory is no whole pixels */
      memcpy (to, from, 4 * (size_t)width);
      break;
    }
}

void
svga_draw_linear (Svga *svga, Damage *damage)
{
  const SvgaMode *mode = &svga->mode;
  uint64_t line_size = (uint64_t)mode->width * ((mode->bpp + 7) / 8);
  bool borrowed = svga->surface->pixels == (uint32_t *)(svga->memory + mode->offset);
  DamageRun run = { .damage = damage };

  for (unsigned y = 0; y < mode->height; y++)
    {
      uint64_t offset = mode->offset + (uint64_t)y * mode->stride;

      if (offset + line_size > svga->memory_size)
        break;
      if (!svga->redraw && !svga_is_dirty (svga, offset, line_size))
        continue;
      if (borrowed)
        damage_run_add (&run, 0, mode->width, y);
      else
        {
          convert_line (svga, svga->memory + offset, svga->scratch);
          svga_put_line (svga, &run, y, svga->scratch);
        }
    }
  damage_run_end (&run);
}
