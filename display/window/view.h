/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/screen/surface.h"
#include "display/window/console-window.h"

G_BEGIN_DECLS

/* Where the guest's picture lies in a window. Pure functions; sizes are in pixels and positive. */

/* Where a picture of @width x @height goes in a window of @window_width x @window_height. */
Rect view_place (ConsoleScale scale, int width, int height, int window_width, int window_height);

/* The absolute pointer position (0..POINTER_POSITION_MAX) of the window pixel (@x, @y), clamped to the picture. */
void view_position (Rect picture, int x, int y, unsigned *position_x, unsigned *position_y);

/* The window size for a picture of @width x @height where at most @max_width x @max_height can be had. */
void view_window_size (int width, int height, int max_width, int max_height, int *window_width,
                       int *window_height);

G_END_DECLS
