/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed virtqueues (virtio 1.2, section 2.8), through the entropy device and, where answers overtake each
 * other, through a disk. */
#include "devices/virtio/virtio-blk.h"
#include "devices/virtio/virtio-rng.h"

#include "tests/devices/virtio-disk-fixture.h"
#include "vmm/base/bytes.h"

#define RINGS  UINT64_C (0x10000)
#define BUFFER UINT64_C (0x80000)
#define TABLE  UINT64_C (0x90000)

#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4
#define DESC_AVAIL    (1u << 7)
#define DESC_USED     (1u << 15)

#define EVENT_DISABLE 1
#define EVENT_DESC    2
#define EVENT_WRAP    0x8000u

static void
setup_rng (Bench *bench, void *data)
{
  const VirtioRngConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) } };

  bench_add (bench, &virtio_rng_class, NULL, &config);
  pci_bench_map (bench);
}

static Bench *
start (GuestQueue *queue, uint64_t features, uint16_t size)
{
  Bench *bench = bench_new_with (setup_rng, NULL);

  features |= F_VERSION_1 | F_PACKED;
  g_assert_cmphex (virtio_guest_negotiate (bench, features) & STATUS_FEATURES_OK, !=, 0);
  guest_queue_init (queue, bench, 0, size, RINGS);
  g_assert_true (queue->packed);
  virtio_guest_driver_ok (bench);
  return bench;
}

/* One buffer there and back. */
static void
turn (GuestQueue *queue, unsigned n_buffers)
{
  GuestBuffer buffers[8];
  uint16_t id, used;

  for (unsigned i = 0; i < n_buffers; i++)
    buffers[i] = (GuestBuffer){ BUFFER + 0x1000 * i, 16, true };
  id = guest_queue_add (queue, buffers, n_buffers);
  guest_queue_kick (queue);
  g_assert_cmpuint (guest_queue_wait (queue, &used), ==, 16 * n_buffers);
  g_assert_cmpuint (used, ==, id);
}

static uint16_t
flags_at (GuestQueue *queue, unsigned place)
{
  return load_le16 (bench_memory (queue->bench, queue->desc + 16 * place + 14, 2));
}

/* 2.8.1 and 2.8.6: one used descriptor for a chain, with its ID, by the wrap counter of the round. */
static void
test_used_descriptors (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, 0, 8);

  turn (&queue, 3);
  g_assert_cmphex (flags_at (&queue, 0), ==, DESC_AVAIL | DESC_USED | DESC_WRITE);
  g_assert_cmphex (flags_at (&queue, 1), ==, DESC_AVAIL | DESC_WRITE | DESC_NEXT); /* as it was */
  turn (&queue, 1);
  g_assert_cmphex (flags_at (&queue, 3), ==, DESC_AVAIL | DESC_USED | DESC_WRITE);
  turn (&queue, 4); /* to the ring's end */
  turn (&queue, 1);
  g_assert_cmphex (flags_at (&queue, 0), ==, DESC_WRITE); /* the second round */
}

/* 2.8.10.1: any size will do; and chains lie across the ring's end. */
static void
test_any_size (void)
{
  static const uint16_t sizes[] = { 1, 3, 5, 7, 8 };

  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      GuestQueue queue;
      g_autoptr (Bench) bench = start (&queue, 0, sizes[i]);

      g_assert_cmpuint (bench_read16 (bench, VIRTIO_COMMON + REG_QUEUE_SIZE), ==, sizes[i]);
      for (unsigned round = 0; round < 50; round++)
        turn (&queue, 1 + round % MIN (sizes[i], 3));
    }
}

/* 2.8.7 and 2.8.19: in a table, flags but for WRITE mean nothing. */
static void
test_indirect (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_INDIRECT, 4);

  for (unsigned round = 0; round < 10; round++)
    {
      uint8_t *table = bench_memory (bench, TABLE, 48);

      for (unsigned i = 0; i < 3; i++)
        {
          store_le64 (table + 16 * i, BUFFER + 0x1000 * i);
          store_le32 (table + 16 * i + 8, 32);
          store_le16 (table + 16 * i + 12, 0xeeee);
          store_le16 (table + 16 * i + 14, i == 1 ? DESC_WRITE | DESC_NEXT | DESC_INDIRECT : DESC_WRITE);
        }
      guest_queue_set_packed (&queue, queue.avail_at, TABLE, 48, (uint16_t)(500 + round),
                              DESC_INDIRECT | guest_queue_available_flags (&queue));
      guest_queue_advance (&queue, 1, (uint16_t)(500 + round));
      guest_queue_kick (&queue);
      g_assert_cmpuint (guest_queue_wait (&queue, NULL), ==, 96);
    }
}

