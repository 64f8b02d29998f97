/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiLibraryWindow: the app's window: places on one side, what is there on the other: machines as grid or
 * list, a machine's page, the trash, the host.
 *
 * Actions, all in group "win": "create"; "open-file" (string): an installation medium, a disk image or a
 * bundle, by its path; "go" (string): a place as library-sidebar.h has it; "show-vm" (string): a machine's
 * page, by UUID or name; "delete" (string: UUID), "undo-delete"; "search"; "back"; "toggle-mode"; "organise"; "reports".
 */
#define BONSAI_TYPE_LIBRARY_WINDOW (bonsai_library_window_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiLibraryWindow, bonsai_library_window, BONSAI, LIBRARY_WINDOW,
                      AdwApplicationWindow)

/* @place: (nullable): NULL: as the last window was left; if there was none the dashboard, or, without machines,
 * the way to the first one. */
BonsaiLibraryWindow *bonsai_library_window_new (GtkApplication *application, BonsaiLibrary *library,
                                                const char *place);

/* A passing word. */
void bonsai_library_window_toast (BonsaiLibraryWindow *self, const char *text);

G_END_DECLS
