/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/q35-host.h"

#include "devices/platform/pci-config.h"
#include "vmm/base/bytes.h"

#include <inttypes.h>
#include <string.h>

#define PAM_START       0xc0000u
#define PAM_SIZE        0x40000u
#define PAM_PIECE       0x4000u
#define N_PAM_SEGMENTS  13u /* twelve of 16 KiB, then 64 KiB at 0xf0000 */
#define BIOS_ALIAS      0xe0000u
#define BIOS_ALIAS_SIZE 0x20000u

#define SMRAM_OPEN   (1 << 6)
#define SMRAM_LOCKED (1 << 4)

/* Pieces of the RAM bank, by alias slot: below 640 KiB, above 1 MiB, one per PAM segment; and of the BIOS
 * bank. */
enum { ALIAS_BASE = 1, ALIAS_ABOVE_1M = 2, ALIAS_PAM = 3, ALIAS_BIOS = 1 };

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

/* Neighbours with the same mode are shown as one piece: each change of KVM's memory map costs. */
typedef struct {
  uint32_t start, size;
  uint8_t mode;
} PamPiece;

static unsigned
join_segments (const uint8_t modes[N_PAM_SEGMENTS], PamPiece pieces[N_PAM_SEGMENTS])
{
  unsigned n = 0;

  for (unsigned i = 0; i < N_PAM_SEGMENTS; i++)
    {
      /* Without reads RAM is not there; the BIOS begins in the middle. */
      uint8_t mode = modes[i] & Q35_PAM_READ ? modes[i] : 0;
      bool apart = mode == 0 && segment_start (i) == BIOS_ALIAS;

      if (n > 0 && pieces[n - 1].mode == mode && !apart)
        pieces[n - 1].size += segment_size (i);
      else
        pieces[n++] = (PamPiece){ segment_start (i), segment_size (i), mode };
    }
  return n;
}

/* Alias slots are named by a piece's first segment. */
static void
hide_piece (Q35Host *self, const PamPiece *piece)
{
  unsigned segment = segment_at (piece->start);

  if (piece->mode)
    memory_bank_unmap_alias (self->ram, ALIAS_PAM + segment);
  else if (self->bios && piece->start >= BIOS_ALIAS)
    memory_bank_unmap_alias (self->bios, ALIAS_BIOS + segment - segment_at (BIOS_ALIAS));
}

static void
show_piece (Q35Host *self, const PamPiece *piece)
{
  unsigned segment = segment_at (piece->start);

  TRACE (self, "pam", "address=0x%05x size=0x%05x mode=%u", piece->start, piece->size, piece->mode);
  if (piece->mode)
    memory_bank_map_alias (self->ram, ALIAS_PAM + segment, piece->start, piece->start, piece->size,
                           piece->mode & Q35_PAM_WRITE ? BANK_RAM : BANK_ROM);
  else if (self->bios && piece->start >= BIOS_ALIAS)
    memory_bank_map_alias (self->bios, ALIAS_BIOS + segment - segment_at (BIOS_ALIAS), piece->start,
                           memory_bank_size (self->bios) - BIOS_ALIAS_SIZE + (piece->start - BIOS_ALIAS),
                           piece->size, BANK_ROM);
}

static bool
has_piece (const PamPiece *pieces, unsigned n, const PamPiece *wanted)
{
  for (unsigned i = 0; i < n; i++)
    if (pieces[i].start == wanted->start && pieces[i].size == wanted->size && pieces[i].mode == wanted->mode)
      return true;
  return false;
}

static void
q35_update_segments (Q35Host *self)
{
  PamPiece before[N_PAM_SEGMENTS], after[N_PAM_SEGMENTS];
  unsigned n_before = self->segments_placed ? join_segments (self->shown, before) : 0;
  unsigned n_after;

  for (unsigned i = 0; i < N_PAM_SEGMENTS; i++)
    self->shown[i] = segment_mode (self, i);
  n_after = join_segments (self->shown, after);
  for (unsigned i = 0; i < n_before; i++)
    if (!has_piece (after, n_after, &before[i]))
      hide_piece (self, &before[i]);
  for (unsigned i = 0; i < n_after; i++)
    if (!has_piece (before, n_before, &after[i]))
      show_piece (self, &after[i]);
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

  TRACE (self, "ecam", "register=0x%" PRIx64, reg);
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
