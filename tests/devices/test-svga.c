/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/edid.h"
#include "devices/graphics/svga-private.h"
#include "tests/devices/svga-bench.h"

#include "vmm/base/error.h"

#include <stdlib.h>
#include <string.h>

/* Registers of the card: IBM VGA Technical Reference; Bochs' vbe_display_api.txt. */

static PciDevice *
pci_of (Bench *bench)
{
  return (PciDevice *)bench_find (bench, "svga0");
}

static uint32_t
config_read (Bench *bench, unsigned offset, unsigned size)
{
  return pci_bus_config_read (pci_of (bench)->bus, PCI_DEVFN (1, 0), offset, size);
}

static void
test_pci_identity (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  g_assert_cmphex (config_read (bench, 0, 4), ==, 0x11111234);
  g_assert_cmphex (config_read (bench, 8, 4), ==, 0x03000002);
  pci_bus_config_write (pci_of (bench)->bus, PCI_DEVFN (1, 0), 4, 0, 2);
  pci_bus_config_write (pci_of (bench)->bus, PCI_DEVFN (1, 0), 0x10, 0xffffffff, 4);
  pci_bus_config_write (pci_of (bench)->bus, PCI_DEVFN (1, 0), 0x18, 0xffffffff, 4);
  pci_bus_config_write (pci_of (bench)->bus, PCI_DEVFN (1, 0), 0x30, 0xffffffff, 4);
  g_assert_cmphex (config_read (bench, 0x10, 4), ==, 0xffc00008); /* 4 MiB, prefetchable */
  g_assert_cmphex (config_read (bench, 0x18, 4), ==, 0xfffff000);
  g_assert_cmphex (config_read (bench, 0x30, 4) & 1, ==, 1); /* has a ROM */
}

static void
test_sequencer (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  for (unsigned i = 0; i < 5; i++)
    {
      static const uint8_t writable[5] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };

      seq_set (bench, i, 0xff);
      g_assert_cmphex (seq_get (bench, i), ==, writable[i]);
      seq_set (bench, i, 0);
      g_assert_cmphex (seq_get (bench, i), ==, 0);
    }
}

/* "CR0-CR7 are write protected by bit 7 of the vertical retrace end register", but for bit 4 of the overflow
 * register, the line compare's bit 8. */
static void
test_crtc_protection (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  vga_set_mode (bench, MODE_03);
  g_assert_cmphex (crtc_get (bench, CRTC_V_RETRACE_END), ==, 0x8e);
  for (unsigned i = 0; i < 7; i++)
    {
      uint8_t before = crtc_get (bench, i);

      crtc_set (bench, i, ~before);
      g_assert_cmphex (crtc_get (bench, i), ==, before);
    }
  crtc_set (bench, CRTC_OVERFLOW, 0x00);
  g_assert_cmphex (crtc_get (bench, CRTC_OVERFLOW), ==, 0x0f);
  crtc_set (bench, CRTC_OVERFLOW, 0x10);
  g_assert_cmphex (crtc_get (bench, CRTC_OVERFLOW), ==, 0x1f);
  crtc_set (bench, CRTC_CURSOR_LOW, 0x5a);
  g_assert_cmphex (crtc_get (bench, CRTC_CURSOR_LOW), ==, 0x5a);
  crtc_set (bench, CRTC_V_RETRACE_END, 0x0e);
  crtc_set (bench, CRTC_H_TOTAL, 0x77);
  g_assert_cmphex (crtc_get (bench, CRTC_H_TOTAL), ==, 0x77);
}

/* Miscellaneous output bit 0 moves the CRTC between 0x3bx and 0x3dx. */
static void
test_mono_ports (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  bench_out8 (bench, 0x3c2, 0x67);
  g_assert_cmphex (bench_in8 (bench, 0x3cc), ==, 0x67);
  bench_out16 (bench, 0x3d4, 0x550e);
  bench_out16 (bench, 0x3b4, 0xaa0e);
  g_assert_cmphex (bench_in8 (bench, 0x3d5), ==, 0x55);
  g_assert_cmphex (bench_in8 (bench, 0x3b5), ==, 0xff);
  bench_out8 (bench, 0x3c2, 0x66);
  g_assert_cmphex (bench_in8 (bench, 0x3b5), ==, 0x55);
  g_assert_cmphex (bench_in8 (bench, 0x3d5), ==, 0xff);
}

