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
  GPtrArray *settings;     /* of SnapshotSetting, without what is expected: layers' paths, snapshot */
  GPtrArray *disks;        /* of SnapshotDiskDiff: those that can carry layers */
  bool memory_known;       /* both have memory */
  uint64_t memory_changed; /* bytes, in pages */
} SnapshotDiff;

/* The machine as it is now, by whoever runs it: its disks are locked, and its memory is nobody else's. */
typedef struct {
  /* As image_map_open, of one of its disks. */
  bool (*map_disk) (const char *disk, void (*func) (const ImageExtent *, void *), void *func_data,
                    const ImageJob *job, void *data, GError **error);
  /* As memory_compare_live. */
  bool (*compare_memory) (const char *index, uint64_t *changed, const ImageJob *job, void *data,
                          GError **error);
  void *data;
} SnapshotLive;

/* @to: (nullable): the machine as it is now. @live: (nullable): it is off. */
SnapshotDiff *snapshot_diff (const SnapshotTree *tree, const SnapshotNode *from, const SnapshotNode *to,
                             const SnapshotLive *live, const ImageJob *job, GError **error);
void snapshot_diff_free (SnapshotDiff *diff);

/* snapshot-diff-message.c: as the result of ChangeSnapshots' "diff" (app/session/org.bonsaivm.Session1.xml).
 */
void snapshot_diff_pack (const SnapshotDiff *diff, GVariantDict *result);
/* NULL with @error set: it is none. */
SnapshotDiff *snapshot_diff_unpack (GVariant *result, GError **error);

SnapshotDiff *snapshot_diff_new (void); /* without differences */
/* Adds one; what is NULL isn't there. JSON. */
void snapshot_diff_add_setting (SnapshotDiff *diff, const char *member, const char *from, const char *to);
/* snapshot-diff-settings.c: adds what differs, but for what differs by nature. */
void snapshot_diff_settings (SnapshotDiff *diff, const VmConfig *from, const VmConfig *to);
/* The one of that id, which is made if need be. */
SnapshotDiskDiff *snapshot_diff_find_disk (SnapshotDiff *diff, const char *id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SnapshotDiff, snapshot_diff_free)

G_END_DECLS
