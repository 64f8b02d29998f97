/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-private.h"
#include "vmm/base/bytes.h"

#include <inttypes.h>

/*
 * Packed virtqueues (virtio 1.2, section 2.8): one ring of descriptors that driver and device write in turn,
 * each on its way round. A descriptor may be overwritten once it was taken, so it is copied to a slot then,
 * and only the copy is looked at.
 */

/* Section 2.8.1: wrap counters, in a descriptor's flags. */
#define DESC_F_AVAIL (1u << 7)
#define DESC_F_USED  (1u << 15)

/* Section 2.8.13: struct pvirtq_desc. */
enum {
  DESC_LENGTH = 8,
  DESC_ID = 12,
  DESC_FLAGS = 14,
};

/* A slot: the descriptor as the guest wrote it, then the next slot's number. */
#define SLOT_NEXT VIRTQ_DESC_SIZE
#define NO_SLOT   0xffffu
G_STATIC_ASSERT (VIRTQ_SLOT_SIZE == VIRTQ_DESC_SIZE + 2);

/* Section 2.8.14: struct pvirtq_event_suppress: 16 bits of place and wrap counter, 16 of flags. */
#define EVENT_SIZE 4u
#define EVENT_WRAP 0x8000u

enum {
  EVENT_ENABLE = 0,
  EVENT_DISABLE = 1,
  EVENT_DESC = 2,
  EVENT_UNKNOWN = 0xffff, /* what the guest was told of kicks */
};

bool
virtq_packed_map (Virtq *vq)
{
  GuestMemory *memory = virtq_memory (vq);

  if (vq->desc % 16 != 0 || vq->driver % 4 != 0 || vq->device % 4 != 0)
    return false;
  vq->desc_host = guest_map (memory, vq->desc, (uint64_t)VIRTQ_DESC_SIZE * vq->size, true);
  vq->driver_host = guest_map (memory, vq->driver, EVENT_SIZE, false);
  vq->kick_flags = EVENT_UNKNOWN;
  return vq->desc_host != NULL && vq->driver_host != NULL
         && guest_map (memory, vq->device, EVENT_SIZE, true) != NULL;
}

/* --- slots --- */

static uint8_t *
slot_at (const Virtq *vq, unsigned index)
{
  return vq->slots + (size_t)index * VIRTQ_SLOT_SIZE;
}

static uint16_t
next_slot (const uint8_t *slot)
{
  return load_le16 (slot + SLOT_NEXT);
}

static void
free_slot (Virtq *vq, uint16_t index)
{
  store_le16 (slot_at (vq, index) + SLOT_NEXT, vq->free_slot);
  vq->free_slot = index;
}

static void
free_chain (Virtq *vq, const VirtqChain *chain)
{
  store_le16 (slot_at (vq, chain->tail) + SLOT_NEXT, vq->free_slot);
  vq->free_slot = chain->head;
}

/* Marks the chain's slots; false if one is none, or another's. */
static bool
claim_chain (const Virtq *vq, uint16_t head, bool *taken)
{
  for (uint16_t index = head; index != NO_SLOT; index = next_slot (slot_at (vq, index)))
    {
      if (index >= vq->size || taken[index])
        return false;
      taken[index] = true;
    }
  return true;
}

bool
virtq_packed_slots_are_fine (const Virtq *vq)
{
  bool taken[VIRTQ_MAX_SIZE] = { false };

  for (unsigned i = 0; i < vq->n_parked; i++)
    if (vq->parked[i] == NO_SLOT || !claim_chain (vq, vq->parked[i], taken))
      return false;
  return true;
}

void
virtq_packed_tidy_slots (Virtq *vq)
{
  bool taken[VIRTQ_MAX_SIZE] = { false };

  for (unsigned i = 0; i < vq->n_parked; i++)
    claim_chain (vq, vq->parked[i], taken);
  vq->free_slot = NO_SLOT;
  for (unsigned i = vq->max_size; i > 0; i--)
    if (!taken[i - 1])
      {
        memset (slot_at (vq, i - 1), 0, VIRTQ_SLOT_SIZE);
        if (i <= vq->size)
          free_slot (vq, i - 1);
      }
}

