/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/svga-bench.h"

#include <string.h>

/*
 * The legacy window against a model that is written plane by plane and bit by bit from the IBM VGA Technical
 * Reference, sections "Graphics Controller Registers" and "Sequencer Registers".
 */
typedef struct {
  uint8_t plane[4][0x10000];
  uint8_t latch[4];
  uint8_t seq[5], gfx[9];
} Model;

static unsigned
bit (unsigned value, unsigned n)
{
  return value >> n & 1;
}

/* False: outside of the window that the miscellaneous register selects. */
static bool
model_address (const Model *model, unsigned *address)
{
  switch (model->gfx[6] >> 2 & 3)
    {
    case 0:
      *address &= 0xffff;
      return true;
    case 1:
      return *address < 0x10000;
    case 2:
      *address -= 0x10000;
      return *address < 0x8000;
    default:
      *address -= 0x18000;
      return *address < 0x8000;
    }
}

static bool
model_reaches (const Model *model, unsigned plane, unsigned address)
{
  if (!bit (model->seq[2], plane))
    return false;
  if (bit (model->seq[4], 3)) /* chain 4 */
    return plane == (address & 3);
  if (!bit (model->seq[4], 2)) /* odd/even */
    return (plane & 1) == (address & 1);
  return true;
}

/* Chain-4 modes keep one byte per plane and four addresses, odd/even modes drop the lowest bit. */
static unsigned
model_offset (const Model *model, unsigned address)
{
  if (bit (model->seq[4], 3))
    return address >> 2;
  return bit (model->seq[4], 2) ? address : address & ~1u;
}

static unsigned
model_data_bit (const Model *model, unsigned plane, unsigned n, uint8_t value)
{
  unsigned rotated = bit (value, (n + (model->gfx[3] & 7)) % 8);
  unsigned latched = bit (model->latch[plane], n), data, mask = bit (model->gfx[8], n);

  switch (model->gfx[5] & 3)
    {
    case 0:
      data = bit (model->gfx[1], plane) ? bit (model->gfx[0], plane) : rotated;
      break;
    case 1:
      return latched;
    case 2:
      data = bit (value, plane);
      break;
    default:
      data = bit (model->gfx[0], plane);
      mask &= rotated;
      break;
    }
  switch (model->gfx[3] >> 3 & 3)
    {
    case 1:
      data &= latched;
      break;
    case 2:
      data |= latched;
      break;
    case 3:
      data ^= latched;
      break;
    default:
      break;
    }
  return mask ? data : latched;
}

static void
model_write (Model *model, unsigned address, uint8_t value)
{
  if (!model_address (model, &address))
    return;
  for (unsigned plane = 0; plane < 4; plane++)
    if (model_reaches (model, plane, address))
      {
        uint8_t byte = 0;

        for (unsigned n = 0; n < 8; n++)
          byte |= model_data_bit (model, plane, n, value) << n;
        model->plane[plane][model_offset (model, address)] = byte;
      }
}

static uint8_t
model_read (Model *model, unsigned address)
{
  unsigned plane = model->gfx[4] & 3, equal = 0;

  if (!model_address (model, &address))
    return 0xff;
  for (unsigned p = 0; p < 4; p++)
    model->latch[p] = model->plane[p][model_offset (model, address)];
  if (bit (model->gfx[5], 3))
    {
      for (unsigned n = 0; n < 8; n++)
        {
          bool same = true;

          for (unsigned p = 0; p < 4; p++)
            same = same && (!bit (model->gfx[7], p) || bit (model->latch[p], n) == bit (model->gfx[2], p));
          equal |= same << n;
        }
      return equal;
    }
  if (bit (model->seq[4], 3))
    plane = address & 3;
  else if (bit (model->gfx[5], 4))
    plane = (plane & 2) | (address & 1);
  return model->latch[plane];
}

static void
set_register (Bench *bench, Model *model, GRand *rand)
{
  static const uint8_t gfx_bits[9] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

  if (g_rand_int_range (rand, 0, 3) == 0)
    {
      unsigned index = g_rand_boolean (rand) ? 2 : 4;
      uint8_t value = g_rand_int (rand) & (index == 2 ? 0x0f : 0x0e);

      model->seq[index] = value;
      seq_set (bench, index, value);
    }
  else
    {
      unsigned index = g_rand_int_range (rand, 0, 9);
      uint8_t value = g_rand_int (rand) & gfx_bits[index];

      model->gfx[index] = value;
      gfx_set (bench, index, value);
    }
}

