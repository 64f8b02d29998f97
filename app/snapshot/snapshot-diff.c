/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-diff.h"

#include "app/bundle/bundle.h"
#include "app/bundle/json-text.h"
#include "app/snapshot/snapshot-private.h"

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

void
snapshot_diff_free (SnapshotDiff *diff)
{
  g_ptr_array_unref (diff->settings);
  g_ptr_array_unref (diff->disks);
  g_free (diff);
}

/* --- settings --- */

static char *
node_text (JsonNode *node)
{
  return node != NULL ? json_to_string (node, FALSE) : NULL;
}

/* @pointer: of both, a JSON pointer. */
static void
compare_values (SnapshotDiff *diff, const char *pointer, JsonNode *from, JsonNode *to)
{
  SnapshotSetting *setting;

  if (from != NULL && to != NULL && json_node_equal (from, to))
    return;
  if (from != NULL && to != NULL && JSON_NODE_HOLDS_OBJECT (from) && JSON_NODE_HOLDS_OBJECT (to))
    {
      JsonObject *objects[] = { json_node_get_object (from), json_node_get_object (to) };

      for (unsigned i = 0; i < 2; i++)
        {
          g_autoptr (GList) names = json_object_get_members (objects[i]);

          for (GList *at = names; at != NULL; at = at->next)
            {
              g_autofree char *inner = g_strdup_printf ("%s/%s", pointer, (const char *)at->data);

              if (i == 0 || !json_object_has_member (objects[0], at->data))
                compare_values (diff, inner, json_object_get_member (objects[0], at->data),
                                json_object_get_member (objects[1], at->data));
            }
        }
      return;
    }
  if (from != NULL && to != NULL && JSON_NODE_HOLDS_ARRAY (from) && JSON_NODE_HOLDS_ARRAY (to))
    {
      JsonArray *arrays[] = { json_node_get_array (from), json_node_get_array (to) };
      guint n[] = { json_array_get_length (arrays[0]), json_array_get_length (arrays[1]) };

      for (guint i = 0; i < MAX (n[0], n[1]); i++)
        {
          g_autofree char *inner = g_strdup_printf ("%s/%u", pointer, i);

          compare_values (diff, inner, i < n[0] ? json_array_get_element (arrays[0], i) : NULL,
                          i < n[1] ? json_array_get_element (arrays[1], i) : NULL);
        }
      return;
    }
  setting = g_new0 (SnapshotSetting, 1);
  *setting = (SnapshotSetting){ json_pointer_for_people (pointer), node_text (from), node_text (to) };
  g_ptr_array_add (diff->settings, setting);
}

/* What differs by nature doesn't count: which layers a disk has, where it stands in the tree, whose it is. */
static JsonNode *
comparable (const VmConfig *config)
{
  g_autoptr (VmConfig) copy = vm_config_copy (config);
  g_autofree char *text = NULL;

  for (guint i = 0; i < copy->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (copy->disks, i);

      if (!snapshot_disk_has_layers (disk))
        continue;
      vm_config_set (&disk->path, disk->id);
      vm_config_set (&disk->options.format, NULL);
    }
  vm_config_set (&copy->nvram, NULL);
  vm_config_set (&copy->snapshot, NULL);
  vm_config_set (&copy->resume, NULL);
  vm_config_set (&copy->generation, NULL);
  vm_config_set (&copy->disposable, NULL);
  vm_config_set (&copy->clone_of, NULL);
  vm_config_set (&copy->clone_snapshot, NULL);
  copy->template_state = VM_TEMPLATE_NONE;
  vm_config_copy_labels (copy, NULL);
  vm_config_set (&copy->name, "");
  vm_config_set (&copy->uuid, "");
  text = vm_config_to_json (copy);
  return json_from_string (text, NULL);
}

/* --- disks --- */