/* The attribute controller's one port takes index and data in turn; status register 1 resets that. */
static void
test_attribute_toggle (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  vga_set_mode (bench, MODE_03);
  bench_in8 (bench, 0x3da);
  g_assert_cmphex (crtc_get (bench, CRTC_ATTR_TOGGLE) & 0x80, ==, 0);
  bench_out8 (bench, 0x3c0, 0x11);
  g_assert_cmphex (crtc_get (bench, CRTC_ATTR_TOGGLE) & 0x80, ==, 0x80);
  bench_out8 (bench, 0x3c0, 0x2a);
  g_assert_cmphex (bench_in8 (bench, 0x3c1), ==, 0x2a);
  bench_out8 (bench, 0x3c0, 0x12);
  bench_in8 (bench, 0x3da);
  bench_out8 (bench, 0x3c0, 0x13);
  bench_out8 (bench, 0x3c0, 0x07);
  g_assert_cmphex (attr_get (bench, 0x13), ==, 0x07);
  g_assert_cmphex (attr_get (bench, 0x12), ==, 0x0f);
}

/* "The palette address source bit must be 0 to load the internal palette registers." */
static void
test_palette_source (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  vga_set_mode (bench, MODE_03);
  bench_in8 (bench, 0x3da);
  bench_out8 (bench, 0x3c0, 0x20 | 5);
  bench_out8 (bench, 0x3c0, 0x3f);
  g_assert_cmphex (attr_get (bench, 5), ==, 5);
  attr_set (bench, 5, 0x3f);
  g_assert_cmphex (attr_get (bench, 5), ==, 0x3f);
}

static void
test_dac (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  dac_set (bench, 10, 1, 2, 0xff);
  bench_out8 (bench, 0x3c9, 4); /* the index goes on by itself */
  bench_out8 (bench, 0x3c9, 5);
  bench_out8 (bench, 0x3c9, 6);
  g_assert_cmphex (bench_in8 (bench, 0x3c7), ==, 0);
  bench_out8 (bench, 0x3c7, 10);
  g_assert_cmphex (bench_in8 (bench, 0x3c7), ==, 3);
  for (unsigned i = 0; i < 6; i++)
    {
      static const uint8_t expected[6] = { 1, 2, 0x3f, 4, 5, 6 };

      g_assert_cmphex (bench_in8 (bench, 0x3c9), ==, expected[i]);
    }
  vbe_set (bench, VBE_ENABLE, VBE_ENABLE_8BIT_DAC);
  dac_set (bench, 255, 0x80, 0xc1, 0xff);
  bench_out8 (bench, 0x3c7, 255);
  g_assert_cmphex (bench_in8 (bench, 0x3c9), ==, 0x80);
  g_assert_cmphex (bench_in8 (bench, 0x3c9), ==, 0xc1);
  g_assert_cmphex (bench_in8 (bench, 0x3c9), ==, 0xff);
}

/* Software waits for the retrace and for its end; both must come, 70 times a second in mode 3. */
static void
test_retrace (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  unsigned rises = 0, blank = 0;
  uint8_t before = 0;

  vga_set_mode (bench, MODE_03);
  for (unsigned i = 0; i < 20000; i++)
    {
      uint8_t status;

      bench_advance_clock (bench, 50 * NS_PER_US);
      status = bench_in8 (bench, 0x3da);
      rises += (status & 8) && !(before & 8);
      blank += status & 1;
      if (status & 8)
        g_assert_cmphex (status & 1, ==, 1);
      before = status;
    }
  g_assert_cmpuint (rises, >=, 69);
  g_assert_cmpuint (rises, <=, 71);
  g_assert_cmpuint (blank, >, 20000 / 10);
  g_assert_cmpuint (blank, <, 20000 / 2);
}

