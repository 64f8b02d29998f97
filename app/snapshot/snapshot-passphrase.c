/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-passphrase.h"

#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-private.h"

#include <glib/gi18n.h>
#include <stdlib.h>

static bool
spread_to (EventLoop *loop, const char *path, Image *image, GError **error)
{
  const ImageOptions options = {
    .exclusive_lock = true, .format = "qcow2", .no_backing = true, .locked = true
  };
  g_autoptr (Image) layer = image_open (loop, path, &options, error);

  return layer != NULL && image_adopt_secrets (layer, image, error);
}

bool
snapshot_spread_passphrases (const char *path, Image *image, GError **error)
{
  g_autofree char *real = realpath (path, NULL), *bundle = real != NULL ? snapshot_find_bundle (real) : NULL;
  g_autoptr (SnapshotTree) tree = bundle != NULL ? snapshot_tree_read (bundle, error) : NULL;
  g_autoptr (VmConfig) config = tree != NULL ? bundle_load (bundle, error) : NULL;
  g_autoptr (LayerGraph) graph = config != NULL ? layer_graph_new (tree, config) : NULL;
  g_autoptr (EventLoop) loop = graph != NULL ? loop_new ("image-passphrase", error) : NULL;

  if (bundle == NULL)
    return true;
  for (guint i = 0; loop != NULL && i < graph->files->len; i++)
    {
      const LayerFile *file = g_ptr_array_index (graph->files, i);

      if (g_str_equal (file->path, real) || !layer_is_encrypted (file->path)
          || spread_to (loop, file->path, image, error))
        continue;
      g_prefix_error (error,
                      _ ("%s has its new passphrases, but not all of what it and its snapshots lie on; do "
                         "it again once this is mended: "),
                      path);
      return false;
    }
  return loop != NULL;
}
