/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/pci/pci-private.h"

#include "devices/pci/pci-registers.h"
#include "vmm/base/bytes.h"

#include <string.h>

/*
 * MSI and MSI-X. Their registers are guarded by message_lock, so that a backend's thread can
 * send a vector with or without the device's lock.
 */
struct PciMsix {
  unsigned offset; /* of the capability */
  unsigned n_vectors;
  unsigned pba_offset; /* in the BAR */
  uint8_t *table;      /* entries; the pending bits follow */
  uint8_t *pending;
  MsiRoute **routes; /* made when a vector is first used */
};

#define MSIX_MAX_VECTORS 2048u

static uint16_t
msi_control_locked (const PciDevice *pci)
{
  return pci->msi_offset ? load_le16 (pci->config + pci->msi_offset + PCI_MSI_CONTROL) : 0;
}

static uint16_t
msix_control_locked (const PciDevice *pci)
{
  return pci->msix ? load_le16 (pci->config + pci->msix->offset + PCI_MSIX_CONTROL) : 0;
}

bool
pci_messages_enabled (PciDevice *pci)
{
  bool enabled;

  g_mutex_lock (&pci->message_lock);
  enabled = (msi_control_locked (pci) & PCI_MSI_ENABLE) || (msix_control_locked (pci) & PCI_MSIX_ENABLE);
  g_mutex_unlock (&pci->message_lock);
  return enabled;
}

bool
pci_msix_enabled (PciDevice *pci)
{
  bool enabled;

  g_mutex_lock (&pci->message_lock);
  enabled = msix_control_locked (pci) & PCI_MSIX_ENABLE;
  g_mutex_unlock (&pci->message_lock);
  return enabled;
}

unsigned
pci_msix_vectors (PciDevice *pci)
{
  return pci->msix ? pci->msix->n_vectors : 0;
}

/* --- MSI --- */

void
pci_add_msi (PciDevice *pci)
{
  unsigned offset = pci_add_capability (pci, PCI_CAP_MSI, PCI_MSI_SIZE);

  pci->msi_offset = offset;
  store_le16 (pci->config + offset + PCI_MSI_CONTROL, PCI_MSI_64BIT);
  store_le16 (pci->writable + offset + PCI_MSI_CONTROL, PCI_MSI_ENABLE);
  store_le32 (pci->writable + offset + PCI_MSI_ADDRESS, ~UINT32_C (3));
  store_le32 (pci->writable + offset + PCI_MSI_ADDRESS_HIGH, UINT32_MAX);
  store_le16 (pci->writable + offset + PCI_MSI_DATA, UINT16_MAX);
  pci->msi_route = msi_route_new (pci->device.board->hypervisor);
}

static void
msi_update_locked (PciDevice *pci)
{
  const uint8_t *cap = pci->config + pci->msi_offset;

  if (msi_control_locked (pci) & PCI_MSI_ENABLE)
    msi_route_set_message (pci->msi_route,
                           load_le32 (cap + PCI_MSI_ADDRESS)
                             | (uint64_t)load_le32 (cap + PCI_MSI_ADDRESS_HIGH) << 32,
                           load_le16 (cap + PCI_MSI_DATA));
}

/* --- MSI-X --- */

static uint8_t *
msix_entry (const PciMsix *msix, unsigned vector)
{
  return msix->table + vector * PCI_MSIX_ENTRY_SIZE;
}

static bool
msix_is_pending (const PciMsix *msix, unsigned vector)
{
  return msix->pending[vector / 8] & 1u << (vector % 8);
}

static void
msix_set_pending (PciMsix *msix, unsigned vector, bool pending)
{
  uint8_t bit = 1u << (vector % 8);

  if (pending)
    msix->pending[vector / 8] |= bit;
  else
    msix->pending[vector / 8] &= ~bit;
}

static bool
msix_is_masked_locked (PciDevice *pci, unsigned vector)
{
  return (msix_control_locked (pci) & PCI_MSIX_FUNCTION_MASK)
         || (msix_entry (pci->msix, vector)[PCI_MSIX_ENTRY_CONTROL] & PCI_MSIX_ENTRY_MASKED);
}

/* Brings a vector's route up to date and sends what became deliverable. */
static void
msix_update_vector_locked (PciDevice *pci, unsigned vector)
{
  PciMsix *msix = pci->msix;
  const uint8_t *entry = msix_entry (msix, vector);

  if (!(msix_control_locked (pci) & PCI_MSIX_ENABLE) || msix_is_masked_locked (pci, vector))
    return;
  if (!msix->routes[vector])
    msix->routes[vector] = msi_route_new (pci->device.board->hypervisor);
  msi_route_set_message (msix->routes[vector], load_le64 (entry), load_le32 (entry + PCI_MSIX_ENTRY_DATA));
  if (msix_is_pending (msix, vector))
    {
      msix_set_pending (msix, vector, false);
      msi_route_signal (msix->routes[vector]);
    }
}

static uint64_t
msix_read (Device *device, uint64_t offset, unsigned size)
{
  PciDevice *pci = (PciDevice *)device;
  const PciMsix *msix = pci->msix;
  unsigned table_size = msix->n_vectors * PCI_MSIX_ENTRY_SIZE;
  unsigned pending_size = pci->msix_memory_size - table_size;
  uint64_t value = 0;

  g_mutex_lock (&pci->message_lock);
  if (offset + size <= table_size)
    value = load_le (msix->table + offset, size);
  else if (offset >= msix->pba_offset && offset + size <= msix->pba_offset + pending_size)
    value = load_le (msix->pending + (offset - msix->pba_offset), size);
  g_mutex_unlock (&pci->message_lock);
  return value;
}

