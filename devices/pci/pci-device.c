/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/pci/pci-private.h"

#include "devices/pci/pci-registers.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <inttypes.h>
#include <string.h>

static void pci_update_mappings (PciDevice *pci);

/* --- making and ending --- */

bool
pci_realize (PciDevice *pci, const PciPlace *place, const PciIdentity *identity, GError **error)
{
  uint8_t *config = pci->config;

  pci->bus = place->bus;
  pci->devfn = place->devfn;
  g_mutex_init (&pci->message_lock);

  store_le16 (config + PCI_VENDOR_ID, identity->vendor);
  store_le16 (config + PCI_DEVICE_ID, identity->device);
  config[PCI_REVISION] = identity->revision;
  store_le (config + PCI_CLASS_CODE, 3, identity->class_code);
  store_le16 (config + PCI_SUBSYSTEM_VENDOR, identity->subsystem_vendor);
  store_le16 (config + PCI_SUBSYSTEM, identity->subsystem);
  config[PCI_INTERRUPT_PIN] = identity->intx ? 1 : 0;

  store_le16 (pci->writable + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER
                                             | PCI_COMMAND_PARITY | PCI_COMMAND_SERR
                                             | (identity->intx ? PCI_COMMAND_INTX_DISABLE : 0));
  pci->writable[PCI_CACHE_LINE_SIZE] = 0xff;
  pci->writable[PCI_INTERRUPT_LINE] = 0xff;
  pci->next_capability = PCI_HEADER_END;

  if (!pci_bus_attach (pci->bus, pci, error))
    {
      pci->bus = NULL;
      return false;
    }
  if (identity->intx)
    pci->intx = pci_bus_route (pci->bus, pci);
  return true;
}

static void
pci_unmap_bar (PciDevice *pci, unsigned index)
{
  PciBar *bar = &pci->bars[index];

  if (!bar->mapped)
    return;
  if (pci->bar_mapped)
    pci->bar_mapped (pci, index, false);
  if (bar->bank)
    memory_bank_map (bar->bank, BANK_HIDDEN);
  else
    {
      Board *board = pci->device.board;

      bus_remove (bar->kind == PCI_BAR_IO ? board->ports : board->mmio, bar->region);
      bar->region = NULL;
    }
  bar->mapped = false;
  TRACE (pci, "bar-unmap", "bar=%u", index);
}

void
pci_unrealize (PciDevice *pci)
{
  if (!pci->bus)
    return;
  for (unsigned i = 0; i < PCI_N_BARS; i++)
    pci_unmap_bar (pci, i);
  if (pci->rom_mapped)
    memory_bank_map (pci->rom, BANK_HIDDEN);
  pci->rom_mapped = false;
  pci_messages_free (pci);
  pci_bus_detach (pci->bus, pci);
  pci->bus = NULL;
  g_mutex_clear (&pci->message_lock);
}

/* Writable bits go to 0: what a device wants otherwise its own reset sets afterwards. */
void
pci_reset (PciDevice *pci)
{
  for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i++)
    pci->config[i] &= ~(pci->writable[i] | pci->clear_on_write[i]);
  pci->intx_level = false;
  pci->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
  pci_update_mappings (pci);
  pci_messages_reset (pci);
  pci_update_intx (pci);
}

/* --- BARs --- */

static bool
pci_is_64bit_upper (const PciDevice *pci, unsigned index)
{
  return index > 0 && pci->bars[index - 1].kind == PCI_BAR_MEM64;
}

