/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* "90m", "3h", "7d" (that long ago; also s, w and y), or a date and time of ISO 8601, of this time zone
 * unless it names one ("2026-11-02", "2026-11-02T17:30"). @time: seconds since 1970. */
bool cli_parse_time (const char *text, gint64 *time, GError **error);

G_END_DECLS
