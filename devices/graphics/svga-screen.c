/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include <string.h>

#define SCRATCH_PIXELS (VBE_MAX_XRES + 64)

/* A VGA's cursor blinks every 16 frames, characters every 32. */
#define BLINK_NS (250 * NS_PER_MS)

/* --- what changes --- */

void
svga_changed_picture (Svga *svga)
{
  if (svga->screen)
    screen_wake (svga->screen);
}

void
svga_changed_mode (Svga *svga)
{
  svga->redraw = true;
  svga_changed_picture (svga);
}

void
svga_changed_colors (Svga *svga)
{
  svga->colors_changed = true;
  svga_changed_picture (svga);
}

void
svga_memory_written (Svga *svga, uint64_t offset, uint64_t size)
{
  memory_bank_set_dirty (svga->vram, offset, size);
  svga_changed_picture (svga);
}

bool
svga_is_dirty (const Svga *svga, uint64_t offset, uint64_t size)
{
  uint64_t last = MIN (offset + size - 1, svga->memory_size - 1) / GUEST_PAGE_SIZE;

  for (uint64_t page = offset / GUEST_PAGE_SIZE; page <= last; page++)
    if (svga->dirty[page / 64] & (UINT64_C (1) << (page % 64)))
      return true;
  return false;
}

/* --- damage --- */

void
damage_run_end (DamageRun *run)
{
  if (run->y1 > run->y0)
    damage_add (run->damage, (Rect){ run->x0, run->y0, run->x1 - run->x0, run->y1 - run->y0 });
  run->y0 = run->y1 = 0;
}

void
damage_run_add (DamageRun *run, int x0, int x1, int y)
{
  /* Neighbours that overlap sideways make one rectangle. */
  if (run->y1 > run->y0 && y == run->y1 && x0 < run->x1 && run->x0 < x1)
    {
      run->x0 = MIN (run->x0, x0);
      run->x1 = MAX (run->x1, x1);
      run->y1++;
      return;
    }
  damage_run_end (run);
  *run = (DamageRun){ run->damage, x0, x1, y, y + 1 };
}

void
svga_put_line (Svga *svga, DamageRun *run, int y, const uint32_t *pixels)
{
  uint32_t *line = (uint32_t *)((uint8_t *)svga->surface->pixels + (size_t)y * svga->surface->stride);
  int from = 0, to = svga->mode.width;

  while (from < to && line[from] == pixels[from])
    from++;
  if (from == to)
    return;
  while (line[to - 1] == pixels[to - 1])
    to--;
  memcpy (line + from, pixels + from, (to - from) * sizeof *pixels);
  damage_run_add (run, from, to, y);
}

/* --- colours --- */

static void
update_colors (Svga *svga)
{
  bool wide = svga->vbe[VBE_ENABLE] & VBE_ENABLE_8BIT_DAC;
  uint8_t select = svga->attr[ATTR_COLOR_SELECT];

  for (unsigned i = 0; i < 256; i++)
    {
      const uint8_t *entry = svga->palette + 3 * (i & svga->dac_mask);
      uint32_t color = 0;

      for (unsigned c = 0; c < 3; c++)
        color = color << 8 | (wide ? entry[c] : (entry[c] << 2 & 0xfc) | (entry[c] >> 4 & 0x03));
      svga->colors[i] = color;
    }
  for (unsigned i = 0; i < 16; i++)
    {
      uint8_t index = (svga->attr[i] & 0x3f) | (select << 4 & 0xc0);

      if (svga->attr[ATTR_MODE] & ATTR_MODE_P54_SELECT)
        index = (index & 0xcf) | (select << 4 & 0x30);
      svga->attributes[i] = index;
    }
  svga->colors_changed = false;
  svga->redraw = true;
}

/* --- surfaces --- */

static void
release_bank (void *bank)
{
  memory_bank_unref (bank);
}

/* With 32 bits per pixel the screen looks at video memory itself. */
static Surface *
make_surface (Svga *svga)
{
  const SvgaMode *mode = &svga->mode;

  if (mode->kind == SVGA_LINEAR && mode->bpp == 32
      && mode->offset + (uint64_t)mode->stride * (mode->height - 1) + 4 * (uint64_t)mode->width <= svga->memory_size)
    return surface_new_for_memory (mode->width, mode->height, mode->stride,
                                   (uint32_t *)(svga->memory + mode->offset), release_bank,
                                   memory_bank_ref (svga->vram));
  return surface_new (mode->width, mode->height);
}

