/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Registers of the VGA: IBM VGA/XGA Technical Reference (May 1992), section 2, "VGA Function".
 * Registers of the VBE extension: Bochs' vbe_display_api.txt, interface 0xb0c5.
 */

/* Ports; those at 0x3bx answer when the CRTC is in its monochrome place. */
enum {
  VGA_PORT_BASE = 0x3b0,
  VGA_PORT_END = 0x3e0,
  VGA_PORT_MONO_END = 0x3bc,
  VGA_PORT_ATTR = 0x3c0,
  VGA_PORT_ATTR_READ = 0x3c1,
  VGA_PORT_STATUS0 = 0x3c2, /* write: miscellaneous output */
  VGA_PORT_ENABLE = 0x3c3,
  VGA_PORT_SEQ_INDEX = 0x3c4,
  VGA_PORT_SEQ_DATA = 0x3c5,
  VGA_PORT_DAC_MASK = 0x3c6,
  VGA_PORT_DAC_READ_INDEX = 0x3c7, /* read: state */
  VGA_PORT_DAC_WRITE_INDEX = 0x3c8,
  VGA_PORT_DAC_DATA = 0x3c9,
  VGA_PORT_FEATURE_READ = 0x3ca,
  VGA_PORT_MISC_READ = 0x3cc,
  VGA_PORT_GFX_INDEX = 0x3ce,
  VGA_PORT_GFX_DATA = 0x3cf,
  VGA_PORT_CRTC_INDEX = 0x3d4,
  VGA_PORT_CRTC_DATA = 0x3d5,
  VGA_PORT_STATUS1 = 0x3da, /* write: feature control */
};

#define VGA_MISC_COLOR      0x01 /* CRTC at 0x3dx */
#define VGA_MISC_CLOCK_MASK 0x0c
#define VGA_MISC_CLOCK_28   0x04

#define VGA_STATUS0_SENSE   0x10
#define VGA_STATUS1_BLANK   0x01
#define VGA_STATUS1_RETRACE 0x08

/* Sequencer. */
enum { SEQ_RESET, SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_FONT, SEQ_MEMORY, SEQ_COUNT };
#define SEQ_CLOCKING_8DOT   0x01
#define SEQ_CLOCKING_HALF   0x08 /* dot clock divided by 2 */
#define SEQ_CLOCKING_OFF    0x20
#define SEQ_MEMORY_EXTENDED 0x02
#define SEQ_MEMORY_PLAIN    0x04 /* no odd/even */
#define SEQ_MEMORY_CHAIN4   0x08

/* Graphics controller. */
enum {
  GFX_SET_RESET,
  GFX_ENABLE_SET_RESET,
  GFX_COMPARE,
  GFX_ROTATE,
  GFX_READ_MAP,
  GFX_MODE,
  GFX_MISC,
  GFX_DONT_CARE,
  GFX_BIT_MASK,
  GFX_COUNT
};
#define GFX_MODE_WRITE    0x03
#define GFX_MODE_COMPARE  0x08 /* read mode 1 */
#define GFX_MODE_ODD_EVEN 0x10
#define GFX_MODE_SHIFT    0x60 /* 0x20: CGA interleave, 0x40: 256 colours */
#define GFX_MISC_GRAPHICS 0x01
#define GFX_MISC_CHAIN    0x02
#define GFX_MISC_MAP      0x0c

/* CRT controller. */
enum {
  CRTC_H_TOTAL,
  CRTC_H_DISPLAY_END,
  CRTC_H_BLANK_START,
  CRTC_H_BLANK_END,
  CRTC_H_RETRACE_START,
  CRTC_H_RETRACE_END,
  CRTC_V_TOTAL,
  CRTC_OVERFLOW,
  CRTC_PRESET_ROW,
  CRTC_MAX_SCAN,
  CRTC_CURSOR_START,
  CRTC_CURSOR_END,
  CRTC_START_HIGH,
  CRTC_START_LOW,
  CRTC_CURSOR_HIGH,
  CRTC_CURSOR_LOW,
  CRTC_V_RETRACE_START,
  CRTC_V_RETRACE_END,
  CRTC_V_DISPLAY_END,
  CRTC_OFFSET,
  CRTC_UNDERLINE,
  CRTC_V_BLANK_START,
  CRTC_V_BLANK_END,
  CRTC_MODE,
  CRTC_LINE_COMPARE,
  CRTC_COUNT
};
#define CRTC_MAX_SCAN_DOUBLE      0x80
#define CRTC_CURSOR_START_OFF     0x20
#define CRTC_V_RETRACE_PROTECT    0x80
#define CRTC_OVERFLOW_COMPARE     0x10 /* bit 8 of the line compare register: never protected */
#define CRTC_UNDERLINE_COUNT4     0x20
#define CRTC_UNDERLINE_DOUBLEWORD 0x40
#define CRTC_MODE_NO_CGA          0x01
#define CRTC_MODE_NO_HERCULES     0x02
#define CRTC_MODE_COUNT2          0x08
#define CRTC_MODE_WRAP15          0x20
#define CRTC_MODE_BYTE            0x40
/* Not documented by IBM, but in every VGA. */
#define CRTC_LATCH_READBACK 0x22
#define CRTC_ATTR_TOGGLE    0x24
#define CRTC_ATTR_INDEX     0x26

/* Attribute controller; the palette is 0..15. */
enum { ATTR_MODE = 0x10, ATTR_OVERSCAN, ATTR_PLANES, ATTR_PAN, ATTR_COLOR_SELECT, ATTR_COUNT };
#define ATTR_INDEX_SOURCE     0x20 /* palette address source: 1 shows the picture */
#define ATTR_MODE_MONO        0x02
#define ATTR_MODE_LINE_COPY   0x04
#define ATTR_MODE_BLINK       0x08
#define ATTR_MODE_PAN_TOP     0x20 /* no panning below the line compare */
#define ATTR_MODE_8BIT        0x40
#define ATTR_MODE_P54_SELECT  0x80

/* VBE. */
enum {
  VBE_ID,
  VBE_XRES,
  VBE_YRES,
  VBE_BPP,
  VBE_ENABLE,
  VBE_BANK,
  VBE_VIRT_WIDTH,
  VBE_VIRT_HEIGHT,
  VBE_X_OFFSET,
  VBE_Y_OFFSET,
  VBE_MEMORY_64K,
  VBE_COUNT
};
#define VBE_PORT_BASE        0x1ce
#define VBE_ID_FIRST         0xb0c0
#define VBE_ID_LAST          0xb0c5
#define VBE_ENABLE_ON        0x01
#define VBE_ENABLE_CAPS      0x02 /* reads of the size registers give the greatest values */
#define VBE_ENABLE_8BIT_DAC  0x20
#define VBE_ENABLE_LFB       0x40
#define VBE_ENABLE_NO_CLEAR  0x80
#define VBE_BANK_SIZE        0x10000u
#define VBE_MAX_XRES         7680
#define VBE_MAX_YRES         4320
#define VBE_MAX_BPP          32
