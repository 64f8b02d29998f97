/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/local-session-private.h"
#include "app/session/snapshot-clock.h"
#include "app/snapshot/snapshot-restore.h"
#include "app/snapshot/snapshot-take.h"
#include "vmm/machine/machine-snapshot.h"

G_BEGIN_DECLS

/*
 * What is done with the tree of snapshots of a machine that runs: one SnapshotWork at a time. Its steps go
 * from the session's thread to workers and back; whoever is last calls snapshot_work_done.
 */
struct SnapshotWork {
  LocalSession *session; /* (transfer full) */
  const char *operation; /* a constant */
  GTask *asked;          /* (nullable) (transfer full): who waits */
  GVariantDict arguments;
  GVariantDict result;
  GCancellable *cancellable;
  char *bundle;
  gint64 begun; /* monotonic µs */

  /* taking */
  char *name, *note; /* (nullable) */
  bool scheduled;    /* the clock asks for it */
  bool goes_along;   /* it is to appear when the machine has gone back: @draft is kept until then */
  bool disks_only;
  bool lends;     /* ... and the memory is lent to clones at once, rather than written */
  bool has_stood; /* the instant was */
  VmSchedule schedule; /* which stay after it */
  void (*then) (SnapshotWork *work, GError *error);
  SnapshotDraft *draft;
  char *folder; /* where the picture is made: the draft's, or the suspended state's */
  MachineSnapshot *picture;
  GMutex picture_lock; /* of @picture: who looks at its progress, or cancels it; of @done and @total */
  uint64_t done, total; /* bytes that were dealt with, without a picture */
  GSource *progress;   /* or NULL */
  bool frozen;
  guint32 freeze_id;
  GSource *freeze_limit;

  /* going back */
  char *node; /* its id */
  SnapshotReturn *back;
  Pc *pc;            /* the new one, then the old one, to be freed */
  MachineSpec *spec; /* as @pc */
  bool paused;       /* it is to stand; suspend: it stood already */
  bool to_be_off;    /* it was off then */
  bool exchanged;    /* the machine is the snapshot's */
  bool waits;        /* for the new machine to run */
  GError *failure;   /* while the old machine is put away */
};

/* A step that takes time: @thread gets the work as its data; then @done, on the session's thread. */
void snapshot_work_run (SnapshotWork *work, GTaskThreadFunc thread,
                        void (*done) (SnapshotWork *work, GError *error));

/* The end of @thread, with @error (transfer full) or NULL. */
void snapshot_work_end_step (GTask *task, GError *error);

/* Answers whoever waits: with the result, or with @error (transfer full). Frees @work. */
void snapshot_work_done (SnapshotWork *work, GError *error);

/* local-session-take.c: takes a snapshot, of a name that is given; then calls @then with an error (transfer
 * full) or NULL, and the result has "id". */
void snapshot_work_take (SnapshotWork *work, const char *name, const char *note,
                         void (*then) (SnapshotWork *work, GError *error));
void snapshot_work_suspend (SnapshotWork *work);
/* Tells what is being written to stop. */
void snapshot_work_cancel (SnapshotWork *work);

/* Tells now and then how far it is, or no longer. The session's thread. */
void snapshot_work_follow_progress (SnapshotWork *work, bool follow);

/* local-session-diff.c */
void snapshot_work_diff (SnapshotWork *work);

/* local-session-schedule.c: what the clock asks for */
void snapshot_work_take_scheduled (SnapshotWork *work);
bool snapshot_work_set_schedule (SnapshotWork *work, GError **error);

/* local-session-return.c */
void snapshot_work_restore (SnapshotWork *work);
/* The new machine has got into that state. */
void snapshot_work_tell_restored (SnapshotWork *work, MachineState state);

G_END_DECLS
