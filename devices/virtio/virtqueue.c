/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/iov.h"

#include <inttypes.h>
#include <sys/eventfd.h>

/*
 * Split virtqueues (virtio 1.2, section 2.7). The rings lie in guest memory: each field is read once,
 * checked, and never looked at again.
 */

enum {
  DESC_F_NEXT = 1,
  DESC_F_WRITE = 2,
  DESC_F_INDIRECT = 4,
};

enum {
  AVAIL_F_NO_INTERRUPT = 1,
};

#define DESC_SIZE      16u
#define USED_ELEM_SIZE 8u
#define RING_HEADER    4u /* flags and idx of either ring */

typedef struct {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
} Descriptor;

static GuestMemory *
memory_of (Virtq *vq)
{
  return vq->vdev->pci.device.board->memory;
}

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

/* --- life --- */

void
virtq_init (Virtq *vq, VirtioDevice *vdev, unsigned index, unsigned max_size)
{
  g_assert (max_size >= 1 && max_size <= VIRTQ_MAX_SIZE && (max_size & (max_size - 1)) == 0);
  vq->vdev = vdev;
  vq->index = index;
  vq->max_size = max_size;
  vq->kick_fd = -1;
  virtq_reset (vq);
}

void
virtq_reset (Virtq *vq)
{
  vq->size = vq->max_size;
  vq->vector = VIRTIO_NO_VECTOR;
  vq->enabled = vq->resetting = false;
  vq->desc = vq->driver = vq->device = 0;
  vq->last_avail = vq->used = vq->signalled = 0;
  vq->signalled_valid = false;
  vq->n_parked = 0;
  vq->in_flight = 0;
  vq->budget = UINT_MAX;
  vq->generation++;
  vq->unasked = false;
  vq->desc_host = vq->driver_host = NULL;
}

bool
virtq_map (Virtq *vq)
{
  GuestMemory *memory = memory_of (vq);

  if (vq->size == 0 || vq->size > vq->max_size || (vq->size & (vq->size - 1)) != 0)
    return false;
  if (vq->desc % 16 != 0 || vq->driver % 2 != 0 || vq->device % 4 != 0)
    return false;
  vq->desc_host = guest_map (memory, vq->desc, (uint64_t)DESC_SIZE * vq->size, false);
  vq->driver_host = guest_map (memory, vq->driver, driver_ring_size (vq), false);
  return vq->desc_host != NULL && vq->driver_host != NULL
         && guest_map (memory, vq->device, device_ring_size (vq), true) != NULL;
}

void
virtq_enable (Virtq *vq)
{
  if (vq->enabled)
    return;
  TRACE (vq->vdev, "queue-enable",
         "queue=%u size=%u desc=0x%" PRIx64 " driver=0x%" PRIx64 " device=0x%" PRIx64, vq->index, vq->size,
         vq->desc, vq->driver, vq->device);
  if (!virtq_map (vq))
    {
      virtio_fail (vq->vdev, "queue %u of %u entries has no place: 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64,
                   vq->index, vq->size, vq->desc, vq->driver, vq->device);
      return;
    }
  vq->enabled = true;
}

void
virtq_begin_reset (Virtq *vq)
{
  if (vq->in_flight > 0)
    vq->resetting = true;
  else
    virtq_reset (vq);
}

bool
virtq_is_live (const Virtq *vq)
{
  return vq->enabled && !vq->resetting && virtio_is_live (vq->vdev);
}

void
virtq_kick_again (Virtq *vq)
{
  if (vq->kick_fd >= 0)
    eventfd_write (vq->kick_fd, 1);
}

/* --- chains --- */

static Descriptor
read_descriptor (const uint8_t *table, unsigned index)
{
  const uint8_t *p = table + (size_t)index * DESC_SIZE;

  return (Descriptor){ load_le64 (p), load_le32 (p + 8), load_le16 (p + 12), load_le16 (p + 14) };
}

