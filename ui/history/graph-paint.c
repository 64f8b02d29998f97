/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/history/graph-paint.h"

#include "ui/base/i18n.h"

#include <math.h>
#include <pango/pangocairo.h>

#define MARGIN_LEFT   84
#define MARGIN_TOP    8
#define MARGIN_BOTTOM 22
#define MAX_TICKS     6
#define DAY           (24 * 3600)
#define LINE_WIDTH    1.5
/* Lines whose points are closer than so many pixels are drawn column by column: strokes cost far more. */
#define DENSE 3
/* Cairo looks for boxes that overlap, which takes longer the more there are. */
#define BOXES 16u

const GraphDescription graph_descriptions[GRAPH_N_KINDS] = {
  [GRAPH_PROCESSOR] = { N_ ("Processor"),
                        { N_ ("Guest"), N_ ("Devices") },
                        { HISTORY_CPU, HISTORY_DEVICES },
                        GRAPH_SHARE },
  [GRAPH_MEMORY] = { N_ ("Memory"),
                     { N_ ("Given by the host"), N_ ("Used in the guest") },
                     { HISTORY_MEMORY, HISTORY_MEMORY_USED },
                     GRAPH_BYTES },
  [GRAPH_DISK] = { N_ ("Disks"),
                   { N_ ("Read"), N_ ("Written") },
                   { HISTORY_DISK_READ, HISTORY_DISK_WRITTEN },
                   GRAPH_RATE },
  [GRAPH_NETWORK] = { N_ ("Network"),
                      { N_ ("Received"), N_ ("Sent") },
                      { HISTORY_NET_RECEIVED, HISTORY_NET_SENT },
                      GRAPH_RATE },
};

/* Where on the picture, and of what. */
typedef struct {
  cairo_t *cr;
  const HistorySeries *series;
  gint64 from, to;
  double left, top, width, height; /* of the field */
  double highest;                  /* the value at its top */
  GdkRGBA ink;
} Field;

GdkRGBA
graph_line_color (unsigned line)
{
  static const GdkRGBA colors[GRAPH_LINES] = { { 0.21f, 0.52f, 0.89f, 1 }, { 0.90f, 0.38f, 0, 1 } };

  return colors[line % GRAPH_LINES];
}

char *
graph_format (GraphUnit unit, double value)
{
  g_autofree char *size = NULL;

  if (isnan (value))
    return g_strdup ("–");
  if (unit == GRAPH_SHARE)
    return g_strdup_printf ("%.*f %%", value < 0.1 && value > 0 ? 1 : 0, value * 100);
  size = g_format_size_full ((guint64)MAX (value, 0), G_FORMAT_SIZE_IEC_UNITS);
  return unit == GRAPH_RATE ? g_strdup_printf (_ ("%s/s"), size) : g_steal_pointer (&size);
}

/* --- scales --- */

static bool
is_in_sight (const Field *field, guint row)
{
  gint64 begin = field->series->start + (gint64)row * field->series->step;

  return begin + field->series->step > field->from && begin < field->to;
}

/* Bytes: a power of two. Processors: 1, 2 or 5 times a power of ten. */
static double
round_up (GraphUnit unit, double value)
{
  static const double parts[] = { 1, 2, 5 };
  double least = unit == GRAPH_SHARE ? 0.1 : 1024, step;

  value = fmax (value, least);
  if (unit != GRAPH_SHARE)
    return exp2 (ceil (log2 (value)));
  step = pow (10, floor (log10 (value)));
  for (unsigned i = 0; i < G_N_ELEMENTS (parts); i++)
    if (parts[i] * step >= value)
      return parts[i] * step;
  return 10 * step;
}

static double
find_highest (const Field *field, const GraphDescription *what)
{
  double highest = 0;

  for (guint row = 0; field->series && row < field->series->n_rows; row++)
    for (unsigned line = 0; is_in_sight (field, row) && line < GRAPH_LINES; line++)
      {
        gsize at = (gsize)row * HISTORY_N_COLUMNS + what->columns[line];

        highest = fmax (highest, fmax (field->series->average[at], field->series->maximum[at]));
      }
  return round_up (what->unit, highest);
}

static double
x_of (const Field *field, double time)
{
  return field->left + (time - (double)field->from) / (double)(field->to - field->from) * field->width;
}

