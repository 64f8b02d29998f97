/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/history/history-file.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Asks for a file and writes there what a history page shows. @format: "csv", "json" or "png". @name: of the
 * machine. @series: copied by the caller for this (transfer full). Main thread. */
void history_export (GtkWindow *parent, const char *format, const char *name, HistorySeries *series,
                     gint64 from, gint64 to);

G_END_DECLS
