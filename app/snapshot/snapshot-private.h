/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-take.h"
#include "app/snapshot/snapshot-tree.h"
#include "devices/image/jobs/jobs.h"

G_BEGIN_DECLS

/* --- snapshot-files.c: files, durably --- */

/* What a path of vm.json or node.json means: an absolute path without "." and "..", or a URI. (transfer full)
 */
char *snapshot_resolve (const char *bundle, const char *path);
/* The other way: relative if it lies in the bundle. (transfer full) */
char *snapshot_relative (const char *bundle, const char *path);
bool snapshot_is_inside (const char *bundle, const char *path);
/* The bundle that a path without symbolic links lies in. (transfer full) (nullable) */
char *snapshot_find_bundle (const char *path);

/* The folder snapshots/, made if it is missing. (transfer full) */
char *snapshot_make_root (const char *bundle, GError **error);

/* Makes @to, which must not be there, hold what @from does; shares the bytes where the file system can.
 * Durable but for the folder's entry. */
bool snapshot_copy_file (const char *from, const char *to, GError **error);
bool snapshot_sync_file (const char *path, GError **error);
/* From the beginning of both, as cheaply as their file systems can. False with errno set. */
bool snapshot_copy_content (int from, int to);
/* Hexadecimal. @length: (out): bytes. (transfer full), or NULL with @error set. */
char *snapshot_sum_file (const char *path, uint64_t *length, const ImageJob *job, GError **error);
/* The room that a file takes on the host; 0 if there is none. */
uint64_t snapshot_file_room (const char *path);

/* Replaces node.json. */
bool snapshot_write_node (const char *bundle, const SnapshotNode *node, GError **error);

/* A folder that is being filled is locked by whoever does that: others leave it alone. -1 with @error set. */
int snapshot_lock_folder (const char *path, GError **error);

/* As long as the descriptor is open nobody else makes a linked clone, or deletes a snapshot: waits for
 * others. -1 with @error set. */
int snapshot_hold_nodes (const char *bundle, GError **error);

/* --- snapshot-files.c: what may turn out to be unneeded --- */

/*
 * snapshots/pending.json lists files that an operation under way makes or is going to leave behind, before it
 * begins: whatever becomes of it, snapshot_collect removes those of them that nobody needs, and no others.
 */

/* Adds @paths (of char *, relative to the bundle) durably. */
bool snapshot_pending_add (const char *bundle, GPtrArray *paths, GError **error);
/* (transfer full): of char *; what can't be read is as if there were none */
GPtrArray *snapshot_pending_read (const char *bundle);
bool snapshot_pending_write (const char *bundle, GPtrArray *paths, GError **error);

/* --- snapshot-layers.c: which image lies on which --- */

typedef struct LayerFile LayerFile;

struct LayerFile {
  char *path; /* as snapshot_resolve gives it */
  char *format;
  LayerFile *below; /* (nullable) */
  bool inside;      /* in the bundle */
  bool in_use;      /* of the machine as it is now, or below that */
  bool pinned;      /* linked clones elsewhere lie on it, and know it by this name */
  unsigned n_named; /* how often vm.json, nodes and images that nobody refers to name it */
  unsigned n_above; /* layers on it */
  LayerFile *above; /* one of them */
  unsigned n_users; /* nodes and the machine as it is now that need it */
  uint64_t room;    /* bytes on the host */
  char *trouble;    /* (nullable): missing, or its header can't be read */
  unsigned mark;    /* the last walk that came by */
};

typedef struct {
  GPtrArray *files; /* of LayerFile */
  GHashTable *by_path;
  bool complete; /* all is known: no node is broken, no layer unreadable */
  unsigned walks;
} LayerGraph;

/* All images that are needed, from the tree and @config. Images in disks/ to which nobody refers and that
 * aren't pending count as needed, with what they lie on: their owner may attach them again. */
LayerGraph *layer_graph_new (const SnapshotTree *tree, const VmConfig *config);
void layer_graph_free (LayerGraph *graph);
/* (nullable) */
LayerFile *layer_graph_find (LayerGraph *graph, const char *path);

/* The backing file that a qcow2 image names (qcow2, "Header"), as the file says, or NULL. False: it can't be
 * read, or is none. */
bool layer_read_backing (const char *path, char **backing, char **format, GError **error);

/* Whether the qcow2 image at @path says that it is encrypted; false also for what can't be read. */
bool layer_is_encrypted (const char *path);

