/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A picture of a machine that runs: a snapshot of it, or its suspended state. */
#include "app/session/snapshot-work.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/session/runtime-dir.h"
#include "devices/image/chain.h"
#include "vmm/machine/machine-loan.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define FREEZE_LIMIT_MS 2000 /* for a guest's agent to answer */
#define FREEZE_FOR_S    10   /* should it not be thawed by us */
#define PROGRESS_MS     200
#define GRAB_TIMEOUT_MS 500
#define SUSPENDED_BEGUN SNAPSHOT_SUSPENDED ".new"

/* --- the instant --- */

/* A disk that gets its layer. */
typedef struct {
  Pc *pc;
  EventLoop *loop;
  int *n_left; /* atomic */
  SnapshotDraft *draft;
  SnapshotLayer *layer;
  GError *error;
  bool done;
} Push;

static void
do_nothing (void *data)
{
}

/* A thread of its own: the loop serves it meanwhile. */
static void *
push_layer (void *data)
{
  Push *push = data;
  const ImageOptions options = { .format = "qcow2" };
  Image *image = pc_disk_image (push->pc, push->layer->disk, &push->error);

  push->done = image != NULL && image_chain_push (image, push->layer->path, &options, &push->error);
  g_atomic_int_add (push->n_left, -1);
  loop_call (push->loop, do_nothing, NULL);
  return NULL;
}

static bool
push_layers (SnapshotWork *work, GError **error)
{
  GPtrArray *layers = snapshot_draft_get_layers (work->draft);
  Pc *pc = work->session->pc;
  EventLoop *loop = machine_board (pc_machine (pc))->loop;
  g_autofree Push *pushes = g_new0 (Push, layers->len);
  g_autofree GThread **threads = g_new (GThread *, layers->len);
  int n_left = (int)layers->len;

  for (unsigned i = 0; i < layers->len; i++)
    {
      pushes[i] = (Push){ .pc = pc, .loop = loop, .n_left = &n_left, .layer = g_ptr_array_index (layers, i) };
      threads[i] = g_thread_new ("layer", push_layer, &pushes[i]);
    }
  while (g_atomic_int_get (&n_left) > 0)
    loop_wait_for_others (loop);
  for (unsigned i = 0; i < layers->len; i++)
    {
      g_thread_join (threads[i]);
      if (pushes[i].done)
        snapshot_draft_pushed (work->draft, pushes[i].layer);
      else if (*error == NULL)
        *error = g_steal_pointer (&pushes[i].error);
      g_clear_error (&pushes[i].error);
    }
  return *error == NULL;
}

static bool
copy_nvram (SnapshotWork *work, GError **error)
{
  const char *from = snapshot_draft_get_nvram (work->draft);
  g_autofree char *to = g_build_filename (work->folder, SNAPSHOT_NVRAM_FILE, NULL), *content = NULL;
  gsize length;

  /* The commit makes it durable. */
  return from == NULL
         || (g_file_get_contents (from, &content, &length, error)
             && g_file_set_contents_full (to, content, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0600,
                                          error));
}

/* The machine's loop; the guest stands. */
static bool
at_instant (void *data, GError **error)
{
  SnapshotWork *work = data;
  g_autoptr (GError) failure = NULL;

  work->has_stood = true;
  if (push_layers (work, &failure) && copy_nvram (work, &failure))
    return true;
  g_propagate_error (error, g_steal_pointer (&failure));
  return false;
}

static bool
begin_picture (SnapshotWork *work, const MachinePicture *picture, GError **error)
{
  MachineSnapshot *made;

  if (g_cancellable_set_error_if_cancelled (work->cancellable, error))
    return false;
  made = machine_snapshot_begin (pc_machine (work->session->pc), picture, error);
  g_mutex_lock (&work->picture_lock);
  work->picture = made;
  g_mutex_unlock (&work->picture_lock);
  if (made != NULL)
    g_variant_dict_insert (&work->result, "pause", "t", (guint64)machine_snapshot_pause (made));
  return made != NULL;
}

/* What it looked like; who has no screen has no picture. */
static void
keep_screenshot (SnapshotWork *work)
{
  g_autofree char *path = g_build_filename (work->folder, SNAPSHOT_PICTURE_FILE, NULL);
  Screen *screen = pc_screen (work->session->pc, 0);
  g_autoptr (Surface) surface = local_session_keepable (
    work->session, screen != NULL ? screen_grab (screen, GRAB_TIMEOUT_MS) : NULL);
  g_autoptr (GError) error = NULL;

  if (surface != NULL && !surface_save_png (surface, path, &error))
    g_info ("%s", error->message);
}

