/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * A snapshot: one node of a machine's tree, a folder snapshots/ID/ of the bundle (README.md has the layout).
 *
 * Threading: none; a plain value.
 */
#define SNAPSHOT_FOLDER "snapshots" /* in the bundle */
#define SNAPSHOT_SUSPENDED                                                                                   \
  "suspended" /* in the bundle: the same files as a node's, of a suspended machine                           \
               */

/* What a node's folder may hold. */
#define SNAPSHOT_NODE_FILE    "node.json"
#define SNAPSHOT_MACHINE_FILE "machine.json"   /* vm.json at that time */
#define SNAPSHOT_NVRAM_FILE   "nvram.fd"       /* of a machine with UEFI that was started once */
#define SNAPSHOT_PICTURE_FILE "screenshot.png" /* LIVE */
#define SNAPSHOT_STATE_FILE   "state"          /* LIVE: the devices */
#define SNAPSHOT_MEMORY_FILE  "memory"         /* LIVE: the pages that no node before it has */
#define SNAPSHOT_INDEX_FILE   "memory.index"   /* LIVE: where each page lies */

typedef enum {
  SNAPSHOT_OFF,   /* the machine was off */
  SNAPSHOT_LIVE,  /* it ran, and goes on from there: devices and memory as well */
  SNAPSHOT_DISKS, /* it ran, but disks alone were kept: going back there is as after a power failure */
  SNAPSHOT_N_KINDS,
} SnapshotKind;
extern const char *const snapshot_kind_names[]; /* "off", "live", "disks" */

/* A disk at that time. */
typedef struct {
  char *id;          /* "disk0" */
  char *layer;       /* the image that held it, and is not written any more; as VmDisk.path */
  char *format;      /* of the layer */
  uint64_t size;     /* bytes of the disk */
  JsonObject *extra; /* private */
} SnapshotDisk;

typedef struct {
  char *name;        /* SNAPSHOT_MACHINE_FILE, … */
  uint64_t length;   /* bytes */
  char *sha256;      /* hexadecimal; NULL for memory, whose pages the index has sums of */
  JsonObject *extra; /* private */
} SnapshotFile;

typedef struct SnapshotNode SnapshotNode;

struct SnapshotNode {
  char *id;        /* 10 of a-z and 2-7; random */
  char *parent_id; /* (nullable): as the file says; it may be gone or deleted: see @parent */
  char *name;
  char *note;      /* (nullable) */
  int64_t created; /* µs since 1970, UTC; 0: not known */
  SnapshotKind kind;
  bool scheduled;            /* taken by the clock, not by a person */
  unsigned template_version; /* of the template that the machine is; 0: it is none of them */
  bool deleted;              /* a tombstone: keeps what others need of it, and isn't in the tree */
  GPtrArray *disks;          /* of SnapshotDisk */
  GPtrArray *files;          /* of SnapshotFile */
  JsonObject *extra;         /* private: what was read, with members that this version doesn't know */
  char *trouble; /* (nullable): why it can't be used; id (and perhaps name) are all that is known then */

  /* In a SnapshotTree. */
  SnapshotNode *parent; /* (nullable): the nearest that isn't deleted; NULL: a root */
  GPtrArray *children;  /* of SnapshotNode, oldest first */
  unsigned depth;       /* 0: a root */
  uint64_t own;         /* bytes on the host that this node alone needs */
  uint64_t shared;      /* bytes that others need as well */
};

/**
 * snapshot_node_parse:
 * @text: JSON, @length bytes, any bytes at all
 * @id: the folder's name, which the text must agree with
 *
 * Returns: (transfer full), or NULL with @error set (BONSAI_ERROR_INVALID): "node.json:3:5: kind: …".
 */
SnapshotNode *snapshot_node_parse (const char *text, gsize length, const char *id, GError **error);
/* The JSON text, with a final newline. (transfer full) */
char *snapshot_node_to_json (const SnapshotNode *node);

/* When it was taken, as in "2026-05-04T12:00:00.250000Z". (nullable) (transfer full) */
char *snapshot_node_time (const SnapshotNode *node);

/* A new one with a random id, made now. */
SnapshotNode *snapshot_node_new (const char *name, SnapshotKind kind);
void snapshot_node_free (SnapshotNode *node);

/* Adds; strings are copied. */
SnapshotDisk *snapshot_node_add_disk (SnapshotNode *node, const char *id, const char *layer,
                                      const char *format, uint64_t size);
const SnapshotDisk *snapshot_node_find_disk (const SnapshotNode *node, const char *id); /* (nullable) */

/* 1 to 200 bytes of UTF-8 without control characters. */
bool snapshot_check_name (const char *name, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SnapshotNode, snapshot_node_free)

G_END_DECLS
