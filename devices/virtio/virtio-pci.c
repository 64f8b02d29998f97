/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-private.h"

#include "vmm/base/bytes.h"

/*
 * virtio over PCI, virtio 1.2 section 4.1, modern devices only. One memory BAR, and the next for MSI-X:
 *
 *   0x0000 common configuration   0x1000 ISR status
 *   0x2000 device configuration   0x3000 notifications, 4 bytes per queue
 */
#define REGISTER_SIZE 0x4000u
#define AREA_SIZE     0x1000u
#define NOTIFY_STRIDE 4u

enum {
  AREA_COMMON = 0x0000,
  AREA_ISR = 0x1000,
  AREA_DEVICE = 0x2000,
  AREA_NOTIFY = 0x3000,
};

/* Section 4.1.4: kinds of capability. */
enum {
  CAP_COMMON = 1,
  CAP_NOTIFY = 2,
  CAP_ISR = 3,
  CAP_DEVICE = 4,
  CAP_PCI = 5,
};

#define PCI_CAP_VENDOR 0x09
#define CAP_SIZE       16u
#define CAP_NOTIFY_LEN 20u
#define CAP_PCI_LEN    20u

/* Section 4.1.4.3, struct virtio_pci_common_cfg. */
enum {
  COMMON_DEVICE_FEATURE_SELECT = 0x00,
  COMMON_DEVICE_FEATURE = 0x04,
  COMMON_DRIVER_FEATURE_SELECT = 0x08,
  COMMON_DRIVER_FEATURE = 0x0c,
  COMMON_CONFIG_VECTOR = 0x10,
  COMMON_NUM_QUEUES = 0x12,
  COMMON_STATUS = 0x14,
  COMMON_GENERATION = 0x15,
  COMMON_QUEUE_SELECT = 0x16,
  COMMON_QUEUE_SIZE = 0x18,
  COMMON_QUEUE_VECTOR = 0x1a,
  COMMON_QUEUE_ENABLE = 0x1c,
  COMMON_QUEUE_NOTIFY_OFF = 0x1e,
  COMMON_QUEUE_DESC = 0x20,
  COMMON_QUEUE_DRIVER = 0x28,
  COMMON_QUEUE_DEVICE = 0x30,
  COMMON_QUEUE_NOTIFY_DATA = 0x38,
  COMMON_QUEUE_RESET = 0x3a,
  COMMON_SIZE = 0x3c,
};

/* --- interrupts --- */

void
virtio_pci_interrupt (VirtioDevice *vdev, uint16_t vector, uint8_t isr)
{
  if (pci_msix_enabled (&vdev->pci))
    {
      if (vector != VIRTIO_NO_VECTOR)
        pci_send_vector (&vdev->pci, vector);
      return;
    }
  vdev->isr |= isr;
  pci_set_intx (&vdev->pci, true);
}

/* Section 4.1.4.5: reading acknowledges. */
static uint8_t
read_isr (VirtioDevice *vdev)
{
  uint8_t isr = vdev->isr;

  vdev->isr = 0;
  pci_set_intx (&vdev->pci, false);
  return isr;
}

/* --- common configuration --- */

static Virtq *
selected_queue (VirtioDevice *vdev)
{
  return vdev->queue_select < vdev->n_queues ? &vdev->queues[vdev->queue_select] : NULL;
}

static uint32_t
feature_word (uint64_t features, uint32_t select)
{
  return select < 2 ? features >> (32 * select) : 0;
}

