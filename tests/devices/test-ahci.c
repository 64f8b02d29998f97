/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The AHCI controller and its drives: AHCI 1.3.1, ATA8-ACS, MMC-6. */
#include "devices/storage/ahci.h"

#include "tests/devices/ahci-guest.h"
#include "tests/devices/small-disk.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <unistd.h>

#define DISK  0u
#define CD    1u
#define EMPTY 2u

#define DISK_SIZE (UINT64_C (1) << 20)
#define CD_BLOCKS 100u
#define CD_SIZE   (2048u * CD_BLOCKS - 1024) /* the last block is half in the file */

#define ERR 0x01

typedef struct {
  char *folder, *disk_path, *cd_path;
  bool read_only;
  Bench *bench;
} Fixture;

static Image *
open_image (Bench *bench, const char *path, bool read_only)
{
  GError *error = NULL;
  Image *image =
    image_open (bench_board (bench)->loop, path, &(ImageOptions){ .read_only = read_only }, &error);

  g_assert_no_error (error);
  return image;
}

static void
furnish (Bench *bench, void *data)
{
  Fixture *f = data;
  const AhciConfig config = {
    .place = { pci_bench_bus_new (bench), PCI_DEVFN (31, 2) },
    .ports = {
      [DISK] = { AHCI_PORT_DISK, open_image (bench, f->disk_path, f->read_only), "disk0", f->read_only },
      [CD] = { AHCI_PORT_CDROM, open_image (bench, f->cd_path, true), "cd0", true },
    },
  };

  bench_add (bench, &ahci_class, NULL, &config);
  pci_bench_map (bench);
}

static void
setup (Fixture *f, gconstpointer data)
{
  f->folder = scratch_new ();
  f->disk_path = pattern_file_new (f->folder, "disk.img", DISK_SIZE);
  f->cd_path = pattern_file_new (f->folder, "cd.iso", CD_SIZE);
  f->bench = bench_new_with (furnish, f);
  ahci_guest_start (f->bench, DISK);
  ahci_guest_start (f->bench, CD);
}

static void
setup_read_only (Fixture *f, gconstpointer data)
{
  f->read_only = true;
  setup (f, data);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  g_free (f->disk_path);
  g_free (f->cd_path);
  scratch_free (f->folder);
}

static void
assert_pattern (Fixture *f, uint64_t address, uint64_t offset, size_t size)
{
  const uint8_t *p = bench_memory (f->bench, address, size);

  for (size_t i = 0; i < size; i++)
    if (p[i] != pattern_byte (offset + i))
      g_error ("byte %zu after %" G_GUINT64_FORMAT " is 0x%02x", i, offset, p[i]);
}

static void
assert_all (Fixture *f, uint64_t address, uint8_t value, size_t size)
{
  const uint8_t *p = bench_memory (f->bench, address, size);

  for (size_t i = 0; i < size; i++)
    g_assert_cmphex (p[i], ==, value);
}

static uint32_t
port_read (Fixture *f, unsigned port, unsigned reg)
{
  return bench_read32 (f->bench, AHCI_PORT (port, reg));
}

static const uint8_t *
answer (Fixture *f, size_t size)
{
  return bench_memory (f->bench, GUEST_DATA, size);
}

/* --- the controller --- */

static void
test_shows_itself (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (pci_bench_read_config (f->bench, 0, 4), ==, 0x29228086);
  g_assert_cmphex (pci_bench_read_config (f->bench, 8, 4) >> 8, ==, 0x010601);
  g_assert_cmpuint (pci_bench_capability (f->bench, 0x05, 0), !=, 0);
  g_assert_cmphex (bench_read32 (f->bench, AHCI_REG (HBA_PI)), ==, 0x3f);
  g_assert_cmphex (bench_read32 (f->bench, AHCI_REG (HBA_CAP)) & 0x1f1f, ==, 0x1f05);

  /* 3.3.9 and 3.3.10: signatures and links. */
  g_assert_cmphex (port_read (f, DISK, PORT_SIG), ==, 0x00000101);
  g_assert_cmphex (port_read (f, CD, PORT_SIG), ==, 0xeb140101);
  g_assert_cmphex (port_read (f, DISK, PORT_SSTS), ==, 0x123);
  g_assert_cmphex (port_read (f, EMPTY, PORT_SSTS), ==, 0);
  g_assert_cmphex (port_read (f, EMPTY, PORT_TFD) & 0xff, ==, 0x7f);
  g_assert_cmphex (port_read (f, DISK, PORT_TFD), ==, 0x150);
}

