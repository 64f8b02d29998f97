/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/machine/vm-screen.h"

G_BEGIN_DECLS

/* BonsaiScreenView: a machine's screen as large as there is room, live while it is on screen; of one that is
 * off, how it looked last (vm-screen.h). */
#define BONSAI_TYPE_SCREEN_VIEW (bonsai_screen_view_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiScreenView, bonsai_screen_view, BONSAI, SCREEN_VIEW, BonsaiVmScreen)

G_END_DECLS
