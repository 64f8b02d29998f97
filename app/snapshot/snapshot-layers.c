/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-private.h"

#include "app/base/error.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* qcow2, "Header": where things stand in the first cluster. All numbers are big-endian. */
#define H_MAGIC          0x514649fbu
#define H_VERSION        4
#define H_BACKING_OFFSET 8
#define H_CRYPT_METHOD   32
#define H_BACKING_SIZE   16
#define H_HEADER_LENGTH  100
#define H_V2_LENGTH      72u
#define H_MAX_BACKING    1023u
/* "Header extensions": type, length, data padded to eight bytes. */
#define EXT_END            0u
#define EXT_BACKING_FORMAT 0xe2792acau

#define MAX_LAYERS 256u

/* --- names --- */

bool
snapshot_disk_has_layers (const VmDisk *disk)
{
  return disk->kind == DISK_KIND_DISK && !disk->read_only;
}

char *
snapshot_layer_name (const char *disk, const char *id)
{
  return g_strdup_printf ("disks/%s-%s.qcow2", disk, id);
}

bool
snapshot_is_layer_of (const SnapshotTree *tree, const SnapshotNode *node, const char *path)
{
  for (guint i = 0; node == NULL && i < tree->nodes->len; i++)
    if (snapshot_is_layer_of (tree, g_ptr_array_index (tree->nodes, i), path))
      return true;
  for (guint i = 0; node != NULL && i < node->disks->len; i++)
    {
      const SnapshotDisk *disk = g_ptr_array_index (node->disks, i);
      g_autofree char *layer = snapshot_resolve (tree->bundle, disk->layer);

      if (g_str_equal (layer, path))
        return true;
    }
  return false;
}

char *
snapshot_layer_id (const char *path)
{
  const char *dash = strrchr (path, '-'), *end = dash != NULL ? strrchr (dash, '.') : NULL;
  g_autofree char *id = NULL;

  if (end == NULL || !g_str_equal (end, ".qcow2"))
    return NULL;
  id = g_strndup (dash + 1, (gsize)(end - dash - 1));
  return vm_snapshot_id_is_valid (id) ? g_steal_pointer (&id) : NULL;
}

void
snapshot_name_layer (VmDisk *disk, const char *path)
{
  vm_config_set (&disk->path, path);
  vm_config_set (&disk->options.format, "qcow2");
}

/* --- headers --- */

static bool
header_fault (const char *path, const char *what, GError **error)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s %s", path, what);
  return false;
}

static char *
find_backing_format (const uint8_t *header, size_t length)
{
  size_t at = load_be32 (header + H_VERSION) >= 3 ? load_be32 (header + H_HEADER_LENGTH) : H_V2_LENGTH;

  while (at + 8 <= length)
    {
      uint32_t type = load_be32 (header + at), size = load_be32 (header + at + 4);

      if (type == EXT_END || size > length - at - 8)
        return NULL;
      if (type == EXT_BACKING_FORMAT)
        return g_strndup ((const char *)header + at + 8, size);
      at += 8 + ((size_t)size + 7) / 8 * 8;
    }
  return NULL;
}

static bool
parse_header (const char *path, int fd, char **backing, char **format, GError **error)
{
  uint8_t header[4096];
  char name[H_MAX_BACKING + 1] = "";
  ssize_t length = pread (fd, header, sizeof header, 0);
  uint64_t offset;
  uint32_t size;

  if (length < 0)
    return bonsai_set_errno_error (error, errno, "Can't read %s", path);
  if (length < H_HEADER_LENGTH + 4 || load_be32 (header) != H_MAGIC)
    return header_fault (path, "is no qcow2 image", error);
  offset = load_be64 (header + H_BACKING_OFFSET);
  size = load_be32 (header + H_BACKING_SIZE);
  if (offset == 0 || size == 0)
    return true;
  if (size > H_MAX_BACKING || offset > INT64_MAX - H_MAX_BACKING
      || pread (fd, name, size, (off_t)offset) != (ssize_t)size)
    return header_fault (path, "is damaged: its header names no proper backing file", error);
  *backing = g_strdup (name);
  *format = find_backing_format (header, (size_t)length);
  return true;
}

