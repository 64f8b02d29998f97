/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>

#define COPY_SIZE (UINT64_C (1) << 20)

static bool
refuse (ImageLayer *layer, GError **error, const char *cause)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED, "VHD image “%s” %s", layer->store->path, cause);
  return false;
}

static bool
done (ImageLayer *layer, int result, GError **error)
{
  return result == 0
         || vmm_set_errno_error (error, -result, "VHD image “%s” could not be changed", layer->store->path);
}

/* --- fixed disks --- */

/* There is no copy of the footer: at any instant one stands at the file's end, and its one sector switches
 * the size while what lies behind the smaller size can be anything. */
static int
write_size (ImageLayer *layer, uint64_t footer_at, uint64_t size)
{
  Vhd *vhd = layer->state;
  uint8_t old_footer[VHD_FOOTER_SIZE];
  int result;

  memcpy (old_footer, vhd->footer, VHD_FOOTER_SIZE);
  vhd_set_size (vhd->footer, size);
  result = vhd_move_footer (layer, footer_at);
  if (result < 0)
    {
      memcpy (vhd->footer, old_footer, VHD_FOOTER_SIZE);
      vhd_unsettle (layer);
    }
  else
    layer->size = size;
  return result;
}

/* If that fails the file is longer than it need be. */
static void
cut_fixed (ImageLayer *layer)
{
  if (store_size (layer->store) > layer->size + VHD_FOOTER_SIZE)
    vhd_move_footer (layer, layer->size);
}

static int
grow_fixed (ImageLayer *layer, uint64_t size)
{
  uint64_t old_end = store_size (layer->store);
  int result = vhd_move_footer (layer, MAX (size, old_end));

  if (result == 0)
    result = store_zero (layer->store, layer->size, MIN (size, old_end) - layer->size);
  if (result == 0)
    result = store_sync (layer->store);
  return result == 0 ? write_size (layer, MAX (size, old_end), size) : result;
}

static int
shrink_fixed (ImageLayer *layer, uint64_t size)
{
  return write_size (layer, store_size (layer->store) - VHD_FOOTER_SIZE, size);
}

static int
resize_fixed (ImageLayer *layer, uint64_t size)
{
  int result;

  if (layer->store->fixed_size)
    return -EOPNOTSUPP;
  result = vhd_settle (layer, true);
  if (result == 0)
    result = size > layer->size ? grow_fixed (layer, size) : shrink_fixed (layer, size);
  if (result == 0)
    cut_fixed (layer);
  return result;
}

/* --- room for a longer table --- */

static int
copy_range (ImageStore *store, uint64_t from, uint64_t to, uint64_t length)
{
  g_autofree uint8_t *buffer = g_malloc (COPY_SIZE);
  int result = 0;

  for (uint64_t n; length > 0 && result == 0; from += n, to += n, length -= n)
    {
      n = MIN (length, COPY_SIZE);
      result = store_read (store, from, buffer, n);
      if (result == 0)
        result = store_write (store, to, buffer, n);
    }
  return result;
}

/* A block from the way of the table, which is to reach to @table_end. Durable after the next flush. */
static int
move_block (ImageLayer *layer, uint32_t block, uint64_t table_end)
{
  Vhd *vhd = layer->state;
  VhdSlot slot;
  int result;

  do
    result = vhd_take_slot (layer, true, &slot);
  while (result == 0 && slot.at < table_end);
  if (result == 0)
    result = copy_range (layer->store, vhd->bat[block] * (uint64_t)VHD_SECTOR, slot.at, vhd_stride (vhd));
  if (result == 0)
    vhd_move_block (layer, block, slot);
  return result;
}

static bool
table_fits_here (ImageLayer *layer, uint64_t table_end)
{
  Vhd *vhd = layer->state;
  VhdRegion regions[3 + VHD_N_LOCATORS];
  unsigned n = vhd_regions (vhd, store_size (layer->store), regions);

  for (unsigned i = 0; i < n; i++)
    if (regions[i].offset > vhd->bat_offset && regions[i].offset < table_end)
      return false;
  return true;
}

