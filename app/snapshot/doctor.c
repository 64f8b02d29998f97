/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/doctor.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/doctor-private.h"
#include "app/snapshot/snapshot-edit.h"
#include "vmm/base/error.h"
#include "vmm/memory/memory-image.h"

#include <stdarg.h>
#include <sys/stat.h>

const char *const doctor_kind_names[] = { "leftover", "unused", "broken", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (doctor_kind_names) == DOCTOR_N_KINDS + 1);

static void
finding_free (DoctorFinding *finding)
{
  g_free (finding->node);
  g_free (finding->path);
  g_free (finding->message);
  g_free (finding);
}

DoctorFinding *
doctor_find (Patient *patient, DoctorKind kind, const char *node, const char *path, const char *format, ...)
{
  DoctorFinding *finding = g_new0 (DoctorFinding, 1);
  va_list args;

  va_start (args, format);
  finding->message = g_strdup_vprintf (format, args);
  va_end (args);
  finding->kind = kind;
  finding->node = g_strdup (node);
  if (path != NULL)
    {
      finding->path = snapshot_relative (patient->tree->bundle, path);
      finding->bytes = snapshot_file_room (path);
    }
  g_ptr_array_add (patient->findings, finding);
  return finding;
}

static void
patient_clear (Patient *patient)
{
  g_clear_pointer (&patient->graph, layer_graph_free);
  g_clear_pointer (&patient->config, vm_config_free);
  g_clear_pointer (&patient->tree, snapshot_tree_free);
}

static bool
patient_read (Patient *patient, const char *bundle, GError **error)
{
  patient_clear (patient);
  patient->tree = snapshot_tree_read (bundle, error);
  patient->config = patient->tree != NULL ? bundle_load (bundle, error) : NULL;
  if (patient->config != NULL)
    patient->graph = layer_graph_new (patient->tree, patient->config);
  return patient->graph != NULL;
}

/* --- nodes --- */

bool
doctor_is_cancelled (const Patient *patient)
{
  return patient->how->job != NULL && g_cancellable_is_cancelled (patient->how->job->cancellable);
}

static void
look_at_file (Patient *patient, const SnapshotNode *node, const SnapshotFile *file)
{
  g_autofree char *path = snapshot_tree_path (patient->tree, node, file->name), *sum = NULL;
  g_autoptr (GError) error = NULL;
  uint64_t length;
  struct stat st;

  if (lstat (path, &st) < 0)
    doctor_find (patient, DOCTOR_BROKEN, node->id, path, "is missing: delete the snapshot “%s”", node->name);
  else if ((uint64_t)st.st_size != file->length)
    doctor_find (patient, DOCTOR_BROKEN, node->id, path,
                 "has %" G_GUINT64_FORMAT " bytes instead of %" G_GUINT64_FORMAT ": delete the snapshot “%s”",
                 (guint64)st.st_size, file->length, node->name);
  else if (patient->how->thorough && file->sha256 != NULL
           && (sum = snapshot_sum_file (path, &length, patient->how->job, &error)) == NULL)
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        doctor_find (patient, DOCTOR_BROKEN, node->id, path, "%s", error->message);
    }
  else if (sum != NULL && g_ascii_strcasecmp (sum, file->sha256) != 0)
    doctor_find (patient, DOCTOR_BROKEN, node->id, path, "has changed since: delete the snapshot “%s”",
                 node->name);
}

static void
look_at_memory (Patient *patient, const SnapshotNode *node)
{
  g_autofree char *path = snapshot_tree_path (patient->tree, node, SNAPSHOT_INDEX_FILE);
  g_autoptr (GError) error = NULL;
  g_autoptr (MemoryImage) image = memory_image_read (path, patient->how->thorough, &error);

  if (image == NULL)
    {
      doctor_find (patient, DOCTOR_BROKEN, node->id, path, "%s: delete the snapshot “%s”", error->message,
                   node->name);
      return;
    }
  for (guint i = 0; i < image->sources->len; i++)
    {
      g_autoptr (GError) failure = NULL;
      g_autofree char *source = memory_image_source_path (image, i);
      int fd = memory_image_bytes_from (image, i) > 0 ? memory_image_open_source (image, i, &failure) : -1;

      if (fd >= 0)
        close (fd);
      if (failure != NULL)
        doctor_find (patient, DOCTOR_BROKEN, node->id, source, "%s: delete the snapshot “%s”",
                     failure->message, node->name);
    }
}

static bool
is_there (const SnapshotTree *tree, const char *id)
{
  g_autofree char *path = g_build_filename (tree->bundle, SNAPSHOT_FOLDER, id, NULL);

  return g_file_test (path, G_FILE_TEST_IS_DIR);
}

static void
look_at_node (Patient *patient, const SnapshotNode *node)
{
  g_autofree char *folder = snapshot_tree_path (patient->tree, node, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = NULL;

  if (node->trouble != NULL)
    {
      doctor_find (patient, DOCTOR_BROKEN, node->id, folder,
                   "%s; nothing is given back while it is there: delete it", node->trouble);
      return;
    }
  if (node->parent_id != NULL && !is_there (patient->tree, node->parent_id))
    doctor_find (patient, DOCTOR_BROKEN, node->id, folder,
                 "the snapshot %s, from which “%s” stems, is missing; that one can still be gone back to",
                 node->parent_id, node->name);
  for (guint i = 0; i < node->files->len && !doctor_is_cancelled (patient); i++)
    look_at_file (patient, node, g_ptr_array_index (node->files, i));
  config = snapshot_tree_load_config (patient->tree, node, &error);
  if (config == NULL && !g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND))
    doctor_find (patient, DOCTOR_BROKEN, node->id, folder, "%s", error->message);
  if (node->kind == SNAPSHOT_LIVE)
    look_at_memory (patient, node);
}

