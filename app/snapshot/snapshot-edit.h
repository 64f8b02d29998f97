/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"
#include "devices/image/jobs/jobs.h"

G_BEGIN_DECLS

/*
 * Changes to the tree. Each is one atomic replacement of one file; what becomes unneeded by it is given back
 * by snapshot_collect, which may be interrupted at any time and run again.
 *
 * Threading: any thread, one at a time; blocking. The caller holds the bundle's lock.
 */

/* @name, @note: (nullable): stays as it is; an empty note: none. One that was taken by the clock is its
 * owner's from then on. */
bool snapshot_rename (const char *bundle, const char *node, const char *name, const char *note,
                      GError **error);

typedef enum {
  SNAPSHOT_DELETE_ONE,    /* the node; its children become its parent's */
  SNAPSHOT_DELETE_BELOW,  /* the node and all that stem from it */
  SNAPSHOT_DELETE_BEFORE, /* all that the node stems from, not the node */
} SnapshotDeleteHow;

/* "one", "below", "before". False: @name is none of them, and @error says so. */
extern const char *const snapshot_delete_how_names[];
bool snapshot_parse_delete_how (const char *name, SnapshotDeleteHow *how, GError **error);

/* All of them, or none. Refused if a clone needs the node, or the machine is to resume from it or to go back
 * to it at power-off. A broken node's folder is removed. @n: (nullable) (out): how many were deleted. */
bool snapshot_delete (const char *bundle, const char *node, SnapshotDeleteHow how, unsigned *n,
                      GError **error);

/* What that would delete, as far as @tree knows. Returns: (transfer container): of SnapshotNode, or NULL with
 * @error set: it would be refused. */
GPtrArray *snapshot_choose_deleted (const SnapshotTree *tree, const char *node, SnapshotDeleteHow how,
                                    GError **error);

/* @node: (nullable): NULL: the machine keeps what it did, as usual. */
bool snapshot_set_disposable (const char *bundle, const char *node, GError **error);

/* --- giving back --- */

/**
 * snapshot_collect:
 * @running: the machine runs: its disks' layers are left alone (see snapshot_merge_find)
 * @job: (nullable): to follow and to interrupt it
 *
 * Removes tombstones, left-overs and layers that nobody needs, and merges layers that only one other layer
 * needs. Nothing is removed while a node is broken: what it needs isn't known then.
 */
bool snapshot_collect (const char *bundle, bool running, const ImageJob *job, GError **error);

/* What an operation that was interrupted has left in doubt is decided: before a disk is detached, before a
 * start. Quick. */
bool snapshot_settle (const char *bundle, GError **error);

/* Two layers of a running machine's disk that are to become one. */
typedef struct {
  char *disk;  /* its id */
  char *upper; /* a path; the layer whose content goes down; it isn't the top */
  char *lower;
} SnapshotMerge;

/* Whether there is one: to be done by image_work_run with IMAGE_WORK_MERGE of the layer @upper. */
bool snapshot_merge_find (const char *bundle, SnapshotMerge *merge);
/* It was done: nodes that name @upper name @lower, and @upper is removed. */
bool snapshot_merge_finish (const char *bundle, const SnapshotMerge *merge, GError **error);
void snapshot_merge_clear (SnapshotMerge *merge);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SnapshotMerge, snapshot_merge_clear)

G_END_DECLS
