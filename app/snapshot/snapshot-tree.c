/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-tree.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-private.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_NODES     10000u
#define MAX_NODE_FILE (1024 * 1024)
#define MIN_PREFIX    4

void
snapshot_tree_free (SnapshotTree *tree)
{
  if (tree == NULL)
    return;
  g_ptr_array_unref (tree->roots);
  g_ptr_array_unref (tree->nodes);
  g_ptr_array_unref (tree->tombstones);
  g_free (tree->bundle);
  g_free (tree->resume);
  g_free (tree->disposable);
  g_free (tree);
}

/* --- nodes --- */

static SnapshotNode *
read_node_file (const char *path, const char *id, GError **error)
{
  g_autofree char *file = g_build_filename (path, SNAPSHOT_NODE_FILE, NULL), *text = NULL;
  struct stat st;
  gsize length;

  if (stat (file, &st) < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't read %s", SNAPSHOT_NODE_FILE);
      return NULL;
    }
  if (!S_ISREG (st.st_mode) || st.st_size > MAX_NODE_FILE)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s: %s", SNAPSHOT_NODE_FILE,
                   S_ISREG (st.st_mode) ? "larger than 1 MiB" : "not a regular file");
      return NULL;
    }
  if (!g_file_get_contents (file, &text, &length, error))
    return NULL;
  return snapshot_node_parse (text, length, id, error);
}

static SnapshotNode *
broken_node (const char *id, const char *cause)
{
  SnapshotNode *node = snapshot_node_new (id, SNAPSHOT_OFF);

  g_free (node->id);
  node->id = g_strdup (id);
  node->created = 0;
  node->trouble = g_strdup (cause);
  return node;
}

static bool
read_nodes (SnapshotTree *tree, GDir *dir, const char *root, GError **error)
{
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (root, name, NULL);
      g_autoptr (GError) cause = NULL;
      SnapshotNode *node;

      if (!vm_snapshot_id_is_valid (name))
        continue;
      node = read_node_file (path, name, &cause);
      /* It may have been removed since the folder was listed. */
      if (node == NULL && !g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      if (node == NULL)
        node = broken_node (name, cause->message);
      g_ptr_array_add (node->deleted ? tree->tombstones : tree->nodes, node);
      if (tree->nodes->len + tree->tombstones->len <= MAX_NODES)
        continue;
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s holds more than %u snapshots", root,
                   MAX_NODES);
      return false;
    }
  return true;
}

/* Deleted along with others, which is what counts. */
static void
set_deleted (SnapshotTree *tree, const char *const *ids)
{
  for (guint i = 0; ids != NULL && i < tree->nodes->len;)
    {
      SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      if (node->trouble != NULL || !g_strv_contains (ids, node->id))
        {
          i++;
          continue;
        }
      node->deleted = true;
      g_ptr_array_add (tree->tombstones, g_ptr_array_steal_index (tree->nodes, i));
    }
}

static int
compare_age (gconstpointer a, gconstpointer b)
{
  const SnapshotNode *left = *(SnapshotNode *const *)a, *right = *(SnapshotNode *const *)b;

  if (left->created != right->created)
    return left->created < right->created ? -1 : 1;
  return strcmp (left->id, right->id);
}

/* --- how they hang together --- */

static GHashTable *
by_id (const SnapshotTree *tree)
{
  GHashTable *nodes = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < tree->nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      g_hash_table_insert (nodes, node->id, node);
    }
  for (guint i = 0; i < tree->tombstones->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->tombstones, i);

      g_hash_table_insert (nodes, node->id, node);
    }
  return nodes;
}

/* @id, or the nearest before it that isn't deleted. */
static SnapshotNode *
living (GHashTable *nodes, const char *id)
{
  SnapshotNode *node = id != NULL ? g_hash_table_lookup (nodes, id) : NULL;

  for (guint n = g_hash_table_size (nodes); node != NULL && node->deleted && n > 0; n--)
    node = node->parent_id != NULL ? g_hash_table_lookup (nodes, node->parent_id) : NULL;
  return node != NULL && !node->deleted ? node : NULL;
}

/* A node that stems from itself can't be: the circle is cut there, and it is broken. Each node is walked from
 * once: depth is the round's number meanwhile. */
