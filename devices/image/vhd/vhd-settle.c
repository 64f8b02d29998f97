/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include <errno.h>

static int
write_header (ImageLayer *layer)
{
  Vhd *vhd = layer->state;
  int result =
    store_write (layer->store, load_be64 (vhd->footer + FOOTER_DATA_OFFSET), vhd->header, VHD_HEADER_SIZE);

  return result == 0 ? store_sync (layer->store) : result;
}

static int
write_all (ImageLayer *layer)
{
  Vhd *vhd = layer->state;
  int result;

  if (vhd->type == VHD_FIXED)
    return vhd_move_footer (layer, store_size (layer->store) - VHD_FOOTER_SIZE);
  result = write_header (layer);
  return result == 0 && vhd->footer_at != UINT64_MAX ? vhd_write_footers (layer) : result;
}

int
vhd_settle (ImageLayer *layer, bool may_block)
{
  Vhd *vhd = layer->state;
  int result;

  if (!vhd->unsettled)
    return 0;
  if (!may_block)
    return -EAGAIN;
  result = write_all (layer);
  vhd->unsettled = result < 0;
  return result;
}

void
vhd_unsettle (ImageLayer *layer)
{
  Vhd *vhd = layer->state;

  vhd->unsettled = layer->dirty = true;
  if (vhd_settle (layer, true) < 0)
    layer->identity = false; /* a fixed disk's flushes must not pass us by */
}