/* Section 6.8.2: the pending bits are read-only, vector control has one writable bit. */
static void
msix_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  PciDevice *pci = (PciDevice *)device;
  PciMsix *msix = pci->msix;
  unsigned vector = offset / PCI_MSIX_ENTRY_SIZE;

  if (offset + size > msix->n_vectors * PCI_MSIX_ENTRY_SIZE)
    return;
  g_mutex_lock (&pci->message_lock);
  store_le (msix->table + offset, size, value);
  msix_entry (msix, vector)[0] &= ~3;
  store_le32 (msix_entry (msix, vector) + PCI_MSIX_ENTRY_CONTROL,
              load_le32 (msix_entry (msix, vector) + PCI_MSIX_ENTRY_CONTROL) & PCI_MSIX_ENTRY_MASKED);
  msix_update_vector_locked (pci, vector);
  g_mutex_unlock (&pci->message_lock);
}

/* Aligned accesses of up to 8 bytes never cross an entry; others are split. */
static const BusOps msix_ops = { .read = msix_read, .write = msix_write, .max_size = 4 };

void
pci_add_msix (PciDevice *pci, unsigned bar, unsigned n_vectors)
{
  unsigned offset = pci_add_capability (pci, PCI_CAP_MSIX, PCI_MSIX_SIZE);
  unsigned table_size = n_vectors * PCI_MSIX_ENTRY_SIZE;
  unsigned pending_size = (n_vectors + 63) / 64 * 8;
  unsigned bar_size = GUEST_PAGE_SIZE;
  PciMsix *msix = g_new0 (PciMsix, 1);

  g_assert (n_vectors >= 1 && n_vectors <= MSIX_MAX_VECTORS);
  while (bar_size / 2 < table_size)
    bar_size *= 2;

  pci->msix_memory_size = table_size + pending_size;
  pci->msix_memory = g_malloc0 (pci->msix_memory_size);
  msix->offset = offset;
  msix->n_vectors = n_vectors;
  msix->pba_offset = bar_size / 2;
  msix->table = pci->msix_memory;
  msix->pending = pci->msix_memory + table_size;
  msix->routes = g_new0 (MsiRoute *, n_vectors);
  pci->msix = msix;

  store_le16 (pci->config + offset + PCI_MSIX_CONTROL, n_vectors - 1);
  store_le16 (pci->writable + offset + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
  store_le32 (pci->config + offset + PCI_MSIX_TABLE, bar);
  store_le32 (pci->config + offset + PCI_MSIX_PBA, msix->pba_offset | bar);
  pci_add_bar (pci, bar, PCI_BAR_MEM32, bar_size, &msix_ops);
  pci_messages_reset (pci);
}

static void
msix_update_locked (PciDevice *pci)
{
  for (unsigned i = 0; i < pci->msix->n_vectors; i++)
    msix_update_vector_locked (pci, i);
}

/* --- both --- */

void
pci_messages_reset (PciDevice *pci)
{
  PciMsix *msix = pci->msix;

  if (!msix)
    return;
  g_mutex_lock (&pci->message_lock);
  memset (pci->msix_memory, 0, pci->msix_memory_size);
  for (unsigned i = 0; i < msix->n_vectors; i++)
    msix_entry (msix, i)[PCI_MSIX_ENTRY_CONTROL] = PCI_MSIX_ENTRY_MASKED;
  g_mutex_unlock (&pci->message_lock);
}

void
pci_messages_update (PciDevice *pci)
{
  g_mutex_lock (&pci->message_lock);
  if (pci->msi_offset)
    msi_update_locked (pci);
  if (pci->msix)
    msix_update_locked (pci);
  g_mutex_unlock (&pci->message_lock);
}

void
pci_messages_free (PciDevice *pci)
{
  PciMsix *msix = pci->msix;

  g_clear_pointer (&pci->msi_route, msi_route_free);
  pci->msi_offset = 0;
  if (!msix)
    return;
  for (unsigned i = 0; i < msix->n_vectors; i++)
    g_clear_pointer (&msix->routes[i], msi_route_free);
  g_free (msix->routes);
  g_clear_pointer (&pci->msix_memory, g_free);
  pci->msix_memory_size = 0;
  g_clear_pointer (&pci->msix, g_free);
}

/* A vector that is beyond the table or masked costs the guest nothing but its interrupt. */
static void
msix_send_locked (PciDevice *pci, unsigned vector)
{
  PciMsix *msix = pci->msix;

  if (vector >= msix->n_vectors)
    return;
  if (msix_is_masked_locked (pci, vector))
    msix_set_pending (msix, vector, true);
  else if (msix->routes[vector])
    msi_route_signal (msix->routes[vector]);
}

bool
pci_send_vector (PciDevice *pci, unsigned vector)
{
  bool sent = true;

  g_mutex_lock (&pci->message_lock);
  if (msix_control_locked (pci) & PCI_MSIX_ENABLE)
    msix_send_locked (pci, vector);
  else if (msi_control_locked (pci) & PCI_MSI_ENABLE)
    msi_route_signal (pci->msi_route);
  else
    sent = false;
  g_mutex_unlock (&pci->message_lock);
  return sent;
}
