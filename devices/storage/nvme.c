/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"
#include "devices/pci/pci-registers.h"
#include "vmm/base/error.h"

#include <inttypes.h>

/* Registers (section 3.1) and the controller's life (sections 7.3 and 7.6). */

#define REGISTER_BAR  0
#define MSIX_BAR      4
#define REGISTER_SIZE 0x2000u
#define DOORBELLS     0x1000u
#define READY_TIMEOUT 120u /* units of 500 ms: a host's disk may be slow */

enum {
  REG_CAP = 0x00,
  REG_VS = 0x08,
  REG_INTMS = 0x0c,
  REG_INTMC = 0x10,
  REG_CC = 0x14,
  REG_CSTS = 0x1c,
  REG_AQA = 0x24,
  REG_ASQ = 0x28,
  REG_ACQ = 0x30,
};

/* Section 3.1.1. DSTRD 0: doorbells lie 4 bytes apart; MPSMIN and MPSMAX 0: pages of 4 KiB. */
#define CAPABILITIES                                                                                         \
  ((NVME_MAX_ENTRIES - 1) | UINT64_C (1) << 16 /* CQR */ | (uint64_t)READY_TIMEOUT << 24                     \
   | UINT64_C (1) << 37 /* the NVM command set */)

static const PciIdentity identity = {
  .vendor = 0x15ad,
  .device = 0x07f0,
  .subsystem_vendor = 0x15ad,
  .subsystem = 0x07f0,
  .class_code = 0x010802, /* NVM Express I/O controller */
  .revision = 0x01,
  .intx = true,
};

/* --- the controller's life --- */

bool
nvme_is_live (const Nvme *nvme)
{
  return (nvme->csts & (NVME_CSTS_RDY | NVME_CSTS_CFS)) == NVME_CSTS_RDY && !nvme->reset_pending;
}

void
nvme_fail (Nvme *nvme, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  GUEST_ERROR (nvme, "%s", text);
  nvme->csts |= NVME_CSTS_CFS;
}

/* Section 7.3.2: all but the admin queue's registers. */
static void
reset_controller (Nvme *nvme)
{
  TRACE (nvme, "reset", "cc=0x%08x csts=0x%x", nvme->cc, nvme->csts);
  nvme->reset_pending = nvme->shutdown_pending = false;
  nvme->csts = 0;
  nvme->interrupt_mask = 0;
  nvme_queues_reset (nvme);
  nvme_features_reset (nvme);
  nvme->n_event_ids = 0;
  nvme->events = nvme->masked_events = 0;
  nvme->namespace_changed = false;
  pci_set_intx (&nvme->pci, false);
}

void
nvme_idle (Nvme *nvme)
{
  if (nvme->reset_pending)
    reset_controller (nvme);
  else if (nvme->shutdown_pending)
    {
      nvme->shutdown_pending = false;
      nvme->csts = (nvme->csts & ~NVME_CSTS_SHST) | NVME_CSTS_SHST_COMPLETE;
    }
}

/* Section 7.6.1. */
static void
enable (Nvme *nvme)
{
  unsigned sq_size = (nvme->aqa & 0xfff) + 1, cq_size = (nvme->aqa >> 16 & 0xfff) + 1;

  TRACE (nvme, "enable", "cc=0x%08x asq=0x%" PRIx64 " acq=0x%" PRIx64, nvme->cc, nvme->asq, nvme->acq);
  if ((nvme->cc >> NVME_CC_CSS_SHIFT & 7) != 0 || (nvme->cc >> NVME_CC_MPS_SHIFT & 0xf) != 0
      || (nvme->cc >> NVME_CC_AMS_SHIFT & 7) != 0)
    nvme_fail (nvme, "enabled with CC 0x%08x, which asks for what there isn't", nvme->cc);
  else if (sq_size < 2 || cq_size < 2)
    nvme_fail (nvme, "enabled with admin queues of %u and %u entries", sq_size, cq_size);
  else if (!nvme_cq_open (nvme, 0, nvme->acq, cq_size, true, 0)
           || !nvme_sq_open (nvme, 0, 0, nvme->asq, sq_size))
    nvme_fail (nvme, "enabled with admin queues in no RAM");
  else
    nvme->csts |= NVME_CSTS_RDY;
}

