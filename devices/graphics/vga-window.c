/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include "vmm/base/bytes.h"

#include <string.h>

/*
 * The legacy window at 0xa0000. Each access there leaves the guest, which is dear; so once a view that is
 * plain memory has proved hot, it is shown as RAM: chain-4 and banked VBE modes show video memory itself;
 * text modes show a bank of character and attribute pairs, copied to and from planes 0 and 1.
 */
#define HOT_WINDOW  48 /* accesses; about as dear as showing RAM */
#define ALIAS_SLOT  1

/* Bytes with all bits set for each plane's bit. */
static const uint32_t plane_bytes[16] = {
  0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff, 0x00ffff00, 0x00ffffff,
  0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff, 0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff,
};

/* --- what the registers make of the window --- */

static bool
window_aperture (const Svga *svga, uint32_t *base, uint32_t *size)
{
  static const uint32_t bases[4] = { 0, 0, 0x10000, 0x18000 };
  static const uint32_t sizes[4] = { 0x20000, 0x10000, 0x8000, 0x8000 };
  unsigned map = (svga->gfx[GFX_MISC] & GFX_MISC_MAP) >> 2;

  *base = bases[map];
  *size = sizes[map];
  return map >= 2;
}

static void
window_view (const Svga *svga, WindowView *view)
{
  const uint8_t *gfx = svga->gfx, *seq = svga->seq;
  bool is_text, plain;

  memset (view, 0, sizeof *view);
  if (vbe_is_packed (svga))
    {
      view->kind = WINDOW_LINEAR;
      view->size = VBE_BANK_SIZE;
      view->offset = (uint64_t)svga->vbe[VBE_BANK] * VBE_BANK_SIZE;
      return;
    }

  is_text = window_aperture (svga, &view->base, &view->size);
  plain = !(gfx[GFX_MODE] & (GFX_MODE_WRITE | GFX_MODE_COMPARE)) && !gfx[GFX_ENABLE_SET_RESET]
          && !gfx[GFX_ROTATE] && gfx[GFX_BIT_MASK] == 0xff && !vbe_is_on (svga);
  if (plain && (seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4) && seq[SEQ_MAP_MASK] == 0x0f && !is_text)
    {
      view->kind = WINDOW_LINEAR;
      view->size = VBE_BANK_SIZE;
    }
  else if (plain && !(seq[SEQ_MEMORY] & (SEQ_MEMORY_CHAIN4 | SEQ_MEMORY_PLAIN)) && seq[SEQ_MAP_MASK] == 0x03
           && (gfx[GFX_MODE] & GFX_MODE_ODD_EVEN) && !(gfx[GFX_READ_MAP] & 2) && is_text)
    view->kind = WINDOW_TEXT;
}

/* --- showing it as RAM --- */

static uint8_t *
text_pair (Svga *svga, unsigned address)
{
  return svga->memory + 4 * (address & ~1u);
}

static void
text_fetch (Svga *svga)
{
  uint8_t *text = memory_bank_data (svga->text);
  uint64_t stale[1];

  for (unsigned i = 0; i < VGA_TEXT_SIZE; i += 2)
    memcpy (text + i, text_pair (svga, i), 2);
  memory_bank_take_dirty (svga->text, stale);
}

void
vga_window_flush (Svga *svga, bool all)
{
  const uint8_t *text = memory_bank_data (svga->text);
  uint64_t dirty[1] = { all ? UINT64_MAX : 0 };

  if (!svga->window_shown || svga->window.kind != WINDOW_TEXT)
    return;
  memory_bank_take_dirty (svga->text, dirty);
  for (unsigned page = 0; page < VGA_TEXT_SIZE / GUEST_PAGE_SIZE; page++)
    {
      unsigned start = page * GUEST_PAGE_SIZE;
      bool changed = false;

      if (!(dirty[0] & (UINT64_C (1) << page)))
        continue;
      for (unsigned i = start; i < start + GUEST_PAGE_SIZE; i += 2)
        {
          uint8_t *pair = text_pair (svga, i);
          uint16_t now;

          memcpy (&now, text + i, 2);
          if (memcmp (pair, &now, 2) != 0)
            {
              memcpy (pair, &now, 2);
              changed = true;
            }
        }
      if (changed)
        svga_memory_written (svga, 4 * (uint64_t)start, 4 * GUEST_PAGE_SIZE);
    }
}