/* 2.8.14: which interrupts the driver wants. */
static void
test_driver_events (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_EVENT_IDX, 4);
  uint8_t *event = bench_memory (bench, queue.avail, 4);

  turn (&queue, 1); /* place 0 */
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 1);
  store_le16 (event + 2, EVENT_DISABLE);
  turn (&queue, 1);
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 0);

  /* Once place 1 of the next round was used: a chain over it counts. */
  store_le16 (event, 1);
  store_le16 (event + 2, EVENT_DESC);
  turn (&queue, 2); /* places 2 and 3 */
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 0);
  turn (&queue, 3); /* 0 to 2 */
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 1);
  turn (&queue, 1); /* 3: it was said */
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 0);

  /* Place 0 of the round that begins, whose counter is 1 again. */
  store_le16 (event, EVENT_WRAP);
  turn (&queue, 1);
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 1);
  turn (&queue, 1);
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 0);
}

/* Without EVENT_IDX, a place means nothing: the driver hears of everything. */
static void
test_driver_events_without_index (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, 0, 4);
  uint8_t *event = bench_memory (bench, queue.avail, 4);

  store_le16 (event, 3);
  store_le16 (event + 2, EVENT_DESC);
  turn (&queue, 1);
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 1);
}

/* 2.8.14: the device wants to be kicked for the descriptor that it waits for. */
static void
test_device_events (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_EVENT_IDX, 4);
  uint8_t *event = bench_memory (bench, queue.used, 4);

  turn (&queue, 3);
  bench_settle (bench);
  g_assert_cmphex (load_le32 (event), ==, EVENT_DESC << 16 | EVENT_WRAP | 3);
  turn (&queue, 2);
  bench_settle (bench);
  g_assert_cmphex (load_le32 (event), ==, EVENT_DESC << 16 | 1);
}

typedef struct {
  const char *name;
  uint64_t features, address;
  uint32_t length;
  uint16_t flags;
  unsigned n; /* descriptors, all alike */
} Mistake;

/* 2.1.2: what a driver may get wrong ends in DEVICE_NEEDS_RESET, and a reset heals it. */
static const Mistake mistakes[] = {
  { "endless-chain", 0, BUFFER, 16, DESC_WRITE | DESC_NEXT, 8 },
  { "no-ram", 0, BENCH_RAM_SIZE - 8, 16, DESC_WRITE, 1 },
  { "wraps", 0, UINT64_MAX - 4, 16, DESC_WRITE, 1 },
  { "huge", 0, BUFFER, UINT32_MAX, DESC_WRITE, 1 },
  { "indirect-not-negotiated", 0, TABLE, 16, DESC_INDIRECT, 1 },
  { "indirect-odd-size", F_INDIRECT, TABLE, 17, DESC_INDIRECT, 1 },
  { "indirect-empty", F_INDIRECT, TABLE, 0, DESC_INDIRECT, 1 },
  { "indirect-too-long", F_INDIRECT, TABLE, 16 * 4096, DESC_INDIRECT, 1 },
  { "indirect-no-ram", F_INDIRECT, UINT64_MAX - 15, 16, DESC_INDIRECT, 1 },
  { "indirect-and-next", F_INDIRECT, TABLE, 16, DESC_INDIRECT | DESC_NEXT, 2 },
};

static void
test_mistake (gconstpointer data)
{
  const Mistake *mistake = data;
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, mistake->features, 8);

  for (unsigned i = 0; i < mistake->n; i++)
    {
      guest_queue_set_packed (&queue, queue.avail_at, mistake->address, mistake->length, 0,
                              mistake->flags | guest_queue_available_flags (&queue));
      guest_queue_advance (&queue, 1, 0);
    }
  guest_queue_kick (&queue);
  bench_settle (bench);
  g_assert_cmphex (virtio_guest_status (bench) & STATUS_NEEDS_RESET, !=, 0);
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 2);
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmphex (flags_at (&queue, i) & DESC_USED, ==, 0);

  virtio_guest_negotiate (bench, F_VERSION_1 | F_PACKED);
  guest_queue_init (&queue, bench, 0, 8, RINGS);
  virtio_guest_driver_ok (bench);
  turn (&queue, 2);
}