/* 5.3: registers after HBA reset; 4.2.1: the drive's signature arrives once there is a place for it. */
static void
test_hba_reset (Fixture *f, gconstpointer data)
{
  const uint8_t *fis = bench_memory (f->bench, ahci_guest_fis (CD) + 0x40, 20);

  g_assert_cmphex (fis[0], ==, 0x34);
  g_assert_cmphex (fis[5], ==, 0x14);
  g_assert_cmphex (fis[6], ==, 0xeb);
  bench_write32 (f->bench, AHCI_REG (HBA_GHC), 0x80000003);
  g_assert_cmphex (bench_read32 (f->bench, AHCI_REG (HBA_GHC)), ==, 0x80000000);
  g_assert_cmphex (port_read (f, DISK, PORT_CMD) & 0xc011, ==, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_IE), ==, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_CLB), ==, ahci_guest_list (DISK));
}

/* 10.4.2. */
static void
test_comreset (Fixture *f, gconstpointer data)
{
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CMD), 0x10);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SCTL), 0x301);
  g_assert_cmphex (port_read (f, DISK, PORT_SSTS) & 0xf, !=, 3);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SCTL), 0x300);
  g_assert_cmphex (port_read (f, DISK, PORT_SSTS), ==, 0x123);
  g_assert_cmphex (port_read (f, DISK, PORT_TFD), ==, 0x150);
  g_assert_cmphex (port_read (f, DISK, PORT_SERR) & 0x04010000, ==, 0x04010000);

  /* 3.3.5: PCS and PRCS show SERR's bits and go with them. */
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 0x00400040, ==, 0x00400040);
  g_assert_true (bench_irq (f->bench, PCI_BENCH_GSI));
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SERR), UINT32_MAX);
  bench_write32 (f->bench, AHCI_REG (HBA_IS), UINT32_MAX);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 0x00400040, ==, 0);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
}

/* 10.7.1.1: cleared at the port, then at the controller; what is still pending shows again. */
static void
test_interrupt (Fixture *f, gconstpointer data)
{
  const GuestCommand flush = { .command = 0xe7 };

  g_assert_cmphex (ahci_guest_run (f->bench, DISK, &flush) & ERR, ==, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_IS), ==, 1);
  g_assert_true (bench_irq (f->bench, PCI_BENCH_GSI));
  bench_write32 (f->bench, AHCI_REG (HBA_IS), 1 << DISK);
  g_assert_true (bench_irq (f->bench, PCI_BENCH_GSI));
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_IS), 1);
  bench_write32 (f->bench, AHCI_REG (HBA_IS), 1 << DISK);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
}

static void
test_msi (Fixture *f, gconstpointer data)
{
  const GuestCommand flush = { .command = 0xe7 };
  unsigned cap = pci_bench_capability (f->bench, 0x05, 0);

  pci_bench_write_config (f->bench, cap + 4, 0xfee00000, 4);
  pci_bench_write_config (f->bench, cap + 12, 0x41, 2);
  pci_bench_write_config (f->bench, cap + 2, 1, 2);
  for (unsigned n = 1; n <= 3; n++)
    {
      ahci_guest_run (f->bench, DISK, &flush);
      bench_wait_msi (f->bench, n);
      g_assert_cmpuint (bench_msi_count (f->bench), ==, n);
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_IS), UINT32_MAX);
      bench_write32 (f->bench, AHCI_REG (HBA_IS), UINT32_MAX);
    }
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
}

static uint32_t
packet (Fixture *f, const uint8_t (*cdb)[12], uint32_t length)
{
  return ahci_guest_packet (f->bench, CD, *cdb, length);
}

#define PACKET(f, length, ...) packet (f, &(const uint8_t[12]){ __VA_ARGS__ }, length)

/* --- the disk --- */

