/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiLibraryWindow: all machines, one list. Actions: "win.create", "win.delete" (UUID), "win.undo-delete".
 */
#define BONSAI_TYPE_LIBRARY_WINDOW (bonsai_library_window_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiLibraryWindow, bonsai_library_window, BONSAI, LIBRARY_WINDOW,
                      AdwApplicationWindow)

BonsaiLibraryWindow *bonsai_library_window_new (GtkApplication *application, BonsaiLibrary *library);

G_END_DECLS
