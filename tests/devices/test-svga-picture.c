/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"
#include "tests/devices/svga-bench.h"

#include <string.h>

/*
 * What the card shows, mode by mode. Each picture is drawn as a guest would, and every pixel is compared with
 * what the mode's definition makes of the bytes that the guest wrote: IBM VGA Technical Reference, "Video
 * Memory Organization"; VESA VBE 3.0.
 */
#define TEXT  (SVGA_WINDOW + 0x18000)
#define MONO  (SVGA_WINDOW + 0x10000)
#define FONT2 0x4000 /* font block 1 */

static uint8_t
noise (unsigned n)
{
  n = n * 2654435761u;
  return n >> 24 ^ n >> 13;
}

static uint8_t
font_byte (unsigned block, unsigned character, unsigned row)
{
  return noise (block * 77777 + character * 32 + row);
}

static void
load_font (Bench *bench, unsigned block, unsigned offset)
{
  uint8_t seq_mask = seq_get (bench, SEQ_MAP_MASK), seq_memory = seq_get (bench, SEQ_MEMORY);
  uint8_t gfx_mode = gfx_get (bench, GFX_MODE), gfx_misc = gfx_get (bench, GFX_MISC);

  seq_set (bench, SEQ_MAP_MASK, 4);
  seq_set (bench, SEQ_MEMORY, 6);
  gfx_set (bench, GFX_MODE, 0);
  gfx_set (bench, GFX_MISC, 4);
  for (unsigned i = 0; i < 8192; i++)
    bench_write8 (bench, SVGA_WINDOW + offset + i, font_byte (block, i / 32, i % 32));
  seq_set (bench, SEQ_MAP_MASK, seq_mask);
  seq_set (bench, SEQ_MEMORY, seq_memory);
  gfx_set (bench, GFX_MODE, gfx_mode);
  gfx_set (bench, GFX_MISC, gfx_misc);
}

static void
fill_text (Bench *bench, uint64_t base, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    bench_write16 (bench, base + 2 * i, noise (i) | noise (i + 9000) << 8);
}

static void
hide_cursor (Bench *bench)
{
  crtc_set (bench, CRTC_CURSOR_START, 0x20);
}

/* The palette of 16 that all modes but 13h have: attribute register, then DAC. */
static uint32_t
color_16 (Bench *bench, unsigned index)
{
  return dac_color (bench, attr_get (bench, index) & 0x3f);
}

static void
assert_pixel (const Surface *surface, int x, int y, uint32_t expected)
{
  uint32_t actual = surface_pixel (surface, x, y);

  if (actual != expected)
    g_error ("pixel (%d, %d) is %06x, not %06x", x, y, actual, expected);
}

static void
assert_size (const Surface *surface, int width, int height)
{
  g_assert_cmpint (surface->width, ==, width);
  g_assert_cmpint (surface->height, ==, height);
}

/* --- text --- */

typedef struct {
  unsigned columns, rows, dots, repeat, height;
  unsigned first; /* character shown first */
  bool blink, copy_line;
} TextLayout;

static void
check_text (Bench *bench, const TextLayout *layout, unsigned (*cell) (unsigned index))
{
  g_autoptr (Surface) surface = svga_bench_grab (bench);
  uint32_t palette[16];
  int cell_width = layout->dots * layout->repeat;

  for (unsigned i = 0; i < 16; i++)
    palette[i] = color_16 (bench, i);
  assert_size (surface, layout->columns * cell_width, layout->rows * layout->height);
  for (int y = 0; y < surface->height; y++)
    for (int x = 0; x < surface->width; x++)
      {
        unsigned value = cell (layout->first + y / layout->height * layout->columns + x / cell_width);
        unsigned character = value & 0xff, attribute = value >> 8, dot = x % cell_width / layout->repeat;
        uint8_t bits = font_byte (0, character, y % layout->height);
        bool on;

        if (dot < 8)
          on = bits & (0x80 >> dot);
        else
          on = layout->copy_line && character >= 0xc0 && character <= 0xdf && (bits & 1);
        assert_pixel (surface, x, y,
                      palette[on ? attribute & 15 : attribute >> 4 & (layout->blink ? 7 : 15)]);
      }
}

