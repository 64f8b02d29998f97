/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-check-private.h"

#include "vmm/base/error.h"

#include <errno.h>

#define MAX_PASSES 4u

void
vmdk_found (VmdkChecking *checking, bool fixed, const char *format, ...)
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

void
vmdk_add_area (VmdkChecking *checking, uint64_t start, uint64_t length, uint32_t owner)
{
  VmdkArea area = { start, MIN (length, UINT32_MAX - start), owner };

  g_array_append_val (checking->areas, area);
}

/* --- repairs --- */

VmdkTable *
vmdk_open_table (VmdkChecking *checking, uint32_t index, bool anew)
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

bool
vmdk_set_entry (VmdkChecking *checking, uint32_t grain, uint32_t value)
{
  VmdkSparse *sparse = checking->sparse;
  VmdkTable *table;

  if (!checking->check->repair)
    return false;
  table = vmdk_open_table (checking, grain / sparse->gtes, false);
  if (table == NULL)
    return false;
  table->entries[grain % sparse->gtes] = value;
  return true;
}

/* --- the order --- */

static int
check_sparse (VmdkChecking *checking)
{
  VmdkSparse *sparse = checking->sparse;
  ImageCheck *check = checking->check;

  checking->areas = g_array_new (FALSE, FALSE, sizeof (VmdkArea));
  checking->first = g_new0 (uint32_t, sparse->gtes);
  checking->second = g_new0 (uint32_t, sparse->gtes);
  vmdk_check_header (checking);
  vmdk_add_metadata (checking);
  for (uint32_t i = 0; i < sparse->n_gd && checking->error == 0; i++)
    {
      if (g_cancellable_is_cancelled (check->cancellable))
        checking->error = -ECANCELED;
      else
        vmdk_check_table (checking, i);
      if (check->progress != NULL && i % 64 == 0)
        check->progress (checking->done + i, checking->total, check->data);
    }
  if (checking->error == 0)
    vmdk_check_areas (checking);
  checking->done += sparse->n_gd;
  g_array_unref (checking->areas);
  g_free (checking->first);
  g_free (checking->second);
  return checking->error;
}

static int
check_all (Vmdk *vmdk, VmdkChecking *checking)
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
check_again (ImageLayer *layer, VmdkChecking *checking)
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
  VmdkChecking checking = { .check = check };
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