static bool
finish_picture (SnapshotWork *work, GError **error)
{
  MachineSnapshot *picture = work->picture;
  bool finished;

  keep_screenshot (work);
  if (picture == NULL)
    return true;
  finished = machine_snapshot_finish (picture, work->cancellable, error);
  g_mutex_lock (&work->picture_lock);
  work->picture = NULL;
  g_mutex_unlock (&work->picture_lock);
  machine_snapshot_free (picture);
  return finished;
}

/* --- how far it is --- */

static gboolean
tell_progress (gpointer data)
{
  SnapshotWork *work = data;
  MachineSnapshotProgress progress;

  g_mutex_lock (&work->picture_lock);
  progress = (MachineSnapshotProgress){ .done = work->done, .total = work->total };
  if (work->picture != NULL)
    progress = machine_snapshot_progress (work->picture);
  g_mutex_unlock (&work->picture_lock);
  if (progress.total > 0)
    g_signal_emit_by_name (work->session, "snapshot-progress", work->operation, progress.done,
                           progress.total);
  return G_SOURCE_CONTINUE;
}

void
snapshot_work_follow_progress (SnapshotWork *work, bool follow)
{
  if (follow && work->progress == NULL)
    {
      work->progress = g_timeout_source_new (PROGRESS_MS);
      g_source_set_callback (work->progress, tell_progress, work, NULL);
      g_source_attach (work->progress, g_main_context_get_thread_default ());
    }
  else if (!follow && work->progress != NULL)
    {
      tell_progress (work);
      g_source_destroy (work->progress);
      g_clear_pointer (&work->progress, g_source_unref);
    }
}

void
snapshot_work_cancel (SnapshotWork *work)
{
  g_cancellable_cancel (work->cancellable);
  g_mutex_lock (&work->picture_lock);
  if (work->picture != NULL)
    machine_snapshot_cancel (work->picture);
  g_mutex_unlock (&work->picture_lock);
}

/* --- a snapshot --- */

/* Workers hold pc_lock: a machine that ends meanwhile stays there until they are done. */
static bool
is_there (LocalSession *self, GError **error)
{
  if (self->pc != NULL)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
  return false;
}

static bool
make_draft (SnapshotWork *work, GError **error)
{
  const SnapshotTake what = {
    .name = work->name,
    .note = work->note,
    .kind = work->disks_only ? SNAPSHOT_DISKS : SNAPSHOT_LIVE,
    .scheduled = work->scheduled,
  };
  LocalSession *self = work->session;
  bool made;

  if (!local_session_move (self, error))
    return false;
  g_mutex_lock (&self->description_lock);
  work->draft = snapshot_draft_begin (work->bundle, &what, error);
  made = work->draft != NULL && snapshot_draft_name_layers (work->draft, error);
  g_mutex_unlock (&self->description_lock);
  if (made)
    work->folder = g_strdup (snapshot_draft_get_folder (work->draft));
  return made;
}

/* The machine's loop. */
static bool
hold_at_instant (Machine *machine, void *data, GError **error)
{
  return at_instant (data, error);
}

/* Without memory there is nothing to be written afterwards. */
static bool
hold_disks (SnapshotWork *work, GError **error)
{
  int64_t stood = 0;
  const MachineHold hold = { .stood = &stood };

  if (g_cancellable_set_error_if_cancelled (work->cancellable, error)
      || !machine_hold (pc_machine (work->session->pc), &hold, hold_at_instant, work, error))
    return false;
  g_variant_dict_insert (&work->result, "pause", "t", (guint64)stood);
  return true;
}

/* The clones' processes have the memory from a fork of this one: nothing is written. */
static bool
lend_memory (SnapshotWork *work, GError **error)
{
  g_autofree char *path = runtime_dir_loan (snapshot_draft_get_id (work->draft));
  int64_t stood = 0;
  const MachineLoan loan = { .socket_path = path, .at_instant = at_instant, .data = work, .stood = &stood };

  if (g_cancellable_set_error_if_cancelled (work->cancellable, error) || !runtime_dir_ensure (error)
      || !machine_lend (pc_machine (work->session->pc), &loan, error))
    return false;
  g_variant_dict_insert (&work->result, "pause", "t", (guint64)stood);
  g_variant_dict_insert (&work->result, "loan", "s", path);
  return true;
}

