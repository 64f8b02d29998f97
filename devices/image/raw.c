/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/layer.h"

#include "vmm/base/error.h"

#include <errno.h>

/*
 * Raw: the disk's bytes are the file's. A file whose size is no multiple of a sector reads as zeroes in
 * the rest of its last one.
 */

static bool
raw_open (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  layer->size = (store_size (layer->store) + IMAGE_SECTOR_SIZE - 1) & ~(uint64_t)(IMAGE_SECTOR_SIZE - 1);
  layer->cluster = IMAGE_SECTOR_SIZE;
  layer->granule = IMAGE_SECTOR_SIZE;
  layer->identity = true;
  return true;
}

static void
raw_close (ImageLayer *layer)
{
}

static bool
set_resize_error (ImageLayer *layer, int result, GError **error)
{
  const char *path = layer->store->path;

  if (result == -EOPNOTSUPP)
    g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                 "“%s” is no file whose size can change; use a larger device, or convert it to a file", path);
  else if (result == -EFBIG)
    g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE,
                 "The file system can't hold a file as large as disk image “%s”; choose a smaller size, or "
                 "another folder",
                 path);
  else
    vmm_set_errno_error (error, -result, "Can't change the size of disk image “%s”", path);
  return false;
}

static bool
raw_resize (ImageLayer *layer, uint64_t size, GError **error)
{
  int result = store_resize (layer->store, size);

  if (result == 0)
    result = store_sync (layer->store);
  if (result < 0)
    return set_resize_error (layer, result, error);
  layer->size = size;
  return true;
}

static bool
raw_create (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  int result = store_resize (store, options->size);

  if (result == 0 && g_strcmp0 (options->preallocation, "full") == 0)
    result = store_zero (store, 0, options->size);
  if (result == 0)
    result = store_sync (store);
  if (result == -EFBIG)
    g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE,
                 "The file system can't hold a file as large as disk image “%s”; choose a smaller size, or "
                 "another folder",
                 store->path);
  else if (result < 0)
    vmm_set_errno_error (error, -result, "Can't create disk image “%s”", store->path);
  return result == 0;
}

const ImageFormat image_raw = {
  .name = "raw",
  .suffix = ".img",
  .open = raw_open,
  .close = raw_close,
  .resize = raw_resize,
  .create = raw_create,
};