static bool
add_memory (Virtq *vq, VirtqChain *chain, const Descriptor *desc)
{
  bool write = desc->flags & DESC_F_WRITE;
  unsigned used = chain->n_out + chain->n_in;
  unsigned n = VIRTQ_CHAIN_MAX - used;

  if (desc->length == 0)
    return true;
  if (!write && chain->n_in > 0)
    {
      virtio_fail (vq->vdev, "queue %u: a readable descriptor follows a writable one", vq->index);
      return false;
    }
  if (chain->out_size + chain->in_size + desc->length > UINT32_MAX)
    {
      virtio_fail (vq->vdev, "queue %u: a chain describes more than 4 GiB", vq->index);
      return false;
    }
  if (n == 0 || !guest_map_iov (memory_of (vq), desc->address, desc->length, write, chain->iov + used, &n))
    {
      virtio_fail (vq->vdev, "queue %u: 0x%x bytes at 0x%" PRIx64 " are no RAM, or the chain is too long",
                   vq->index, desc->length, desc->address);
      return false;
    }
  *(write ? &chain->n_in : &chain->n_out) += n;
  *(write ? &chain->in_size : &chain->out_size) += desc->length;
  return true;
}

/* Section 2.7.5.3: normal descriptors, then perhaps one that refers to a table of more. */
static bool
enter_indirect (Virtq *vq, const Descriptor *desc, const uint8_t **table, unsigned *n_table)
{
  if (!virtio_has_feature (vq->vdev, VIRTIO_F_INDIRECT_DESC) || (desc->flags & DESC_F_NEXT)
      || *table != vq->desc_host || desc->length == 0 || desc->length % DESC_SIZE != 0)
    {
      virtio_fail (vq->vdev, "queue %u: a wrong indirect descriptor (flags 0x%x, length 0x%x)", vq->index,
                   desc->flags, desc->length);
      return false;
    }
  *table = guest_map (memory_of (vq), desc->address, desc->length, false);
  *n_table = desc->length / DESC_SIZE;
  if (*table == NULL)
    virtio_fail (vq->vdev, "queue %u: an indirect table at 0x%" PRIx64 " is no RAM", vq->index,
                 desc->address);
  return *table != NULL;
}

