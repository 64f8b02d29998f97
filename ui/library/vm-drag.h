/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Machines dragged with the mouse, within the app: their UUIDs. Main thread. */

/* What is dragged with @widget. (transfer full): of BonsaiVm */
typedef GPtrArray *(*VmDragFunc) (GtkWidget *widget, gpointer data);
void vm_drag_add_source (GtkWidget *widget, VmDragFunc get_dragged, gpointer data);

/* @uuids were dropped on @widget. Returns: whether that means something. */
typedef gboolean (*VmDropFunc) (GtkWidget *widget, const char *const *uuids, gpointer data);
void vm_drag_add_target (GtkWidget *widget, VmDropFunc dropped, gpointer data);

G_END_DECLS