static PciBar *
pci_declare_bar (PciDevice *pci, unsigned index, PciBarKind kind, bool prefetchable, uint64_t size)
{
  PciBar *bar = &pci->bars[index];
  unsigned offset = PCI_BAR0 + 4 * index;
  uint64_t mask = ~(size - 1);
  uint8_t flags = prefetchable ? PCI_BAR_FLAG_PREFETCH : 0;

  g_assert (index < PCI_N_BARS && bar->kind == PCI_BAR_NONE && !pci_is_64bit_upper (pci, index));
  g_assert (size && (size & (size - 1)) == 0);
  g_assert (kind == PCI_BAR_IO ? size >= 4 && size <= 0x10000 : size >= GUEST_PAGE_SIZE);
  g_assert (kind == PCI_BAR_MEM64 ? index + 1 < PCI_N_BARS : size <= UINT32_MAX);

  if (kind == PCI_BAR_IO)
    flags = PCI_BAR_FLAG_IO;
  else if (kind == PCI_BAR_MEM64)
    flags |= PCI_BAR_FLAG_64;
  bar->kind = kind;
  bar->prefetchable = prefetchable;
  bar->size = size;
  store_le32 (pci->config + offset, flags);
  store_le32 (pci->writable + offset, (uint32_t)mask);
  if (kind == PCI_BAR_MEM64)
    store_le32 (pci->writable + offset + 4, mask >> 32);
  return bar;
}

void
pci_add_bar (PciDevice *pci, unsigned bar, PciBarKind kind, uint64_t size, const BusOps *ops)
{
  pci_declare_bar (pci, bar, kind, false, size)->ops = ops;
}

void
pci_add_memory_bar (PciDevice *pci, unsigned bar, PciBarKind kind, bool prefetchable, MemoryBank *bank)
{
  g_assert (kind != PCI_BAR_IO);
  pci_declare_bar (pci, bar, kind, prefetchable, memory_bank_size (bank))->bank = bank;
}

bool
pci_add_rom (PciDevice *pci, const char *path, GError **error)
{
  g_autofree char *content = NULL;
  g_autofree char *name = NULL;
  gsize length, size = GUEST_PAGE_SIZE;

  if (!g_file_get_contents (path, &content, &length, error))
    return false;
  if (length == 0 || length > 16 * 1024 * 1024)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "The expansion ROM %s is %" G_GSIZE_FORMAT " bytes long: it must have 1 byte to 16 MiB. "
                   "Reinstall the package it belongs to.",
                   path, length);
      return false;
    }
  while (size < length)
    size *= 2;

  name = g_strdup_printf ("%s-rom", pci->device.name);
  pci->rom = guest_memory_add_bank (pci->device.board->memory, name, size, BANK_ROM, error);
  if (!pci->rom)
    return false;
  memcpy (memory_bank_data (pci->rom), content, length);
  store_le32 (pci->writable + PCI_ROM_BASE, ~(uint32_t)(size - 1) | PCI_ROM_ENABLE);
  return true;
}

