/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include <string.h>

/* Text: IBM VGA Technical Reference, "Alphanumeric Modes" and "Character Map Select Register". */

/* A cell as it was drawn: character, attribute, and what else its look depends on. */
#define CELL_CURSOR  (1u << 16)
#define CELL_HIDDEN  (1u << 17) /* blinking, in its dark half */

/* A row of characters: scan lines one after another with one address. */
typedef struct {
  unsigned y, n_lines;
} Row;

typedef struct {
  Svga *svga;
  unsigned font[2]; /* offset in plane 2 of the fonts for attribute bit 3 off and on */
  unsigned cursor;  /* address, or none */
  unsigned cursor_from, cursor_to; /* row scans */
  bool cursor_shown;
  bool dark_half;
  uint8_t mode; /* attribute mode register */
} TextPainter;

static unsigned
font_offset (unsigned select)
{
  return (select & 3) * 0x4000 + (select & 4 ? 0x2000 : 0);
}

static bool
cursor_enabled (const Svga *svga)
{
  return !(svga->crtc[CRTC_CURSOR_START] & CRTC_CURSOR_START_OFF)
         && (svga->crtc[CRTC_CURSOR_START] & 0x1f) <= (svga->crtc[CRTC_CURSOR_END] & 0x1f);
}

static void
painter_init (TextPainter *painter, Svga *svga)
{
  uint8_t select = svga->seq[SEQ_FONT];
  const uint8_t *crtc = svga->crtc;

  *painter = (TextPainter){
    .svga = svga,
    .font = { font_offset ((select & 3) | (select >> 2 & 4)), font_offset ((select >> 2 & 3) | (select >> 3 & 4)) },
    .cursor = ((crtc[CRTC_CURSOR_HIGH] << 8 | crtc[CRTC_CURSOR_LOW]) + (crtc[CRTC_CURSOR_END] >> 5 & 3)) & 0xffff,
    .cursor_from = crtc[CRTC_CURSOR_START] & 0x1f,
    .cursor_to = crtc[CRTC_CURSOR_END] & 0x1f,
    .cursor_shown = cursor_enabled (svga) && !(svga->blink_phase & 1),
    .dark_half = svga->blink_phase & 2,
    .mode = svga->attr[ATTR_MODE],
  };
}

static uint32_t
attribute_color (const Svga *svga, unsigned index)
{
  return svga->colors[svga->attributes[index & svga->attr[ATTR_PLANES] & 0x0f]];
}

/* The nine or eight dots of one line of a cell, most significant of nine first. */
static unsigned
cell_dots (const TextPainter *painter, uint32_t cell, unsigned row_scan)
{
  const Svga *svga = painter->svga;
  unsigned character = cell & 0xff, attribute = cell >> 8 & 0xff;
  unsigned address = painter->font[attribute >> 3 & 1] + character * 32 + row_scan;
  unsigned dots = svga->memory[4 * address + 2] << 1;

  if ((painter->mode & ATTR_MODE_LINE_COPY) && character >= 0xc0 && character <= 0xdf)
    dots |= dots >> 1 & 1;
  if (cell & CELL_HIDDEN)
    dots = 0;
  /* Underline: attribute xxxxx001 in monochrome modes. */
  if ((painter->mode & ATTR_MODE_MONO) && (attribute & 7) == 1
      && row_scan == (svga->crtc[CRTC_UNDERLINE] & 0x1fu))
    dots = 0x1ff;
  if ((cell & CELL_CURSOR) && row_scan >= painter->cursor_from && row_scan <= painter->cursor_to)
    dots = 0x1ff;
  return dots;
}

