/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gtk/gtk.h>
#include <stdbool.h>

G_BEGIN_DECLS

#define BONSAI_TYPE_VM_CELL (bonsai_vm_cell_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiVmCell, bonsai_vm_cell, BONSAI, VM_CELL, GtkWidget)

/*
 * BonsaiCellFiller: puts cards into the cells of a list that are in sight, and into those a page away. It
 * works for some milliseconds at a time, so that a list that changes as a
 * whole keeps nobody from typing and scrolling: GTK makes cells for many pages at once. Main thread.
 */
#define BONSAI_TYPE_CELL_FILLER (bonsai_cell_filler_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiCellFiller, bonsai_cell_filler, BONSAI, CELL_FILLER, GObject)

/* @viewport: through which the cells are seen; outlives the filler's cells. @kind: of the cards.
 * @height: of a card as wide as @width, both in pixels, until there is one. */
BonsaiCellFiller *bonsai_cell_filler_new (GtkScrolledWindow *viewport, GType kind, int width, int height);

/* Cells do this themselves. */
void bonsai_cell_filler_add (BonsaiCellFiller *self, BonsaiVmCell *cell);
void bonsai_cell_filler_remove (BonsaiCellFiller *self, BonsaiVmCell *cell);

/* A cell has another machine, or cells have moved: looks after the next frame, when it is known where they
 * are. */
void bonsai_cell_filler_wake (BonsaiCellFiller *self);

/* What a cell without a card asks for: as much as one with a card, as far as that is known. */
void bonsai_cell_filler_measure (BonsaiCellFiller *self, GtkOrientation orientation, int for_size,
                                 int *minimum, int *natural);

G_END_DECLS
