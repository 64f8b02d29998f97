/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* BonsaiThumbnail: a machine's screen, small and live while the widget is on screen. Property "width":
 * pixels, the natural one. */
#define BONSAI_TYPE_THUMBNAIL (bonsai_thumbnail_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiThumbnail, bonsai_thumbnail, BONSAI, THUMBNAIL, GtkWidget)

/* @vm: (nullable) */
void bonsai_thumbnail_set_vm (BonsaiThumbnail *self, BonsaiVm *vm);

G_END_DECLS