static uint32_t
run_ata (Fixture *f, uint8_t opcode, uint64_t lba, uint16_t count, uint32_t length)
{
  const GuestCommand command = {
    .command = opcode,
    .lba = lba,
    .count = count,
    .device = 0x40,
    .data = GUEST_DATA,
    .length = length,
    .write = opcode == 0x35 || opcode == 0xca || opcode == 0x06,
  };

  return ahci_guest_run (f->bench, DISK, &command);
}

static void
test_identify (Fixture *f, gconstpointer data)
{
  const uint8_t *id;
  uint8_t sum = 0;

  g_assert_cmphex (run_ata (f, 0xec, 0, 0, 512), ==, 0x50);
  id = answer (f, 512);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 2, ==, 2); /* PIO setup */
  g_assert_cmpuint (load_le32 (bench_memory (f->bench, ahci_guest_list (DISK) + 4, 4)), ==, 512);
  g_assert_cmpuint (load_le64 (id + 200), ==, DISK_SIZE / 512);
  g_assert_cmpuint (load_le32 (id + 120), ==, DISK_SIZE / 512);
  g_assert_cmpmem (id + 54, 12, "oBsniaD si k", 12); /* bytes of each word are swapped */
  g_assert_cmphex (load_le16 (id + 152) & 0x100, ==, 0x100);
  for (unsigned i = 0; i < 512; i++)
    sum += id[i];
  g_assert_cmphex (sum, ==, 0);
}

static void
test_reads (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (run_ata (f, 0x25, 10, 16, 8192) & ERR, ==, 0);
  assert_pattern (f, GUEST_DATA, 5120, 8192);
  g_assert_cmpuint (load_le32 (bench_memory (f->bench, ahci_guest_list (DISK) + 4, 4)), ==, 8192);
  g_assert_cmphex (run_ata (f, 0xc8, 3, 1, 512) & ERR, ==, 0);
  assert_pattern (f, GUEST_DATA, 3 * 512, 512);
  g_assert_cmphex (run_ata (f, 0x20, 5, 2, 1024) & ERR, ==, 0); /* PIO */
  assert_pattern (f, GUEST_DATA, 5 * 512, 1024);
  g_assert_cmphex (run_ata (f, 0xc8, 0, 0, 131072) & ERR, ==, 0); /* a count of 0 is 256 */
  assert_pattern (f, GUEST_DATA, 0, 131072);
}

static void
test_writes (Fixture *f, gconstpointer data)
{
  memset (bench_memory (f->bench, GUEST_DATA, 4096), 0x3c, 4096);
  g_assert_cmphex (run_ata (f, 0x35, 100, 8, 4096) & ERR, ==, 0);
  g_assert_cmphex (run_ata (f, 0xea, 0, 0, 0) & ERR, ==, 0);
  memset (bench_memory (f->bench, GUEST_DATA, 4096), 0, 4096);
  g_assert_cmphex (run_ata (f, 0x25, 100, 8, 4096) & ERR, ==, 0);
  assert_all (f, GUEST_DATA, 0x3c, 4096);
}

/* 6.2.2: the port stops with TFES, the slot stays issued; software restarts it. */
static void
test_errors (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (run_ata (f, 0x25, DISK_SIZE / 512, 1, 512), ==, 0x1051); /* IDNF */
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 30, !=, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_CI), ==, 1);
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (port_read (f, DISK, PORT_CI), ==, 0);
  g_assert_cmphex (run_ata (f, 0x99, 0, 0, 0), ==, 0x0451); /* ABRT */
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (run_ata (f, 0x25, 0, 1, 512) & ERR, ==, 0);

  /* A PRD table for less than the command's data. */
  run_ata (f, 0x25, 0, 8, 512);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 24, !=, 0);
  ahci_guest_recover (f->bench, DISK);

  /* Data where no memory is. */
  ahci_guest_run (
    f->bench, DISK,
    &(GuestCommand){ .command = 0x25, .device = 0x40, .count = 1, .data = 0xd0000000, .length = 512 });
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 29, !=, 0);
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (run_ata (f, 0x25, 0, 1, 512) & ERR, ==, 0);
}

