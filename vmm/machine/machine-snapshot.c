/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/machine/machine-snapshot.h"

#include "vmm/base/error.h"
#include "vmm/machine/machine-private.h"
#include "vmm/memory/memory-restore.h"
#include "vmm/memory/memory-save.h"
#include "vmm/state/state-file.h"

#include <unistd.h>

struct MachineSnapshot {
  char *state_path;
  MemorySave *memory;
  GBytes *state;
  int64_t pause;
};

static char *
state_path (const char *folder)
{
  return g_build_filename (folder, MACHINE_STATE_FILE, NULL);
}

typedef struct {
  const MachinePicture *picture;
  MachineSnapshot *snapshot;
} Instant;

static bool
take (Machine *machine, void *data, GError **error)
{
  Instant *instant = data;
  const MachinePicture *picture = instant->picture;
  MachineSnapshot *snapshot = instant->snapshot;

  if (picture->at_instant && !picture->at_instant (picture->data, error))
    return false;
  snapshot->state = machine_save (machine, error);
  return snapshot->state && memory_save_take (snapshot->memory, error);
}

MachineSnapshot *
machine_snapshot_begin (Machine *machine, const MachinePicture *picture, GError **error)
{
  g_autoptr (MachineSnapshot) snapshot = g_new0 (MachineSnapshot, 1);
  const MemorySaveConfig config = {
    .folder = picture->folder, .parent = picture->parent, .without_fork = picture->without_fork
  };
  const MachineHold hold = { .stay = picture->keep_standing, .stood = &snapshot->pause };
  Instant instant = { picture, snapshot };

  snapshot->state_path = state_path (picture->folder);
  snapshot->memory = memory_save_new (machine->board->memory, &config, error);
  if (!snapshot->memory || !machine_hold (machine, &hold, take, &instant, error))
    return NULL;
  return g_steal_pointer (&snapshot);
}

int64_t
machine_snapshot_pause (MachineSnapshot *snapshot)
{
  return snapshot->pause;
}

MachineSnapshotProgress
machine_snapshot_progress (MachineSnapshot *snapshot)
{
  MachineSnapshotProgress progress;

  memory_save_progress (snapshot->memory, &progress.done, &progress.total, &progress.written);
  return progress;
}

bool
machine_snapshot_finish (MachineSnapshot *snapshot, GCancellable *cancellable, GError **error)
{
  return memory_save_finish (snapshot->memory, cancellable, error)
         && state_file_write (snapshot->state_path, snapshot->state, error);
}

void
machine_snapshot_cancel (MachineSnapshot *snapshot)
{
  memory_save_cancel (snapshot->memory);
}

void
machine_snapshot_free (MachineSnapshot *snapshot)
{
  if (!snapshot)
    return;
  memory_save_free (snapshot->memory);
  g_clear_pointer (&snapshot->state, g_bytes_unref);
  g_free (snapshot->state_path);
  g_free (snapshot);
}

/* --- going back --- */

/* The thread that reads ahead: it is joined when the board is freed, after the vCPUs. */
static void
on_flaw (const char *path, const char *flaw, void *data)
{
  Machine *machine = data;
  g_autofree char *message =
    machine->explain ? machine->explain (path, flaw) : g_strdup_printf ("\"%s\": %s", path, flaw);

  machine_post (machine,
                (Command) { .kind = COMMAND_PAUSE, .reason = MACHINE_REASON_IO_ERROR, .is_lasting = true },
                message);
}

typedef struct {
  Machine *machine;
  const MemoryImage *image;
  MachineFlawFunc explain;
  GBytes *state;
  GError *error;
  bool ok;
} RestoreJob;

static void
restore_on_loop (void *data)
{
  RestoreJob *job = data;
  size_t size;
  const uint8_t *bytes = g_bytes_get_data (job->state, &size);

  if (!machine_check_standing (job->machine, &job->error))
    return;
  machine_forget_obstacle (job->machine);
  job->machine->explain = job->explain;
  job->ok = guest_memory_restore (job->machine->board->memory, job->image, on_flaw, job->machine, &job->error)
            && machine_load (job->machine, bytes, size, &job->error);
}

bool
machine_restore (Machine *machine, const char *folder, MachineFlawFunc explain, GError **error)
{
  g_autofree char *path = state_path (folder);
  g_autofree char *index = g_build_filename (folder, MEMORY_IMAGE_INDEX, NULL);
  g_autoptr (GBytes) state = state_file_read (path, error);
  g_autoptr (MemoryImage) image = state ? memory_image_read (index, false, error) : NULL;
  RestoreJob job = { .machine = machine, .image = image, .explain = explain, .state = state };

  if (!image)
    return false;
  loop_call_sync (machine->loop, restore_on_loop, &job);
  if (job.error)
    g_propagate_prefixed_error (error, job.error, "\"%s\": ", folder);
  return job.ok;
}

bool
machine_picture_check (const char *folder, GError **error)
{
  g_autofree char *path = state_path (folder);
  g_autofree char *index = g_build_filename (folder, MEMORY_IMAGE_INDEX, NULL);
  g_autoptr (MemoryImage) image = NULL;

  if (!state_file_check (path, error))
    return false;
  image = memory_image_read (index, false, error);
  for (unsigned i = 0; image && i < image->sources->len; i++)
    {
      int fd = memory_image_bytes_from (image, i) > 0 ? memory_image_open_source (image, i, error) : -2;

      if (fd == -1)
        return false;
      if (fd >= 0)
        close (fd);
    }
  return image != NULL;
}
