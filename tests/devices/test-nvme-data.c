/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NVMe disks' data against the NVM Express base specification 1.4, sections 4.3 and 6. */
#include "tests/devices/nvme-fixture.h"
#include "vmm/base/bytes.h"

#include <unistd.h>

/* 6.9, 6.15, 6.8. */
static void
test_reads_and_writes (NvmeFixture *f, gconstpointer data)
{
  nvme_start (f);
  g_assert_cmphex (nvme_run (f, READ, 17, 8, DATA), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, 17 * 512, 4096);
  g_assert_cmphex (nvme_run (f, READ, 3, 8, DATA + 0x200), ==, 0); /* over the end of a page */
  assert_memory_is_pattern (f->bench, DATA + 0x200, 3 * 512, 4096);
  g_assert_cmphex (nvme_run (f, READ, DISK_SIZE / 512 - 1, 1, DATA), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, DISK_SIZE - 512, 512);

  memset (bench_memory (f->bench, DATA, 4096), 0xa5, 4096);
  g_assert_cmphex (nvme_run (f, WRITE, 3, 8, DATA), ==, 0);
  assert_file_is (f->path, 3 * 512, 0xa5, 4096);
  g_assert_cmphex (nvme_run (f, FLUSH, 0, 1, 0), ==, 0);

  g_assert_cmphex (nvme_run (f, READ, DISK_SIZE / 512, 1, DATA), ==, 0x080);
  g_assert_cmphex (nvme_run (f, READ, DISK_SIZE / 512 - 1, 2, DATA), ==, 0x080);
  g_assert_cmphex (nvme_run (f, READ, UINT64_MAX, 1, DATA), ==, 0x080);
  g_assert_cmphex (nvme_run (f, 0x55, 0, 1, DATA), ==, 0x001);
  g_assert_cmphex (nvme_run (f, READ, 0, 1, UINT64_C (1) << 40), ==, 0x004);
  g_assert_cmphex (nvme_run (f, READ, 0, 1, DATA + 2), ==, 0x013);
}

/* 4.3: lists of pages, which go on in another page where they are full, and begin anywhere. */
static void
test_prp_lists (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = nvme_transfer (READ, 5, 1024, DATA);
  const uint64_t first = LIST + 0x1000 - 8 * 8;

  nvme_start (f);
  for (unsigned i = 0; i < 7; i++)
    store_le64 (bench_memory (f->bench, first + 8 * i, 8), DATA + 0x2000 * (i + 1));
  store_le64 (bench_memory (f->bench, LIST + 0xff8, 8), LIST + 0x2000);
  for (unsigned i = 0; i < 120; i++)
    store_le64 (bench_memory (f->bench, LIST + 0x2000 + 8 * i, 8), DATA + 0x2000 * (i + 8));
  command.prp2 = first;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  for (unsigned i = 0; i < 128; i++)
    assert_memory_is_pattern (f->bench, DATA + 0x2000 * i, 5 * 512 + 0x1000 * i, 0x1000);

  /* More than the controller says that it takes (MDTS). */
  command.dw12 = 1024;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x002);
  /* A list that goes round in circles ends with the data. */
  command.dw12 = 1023;
  command.prp2 = LIST + 0xff8;
  store_le64 (bench_memory (f->bench, LIST + 0xff8, 8), LIST + 0xff8);
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x013);
  command.prp2 = UINT64_C (1) << 50;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x004);
  store_le64 (bench_memory (f->bench, first, 8), DATA + 4);
  command.prp2 = first;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x013);
}

/* 6.6, 6.14. */
static void
test_compare (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = nvme_transfer (COMPARE, 5, 128, DATA);

  nvme_start (f);
  g_assert_cmphex (nvme_run (f, READ, 40, 8, DATA), ==, 0);
  g_assert_cmphex (nvme_run (f, COMPARE, 40, 8, DATA), ==, 0);
  g_assert_cmphex (nvme_run (f, COMPARE, 41, 8, DATA), ==, 0x285);
  g_assert_cmphex (nvme_run (f, VERIFY, 0, DISK_SIZE / 512, 0), ==, 0);
  g_assert_cmphex (nvme_run (f, VERIFY, 1, DISK_SIZE / 512, 0), ==, 0x080);

  /* 64 KiB, in several steps; the last byte differs. */
  for (unsigned i = 0; i < 15; i++)
    store_le64 (bench_memory (f->bench, LIST + 8 * i, 8), DATA + 0x1000 * (i + 1));
  command.prp2 = LIST;
  command.opcode = READ;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  command.opcode = COMPARE;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  *(uint8_t *)bench_memory (f->bench, DATA + 0xffff, 1) ^= 1;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x285);
}