/* 4.1.4.3.2: a queue that was reset begins anew, with wrap counters of 1, and 2.8's rules for its place hold.
 */
static void
test_queue_reset (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_RING_RESET, 4);

  turn (&queue, 3);
  turn (&queue, 3);
  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_RESET, 1);
  guest_queue_init (&queue, bench, 0, 6, RINGS);
  for (unsigned i = 0; i < 10; i++)
    turn (&queue, 2);

  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_RESET, 1);
  bench_write32 (bench, VIRTIO_COMMON + REG_QUEUE_DESC, RINGS);
  bench_write32 (bench, VIRTIO_COMMON + REG_QUEUE_DRIVER, RINGS + 0x2002);
  bench_write32 (bench, VIRTIO_COMMON + REG_QUEUE_DEVICE, RINGS + 0x3000);
  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_ENABLE, 1);
  g_assert_cmphex (virtio_guest_status (bench) & STATUS_NEEDS_RESET, !=, 0);
}

/* 3.1.1: a queue that was enabled before the features are final lies as they say. */
static void
test_enabled_early (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup_rng, NULL);
  const uint8_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
  GuestQueue queue;

  bench_write8 (bench, VIRTIO_COMMON + REG_STATUS, status);
  guest_queue_init (&queue, bench, 0, 8, RINGS);
  g_assert_false (queue.packed);
  bench_write32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE_SELECT, 1);
  bench_write32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE, (uint32_t)((F_VERSION_1 | F_PACKED) >> 32));
  bench_write8 (bench, VIRTIO_COMMON + REG_STATUS, status | STATUS_FEATURES_OK);
  g_assert_cmphex (virtio_guest_status (bench), ==, status | STATUS_FEATURES_OK);
  virtio_guest_driver_ok (bench);
  queue.packed = true;
  for (unsigned i = 0; i < 10; i++)
    turn (&queue, 3);
}

static void
test_state (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_EVENT_IDX | F_INDIRECT, 5);

  for (unsigned i = 0; i < 4; i++)
    {
      turn (&queue, 2);
      bench_round_trip_state (bench);
    }
}

/* --- answers that overtake each other --- */

#define HEADER UINT64_C (0xa0000)
#define STATUS UINT64_C (0xa0800)
#define DATA   UINT64_C (0x100000)

static void
furnish (Bench *bench, void *data)
{
  VirtioDisk *f = data;
  const VirtioBlkConfig config = {
    .place = { pci_bench_bus_new (bench), PCI_DEVFN (4, 0) },
    .image = virtio_disk_open (f, bench),
    .serial = "disk0",
  };

  bench_add (bench, &virtio_blk_class, "disk0", &config);
  pci_bench_map (bench);
}

static void
start_disk (VirtioDisk *f, uint16_t size)
{
  virtio_disk_negotiate (f, 0);
  guest_queue_init (&f->queue, f->bench, 0, size, RINGS);
  virtio_guest_driver_ok (f->bench);
}

/* A request, numbered so that each has a place of its own. Returns: its buffer's ID. */
static uint16_t
add_request (VirtioDisk *f, unsigned number, uint32_t type, uint64_t sector, uint32_t length)
{
  uint64_t header = HEADER + 16 * number, status = STATUS + number;
  const GuestBuffer buffers[] = { { header, 16, false },
                                  { DATA + 0x10000 * number, length, type != 1 },
                                  { status, 1, true } };
  uint8_t *p = bench_memory (f->bench, header, 16);

  store_le32 (p, type);
  store_le32 (p + 4, 0);
  store_le64 (p + 8, sector);
  *(uint8_t *)bench_memory (f->bench, status, 1) = 0xee;
  return guest_queue_add (&f->queue, buffers, 3);
}

static uint8_t
status_of (VirtioDisk *f, unsigned number)
{
  return *(uint8_t *)bench_memory (f->bench, STATUS + number, 1);
}

