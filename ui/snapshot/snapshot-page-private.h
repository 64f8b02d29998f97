/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/job/job.h"
#include "app/vm/vm-snapshots.h"
#include "ui/snapshot/snapshot-page.h"
#include "ui/snapshot/snapshot-tree-view.h"

G_BEGIN_DECLS

/* Between the files of this folder. */

struct _BonsaiSnapshotPage {
  AdwBin parent;
  BonsaiLibrary *library;
  BonsaiVm *vm;       /* or NULL */
  SnapshotTree *tree; /* or NULL: not read yet */
  GCancellable *reading;
  bool watching;
  BonsaiJob *job; /* what is under way; or NULL */
  GSimpleActionGroup *actions;

  /* What is deleted as soon as nobody can undo it any more. */
  char *deleted; /* a node's id; or NULL */
  SnapshotDeleteHow delete_how;
  GHashTable *hidden;   /* ids */
  AdwToast *undo_toast; /* or NULL */

  GtkStack *stack;
  BonsaiSnapshotTreeView *view;
  GtkLabel *error_label;
  GtkRevealer *job_revealer;
  GtkLabel *job_label;
  GtkProgressBar *job_bar;
  GtkWidget *job_cancel;
  GtkWidget *details;
  GtkLabel *name_label;
  GtkLabel *facts_label;
  GtkLabel *note_label;
  GtkWidget *back_button;
  GtkMenuButton *menu_button;
};

/* snapshot-page.c */
void bonsai_snapshot_page_read (BonsaiSnapshotPage *self);
void bonsai_snapshot_page_refill (BonsaiSnapshotPage *self);
/* The selected node. (nullable): the machine as it is now, or nothing. */
const SnapshotNode *bonsai_snapshot_page_get_node (BonsaiSnapshotPage *self);
/* @job: (nullable) */
void bonsai_snapshot_page_show_job (BonsaiSnapshotPage *self, BonsaiJob *job);

/* snapshot-actions.c: the group "tree". */
void bonsai_snapshot_page_add_actions (BonsaiSnapshotPage *self);
void bonsai_snapshot_page_update_actions (BonsaiSnapshotPage *self);
/* What was deleted can't be undone any more: it is done. */
void bonsai_snapshot_page_commit_delete (BonsaiSnapshotPage *self);

G_END_DECLS
