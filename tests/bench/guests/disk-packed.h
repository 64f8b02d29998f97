/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A packed virtqueue (virtio 1.2, 2.8). Part of disk.c. */
#define QUEUE_FEATURES (1u | 1u << 2) /* VERSION_1, RING_PACKED */
#define QUEUE_DESC     ((volatile struct Descriptor *)0x10000)
#define QUEUE_DRIVER   ((volatile struct Suppression *)0x12000)
#define QUEUE_DEVICE   ((volatile struct Suppression *)0x13000)
#define QUEUE_START                                                                                          \
  {                                                                                                          \
    .available = AVAIL, .used = AVAIL | USED                                                                 \
  }

enum {
  NEXT = 1,
  WRITE = 2,
  AVAIL = 1 << 7,
  USED = 1 << 15,
};

struct Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t id, flags;
};

struct Suppression {
  uint16_t place, flags;
};

struct Queue {
  uint16_t next, added, seen;
  uint16_t available, used; /* the flags AVAIL and USED in this round of the ring */
};

static void
queue_lay_out (void)
{
  QUEUE_DRIVER->flags = 1; /* RING_EVENT_FLAGS_DISABLE */
}

static uint16_t
queue_fill (struct Queue *queue, unsigned slot, uint64_t address, uint32_t length)
{
  uint16_t place = queue->next, round = queue->available;

  QUEUE_DESC[place].address = address;
  QUEUE_DESC[place].length = length;
  QUEUE_DESC[place].id = slot;
  queue->added++;
  if (++queue->next == QUEUE_SIZE)
    {
      queue->next = 0;
      queue->available ^= AVAIL | USED;
    }
  return round;
}

/* The first one's flags are written last: section 2.8.6. */
static void
queue_add (struct Queue *queue, unsigned slot)
{
  uint16_t head = queue->next, place;
  uint16_t head_flags = queue_fill (queue, slot, (uintptr_t)&HEADERS[slot], 16) | NEXT;

  place = queue->next;
  QUEUE_DESC[place].flags =
    queue_fill (queue, slot, DATA + (uint64_t)slot * BLOCK, BLOCK) | NEXT | (TYPE ? 0 : WRITE);
  place = queue->next;
  QUEUE_DESC[place].flags = queue_fill (queue, slot, (uintptr_t)&STATUS[slot], 1) | WRITE;
  __atomic_thread_fence (__ATOMIC_RELEASE);
  QUEUE_DESC[head].flags = head_flags;
}

static int
queue_kick (struct Queue *queue)
{
  uint16_t added = queue->added, event, flags;

  queue->added = 0;
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  flags = QUEUE_DEVICE->flags;
  if (flags != 2) /* RING_EVENT_FLAGS_DESC */
    return flags == 0;
  event = QUEUE_DEVICE->place & 0x7fff;
  if (QUEUE_DEVICE->place >> 15 != (queue->available == AVAIL))
    event -= QUEUE_SIZE;
  return (uint16_t)(queue->next - event - 1) < added;
}

static int
queue_next_done (struct Queue *queue)
{
  volatile struct Descriptor *d = &QUEUE_DESC[queue->seen];

  if ((d->flags & (AVAIL | USED)) != queue->used)
    return -1;
  __atomic_thread_fence (__ATOMIC_ACQUIRE);
  queue->seen += 3;
  if (queue->seen >= QUEUE_SIZE)
    {
      queue->seen -= QUEUE_SIZE;
      queue->used ^= AVAIL | USED;
    }
  return d->id;
}
