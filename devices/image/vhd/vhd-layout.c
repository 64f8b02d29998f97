/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

/* Where in the file everything lies. */

static void
add_region (VhdRegion *regions, unsigned *n, uint64_t offset, uint64_t length)
{
  regions[(*n)++] = (VhdRegion){ offset, length };
}

unsigned
vhd_regions (const Vhd *vhd, uint64_t file_size, VhdRegion *regions)
{
  unsigned n = 0;

  add_region (regions, &n, 0, VHD_FOOTER_SIZE);
  add_region (regions, &n, load_be64 (vhd->footer + FOOTER_DATA_OFFSET), VHD_HEADER_SIZE);
  add_region (regions, &n, vhd->bat_offset, vhd_round_up (vhd->max_entries * UINT64_C (4), VHD_SECTOR));
  for (unsigned i = 0; vhd->type == VHD_DIFFERENCING && i < VHD_N_LOCATORS; i++)
    {
      const uint8_t *locator = vhd->header + HEADER_LOCATORS + i * VHD_LOCATOR_SIZE;
      uint64_t offset = load_be64 (locator + LOCATOR_OFFSET), length = load_be32 (locator + LOCATOR_LENGTH);

      if (load_be32 (locator + LOCATOR_CODE) != 0 && length > 0 && length <= VHD_MAX_LOCATOR_DATA
          && offset <= file_size && length <= file_size - offset)
        add_region (regions, &n, offset, vhd_round_up (length, VHD_SECTOR));
    }
  return n;
}

bool
vhd_block_fits (const Vhd *vhd, uint64_t file_size, const VhdRegion *regions, unsigned n_regions, uint64_t at)
{
  uint64_t stride = vhd_stride (vhd);

  for (unsigned i = 0; i < n_regions; i++)
    if (at < regions[i].offset + regions[i].length && regions[i].offset < at + stride)
      return false;
  /* Without a footer at the end the file may have been cut: a block that begins in it is whole after a
   * repair. */
  return vhd->tail_valid ? at + stride <= file_size - VHD_FOOTER_SIZE : at < file_size;
}

uint64_t
vhd_used_end (const Vhd *vhd, uint64_t file_size)
{
  VhdRegion regions[3 + VHD_N_LOCATORS];
  unsigned n = vhd_regions (vhd, file_size, regions);
  uint64_t end = 0, stride = vhd_stride (vhd);

  for (unsigned i = 0; i < n; i++)
    end = MAX (end, regions[i].offset + regions[i].length);
  for (uint32_t i = 0; i < vhd->n_blocks; i++)
    if (vhd->bat[i] != VHD_UNUSED)
      end = MAX (end, vhd->bat[i] * (uint64_t)VHD_SECTOR + stride);
  return vhd_round_up (end, VHD_SECTOR);
}
