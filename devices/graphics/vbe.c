/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include <string.h>

/* Bochs' VBE extension, version 0xb0c5: an index port, a data port, eleven 16-bit registers. */

bool
vbe_is_on (const Svga *svga)
{
  return svga->vbe[VBE_ENABLE] & VBE_ENABLE_ON;
}

bool
vbe_is_packed (const Svga *svga)
{
  return vbe_is_on (svga) && svga->vbe[VBE_BPP] > 4;
}

static uint32_t
stride_of (const Svga *svga, unsigned width)
{
  unsigned bpp = svga->vbe[VBE_BPP];

  if (bpp == 4)
    return width / 8;
  return width * ((bpp + 7) / 8);
}

uint32_t
vbe_stride (const Svga *svga)
{
  return stride_of (svga, svga->vbe[VBE_VIRT_WIDTH]);
}

/* Lines of the virtual screen that memory has room for. */
static unsigned
lines_in_memory (const Svga *svga)
{
  uint64_t memory = svga->vbe[VBE_BPP] == 4 ? svga->memory_size / 4 : svga->memory_size;

  return MIN (memory / vbe_stride (svga), UINT16_MAX);
}

/* The visible part must lie within the virtual screen, and that in memory. */
void
vbe_sanitize (Svga *svga)
{
  uint16_t *vbe = svga->vbe;

  if (vbe[VBE_BPP] != 4 && vbe[VBE_BPP] != 15 && vbe[VBE_BPP] != 16 && vbe[VBE_BPP] != 24
      && vbe[VBE_BPP] != 32)
    vbe[VBE_BPP] = 8;
  vbe[VBE_XRES] = CLAMP (vbe[VBE_XRES] & ~7u, 8, VBE_MAX_XRES);
  vbe[VBE_VIRT_WIDTH] = MAX (vbe[VBE_VIRT_WIDTH] & ~7u, vbe[VBE_XRES]);
  vbe[VBE_VIRT_HEIGHT] = MAX (lines_in_memory (svga), 1);
  vbe[VBE_YRES] = CLAMP (vbe[VBE_YRES], 1, MIN (vbe[VBE_VIRT_HEIGHT], VBE_MAX_YRES));
  vbe[VBE_X_OFFSET] = MIN (vbe[VBE_X_OFFSET], vbe[VBE_VIRT_WIDTH] - vbe[VBE_XRES]);
  vbe[VBE_Y_OFFSET] = MIN (vbe[VBE_Y_OFFSET], vbe[VBE_VIRT_HEIGHT] - vbe[VBE_YRES]);
  vbe[VBE_BANK] = MIN (vbe[VBE_BANK], svga->memory_size / VBE_BANK_SIZE - 1);
}

static void
vbe_enable (Svga *svga, uint16_t value)
{
  bool was_on = vbe_is_on (svga);
  uint16_t old = svga->vbe[VBE_ENABLE];

  svga->vbe[VBE_ENABLE] = value & (VBE_ENABLE_ON | VBE_ENABLE_CAPS | VBE_ENABLE_8BIT_DAC | VBE_ENABLE_LFB
                                   | VBE_ENABLE_NO_CLEAR);
  if (vbe_is_on (svga) && !was_on)
    {
      svga->vbe[VBE_VIRT_WIDTH] = 0;
      svga->vbe[VBE_X_OFFSET] = svga->vbe[VBE_Y_OFFSET] = 0;
      vbe_sanitize (svga);
      TRACE (svga->device, "vbe-on", "%ux%u, %u bits per pixel", svga->vbe[VBE_XRES], svga->vbe[VBE_YRES],
             svga->vbe[VBE_BPP]);
      if (!(value & VBE_ENABLE_NO_CLEAR))
        {
          uint64_t size = (uint64_t)vbe_stride (svga) * svga->vbe[VBE_YRES];

          if (svga->vbe[VBE_BPP] == 4)
            size *= 4;
          vga_window_hide (svga);
          memset (svga->memory, 0, size);
          svga_memory_written (svga, 0, size);
        }
    }
  else if (was_on && !vbe_is_on (svga))
    {
      svga->vbe[VBE_BANK] = 0;
      TRACE (svga->device, "vbe-off", "VGA registers rule again");
    }
  if ((old ^ svga->vbe[VBE_ENABLE]) & VBE_ENABLE_8BIT_DAC)
    svga_changed_colors (svga);
}

void
vbe_write (Svga *svga, unsigned index, uint16_t value)
{
  switch (index)
    {
    case VBE_ID:
      if (value >= VBE_ID_FIRST && value <= VBE_ID_LAST)
        svga->vbe[VBE_ID] = value;
      return;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_BPP:
      /* A mode is chosen while the extension is off. */
      if (vbe_is_on (svga))
        return;
      svga->vbe[index] = value;
      return;
    case VBE_ENABLE:
      vbe_enable (svga, value);
      break;
    case VBE_BANK:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
      svga->vbe[index] = value;
      if (vbe_is_on (svga))
        vbe_sanitize (svga);
      break;
    default: /* VIRT_HEIGHT and MEMORY_64K are told, not taken */
      return;
    }
  vga_window_update (svga);
  if (index != VBE_BANK)
    svga_changed_mode (svga);
}

uint16_t
vbe_read (Svga *svga, unsigned index)
{
  if (index >= VBE_COUNT)
    return 0;
  if (svga->vbe[VBE_ENABLE] & VBE_ENABLE_CAPS)
    {
      if (index == VBE_XRES)
        return VBE_MAX_XRES;
      if (index == VBE_YRES)
        return VBE_MAX_YRES;
      if (index == VBE_BPP)
        return VBE_MAX_BPP;
    }
  return svga->vbe[index];
}

void
vbe_reset (Svga *svga)
{
  memset (svga->vbe, 0, sizeof svga->vbe);
  svga->vbe_index = 0;
  svga->vbe[VBE_ID] = VBE_ID_LAST;
  svga->vbe[VBE_BPP] = 8;
  svga->vbe[VBE_MEMORY_64K] = svga->memory_size / 0x10000;
}

/* The data port is at 0x1cf on a PC; software for other machines takes 0x1d0, which is aligned. */
static uint64_t
ports_read (Device *device, uint64_t offset, unsigned size)
{
  Svga *svga = SVGA (device);

  if (size != 2)
    return UINT64_MAX;
  return offset == 0 ? svga->vbe_index : vbe_read (svga, svga->vbe_index);
}

static void
ports_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Svga *svga = SVGA (device);

  if (size != 2)
    return;
  if (offset == 0)
    svga->vbe_index = value;
  else
    vbe_write (svga, svga->vbe_index, value);
}

const BusOps vbe_port_ops = { ports_read, ports_write, 2 };
