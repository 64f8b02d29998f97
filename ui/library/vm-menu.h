/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * A machine's menu: one popover for all machines that a widget shows; there are hundreds. Main thread.
 */

/* @host becomes its parent, and has to have a layout manager; its actions "vm.…" become those of the machine
 * whose menu opens. (transfer none): to be unparented when @host is disposed of. */
GtkWidget *vm_menu_new (GtkWidget *host);

/* Opens it for @vm at @at, which lies in the host. */
void vm_menu_popup (GtkWidget *menu, BonsaiVm *vm, GtkWidget *at);

/* Shift+F10 and the menu key: what the focus is on, in a list below @list whose items' children are of @type,
 * itself or something in it. (nullable) (transfer none) */
GtkWidget *vm_menu_find_focused (GtkWidget *list, GType type);
/* Binds these keys to @callback, which finds the widget and opens the menu. */
void vm_menu_bind_keys (GtkWidgetClass *widget_class, GtkShortcutFunc callback);

G_END_DECLS
