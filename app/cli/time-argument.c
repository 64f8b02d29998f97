/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/time-argument.h"

#include "app/base/error.h"

#include <string.h>

/* Seconds of "90m"; -1: it isn't one. */
static gint64
parse_span (const char *text)
{
  static const struct {
    const char *unit;
    gint64 seconds;
  } units[] = { { "s", 1 },     { "m", 60 },        { "h", 3600 },
                { "d", 86400 }, { "w", 7 * 86400 }, { "y", 366 * 86400 } };
  char *end;
  guint64 n = g_ascii_strtoull (text, &end, 10);

  for (guint i = 0; end != text && i < G_N_ELEMENTS (units); i++)
    if (g_str_equal (end, units[i].unit) && n <= 1000000)
      return (gint64)n * units[i].seconds;
  return -1;
}

bool
cli_parse_time (const char *text, gint64 *time, GError **error)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_local ();
  g_autofree char *full = NULL;
  g_autoptr (GDateTime) date = NULL;
  gint64 span = parse_span (text);
  const char *clock = strchr (text, 'T');

  if (span >= 0)
    {
      *time = g_get_real_time () / G_USEC_PER_SEC - span;
      return true;
    }
  /* GLib wants the seconds, too. */
  full = clock == NULL         ? g_strconcat (text, "T00:00:00", NULL)
         : strlen (clock) == 6 ? g_strconcat (text, ":00", NULL)
                               : g_strdup (text);
  date = g_date_time_new_from_iso8601 (full, zone);
  if (date == NULL)
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
        "“%s” is no time: write how long ago (90m, 3h, 7d), or a date (2026-11-02, 2026-11-02T17:30)", text);
      return false;
    }
  *time = g_date_time_to_unix (date);
  return true;
}
