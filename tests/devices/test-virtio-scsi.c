/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SCSI controller against virtio 1.2, section 5.6. */
#include "tests/devices/scsi-fixture.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#define CONTROL UINT64_C (0x80400)
#define EVENTS  UINT64_C (0x80800)

#define F_HOTPLUG (UINT64_C (1) << 1)
#define F_CHANGE  (UINT64_C (1) << 2)

/* --- the controller --- */

/* 5.6.4: configuration. */
static void
test_configuration (VirtioDisk *f, gconstpointer data)
{
  g_assert_cmphex (pci_bench_read_config (f->bench, 0, 4), ==, 0x10481af4);
  g_assert_cmphex (pci_bench_read_config (f->bench, 8, 4) >> 8, ==, 0x010000);
  g_assert_cmpuint (bench_read16 (f->bench, VIRTIO_COMMON + REG_NUM_QUEUES), ==, 4);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG), ==, 2);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 4), ==, 254);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 20), ==, 96);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 24), ==, 32);
  g_assert_cmpuint (bench_read16 (f->bench, VIRTIO_CONFIG + 30), ==, 15);
  bench_write32 (f->bench, VIRTIO_CONFIG + 20, 32);
  bench_write32 (f->bench, VIRTIO_CONFIG + 24, 16);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 20), ==, 32);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 24), ==, 16);
  bench_write32 (f->bench, VIRTIO_CONFIG + 20, 100000);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 20), ==, 32);
  virtio_guest_negotiate (f->bench, F_VERSION_1);
  g_assert_cmpuint (bench_read32 (f->bench, VIRTIO_CONFIG + 20), ==, 96);
}

static void
test_addresses (VirtioDisk *f, gconstpointer data)
{
  uint8_t *header;

  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, FREE, 0, 36, 0x12, 0, 0, 0, 36), ==, UINT32_MAX);
  g_assert_cmpuint (scsi_response (f)[11], ==, 3); /* BAD_TARGET */
  g_assert_cmphex (scsi_response (f)[SENSE], ==, 0xee);
  g_assert_cmphex (RUN (f, 200, 0, 36, 0x12, 0, 0, 0, 36), ==, UINT32_MAX);
  g_assert_cmphex (RUN (f, DISK, 0, 16, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16), ==, 0);
  g_assert_cmpuint (load_be32 (scsi_answer (f, 16)), ==, 8);

  /* Another unit of a target that is there. */
  scsi_issue (f, HEADER, RESPONSE, DISK, (const uint8_t[]){ 0x12, 0, 0, 0, 36 }, 5, DATA, 0, 36);
  guest_queue_wait (&f->queue, NULL);
  header = bench_memory (f->bench, HEADER, 8);
  store_be16 (header + 2, 0x4001);
  guest_queue_publish (&f->queue, f->queue.next_desc - 3);
  guest_queue_kick (&f->queue);
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmphex (scsi_answer (f, 36)[0], ==, 0x7f);

  /* SPC-4, incorrect logical unit number: REQUEST SENSE is answered. */
  scsi_issue (f, HEADER, RESPONSE, DISK, (const uint8_t[]){ 0x03, 0, 0, 0, 18 }, 5, DATA, 0, 18);
  guest_queue_wait (&f->queue, NULL);
  store_be16 (header + 2, 0x4001);
  guest_queue_publish (&f->queue, f->queue.next_desc - 3);
  guest_queue_kick (&f->queue);
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmphex (load_be16 (scsi_response (f) + 10), ==, 0);
  g_assert_cmphex (scsi_answer (f, 18)[2], ==, 0x05);
  g_assert_cmphex (scsi_answer (f, 18)[12], ==, 0x25);
}

/* 5.6.6.1: the used length of what no target answered is that of the response without sense. */
static void
test_no_target (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  scsi_issue (f, HEADER, RESPONSE, FREE, (const uint8_t[]){ 0 }, 1, DATA, 0, 0);
  g_assert_cmpuint (guest_queue_wait (&f->queue, NULL), ==, 12);
}

