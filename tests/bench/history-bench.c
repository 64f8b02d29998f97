/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How soon a year of a machine's history is in sight: it is read from its file
 * and the four graphs are drawn, as wide as a large screen, with its pixels and
 * with twice as many. "name value unit" lines: medians of TURNS, and the
 * slowest.
 *
 * Usage: history-bench [TURNS [PICTURE.png]]
 */
#include "ui/history/graph-paint.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define YEAR   (INT64_C (366) * 24 * 3600)
#define BEGIN  INT64_C (1700006400)
#define BATCH  7200u
#define WIDTH  1920
#define HEIGHT 130

/* A machine that never rests, whose days differ. */
static void
note_year (const char *path)
{
  g_autofree HistoryRow *rows = g_new (HistoryRow, BATCH);
  g_autoptr (GError) error = NULL;
  gint64 time = BEGIN;

  while (time < BEGIN + YEAR)
    {
      for (guint i = 0; i < BATCH; i++, time += HISTORY_STEP)
        {
          rows[i].time = time;
          for (unsigned column = 0; column < HISTORY_N_COLUMNS; column++)
            rows[i].values[column] = (column < HISTORY_MEMORY ? 1 : 1e8)
                                     * (1 + sin ((double)time / 90000 + column) + g_random_double ());
        }
      if (!history_file_append (path, rows, BATCH, &error))
        g_error ("%s", error->message);
    }
}

/* Of this thread: what others take of the host doesn't count. */
static double
processor_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double
draw (const HistorySeries *series, int scale, const char *picture)
{
  cairo_surface_t *surface =
    cairo_image_surface_create (CAIRO_FORMAT_ARGB32, WIDTH * scale, HEIGHT * scale * (int)GRAPH_N_KINDS);
  cairo_t *cr = cairo_create (surface);
  const GdkRGBA ink = { 0, 0, 0, 1 };
  double begun = processor_ms (), ms;

  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_paint (cr);
  cairo_scale (cr, scale, scale);
  for (unsigned kind = 0; kind < GRAPH_N_KINDS; kind++)
    {
      graph_paint (cr, kind, series, BEGIN, BEGIN + YEAR, WIDTH, HEIGHT, &ink);
      cairo_translate (cr, 0, HEIGHT);
    }
  cairo_surface_flush (surface);
  ms = processor_ms () - begun;
  if (picture != NULL)
    cairo_surface_write_to_png (surface, picture);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
  return ms;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double one = *(const double *)a, other = *(const double *)b;

  return one < other ? -1 : one > other;
}

static void
tell (const char *name, GArray *times)
{
  g_array_sort (times, compare);
  printf ("%s %.2f ms\n%s-slowest %.2f ms\n", name, g_array_index (times, double, times->len / 2), name,
          g_array_index (times, double, times->len - 1));
}

static void
measure (const char *path, guint turns, const char *picture)
{
  enum { READ, DRAWN, DRAWN_FINE, ALL, N };
  static const char *const names[N] = { "year-read", "year-drawn", "year-drawn-at-2x", "year-in-sight" };
  GArray *times[N];

  for (unsigned i = 0; i < N; i++)
    times[i] = g_array_new (FALSE, FALSE, sizeof (double));
  for (guint turn = 0; turn < turns; turn++)
    {
      double begun = processor_ms ();
      g_autoptr (GError) error = NULL;
      g_autoptr (HistorySeries) series = history_file_read (path, BEGIN, BEGIN + YEAR, 0, &error);
      double read = processor_ms () - begun, drawn, twice, all;

      if (series == NULL)
        g_error ("%s", error->message);
      if (turn == 0)
        printf ("year-rows %u\n", series->n_rows);
      drawn = draw (series, 1, turn == 0 ? picture : NULL);
      twice = draw (series, 2, NULL);
      all = read + twice;
      g_array_append_val (times[READ], read);
      g_array_append_val (times[DRAWN], drawn);
      g_array_append_val (times[DRAWN_FINE], twice);
      g_array_append_val (times[ALL], all);
    }
  for (unsigned i = 0; i < N; i++)
    {
      tell (names[i], times[i]);
      g_array_unref (times[i]);
    }
}

int
main (int argc, char **argv)
{
  guint turns = argc > 1 ? (guint)MAX (atoi (argv[1]), 1) : 50;
  g_autofree char *folder = g_dir_make_tmp ("bonsai-history-bench-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "year.rrd", NULL);

  note_year (path);
  measure (path, turns, argc > 2 ? argv[2] : NULL);
  g_unlink (path);
  g_rmdir (folder);
  return 0;
}