static unsigned
noise_cell (unsigned index)
{
  return noise (index) | noise (index + 9000) << 8;
}

/* Without blinking characters. */
static unsigned
steady_cell (unsigned index)
{
  return noise_cell (index) & 0x7fff;
}

static void
fill_steady (Bench *bench, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    bench_write16 (bench, TEXT + 2 * i, steady_cell (i));
}

static void
test_text_80x25 (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  TextLayout layout = { 80, 25, 9, 1, 16, 0, true, true };

  dac_fill (bench);
  vga_set_mode (bench, MODE_03);
  load_font (bench, 0, 0);
  hide_cursor (bench);
  fill_steady (bench, 4000);
  check_text (bench, &layout, steady_cell);

  /* Scrolled by the start address, and with bright backgrounds instead of blinking. */
  crtc_set (bench, CRTC_START_LOW, 160);
  layout.first = 160;
  check_text (bench, &layout, steady_cell);
  attr_set (bench, ATTR_MODE, 0x04);
  fill_text (bench, TEXT, 4000);
  layout.blink = false;
  check_text (bench, &layout, noise_cell);
  attr_set (bench, ATTR_MODE, 0x00);
  layout.copy_line = false;
  check_text (bench, &layout, noise_cell);
}

static void
test_text_other_sizes (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  TextLayout rows50 = { 80, 50, 9, 1, 8, 0, true, true }, columns40 = { 40, 25, 9, 2, 16, 0, true, true };
  TextLayout columns132 = { 132, 25, 8, 1, 16, 0, true, true };

  dac_fill (bench);
  vga_set_mode (bench, MODE_03);
  load_font (bench, 0, 0);
  hide_cursor (bench);
  fill_steady (bench, 4000);
  crtc_set (bench, CRTC_MAX_SCAN, 0x47);
  check_text (bench, &rows50, steady_cell);
  vga_set_mode (bench, MODE_01);
  hide_cursor (bench);
  check_text (bench, &columns40, steady_cell);
  vga_set_mode (bench, MODE_03);
  hide_cursor (bench);
  crtc_set (bench, CRTC_V_RETRACE_END, 0);
  crtc_set (bench, CRTC_H_DISPLAY_END, 131);
  crtc_set (bench, CRTC_OFFSET, 66);
  seq_set (bench, SEQ_CLOCKING, 1);
  check_text (bench, &columns132, steady_cell);
}

/* Attribute bit 3 chooses between two fonts when the map select register names two. */
static void
test_two_fonts (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) surface = NULL;

  dac_fill (bench);
  vga_set_mode (bench, MODE_03);
  load_font (bench, 0, 0);
  load_font (bench, 1, FONT2);
  hide_cursor (bench);
  seq_set (bench, SEQ_FONT, 0x04); /* map A: block 1, map B: block 0 */
  bench_write16 (bench, TEXT, 0x0741);
  bench_write16 (bench, TEXT + 2, 0x0f41);
  surface = svga_bench_grab (bench);
  for (int y = 0; y < 16; y++)
    for (int x = 0; x < 8; x++)
      {
        assert_pixel (surface, x, y, color_16 (bench, font_byte (0, 0x41, y) & (0x80 >> x) ? 7 : 0));
        assert_pixel (surface, 9 + x, y, color_16 (bench, font_byte (1, 0x41, y) & (0x80 >> x) ? 15 : 0));
      }
}

