/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linked clones and what they lie on: they go into the trash, and for good, before their original, and come
 * back after it. */
#include "app/library/library-private.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/snapshot/clone.h"

#include <glib/gi18n.h>

/* More is no tree. */
#define MAX_DEPTH 100u

static unsigned
depth_of (BonsaiLibrary *self, BonsaiVm *vm)
{
  unsigned depth = 0;

  while (vm != NULL && depth < MAX_DEPTH)
    {
      const VmConfig *config = bonsai_vm_get_config (vm);

      vm = config != NULL && config->clone_of != NULL ? bonsai_library_find (self, config->clone_of) : NULL;
      depth += vm != NULL ? 1 : 0;
    }
  return depth;
}

static int
compare_depth (gconstpointer a, gconstpointer b, gpointer library)
{
  return (int)depth_of (library, *(BonsaiVm *const *)b) - (int)depth_of (library, *(BonsaiVm *const *)a);
}

void
bonsai_library_order_for_delete (BonsaiLibrary *self, GPtrArray *vms)
{
  g_ptr_array_sort_with_data (vms, compare_depth, self);
}

/* --- in the trash --- */

char *
library_find_origin_in_trash (const char *folder, const VmConfig *config)
{
  return config->clone_of != NULL ? library_find_in_trash (folder, config->clone_of, NULL) : NULL;
}

/* What its bundle in the trash is called. */
static char *
name_in_trash (const char *folder, const char *item)
{
  g_autofree char *trash = library_trash_folder (folder), *path = g_build_filename (trash, item, NULL);
  g_autoptr (VmConfig) config = bundle_load (path, NULL);

  return config != NULL ? g_strdup (config->name) : g_strdup (item);
}

static bool
fail_for_clone (BonsaiLibrary *self, const char *name, const CloneRecord *clone, GError **error)
{
  BonsaiVm *vm = bonsai_library_find (self, clone->uuid);

  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
    _ ("“%s” can’t be deleted alone: the disks of its linked clone “%s” lie on its own. Delete the "
       "clone before it or together with it, or make it independent (bonsai disk rebase "
       "--no-backing)"),
    name, vm != NULL ? bonsai_vm_get_name (vm) : clone->path);
  return false;
}

bool
library_check_clones (BonsaiLibrary *self, const char *bundle, const char *name, bool *has_any,
                      GError **error)
{
  g_autoptr (GPtrArray) clones = clone_list (bundle, error);

  *has_any = clones != NULL && clones->len > 0;
  for (guint i = 0; clones != NULL && i < clones->len; i++)
    {
      const CloneRecord *clone = g_ptr_array_index (clones, i);
      g_autofree char *item = NULL;

      if (bonsai_library_find (self, clone->uuid) == NULL)
        item = library_find_in_trash (self->folder, clone->uuid, NULL);
      if (item == NULL)
        return fail_for_clone (self, name, clone, error);
    }
  return clones != NULL;
}

bool
library_check_clones_in_trash (const char *folder, const char *bundle, const char *name, GError **error)
{
  g_autoptr (GPtrArray) clones = clone_list (bundle, error);

  for (guint i = 0; clones != NULL && i < clones->len; i++)
    {
      const CloneRecord *clone = g_ptr_array_index (clones, i);
      g_autofree char *item = library_find_in_trash (folder, clone->uuid, NULL);
      g_autofree char *other = item != NULL ? name_in_trash (folder, item) : NULL;

      if (other == NULL)
        continue; /* the guard says it */
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
        _ ("“%s” can’t be deleted for good yet: the disks of its linked clone “%s”, which is in the "
           "trash as well, lie on its own. Delete that one for good first, or empty the trash"),
        name, other);
      return false;
    }
  return clones != NULL;
}

void
library_forget_clone_in_trash (const char *folder, const VmConfig *config)
{
  g_autofree char *item = library_find_origin_in_trash (folder, config);
  g_autofree char *trash = library_trash_folder (folder);
  g_autofree char *path = item != NULL ? g_build_filename (trash, item, NULL) : NULL;

  if (path != NULL)
    clone_forget (path, config->uuid, NULL);
}

/* --- the order in which all goes for good --- */

typedef struct {
  char *item;
  unsigned depth;
} Ordered;

static unsigned
depth_in_trash (const char *folder, const char *item)
{
  g_autofree char *trash = library_trash_folder (folder);
  g_autofree char *at = g_strdup (item);
  unsigned depth = 0;

  while (at != NULL && depth < MAX_DEPTH)
    {
      g_autofree char *path = g_build_filename (trash, at, NULL);
      g_autoptr (VmConfig) config = bundle_load (path, NULL);

      g_free (at);
      at = config != NULL ? library_find_origin_in_trash (folder, config) : NULL;
      depth += at != NULL ? 1 : 0;
    }
  return depth;
}

static int
compare_ordered (gconstpointer a, gconstpointer b)
{
  return (int)((const Ordered *)b)->depth - (int)((const Ordered *)a)->depth;
}

void
library_order_trash (const char *folder, char **items)
{
  g_autoptr (GArray) ordered = g_array_new (FALSE, FALSE, sizeof (Ordered));

  for (unsigned i = 0; items[i] != NULL; i++)
    g_array_append_val (ordered, ((Ordered){ items[i], depth_in_trash (folder, items[i]) }));
  g_array_sort (ordered, compare_ordered);
  for (guint i = 0; i < ordered->len; i++)
    items[i] = g_array_index (ordered, Ordered, i).item;
}
