/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define METADATA   UINT32_MAX
#define MAX_PASSES 4u

/* A part of the file that is in use. All of a file's are kept: 12 bytes for a grain of, usually, 64 KiB. */
typedef struct {
  uint32_t start, length; /* sectors */
  uint32_t owner;         /* grain, or METADATA */
} Area;

typedef struct {
  VmdkSparse *sparse;
  ImageCheck *check;
  const char *name;
  GArray *areas;            /* of Area */
  uint32_t *first, *second; /* a table and its copy */
  uint32_t last;            /* sector of the grain before */
  uint64_t done, total;     /* tables */
  bool changed;
  unsigned pass;
  uint64_t fixed, unfixed, fixed_leaks, leaks; /* of all passes; of the last one */
  int error;
} Checking;

static void found (Checking *checking, bool fixed, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* One corruption. */
static void
found (Checking *checking, bool fixed, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL, *whole = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (fixed)
    checking->fixed++;
  else
    checking->unfixed++;
  if (checking->check->finding == NULL || (checking->pass > 0 && !fixed))
    return; /* it was said before */
  whole = g_strdup_printf ("%s: %s", checking->name, text);
  checking->check->finding (whole, checking->check->data);
}

static void
add_area (Checking *checking, uint64_t start, uint64_t length, uint32_t owner)
{
  Area area = { start, MIN (length, UINT32_MAX - start), owner };

  g_array_append_val (checking->areas, area);
}

/* --- repairs --- */

/* Table @index to be changed: loaded, and at a sound place. */
static VmdkTable *
open_table (Checking *checking, uint32_t index, bool anew)
{
  VmdkTable *table = NULL;
  int error = vmdk_sparse_table (checking->sparse, index, true, &table);

  if (anew || table == NULL)
    error = vmdk_sparse_new_table (checking->sparse, index, &table);
  if (error < 0)
    {
      checking->error = error;
      return NULL;
    }
  vmdk_sparse_set_dirty (checking->sparse, index);
  checking->changed = true;
  return table;
}

static bool
set_entry (Checking *checking, uint32_t grain, uint32_t value)
{
  VmdkSparse *sparse = checking->sparse;
  VmdkTable *table;

  if (!checking->check->repair)
    return false;
  table = open_table (checking, grain / sparse->gtes, false);
  if (table == NULL)
    return false;
  table->entries[grain % sparse->gtes] = value;
  return true;
}

/* Two grains of the disk in one of the file: the second gets a copy. */
static bool
move_grain (Checking *checking, const Area *area)
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
  return set_entry (checking, area->owner, to);
}

/* --- header and directories --- */

static void
check_header (Checking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  bool copy_lost = !sparse->gd_lost && (sparse->flags & VMDK_FLAG_REDUNDANT) && sparse->rgd_at == 0;

  if (!sparse->gd_lost && !copy_lost)
    return;
  if (checking->check->repair)
    { /* goes on with one directory */
      store_le64 (sparse->header + VMDK_H_GD, sparse->gd_at);
      store_le64 (sparse->header + VMDK_H_RGD, 0);
      sparse->flags &= ~VMDK_FLAG_REDUNDANT;
      store_le32 (sparse->header + VMDK_H_FLAGS, sparse->flags);
      sparse->rgd_at = 0;
      g_clear_pointer (&sparse->rgd, g_free);
      sparse->gd_lost = false;
      checking->error = vmdk_sparse_write_header (sparse);
    }
  found (checking, checking->check->repair && checking->error == 0,
         "the header's %s leads outside of the file; the other grain directory is used",
         copy_lost ? "rgdOffset" : "gdOffset");
}

