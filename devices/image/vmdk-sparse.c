/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

/*
 * Hosted sparse extents. A grain directory has the sectors of grain tables, a table those of grains; both
 * exist twice. Data comes first, then the tables (both copies), then the directories: every step is synced
 * before the next, and every entry is in one sector, so that a cut between steps leaves old content or new.
 */

#define MAX_DIRECTORY (UINT32_C (1) << 21) /* tables: 8 MiB of directory; 4 TiB in grains of 4 KiB */
#define MAX_GRAIN     4096u                /* sectors */
#define MAX_LOADED    (48u * 1024 * 1024)  /* bytes of tables in memory while they can be thrown away */

/* --- little-endian tables --- */

int
vmdk_read_u32 (ImageStore *store, uint64_t offset, uint32_t *entries, size_t n)
{
  int error = store_read (store, offset, entries, n * 4);

  for (size_t i = 0; error == 0 && i < n; i++)
    entries[i] = GUINT32_FROM_LE (entries[i]);
  return error;
}

int
vmdk_write_u32 (ImageStore *store, uint64_t offset, const uint32_t *entries, size_t n)
{
  g_autofree uint32_t *copy = g_new (uint32_t, n);

  for (size_t i = 0; i < n; i++)
    copy[i] = GUINT32_TO_LE (entries[i]);
  return store_write (store, offset, copy, n * 4);
}

uint32_t
vmdk_sparse_table_sectors (const VmdkSparse *sparse)
{
  return sparse->gtes * 4 / VMDK_SECTOR;
}

static uint64_t
file_sectors (const VmdkSparse *sparse)
{
  return (store_size (sparse->store) + VMDK_SECTOR - 1) / VMDK_SECTOR;
}

bool
vmdk_sparse_table_fits (const VmdkSparse *sparse, uint32_t sector)
{
  return sector != 0 && (uint64_t)sector + vmdk_sparse_table_sectors (sparse) <= file_sectors (sparse);
}

/* --- the header --- */

static gboolean
bad_field (GError **error, const VmdkSparse *sparse, const char *field, uint64_t value, const char *why)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "Disk image “%s” is damaged or no VMDK: its header's %s is %" G_GUINT64_FORMAT
               ", %s; take it from a backup",
               sparse->store->path, field, value, why);
  return FALSE;
}

static gboolean
check_kind (VmdkSparse *sparse, GError **error)
{
  const uint8_t *header = sparse->header;
  uint16_t compression = load_le16 (header + VMDK_H_COMPRESSION);

  if (load_le32 (header + VMDK_H_MAGIC) != VMDK_MAGIC)
    return bad_field (error, sparse, "magicNumber", load_le32 (header + VMDK_H_MAGIC), "not “KDMV”");
  sparse->version = load_le32 (header + VMDK_H_VERSION);
  sparse->flags = load_le32 (header + VMDK_H_FLAGS);
  if (sparse->version < 1 || sparse->version > 3)
    return bad_field (error, sparse, "version", sparse->version, "and only 1 to 3 are known here");
  if ((sparse->flags & VMDK_FLAG_NEWLINES) && memcmp (header + VMDK_H_NEWLINES, "\n \r\n", 4) != 0)
    return bad_field (error, sparse, "singleEndLineChar", header[VMDK_H_NEWLINES],
                      "so a program copied the file as text and changed its line ends");
  if (compression > VMDK_COMPRESSION_DEFLATE
      || ((sparse->flags & VMDK_FLAG_COMPRESSED) && compression != VMDK_COMPRESSION_DEFLATE))
    return bad_field (error, sparse, "compressAlgorithm", compression, "and only 1 (deflate) is known here");
  return TRUE;
}

static gboolean
check_geometry (VmdkSparse *sparse, GError **error)
{
  uint64_t grain = load_le64 (sparse->header + VMDK_H_GRAIN), span;

  sparse->capacity = load_le64 (sparse->header + VMDK_H_CAPACITY);
  sparse->gtes = load_le32 (sparse->header + VMDK_H_GTES);
  if (grain == 0 || grain > MAX_GRAIN || (grain & (grain - 1)) != 0)
    return bad_field (error, sparse, "grainSize", grain, "not a power of two from 1 to 4096 sectors");
  sparse->grain = grain;
  if (sparse->gtes < 128 || sparse->gtes > 8192 || (sparse->gtes & (sparse->gtes - 1)) != 0)
    return bad_field (error, sparse, "numGTEsPerGT", sparse->gtes, "not a power of two from 128 to 8192");
  span = grain * sparse->gtes;
  if (sparse->capacity == 0 || sparse->capacity > span * MAX_DIRECTORY
      || sparse->capacity / grain >= UINT32_MAX)
    return bad_field (error, sparse, "capacity", sparse->capacity,
                      "not what a grain directory of at most 8 MiB can hold");
  sparse->grains = (sparse->capacity + grain - 1) / grain;
  sparse->n_gd = (sparse->capacity + span - 1) / span;
  return TRUE;
}

