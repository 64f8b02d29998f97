/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiSnapshotCard: a snapshot in the drawn tree, or the machine as it is now: picture, name, time, room,
 * marks. It draws itself, so that many of them are cheap; it is a widget, so that it has a name and the
 * focus.
 */
#define BONSAI_TYPE_SNAPSHOT_CARD (bonsai_snapshot_card_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSnapshotCard, bonsai_snapshot_card, BONSAI, SNAPSHOT_CARD, GtkWidget)

GtkWidget *bonsai_snapshot_card_new (void);

/* What it shows from now on; nothing of @tree is kept. */
void bonsai_snapshot_card_show_node (BonsaiSnapshotCard *self, const SnapshotTree *tree,
                                     const SnapshotNode *node);
/* @state: what the machine does, for people. */
void bonsai_snapshot_card_show_here (BonsaiSnapshotCard *self, const char *state);

/* (nullable): NULL: the machine as it is now. */
const char *bonsai_snapshot_card_get_id (BonsaiSnapshotCard *self);

void bonsai_snapshot_card_set_selected (BonsaiSnapshotCard *self, gboolean selected);

/* Pixels that a line of its text may take at most; 0: as many as it likes. */
void bonsai_snapshot_card_set_text_width (BonsaiSnapshotCard *self, int width);

/* Its picture: a file is loaded by a worker, and let go again. @path: (nullable) */
void bonsai_snapshot_card_load_picture (BonsaiSnapshotCard *self, const char *path);
void bonsai_snapshot_card_drop_picture (BonsaiSnapshotCard *self);

/* The machine's screen as it is now. @picture: (nullable) */
void bonsai_snapshot_card_set_picture (BonsaiSnapshotCard *self, GdkTexture *picture);

G_END_DECLS