/* The cursor takes the lines between its start and end registers, half of the time. */
static void
test_cursor (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  unsigned shown = 0, n = 0;

  dac_fill (bench);
  vga_set_mode (bench, MODE_03);
  for (unsigned i = 0; i < 2000; i++)
    bench_write16 (bench, TEXT + 2 * i, 0x0700);
  crtc_set (bench, CRTC_CURSOR_LOW, 82);
  for (n = 0; n < 20; n++)
    {
      g_autoptr (Surface) surface = svga_bench_grab (bench);
      bool on = surface_pixel (surface, 18, 16 + 13) == color_16 (bench, 7);

      for (int y = 0; y < 48; y++)
        for (int x = 0; x < 36; x++)
          assert_pixel (surface, x, y,
                        color_16 (bench, on && x >= 18 && x < 27 && (y == 16 + 13 || y == 16 + 14) ? 7 : 0));
      shown += on;
      bench_advance_clock (bench, 250 * NS_PER_MS);
    }
  g_assert_cmpuint (shown, ==, n / 2);
  hide_cursor (bench);
  for (n = 0; n < 4; n++)
    {
      g_autoptr (Surface) surface = svga_bench_grab (bench);

      assert_pixel (surface, 18, 16 + 13, color_16 (bench, 0));
      bench_advance_clock (bench, 250 * NS_PER_MS);
    }
}

static void
test_blinking_text (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  unsigned shown = 0;

  dac_fill (bench);
  vga_set_mode (bench, MODE_03);
  load_font (bench, 0, 0);
  hide_cursor (bench);
  fill_steady (bench, 2000);
  for (unsigned y = 0; y < 16; y++)
    g_assert_true (font_byte (0, 0x41, y) != 0 || y > 0);
  bench_write16 (bench, TEXT, 0x9741); /* white on blue, blinking */
  for (unsigned i = 0; i < 16; i++)
    {
      g_autoptr (Surface) surface = svga_bench_grab (bench);
      bool lit = false;

      for (int y = 0; y < 16; y++)
        for (int x = 0; x < 8; x++)
          lit = lit || surface_pixel (surface, x, y) == color_16 (bench, 7);
      shown += lit;
      bench_advance_clock (bench, 250 * NS_PER_MS);
    }
  g_assert_cmpuint (shown, ==, 8);
}

static void
test_mono_underline (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) surface = NULL;

  dac_fill (bench);
  vga_set_mode (bench, MODE_07);
  hide_cursor (bench);
  for (unsigned i = 0; i < 2000; i++)
    bench_write16 (bench, MONO + 2 * i, 0x0700);
  bench_write16 (bench, MONO + 2, 0x0100);
  crtc_set (bench, CRTC_UNDERLINE, 0x0d);
  surface = svga_bench_grab (bench);
  assert_pixel (surface, 9, 12, dac_color (bench, 0));
  for (int x = 9; x < 18; x++)
    assert_pixel (surface, x, 13, dac_color (bench, 8));
  assert_pixel (surface, 18, 13, dac_color (bench, 0));
}

/* Below the line compare the screen begins anew at address 0, and does not pan if so wanted. */
static void
test_split_and_pan (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) surface = NULL;

  dac_fill (bench);
  vga_set_mode (bench, MODE_03);
  load_font (bench, 0, 0);
  hide_cursor (bench);
  for (unsigned i = 0; i < 8000; i++)
    bench_write16 (bench, TEXT + 2 * i, 0x0700 | (i % 160 + i / 160));
  crtc_set (bench, CRTC_START_LOW, 160);
  crtc_set (bench, CRTC_MAX_SCAN, 0x0f);
  crtc_set (bench, CRTC_OVERFLOW, 0x0f);
  crtc_set (bench, CRTC_LINE_COMPARE, 199);
  attr_set (bench, ATTR_MODE, 0x2c);
  attr_set (bench, ATTR_PAN, 2); /* three dots */
  surface = svga_bench_grab (bench);
  for (int y = 0; y < 400; y++)
    for (int x = 0; x < 700; x++)
      {
        int from = y < 200 ? x + 3 : x, row = y < 200 ? y : y - 200;
        unsigned index = (y < 200 ? 160 : 0) + row / 16 * 80 + from / 9;
        unsigned character = (index % 160 + index / 160) & 0xff;
        bool on = from % 9 < 8
                    ? font_byte (0, character, row % 16) & (0x80 >> from % 9)
                    : character >= 0xc0 && character <= 0xdf && (font_byte (0, character, row % 16) & 1);

        assert_pixel (surface, x, y, color_16 (bench, on ? 7 : 0));
      }
}

/* --- graphics --- */

