/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/history/history-file.h"

#include <gdk/gdk.h>

G_BEGIN_DECLS

/*
 * A graph of some columns of a history, on a widget or into a picture: averages as lines, the highest of each
 * interval as an area; what is unknown is a gap.
 *
 * Threading: any, as the cairo context's; no state.
 */
typedef enum {
  GRAPH_SHARE, /* of a processor: 1 is "100 %" */
  GRAPH_BYTES,
  GRAPH_RATE, /* bytes per second */
} GraphUnit;

typedef enum {
  GRAPH_PROCESSOR,
  GRAPH_MEMORY,
  GRAPH_DISK,
  GRAPH_NETWORK,
  GRAPH_N_KINDS,
} GraphKind;

#define GRAPH_LINES 2u

typedef struct {
  const char *title;              /* untranslated, as the next: _() */
  const char *names[GRAPH_LINES]; /* of the lines */
  HistoryColumn columns[GRAPH_LINES];
  GraphUnit unit;
} GraphDescription;

extern const GraphDescription graph_descriptions[GRAPH_N_KINDS];

/* What stands between @from and @to (seconds since 1970) of @series ((nullable): nothing is known yet) into
 * @width x @height pixels at the context's origin. @ink: of text and grid, which go with the background. */
void graph_paint (cairo_t *cr, GraphKind kind, const HistorySeries *series, gint64 from, gint64 to, int width,
                  int height, const GdkRGBA *ink);

/* "12 %", "1.5 GiB", "3.0 MiB/s" (transfer full) */
char *graph_format (GraphUnit unit, double value);

/* The colour of a line. */
GdkRGBA graph_line_color (unsigned line);

G_END_DECLS
