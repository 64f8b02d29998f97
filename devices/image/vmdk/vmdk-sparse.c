/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

/* Hosted sparse extents: their header, directories, and the tables in memory. vmdk-grains.c has what tables
 * lead to. */

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

uint64_t
vmdk_sparse_sectors (const VmdkSparse *sparse)
{
  return (store_size (sparse->store) + VMDK_SECTOR - 1) / VMDK_SECTOR;
}

bool
vmdk_sparse_table_fits (const VmdkSparse *sparse, uint32_t sector)
{
  return sector != 0 && (uint64_t)sector + vmdk_sparse_table_sectors (sparse) <= vmdk_sparse_sectors (sparse);
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

  return sector != 0 && sector <= vmdk_sparse_sectors (sparse)
         && sectors <= vmdk_sparse_sectors (sparse) - sector;
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

/* A table and its grains, those that begin in the file. */
static int
find_table_end (VmdkSparse *sparse, uint32_t at, uint32_t *entries, uint64_t *end)
{
  int error;

  if (!vmdk_sparse_table_fits (sparse, at))
    return 0;
  *end = MAX (*end, (uint64_t)at + vmdk_sparse_table_sectors (sparse));
  error = vmdk_read_u32 (sparse->store, (uint64_t)at * VMDK_SECTOR, entries, sparse->gtes);
  for (uint32_t i = 0; error == 0 && i < sparse->gtes; i++)
    if (entries[i] < vmdk_sparse_sectors (sparse))
      *end = MAX (*end, (uint64_t)entries[i] + sparse->grain);
  return error;
}

/* Where the last table or grain ends: in an export or a device there is more behind it, in a file that was
 * cut off less. */
static int
find_used_end (VmdkSparse *sparse, uint64_t *end)
{
  g_autofree uint32_t *entries = g_new (uint32_t, sparse->gtes);
  uint64_t gd_sectors = ((uint64_t)sparse->n_gd * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR;
  int error = 0;

  *end = MAX (*end, MAX (sparse->gd_at, sparse->rgd_at) + gd_sectors);
  for (uint32_t i = 0; i < sparse->n_gd && error == 0; i++)
    {
      error = find_table_end (sparse, sparse->gd[i], entries, end);
      if (error == 0 && sparse->rgd != NULL && sparse->rgd[i] != sparse->gd[i])
        error = find_table_end (sparse, sparse->rgd[i], entries, end);
    }
  return error;
}

static uint64_t
whole_grains (const VmdkSparse *sparse, uint64_t sectors)
{
  return (sectors + sparse->grain - 1) / sparse->grain * sparse->grain;
}

/* New grains begin where a grain of the file does, after everything that is there. */
static gboolean
set_end (VmdkSparse *sparse, bool lenient, GError **error)
{
  uint64_t end = load_le64 (sparse->header + VMDK_H_OVERHEAD) & UINT32_MAX;
  int result = 0;
  bool repair;

  if (!sparse->store->fixed_size)
    end = MAX (end, vmdk_sparse_sectors (sparse));
  sparse->whole = whole_grains (sparse, MAX (end, vmdk_sparse_sectors (sparse)));
  /* A repair is about to find room for tables. */
  repair = lenient || sparse->header[VMDK_H_UNCLEAN] != 0;
  if ((sparse->store->fixed_size || repair) && !sparse->store->read_only)
    result = find_used_end (sparse, &end);
  sparse->end = whole_grains (sparse, end);
  return result == 0
         || vmm_set_errno_error (error, -result, "Can't read the grain tables of disk image “%s”",
                                 sparse->store->path);
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
      || !check_geometry (sparse, error) || !load_directories (sparse, lenient, error)
      || !set_end (sparse, lenient, error))
    {
      vmdk_sparse_free (sparse);
      return NULL;
    }
  sparse->tables = g_new0 (VmdkTable *, sparse->n_gd);
  sparse->unclean = sparse->unclean_found = sparse->header[VMDK_H_UNCLEAN] != 0;
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
  return sparse->dirty->len > 0 || sparse->freed->len > 0 || sparse->unsettled;
}
