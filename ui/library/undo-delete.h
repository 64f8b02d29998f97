/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/trash.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * UndoDelete: how a window deletes machines: they go to the trash, and a toast offers to bring those that
 * went together back, as long as the trash has them. It gives the window the actions "delete" (string: UUID)
 * and "undo-delete". Main thread.
 */
typedef struct UndoDelete UndoDelete;

typedef struct {
  void (*begun) (BonsaiVm *vm, gpointer data); /* a machine is about to go */
  void (*over) (gpointer data);                /* the toast goes, whether it was undone or not */
} UndoDeleteFuncs;

/* @toasts: in @window. @funcs: static. The window has it; it goes with the window. */
void undo_delete_add (GtkApplicationWindow *window, AdwToastOverlay *toasts, BonsaiLibrary *library,
                      BonsaiTrash *trash, const UndoDeleteFuncs *funcs, gpointer data);

G_END_DECLS