static void
window_show (Svga *svga)
{
  const WindowView *view = &svga->window;
  bool is_text = view->kind == WINDOW_TEXT;

  if (is_text)
    text_fetch (svga);
  svga->window_shown = memory_bank_map_alias (is_text ? svga->text : svga->vram, ALIAS_SLOT,
                                              VGA_WINDOW_BASE + view->base, view->offset, view->size, BANK_RAM);
  if (!svga->window_shown)
    svga->window_heat = G_MININT; /* something else is there: don't ask again soon */
  TRACE (svga->device, "window-show", "kind=%d offset=0x%" G_GINT64_MODIFIER "x shown=%d", view->kind, view->offset,
         svga->window_shown);
}

void
vga_window_drop (Svga *svga)
{
  if (svga->window_shown)
    memory_bank_unmap_alias (svga->window.kind == WINDOW_TEXT ? svga->text : svga->vram, ALIAS_SLOT);
  svga->window_shown = false;
  svga->window_heat = 0;
}

void
vga_window_hide (Svga *svga)
{
  bool is_text = svga->window_shown && svga->window.kind == WINDOW_TEXT;

  if (!svga->window_shown)
    return;
  /* No vCPU may write between the copy and the end of the mapping: unmap first. */
  memory_bank_unmap_alias (is_text ? svga->text : svga->vram, ALIAS_SLOT);
  if (is_text)
    vga_window_flush (svga, true);
  else
    svga_memory_written (svga, svga->window.offset, svga->window.size);
  svga->window_shown = false;
  svga->window_heat = 0;
}

void
vga_window_update (Svga *svga)
{
  WindowView view;

  window_view (svga, &view);
  if (memcmp (&view, &svga->window, sizeof view) == 0)
    return;
  vga_window_hide (svga);
  svga->window = view;
  svga->window_heat = 0;
}

/* --- planes: IBM VGA Technical Reference, "Memory Modes" and "Graphics Controller Registers" --- */

/* Where a byte of the window is: its word in video memory, and the planes it may reach. False: nowhere. */
static bool
plane_word (const Svga *svga, uint32_t address, uint64_t *word, unsigned *planes)
{
  uint8_t memory_mode = svga->seq[SEQ_MEMORY];

  *planes = 0x0f;
  address &= VGA_PLANE_SIZE - 1;
  if (memory_mode & SEQ_MEMORY_CHAIN4)
    {
      *planes = 1 << (address & 3);
      address >>= 2;
    }
  else if (!(memory_mode & SEQ_MEMORY_PLAIN))
    {
      *planes = address & 1 ? 0x0a : 0x05;
      address &= ~1u;
    }
  *word = address;
  if (vbe_is_on (svga))
    *word += (uint64_t)svga->vbe[VBE_BANK] * VBE_BANK_SIZE;
  return *word < svga->memory_size / 4;
}

static uint32_t
logical_operation (const Svga *svga, uint32_t data)
{
  switch (svga->gfx[GFX_ROTATE] >> 3)
    {
    case 1:
      return data & svga->latch;
    case 2:
      return data | svga->latch;
    case 3:
      return data ^ svga->latch;
    default:
      return data;
    }
}

static uint32_t
graphics_controller (const Svga *svga, uint8_t value)
{
  const uint8_t *gfx = svga->gfx;
  unsigned rotate = gfx[GFX_ROTATE] & 7;
  uint8_t rotated = value >> rotate | value << (8 - rotate);
  uint32_t mask = gfx[GFX_BIT_MASK] * 0x01010101u;
  uint32_t set_reset = plane_bytes[gfx[GFX_SET_RESET]];
  uint32_t data;

  switch (gfx[GFX_MODE] & GFX_MODE_WRITE)
    {
    case 0:
      data = rotated * 0x01010101u;
      data = (data & ~plane_bytes[gfx[GFX_ENABLE_SET_RESET]]) | (set_reset & plane_bytes[gfx[GFX_ENABLE_SET_RESET]]);
      break;
    case 1:
      return svga->latch;
    case 2:
      data = plane_bytes[value & 0x0f];
      break;
    default:
      mask &= rotated * 0x01010101u;
      data = set_reset;
      break;
    }
  data = logical_operation (svga, data);
  return (data & mask) | (svga->latch & ~mask);
}

