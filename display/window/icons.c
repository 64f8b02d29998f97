/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/icons.h"

/* All are drawn on a field of 16 by 16, with lines two wide. */

static void
line (cairo_t *cr, double x1, double y1, double x2, double y2)
{
  cairo_move_to (cr, x1, y1);
  cairo_line_to (cr, x2, y2);
}

static void
draw_pause (cairo_t *cr)
{
  cairo_rectangle (cr, 4, 3, 3, 10);
  cairo_rectangle (cr, 9, 3, 3, 10);
  cairo_fill (cr);
}

static void
draw_resume (cairo_t *cr)
{
  cairo_move_to (cr, 4, 2.5);
  cairo_line_to (cr, 13, 8);
  cairo_line_to (cr, 4, 13.5);
  cairo_close_path (cr);
  cairo_fill (cr);
}

/* A camera. */
static void
draw_snapshot (cairo_t *cr)
{
  cairo_rectangle (cr, 2, 5, 12, 8);
  line (cr, 6, 3, 10, 3);
  cairo_new_sub_path (cr);
  cairo_arc (cr, 8, 9, 2, 0, 2 * G_PI);
  cairo_stroke (cr);
}

/* An arrow that turns back. */
static void
draw_back (cairo_t *cr)
{
  line (cr, 3, 6, 10, 6);
  cairo_arc (cr, 10, 9.5, 3.5, -G_PI_2, G_PI_2);
  cairo_line_to (cr, 6, 13);
  cairo_move_to (cr, 6, 2.5);
  cairo_line_to (cr, 2.5, 6);
  cairo_line_to (cr, 6, 9.5);
  cairo_stroke (cr);
}

static void
draw_keys (cairo_t *cr)
{
  cairo_rectangle (cr, 1.5, 4, 13, 8.5);
  cairo_stroke (cr);
  for (int i = 0; i < 3; i++)
    cairo_rectangle (cr, 4 + 3 * i, 6, 2, 2);
  cairo_rectangle (cr, 5, 9.5, 6, 1.5);
  cairo_fill (cr);
}

/* A letter and the place where it is typed. */
static void
draw_type (cairo_t *cr)
{
  line (cr, 2, 4, 10, 4);
  line (cr, 6, 4, 6, 13);
  line (cr, 13, 3, 13, 13);
  cairo_stroke (cr);
}

static void
draw_disc (cairo_t *cr)
{
  cairo_arc (cr, 8, 8, 6, 0, 2 * G_PI);
  cairo_new_sub_path (cr);
  cairo_arc (cr, 8, 8, 1.5, 0, 2 * G_PI);
  cairo_stroke (cr);
}

/* Sliders. */
static void
draw_devices (cairo_t *cr)
{
  static const double places[] = { 10, 4, 8 };

  for (int i = 0; i < 3; i++)
    {
      double y = 4 + 4 * i;

      line (cr, 2, y, 14, y);
      cairo_stroke (cr);
      cairo_arc (cr, places[i] + 1, y, 2, 0, 2 * G_PI);
      cairo_fill (cr);
    }
}

/* A picture in a frame. */
static void
draw_scale (cairo_t *cr)
{
  cairo_rectangle (cr, 2, 3, 12, 10);
  cairo_stroke (cr);
  cairo_rectangle (cr, 4.5, 7, 5, 4);
  cairo_fill (cr);
}

/* Four corners. */
static void
draw_full_screen (cairo_t *cr)
{
  static const double corners[][2] = { { 2, 2 }, { 14, 2 }, { 2, 14 }, { 14, 14 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (corners); i++)
    {
      double x = corners[i][0], y = corners[i][1];

      cairo_move_to (cr, x, y < 8 ? y + 4 : y - 4);
      cairo_line_to (cr, x, y);
      cairo_line_to (cr, x < 8 ? x + 4 : x - 4, y);
    }
  cairo_stroke (cr);
}

static void
draw_close (cairo_t *cr)
{
  line (cr, 4, 4, 12, 12);
  line (cr, 12, 4, 4, 12);
  cairo_stroke (cr);
}

static void (*const drawings[]) (cairo_t *cr) = {
  [CONSOLE_ICON_PAUSE] = draw_pause,       [CONSOLE_ICON_RESUME] = draw_resume,
  [CONSOLE_ICON_SNAPSHOT] = draw_snapshot, [CONSOLE_ICON_BACK] = draw_back,
  [CONSOLE_ICON_KEYS] = draw_keys,         [CONSOLE_ICON_TYPE] = draw_type,
  [CONSOLE_ICON_DISC] = draw_disc,         [CONSOLE_ICON_DEVICES] = draw_devices,
  [CONSOLE_ICON_SCALE] = draw_scale,       [CONSOLE_ICON_FULL_SCREEN] = draw_full_screen,
  [CONSOLE_ICON_CLOSE] = draw_close,
};

static void
draw_check (cairo_t *cr)
{
  line (cr, 3, 8, 6.5, 12);
  cairo_line_to (cr, 13, 4);
  cairo_stroke (cr);
}

static void
draw_on_field (cairo_t *cr, void (*draw) (cairo_t *cr), double x, double y, double size)
{
  cairo_save (cr);
  cairo_translate (cr, x, y);
  cairo_scale (cr, size / 16, size / 16);
  cairo_set_line_width (cr, 1.6);
  cairo_new_path (cr);
  draw (cr);
  cairo_restore (cr);
}

void
icon_draw (cairo_t *cr, ConsoleIcon icon, double x, double y, double size)
{
  if (drawings[icon])
    draw_on_field (cr, drawings[icon], x, y, size);
}

void
icon_draw_check (cairo_t *cr, double x, double y, double size)
{
  draw_on_field (cr, draw_check, x, y, size);
}

void
icon_draw_arrow (cairo_t *cr, double x, double y, double size)
{
  cairo_move_to (cr, x, y - size / 4);
  cairo_line_to (cr, x + size, y - size / 4);
  cairo_line_to (cr, x + size / 2, y + size / 3);
  cairo_close_path (cr);
  cairo_fill (cr);
}
