/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/graphics/svga.h"
#include "devices/graphics/vga-registers.h"
#include "tests/bench-device/bench.h"

G_BEGIN_DECLS

#define SVGA_LFB    UINT64_C (0xe0000000)
#define SVGA_MMIO   UINT64_C (0xe8000000)
#define SVGA_WINDOW UINT64_C (0xa0000)

/* A card with 4 MiB on a PCI bus, BARs mapped, and its screen. */
Bench *svga_bench_new (void);
Screen *svga_bench_screen (Bench *bench);
uint8_t *svga_bench_memory (Bench *bench);
/* A write to the linear frame buffer. */
void svga_bench_draw (Bench *bench, unsigned offset, uint64_t value, unsigned size);

/* Registers. */
void seq_set (Bench *bench, unsigned index, uint8_t value);
void gfx_set (Bench *bench, unsigned index, uint8_t value);
void crtc_set (Bench *bench, unsigned index, uint8_t value);
void attr_set (Bench *bench, unsigned index, uint8_t value); /* leaves the picture shown */
uint8_t seq_get (Bench *bench, unsigned index);
uint8_t gfx_get (Bench *bench, unsigned index);
uint8_t crtc_get (Bench *bench, unsigned index);
uint8_t attr_get (Bench *bench, unsigned index);
void dac_set (Bench *bench, unsigned index, uint8_t r, uint8_t g, uint8_t b);
void vbe_set (Bench *bench, unsigned index, uint16_t value);
uint16_t vbe_get (Bench *bench, unsigned index);

/* Modes as a BIOS sets them: IBM VGA Technical Reference, tables of register values by mode. */
typedef enum {
  MODE_01,
  MODE_03,
  MODE_04,
  MODE_06,
  MODE_07,
  MODE_0D,
  MODE_12,
  MODE_13,
  MODE_X, /* 320x240, not chained */
} VgaModeName;
void vga_set_mode (Bench *bench, VgaModeName mode);
void vbe_set_mode (Bench *bench, unsigned width, unsigned height, unsigned bpp, unsigned flags);
/* Each entry another colour. */
void dac_fill (Bench *bench);
uint32_t dac_color (Bench *bench, uint8_t index);

/* The picture now. (transfer full) */
Surface *svga_bench_grab (Bench *bench);
uint32_t surface_pixel (const Surface *surface, int x, int y);

G_END_DECLS
