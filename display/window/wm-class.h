/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <SDL.h>

/*
 * Gives one X11 window a class of its own, for the desktop to match it with its launcher; SDL knows only one class
 * for all. Before the window is shown. Does nothing elsewhere. (Apart, because Xlib has a Screen as well.)
 */
void wm_class_set (SDL_Window *window, const char *wm_class);
