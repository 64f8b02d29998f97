/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/virtio-guest.h"

#include "vmm/base/bytes.h"

#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4
#define NO_VECTOR     0xffff

static void
write_64 (Bench *bench, unsigned reg, uint64_t value)
{
  bench_write32 (bench, VIRTIO_COMMON + reg, (uint32_t)value);
  bench_write32 (bench, VIRTIO_COMMON + reg + 4, value >> 32);
}

uint8_t
virtio_guest_status (Bench *bench)
{
  return bench_read8 (bench, VIRTIO_COMMON + REG_STATUS);
}

uint64_t
virtio_guest_features (Bench *bench)
{
  uint64_t features;

  bench_write32 (bench, VIRTIO_COMMON + REG_DEVICE_FEATURE_SELECT, 0);
  features = bench_read32 (bench, VIRTIO_COMMON + REG_DEVICE_FEATURE);
  bench_write32 (bench, VIRTIO_COMMON + REG_DEVICE_FEATURE_SELECT, 1);
  return features | (uint64_t)bench_read32 (bench, VIRTIO_COMMON + REG_DEVICE_FEATURE) << 32;
}

uint8_t
virtio_guest_negotiate (Bench *bench, uint64_t features)
{
  bench_write8 (bench, VIRTIO_COMMON + REG_STATUS, 0);
  bench_write8 (bench, VIRTIO_COMMON + REG_STATUS, STATUS_ACKNOWLEDGE);
  bench_write8 (bench, VIRTIO_COMMON + REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  for (unsigned i = 0; i < 2; i++)
    {
      bench_write32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE_SELECT, i);
      bench_write32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE, (uint32_t)(features >> (32 * i)));
    }
  bench_write8 (bench, VIRTIO_COMMON + REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
  return virtio_guest_status (bench);
}

void
virtio_guest_driver_ok (Bench *bench)
{
  bench_write8 (bench, VIRTIO_COMMON + REG_STATUS,
                STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

void
guest_queue_init (GuestQueue *queue, Bench *bench, unsigned index, uint16_t size, uint64_t where)
{
  *queue = (GuestQueue){ .bench = bench,
                         .index = index,
                         .size = size,
                         .desc = where,
                         .avail = where + 0x2000,
                         .used = where + 0x3000 };
  memset (bench_memory (bench, where, 0x4000), 0, 0x4000);
  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_SELECT, index);
  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_SIZE, size);
  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_VECTOR, index + 1);
  write_64 (bench, REG_QUEUE_DESC, queue->desc);
  write_64 (bench, REG_QUEUE_DRIVER, queue->avail);
  write_64 (bench, REG_QUEUE_DEVICE, queue->used);
  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_ENABLE, 1);
}

void
guest_queue_set_desc (GuestQueue *queue, unsigned i, uint64_t address, uint32_t length, uint16_t flags,
                      uint16_t next)
{
  uint8_t *p = bench_memory (queue->bench, queue->desc + 16 * i, 16);

  store_le64 (p, address);
  store_le32 (p + 8, length);
  store_le16 (p + 12, flags);
  store_le16 (p + 14, next);
}

void
guest_queue_publish (GuestQueue *queue, uint16_t head)
{
  store_le16 (bench_memory (queue->bench, queue->avail + 4 + 2 * (queue->avail_idx % queue->size), 2), head);
  queue->avail_idx++;
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  store_le16 (bench_memory (queue->bench, queue->avail + 2, 2), queue->avail_idx);
}