bool
layer_read_backing (const char *path, char **backing, char **format, GError **error)
{
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  bool done;

  *backing = *format = NULL;
  if (fd < 0)
    return bonsai_set_errno_error (error, errno, "Can't read %s", path);
  done = parse_header (path, fd, backing, format, error);
  close (fd);
  return done;
}

bool
layer_is_encrypted (const char *path)
{
  uint8_t header[H_V2_LENGTH];
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  bool encrypted = fd >= 0 && pread (fd, header, sizeof header, 0) == (ssize_t)sizeof header
                   && load_be32 (header) == H_MAGIC && load_be32 (header + H_CRYPT_METHOD) != 0;

  if (fd >= 0)
    close (fd);
  return encrypted;
}

/* --- the graph --- */

static void
layer_file_free (LayerFile *file)
{
  g_free (file->path);
  g_free (file->format);
  g_free (file->trouble);
  g_free (file);
}

static LayerFile *add_file (LayerGraph *graph, const char *bundle, const char *path, const char *format,
                            unsigned depth);

static void
find_below (LayerGraph *graph, const char *bundle, LayerFile *file, unsigned depth)
{
  g_autofree char *backing = NULL, *format = NULL, *folder = g_path_get_dirname (file->path), *path = NULL;
  g_autoptr (GError) error = NULL;

  if (!layer_read_backing (file->path, &backing, &format, &error))
    {
      file->trouble = g_strdup (error->message);
      graph->complete = false;
      return;
    }
  if (backing == NULL)
    return;
  if (depth >= MAX_LAYERS)
    {
      file->trouble = g_strdup_printf ("%s has more than %u layers", file->path, MAX_LAYERS);
      graph->complete = false;
      return;
    }
  path = snapshot_resolve (folder, backing);
  file->below = add_file (graph, bundle, path, format, depth + 1);
  file->below->n_above++;
  file->below->above = file;
}

static LayerFile *
add_file (LayerGraph *graph, const char *bundle, const char *path, const char *format, unsigned depth)
{
  LayerFile *file = g_hash_table_lookup (graph->by_path, path);
  struct stat st;

  if (file != NULL)
    return file;
  file = g_new0 (LayerFile, 1);
  file->path = g_strdup (path);
  file->format = g_strdup (format != NULL ? format : "raw");
  file->inside = snapshot_is_inside (bundle, path);
  g_ptr_array_add (graph->files, file);
  g_hash_table_insert (graph->by_path, file->path, file);
  if (vm_path_is_uri (path))
    return file;
  if (stat (path, &st) < 0)
    {
      file->trouble = g_strdup_printf ("%s: %s", path, g_strerror (errno));
      graph->complete = false;
      return file;
    }
  if (S_ISREG (st.st_mode))
    file->room = (uint64_t)st.st_blocks * 512;
  if (g_str_equal (file->format, "qcow2"))
    find_below (graph, bundle, file, depth);
  return file;
}

/* Its chain is walked once: @user counts only once, however many disks share it. */
static void
use_chain (LayerGraph *graph, LayerFile *file, bool in_use)
{
  for (unsigned n = 0; file != NULL && n <= MAX_LAYERS; file = file->below, n++)
    {
      file->in_use = file->in_use || in_use;
      if (file->mark != graph->walks)
        file->n_users++;
      file->mark = graph->walks;
    }
}

static void
add_node (LayerGraph *graph, const char *bundle, const SnapshotNode *node)
{
  if (node->trouble != NULL)
    graph->complete = false;
  graph->walks++;
  for (guint i = 0; i < node->disks->len; i++)
    {
      const SnapshotDisk *disk = g_ptr_array_index (node->disks, i);
      g_autofree char *path = snapshot_resolve (bundle, disk->layer);
      LayerFile *file = add_file (graph, bundle, path, disk->format, 0);

      file->n_named++;
      use_chain (graph, file, false);
    }
}

static void
add_config (LayerGraph *graph, const char *bundle, const VmConfig *config)
{
  graph->walks++;
  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *path =
        disk->kind == DISK_KIND_DISK && disk->path != NULL ? snapshot_resolve (bundle, disk->path) : NULL;
      LayerFile *file = path != NULL ? add_file (graph, bundle, path, disk->options.format, 0) : NULL;

      if (file == NULL)
        continue;
      file->n_named++;
      use_chain (graph, file, true);
    }
}

