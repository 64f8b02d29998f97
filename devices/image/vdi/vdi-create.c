/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vdi/vdi-private.h"

#include "vmm/base/error.h"

#include <string.h>

#define MAP_PART 16384u /* entries that are written at a time */

static bool
refuse (ImageStore *store, GError **error, const char *cause)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "Can't make VDI image “%s”: %s", store->path, cause);
  return false;
}

static void
make_header (uint8_t *header, const ImageCreateOptions *options, VdiType type, uint32_t block_size)
{
  uint32_t n_blocks = (options->size + block_size - 1) / block_size;
  uint64_t data_offset = VDI_HEADER_SIZE + n_blocks * UINT64_C (4);

  memset (header, 0, VDI_HEADER_SIZE);
  strcpy ((char *)header, "<<< Bonsai VirtualBox Disk Image >>>\n");
  store_le32 (header + VDI_AT_SIGNATURE, VDI_SIGNATURE);
  store_le32 (header + VDI_AT_VERSION, VDI_VERSION_1_1);
  store_le32 (header + VDI_AT_HEADER_SIZE, VDI_HEADER_BYTES);
  store_le32 (header + VDI_AT_TYPE, type);
  store_le32 (header + VDI_AT_MAP_OFFSET, VDI_HEADER_SIZE);
  store_le32 (header + VDI_AT_DATA_OFFSET,
              (data_offset + VDI_DATA_ALIGNMENT - 1) / VDI_DATA_ALIGNMENT * VDI_DATA_ALIGNMENT);
  store_le32 (header + VDI_AT_SECTOR_SIZE, 512);
  store_le64 (header + VDI_AT_DISK_SIZE, options->size);
  store_le32 (header + VDI_AT_BLOCK_SIZE, block_size);
  store_le32 (header + VDI_AT_BLOCKS, n_blocks);
  store_le32 (header + VDI_AT_ALLOCATED, type == VDI_FIXED ? n_blocks : 0);
  vdi_new_uuid (header + VDI_AT_UUID);
  vdi_new_uuid (header + VDI_AT_UUID_MODIFIED);
}

static int
write_map (ImageStore *store, uint32_t n_blocks, VdiType type)
{
  g_autofree uint32_t *entries = g_new (uint32_t, MAP_PART);
  int result = 0;

  for (uint32_t first = 0, n; first < n_blocks && result == 0; first += n)
    {
      n = MIN (n_blocks - first, MAP_PART);
      for (uint32_t i = 0; i < n; i++)
        entries[i] = GUINT32_TO_LE (type == VDI_FIXED ? first + i : VDI_FREE);
      result = store_write (store, VDI_HEADER_SIZE + first * UINT64_C (4), entries, n * 4);
    }
  return result;
}

static bool
create (ImageStore *store, const ImageCreateOptions *options, VdiType type, GError **error)
{
  uint32_t block_size = options->cluster_size != 0 ? options->cluster_size : VDI_BLOCK_SIZE;
  uint32_t n_blocks = (options->size + block_size - 1) / block_size;
  uint8_t header[VDI_HEADER_SIZE];
  uint64_t end;
  int result;

  make_header (header, options, type, block_size);
  end = load_le32 (header + VDI_AT_DATA_OFFSET);
  result = write_map (store, n_blocks, type);
  if (result == 0 && type == VDI_FIXED)
    {
      if (g_strcmp0 (options->preallocation, "full") == 0)
        result = store_zero (store, end, n_blocks * (uint64_t)block_size);
      end += n_blocks * (uint64_t)block_size;
    }
  if (result == 0)
    result = store_resize (store, end);
  if (result == 0)
    result = store_write (store, 0, header, VDI_HEADER_SIZE);
  if (result == 0)
    result = store_sync (store);
  return result == 0 || vmm_set_errno_error (error, -result, "Can't make VDI image “%s”", store->path);
}

bool
vdi_create (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  const char *subformat = options->subformat != NULL ? options->subformat : "dynamic";
  uint32_t block_size = options->cluster_size != 0 ? options->cluster_size : VDI_BLOCK_SIZE;

  if (options->backing_path != NULL)
    return refuse (store, error, "a VDI can't name its parent's file; use qcow2");
  if (options->secret != NULL)
    return refuse (store, error, "VDI knows no encryption; use qcow2");
  if (block_size < VDI_MIN_BLOCK_SIZE || block_size > VDI_MAX_BLOCK_SIZE
      || (block_size & (block_size - 1)) != 0)
    return refuse (store, error, "its cluster size must be a power of two from 4 KiB to 256 MiB");
  if (options->size == 0 || options->size > (uint64_t)VDI_MAX_MAP / 4 * block_size)
    return refuse (store, error, "it is larger than blocks of its cluster size are supported for; use qcow2");
  if (g_ascii_strcasecmp (subformat, "dynamic") == 0)
    return create (store, options, VDI_DYNAMIC, error);
  if (g_ascii_strcasecmp (subformat, "fixed") == 0)
    return create (store, options, VDI_FIXED, error);
  return refuse (store, error, "its subformat must be “dynamic” or “fixed”");
}
