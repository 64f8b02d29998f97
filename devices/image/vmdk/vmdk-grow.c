/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>

/*
 * A disk that grows beyond its grain directory gets new directories, with the tables that they lack, at the
 * file's end. Once they are durable the header, one sector, turns to them.
 */

typedef struct {
  uint32_t n_gd;
  uint64_t rgd_at, gd_at, end; /* sectors */
  uint32_t *rgd, *gd;
} Directories;

/* A directory at *@at and its new tables behind it. */
static uint32_t *
lay_out (const VmdkSparse *sparse, const uint32_t *old, uint32_t n_gd, uint64_t *at)
{
  uint32_t *gd = g_new0 (uint32_t, n_gd);
  uint32_t per_table = vmdk_sparse_table_sectors (sparse);

  memcpy (gd, old, sparse->n_gd * sizeof *gd);
  *at += ((uint64_t)n_gd * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR;
  for (uint32_t i = sparse->n_gd; i < n_gd; i++)
    {
      gd[i] = *at;
      *at += per_table;
    }
  return gd;
}

static int
write_directories (VmdkSparse *sparse, const Directories *directories)
{
  ImageStore *store = sparse->store;
  uint64_t end = directories->end * VMDK_SECTOR;
  int error = 0;

  if (end > UINT32_MAX * UINT64_C (512))
    return -EFBIG;
  if (store->fixed_size)
    error = end <= store_size (store)
              ? store_zero (store, sparse->end * VMDK_SECTOR, end - sparse->end * VMDK_SECTOR)
              : -ENOSPC;
  else
    error = store_resize (store, end);
  if (error == 0 && directories->rgd != NULL)
    error = vmdk_write_u32 (store, directories->rgd_at * VMDK_SECTOR, directories->rgd, directories->n_gd);
  if (error == 0)
    error = vmdk_write_u32 (store, directories->gd_at * VMDK_SECTOR, directories->gd, directories->n_gd);
  return error == 0 ? store_sync (store) : error;
}

static void
adopt (VmdkSparse *sparse, Directories *directories)
{
  g_free (sparse->gd);
  g_free (sparse->rgd);
  sparse->gd = g_steal_pointer (&directories->gd);
  sparse->rgd = g_steal_pointer (&directories->rgd);
  sparse->tables = g_renew (VmdkTable *, sparse->tables, directories->n_gd);
  memset (sparse->tables + sparse->n_gd, 0, (directories->n_gd - sparse->n_gd) * sizeof *sparse->tables);
  sparse->n_gd = directories->n_gd;
  sparse->gd_at = directories->gd_at;
  if (sparse->rgd != NULL)
    sparse->rgd_at = directories->rgd_at;
}

/* What lies behind the disk's end in its last grain is about to be seen. */
static int
clear_last_grain (VmdkSparse *sparse)
{
  uint64_t within = sparse->capacity % sparse->grain;
  LayerExtent extent;
  int error;

  if (within == 0)
    return 0;
  error = vmdk_sparse_map (sparse, sparse->capacity * VMDK_SECTOR, (sparse->grain - within) * VMDK_SECTOR,
                           true, &extent);
  if (error == 0 && extent.kind == EXTENT_DATA)
    error = store_zero (extent.store, extent.offset, extent.length);
  return error;
}

static int
write_header_durably (VmdkSparse *sparse)
{
  int error = vmdk_sparse_write_header (sparse);

  return error == 0 ? store_sync (sparse->store) : error;
}

int
vmdk_sparse_confirm (VmdkSparse *sparse, bool may_block)
{
  int error;

  if (!sparse->unsettled)
    return 0;
  if (!may_block)
    return -EAGAIN;
  error = write_header_durably (sparse);
  sparse->unsettled = error < 0;
  return error;
}

static int
switch_header (VmdkSparse *sparse, uint64_t sectors, const Directories *directories)
{
  uint8_t old[VMDK_H_SIZE];
  int error;

  memcpy (old, sparse->header, sizeof old);
  if (directories->rgd != NULL)
    store_le64 (sparse->header + VMDK_H_RGD, directories->rgd_at);
  if (directories->gd != NULL)
    store_le64 (sparse->header + VMDK_H_GD, directories->gd_at);
  store_le64 (sparse->header + VMDK_H_CAPACITY, sectors);
  error = write_header_durably (sparse);
  if (error == 0)
    return 0;
  memcpy (sparse->header, old, sizeof old);
  sparse->unsettled = true;
  vmdk_sparse_confirm (sparse, true);
  return error;
}

static int
grow_to (VmdkSparse *sparse, uint64_t sectors, uint32_t n_gd)
{
  Directories directories = { .n_gd = n_gd };
  uint64_t at = sparse->end;
  int error = clear_last_grain (sparse);

  if (error == 0 && n_gd > sparse->n_gd)
    {
      directories.rgd_at = at;
      directories.rgd = sparse->rgd != NULL ? lay_out (sparse, sparse->rgd, n_gd, &at) : NULL;
      directories.gd_at = at;
      directories.gd = lay_out (sparse, sparse->gd, n_gd, &at);
      directories.end = (at + sparse->grain - 1) / sparse->grain * sparse->grain;
      error = write_directories (sparse, &directories);
      sparse->end = directories.end; /* also if it failed: what comes there reads as zeroes */
    }
  if (error == 0)
    error = store_sync (sparse->store);
  if (error == 0)
    error = switch_header (sparse, sectors, &directories);
  if (error == 0 && n_gd > sparse->n_gd)
    adopt (sparse, &directories);
  g_free (directories.gd);
  g_free (directories.rgd);
  return error;
}

bool
vmdk_sparse_grow (VmdkSparse *sparse, uint64_t sectors, GError **error)
{
  uint64_t span = (uint64_t)sparse->grain * sparse->gtes;
  int result;

  if (sectors <= sparse->capacity)
    return true; /* the header's was larger than the descriptor's */
  if (sectors > VMDK_MAX_SPARSE)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "Disk image “%s” can't grow so far: one sparse VMDK file holds at most 2040 GiB; convert it to "
        "qcow2",
        sparse->store->path);
      return false;
    }
  result = grow_to (sparse, sectors, (sectors + span - 1) / span);
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't grow disk image “%s”", sparse->store->path);
  sparse->capacity = sectors;
  sparse->grains = (sectors + sparse->grain - 1) / sparse->grain;
  return true;
}