static void
write_planes (Svga *svga, uint32_t address, uint8_t value)
{
  uint64_t word;
  unsigned planes;
  uint32_t mask, old;

  if (!plane_word (svga, address, &word, &planes))
    return;
  planes &= svga->seq[SEQ_MAP_MASK];
  mask = plane_bytes[planes];
  old = load_le32 (svga->memory + 4 * word);
  store_le32 (svga->memory + 4 * word, (old & ~mask) | (graphics_controller (svga, value) & mask));
  svga_memory_written (svga, 4 * word, 4);
  if (planes & 4)
    svga->fonts_changed = true;
}

static uint8_t
read_planes (Svga *svga, uint32_t address)
{
  const uint8_t *gfx = svga->gfx;
  uint64_t word;
  unsigned planes, plane = gfx[GFX_READ_MAP];

  if (!plane_word (svga, address, &word, &planes))
    return 0xff;
  svga->latch = load_le32 (svga->memory + 4 * word);
  if (gfx[GFX_MODE] & GFX_MODE_COMPARE)
    {
      uint32_t differs = (svga->latch ^ plane_bytes[gfx[GFX_COMPARE]]) & plane_bytes[gfx[GFX_DONT_CARE]];

      return ~(differs | differs >> 8 | differs >> 16 | differs >> 24);
    }
  if (svga->seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4)
    plane = address & 3;
  else if (gfx[GFX_MODE] & GFX_MODE_ODD_EVEN)
    plane = (plane & 2) | (address & 1);
  return svga->latch >> (8 * plane);
}

/* --- accesses that leave the guest --- */

/* Memory that is the window's content as it lies, or NULL. */
static uint8_t *
window_memory (Svga *svga, uint64_t offset, unsigned size)
{
  const WindowView *view = &svga->window;

  if (offset < view->base || offset - view->base + size > view->size)
    return NULL;
  if (view->kind == WINDOW_LINEAR)
    return svga->memory + view->offset + offset - view->base;
  if (view->kind == WINDOW_TEXT && svga->window_shown)
    return (uint8_t *)memory_bank_data (svga->text) + offset - view->base;
  return NULL;
}

static void
window_heat (Svga *svga)
{
  if (svga->window_heat < HOT_WINDOW)
    svga->window_heat++;
  else if (!svga->window_shown && svga->window.kind != WINDOW_PLANES)
    window_show (svga);
}

static uint64_t
window_read (Device *device, uint64_t offset, unsigned size)
{
  Svga *svga = SVGA (device);
  uint8_t *memory = window_memory (svga, offset, size);
  uint64_t value = 0;
  uint32_t base, length;

  window_heat (svga);
  if (memory)
    return load_le (memory, size);
  if (vbe_is_packed (svga))
    return UINT64_MAX;

  window_aperture (svga, &base, &length);
  for (unsigned i = 0; i < size; i++)
    {
      uint64_t at = offset + i;
      uint8_t byte = at >= base && at - base < length ? read_planes (svga, at - base) : 0xff;

      value |= (uint64_t)byte << (8 * i);
    }
  return value;
}

static void
window_write_planes (Svga *svga, uint64_t offset, uint64_t value, unsigned size)
{
  uint32_t base, length;

  window_aperture (svga, &base, &length);
  for (unsigned i = 0; i < size; i++)
    if (offset + i >= base && offset + i - base < length)
      write_planes (svga, offset + i - base, value >> (8 * i));
}

static void
window_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Svga *svga = SVGA (device);
  uint8_t *memory = window_memory (svga, offset, size);

  if (!memory)
    {
      if (!vbe_is_packed (svga))
        window_write_planes (svga, offset, value, size);
    }
  else if (svga->window.kind == WINDOW_TEXT)
    {
      store_le (memory, size, value);
      memory_bank_set_dirty (svga->text, offset - svga->window.base, size);
      svga_changed_picture (svga);
    }
  else
    {
      store_le (memory, size, value);
      svga_memory_written (svga, memory - svga->memory, size);
    }
  window_heat (svga);
}

const BusOps vga_window_ops = { window_read, window_write, 8 };
