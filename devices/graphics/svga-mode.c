/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include <string.h>

/* What the registers say about the picture: IBM VGA Technical Reference, "CRT Controller Registers". */

static unsigned
display_end (const Svga *svga)
{
  unsigned overflow = svga->crtc[CRTC_OVERFLOW];

  return svga->crtc[CRTC_V_DISPLAY_END] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3;
}

static unsigned
line_compare (const Svga *svga)
{
  return svga->crtc[CRTC_LINE_COMPARE] | (svga->crtc[CRTC_OVERFLOW] & CRTC_OVERFLOW_COMPARE) << 4
         | (svga->crtc[CRTC_MAX_SCAN] & 0x40) << 3;
}

static bool
is_blank (const Svga *svga)
{
  return !(svga->attr_index & ATTR_INDEX_SOURCE) || (svga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_OFF);
}

static void
vbe_mode (const Svga *svga, SvgaMode *mode)
{
  const uint16_t *vbe = svga->vbe;

  mode->width = vbe[VBE_XRES];
  mode->height = vbe[VBE_YRES];
  mode->bpp = vbe[VBE_BPP];
  mode->stride = vbe_stride (svga);
  mode->offset = (uint64_t)vbe[VBE_Y_OFFSET] * mode->stride;
  if (mode->bpp == 4)
    {
      mode->kind = SVGA_VBE_PLANAR;
      mode->offset += vbe[VBE_X_OFFSET] / 8;
      mode->x_offset = vbe[VBE_X_OFFSET] % 8;
    }
  else
    {
      mode->kind = SVGA_LINEAR;
      mode->offset += vbe[VBE_X_OFFSET] * ((mode->bpp + 7) / 8);
    }
}

static void
vga_mode (const Svga *svga, SvgaMode *mode)
{
  bool text = !(svga->gfx[GFX_MISC] & GFX_MISC_GRAPHICS);

  mode->kind = text ? SVGA_TEXT : SVGA_GRAPHICS;
  mode->columns = svga->crtc[CRTC_H_DISPLAY_END] + 1;
  mode->dots = text && !(svga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8DOT) ? 9 : 8;
  mode->repeat = svga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF ? 2 : 1;
  mode->width = mode->columns * mode->dots * mode->repeat;
  mode->height = display_end (svga) + 1;
}

void
svga_mode_get (const Svga *svga, SvgaMode *mode)
{
  memset (mode, 0, sizeof *mode);
  if (vbe_is_on (svga))
    vbe_mode (svga, mode);
  else
    vga_mode (svga, mode);
  if (is_blank (svga))
    {
      SvgaMode blank = { .kind = SVGA_BLANK, .width = mode->width, .height = mode->height };

      /* Before the BIOS sets the first mode there is no size. */
      if (mode->height == 1)
        {
          blank.width = 720;
          blank.height = 400;
        }
      memcpy (mode, &blank, sizeof blank);
    }
}

/* Pixels that attribute register 0x13 moves the picture to the left. */
static unsigned
pan_pixels (const Svga *svga, const SvgaMode *mode)
{
  unsigned pan = svga->attr[ATTR_PAN] & 0x0f;

  if (mode->dots == 9)
    pan = pan >= 8 ? 0 : pan + 1;
  else if (svga->attr[ATTR_MODE] & ATTR_MODE_8BIT)
    pan &= 0x06; /* pixels of two dots */
  else
    pan &= 0x07;
  return pan * mode->repeat;
}

