/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/report-table.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static void
clear_cell (gpointer data)
{
  g_free (((ReportCell *)data)->text);
}

ReportTable *
report_table_new (const char *title, const ReportColumn *columns, guint n_columns)
{
  ReportTable *table = g_new0 (ReportTable, 1);

  table->title = title;
  table->columns = columns;
  table->n_columns = n_columns;
  table->cells = g_array_new (FALSE, TRUE, sizeof (ReportCell));
  g_array_set_clear_func (table->cells, clear_cell);
  return table;
}

void
report_table_free (ReportTable *table)
{
  g_array_unref (table->cells);
  g_free (table);
}

void
report_table_add_text (ReportTable *table, const char *text)
{
  const ReportCell cell = { g_strdup (text), NAN };

  g_array_append_val (table->cells, cell);
}

void
report_table_add_number (ReportTable *table, double number)
{
  const ReportCell cell = { NULL, number };

  g_array_append_val (table->cells, cell);
}

guint
report_table_n_rows (const ReportTable *table)
{
  return table->cells->len / table->n_columns;
}

const ReportCell *
report_table_cell (const ReportTable *table, guint row, guint column)
{
  return &g_array_index (table->cells, ReportCell, row * table->n_columns + column);
}

/* For people. (transfer full) */
static char *
show (const ReportTable *table, guint row, guint column)
{
  const ReportCell *cell = report_table_cell (table, row, column);

  if (table->columns[column].kind == REPORT_TEXT)
    return g_strdup (cell->text != NULL ? cell->text : "");
  if (isnan (cell->number))
    return g_strdup ("–");
  switch (table->columns[column].kind)
    {
    case REPORT_BYTES:
      return g_format_size_full ((guint64)cell->number, G_FORMAT_SIZE_IEC_UNITS);
    case REPORT_PERCENT:
      return g_strdup_printf ("%.1f %%", 100 * cell->number);
    case REPORT_HOURS:
      return g_strdup_printf ("%.1f h", cell->number);
    default:
      return g_strdup_printf ("%.0f", cell->number);
    }
}

/* --- text --- */

static guint
width_of (const ReportTable *table, guint column)
{
  glong width = g_utf8_strlen (table->columns[column].title, -1);

  for (guint row = 0; row < report_table_n_rows (table); row++)
    {
      g_autofree char *text = show (table, row, column);

      width = MAX (width, g_utf8_strlen (text, -1));
    }
  return (guint)width;
}

static void
add_padded (GString *line, const char *text, guint width, bool right)
{
  int padding = (int)width - (int)g_utf8_strlen (text, -1);

  if (right)
    g_string_append_printf (line, "%*s%s", padding, "", text);
  else
    g_string_append_printf (line, "%s%*s", text, padding, "");
}

static void
end_line (GString *line)
{
  while (line->len > 0 && line->str[line->len - 1] == ' ')
    g_string_truncate (line, line->len - 1);
  g_string_append_c (line, '\n');
}

char *
report_table_to_text (const ReportTable *table)
{
  GString *text = g_string_new (NULL);
  g_autofree guint *widths = g_new (guint, table->n_columns);

  for (guint i = 0; i < table->n_columns; i++)
    {
      widths[i] = width_of (table, i);
      g_string_append (text, i > 0 ? "  " : "");
      add_padded (text, table->columns[i].title, widths[i], table->columns[i].kind != REPORT_TEXT);
    }
  end_line (text);
  for (guint row = 0; row < report_table_n_rows (table); row++)
    {
      for (guint i = 0; i < table->n_columns; i++)
        {
          g_autofree char *cell = show (table, row, i);

          g_string_append (text, i > 0 ? "  " : "");
          add_padded (text, cell, widths[i], table->columns[i].kind != REPORT_TEXT);
        }
      end_line (text);
    }
  return g_string_free (text, FALSE);
}

/* --- HTML --- */

static void
add_html_cell (GString *text, const char *tag, ReportKind kind, const char *content)
{
  g_autofree char *escaped = g_markup_escape_text (content, -1);

  g_string_append_printf (text, "<%s%s>%s</%s>", tag, kind != REPORT_TEXT ? " class=\"n\"" : "", escaped,
                          tag);
}

char *
report_table_to_html (const ReportTable *table)
{
  GString *text = g_string_new ("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");

  g_string_append_printf (text,
                          "<title>%s</title>\n<style>body{font-family:sans-serif;margin:2em}"
                          "table{border-collapse:collapse}th,td{padding:.3em .8em;text-align:left;"
                          "border-bottom:1px solid #ccc}.n{text-align:right}</style>\n<h1>%s</h1>\n<table>\n",
                          table->title, table->title);
  g_string_append (text, "<thead><tr>");
  for (guint i = 0; i < table->n_columns; i++)
    add_html_cell (text, "th", table->columns[i].kind, table->columns[i].title);
  g_string_append (text, "</tr></thead>\n<tbody>\n");
  for (guint row = 0; row < report_table_n_rows (table); row++)
    {
      g_string_append (text, "<tr>");
      for (guint i = 0; i < table->n_columns; i++)
        {
          g_autofree char *cell = show (table, row, i);

          add_html_cell (text, "td", table->columns[i].kind, cell);
        }
      g_string_append (text, "</tr>\n");
    }
  g_string_append (text, "</tbody>\n</table>\n</html>\n");
  return g_string_free (text, FALSE);
}

/* --- CSV --- */

/* What a spreadsheet would take for a formula is a text. */
static void
add_csv_text (GString *text, const char *content)
{
  bool formula = content[0] != '\0' && strchr ("=+-@\t\r", content[0]) != NULL;
  g_auto (GStrv) parts = g_strsplit (content, "\"", -1);
  g_autofree char *doubled = g_strjoinv ("\"\"", parts);

  if (formula || strpbrk (content, ",\"\r\n") != NULL)
    g_string_append_printf (text, "\"%s%s\"", formula ? "'" : "", doubled);
  else
    g_string_append (text, content);
}

char *
report_table_to_csv (const ReportTable *table)
{
  GString *text = g_string_new (NULL);
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  for (guint i = 0; i < table->n_columns; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "," : "", table->columns[i].name);
  g_string_append (text, "\r\n");
  for (guint row = 0; row < report_table_n_rows (table); row++)
    {
      for (guint i = 0; i < table->n_columns; i++)
        {
          const ReportCell *cell = report_table_cell (table, row, i);

          g_string_append (text, i > 0 ? "," : "");
          if (cell->text != NULL)
            add_csv_text (text, cell->text);
          else if (!isnan (cell->number))
            g_string_append (text, g_ascii_formatd (number, sizeof number, "%.10g", cell->number));
        }
      g_string_append (text, "\r\n");
    }
  return g_string_free (text, FALSE);
}

/* --- JSON --- */

JsonNode *
report_table_to_json (const ReportTable *table)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint row = 0; row < report_table_n_rows (table); row++)
    {
      json_builder_begin_object (builder);
      for (guint i = 0; i < table->n_columns; i++)
        {
          const ReportCell *cell = report_table_cell (table, row, i);

          json_builder_set_member_name (builder, table->columns[i].name);
          if (cell->text != NULL)
            json_builder_add_string_value (builder, cell->text);
          else if (!isnan (cell->number))
            json_builder_add_double_value (builder, cell->number);
          else
            json_builder_add_null_value (builder);
        }
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  return json_builder_get_root (builder);
}