static void
test_mode_04 (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) surface = NULL;

  dac_fill (bench);
  vga_set_mode (bench, MODE_04);
  for (unsigned i = 0; i < 0x4000; i++)
    bench_write8 (bench, TEXT + i, noise (i));
  surface = svga_bench_grab (bench);
  assert_size (surface, 640, 400);
  for (int y = 0; y < 400; y++)
    for (int x = 0; x < 640; x++)
      {
        unsigned row = y / 2, column = x / 2;
        uint8_t byte = noise ((row & 1) * 0x2000 + row / 2 * 80 + column / 4);

        assert_pixel (surface, x, y, color_16 (bench, byte >> (6 - 2 * (column & 3)) & 3));
      }
}

static void
test_mode_06 (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) surface = NULL;

  dac_fill (bench);
  vga_set_mode (bench, MODE_06);
  for (unsigned i = 0; i < 0x4000; i++)
    bench_write8 (bench, TEXT + i, noise (i));
  surface = svga_bench_grab (bench);
  assert_size (surface, 640, 400);
  for (int y = 0; y < 400; y++)
    for (int x = 0; x < 640; x++)
      {
        unsigned row = y / 2;
        uint8_t byte = noise ((row & 1) * 0x2000 + row / 2 * 80 + x / 8);

        assert_pixel (surface, x, y, color_16 (bench, byte >> (7 - x % 8) & 1));
      }
}

/* Four planes, one bit of the colour each. */
static void
fill_planes (Bench *bench, unsigned size)
{
  for (unsigned plane = 0; plane < 4; plane++)
    {
      seq_set (bench, SEQ_MAP_MASK, 1 << plane);
      for (unsigned i = 0; i < size; i++)
        bench_write8 (bench, SVGA_WINDOW + i, noise (i + plane * 0x10000));
    }
  seq_set (bench, SEQ_MAP_MASK, 0x0f);
}

static unsigned
planar_color (unsigned address, unsigned bit)
{
  unsigned color = 0;

  for (unsigned plane = 0; plane < 4; plane++)
    color |= (noise (address + plane * 0x10000) >> (7 - bit) & 1) << plane;
  return color;
}

static void
check_planar (Bench *bench, int width, int height, int repeat_x, int repeat_y, unsigned pitch, unsigned start,
              int pan)
{
  g_autoptr (Surface) surface = svga_bench_grab (bench);
  uint32_t palette[16];

  for (unsigned i = 0; i < 16; i++)
    palette[i] = color_16 (bench, i);
  assert_size (surface, width, height);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        unsigned column = x / repeat_x + pan;

        assert_pixel (surface, x, y,
                      palette[planar_color (start + y / repeat_y * pitch + column / 8, column % 8)]);
      }
}

static void
test_mode_0d (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  dac_fill (bench);
  vga_set_mode (bench, MODE_0D);
  fill_planes (bench, 0x4000);
  check_planar (bench, 640, 400, 2, 2, 40, 0, 0);
  crtc_set (bench, CRTC_START_HIGH, 0x20); /* the second page */
  check_planar (bench, 640, 400, 2, 2, 40, 0x2000, 0);
}

static void
test_mode_12 (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  dac_fill (bench);
  vga_set_mode (bench, MODE_12);
  fill_planes (bench, 0xa000);
  check_planar (bench, 640, 480, 1, 1, 80, 0, 0);
  /* A wider virtual screen, scrolled and panned. */
  crtc_set (bench, CRTC_OFFSET, 42);
  crtc_set (bench, CRTC_START_LOW, 3);
  attr_set (bench, ATTR_PAN, 5);
  check_planar (bench, 640, 480, 1, 1, 84, 3, 5);
}

static void
test_mode_13 (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) surface = NULL;

  dac_fill (bench);
  vga_set_mode (bench, MODE_13);
  for (unsigned i = 0; i < 64000; i++)
    bench_write8 (bench, SVGA_WINDOW + i, noise (i));
  surface = svga_bench_grab (bench);
  assert_size (surface, 640, 400);
  for (int y = 0; y < 400; y++)
    for (int x = 0; x < 640; x++)
      assert_pixel (surface, x, y, dac_color (bench, noise (y / 2 * 320 + x / 2)));
}