/* Where the BAR says it is, or BANK_HIDDEN: not decoded, not placed, or just being sized. */
static uint64_t
pci_bar_target (const PciDevice *pci, unsigned index)
{
  const PciBar *bar = &pci->bars[index];
  const uint8_t *reg = pci->config + PCI_BAR0 + 4 * index;
  uint16_t command = load_le16 (pci->config + PCI_COMMAND);
  uint64_t address, limit;

  if (bar->kind == PCI_BAR_NONE
      || !(command & (bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
    return BANK_HIDDEN;

  address = load_le32 (reg);
  limit = UINT32_MAX;
  if (bar->kind == PCI_BAR_IO)
    limit = UINT16_MAX;
  else if (bar->kind == PCI_BAR_MEM64)
    {
      address |= (uint64_t)load_le32 (reg + 4) << 32;
      limit = (UINT64_C (1) << 46) - 1;
    }
  address &= ~(bar->size - 1);
  if (address == 0 || address >= limit || limit - address < bar->size)
    return BANK_HIDDEN;
  return address;
}

static void
pci_map_bar (PciDevice *pci, unsigned index, uint64_t address)
{
  Board *board = pci->device.board;
  PciBar *bar = &pci->bars[index];

  if (bar->bank)
    bar->mapped = memory_bank_map (bar->bank, address);
  else
    {
      bar->region = bus_add (bar->kind == PCI_BAR_IO ? board->ports : board->mmio, &pci->device, bar->ops,
                             address, bar->size, 1);
      bar->mapped = bar->region != NULL;
    }
  bar->address = address;
  if (!bar->mapped)
    {
      GUEST_ERROR (pci, "bar %u can't be at 0x%" PRIx64 ": something else is there", index, address);
      return;
    }
  TRACE (pci, "bar-map", "bar=%u address=0x%" PRIx64 " size=0x%" PRIx64, index, address, bar->size);
  if (pci->bar_mapped)
    pci->bar_mapped (pci, index, true);
}

static void
pci_update_rom (PciDevice *pci)
{
  uint32_t reg = load_le32 (pci->config + PCI_ROM_BASE);
  uint64_t target = BANK_HIDDEN;

  if (!pci->rom)
    return;
  if ((reg & PCI_ROM_ENABLE) && (pci->config[PCI_COMMAND] & PCI_COMMAND_MEMORY))
    target = reg & ~(uint32_t)(memory_bank_size (pci->rom) - 1);
  if (target == 0 || (target != BANK_HIDDEN && target + memory_bank_size (pci->rom) > UINT32_MAX))
    target = BANK_HIDDEN;
  if (memory_bank_address (pci->rom) != target)
    {
      memory_bank_map (pci->rom, BANK_HIDDEN);
      pci->rom_mapped = target != BANK_HIDDEN && memory_bank_map (pci->rom, target);
    }
}

static void
pci_update_mappings (PciDevice *pci)
{
  uint64_t targets[PCI_N_BARS];

  /* All old places are left before new ones are taken: BARs may swap. */
  for (unsigned i = 0; i < PCI_N_BARS; i++)
    {
      targets[i] = pci_bar_target (pci, i);
      if (pci->bars[i].mapped && pci->bars[i].address != targets[i])
        pci_unmap_bar (pci, i);
    }
  for (unsigned i = 0; i < PCI_N_BARS; i++)
    if (targets[i] != BANK_HIDDEN && !pci->bars[i].mapped)
      pci_map_bar (pci, i, targets[i]);
  pci_update_rom (pci);
}

/* --- capabilities --- */

unsigned
pci_add_capability (PciDevice *pci, uint8_t id, unsigned size)
{
  unsigned offset = pci->next_capability;

  g_assert (size >= 2 && offset + size <= PCI_CONFIG_SIZE - 4);
  pci->config[offset] = id;
  pci->config[offset + 1] = 0;
  pci->config[pci->last_capability ? pci->last_capability + 1 : PCI_CAPABILITIES] = offset;
  pci->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
  pci->last_capability = offset;
  pci->next_capability = (offset + size + 3) & ~3u;
  return offset;
}

/* PCI Express Base 4.0, section 7.5.3. */
unsigned
pci_add_express (PciDevice *pci, unsigned port_type)
{
  bool integrated = port_type == 9;
  unsigned offset = pci_add_capability (pci, PCI_CAP_EXPRESS, 0x3c);
  uint8_t *cap = pci->config + offset;
  uint8_t *writable = pci->writable + offset;

  pci->is_express = true;
  store_le16 (cap + 0x02, 2 | port_type << 4); /* version 2 */
  store_le32 (cap + 0x04, 1 << 15);            /* role-based error reporting */
  store_le16 (writable + 0x08, 0x000f | 1 << 4 | 7 << 5 | 1 << 11 | 7 << 12);
  if (!integrated)
    {
      store_le32 (cap + 0x0c, 1 | 1 << 4); /* 2.5 GT/s, x1 */
      store_le16 (cap + 0x12, 1 | 1 << 4);
      store_le16 (writable + 0x10, 0x0040);
    }
  return offset;
}

/* PCI Power Management 1.2, section 3.2. */
unsigned
pci_add_power_management (PciDevice *pci)
{
  unsigned offset = pci_add_capability (pci, PCI_CAP_POWER_MANAGEMENT, 8);

  store_le16 (pci->config + offset + 2, 3);      /* version 1.2, no PME */
  store_le16 (pci->config + offset + 4, 1 << 3); /* no reset from D3hot */
  store_le16 (pci->writable + offset + 4, 3);
  return offset;
}

/* --- configuration accesses --- */

uint32_t
pci_config_read (PciDevice *pci, unsigned offset, unsigned size)
{
  uint32_t value;

  if (offset + size > (pci->is_express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE))
    return low_bytes (UINT32_MAX, size);
  if (!pci->config_read || !pci->config_read (pci, offset, size, &value))
    value = load_le (pci->config + offset, size);
  TRACE (pci, "config-read", "offset=0x%03x size=%u value=0x%x", offset, size, value);
  return value;
}

static bool
overlaps (unsigned offset, unsigned size, unsigned start, unsigned length)
{
  return offset < start + length && start < offset + size;
}

void
pci_config_write (PciDevice *pci, unsigned offset, uint32_t value, unsigned size)
{
  if (offset + size > (pci->is_express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE))
    return;
  TRACE (pci, "config-write", "offset=0x%03x size=%u value=0x%x", offset, size, value);

  g_mutex_lock (&pci->message_lock);
  for (unsigned i = 0; i < size; i++)
    {
      uint8_t *byte = &pci->config[offset + i];
      uint8_t in = value >> (8 * i);

      *byte = (*byte & ~pci->writable[offset + i]) | (in & pci->writable[offset + i]);
      *byte &= ~(in & pci->clear_on_write[offset + i]);
    }
  g_mutex_unlock (&pci->message_lock);

  if (overlaps (offset, size, PCI_COMMAND, 2) || overlaps (offset, size, PCI_BAR0, 4 * PCI_N_BARS)
      || overlaps (offset, size, PCI_ROM_BASE, 4))
    pci_update_mappings (pci);
  if (pci->msi_offset || pci->msix)
    pci_messages_update (pci);
  pci_update_intx (pci);
  if (pci->config_written)
    pci->config_written (pci, offset, size);
}

/* --- INTx --- */

void
pci_update_intx (PciDevice *pci)
{
  bool disabled = load_le16 (pci->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;

  irq_pin_set (&pci->intx, pci->intx_level && !disabled && !pci_messages_enabled (pci));
}

void
pci_set_intx (PciDevice *pci, bool level)
{
  if (pci->intx_level == level)
    return;
  pci->intx_level = level;
  if (level)
    pci->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
  else
    pci->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
  pci_update_intx (pci);
}

bool
pci_may_dma (PciDevice *pci)
{
  return pci->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* --- state --- */

static bool
pci_check_state (const void *object, const void *incoming, GError **error)
{
  const PciDevice *pci = object;
  const PciDevice *other = incoming;

  for (unsigned i = 0; i < PCI_HEADER_END; i++)
    {
      uint8_t fixed = ~(pci->writable[i] | pci->clear_on_write[i]);

      if (i == PCI_STATUS || i == PCI_STATUS + 1 || i == PCI_HEADER_TYPE)
        continue;
      if ((pci->config[i] ^ other->config[i]) & fixed)
        {
          g_set_error (
            error, VMM_ERROR, VMM_ERROR_STATE,
            "The saved state of %s is for another PCI device: configuration byte 0x%02x is 0x%02x, "
            "not 0x%02x.",
            pci->device.name, i, other->config[i], pci->config[i]);
          return false;
        }
    }
  return true;
}

static void
pci_after_load (void *object)
{
  PciDevice *pci = object;

  pci_update_mappings (pci);
  pci_messages_update (pci);
  pci_update_intx (pci);
}

static const StateField pci_fields[] = {
  STATE_BYTES (PciDevice, config, 1),
  STATE_BOOL (PciDevice, intx_level, 1),
  STATE_BUFFER (PciDevice, msix_memory, msix_memory_size, 1),
  STATE_END,
};

const StateTable pci_device_state = {
  .name = "pci",
  .version = 1,
  .fields = pci_fields,
  .object_size = sizeof (PciDevice),
  .check = pci_check_state,
  .after_load = pci_after_load,
};
