/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiBackButton: leads from a page to all places (action "win.back"); it shows while there is room for one
 * of both only, which is while the AdwLeaflet that the page lies in is folded. Main thread.
 */
#define BONSAI_TYPE_BACK_BUTTON (bonsai_back_button_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiBackButton, bonsai_back_button, BONSAI, BACK_BUTTON, GtkButton)

G_END_DECLS
