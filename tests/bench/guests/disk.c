/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Works a virtio disk (virtio 1.2, 5.2) as hard as it can: COUNT requests of BLOCK bytes, DEPTH at a time, at
 * random places or one after the other. It says "s" when it begins, "e" when it has ended, "x" when the disk
 * failed. It looks for what is done and takes no interrupts: what is measured is the way from the doorbell to
 * the used ring.
 */
#include "work.h"

#define QUEUE_SIZE 128u

/* Where things lie in RAM: the program itself is in read-only memory. The queue has the first of it. */
#define HEADERS ((volatile struct Header *)0x14000)
#define STATUS  ((volatile uint8_t *)0x15000)

struct Header {
  uint32_t type, reserved;
  uint64_t sector;
};

/* Section 4.1.4.3. */
struct Common {
  uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
  uint16_t config_msix_vector, num_queues;
  uint8_t device_status, config_generation;
  uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
  uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};

struct Disk {
  volatile struct Common *common;
  volatile uint16_t *doorbell;
  volatile uint32_t *capacity;
  uint32_t doorbell_step;
};

/* The queue's layout: its QUEUE_FEATURES and areas, queue_lay_out, queue_add for a request that is to be
 * made, queue_kick and queue_next_done, which is -1 as long as there is none. */
#ifdef PACKED
#include "disk-packed.h"
#else
#include "disk-split.h"
#endif

/* Section 4.1.4: the structures' places. */
static struct Disk
find_structures (unsigned slot)
{
  struct Disk disk = { 0 };

  for (unsigned cap = config_read (slot, 0x34) & 0xfc; cap != 0; cap = config_read (slot, cap + 1) & 0xfc)
    {
      uintptr_t place = BARS + (config_read (slot, cap + 4) & 7) * 0x100000 + config_read (slot, cap + 8);

      if ((config_read (slot, cap) & 0xff) != 9)
        continue;
      switch (config_read (slot, cap + 3) & 0xff)
        {
        case 1:
          disk.common = (void *)place;
          break;
        case 2:
          disk.doorbell = (void *)place;
          disk.doorbell_step = config_read (slot, cap + 16);
          break;
        case 4:
          disk.capacity = (void *)place;
          break;
        }
    }
  return disk;
}

static void
start_driver (struct Disk *disk)
{
  volatile struct Common *common = disk->common;

  common->device_status = 0;
  while (common->device_status != 0)
    ;
  common->device_status = 3; /* ACKNOWLEDGE, DRIVER */
  common->driver_feature_select = 0;
  common->driver_feature = 1u << 29 | 1u << 9; /* EVENT_IDX; FLUSH, without which each write is flushed */
  common->driver_feature_select = 1;
  common->driver_feature = QUEUE_FEATURES;
  common->device_status = 11; /* FEATURES_OK */
  common->queue_select = 0;
  common->queue_size = QUEUE_SIZE;
  common->queue_desc[0] = (uintptr_t)QUEUE_DESC;
  common->queue_desc[1] = 0;
  common->queue_driver[0] = (uintptr_t)QUEUE_DRIVER;
  common->queue_driver[1] = 0;
  common->queue_device[0] = (uintptr_t)QUEUE_DEVICE;
  common->queue_device[1] = 0;
  disk->doorbell += common->queue_notify_off * disk->doorbell_step / 2;
  common->queue_enable = 1;
  common->device_status = 15; /* DRIVER_OK */
}

static void
lay_out (void)
{
  for (unsigned i = 0; i < DEPTH; i++)
    HEADERS[i].type = TYPE;
  queue_lay_out ();
}

static void
run (const struct Disk *disk, uint64_t n_blocks)
{
  uint64_t state = 88172645463325252;
  struct Queue queue = QUEUE_START;
  unsigned submitted = 0, done = 0;
  unsigned free_slots[DEPTH], n_free = DEPTH;

  for (unsigned i = 0; i < DEPTH; i++)
    free_slots[i] = i;
  while (done < COUNT)
    {
      int slot;

      while (n_free > 0 && submitted < COUNT)
        {
          unsigned next = free_slots[--n_free];

          HEADERS[next].sector = next_block (&state, n_blocks) * (BLOCK / 512);
          STATUS[next] = 0xff;
          queue_add (&queue, next);
          submitted++;
        }
      if (queue_kick (&queue))
        *disk->doorbell = 0;

      while ((slot = queue_next_done (&queue)) < 0)
        __asm__ volatile("pause");
      for (; slot >= 0; slot = queue_next_done (&queue), done++)
        {
          if (STATUS[slot] != 0)
            {
              say ('x');
              stop ();
            }
          free_slots[n_free++] = (unsigned)slot;
        }
    }
}

void work (void);

void
work (void)
{
  unsigned slot = find_slot (0, UINT32_MAX, 0x10421af4);
  struct Disk disk;
  uint64_t sectors;

  place_bars (slot);
  disk = find_structures (slot);
  start_driver (&disk);
  lay_out ();
  sectors = disk.capacity[0] | (uint64_t)disk.capacity[1] << 32;
  say ('s');
  run (&disk, sectors / (BLOCK / 512));
  say ('e');
  stop ();
}
