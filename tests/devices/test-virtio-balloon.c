/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory balloon (virtio 1.2, section 5.5). */
#include "devices/virtio/virtio-balloon.h"

#include "tests/devices/virtio-guest.h"
#include "vmm/base/bytes.h"

#include <string.h>

#define RINGS  UINT64_C (0x10000)
#define BUFFER UINT64_C (0x80000)
#define PAGES  UINT64_C (0x200000) /* what is given away */

/* 5.5.3 and 5.5.4 */
enum {
  F_STATS_VQ = 1 << 1,
  F_DEFLATE_ON_OOM = 1 << 2,
  F_PAGE_POISON = 1 << 4,
  F_PAGE_REPORTING = 1 << 5,

  NUM_PAGES = 0,
  ACTUAL = 4,
  POISON_VAL = 12,
};

enum { INFLATE, DEFLATE, STATS, REPORT, N_QUEUES };

typedef struct {
  Bench *bench;
  GuestQueue queues[N_QUEUES];
} Guest;

static void
setup (Bench *bench, void *data)
{
  const VirtioBalloonConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) } };

  bench_add (bench, &virtio_balloon_class, NULL, &config);
  pci_bench_map (bench);
}

static void
start_driver (Guest *guest, uint64_t features, unsigned n_queues)
{
  g_assert_cmphex (virtio_guest_negotiate (guest->bench, F_VERSION_1 | features) & STATUS_FEATURES_OK, !=, 0);
  for (unsigned i = 0; i < n_queues; i++)
    guest_queue_init (&guest->queues[i], guest->bench, i, 64, RINGS + i * 0x4000);
  virtio_guest_driver_ok (guest->bench);
}

static Bench *
start (Guest *guest, uint64_t features)
{
  guest->bench = bench_new_with (setup, NULL);
  start_driver (guest, features, N_QUEUES);
  return guest->bench;
}

/* Fills a range with something that is not zero. */
static void
use (Guest *guest, uint64_t address, uint64_t size)
{
  memset (bench_memory (guest->bench, address, size), 0xa5, size);
}

/* The byte that all of the range has, -1 if they differ. */
static int
content (Guest *guest, uint64_t address, uint64_t size)
{
  const uint8_t *p = bench_memory (guest->bench, address, size);

  for (uint64_t i = 1; i < size; i++)
    if (p[i] != p[0])
      return -1;
  return p[0];
}

static void
send_pages (Guest *guest, unsigned queue, const uint32_t *pages, unsigned n)
{
  const GuestBuffer buffer = { BUFFER, n * 4, false };

  for (unsigned i = 0; i < n; i++)
    store_le32 (bench_memory (guest->bench, BUFFER + 4 * i, 4), pages[i]);
  guest_queue_add (&guest->queues[queue], &buffer, 1);
  guest_queue_kick (&guest->queues[queue]);
  g_assert_cmpuint (guest_queue_wait (&guest->queues[queue], NULL), ==, 0);
}

static void
keep_status (const BalloonStatus *status, void *data)
{
  *(BalloonStatus *)data = *status;
}

/* What the device says without the guest's help. */
static BalloonStatus
look (Guest *guest)
{
  BalloonStatus status = { 0 };

  virtio_balloon_query (bench_device (guest->bench), keep_status, &status);
  return status;
}

/* 5.5.2 to 5.5.4: what it is, and what it offers. */
static void
test_shows_itself (void)
{
  Guest guest = { .bench = bench_new_with (setup, NULL) };
  g_autoptr (Bench) bench = guest.bench;
  BalloonStatus status = look (&guest);

  g_assert_cmphex (pci_bench_read_config (bench, 0, 4), ==, 0x10451af4);
  g_assert_cmphex (virtio_guest_features (bench) & 0x3f, ==,
                   F_STATS_VQ | F_DEFLATE_ON_OOM | F_PAGE_POISON | F_PAGE_REPORTING);
  g_assert_cmpuint (bench_read16 (bench, VIRTIO_COMMON + REG_NUM_QUEUES), ==, N_QUEUES);
  g_assert_false (status.driver);
  g_assert_cmpuint (status.stats[BALLOON_STAT_FREE], ==, BALLOON_STAT_UNKNOWN);
}

