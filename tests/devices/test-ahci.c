/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The AHCI controller: AHCI 1.3.1. */
#include "tests/devices/ahci-fixture.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* --- the controller --- */

static void
test_shows_itself (AhciFixture *f, gconstpointer data)
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
test_hba_reset (AhciFixture *f, gconstpointer data)
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
test_comreset (AhciFixture *f, gconstpointer data)
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

/* 10.4.2 in the middle of transfers: the link comes up once they are over, and none of them shows. */
static void
test_comreset_under_load (AhciFixture *f, gconstpointer data)
{
  for (unsigned round = 0; round < 20; round++)
    {
      image_set_limits (f->disk, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
      for (unsigned slot = 0; slot < 8; slot++)
        ata_put_queued (f, slot, slot * 8, 8);
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SACT), 0xff);
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), 0xff);
      bench_settle (f->bench);
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SCTL), 0x301);
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_IS), 8); /* the first one was let through */
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SCTL), 0x300);
      g_assert_cmphex (port_read (f, DISK, PORT_SSTS), ==, 0);
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), 1); /* too early */
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CMD), 0x10);
      g_assert_cmphex (port_read (f, DISK, PORT_CMD) & 1 << 15, !=, 0); /* still running */
      image_set_limits (f->disk, &(ImageLimits){ 0 });
      bench_wait_idle (f->bench);
      g_assert_cmphex (port_read (f, DISK, PORT_CMD) & 1 << 15, ==, 0);
      g_assert_cmphex (port_read (f, DISK, PORT_SSTS), ==, 0x123);
      g_assert_cmphex (port_read (f, DISK, PORT_TFD), ==, 0x150);
      g_assert_cmphex (port_read (f, DISK, PORT_SACT) | port_read (f, DISK, PORT_CI), ==, 0);
      g_assert_cmphex (port_read (f, DISK, PORT_IS) & 8, ==, 0);
      ahci_guest_recover (f->bench, DISK);
      g_assert_cmphex (ata_run (f, 0x25, 0, 1, 512) & ERR, ==, 0);
    }
}

/* A machine that is saved while software holds the link in COMRESET. */
static void
test_comreset_saved (AhciFixture *f, gconstpointer data)
{
  Board *board = bench_board (f->bench);
  g_autoptr (GBytes) state = NULL;
  GError *error = NULL;

  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CMD), 0x10);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SCTL), 0x301);
  board_stopped (board);
  state = board_save (board);
  bench_round_trip_state (f->bench);
  board_load (board, g_bytes_get_data (state, NULL), g_bytes_get_size (state), &error);
  g_assert_no_error (error);
  board_started (board);
  g_assert_cmphex (port_read (f, DISK, PORT_SSTS), ==, 0);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SCTL), 0x300);
  g_assert_cmphex (port_read (f, DISK, PORT_SSTS), ==, 0x123);
}

/* 10.7.1.1: cleared at the port, then at the controller; what is still pending shows again. */
static void
test_interrupt (AhciFixture *f, gconstpointer data)
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
test_msi (AhciFixture *f, gconstpointer data)
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

/* --- the command list --- */

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
test_queued (AhciFixture *f, gconstpointer data)
{
  for (unsigned slot = 0; slot < 32; slot++)
    ata_put_queued (f, slot, slot * 8, 8);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SACT), UINT32_MAX);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), UINT32_MAX);
  g_assert_true (bench_run_until (f->bench, none_active, NULL));
  g_assert_cmphex (port_read (f, DISK, PORT_CI), ==, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 8, ==, 8);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 0, 32 * 4096);
}

/* The log names the command that failed; the others are given up with it. */
static void
test_queued_error (AhciFixture *f, gconstpointer data)
{
  const GuestCommand read_log = {
    .command = 0x2f, .lba = 0x10, .count = 1, .device = 0x40, .data = GUEST_DATA, .length = 512
  };
  const uint8_t *log;

  ata_put_queued (f, 5, DISK_SIZE / 512, 8);
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

/* 6.2.2: after a fatal error nothing goes on; what was queued besides shows no end. */
static void
test_queued_fatal (AhciFixture *f, gconstpointer data)
{
  image_set_limits (f->disk, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
  for (unsigned slot = 0; slot < 3; slot++)
    ata_put_queued (f, slot, slot * 8, 8);
  store_le16 (bench_memory (f->bench, ahci_guest_list (DISK) + 32 * 2 + 2, 2), 0); /* no PRDs */
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SACT), 7);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), 7);
  bench_settle (f->bench);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 24, !=, 0);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_IS), 8);
  image_set_limits (f->disk, &(ImageLimits){ 0 });
  bench_wait_idle (f->bench);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 8, ==, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_SACT) & 6, ==, 6);
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (ata_run (f, 0x25, 0, 1, 512) & ERR, ==, 0);
}