static void
add_metadata (Checking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  uint64_t gd_sectors = ((uint64_t)sparse->n_gd * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR;
  uint64_t text = load_le64 (sparse->header + VMDK_H_DESCRIPTOR);

  add_area (checking, 0, 1, METADATA);
  if (text != 0 && text < vmdk_sparse_sectors (sparse))
    add_area (checking, text, MIN (load_le64 (sparse->header + VMDK_H_DESCRIPTOR_SIZE), 2048), METADATA);
  add_area (checking, sparse->gd_at, gd_sectors, METADATA);
  if (sparse->rgd_at != 0 && sparse->rgd_at != sparse->gd_at)
    add_area (checking, sparse->rgd_at, gd_sectors, METADATA);
}

/* --- tables --- */

static bool
entry_is_sound (const VmdkSparse *sparse, uint32_t entry)
{
  return entry == 0 || (entry == VMDK_GTE_ZERO && (sparse->flags & VMDK_FLAG_ZEROED))
         || (entry >= 2 && entry < vmdk_sparse_sectors (sparse));
}

/* Both copies of an entry, of which the second may be missing. Returns the one that counts. */
static uint32_t
judge_entry (Checking *checking, uint32_t grain, uint32_t first, uint32_t second, bool two)
{
  const VmdkSparse *sparse = checking->sparse;
  bool sound = entry_is_sound (sparse, first), other = two && entry_is_sound (sparse, second);
  uint32_t entry = first;

  if (!sound)
    entry = other ? second : 0;
  else if (first == 0 && other && second != 0)
    entry = second; /* data that one copy knows is better than none */
  if (!sound)
    found (checking, set_entry (checking, grain, entry),
           "the entry of grain %u leads outside of the file, to sector %u; %s", grain, first,
           other ? "the other grain table knows better" : "its data is lost");
  else if (two && first != second)
    found (checking, set_entry (checking, grain, entry),
           "the two grain tables disagree on grain %u: sectors %u and %u", grain, first, second);
  return entry;
}

/* A grain whose rest is to become a hole: one more grain is as far as any reaches. */
static bool
extend_file (Checking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  uint64_t whole = sparse->whole + sparse->grain;

  if (!checking->check->repair || sparse->store->fixed_size || whole > UINT32_MAX)
    return false;
  if (store_size (sparse->store) < whole * VMDK_SECTOR)
    checking->error = store_resize (sparse->store, whole * VMDK_SECTOR);
  if (checking->error < 0)
    return false;
  sparse->whole = whole;
  sparse->end = MAX (sparse->end, whole);
  return true;
}

/* Files that are cut off within a grain that lies where grains of the file do need nothing. */
static void
check_reach (Checking *checking, uint32_t grain, uint32_t entry)
{
  const VmdkSparse *sparse = checking->sparse;

  if ((sparse->flags & VMDK_FLAG_COMPRESSED) || (uint64_t)entry + sparse->grain <= sparse->whole)
    return;
  found (checking, extend_file (checking),
         "grain %u at sector %u reaches beyond the end of the file, which was cut off; what is missing is "
         "lost",
         grain, entry);
}

static void
count_grain (Checking *checking, uint32_t grain, uint32_t entry)
{
  const VmdkSparse *sparse = checking->sparse;
  ImageCheck *check = checking->check;

  check->total_clusters++;
  if (entry == 0 || (entry == VMDK_GTE_ZERO && (sparse->flags & VMDK_FLAG_ZEROED)))
    return;
  check->allocated_clusters++;
  check->compressed_clusters += (sparse->flags & VMDK_FLAG_COMPRESSED) != 0;
  check->fragmented_clusters +=
    checking->last != 0 && !(sparse->flags & VMDK_FLAG_COMPRESSED) && entry != checking->last + sparse->grain;
  checking->last = entry;
  check_reach (checking, grain, entry);
  add_area (checking, entry, sparse->grain, grain);
}

static bool
read_tables (Checking *checking, uint32_t at, uint32_t copy)
{
  VmdkSparse *sparse = checking->sparse;

  checking->error = vmdk_read_u32 (sparse->store, (uint64_t)at * VMDK_SECTOR, checking->first, sparse->gtes);
  if (checking->error == 0 && copy != 0)
    checking->error =
      vmdk_read_u32 (sparse->store, (uint64_t)copy * VMDK_SECTOR, checking->second, sparse->gtes);
  return checking->error == 0;
}

static void
check_table (Checking *checking, uint32_t index)
{
  VmdkSparse *sparse = checking->sparse;
  uint32_t at = sparse->gd[index], copy = sparse->rgd != NULL ? sparse->rgd[index] : 0;
  uint32_t first = index * sparse->gtes, n = MIN (sparse->gtes, sparse->grains - first);
  bool has = vmdk_sparse_table_fits (sparse, at),
       has_copy = vmdk_sparse_table_fits (sparse, copy) && copy != at;

  if (at == 0 && copy == 0)
    {
      checking->check->total_clusters += n;
      return;
    }
  if (!has || (sparse->rgd != NULL && copy != at && !has_copy))
    found (checking, checking->check->repair && open_table (checking, index, true) != NULL,
           "the grain directory's entry %u leads outside of the file, to sector %u; %s", index,
           has ? copy : at, has || has_copy ? "there is a second one" : "its data is lost");
  if (!has && !has_copy)
    return;
  if (has)
    add_area (checking, at, vmdk_sparse_table_sectors (sparse), METADATA);
  if (has_copy)
    add_area (checking, copy, vmdk_sparse_table_sectors (sparse), METADATA);
  if (!read_tables (checking, has ? at : copy, has && has_copy ? copy : 0))
    return;
  for (uint32_t i = 0; i < n && checking->error == 0; i++)
    count_grain (checking, first + i,
                 judge_entry (checking, first + i, checking->first[i], checking->second[i], has && has_copy));
}

/* --- the file as a whole --- */

static int
compare_areas (const void *a, const void *b)
{
  const Area *x = a, *y = b;

  if (x->start != y->start)
    return x->start < y->start ? -1 : 1;
  return x->owner == y->owner ? 0 : x->owner > y->owner ? -1 : 1; /* metadata first */
}

/* A compressed grain's real size. */
static void
measure_code (Checking *checking, Area *area)
{
  VmdkSparse *sparse = checking->sparse;
  uint64_t lba;
  uint32_t size;
  int error;

  if (area->owner == METADATA || !(sparse->flags & VMDK_FLAG_MARKERS))
    {
      if (area->owner != METADATA && (sparse->flags & VMDK_FLAG_COMPRESSED))
        area->length = 1;
      return;
    }
  error = vmdk_stream_marker (sparse, (uint64_t)area->start * VMDK_SECTOR, &lba, &size);
  area->length = error == 0 ? (size + 12 + VMDK_SECTOR - 1) / VMDK_SECTOR : 1;
  if (error < 0 || lba != (uint64_t)area->owner * sparse->grain)
    found (checking, false, "there is no marker of grain %u at sector %u", area->owner, area->start);
}

/* A grain among the file's own tables; it is out of the way then. */
static void
drop_grain (Checking *checking, Area *area)
{
  found (checking, set_entry (checking, area->owner, 0),
         "grain %u lies where the file's own tables do, at sector %u; its data is lost", area->owner,
         area->start);
  area->length = 0;
}

/* Grains that begin in metadata, and those that metadata begins in. */
static void
check_metadata (Checking *checking)
{
  Area *areas = (Area *)(void *)checking->areas->data;
  uint64_t end = 0, next = UINT64_MAX;

  for (unsigned i = 0; i < checking->areas->len && checking->error == 0; i++)
    {
      Area *area = &areas[i];

      if (area->owner != METADATA && area->start < end)
        drop_grain (checking, area);
      else if (area->owner == METADATA && area->start < end)
        found (checking, false, "directories or tables lie over each other at sector %u", area->start);
      if (area->owner == METADATA)
        end = MAX (end, (uint64_t)area->start + area->length);
    }
  for (unsigned i = checking->areas->len; i-- > 0 && checking->error == 0;)
    {
      Area *area = &areas[i];

      if (area->owner == METADATA)
        next = area->start;
      else if (area->length > 0 && (uint64_t)area->start + area->length > next)
        drop_grain (checking, area);
    }
}

/* What nothing leads to: data between the areas is a leak, a hole isn't. */
static void
check_gap (Checking *checking, uint64_t start, uint64_t end, bool tail)
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

static void
check_areas (Checking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  Area *areas = (Area *)(void *)checking->areas->data;
  uint64_t end = 0, file_end = vmdk_sparse_sectors (sparse);
  uint32_t before = METADATA;

  qsort (areas, checking->areas->len, sizeof *areas, compare_areas);
  for (unsigned i = 0; i < checking->areas->len && checking->error == 0; i++)
    measure_code (checking, &areas[i]);
  check_metadata (checking);
  for (unsigned i = 0; i < checking->areas->len && checking->error == 0; i++)
    {
      const Area *area = &areas[i];

      if (area->length == 0)
        continue;
      if (area->owner != METADATA && area->start < end)
        {
          found (checking, move_grain (checking, area), "grains %u and %u share sector %u", before,
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

static int
check_sparse (Checking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  ImageCheck *check = checking->check;

  checking->areas = g_array_new (FALSE, FALSE, sizeof (Area));
  checking->first = g_new0 (uint32_t, sparse->gtes);
  checking->second = g_new0 (uint32_t, sparse->gtes);
  check_header (checking);
  add_metadata (checking);
  for (uint32_t i = 0; i < sparse->n_gd && checking->error == 0; i++)
    {
      if (g_cancellable_is_cancelled (check->cancellable))
        checking->error = -ECANCELED;
      else
        check_table (checking, i);
      if (check->progress != NULL && i % 64 == 0)
        check->progress (checking->done + i, checking->total, check->data);
    }
  if (checking->error == 0)
    check_areas (checking);
  checking->done += sparse->n_gd;
  g_array_unref (checking->areas);
  g_free (checking->first);
  g_free (checking->second);
  return checking->error;
}

static int
check_all (Vmdk *vmdk, Checking *checking)
{
  int result = 0;

  checking->done = 0;
  checking->unfixed = checking->leaks = 0;
  checking->changed = false;
  for (unsigned i = 0; i < vmdk->n_extents && result == 0; i++)
    {
      g_autofree char *name = NULL;

      if (vmdk->extents[i].sparse == NULL)
        continue;
      name = g_path_get_basename (vmdk->extents[i].store->path);
      checking->sparse = vmdk->extents[i].sparse;
      checking->name = name;
      checking->last = 0;
      result = check_sparse (checking);
    }
  return result;
}

/* What repairs freed, or brought to light. */
static int
check_again (ImageLayer *layer, Checking *checking)
{
  ImageCheck *check = checking->check;
  int result = 0;

  for (checking->pass = 1; checking->pass < MAX_PASSES && result == 0 && checking->changed; checking->pass++)
    {
      ImageCheck again = {
        .repair = true, .cancellable = check->cancellable, .finding = check->finding, .data = check->data
      };

      result = vmdk_flush (layer);
      checking->check = &again;
      if (result == 0)
        result = check_all (layer->state, checking);
      checking->check = check;
      check->image_end = again.image_end;
    }
  return result;
}

bool
vmdk_check (ImageLayer *layer, ImageCheck *check, GError **error)
{
  Vmdk *vmdk = layer->state;
  Checking checking = { .check = check };
  int result;

  for (unsigned i = 0; i < vmdk->n_extents; i++)
    checking.total += vmdk->extents[i].sparse != NULL ? vmdk->extents[i].sparse->n_gd : 0;
  result = check_all (vmdk, &checking);
  if (result == 0 && check->repair)
    result = check_again (layer, &checking);
  if (result == 0 && check->repair && (checking.changed || layer->dirty))
    result = vmdk_flush (layer);
  if (check->progress != NULL)
    check->progress (checking.total, MAX (checking.total, 1), check->data);
  check->corruptions = checking.fixed + checking.unfixed;
  check->leaks = checking.fixed_leaks + checking.leaks;
  check->repaired = checking.fixed + checking.fixed_leaks;
  vmdk->unfixed = checking.unfixed;
  return result == 0
         || vmm_set_errno_error (error, -result, "Can't check disk image “%s”", layer->store->path);
}
