/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/history/history-export.h"

#include <math.h>

static bool
knows_anything (const double *values)
{
  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    if (!isnan (values[i]))
      return true;
  return false;
}

/* --- CSV --- */

static void
add_csv_number (GString *text, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c (text, ',');
  if (!isnan (value))
    g_string_append (text, g_ascii_formatd (number, sizeof number, "%.9g", value));
}

char *
history_series_to_csv (const HistorySeries *series)
{
  GString *text = g_string_new ("time");

  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    g_string_append_printf (text, ",%s,%s-maximum", history_column_name (i), history_column_name (i));
  g_string_append_c (text, '\n');
  for (guint row = 0; row < series->n_rows; row++)
    {
      const double *average = &series->average[row * HISTORY_N_COLUMNS];
      const double *maximum = &series->maximum[row * HISTORY_N_COLUMNS];
      g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (series->start + (gint64)row * series->step);
      g_autofree char *stamp = g_date_time_format_iso8601 (time);

      if (!knows_anything (average))
        continue;
      g_string_append (text, stamp);
      for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
        {
          add_csv_number (text, average[i]);
          add_csv_number (text, maximum[i]);
        }
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

/* --- JSON --- */

static void
add_json_row (JsonBuilder *builder, const double *values)
{
  if (!knows_anything (values))
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_array (builder);
  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    if (isnan (values[i]))
      json_builder_add_null_value (builder);
    else
      json_builder_add_double_value (builder, values[i]);
  json_builder_end_array (builder);
}

static void
add_json_rows (JsonBuilder *builder, const char *name, const double *values, guint n_rows)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint row = 0; row < n_rows; row++)
    add_json_row (builder, &values[row * HISTORY_N_COLUMNS]);
  json_builder_end_array (builder);
}

JsonNode *
history_series_to_json (const HistorySeries *series)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "start");
  json_builder_add_int_value (builder, series->start);
  json_builder_set_member_name (builder, "step");
  json_builder_add_int_value (builder, series->step);
  json_builder_set_member_name (builder, "columns");
  json_builder_begin_array (builder);
  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    json_builder_add_string_value (builder, history_column_name (i));
  json_builder_end_array (builder);
  add_json_rows (builder, "average", series->average, series->n_rows);
  add_json_rows (builder, "maximum", series->maximum, series->n_rows);
  json_builder_end_object (builder);
  return json_builder_get_root (builder);
}
