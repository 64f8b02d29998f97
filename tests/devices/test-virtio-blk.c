/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Virtio disks against virtio 1.2, section 5.2. */
#include "devices/virtio/virtio-blk.h"

#include "tests/devices/virtio-disk-fixture.h"
#include "vmm/base/bytes.h"

#include <unistd.h>

#define RINGS  UINT64_C (0x10000)
#define HEADER UINT64_C (0x80000)
#define STATUS UINT64_C (0x80100)
#define DATA   UINT64_C (0x90000)

#define F_RO         (UINT64_C (1) << 5)
#define F_FLUSH      (UINT64_C (1) << 9)
#define F_CONFIG_WCE (UINT64_C (1) << 11)

enum {
  T_IN = 0,
  T_OUT = 1,
  T_FLUSH = 4,
  T_GET_ID = 8,
  T_DISCARD = 11,
  T_WRITE_ZEROES = 13,
};

enum {
  S_OK = 0,
  S_IOERR = 1,
  S_UNSUPP = 2,
};

static void
furnish (Bench *bench, void *data)
{
  VirtioDisk *f = data;
  const VirtioBlkConfig config = {
    .place = { pci_bench_bus_new (bench), PCI_DEVFN (4, 0) },
    .image = virtio_disk_open (f, bench),
    .serial = "disk-serial-0123456789",
    .n_queues = f->wanted->n_queues,
    .write_through = f->wanted->plain,
    .no_discard = f->wanted->plain,
  };

  bench_add (bench, &virtio_blk_class, "disk0", &config);
  pci_bench_map (bench);
}

static void
start (VirtioDisk *f, uint64_t features)
{
  virtio_disk_negotiate (f, features);
  guest_queue_init (&f->queue, f->bench, 0, 16, RINGS);
  virtio_guest_driver_ok (f->bench);
}

static void
put_header (VirtioDisk *f, uint64_t where, uint32_t type, uint64_t sector)
{
  uint8_t *p = bench_memory (f->bench, where, 16);

  store_le32 (p, type);
  store_le32 (p + 4, 0);
  store_le64 (p + 8, sector);
}

static void
issue (VirtioDisk *f, uint32_t type, uint64_t sector, uint64_t data, uint32_t length)
{
  const GuestBuffer buffers[] = { { HEADER, 16, false },
                                  { data, length, type == T_IN || type == T_GET_ID },
                                  { STATUS, 1, true } };
  const GuestBuffer bare[] = { { HEADER, 16, false }, { STATUS, 1, true } };

  put_header (f, HEADER, type, sector);
  *(uint8_t *)bench_memory (f->bench, STATUS, 1) = 0xee;
  if (length > 0)
    guest_queue_add (&f->queue, buffers, 3);
  else
    guest_queue_add (&f->queue, bare, 2);
  guest_queue_kick (&f->queue);
}

static uint8_t
status_byte (VirtioDisk *f)
{
  return *(uint8_t *)bench_memory (f->bench, STATUS, 1);
}

static uint8_t
run (VirtioDisk *f, uint32_t type, uint64_t sector, uint64_t data, uint32_t length)
{
  issue (f, type, sector, data, length);
  guest_queue_wait (&f->queue, NULL);
  return status_byte (f);
}

/* 5.2.4: configuration. */
static void
test_configuration (VirtioDisk *f, gconstpointer data)
{
  g_assert_cmphex (pci_bench_read_config (f->bench, 0, 4), ==, 0x10421af4);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG), ==, DISK_SIZE / 512);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 12), ==, 254);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 20), ==, 512);
  g_assert_cmpuint (bench_read8 (f->bench, VIRTIO_CONFIG + 24), ==, 3); /* 4 KiB blocks */
  g_assert_cmphex (virtio_guest_features (f->bench) & (F_RO | F_FLUSH), ==, F_FLUSH);

  /* 5.2.5.1: the cache mode is the one thing a driver may write. */
  start (f, F_CONFIG_WCE);
  g_assert_cmpuint (bench_read8 (f->bench, VIRTIO_CONFIG + 32), ==, 1);
  bench_write8 (f->bench, VIRTIO_CONFIG + 32, 0);
  g_assert_cmpuint (bench_read8 (f->bench, VIRTIO_CONFIG + 32), ==, 0);
  bench_write32 (f->bench, VIRTIO_CONFIG, 1);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG), ==, DISK_SIZE / 512);
}