/* --- chains --- */

/* Section 2.8.7: a table of descriptors, in order; but for WRITE their flags mean nothing. */
static bool
read_table (Virtq *vq, VirtqChain *chain, uint64_t address, uint32_t length)
{
  unsigned n = length / VIRTQ_DESC_SIZE;
  const uint8_t *p = NULL;

  if (length % VIRTQ_DESC_SIZE == 0 && n >= 1 && n <= VIRTQ_CHAIN_MAX)
    p = guest_map (virtq_memory (vq), address, length, false);
  if (p == NULL)
    {
      virtio_fail (vq->vdev, "queue %u: an indirect table of 0x%x bytes at 0x%" PRIx64, vq->index, length,
                   address);
      return false;
    }
  for (; n > 0; n--, p += VIRTQ_DESC_SIZE)
    if (!virtq_chain_add (vq, chain, load_le64 (p), load_le32 (p + DESC_LENGTH),
                          load_le16 (p + DESC_FLAGS) & VIRTQ_DESC_F_WRITE))
      return false;
  return true;
}

bool
virtq_packed_read (Virtq *vq, VirtqChain *chain)
{
  virtq_chain_begin (chain);
  chain->n_descriptors = 0;
  for (uint16_t index = chain->head; index != NO_SLOT; index = next_slot (slot_at (vq, index)))
    {
      const uint8_t *slot = slot_at (vq, index);
      uint16_t flags = load_le16 (slot + DESC_FLAGS);
      uint64_t address = load_le64 (slot);
      uint32_t length = load_le32 (slot + DESC_LENGTH);

      chain->tail = index;
      chain->n_descriptors++;
      if (!(flags & VIRTQ_DESC_F_INDIRECT))
        {
          if (!virtq_chain_add (vq, chain, address, length, flags & VIRTQ_DESC_F_WRITE))
            return false;
          continue;
        }

      /* Section 2.8.19: it stands alone. */
      if (!virtio_has_feature (vq->vdev, VIRTIO_F_INDIRECT_DESC) || index != chain->head
          || (flags & VIRTQ_DESC_F_NEXT))
        {
          virtio_fail (vq->vdev, "queue %u: a wrong indirect descriptor (flags 0x%x, length 0x%x)", vq->index,
                       flags, length);
          return false;
        }
      return read_table (vq, chain, address, length);
    }
  return true;
}

/* --- what the driver makes available --- */

unsigned
virtq_packed_n_pending (const Virtq *vq)
{
  const uint8_t *desc = vq->desc_host + (size_t)vq->last_avail * VIRTQ_DESC_SIZE;
  uint16_t flags =
    GUINT16_FROM_LE (__atomic_load_n ((const uint16_t *)(desc + DESC_FLAGS), __ATOMIC_ACQUIRE));
  bool avail = flags & DESC_F_AVAIL, used = flags & DESC_F_USED;

  return avail == vq->avail_wrap && used != vq->avail_wrap;
}

static void
advance (const Virtq *vq, uint16_t *place, bool *wrap, unsigned by)
{
  unsigned at = *place + by;

  if (at >= vq->size)
    {
      at -= vq->size;
      *wrap = !*wrap;
    }
  *place = (uint16_t)at;
}

/* Copies the next chain's descriptors to slots: there are as many as the ring has places. */
static bool
copy_chain (Virtq *vq, uint16_t *head)
{
  uint8_t *previous = NULL;

  *head = NO_SLOT;
  for (uint16_t index; (index = vq->free_slot) != NO_SLOT;)
    {
      uint8_t *slot = slot_at (vq, index);

      vq->free_slot = next_slot (slot);
      memcpy (slot, vq->desc_host + (size_t)vq->last_avail * VIRTQ_DESC_SIZE, VIRTQ_DESC_SIZE);
      store_le16 (slot + SLOT_NEXT, NO_SLOT);
      if (previous != NULL)
        store_le16 (previous + SLOT_NEXT, index);
      else
        *head = index;
      previous = slot;
      advance (vq, &vq->last_avail, &vq->avail_wrap, 1);
      if (!(load_le16 (slot + DESC_FLAGS) & VIRTQ_DESC_F_NEXT))
        return true;
    }
  virtio_fail (vq->vdev, "queue %u: more descriptors than the %u of its ring", vq->index, vq->size);
  return false;
}