static void
draw_cell (const TextPainter *painter, const Row *row, int x, uint32_t cell)
{
  const Svga *svga = painter->svga;
  const SvgaMode *mode = &svga->mode;
  unsigned attribute = cell >> 8 & 0xff;
  bool blinks = painter->mode & ATTR_MODE_BLINK;
  uint32_t foreground = attribute_color (svga, attribute & 0x0f);
  uint32_t background = attribute_color (svga, attribute >> 4 & (blinks ? 7 : 15));
  int n_pixels = mode->dots * mode->repeat, from = MAX (0, -x), to = MIN (n_pixels, (int)mode->width - x);

  for (unsigned y = row->y; y < row->y + row->n_lines; y++)
    {
      unsigned dots = cell_dots (painter, cell, svga->lines[y].row_scan);
      uint32_t *pixels = (uint32_t *)((uint8_t *)svga->surface->pixels + (size_t)y * svga->surface->stride);

      for (int i = from; i < to; i++)
        pixels[x + i] = dots & (0x100u >> (i / mode->repeat)) ? foreground : background;
    }
}

static uint32_t
read_cell (const TextPainter *painter, unsigned counter)
{
  const Svga *svga = painter->svga;
  const uint8_t *pair = svga->memory + 4 * svga_plane_address (svga, counter, 0);
  uint32_t cell = pair[0] | pair[1] << 8;

  if ((painter->mode & ATTR_MODE_BLINK) && (cell & 0x8000))
    {
      painter->svga->blinks = true;
      if (painter->dark_half)
        cell |= CELL_HIDDEN;
    }
  if (painter->cursor_shown && (counter & 0xffff) == painter->cursor)
    cell |= CELL_CURSOR;
  return cell;
}

static void
draw_row (const TextPainter *painter, const Row *row, uint32_t *cells, DamageRun *run)
{
  Svga *svga = painter->svga;
  const SvgaMode *mode = &svga->mode;
  const SvgaLine *line = &svga->lines[row->y];
  unsigned pitch = mode->dots * mode->repeat;
  int x0 = G_MAXINT, x1 = 0;

  /* A panned row shows a part of one more character. */
  for (unsigned i = 0; i < mode->columns + (line->pan ? 1 : 0); i++)
    {
      uint32_t cell = read_cell (painter, line->counter + i);
      int x = (int)(i * pitch) - line->pan;

      if (cells[i] == cell)
        continue;
      cells[i] = cell;
      draw_cell (painter, row, x, cell);
      x0 = MIN (x0, MAX (x, 0));
      x1 = MIN (x + (int)pitch, (int)mode->width);
    }
  if (x0 < x1)
    for (unsigned y = row->y; y < row->y + row->n_lines; y++)
      damage_run_add (run, x0, x1, y);
}

static Row
next_row (const Svga *svga, unsigned y)
{
  const SvgaLine *lines = svga->lines;
  Row row = { y, 1 };

  while (y + row.n_lines < svga->mode.height && lines[y + row.n_lines].counter == lines[y].counter
         && lines[y + row.n_lines].pan == lines[y].pan
         && lines[y + row.n_lines].row_scan >= lines[y + row.n_lines - 1].row_scan)
    row.n_lines++;
  return row;
}

/* Rows of one line at the least: the cells of a whole screen are bounded by its lines. */
static void
prepare_cells (Svga *svga, size_t per_row)
{
  size_t n = 0;

  for (unsigned y = 0; y < svga->mode.height; y += next_row (svga, y).n_lines)
    n += per_row;
  if (n != svga->n_cells)
    {
      g_free (svga->cells);
      svga->cells = g_new (uint32_t, n);
      svga->n_cells = n;
      svga->redraw = true;
    }
  if (svga->redraw || svga->fonts_changed)
    memset (svga->cells, 0xff, n * sizeof *svga->cells);
  svga->fonts_changed = false;
}

void
svga_draw_text (Svga *svga, Damage *damage)
{
  size_t per_row = svga->mode.columns + 1;
  DamageRun run = { .damage = damage };
  TextPainter painter;
  uint32_t *cells;

  prepare_cells (svga, per_row);
  painter_init (&painter, svga);
  svga->blinks = cursor_enabled (svga);
  cells = svga->cells;
  for (unsigned y = 0; y < svga->mode.height;)
    {
      Row row = next_row (svga, y);

      draw_row (&painter, &row, cells, &run);
      cells += per_row;
      y += row.n_lines;
    }
  damage_run_end (&run);
}
