/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include <errno.h>

/*
 * Hosted sparse extents. A grain directory has the sectors of grain tables, a table those of grains; both
 * exist twice. Data comes first, then the tables (both copies), then the directories: every step is synced
 * before the next, and every entry is in one sector, so that a cut between steps leaves old content or new.
 */

/* --- map --- */

static ExtentKind
entry_kind (const VmdkSparse *sparse, uint32_t entry)
{
  if (entry == 0)
    return EXTENT_ABSENT;
  if (entry == VMDK_GTE_ZERO && (sparse->flags & VMDK_FLAG_ZEROED))
    return EXTENT_ZERO;
  return sparse->flags & VMDK_FLAG_COMPRESSED ? EXTENT_ENCODED : EXTENT_DATA;
}

/* A grain in the file's first sectors would be its header or descriptor. Grains that were just linked may lie
 * beyond what the store has. In a file that was cut off, one may reach into the room of those that are new.
 */
static bool
grain_fits (const VmdkSparse *sparse, uint32_t sector)
{
  bool cut = sector < sparse->whole && (uint64_t)sector + sparse->grain > sparse->whole
             && !sparse->store->read_only && !(sparse->flags & VMDK_FLAG_COMPRESSED);

  return sector >= 2 && (sector < vmdk_sparse_sectors (sparse) || sector < sparse->end) && !cut;
}

/* How many entries from @first on go on as it does. */
static uint32_t
run_length (const VmdkSparse *sparse, const VmdkTable *table, uint32_t first, uint32_t max)
{
  ExtentKind kind = entry_kind (sparse, table->entries[first]);
  uint32_t n = 1;

  if (kind == EXTENT_ENCODED)
    return 1;
  while (n < max && entry_kind (sparse, table->entries[first + n]) == kind
         && (kind != EXTENT_DATA
             || (uint64_t)table->entries[first] + (uint64_t)n * sparse->grain == table->entries[first + n]))
    n++;
  return n;
}

int
vmdk_sparse_map (VmdkSparse *sparse, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent)
{
  uint64_t grain_bytes = (uint64_t)sparse->grain * VMDK_SECTOR, grain = offset / grain_bytes;
  uint64_t within = offset % grain_bytes, wanted = (within + length + grain_bytes - 1) / grain_bytes;
  uint32_t first = grain % sparse->gtes, max = MIN (wanted, sparse->gtes - first), n = max;
  VmdkTable *table;
  int error = vmdk_sparse_table (sparse, grain / sparse->gtes, may_block, &table);

  *extent = (LayerExtent){ .kind = EXTENT_ABSENT };
  if (error < 0)
    return error;
  if (table != NULL)
    {
      uint32_t entry = table->entries[first];

      extent->kind = entry_kind (sparse, entry);
      n = run_length (sparse, table, first, max);
      if (extent->kind == EXTENT_DATA || extent->kind == EXTENT_ENCODED)
        {
          if (!grain_fits (sparse, entry) || !grain_fits (sparse, entry + (n - 1) * sparse->grain))
            return -EIO;
          extent->store = sparse->store;
          extent->offset = (uint64_t)entry * VMDK_SECTOR;
        }
      if (extent->kind == EXTENT_DATA)
        {
          extent->writable = true;
          extent->offset += within;
        }
      else if (extent->kind == EXTENT_ENCODED)
        extent->code_size = grain_bytes + VMDK_SECTOR; /* a bound: the marker has it */
    }
  extent->length = MIN (length, n * grain_bytes - within);
  return 0;
}

/* --- room for new grains --- */

/* The table of @index to be written to: an existing one whose places in the directories are sound. */
static int
table_for_change (VmdkSparse *sparse, uint32_t index, bool may_block, VmdkTable **table)
{
  int error = vmdk_sparse_table (sparse, index, may_block, table);

  if (error < 0)
    return error;
  if (*table == NULL)
    return vmdk_sparse_new_table (sparse, index, table);
  if ((*table)->fresh == 0
      && (!vmdk_sparse_table_fits (sparse, sparse->gd[index])
          || (sparse->rgd != NULL && !vmdk_sparse_table_fits (sparse, sparse->rgd[index]))))
    return vmdk_sparse_new_table (sparse, index, table); /* one copy is lost: both anew */
  return 0;
}

static bool
is_placed (const VmdkSparse *sparse, uint32_t entry)
{
  return entry_kind (sparse, entry) == EXTENT_DATA;
}