static void
disable (Nvme *nvme)
{
  if (nvme->n_busy > 0)
    nvme->reset_pending = true; /* RDY tells when it is over */
  else
    reset_controller (nvme);
}

/* Section 7.6.2: the host says that power will go. */
static void
shut_down (Nvme *nvme)
{
  TRACE (nvme, "shutdown", "cc=0x%08x", nvme->cc);
  nvme->csts = (nvme->csts & ~NVME_CSTS_SHST) | NVME_CSTS_SHST_OCCURRING;
  nvme->shutdown_pending = true;
  nvme_flush_for_shutdown (nvme);
}

static void
write_cc (Nvme *nvme, uint32_t value)
{
  uint32_t old = nvme->cc;

  nvme->cc = value & NVME_CC_WRITABLE;
  if ((nvme->cc >> NVME_CC_SHN_SHIFT & 3) != 0 && (old >> NVME_CC_SHN_SHIFT & 3) == 0)
    shut_down (nvme);
  if ((nvme->cc & NVME_CC_EN) && !(old & NVME_CC_EN))
    {
      if (nvme->reset_pending)
        {
          GUEST_ERROR (nvme, "enabled before it was ready to be");
          nvme->cc &= ~NVME_CC_EN;
          return;
        }
      if ((nvme->cc >> NVME_CC_SHN_SHIFT & 3) == 0)
        nvme->csts &= ~NVME_CSTS_SHST;
      enable (nvme);
    }
  else if (!(nvme->cc & NVME_CC_EN) && (old & NVME_CC_EN))
    disable (nvme);
}

/* --- registers --- */

static uint64_t
registers_read (Device *device, uint64_t offset, unsigned size)
{
  Nvme *nvme = (Nvme *)device;
  uint8_t block[REG_ACQ + 8] = { 0 };

  if (offset + size > sizeof block)
    return 0; /* doorbells can't be read, and what lies between isn't there */
  store_le64 (block + REG_CAP, CAPABILITIES);
  store_le32 (block + REG_VS, 0x00010400);
  store_le32 (block + REG_INTMS, nvme->interrupt_mask);
  store_le32 (block + REG_INTMC, nvme->interrupt_mask);
  store_le32 (block + REG_CC, nvme->cc);
  store_le32 (block + REG_CSTS, nvme->csts);
  store_le32 (block + REG_AQA, nvme->aqa);
  store_le64 (block + REG_ASQ, nvme->asq);
  store_le64 (block + REG_ACQ, nvme->acq);
  return load_le (block + offset, size);
}

static void
write_half (uint64_t *address, bool high, uint32_t value)
{
  if (high)
    *address = (*address & UINT32_MAX) | (uint64_t)value << 32;
  else
    *address = (*address & ~(uint64_t)UINT32_MAX) | (value & ~(NVME_PAGE - 1));
}

static void
write_register (Nvme *nvme, unsigned offset, uint32_t value)
{
  TRACE (nvme, "write", "offset=0x%02x value=0x%x", offset, value);
  switch (offset)
    {
    case REG_INTMS:
      nvme->interrupt_mask |= value;
      nvme_update_intx (nvme);
      break;
    case REG_INTMC:
      nvme->interrupt_mask &= ~value;
      nvme_update_intx (nvme);
      break;
    case REG_CC:
      write_cc (nvme, value);
      break;
    case REG_AQA:
      nvme->aqa = value & 0x0fff0fff;
      break;
    case REG_ASQ:
    case REG_ASQ + 4:
      write_half (&nvme->asq, offset & 4, value);
      break;
    case REG_ACQ:
    case REG_ACQ + 4:
      write_half (&nvme->acq, offset & 4, value);
      break;
    default:
      GUEST_ERROR (nvme, "no register to write at 0x%02x", offset);
    }
}

