/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/history/graph-paint.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiGraphView: one graph. Signals: "zoomed" (double: by which factor the span changes, double: where, 0
 * to 1), "panned" (double: by how much of the span, to the right). The wheel zooms, dragging pans, and so do
 * the keys + - ← →. Main thread.
 */
#define BONSAI_TYPE_GRAPH_VIEW (bonsai_graph_view_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiGraphView, bonsai_graph_view, BONSAI, GRAPH_VIEW, GtkWidget)

GtkWidget *bonsai_graph_view_new (GraphKind kind);

/* @series: (nullable): the caller's, until the next call. */
void bonsai_graph_view_show (BonsaiGraphView *self, const HistorySeries *series, gint64 from, gint64 to);

G_END_DECLS
