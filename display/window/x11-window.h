/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <SDL.h>

/* What SDL can't do for X11 windows. Does nothing elsewhere. (Apart, because Xlib has a Screen as well.) */

/* Gives one window a class of its own, for the desktop to match it with its launcher; SDL knows only one class for
 * all. Before the window is shown. */
void x11_window_set_class (SDL_Window *window, const char *wm_class);

/* SDL garbles or drops a UTF-8 title unless the process has set a UTF-8 locale. */
void x11_window_set_title (SDL_Window *window, const char *title);