void
svga_mode_lines (Svga *svga, const SvgaMode *mode)
{
  const uint8_t *crtc = svga->crtc;
  unsigned compare = line_compare (svga), max_scan = crtc[CRTC_MAX_SCAN] & 0x1f;
  bool doubled = crtc[CRTC_MAX_SCAN] & CRTC_MAX_SCAN_DOUBLE, half = false;
  SvgaLine line = {
    .counter = (crtc[CRTC_START_HIGH] << 8 | crtc[CRTC_START_LOW]) + ((crtc[CRTC_PRESET_ROW] >> 5) & 3),
    .row_scan = crtc[CRTC_PRESET_ROW] & 0x1f,
    .pan = pan_pixels (svga, mode),
  };

  for (unsigned y = 0; y < mode->height && y < VGA_MAX_LINES; y++)
    {
      svga->lines[y] = line;
      if (y == compare)
        {
          /* The lower part of a split screen shows memory from address 0. */
          line.counter = 0;
          line.row_scan = 0;
          half = false;
          if (svga->attr[ATTR_MODE] & ATTR_MODE_PAN_TOP)
            line.pan = 0;
          continue;
        }
      half = doubled && !half;
      if (half)
        continue;
      if (line.row_scan == max_scan)
        {
          line.row_scan = 0;
          line.counter += 2 * crtc[CRTC_OFFSET];
        }
      else
        line.row_scan = (line.row_scan + 1) & 0x1f;
    }
}

unsigned
svga_plane_address (const Svga *svga, unsigned counter, unsigned row_scan)
{
  uint8_t mode = svga->crtc[CRTC_MODE];
  unsigned address = counter & 0xffff;

  /* Chain-4 addresses lie one after another here, so doubleword mode needs no shift. */
  if (!(svga->crtc[CRTC_UNDERLINE] & CRTC_UNDERLINE_DOUBLEWORD) && !(mode & CRTC_MODE_BYTE))
    address = (address << 1 & 0xfffe) | (address >> (mode & CRTC_MODE_WRAP15 ? 15 : 13) & 1);
  if (!(mode & CRTC_MODE_NO_CGA))
    address = (address & ~0x2000u) | (row_scan & 1) << 13;
  if (!(mode & CRTC_MODE_NO_HERCULES))
    address = (address & ~0x4000u) | (row_scan & 2) << 13;
  return address;
}

/* --- where the beam is --- */

typedef struct {
  int64_t frame; /* ns */
  unsigned total, end, retrace;  /* lines */
  unsigned columns, shown; /* characters */
} Timing;

static void
get_timing (const Svga *svga, Timing *timing)
{
  const uint8_t *crtc = svga->crtc;
  unsigned overflow = crtc[CRTC_OVERFLOW];
  int64_t clock = (svga->misc & VGA_MISC_CLOCK_MASK) == VGA_MISC_CLOCK_28 ? 28322000 : 25175000;
  unsigned dots = svga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8DOT ? 8 : 9;

  *timing = (Timing){ .frame = NS_PER_SECOND / 60, .total = 525, .end = 480, .retrace = 490, .columns = 100, .shown = 80 };
  if (vbe_is_on (svga) || !crtc[CRTC_H_TOTAL])
    return;
  if (svga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF)
    dots *= 2;
  timing->total = (crtc[CRTC_V_TOTAL] | (overflow & 0x01) << 8 | (overflow & 0x20) << 4) + 2;
  timing->end = display_end (svga) + 1;
  timing->retrace = crtc[CRTC_V_RETRACE_START] | (overflow & 0x04) << 6 | (overflow & 0x80) << 2;
  timing->columns = crtc[CRTC_H_TOTAL] + 5;
  timing->shown = crtc[CRTC_H_DISPLAY_END] + 1;
  timing->frame = (int64_t)timing->columns * dots * timing->total * NS_PER_SECOND / clock;
  timing->frame = CLAMP (timing->frame, 4 * NS_PER_MS, 40 * NS_PER_MS);
  /* Whatever the registers say, there is a retrace: software waits for it. */
  timing->retrace = MIN (timing->retrace, timing->total - timing->total / 32 - 1);
}

/* The retrace bit stays on to the end of the frame, not for two lines as on a monitor: an access takes so long
 * here that software which polls could miss it time and again. */
uint8_t
svga_retrace_status (const Svga *svga)
{
  int64_t now = vm_clock_now (svga->device->board->clock);
  Timing timing;
  int64_t beam;
  unsigned line, column;

  get_timing (svga, &timing);
  beam = now % timing.frame * timing.total * timing.columns / timing.frame;
  line = beam / timing.columns;
  column = beam % timing.columns;
  if (line >= timing.retrace)
    return VGA_STATUS1_BLANK | VGA_STATUS1_RETRACE;
  return line >= timing.end || column >= timing.shown ? VGA_STATUS1_BLANK : 0;
}