/* Images that lie about. What looks like qcow2 may be a guest's doing; believing it protects too much at
 * worst.
 */
static void
add_strays (LayerGraph *graph, const char *bundle)
{
  g_autofree char *folder = g_build_filename (bundle, "disks", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autoptr (GPtrArray) pending = snapshot_pending_read (bundle);
  bool complete = graph->complete;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *relative = g_build_filename ("disks", name, NULL);
      g_autofree char *path = snapshot_resolve (bundle, relative), *backing = NULL, *format = NULL;

      if (name[0] == '.' || g_hash_table_contains (graph->by_path, path)
          || g_ptr_array_find_with_equal_func (pending, relative, g_str_equal, NULL)
          || !layer_read_backing (path, &backing, &format, NULL))
        continue;
      add_file (graph, bundle, path, "qcow2", 0)->n_named++;
    }
  graph->complete = complete;
}

static void
pin_layers (LayerGraph *graph, const SnapshotTree *tree)
{
  g_autoptr (GPtrArray) clones = snapshot_clones_read (tree->bundle, NULL);

  if (clones == NULL)
    graph->complete = false;
  for (guint i = 0; clones != NULL && i < clones->len; i++)
    {
      const SnapshotClone *clone = g_ptr_array_index (clones, i);
      const SnapshotNode *node = snapshot_tree_find (tree, clone->node, NULL);

      for (guint j = 0; node != NULL && j < node->disks->len; j++)
        {
          const SnapshotDisk *disk = g_ptr_array_index (node->disks, j);
          g_autofree char *path = snapshot_resolve (tree->bundle, disk->layer);
          LayerFile *file = layer_graph_find (graph, path);

          if (file != NULL)
            file->pinned = true;
        }
    }
}

LayerGraph *
layer_graph_new (const SnapshotTree *tree, const VmConfig *config)
{
  LayerGraph *graph = g_new0 (LayerGraph, 1);

  graph->files = g_ptr_array_new_with_free_func ((GDestroyNotify)layer_file_free);
  graph->by_path = g_hash_table_new (g_str_hash, g_str_equal);
  graph->complete = true;
  for (guint i = 0; i < tree->nodes->len; i++)
    add_node (graph, tree->bundle, g_ptr_array_index (tree->nodes, i));
  add_config (graph, tree->bundle, config);
  add_strays (graph, tree->bundle);
  pin_layers (graph, tree);
  return graph;
}

void
layer_graph_free (LayerGraph *graph)
{
  if (graph == NULL)
    return;
  g_hash_table_unref (graph->by_path);
  g_ptr_array_unref (graph->files);
  g_free (graph);
}

LayerFile *
layer_graph_find (LayerGraph *graph, const char *path)
{
  return g_hash_table_lookup (graph->by_path, path);
}

/* --- making one --- */

char *
snapshot_backing_name (const char *bundle, const char *folder, const char *target)
{
  g_autofree char *beside = g_path_get_dirname (target), *relative = NULL;
  g_autoptr (GString) name = NULL;

  if (vm_path_is_uri (target) || !snapshot_is_inside (bundle, target))
    return g_strdup (target);
  if (g_str_equal (beside, folder))
    return g_path_get_basename (target);
  name = g_string_new (NULL);
  relative = snapshot_relative (bundle, folder);
  for (const char *at = relative; at != NULL; at = strchr (at + 1, '/'))
    g_string_append (name, "../");
  g_free (relative);
  relative = snapshot_relative (bundle, target);
  g_string_append (name, relative);
  return g_string_free (g_steal_pointer (&name), FALSE);
}

bool
snapshot_make_layer (const char *bundle, const char *path, const char *below, const char *below_format,
                     uint64_t size, GError **error)
{
  g_autofree char *file = snapshot_resolve (bundle, path), *folder = g_path_get_dirname (file);
  g_autofree char *target = snapshot_resolve (bundle, below);
  g_autofree char *backing = snapshot_backing_name (bundle, folder, target);
  const ImageCreateOptions options = {
    .format = "qcow2", .size = size, .backing_path = backing, .backing_format = below_format, .same_key = true
  };

  if (g_mkdir_with_parents (folder, 0755) < 0)
    return bonsai_set_errno_error (error, errno, "Can't create the folder %s", folder);
  return image_create (file, &options, error);
}