/* VDF, "Stream-Optimized Compressed": the footer, in front of the end-of-stream marker, is the header that
 * counts. */
static gboolean
read_footer (VmdkSparse *sparse, GError **error)
{
  uint8_t tail[3 * VMDK_SECTOR];
  uint64_t size = store_size (sparse->store) & ~(uint64_t)(VMDK_SECTOR - 1);
  int result =
    size >= 4 * VMDK_SECTOR ? store_read (sparse->store, size - sizeof tail, tail, sizeof tail) : -EIO;

  if (result < 0 || load_le32 (tail + 8) != 0 || load_le32 (tail + 12) != VMDK_MARKER_FOOTER
      || load_le32 (tail + VMDK_SECTOR) != VMDK_MAGIC || load_le64 (tail + 2 * VMDK_SECTOR) != 0
      || load_le32 (tail + 2 * VMDK_SECTOR + 12) != VMDK_MARKER_EOS)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "Disk image “%s” has no footer at its end: it was cut off, or not written to the end; copy or "
        "download it again",
        sparse->store->path);
      return FALSE;
    }
  memcpy (sparse->header, tail + VMDK_SECTOR, VMDK_H_SIZE);
  if (!check_kind (sparse, error))
    return FALSE;
  if (load_le64 (sparse->header + VMDK_H_GD) == VMDK_GD_AT_END)
    return bad_field (error, sparse, "gdOffset", VMDK_GD_AT_END, "in the footer too");
  return TRUE;
}

/* --- directories --- */

static bool
directory_fits (const VmdkSparse *sparse, uint64_t sector)
{
  uint64_t sectors = ((uint64_t)sparse->n_gd * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR;

  return sector != 0 && sector <= file_sectors (sparse) && sectors <= file_sectors (sparse) - sector;
}

static gboolean
load_directories (VmdkSparse *sparse, bool lenient, GError **error)
{
  int result;

  sparse->gd_at = load_le64 (sparse->header + VMDK_H_GD);
  if (sparse->flags & VMDK_FLAG_REDUNDANT)
    sparse->rgd_at = load_le64 (sparse->header + VMDK_H_RGD);
  if (!directory_fits (sparse, sparse->rgd_at))
    sparse->rgd_at = 0;
  if (!directory_fits (sparse, sparse->gd_at))
    {
      if (sparse->rgd_at == 0 || !(lenient || sparse->store->read_only))
        return bad_field (error, sparse, "gdOffset", sparse->gd_at,
                          sparse->rgd_at != 0
                            ? "outside of the file; “bonsai disk check --repair” can use the "
                              "redundant directory"
                            : "outside of the file");
      sparse->gd_at = sparse->rgd_at;
      sparse->gd_lost = true;
    }

  sparse->gd = g_new (uint32_t, sparse->n_gd);
  result = vmdk_read_u32 (sparse->store, sparse->gd_at * VMDK_SECTOR, sparse->gd, sparse->n_gd);
  if (result == 0 && sparse->rgd_at != 0)
    {
      sparse->rgd = g_new (uint32_t, sparse->n_gd);
      result = vmdk_read_u32 (sparse->store, sparse->rgd_at * VMDK_SECTOR, sparse->rgd, sparse->n_gd);
    }
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't read the grain directory of disk image “%s”",
                                sparse->store->path);
  return TRUE;
}

/* New grains begin where a grain of the file does, after everything that is there. */
static void
set_end (VmdkSparse *sparse)
{
  uint64_t end = MAX (file_sectors (sparse), load_le64 (sparse->header + VMDK_H_OVERHEAD) & UINT32_MAX);

  sparse->end = (end + sparse->grain - 1) / sparse->grain * sparse->grain;
}

VmdkSparse *
vmdk_sparse_open (ImageStore *store, bool lenient, GError **error)
{
  VmdkSparse *sparse = g_new0 (VmdkSparse, 1);
  int result;

  sparse->store = store;
  sparse->dirty = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  sparse->freed = g_array_new (FALSE, FALSE, sizeof (VmdkHole));
  sparse->holes = g_array_new (FALSE, FALSE, sizeof (VmdkHole));
  result = store_read (store, 0, sparse->header, VMDK_H_SIZE);
  if (result < 0)
    vmm_set_errno_error (error, -result, "Can't read the header of disk image “%s”", store->path);
  if (result < 0 || !check_kind (sparse, error)
      || (load_le64 (sparse->header + VMDK_H_GD) == VMDK_GD_AT_END && !read_footer (sparse, error))
      || !check_geometry (sparse, error) || !load_directories (sparse, lenient, error))
    {
      vmdk_sparse_free (sparse);
      return NULL;
    }
  sparse->tables = g_new0 (VmdkTable *, sparse->n_gd);
  sparse->unclean = sparse->unclean_found = sparse->header[VMDK_H_UNCLEAN] != 0;
  set_end (sparse);
  return sparse;
}

