/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/trash.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiTrashPage: what was deleted, to be brought back or deleted for good. It has a header bar of its own.
 * Main thread.
 */
#define BONSAI_TYPE_TRASH_PAGE (bonsai_trash_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiTrashPage, bonsai_trash_page, BONSAI, TRASH_PAGE, AdwBin)

GtkWidget *bonsai_trash_page_new (BonsaiLibrary *library, BonsaiTrash *trash);

G_END_DECLS