/* A request that is no request; and headers cut anywhere. */
static void
test_framing (VirtioDisk *f, gconstpointer data)
{
  uint8_t *p;
  const GuestBuffer cut[] = { { HEADER, 10, false },        { HEADER + 10, 41, false },
                              { RESPONSE, 5, true },        { RESPONSE + 5, 100, true },
                              { RESPONSE + 105, 35, true }, { DATA, 4, true } };
  const GuestBuffer no_response[] = { { HEADER, 51, false } };

  scsi_start (f, 0);
  p = bench_memory (f->bench, HEADER, 51);
  memset (p, 0, 51);
  p[0] = 1;
  memcpy (p + 19, "\x12\0\0\0\x24", 5);
  guest_queue_add (&f->queue, cut, G_N_ELEMENTS (cut));
  guest_queue_kick (&f->queue);
  g_assert_cmpuint (guest_queue_wait (&f->queue, NULL), ==, 108 + 36);
  g_assert_cmpmem (bench_memory (f->bench, RESPONSE + 108 + 8, 6), 6, "Bonsai", 6);
  g_assert_cmpmem (scsi_answer (f, 4), 4, "1.0 ", 4);

  guest_queue_add (&f->queue, no_response, 1);
  guest_queue_kick (&f->queue);
  bench_settle (f->bench);
  g_assert_cmphex (virtio_guest_status (f->bench) & STATUS_NEEDS_RESET, !=, 0);
}

/* --- attentions, task management, events --- */

static uint8_t
control (VirtioDisk *f, uint32_t type, uint32_t what, unsigned target, uint64_t tag)
{
  uint8_t *p = bench_memory (f->bench, CONTROL, 64);
  const GuestBuffer buffers[] = { { CONTROL, type == 0 ? 24 : 16, false },
                                  { CONTROL + 32, type == 0 ? 1 : 5, true } };

  memset (p, 0, 64);
  store_le32 (p, type);
  p[32] = p[36] = 0xee;
  if (type == 0)
    {
      store_le32 (p + 4, what);
      p[8] = 1;
      p[9] = target;
      store_le64 (p + 16, tag);
    }
  else
    {
      p[4] = 1;
      p[5] = target;
      store_le32 (p + 12, what);
    }
  guest_queue_add (&f->control, buffers, 2);
  guest_queue_kick (&f->control);
  guest_queue_wait (&f->control, NULL);
  return type == 0 ? p[32] : p[36];
}

static void
test_task_management (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  g_assert_cmpuint (control (f, 0, 6, DISK, HEADER), ==, 0); /* QUERY TASK: none */
  g_assert_cmpuint (control (f, 0, 0, DISK, HEADER), ==, 0); /* ABORT TASK: none */
  g_assert_cmpuint (control (f, 0, 2, DISK, 0), ==, 11);     /* CLEAR ACA: rejected */
  g_assert_cmpuint (control (f, 0, 1, FREE, 0), ==, 3);      /* BAD_TARGET */
  g_assert_cmpuint (control (f, 0, 5, DISK, 0), ==, 0);      /* LOGICAL UNIT RESET */
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x00), ==, 0x062903);

  /* Of commands under way: each ends once, before the function does, whatever its end. */
  for (unsigned round = 0; round < 20; round++)
    {
      for (unsigned i = 0; i < 8; i++)
        scsi_issue (f, HEADER + 0x1000 + 0x40 * i, RESPONSE + 0x2000 + 0x80 * i, DISK,
                    (const uint8_t[]){ 0x28, 0, 0, 0, 0, 0, 0, 1, 0 }, 9, DATA + 0x20000 * i, 0, 0x20000);
      g_assert_cmpuint (control (f, 0, round % 2 == 0 ? 1 : 0, DISK, HEADER + 0x1000 + 0x40 * 3), ==, 0);
      if (round % 2 == 0)
        g_assert_cmpuint (guest_queue_used_index (&f->queue), ==, (uint16_t)(f->queue.used_idx + 8));
      for (unsigned i = 0; i < 8; i++)
        guest_queue_wait (&f->queue, NULL);
      for (unsigned i = 0; i < 8; i++)
        {
          uint8_t status = *(uint8_t *)bench_memory (f->bench, RESPONSE + 0x2000 + 0x80 * i + 11, 1);

          g_assert_true (status == 0 || status == 2);
        }
    }
}