static void
test_reads (VirtioDisk *f, gconstpointer data)
{
  start (f, F_FLUSH);
  issue (f, T_IN, 17, DATA, 8192);
  g_assert_cmpuint (guest_queue_wait (&f->queue, NULL), ==, 8193);
  g_assert_cmpuint (status_byte (f), ==, S_OK);
  assert_memory_is_pattern (f->bench, DATA, 17 * 512, 8192);
  g_assert_cmpuint (run (f, T_IN, DISK_SIZE / 512 - 1, DATA, 512), ==, S_OK);
  assert_memory_is_pattern (f->bench, DATA, DISK_SIZE - 512, 512);
}

static void
test_writes (VirtioDisk *f, gconstpointer data)
{
  start (f, F_FLUSH | F_CONFIG_WCE);
  memset (bench_memory (f->bench, DATA, 4096), 0xa5, 4096);
  issue (f, T_OUT, 3, DATA, 4096);
  g_assert_cmpuint (guest_queue_wait (&f->queue, NULL), ==, 1);
  g_assert_cmpuint (status_byte (f), ==, S_OK);
  assert_file_is (f->path, 3 * 512, 0xa5, 4096);
  g_assert_cmpuint (run (f, T_FLUSH, 0, 0, 0), ==, S_OK);

  /* Write-through: the same, with a flush before the status. */
  bench_write8 (f->bench, VIRTIO_CONFIG + 32, 0);
  memset (bench_memory (f->bench, DATA, 512), 0x5a, 512);
  g_assert_cmpuint (run (f, T_OUT, 3, DATA, 512), ==, S_OK);
  assert_file_is (f->path, 3 * 512, 0x5a, 512);
}

/* 2.7.4.1: the device makes no assumption about how a message is cut. */
static void
test_any_framing (VirtioDisk *f, gconstpointer data)
{
  const GuestBuffer buffers[] = {
    { HEADER, 7, false },      { HEADER + 7, 9, false },  { DATA, 100, true },
    { DATA + 100, 411, true }, { DATA + 511, 514, true }, /* the last of these is the status */
  };

  start (f, 0);
  put_header (f, HEADER, T_IN, 9);
  guest_queue_add (&f->queue, buffers, G_N_ELEMENTS (buffers));
  guest_queue_kick (&f->queue);
  g_assert_cmpuint (guest_queue_wait (&f->queue, NULL), ==, 1025);
  assert_memory_is_pattern (f->bench, DATA, 9 * 512, 1024);
  g_assert_cmpuint (*(uint8_t *)bench_memory (f->bench, DATA + 1024, 1), ==, S_OK);
}

static void
test_refuses (VirtioDisk *f, gconstpointer data)
{
  start (f, 0);
  g_assert_cmpuint (run (f, T_IN, DISK_SIZE / 512, DATA, 512), ==, S_IOERR);
  g_assert_cmpuint (run (f, T_IN, DISK_SIZE / 512 - 1, DATA, 1024), ==, S_IOERR);
  g_assert_cmpuint (run (f, T_IN, UINT64_MAX, DATA, 512), ==, S_IOERR);
  g_assert_cmpuint (run (f, T_IN, 0, DATA, 100), ==, S_IOERR);
  g_assert_cmpuint (run (f, 99, 0, DATA, 512), ==, S_UNSUPP);
  g_assert_cmphex (virtio_guest_status (f->bench) & STATUS_NEEDS_RESET, ==, 0);
}

/* 2.7.8.2: of a read that failed, no byte was written before the status. */
static void
test_used_length (VirtioDisk *f, gconstpointer data)
{
  start (f, 0);
  issue (f, T_IN, DISK_SIZE / 512, DATA, 512);
  g_assert_cmpuint (guest_queue_wait (&f->queue, NULL), ==, 0);
  g_assert_cmpuint (status_byte (f), ==, S_IOERR);
  issue (f, T_OUT, DISK_SIZE / 512, DATA, 512);
  g_assert_cmpuint (guest_queue_wait (&f->queue, NULL), ==, 1);
  g_assert_cmpuint (status_byte (f), ==, S_IOERR);
}

