/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include <string.h>

/* --- sequencer --- */

static const uint8_t seq_writable[SEQ_COUNT] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };

static void
seq_write (Svga *svga, uint8_t value)
{
  unsigned index = svga->seq_index;

  if (index >= SEQ_COUNT || svga->seq[index] == (value & seq_writable[index]))
    return;
  svga->seq[index] = value & seq_writable[index];
  TRACE (svga->device, "seq", "index=%u value=0x%02x", index, svga->seq[index]);
  if (index != SEQ_MAP_MASK)
    svga_changed_mode (svga);
  vga_window_update (svga);
}

/* --- graphics controller --- */

static const uint8_t gfx_writable[GFX_COUNT] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

static void
gfx_write (Svga *svga, uint8_t value)
{
  unsigned index = svga->gfx_index;

  if (index >= GFX_COUNT || svga->gfx[index] == (value & gfx_writable[index]))
    return;
  svga->gfx[index] = value & gfx_writable[index];
  if (index == GFX_MODE || index == GFX_MISC)
    {
      TRACE (svga->device, "gfx", "index=%u value=0x%02x", index, svga->gfx[index]);
      svga_changed_mode (svga);
    }
  vga_window_update (svga);
}

/* --- CRT controller --- */

static void
crtc_write (Svga *svga, uint8_t value)
{
  unsigned index = svga->crtc_index;

  if (index >= CRTC_COUNT)
    return;
  /* Registers 0 to 7 can be locked, but for the line compare bit. */
  if (index <= CRTC_OVERFLOW && (svga->crtc[CRTC_V_RETRACE_END] & CRTC_V_RETRACE_PROTECT))
    {
      if (index != CRTC_OVERFLOW)
        return;
      value = (svga->crtc[index] & ~CRTC_OVERFLOW_COMPARE) | (value & CRTC_OVERFLOW_COMPARE);
    }
  if (svga->crtc[index] == value)
    return;
  svga->crtc[index] = value;
  /* Cursor and start address are looked at with every picture. */
  if (index >= CRTC_CURSOR_START && index <= CRTC_CURSOR_LOW)
    {
      svga_changed_picture (svga);
      return;
    }
  TRACE (svga->device, "crtc", "index=0x%02x value=0x%02x", index, value);
  svga_changed_mode (svga);
}

static uint8_t
crtc_read (const Svga *svga)
{
  unsigned index = svga->crtc_index;

  if (index < CRTC_COUNT)
    return svga->crtc[index];
  if (index == CRTC_LATCH_READBACK)
    return svga->latch >> (8 * (svga->gfx[GFX_READ_MAP] & 3));
  if (index == CRTC_ATTR_TOGGLE)
    return svga->attr_data_next ? 0x80 : 0;
  if (index == CRTC_ATTR_INDEX)
    return svga->attr_index;
  return 0xff;
}

/* --- attribute controller --- */

static const uint8_t attr_writable[ATTR_COUNT] = {
  0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
  0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f,
};

/* One port takes index and data in turn; reading status register 1 makes the index next. */
static void
attr_write (Svga *svga, uint8_t value)
{
  unsigned index = svga->attr_index & 0x1f;

  svga->attr_data_next = !svga->attr_data_next;
  if (svga->attr_data_next)
    {
      bool shown = svga->attr_index & ATTR_INDEX_SOURCE;

      svga->attr_index = value & 0x3f;
      if (shown != !!(value & ATTR_INDEX_SOURCE))
        svga_changed_mode (svga);
      return;
    }
  /* The palette belongs to the display while it is shown. */
  if (index >= ATTR_COUNT || (index < ATTR_MODE && (svga->attr_index & ATTR_INDEX_SOURCE)))
    return;
  value &= attr_writable[index];
  if (svga->attr[index] == value)
    return;
  svga->attr[index] = value;
  if (index == ATTR_MODE || index == ATTR_PAN)
    svga_changed_mode (svga);
  if (index != ATTR_PAN)
    svga_changed_colors (svga);
}

/* --- DAC --- */

static void
dac_set_index (Svga *svga, uint8_t index, bool reading)
{
  svga->dac_index = index;
  svga->dac_component = 0;
  svga->dac_reading = reading;
}

static void
dac_write (Svga *svga, uint8_t value)
{
  bool wide = (svga->vbe[VBE_ENABLE] & VBE_ENABLE_8BIT_DAC) != 0;

  if (!wide)
    value &= 0x3f;
  if (svga->dac_component < 2)
    {
      svga->dac_latch[svga->dac_component++] = value;
      return;
    }
  memcpy (svga->palette + 3 * svga->dac_index, svga->dac_latch, 2);
  svga->palette[3 * svga->dac_index + 2] = value;
  svga->dac_component = 0;
  svga->dac_index++;
  svga_changed_colors (svga);
}

static uint8_t
dac_read (Svga *svga)
{
  uint8_t value = svga->palette[3 * svga->dac_index + svga->dac_component];

  if (++svga->dac_component == 3)
    {
      svga->dac_component = 0;
      svga->dac_index++;
    }
  return value;
}

/* --- ports --- */

/* The CRTC, status register 1 and feature control are at 0x3bx or 0x3dx. */
static bool
is_elsewhere (const Svga *svga, unsigned port)
{
  bool color = svga->misc & VGA_MISC_COLOR;

  return (port < VGA_PORT_MONO_END && color) || (port >= 0x3d0 && !color);
}