int
vmdk_sparse_place (VmdkSparse *sparse, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place)
{
  uint64_t grain_bytes = (uint64_t)sparse->grain * VMDK_SECTOR, grain = offset / grain_bytes;
  uint64_t wanted = (offset % grain_bytes + length + grain_bytes - 1) / grain_bytes;
  uint32_t first = grain % sparse->gtes, index = grain / sparse->gtes, n = 1, sector;
  VmdkTable *table;
  int error = vmdk_sparse_confirm (sparse, may_block);

  if (error == 0)
    error = table_for_change (sparse, index, may_block, &table);
  if (error < 0)
    return error;
  if (sparse->holes->len > 0)
    {
      VmdkHole hole = g_array_index (sparse->holes, VmdkHole, sparse->holes->len - 1);

      g_array_set_size (sparse->holes, sparse->holes->len - 1);
      sector = hole.sector;
      place->zeroed = hole.zeroed;
    }
  else
    {
      while (n < wanted && first + n < sparse->gtes && !is_placed (sparse, table->entries[first + n]))
        n++;
      if (sparse->end + (uint64_t)n * sparse->grain > UINT32_MAX)
        return -ENOSPC;
      if (sparse->store->fixed_size
          && (sparse->end + (uint64_t)n * sparse->grain) * VMDK_SECTOR > store_size (sparse->store))
        return -ENOSPC;
      sector = sparse->end;
      sparse->end += (uint64_t)n * sparse->grain;
      place->zeroed = !sparse->store->fixed_size;
    }
  table->pins++;
  place->offset = grain * grain_bytes;
  place->length = n * grain_bytes;
  place->store = sparse->store;
  place->store_offset = (uint64_t)sector * VMDK_SECTOR;
  return 0;
}

void
vmdk_sparse_link (VmdkSparse *sparse, uint64_t offset, uint64_t length, uint32_t sector)
{
  uint64_t grain_bytes = (uint64_t)sparse->grain * VMDK_SECTOR, grain = offset / grain_bytes;
  uint64_t n = (length + grain_bytes - 1) / grain_bytes;
  uint32_t index = grain / sparse->gtes;
  VmdkTable *table = sparse->tables[index];

  for (uint64_t i = 0; i < n; i++)
    table->entries[grain % sparse->gtes + i] = sector + i * sparse->grain;
  vmdk_sparse_set_dirty (sparse, index);
}

void
vmdk_sparse_unplace (VmdkSparse *sparse, uint64_t offset, uint64_t length, uint32_t sector)
{
  uint64_t grain_bytes = (uint64_t)sparse->grain * VMDK_SECTOR, grain = offset / grain_bytes;
  uint64_t n = length / grain_bytes;
  VmdkTable *table = sparse->tables[grain / sparse->gtes];

  table->pins--;
  for (uint64_t i = 0; i < n; i++)
    {
      VmdkHole hole = { sector + i * sparse->grain, false };

      if (table->entries[grain % sparse->gtes + i] != hole.sector)
        g_array_append_val (sparse->holes, hole);
    }
}

/* --- giving room back --- */

static int
unmap_in_table (VmdkSparse *sparse, uint32_t index, uint32_t first, uint32_t n, uint32_t value,
                bool may_block)
{
  VmdkTable *table;
  int error = vmdk_sparse_table (sparse, index, may_block, &table);

  if (error == 0 && (table != NULL || value != 0))
    error = table_for_change (sparse, index, may_block, &table);
  if (error < 0 || table == NULL)
    return error;
  for (uint32_t i = first; i < first + n; i++)
    {
      uint32_t old = table->entries[i];
      VmdkHole hole = { old, false };

      if (old == value)
        continue;
      if (is_placed (sparse, old) && grain_fits (sparse, old))
        g_array_append_val (sparse->freed, hole);
      table->entries[i] = value;
      vmdk_sparse_set_dirty (sparse, index);
    }
  return 0;
}