/* Small blocks may be many: all are moved before one flush. */
static int
clear_way (ImageLayer *layer, uint64_t table_end)
{
  Vhd *vhd = layer->state;
  int result = 0;

  if (layer->store->fixed_size && table_end > store_size (layer->store) - VHD_FOOTER_SIZE)
    return -ENOSPC;
  if (vhd->end < table_end)
    {
      vhd->end = table_end;
      layer->dirty = true;
    }
  for (uint32_t i = 0; i < vhd->n_blocks && result == 0; i++)
    {
      uint64_t at = vhd->bat[i] * (uint64_t)VHD_SECTOR;

      if (vhd->bat[i] != VHD_UNUSED && at >= vhd->bat_offset && at < table_end)
        result = move_block (layer, i, table_end);
    }
  if (result == 0 && layer->dirty)
    result = vhd_flush (layer);
  return result;
}

/* Locators stand behind the table: a longer one goes to the end. The header doesn't know it yet. */
static int
copy_table (ImageLayer *layer, uint64_t length)
{
  Vhd *vhd = layer->state;
  uint64_t to = vhd->end;
  int result;

  if (layer->store->fixed_size)
    return -ENOSPC;
  result = copy_range (layer->store, vhd->bat_offset, to, vhd->n_blocks * UINT64_C (4));
  if (result < 0)
    return result;
  vhd->end = to + length;
  vhd->bat_offset = to;
  return 0;
}

/* Entries from @first to @end say “unused”; what a shrink that was cut short left there is overwritten. */
static int
write_unused (ImageLayer *layer, uint32_t first, uint32_t end)
{
  Vhd *vhd = layer->state;
  uint64_t at = vhd->bat_offset + first * UINT64_C (4),
           left = vhd->bat_offset + vhd_round_up (end * UINT64_C (4), VHD_SECTOR) - at;
  g_autofree uint8_t *unused = g_malloc (COPY_SIZE);
  int result = 0;

  memset (unused, 0xff, COPY_SIZE);
  for (uint64_t n; left > 0 && result == 0; at += n, left -= n)
    {
      n = MIN (left, COPY_SIZE);
      result = store_write (layer->store, at, unused, n);
    }
  return result == 0 ? store_sync (layer->store) : result;
}

static int
make_room_for_table (ImageLayer *layer, uint32_t n_blocks)
{
  Vhd *vhd = layer->state;
  uint64_t length = vhd_round_up (n_blocks * UINT64_C (4), VHD_SECTOR);

  if (n_blocks <= vhd->max_entries)
    return 0;
  if (table_fits_here (layer, vhd->bat_offset + length))
    return clear_way (layer, vhd->bat_offset + length);
  return copy_table (layer, length);
}

/* All that changes lies in the header's first sector. */
static int
switch_table (ImageLayer *layer, uint32_t n_entries)
{
  Vhd *vhd = layer->state;
  uint8_t old_header[VHD_HEADER_SIZE];
  int result;

  memcpy (old_header, vhd->header, VHD_HEADER_SIZE);
  store_be64 (vhd->header + HEADER_TABLE_OFFSET, vhd->bat_offset);
  store_be32 (vhd->header + HEADER_MAX_ENTRIES, n_entries);
  vhd_seal_header (vhd->header);
  result =
    store_write (layer->store, load_be64 (vhd->footer + FOOTER_DATA_OFFSET), vhd->header, VHD_HEADER_SIZE);
  if (result == 0)
    result = store_sync (layer->store);
  if (result < 0)
    {
      memcpy (vhd->header, old_header, VHD_HEADER_SIZE);
      vhd_unsettle (layer);
    }
  else
    vhd->max_entries = n_entries;
  return result;
}

