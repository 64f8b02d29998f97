/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

G_BEGIN_DECLS

/*
 * Instant clones: machines that go on from where another one's guest was. Memory and disks are the
 * snapshot's, copied as each writes to them. Of a machine that runs a snapshot is taken before (ChangeSnapshots
 * "take"), or, for clones that run at once, of its disks alone, while its memory is lent to them ("lend").
 *
 * Threading: the library's main context.
 */
typedef struct {
  const char *node; /* id of the snapshot as which they begin */
  const char *loan; /* (nullable): where its memory is lent (ChangeSnapshots "lend"), for those that are started;
                       NULL: it is a live snapshot */
  const char *name; /* of the first one, if it isn't taken; the others are "NAME 2", … */
  unsigned count;
  const char *hook; /* (nullable): for the guests' shells (app/snapshot/clone-hook.h) */
  bool start;       /* let them run, each in a process of its own; else they go on at their next start */
  BonsaiStartFlags flags;
} InstantClone;

typedef struct {
  BonsaiVm *vm;
  gint64 time; /* monotonic µs, when its guest ran; 0: it wasn't to be started */
} InstantCloneMade;

/* Those that were made before one fails stay, and can be started. Cancelling makes no more of them. @how is
 * copied. */
void bonsai_library_clone_instantly_async (BonsaiLibrary *library, BonsaiVm *origin, const InstantClone *how,
                                           GCancellable *cancellable, GAsyncReadyCallback callback,
                                           gpointer data);
/* (transfer full): of InstantCloneMade, in the order of their names; NULL with @error set: the first failure.
 */
GPtrArray *bonsai_library_clone_instantly_finish (BonsaiLibrary *library, GAsyncResult *result,
                                                  GError **error);

G_END_DECLS