static uint64_t
read_common (VirtioDevice *vdev, unsigned offset, unsigned size)
{
  const Virtq *vq = selected_queue (vdev);
  uint8_t block[COMMON_SIZE + 4] = { 0 };

  if (offset + size > COMMON_SIZE)
    return 0;
  store_le32 (block + COMMON_DEVICE_FEATURE_SELECT, vdev->feature_select);
  store_le32 (block + COMMON_DEVICE_FEATURE, feature_word (vdev->features, vdev->feature_select));
  store_le32 (block + COMMON_DRIVER_FEATURE_SELECT, vdev->driver_feature_select);
  store_le32 (block + COMMON_DRIVER_FEATURE,
              feature_word (vdev->driver_features, vdev->driver_feature_select));
  store_le16 (block + COMMON_CONFIG_VECTOR, vdev->config_vector);
  store_le16 (block + COMMON_NUM_QUEUES, vdev->n_queues);
  block[COMMON_STATUS] = virtio_read_status (vdev);
  block[COMMON_GENERATION] = vdev->config_generation;
  store_le16 (block + COMMON_QUEUE_SELECT, vdev->queue_select);
  if (vq != NULL)
    {
      store_le16 (block + COMMON_QUEUE_SIZE, vq->size);
      store_le16 (block + COMMON_QUEUE_VECTOR, vq->vector);
      store_le16 (block + COMMON_QUEUE_ENABLE, vq->enabled && !vq->resetting);
      store_le16 (block + COMMON_QUEUE_NOTIFY_OFF, vq->index);
      store_le64 (block + COMMON_QUEUE_DESC, vq->desc);
      store_le64 (block + COMMON_QUEUE_DRIVER, vq->driver);
      store_le64 (block + COMMON_QUEUE_DEVICE, vq->device);
      store_le16 (block + COMMON_QUEUE_NOTIFY_DATA, vq->index);
      store_le16 (block + COMMON_QUEUE_RESET, vq->resetting);
    }
  return load_le (block + offset, size);
}

/* Section 4.1.5.1.2: a vector that can't be had reads back as none. */
static uint16_t
accept_vector (VirtioDevice *vdev, uint16_t vector)
{
  return vector < pci_msix_vectors (&vdev->pci) ? vector : VIRTIO_NO_VECTOR;
}

static void
write_driver_feature (VirtioDevice *vdev, uint32_t value)
{
  unsigned shift = 32 * vdev->driver_feature_select;

  if (vdev->driver_feature_select > 1 || (vdev->status & VIRTIO_STATUS_FEATURES_OK))
    {
      GUEST_ERROR (vdev, "features word %u written at status 0x%02x", vdev->driver_feature_select,
                   vdev->status);
      return;
    }
  vdev->driver_features &= ~(UINT64_C (0xffffffff) << shift);
  vdev->driver_features |= (uint64_t)value << shift;
}

static void
write_half (uint64_t *address, bool high, uint32_t value)
{
  if (high)
    *address = (*address & UINT32_MAX) | (uint64_t)value << 32;
  else
    *address = (*address & ~(uint64_t)UINT32_MAX) | value;
}

static void
write_queue_register (Virtq *vq, unsigned offset, uint32_t value)
{
  switch (offset)
    {
    case COMMON_QUEUE_VECTOR:
      vq->vector = accept_vector (vq->vdev, value);
      return;
    case COMMON_QUEUE_ENABLE:
      if (value == 1)
        virtq_enable (vq);
      return;
    case COMMON_QUEUE_RESET:
      if (value == 1 && virtio_has_feature (vq->vdev, VIRTIO_F_RING_RESET))
        virtq_begin_reset (vq);
      return;
    }

  if (vq->enabled)
    {
      GUEST_ERROR (vq->vdev, "queue %u is live; register 0x%02x is not written", vq->index, offset);
      return;
    }
  switch (offset)
    {
    case COMMON_QUEUE_SIZE:
      vq->size = virtq_may_have_size (vq, value, virtio_has_feature (vq->vdev, VIRTIO_F_RING_PACKED))
                   ? value
                   : vq->max_size;
      break;
    case COMMON_QUEUE_DESC:
    case COMMON_QUEUE_DESC + 4:
      write_half (&vq->desc, offset & 4, value);
      break;
    case COMMON_QUEUE_DRIVER:
    case COMMON_QUEUE_DRIVER + 4:
      write_half (&vq->driver, offset & 4, value);
      break;
    case COMMON_QUEUE_DEVICE:
    case COMMON_QUEUE_DEVICE + 4:
      write_half (&vq->device, offset & 4, value);
      break;
    }
}