static void
cut_circles (SnapshotTree *tree)
{
  for (guint i = 0; i < tree->nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      for (; node != NULL && node->depth == 0; node = node->parent)
        {
          node->depth = i + 1;
          if (node->parent == NULL || node->parent->depth != i + 1)
            continue;
          if (node->trouble == NULL)
            node->trouble = g_strdup ("it stems from itself");
          node->parent = NULL;
        }
    }
}

static void
set_depths (SnapshotTree *tree)
{
  g_autoptr (GPtrArray) queue = g_ptr_array_new ();

  g_ptr_array_extend (queue, tree->roots, NULL, NULL);
  for (guint i = 0; i < queue->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (queue, i);

      node->depth = node->parent != NULL ? node->parent->depth + 1 : 0;
      g_ptr_array_extend (queue, node->children, NULL, NULL);
    }
}

static void
link_nodes (SnapshotTree *tree, GHashTable *nodes)
{
  for (guint i = 0; i < tree->nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      node->parent = living (nodes, node->parent_id);
    }
  cut_circles (tree);
  for (guint i = 0; i < tree->nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      g_ptr_array_add (node->parent != NULL ? node->parent->children : tree->roots, node);
    }
  set_depths (tree);
}

/* A take that was interrupted just before vm.json got the new node's id: the layers have it in their names.
 */
static SnapshotNode *
find_current (const VmConfig *config, GHashTable *nodes)
{
  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *id = disk->path != NULL ? snapshot_layer_id (disk->path) : NULL;
      SnapshotNode *node = id != NULL ? g_hash_table_lookup (nodes, id) : NULL;

      if (node != NULL && !node->deleted && g_strcmp0 (node->parent_id, config->snapshot) == 0)
        return node;
    }
  return living (nodes, config->snapshot);
}

SnapshotTree *
snapshot_tree_read (const char *bundle, GError **error)
{
  g_autoptr (VmConfig) config = bundle_load (bundle, error);
  g_autoptr (SnapshotTree) tree = g_new0 (SnapshotTree, 1);
  g_autofree char *root = g_build_filename (bundle, SNAPSHOT_FOLDER, NULL);
  g_autoptr (GDir) dir = NULL;
  g_autoptr (GHashTable) nodes = NULL;
  g_auto (GStrv) deleting = NULL;
  g_autoptr (GError) failure = NULL;

  tree->bundle = g_canonicalize_filename (bundle, NULL);
  tree->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify)snapshot_node_free);
  tree->tombstones = g_ptr_array_new_with_free_func ((GDestroyNotify)snapshot_node_free);
  tree->roots = g_ptr_array_new ();
  if (config == NULL)
    return NULL;
  snapshot_show_completed (bundle, config);
  tree->resume = g_strdup (config->resume);
  tree->disposable = g_strdup (config->disposable);
  tree->template_state = config->template_state;
  dir = g_dir_open (root, 0, &failure);
  if (dir == NULL && !g_error_matches (failure, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
  /* Before and after: it may be under way. */
  deleting = snapshot_deleting_read (bundle);
  if (dir != NULL && !read_nodes (tree, dir, root, error))
    return NULL;
  set_deleted (tree, (const char *const *)deleting);
  g_strfreev (deleting);
  deleting = snapshot_deleting_read (bundle);
  set_deleted (tree, (const char *const *)deleting);
  g_ptr_array_sort (tree->nodes, compare_age);
  nodes = by_id (tree);
  link_nodes (tree, nodes);
  tree->current = find_current (config, nodes);
  return g_steal_pointer (&tree);
}

/* --- sizes --- */

static uint64_t
folder_room (const SnapshotTree *tree, const SnapshotNode *node)
{
  uint64_t room = 0;

  for (guint i = 0; i < node->files->len; i++)
    {
      const SnapshotFile *file = g_ptr_array_index (node->files, i);
      g_autofree char *path = snapshot_tree_path (tree, node, file->name);

      room += snapshot_file_room (path);
    }
  return room;
}

static void
measure_node (const SnapshotTree *tree, LayerGraph *graph, SnapshotNode *node)
{
  node->own = folder_room (tree, node);
  node->shared = 0;
  graph->walks++;
  for (guint i = 0; i < node->disks->len; i++)
    {
      const SnapshotDisk *disk = g_ptr_array_index (node->disks, i);
      g_autofree char *path = snapshot_resolve (tree->bundle, disk->layer);
      LayerFile *file = layer_graph_find (graph, path);

      for (; file != NULL && file->mark != graph->walks; file = file->below)
        {
          file->mark = graph->walks;
          if (file->n_users == 1 && file->inside)
            node->own += file->room;
          else
            node->shared += file->room;
        }
    }
}

void
snapshot_tree_measure (SnapshotTree *tree)
{
  g_autoptr (VmConfig) config = bundle_load (tree->bundle, NULL);
  g_autoptr (LayerGraph) graph = config != NULL ? layer_graph_new (tree, config) : NULL;

  for (guint i = 0; graph != NULL && i < tree->nodes->len; i++)
    measure_node (tree, graph, g_ptr_array_index (tree->nodes, i));
}

/* --- finding --- */

typedef bool (*Matches) (const SnapshotNode *node, const char *key);

static bool
has_id (const SnapshotNode *node, const char *key)
{
  return g_str_equal (node->id, key);
}

static bool
has_name (const SnapshotNode *node, const char *key)
{
  return node->trouble == NULL && g_str_equal (node->name, key);
}

static bool
id_begins (const SnapshotNode *node, const char *key)
{
  return strlen (key) >= MIN_PREFIX && g_str_has_prefix (node->id, key);
}

SnapshotNode *
snapshot_tree_find (const SnapshotTree *tree, const char *key, GError **error)
{
  static const Matches ways[] = { has_id, has_name, id_begins };

  if (g_str_equal (key, "."))
    {
      if (tree->current == NULL)
        g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, _ ("The machine stems from no snapshot"));
      return tree->current;
    }
  for (unsigned way = 0; way < G_N_ELEMENTS (ways); way++)
    {
      SnapshotNode *found = NULL;

      for (guint i = 0; i < tree->nodes->len; i++)
        {
          SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

          if (!ways[way](node, key))
            continue;
          if (found != NULL)
            {
              g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                           _ ("“%s” can mean the snapshots %s and %s; say which by its id"), key, found->id,
                           node->id);
              return NULL;
            }
          found = node;
        }
      if (found != NULL)
        return found;
    }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               tree->nodes->len > 0 ? "There is no snapshot “%s”; see “bonsai snapshot list”"
                                    : "There is no snapshot “%s”: the machine has none",
               key);
  return NULL;
}