uint16_t
guest_queue_add (GuestQueue *queue, const GuestBuffer *buffers, unsigned n)
{
  uint16_t head = queue->next_desc;

  for (unsigned i = 0; i < n; i++)
    {
      uint16_t at = queue->next_desc, next = (at + 1) % queue->size;

      guest_queue_set_desc (queue, at, buffers[i].address, buffers[i].length,
                            (buffers[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0), next);
      queue->next_desc = next;
    }
  guest_queue_publish (queue, head);
  return head;
}

void
guest_queue_kick (GuestQueue *queue)
{
  bench_write16 (queue->bench, VIRTIO_NOTIFY + 4 * queue->index, queue->index);
}

uint16_t
guest_queue_used_index (GuestQueue *queue)
{
  uint16_t index = load_le16 (bench_memory (queue->bench, queue->used + 2, 2));

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  return index;
}

static bool
has_used (Bench *bench, void *data)
{
  GuestQueue *queue = data;

  return guest_queue_used_index (queue) != queue->used_idx;
}

uint32_t
guest_queue_wait (GuestQueue *queue, uint16_t *head)
{
  const uint8_t *element;

  g_assert_true (bench_run_until (queue->bench, has_used, queue));
  element = bench_memory (queue->bench, queue->used + 4 + 8 * (queue->used_idx % queue->size), 8);
  queue->used_idx++;
  if (head != NULL)
    *head = load_le32 (element);
  return load_le32 (element + 4);
}

/* --- the lying driver --- */

#define FUZZ_RINGS   UINT64_C (0x100000)
#define FUZZ_BUFFERS UINT64_C (0x200000)

static uint64_t
fuzz_address (GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 12))
    {
    case 0:
      return (uint64_t)g_rand_int (rand) << 32 | g_rand_int (rand);
    case 1:
      return BENCH_RAM_SIZE - (uint64_t)g_rand_int_range (rand, 0, 64);
    case 2:
      return FUZZ_RINGS + (uint64_t)g_rand_int_range (rand, 0, 0x4000); /* its own rings */
    default:
      return FUZZ_BUFFERS + (uint64_t)g_rand_int_range (rand, 0, 0x10000);
    }
}

static void
fuzz_desc (GuestQueue *queue, GRand *rand, unsigned i)
{
  static const uint32_t lengths[] = { 0, 1, 16, 17, 511, 512, 513, 4096, 65536, UINT32_MAX };
  uint16_t flags =
    g_rand_int_range (rand, 0, 16) == 0 ? (uint16_t)g_rand_int (rand) : g_rand_int_range (rand, 0, 8);

  guest_queue_set_desc (queue, i, fuzz_address (rand),
                        lengths[g_rand_int_range (rand, 0, G_N_ELEMENTS (lengths))], flags,
                        g_rand_int_range (rand, 0, 8) == 0 ? (uint16_t)g_rand_int (rand)
                                                           : g_rand_int_range (rand, 0, queue->size));
}

/* A block or other request's header, so that some chains get past the first check. */
static void
fuzz_header (Bench *bench, GRand *rand)
{
  uint8_t *p = bench_memory (bench, FUZZ_BUFFERS + (uint64_t)g_rand_int_range (rand, 0, 0x100) * 16, 16);

  store_le32 (p, g_rand_int_range (rand, 0, 15));
  store_le32 (p + 4, 0);
  store_le64 (p + 8, g_rand_int_range (rand, 0, 4) == 0 ? g_rand_int (rand)
                                                        : (uint64_t)g_rand_int_range (rand, 0, 64));
}

static void
fuzz_queue (Bench *bench, GRand *rand, unsigned index)
{
  GuestQueue queue;
  uint16_t size = 1u << g_rand_int_range (rand, 0, 9);

  guest_queue_init (&queue, bench, index, size, FUZZ_RINGS);
  virtio_guest_driver_ok (bench);
  for (unsigned round = 0; round < 4; round++)
    {
      for (unsigned i = 0; i < MIN (size, 32); i++)
        {
          fuzz_desc (&queue, rand, i);
          fuzz_header (bench, rand);
        }
      for (int i = g_rand_int_range (rand, 0, MIN (size, 32) + 1); i > 0; i--)
        guest_queue_publish (&queue, g_rand_int_range (rand, 0, 16) == 0 ? (uint16_t)g_rand_int (rand)
                                                                         : g_rand_int_range (rand, 0, size));
      if (g_rand_int_range (rand, 0, 8) == 0)
        store_le16 (bench_memory (bench, queue.avail + 2, 2), g_rand_int (rand));
      guest_queue_kick (&queue);
      if (g_rand_int_range (rand, 0, 4) == 0)
        bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_RESET, 1);
    }
}

void
virtio_guest_fuzz_step (Bench *bench, GRand *rand, void *data)
{
  uint64_t features = F_VERSION_1 | (virtio_guest_features (bench) & g_rand_int (rand)) | F_RING_RESET;

  pci_bench_map (bench);
  virtio_guest_negotiate (bench, features);
  fuzz_queue (bench, rand, (unsigned)g_rand_int_range (rand, 0, 3));
  pci_bench_fuzz_step (bench, rand, data);
}