/* Windows that are plain memory don't load the latches, which nothing uses there. */
static void
load_latches (Bench *bench, Model *model)
{
  static const unsigned bases[4] = { 0, 0, 0x10000, 0x18000 };
  unsigned base = bases[model->gfx[6] >> 2 & 3];

  g_assert_cmphex (bench_read8 (bench, SVGA_WINDOW + base), ==, model_read (model, base));
}

static void
access_window (Bench *bench, Model *model, GRand *rand)
{
  unsigned size = 1u << g_rand_int_range (rand, 0, 4);
  unsigned address = g_rand_int_range (rand, 0, 0x20000 - size);
  uint64_t value = (uint64_t)g_rand_int (rand) << 32 | g_rand_int (rand), expected = 0;

  if (g_rand_boolean (rand))
    address = (address & 0x180ff) + (address & 1) * 0x100;
  if (g_rand_boolean (rand))
    {
      bus_write (bench_board (bench)->mmio, SVGA_WINDOW + address, value, size);
      for (unsigned i = 0; i < size; i++)
        model_write (model, address + i, value >> (8 * i));
      return;
    }
  for (unsigned i = 0; i < size; i++)
    expected |= (uint64_t)model_read (model, address + i) << (8 * i);
  g_assert_cmphex (bus_read (bench_board (bench)->mmio, SVGA_WINDOW + address, size), ==, expected);
}

static void
check_planes (Bench *bench, Model *model)
{
  static const uint8_t flat[9] = { 0, 0, 0, 0, 0, 0, 0x05, 0x0f, 0xff };

  memcpy (model->gfx, flat, sizeof flat);
  model->seq[2] = 0x0f;
  model->seq[4] = 0x06;
  for (unsigned i = 0; i < 9; i++)
    gfx_set (bench, i, flat[i]);
  seq_set (bench, 2, 0x0f);
  seq_set (bench, 4, 0x06);
  for (unsigned plane = 0; plane < 4; plane++)
    {
      gfx_set (bench, 4, plane);
      for (unsigned i = 0; i < 0x10000; i += 8)
        {
          uint64_t expected = 0;

          for (unsigned n = 0; n < 8; n++)
            expected |= (uint64_t)model->plane[plane][i + n] << (8 * n);
          g_assert_cmphex (bench_read64 (bench, SVGA_WINDOW + i), ==, expected);
        }
    }
  gfx_set (bench, 4, 0);
  for (unsigned p = 0; p < 4; p++)
    model->latch[p] = model->plane[p][0xffff];
}

/* Every combination of modes comes up; windows that are shown as RAM are used and left as well. */
static void
test_model (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  g_autofree Model *model = g_new0 (Model, 1);
  g_autoptr (GRand) rand = g_rand_new_with_seed (42);

  memset (svga_bench_memory (bench), 0, 0x40000);
  for (unsigned round = 0; round < 20; round++)
    {
      check_planes (bench, model);
      for (unsigned i = 0; i < 5000; i++)
        {
          if (g_rand_int_range (rand, 0, 8) == 0)
            {
              set_register (bench, model, rand);
              load_latches (bench, model);
            }
          access_window (bench, model, rand);
        }
    }
  check_planes (bench, model);
}

/* One write mode at a time with values that can be followed by hand. */
static void
test_write_modes (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  uint8_t *memory = svga_bench_memory (bench);

  vga_set_mode (bench, MODE_12);
  bench_write8 (bench, SVGA_WINDOW, 0x81); /* mode 0: the same in all planes */
  g_assert_cmpmem (memory, 4, "\x81\x81\x81\x81", 4);
  gfx_set (bench, GFX_SET_RESET, 0x05); /* planes 0 and 1 are told by set/reset */
  gfx_set (bench, GFX_ENABLE_SET_RESET, 0x03);
  bench_write8 (bench, SVGA_WINDOW + 1, 0x3c);
  g_assert_cmpmem (memory + 4, 4, "\xff\x00\x3c\x3c", 4);
  gfx_set (bench, GFX_ENABLE_SET_RESET, 0);
  gfx_set (bench, GFX_ROTATE, 0x04);
  bench_write8 (bench, SVGA_WINDOW + 2, 0x3c);
  g_assert_cmpmem (memory + 8, 4, "\xc3\xc3\xc3\xc3", 4);
  gfx_set (bench, GFX_ROTATE, 0);

  gfx_set (bench, GFX_MODE, 1); /* mode 1: latches */
  g_assert_cmphex (bench_read8 (bench, SVGA_WINDOW + 1), ==, 0xff);
  bench_write8 (bench, SVGA_WINDOW + 3, 0x00);
  g_assert_cmpmem (memory + 12, 4, "\xff\x00\x3c\x3c", 4);

  gfx_set (bench, GFX_MODE, 2); /* mode 2: a colour, with the bit mask and the latches */
  gfx_set (bench, GFX_BIT_MASK, 0x0f);
  bench_read8 (bench, SVGA_WINDOW);
  bench_write8 (bench, SVGA_WINDOW, 0x0a);
  g_assert_cmpmem (memory, 4, "\x80\x8f\x80\x8f", 4);

  gfx_set (bench, GFX_MODE, 3); /* mode 3: the data is a further bit mask */
  gfx_set (bench, GFX_SET_RESET, 0x01);
  gfx_set (bench, GFX_BIT_MASK, 0xff);
  bench_read8 (bench, SVGA_WINDOW);
  bench_write8 (bench, SVGA_WINDOW, 0x41);
  g_assert_cmpmem (memory, 4, "\xc1\x8e\x80\x8e", 4);
}