static void
update_mode (Svga *svga)
{
  SvgaMode mode;

  svga_mode_get (svga, &mode);
  if (svga->surface && memcmp (&mode, &svga->mode, sizeof mode) == 0)
    return;
  TRACE (svga->device, "mode", "kind=%d %ux%u bpp=%u offset=0x%" G_GINT64_MODIFIER "x", mode.kind, mode.width, mode.height,
         mode.bpp, mode.offset);
  svga->mode = mode;
  g_clear_pointer (&svga->surface, surface_unref);
  svga->surface = make_surface (svga);
  svga->redraw = true;
}

/* Scrolling by the start address moves characters from cell to cell, which drawing notices by itself; pixels and
 * parts of characters have to be drawn again. */
static void
update_lines (Svga *svga)
{
  SvgaLine before[VGA_MAX_LINES];
  bool text = svga->mode.kind == SVGA_TEXT;

  memcpy (before, svga->lines, sizeof before);
  svga_mode_lines (svga, &svga->mode);
  for (unsigned y = 0; y < svga->mode.height && !svga->redraw; y++)
    svga->redraw = before[y].row_scan != svga->lines[y].row_scan || before[y].pan != svga->lines[y].pan
                   || (!text && before[y].counter != svga->lines[y].counter);
}

static void
draw (Svga *svga, Damage *damage)
{
  switch (svga->mode.kind)
    {
    case SVGA_TEXT:
      svga_draw_text (svga, damage);
      break;
    case SVGA_GRAPHICS:
      svga_draw_graphics (svga, damage);
      break;
    case SVGA_VBE_PLANAR:
      svga_draw_vbe_planar (svga, damage);
      break;
    case SVGA_LINEAR:
      svga_draw_linear (svga, damage);
      break;
    case SVGA_BLANK: /* the surface is new, and black */
      break;
    }
}

static void
refresh_locked (Svga *svga, Damage *damage, bool force)
{
  vga_window_flush (svga, false);
  memory_bank_take_dirty (svga->vram, svga->dirty);
  svga->redraw |= force;
  svga->blinks = false;
  update_mode (svga);
  if (svga->colors_changed)
    update_colors (svga);
  if (svga->mode.kind == SVGA_TEXT || svga->mode.kind == SVGA_GRAPHICS)
    update_lines (svga);
  draw (svga, damage);
  svga->redraw = false;
  memset (svga->dirty, 0, svga->dirty_words * sizeof *svga->dirty);
  /* While nobody looks nobody asks for a picture, and the cursor stands still. */
  if (svga->blinks && !loop_timer_is_armed (svga->blink_timer))
    loop_timer_arm (svga->blink_timer, vm_clock_now (svga->device->board->clock) + BLINK_NS);
}

static void
refresh (void *source, Surface **surface, Damage *damage, bool force)
{
  Svga *svga = source;

  device_lock (svga->device);
  refresh_locked (svga, damage, force);
  if (*surface != svga->surface)
    *surface = surface_ref (svga->surface);
  device_unlock (svga->device);
}

void
svga_blink (Device *device)
{
  Svga *svga = SVGA (device);

  svga->blink_phase = (svga->blink_phase + 1) & 3;
  if (svga->screen)
    screen_tick (svga->screen);
}

/* --- rest --- */

static void
bank_written (MemoryBank *bank, void *data)
{
  screen_wake (((Svga *)data)->screen);
}

/* Registers and the window wake the screen by themselves; RAM that the guest writes without leaving is watched.
 * What was written before the watch began counts too. */
static void
rest (void *source)
{
  Svga *svga = source;

  device_lock (svga->device);
  memory_bank_watch_write (svga->vram, bank_written, svga);
  memory_bank_watch_write (svga->text, bank_written, svga);
  vga_window_flush (svga, false);
  if (memory_bank_take_dirty (svga->vram, svga->dirty))
    screen_wake (svga->screen);
  device_unlock (svga->device);
}

const ScreenSource svga_screen_source = { .refresh = refresh, .rest = rest };

void
svga_screen_init (Svga *svga)
{
  svga->dirty_words = (svga->memory_size / GUEST_PAGE_SIZE + 63) / 64;
  svga->dirty = g_new0 (uint64_t, svga->dirty_words);
  svga->scratch = g_new0 (uint32_t, SCRATCH_PIXELS);
  svga->colors_changed = true;
}

void
svga_screen_clear (Svga *svga)
{
  g_clear_pointer (&svga->surface, surface_unref);
  g_clear_pointer (&svga->dirty, g_free);
  g_clear_pointer (&svga->scratch, g_free);
  g_clear_pointer (&svga->cells, g_free);
}
