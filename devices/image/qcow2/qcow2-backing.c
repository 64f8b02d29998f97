/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

/*
 * Another backing file. One sector, the first, switches from the old name and its format to the new ones: the
 * new name is written before to a place in the first cluster where nothing lies.
 */

static bool
no_room (ImageLayer *layer, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
               "Disk image “%s” has no room for that backing file's name in its header; use a shorter path",
               layer->store->path);
  return false;
}

/* A place for @length bytes behind @from that doesn't touch the old name. 0: none. */
static unsigned
find_place (const Qcow2 *q, unsigned from, unsigned length)
{
  uint64_t old = q->backing_offset, old_end = old + q->backing_size;

  /* A sector of its own, or the very sector that is written anyway. */
  if (q->cluster > QCOW2_SECTOR)
    from = MAX (from, QCOW2_SECTOR);
  if (from + length <= q->cluster
      && (old == 0 || q->cluster == QCOW2_SECTOR || from + length <= old || from >= old_end))
    return from;
  from = MAX (from, (old_end + QCOW2_SECTOR - 1) & -QCOW2_SECTOR);
  return from + length <= q->cluster ? from : 0;
}

static int
write_name (ImageLayer *layer, unsigned offset, const char *path)
{
  int error = store_write (layer->store, offset, path, strlen (path));

  return error == 0 ? store_sync (layer->store) : error;
}

static int
write_switch (ImageLayer *layer, const GByteArray *header, unsigned offset, const char *path)
{
  Qcow2 *q = QCOW2 (layer);
  uint8_t sector[QCOW2_SECTOR] = { 0 };
  int error;

  memcpy (sector, header->data, header->len);
  store_be64 (sector + QCOW2_H_BACKING_OFFSET, offset);
  store_be32 (sector + QCOW2_H_BACKING_SIZE, path != NULL ? strlen (path) : 0);
  if (path != NULL && offset < QCOW2_SECTOR)
    memcpy (sector + offset, path, strlen (path));
  error = store_write (layer->store, 0, sector, sizeof sector);
  if (error == 0)
    error = store_sync (layer->store);
  if (error == 0)
    memcpy (q->sector, sector, sizeof sector);
  return error;
}

bool
qcow2_set_backing (ImageLayer *layer, const char *path, const char *format, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  g_autoptr (GByteArray) header = qcow2_header_compose (q, path != NULL ? format : NULL);
  unsigned length = path != NULL ? strlen (path) : 0, offset = 0;
  int result = qcow2_begin_writing (layer);

  if (header->len > QCOW2_SECTOR || length > QCOW2_BACKING_MAX)
    return no_room (layer, error);
  if (length > 0 && (offset = find_place (q, header->len, length)) == 0)
    return no_room (layer, error);
  if (result == 0 && offset >= QCOW2_SECTOR)
    result = write_name (layer, offset, path);
  if (result == 0)
    result = write_switch (layer, header, offset, length > 0 ? path : NULL);
  if (result != 0)
    return vmm_set_errno_error (error, -result, "Disk image “%s”: can't write its header",
                                layer->store->path);

  q->backing_offset = offset;
  q->backing_size = length;
  g_free (layer->backing_path);
  g_free (layer->backing_format);
  layer->backing_path = length > 0 ? g_strdup (path) : NULL;
  layer->backing_format = length > 0 ? g_strdup (format) : NULL;
  return true;
}
