/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/base/ui-state.h"
#include "ui/library/library-sidebar.h"
#include "ui/library/library-view.h"

G_BEGIN_DECLS

/*
 * How a window looked is kept in the application's state, and given to the next one. Main thread.
 */

/* Makes @window, its places and its machines as they were left. */
void window_look_restore (UiState *state, GtkWindow *window, BonsaiLibrarySidebar *sidebar,
                          BonsaiLibraryView *view);

/* From now on what changes is kept, as long as @window lives; @state outlives it. */
void window_look_follow (UiState *state, GtkWindow *window, BonsaiLibrarySidebar *sidebar);
/* How machines are shown; whichever window it was that changed it. */
void window_look_keep_view (UiState *state, BonsaiLibraryView *view);

/* Where it was. (transfer full) (nullable) */
char *window_look_get_place (UiState *state);
void window_look_keep_place (UiState *state, const char *place);

G_END_DECLS
