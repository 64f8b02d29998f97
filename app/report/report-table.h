/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* What a report comes to: a table, for people and for programs. Plain values. */
typedef enum {
  REPORT_TEXT,
  REPORT_NUMBER,
  REPORT_BYTES,
  REPORT_PERCENT, /* 1 is 100 % */
  REPORT_HOURS,
} ReportKind;

typedef struct {
  const char *name;  /* for programs: "cpu-average" */
  const char *title; /* for people */
  ReportKind kind;
} ReportColumn;

typedef struct {
  char *text;    /* REPORT_TEXT; (nullable): nothing */
  double number; /* else; NaN: unknown */
} ReportCell;

typedef struct {
  const char *title;
  const ReportColumn *columns; /* static */
  guint n_columns;
  GArray *cells; /* of ReportCell, row by row */
} ReportTable;

ReportTable *report_table_new (const char *title, const ReportColumn *columns, guint n_columns);
void report_table_free (ReportTable *table);

/* The next cell, from left to right, row by row. */
void report_table_add_text (ReportTable *table, const char *text);
void report_table_add_number (ReportTable *table, double number);

guint report_table_n_rows (const ReportTable *table);
const ReportCell *report_table_cell (const ReportTable *table, guint row, guint column);

/* (transfer full). HTML is a whole page that needs nothing else; CSV is of RFC 4180, with names and plain
 * numbers; JSON an array of objects. */
char *report_table_to_text (const ReportTable *table);
char *report_table_to_html (const ReportTable *table);
char *report_table_to_csv (const ReportTable *table);
JsonNode *report_table_to_json (const ReportTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReportTable, report_table_free)

G_END_DECLS
