/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio.h"

#include "devices/virtio/virtio-private.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- life --- */

bool
virtio_realize (VirtioDevice *vdev, const VirtioClass *klass, const PciPlace *place, uint64_t features,
                GError **error)
{
  vdev->virtio = klass;
  vdev->config_vector = VIRTIO_NO_VECTOR;
  vdev->features = features | VIRTIO_FEATURE (VIRTIO_F_VERSION_1) | VIRTIO_FEATURE (VIRTIO_F_INDIRECT_DESC)
                   | VIRTIO_FEATURE (VIRTIO_F_EVENT_IDX) | VIRTIO_FEATURE (VIRTIO_F_RING_PACKED)
                   | VIRTIO_FEATURE (VIRTIO_F_RING_RESET);
  return virtio_pci_realize (vdev, place, error);
}

Virtq *
virtio_add_queue (VirtioDevice *vdev, unsigned max_size)
{
  Virtq *vq = &vdev->queues[vdev->n_queues];

  g_assert (vdev->n_queues < VIRTIO_MAX_QUEUES);
  virtq_init (vq, vdev, vdev->n_queues++, max_size);
  return vq;
}

static void
kick_arrived (Device *device, int fd, GIOCondition condition)
{
  VirtioDevice *vdev = (VirtioDevice *)device;
  eventfd_t count;

  if (eventfd_read (fd, &count) < 0)
    return;
  for (unsigned i = 0; i < vdev->n_queues; i++)
    if (vdev->queues[i].kick_fd == fd)
      virtio_kick (&vdev->queues[i]);
}

static bool
look_for_kick (Device *device, int fd, bool falling_asleep)
{
  VirtioDevice *vdev = (VirtioDevice *)device;

  for (unsigned i = 0; i < vdev->n_queues; i++)
    if (vdev->queues[i].kick_fd == fd)
      return virtq_look (&vdev->queues[i], falling_asleep);
  return false;
}

bool
virtio_realized (VirtioDevice *vdev, GError **error)
{
  for (unsigned i = 0; i < vdev->n_queues; i++)
    {
      Virtq *vq = &vdev->queues[i];

      vq->kick_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (vq->kick_fd < 0)
        return vmm_set_errno_error (error, errno, "Can't make an eventfd for %s", vdev->pci.device.name);
      vq->kick_watch = device_watch_fd (&vdev->pci.device, vq->kick_fd, G_IO_IN, kick_arrived);
      if (vdev->virtio->polled)
        device_watch_set_look (vq->kick_watch, look_for_kick);
    }
  virtio_pci_add_registers (vdev);
  return true;
}

void
virtio_abandon (VirtioDevice *vdev)
{
  vdev->halted = true;
  for (unsigned i = 0; i < vdev->n_queues; i++)
    virtq_reset (&vdev->queues[i]);
}

void
virtio_unrealize (Device *device)
{
  VirtioDevice *vdev = (VirtioDevice *)device;

  virtio_pci_unrealize (vdev);
  for (unsigned i = 0; i < vdev->n_queues; i++)
    {
      Virtq *vq = &vdev->queues[i];

      g_clear_pointer (&vq->kick_watch, device_watch_free);
      if (vq->kick_fd >= 0)
        close (vq->kick_fd);
      vq->kick_fd = -1;
      virtq_clear (vq);
    }
}

void
virtio_do_reset (VirtioDevice *vdev)
{
  TRACE (vdev, "reset", "status=0x%02x", vdev->status);
  for (unsigned i = 0; i < vdev->n_queues; i++)
    virtq_reset (&vdev->queues[i]);
  vdev->driver_features = 0;
  vdev->status = 0;
  vdev->isr = 0;
  vdev->config_vector = VIRTIO_NO_VECTOR;
  vdev->queue_select = 0;
  vdev->feature_select = vdev->driver_feature_select = 0;
  vdev->reset_pending = false;
  pci_set_intx (&vdev->pci, false);
  if (vdev->virtio->reset != NULL)
    vdev->virtio->reset (vdev);
}

void
virtio_reset (Device *device)
{
  VirtioDevice *vdev = (VirtioDevice *)device;

  virtio_do_reset (vdev);
  pci_reset (&vdev->pci);
}

void
virtio_stopped (Device *device)
{
  ((VirtioDevice *)device)->halted = true;
}

void
virtio_started (Device *device)
{
  VirtioDevice *vdev = (VirtioDevice *)device;

  vdev->halted = false;
  virtio_kick_all (vdev);
}

/* --- status --- */

bool
virtio_has_feature (const VirtioDevice *vdev, unsigned bit)
{
  return vdev->driver_features & VIRTIO_FEATURE (bit);
}

bool
virtio_is_live (const VirtioDevice *vdev)
{
  return (vdev->status & VIRTIO_STATUS_DRIVER_OK) && !(vdev->status & VIRTIO_STATUS_NEEDS_RESET)
         && !vdev->reset_pending;
}

uint8_t
virtio_read_status (const VirtioDevice *vdev)
{
  return vdev->status;
}

/* Section 2.2.2: the device refuses what it can't do by leaving FEATURES_OK clear. */
static bool
features_are_fine (VirtioDevice *vdev)
{
  if ((vdev->driver_features & ~vdev->features) == 0 && virtio_has_feature (vdev, VIRTIO_F_VERSION_1))
    return true;
  GUEST_ERROR (vdev, "features 0x%" PRIx64 " of 0x%" PRIx64, vdev->driver_features, vdev->features);
  return false;
}

