/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * What is asked before something is done with snapshots. Each says what will be, and Enter does what is
 * harmless. @parent: (nullable). Main thread.
 */

/* @name: as chosen; @note: (nullable). */
typedef void (*SnapshotNamed) (const char *name, const char *note, gpointer data);

/* Asks for the name of a new snapshot, and a note; @name: proposed. @destroy: (nullable) of @data. */
void snapshot_dialog_take (GtkWindow *parent, const char *name, SnapshotNamed named, gpointer data,
                           GDestroyNotify destroy);

/* How to go back. */
typedef enum {
  SNAPSHOT_BACK_KEEPING, /* what is now becomes a snapshot before */
  SNAPSHOT_BACK,         /* what is now is lost */
} SnapshotBack;
typedef void (*SnapshotBackChosen) (SnapshotBack how, gpointer data);

/* @node: where to; @machine: its name; @suspended: it is, and what its guest was doing will be lost. */
void snapshot_dialog_back (GtkWindow *parent, const SnapshotNode *node, const char *machine, bool suspended,
                           SnapshotBackChosen chosen, gpointer data, GDestroyNotify destroy);

typedef void (*SnapshotCloneNamed) (const char *name, gboolean linked, gpointer data);

/* Asks for a clone's name; @name: proposed. */
void snapshot_dialog_clone (GtkWindow *parent, const char *name, SnapshotCloneNamed named, gpointer data,
                            GDestroyNotify destroy);

/* A popover to change @node's name and note in place; the caller puts it somewhere. @named gets both. */
GtkWidget *snapshot_popover_rename (const SnapshotNode *node, SnapshotNamed named, gpointer data,
                                    GDestroyNotify destroy);

G_END_DECLS
