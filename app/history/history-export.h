/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/history/history-file.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* For other programs; what is unknown is left out (CSV) or null (JSON). Any thread. (transfer full) */

/* A line of names ("time", "cpu", "cpu-maximum", …) and one for each row that knows anything; times are the
 * rows' beginnings, in UTC (RFC 3339). */
char *history_series_to_csv (const HistorySeries *series);

/* {"start", "step", "columns": [names], "average": [[…], …], "maximum": …}; a row of unknowns is null. */
JsonNode *history_series_to_json (const HistorySeries *series);

G_END_DECLS