unsigned
snapshot_tree_count_below (const SnapshotNode *node)
{
  g_autoptr (GPtrArray) queue = g_ptr_array_new ();

  g_ptr_array_extend (queue, node->children, NULL, NULL);
  for (guint i = 0; i < queue->len; i++)
    g_ptr_array_extend (queue, ((SnapshotNode *)g_ptr_array_index (queue, i))->children, NULL, NULL);
  return queue->len;
}

char *
snapshot_tree_path (const SnapshotTree *tree, const SnapshotNode *node, const char *file)
{
  return g_build_filename (tree->bundle, SNAPSHOT_FOLDER, node->id, file, NULL);
}

static bool
check_sum (const SnapshotNode *node, const char *text, gsize length, GError **error)
{
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)text, length);

  for (guint i = 0; i < node->files->len; i++)
    {
      const SnapshotFile *file = g_ptr_array_index (node->files, i);

      if (!g_str_equal (file->name, SNAPSHOT_MACHINE_FILE) || file->sha256 == NULL
          || g_ascii_strcasecmp (file->sha256, sum) == 0)
        continue;
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "its %s has changed", SNAPSHOT_MACHINE_FILE);
      return false;
    }
  return true;
}

VmConfig *
snapshot_tree_load_config (const SnapshotTree *tree, const SnapshotNode *node, GError **error)
{
  g_autofree char *path = snapshot_tree_path (tree, node, SNAPSHOT_MACHINE_FILE), *text = NULL;
  VmConfig *config = NULL;
  gsize length;

  if (node->trouble != NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("The snapshot %s is broken: %s"), node->id,
                   node->trouble);
      return NULL;
    }
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, _ ("The snapshot “%s” (%s) has lost its %s"),
                   node->name, node->id, SNAPSHOT_MACHINE_FILE);
      return NULL;
    }
  if (!g_file_get_contents (path, &text, &length, error) || !check_sum (node, text, length, error)
      || (config = vm_config_parse (text, length, SNAPSHOT_MACHINE_FILE, error)) == NULL)
    g_prefix_error (error, _ ("The snapshot “%s” (%s) is broken: "), node->name, node->id);
  return config;
}