static double
y_of (const Field *field, double value)
{
  return field->top + field->height * (1 - value / field->highest);
}

/* --- text --- */

static void
set_ink (const Field *field, double alpha)
{
  cairo_set_source_rgba (field->cr, field->ink.red, field->ink.green, field->ink.blue, alpha);
}

/* @align: 0: @x is its left end, 0.5: its middle, 1: its right end. */
static void
write_text (const Field *field, const char *text, double x, double y, double align)
{
  g_autoptr (PangoLayout) layout = pango_cairo_create_layout (field->cr);
  PangoFontDescription *font = pango_font_description_from_string ("Sans 8");
  int width, height;

  pango_layout_set_font_description (layout, font);
  pango_font_description_free (font);
  pango_layout_set_text (layout, text, -1);
  pango_layout_get_pixel_size (layout, &width, &height);
  set_ink (field, 0.7);
  cairo_move_to (field->cr, x - width * align, y);
  pango_cairo_show_layout (field->cr, layout);
}

static void
draw_values (const Field *field, GraphUnit unit)
{
  for (unsigned i = 0; i <= 2; i++)
    {
      double value = field->highest * i / 2, y = floor (y_of (field, value)) + 0.5;
      g_autofree char *text = graph_format (unit, value);

      set_ink (field, 0.15);
      cairo_set_line_width (field->cr, 1);
      cairo_move_to (field->cr, field->left, y);
      cairo_line_to (field->cr, field->left + field->width, y);
      cairo_stroke (field->cr);
      write_text (field, text, field->left - 6, y - 7, 1);
    }
}

static void
draw_times (const Field *field)
{
  static const int steps[] = { 10,       30,        60,  300,     900,     1800,     3600,     3 * 3600,
                               6 * 3600, 12 * 3600, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 61 * DAY };
  unsigned i = 0;
  gint64 zone, time;

  while (i + 1 < G_N_ELEMENTS (steps) && (field->to - field->from) / steps[i] > MAX_TICKS)
    i++;
  {
    g_autoptr (GDateTime) now = g_date_time_new_from_unix_local (field->from);

    zone = now ? g_date_time_get_utc_offset (now) / G_USEC_PER_SEC : 0;
  }
  time = (field->from + zone + steps[i] - 1) / steps[i] * steps[i] - zone;
  for (; time < field->to; time += steps[i])
    {
      g_autoptr (GDateTime) local = g_date_time_new_from_unix_local (time);
      const char *format = steps[i] >= DAY ? "%e %b" : steps[i] >= 60 ? "%H:%M" : "%H:%M:%S";
      g_autofree char *text = local ? g_date_time_format (local, format) : NULL;
      double x = x_of (field, (double)time);

      if (text && x > field->left + 16 && x < field->left + field->width - 16)
        write_text (field, text, x, field->top + field->height + 4, 0.5);
    }
}

/* --- lines --- */

/* The rows from @first on that are known: one path. Returns: the row after them. */
static guint
trace_run (const Field *field, const double *values, HistoryColumn column, guint first, bool area)
{
  const HistorySeries *series = field->series;
  guint row = first;

  for (; row < series->n_rows && !isnan (values[(gsize)row * HISTORY_N_COLUMNS + column]); row++)
    {
      double x = x_of (field, (double)series->start + (row + 0.5) * series->step);
      double y = y_of (field, values[(gsize)row * HISTORY_N_COLUMNS + column]);

      if (row == first && area)
        cairo_move_to (field->cr, x, field->top + field->height);
      else if (row == first)
        cairo_move_to (field->cr, x - 0.5, y);
      cairo_line_to (field->cr, x, y);
      if (area
          && (row + 1 == series->n_rows || isnan (values[(gsize)(row + 1) * HISTORY_N_COLUMNS + column])))
        cairo_line_to (field->cr, x, field->top + field->height);
    }
  return row;
}

static void
trace (const Field *field, const double *values, HistoryColumn column, bool area)
{
  const HistorySeries *series = field->series;

  for (guint row = 0; row < series->n_rows;)
    {
      bool known = is_in_sight (field, row) && !isnan (values[(gsize)row * HISTORY_N_COLUMNS + column]);

      row = known ? trace_run (field, values, column, row, area) : row + 1;
    }
}