bool
virtq_packed_take (Virtq *vq, VirtqChain *chain)
{
  return copy_chain (vq, &chain->head) && virtq_packed_read (vq, chain);
}

/* Section 2.8.14: the place comes before the flags that make it count. */
static void
tell_of_kicks (Virtq *vq, uint16_t flags)
{
  uint8_t *event = guest_map (virtq_memory (vq), vq->device, EVENT_SIZE, true);

  if (event == NULL)
    return;
  if (flags == EVENT_DESC)
    __atomic_store_n ((uint16_t *)event, GUINT16_TO_LE (vq->last_avail | (vq->avail_wrap ? EVENT_WRAP : 0)),
                      __ATOMIC_RELAXED);
  if (flags != vq->kick_flags)
    __atomic_store_n ((uint16_t *)(event + 2), GUINT16_TO_LE (flags), __ATOMIC_RELEASE);
  vq->kick_flags = flags;
}

/* Section 2.8.10. */
void
virtq_packed_ask_for_kick (Virtq *vq)
{
  tell_of_kicks (vq, virtio_has_feature (vq->vdev, VIRTIO_F_EVENT_IDX) ? EVENT_DESC : EVENT_ENABLE);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}

bool
virtq_packed_spare_kicks (Virtq *vq)
{
  if (vq->kick_flags != EVENT_DISABLE)
    tell_of_kicks (vq, EVENT_DISABLE);
  return true;
}

/* --- what the device gives back --- */

bool
virtq_packed_return (Virtq *vq, const VirtqChain *chains, const uint32_t *written, unsigned n)
{
  uint16_t *first = NULL, first_flags = 0;

  for (unsigned i = 0; i < n; i++)
    {
      uint16_t flags =
        (vq->used_wrap ? DESC_F_AVAIL | DESC_F_USED : 0) | (written[i] > 0 ? VIRTQ_DESC_F_WRITE : 0);
      uint64_t where = (uint64_t)vq->used * VIRTQ_DESC_SIZE;
      uint8_t *desc;

      if (chains[i].generation != vq->generation)
        continue;
      desc = guest_map (virtq_memory (vq), vq->desc + where, VIRTQ_DESC_SIZE, true);
      if (desc == NULL)
        return false;

      /* Section 2.8.6: one descriptor for the whole chain, with the buffer ID of its last. */
      store_le32 (desc + DESC_LENGTH, written[i]);
      memcpy (desc + DESC_ID, slot_at (vq, chains[i].tail) + DESC_ID, 2);
      free_chain (vq, &chains[i]);
      vq->unsignalled += chains[i].n_descriptors;
      advance (vq, &vq->used, &vq->used_wrap, chains[i].n_descriptors);

      /* The guest sees nothing beyond the first one's flags. */
      if (first == NULL)
        {
          first = (uint16_t *)(desc + DESC_FLAGS);
          first_flags = flags;
        }
      else
        __atomic_store_n ((uint16_t *)(desc + DESC_FLAGS), GUINT16_TO_LE (flags), __ATOMIC_RELEASE);
    }
  if (first != NULL)
    __atomic_store_n (first, GUINT16_TO_LE (first_flags), __ATOMIC_RELEASE);
  return true;
}

/* Section 2.8.10: always, never, or once a place was passed. */
bool
virtq_packed_wants_interrupt (Virtq *vq)
{
  uint32_t event;
  uint16_t flags, place;

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  event = GUINT32_FROM_LE (__atomic_load_n ((const uint32_t *)vq->driver_host, __ATOMIC_ACQUIRE));
  flags = event >> 16 & 3;
  if (flags != EVENT_DESC || !virtio_has_feature (vq->vdev, VIRTIO_F_EVENT_IDX))
    return flags != EVENT_DISABLE;

  place = event & (EVENT_WRAP - 1);
  if (((event & EVENT_WRAP) != 0) != vq->used_wrap)
    place -= vq->size; /* of the round before */
  return (uint16_t)(vq->used - place - 1) < vq->unsignalled;
}
