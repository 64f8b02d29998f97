/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CD-ROM drives behind AHCI: MMC-6, and the changing of discs. */
#include "tests/devices/ahci-fixture.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <unistd.h>

static void
test_identify (AhciFixture *f, gconstpointer data)
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
test_reads (AhciFixture *f, gconstpointer data)
{
  g_assert_cmphex (PACKET (f, 0, 0x00), ==, 0);
  g_assert_cmphex (PACKET (f, 8, 0x25), ==, 0);
  g_assert_cmpuint (load_be32 (answer (f, 8)), ==, CD_BLOCKS - 1);
  g_assert_cmpuint (load_be32 (answer (f, 8) + 4), ==, 2048);
  g_assert_cmphex (PACKET (f, 3 * 2048, 0x28, 0, 0, 0, 0, 16, 0, 0, 3), ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 16 * 2048, 3 * 2048);
  g_assert_cmphex (PACKET (f, 2048, 0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 1), ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 7 * 2048, 2048);
  g_assert_cmphex (PACKET (f, 2048, 0xbe, 0, 0, 0, 0, 9, 0, 0, 1, 0x10), ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, 9 * 2048, 2048);

  /* The file ends inside the last block. */
  g_assert_cmphex (PACKET (f, 2048, 0x28, 0, 0, 0, 0, CD_BLOCKS - 1, 0, 0, 1), ==, 0);
  assert_memory_is_pattern (f->bench, GUEST_DATA, (CD_BLOCKS - 1) * 2048, 1024);
  assert_all (f, GUEST_DATA + 1024, 0, 1024);

  g_assert_cmphex (PACKET (f, 2048, 0x28, 0, 0, 0, 0, CD_BLOCKS, 0, 0, 1), ==, 0x052100);
  g_assert_cmphex (PACKET (f, 2048, 0xbe, 0, 0, 0, 0, 9, 0, 0, 1, 0xf8), ==, 0x056400);
  g_assert_cmphex (PACKET (f, 0, 0xff), ==, 0x052000);
}

static void
test_tells_of_itself (AhciFixture *f, gconstpointer data)
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
test_small_talk (AhciFixture *f, gconstpointer data)
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
test_tray (AhciFixture *f, gconstpointer data)
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
test_change (AhciFixture *f, gconstpointer data)
{
  g_autofree char *other = pattern_file_new (f->folder, "other.iso", 2048 * 10);
  Device *device = bench_device (f->bench);
  g_autoptr (GError) error = NULL;
  Image *image;

  g_assert_true (ahci_change_medium (device, CD, NULL, false, &error));
  g_assert_cmphex (PACKET (f, 0, 0x00), ==, 0x023a01);
  g_assert_cmphex (PACKET (f, 4, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 4), ==,
                   0); /* no room for the event: it stays */
  g_assert_cmphex (PACKET (f, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0);
  g_assert_cmphex (load_be32 (answer (f, 8) + 4), ==, 0x03000000); /* media removal, nothing there */

  image = bench_open_image (f->bench, other, NULL, true);
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

/* A file that someone cuts is a disc with a scratch. */
static void
test_truncated (AhciFixture *f, gconstpointer data)
{
  g_assert_cmpint (truncate (f->cd_path, 4096), ==, 0);
  g_assert_cmphex (PACKET (f, 2048, 0x28, 0, 0, 0, 0, 16, 0, 0, 1), ==, 0x031100);
  g_assert_cmphex (PACKET (f, 2048, 0x28, 0, 0, 0, 0, 1, 0, 0, 1), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/atapi/" path, AhciFixture, NULL, ahci_setup, func, ahci_teardown)
  ADD ("identify", test_identify);
  ADD ("reads", test_reads);
  ADD ("tells-of-itself", test_tells_of_itself);
  ADD ("small-talk", test_small_talk);
  ADD ("truncated", test_truncated);
  ADD ("tray", test_tray);
  ADD ("change", test_change);
#undef ADD
  return g_test_run ();
}
