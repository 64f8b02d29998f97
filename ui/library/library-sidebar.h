/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "app/library/trash.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiLibrarySidebar: the places of a library: the dashboard, all machines, groups and machines as a tree, templates,
 * trash, host. A place is written "dashboard", "all", "group:Work/Web", "machine:UUID", "templates", "trash", "host".
 *
 * Signals: "place-changed" (string): another one was chosen; "place-opened" (string): it was clicked on, or
 * entered: where only one half of the window shows, it is the place's turn. "expanded-changed".
 * Main thread.
 */
#define BONSAI_TYPE_LIBRARY_SIDEBAR (bonsai_library_sidebar_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiLibrarySidebar, bonsai_library_sidebar, BONSAI, LIBRARY_SIDEBAR, AdwBin)

void bonsai_library_sidebar_set_library (BonsaiLibrarySidebar *self, BonsaiLibrary *library,
                                         BonsaiTrash *trash);

/* Chooses it, without a signal; groups that it lies in are expanded. Returns: whether it is there. */
bool bonsai_library_sidebar_set_place (BonsaiLibrarySidebar *self, const char *place);

/* Gives the focus to the place that is chosen. */
void bonsai_library_sidebar_focus (BonsaiLibrarySidebar *self);

/* The groups that are expanded. (transfer full) */
GStrv bonsai_library_sidebar_get_expanded (BonsaiLibrarySidebar *self);
void bonsai_library_sidebar_set_expanded (BonsaiLibrarySidebar *self, const char *const *groups);

G_END_DECLS
