/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/machine/machine.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * A picture of a machine, all of one instant: its state (the file "state") and its memory ("memory",
 * "memory.index"; memory-image.h). The guest stands for milliseconds; its memory is written while it runs on.
 *
 * Threading: as machine.h says; a MachineSnapshot is used by one thread at a time, progress and cancel by
 * any. The Machine must outlive it. That it ends (the guest switches it off) meanwhile does no harm.
 */
#define MACHINE_STATE_FILE "state"

typedef struct {
  const char *folder; /* where the files are made: it exists and has none of them */
  const char *parent; /* (nullable): path of the memory.index of an earlier picture: what is as there isn't
                         written again */

  /* (nullable): at the instant, on the machine's loop; vCPUs parked, nothing in flight, time standing: to
   * switch disks to new layers, to copy the NVRAM. Quick: the guest stands. It may use loop_wait_for_others,
   * and nothing that waits for the machine. False with @error set: no picture is made, and the machine goes
   * on. */
  bool (*at_instant) (void *data, GError **error);
  void *data;

  bool keep_standing; /* leave the machine PAUSED (with its event, reason USER): suspend, before the power
                         goes off */
  bool without_fork;  /* memory-save.h; tests */
} MachinePicture;

typedef struct MachineSnapshot MachineSnapshot;

typedef struct {
  uint64_t done, total; /* bytes of memory looked at, of how many */
  uint64_t written;     /* bytes */
} MachineSnapshotProgress;

/* Takes the picture of a machine in any state but ENDED. Blocks for as long as the preparation (reading the
 * parent's index) and the instant take; the guest runs on when this returns. @picture is read during the call
 * only. Returns: (transfer full): NULL with @error set; files may have been made in the folder by then. */
MachineSnapshot *machine_snapshot_begin (Machine *machine, const MachinePicture *picture, GError **error);

/* For how long the guest stood, in ns. 0 if it did before. */
int64_t machine_snapshot_pause (MachineSnapshot *snapshot);

MachineSnapshotProgress machine_snapshot_progress (MachineSnapshot *snapshot);

/* Waits until everything is durable, but for the folder itself (its owner renames it). Returns: false with
 * @error set (G_IO_ERROR_CANCELLED; VMM_ERROR_RESOURCE: the disk is full; ...): the files there are worth
 * nothing. */
bool machine_snapshot_finish (MachineSnapshot *snapshot, GCancellable *cancellable, GError **error);

/* Makes finish, now or later, fail soon. */
void machine_snapshot_cancel (MachineSnapshot *snapshot);

/* Cancels what isn't finished. Removes no files. */
void machine_snapshot_free (MachineSnapshot *snapshot);

/* What to tell people of a damaged memory file @path. @flaw: as MemoryFlawFunc has it. Returns: (transfer full): a
 * sentence. Any thread. */
typedef char *(*MachineFlawFunc) (const char *path, const char *flaw);

/**
 * machine_restore:
 * @folder: with the files of a picture; untrusted
 * @explain: (nullable)
 *
 * Gives a machine of the same configuration, CREATED or PAUSED, the memory and the state of a picture;
 * machine_run goes on from there. Takes milliseconds, whatever the memory's size. What can be checked is
 * checked first; if a file can't be read, or KVM refuses a value, the machine needs machine_reset. Errors
 * name the file.
 *
 * The memory's pages are checked while the guest runs. Should one not be as it was, the machine is paused, reason
 * IO_ERROR, with what @explain says as the message; if it stood by then, that is the answer to the next
 * machine_run. After that it may go on.
 */
bool machine_restore (Machine *machine, const char *folder, MachineFlawFunc explain, GError **error);

/* Whether @folder has a picture that this version can load, as far as a look at the files' heads tells. */
bool machine_picture_check (const char *folder, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MachineSnapshot, machine_snapshot_free)

G_END_DECLS