static void
put_range (NvmeFixture *f, unsigned i, uint64_t sector, uint32_t n)
{
  uint8_t *p = bench_memory (f->bench, DATA + 16 * i, 16);

  store_le32 (p, 0);
  store_le32 (p + 4, n);
  store_le64 (p + 8, sector);
}

/* 6.7, 6.16. */
static void
test_discard_and_zeroes (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = { .opcode = DATASET, .nsid = 1, .prp1 = DATA, .dw10 = 1, .dw11 = 4 };

  nvme_start (f);
  put_range (f, 0, 8, 16);
  put_range (f, 1, 64, 8);
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  assert_file_is (f->path, 8 * 512, 0, 16 * 512);
  assert_file_is (f->path, 64 * 512, 0, 8 * 512);
  g_assert_cmphex (nvme_run (f, WRITE_ZEROES, 101, 3, 0), ==, 0);
  assert_file_is (f->path, 101 * 512, 0, 3 * 512);
  put_range (f, 1, DISK_SIZE / 512 - 1, 2);
  put_range (f, 0, 200, 8); /* nothing is given up if one of them is wrong */
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x080);
  assert_file_is_pattern (f->path, 200 * 512, 8 * 512);
  command.dw11 = 1; /* a hint only */
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  assert_file_is_pattern (f->path, 200 * 512, 8 * 512);
}

/* Many at a time on every queue, more than the completion queues hold: none is lost. */
static void
test_load (NvmeFixture *f, gconstpointer data)
{
  unsigned given[5] = { 0 }, taken = 0;

  pci_bench_enable_msix (f->bench, 4, 5);
  nvme_guest_enable (&f->guest, f->bench);
  if (f->wanted->plain)
    nvme_guest_use_shadows (&f->guest);
  for (unsigned q = 1; q <= 4; q++)
    nvme_guest_add_queue (&f->guest, q, 8, q);
  while (taken < 400)
    {
      for (unsigned q = 1; q <= 4; q++)
        {
          NvmeGuestEntry entry;

          while (given[q] < 7)
            {
              NvmeGuestCommand command = nvme_transfer (READ, q, 1, DATA + 0x1000 * q);

              nvme_guest_add (&f->guest, q, &command);
              given[q]++;
            }
          nvme_guest_ring (&f->guest, q);
          entry = nvme_guest_wait (&f->guest, q);
          g_assert_cmphex (entry.status, ==, 0);
          given[q]--;
          taken++;
        }
    }
  for (unsigned q = 1; q <= 4; q++)
    {
      assert_memory_is_pattern (f->bench, DATA + 0x1000 * q, q * 512, 512);
      g_assert_cmpuint (pci_bench_messages (f->bench, q), >=, 1);
    }
}

/* A guest that takes no completions gets no further ones, and goes on when it does. */
static void
test_full_completion_queue (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand cq = { .opcode = CREATE_CQ, .prp1 = DATA, .dw10 = 3 << 16 | 2, .dw11 = 3 },
                   sq = { .opcode = CREATE_SQ,
                          .prp1 = DATA + 0x1000,
                          .dw10 = 15 << 16 | 2,
                          .dw11 = 2 << 16 | 1 },
                   command = nvme_transfer (READ, 0, 1, DATA + 0x4000);
  NvmeGuestQueue *q = &f->guest.queues[2];
  const uint8_t *entries = bench_memory (f->bench, DATA, 64);

  nvme_start (f);
  memset (bench_memory (f->bench, DATA, 0x2000), 0, 0x2000);
  g_assert_cmphex (nvme_admin (f, &cq), ==, 0);
  g_assert_cmphex (nvme_admin (f, &sq), ==, 0);
  *q = (NvmeGuestQueue){ .index = 2, .size = 16, .sq = DATA + 0x1000, .cq = DATA, .phase = 1 };
  for (unsigned i = 0; i < 10; i++)
    nvme_guest_add (&f->guest, 2, &command);
  nvme_guest_ring (&f->guest, 2);
  bench_settle (f->bench);
  bench_wait_idle (f->bench);
  g_assert_cmphex (load_le16 (entries + 2 * 16 + 14), ==, 1);
  g_assert_cmphex (load_le16 (entries + 3 * 16 + 14), ==, 0);
  bench_round_trip_state (f->bench);
  bench_write32 (f->bench, PCI_BENCH_BAR (0) + 0x1000 + 2 * 8 + 4, 2); /* two are taken */
  bench_settle (f->bench);
  bench_wait_idle (f->bench);
  g_assert_cmphex (load_le16 (entries + 3 * 16 + 14), ==, 1);
  g_assert_cmphex (load_le16 (entries + 14), ==, 0); /* the next turn's phase */
  g_assert_cmphex (load_le16 (entries + 16 + 14), ==, 1);
}

/* A limit holds requests back; a deletion of the queue and a reset wait for them, a machine that stops does
 * not. */
