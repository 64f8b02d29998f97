/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include <string.h>

/* The footer and its copy in the store. */

static int
read_tail (ImageStore *store, uint8_t *footer)
{
  uint64_t size = store_size (store);
  int result;

  memset (footer, 0, VHD_FOOTER_SIZE);
  if (size < VHD_FOOTER_SIZE)
    return 0;
  result = store_read (store, size - VHD_FOOTER_SIZE, footer, VHD_FOOTER_SIZE);
  if (result == 0 && memcmp (footer, "conectix", 8) != 0 && memcmp (footer + 1, "conectix", 8) == 0)
    {
      memmove (footer, footer + 1, VHD_FOOTER_SIZE - 1);
      footer[VHD_FOOTER_SIZE - 1] = 0;
    }
  return result;
}

/*
 * "Hard Disk Footer Format": the footer at the end counts; if it is damaged, the copy at the head. Both ends
 * may hold what a guest wrote: the head that of a fixed disk, the tail that of a dynamic one whose footer is
 * lost. A guest doesn't know the disk's id.
 */
int
vhd_read_footer (ImageStore *store, uint8_t *footer, bool *tail_valid, bool *head_valid)
{
  uint8_t head[VHD_FOOTER_SIZE] = { 0 }, tail[VHD_FOOTER_SIZE];
  int result = read_tail (store, tail);

  if (result == 0 && store_size (store) >= VHD_FOOTER_SIZE)
    result = store_read (store, 0, head, VHD_FOOTER_SIZE);
  memset (footer, 0, VHD_FOOTER_SIZE);
  if (result < 0)
    return result;

  *tail_valid = vhd_footer_is_valid (tail);
  *head_valid = vhd_footer_is_valid (head) && load_be32 (head + FOOTER_TYPE) != VHD_FIXED;
  if (*tail_valid && *head_valid && load_be32 (tail + FOOTER_TYPE) != VHD_FIXED
      && memcmp (head + FOOTER_UUID, tail + FOOTER_UUID, 16) != 0)
    *tail_valid = false;

  if (*tail_valid)
    memcpy (footer, tail, VHD_FOOTER_SIZE);
  else if (*head_valid || memcmp (tail, "conectix", 8) != 0)
    memcpy (footer, head, VHD_FOOTER_SIZE);
  else
    memcpy (footer, tail, VHD_FOOTER_SIZE);
  if (*tail_valid && memcmp (head, tail, VHD_FOOTER_SIZE) != 0)
    *head_valid = false;
  return 0;
}

int
vhd_move_footer (ImageLayer *layer, uint64_t at)
{
  Vhd *vhd = layer->state;
  int result = store_write (layer->store, at, vhd->footer, VHD_FOOTER_SIZE);

  vhd->footer_at = UINT64_MAX;
  if (result == 0)
    result = store_sync (layer->store);
  if (result == 0 && store_size (layer->store) > at + VHD_FOOTER_SIZE && !layer->store->fixed_size)
    {
      result = store_resize (layer->store, at + VHD_FOOTER_SIZE);
      if (result == 0)
        result = store_sync (layer->store);
    }
  if (result == 0)
    {
      vhd->end = vhd->footer_at = at;
      vhd->tail_valid = true;
    }
  return result;
}

int
vhd_write_footers (ImageLayer *layer)
{
  Vhd *vhd = layer->state;
  int result = store_write (layer->store, vhd->footer_at, vhd->footer, VHD_FOOTER_SIZE);

  if (result == 0)
    result = store_sync (layer->store);
  if (result == 0 && vhd->type != VHD_FIXED)
    {
      result = store_write (layer->store, 0, vhd->footer, VHD_FOOTER_SIZE);
      if (result == 0)
        result = store_sync (layer->store);
    }
  return result;
}