/* Section 3.1: narrower accesses than 32 bits are not supported. */
static void
registers_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Nvme *nvme = (Nvme *)device;

  if (size != 4)
    GUEST_ERROR (device, "a write of %u bytes at 0x%x", size, (unsigned)offset);
  else if (offset >= DOORBELLS)
    nvme_doorbell (nvme, (offset - DOORBELLS) / 8, offset & 4, value);
  else
    write_register (nvme, offset, value);
}

static const BusOps registers_ops = { .read = registers_read, .write = registers_write, .max_size = 4 };

static void
bar_mapped (PciDevice *pci, unsigned bar, bool mapped)
{
  if (bar == REGISTER_BAR)
    nvme_route_doorbells ((Nvme *)pci, mapped ? pci->bars[bar].address : BANK_HIDDEN);
}

/* --- the device --- */

/* On the loop's thread, without locks. */
static void
image_resized (Image *image, void *data)
{
  Nvme *nvme = data;
  Device *device = &nvme->pci.device;

  device_lock (device);
  TRACE (device, "resized", "bytes=%" PRIu64, image_size (image));
  if (nvme->features[NVME_FEATURE_EVENTS] & NVME_WATCH_NAMESPACE)
    {
      nvme->namespace_changed = true;
      nvme_raise_events (nvme, NVME_EVENT_NAMESPACE_CHANGED);
    }
  device_unlock (device);
}

static bool
nvme_realize (Device *device, const void *config, GError **error)
{
  const NvmeConfig *nvme_config = config;
  Nvme *nvme = (Nvme *)device;

  nvme->n_queues = MAX (nvme_config->n_queues, 1);
  g_return_val_if_fail (nvme_config->image != NULL && nvme->n_queues <= NVME_MAX_IO_QUEUES, false);
  nvme->read_only = nvme_config->read_only || image_is_read_only (nvme_config->image);
  nvme->write_through = nvme_config->write_through;
  nvme->no_discard = nvme_config->no_discard;
  memcpy (nvme->uuid, nvme_config->uuid, NVME_UUID_SIZE);
  if (nvme_config->serial != NULL)
    memcpy (nvme->serial, nvme_config->serial, MIN (strlen (nvme_config->serial), sizeof nvme->serial));
  nvme_queues_init (nvme);
  nvme->pci.bar_mapped = bar_mapped;
  if (!pci_realize (&nvme->pci, &nvme_config->place, &identity, error))
    return false;
  pci_add_bar (&nvme->pci, REGISTER_BAR, PCI_BAR_MEM64, REGISTER_SIZE, &registers_ops);
  pci_add_msix (&nvme->pci, MSIX_BAR, nvme->n_queues + 1);
  pci_add_power_management (&nvme->pci);
  pci_add_express (&nvme->pci, 9);
  if (!nvme_queues_realize (nvme, error))
    return false;
  nvme->image = nvme_config->image; /* until here the caller keeps it */
  image_on_resize (nvme->image, image_resized, nvme);
  return true;
}

static void
nvme_unrealize (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  device_lock (device);
  nvme->halted = true;
  nvme_queues_reset (nvme);
  device_unlock (device);
  if (nvme->image != NULL)
    image_on_resize (nvme->image, NULL, NULL);
  g_clear_pointer (&nvme->image, image_close);
  pci_unrealize (&nvme->pci);
  nvme_queues_unrealize (nvme);
  nvme_free_spare (nvme);
}

static void
nvme_reset (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  nvme->blocked = false;
  nvme->cc = nvme->aqa = 0;
  nvme->asq = nvme->acq = 0;
  reset_controller (nvme);
  pci_reset (&nvme->pci);
}

static void
nvme_stopped (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  nvme->halted = true;
  image_let_through (nvme->image);
}

/* The user made room: what was parked is tried again. */
static void
nvme_started (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  nvme->halted = nvme->blocked = false;
  nvme_serve_all (nvme);
}

const DeviceClass nvme_class = {
  .id = "nvme",
  .size = sizeof (Nvme),
  .realize = nvme_realize,
  .unrealize = nvme_unrealize,
  .reset = nvme_reset,
  .stopped = nvme_stopped,
  .started = nvme_started,
  .state = &nvme_state,
};
