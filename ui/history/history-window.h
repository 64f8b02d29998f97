/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A machine's history in a window of its own over @parent, until either is closed. Main thread. */
void history_window_show (GtkWindow *parent, BonsaiVm *vm);

G_END_DECLS
