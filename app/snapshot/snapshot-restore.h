/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/snapshot/snapshot-take.h"

G_BEGIN_DECLS

/*
 * Going back to a node: its disks, with a new empty layer each, become the machine's, and its description the
 * machine's description. Name, UUID and notes of the machine stay. What the machine had written since its
 * last snapshot is gone then. Works for any node, so branches come by themselves.
 *
 *   snapshot_return_begin    makes the layers; the machine is as it was
 *   snapshot_return_commit   vm.json is replaced: the machine is back at the node
 *   snapshot_return_free     what nobody needs now is removed: only once the disks of before are closed
 *
 * A machine that runs: build the new one from snapshot_return_get_config between begin and commit.
 *
 * Threading: any thread, one at a time; blocking. The caller holds the bundle's lock.
 */
typedef struct SnapshotReturn SnapshotReturn;

/* @node: its id. @discard_suspended: a suspended state of the machine may be lost; else that is refused. */
SnapshotReturn *snapshot_return_begin (const char *bundle, const char *node, bool discard_suspended,
                                       GError **error);

/* The machine as it is to be; paths as in vm.json. (transfer none) */
const VmConfig *snapshot_return_get_config (const SnapshotReturn *back);
/* (nullable): the node's folder with state and memory, if it is a live one. */
const char *snapshot_return_get_state (const SnapshotReturn *back);

/* @resume: the next start goes on from the node's state (ignored unless it is live). False: it runs already,
 * or is to boot. */
bool snapshot_return_commit (SnapshotReturn *back, bool resume, GError **error);

/* Before the commit: what @draft, whose files are all there, has of the machine appears in the tree with it:
 * both or neither. Without layers' names (snapshot_draft_name_layers) unless the machine runs. The draft is
 * the caller's, to be freed after @back. */
void snapshot_return_take_along (SnapshotReturn *back, SnapshotDraft *draft);

/* Without a commit everything is as it was before. NULL is ignored. */
void snapshot_return_free (SnapshotReturn *back);

/* --- a machine that is off --- */

/* @take_first: (nullable): what is now is kept as a node before. @taken: (nullable) (out) (transfer full):
 * its id. Both are done, or neither. */
bool snapshot_restore (const char *bundle, const char *node, bool discard_suspended,
                       const SnapshotTake *take_first, char **taken, GError **error);

/* What a disposable machine does when it has been powered off; true if it isn't one. */
bool snapshot_dispose (const char *bundle, GError **error);

/* --- resuming --- */

/* The folder (a path) whose state the next start loads instead of booting; NULL: it boots. (transfer full) */
char *snapshot_resume_folder (const char *bundle, const VmConfig *config);

/* vm.json says so no more, durably: before the guest's first instruction. A suspended state is removed if
 * @remove_suspended: after RAM is mapped its files may be unlinked. */
bool snapshot_resume_drop (const char *bundle, bool remove_suspended, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SnapshotReturn, snapshot_return_free)

G_END_DECLS