static int
grow_table (ImageLayer *layer, uint32_t n_blocks)
{
  Vhd *vhd = layer->state;
  uint64_t old_offset = vhd->bat_offset;
  int result = make_room_for_table (layer, n_blocks);

  if (result == 0)
    result = write_unused (layer, vhd->n_blocks, n_blocks);
  if (result == 0 && vhd->footer_at != vhd->end && !layer->store->fixed_size)
    result = vhd_move_footer (layer, vhd->end);
  if (result == 0 && n_blocks > vhd->max_entries)
    result = switch_table (layer, n_blocks);
  if (result < 0)
    vhd->bat_offset = old_offset;
  return result;
}

/* --- dynamic disks --- */

/* What lies behind the disk's end in its last block would come to light. */
static int
zero_rest_of_last_block (ImageLayer *layer)
{
  Vhd *vhd = layer->state;
  uint32_t inside = layer->size % vhd->block_size, last = vhd->n_blocks - 1;

  if (inside == 0 || vhd->bat[last] == VHD_UNUSED)
    return 0;
  return store_zero (layer->store, vhd->bat[last] * (uint64_t)VHD_SECTOR + vhd->bitmap_size + inside,
                     vhd->block_size - inside);
}

static int
set_size (ImageLayer *layer, uint64_t size)
{
  Vhd *vhd = layer->state;
  uint8_t old_footer[VHD_FOOTER_SIZE];
  int result;

  memcpy (old_footer, vhd->footer, VHD_FOOTER_SIZE);
  vhd_set_size (vhd->footer, size);
  result = vhd_write_footers (layer);
  if (result < 0)
    {
      memcpy (vhd->footer, old_footer, VHD_FOOTER_SIZE);
      vhd_unsettle (layer);
    }
  else
    vhd->size_from_geometry = false;
  return result;
}

static int
grow_dynamic (ImageLayer *layer, uint64_t size, uint32_t n_blocks)
{
  int result = zero_rest_of_last_block (layer);

  if (result == 0)
    result = grow_table (layer, n_blocks);
  return result == 0 ? set_size (layer, size) : result;
}

static int
shrink_dynamic (ImageLayer *layer, uint64_t size, uint32_t n_blocks)
{
  uint64_t end = n_blocks * (uint64_t)((Vhd *)layer->state)->block_size;
  int result = 0;

  if (end < layer->size)
    result = vhd_unmap (layer, end, layer->size - end, UNMAP_DISCARD, true);
  if (result == 0 && layer->dirty)
    result = vhd_flush (layer);
  return result == 0 ? set_size (layer, size) : result;
}

static bool
resize_dynamic (ImageLayer *layer, uint64_t size, GError **error)
{
  Vhd *vhd = layer->state;
  uint64_t n_blocks = (size + vhd->block_size - 1) / vhd->block_size;
  int result;

  if (n_blocks > VHD_MAX_BAT / 4)
    return refuse (layer, error, "has blocks that are too small for that size; convert it");
  result = layer->dirty ? vhd_flush (layer) : 0;
  if (result == 0)
    result =
      size > layer->size ? grow_dynamic (layer, size, n_blocks) : shrink_dynamic (layer, size, n_blocks);
  if (result < 0)
    {
      layer->dirty |= vhd->footer_at == UINT64_MAX; /* the next flush writes it */
      vhd_forget_free_slots (vhd);
      return done (layer, result, error);
    }
  layer->size = size;
  vhd_set_n_blocks (vhd, n_blocks);
  return true;
}

bool
vhd_resize (ImageLayer *layer, uint64_t size, GError **error)
{
  Vhd *vhd = layer->state;

  if (size == layer->size)
    return true;
  if (size == 0 || size > VHD_MAX_SIZE)
    return refuse (layer, error, "can have a size of at most 2040 GiB, and not 0; convert it to qcow2 first");
  if (vhd->type == VHD_DIFFERENCING && size < layer->size)
    return refuse (
      layer, error,
      "is a differencing disk, which can't be smaller than its parent; merge them first, or convert it");
  return vhd->type == VHD_FIXED ? done (layer, resize_fixed (layer, size), error)
                                : resize_dynamic (layer, size, error);
}