static void
put_queued (Fixture *f, unsigned slot, uint64_t lba, uint16_t n)
{
  const GuestCommand command = {
    .command = 0x60,
    .features = n,
    .count = slot << 3,
    .device = 0x40,
    .lba = lba,
    .data = GUEST_DATA + 0x1000 * slot,
    .length = n * 512,
  };

  ahci_guest_put (f->bench, DISK, slot, &command);
}

static bool
none_active (Bench *bench, void *data)
{
  return bench_read32 (bench, AHCI_PORT (DISK, PORT_SACT)) == 0;
}

static bool
has_failed (Bench *bench, void *data)
{
  return bench_read32 (bench, AHCI_PORT (DISK, PORT_IS)) & 1 << 30;
}

static void
test_queued (Fixture *f, gconstpointer data)
{
  for (unsigned slot = 0; slot < 32; slot++)
    put_queued (f, slot, slot * 8, 8);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SACT), UINT32_MAX);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), UINT32_MAX);
  g_assert_true (bench_run_until (f->bench, none_active, NULL));
  g_assert_cmphex (port_read (f, DISK, PORT_CI), ==, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 8, ==, 8);
  assert_pattern (f, GUEST_DATA, 0, 32 * 4096);
}

/* The log names the command that failed; the others are given up with it. */
static void
test_queued_error (Fixture *f, gconstpointer data)
{
  const GuestCommand read_log = {
    .command = 0x2f, .lba = 0x10, .count = 1, .device = 0x40, .data = GUEST_DATA, .length = 512
  };
  const uint8_t *log;

  put_queued (f, 5, DISK_SIZE / 512, 8);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SACT), 1 << 5);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), 1 << 5);
  g_assert_true (bench_run_until (f->bench, has_failed, NULL));
  g_assert_cmphex (port_read (f, DISK, PORT_SACT), ==, 1 << 5);
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (ahci_guest_run (f->bench, DISK, &read_log) & ERR, ==, 0);
  log = answer (f, 512);
  g_assert_cmpuint (log[0], ==, 5);
  g_assert_cmphex (log[3], ==, 0x10);
}

static void
test_trim (Fixture *f, gconstpointer data)
{
  const GuestCommand trim = { .command = 0x06,
                              .features = 1,
                              .count = 1,
                              .device = 0x40,
                              .data = GUEST_DATA,
                              .length = 512,
                              .write = true };
  uint8_t *ranges = bench_memory (f->bench, GUEST_DATA, 512);

  memset (ranges, 0, 512);
  store_le64 (ranges, UINT64_C (16) << 48 | 64);
  store_le64 (ranges + 8, UINT64_C (8) << 48 | 256);
  g_assert_cmphex (ahci_guest_run (f->bench, DISK, &trim) & ERR, ==, 0);
  g_assert_cmphex (run_ata (f, 0x25, 63, 18, 18 * 512) & ERR, ==, 0);
  assert_pattern (f, GUEST_DATA, 63 * 512, 512);
  assert_all (f, GUEST_DATA + 512, 0, 16 * 512);
  assert_pattern (f, GUEST_DATA + 17 * 512, 80 * 512, 512);
}

static void
test_settings (Fixture *f, gconstpointer data)
{
  const GuestCommand cache_off = { .command = 0xef, .features = 0x82 };
  const GuestCommand smart_status = { .command = 0xb0, .features = 0xda, .lba = 0xc24f00 };
  const uint8_t *id;

  g_assert_cmphex (ahci_guest_run (f->bench, DISK, &cache_off) & ERR, ==, 0);
  run_ata (f, 0xec, 0, 0, 512);
  id = answer (f, 512);
  g_assert_cmphex (load_le16 (id + 170) & 0x20, ==, 0);
  memset (bench_memory (f->bench, GUEST_DATA, 512), 1, 512);
  g_assert_cmphex (run_ata (f, 0xca, 0, 1, 512) & ERR, ==, 0);
  g_assert_cmphex (ahci_guest_run (f->bench, DISK, &smart_status) & ERR, ==, 0);
  g_assert_cmphex (bench_memory (f->bench, ahci_guest_fis (DISK) + 0x40, 20) != NULL, ==, 1);
  g_assert_cmphex (((const uint8_t *)bench_memory (f->bench, ahci_guest_fis (DISK) + 0x40, 20))[5], ==, 0x4f);
  g_assert_cmphex (run_ata (f, 0xe0, 0, 0, 0) & ERR, ==, 0); /* STANDBY IMMEDIATE */
}

