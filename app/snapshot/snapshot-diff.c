/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-diff.h"

#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-private.h"
#include "vmm/memory/memory-compare.h"
#include "vmm/memory/memory-image.h"

#include <string.h>

#define MAX_LAYERS 256u

static void
setting_free (SnapshotSetting *setting)
{
  g_free (setting->member);
  g_free (setting->from);
  g_free (setting->to);
  g_free (setting);
}

static void
disk_diff_free (SnapshotDiskDiff *disk)
{
  g_free (disk->id);
  g_array_unref (disk->extents);
  g_free (disk);
}

SnapshotDiff *
snapshot_diff_new (void)
{
  SnapshotDiff *diff = g_new0 (SnapshotDiff, 1);

  diff->settings = g_ptr_array_new_with_free_func ((GDestroyNotify)setting_free);
  diff->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)disk_diff_free);
  return diff;
}

void
snapshot_diff_free (SnapshotDiff *diff)
{
  g_ptr_array_unref (diff->settings);
  g_ptr_array_unref (diff->disks);
  g_free (diff);
}

void
snapshot_diff_add_setting (SnapshotDiff *diff, const char *member, const char *from, const char *to)
{
  SnapshotSetting *setting = g_new (SnapshotSetting, 1);

  *setting = (SnapshotSetting){ g_strdup (member), g_strdup (from), g_strdup (to) };
  g_ptr_array_add (diff->settings, setting);
}

/* --- disks --- */

/* What is compared. */
typedef struct {
  const SnapshotTree *tree;
  const SnapshotNode *nodes[2]; /* the second NULL: the machine as it is now */
  const VmConfig *now;
  const SnapshotLive *live; /* (nullable) */
  const ImageJob *job;
  LayerGraph *graph;
} Pair;

/* One side of a disk: its layers from the top, as far as they are known. */
typedef struct {
  char *path, *format;
  bool is_live; /* the machine has it open */
  uint64_t size;
  LayerFile *top;
  unsigned n_own; /* layers that the other side hasn't */
} Side;

static void
side_clear (Side *side)
{
  g_free (side->path);
  g_free (side->format);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Side, side_clear)

static bool
lies_on (const LayerFile *top, const LayerFile *wanted)
{
  unsigned n = 0;

  for (; top != NULL && n <= MAX_LAYERS; top = top->below, n++)
    if (top == wanted)
      return true;
  return false;
}

/* The first layer of both. */
static bool
find_common (Side *from, Side *to)
{
  from->n_own = to->n_own = 0;
  for (const LayerFile *at = from->top; at != NULL && from->n_own <= MAX_LAYERS;
       at = at->below, from->n_own++)
    if (lies_on (to->top, at))
      {
        for (const LayerFile *other = to->top; other != at; other = other->below)
          to->n_own++;
        return true;
      }
  return false;
}

typedef struct {
  GArray *extents;
  unsigned n_own;
} Collect;

static void
on_extent (const ImageExtent *extent, void *data)
{
  Collect *collect = data;
  const SnapshotExtent run = { extent->offset, extent->length };

  if (extent->depth < collect->n_own)
    g_array_append_val (collect->extents, run);
}

static bool
collect_side (const Pair *pair, const Side *side, SnapshotDiskDiff *disk, GError **error)
{
  const ImageSource source = { .path = side->path, .format = side->format };
  Collect collect = { disk->extents, side->n_own };

  if (side->n_own == 0)
    return true;
  if (side->is_live)
    return pair->live->map_disk (disk->id, on_extent, &collect, pair->job, pair->live->data, error);
  return image_map (&source, false, on_extent, &collect, pair->job, error);
}