static void
test_mode_x (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) surface = NULL;

  dac_fill (bench);
  vga_set_mode (bench, MODE_X);
  for (unsigned plane = 0; plane < 4; plane++)
    {
      seq_set (bench, SEQ_MAP_MASK, 1 << plane);
      for (unsigned i = 0; i < 19200; i++)
        bench_write8 (bench, SVGA_WINDOW + i, noise (4 * i + plane));
    }
  surface = svga_bench_grab (bench);
  assert_size (surface, 640, 480);
  for (int y = 0; y < 480; y++)
    for (int x = 0; x < 640; x++)
      assert_pixel (surface, x, y, dac_color (bench, noise (y / 2 * 320 + x / 2)));
}

/* --- VBE --- */

static uint32_t
expand (uint32_t value, unsigned bits)
{
  return value << (8 - bits) | value >> (2 * bits - 8);
}

static uint32_t
vbe_pixel (Bench *bench, const uint8_t *p, unsigned bpp)
{
  uint32_t value = p[0] | p[1] << 8;

  switch (bpp)
    {
    case 8:
      return dac_color (bench, p[0]);
    case 15:
      return expand (value >> 10 & 31, 5) << 16 | expand (value >> 5 & 31, 5) << 8 | expand (value & 31, 5);
    case 16:
      return expand (value >> 11, 5) << 16 | expand (value >> 5 & 63, 6) << 8 | expand (value & 31, 5);
    default:
      return value | p[2] << 16;
    }
}

static void
check_vbe (Bench *bench, int width, int height, unsigned bpp, unsigned stride, unsigned first_byte)
{
  g_autoptr (Surface) surface = svga_bench_grab (bench);
  const uint8_t *memory = svga_bench_memory (bench) + first_byte;

  assert_size (surface, width, height);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      assert_pixel (surface, x, y, vbe_pixel (bench, memory + (size_t)y * stride + x * ((bpp + 7) / 8), bpp));
}

static void
test_vbe_modes (void)
{
  static const unsigned depths[] = { 8, 15, 16, 24, 32 };
  g_autoptr (Bench) bench = svga_bench_new ();

  dac_fill (bench);
  for (unsigned i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      unsigned bpp = depths[i], bytes = (bpp + 7) / 8;

      vbe_set_mode (bench, 640, 480, bpp, 0);
      for (unsigned n = 0; n < 1024 * 600 * bytes; n += 8)
        svga_bench_draw (bench, n, noise (n) * UINT64_C (0x123456789abcdf1) + n, 8);
      check_vbe (bench, 640, 480, bpp, 640 * bytes, 0);
      vbe_set (bench, VBE_VIRT_WIDTH, 1024);
      vbe_set (bench, VBE_X_OFFSET, 100);
      vbe_set (bench, VBE_Y_OFFSET, 50);
      check_vbe (bench, 640, 480, bpp, 1024 * bytes, 50 * 1024 * bytes + 100 * bytes);
    }
}

static void
test_vbe_planar (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  dac_fill (bench);
  vga_set_mode (bench, MODE_12);
  vbe_set_mode (bench, 800, 600, 4, 0);
  fill_planes (bench, 0x10000);
  check_planar (bench, 800, 600, 1, 1, 100, 0, 0);
  vbe_set (bench, VBE_X_OFFSET, 0);
  vbe_set (bench, VBE_VIRT_WIDTH, 832);
  vbe_set (bench, VBE_X_OFFSET, 21);
  vbe_set (bench, VBE_Y_OFFSET, 4);
  check_planar (bench, 800, 600, 1, 1, 104, 4 * 104 + 2, 5);
}

static void
ignore_change (void *data)
{
}

