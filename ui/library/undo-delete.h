/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * UndoDelete: how a window deletes machines: they go to the trash, and a toast offers to bring those that
 * went together back. It gives the window the actions "delete" (string: UUID) and "undo-delete". Main thread.
 */
typedef struct UndoDelete UndoDelete;

/* A machine is about to go. */
typedef void (*UndoDeleteFunc) (BonsaiVm *vm, gpointer data);

/* @toasts: in @window. @begun: told of each, before. The window has it; it goes with the window. */
void undo_delete_add (GtkApplicationWindow *window, AdwToastOverlay *toasts, BonsaiLibrary *library,
                      UndoDeleteFunc begun, gpointer data);

G_END_DECLS