/* A queue has no more chains under way than descriptors, however fast the guest offers them. */
static void
test_too_many_chains (VirtioDisk *f, gconstpointer data)
{
  start (f, 0);
  image_set_limits (f->image, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
  for (unsigned i = 0; i < 16 && !(virtio_guest_status (f->bench) & STATUS_NEEDS_RESET); i++)
    {
      issue (f, T_IN, 0, DATA, 512);
      bench_settle (f->bench);
    }
  g_assert_cmphex (!f->queue.packed, ==, !(virtio_guest_status (f->bench) & STATUS_NEEDS_RESET));
  for (unsigned i = 0; i < 2; i++)
    {
      issue (f, T_IN, 0, DATA, 512);
      bench_settle (f->bench);
    }
  g_assert_cmphex (virtio_guest_status (f->bench) & STATUS_NEEDS_RESET, !=, 0);
  image_set_limits (f->image, &(ImageLimits){ 0 });
  bench_wait_idle (f->bench);
}

static void
test_no_header (VirtioDisk *f, gconstpointer data)
{
  const GuestBuffer short_header[] = { { HEADER, 15, false }, { STATUS, 1, true } };
  const GuestBuffer no_status[] = { { HEADER, 16, false } };
  const GuestBuffer nothing[] = { { HEADER, 0, false }, { STATUS, 0, true } };

  start (f, 0);
  guest_queue_add (&f->queue, short_header, 2);
  guest_queue_kick (&f->queue);
  bench_settle (f->bench);
  g_assert_cmphex (virtio_guest_status (f->bench) & STATUS_NEEDS_RESET, !=, 0);

  start (f, 0);
  g_assert_cmphex (virtio_guest_status (f->bench) & STATUS_NEEDS_RESET, ==, 0);
  guest_queue_add (&f->queue, no_status, 1);
  guest_queue_kick (&f->queue);
  bench_settle (f->bench);
  g_assert_cmphex (virtio_guest_status (f->bench) & STATUS_NEEDS_RESET, !=, 0);

  start (f, 0);
  guest_queue_add (&f->queue, nothing, 2);
  guest_queue_kick (&f->queue);
  bench_settle (f->bench);
  g_assert_cmphex (virtio_guest_status (f->bench) & STATUS_NEEDS_RESET, !=, 0);
}

/* 5.2.6: the serial has 20 bytes and no end mark if it fills them. */
static void
test_serial (VirtioDisk *f, gconstpointer data)
{
  start (f, 0);
  g_assert_cmpuint (run (f, T_GET_ID, 0, DATA, 20), ==, S_OK);
  g_assert_cmpmem (bench_memory (f->bench, DATA, 20), 20, "disk-serial-0123456789", 20);
}

static void
put_segment (VirtioDisk *f, unsigned i, uint64_t sector, uint32_t n, uint32_t flags)
{
  uint8_t *p = bench_memory (f->bench, DATA + 16 * i, 16);

  store_le64 (p, sector);
  store_le32 (p + 8, n);
  store_le32 (p + 12, flags);
}

static void
test_discard_and_zeroes (VirtioDisk *f, gconstpointer data)
{
  start (f, 0);
  put_segment (f, 0, 8, 16, 0);
  put_segment (f, 1, 64, 8, 0);
  g_assert_cmpuint (run (f, T_DISCARD, 0, DATA, 32), ==, S_OK);
  assert_file_is (f->path, 8 * 512, 0, 16 * 512);
  assert_file_is (f->path, 64 * 512, 0, 8 * 512);
  put_segment (f, 0, 101, 3, 0);
  g_assert_cmpuint (run (f, T_WRITE_ZEROES, 0, DATA, 16), ==, S_OK);
  assert_file_is (f->path, 101 * 512, 0, 3 * 512);
  put_segment (f, 0, 200, 8, 1); /* unmap */
  g_assert_cmpuint (run (f, T_WRITE_ZEROES, 0, DATA, 16), ==, S_OK);
  assert_file_is (f->path, 200 * 512, 0, 8 * 512);

  g_assert_cmpuint (run (f, T_DISCARD, 0, DATA, 16), ==, S_UNSUPP); /* unmap is not for discard */
  put_segment (f, 0, DISK_SIZE / 512 - 1, 2, 0);
  g_assert_cmpuint (run (f, T_DISCARD, 0, DATA, 16), ==, S_IOERR);
  g_assert_cmpuint (run (f, T_DISCARD, 0, DATA, 15), ==, S_IOERR);
}

static void
test_read_only (VirtioDisk *f, gconstpointer data)
{
  g_assert_cmphex (virtio_guest_features (f->bench) & F_RO, !=, 0);
  start (f, F_RO);
  g_assert_cmpuint (run (f, T_IN, 0, DATA, 512), ==, S_OK);
  g_assert_cmpuint (run (f, T_OUT, 0, DATA, 512), ==, S_IOERR);
  g_assert_cmpuint (run (f, T_WRITE_ZEROES, 0, DATA, 16), ==, S_IOERR);
  g_assert_cmpuint (run (f, T_FLUSH, 0, 0, 0), ==, S_OK);
}

/* The owner wants neither a cache nor discards. */
static void
test_plain (VirtioDisk *f, gconstpointer data)
{
  g_assert_cmphex (virtio_guest_features (f->bench) & (UINT64_C (3) << 13), ==, UINT64_C (1) << 14);
  start (f, F_FLUSH | F_CONFIG_WCE);
  g_assert_cmpuint (bench_read8 (f->bench, VIRTIO_CONFIG + 32), ==, 0);
  g_assert_cmpuint (bench_read8 (f->bench, VIRTIO_CONFIG + 56), ==, 0); /* zeroes don't unmap */
  put_segment (f, 0, 8, 16, 0);
  g_assert_cmpuint (run (f, T_DISCARD, 0, DATA, 16), ==, S_UNSUPP);
  assert_file_is_pattern (f->path, 8 * 512, 16 * 512);
  bench_write8 (f->bench, VIRTIO_CONFIG + 32, 1);
  g_assert_cmpuint (bench_read8 (f->bench, VIRTIO_CONFIG + 32), ==, 1);
  virtio_guest_negotiate (f->bench, F_VERSION_1);
  g_assert_cmpuint (bench_read8 (f->bench, VIRTIO_CONFIG + 32), ==, 0);
}

/* 5.2.5: the capacity changes, and the guest is told. */
static void
test_grows (VirtioDisk *f, gconstpointer data)
{
  uint8_t generation;

  pci_bench_enable_msix (f->bench, 1, 2);
  start (f, F_FLUSH);
  bench_write16 (f->bench, VIRTIO_COMMON + REG_CONFIG_VECTOR, 0);
  generation = bench_read8 (f->bench, VIRTIO_COMMON + REG_GENERATION);
  g_assert_cmpuint (run (f, T_IN, DISK_SIZE / 512 + 8, DATA, 512), ==, S_IOERR);
  g_assert_true (image_resize (f->image, 2 * DISK_SIZE, NULL));
  bench_settle (f->bench);
  g_assert_cmpuint (pci_bench_messages (f->bench, 0), ==, 1);
  g_assert_cmpuint (bench_read8 (f->bench, VIRTIO_COMMON + REG_GENERATION), !=, generation);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG), ==, 2 * DISK_SIZE / 512);
  g_assert_cmpuint (run (f, T_IN, DISK_SIZE / 512 + 8, DATA, 512), ==, S_OK);
}

