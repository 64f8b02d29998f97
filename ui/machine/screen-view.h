/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* BonsaiScreenView: a machine's screen as large as there is room, live while it is on screen; of one that is
 * off, how it looked last. */
#define BONSAI_TYPE_SCREEN_VIEW (bonsai_screen_view_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiScreenView, bonsai_screen_view, BONSAI, SCREEN_VIEW, GtkWidget)

/* @vm: (nullable) */
void bonsai_screen_view_set_vm (BonsaiScreenView *self, BonsaiVm *vm);

G_END_DECLS
