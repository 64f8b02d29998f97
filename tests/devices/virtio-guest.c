/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/virtio-guest.h"

#include "vmm/base/bytes.h"

#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4
#define DESC_AVAIL    (1u << 7)
#define DESC_USED     (1u << 15)

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
                         .used = where + 0x3000,
                         .avail_wrap = true,
                         .used_wrap = true };
  bench_write32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE_SELECT, 1);
  queue->packed = bench_read32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE) & (F_PACKED >> 32);
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

void
guest_queue_set_packed (GuestQueue *queue, unsigned i, uint64_t address, uint32_t length, uint16_t id,
                        uint16_t flags)
{
  uint8_t *p = bench_memory (queue->bench, queue->desc + 16 * i, 16);

  store_le64 (p, address);
  store_le32 (p + 8, length);
  store_le16 (p + 12, id);
  __atomic_store_n ((uint16_t *)(p + 14), GUINT16_TO_LE (flags), __ATOMIC_RELEASE);
}

/* 2.8.1: avail is the driver's wrap counter, used its inverse. */
uint16_t
guest_queue_available_flags (const GuestQueue *queue)
{
  return queue->avail_wrap ? DESC_AVAIL : DESC_USED;
}

static void
advance (const GuestQueue *queue, uint16_t *at, bool *wrap, unsigned n)
{
  *at += n;
  if (*at >= queue->size)
    {
      *at -= queue->size;
      *wrap = !*wrap;
    }
}

void
guest_queue_advance (GuestQueue *queue, unsigned n, uint16_t id)
{
  queue->n_descriptors[id & 0xff] = n;
  advance (queue, &queue->avail_at, &queue->avail_wrap, n);
  queue->avail_idx++;
}