static bool
begin_disks (SnapshotWork *work, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (!work->lends)
    return hold_disks (work, error);
  if (lend_memory (work, &failure))
    return true;
  if (work->has_stood || g_cancellable_is_cancelled (work->cancellable))
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return false;
    }
  g_info ("%s: memory is written instead of lent: %s", work->session->name, failure->message);
  snapshot_draft_keep_memory (work->draft);
  work->disks_only = false;
  return true;
}

static bool
begin_take (SnapshotWork *work, GError **error)
{
  const MachinePicture picture = { .folder = work->folder,
                                   .parent = snapshot_draft_get_parent_index (work->draft),
                                   .at_instant = at_instant,
                                   .data = work };

  /* So that there is little to flush when the guest stands, where a failure counts. */
  pc_flush_disks (work->session->pc, NULL);
  if (work->disks_only && !begin_disks (work, error))
    return false;
  return work->disks_only || begin_picture (work, &picture, error);
}

static void
make_draft_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  make_draft (data, &error);
  snapshot_work_end_step (task, error);
}

static void
begin_take_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  LocalSession *self = work->session;
  GError *error = NULL;

  g_rw_lock_reader_lock (&self->pc_lock);
  if (is_there (self, &error))
    begin_take (work, &error);
  g_rw_lock_reader_unlock (&self->pc_lock);
  snapshot_work_end_step (task, error);
}

static void
finish_take_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  LocalSession *self = work->session;
  GError *error = NULL;
  bool done;

  g_rw_lock_reader_lock (&self->pc_lock);
  done = finish_picture (work, &error);
  g_rw_lock_reader_unlock (&self->pc_lock);

  g_mutex_lock (&self->description_lock);
  done = done && !g_cancellable_set_error_if_cancelled (work->cancellable, &error)
         && (work->goes_along || snapshot_draft_commit (work->draft, &error));
  if (done)
    g_variant_dict_insert (&work->result, "id", "s", snapshot_draft_get_id (work->draft));
  if (!done || !work->goes_along)
    g_clear_pointer (&work->draft, snapshot_draft_free);
  g_mutex_unlock (&self->description_lock);
  snapshot_work_end_step (task, error);
}

static void
taken (SnapshotWork *work, GError *error)
{
  snapshot_work_follow_progress (work, false);
  if (work->draft != NULL && (error != NULL || !work->goes_along))
    {
      g_mutex_lock (&work->session->description_lock);
      g_clear_pointer (&work->draft, snapshot_draft_free);
      g_mutex_unlock (&work->session->description_lock);
    }
  g_clear_pointer (&work->folder, g_free);
  work->then (work, error);
}

static void
thaw (SnapshotWork *work)
{
  GVariantDict arguments;

  g_variant_dict_insert (&work->result, "frozen", "b", work->frozen);
  if (!work->frozen || work->session->guest == NULL)
    return;
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "id", "u", work->freeze_id);
  guest_service_ask_async (work->session->guest, "thaw", g_variant_dict_end (&arguments), NULL, NULL, NULL);
}

static void
begun (SnapshotWork *work, GError *error)
{
  thaw (work);
  if (error != NULL)
    {
      taken (work, error);
      return;
    }
  snapshot_clock_kept (work->session->clock);
  snapshot_work_follow_progress (work, true);
  snapshot_work_run (work, finish_take_in_thread, taken);
}

/* A guest without an agent, or with one that is slow, has file systems as after a power failure. */
static void
frozen (GObject *source, GAsyncResult *result, gpointer data)
{
  SnapshotWork *work = data;
  g_autoptr (GVariant) answer = guest_service_ask_finish (result, NULL);

  g_source_destroy (work->freeze_limit);
  g_clear_pointer (&work->freeze_limit, g_source_unref);
  work->frozen = answer != NULL && g_variant_lookup (answer, "id", "u", &work->freeze_id);
  snapshot_work_run (work, begin_take_in_thread, begun);
}

static gboolean
on_freeze_limit (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_REMOVE;
}

