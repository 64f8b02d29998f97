/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

/* Shows all keys that do something, in a window as narrow as any; GTK's own is wider than small screens.
 * @parent: (nullable). Main thread. */
void shortcuts_window_show (GtkApplication *application, GtkWindow *parent);
