/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/machine/vm-screen.h"

G_BEGIN_DECLS

/* BonsaiThumbnail: a machine's screen, small and live while the widget is on screen (vm-screen.h). */
#define BONSAI_TYPE_THUMBNAIL (bonsai_thumbnail_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiThumbnail, bonsai_thumbnail, BONSAI, THUMBNAIL, BonsaiVmScreen)

G_END_DECLS
