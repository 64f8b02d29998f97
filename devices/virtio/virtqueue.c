/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-private.h"
#include "vmm/base/error.h"
#include "vmm/base/iov.h"

#include <inttypes.h>
#include <sys/eventfd.h>

/* Virtqueues, whatever their layout in memory (virtio 1.2, section 2.6): life, and chains on their way. */

GuestMemory *
virtq_memory (Virtq *vq)
{
  return vq->vdev->pci.device.board->memory;
}

/* --- life --- */

void
virtq_init (Virtq *vq, VirtioDevice *vdev, unsigned index, unsigned max_size)
{
  g_assert (max_size >= 1 && max_size <= VIRTQ_MAX_SIZE && (max_size & (max_size - 1)) == 0);
  vq->vdev = vdev;
  vq->index = index;
  vq->max_size = max_size;
  vq->slots_size = (size_t)max_size * VIRTQ_SLOT_SIZE;
  vq->slots = g_malloc0 (vq->slots_size);
  vq->kick_fd = -1;
  virtq_reset (vq);
}

void
virtq_clear (Virtq *vq)
{
  g_clear_pointer (&vq->slots, g_free);
  vq->slots_size = 0;
}

/* As an empty queue begins. */
static void
rewind_ring (Virtq *vq)
{
  vq->last_avail = vq->used = 0;
  vq->avail_wrap = vq->used_wrap = true; /* section 2.8.1 */
  vq->unsignalled = 0;
  vq->signalled_before = false;
  vq->n_parked = 0;
  vq->unasked = false;
}

void
virtq_reset (Virtq *vq)
{
  vq->size = vq->max_size;
  vq->vector = VIRTIO_NO_VECTOR;
  vq->enabled = vq->resetting = vq->packed = false;
  vq->desc = vq->driver = vq->device = 0;
  rewind_ring (vq);
  vq->in_flight = 0;
  vq->budget = UINT_MAX;
  vq->generation++;
  vq->desc_host = NULL;
  vq->driver_host = NULL;
}

/* Sections 2.7 and 2.8.10.1: a split ring's size is a power of 2, a packed one's need not be. */
bool
virtq_may_have_size (const Virtq *vq, unsigned size, bool packed)
{
  return size >= 1 && size <= vq->max_size && (packed || (size & (size - 1)) == 0);
}

