/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-check-private.h"

#include "vmm/base/bytes.h"

#include <string.h>

/* --- header and directories --- */

void
vmdk_check_header (VmdkChecking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  bool copy_lost = !sparse->gd_lost && (sparse->flags & VMDK_FLAG_REDUNDANT) && sparse->rgd_at == 0;

  if (!sparse->gd_lost && !copy_lost)
    return;
  if (checking->check->repair)
    { /* goes on with one directory */
      store_le64 (sparse->header + VMDK_H_GD, sparse->gd_at);
      store_le64 (sparse->header + VMDK_H_RGD, 0);
      sparse->flags &= ~VMDK_FLAG_REDUNDANT;
      store_le32 (sparse->header + VMDK_H_FLAGS, sparse->flags);
      sparse->rgd_at = 0;
      g_clear_pointer (&sparse->rgd, g_free);
      sparse->gd_lost = false;
      checking->error = vmdk_sparse_write_header (sparse);
    }
  vmdk_found (checking, checking->check->repair && checking->error == 0,
              "the header's %s leads outside of the file; the other grain directory is used",
              copy_lost ? "rgdOffset" : "gdOffset");
}

void
vmdk_add_metadata (VmdkChecking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  uint64_t gd_sectors = ((uint64_t)sparse->n_gd * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR;
  uint64_t text = load_le64 (sparse->header + VMDK_H_DESCRIPTOR);

  vmdk_add_area (checking, 0, 1, VMDK_METADATA);
  if (text != 0 && text < vmdk_sparse_sectors (sparse))
    vmdk_add_area (checking, text, MIN (load_le64 (sparse->header + VMDK_H_DESCRIPTOR_SIZE), 2048),
                   VMDK_METADATA);
  vmdk_add_area (checking, sparse->gd_at, gd_sectors, VMDK_METADATA);
  if (sparse->rgd_at != 0 && sparse->rgd_at != sparse->gd_at)
    vmdk_add_area (checking, sparse->rgd_at, gd_sectors, VMDK_METADATA);
}

/* --- tables --- */

static bool
entry_is_sound (const VmdkSparse *sparse, uint32_t entry)
{
  return entry == 0 || (entry == VMDK_GTE_ZERO && (sparse->flags & VMDK_FLAG_ZEROED))
         || (entry >= 2 && entry < vmdk_sparse_sectors (sparse));
}

/* Both copies of an entry, of which the second may be missing. Returns the one that counts. */
static uint32_t
judge_entry (VmdkChecking *checking, uint32_t grain, uint32_t first, uint32_t second, bool two)
{
  const VmdkSparse *sparse = checking->sparse;
  bool sound = entry_is_sound (sparse, first), other = two && entry_is_sound (sparse, second);
  uint32_t entry = first;

  if (!sound)
    entry = other ? second : 0;
  else if (first == 0 && other && second != 0)
    entry = second; /* data that one copy knows is better than none */
  if (!sound)
    vmdk_found (checking, vmdk_set_entry (checking, grain, entry),
                "the entry of grain %u leads outside of the file, to sector %u; %s", grain, first,
                other ? "the other grain table knows better" : "its data is lost");
  else if (two && first != second)
    vmdk_found (checking, vmdk_set_entry (checking, grain, entry),
                "the two grain tables disagree on grain %u: sectors %u and %u", grain, first, second);
  return entry;
}

/* A grain whose rest is to become a hole: one more grain is as far as any reaches. */
static bool
extend_file (VmdkChecking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  uint64_t whole = sparse->whole + sparse->grain;

  if (!checking->check->repair || sparse->store->fixed_size || whole > UINT32_MAX)
    return false;
  if (store_size (sparse->store) < whole * VMDK_SECTOR)
    checking->error = store_resize (sparse->store, whole * VMDK_SECTOR);
  if (checking->error < 0)
    return false;
  sparse->whole = whole;
  sparse->end = MAX (sparse->end, whole);
  return true;
}

/* Files that are cut off within a grain that lies where grains of the file do need nothing. */
static void
check_reach (VmdkChecking *checking, uint32_t grain, uint32_t entry)
{
  const VmdkSparse *sparse = checking->sparse;

  if ((sparse->flags & VMDK_FLAG_COMPRESSED) || (uint64_t)entry + sparse->grain <= sparse->whole)
    return;
  vmdk_found (
    checking, extend_file (checking),
    "grain %u at sector %u reaches beyond the end of the file, which was cut off; what is missing is "
    "lost",
    grain, entry);
}

static void
count_grain (VmdkChecking *checking, uint32_t grain, uint32_t entry)
{
  const VmdkSparse *sparse = checking->sparse;
  ImageCheck *check = checking->check;

  check->total_clusters++;
  if (entry == 0 || (entry == VMDK_GTE_ZERO && (sparse->flags & VMDK_FLAG_ZEROED)))
    return;
  check->allocated_clusters++;
  check->compressed_clusters += (sparse->flags & VMDK_FLAG_COMPRESSED) != 0;
  check->fragmented_clusters +=
    checking->last != 0 && !(sparse->flags & VMDK_FLAG_COMPRESSED) && entry != checking->last + sparse->grain;
  checking->last = entry;
  check_reach (checking, grain, entry);
  vmdk_add_area (checking, entry, sparse->grain, grain);
}

static bool
read_tables (VmdkChecking *checking, uint32_t at, uint32_t copy)
{
  VmdkSparse *sparse = checking->sparse;

  checking->error = vmdk_read_u32 (sparse->store, (uint64_t)at * VMDK_SECTOR, checking->first, sparse->gtes);
  if (checking->error == 0 && copy != 0)
    checking->error =
      vmdk_read_u32 (sparse->store, (uint64_t)copy * VMDK_SECTOR, checking->second, sparse->gtes);
  return checking->error == 0;
}

void
vmdk_check_table (VmdkChecking *checking, uint32_t index)
{
  VmdkSparse *sparse = checking->sparse;
  uint32_t at = sparse->gd[index], copy = sparse->rgd != NULL ? sparse->rgd[index] : 0;
  uint32_t first = index * sparse->gtes, n = MIN (sparse->gtes, sparse->grains - first);
  bool has = vmdk_sparse_table_fits (sparse, at),
       has_copy = vmdk_sparse_table_fits (sparse, copy) && copy != at;

  if (at == 0 && copy == 0)
    {
      checking->check->total_clusters += n;
      return;
    }
  if (!has || (sparse->rgd != NULL && copy != at && !has_copy))
    vmdk_found (checking, checking->check->repair && vmdk_open_table (checking, index, true) != NULL,
                "the grain directory's entry %u leads outside of the file, to sector %u; %s", index,
                has ? copy : at, has || has_copy ? "there is a second one" : "its data is lost");
  if (!has && !has_copy)
    return;
  if (has)
    vmdk_add_area (checking, at, vmdk_sparse_table_sectors (sparse), VMDK_METADATA);
  if (has_copy)
    vmdk_add_area (checking, copy, vmdk_sparse_table_sectors (sparse), VMDK_METADATA);
  if (!read_tables (checking, has ? at : copy, has && has_copy ? copy : 0))
    return;
  for (uint32_t i = 0; i < n && checking->error == 0; i++)
    count_grain (checking, first + i,
                 judge_entry (checking, first + i, checking->first[i], checking->second[i], has && has_copy));
}