/* A limit holds requests back; a machine that stops does not wait for it. */
static void
test_limits (VirtioDisk *f, gconstpointer data)
{
  start (f, 0);
  image_set_limits (f->image, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
  g_assert_cmpuint (run (f, T_IN, 0, DATA, 512), ==, S_OK);
  issue (f, T_IN, 1, DATA, 512);
  bench_settle (f->bench);
  g_assert_cmpuint (status_byte (f), ==, 0xee);
  board_stopped (bench_board (f->bench));
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmpuint (status_byte (f), ==, S_OK);
  board_started (bench_board (f->bench));
  issue (f, T_IN, 2, DATA, 512);
  bench_settle (f->bench);
  g_assert_cmpuint (status_byte (f), ==, 0xee);
  image_set_limits (f->image, &(ImageLimits){ 0 });
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmpuint (status_byte (f), ==, S_OK);
}

/* Many at a time, on every queue, each with its vector. */
static void
test_queues (VirtioDisk *f, gconstpointer data)
{
  GuestQueue queues[4];

  g_assert_cmpuint (bench_read16 (f->bench, VIRTIO_COMMON + REG_NUM_QUEUES), ==, 4);
  g_assert_cmpuint (bench_read16 (f->bench, VIRTIO_CONFIG + 34), ==, 4);
  pci_bench_enable_msix (f->bench, 1, 5);
  virtio_disk_negotiate (f, F_EVENT_IDX);
  for (unsigned q = 0; q < 4; q++)
    guest_queue_init (&queues[q], f->bench, q, 64, RINGS + q * 0x4000);
  virtio_guest_driver_ok (f->bench);
  for (unsigned i = 0; i < 64; i++)
    {
      uint64_t header = HEADER + 32 * i, where = DATA + 0x1000 * i;
      const GuestBuffer buffers[] = { { header, 16, false },
                                      { where, 1024, true },
                                      { header + 16, 1, true } };

      put_header (f, header, T_IN, i * 2);
      guest_queue_add (&queues[i % 4], buffers, 3);
    }
  for (unsigned q = 0; q < 4; q++)
    guest_queue_kick (&queues[q]);
  for (unsigned i = 0; i < 64; i++)
    guest_queue_wait (&queues[i % 4], NULL);
  for (unsigned i = 0; i < 64; i++)
    assert_memory_is_pattern (f->bench, DATA + 0x1000 * i, i * 1024, 1024);
  bench_settle (f->bench);
  for (unsigned q = 0; q < 4; q++)
    g_assert_cmpuint (pci_bench_messages (f->bench, q + 1), >=, 1);
}

/* 4.1.4.3.1: a reset in the middle of requests waits for them, and nothing arrives after it. */
static void
test_reset_under_load (VirtioDisk *f, gconstpointer data)
{
  for (unsigned round = 0; round < 50; round++)
    {
      start (f, 0);
      for (unsigned i = 0; i < 5; i++)
        {
          const GuestBuffer buffers[] = { { HEADER, 16, false },
                                          { DATA + 0x10000 * i, 65536, true },
                                          { STATUS, 1, true } };

          put_header (f, HEADER, T_IN, 0);
          guest_queue_add (&f->queue, buffers, 3);
        }
      guest_queue_kick (&f->queue);
      bench_write8 (f->bench, VIRTIO_COMMON + REG_STATUS, 0);
      while (virtio_guest_status (f->bench) != 0)
        bench_settle (f->bench);
      memset (bench_memory (f->bench, DATA, 0x50000), 0xcc, 0x50000);
      bench_settle (f->bench);
      for (unsigned i = 0; i < 0x50000; i += 511)
        g_assert_cmphex (*(uint8_t *)bench_memory (f->bench, DATA + i, 1), ==, 0xcc);
    }
}

/* 4.1.4.3.2 and 2.6.1: a queue that is reset in the middle of requests says so until they are over, gives
 * none of them back, and can be set up anew. */
static void
test_queue_reset_under_load (VirtioDisk *f, gconstpointer data)
{
  start (f, F_RING_RESET);
  for (unsigned round = 0; round < 20; round++)
    {
      image_set_limits (f->image, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
      for (unsigned i = 0; i < 3; i++)
        issue (f, T_IN, 0, DATA, 512);
      bench_settle (f->bench);
      bench_write16 (f->bench, VIRTIO_COMMON + REG_QUEUE_RESET, 1);
      g_assert_cmpuint (bench_read16 (f->bench, VIRTIO_COMMON + REG_QUEUE_RESET), ==, 1);
      g_assert_cmpuint (bench_read16 (f->bench, VIRTIO_COMMON + REG_QUEUE_ENABLE), ==, 0);
      memset (bench_memory (f->bench, f->queue.desc, 0x4000), 0xcc, 0x4000);
      image_set_limits (f->image, &(ImageLimits){ 0 });
      bench_wait_idle (f->bench);
      g_assert_cmpuint (bench_read16 (f->bench, VIRTIO_COMMON + REG_QUEUE_RESET), ==, 0);
      for (unsigned i = 0; i < 0x4000; i++)
        g_assert_cmphex (*(uint8_t *)bench_memory (f->bench, f->queue.desc + i, 1), ==, 0xcc);
      guest_queue_init (&f->queue, f->bench, 0, 16, RINGS);
      g_assert_cmpuint (run (f, T_IN, 0, DATA, 512), ==, S_OK);
    }
}

/* The host's disk is full: the machine is asked to pause, and the write is done when it goes on. */
static void
test_full_disk (VirtioDisk *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  g_autofree char *path = g_build_filename (disk, "sparse.img", NULL);

  g_assert_true (image_create_raw (path, DISK_SIZE, NULL));
  virtio_disk_rebuild (f, g_steal_pointer (&path), "raw");
  start (f, F_FLUSH);
  small_disk_fill (disk);

  memset (bench_memory (f->bench, DATA, 4096), 0x42, 4096);
  issue (f, T_OUT, 8, DATA, 4096);
  bench_wait_idle (f->bench);
  g_assert_cmpuint (guest_queue_used_index (&f->queue), ==, 0);
  g_assert_cmpuint (status_byte (f), ==, 0xee);
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 1);
  g_assert_nonnull (strstr (bench_request_message (f->bench), "disk0"));
  g_assert_nonnull (strstr (bench_request_message (f->bench), f->path));
  g_assert_nonnull (strstr (bench_request_message (f->bench), "no space"));

  /* What waits is part of the saved state. */
  board_stopped (bench_board (f->bench));
  bench_round_trip_state (f->bench);

  /* Still no room: the same again. */
  board_started (bench_board (f->bench));
  bench_wait_idle (f->bench);
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 2);
  g_assert_cmpuint (guest_queue_used_index (&f->queue), ==, 0);

  board_stopped (bench_board (f->bench));
  small_disk_make_room (disk);
  board_started (bench_board (f->bench));
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmpuint (status_byte (f), ==, S_OK);
  assert_file_is (f->path, 8 * 512, 0x42, 4096);
  small_disk_free (disk);
}

