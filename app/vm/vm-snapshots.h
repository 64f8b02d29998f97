/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/disk/disk-task.h"
#include "app/snapshot/doctor.h"
#include "app/snapshot/snapshot-diff.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-tree.h"
#include "app/vm/vm.h"

G_BEGIN_DECLS

/*
 * The tree of snapshots of a BonsaiVm, whether it runs, here or elsewhere, or is off: who runs it is asked,
 * or a worker changes the files.
 *
 * What changes the tree is done one at a time, else BONSAI_ERROR_BUSY. Cancelling gives it up: the tree is as
 * it was, and a machine that runs runs on. Where a @progress is taken it is called now and then, never after
 * the callback.
 *
 * Threading: as BonsaiVm.
 */

/* Someone looks at the tree, or no longer does: while anybody does, BonsaiVm's signal "snapshots-changed"
 * tells that there may be something new to read. Calls nest. */
void bonsai_vm_watch_snapshots (BonsaiVm *vm, gboolean active);

/* @measure: with the room that each node takes (snapshot_tree_measure). finish: (transfer full). */
void bonsai_vm_read_snapshots_async (BonsaiVm *vm, gboolean measure, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer data);
SnapshotTree *bonsai_vm_read_snapshots_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* @name, @note: (nullable). finish: (transfer full): the new node's id. */
void bonsai_vm_take_snapshot_async (BonsaiVm *vm, const char *name, const char *note,
                                    DiskProgressFunc progress, gpointer progress_data,
                                    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
char *bonsai_vm_take_snapshot_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

typedef struct {
  const char *node;       /* its id */
  bool take_first;        /* what is now becomes a node before */
  const char *first_name; /* (nullable): of that */
  bool paused;            /* one that runs stands there at first */
  bool discard_suspended; /* also if it is suspended, and that state is lost: else that is refused */
} BonsaiRestore;

/* A machine that runs keeps its window. finish: @taken: (nullable) (out) (transfer full): the id of what was
 * taken first. */
void bonsai_vm_restore_snapshot_async (BonsaiVm *vm, const BonsaiRestore *how, DiskProgressFunc progress,
                                       gpointer progress_data, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_restore_snapshot_finish (BonsaiVm *vm, GAsyncResult *result, char **taken, GError **error);

/* What @node alone needed is given back; of a machine that runs in the background. Cancelling ends that only.
 * finish: @n: (nullable) (out): how many were deleted. */
void bonsai_vm_delete_snapshot_async (BonsaiVm *vm, const char *node, SnapshotDeleteHow how,
                                      DiskProgressFunc progress, gpointer progress_data,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_delete_snapshot_finish (BonsaiVm *vm, GAsyncResult *result, guint *n, GError **error);

/* As snapshot_rename. */
void bonsai_vm_rename_snapshot_async (BonsaiVm *vm, const char *node, const char *name, const char *note,
                                      GAsyncReadyCallback callback, gpointer data);
/* As snapshot_set_disposable. */
void bonsai_vm_set_disposable_async (BonsaiVm *vm, const char *node, GAsyncReadyCallback callback,
                                     gpointer data);
/* Of both. */
gboolean bonsai_vm_edit_snapshot_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* To disk; done when it is off. */
void bonsai_vm_suspend_async (BonsaiVm *vm, DiskProgressFunc progress, gpointer progress_data,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_suspend_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* A new machine, called @name, in the same folder. @node: (nullable): as which it begins; NULL: as the
 * machine is now, of which a snapshot is taken if it runs or the clone is to be @linked. finish: (transfer
 * full): the new bundle's path. */
void bonsai_vm_clone_async (BonsaiVm *vm, const char *name, const char *node, gboolean linked,
                            DiskProgressFunc progress, gpointer progress_data, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data);
char *bonsai_vm_clone_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* @to: (nullable): the machine as it is now. finish: (transfer full). */
void bonsai_vm_diff_snapshots_async (BonsaiVm *vm, const char *from, const char *to,
                                     DiskProgressFunc progress, gpointer progress_data,
                                     GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
SnapshotDiff *bonsai_vm_diff_snapshots_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* What is wrong with the machine's files; @repair: and put right what can be, which needs the machine off.
 * finish: (transfer full): of DoctorFinding. */
void bonsai_vm_examine_async (BonsaiVm *vm, gboolean repair, DiskProgressFunc progress,
                              gpointer progress_data, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer data);
GPtrArray *bonsai_vm_examine_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

G_END_DECLS
