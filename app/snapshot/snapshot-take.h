/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/snapshot/snapshot-node.h"
#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * Taking a snapshot. A machine that is off: snapshot_take. One that runs, in four steps by the process that
 * runs it:
 *
 *   snapshot_draft_begin        the folder of the coming node, and an empty layer for each disk
 *   snapshot_draft_name_layers  vm.json names the new layers from now on. They are empty: the disks hold the
 * same at the instant              machine_snapshot_begin's at_instant: image_chain_push of each layer, and
 *                               snapshot_draft_pushed for it; the firmware's variables are copied
 *   snapshot_draft_commit       once memory and state are durable: the node appears in the tree
 *
 * A crash at any time leaves the tree as it was or with the node, and disks that hold what they held; the
 * next edit, or doctor, removes what is left over.
 *
 * Threading: any thread, one at a time. All functions block for some flushes of the disk;
 * snapshot_draft_pushed does not. Whoever calls them holds the bundle's lock.
 */
typedef struct {
  const char *name; /* (nullable): “Snapshot N” */
  const char *note; /* (nullable) */
  SnapshotKind kind;
  bool scheduled;
  unsigned template_version; /* snapshot_take: it is that version of a template, and seals it; 0: none */
} SnapshotTake;

/* A disk that gets a layer. Read-only disks and CD-ROM drives get none. */
typedef struct {
  char *disk;  /* its id */
  char *below; /* the present top, a path; or nbd:// */
  char *path;  /* the new, empty layer (qcow2): for image_chain_push */
  char *below_format;
  uint64_t size; /* bytes of the disk */
  bool pushed;
} SnapshotLayer;

typedef struct SnapshotDraft SnapshotDraft;

/* Refuses machines with a disk that can't carry layers, and such that are to resume from elsewhere; errors
 * name the disk and the remedy. Returns: (transfer full), or NULL with @error set and nothing left behind. */
SnapshotDraft *snapshot_draft_begin (const char *bundle, const SnapshotTake *what, GError **error);

const char *snapshot_draft_get_id (const SnapshotDraft *draft);
/* Where state, memory, memory.index, nvram.fd and screenshot.png are to be put; what is there at the commit
 * belongs to the node. */
const char *snapshot_draft_get_folder (const SnapshotDraft *draft);
GPtrArray *snapshot_draft_get_layers (const SnapshotDraft *draft); /* of SnapshotLayer (transfer none) */
/* (nullable): the memory.index of the node from which the machine stems, if that is a live one. */
const char *snapshot_draft_get_parent_index (const SnapshotDraft *draft);
/* (nullable): the file with the firmware's variables, to be copied to SNAPSHOT_NVRAM_FILE at the instant. */
const char *snapshot_draft_get_nvram (const SnapshotDraft *draft);

/* The node is to have the guest's memory after all; before its commit. */
void snapshot_draft_keep_memory (SnapshotDraft *draft);

bool snapshot_draft_name_layers (SnapshotDraft *draft, GError **error);

/* The layer is the disk's top now; what lies below is never written again. */
void snapshot_draft_pushed (SnapshotDraft *draft, SnapshotLayer *layer);

/* The node is complete and durable. On failure the draft is still to be aborted. */
bool snapshot_draft_commit (SnapshotDraft *draft, GError **error);

/* Gives it up: vm.json names those layers that are in use, everything else goes. Then as free. */
void snapshot_draft_abort (SnapshotDraft *draft);
/* After the commit. A draft that isn't committed is aborted. NULL is ignored. */
void snapshot_draft_free (SnapshotDraft *draft);

/* --- a machine that is off --- */

/* Takes a snapshot; the caller holds the bundle's lock. Returns: (transfer full): the node's id. */
char *snapshot_take (const char *bundle, const SnapshotTake *what, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SnapshotDraft, snapshot_draft_free)

G_END_DECLS