/* A file that was cut ends in errors for the guest, not in a crash. */
static void
test_truncated (VirtioDisk *f, gconstpointer data)
{
  start (f, 0);
  g_assert_cmpint (truncate (f->path, 4096), ==, 0);
  g_assert_cmpuint (run (f, T_IN, 64, DATA, 512), ==, S_IOERR);
  g_assert_cmpuint (run (f, T_IN, 0, DATA, 512), ==, S_OK);
}

static void
test_stopped (VirtioDisk *f, gconstpointer data)
{
  start (f, 0);
  board_stopped (bench_board (f->bench));
  issue (f, T_IN, 0, DATA, 512);
  bench_settle (f->bench);
  g_assert_cmpuint (guest_queue_used_index (&f->queue), ==, 0);
  board_started (bench_board (f->bench));
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmpuint (status_byte (f), ==, S_OK);
}

static void
test_state (VirtioDisk *f, gconstpointer data)
{
  start (f, F_FLUSH | F_CONFIG_WCE | F_EVENT_IDX);
  bench_write8 (f->bench, VIRTIO_CONFIG + 32, 0);
  run (f, T_IN, 0, DATA, 512);
  bench_round_trip_state (f->bench);
}

static void
test_fuzz (VirtioDisk *f, gconstpointer data)
{
  bench_fuzz_with (f->bench, 42, 60000, virtio_guest_fuzz_step, NULL);
}