typedef struct {
  GuestCommand command;
  bool good;
} Try;

#define SMART(action)                                                                                        \
  {                                                                                                          \
    .command = 0xb0, .features = (action), .lba = 0xc24f00, .data = GUEST_DATA, .length = 512                \
  }

/* What hosts ask in passing. */
static const Try tries[] = {
  { { .command = 0x10 }, true },                             /* RECALIBRATE */
  { { .command = 0x40, .count = 1, .device = 0x40 }, true }, /* READ VERIFY */
  { { .command = 0x42, .count = 1, .device = 0x40, .lba = DISK_SIZE / 512 }, false },
  { { .command = 0x91 }, true },             /* geometry */
  { { .command = 0xc6, .count = 8 }, true }, /* SET MULTIPLE */
  { { .command = 0xc6, .count = 7 }, false },
  { { .command = 0xe1 }, true },                                  /* IDLE */
  { { .command = 0xe5 }, true },                                  /* CHECK POWER */
  { { .command = 0xe6 }, true },                                  /* SLEEP */
  { { .command = 0xf8 }, true },                                  /* NATIVE MAX */
  { { .command = 0xef, .features = 0x03, .count = 0x46 }, true }, /* Ultra DMA 6 */
  { { .command = 0xef, .features = 0x05 }, false },               /* no APM */
  { SMART (0xd0), true },
  { SMART (0xd1), true },
  { SMART (0xd9), true },
  { SMART (0xd0), false }, /* off now */
  { SMART (0xd8), true },
  { SMART (0x77), false },
  { { .command = 0x2f, .count = 1, .device = 0x40, .data = GUEST_DATA, .length = 512 },
    true }, /* log directory */
  { { .command = 0x2f, .lba = 0x77, .count = 1, .data = GUEST_DATA, .length = 512 }, false },
  { { .command = 0x00 }, false }, /* NOP */
};

static void
test_small_talk (Fixture *f, gconstpointer data)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (tries); i++)
    {
      bool good = !(ahci_guest_run (f->bench, DISK, &tries[i].command) & ERR);

      if (good != tries[i].good)
        g_error ("Command 0x%02x (%u) ended the other way", tries[i].command.command, i);
      if (!good)
        ahci_guest_recover (f->bench, DISK);
    }
}

/* Files that others cut: the guest gets errors that its drivers know. */
static void
test_truncated (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (truncate (f->disk_path, 4096), ==, 0);
  g_assert_cmphex (run_ata (f, 0x25, 64, 1, 512), ==, 0x4051); /* UNC */
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmpint (truncate (f->cd_path, 4096), ==, 0);
  g_assert_cmphex (PACKET (f, 2048, 0x28, 0, 0, 0, 0, 16, 0, 0, 1), ==, 0x031100);
  g_assert_cmphex (PACKET (f, 2048, 0x28, 0, 0, 0, 0, 1, 0, 0, 1), ==, 0);
}

static void
test_read_only (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (run_ata (f, 0x25, 0, 1, 512) & ERR, ==, 0);
  g_assert_cmphex (run_ata (f, 0x35, 0, 1, 512), ==, 0x0451);
}

/* 10.4.1 and the ATA device's software reset: a control FIS sets SRST, another clears it. */
static void
test_soft_reset (Fixture *f, gconstpointer data)
{
  const GuestCommand none = { 0 };

  for (unsigned srst = 4; srst <= 4; srst -= 4)
    {
      uint8_t *table;

      ahci_guest_put (f->bench, DISK, 0, &none);
      table = bench_memory (f->bench, ahci_guest_table (DISK, 0), 20);
      table[1] = 0;
      table[15] = srst;
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), 1);
      bench_settle (f->bench);
      g_assert_cmphex (port_read (f, DISK, PORT_CI), ==, 0);
    }
  g_assert_cmphex (port_read (f, DISK, PORT_TFD), ==, 0x150);
}

