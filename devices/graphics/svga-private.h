/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/graphics/svga.h"
#include "devices/graphics/vga-registers.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Video memory is 32 bits wide, as in a VGA: byte 4 * n + p is byte n of plane p. Chain-4 and packed modes
 * see it as it lies; so a chain-4 address is the address in the frame buffer (on an IBM VGA only every
 * fourth column of the planes would be used, which programs can't tell).
 */
#define VGA_WINDOW_BASE UINT64_C (0xa0000)
#define VGA_WINDOW_SIZE 0x20000u
#define VGA_PLANE_SIZE  0x10000u
#define VGA_TEXT_SIZE   0x8000u
#define VGA_MAX_LINES   1024u
#define VGA_MAX_COLUMNS 256u

typedef struct Svga Svga;

typedef enum {
  SVGA_BLANK,
  SVGA_TEXT,
  SVGA_GRAPHICS,   /* VGA modes with the CRTC's geometry */
  SVGA_VBE_PLANAR, /* 4 bits per pixel with VBE's geometry */
  SVGA_LINEAR,     /* 8 to 32 bits per pixel */
} SvgaModeKind;

/* What the registers show. Compared as bytes: no padding is left unset. */
typedef struct {
  SvgaModeKind kind;
  unsigned width, height; /* pixels of the surface */
  /* VGA: characters per line, dots per character, pixels per dot. */
  unsigned columns, dots, repeat;
  /* VBE. */
  unsigned bpp;
  unsigned x_offset; /* pixels, planar only */
  uint32_t stride;   /* bytes, of one plane if planar */
  uint64_t offset;   /* of the first byte, in video memory, of one plane if planar */
} SvgaMode;

/* One scan line of a VGA mode: where the address counter starts, and the row scan counter. */
typedef struct {
  uint16_t counter;
  uint8_t row_scan;
  uint8_t pan; /* pixels to the left */
} SvgaLine;

/* How the legacy window reaches the memory. */
typedef enum {
  WINDOW_PLANES, /* through the graphics controller */
  WINDOW_LINEAR, /* 64 KiB at 0xa0000 are plain video memory from @offset on */
  WINDOW_TEXT,   /* 32 KiB at @base are pairs of plane 0 and plane 1 bytes */
} WindowKind;

typedef struct {
  WindowKind kind;
  uint32_t base;   /* of WINDOW_LINEAR and WINDOW_TEXT, relative to 0xa0000 */
  uint32_t size;   /* of those */
  uint64_t offset; /* LINEAR: into video memory */
} WindowView;

struct Svga {
  PciDevice *pci; /* the card's, in which this lies */
  Device *device; /* the same */
  Screen *screen; /* may be NULL */
  MemoryBank *vram;
  uint8_t *memory; /* vram's */
  uint64_t memory_size;
  uint8_t edid[128];

  /* VGA registers. */
  uint8_t misc, feature;
  uint8_t seq_index, seq[SEQ_COUNT];
  uint8_t crtc_index, crtc[CRTC_COUNT];
  uint8_t gfx_index, gfx[GFX_COUNT];
  uint8_t attr_index, attr[ATTR_COUNT];
  bool attr_data_next;
  uint8_t dac_mask, dac_index, dac_component;
  bool dac_reading;
  uint8_t dac_latch[2];
  uint8_t palette[768]; /* as written: 6 or 8 bits */
  uint32_t latch;

  /* VBE registers. */
  uint16_t vbe_index;
  uint16_t vbe[VBE_COUNT];

  /* The legacy window. */
  MemoryBank *text; /* what the guest sees in WINDOW_TEXT while it is shown as RAM */
  WindowView window;
  bool window_shown; /* as RAM, no exits */
  int window_heat;   /* accesses since the view last changed */

  /* The picture. */
  bool colors_changed;
  bool redraw; /* draw everything again */
  bool fonts_changed;
  SvgaMode mode;
  Surface *surface;
  uint64_t *dirty; /* a bit per page of video memory */
  size_t dirty_words;
  SvgaLine lines[VGA_MAX_LINES];
  uint32_t colors[256];   /* DAC entries as pixels */
  uint8_t attributes[16]; /* palette registers as DAC indices */
  uint32_t *cells;        /* text as last drawn */
  size_t n_cells;
  uint32_t *scratch; /* one line */
  LoopTimer *blink_timer;
  unsigned blink_phase; /* 0..3: the cursor is dark in odd ones, characters in 2 and 3 */
  bool blinks;          /* something on the screen does */
};

#define SVGA(card) ((Svga *)((uint8_t *)(card) + ((const VgaCardClass *)(card)->klass)->vga_offset))

/* --- svga.c: what every card's own functions call --- */

/* What a card adds: its BARs 0 and 2, ROM, ports and window. @pci is realized already. */
bool svga_realize (Svga *svga, PciDevice *pci, unsigned video_memory_mib, const char *rom, Screen *screen,
                   GError **error);
/* Before the card's screen is let go of, which has no source any more. */
void svga_unrealize (Svga *svga);
void svga_reset (Svga *svga);
extern const StateTable svga_state;

/* --- vga-ports.c --- */

extern const BusOps vga_port_ops_mono; /* region from 0x3b0 */
extern const BusOps vga_port_ops;      /* region from 0x3c0 */
uint8_t vga_read_port (Svga *svga, unsigned port);
void vga_write_port (Svga *svga, unsigned port, uint8_t value);
void vga_reset_registers (Svga *svga);
/* The name of a register that no guest could have set so, or NULL. */
const char *vga_check_registers (const Svga *svga);

/* --- vbe.c --- */

extern const BusOps vbe_port_ops; /* region from 0x1ce */
uint16_t vbe_read (Svga *svga, unsigned index);
void vbe_write (Svga *svga, unsigned index, uint16_t value);
void vbe_reset (Svga *svga);
bool vbe_is_on (const Svga *svga);
bool vbe_is_packed (const Svga *svga); /* on, with 8 bits per pixel or more */
uint32_t vbe_stride (const Svga *svga);
/* Makes registers that came from a saved state consistent. */
void vbe_sanitize (Svga *svga);

/* --- vga-window.c --- */

extern const BusOps vga_window_ops;
/* After a change of registers that the window depends on. */
void vga_window_update (Svga *svga);
/* Takes the window's RAM away; accesses come to the device again. What they left is in video memory. */
void vga_window_hide (Svga *svga);
/* Forgets the window's RAM and what is in it. */
void vga_window_drop (Svga *svga);
/* Moves what the guest wrote to text RAM to video memory. @all: not only dirty pages. */
void vga_window_flush (Svga *svga, bool all);

/* --- svga-mode.c --- */

void svga_mode_get (const Svga *svga, SvgaMode *mode);
/* Fills svga->lines for the mode given. */
void svga_mode_lines (Svga *svga, const SvgaMode *mode);
/* Address in a plane that the CRTC puts out for @counter. */
unsigned svga_plane_address (const Svga *svga, unsigned counter, unsigned row_scan);
/* The vertical position of the beam, for the retrace bits. */
uint8_t svga_retrace_status (const Svga *svga);

/* --- svga-screen.c --- */

extern const ScreenSource svga_screen_source;
void svga_screen_init (Svga *svga);
void svga_screen_clear (Svga *svga);
/* Registers that the picture depends on changed. */
void svga_changed_mode (Svga *svga);
void svga_changed_colors (Svga *svga);
void svga_changed_picture (Svga *svga); /* cursor */
/* The device itself writes to video memory. */
void svga_memory_written (Svga *svga, uint64_t offset, uint64_t size);
bool svga_is_dirty (const Svga *svga, uint64_t offset, uint64_t size);
void svga_blink (Device *device);

/* --- draw-*.c: draw what is dirty onto svga->surface and add it to @damage --- */

void svga_draw_text (Svga *svga, Damage *damage);
void svga_draw_graphics (Svga *svga, Damage *damage);
void svga_draw_vbe_planar (Svga *svga, Damage *damage);
void svga_draw_linear (Svga *svga, Damage *damage);

/* Collects changed lines into rectangles. */
typedef struct {
  Damage *damage;
  int x0, x1, y0, y1; /* y1 > y0: a rectangle is open */
} DamageRun;

void damage_run_add (DamageRun *run, int x0, int x1, int y);
void damage_run_end (DamageRun *run);
/* Copies @width pixels to line @y of the surface if they differ. */
void svga_put_line (Svga *svga, DamageRun *run, int y, const uint32_t *pixels);

G_END_DECLS
