/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an interrupted change has left behind. */
#include "app/snapshot/doctor-private.h"

#include "app/bundle/bundle.h"

uint64_t
doctor_room_of_tree (const char *path)
{
  g_autoptr (GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  uint64_t room = snapshot_file_room (path);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      room += doctor_room_of_tree (child);
    }
  return room;
}

static void
on_leftover (const char *path, void *data)
{
  Patient *patient = data;
  g_autofree char *full = snapshot_resolve (patient->tree->bundle, path);

  doctor_find (patient, DOCTOR_LEFTOVER, NULL, full, "left by something that was interrupted")->bytes =
    doctor_room_of_tree (full);
}

static void
look_for_pending (Patient *patient)
{
  g_autoptr (GPtrArray) pending = snapshot_pending_read (patient->tree->bundle);
  const char *nvram = patient->config->nvram != NULL ? patient->config->nvram : BUNDLE_NVRAM;

  for (guint i = 0; i < pending->len; i++)
    {
      const char *name = g_ptr_array_index (pending, i);
      g_autofree char *path = snapshot_resolve (patient->tree->bundle, name);

      if (layer_graph_find (patient->graph, path) == NULL && !g_str_equal (nvram, name)
          && g_file_test (path, G_FILE_TEST_EXISTS))
        doctor_find (patient, DOCTOR_LEFTOVER, NULL, path, "no snapshot needs it any more");
    }
}

static void
look_for_work (Patient *patient)
{
  g_autofree char *record = g_build_filename (patient->tree->bundle, SNAPSHOT_FOLDER, "merge.json", NULL);
  g_autofree char *deleting =
    g_build_filename (patient->tree->bundle, SNAPSHOT_FOLDER, SNAPSHOT_DELETE_FILE, NULL);
  const LayerFile *lower = snapshot_merge_candidate (patient->graph, patient->running);
  const SnapshotNode *outdated = template_find_outdated (patient->tree, patient->config);

  for (guint i = 0; i < patient->tree->tombstones->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (patient->tree->tombstones, i);
      g_autofree char *path = snapshot_tree_path (patient->tree, node, NULL);

      if (!snapshot_memory_is_needed (patient->tree, node))
        doctor_find (patient, DOCTOR_LEFTOVER, node->id, path, "the snapshot “%s” was deleted", node->name)
          ->bytes = doctor_room_of_tree (path);
    }
  if (outdated != NULL)
    doctor_find (patient, DOCTOR_LEFTOVER, outdated->id, NULL,
                 "“%s” is of another version of the template: moving the machine was interrupted",
                 outdated->name);
  if (g_file_test (deleting, G_FILE_TEST_EXISTS))
    doctor_find (patient, DOCTOR_LEFTOVER, NULL, deleting,
                 "several snapshots have been deleted, but not all of them say so yet");
  if (g_file_test (record, G_FILE_TEST_EXISTS))
    doctor_find (patient, DOCTOR_LEFTOVER, NULL, record,
                 "two layers have been merged, but not all know it yet");
  else if (lower != NULL)
    doctor_find (patient, DOCTOR_LEFTOVER, NULL, lower->path, "only %s needs it: they can be merged",
                 lower->above->path);
}

void
doctor_look_for_leftovers (Patient *patient)
{
  if (patient->running)
    return;
  snapshot_for_leftovers (patient->tree->bundle, on_leftover, patient);
  look_for_pending (patient);
  look_for_work (patient);
}
