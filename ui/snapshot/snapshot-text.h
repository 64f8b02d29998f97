/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"

G_BEGIN_DECLS

/* How snapshots are spoken of. All are (transfer full). */

/* Its name; of a broken one that has lost it, its id. */
char *snapshot_text_name (const SnapshotNode *node);
/* "Today, 12:30", "5 May 2026, 12:30", as people here write it. */
char *snapshot_text_time (const SnapshotNode *node);
/* "1.5 MiB", of which it alone is the reason; "" if not known. */
char *snapshot_text_room (const SnapshotNode *node);
/* "Running", "Off", "Disks only". (transfer none) */
const char *snapshot_text_kind (const SnapshotNode *node);
/* All of it in a sentence, for who can't see it. */
char *snapshot_text_all (const SnapshotTree *tree, const SnapshotNode *node);

G_END_DECLS
