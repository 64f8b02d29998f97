/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SATA disks: ATA8-ACS, behind AHCI. */
#include "tests/devices/ahci-fixture.h"
#include "vmm/base/bytes.h"

#include <unistd.h>

static void
test_identify (AhciFixture *f, gconstpointer data)
{
  const uint8_t *id;
  uint8_t sum = 0;

  g_assert_cmphex (ata_run (f, 0xec, 0, 0, 512), ==, 0x50);
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
test_reads (AhciFixture *f, gconstpointer data)
{
  g_assert_cmphex (ata_run (f, 0x25, 10, 16, 8192) & ERR, ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 5120, 8192);
  g_assert_cmpuint (load_le32 (bench_memory (f->bench, ahci_guest_list (DISK) + 4, 4)), ==, 8192);
  g_assert_cmphex (ata_run (f, 0xc8, 3, 1, 512) & ERR, ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 3 * 512, 512);
  g_assert_cmphex (ata_run (f, 0x20, 5, 2, 1024) & ERR, ==, 0); /* PIO */
  assert_memory_is_pattern (f->bench, GUEST_DATA, 5 * 512, 1024);
  g_assert_cmphex (ata_run (f, 0xc8, 0, 0, 131072) & ERR, ==, 0); /* a count of 0 is 256 */
  assert_memory_is_pattern (f->bench, GUEST_DATA, 0, 131072);
}

static void
test_writes (AhciFixture *f, gconstpointer data)
{
  memset (bench_memory (f->bench, GUEST_DATA, 4096), 0x3c, 4096);
  g_assert_cmphex (ata_run (f, 0x35, 100, 8, 4096) & ERR, ==, 0);
  g_assert_cmphex (ata_run (f, 0xea, 0, 0, 0) & ERR, ==, 0);
  memset (bench_memory (f->bench, GUEST_DATA, 4096), 0, 4096);
  g_assert_cmphex (ata_run (f, 0x25, 100, 8, 4096) & ERR, ==, 0);
  assert_all (f, GUEST_DATA, 0x3c, 4096);
}

/* 6.2.2: the port stops with TFES, the slot stays issued; software restarts it. */
static void
test_errors (AhciFixture *f, gconstpointer data)
{
  g_assert_cmphex (ata_run (f, 0x25, DISK_SIZE / 512, 1, 512), ==, 0x1051); /* IDNF */
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 30, !=, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_CI), ==, 1);
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (port_read (f, DISK, PORT_CI), ==, 0);
  g_assert_cmphex (ata_run (f, 0x99, 0, 0, 0), ==, 0x0451); /* ABRT */
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (ata_run (f, 0x25, 0, 1, 512) & ERR, ==, 0);

  /* A PRD table for less than the command's data. */
  ata_run (f, 0x25, 0, 8, 512);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 24, !=, 0);
  ahci_guest_recover (f->bench, DISK);

  /* Data where no memory is. */
  ahci_guest_run (
    f->bench, DISK,
    &(GuestCommand){ .command = 0x25, .device = 0x40, .count = 1, .data = 0xd0000000, .length = 512 });
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 29, !=, 0);
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (ata_run (f, 0x25, 0, 1, 512) & ERR, ==, 0);
}

static void
test_trim (AhciFixture *f, gconstpointer data)
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
  g_assert_cmphex (ata_run (f, 0x25, 63, 18, 18 * 512) & ERR, ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 63 * 512, 512);
  assert_all (f, GUEST_DATA + 512, 0, 16 * 512);
  assert_memory_is_pattern (f->bench, GUEST_DATA + 17 * 512, 80 * 512, 512);

  /* A PRD table for half of the list: nothing of it is done. */
  memset (bench_memory (f->bench, GUEST_DATA, 512), 0, 512);
  store_le64 (bench_memory (f->bench, GUEST_DATA, 8), UINT64_C (8) << 48 | 512);
  ahci_guest_run (f->bench, DISK,
                  &(GuestCommand){ .command = 0x06,
                                   .features = 1,
                                   .count = 1,
                                   .device = 0x40,
                                   .data = GUEST_DATA,
                                   .length = 256,
                                   .write = true });
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 24, !=, 0);
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (ata_run (f, 0x25, 512, 8, 4096) & ERR, ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 512 * 512, 4096);
}