/* 5.5.6.1: pages that are in the balloon are the host's; others are as they were. They come in any order. */
static void
test_inflate (void)
{
  Guest guest;
  g_autoptr (Bench) bench = start (&guest, 0);
  const uint32_t pages[] = { 0x205, 0x201, 0x200, 0x204, 0x201 };

  use (&guest, PAGES, 0x8000);
  send_pages (&guest, INFLATE, pages, G_N_ELEMENTS (pages));
  g_assert_cmpint (content (&guest, PAGES, 0x2000), ==, 0);
  g_assert_cmpint (content (&guest, PAGES + 0x2000, 0x2000), ==, 0xa5);
  g_assert_cmpint (content (&guest, PAGES + 0x4000, 0x2000), ==, 0);
  g_assert_cmpint (content (&guest, PAGES + 0x6000, 0x2000), ==, 0xa5);
  g_assert_cmpuint (look (&guest).given, ==, 4 * 4096);

  /* 5.5.6.2: a page that left the balloon is memory like any other. */
  send_pages (&guest, DEFLATE, pages, 2);
  use (&guest, PAGES, 0x2000);
  g_assert_cmpint (content (&guest, PAGES, 0x2000), ==, 0xa5);
}

/* Page numbers that are no RAM: the rest is taken, the device goes on. */
static void
test_hostile_pages (void)
{
  Guest guest;
  g_autoptr (Bench) bench = start (&guest, 0);
  const uint32_t pages[] = { UINT32_MAX, BENCH_RAM_SIZE >> 12, 0xe0000, 0x200, UINT32_MAX, 0, 0xfffffffe };

  use (&guest, PAGES, 0x2000);
  use (&guest, BENCH_RAM_SIZE - 4096, 4096);
  send_pages (&guest, INFLATE, pages, G_N_ELEMENTS (pages));
  g_assert_cmpint (content (&guest, PAGES, 0x1000), ==, 0);
  g_assert_cmpint (content (&guest, PAGES + 0x1000, 0x1000), ==, 0xa5);
  g_assert_cmpint (content (&guest, BENCH_RAM_SIZE - 4096, 4096), ==, 0xa5);
  g_assert_cmphex (virtio_guest_status (bench) & STATUS_NEEDS_RESET, ==, 0);

  /* A list that does not end with a whole number, and one much too long. */
  guest_queue_add (&guest.queues[INFLATE], &(GuestBuffer){ BUFFER, 7, false }, 1);
  guest_queue_add (&guest.queues[INFLATE], &(GuestBuffer){ 0x400000, 0x400000, false }, 1);
  guest_queue_kick (&guest.queues[INFLATE]);
  guest_queue_wait (&guest.queues[INFLATE], NULL);
  guest_queue_wait (&guest.queues[INFLATE], NULL);
}

/* 5.5.6: a target, and what became of it. */
static void
test_target (void)
{
  Guest guest;
  g_autoptr (Bench) bench = start (&guest, 0);

  virtio_balloon_set_target (bench_device (bench), 3 << 20 | 0xfff);
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 2);
  g_assert_cmpuint (bench_read32 (bench, VIRTIO_CONFIG + NUM_PAGES), ==, 768);
  bench_write32 (bench, VIRTIO_CONFIG + NUM_PAGES, 5); /* the host's */
  bench_write32 (bench, VIRTIO_CONFIG + ACTUAL, 700);
  g_assert_cmpuint (bench_read32 (bench, VIRTIO_CONFIG + NUM_PAGES), ==, 768);
  g_assert_cmpuint (look (&guest).size, ==, 700 << 12);

  /* The wish outlives a reset, which empties the balloon; there can't be more than all. */
  bench_reset (bench);
  pci_bench_map (bench);
  g_assert_cmpuint (bench_read32 (bench, VIRTIO_CONFIG + NUM_PAGES), ==, 768);
  g_assert_cmpuint (bench_read32 (bench, VIRTIO_CONFIG + ACTUAL), ==, 0);
  virtio_balloon_set_target (bench_device (bench), UINT64_MAX);
  g_assert_cmpuint (bench_read32 (bench, VIRTIO_CONFIG + NUM_PAGES), ==, BENCH_RAM_SIZE >> 12);
}