/* --- another parent --- */

/* The footer's one sector says of which type the disk is and where its header lies: it is the switch. */
static int
switch_header (ImageLayer *layer, const uint8_t *header, uint64_t header_at, VhdType type)
{
  Vhd *vhd = layer->state;
  uint8_t old_footer[VHD_FOOTER_SIZE];
  int result = store_write (layer->store, header_at, header, VHD_HEADER_SIZE);

  if (result == 0)
    result = store_sync (layer->store);
  if (result < 0)
    return result;
  memcpy (old_footer, vhd->footer, VHD_FOOTER_SIZE);
  store_be64 (vhd->footer + FOOTER_DATA_OFFSET, header_at);
  store_be32 (vhd->footer + FOOTER_TYPE, type);
  vhd_seal_footer (vhd->footer);
  vhd->footer_at = layer->store->fixed_size ? vhd->footer_at : vhd->end;
  result = vhd_write_footers (layer);
  if (result < 0)
    memcpy (vhd->footer, old_footer, VHD_FOOTER_SIZE);
  return result;
}

/* A header can't be rewritten in place: its checksum covers two sectors. So it goes to the file's end, where
 * the locators stay, and then back to its place. */
static int
replace_header (ImageLayer *layer, const VhdLocators *locators, const uint8_t *parent_uuid)
{
  Vhd *vhd = layer->state;
  uint64_t home = load_be64 (vhd->footer + FOOTER_DATA_OFFSET), header_at = vhd->end + VHD_FOOTER_SIZE,
           locators_at = header_at + VHD_HEADER_SIZE, end = locators_at + vhd_locators_size (locators);
  VhdType type = locators->n > 0 ? VHD_DIFFERENCING : VHD_DYNAMIC;
  uint8_t header[VHD_HEADER_SIZE];
  int result;

  if (layer->store->fixed_size)
    return -EOPNOTSUPP;
  memcpy (header, vhd->header, VHD_HEADER_SIZE);
  vhd_set_parent (header, locators, parent_uuid, locators_at);
  result = vhd_write_locators (layer->store, locators, locators_at);
  if (result < 0)
    return result;
  vhd->end = end;
  result = switch_header (layer, header, header_at, type);
  if (result < 0)
    return result;
  vhd->type = type;
  memcpy (vhd->header, header, VHD_HEADER_SIZE);
  return switch_header (layer, header, home, type);
}

bool
vhd_set_backing (ImageLayer *layer, const char *path, const char *format, GError **error)
{
  Vhd *vhd = layer->state;
  uint8_t parent[VHD_FOOTER_SIZE] = { 0 };
  VhdLocators locators = { 0 };
  int result = layer->dirty ? vhd_flush (layer) : 0;

  if (vhd->type == VHD_FIXED)
    return path == NULL || refuse (layer, error, "is a fixed disk, which can't have a backing file");
  if (path == NULL && vhd->type == VHD_DYNAMIC)
    return true;
  if (path != NULL && format != NULL && image_format_find (format) != &image_vhd)
    return refuse (layer, error, "can only have another VHD image as its parent");
  if (path != NULL
      && (!vhd_read_parent_footer (layer->store, path, parent, error)
          || !vhd_make_locators (&locators, path, error)))
    return false;
  if (result == 0)
    result = replace_header (layer, &locators, parent + FOOTER_UUID);
  vhd_clear_locators (&locators);
  if (result < 0)
    {
      vhd->footer_at = UINT64_MAX; /* unknown: the next flush writes it */
      layer->dirty = true;
      return done (layer, result, error);
    }
  g_free (layer->backing_path);
  g_free (layer->backing_format);
  layer->backing_path = g_strdup (path);
  layer->backing_format = g_strdup (path != NULL ? "vhd" : NULL);
  return true;
}
