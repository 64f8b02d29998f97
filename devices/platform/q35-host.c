/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/q35-host.h"

#include "devices/platform/pci-config.h"
#include "vmm/base/bytes.h"

#include <string.h>

#define PAM_START       0xc0000u
#define PAM_SIZE        0x40000u
#define PAM_PIECE       0x4000u
#define N_PAM_SEGMENTS  13u /* twelve of 16 KiB, then 64 KiB at 0xf0000 */
#define BIOS_ALIAS      0xe0000u
#define BIOS_ALIAS_SIZE 0x20000u

#define SMRAM_OPEN   (1 << 6)
#define SMRAM_LOCKED (1 << 4)

/* Pieces of the RAM bank, by alias slot: below 640 KiB, above 1 MiB, one per PAM segment. */
enum { ALIAS_BASE = 1, ALIAS_ABOVE_1M = 2, ALIAS_PAM = 3 };

typedef struct {
  PciDevice pci;
  MemoryBank *ram, *bios;
  Device *pci_config;
  uint8_t shown[N_PAM_SEGMENTS]; /* what is mapped now: Q35_PAM_* bits */
  bool segments_placed;
} Q35Host;

#define Q35_HOST(device) ((Q35Host *)(device))

static const PciIdentity identity = {
  .vendor = 0x8086,
  .device = 0x29c0,
  .subsystem_vendor = 0x1af4,
  .subsystem = 0x1100,
  .class_code = 0x060000,
  .revision = 2,
};

/* --- PAM: section 5.1.13 and following --- */

static uint32_t
segment_start (unsigned segment)
{
  return PAM_START + segment * PAM_PIECE;
}

static uint32_t
segment_size (unsigned segment)
{
  return segment == N_PAM_SEGMENTS - 1 ? 4 * PAM_PIECE : PAM_PIECE;
}

static unsigned
segment_at (uint32_t address)
{
  return MIN ((address - PAM_START) / PAM_PIECE, N_PAM_SEGMENTS - 1);
}

static uint8_t
segment_mode (const Q35Host *self, unsigned segment)
{
  const uint8_t *pam = self->pci.config + Q35_PAM0;

  if (segment == N_PAM_SEGMENTS - 1)
    return pam[0] >> 4 & 3;
  return pam[1 + segment / 2] >> (segment % 2 * 4) & 3;
}

/* The BIOS's alias slots are numbered by segment from 0xe0000. */
static void
q35_show_bios (Q35Host *self, unsigned segment, bool show)
{
  uint32_t start = segment_start (segment);
  unsigned slot;

  if (!self->bios || start < BIOS_ALIAS)
    return;
  slot = 1 + segment - segment_at (BIOS_ALIAS);
  if (show)
    memory_bank_map_alias (self->bios, slot, start,
                           memory_bank_size (self->bios) - BIOS_ALIAS_SIZE + (start - BIOS_ALIAS),
                           segment_size (segment), BANK_ROM);
  else
    memory_bank_unmap_alias (self->bios, slot);
}

static void
q35_show_segment (Q35Host *self, unsigned segment, uint8_t mode)
{
  uint32_t start = segment_start (segment);

  if (self->segments_placed && self->shown[segment] == mode)
    return;
  TRACE (self, "pam", "address=0x%05x mode=%u", start, mode);
  if (mode & Q35_PAM_READ)
    {
      q35_show_bios (self, segment, false);
      memory_bank_map_alias (self->ram, ALIAS_PAM + segment, start, start, segment_size (segment),
                             mode & Q35_PAM_WRITE ? BANK_RAM : BANK_ROM);
    }
  else
    {
      memory_bank_unmap_alias (self->ram, ALIAS_PAM + segment);
      q35_show_bios (self, segment, true);
    }
  self->shown[segment] = mode;
}

static void
q35_update_segments (Q35Host *self)
{
  for (unsigned i = 0; i < N_PAM_SEGMENTS; i++)
    q35_show_segment (self, i, segment_mode (self, i));
  self->segments_placed = true;
}

/* What no mapping answers comes here: reads of nothing, writes to ROM. A segment that is open for writes
 * only shadows the ROM below it. */
static uint64_t
q35_read_segment (Device *device, uint64_t offset, unsigned size)
{
  return low_bytes (UINT64_MAX, size);
}