/* 32 bits per pixel are shown without a copy, and the picture outlives the machine. */
static void
test_borrowed_surface (void)
{
  Bench *bench = svga_bench_new ();
  Screen *screen = screen_ref (svga_bench_screen (bench));
  ScreenViewer *viewer = screen_viewer_new (screen, 0, ignore_change, NULL);
  g_autoptr (Surface) grabbed = NULL;
  g_autoptr (Surface) surface = NULL;
  Damage damage;

  vbe_set_mode (bench, 640, 480, 32, 0);
  grabbed = svga_bench_grab (bench);
  surface = screen_viewer_take (viewer, &damage);
  g_assert_true ((uint8_t *)surface->pixels == svga_bench_memory (bench));
  svga_bench_draw (bench, 640 * 4 + 8, 0x00abcdef, 4);
  screen_viewer_free (viewer);
  bench_free (bench);
  screen_unref (screen);
  assert_pixel (surface, 2, 1, 0xabcdef);
}

static void
test_blank (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) before = NULL, off = NULL, after = NULL;

  dac_fill (bench);
  vga_set_mode (bench, MODE_13);
  bench_write8 (bench, SVGA_WINDOW, 0x55);
  before = svga_bench_grab (bench);
  assert_pixel (before, 0, 0, dac_color (bench, 0x55));
  seq_set (bench, SEQ_CLOCKING, 0x21); /* screen off */
  off = svga_bench_grab (bench);
  assert_size (off, 640, 400);
  assert_pixel (off, 0, 0, 0);
  seq_set (bench, SEQ_CLOCKING, 0x01);
  after = svga_bench_grab (bench);
  assert_pixel (after, 0, 0, dac_color (bench, 0x55));
}

/* The mode that a machine without firmware starts in. */
static void
test_set_text_mode (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autoptr (Surface) surface = NULL;
  static const uint8_t letter[16] = {
    0x00, 0x00, 0x10, 0x38, 0x6c, 0xc6, 0xc6, 0xfe, 0xc6, 0xc6, 0xc6, 0xc6
  };

  vbe_set_mode (bench, 640, 480, 32, 0);
  svga_set_text_mode (bench_find (bench, "svga0"));
  hide_cursor (bench);
  bench_write16 (bench, TEXT, 0x1f41);
  surface = svga_bench_grab (bench);
  assert_size (surface, 720, 400);
  for (int y = 0; y < 16; y++)
    for (int x = 0; x < 18; x++)
      assert_pixel (surface, x, y,
                    x >= 9                               ? 0x000000
                    : x < 8 && (letter[y] & (0x80 >> x)) ? 0xffffff
                                                         : 0x0000aa);
}

/* --- damage and rest --- */

typedef struct {
  Screen *screen;
  ScreenViewer *viewer;
  int changes; /* atomic */
} Looker;

static void
on_change (void *data)
{
  g_atomic_int_inc (&((Looker *)data)->changes);
}

static void
looker_init (Looker *looker, Bench *bench)
{
  looker->screen = svga_bench_screen (bench);
  looker->changes = 0;
  looker->viewer = screen_viewer_new (looker->screen, 0, on_change, looker);
}

/* Takes what changed once a refresh has certainly been. */
static Rect
looker_take (Looker *looker, Bench *bench)
{
  g_autoptr (Surface) now = svga_bench_grab (bench);
  g_autoptr (Surface) surface = NULL;
  Damage damage;

  surface = screen_viewer_take (looker->viewer, &damage);
  return damage_bounds (&damage);
}

/* A new mode may be drawn in more than one go. */
static void
looker_settle (Looker *looker, Bench *bench)
{
  Rect rect;

  do
    rect = looker_take (looker, bench);
  while (rect.width > 0);
}

static void
assert_rect (Rect rect, int x, int y, int width, int height)
{
  g_assert_cmpint (rect.x, ==, x);
  g_assert_cmpint (rect.y, ==, y);
  g_assert_cmpint (rect.width, ==, width);
  g_assert_cmpint (rect.height, ==, height);
}