static void
write_common (VirtioDevice *vdev, unsigned offset, uint32_t value)
{
  Virtq *vq = selected_queue (vdev);

  TRACE (vdev, "common-write", "offset=0x%02x value=0x%x queue=%u", offset, value, vdev->queue_select);
  switch (offset)
    {
    case COMMON_DEVICE_FEATURE_SELECT:
      vdev->feature_select = value;
      break;
    case COMMON_DRIVER_FEATURE_SELECT:
      vdev->driver_feature_select = value;
      break;
    case COMMON_DRIVER_FEATURE:
      write_driver_feature (vdev, value);
      break;
    case COMMON_CONFIG_VECTOR:
      vdev->config_vector = accept_vector (vdev, value);
      break;
    case COMMON_STATUS:
      virtio_write_status (vdev, value);
      break;
    case COMMON_QUEUE_SELECT:
      vdev->queue_select = value;
      break;
    default:
      if (vq != NULL && !vdev->reset_pending)
        write_queue_register (vq, offset, value);
    }
}

/* --- the BAR --- */

static uint64_t
registers_read (Device *device, uint64_t offset, unsigned size)
{
  VirtioDevice *vdev = (VirtioDevice *)device;
  unsigned in_area = offset % AREA_SIZE;

  switch (offset - in_area)
    {
    case AREA_COMMON:
      return read_common (vdev, in_area, size);
    case AREA_ISR:
      return in_area == 0 ? read_isr (vdev) : 0;
    case AREA_DEVICE:
      return in_area + size <= vdev->config_size ? load_le (vdev->config + in_area, size) : 0;
    default:
      return 0;
    }
}

static void
registers_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  VirtioDevice *vdev = (VirtioDevice *)device;
  unsigned in_area = offset % AREA_SIZE;

  switch (offset - in_area)
    {
    case AREA_COMMON:
      write_common (vdev, in_area, value);
      break;
    case AREA_DEVICE:
      if (vdev->virtio->config_write != NULL && in_area + size <= vdev->config_size)
        vdev->virtio->config_write (vdev, in_area, value, size);
      else
        GUEST_ERROR (vdev, "read-only configuration at 0x%x written", in_area);
      break;
    case AREA_NOTIFY:
      if (in_area / NOTIFY_STRIDE < vdev->n_queues)
        virtio_kick (&vdev->queues[in_area / NOTIFY_STRIDE]);
      break;
    }
}

static const BusOps registers_ops = {
  .read = registers_read,
  .write = registers_write,
  .max_size = 4,
};

/* Kicks come as eventfd signals wherever the hypervisor can do that. */
static void
route_kick (Virtq *vq, uint64_t address, bool on)
{
  Hypervisor *hypervisor = vq->vdev->pci.device.board->hypervisor;

  if (hypervisor == NULL || hypervisor->ops->add_ioeventfd == NULL || vq->kick_routed == on)
    return;
  if (on)
    vq->kick_routed = hypervisor->ops->add_ioeventfd (hypervisor, vq->kick_fd, false, address, 0, false, 0);
  else
    {
      hypervisor->ops->remove_ioeventfd (hypervisor, vq->kick_fd, false, address, 0, false, 0);
      vq->kick_routed = false;
    }
}

static void
route_kicks (PciDevice *pci, unsigned bar, bool mapped)
{
  VirtioDevice *vdev = (VirtioDevice *)pci;

  if (bar != vdev->virtio->first_bar)
    return;
  for (unsigned i = 0; i < vdev->n_queues; i++)
    route_kick (&vdev->queues[i], pci->bars[bar].address + AREA_NOTIFY + i * NOTIFY_STRIDE, mapped);
}

/* --- configuration space --- */