static void
give_event_buffer (VirtioDisk *f)
{
  guest_queue_add (&f->event, &(GuestBuffer){ EVENTS, 16, true }, 1);
  guest_queue_kick (&f->event);
}

static uint32_t
wait_event (VirtioDisk *f, unsigned *target, uint32_t *reason)
{
  const uint8_t *p = bench_memory (f->bench, EVENTS, 16);

  g_assert_cmpuint (guest_queue_wait (&f->event, NULL), ==, 16);
  *target = p[5];
  *reason = load_le32 (p + 12);
  return load_le32 (p);
}

static void
test_hot_plug (VirtioDisk *f, gconstpointer data)
{
  Device *device = bench_device (f->bench);
  g_autofree char *other = pattern_file_new (f->folder, "other.img", 512 * 20);
  g_autoptr (GError) error = NULL;
  unsigned target;
  uint32_t reason;
  const ScsiUnitConfig config = { .kind = SCSI_DISK,
                                  .serial = "disk5",
                                  .image = bench_open_image (f->bench, other, "raw", false) };

  scsi_start (f, F_HOTPLUG | F_CHANGE);
  give_event_buffer (f);
  g_assert_false (virtio_scsi_plug (device, DISK, &config, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_true (virtio_scsi_plug (device, FREE, &config, &error));
  g_assert_cmpuint (wait_event (f, &target, &reason), ==, 1);
  g_assert_cmpuint (target, ==, FREE);
  g_assert_cmpuint (reason, ==, 1);
  g_assert_cmphex (RUN (f, FREE, 0, 0, 0x00), ==, 0x062901);
  g_assert_cmphex (RUN (f, FREE, 0, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, 9 * 512, 512);

  /* Without a buffer the event waits for one. */
  g_assert_true (virtio_scsi_unplug (device, FREE, &error));
  g_assert_cmphex (RUN (f, FREE, 0, 0, 0x00), ==, UINT32_MAX);
  give_event_buffer (f);
  g_assert_cmpuint (wait_event (f, &target, &reason), ==, 1);
  g_assert_cmpuint (reason, ==, 2);
  g_assert_false (virtio_scsi_unplug (device, FREE, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
}

/* Units that come and go under load. */
static void
test_unplug_under_load (VirtioDisk *f, gconstpointer data)
{
  Device *device = bench_device (f->bench);

  scsi_start (f, F_HOTPLUG);
  for (unsigned round = 0; round < 10; round++)
    {
      ScsiUnitConfig config = { .kind = SCSI_DISK, .serial = "disk0" };

      for (unsigned i = 0; i < 8; i++)
        scsi_issue (f, HEADER + 0x1000 + 0x40 * i, RESPONSE + 0x2000 + 0x80 * i, DISK,
                    (const uint8_t[]){ 0x28, 0, 0, 0, 0, 0, 0, 1, 0 }, 9, DATA + 0x20000 * i, 0, 0x20000);
      g_assert_true (virtio_scsi_unplug (device, DISK, NULL));
      for (unsigned i = 0; i < 8; i++)
        guest_queue_wait (&f->queue, NULL);
      config.image = bench_open_image (f->bench, f->path, "raw", false);
      g_assert_true (virtio_scsi_plug (device, DISK, &config, NULL));
      g_assert_cmphex (RUN (f, DISK, 0, 0, 0x00), ==, 0x062901);
    }
}

static void
test_grows (VirtioDisk *f, gconstpointer data)
{
  Device *device = bench_device (f->bench);
  g_autofree char *other = pattern_file_new (f->folder, "grows.img", 512 * 20);
  Image *image = bench_open_image (f->bench, other, "raw", false);
  const ScsiUnitConfig config = { .kind = SCSI_DISK, .serial = "disk5", .image = image };
  unsigned target;
  uint32_t reason;

  scsi_start (f, F_CHANGE);
  g_assert_true (virtio_scsi_plug (device, FREE, &config, NULL));
  g_assert_cmphex (RUN (f, FREE, 0, 0, 0x00), ==, 0x062901);
  give_event_buffer (f);
  g_assert_true (image_resize (image, 512 * 64, NULL));
  g_assert_cmpuint (wait_event (f, &target, &reason), ==, 3);
  g_assert_cmpuint (target, ==, FREE);
  g_assert_cmphex (reason, ==, 0x092a);
  g_assert_cmphex (RUN (f, FREE, 0, 8, 0x25), ==, 0x062a09);
  g_assert_cmphex (RUN (f, FREE, 0, 8, 0x25), ==, 0);
  g_assert_cmpuint (load_be32 (scsi_answer (f, 8)), ==, 63);
  g_assert_cmphex (RUN (f, FREE, 0, 512, 0x28, 0, 0, 0, 0, 60, 0, 0, 1), ==, 0);
}

/* --- discs --- */

static void
test_disc_change (VirtioDisk *f, gconstpointer data)
{
  Device *device = bench_device (f->bench);
  g_autofree char *other = pattern_file_new (f->folder, "other.iso", 2048 * 10);
  g_autoptr (GError) error = NULL;
  unsigned target;
  uint32_t reason;
  Image *image;

  scsi_start (f, F_CHANGE);
  give_event_buffer (f);
  g_assert_cmpuint (control (f, 2, 0xff, CD, 0), ==, 0);
  g_assert_cmpuint (load_le32 (bench_memory (f->bench, CONTROL + 32, 4)), ==, 16);
  g_assert_true (virtio_scsi_change_medium (device, CD, NULL, false, &error));
  g_assert_cmpuint (wait_event (f, &target, &reason), ==, 2);
  g_assert_cmpuint (target, ==, CD);
  g_assert_cmpuint (reason, ==, 16);
  g_assert_cmphex (RUN (f, CD, 0, 0, 0x00), ==, 0x023a01);
  g_assert_false (virtio_scsi_has_medium (device, CD));
  g_assert_cmphex (RUN (f, CD, 0, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0);
  g_assert_cmphex (load_be32 (scsi_answer (f, 8) + 4), ==, 0x03000000);

  image = bench_open_image (f->bench, other, "raw", true);
  g_assert_true (virtio_scsi_change_medium (device, CD, image, false, &error));
  g_assert_cmphex (RUN (f, CD, 0, 8, 0x25), ==, 0x062800);
  g_assert_cmphex (RUN (f, CD, 0, 8, 0x25), ==, 0);
  g_assert_cmpuint (load_be32 (scsi_answer (f, 8)), ==, 9);
  g_assert_cmphex (RUN (f, CD, 0, 0, 0x1e, 0, 0, 0, 1), ==, 0);
  g_assert_false (virtio_scsi_change_medium (device, CD, NULL, false, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (virtio_scsi_change_medium (device, DISK, NULL, true, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
}

/* --- the host --- */

/* No room: the machine is asked to pause, and the write is done when it goes on. */
static void
test_full_disk (VirtioDisk *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  g_autofree char *path = g_build_filename (disk, "sparse.img", NULL);

  g_assert_true (image_create_raw (path, DISK_SIZE, NULL));
  virtio_disk_rebuild (f, g_steal_pointer (&path), "raw");
  scsi_start (f, 0);
  small_disk_fill (disk);
  memset (scsi_answer (f, 4096), 0x42, 4096);
  scsi_issue (f, HEADER, RESPONSE, DISK, (const uint8_t[]){ 0x2a, 0, 0, 0, 0, 8, 0, 0, 8 }, 9, DATA, 4096, 0);
  bench_wait_idle (f->bench);
  g_assert_cmphex (scsi_response (f)[11], ==, 0xee);
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 1);
  g_assert_nonnull (strstr (bench_request_message (f->bench), "disk0"));
  g_assert_nonnull (strstr (bench_request_message (f->bench), "no space"));
  board_stopped (bench_board (f->bench));
  bench_round_trip_state (f->bench);
  small_disk_make_room (disk);
  board_started (bench_board (f->bench));
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmphex (load_be16 (scsi_response (f) + 10), ==, 0);
  assert_file_is (f->path, 8 * 512, 0x42, 4096);
  small_disk_free (disk);
}

/* A write that waits for room when its disk is taken away never reaches the disk that comes instead. */
static void
test_full_disk_unplugged (VirtioDisk *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  g_autofree char *path = g_build_filename (disk, "sparse.img", NULL);
  g_autofree char *other = pattern_file_new (f->folder, "other.img", DISK_SIZE);
  g_autoptr (GError) error = NULL;
  Device *device;
  ScsiUnitConfig config;

  g_assert_true (image_create_raw (path, DISK_SIZE, NULL));
  virtio_disk_rebuild (f, g_steal_pointer (&path), "raw");
  device = bench_device (f->bench);
  scsi_start (f, 0);
  small_disk_fill (disk);
  scsi_issue (f, HEADER, RESPONSE, DISK, (const uint8_t[]){ 0x2a, 0, 0, 0, 0, 8, 0, 0, 8 }, 9, DATA, 4096, 0);
  bench_wait_idle (f->bench);
  board_stopped (bench_board (f->bench));
  g_assert_true (virtio_scsi_unplug (device, DISK, NULL));
  config = (ScsiUnitConfig){ .kind = SCSI_DISK,
                             .serial = "other",
                             .image = bench_open_image (f->bench, other, "raw", false) };
  g_assert_false (virtio_scsi_plug (device, DISK, &config, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  board_started (bench_board (f->bench));
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmpuint (scsi_response (f)[11], ==, 3); /* BAD_TARGET */
  g_assert_true (virtio_scsi_plug (device, DISK, &config, NULL));
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x00), ==, 0x062901);
  assert_file_is_pattern (other, 0, DISK_SIZE);
  small_disk_free (disk);
}

/* The same where a format finds room for each cluster. */
static void
test_full_disk_sparse (VirtioDisk *f, gconstpointer data)
{
  char *disk = small_disk_new (2 << 20);
  g_autofree char *path = g_build_filename (disk, "sparse.qcow2", NULL);
  GError *error = NULL;

  image_create (path, &(ImageCreateOptions){ .format = "qcow2", .size = 16 << 20 }, &error);
  g_assert_no_error (error);
  virtio_disk_rebuild (f, g_steal_pointer (&path), "qcow2");
  scsi_start (f, 0);
  memset (scsi_answer (f, 0x10000), 0x42, 0x10000);
  for (unsigned i = 0; bench_requests (f->bench, BOARD_REQUEST_PAUSE) == 0; i++)
    {
      g_assert_cmpuint (i, <, 64);
      scsi_issue (f, HEADER, RESPONSE, DISK, (const uint8_t[]){ 0x2a, 0, 0, 0, i >> 1, i << 7, 0, 0, 128 }, 9,
                  DATA, 0x10000, 0);
      bench_wait_idle (f->bench);
      if (bench_requests (f->bench, BOARD_REQUEST_PAUSE) == 0)
        {
          guest_queue_wait (&f->queue, NULL);
          g_assert_cmphex (load_be16 (scsi_response (f) + 10), ==, 0);
          g_assert_cmphex (RUN (f, DISK, 0, 0, 0x35), ==, 0);
        }
    }
  board_stopped (bench_board (f->bench));
  small_disk_grow (disk, 32 << 20);
  board_started (bench_board (f->bench));
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmphex (load_be16 (scsi_response (f) + 10), ==, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x35), ==, 0);
  small_disk_free (disk);
}

static void
test_host_refusals (VirtioDisk *f, gconstpointer data)
{
  EventLoop *loop = bench_board (f->bench)->loop;
  g_autoptr (GError) error = NULL;

  g_assert_null (scsi_host_open (loop, "/dev/no-such-device", &error));
  g_assert_nonnull (strstr (error->message, "/dev/no-such-device"));
  g_clear_error (&error);
  g_assert_null (scsi_host_open (loop, f->path, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (scsi_host_open (loop, "/dev/null", &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
}

static void
test_reset_under_load (VirtioDisk *f, gconstpointer data)
{
  for (unsigned round = 0; round < 20; round++)
    {
      scsi_start (f, 0);
      for (unsigned i = 0; i < 8; i++)
        scsi_issue (f, HEADER + 0x1000 + 0x40 * i, RESPONSE + 0x2000 + 0x80 * i, DISK,
                    (const uint8_t[]){ 0x28, 0, 0, 0, 0, 0, 0, 1, 0 }, 9, DATA + 0x20000 * i, 0, 0x20000);
      bench_write8 (f->bench, VIRTIO_COMMON + REG_STATUS, 0);
      while (virtio_guest_status (f->bench) != 0)
        bench_settle (f->bench);
      memset (scsi_answer (f, 0x100000), 0xcc, 0x100000);
      bench_settle (f->bench);
      for (unsigned i = 0; i < 0x100000; i += 511)
        g_assert_cmphex (scsi_answer (f, 0x100000)[i], ==, 0xcc);
    }
}

static void
test_state (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, F_HOTPLUG | F_CHANGE | F_EVENT_IDX);
  g_assert_cmpuint (control (f, 2, 0xff, CD, 0), ==, 0);
  g_assert_true (
    virtio_scsi_change_medium (bench_device (f->bench), CD, NULL, true, NULL)); /* an event waits */
  bench_round_trip_state (f->bench);
}

static void
fuzz_step (Bench *bench, GRand *rand, void *data)
{
  uint8_t *p = bench_memory (bench, 0x200000, 0x10000);

  /* Headers that get past the first check, with commands of all kinds. */
  for (unsigned i = 0; i < 64; i++)
    {
      uint8_t *header = p + 16 * (unsigned)g_rand_int_range (rand, 0, 0xf00);

      header[0] = 1;
      header[1] = g_rand_int_range (rand, 0, 5);
      memset (header + 2, 0, 6);
      for (unsigned j = 19; j < 35; j++)
        header[j] = g_rand_int_range (rand, 0, 3) == 0 ? (uint8_t)g_rand_int (rand) : 0;
      header[19] = (uint8_t)g_rand_int (rand);
    }
  virtio_guest_fuzz_step (bench, rand, data);
}

static void
test_fuzz (VirtioDisk *f, gconstpointer data)
{
  bench_fuzz_with (f->bench, 43, 40000, fuzz_step, NULL);
}

static const VirtioDiskCase cases[] = { { .furnish = scsi_furnish },
                                        { .furnish = scsi_furnish, .ring_features = F_PACKED } };

int
main (int argc, char **argv)
{
  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);

#define ADD(path, wanted, func)                                                                              \
  g_test_add ("/virtio-scsi/" path, VirtioDisk, wanted, virtio_disk_setup, func, virtio_disk_teardown)
  ADD ("configuration", &cases[0], test_configuration);
  ADD ("addresses", &cases[0], test_addresses);
  ADD ("no-target", &cases[0], test_no_target);
  ADD ("framing", &cases[0], test_framing);
  ADD ("disk/grows", &cases[0], test_grows);
  ADD ("host-refusals", &cases[0], test_host_refusals);
  ADD ("fuzz", &cases[0], test_fuzz);
#undef ADD
#define ADD(path, func) virtio_disk_add ("virtio-scsi", path, cases, func)
  ADD ("task-management", test_task_management);
  ADD ("hot-plug", test_hot_plug);
  ADD ("unplug-under-load", test_unplug_under_load);
  ADD ("drive/disc-change", test_disc_change);
  ADD ("full-disk", test_full_disk);
  ADD ("full-disk/sparse", test_full_disk_sparse);
  ADD ("full-disk/unplugged", test_full_disk_unplugged);
  ADD ("reset-under-load", test_reset_under_load);
  ADD ("state", test_state);
#undef ADD
  return g_test_run ();
}