/* Whether a disk gets a layer when a snapshot is taken. */
bool snapshot_disk_has_layers (const VmDisk *disk);
/* "disks/DISK-ID.qcow2" (transfer full) */
char *snapshot_layer_name (const char *disk, const char *id);
/* Whether the image at @path (absolute) is a disk of @node; NULL: of any. */
bool snapshot_is_layer_of (const SnapshotTree *tree, const SnapshotNode *node, const char *path);
/* The ID in such a name. (nullable) (transfer full) */
char *snapshot_layer_id (const char *path);

/* How an image in @folder, which is in the bundle, names the one at @target: what lies in the bundle is named
 * from the folder, as the bundle may be moved. (transfer full) */
char *snapshot_backing_name (const char *bundle, const char *folder, const char *target);

/* Makes an empty layer for @disk at @path (from the bundle) on the image that @below (as SnapshotDisk.layer)
 * means; encrypted if that is, with its key and passphrases. Durable but for the folder's entry. */
bool snapshot_make_layer (const char *bundle, const char *path, const char *below, const char *below_format,
                          uint64_t size, GError **error);

/* --- snapshot-deleting.c --- */

#define SNAPSHOT_DELETE_FILE "delete.json" /* in SNAPSHOT_FOLDER */

/* All of @nodes (of SnapshotNode) become tombstones, or none. */
bool snapshot_delete_nodes (const char *bundle, GPtrArray *nodes, GError **error);
/* The ids of those that are deleted, though their node.json may not say so yet. (nullable) (transfer full) */
GStrv snapshot_deleting_read (const char *bundle);
/* What was interrupted is finished: before others are deleted, and before anything is given back. */
bool snapshot_finish_deleting (const char *bundle, GError **error);

/* --- snapshot-take.c --- */

/* Of a machine that is off, with all that is to be kept of it but the layers, which aren't named yet. */
SnapshotDraft *snapshot_draft_of_stopped (const char *bundle, const SnapshotTake *what, GError **error);

/* What snapshot_draft_commit does before the node's folder gets its name: all in it is durable. */
bool snapshot_draft_seal (SnapshotDraft *draft, GError **error);
/* The sealed node's folder gets its name: a vm.json that has been written says that it is there
 * ("completes"). */
void snapshot_draft_complete (SnapshotDraft *draft);

/* vm.json, which @config is, has named a node whose folder has no name yet: it gets it, by whoever comes
 * first. */
void snapshot_show_completed (const char *bundle, const VmConfig *config);

/* What names the layers of a disk that was given one. */
void snapshot_name_layer (VmDisk *disk, const char *path);

/* --- snapshot-collect.c --- */

/* Removes what is pending and nobody needs; the rest is no longer pending. */
bool snapshot_review_pending (const char *bundle, GError **error);

/* Whether another node's memory lies partly in @node's; true if that can't be known. */
bool snapshot_memory_is_needed (const SnapshotTree *tree, const SnapshotNode *node);

/* Calls @func for each file or folder that something interrupted has left behind; what is being filled isn't
 * among them. */
void snapshot_for_leftovers (const char *bundle, void (*func) (const char *path, void *data), void *data);

/* --- snapshot-merge.c --- */

/* Merges what can be; finishes what was interrupted. */
bool snapshot_merge_layers (const char *bundle, bool running, const ImageJob *job, GError **error);
/* Two layers that are to become one; NULL: none. */
LayerFile *snapshot_merge_candidate (LayerGraph *graph, bool running);

/* --- clone.c --- */

/* What a linked clone of @node, called @name, would be. (transfer full), or NULL with @error set. */
VmConfig *clone_describe (SnapshotTree *tree, const SnapshotNode *node, const char *name, GError **error);

/* --- template-move.c --- */

/* A snapshot that lies on another version than the machine, which only moving makes: it was interrupted, and
 * what the machine goes back to is to be made anew. (transfer none) (nullable) */
SnapshotNode *template_find_outdated (SnapshotTree *tree, const VmConfig *config);
/* Does what is left of that. */
bool template_finish_move (const char *bundle, GError **error);

/* --- snapshot-clones.c --- */

typedef struct {
  char *uuid; /* of the clone */
  char *path; /* its bundle */
  char *node; /* on which it lies */
} SnapshotClone;

/* What clones.json says. NULL with @error set: it is there, but can't be read. (transfer full): of
 * SnapshotClone */
GPtrArray *snapshot_clones_read (const char *bundle, GError **error);
bool snapshot_clones_write (const char *bundle, GPtrArray *clones, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LayerGraph, layer_graph_free)

G_END_DECLS