static void
put_stat (Guest *guest, unsigned i, uint16_t tag, uint64_t value)
{
  uint8_t *stat = bench_memory (guest->bench, BUFFER + 10 * i, 10);

  store_le16 (stat, tag);
  store_le64 (stat + 2, value);
}

static void
offer_stats (Guest *guest, unsigned n)
{
  guest_queue_add (&guest->queues[STATS], &(GuestBuffer){ BUFFER, n * 10, false }, 1);
  guest_queue_kick (&guest->queues[STATS]);
  bench_settle (guest->bench);
}

static bool
has_answer (Bench *bench, void *data)
{
  return ((BalloonStatus *)data)->driver;
}

/* 5.5.6.3: the device gives the buffer back when it wants news, and only then. */
static void
test_stats (void)
{
  Guest guest;
  g_autoptr (Bench) bench = start (&guest, F_STATS_VQ);
  BalloonStatus status = { 0 }, second = { 0 };

  put_stat (&guest, 0, BALLOON_STAT_FREE, 1);
  offer_stats (&guest, 1);
  g_assert_cmpuint (guest_queue_used_index (&guest.queues[STATS]), ==, 0);

  virtio_balloon_query (bench_device (bench), keep_status, &status);
  virtio_balloon_query (bench_device (bench), keep_status, &second);
  guest_queue_wait (&guest.queues[STATS], NULL);
  g_assert_false (status.driver);
  put_stat (&guest, 0, BALLOON_STAT_FREE, 0x123456789);
  put_stat (&guest, 1, 999, 5);
  put_stat (&guest, 2, BALLOON_STAT_HUGE_PAGES_FAILED, 7);
  offer_stats (&guest, 3);
  g_assert_true (bench_run_until (bench, has_answer, &status));
  g_assert_true (second.driver);
  g_assert_cmphex (status.stats[BALLOON_STAT_FREE], ==, 0x123456789);
  g_assert_cmphex (status.stats[BALLOON_STAT_HUGE_PAGES_FAILED], ==, 7);
  g_assert_cmphex (status.stats[BALLOON_STAT_TOTAL], ==, BALLOON_STAT_UNKNOWN);
}

/* A guest that does not answer keeps nobody waiting, nor does one that goes away. */
static void
test_stats_unanswered (void)
{
  Guest guest;
  g_autoptr (Bench) bench = start (&guest, F_STATS_VQ);
  BalloonStatus status = { 0 };

  put_stat (&guest, 0, BALLOON_STAT_FREE, 1);
  offer_stats (&guest, 1);
  virtio_balloon_query (bench_device (bench), keep_status, &status);
  g_assert_true (bench_run_until (bench, has_answer, &status));
  g_assert_cmphex (status.stats[BALLOON_STAT_FREE], ==, BALLOON_STAT_UNKNOWN);

  status = (BalloonStatus){ .target = 1 };
  virtio_balloon_query (bench_device (bench), keep_status, &status);
  g_assert_cmpuint (status.target, ==, 1);
  bench_write8 (bench, VIRTIO_COMMON + REG_STATUS, 0);
  g_assert_cmpuint (status.target, ==, 0);
  g_assert_false (status.driver);
}

static void
report (Guest *guest, unsigned queue, uint64_t address, uint32_t size)
{
  const GuestBuffer buffers[] = { { address, size, true }, { address + 0x100000, 0x1000, true } };

  guest_queue_add (&guest->queues[queue], buffers, 2);
  guest_queue_kick (&guest->queues[queue]);
  guest_queue_wait (&guest->queues[queue], NULL);
}