/* Section 4.1.4.9: a window to the BAR for firmware that can't map it. */
static bool
pci_cfg_target (VirtioDevice *vdev, uint32_t *offset, uint32_t *size)
{
  const uint8_t *cap = vdev->pci.config + vdev->pci_cfg_cap;

  *offset = load_le32 (cap + 8);
  *size = load_le32 (cap + 12);
  return cap[4] == vdev->virtio->first_bar && (*size == 1 || *size == 2 || *size == 4) && *offset % *size == 0
         && *offset <= REGISTER_SIZE - *size;
}

static bool
config_read (PciDevice *pci, unsigned offset, unsigned size, uint32_t *value)
{
  VirtioDevice *vdev = (VirtioDevice *)pci;
  uint32_t target, target_size;

  if (vdev->pci_cfg_cap == 0 || offset != vdev->pci_cfg_cap + CAP_SIZE
      || !pci_cfg_target (vdev, &target, &target_size))
    return false;
  *value = low_bytes (registers_read (&pci->device, target, target_size), size);
  return true;
}

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  VirtioDevice *vdev = (VirtioDevice *)pci;
  uint32_t target, target_size;

  if (offset < 6 && offset + size > 4 && pci_may_dma (pci))
    virtio_kick_all (vdev);
  if (vdev->pci_cfg_cap != 0 && offset == vdev->pci_cfg_cap + CAP_SIZE
      && pci_cfg_target (vdev, &target, &target_size))
    registers_write (&pci->device, target, load_le (pci->config + offset, target_size), target_size);
}

static unsigned
add_capability (VirtioDevice *vdev, unsigned length, uint8_t kind, uint32_t offset, uint32_t size)
{
  PciDevice *pci = &vdev->pci;
  unsigned where = pci_add_capability (pci, PCI_CAP_VENDOR, length);
  uint8_t *cap = pci->config + where;

  cap[2] = length;
  cap[3] = kind;
  cap[4] = vdev->virtio->first_bar;
  store_le32 (cap + 8, offset);
  store_le32 (cap + 12, size);
  return where;
}

bool
virtio_pci_realize (VirtioDevice *vdev, const PciPlace *place, GError **error)
{
  /* Section 4.1.2: device 0x1040 + type, revision 1 or more; subsystem 0x40 or more. */
  const PciIdentity identity = {
    .vendor = 0x1af4,
    .device = 0x1040 + vdev->virtio->id,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1040 + vdev->virtio->id,
    .class_code = vdev->virtio->class_code,
    .revision = 1,
    .intx = true,
  };

  if (!pci_realize (&vdev->pci, place, &identity, error))
    return false;
  vdev->pci.config_read = config_read;
  vdev->pci.config_written = config_written;
  vdev->pci.bar_mapped = route_kicks;
  return true;
}

void
virtio_pci_add_registers (VirtioDevice *vdev)
{
  PciDevice *pci = &vdev->pci;
  unsigned notify;
  uint8_t *writable;

  pci_add_bar (pci, vdev->virtio->first_bar, PCI_BAR_MEM32, REGISTER_SIZE, &registers_ops);
  pci_add_msix (pci, vdev->virtio->first_bar + 1, vdev->n_queues + 1);
  add_capability (vdev, CAP_SIZE, CAP_COMMON, AREA_COMMON, COMMON_SIZE);
  add_capability (vdev, CAP_SIZE, CAP_ISR, AREA_ISR, 1);
  if (vdev->config_size > 0)
    add_capability (vdev, CAP_SIZE, CAP_DEVICE, AREA_DEVICE, vdev->config_size);
  notify = add_capability (vdev, CAP_NOTIFY_LEN, CAP_NOTIFY, AREA_NOTIFY, vdev->n_queues * NOTIFY_STRIDE);
  store_le32 (pci->config + notify + CAP_SIZE, NOTIFY_STRIDE);

  vdev->pci_cfg_cap = add_capability (vdev, CAP_PCI_LEN, CAP_PCI, 0, 0);
  writable = pci->writable + vdev->pci_cfg_cap;
  writable[4] = 0xff;
  memset (writable + 8, 0xff, 12);
}

void
virtio_pci_unrealize (VirtioDevice *vdev)
{
  pci_unrealize (&vdev->pci);
}