/* --- lines of more points than there are pixels --- */

static double
value_of (const Field *field, const double *values, HistoryColumn column, double row)
{
  return row < 0 || row >= field->series->n_rows ? NAN : values[(gsize)row * HISTORY_N_COLUMNS + column];
}

/* On the line between the middles of two rows; beside one that is unknown, the other reaches half way. */
static double
value_at (const Field *field, const double *values, HistoryColumn column, double place)
{
  double row = floor (place), part = place - row;
  double one = value_of (field, values, column, row), other = value_of (field, values, column, row + 1);

  if (isnan (one) || isnan (other))
    return part < 0.5 ? one : other;
  return one + (other - one) * part;
}

/* What the line, or the area below it, covers of each column of pixels: boxes, which are soon filled. */
static void
fill_columns (const Field *field, const double *values, HistoryColumn column, bool area)
{
  const HistorySeries *series = field->series;
  double rows_per_pixel = (double)(field->to - field->from) / series->step / field->width;
  double place = (double)(field->from - series->start) / series->step - 0.5;
  double next = value_at (field, values, column, place);

  for (unsigned x = 0; x < field->width; x++, place += rows_per_pixel)
    {
      double lowest = next, highest = next, top, bottom = field->top + field->height;

      next = value_at (field, values, column, place + rows_per_pixel);
      lowest = fmin (lowest, next);
      highest = fmax (highest, next);
      for (double row = ceil (place); row < place + rows_per_pixel; row++)
        {
          lowest = fmin (lowest, value_of (field, values, column, row));
          highest = fmax (highest, value_of (field, values, column, row));
        }
      if (isnan (highest))
        continue;
      top = y_of (field, highest) - (area ? 0 : LINE_WIDTH / 2);
      if (!area)
        bottom = y_of (field, lowest) + LINE_WIDTH / 2;
      cairo_rectangle (field->cr, field->left + x, top, 1, bottom - top);
      if (x % BOXES == BOXES - 1)
        cairo_fill (field->cr);
    }
  cairo_fill (field->cr);
}

/* --- */

static bool
is_dense (const Field *field)
{
  return (double)(field->to - field->from) / field->series->step * DENSE > field->width;
}

static void
draw_line (const Field *field, const GraphDescription *what, unsigned line)
{
  const HistorySeries *series = field->series;
  HistoryColumn column = what->columns[line];
  GdkRGBA color = graph_line_color (line);
  bool dense = is_dense (field);

  cairo_set_source_rgba (field->cr, color.red, color.green, color.blue, 0.18);
  if (dense)
    fill_columns (field, series->maximum, column, true);
  else
    trace (field, series->maximum, column, true);
  cairo_fill (field->cr);
  cairo_set_source_rgba (field->cr, color.red, color.green, color.blue, 1);
  cairo_set_line_width (field->cr, LINE_WIDTH);
  cairo_set_line_join (field->cr, CAIRO_LINE_JOIN_ROUND);
  if (dense)
    fill_columns (field, series->average, column, false);
  else
    trace (field, series->average, column, false);
  cairo_stroke (field->cr);
}

void
graph_paint (cairo_t *cr, GraphKind kind, const HistorySeries *series, gint64 from, gint64 to, int width,
             int height, const GdkRGBA *ink)
{
  const GraphDescription *what = &graph_descriptions[kind];
  Field field = { .cr = cr,
                  .series = series,
                  .from = from,
                  .to = MAX (to, from + 1),
                  .left = MARGIN_LEFT,
                  .top = MARGIN_TOP,
                  .width = MAX (width - MARGIN_LEFT - 4, 1),
                  .height = MAX (height - MARGIN_TOP - MARGIN_BOTTOM, 1),
                  .ink = *ink };

  field.highest = find_highest (&field, what);
  draw_values (&field, what->unit);
  draw_times (&field);
  if (!series)
    return;
  cairo_save (cr);
  cairo_rectangle (cr, field.left, field.top - 1, field.width, field.height + 2);
  cairo_clip (cr);
  for (unsigned line = GRAPH_LINES; line-- > 0;)
    draw_line (&field, what, line);
  cairo_restore (cr);
}
