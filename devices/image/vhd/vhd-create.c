/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include "vmm/base/error.h"

#include <string.h>

static bool
refuse (ImageStore *store, GError **error, const char *cause)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "Can't make VHD image “%s”: %s", store->path, cause);
  return false;
}

static bool
finish (ImageStore *store, int result, GError **error)
{
  if (result == 0)
    result = store_sync (store);
  return result == 0 || vmm_set_errno_error (error, -result, "Can't make VHD image “%s”", store->path);
}

static bool
create_fixed (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  uint8_t footer[VHD_FOOTER_SIZE];
  int result = 0;

  vhd_make_footer (footer, VHD_FIXED, options->size, UINT64_MAX);
  if (g_strcmp0 (options->preallocation, "full") == 0)
    result = store_zero (store, 0, options->size);
  if (result == 0)
    result = store_write (store, options->size, footer, VHD_FOOTER_SIZE);
  return finish (store, result, error);
}

/* An empty BAT from @at on: whole sectors, all entries unused. */
static int
write_bat (ImageStore *store, uint64_t at, uint32_t n_entries)
{
  uint64_t left = vhd_round_up (n_entries * UINT64_C (4), VHD_SECTOR), part = MIN (left, UINT64_C (1) << 16);
  g_autofree uint8_t *unused = g_malloc (part);
  int result = 0;

  memset (unused, 0xff, part);
  while (left > 0 && result == 0)
    {
      part = MIN (left, part);
      result = store_write (store, at, unused, part);
      at += part;
      left -= part;
    }
  return result;
}

/* @parent: its footer, or NULL. */
static bool
create_dynamic (ImageStore *store, const ImageCreateOptions *options, uint64_t size, const uint8_t *parent,
                GError **error)
{
  uint32_t block_size = options->cluster_size != 0 ? options->cluster_size : VHD_BLOCK_SIZE;
  uint32_t n_blocks = (size + block_size - 1) / block_size;
  uint64_t bat_offset = VHD_FOOTER_SIZE + VHD_HEADER_SIZE,
           at = bat_offset + vhd_round_up (n_blocks * UINT64_C (4), VHD_SECTOR);
  uint8_t footer[VHD_FOOTER_SIZE], header[VHD_HEADER_SIZE];
  VhdLocators locators = { 0 };
  int result;

  vhd_make_footer (footer, parent != NULL ? VHD_DIFFERENCING : VHD_DYNAMIC, size, VHD_FOOTER_SIZE);
  vhd_make_header (header, bat_offset, n_blocks, block_size);
  if (parent != NULL)
    {
      if (!vhd_make_locators (&locators, options->backing_path, error))
        return false;
      vhd_set_parent (header, &locators, parent + FOOTER_UUID, at);
    }
  result = write_bat (store, bat_offset, n_blocks);
  if (result == 0)
    result = vhd_write_locators (store, &locators, at);
  at += vhd_locators_size (&locators);
  vhd_clear_locators (&locators);
  if (result == 0)
    result = store_write (store, VHD_FOOTER_SIZE, header, VHD_HEADER_SIZE);
  if (result == 0)
    result = store_write (store, 0, footer, VHD_FOOTER_SIZE);
  if (result == 0)
    result = store_write (store, at, footer, VHD_FOOTER_SIZE);
  return finish (store, result, error);
}

static bool
create_differencing (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  uint8_t parent[VHD_FOOTER_SIZE];
  uint64_t size;

  if (options->backing_path == NULL)
    return refuse (store, error, "a differencing disk needs a parent; name a backing file");
  if (options->backing_format != NULL && image_format_find (options->backing_format) != &image_vhd)
    return refuse (store, error, "the parent of a differencing disk must be a VHD image; use qcow2 instead");
  if (!vhd_read_parent_footer (store, options->backing_path, parent, error))
    return false;
  size = vhd_disk_size (parent, NULL);
  if (options->size != 0 && options->size != size)
    return refuse (store, error, "a differencing disk has the size of its parent; leave the size out");
  return create_dynamic (store, options, size, parent, error);
}

bool
vhd_create (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  const char *subformat = options->subformat;
  uint32_t block_size = options->cluster_size != 0 ? options->cluster_size : VHD_BLOCK_SIZE;

  if (subformat == NULL)
    subformat = options->backing_path != NULL ? "differencing" : "dynamic";
  if (options->secret != NULL)
    return refuse (store, error, "VHD knows no encryption; use qcow2");
  if (block_size < VHD_MIN_BLOCK_SIZE || block_size > VHD_MAX_BLOCK_SIZE
      || (block_size & (block_size - 1)) != 0)
    return refuse (store, error, "its cluster size must be a power of two from 4 KiB to 256 MiB");
  if (g_ascii_strcasecmp (subformat, "differencing") == 0)
    return create_differencing (store, options, error);
  if (options->backing_path != NULL)
    return refuse (store, error, "only a differencing disk has a backing file");
  if (options->size == 0 || options->size > VHD_MAX_SIZE)
    return refuse (store, error, "a VHD has a size of at most 2040 GiB, and not 0; use qcow2 for others");
  if (options->size / block_size > VHD_MAX_BAT / 4)
    return refuse (store, error, "its cluster size is too small for its size");
  if (g_ascii_strcasecmp (subformat, "fixed") == 0)
    return create_fixed (store, options, error);
  if (g_ascii_strcasecmp (subformat, "dynamic") == 0)
    return create_dynamic (store, options, options->size, NULL, error);
  return refuse (store, error, "its subformat must be “dynamic”, “fixed” or “differencing”");
}