static void
q35_write_segment (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Q35Host *self = Q35_HOST (device);
  uint32_t address = PAM_START + (uint32_t)offset;

  if (segment_mode (self, segment_at (address)) == Q35_PAM_WRITE)
    {
      store_le ((uint8_t *)memory_bank_data (self->ram) + address, size, value);
      memory_bank_set_dirty (self->ram, address, size);
    }
}

static const BusOps segment_ops = { .read = q35_read_segment, .write = q35_write_segment };

/* --- PCIEXBAR: section 5.1.16 --- */

static void
q35_update_ecam (Q35Host *self)
{
  uint64_t reg = load_le64 (self->pci.config + Q35_PCIEXBAR);
  unsigned length = reg >> 1 & 3;
  uint64_t size = length < 3 ? Q35_ECAM_SIZE >> length : 0;

  if (!(reg & 1) || !size)
    pci_config_place_ecam (self->pci_config, 0, 0);
  else
    pci_config_place_ecam (self->pci_config, reg & UINT64_C (0xfffffffff) & ~(size - 1), size);
}

static void
q35_config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  Q35Host *self = Q35_HOST (pci);

  q35_update_segments (self);
  if (offset < Q35_PCIEXBAR + 8 && offset + size > Q35_PCIEXBAR)
    q35_update_ecam (self);

  /* D_LCK closes SMRAM and stays until the next reset. */
  if (pci->config[Q35_SMRAM] & SMRAM_LOCKED)
    {
      pci->config[Q35_SMRAM] &= ~SMRAM_OPEN;
      pci->writable[Q35_SMRAM] = 0;
      pci->writable[Q35_ESMRAMC] = 0;
    }
}

/* --- life --- */

static void
q35_declare_registers (PciDevice *pci)
{
  uint8_t *writable = pci->writable;

  store_le64 (writable + Q35_PCIEXBAR, UINT64_C (0x0000000ff0000000) | 0x0e000000 | 7);
  writable[Q35_PAM0] = 0x30;
  for (unsigned i = 1; i <= 6; i++)
    writable[Q35_PAM0 + i] = 0x33;
  writable[0x97] = 0xff; /* LAC: legacy access control, stored only */
  writable[Q35_SMRAM] = 0x78;
  writable[Q35_ESMRAMC] = 0xc7;
}

static bool
q35_host_realize (Device *device, const void *config, GError **error)
{
  Q35Host *self = Q35_HOST (device);
  const Q35HostConfig *cfg = config;
  uint64_t size = memory_bank_size (cfg->ram);

  self->ram = cfg->ram;
  self->bios = cfg->bios;
  self->pci_config = cfg->pci_config;
  self->pci.config_written = q35_config_written;
  if (!pci_realize (&self->pci, &cfg->place, &identity, error))
    return false;
  q35_declare_registers (&self->pci);

  memory_bank_map_alias (self->ram, ALIAS_BASE, 0, 0, 0xa0000, BANK_RAM);
  if (size > 0x100000)
    memory_bank_map_alias (self->ram, ALIAS_ABOVE_1M, 0x100000, 0x100000, size - 0x100000, BANK_RAM);
  device_add_mmio (device, &segment_ops, PAM_START, PAM_SIZE, 0);
  return true;
}

static void
q35_host_unrealize (Device *device)
{
  pci_unrealize (&Q35_HOST (device)->pci);
}

static void
q35_host_reset (Device *device)
{
  Q35Host *self = Q35_HOST (device);

  q35_declare_registers (&self->pci);
  pci_reset (&self->pci);
  self->pci.config[Q35_SMRAM] = 0x02;
  self->pci.config[Q35_ESMRAMC] = 0x38;
  q35_update_segments (self);
  q35_update_ecam (self);
}

static void
q35_after_load (void *object)
{
  Q35Host *self = object;

  q35_declare_registers (&self->pci);
  q35_config_written (&self->pci, Q35_PCIEXBAR, 8);
}

static const StateField q35_fields[] = {
  STATE_STRUCT (Q35Host, pci, &pci_device_state, 1),
  STATE_END,
};

static const StateTable q35_state = {
  .name = "q35-host",
  .version = 1,
  .fields = q35_fields,
  .object_size = sizeof (Q35Host),
  .after_load = q35_after_load,
};

const DeviceClass q35_host_class = {
  .id = "q35-host",
  .size = sizeof (Q35Host),
  .realize = q35_host_realize,
  .unrealize = q35_host_unrealize,
  .reset = q35_host_reset,
  .state = &q35_state,
};
