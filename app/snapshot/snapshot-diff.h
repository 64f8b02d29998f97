/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"
#include "devices/image/jobs/jobs.h"

G_BEGIN_DECLS

/*
 * What differs between two nodes, or a node and the machine as it is now.
 *
 * Threading: any thread; blocking.
 */
typedef struct {
  char *member; /* "disks[0].cache", as vm.json's errors name members */
  char *from;   /* (nullable): JSON; NULL: it isn't there */
  char *to;     /* (nullable) */
} SnapshotSetting;

typedef struct {
  uint64_t offset, length; /* of the disk, bytes */
} SnapshotExtent;

typedef struct {
  char *id;
  bool in_from, in_to; /* whether the disk is there at all */
  uint64_t from_size, to_size;
  bool known;       /* what was written since they parted is known: they have a layer in common */
  uint64_t changed; /* bytes in @extents */
  GArray *extents;  /* of SnapshotExtent: what was written on either side, in order */
} SnapshotDiskDiff;

typedef struct {
  GPtrArray *settings; /* of SnapshotSetting, without what is expected: layers' paths, snapshot */
  GPtrArray *disks;    /* of SnapshotDiskDiff: those that can carry layers */
} SnapshotDiff;

/* @to: (nullable): the machine as it is now. */
SnapshotDiff *snapshot_diff (const SnapshotTree *tree, const SnapshotNode *from, const SnapshotNode *to,
                             const ImageJob *job, GError **error);
void snapshot_diff_free (SnapshotDiff *diff);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SnapshotDiff, snapshot_diff_free)

G_END_DECLS