static void
freeze (SnapshotWork *work)
{
  LocalSession *self = work->session;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GVariantDict arguments;

  if (self->guest == NULL || self->state != BONSAI_STATE_RUNNING
      || !guest_agent_is_there (guest_service_get_agent (self->guest)))
    {
      snapshot_work_run (work, begin_take_in_thread, begun);
      return;
    }
  work->freeze_limit = g_timeout_source_new (FREEZE_LIMIT_MS);
  g_source_set_callback (work->freeze_limit, on_freeze_limit, g_object_ref (cancellable), g_object_unref);
  g_source_attach (work->freeze_limit, g_main_context_get_thread_default ());
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "timeout", "u", (guint32)FREEZE_FOR_S);
  guest_service_ask_async (self->guest, "freeze", g_variant_dict_end (&arguments), cancellable, frozen, work);
}

static void
drafted (SnapshotWork *work, GError *error)
{
  if (error != NULL)
    taken (work, error);
  else
    freeze (work);
}

void
snapshot_work_take (SnapshotWork *work, const char *name, const char *note,
                    void (*then) (SnapshotWork *work, GError *error))
{
  work->name = g_strdup (name);
  work->note = g_strdup (note);
  work->then = then;
  snapshot_work_run (work, make_draft_in_thread, drafted);
}

/* --- suspend --- */

static bool
make_folder (SnapshotWork *work, GError **error)
{
  work->folder = g_build_filename (work->bundle, SUSPENDED_BEGUN, NULL);
  bundle_remove_tree (work->folder);
  return mkdir (work->folder, 0755) == 0
         || bonsai_set_errno_error (error, errno, "Can't create the folder %s", work->folder);
}

/* The guest stands from now on. Its memory takes for written what it was told to be: so it must be. */
static bool
write_picture (SnapshotWork *work, GError **error)
{
  const MachinePicture picture = { .folder = work->folder, .keep_standing = true };
  LocalSession *self = work->session;
  bool done;

  g_rw_lock_reader_lock (&self->pc_lock);
  done = is_there (self, error) && begin_picture (work, &picture, error) && finish_picture (work, error)
         && pc_flush_disks (self->pc, error);
  g_rw_lock_reader_unlock (&self->pc_lock);
  return done;
}

/* vm.json, which names the folder, is what makes the machine a suspended one. */
static bool
keep_suspended (SnapshotWork *work, GError **error)
{
  g_autofree char *folder = g_build_filename (work->bundle, SNAPSHOT_SUSPENDED, NULL);
  g_autoptr (BundleEdit) edit = bundle_edit_begin (work->bundle);
  g_autoptr (VmConfig) config = bundle_load (work->bundle, error);

  if (config == NULL || !bundle_sync_folder (work->folder, error))
    return false;
  bundle_remove_tree (folder);
  if (rename (work->folder, folder) < 0)
    return bonsai_set_errno_error (error, errno, "Can't rename %s", work->folder);
  vm_config_set (&config->resume, SNAPSHOT_SUSPENDED);
  return bundle_sync_folder (work->bundle, error) && bundle_save (work->bundle, config, error);
}

static void
suspend_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  LocalSession *self = work->session;
  GError *error = NULL;

  if (make_folder (work, &error) && write_picture (work, &error)
      && !g_cancellable_set_error_if_cancelled (work->cancellable, &error))
    {
      g_mutex_lock (&self->description_lock);
      keep_suspended (work, &error);
      g_mutex_unlock (&self->description_lock);
    }
  if (error != NULL)
    bundle_remove_tree (work->folder);
  snapshot_work_end_step (task, error);
}

static void
off (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  snapshot_work_done (data, error);
}

static void
suspended (SnapshotWork *work, GError *error)
{
  LocalSession *self = work->session;
  Pc *pc = local_session_live_pc (self);

  snapshot_work_follow_progress (work, false);
  if (error != NULL)
    {
      if (!work->paused && pc != NULL)
        machine_run (pc_machine (pc));
      snapshot_work_done (work, error);
      return;
    }
  self->suspended = true;
  if (pc == NULL)
    {
      snapshot_work_done (work, NULL);
      return;
    }
  session_waiters_add (self->waiters, g_task_new (self, NULL, off, work), SESSION_WAIT_ENDED, 0);
  machine_power_off (pc_machine (pc));
}

void
snapshot_work_suspend (SnapshotWork *work)
{
  work->paused = work->session->state == BONSAI_STATE_PAUSED;
  snapshot_work_follow_progress (work, true);
  snapshot_work_run (work, suspend_in_thread, suspended);
}