static const VirtioDiskCase cases[] = { { .furnish = furnish },
                                        { .furnish = furnish, .ring_features = F_PACKED } };
static const VirtioDiskCase case_read_only = { .furnish = furnish, .read_only = true };
static const VirtioDiskCase case_plain = { .furnish = furnish, .plain = true };
static const VirtioDiskCase cases_queues[] = {
  { .furnish = furnish, .n_queues = 4 },
  { .furnish = furnish, .n_queues = 4, .ring_features = F_PACKED },
};

int
main (int argc, char **argv)
{
  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);
#define ADD(path, wanted, func)                                                                              \
  g_test_add ("/virtio-blk/" path, VirtioDisk, wanted, virtio_disk_setup, func, virtio_disk_teardown)
  ADD ("configuration", &cases[0], test_configuration);
  ADD ("refuses", &cases[0], test_refuses);
  ADD ("no-header", &cases[0], test_no_header);
  ADD ("serial", &cases[0], test_serial);
  ADD ("truncated", &cases[0], test_truncated);
  ADD ("grows", &cases[0], test_grows);
  ADD ("limits", &cases[0], test_limits);
  ADD ("read-only", &case_read_only, test_read_only);
  ADD ("plain", &case_plain, test_plain);
  ADD ("fuzz", &cases[0], test_fuzz);
#undef ADD
#define ADD(path, func) virtio_disk_add ("virtio-blk", path, cases, func)
  ADD ("reads", test_reads);
  ADD ("used-length", test_used_length);
  ADD ("too-many-chains", test_too_many_chains);
  ADD ("writes", test_writes);
  ADD ("any-framing", test_any_framing);
  ADD ("discard-and-zeroes", test_discard_and_zeroes);
  ADD ("reset-under-load", test_reset_under_load);
  ADD ("queue-reset-under-load", test_queue_reset_under_load);
  ADD ("full-disk", test_full_disk);
  ADD ("stopped", test_stopped);
  ADD ("state", test_state);
#undef ADD
  virtio_disk_add ("virtio-blk", "queues", cases_queues, test_queues);
  return g_test_run ();
}