/* 5.5.6.7: free pages are told by themselves; of a range that begins within a page, the whole ones go. */
static void
test_report (void)
{
  Guest guest;
  g_autoptr (Bench) bench = start (&guest, F_STATS_VQ | F_PAGE_REPORTING);

  use (&guest, PAGES, 0x200000);
  report (&guest, REPORT, PAGES + 0x800, 0x3800);
  g_assert_cmpint (content (&guest, PAGES, 0x1000), ==, 0xa5);
  g_assert_cmpint (content (&guest, PAGES + 0x1000, 0x3000), ==, 0);
  g_assert_cmpint (content (&guest, PAGES + 0x4000, 0xfc000), ==, 0xa5);
  g_assert_cmpuint (look (&guest).given, ==, 3 * 4096); /* the second piece begins within a page as well */
  g_assert_true (look (&guest).reporting);
}

/* 5.5.2: without statistics the queue is the third. */
static void
test_report_without_stats (void)
{
  Guest guest = { .bench = bench_new_with (setup, NULL) };
  g_autoptr (Bench) bench = guest.bench;

  start_driver (&guest, F_PAGE_REPORTING, 3);
  use (&guest, PAGES, 0x200000);
  report (&guest, STATS, PAGES, 0x4000);
  g_assert_cmpint (content (&guest, PAGES, 0x4000), ==, 0);
}

/* 5.5.6.6.2: pages that the guest wants to find poisoned can't go; those that it wants zeroed can. */
static void
test_poison (void)
{
  Guest guest;
  g_autoptr (Bench) bench = start (&guest, F_STATS_VQ | F_PAGE_REPORTING | F_PAGE_POISON);

  use (&guest, PAGES, 0x200000);
  bench_write32 (bench, VIRTIO_CONFIG + POISON_VAL, 0xa5a5a5a5);
  report (&guest, REPORT, PAGES, 0x4000);
  g_assert_cmpint (content (&guest, PAGES, 0x4000), ==, 0xa5);
  bench_write32 (bench, VIRTIO_CONFIG + POISON_VAL, 0);
  report (&guest, REPORT, PAGES, 0x4000);
  g_assert_cmpint (content (&guest, PAGES, 0x4000), ==, 0);
}

/* Saved while the guest was asked for statistics, with a target it has not reached. */
static void
test_state (void)
{
  Guest guest;
  g_autoptr (Bench) bench = start (&guest, F_STATS_VQ | F_PAGE_REPORTING | F_PAGE_POISON);
  BalloonStatus status;

  virtio_balloon_set_target (bench_device (bench), 4 << 20);
  bench_write32 (bench, VIRTIO_CONFIG + ACTUAL, 17);
  offer_stats (&guest, 1);
  virtio_balloon_query (bench_device (bench), keep_status, &status);
  bench_round_trip_state (bench);
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  bench_fuzz_with (bench, 55, 20000, virtio_guest_fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-balloon/shows-itself", test_shows_itself);
  g_test_add_func ("/virtio-balloon/inflate", test_inflate);
  g_test_add_func ("/virtio-balloon/hostile-pages", test_hostile_pages);
  g_test_add_func ("/virtio-balloon/target", test_target);
  g_test_add_func ("/virtio-balloon/stats", test_stats);
  g_test_add_func ("/virtio-balloon/stats-unanswered", test_stats_unanswered);
  g_test_add_func ("/virtio-balloon/report", test_report);
  g_test_add_func ("/virtio-balloon/report-without-stats", test_report_without_stats);
  g_test_add_func ("/virtio-balloon/poison", test_poison);
  g_test_add_func ("/virtio-balloon/state", test_state);
  g_test_add_func ("/virtio-balloon/fuzz", test_fuzz);
  return g_test_run ();
}