/* 10.4.1 and the ATA device's software reset: a control FIS sets SRST, another clears it. */
static void
test_soft_reset (AhciFixture *f, gconstpointer data)
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
test_full_disk (AhciFixture *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  GuestCommand write = { .command = 0x61,
                         .features = 8,
                         .device = 0x40,
                         .lba = 8,
                         .data = GUEST_DATA,
                         .length = 4096,
                         .write = true };

  g_free (f->disk_path);
  f->disk_path = g_build_filename (disk, "sparse.img", NULL);
  g_assert_true (image_create_raw (f->disk_path, DISK_SIZE, NULL));
  ahci_rebuild (f);
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
  g_assert_cmphex (ata_run (f, 0x25, 8, 8, 4096) & ERR, ==, 0);
  assert_all (f, GUEST_DATA, 0x42, 4096);
  small_disk_free (disk);
}

/* Of queued writes that waited for room, one turns out to be wrong when they are tried again: the others are
 * given up with it, whether before or behind. */
static void
test_full_disk_then_error (AhciFixture *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);

  g_free (f->disk_path);
  f->disk_path = g_build_filename (disk, "sparse.img", NULL);
  g_assert_true (image_create_raw (f->disk_path, DISK_SIZE, NULL));
  ahci_rebuild (f);
  ahci_guest_start (f->bench, DISK);
  small_disk_fill (disk);
  for (unsigned slot = 0; slot < 2; slot++)
    {
      ata_put_queued (f, slot, slot * 8, 8);
      *(uint8_t *)bench_memory (f->bench, ahci_guest_table (DISK, slot) + 2, 1) = 0x61;
    }
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SACT), 3);
  bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), 3);
  bench_wait_idle (f->bench);
  board_stopped (bench_board (f->bench));
  small_disk_make_room (disk);
  *(uint8_t *)bench_memory (f->bench, ahci_guest_table (DISK, 0) + 12, 1) = 9 << 3; /* another's tag */
  board_started (bench_board (f->bench));
  bench_wait_idle (f->bench);
  g_assert_cmphex (port_read (f, DISK, PORT_IS) & 1 << 30, !=, 0);
  g_assert_cmphex (port_read (f, DISK, PORT_SACT), ==, 3);
  ahci_guest_recover (f->bench, DISK);
  g_assert_cmphex (ata_run (f, 0x25, 0, 1, 512) & ERR, ==, 0);
  small_disk_free (disk);
}

/* --- drives that come and go --- */