/* The first descriptor's flags are written last: they make the whole chain available. */
static uint16_t
add_packed (GuestQueue *queue, const GuestBuffer *buffers, unsigned n)
{
  uint16_t id = queue->next_id++, at = queue->avail_at, first_flags = 0;
  bool wrap = queue->avail_wrap;

  for (unsigned i = 0; i < n; i++)
    {
      uint16_t flags =
        (buffers[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0) | (wrap ? DESC_AVAIL : DESC_USED);

      if (i == 0)
        first_flags = flags;
      guest_queue_set_packed (queue, at, buffers[i].address, buffers[i].length, id,
                              i > 0 ? flags : flags ^ (DESC_AVAIL | DESC_USED));
      advance (queue, &at, &wrap, 1);
    }
  guest_queue_set_packed (queue, queue->avail_at, buffers[0].address, buffers[0].length, id, first_flags);
  guest_queue_advance (queue, n, id);
  return id;
}

uint16_t
guest_queue_add (GuestQueue *queue, const GuestBuffer *buffers, unsigned n)
{
  uint16_t head = queue->next_desc;

  if (queue->packed)
    return add_packed (queue, buffers, n);
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

/* The used descriptor at @at, or NULL if the device has not come there. */
static const uint8_t *
packed_used (GuestQueue *queue, uint16_t at, bool wrap)
{
  const uint8_t *p = bench_memory (queue->bench, queue->desc + 16 * at, 16);
  uint16_t flags = GUINT16_FROM_LE (__atomic_load_n ((const uint16_t *)(p + 14), __ATOMIC_ACQUIRE));

  return !(flags & DESC_AVAIL) == !wrap && !(flags & DESC_USED) == !wrap ? p : NULL;
}

uint16_t
guest_queue_used_index (GuestQueue *queue)
{
  uint16_t index = queue->used_idx, at = queue->used_at;
  bool wrap = queue->used_wrap;
  const uint8_t *p;

  if (!queue->packed)
    {
      index = load_le16 (bench_memory (queue->bench, queue->used + 2, 2));
      __atomic_thread_fence (__ATOMIC_SEQ_CST);
      return index;
    }
  while (index != queue->avail_idx && (p = packed_used (queue, at, wrap)) != NULL)
    {
      advance (queue, &at, &wrap, queue->n_descriptors[p[12]]);
      index++;
    }
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
  queue->used_idx++;
  if (queue->packed)
    {
      element = packed_used (queue, queue->used_at, queue->used_wrap);
      if (head != NULL)
        *head = load_le16 (element + 12);
      advance (queue, &queue->used_at, &queue->used_wrap, queue->n_descriptors[element[12]]);
      return load_le32 (element + 8);
    }
  element = bench_memory (queue->bench, queue->used + 4 + 8 * ((queue->used_idx - 1) % queue->size), 8);
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

static uint16_t
fuzz_size (GRand *rand, bool packed)
{
  return (uint16_t)(packed ? g_rand_int_range (rand, 1, 257) : 1 << g_rand_int_range (rand, 0, 9));
}

static void
fuzz_split (GuestQueue *queue, GRand *rand)
{
  unsigned n = MIN (queue->size, 32);

  for (unsigned i = 0; i < n; i++)
    fuzz_desc (queue, rand, i);
  for (int i = g_rand_int_range (rand, 0, n + 1); i > 0; i--)
    guest_queue_publish (queue, g_rand_int_range (rand, 0, 16) == 0
                                  ? (uint16_t)g_rand_int (rand)
                                  : g_rand_int_range (rand, 0, queue->size));
  if (g_rand_int_range (rand, 0, 8) == 0)
    store_le16 (bench_memory (queue->bench, queue->avail + 2, 2), g_rand_int (rand));
}

/* Mostly one after the other where the device looks for them. */
static void
fuzz_packed (GuestQueue *queue, GRand *rand)
{
  static const uint32_t lengths[] = { 0, 1, 16, 32, 511, 512, 513, 4096, 65536, UINT32_MAX };

  for (int i = g_rand_int_range (rand, 0, MIN (queue->size, 32) + 1); i > 0; i--)
    {
      uint16_t flags = g_rand_int_range (rand, 0, 8) | guest_queue_available_flags (queue);

      if (g_rand_int_range (rand, 0, 32) == 0)
        flags = g_rand_int (rand);
      guest_queue_set_packed (queue, queue->avail_at, fuzz_address (rand),
                              lengths[g_rand_int_range (rand, 0, G_N_ELEMENTS (lengths))], g_rand_int (rand),
                              flags);
      guest_queue_advance (queue, 1, 0);
    }
  store_le32 (bench_memory (queue->bench, queue->avail, 4),
              g_rand_int (rand) & 0x38fff); /* which interrupts it wants */
}

static void
fuzz_queue (Bench *bench, GRand *rand, unsigned index, bool packed)
{
  GuestQueue queue;

  guest_queue_init (&queue, bench, index, fuzz_size (rand, packed), FUZZ_RINGS);
  virtio_guest_driver_ok (bench);
  for (unsigned round = 0; round < 4; round++)
    {
      for (unsigned i = 0; i < 32; i++)
        fuzz_header (bench, rand);
      if (packed)
        fuzz_packed (&queue, rand);
      else
        fuzz_split (&queue, rand);
      guest_queue_kick (&queue);
      if (g_rand_int_range (rand, 0, 4) == 0)
        bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_RESET, 1);
    }
}

void
virtio_guest_fuzz_step (Bench *bench, GRand *rand, void *data)
{
  bool packed = g_rand_boolean (rand);
  uint64_t features = F_VERSION_1 | (virtio_guest_features (bench) & g_rand_int (rand)) | F_RING_RESET;

  pci_bench_map (bench);
  virtio_guest_negotiate (bench, features | (packed ? F_PACKED : 0));
  fuzz_queue (bench, rand, (unsigned)g_rand_int_range (rand, 0, 4), packed);
  pci_bench_fuzz_step (bench, rand, data);
}

void
virtio_guest_open (Bench *bench, uint8_t choice)
{
  uint64_t offered = virtio_guest_features (bench);
  unsigned n_queues = MIN (bench_read16 (bench, VIRTIO_COMMON + REG_NUM_QUEUES), 4);
  GuestQueue queue;

  virtio_guest_negotiate (bench, F_VERSION_1 | F_RING_RESET | (choice & 1 ? F_PACKED : 0)
                                   | (choice & 2 ? F_INDIRECT : 0) | (choice & 4 ? F_EVENT_IDX : 0)
                                   | (choice & 16 ? offered & 0xffffff : 0));
  for (unsigned i = 0; i < n_queues; i++)
    guest_queue_init (&queue, bench, i, 16, 0x4000 * i);
  virtio_guest_driver_ok (bench);
}
