/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linked clones, which are to know of the machine that they lie on, and it of them. */
#include "app/snapshot/doctor-private.h"

#include "app/bundle/bundle.h"

/* Where in the library, or in its trash, a machine is. (transfer full) (nullable) */
static char *
find_machine (const char *folder, const char *uuid)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (VmConfig) config = g_str_has_suffix (name, BUNDLE_SUFFIX) ? bundle_load (path, NULL) : NULL;

      if (config != NULL && g_ascii_strcasecmp (config->uuid, uuid) == 0)
        return g_steal_pointer (&path);
    }
  return NULL;
}

static char *
find_clone (const char *bundle, const SnapshotClone *clone)
{
  g_autoptr (VmConfig) config = bundle_load (clone->path, NULL);
  g_autofree char *library = g_path_get_dirname (bundle), *trash = NULL;
  g_autofree char *folder = g_path_get_dirname (clone->path);
  char *found;

  if ((config != NULL && g_ascii_strcasecmp (config->uuid, clone->uuid) == 0)
      || !g_file_test (folder, G_FILE_TEST_IS_DIR)) /* on a disk that isn't there now */
    return g_strdup (clone->path);
  found = find_machine (library, clone->uuid);
  if (found != NULL)
    return found;
  trash = g_build_filename (library, ".trash", NULL);
  return find_machine (trash, clone->uuid);
}

/* Whether what the clone consists of lies directly on a layer of @id, or is to go on from there; true if that
 * can't be known. */
static bool
lies_on (const SnapshotTree *origin, const char *id, const char *clone)
{
  const SnapshotNode *node = snapshot_tree_find (origin, id, NULL);
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (clone, NULL);
  g_autoptr (VmConfig) config = tree != NULL ? bundle_load (clone, NULL) : NULL;
  g_autoptr (LayerGraph) graph = config != NULL ? layer_graph_new (tree, config) : NULL;

  if (graph == NULL || !graph->complete)
    return true;
  if (config->resume != NULL && snapshot_is_inside (origin->bundle, config->resume)
      && g_str_has_suffix (config->resume, id))
    return true;
  for (guint i = 0; i < graph->files->len; i++)
    {
      const LayerFile *file = g_ptr_array_index (graph->files, i), *below = file->below;

      if (below != NULL && !snapshot_is_inside (origin->bundle, file->path)
          && (snapshot_is_layer_of (origin, node, below->path)
              || (node == NULL && snapshot_is_inside (origin->bundle, below->path))))
        return true;
    }
  return false;
}

void
doctor_look_at_clones (Patient *patient)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) clones = snapshot_clones_read (patient->tree->bundle, &error);
  g_autofree char *file = g_build_filename (patient->tree->bundle, "clones.json", NULL);
  bool changed = false;

  if (clones == NULL)
    {
      doctor_find (patient, DOCTOR_BROKEN, NULL, file, "%s", error->message);
      return;
    }
  for (guint i = clones->len; i-- > 0;)
    {
      SnapshotClone *clone = g_ptr_array_index (clones, i);
      g_autofree char *path = find_clone (patient->tree->bundle, clone);

      bool needed = path != NULL && lies_on (patient->tree, clone->node, path);

      if (needed && g_str_equal (path, clone->path))
        continue;
      changed = true;
      if (needed)
        vm_config_set (&clone->path, path);
      else
        {
          DoctorFinding *finding =
            doctor_find (patient, DOCTOR_LEFTOVER, clone->node, file, "the linked clone in %s %s",
                         clone->path, path != NULL ? "is independent of the snapshot now" : "is gone");

          finding->repaired = patient->how->repair;
          g_ptr_array_remove_index (clones, i);
        }
    }
  if (changed && patient->how->repair && !snapshot_clones_write (patient->tree->bundle, clones, &error))
    doctor_find (patient, DOCTOR_BROKEN, NULL, file, "%s", error->message);
}
