/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/window-look.h"

#define GROUP "Window"

void
window_look_restore (UiState *state, GtkWindow *window, BonsaiLibrarySidebar *sidebar,
                     BonsaiLibraryView *view)
{
  g_autofree char *mode = ui_state_get_string (state, GROUP, "view");
  g_autofree char *sort = ui_state_get_string (state, GROUP, "sort");
  g_auto (GStrv) expanded = ui_state_get_strings (state, GROUP, "expanded");

  gtk_window_set_default_size (window, ui_state_get_int (state, GROUP, "width", 940),
                               ui_state_get_int (state, GROUP, "height", 620));
  if (ui_state_get_bool (state, GROUP, "maximized"))
    gtk_window_maximize (window);
  if (expanded)
    bonsai_library_sidebar_set_expanded (sidebar, (const char *const *)expanded);
  bonsai_library_view_set_sort (view, sort);
  bonsai_library_view_set_mode (view, mode);
}

static void
keep_size (GtkWindow *window, GParamSpec *pspec, UiState *state)
{
  int width, height;

  gtk_window_get_default_size (window, &width, &height);
  ui_state_set_int (state, GROUP, "width", width);
  ui_state_set_int (state, GROUP, "height", height);
  ui_state_set_bool (state, GROUP, "maximized", gtk_window_is_maximized (window));
}

static void
keep_expanded (BonsaiLibrarySidebar *sidebar, UiState *state)
{
  g_auto (GStrv) expanded = bonsai_library_sidebar_get_expanded (sidebar);

  ui_state_set_strings (state, GROUP, "expanded", (const char *const *)expanded);
}

void
window_look_follow (UiState *state, GtkWindow *window, BonsaiLibrarySidebar *sidebar)
{
  g_signal_connect (window, "notify::default-width", G_CALLBACK (keep_size), state);
  g_signal_connect (window, "notify::default-height", G_CALLBACK (keep_size), state);
  g_signal_connect (window, "notify::maximized", G_CALLBACK (keep_size), state);
  g_signal_connect (sidebar, "expanded-changed", G_CALLBACK (keep_expanded), state);
}

void
window_look_keep_view (UiState *state, BonsaiLibraryView *view)
{
  ui_state_set_string (state, GROUP, "view", bonsai_library_view_get_mode (view));
  ui_state_set_string (state, GROUP, "sort", bonsai_library_view_get_sort (view));
}

char *
window_look_get_place (UiState *state)
{
  return ui_state_get_string (state, GROUP, "place");
}

void
window_look_keep_place (UiState *state, const char *place)
{
  ui_state_set_string (state, GROUP, "place", place);
}
