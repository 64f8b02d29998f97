/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/view.h"

#include "display/input/input.h"

/* The largest size of the aspect @width : @height that fits. */
static void
fit (int width, int height, int max_width, int max_height, int *fit_width, int *fit_height)
{
  if ((int64_t) max_width * height <= (int64_t) max_height * width)
    {
      *fit_width = max_width;
      *fit_height = (int) MAX (((int64_t) max_width * height + width / 2) / width, 1);
    }
  else
    {
      *fit_width = (int) MAX (((int64_t) max_height * width + height / 2) / height, 1);
      *fit_height = max_height;
    }
}

Rect
view_place (ConsoleScale scale, int width, int height, int window_width, int window_height)
{
  int multiple = MIN (window_width / width, window_height / height);
  Rect place = { .width = width, .height = height };

  if (scale == CONSOLE_SCALE_INTEGER && multiple >= 1)
    {
      place.width = width * multiple;
      place.height = height * multiple;
    }
  else if (scale != CONSOLE_SCALE_NONE)
    fit (width, height, window_width, window_height, &place.width, &place.height);

  /* A picture that is larger than the window shows its upper left part. */
  place.x = MAX ((window_width - place.width) / 2, 0);
  place.y = MAX ((window_height - place.height) / 2, 0);
  return place;
}

/* A pixel's middle: where guests divide the range among their pixels, whichever way they round, that is in the pixel. */
static unsigned
position_along (int at, int length)
{
  at = CLAMP (at, 0, length - 1);
  return (unsigned) ((2 * (int64_t) at + 1) * (POINTER_POSITION_MAX + 1) / (2 * (int64_t) length));
}

void
view_position (Rect picture, int x, int y, unsigned *position_x, unsigned *position_y)
{
  *position_x = position_along (x - picture.x, picture.width);
  *position_y = position_along (y - picture.y, picture.height);
}

void
view_window_size (int width, int height, int max_width, int max_height, int *window_width, int *window_height)
{
  *window_width = width;
  *window_height = height;
  if (width > max_width || height > max_height)
    fit (width, height, max_width, max_height, window_width, window_height);
}