static void
test_full_disk (Fixture *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  GuestCommand write = { .command = 0x61,
                         .features = 8,
                         .device = 0x40,
                         .lba = 8,
                         .data = GUEST_DATA,
                         .length = 4096,
                         .write = true };

  bench_free (f->bench);
  g_free (f->disk_path);
  f->disk_path = g_build_filename (disk, "sparse.img", NULL);
  g_assert_true (image_create_raw (f->disk_path, DISK_SIZE, NULL));
  f->bench = bench_new_with (furnish, f);
  ahci_guest_start (f->bench, DISK);
  small_disk_fill (disk);

  memset (bench_memory (f->bench, GUEST_DATA, 4096), 0x42, 4096);
  ahci_guest_put (f->bench, DISK, 0, &write);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SACT), 1);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), 1);
  bench_wait_idle (f->bench);
  g_assert_cmphex (port_read (f, DISK, PORT_SACT), ==, 1);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 30, ==, 0);
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 1);
  g_assert_nonnull (strstr (bench_request_message (f->bench), "disk0"));
  board_stopped (bench_board (f->bench));
  bench_round_trip_state (f->bench);
  small_disk_make_room (disk);
  board_started (bench_board (f->bench));
  g_assert_true (bench_run_until (f->bench, none_active, NULL));
  memset (bench_memory (f->bench, GUEST_DATA, 4096), 0, 4096);
  g_assert_cmphex (run_ata (f, 0x25, 8, 8, 4096) & ERR, ==, 0);
  assert_all (f, GUEST_DATA, 0x42, 4096);
  small_disk_free (disk);
}

/* --- the CD-ROM --- */

static void
test_cd_identify (Fixture *f, gconstpointer data)
{
  const GuestCommand identify = { .command = 0xa1, .data = GUEST_DATA, .length = 512 };
  const GuestCommand wrong = { .command = 0xec, .data = GUEST_DATA, .length = 512 };

  g_assert_cmphex (ahci_guest_run (f->bench, CD, &identify) & ERR, ==, 0);
  g_assert_cmphex (load_le16 (answer (f, 2)), ==, 0x85c0);
  g_assert_cmphex (ahci_guest_run (f->bench, CD, &wrong) & ERR, ==, ERR);
  ahci_guest_recover (f->bench, CD);
  g_assert_cmphex (PACKET (f, 36, 0x12, 0, 0, 0, 36), ==, 0);
  g_assert_cmphex (answer (f, 36)[0], ==, 0x05);
  g_assert_cmpmem (answer (f, 36) + 8, 6, "Bonsai", 6);
}

static void
test_cd_reads (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (PACKET (f, 0, 0x00), ==, 0);
  g_assert_cmphex (PACKET (f, 8, 0x25), ==, 0);
  g_assert_cmpuint (load_be32 (answer (f, 8)), ==, CD_BLOCKS - 1);
  g_assert_cmpuint (load_be32 (answer (f, 8) + 4), ==, 2048);
  g_assert_cmphex (PACKET (f, 3 * 2048, 0x28, 0, 0, 0, 0, 16, 0, 0, 3), ==, 0);
  assert_pattern (f, GUEST_DATA, 16 * 2048, 3 * 2048);
  g_assert_cmphex (PACKET (f, 2048, 0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 1), ==, 0);
  assert_pattern (f, GUEST_DATA, 7 * 2048, 2048);
  g_assert_cmphex (PACKET (f, 2048, 0xbe, 0, 0, 0, 0, 9, 0, 0, 1, 0x10), ==, 0);
  assert_pattern (f, GUEST_DATA, 9 * 2048, 2048);

  /* The file ends inside the last block. */
  g_assert_cmphex (PACKET (f, 2048, 0x28, 0, 0, 0, 0, CD_BLOCKS - 1, 0, 0, 1), ==, 0);
  assert_pattern (f, GUEST_DATA, (CD_BLOCKS - 1) * 2048, 1024);
  assert_all (f, GUEST_DATA + 1024, 0, 1024);

  g_assert_cmphex (PACKET (f, 2048, 0x28, 0, 0, 0, 0, CD_BLOCKS, 0, 0, 1), ==, 0x052100);
  g_assert_cmphex (PACKET (f, 2048, 0xbe, 0, 0, 0, 0, 9, 0, 0, 1, 0xf8), ==, 0x056400);
  g_assert_cmphex (PACKET (f, 0, 0xff), ==, 0x052000);
}