static void
test_vbe_bank (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  uint8_t *memory = svga_bench_memory (bench);

  vbe_set_mode (bench, 1024, 768, 8, 0);
  for (unsigned bank = 0; bank < 12; bank++)
    {
      vbe_set (bench, VBE_BANK, bank);
      for (unsigned i = 0; i < 100; i++) /* enough to be shown as RAM */
        bench_write8 (bench, SVGA_WINDOW + 0xff00 + i, bank + i);
    }
  for (unsigned bank = 0; bank < 12; bank++)
    {
      g_assert_cmphex (memory[bank * 0x10000 + 0xff00], ==, bank);
      g_assert_cmphex (memory[bank * 0x10000 + 0xff63], ==, bank + 99);
    }
  vbe_set (bench, VBE_BANK, 0xffff);
  g_assert_cmpuint (vbe_get (bench, VBE_BANK), ==, 63);
  g_assert_cmphex (bench_read8 (bench, SVGA_WINDOW + 0x10000), ==, 0xff);
}

static void
test_vbe_planar_bank (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  uint8_t *memory = svga_bench_memory (bench);

  vga_set_mode (bench, MODE_12);
  vbe_set_mode (bench, 1024, 768, 4, 0);
  vbe_set (bench, VBE_BANK, 1);
  seq_set (bench, SEQ_MAP_MASK, 0x04);
  bench_write8 (bench, SVGA_WINDOW + 0x100, 0x77);
  g_assert_cmphex (memory[4 * 0x10100 + 2], ==, 0x77);
}

/* Text memory looks the same before, while and after it is shown as RAM. */
static void
test_text_memory (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  uint8_t *memory = svga_bench_memory (bench);

  vga_set_mode (bench, MODE_03);
  for (unsigned i = 0; i < 4000; i++)
    bench_write8 (bench, SVGA_WINDOW + 0x18000 + i, i * 7);
  for (unsigned i = 0; i < 4000; i++)
    g_assert_cmphex (bench_read8 (bench, SVGA_WINDOW + 0x18000 + i), ==, (uint8_t)(i * 7));
  seq_set (bench, SEQ_MEMORY, 0x06); /* look at the planes */
  gfx_set (bench, GFX_MODE, 0);
  gfx_set (bench, GFX_MISC, 0x04);
  gfx_set (bench, GFX_READ_MAP, 1);
  for (unsigned i = 0; i < 4000; i += 2)
    {
      g_assert_cmphex (memory[4 * i], ==, (uint8_t)(i * 7));
      g_assert_cmphex (bench_read8 (bench, SVGA_WINDOW + i), ==, (uint8_t)((i + 1) * 7));
    }
  bench_write8 (bench, SVGA_WINDOW + 2, 0x99);
  gfx_set (bench, GFX_READ_MAP, 0);
  gfx_set (bench, GFX_MODE, 0x10);
  gfx_set (bench, GFX_MISC, 0x0e);
  seq_set (bench, SEQ_MEMORY, 0x02);
  for (unsigned i = 0; i < 100; i++)
    bench_read8 (bench, SVGA_WINDOW + 0x18000);
  g_assert_cmphex (bench_read16 (bench, SVGA_WINDOW + 0x18002), ==, 0x9999);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/svga-window/model", test_model);
  g_test_add_func ("/svga-window/write-modes", test_write_modes);
  g_test_add_func ("/svga-window/vbe-bank", test_vbe_bank);
  g_test_add_func ("/svga-window/vbe-planar-bank", test_vbe_planar_bank);
  g_test_add_func ("/svga-window/text-memory", test_text_memory);
  return g_test_run ();
}