static void
test_vbe_registers (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  g_assert_cmphex (vbe_get (bench, VBE_ID), ==, 0xb0c5);
  vbe_set (bench, VBE_ID, 0xb0c0);
  g_assert_cmphex (vbe_get (bench, VBE_ID), ==, 0xb0c0);
  vbe_set (bench, VBE_ID, 0x1234);
  g_assert_cmphex (vbe_get (bench, VBE_ID), ==, 0xb0c0);
  g_assert_cmpuint (vbe_get (bench, VBE_MEMORY_64K), ==, 64);
  vbe_set (bench, VBE_ENABLE, VBE_ENABLE_CAPS);
  g_assert_cmpuint (vbe_get (bench, VBE_XRES), >=, 2560);
  g_assert_cmpuint (vbe_get (bench, VBE_YRES), >=, 1600);
  g_assert_cmpuint (vbe_get (bench, VBE_BPP), ==, 32);

  vbe_set_mode (bench, 800, 600, 32, 0);
  g_assert_cmpuint (vbe_get (bench, VBE_XRES), ==, 800);
  g_assert_cmpuint (vbe_get (bench, VBE_VIRT_WIDTH), ==, 800);
  g_assert_cmpuint (vbe_get (bench, VBE_VIRT_HEIGHT), ==, (4u << 20) / 3200);
  vbe_set (bench, VBE_XRES, 640); /* not while it is on */
  g_assert_cmpuint (vbe_get (bench, VBE_XRES), ==, 800);
  vbe_set (bench, VBE_VIRT_WIDTH, 1024);
  g_assert_cmpuint (vbe_get (bench, VBE_VIRT_HEIGHT), ==, 1024);
  vbe_set (bench, VBE_Y_OFFSET, 424);
  g_assert_cmpuint (vbe_get (bench, VBE_Y_OFFSET), ==, 424);
  vbe_set (bench, VBE_Y_OFFSET, 425); /* would show what is not there */
  g_assert_cmpuint (vbe_get (bench, VBE_Y_OFFSET), ==, 424);
  vbe_set (bench, VBE_ENABLE, 0);
  g_assert_cmpuint (vbe_get (bench, VBE_ENABLE), ==, 0);
}

/* Turning a mode on clears its part of the memory unless asked not to. */
static void
test_vbe_clear (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();
  uint8_t *memory = svga_bench_memory (bench);

  memset (memory, 0xa5, 1 << 20);
  vbe_set_mode (bench, 640, 200, 32, VBE_ENABLE_NO_CLEAR);
  g_assert_cmphex (memory[0], ==, 0xa5);
  vbe_set_mode (bench, 640, 200, 32, 0);
  g_assert_cmphex (memory[0], ==, 0);
  g_assert_cmphex (memory[640 * 200 * 4 - 1], ==, 0);
  g_assert_cmphex (memory[640 * 200 * 4], ==, 0xa5);
}

static void
test_mmio (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  bench_write16 (bench, SVGA_MMIO + 0x502, 1024);
  g_assert_cmpuint (vbe_get (bench, VBE_XRES), ==, 1024);
  g_assert_cmphex (bench_read16 (bench, SVGA_MMIO + 0x500), ==, 0xb0c5);
  bench_write8 (bench, SVGA_MMIO + 0x402, 0x67);
  g_assert_cmphex (bench_in8 (bench, 0x3cc), ==, 0x67);
  bench_write16 (bench, SVGA_MMIO + 0x414, 0x420e);
  g_assert_cmphex (crtc_get (bench, 0x0e), ==, 0x42);
  g_assert_cmphex (bench_read32 (bench, SVGA_MMIO + 0x600), ==, 8);
  g_assert_cmphex (bench_read32 (bench, SVGA_MMIO + 0x604), ==, 0x1e1e1e1e);
  bench_write32 (bench, SVGA_MMIO + 0x604, 0xbebebebe); /* this card is little-endian */
  g_assert_cmphex (bench_read32 (bench, SVGA_MMIO + 0x604), ==, 0x1e1e1e1e);
}

/* VESA E-EDID, release A: header, checksum, and a preferred timing that fits the memory. */
static void
test_edid (void)
{
  static const uint8_t header[8] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
  g_autoptr (Bench) bench = svga_bench_new ();
  uint8_t edid[128], sum = 0;
  unsigned width, height, h_total, v_total, clock;

  for (unsigned i = 0; i < 128; i++)
    sum += edid[i] = bench_read8 (bench, SVGA_MMIO + i);
  g_assert_cmphex (sum, ==, 0);
  g_assert_cmpmem (edid, 8, header, 8);
  g_assert_cmpuint (edid[18] << 8 | edid[19], ==, 0x104);
  g_assert_cmphex (edid[24] & 2, ==, 2);
  width = edid[56] | (edid[58] & 0xf0) << 4;
  height = edid[59] | (edid[61] & 0xf0) << 4;
  h_total = width + (edid[57] | (edid[58] & 0x0f) << 8);
  v_total = height + (edid[60] | (edid[61] & 0x0f) << 8);
  clock = (edid[54] | edid[55] << 8) * 10000;
  g_assert_cmpuint (width, ==, 1280);
  g_assert_cmpuint (height, ==, 800);
  g_assert_cmpuint (clock / (h_total * v_total), >=, 59);
  g_assert_cmpuint (clock / (h_total * v_total), <=, 60);

  edid_fill (edid, &(EdidConfig){ 640, 480, 1 });
  g_assert_cmpuint (edid[56] | (edid[58] & 0xf0) << 4, ==, 640);
}

