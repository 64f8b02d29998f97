/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiSpareTitle: a title for a header bar, its child, that is gone while the buttons beside it leave no
 * room for it: in narrow windows with large text. The window is called so all the same.
 */
#define BONSAI_TYPE_SPARE_TITLE (bonsai_spare_title_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSpareTitle, bonsai_spare_title, BONSAI, SPARE_TITLE, AdwBin)

G_END_DECLS
