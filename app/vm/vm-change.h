/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm-private.h"
#include "app/vm/vm-snapshots.h"

G_BEGIN_DECLS

/* One thing that is done, from the question to its answer; the data of its GTask. */
typedef struct {
  const char *operation; /* of ChangeSnapshots, or "clone"; a constant; NULL: it only looks */
  DiskTaskFunc run;      /* the same in a worker; its data is the Change */
  char *bundle;
  BundleLock *lock; /* (nullable) */

  char *node, *other, *name, *note; /* (nullable) */
  SnapshotDeleteHow how;
  bool take_first, paused, discard_suspended, linked, measure, repair;

  DiskProgressFunc progress;
  gpointer progress_data;
  BonsaiSession *session; /* (nullable): whose progress is told */

  char *id; /* what came of it: a node's id, or a path */
  guint n;
  SnapshotTree *tree;
  SnapshotDiff *diff;
  GPtrArray *findings;
} Change;

/* A task of @vm's, with a Change to be filled in. (transfer full) */
GTask *vm_change_begin (BonsaiVm *vm, gpointer tag, Change **change, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data);
/* That of a task or a result. */
Change *vm_change_of (gpointer task);
/* @error: (transfer full) or NULL. */
void vm_change_end (GTask *task, GError *error);

/* Each takes @task, and ends it when it is done. @what: what the machine's state says meanwhile. */
void vm_change_run (GTask *task);                          /* by a worker */
void vm_change_run_locked (GTask *task, const char *what); /* with the bundle's lock */
void vm_change_ask (GTask *task);                          /* by the session, which there is */
void vm_change_ask_or_run (GTask *task, const char *what); /* by the session, or with the lock */

G_END_DECLS