bool
virtq_map (Virtq *vq)
{
  vq->packed = virtio_has_feature (vq->vdev, VIRTIO_F_RING_PACKED);
  return virtq_may_have_size (vq, vq->size, vq->packed)
         && (vq->packed ? virtq_packed_map (vq) : virtq_split_map (vq));
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
  rewind_ring (vq);
  virtq_packed_tidy_slots (vq);
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

/* --- chains that come --- */

void
virtq_chain_begin (VirtqChain *chain)
{
  chain->n_out = chain->n_in = 0;
  chain->out_size = chain->in_size = 0;
}

bool
virtq_chain_add (Virtq *vq, VirtqChain *chain, uint64_t address, uint32_t length, bool write)
{
  unsigned used = chain->n_out + chain->n_in;
  unsigned n = VIRTQ_CHAIN_MAX - used;

  if (length == 0)
    return true;
  if (!write && chain->n_in > 0)
    {
      virtio_fail (vq->vdev, "queue %u: a readable descriptor follows a writable one", vq->index);
      return false;
    }
  if (chain->out_size + chain->in_size + length > UINT32_MAX)
    {
      virtio_fail (vq->vdev, "queue %u: a chain describes more than 4 GiB", vq->index);
      return false;
    }
  if (n == 0 || !guest_map_iov (virtq_memory (vq), address, length, write, chain->iov + used, &n))
    {
      virtio_fail (vq->vdev, "queue %u: 0x%x bytes at 0x%" PRIx64 " are no RAM, or the chain is too long",
                   vq->index, length, address);
      return false;
    }
  *(write ? &chain->n_in : &chain->n_out) += n;
  *(write ? &chain->in_size : &chain->out_size) += length;
  return true;
}

static unsigned
n_pending (const Virtq *vq)
{
  return vq->packed ? virtq_packed_n_pending (vq) : virtq_split_n_pending (vq);
}

static void
ask_for_kick (Virtq *vq)
{
  if (vq->packed)
    virtq_packed_ask_for_kick (vq);
  else
    virtq_split_ask_for_kick (vq);
  vq->unasked = false;
}

/* A busy loop polls the queue, and its guest is spared the kicks. */
static bool
may_poll (Virtq *vq)
{
  return vq->vdev->virtio->polled && vq->kick_routed && loop_is_looking (vq->vdev->pci.device.board->loop)
         && (vq->packed ? virtq_packed_spare_kicks (vq) : virtq_split_spare_kicks (vq));
}

bool
virtq_look (Virtq *vq, bool falling_asleep)
{
  if (!vq->unasked || !virtq_is_live (vq) || vq->vdev->halted)
    return false;
  if (falling_asleep)
    ask_for_kick (vq);
  if (n_pending (vq) == 0)
    return false;
  virtio_kick (vq);
  return true;
}

/* Nothing is left: from now on somebody must say, or see, when there is more. Returns: what came meanwhile.
 */
static unsigned
run_dry (Virtq *vq)
{
  vq->unasked = may_poll (vq);
  if (vq->unasked)
    return 0;
  ask_for_kick (vq);
  return n_pending (vq);
}

static bool
next_chain (Virtq *vq, VirtqChain *chain)
{
  unsigned pending;

  if (vq->n_parked > 0)
    {
      chain->head = vq->parked[0];
      memmove (vq->parked, vq->parked + 1, --vq->n_parked * sizeof vq->parked[0]);
      return vq->packed ? virtq_packed_read (vq, chain) : virtq_split_read (vq, chain);
    }
  pending = n_pending (vq);
  if (pending == 0)
    pending = run_dry (vq);
  if (pending == 0)
    return false;
  if (vq->in_flight >= vq->size)
    {
      virtio_fail (vq->vdev, "queue %u: more chains at a time than the %u descriptors that there are",
                   vq->index, vq->size);
      return false;
    }
  return vq->packed ? virtq_packed_take (vq, chain) : virtq_split_take (vq, chain, pending);
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
  if (!next_chain (vq, chain))
    return false;
  if (vq->budget != UINT_MAX)
    vq->budget--;
  chain->generation = vq->generation;
  vq->in_flight++;
  return true;
}

/* --- chains that go --- */

/* Counts a chain as returned; false if it belongs to a time before a reset. */
static bool
retire (Virtq *vq, const VirtqChain *chain)
{
  if (chain->generation != vq->generation || vq->in_flight == 0)
    return false;
  vq->in_flight--;
  return true;
}

/* Ends a reset that waited for the last chain. */
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

void
virtq_push_all (Virtq *vq, const VirtqChain *chains, const uint32_t *written, unsigned n)
{
  unsigned n_current = 0;

  for (unsigned i = 0; i < n; i++)
    n_current += retire (vq, &chains[i]);
  if (n_current > 0 && virtq_is_live (vq)
      && !(vq->packed ? virtq_packed_return (vq, chains, written, n)
                      : virtq_split_return (vq, chains, written, n)))
    virtio_fail (vq->vdev, "queue %u: the ring for what was used is gone", vq->index);
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

void
virtq_notify (Virtq *vq)
{
  bool wanted;

  if (!virtq_is_live (vq) || vq->unsignalled == 0)
    return;
  wanted = vq->packed ? virtq_packed_wants_interrupt (vq) : virtq_split_wants_interrupt (vq);
  vq->unsignalled = 0;
  vq->signalled_before = true;
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
virtq_check_state (const Virtq *vq, const Virtq *incoming, bool packed, GError **error)
{
  bool good = virtq_may_have_size (vq, incoming->size, packed) && incoming->n_parked <= incoming->size
              && (!packed || (incoming->last_avail < incoming->size && incoming->used < incoming->size));

  if (good && packed)
    good = virtq_packed_slots_are_fine (incoming);
  for (unsigned i = 0; good && i < incoming->n_parked; i++)
    good = incoming->parked[i] < incoming->size;
  if (!good)
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                 "The saved state of %s has a wrong queue %u (%u entries of %u, %u waiting)",
                 vq->vdev->pci.device.name, vq->index, incoming->size, vq->max_size, incoming->n_parked);
  return good;
}

/* Nobody needs what is left in free slots. */
static void
before_save (void *object)
{
  Virtq *vq = object;

  if (vq->packed && vq->in_flight == 0)
    virtq_packed_tidy_slots (vq);
  else if (!vq->packed && vq->slots != NULL)
    memset (vq->slots, 0, vq->slots_size);
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
  STATE_BOOL (Virtq, avail_wrap, 1),
  STATE_BOOL (Virtq, used_wrap, 1),
  STATE_U32 (Virtq, unsignalled, 1),
  STATE_BOOL (Virtq, signalled_before, 1),
  STATE_U16 (Virtq, n_parked, 1),
  STATE_U16 (Virtq, parked, 1),
  STATE_BUFFER (Virtq, slots, slots_size, 1),
  STATE_END,
};

const StateTable virtq_state = {
  .name = "virtq",
  .version = 1,
  .fields = virtq_fields,
  .object_size = sizeof (Virtq),
  .before_save = before_save,
};