static int
compare_extents (gconstpointer a, gconstpointer b)
{
  const SnapshotExtent *left = a, *right = b;

  return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* In order, and none touches the next. */
static void
unite (SnapshotDiskDiff *disk)
{
  guint n = 0;

  g_array_sort (disk->extents, compare_extents);
  for (guint i = 0; i < disk->extents->len; i++)
    {
      const SnapshotExtent *next = &g_array_index (disk->extents, SnapshotExtent, i);
      SnapshotExtent *last = n > 0 ? &g_array_index (disk->extents, SnapshotExtent, n - 1) : NULL;

      if (last != NULL && next->offset <= last->offset + last->length)
        last->length = MAX (last->length, next->offset + next->length - last->offset);
      else
        g_array_index (disk->extents, SnapshotExtent, n++) = *next;
    }
  g_array_set_size (disk->extents, n);
  for (guint i = 0; i < n; i++)
    disk->changed += g_array_index (disk->extents, SnapshotExtent, i).length;
}

SnapshotDiskDiff *
snapshot_diff_find_disk (SnapshotDiff *diff, const char *id)
{
  SnapshotDiskDiff *disk;

  for (guint i = 0; i < diff->disks->len; i++)
    if (g_str_equal (((SnapshotDiskDiff *)g_ptr_array_index (diff->disks, i))->id, id))
      return g_ptr_array_index (diff->disks, i);
  disk = g_new0 (SnapshotDiskDiff, 1);
  disk->id = g_strdup (id);
  disk->extents = g_array_new (FALSE, FALSE, sizeof (SnapshotExtent));
  g_ptr_array_add (diff->disks, disk);
  return disk;
}

static void
name_side (LayerGraph *graph, const char *bundle, const char *layer, const char *format, Side *side)
{
  side->path = snapshot_resolve (bundle, layer);
  side->format = g_strdup (format);
  side->top = layer_graph_find (graph, side->path);
}

/* @node: (nullable): the machine as it is now. False: that disk isn't there. */
static bool
find_side (const Pair *pair, const SnapshotNode *node, const char *id, Side *side)
{
  const SnapshotDisk *then = node != NULL ? snapshot_node_find_disk (node, id) : NULL;
  const VmDisk *disk = node == NULL ? vm_config_find_disk (pair->now, id) : NULL;
  const char *bundle = pair->tree->bundle;

  if (then != NULL)
    {
      name_side (pair->graph, bundle, then->layer, then->format, side);
      side->size = then->size;
      return true;
    }
  if (disk == NULL || !snapshot_disk_has_layers (disk))
    return false;
  name_side (pair->graph, bundle, disk->path, disk->options.format != NULL ? disk->options.format : "raw",
             side);
  side->is_live = pair->live != NULL;
  return true;
}

static bool
compare_disk (const Pair *pair, SnapshotDiskDiff *disk, GError **error)
{
  g_auto (Side) from = { 0 };
  g_auto (Side) to = { 0 };

  disk->in_from = find_side (pair, pair->nodes[0], disk->id, &from);
  disk->in_to = find_side (pair, pair->nodes[1], disk->id, &to);
  disk->from_size = from.size;
  disk->to_size = to.size;
  disk->known = disk->in_from && disk->in_to && find_common (&from, &to);
  if (!disk->known)
    return true;
  if (!collect_side (pair, &from, disk, error) || !collect_side (pair, &to, disk, error))
    return false;
  unite (disk);
  return true;
}

static bool
compare_disks (SnapshotDiff *diff, const Pair *pair, GError **error)
{
  for (unsigned side = 0; side < 2; side++)
    for (guint i = 0; pair->nodes[side] != NULL && i < pair->nodes[side]->disks->len; i++)
      snapshot_diff_find_disk (diff, ((SnapshotDisk *)g_ptr_array_index (pair->nodes[side]->disks, i))->id);
  for (guint i = 0; pair->nodes[1] == NULL && i < pair->now->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (pair->now->disks, i);

      if (snapshot_disk_has_layers (disk))
        snapshot_diff_find_disk (diff, disk->id);
    }
  for (guint i = 0; i < diff->disks->len; i++)
    if (!compare_disk (pair, g_ptr_array_index (diff->disks, i), error))
      return false;
  return true;
}

/* --- memory --- */

/* @folder: from the bundle. The memory.index in it, or NULL if there is none. (transfer full) */
static char *
find_memory (const Pair *pair, const char *folder)
{
  g_autofree char *path = g_build_filename (pair->tree->bundle, folder, MEMORY_IMAGE_INDEX, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS) ? g_steal_pointer (&path) : NULL;
}

static char *
find_node_memory (const Pair *pair, const SnapshotNode *node)
{
  g_autofree char *folder = g_build_filename (SNAPSHOT_FOLDER, node->id, NULL);

  return find_memory (pair, folder);
}

static bool
compare_memory (SnapshotDiff *diff, const Pair *pair, GError **error)
{
  bool running = pair->nodes[1] == NULL && pair->live != NULL;
  g_autofree char *from = find_node_memory (pair, pair->nodes[0]);
  g_autofree char *to = pair->nodes[1] != NULL                  ? find_node_memory (pair, pair->nodes[1])
                        : !running && pair->now->resume != NULL ? find_memory (pair, pair->now->resume)
                                                                : NULL;

  diff->memory_known = from != NULL && (running || to != NULL);
  if (!diff->memory_known)
    return true;
  if (running)
    return pair->live->compare_memory (from, &diff->memory_changed, pair->job, pair->live->data, error);
  return memory_compare_saved (from, to, &diff->memory_changed, error);
}

SnapshotDiff *
snapshot_diff (const SnapshotTree *tree, const SnapshotNode *from, const SnapshotNode *to,
               const SnapshotLive *live, const ImageJob *job, GError **error)
{
  g_autoptr (VmConfig) now = bundle_load (tree->bundle, error);
  g_autoptr (VmConfig) before = now != NULL ? snapshot_tree_load_config (tree, from, error) : NULL;
  g_autoptr (VmConfig) after = before == NULL ? NULL
                               : to != NULL   ? snapshot_tree_load_config (tree, to, error)
                                              : vm_config_copy (now);
  g_autoptr (SnapshotDiff) diff = snapshot_diff_new ();
  g_autoptr (LayerGraph) graph = after != NULL ? layer_graph_new (tree, now) : NULL;
  const Pair pair = { tree, { from, to }, now, live, job, graph };

  if (after == NULL)
    return NULL;
  snapshot_diff_settings (diff, before, after);
  return compare_disks (diff, &pair, error) && compare_memory (diff, &pair, error) ? g_steal_pointer (&diff)
                                                                                   : NULL;
}
