/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What differs between snapshots and a machine that runs: what its disks hold is known to their images alone,
 * as is what its memory holds.
 */
#include "app/session/snapshot-work.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-diff.h"
#include "vmm/memory/memory-compare.h"

/* A reader of pc_lock. */
static Pc *
get_pc (SnapshotWork *work, GError **error)
{
  if (work->session->pc == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", work->session->name);
  return work->session->pc;
}

static bool
map_disk (const char *disk, void (*func) (const ImageExtent *, void *), void *func_data, const ImageJob *job,
          void *data, GError **error)
{
  Pc *pc = get_pc (data, error);
  Image *image = pc != NULL ? pc_disk_image (pc, disk, error) : NULL;

  return image != NULL && image_map_open (image, func, func_data, job, error);
}

static void
on_memory (uint64_t done, uint64_t total, void *data)
{
  SnapshotWork *work = data;

  g_mutex_lock (&work->picture_lock);
  work->done = done;
  work->total = total;
  g_mutex_unlock (&work->picture_lock);
}

static bool
compare_memory (const char *index, uint64_t *changed, const ImageJob *job, void *data, GError **error)
{
  const MemoryCompare how = { .cancellable = job->cancellable, .progress = on_memory, .data = data };
  Pc *pc = get_pc (data, error);

  return pc != NULL
         && memory_compare_live (machine_board (pc_machine (pc))->memory, index, &how, changed, error);
}

static bool
diff (SnapshotWork *work, const char *other, GError **error)
{
  const SnapshotLive live = { map_disk, compare_memory, work };
  const ImageJob job = { .cancellable = work->cancellable };
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (work->bundle, error);
  const SnapshotNode *from = tree != NULL ? snapshot_tree_find (tree, work->node, error) : NULL;
  const SnapshotNode *to = from != NULL && other != NULL ? snapshot_tree_find (tree, other, error) : NULL;
  g_autoptr (SnapshotDiff) found = NULL;

  if (from == NULL || (other != NULL && to == NULL))
    return false;
  found = snapshot_diff (tree, from, to, &live, &job, error);
  if (found != NULL)
    snapshot_diff_pack (found, &work->result);
  return found != NULL;
}

/* Nobody else changes the tree, or the disks' layers, while this is the session's work. */
static void
diff_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  const char *other = NULL;
  GError *error = NULL;

  g_variant_dict_lookup (&work->arguments, "other", "&s", &other);
  g_rw_lock_reader_lock (&work->session->pc_lock);
  diff (work, other, &error);
  g_rw_lock_reader_unlock (&work->session->pc_lock);
  snapshot_work_end_step (task, error);
}

static void
diffed (SnapshotWork *work, GError *error)
{
  snapshot_work_follow_progress (work, false);
  snapshot_work_done (work, error);
}

void
snapshot_work_diff (SnapshotWork *work)
{
  snapshot_work_follow_progress (work, true);
  snapshot_work_run (work, diff_in_thread, diffed);
}