static void
test_memory_sizes (void)
{
  static const unsigned wrong[] = { 3, 512, 257 };

  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (Bench) bench = svga_bench_new ();
      g_autoptr (GError) error = NULL;
      SvgaConfig config = { .place = { pci_of (bench)->bus, PCI_DEVFN (2, 0) }, .video_memory_mib = wrong[i] };

      g_assert_null (board_add (bench_board (bench), &svga_class.device, "svga1", &config, &error));
      g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, "svga1"));
    }
}

static void
test_state (void)
{
  g_autoptr (Bench) text = svga_bench_new ();
  g_autoptr (Bench) graphics = svga_bench_new ();

  vga_set_mode (text, MODE_03);
  dac_fill (text);
  for (unsigned i = 0; i < 200; i++)
    bench_write16 (text, SVGA_WINDOW + 0x18000 + 2 * i, 0x1741);
  bench_out8 (text, 0x3c0, 0x11); /* in the middle of things */
  bench_out8 (text, 0x3c8, 7);
  bench_out8 (text, 0x3c9, 33);
  bench_round_trip_state (text);

  vbe_set_mode (graphics, 1024, 768, 16, 0);
  vbe_set (graphics, VBE_VIRT_WIDTH, 1280);
  vbe_set (graphics, VBE_Y_OFFSET, 10);
  vbe_set (graphics, VBE_BANK, 3);
  bench_round_trip_state (graphics);
}

/* Registers in their places with values that modes are made of, more often than blind chance would. */
static void
fuzz_step (Bench *bench, GRand *rand, void *data)
{
  switch (g_rand_int_range (rand, 0, 8))
    {
    case 0:
      vga_set_mode (bench, g_rand_int_range (rand, MODE_01, MODE_X + 1));
      break;
    case 1:
      vbe_set_mode (bench, g_rand_int_range (rand, 0, 9000), g_rand_int_range (rand, 0, 5000),
                    g_rand_int_range (rand, 0, 9) * 4, g_rand_int (rand) & 0xff);
      break;
    case 2:
      crtc_set (bench, CRTC_V_RETRACE_END, 0);
      crtc_set (bench, g_rand_int_range (rand, 0, CRTC_COUNT), g_rand_int (rand));
      break;
    case 3:
      attr_set (bench, g_rand_int_range (rand, 0, ATTR_COUNT), g_rand_int (rand));
      break;
    case 4:
      gfx_set (bench, g_rand_int_range (rand, 0, GFX_COUNT), g_rand_int (rand));
      break;
    case 5:
      seq_set (bench, g_rand_int_range (rand, 1, SEQ_COUNT), g_rand_int (rand));
      break;
    case 6:
      vbe_set (bench, g_rand_int_range (rand, 0, VBE_COUNT), g_rand_int (rand));
      break;
    default:
      for (unsigned i = 0; i < 64; i++)
        bench_write64 (bench, SVGA_WINDOW + g_rand_int_range (rand, 0, 0x1fff8), g_rand_int (rand));
      break;
    }
  if (g_rand_int_range (rand, 0, 64) == 0)
    {
      g_autoptr (Surface) surface = svga_bench_grab (bench);

      g_assert_cmpint (surface->width, <=, VBE_MAX_XRES);
      g_assert_cmpint (surface->height, <=, VBE_MAX_YRES);
    }
}

static void
test_fuzz (void)
{
  const char *n = g_getenv ("BONSAI_FUZZ_OPERATIONS");
  g_autoptr (Bench) bench = svga_bench_new ();

  bench_fuzz_with (bench, 0x56474121, n ? atoi (n) : 60000, fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/svga/pci-identity", test_pci_identity);
  g_test_add_func ("/svga/sequencer", test_sequencer);
  g_test_add_func ("/svga/crtc-protection", test_crtc_protection);
  g_test_add_func ("/svga/mono-ports", test_mono_ports);
  g_test_add_func ("/svga/attribute-toggle", test_attribute_toggle);
  g_test_add_func ("/svga/palette-source", test_palette_source);
  g_test_add_func ("/svga/dac", test_dac);
  g_test_add_func ("/svga/retrace", test_retrace);
  g_test_add_func ("/svga/vbe-registers", test_vbe_registers);
  g_test_add_func ("/svga/vbe-clear", test_vbe_clear);
  g_test_add_func ("/svga/mmio", test_mmio);
  g_test_add_func ("/svga/edid", test_edid);
  g_test_add_func ("/svga/memory-sizes", test_memory_sizes);
  g_test_add_func ("/svga/state", test_state);
  g_test_add_func ("/svga/fuzz", test_fuzz);
  return g_test_run ();
}