static void
test_cd_tells_of_itself (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (PACKET (f, 20, 0x43, 0, 0, 0, 0, 0, 0, 0, 20), ==, 0);
  g_assert_cmpuint (load_be16 (answer (f, 20)), ==, 18);
  g_assert_cmphex (answer (f, 20)[14], ==, 0xaa);
  g_assert_cmpuint (load_be32 (answer (f, 20) + 16), ==, CD_BLOCKS);
  g_assert_cmphex (PACKET (f, 20, 0x43, 2, 0, 0, 0, 0, 0, 0, 20), ==, 0); /* MSF: 100 + 150 frames */
  g_assert_cmphex (load_be32 (answer (f, 20) + 16), ==, 0x00000319);
  g_assert_cmphex (PACKET (f, 12, 0x43, 0, 1, 0, 0, 0, 0, 0, 12), ==, 0);
  g_assert_cmphex (PACKET (f, 48, 0x43, 0, 2, 0, 0, 0, 0, 0, 48), ==, 0);
  g_assert_cmpuint (load_be16 (answer (f, 48)), ==, 46);

  g_assert_cmphex (PACKET (f, 128, 0x46, 0, 0, 0, 0, 0, 0, 0, 128), ==, 0);
  g_assert_cmphex (load_be16 (answer (f, 8) + 6), ==, 0x0008); /* a CD */
  g_assert_cmphex (PACKET (f, 36, 0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 36), ==, 0);
  g_assert_cmpuint (load_be16 (answer (f, 36)), ==, 34);
  g_assert_cmphex (PACKET (f, 8, 0x5a, 0, 0x08, 0, 0, 0, 0, 0, 8), ==, 0x052400);
  g_assert_cmphex (PACKET (f, 34, 0x51, 0, 0, 0, 0, 0, 0, 0, 34), ==, 0);
  g_assert_cmphex (PACKET (f, 8, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8), ==, 0);
  g_assert_cmphex (PACKET (f, 20, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 20), ==, 0x053002);
}