/* 7.3: the PHY's change is seen, a drive that comes also sends COMINIT. */
static void
test_hot_plug (AhciFixture *f, gconstpointer data)
{
  Device *device = bench_device (f->bench);
  g_autofree char *path = pattern_file_new (f->folder, "other.img", 512 * 64);
  AhciPortConfig drive = { .kind = AHCI_PORT_DISK,
                           .image = bench_open_image (f->bench, path, NULL, false),
                           .id = "disk9" };
  g_autoptr (GError) error = NULL;

  g_assert_false (ahci_plug (device, DISK, &drive, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (ahci_unplug (device, EMPTY, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);

  bench_write32 (f->bench, AHCI_PORT (EMPTY, PORT_SERR), UINT32_MAX);
  bench_write32 (f->bench, AHCI_PORT (EMPTY, PORT_IE), 0x00400040);
  bench_write32 (f->bench, AHCI_REG (HBA_IS), UINT32_MAX);
  drive.no_discard = drive.write_through = true;
  g_assert_true (ahci_plug (device, EMPTY, &drive, &error));
  g_assert_cmphex (port_read (f, EMPTY, PORT_SSTS), ==, 0x123);
  g_assert_cmphex (port_read (f, EMPTY, PORT_IS) & 0x00400040, ==, 0x00400040);
  g_assert_true (bench_irq (f->bench, PCI_BENCH_GSI));

  ahci_guest_start (f->bench, EMPTY);
  g_assert_cmphex (port_read (f, EMPTY, PORT_SIG), ==, 0x00000101);
  g_assert_cmphex (
    ahci_guest_run (
      f->bench, EMPTY,
      &(GuestCommand){ .command = 0x25, .lba = 9, .count = 1, .data = GUEST_DATA, .length = 512 })
      & ERR,
    ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 9 * 512, 512);
  g_assert_cmphex (
    ahci_guest_run (f->bench, EMPTY, &(GuestCommand){ .command = 0xec, .data = GUEST_DATA, .length = 512 })
      & ERR,
    ==, 0);
  g_assert_cmphex (load_le16 (answer (f, 512) + 2 * 169), ==, 0);         /* no TRIM */
  g_assert_cmphex (load_le16 (answer (f, 512) + 2 * 85) & 0x0020, ==, 0); /* no write cache */

  bench_write32 (f->bench, AHCI_PORT (EMPTY, PORT_SERR), UINT32_MAX);
  g_assert_true (ahci_unplug (device, EMPTY, &error));
  g_assert_cmphex (port_read (f, EMPTY, PORT_SSTS), ==, 0);
  g_assert_cmphex (port_read (f, EMPTY, PORT_TFD) & 0xff, ==, 0x7f);
  g_assert_cmphex (port_read (f, EMPTY, PORT_IS) & 0x00400040, ==, 0x00400000);
}

static void
test_unplug_under_load (AhciFixture *f, gconstpointer data)
{
  Device *device = bench_device (f->bench);

  for (unsigned round = 0; round < 20; round++)
    {
      AhciPortConfig drive = { .kind = AHCI_PORT_DISK, .id = "disk0" };

      for (unsigned slot = 0; slot < 8; slot++)
        ata_put_queued (f, slot, slot * 8, 8);
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_SACT), 0xff);
      bench_write32 (f->bench, AHCI_PORT (DISK, PORT_CI), 0xff);
      g_assert_true (ahci_unplug (device, DISK, NULL));
      memset (bench_memory (f->bench, GUEST_DATA, 0x100000), 0xcc, 0x100000);
      bench_settle (f->bench);
      for (unsigned i = 0; i < 0x100000; i += 511)
        g_assert_cmphex (*(uint8_t *)bench_memory (f->bench, GUEST_DATA + i, 1), ==, 0xcc);
      drive.image = bench_open_image (f->bench, f->disk_path, NULL, false);
      g_assert_true (ahci_plug (device, DISK, &drive, NULL));
      ahci_guest_start (f->bench, DISK);
      g_assert_cmphex (ata_run (f, 0x25, 0, 1, 512) & ERR, ==, 0);
    }
}

/* --- all --- */

static void
test_state (AhciFixture *f, gconstpointer data)
{
  ata_run (f, 0x25, 0, 1, 512);
  PACKET (f, 0, 0x1e, 0, 0, 0, 1);
  PACKET (f, 0, 0xff);
  bench_round_trip_state (f->bench);
}

static void
test_fuzz (AhciFixture *f, gconstpointer data)
{
  bench_fuzz_with (f->bench, 2922, 40000, ahci_guest_fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/ahci/" path, AhciFixture, NULL, ahci_setup, func, ahci_teardown)
  ADD ("shows-itself", test_shows_itself);
  ADD ("hba-reset", test_hba_reset);
  ADD ("comreset", test_comreset);
  ADD ("comreset/saved", test_comreset_saved);
  ADD ("comreset/under-load", test_comreset_under_load);
  ADD ("interrupt", test_interrupt);
  ADD ("msi", test_msi);
  ADD ("disk/queued", test_queued);
  ADD ("disk/queued-error", test_queued_error);
  ADD ("disk/queued-fatal", test_queued_fatal);
  ADD ("disk/soft-reset", test_soft_reset);
  ADD ("disk/full-disk", test_full_disk);
  ADD ("disk/full-disk/then-error", test_full_disk_then_error);
  ADD ("hot-plug", test_hot_plug);
  ADD ("unplug-under-load", test_unplug_under_load);
  ADD ("state", test_state);
  ADD ("fuzz", test_fuzz);
#undef ADD
  return g_test_run ();
}