/* 2.8: the serial number's used descriptor takes the place where the read's chain began. */
static void
test_out_of_order (VirtioDisk *f, gconstpointer data)
{
  uint16_t read, serial, used;

  start_disk (f, 7);
  for (unsigned round = 0; round < 20; round++)
    {
      read = add_request (f, 0, 0, 3, 8192);
      serial = add_request (f, 1, 8, 0, 20);
      guest_queue_kick (&f->queue);
      g_assert_cmpuint (guest_queue_wait (&f->queue, &used), ==, 21);
      g_assert_cmpuint (used, ==, serial);

      /* Its places are the driver's again, while the read is still under way. */
      serial = add_request (f, 2, 8, 0, 20);
      guest_queue_kick (&f->queue);
      for (unsigned i = 0; i < 2; i++)
        {
          uint32_t length = guest_queue_wait (&f->queue, &used);

          g_assert_cmpuint (length, ==, used == serial ? 21 : 8193);
          g_assert_true (used == serial || used == read);
        }
      for (unsigned i = 0; i < 3; i++)
        g_assert_cmpuint (status_of (f, i), ==, 0);
      assert_memory_is_pattern (f->bench, DATA, 3 * 512, 8192);
    }
}

/* A write that waits for room lives on, through a saved state, when its descriptors were overwritten. */
static void
test_waits_overwritten (VirtioDisk *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  g_autofree char *path = g_build_filename (disk, "sparse.img", NULL);
  uint16_t write, used;

  g_assert_true (image_create_raw (path, DISK_SIZE, NULL));
  virtio_disk_rebuild (f, g_steal_pointer (&path), "raw");
  start_disk (f, 8);
  small_disk_fill (disk);
  write = add_request (f, 0, 1, 8, 4096);
  memset (bench_memory (f->bench, DATA, 4096), 0x42, 4096);
  add_request (f, 1, 8, 0, 20);
  guest_queue_kick (&f->queue);
  guest_queue_wait (&f->queue, NULL);
  bench_wait_idle (f->bench);
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 1);
  g_assert_cmpuint (status_of (f, 0), ==, 0xee);
  memset (bench_memory (f->bench, f->queue.desc, 16 * 3), 0xff, 14); /* nobody looks there any more */
  board_stopped (bench_board (f->bench));
  bench_round_trip_state (f->bench);
  small_disk_make_room (disk);
  board_started (bench_board (f->bench));
  guest_queue_wait (&f->queue, &used);
  g_assert_cmpuint (used, ==, write);
  g_assert_cmpuint (status_of (f, 0), ==, 0);
  assert_file_is (f->path, 8 * 512, 0x42, 4096);
  small_disk_free (disk);
}

/* More chains at a time than the ring has places for: the driver lies of what it got back. */
static void
test_too_many (VirtioDisk *f, gconstpointer data)
{
  start_disk (f, 4);
  image_set_limits (f->image, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
  for (unsigned i = 0; i < 3; i++)
    {
      add_request (f, i, 0, 0, 512);
      guest_queue_kick (&f->queue);
      bench_settle (f->bench);
    }
  g_assert_cmphex (virtio_guest_status (f->bench) & STATUS_NEEDS_RESET, !=, 0);
  image_set_limits (f->image, &(ImageLimits){ 0 });
  bench_wait_idle (f->bench);
}

int
main (int argc, char **argv)
{
  static const VirtioDiskCase on_disk = { .furnish = furnish, .ring_features = F_PACKED };

  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-packed/used-descriptors", test_used_descriptors);
  g_test_add_func ("/virtio-packed/any-size", test_any_size);
  g_test_add_func ("/virtio-packed/indirect", test_indirect);
  g_test_add_func ("/virtio-packed/driver-events", test_driver_events);
  g_test_add_func ("/virtio-packed/driver-events/without-index", test_driver_events_without_index);
  g_test_add_func ("/virtio-packed/device-events", test_device_events);
  for (unsigned i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/virtio-packed/mistake/%s", mistakes[i].name);

      g_test_add_data_func (path, &mistakes[i], test_mistake);
    }
  g_test_add_func ("/virtio-packed/queue-reset", test_queue_reset);
  g_test_add_func ("/virtio-packed/enabled-early", test_enabled_early);
  g_test_add_func ("/virtio-packed/state", test_state);
#define ADD(path, func)                                                                                      \
  g_test_add ("/virtio-packed/" path, VirtioDisk, &on_disk, virtio_disk_setup, func, virtio_disk_teardown)
  ADD ("out-of-order", test_out_of_order);
  ADD ("waits-overwritten", test_waits_overwritten);
  ADD ("too-many", test_too_many);
#undef ADD
  return g_test_run ();
}