static void
test_cd_small_talk (Fixture *f, gconstpointer data)
{
  static const uint8_t good[] = { 0x08, 0xe0, 0xe1, 0xe5 };

  for (unsigned i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_cmphex (ahci_guest_run (f->bench, CD, &(GuestCommand){ .command = good[i] }) & ERR, ==, 0);
  g_assert_cmphex (ahci_guest_run (f->bench, CD, &(GuestCommand){ .command = 0x25 }) & ERR, ==, ERR);
  ahci_guest_recover (f->bench, CD);
  g_assert_cmphex (PACKET (f, 0, 0x2b, 0, 0, 0, 0, 50), ==, 0); /* SEEK */
  g_assert_cmphex (PACKET (f, 0, 0x2b, 0, 0, 0, 0, 200), ==, 0x052100);
  g_assert_cmphex (PACKET (f, 0, 0xbb), ==, 0);                                   /* SET CD SPEED */
  g_assert_cmphex (PACKET (f, 0, 0x28, 0, 0, 0, 0, 1, 0, 0, 0), ==, 0);           /* READ of nothing */
  g_assert_cmphex (PACKET (f, 16, 0x55, 0, 0, 0, 0, 0, 0, 0, 16), ==, 0);         /* MODE SELECT */
  g_assert_cmphex (PACKET (f, 8, 0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8), ==, 0x052400); /* not polled */
  g_assert_cmphex (PACKET (f, 36, 0x12, 1, 0x83, 0, 36), ==, 0x052400);
}

/* The guest's own tray. */
static void
test_cd_tray (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (PACKET (f, 0, 0x1e, 0, 0, 0, 1), ==, 0); /* lock */
  g_assert_cmphex (PACKET (f, 0, 0x1b, 0, 0, 0, 2), ==, 0x055302);
  g_assert_true (ahci_has_medium (bench_device (f->bench), CD));
  g_assert_cmphex (PACKET (f, 0, 0x1e, 0, 0, 0, 0), ==, 0);
  g_assert_cmphex (PACKET (f, 0, 0x1b, 0, 0, 0, 2), ==, 0); /* eject */
  g_assert_false (ahci_has_medium (bench_device (f->bench), CD));
  g_assert_cmphex (PACKET (f, 0, 0x00), ==, 0x023a02);
  g_assert_cmphex (PACKET (f, 0, 0x1b, 0, 0, 0, 3), ==, 0); /* load */
  g_assert_cmphex (PACKET (f, 0, 0x00), ==, 0x062800);
  g_assert_cmphex (PACKET (f, 0, 0x00), ==, 0);
}

/* The host's hand: no disc, another disc, a locked tray. */
static void
test_cd_change (Fixture *f, gconstpointer data)
{
  g_autofree char *other = pattern_file_new (f->folder, "other.iso", 2048 * 10);
  Device *device = bench_device (f->bench);
  g_autoptr (GError) error = NULL;
  Image *image;

  g_assert_true (ahci_change_medium (device, CD, NULL, false, &error));
  g_assert_cmphex (PACKET (f, 0, 0x00), ==, 0x023a01);
  g_assert_cmphex (PACKET (f, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0);
  g_assert_cmphex (load_be32 (answer (f, 8) + 4), ==, 0x03000000); /* media removal, nothing there */

  image = open_image (f->bench, other, true);
  g_assert_true (ahci_change_medium (device, CD, image, false, &error));
  g_assert_cmphex (PACKET (f, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0);
  g_assert_cmphex (load_be32 (answer (f, 8) + 4), ==, 0x02020000); /* new media, present */
  g_assert_cmphex (PACKET (f, 8, 0x25), ==, 0x062800);
  g_assert_cmphex (PACKET (f, 8, 0x25), ==, 0);
  g_assert_cmpuint (load_be32 (answer (f, 8)), ==, 9);

  g_assert_cmphex (PACKET (f, 0, 0x1e, 0, 0, 0, 1), ==, 0);
  g_assert_false (ahci_change_medium (device, CD, NULL, false, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_cmphex (PACKET (f, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0);
  g_assert_cmphex (answer (f, 8)[4], ==, 1); /* eject request */
  g_assert_true (ahci_change_medium (device, CD, NULL, true, &error));
  g_assert_false (ahci_change_medium (device, DISK, NULL, true, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
}

/* --- all --- */

static void
test_state (Fixture *f, gconstpointer data)
{
  run_ata (f, 0x25, 0, 1, 512);
  PACKET (f, 0, 0x1e, 0, 0, 0, 1);
  PACKET (f, 0, 0xff);
  bench_round_trip_state (f->bench);
}

static void
test_fuzz (Fixture *f, gconstpointer data)
{
  bench_fuzz_with (f->bench, 2922, 40000, ahci_guest_fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/ahci/" path, Fixture, NULL, setup, func, teardown)
  ADD ("shows-itself", test_shows_itself);
  ADD ("hba-reset", test_hba_reset);
  ADD ("comreset", test_comreset);
  ADD ("interrupt", test_interrupt);
  ADD ("msi", test_msi);
  ADD ("disk/identify", test_identify);
  ADD ("disk/reads", test_reads);
  ADD ("disk/writes", test_writes);
  ADD ("disk/errors", test_errors);
  ADD ("disk/queued", test_queued);
  ADD ("disk/queued-error", test_queued_error);
  ADD ("disk/trim", test_trim);
  ADD ("disk/settings", test_settings);
  ADD ("disk/soft-reset", test_soft_reset);
  ADD ("disk/small-talk", test_small_talk);
  ADD ("disk/truncated", test_truncated);
  ADD ("disk/full-disk", test_full_disk);
  g_test_add ("/ahci/disk/read-only", Fixture, NULL, setup_read_only, test_read_only, teardown);
  ADD ("cd/identify", test_cd_identify);
  ADD ("cd/reads", test_cd_reads);
  ADD ("cd/tells-of-itself", test_cd_tells_of_itself);
  ADD ("cd/small-talk", test_cd_small_talk);
  ADD ("cd/tray", test_cd_tray);
  ADD ("cd/change", test_cd_change);
  ADD ("state", test_state);
  ADD ("fuzz", test_fuzz);
#undef ADD
  return g_test_run ();
}