static void
test_settings (AhciFixture *f, gconstpointer data)
{
  const GuestCommand cache_off = { .command = 0xef, .features = 0x82 };
  const GuestCommand smart_status = { .command = 0xb0, .features = 0xda, .lba = 0xc24f00 };
  const uint8_t *id;

  g_assert_cmphex (ahci_guest_run (f->bench, DISK, &cache_off) & ERR, ==, 0);
  ata_run (f, 0xec, 0, 0, 512);
  id = answer (f, 512);
  g_assert_cmphex (load_le16 (id + 170) & 0x20, ==, 0);
  memset (bench_memory (f->bench, GUEST_DATA, 512), 1, 512);
  g_assert_cmphex (ata_run (f, 0xca, 0, 1, 512) & ERR, ==, 0);
  g_assert_cmphex (ahci_guest_run (f->bench, DISK, &smart_status) & ERR, ==, 0);
  g_assert_cmphex (bench_memory (f->bench, ahci_guest_fis (DISK) + 0x40, 20) != NULL, ==, 1);
  g_assert_cmphex (((const uint8_t *)bench_memory (f->bench, ahci_guest_fis (DISK) + 0x40, 20))[5], ==, 0x4f);
  g_assert_cmphex (ata_run (f, 0xe0, 0, 0, 0) & ERR, ==, 0); /* STANDBY IMMEDIATE */
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
  { { .command = 0xc4, .count = 1, .device = 0x40, .data = GUEST_DATA, .length = 512 }, true },
  { { .command = 0xc6, .count = 0 }, true }, /* READ MULTIPLE is off */
  { { .command = 0xc4, .count = 1, .device = 0x40, .data = GUEST_DATA, .length = 512 }, false },
  { { .command = 0x20, .count = 1, .lba = 1, .data = GUEST_DATA, .length = 512 }, true },  /* cylinder 0 */
  { { .command = 0x20, .count = 1, .lba = 0, .data = GUEST_DATA, .length = 512 }, false }, /* no sector 0 */
  { { .command = 0x20, .count = 1, .lba = 64, .data = GUEST_DATA, .length = 512 }, false },
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
test_small_talk (AhciFixture *f, gconstpointer data)
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

/* A file that someone cuts: the guest gets an error that its driver knows. */
static void
test_truncated (AhciFixture *f, gconstpointer data)
{
  g_assert_cmpint (truncate (f->disk_path, 4096), ==, 0);
  g_assert_cmphex (ata_run (f, 0x25, 64, 1, 512), ==, 0x4051); /* UNC */
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (ata_run (f, 0x25, 0, 1, 512) & ERR, ==, 0);
}

static void
test_read_only (AhciFixture *f, gconstpointer data)
{
  g_assert_cmphex (ata_run (f, 0x25, 0, 1, 512) & ERR, ==, 0);
  g_assert_cmphex (ata_run (f, 0x35, 0, 1, 512), ==, 0x0451);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/ata/" path, AhciFixture, NULL, ahci_setup, func, ahci_teardown)
  ADD ("identify", test_identify);
  ADD ("reads", test_reads);
  ADD ("writes", test_writes);
  ADD ("errors", test_errors);
  ADD ("trim", test_trim);
  ADD ("settings", test_settings);
  ADD ("small-talk", test_small_talk);
  ADD ("truncated", test_truncated);
#undef ADD
  g_test_add ("/ata/read-only", AhciFixture, NULL, ahci_setup_read_only, test_read_only, ahci_teardown);
  return g_test_run ();
}