int
vmdk_sparse_unmap (VmdkSparse *sparse, uint64_t offset, uint64_t length, UnmapKind kind, bool below,
                   bool may_block)
{
  uint64_t grain_bytes = (uint64_t)sparse->grain * VMDK_SECTOR, grain = offset / grain_bytes;
  uint64_t end = (offset + length + grain_bytes - 1) / grain_bytes;
  uint32_t value = 0;
  int error = vmdk_sparse_confirm (sparse, may_block);

  if (error < 0)
    return error;
  if (kind != UNMAP_ABSENT && below)
    {
      if (!(sparse->flags & VMDK_FLAG_ZEROED))
        return -EOPNOTSUPP;
      value = VMDK_GTE_ZERO;
    }
  for (uint64_t i = grain / sparse->gtes; !may_block && i * sparse->gtes < end; i++)
    if (sparse->tables[i] == NULL && sparse->gd[i] != 0)
      return -EAGAIN;
  while (grain < end)
    {
      uint32_t first = grain % sparse->gtes, n = MIN (end - grain, sparse->gtes - first);

      error = unmap_in_table (sparse, grain / sparse->gtes, first, n, value, may_block);

      if (error < 0)
        return error;
      grain += n;
    }
  return 0;
}

/* --- flush --- */

int
vmdk_sparse_write_header (VmdkSparse *sparse)
{
  return store_write (sparse->store, 0, sparse->header, VMDK_H_SIZE);
}

static int
write_table (VmdkSparse *sparse, uint32_t index, bool *fresh)
{
  VmdkTable *table = sparse->tables[index];
  uint32_t at = table->fresh != 0 ? table->fresh : sparse->gd[index];
  uint32_t copy = table->fresh != 0 ? table->rfresh : sparse->rgd != NULL ? sparse->rgd[index] : 0;
  int error = vmdk_write_u32 (sparse->store, (uint64_t)at * VMDK_SECTOR, table->entries, sparse->gtes);

  if (error == 0 && copy != 0 && copy != at)
    error = vmdk_write_u32 (sparse->store, (uint64_t)copy * VMDK_SECTOR, table->entries, sparse->gtes);
  *fresh |= table->fresh != 0;
  return error;
}

/* The directory's entry of table @index, in both directories. */
static int
write_directory (VmdkSparse *sparse, uint32_t index)
{
  VmdkTable *table = sparse->tables[index];
  int error = 0;

  if (table->fresh == 0)
    return 0;
  if (sparse->rgd != NULL)
    error =
      vmdk_write_u32 (sparse->store, sparse->rgd_at * VMDK_SECTOR + index * UINT64_C (4), &table->rfresh, 1);
  if (error == 0)
    error =
      vmdk_write_u32 (sparse->store, sparse->gd_at * VMDK_SECTOR + index * UINT64_C (4), &table->fresh, 1);
  if (error < 0)
    return error;
  sparse->gd[index] = table->fresh;
  if (sparse->rgd != NULL)
    sparse->rgd[index] = table->rfresh;
  return 0;
}

static void
reuse_freed (VmdkSparse *sparse)
{
  for (unsigned i = 0; i < sparse->freed->len; i++)
    {
      VmdkHole hole = g_array_index (sparse->freed, VmdkHole, i);

      hole.zeroed = store_punch (sparse->store, (uint64_t)hole.sector * VMDK_SECTOR,
                                 (uint64_t)sparse->grain * VMDK_SECTOR)
                    == 0;
      g_array_append_val (sparse->holes, hole);
    }
  g_array_set_size (sparse->freed, 0);
}

int
vmdk_sparse_flush (VmdkSparse *sparse)
{
  bool fresh = false;
  int error = 0;

  for (unsigned i = 0; i < sparse->dirty->len && error == 0; i++)
    error = write_table (sparse, g_array_index (sparse->dirty, uint32_t, i), &fresh);
  if (error == 0)
    error = store_sync (sparse->store);
  if (error == 0 && fresh)
    {
      for (unsigned i = 0; i < sparse->dirty->len && error == 0; i++)
        error = write_directory (sparse, g_array_index (sparse->dirty, uint32_t, i));
      if (error == 0)
        error = store_sync (sparse->store);
    }
  if (error < 0)
    return error;
  for (unsigned i = 0; i < sparse->dirty->len; i++)
    {
      VmdkTable *table = sparse->tables[g_array_index (sparse->dirty, uint32_t, i)];

      table->dirty = false;
      table->fresh = table->rfresh = 0;
    }
  g_array_set_size (sparse->dirty, 0);
  reuse_freed (sparse);
  return 0;
}

void
vmdk_sparse_settle (VmdkSparse *sparse)
{
  if (!sparse->unclean || sparse->store->read_only || vmdk_sparse_is_dirty (sparse))
    return;
  sparse->header[VMDK_H_UNCLEAN] = 0;
  if (store_sync (sparse->store) == 0 && vmdk_sparse_write_header (sparse) == 0)
    store_sync (sparse->store);
}