/* Section 4.1.4.3.1: a reset that must wait for the disk shows as a status that is not yet 0. */
static void
begin_reset (VirtioDevice *vdev)
{
  unsigned in_flight = 0;

  for (unsigned i = 0; i < vdev->n_queues; i++)
    in_flight += vdev->queues[i].in_flight;
  if (in_flight > 0)
    vdev->reset_pending = true;
  else
    virtio_do_reset (vdev);
}

/* Section 3.1.1: queues come after the features that say how they look. A driver that enabled some before
 * gets them looked at again. */
static void
features_accepted (VirtioDevice *vdev)
{
  for (unsigned i = 0; i < vdev->n_queues; i++)
    if (vdev->queues[i].enabled && !virtq_map (&vdev->queues[i]))
      virtio_fail (vdev, "queue %u was enabled in another layout", i);
  if (vdev->virtio->negotiated != NULL)
    vdev->virtio->negotiated (vdev);
}

void
virtio_write_status (VirtioDevice *vdev, uint8_t value)
{
  uint8_t added = value & ~vdev->status;

  TRACE (vdev, "status", "0x%02x -> 0x%02x", vdev->status, value);
  if (value == 0)
    {
      begin_reset (vdev);
      return;
    }
  if (vdev->reset_pending)
    return;
  if ((added & VIRTIO_STATUS_FEATURES_OK) && !features_are_fine (vdev))
    added &= ~VIRTIO_STATUS_FEATURES_OK;
  if ((added & VIRTIO_STATUS_DRIVER_OK) && !((vdev->status | added) & VIRTIO_STATUS_FEATURES_OK))
    {
      GUEST_ERROR (vdev, "DRIVER_OK before FEATURES_OK");
      added &= ~VIRTIO_STATUS_DRIVER_OK;
    }
  vdev->status |= added & ~VIRTIO_STATUS_NEEDS_RESET;
  if (added & VIRTIO_STATUS_FEATURES_OK)
    features_accepted (vdev);
  if (added & VIRTIO_STATUS_DRIVER_OK)
    virtio_kick_all (vdev);
}

void
virtio_config_changed (VirtioDevice *vdev)
{
  vdev->config_generation++;
  if (vdev->status & VIRTIO_STATUS_DRIVER_OK)
    virtio_pci_interrupt (vdev, vdev->config_vector, VIRTIO_ISR_CONFIG);
}

void
virtio_fail (VirtioDevice *vdev, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  GUEST_ERROR (vdev, "%s", text);
  if (vdev->status & VIRTIO_STATUS_NEEDS_RESET)
    return;
  vdev->status |= VIRTIO_STATUS_NEEDS_RESET;
  if (vdev->status & VIRTIO_STATUS_DRIVER_OK)
    virtio_pci_interrupt (vdev, vdev->config_vector, VIRTIO_ISR_CONFIG);
}

/* --- kicks --- */

void
virtio_kick (Virtq *vq)
{
  VirtioDevice *vdev = vq->vdev;

  if (!virtq_is_live (vq) || vdev->halted)
    return;
  TRACE (vdev, "kick", "queue=%u", vq->index);

  /* A guest that fills the queue as fast as it is emptied must not keep the loop for itself. */
  vq->budget = vq->size;
  vq->unasked = false;
  vdev->virtio->kick (vdev, vq);
  vq->budget = UINT_MAX;
}

void
virtio_kick_all (VirtioDevice *vdev)
{
  for (unsigned i = 0; i < vdev->n_queues; i++)
    virtio_kick (&vdev->queues[i]);
}

/* --- state --- */

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const VirtioDevice *vdev = object, *other = incoming;

  /* Until FEATURES_OK is set, what the guest wrote means nothing. */
  if ((other->status & VIRTIO_STATUS_FEATURES_OK) && (other->driver_features & ~vdev->features))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                   "The saved state of %s uses features 0x%" PRIx64 " that this machine's device lacks",
                   vdev->pci.device.name, other->driver_features & ~vdev->features);
      return false;
    }
  for (unsigned i = 0; i < vdev->n_queues; i++)
    if (!virtq_check_state (&vdev->queues[i], &other->queues[i],
                            other->driver_features & VIRTIO_FEATURE (VIRTIO_F_RING_PACKED), error))
      return false;
  return true;
}

static void
after_load (void *object)
{
  VirtioDevice *vdev = object;

  for (unsigned i = 0; i < vdev->n_queues; i++)
    {
      Virtq *vq = &vdev->queues[i];

      vq->resetting = false;
      vq->in_flight = 0;
      vq->generation++;
      vq->unasked = false;
      if (!vq->enabled)
        continue;
      if (virtq_map (vq))
        virtq_packed_tidy_slots (vq);
      else
        {
          vq->enabled = false;
          vdev->status |= VIRTIO_STATUS_NEEDS_RESET;
        }
    }
  vdev->reset_pending = false;
}

static const StateField virtio_fields[] = {
  STATE_STRUCT (VirtioDevice, pci, &pci_device_state, 1),
  STATE_STRUCTS (VirtioDevice, queues, &virtq_state, 1),
  STATE_U64 (VirtioDevice, driver_features, 1),
  STATE_U8 (VirtioDevice, status, 1),
  STATE_U8 (VirtioDevice, isr, 1),
  STATE_U8 (VirtioDevice, config_generation, 1),
  STATE_U16 (VirtioDevice, config_vector, 1),
  STATE_U16 (VirtioDevice, queue_select, 1),
  STATE_U32 (VirtioDevice, feature_select, 1),
  STATE_U32 (VirtioDevice, driver_feature_select, 1),
  STATE_END,
};

const StateTable virtio_device_state = {
  .name = "virtio",
  .version = 1,
  .fields = virtio_fields,
  .object_size = sizeof (VirtioDevice),
  .check = check_state,
  .after_load = after_load,
};