static void
test_damage (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  Looker looker;
  Rect rect;

  looker_init (&looker, bench);
  dac_fill (bench);
  vga_set_mode (bench, MODE_03);
  load_font (bench, 0, 0);
  hide_cursor (bench);
  looker_settle (&looker, bench);
  bench_write16 (bench, TEXT + 2 * (80 * 3 + 5), 0x1e41);
  assert_rect (looker_take (&looker, bench), 45, 48, 9, 16);
  assert_rect (looker_take (&looker, bench), 0, 0, 0, 0);

  vga_set_mode (bench, MODE_12);
  looker_settle (&looker, bench);
  bench_write8 (bench, SVGA_WINDOW + 80 * 100 + 10, 0xff);
  bench_write8 (bench, SVGA_WINDOW + 80 * 101 + 10, ~bench_read8 (bench, SVGA_WINDOW + 80 * 101 + 10));
  rect = looker_take (&looker, bench);
  g_assert_cmpint (rect.x, >=, 80);
  g_assert_cmpint (rect.width, <=, 8);
  g_assert_cmpint (rect.height, <=, 2);

  vbe_set_mode (bench, 640, 480, 32, 0);
  looker_settle (&looker, bench);
  svga_bench_draw (bench, 2560 * 200, 0xffffff, 4);
  rect = looker_take (&looker, bench);
  g_assert_cmpint (rect.y, >=, 198);
  g_assert_cmpint (rect.y + rect.height, <=, 203);
  g_assert_cmpint (rect.height, >, 0);
  screen_viewer_free (looker.viewer);
}

static bool
has_changed (Bench *bench, void *data)
{
  return g_atomic_int_get (&((Looker *)data)->changes) > 0;
}

static void
have_rest (Looker *looker, Bench *bench)
{
  /* Half a second without a change, and some. */
  g_usleep (800 * 1000);
  looker_take (looker, bench);
  g_atomic_int_set (&looker->changes, 0);
}

/* A screen at rest notices writes to registers, to the window and to the frame buffer. */
static void
test_wake_from_rest (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  Looker looker;

  looker_init (&looker, bench);
  dac_fill (bench);
  vga_set_mode (bench, MODE_13);
  have_rest (&looker, bench);
  bench_write8 (bench, SVGA_WINDOW, 0x12);
  g_assert_true (bench_run_until (bench, has_changed, &looker));
  have_rest (&looker, bench);
  dac_set (bench, 0x12, 1, 2, 3);
  g_assert_true (bench_run_until (bench, has_changed, &looker));

  vbe_set_mode (bench, 640, 480, 32, 0);
  have_rest (&looker, bench);
  svga_bench_draw (bench, 1000, 0x123456, 4);
  g_assert_true (bench_run_until (bench, has_changed, &looker));
  screen_viewer_free (looker.viewer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/svga-picture/text-80x25", test_text_80x25);
  g_test_add_func ("/svga-picture/text-other-sizes", test_text_other_sizes);
  g_test_add_func ("/svga-picture/two-fonts", test_two_fonts);
  g_test_add_func ("/svga-picture/cursor", test_cursor);
  g_test_add_func ("/svga-picture/blinking-text", test_blinking_text);
  g_test_add_func ("/svga-picture/mono-underline", test_mono_underline);
  g_test_add_func ("/svga-picture/split-and-pan", test_split_and_pan);
  g_test_add_func ("/svga-picture/mode-04", test_mode_04);
  g_test_add_func ("/svga-picture/mode-06", test_mode_06);
  g_test_add_func ("/svga-picture/mode-0d", test_mode_0d);
  g_test_add_func ("/svga-picture/mode-12", test_mode_12);
  g_test_add_func ("/svga-picture/mode-13", test_mode_13);
  g_test_add_func ("/svga-picture/mode-x", test_mode_x);
  g_test_add_func ("/svga-picture/vbe-modes", test_vbe_modes);
  g_test_add_func ("/svga-picture/vbe-planar", test_vbe_planar);
  g_test_add_func ("/svga-picture/borrowed-surface", test_borrowed_surface);
  g_test_add_func ("/svga-picture/blank", test_blank);
  g_test_add_func ("/svga-picture/set-text-mode", test_set_text_mode);
  g_test_add_func ("/svga-picture/damage", test_damage);
  g_test_add_func ("/svga-picture/wake-from-rest", test_wake_from_rest);
  return g_test_run ();
}
