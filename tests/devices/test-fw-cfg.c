/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The firmware configuration device: selectors, directory, DMA. */
#include "devices/platform/fw-cfg.h"

#include "tests/bench-device/bench.h"
#include "vmm/base/bytes.h"

#define DMA_PORT   (FW_CFG_PORT + 4)
#define DESCRIPTOR 0x1000u
#define BUFFER     0x2000u

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

static void
setup (Bench *bench, void *data)
{
  Device *device = bench_add (bench, &fw_cfg_class, NULL, NULL);

  fw_cfg_add_u16 (device, FW_CFG_N_CPUS, 3);
  fw_cfg_add_file (device, "etc/first", "hello", 5);
  fw_cfg_add_file (device, "etc/second", "0123456789", 10);
}

static void
read_item (Bench *bench, uint16_t selector, void *buffer, unsigned size)
{
  bench_out16 (bench, FW_CFG_PORT, selector);
  for (unsigned i = 0; i < size; i++)
    ((uint8_t *)buffer)[i] = bench_in8 (bench, FW_CFG_PORT + 1);
}

/* The selector of a file, as firmware finds it. */
static uint16_t
find_file (Bench *bench, const char *name, uint32_t *size)
{
  uint8_t count[4], entry[64];
  unsigned n;

  read_item (bench, FW_CFG_FILE_DIRECTORY, count, 4);
  n = load_be32 (count);
  for (unsigned i = 0; i < n; i++)
    {
      for (unsigned b = 0; b < sizeof entry; b++)
        entry[b] = bench_in8 (bench, FW_CFG_PORT + 1);
      if (strcmp ((char *)entry + 8, name) == 0)
        {
          *size = load_be32 (entry);
          return load_be16 (entry + 4);
        }
    }
  return 0;
}

static uint32_t
dma (Bench *bench, uint32_t control, uint32_t length, uint64_t address)
{
  uint8_t *descriptor = bench_memory (bench, DESCRIPTOR, 16);

  store_be32 (descriptor, control);
  store_be32 (descriptor + 4, length);
  store_be64 (descriptor + 8, address);
  bench_out32 (bench, DMA_PORT, 0);
  bench_out32 (bench, DMA_PORT + 4, GUINT32_SWAP_LE_BE (DESCRIPTOR));
  return load_be32 (descriptor);
}

static void
test_items (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  uint8_t bytes[4];

  read_item (bench, FW_CFG_SIGNATURE, bytes, 4);
  g_assert_cmpmem (bytes, 4, "QEMU", 4);
  read_item (bench, FW_CFG_ID, bytes, 4);
  g_assert_cmphex (load_le32 (bytes), ==, 3);
  read_item (bench, FW_CFG_N_CPUS, bytes, 4);
  g_assert_cmphex (load_le32 (bytes), ==, 3); /* beyond the end there are zeroes */
  read_item (bench, 0xfffe, bytes, 4);
  g_assert_cmphex (load_le32 (bytes), ==, 0);
}

static void
test_files (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  uint32_t size = 0;
  char content[10];
  uint16_t selector = find_file (bench, "etc/second", &size);

  g_assert_cmphex (selector, >=, 0x20);
  g_assert_cmpuint (size, ==, 10);
  read_item (bench, selector, content, 10);
  g_assert_cmpmem (content, 10, "0123456789", 10);
  g_assert_cmphex (find_file (bench, "etc/third", &size), ==, 0);
}

static void
test_dma (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  uint32_t size;
  uint16_t selector = find_file (bench, "etc/second", &size);
  uint8_t *buffer = bench_memory (bench, BUFFER, 16);

  g_assert_cmphex (bench_in32 (bench, DMA_PORT), ==, 0x554d4551); /* "QEMU CFG", the high half first */
  memset (buffer, 0xee, 16);
  g_assert_cmphex (dma (bench, (uint32_t)selector << 16 | DMA_SELECT | DMA_SKIP, 3, 0), ==, 0);
  g_assert_cmphex (dma (bench, DMA_READ, 4, BUFFER), ==, 0);
  g_assert_cmpmem (buffer, 5, "3456\xee", 5);
  g_assert_cmphex (dma (bench, DMA_READ, 6, BUFFER), ==, 0);
  g_assert_cmpmem (buffer, 6, "789\0\0\0", 6);
}

/* Bad addresses and lengths end in an error bit, writes are refused. */
static void
test_dma_errors (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  g_assert_cmphex (dma (bench, (uint32_t)FW_CFG_SIGNATURE << 16 | DMA_SELECT | DMA_READ, 4, UINT64_MAX - 1),
                   ==, DMA_ERROR);
  g_assert_cmphex (dma (bench, (uint32_t)FW_CFG_SIGNATURE << 16 | DMA_SELECT | DMA_READ, UINT32_MAX, BUFFER),
                   ==, DMA_ERROR);
  g_assert_cmphex (dma (bench, (uint32_t)FW_CFG_SIGNATURE << 16 | DMA_SELECT | DMA_WRITE, 4, BUFFER), ==,
                   DMA_ERROR);
  bench_out32 (bench, DMA_PORT + 4, 0xffffffff); /* no descriptor there */
}

static void
test_state (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  bench_out16 (bench, FW_CFG_PORT, FW_CFG_SIGNATURE);
  bench_in8 (bench, FW_CFG_PORT + 1);
  bench_round_trip_state (bench);
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  bench_fuzz (bench, 0xf0f0, 50000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fw-cfg/items", test_items);
  g_test_add_func ("/fw-cfg/files", test_files);
  g_test_add_func ("/fw-cfg/dma", test_dma);
  g_test_add_func ("/fw-cfg/dma-errors", test_dma_errors);
  g_test_add_func ("/fw-cfg/state", test_state);
  g_test_add_func ("/fw-cfg/fuzz", test_fuzz);
  return g_test_run ();
}
