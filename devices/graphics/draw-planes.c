/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include "vmm/base/bytes.h"

#include <string.h>

/* Graphics modes whose pixels are spread over planes: CGA, EGA, VGA and VBE with 4 bits per pixel. */

typedef struct {
  Svga *svga;
  uint32_t palette[16];
  unsigned shift; /* GFX_MODE_SHIFT */
  unsigned enable; /* color plane enable */
  bool wide;      /* two dots make one pixel of 8 bits */
} PlanePainter;

static void
painter_init (PlanePainter *painter, Svga *svga)
{
  *painter = (PlanePainter){
    .svga = svga,
    .shift = svga->gfx[GFX_MODE] & GFX_MODE_SHIFT,
    .enable = svga->attr[ATTR_PLANES] & 0x0f,
    .wide = svga->attr[ATTR_MODE] & ATTR_MODE_8BIT,
  };
  for (unsigned i = 0; i < 16; i++)
    painter->palette[i] = svga->colors[svga->attributes[i]];
}

/* The four-bit dots that the shift registers put out for one word of video memory. */
static void
shift_out (unsigned shift, uint32_t word, uint8_t dots[8])
{
  for (unsigned i = 0; i < 8; i++)
    {
      if (shift & 0x40)
        dots[i] = word >> (8 * (i / 2)) >> (i & 1 ? 0 : 4) & 0x0f;
      else if (shift & 0x20)
        {
          /* Planes 0 and 2 give the first four pixels, two bits each, 1 and 3 the others. */
          unsigned at = (i & 4 ? 8 : 0) + 6 - 2 * (i & 3);

          dots[i] = (word >> at & 3) | (word >> (at + 16) & 3) << 2;
        }
      else
        dots[i] = (word >> (7 - i) & 1) | (word >> (15 - i) & 1) << 1 | (word >> (23 - i) & 1) << 2
                  | (word >> (31 - i) & 1) << 3;
    }
}

static void
paint_word (const PlanePainter *painter, uint32_t word, unsigned repeat, uint32_t *pixels)
{
  uint8_t dots[8];

  shift_out (painter->shift, word, dots);
  for (unsigned i = 0; i < 8; i++)
    {
      uint32_t color;

      if (painter->wide)
        color = painter->svga->colors[(dots[i & ~1u] << 4 | dots[i | 1])];
      else
        color = painter->palette[dots[i] & painter->enable];
      for (unsigned r = 0; r < repeat; r++)
        *pixels++ = color;
    }
}

/* --- VGA modes --- */

static unsigned
counter_shift (const Svga *svga)
{
  if (svga->crtc[CRTC_UNDERLINE] & CRTC_UNDERLINE_COUNT4)
    return 2;
  return svga->crtc[CRTC_MODE] & CRTC_MODE_COUNT2 ? 1 : 0;
}

/* Whether lines @a and @b show the same, as in double scan modes. */
static bool
is_copy (const Svga *svga, const SvgaLine *a, const SvgaLine *b)
{
  unsigned significant = (svga->crtc[CRTC_MODE] & CRTC_MODE_NO_CGA ? 0 : 1)
                         | (svga->crtc[CRTC_MODE] & CRTC_MODE_NO_HERCULES ? 0 : 2);

  return a->counter == b->counter && a->pan == b->pan && ((a->row_scan ^ b->row_scan) & significant) == 0;
}

static bool
line_is_dirty (const Svga *svga, const SvgaLine *line)
{
  unsigned last = svga->mode.columns >> counter_shift (svga);
  unsigned from = svga_plane_address (svga, line->counter, line->row_scan);
  unsigned to = svga_plane_address (svga, line->counter + last, line->row_scan);

  /* Wrapped around the end of the planes: not worth the thought. */
  if (to < from)
    return true;
  return svga_is_dirty (svga, 4 * (uint64_t)from, 4 * (uint64_t)(to - from + 2));
}

static void
paint_line (const PlanePainter *painter, const SvgaLine *line)
{
  Svga *svga = painter->svga;
  const SvgaMode *mode = &svga->mode;
  unsigned shift = counter_shift (svga), pitch = 8 * mode->repeat;

  for (unsigned i = 0; i < mode->columns + (line->pan ? 1 : 0); i++)
    {
      unsigned address = svga_plane_address (svga, line->counter + (i >> shift), line->row_scan);

      paint_word (painter, load_le32 (svga->memory + 4 * address), mode->repeat, svga->scratch + i * pitch);
    }
}

void
svga_draw_graphics (Svga *svga, Damage *damage)
{
  DamageRun run = { .damage = damage };
  PlanePainter painter;
  const SvgaLine *painted = NULL;

  painter_init (&painter, svga);
  for (unsigned y = 0; y < svga->mode.height; y++)
    {
      const SvgaLine *line = &svga->lines[y];

      if (!svga->redraw && !line_is_dirty (svga, line))
        continue;
      if (!painted || !is_copy (svga, painted, line))
        paint_line (&painter, line);
      painted = line;
      svga_put_line (svga, &run, y, svga->scratch + line->pan);
    }
  damage_run_end (&run);
}

/* --- VBE, 4 bits per pixel --- */

void
svga_draw_vbe_planar (Svga *svga, Damage *damage)
{
  const SvgaMode *mode = &svga->mode;
  unsigned words = mode->width / 8 + (mode->x_offset ? 1 : 0);
  DamageRun run = { .damage = damage };
  PlanePainter painter;

  painter_init (&painter, svga);
  painter.shift = 0;
  painter.wide = false;
  for (unsigned y = 0; y < mode->height; y++)
    {
      uint64_t word = mode->offset + (uint64_t)y * mode->stride;

      if (4 * (word + words) > svga->memory_size)
        break;
      if (!svga->redraw && !svga_is_dirty (svga, 4 * word, 4 * words))
        continue;
      for (unsigned i = 0; i < words; i++)
        paint_word (&painter, load_le32 (svga->memory + 4 * (word + i)), 1, svga->scratch + 8 * i);
      svga_put_line (svga, &run, y, svga->scratch + mode->x_offset);
    }
  damage_run_end (&run);
}