/* --- layers --- */

/* The format's own check: what was lost, and what is only not used. */
static void
check_format (Patient *patient, const LayerFile *file)
{
  const ImageOptions options = {
    .read_only = true, .format = file->format, .no_backing = true, .lenient = true
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (EventLoop) loop = loop_new ("doctor", &error);
  g_autoptr (Image) image = loop != NULL ? image_open (loop, file->path, &options, &error) : NULL;
  ImageCheck check = { .cancellable = patient->how->job != NULL ? patient->how->job->cancellable : NULL };

  if (image == NULL || !image_check (image, &check, &error))
    {
      if (!g_error_matches (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED)
          && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        doctor_find (patient, DOCTOR_BROKEN, NULL, file->path, "%s", error->message);
    }
  else if (check.corruptions > 0)
    doctor_find (patient, DOCTOR_BROKEN, NULL, file->path,
                 "the image is damaged in %" G_GUINT64_FORMAT " places: see “bonsai disk check”",
                 (guint64)check.corruptions);
}

static void
look_at_layers (Patient *patient)
{
  for (guint i = 0; i < patient->graph->files->len && !doctor_is_cancelled (patient); i++)
    {
      const LayerFile *file = g_ptr_array_index (patient->graph->files, i);

      if (file->trouble != NULL)
        doctor_find (patient, DOCTOR_BROKEN, NULL, file->path, "%s", file->trouble);
      else if (patient->how->thorough && file->inside && file->n_users > 0 && !patient->running)
        check_format (patient, file);
    }
}

static void
look_for_unused (Patient *patient)
{
  g_autofree char *folder = g_build_filename (patient->tree->bundle, "disks", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autoptr (GPtrArray) pending = snapshot_pending_read (patient->tree->bundle);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *relative = g_build_filename ("disks", name, NULL);
      const LayerFile *file = layer_graph_find (patient->graph, path);

      if (name[0] != '.' && (file == NULL || file->n_users == 0) && g_file_test (path, G_FILE_TEST_IS_REGULAR)
          && !g_ptr_array_find_with_equal_func (pending, relative, g_str_equal, NULL))
        doctor_find (patient, DOCTOR_UNUSED, NULL, path,
                     "is of no disk and no snapshot; attach it (bonsai disk attach), or remove it yourself");
    }
}

/* --- all of it --- */

static void
examine (Patient *patient)
{
  doctor_look_for_leftovers (patient);
  doctor_look_at_clones (patient);
  for (guint i = 0; i < patient->tree->nodes->len && !doctor_is_cancelled (patient); i++)
    look_at_node (patient, g_ptr_array_index (patient->tree->nodes, i));
  doctor_look_at_pages (patient);
  look_at_layers (patient);
  look_for_unused (patient);
}

/* Which of the left-overs are gone now. */
static void
mark_repaired (GPtrArray *before, GPtrArray *after)
{
  for (guint i = 0; i < before->len; i++)
    {
      DoctorFinding *was = g_ptr_array_index (before, i);
      bool still = false;

      for (guint j = 0; j < after->len && !still; j++)
        {
          const DoctorFinding *is = g_ptr_array_index (after, j);

          still = is->kind == was->kind && g_strcmp0 (is->path, was->path) == 0
                  && g_str_equal (is->message, was->message);
        }
      was->repaired = was->repaired || !still;
    }
}

/* Finishes, collects, and looks again. */
static bool
repair (Patient *patient, const char *bundle, GError **error)
{
  Patient after = { .how = &(DoctorHow){ 0 } };
  bool done = template_finish_move (bundle, error)
              && snapshot_collect (bundle, false, patient->how->job, error)
              && patient_read (&after, bundle, error);

  if (done)
    {
      after.findings = g_ptr_array_new_with_free_func ((GDestroyNotify)finding_free);
      examine (&after);
      mark_repaired (patient->findings, after.findings);
      g_ptr_array_unref (after.findings);
    }
  patient_clear (&after);
  return done;
}

GPtrArray *
doctor_examine (const char *bundle, const DoctorHow *how, GError **error)
{
  g_autoptr (GPtrArray) findings = g_ptr_array_new_with_free_func ((GDestroyNotify)finding_free);
  Patient patient = { .how = how, .findings = findings };
  bool done = patient_read (&patient, bundle, error);

  if (done)
    {
      patient.running = !how->repair && bundle_lock_holder (bundle) != 0;
      examine (&patient);
      if (how->repair)
        done = repair (&patient, bundle, error);
      if (done && how->job != NULL)
        done = !g_cancellable_set_error_if_cancelled (how->job->cancellable, error);
    }
  patient_clear (&patient);
  return done ? g_steal_pointer (&findings) : NULL;
}

/* --- the library --- */

static void
on_unfinished (const char *path, void *data)
{
  Patient *patient = data;
  DoctorFinding *finding = g_new0 (DoctorFinding, 1);

  finding->kind = DOCTOR_LEFTOVER;
  finding->path = g_path_get_basename (path);
  finding->message = g_strdup ("left by the making of a machine that was interrupted");
  finding->bytes = doctor_room_of_tree (path);
  finding->repaired = patient->how->repair;
  if (finding->repaired)
    bundle_remove_tree (path);
  g_ptr_array_add (patient->findings, finding);
}

GPtrArray *
doctor_examine_library (const char *folder, const DoctorHow *how)
{
  Patient patient = { .how = how, .findings = g_ptr_array_new_with_free_func ((GDestroyNotify)finding_free) };

  bundle_for_leftovers (folder, on_unfinished, &patient);
  return patient.findings;
}
