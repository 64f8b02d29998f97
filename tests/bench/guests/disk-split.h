/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A split virtqueue (virtio 1.2, 2.7). Part of disk.c. */
#define QUEUE_FEATURES 1u /* VERSION_1 */
#define QUEUE_DESC     ((volatile struct Descriptor *)0x10000)
#define QUEUE_DRIVER   ((volatile struct Ring *)0x12000)
#define QUEUE_DEVICE   ((volatile struct UsedRing *)0x13000)
#define QUEUE_START                                                                                          \
  {                                                                                                          \
    0                                                                                                        \
  }

struct Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
};

struct Ring {
  uint16_t flags, index;
  uint16_t ring[QUEUE_SIZE];
  uint16_t event;
};

struct UsedRing {
  uint16_t flags, index;
  struct {
    uint32_t id, length;
  } ring[QUEUE_SIZE];
  uint16_t event;
};

struct Queue {
  uint16_t made_available, told, seen;
};

static void
queue_lay_out (void)
{
}

static void
queue_fill (unsigned place, uint64_t address, uint32_t length, uint16_t flags)
{
  QUEUE_DESC[place].address = address;
  QUEUE_DESC[place].length = length;
  QUEUE_DESC[place].flags = flags;
  QUEUE_DESC[place].next = place + 1;
}

/* Three descriptors for each request: header, data, status. They are written anew each time, as drivers do.
 */
static void
queue_add (struct Queue *queue, unsigned slot)
{
  queue_fill (slot * 3, (uintptr_t)&HEADERS[slot], 16, 1 /* NEXT */);
  queue_fill (slot * 3 + 1, DATA + (uint64_t)slot * BLOCK, BLOCK, TYPE ? 1 : 3 /* NEXT, WRITE */);
  queue_fill (slot * 3 + 2, (uintptr_t)&STATUS[slot], 1, 2);
  QUEUE_DRIVER->ring[queue->made_available++ % QUEUE_SIZE] = slot * 3;
}

static int
queue_kick (struct Queue *queue)
{
  uint16_t before = queue->told;

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  QUEUE_DRIVER->index = queue->told = queue->made_available;
  QUEUE_DRIVER->event = queue->seen + 0x7fff;
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  return (uint16_t)(queue->told - QUEUE_DEVICE->event - 1) < (uint16_t)(queue->told - before);
}

static int
queue_next_done (struct Queue *queue)
{
  if (QUEUE_DEVICE->index == queue->seen)
    return -1;
  return QUEUE_DEVICE->ring[queue->seen++ % QUEUE_SIZE].id / 3;
}
