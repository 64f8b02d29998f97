/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Says that the host hasn't got the memory for a start of @vm, for @error, and asks whether it is to start
 * all the same: calls @start then. @parent: (nullable). Main thread. */
void start_anyway_ask (GtkWindow *parent, BonsaiVm *vm, const GError *error, void (*start) (BonsaiVm *vm));

G_END_DECLS
