/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-private.h"
#include "vmm/base/bytes.h"

#include <inttypes.h>

/*
 * Split virtqueues (virtio 1.2, section 2.7): a table of descriptors, a ring of available chains and one of
 * used ones. They lie in guest memory: each field is read once, checked, and never looked at again.
 */

enum {
  AVAIL_F_NO_INTERRUPT = 1,
};

#define USED_ELEM_SIZE 8u
#define RING_HEADER    4u /* flags and idx of either ring */

typedef struct {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
} Descriptor;

static size_t
driver_ring_size (const Virtq *vq)
{
  return RING_HEADER + 2u * vq->size + 2;
}

static size_t
device_ring_size (const Virtq *vq)
{
  return RING_HEADER + USED_ELEM_SIZE * vq->size + 2;
}

bool
virtq_split_map (Virtq *vq)
{
  GuestMemory *memory = virtq_memory (vq);

  if (vq->desc % 16 != 0 || vq->driver % 2 != 0 || vq->device % 4 != 0)
    return false;
  vq->desc_host = guest_map (memory, vq->desc, (uint64_t)VIRTQ_DESC_SIZE * vq->size, false);
  vq->driver_host = guest_map (memory, vq->driver, driver_ring_size (vq), false);
  return vq->desc_host != NULL && vq->driver_host != NULL
         && guest_map (memory, vq->device, device_ring_size (vq), true) != NULL;
}

/* --- chains --- */

static Descriptor
read_descriptor (const uint8_t *table, unsigned index)
{
  const uint8_t *p = table + (size_t)index * VIRTQ_DESC_SIZE;

  return (Descriptor){ load_le64 (p), load_le32 (p + 8), load_le16 (p + 12), load_le16 (p + 14) };
}

/* Section 2.7.5.3: normal descriptors, then perhaps one that refers to a table of more. */
static bool
enter_indirect (Virtq *vq, const Descriptor *desc, bool *inside, const uint8_t **table, unsigned *n_table)
{
  if (!virtio_has_feature (vq->vdev, VIRTIO_F_INDIRECT_DESC) || (desc->flags & VIRTQ_DESC_F_NEXT) || *inside
      || desc->length == 0 || desc->length % VIRTQ_DESC_SIZE != 0)
    {
      virtio_fail (vq->vdev, "queue %u: a wrong indirect descriptor (flags 0x%x, length 0x%x)", vq->index,
                   desc->flags, desc->length);
      return false;
    }
  *inside = true;
  *table = guest_map (virtq_memory (vq), desc->address, desc->length, false);
  *n_table = desc->length / VIRTQ_DESC_SIZE;
  if (*table == NULL)
    virtio_fail (vq->vdev, "queue %u: an indirect table at 0x%" PRIx64 " is no RAM", vq->index,
                 desc->address);
  return *table != NULL;
}

bool
virtq_split_read (Virtq *vq, VirtqChain *chain)
{
  const uint8_t *table = vq->desc_host;
  unsigned n_table = vq->size, index = chain->head;
  bool inside_table = false;

  virtq_chain_begin (chain);
  for (unsigned hops = 0; hops < VIRTQ_CHAIN_MAX; hops++)
    {
      Descriptor desc = read_descriptor (table, index);

      if (desc.flags & VIRTQ_DESC_F_INDIRECT)
        {
          if (!enter_indirect (vq, &desc, &inside_table, &table, &n_table))
            return false;
          index = 0;
          continue;
        }
      if (!virtq_chain_add (vq, chain, desc.address, desc.length, desc.flags & VIRTQ_DESC_F_WRITE))
        return false;
      if (!(desc.flags & VIRTQ_DESC_F_NEXT))
        return true;
      if (desc.next >= n_table)
        {
          virtio_fail (vq->vdev, "queue %u: descriptor %u follows, of %u", vq->index, desc.next, n_table);
          return false;
        }
      index = desc.next;
    }
  virtio_fail (vq->vdev, "queue %u: a chain that does not end", vq->index);
  return false;
}

/* --- available ring --- */

static uint16_t
available_index (const Virtq *vq)
{
  return GUINT16_FROM_LE (__atomic_load_n ((const uint16_t *)(vq->driver_host + 2), __ATOMIC_ACQUIRE));
}

unsigned
virtq_split_n_pending (const Virtq *vq)
{
  return (uint16_t)(available_index (vq) - vq->last_avail);
}

bool
virtq_split_take (Virtq *vq, VirtqChain *chain, unsigned n_pending)
{
  if (n_pending > vq->size)
    {
      virtio_fail (vq->vdev, "queue %u: the available index jumped by %u", vq->index, n_pending);
      return false;
    }
  chain->head = load_le16 (vq->driver_host + RING_HEADER + 2 * (vq->last_avail & (vq->size - 1)));
  if (chain->head >= vq->size)
    {
      virtio_fail (vq->vdev, "queue %u: head %u of %u", vq->index, chain->head, vq->size);
      return false;
    }
  vq->last_avail++;
  return virtq_split_read (vq, chain);
}

/* Section 2.7.10: names the buffer for which it wants to be kicked. */
void
virtq_split_ask_for_kick (Virtq *vq)
{
  uint64_t where = vq->device + RING_HEADER + (uint64_t)USED_ELEM_SIZE * vq->size;
  void *event;

  if (!virtio_has_feature (vq->vdev, VIRTIO_F_EVENT_IDX))
    return; /* it is kicked for every one */
  event = guest_map (virtq_memory (vq), where, 2, true);
  if (event != NULL)
    __atomic_store_n ((uint16_t *)event, GUINT16_TO_LE (vq->last_avail), __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}

/* The buffer that was named last lies behind: there is nothing to say. */
bool
virtq_split_spare_kicks (Virtq *vq)
{
  return virtio_has_feature (vq->vdev, VIRTIO_F_EVENT_IDX);
}

/* --- used ring --- */

/* Stores a used element, @ahead of the index. */
static bool
store_used (Virtq *vq, unsigned ahead, const VirtqChain *chain, uint32_t written)
{
  uint64_t where = (uint64_t)USED_ELEM_SIZE * ((vq->used + ahead) & (vq->size - 1));
  uint8_t *element = guest_map (virtq_memory (vq), vq->device + RING_HEADER + where, USED_ELEM_SIZE, true);

  if (element == NULL)
    return false;
  store_le32 (element, chain->head);
  store_le32 (element + 4, written);
  return true;
}

bool
virtq_split_return (Virtq *vq, const VirtqChain *chains, const uint32_t *written, unsigned n)
{
  void *index = guest_map (virtq_memory (vq), vq->device + 2, 2, true);
  unsigned n_stored = 0;

  if (index == NULL)
    return false;
  for (unsigned i = 0; i < n; i++)
    if (chains[i].generation == vq->generation && !store_used (vq, n_stored++, &chains[i], written[i]))
      return false;
  vq->used += n_stored;
  vq->unsignalled += n_stored;
  __atomic_store_n ((uint16_t *)index, GUINT16_TO_LE (vq->used), __ATOMIC_RELEASE);
  return true;
}

/* Section 2.7.7.2: flags, or the index after which the guest wants to hear. */
bool
virtq_split_wants_interrupt (Virtq *vq)
{
  uint16_t event;

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  if (!virtio_has_feature (vq->vdev, VIRTIO_F_EVENT_IDX))
    return !(load_le16 (vq->driver_host) & AVAIL_F_NO_INTERRUPT);
  event = load_le16 (vq->driver_host + RING_HEADER + 2 * vq->size);
  return !vq->signalled_before || (uint16_t)(vq->used - event - 1) < vq->unsignalled;
}