uint8_t
vga_read_port (Svga *svga, unsigned port)
{
  if (is_elsewhere (svga, port))
    return 0xff;
  if (port < VGA_PORT_MONO_END)
    port += 0x20;

  switch (port)
    {
    case VGA_PORT_ATTR:
      return svga->attr_data_next ? 0 : svga->attr_index;
    case VGA_PORT_ATTR_READ:
      return (svga->attr_index & 0x1f) < ATTR_COUNT ? svga->attr[svga->attr_index & 0x1f] : 0;
    case VGA_PORT_STATUS0:
      return VGA_STATUS0_SENSE;
    case VGA_PORT_ENABLE:
      return 1;
    case VGA_PORT_SEQ_INDEX:
      return svga->seq_index;
    case VGA_PORT_SEQ_DATA:
      return svga->seq_index < SEQ_COUNT ? svga->seq[svga->seq_index] : 0;
    case VGA_PORT_DAC_MASK:
      return svga->dac_mask;
    case VGA_PORT_DAC_READ_INDEX:
      return svga->dac_reading ? 3 : 0;
    case VGA_PORT_DAC_WRITE_INDEX:
      return svga->dac_index;
    case VGA_PORT_DAC_DATA:
      return dac_read (svga);
    case VGA_PORT_FEATURE_READ:
      return svga->feature;
    case VGA_PORT_MISC_READ:
      return svga->misc;
    case VGA_PORT_GFX_INDEX:
      return svga->gfx_index;
    case VGA_PORT_GFX_DATA:
      return svga->gfx_index < GFX_COUNT ? svga->gfx[svga->gfx_index] : 0;
    case VGA_PORT_CRTC_INDEX:
      return svga->crtc_index;
    case VGA_PORT_CRTC_DATA:
      return crtc_read (svga);
    case VGA_PORT_STATUS1:
      svga->attr_data_next = false;
      return svga_retrace_status (svga);
    default:
      return 0xff;
    }
}

void
vga_write_port (Svga *svga, unsigned port, uint8_t value)
{
  if (is_elsewhere (svga, port))
    return;
  if (port < VGA_PORT_MONO_END)
    port += 0x20;

  switch (port)
    {
    case VGA_PORT_ATTR:
      attr_write (svga, value);
      break;
    case VGA_PORT_STATUS0:
      svga->misc = value & 0xef;
      svga_changed_mode (svga);
      break;
    case VGA_PORT_SEQ_INDEX:
      svga->seq_index = value & 0x07;
      break;
    case VGA_PORT_SEQ_DATA:
      seq_write (svga, value);
      break;
    case VGA_PORT_DAC_MASK:
      svga->dac_mask = value;
      svga_changed_colors (svga);
      break;
    case VGA_PORT_DAC_READ_INDEX:
      dac_set_index (svga, value, true);
      break;
    case VGA_PORT_DAC_WRITE_INDEX:
      dac_set_index (svga, value, false);
      break;
    case VGA_PORT_DAC_DATA:
      dac_write (svga, value);
      break;
    case VGA_PORT_GFX_INDEX:
      svga->gfx_index = value & 0x0f;
      break;
    case VGA_PORT_GFX_DATA:
      gfx_write (svga, value);
      break;
    case VGA_PORT_CRTC_INDEX:
      svga->crtc_index = value & 0x3f;
      break;
    case VGA_PORT_CRTC_DATA:
      crtc_write (svga, value);
      break;
    case VGA_PORT_STATUS1:
      svga->feature = value & 0x08;
      break;
    default:
      break;
    }
}

static uint64_t
mono_read (Device *device, uint64_t offset, unsigned size)
{
  return vga_read_port (SVGA (device), VGA_PORT_BASE + offset);
}

static void
mono_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  vga_write_port (SVGA (device), VGA_PORT_BASE + offset, value);
}

static uint64_t
ports_read (Device *device, uint64_t offset, unsigned size)
{
  return vga_read_port (SVGA (device), VGA_PORT_ATTR + offset);
}

static void
ports_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  vga_write_port (SVGA (device), VGA_PORT_ATTR + offset, value);
}

/* Word accesses to an index port reach index and data. */
const BusOps vga_port_ops_mono = { mono_read, mono_write, 1 };
const BusOps vga_port_ops = { ports_read, ports_write, 1 };

/* As a VGA wakes up: nothing is shown before the BIOS has set a mode. */
void
vga_reset_registers (Svga *svga)
{
  svga->misc = VGA_MISC_COLOR;
  svga->feature = 0;
  svga->seq_index = svga->crtc_index = svga->gfx_index = 0;
  memset (svga->seq, 0, sizeof svga->seq);
  memset (svga->crtc, 0, sizeof svga->crtc);
  memset (svga->gfx, 0, sizeof svga->gfx);
  svga->attr_index = 0;
  svga->attr_data_next = false;
  memset (svga->attr, 0, sizeof svga->attr);
  svga->dac_mask = 0xff;
  svga->dac_index = svga->dac_component = 0;
  svga->dac_reading = false;
  memset (svga->dac_latch, 0, sizeof svga->dac_latch);
  memset (svga->palette, 0, sizeof svga->palette);
  svga->latch = 0;
}

const char *
vga_check_registers (const Svga *svga)
{
  for (unsigned i = 0; i < SEQ_COUNT; i++)
    if (svga->seq[i] & ~seq_writable[i])
      return "seq";
  for (unsigned i = 0; i < GFX_COUNT; i++)
    if (svga->gfx[i] & ~gfx_writable[i])
      return "gfx";
  for (unsigned i = 0; i < ATTR_COUNT; i++)
    if (svga->attr[i] & ~attr_writable[i])
      return "attr";
  return svga->dac_component > 2 ? "dac_component" : NULL;
}