/* One side of a disk: its layers from the top, as far as they are known. */
typedef struct {
  char *path, *format;
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
collect_side (const Side *side, GArray *extents, const ImageJob *job, GError **error)
{
  const ImageSource source = { .path = side->path, .format = side->format };
  Collect collect = { extents, side->n_own };

  return side->n_own == 0 || image_map (&source, false, on_extent, &collect, job, error);
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

static SnapshotDiskDiff *
find_diff (SnapshotDiff *diff, const char *id)
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
find_side (const SnapshotTree *tree, LayerGraph *graph, const SnapshotNode *node, const VmConfig *now,
           const char *id, Side *side)
{
  const SnapshotDisk *then = node != NULL ? snapshot_node_find_disk (node, id) : NULL;
  const VmDisk *disk = node == NULL ? vm_config_find_disk (now, id) : NULL;

  if (then != NULL)
    {
      name_side (graph, tree->bundle, then->layer, then->format, side);
      side->size = then->size;
      return true;
    }
  if (disk == NULL || !snapshot_disk_has_layers (disk))
    return false;
  name_side (graph, tree->bundle, disk->path, disk->options.format != NULL ? disk->options.format : "raw",
             side);
  return true;
}

static bool
compare_disk (const SnapshotTree *tree, LayerGraph *graph, const SnapshotNode *const nodes[2],
              const VmConfig *now, SnapshotDiskDiff *disk, const ImageJob *job, GError **error)
{
  g_auto (Side) from = { 0 };
  g_auto (Side) to = { 0 };

  disk->in_from = find_side (tree, graph, nodes[0], now, disk->id, &from);
  disk->in_to = find_side (tree, graph, nodes[1], now, disk->id, &to);
  disk->from_size = from.size;
  disk->to_size = to.size;
  disk->known = disk->in_from && disk->in_to && find_common (&from, &to);
  if (!disk->known)
    return true;
  if (!collect_side (&from, disk->extents, job, error) || !collect_side (&to, disk->extents, job, error))
    return false;
  unite (disk);
  return true;
}

static bool
compare_disks (SnapshotDiff *diff, const SnapshotTree *tree, const SnapshotNode *from, const SnapshotNode *to,
               const VmConfig *now, const ImageJob *job, GError **error)
{
  const SnapshotNode *const nodes[2] = { from, to };
  g_autoptr (LayerGraph) graph = layer_graph_new (tree, now);

  for (unsigned side = 0; side < 2; side++)
    for (guint i = 0; nodes[side] != NULL && i < nodes[side]->disks->len; i++)
      find_diff (diff, ((SnapshotDisk *)g_ptr_array_index (nodes[side]->disks, i))->id);
  for (guint i = 0; to == NULL && i < now->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (now->disks, i);

      if (snapshot_disk_has_layers (disk))
        find_diff (diff, disk->id);
    }
  for (guint i = 0; i < diff->disks->len; i++)
    if (!compare_disk (tree, graph, nodes, now, g_ptr_array_index (diff->disks, i), job, error))
      return false;
  return true;
}

SnapshotDiff *
snapshot_diff (const SnapshotTree *tree, const SnapshotNode *from, const SnapshotNode *to,
               const ImageJob *job, GError **error)
{
  g_autoptr (VmConfig) now = bundle_load (tree->bundle, error);
  g_autoptr (VmConfig) before = now != NULL ? snapshot_tree_load_config (tree, from, error) : NULL;
  g_autoptr (VmConfig) after = before == NULL ? NULL
                               : to != NULL   ? snapshot_tree_load_config (tree, to, error)
                                              : vm_config_copy (now);
  g_autoptr (SnapshotDiff) diff = g_new0 (SnapshotDiff, 1);
  g_autoptr (JsonNode) left = NULL;
  g_autoptr (JsonNode) right = NULL;

  diff->settings = g_ptr_array_new_with_free_func ((GDestroyNotify)setting_free);
  diff->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)disk_diff_free);
  if (after == NULL)
    return NULL;
  left = comparable (before);
  right = comparable (after);
  compare_values (diff, "", left, right);
  return compare_disks (diff, tree, from, to, now, job, error) ? g_steal_pointer (&diff) : NULL;
}
