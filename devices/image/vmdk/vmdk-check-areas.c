/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-check-private.h"

#include "vmm/base/bytes.h"

#include <stdlib.h>

/* Two grains of the disk in one of the file: the second gets a copy. */
static bool
move_grain (VmdkChecking *checking, const VmdkArea *area)
{
  VmdkSparse *sparse = checking->sparse;
  size_t size = sparse->grain * VMDK_SECTOR;
  g_autofree uint8_t *data = NULL;
  uint64_t to = sparse->end;

  if (!checking->check->repair || (sparse->flags & VMDK_FLAG_COMPRESSED) || to + sparse->grain > UINT32_MAX)
    return false;
  data = g_malloc (size);
  checking->error = store_read (sparse->store, (uint64_t)area->start * VMDK_SECTOR, data, size);
  if (checking->error == 0)
    checking->error = store_write (sparse->store, to * VMDK_SECTOR, data, size);
  if (checking->error < 0)
    return false;
  sparse->end += sparse->grain;
  return vmdk_set_entry (checking, area->owner, to);
}

static int
compare_areas (const void *a, const void *b)
{
  const VmdkArea *x = a, *y = b;

  if (x->start != y->start)
    return x->start < y->start ? -1 : 1;
  return x->owner == y->owner ? 0 : x->owner > y->owner ? -1 : 1; /* metadata first */
}

/* A compressed grain's real size. */
static void
measure_code (VmdkChecking *checking, VmdkArea *area)
{
  VmdkSparse *sparse = checking->sparse;
  uint64_t lba;
  uint32_t size;
  int error;

  if (area->owner == VMDK_METADATA || !(sparse->flags & VMDK_FLAG_MARKERS))
    {
      if (area->owner != VMDK_METADATA && (sparse->flags & VMDK_FLAG_COMPRESSED))
        area->length = 1;
      return;
    }
  error = vmdk_stream_marker (sparse, (uint64_t)area->start * VMDK_SECTOR, &lba, &size);
  area->length = error == 0 ? (size + 12 + VMDK_SECTOR - 1) / VMDK_SECTOR : 1;
  if (error < 0 || lba != (uint64_t)area->owner * sparse->grain)
    vmdk_found (checking, false, "there is no marker of grain %u at sector %u", area->owner, area->start);
}

/* A grain among the file's own tables; it is out of the way then. */
static void
drop_grain (VmdkChecking *checking, VmdkArea *area)
{
  vmdk_found (checking, vmdk_set_entry (checking, area->owner, 0),
              "grain %u lies where the file's own tables do, at sector %u; its data is lost", area->owner,
              area->start);
  area->length = 0;
}

/* Grains that begin in metadata, and those that metadata begins in. */
static void
check_metadata (VmdkChecking *checking)
{
  VmdkArea *areas = (VmdkArea *)(void *)checking->areas->data;
  uint64_t end = 0, next = UINT64_MAX;

  for (unsigned i = 0; i < checking->areas->len && checking->error == 0; i++)
    {
      VmdkArea *area = &areas[i];

      if (area->owner != VMDK_METADATA && area->start < end)
        drop_grain (checking, area);
      else if (area->owner == VMDK_METADATA && area->start < end)
        vmdk_found (checking, false, "directories or tables lie over each other at sector %u", area->start);
      if (area->owner == VMDK_METADATA)
        end = MAX (end, (uint64_t)area->start + area->length);
    }
  for (unsigned i = checking->areas->len; i-- > 0 && checking->error == 0;)
    {
      VmdkArea *area = &areas[i];

      if (area->owner == VMDK_METADATA)
        next = area->start;
      else if (area->length > 0 && (uint64_t)area->start + area->length > next)
        drop_grain (checking, area);
    }
}

/* What nothing leads to: data between the areas is a leak, a hole isn't. */
static void
check_gap (VmdkChecking *checking, uint64_t start, uint64_t end, bool tail)
{
  VmdkSparse *sparse = checking->sparse;
  uint64_t at, stop, data = 0, grain = (uint64_t)sparse->grain * VMDK_SECTOR, leaks;
  bool fixed = false;

  start = MAX (start, load_le64 (sparse->header + VMDK_H_OVERHEAD));
  start = (start + sparse->grain - 1) / sparse->grain * sparse->grain;
  if (start >= end || (sparse->flags & VMDK_FLAG_COMPRESSED))
    return;
  at = start * VMDK_SECTOR;
  stop = MIN (end * VMDK_SECTOR, store_size (sparse->store));
  while (at < stop)
    {
      bool is_data;
      uint64_t next;

      if (store_status (sparse->store, at, stop - at, &is_data, &next) < 0 || next <= at)
        break;
      data += is_data ? MIN (next, stop) - at : 0;
      at = next;
    }
  leaks = data / grain; /* less is padding */
  if (leaks == 0)
    return;
  if (checking->check->repair && tail)
    fixed = store_resize (sparse->store, start * VMDK_SECTOR) == 0;
  else if (checking->check->repair)
    fixed = store_punch (sparse->store, start * VMDK_SECTOR, stop - start * VMDK_SECTOR) == 0;
  if (fixed && tail)
    sparse->end = sparse->whole = (start + sparse->grain - 1) / sparse->grain * sparse->grain;
  if (fixed)
    checking->fixed_leaks += leaks;
  else
    checking->leaks += leaks;
}

void
vmdk_check_areas (VmdkChecking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  VmdkArea *areas = (VmdkArea *)(void *)checking->areas->data;
  uint64_t end = 0, file_end = vmdk_sparse_sectors (sparse);
  uint32_t before = VMDK_METADATA;

  qsort (areas, checking->areas->len, sizeof *areas, compare_areas);
  for (unsigned i = 0; i < checking->areas->len && checking->error == 0; i++)
    measure_code (checking, &areas[i]);
  check_metadata (checking);
  for (unsigned i = 0; i < checking->areas->len && checking->error == 0; i++)
    {
      const VmdkArea *area = &areas[i];

      if (area->length == 0)
        continue;
      if (area->owner != VMDK_METADATA && area->start < end)
        {
          vmdk_found (checking, move_grain (checking, area), "grains %u and %u share sector %u", before,
                      area->owner, area->start);
          continue;
        }
      check_gap (checking, end, area->start, false);
      before = area->owner;
      end = MAX (end, (uint64_t)area->start + area->length);
    }
  checking->check->image_end = MAX (checking->check->image_end, MIN (end, file_end) * VMDK_SECTOR);
  if (!checking->changed && checking->error == 0 && !sparse->store->fixed_size)
    check_gap (checking, end, file_end, true);
}