void
vmdk_sparse_free (VmdkSparse *sparse)
{
  if (sparse == NULL)
    return;
  for (uint32_t i = 0; sparse->tables != NULL && i < sparse->n_gd; i++)
    g_free (sparse->tables[i]);
  g_free (sparse->tables);
  g_free (sparse->gd);
  g_free (sparse->rgd);
  g_array_unref (sparse->dirty);
  g_array_unref (sparse->freed);
  g_array_unref (sparse->holes);
  g_free (sparse);
}

/* --- tables in memory --- */

static size_t
table_bytes (const VmdkSparse *sparse)
{
  return sizeof (VmdkTable) + sparse->gtes * 4;
}

/* Throws away one table that nobody uses, by the clock algorithm. */
static void
evict (VmdkSparse *sparse)
{
  for (uint64_t turn = 0; turn < 2 * (uint64_t)sparse->n_gd; turn++)
    {
      VmdkTable **table = &sparse->tables[sparse->hand];

      sparse->hand = (sparse->hand + 1) % sparse->n_gd;
      if (*table == NULL || (*table)->dirty || (*table)->pins > 0 || (*table)->fresh != 0)
        continue;
      if ((*table)->used)
        {
          (*table)->used = false;
          continue;
        }
      g_clear_pointer (table, g_free);
      sparse->n_loaded--;
      return;
    }
}

VmdkTable *
vmdk_sparse_add_table (VmdkSparse *sparse, uint32_t index)
{
  VmdkTable *table;

  if ((uint64_t)sparse->n_loaded * table_bytes (sparse) >= MAX_LOADED)
    evict (sparse);
  table = g_malloc0 (table_bytes (sparse));
  table->used = true;
  sparse->tables[index] = table;
  sparse->n_loaded++;
  return table;
}

/* The copy that is used where the first is lost. */
static uint32_t
table_sector (const VmdkSparse *sparse, uint32_t index)
{
  uint32_t sector = sparse->gd[index];

  if (!vmdk_sparse_table_fits (sparse, sector) && sparse->rgd != NULL
      && vmdk_sparse_table_fits (sparse, sparse->rgd[index]))
    return sparse->rgd[index];
  return sector;
}

int
vmdk_sparse_table (VmdkSparse *sparse, uint32_t index, bool may_block, VmdkTable **table)
{
  uint32_t sector = table_sector (sparse, index);
  int error;

  *table = sparse->tables[index];
  if (*table != NULL)
    {
      (*table)->used = true;
      return 0;
    }
  if (sector == 0)
    return 0;
  if (!vmdk_sparse_table_fits (sparse, sector))
    return -EIO;
  if (!may_block)
    return -EAGAIN;
  *table = vmdk_sparse_add_table (sparse, index);
  error = vmdk_read_u32 (sparse->store, (uint64_t)sector * VMDK_SECTOR, (*table)->entries, sparse->gtes);
  if (error < 0)
    {
      g_clear_pointer (&sparse->tables[index], g_free);
      sparse->n_loaded--;
      *table = NULL;
    }
  return error;
}

int
vmdk_sparse_new_table (VmdkSparse *sparse, uint32_t index, VmdkTable **table)
{
  uint32_t sectors = vmdk_sparse_table_sectors (sparse), copies = sparse->rgd != NULL ? 2 : 1;
  uint64_t at = sparse->end, end = at + sectors * copies;

  end = (end + sparse->grain - 1) / sparse->grain * sparse->grain;
  if (end > UINT32_MAX || (sparse->store->fixed_size && end * VMDK_SECTOR > store_size (sparse->store)))
    return -ENOSPC;
  sparse->end = end;
  *table = sparse->tables[index] != NULL ? sparse->tables[index] : vmdk_sparse_add_table (sparse, index);
  (*table)->fresh = at;
  (*table)->rfresh = copies == 2 ? at + sectors : 0;
  return 0;
}

void
vmdk_sparse_set_dirty (VmdkSparse *sparse, uint32_t index)
{
  if (sparse->tables[index]->dirty)
    return;
  sparse->tables[index]->dirty = true;
  g_array_append_val (sparse->dirty, index);
}

bool
vmdk_sparse_is_dirty (const VmdkSparse *sparse)
{
  return sparse->dirty->len > 0 || sparse->freed->len > 0;
}

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
 * beyond what the store has. */
static bool
grain_fits (const VmdkSparse *sparse, uint32_t sector)
{
  return sector >= 2 && (sector < file_sectors (sparse) || sector < sparse->end);
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
  int error = table_for_change (sparse, index, may_block, &table);

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
      place->zeroed = true;
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
      int error = unmap_in_table (sparse, grain / sparse->gtes, first, n, value, may_block);

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
