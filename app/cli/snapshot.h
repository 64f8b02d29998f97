/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/bundle.h"
#include "app/cli/disk.h"
#include "app/snapshot/snapshot-json.h"

G_BEGIN_DECLS

/* The verbs of “bonsai snapshot”. */
extern const Verb verb_snapshot_delete, verb_snapshot_diff, verb_snapshot_disposable, verb_snapshot_list,
  verb_snapshot_rename, verb_snapshot_restore, verb_snapshot_schedule, verb_snapshot_show, verb_snapshot_take,
  verb_snapshot_tree;

/* A machine and its snapshots. Its running process changes them, if there is one; else this one, which holds
 * the lock then. */
typedef struct {
  CliMachine machine;
  char *name;   /* of the machine */
  char *bundle; /* a path */
  SnapshotTree *tree;
  BundleLock *lock;
} CliSnapshots;

/* To look at. */
bool cli_open_snapshots (const char *machine, CliSnapshots *snapshots, GError **error);
/* To change: takes the lock unless the machine runs. */
bool cli_open_snapshots_to_change (const char *machine, CliSnapshots *snapshots, GError **error);
void cli_snapshots_clear (CliSnapshots *snapshots);

/* What the running process is asked for, with the arguments of ChangeSnapshots in
 * app/session/org.bonsaivm.Session1.xml. @arguments: (transfer full). Returns: (transfer full), or NULL with
 * @error set. */
GVariant *cli_ask_for_change (CliSnapshots *snapshots, const char *operation, GVariantDict *arguments,
                              bool progress, GError **error);

/* After a change by this process: gives back what is unneeded, with progress and Ctrl+C. That it was
 * interrupted is only told: the change is made. */
void cli_give_back (CliSnapshots *snapshots, bool progress);

/* "2026-05-04 12:30", in local time. (transfer full) */
char *cli_snapshot_time (const SnapshotNode *node);
/* "2026-05-04T12:30:00Z" of µs since 1970; NULL for 0. (nullable) (transfer full) */
char *cli_time_iso8601 (gint64 time);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliSnapshots, cli_snapshots_clear)

G_END_DECLS