static void
test_in_flight (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = nvme_transfer (READ, 0, 1, DATA), delete = { .opcode = DELETE_SQ, .dw10 = 1 };
  NvmeGuestEntry entry;

  nvme_start (f);
  image_set_limits (f->image, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
  for (unsigned i = 0; i < 3; i++)
    nvme_guest_add (&f->guest, IO, &command);
  nvme_guest_ring (&f->guest, IO);
  nvme_guest_wait (&f->guest, IO);
  nvme_guest_add (&f->guest, 0, &delete);
  nvme_guest_ring (&f->guest, 0);
  bench_settle (f->bench);
  g_assert_false (nvme_guest_poll (&f->guest, 0, &entry));
  board_stopped (bench_board (f->bench));
  nvme_guest_wait (&f->guest, IO);
  nvme_guest_wait (&f->guest, IO);
  g_assert_cmphex (nvme_guest_wait (&f->guest, 0).status, ==, 0);
  board_started (bench_board (f->bench));

  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  image_set_limits (f->image, &(ImageLimits){ 0 });
  nvme_start (f);
  image_set_limits (f->image, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
  for (unsigned i = 0; i < 3; i++)
    nvme_guest_add (&f->guest, IO, &command);
  nvme_guest_ring (&f->guest, IO);
  nvme_guest_wait (&f->guest, IO);
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, RDY);
  image_set_limits (f->image, &(ImageLimits){ 0 });
  bench_wait_idle (f->bench);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, 0);
  g_assert_false (nvme_guest_poll (&f->guest, IO, &entry));
  nvme_start (f);
  g_assert_cmphex (nvme_run (f, READ, 0, 1, DATA), ==, 0);
}

/* The host's disk is full: the machine is asked to pause, and the write is done when it goes on. */
static void
test_full_disk (NvmeFixture *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  NvmeGuestCommand command = nvme_transfer (WRITE, 8, 8, DATA);
  NvmeGuestEntry entry;

  bench_free (f->bench);
  g_free (f->path);
  f->path = g_build_filename (disk, "sparse.img", NULL);
  g_assert_true (image_create_raw (f->path, DISK_SIZE, NULL));
  f->bench = bench_new_with (nvme_furnish, f);
  nvme_start (f);
  small_disk_fill (disk);

  memset (bench_memory (f->bench, DATA, 4096), 0x42, 4096);
  nvme_guest_add (&f->guest, IO, &command);
  nvme_guest_ring (&f->guest, IO);
  bench_settle (f->bench);
  bench_wait_idle (f->bench);
  g_assert_false (nvme_guest_poll (&f->guest, IO, &entry));
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 1);
  g_assert_nonnull (strstr (bench_request_message (f->bench), f->path));

  board_stopped (bench_board (f->bench));
  bench_round_trip_state (f->bench);
  board_started (bench_board (f->bench));
  bench_wait_idle (f->bench);
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 2);

  board_stopped (bench_board (f->bench));
  small_disk_make_room (disk);
  board_started (bench_board (f->bench));
  g_assert_cmphex (nvme_guest_wait (&f->guest, IO).status, ==, 0);
  assert_file_is (f->path, 8 * 512, 0x42, 4096);
  small_disk_free (disk);
}

/* A file that was cut ends in errors for the guest, not in a crash. */
static void
test_truncated (NvmeFixture *f, gconstpointer data)
{
  nvme_start (f);
  g_assert_cmpint (truncate (f->path, 4096), ==, 0);
  g_assert_cmphex (nvme_run (f, READ, 64, 1, DATA), ==, 0x281);
  g_assert_cmphex (nvme_run (f, READ, 0, 1, DATA), ==, 0);
}

static const NvmeCase usual = { .n_queues = 4 }, plain = { .plain = true, .n_queues = 4 };

int
main (int argc, char **argv)
{
  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);
  nvme_add_test ("/nvme-data/reads-and-writes", &usual, test_reads_and_writes);
  nvme_add_test ("/nvme-data/prp-lists", &usual, test_prp_lists);
  nvme_add_test ("/nvme-data/compare", &usual, test_compare);
  nvme_add_test ("/nvme-data/discard-and-zeroes", &usual, test_discard_and_zeroes);
  nvme_add_test ("/nvme-data/load", &usual, test_load);
  nvme_add_test ("/nvme-data/load/shadows", &plain, test_load);
  nvme_add_test ("/nvme-data/full-completion-queue", &usual, test_full_completion_queue);
  nvme_add_test ("/nvme-data/in-flight", &usual, test_in_flight);
  nvme_add_test ("/nvme-data/full-disk", &usual, test_full_disk);
  nvme_add_test ("/nvme-data/truncated", &usual, test_truncated);
  return g_test_run ();
}