static bool
read_chain (Virtq *vq, VirtqChain *chain)
{
  const uint8_t *table = vq->desc_host;
  unsigned n_table = vq->size, index = chain->head;

  chain->n_out = chain->n_in = 0;
  chain->out_size = chain->in_size = 0;
  for (unsigned hops = 0; hops < VIRTQ_CHAIN_MAX; hops++)
    {
      Descriptor desc = read_descriptor (table, index);

      if (desc.flags & DESC_F_INDIRECT)
        {
          if (!enter_indirect (vq, &desc, &table, &n_table))
            return false;
          index = 0;
          continue;
        }
      if (!add_memory (vq, chain, &desc))
        return false;
      if (!(desc.flags & DESC_F_NEXT))
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

uint16_t
virtq_available_index (const Virtq *vq)
{
  return GUINT16_FROM_LE (__atomic_load_n ((const uint16_t *)(vq->driver_host + 2), __ATOMIC_ACQUIRE));
}

/* Section 2.7.10: asks to be kicked for the next buffer. */
static void
ask_for_kick (Virtq *vq)
{
  uint64_t where = vq->device + RING_HEADER + (uint64_t)USED_ELEM_SIZE * vq->size;
  void *event = guest_map (memory_of (vq), where, 2, true);

  if (event != NULL)
    __atomic_store_n ((uint16_t *)event, GUINT16_TO_LE (vq->last_avail), __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  vq->unasked = false;
}

bool
virtq_look (Virtq *vq, bool falling_asleep)
{
  if (!vq->unasked || !virtq_is_live (vq) || vq->vdev->halted)
    return false;
  if (falling_asleep)
    ask_for_kick (vq);
  if (virtq_available_index (vq) == vq->seen)
    return false;
  virtio_kick (vq);
  return true;
}

static bool
next_head (Virtq *vq, uint16_t *head)
{
  uint16_t pending = virtq_available_index (vq) - vq->last_avail;

  if (pending == 0 && vq->vdev->virtio->looks_for_buffers && vq->kick_routed
      && virtio_has_feature (vq->vdev, VIRTIO_F_EVENT_IDX)
      && loop_is_looking (vq->vdev->pci.device.board->loop))
    vq->unasked = true;
  else if (pending == 0 && virtio_has_feature (vq->vdev, VIRTIO_F_EVENT_IDX))
    {
      ask_for_kick (vq);
      pending = virtq_available_index (vq) - vq->last_avail;
    }
  if (pending == 0)
    return false;
  if (pending > vq->size)
    {
      virtio_fail (vq->vdev, "queue %u: the available index jumped by %u", vq->index, pending);
      return false;
    }
  *head = load_le16 (vq->driver_host + RING_HEADER + 2 * (vq->last_avail & (vq->size - 1)));
  if (*head >= vq->size)
    {
      virtio_fail (vq->vdev, "queue %u: head %u of %u", vq->index, *head, vq->size);
      return false;
    }
  vq->last_avail++;
  return true;
}

bool
virtq_pop (Virtq *vq, VirtqChain *chain)
{
  if (!virtq_is_live (vq) || vq->vdev->halted || !pci_may_dma (&vq->vdev->pci))
    return false;
  if (vq->budget == 0)
    {
      virtq_kick_again (vq);
      return false;
    }

  if (vq->n_parked > 0)
    {
      chain->head = vq->parked[0];
      memmove (vq->parked, vq->parked + 1, --vq->n_parked * sizeof vq->parked[0]);
    }
  else if (!next_head (vq, &chain->head))
    return false;

  if (vq->budget != UINT_MAX)
    vq->budget--;
  chain->generation = vq->generation;
  if (!read_chain (vq, chain))
    return false;
  vq->in_flight++;
  return true;
}

/* --- used ring --- */

/* Counts a chain as returned; false if it belongs to a time before a reset. Ends a reset that waited for it.
 */
static bool
retire (Virtq *vq, const VirtqChain *chain)
{
  if (chain->generation != vq->generation || vq->in_flight == 0)
    return false;
  vq->in_flight--;
  return true;
}

static void
finish_reset (Virtq *vq)
{
  VirtioDevice *vdev = vq->vdev;
  unsigned in_flight = 0;

  if (vq->resetting && vq->in_flight == 0)
    virtq_reset (vq);
  if (!vdev->reset_pending)
    return;
  for (unsigned i = 0; i < vdev->n_queues; i++)
    in_flight += vdev->queues[i].in_flight;
  if (in_flight == 0)
    virtio_do_reset (vdev);
}

/* Stores a used element, @ahead of the index. */
static bool
store_used (Virtq *vq, unsigned ahead, const VirtqChain *chain, uint32_t written)
{
  uint64_t where = (uint64_t)USED_ELEM_SIZE * ((vq->used + ahead) & (vq->size - 1));
  uint8_t *element = guest_map (memory_of (vq), vq->device + RING_HEADER + where, USED_ELEM_SIZE, true);

  if (element == NULL)
    return false;
  store_le32 (element, chain->head);
  store_le32 (element + 4, written);
  return true;
}

void
virtq_push_all (Virtq *vq, const VirtqChain *chains, const uint32_t *written, unsigned n)
{
  bool live = virtq_is_live (vq);
  void *index = live ? guest_map (memory_of (vq), vq->device + 2, 2, true) : NULL;
  bool stored = index != NULL;
  unsigned n_stored = 0;

  for (unsigned i = 0; i < n; i++)
    if (retire (vq, &chains[i]) && live)
      stored = stored && store_used (vq, n_stored++, &chains[i], written[i]);
  if (!stored && n_stored > 0)
    {
      virtio_fail (vq->vdev, "queue %u: the used ring is gone", vq->index);
      return;
    }
  if (n_stored > 0)
    {
      vq->used += n_stored;
      __atomic_store_n ((uint16_t *)index, GUINT16_TO_LE (vq->used), __ATOMIC_RELEASE);
    }
  finish_reset (vq);
}

void
virtq_push (Virtq *vq, const VirtqChain *chain, uint32_t written)
{
  virtq_push_all (vq, chain, &written, 1);
}

void
virtq_park (Virtq *vq, const VirtqChain *chain)
{
  if (!retire (vq, chain))
    return;
  if (virtq_is_live (vq) && vq->n_parked < vq->size)
    vq->parked[vq->n_parked++] = chain->head;
  finish_reset (vq);
}

/* Section 2.7.7.2: flags, or the index after which the guest wants to hear. */
static bool
wants_interrupt (Virtq *vq)
{
  uint16_t event, pushed = vq->used - vq->signalled;

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  if (!virtio_has_feature (vq->vdev, VIRTIO_F_EVENT_IDX))
    return !(load_le16 (vq->driver_host) & AVAIL_F_NO_INTERRUPT);
  event = load_le16 (vq->driver_host + RING_HEADER + 2 * vq->size);
  return !vq->signalled_valid || (uint16_t)(vq->used - event - 1) < pushed;
}

void
virtq_notify (Virtq *vq)
{
  bool wanted;

  if (!virtq_is_live (vq) || vq->used == vq->signalled)
    return;
  wanted = wants_interrupt (vq);
  vq->signalled = vq->used;
  vq->signalled_valid = true;
  if (wanted)
    virtio_pci_interrupt (vq->vdev, vq->vector, VIRTIO_ISR_QUEUE);
}

static void
notify_all (Device *device)
{
  VirtioDevice *vdev = (VirtioDevice *)device;

  vdev->notify_scheduled = false;
  for (unsigned i = 0; i < vdev->n_queues; i++)
    virtq_notify (&vdev->queues[i]);
}

void
virtq_notify_soon (Virtq *vq)
{
  VirtioDevice *vdev = vq->vdev;

  if (vq->in_flight == 0)
    virtq_notify (vq);
  else if (!vdev->notify_scheduled)
    {
      vdev->notify_scheduled = true;
      device_call (&vdev->pci.device, notify_all);
    }
}

/* --- contents --- */

size_t
virtq_chain_read (const VirtqChain *chain, uint64_t offset, void *buffer, size_t size)
{
  return iov_gather (chain->iov, chain->n_out, offset, buffer, size);
}

size_t
virtq_chain_write (const VirtqChain *chain, uint64_t offset, const void *buffer, size_t size)
{
  return iov_scatter (chain->iov + chain->n_out, chain->n_in, offset, buffer, size);
}

/* --- state --- */

bool
virtq_check_state (const Virtq *vq, const Virtq *incoming, GError **error)
{
  bool good = incoming->size >= 1 && incoming->size <= vq->max_size
              && (incoming->size & (incoming->size - 1)) == 0 && incoming->n_parked <= incoming->size;

  for (unsigned i = 0; good && i < incoming->n_parked; i++)
    good = incoming->parked[i] < incoming->size;
  if (!good)
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                 "The saved state of %s has a wrong queue %u (%u entries of %u, %u waiting)",
                 vq->vdev->pci.device.name, vq->index, incoming->size, vq->max_size, incoming->n_parked);
  return good;
}

static const StateField virtq_fields[] = {
  STATE_U16 (Virtq, size, 1),
  STATE_U16 (Virtq, vector, 1),
  STATE_BOOL (Virtq, enabled, 1),
  STATE_U64 (Virtq, desc, 1),
  STATE_U64 (Virtq, driver, 1),
  STATE_U64 (Virtq, device, 1),
  STATE_U16 (Virtq, last_avail, 1),
  STATE_U16 (Virtq, used, 1),
  STATE_U16 (Virtq, signalled, 1),
  STATE_BOOL (Virtq, signalled_valid, 1),
  STATE_U16 (Virtq, n_parked, 1),
  STATE_U16 (Virtq, parked, 1),
  STATE_END,
};

const StateTable virtq_state = {
  .name = "virtq",
  .version = 1,
  .fields = virtq_fields,
  .object_size = sizeof (Virtq),
};
