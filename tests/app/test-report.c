/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports: what is known becomes tables, and those text, HTML, CSV and JSON. */
#include "app/report/advice.h"
#include "tests/app/scratch.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define GIB 1073741824.0

/* @n_rows of two hours in which it used so much. */
static HistorySeries *
series_of (guint n_rows, double cpu, double memory)
{
  HistorySeries *series = g_new0 (HistorySeries, 1);

  series->step = 7200;
  series->n_rows = n_rows;
  series->average = g_new (double, n_rows *HISTORY_N_COLUMNS + 1);
  for (guint i = 0; i < n_rows * HISTORY_N_COLUMNS; i++)
    series->average[i] = i % HISTORY_N_COLUMNS == HISTORY_CPU           ? cpu
                         : i % HISTORY_N_COLUMNS == HISTORY_MEMORY_USED ? memory
                                                                        : 0;
  series->maximum = g_memdup2 (series->average, (n_rows * HISTORY_N_COLUMNS + 1) * sizeof (double));
  return series;
}

static Advice *
advise (guint n_rows, double cpu, double used, guint cpus, double memory)
{
  g_autoptr (HistorySeries) series = series_of (n_rows, cpu, used);

  return advice_find (&(ReportMachine){ "Web", memory, cpus, series });
}

static void
test_advice (void)
{
  g_autoptr (Advice) roomy = advise (20, 0.5, 1.1 * GIB, 1, 4 * GIB);
  g_autoptr (Advice) early = advise (5, 0.5, 1.1 * GIB, 1, 4 * GIB);
  g_autoptr (Advice) fits = advise (20, 0.5, 3 * GIB, 1, 4 * GIB);
  g_autoptr (Advice) tight = advise (20, 0.5, 3.95 * GIB, 1, 4 * GIB);
  g_autoptr (Advice) idle = advise (20, 0.2, 3 * GIB, 4, 4 * GIB);
  g_autoptr (Advice) busy = advise (20, 1.9, 3 * GIB, 2, 4 * GIB);
  g_autoptr (Advice) small = advise (20, 0.5, 0.1 * GIB, 1, 0.5 * GIB);
  g_autoptr (Advice) unknown = advise (20, NAN, NAN, 4, 4 * GIB);

  g_assert_cmpstr (roomy->text, ==, "Has never used more than 1.1 GiB of 4.0 GiB of memory");
  g_assert_cmpuint (roomy->memory, ==, 1536 << 20); /* a quarter above, in steps of 256 MiB */
  g_assert_cmpuint (roomy->cpus, ==, 0);
  g_assert_null (early);
  g_assert_null (fits);
  g_assert_cmpstr (tight->text, ==, "Uses all of its 4.0 GiB of memory, most of the time");
  g_assert_cmpuint (tight->memory, ==, 6 * (guint64)GIB);
  g_assert_cmpstr (idle->text, ==, "Has never kept more than 0.2 of 4 processors busy");
  g_assert_cmpuint (idle->cpus, ==, 1);
  g_assert_cmpstr (busy->text, ==, "Keeps its 2 processors busy, most of the time");
  g_assert_cmpuint (busy->memory + busy->cpus, ==, 0); /* only its owner knows whether there is more */
  g_assert_null (small);
  g_assert_null (unknown);
  g_assert_null (advice_find (&(ReportMachine){ "Never ran", GIB, 1, NULL }));
}

static void
test_change (void)
{
  g_autoptr (Advice) less = advise (20, 0.2, 1.1 * GIB, 4, 4 * GIB);
  g_autofree char *change = advice_describe_change (less);

  g_assert_cmpstr (change, ==, "1.5 GiB of memory, 1 processor");
  g_assert_true (advice_applies (less, (guint64)(4 * GIB), 4));
  g_assert_true (advice_applies (less, less->memory, 4));
  g_assert_false (advice_applies (less, less->memory, less->cpus));
}

static void
test_utilisation (void)
{
  g_autoptr (HistorySeries) series = series_of (20, 0.5, 1.1 * GIB);
  const ReportMachine machines[] = { { "Web, “main”", 4 * GIB, 1, series }, { "<Never> ran", GIB, 2, NULL } };
  g_autoptr (ReportTable) table = report_utilisation (machines, G_N_ELEMENTS (machines));
  g_autofree char *text = report_table_to_text (table), *csv = report_table_to_csv (table),
                  *html = report_table_to_html (table);
  g_autoptr (JsonNode) json = report_table_to_json (table);
  JsonArray *rows = json_node_get_array (json);
  g_auto (GStrv) lines = g_strsplit (csv, "\r\n", -1);

  g_assert_cmpuint (report_table_n_rows (table), ==, 2);
  g_assert_cmpfloat (report_table_cell (table, 0, 1)->number, ==, 40);
  g_assert_nonnull (strstr (text, "50.0 %"));
  g_assert_nonnull (strstr (text, "Has never used more than 1.1 GiB"));
  g_assert_true (g_str_has_prefix (lines[0], "name,hours,cpu-average,cpu-maximum,memory,"));
  g_assert_true (g_str_has_prefix (lines[1], "\"Web, “main”\",40,0.5,0.5,4294967296,"));
  g_assert_true (g_str_has_prefix (lines[2], "<Never> ran,0,,,1073741824,,,"));
  g_assert_nonnull (strstr (html, "<td>&lt;Never&gt; ran</td>"));
  g_assert_null (strstr (html, "<Never>"));
  g_assert_cmpuint (json_array_get_length (rows), ==, 2);
  g_assert_true (json_object_get_null_member (json_array_get_object_element (rows, 1), "cpu-average"));
}

static Event *
event_of (const char *kind, const char *detail)
{
  Event *event = g_new0 (Event, 1);

  event->machine = g_strdup ("uuid");
  event->name = g_strdup ("Web");
  event->kind = g_strdup (kind);
  event->result = g_strdup ("done");
  event->detail = g_strdup (detail);
  event->cause = g_strdup ("");
  event->who = g_strdup ("nina, bonsai");
  return event;
}

static void
test_changes (void)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify)event_free);
  g_autoptr (ReportTable) table = NULL;
  g_autofree char *csv = NULL;

  g_ptr_array_add (events, event_of ("create", ""));
  g_ptr_array_add (events, event_of ("start", ""));
  g_ptr_array_add (events, event_of ("crash", ""));
  g_ptr_array_add (events, event_of ("settings", "=cmd|' /C calc'!A0"));
  table = report_changes (events);
  csv = report_table_to_csv (table);
  g_assert_cmpuint (report_table_n_rows (table), ==, 2);
  g_assert_cmpstr (report_table_cell (table, 0, 2)->text, ==, "create");
  g_assert_nonnull (strstr (csv, "\"'=cmd|' /C calc'!A0\"")); /* no formula */
}

static void
put (const char *bundle, const char *name, gsize size)
{
  g_autofree char *path = g_build_filename (bundle, name, NULL), *folder = g_path_get_dirname (path);
  g_autofree char *content = g_malloc (size);

  memset (content, 'x', size);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, content, (gssize)size, NULL));
}

static void
test_storage (void)
{
  static const char description[] =
    "{ \"bonsai\": 1, \"uuid\": \"0b5d3a3e-3a5b-4f6e-9d58-1f0d0a6f6f10\", \"name\": \"Web\", \"memory\": "
    "\"64M\", "
    "\"cpus\": 1, \"disks\": [ { \"id\": \"disk0\", \"kind\": \"disk\", \"bus\": \"virtio\", \"path\": "
    "\"disks/top.raw\", \"format\": \"raw\" } ] }";
  g_autoptr (Scratch) bundle = scratch_new ();
  g_autofree char *path = g_build_filename (bundle, "vm.json", NULL);
  g_autoptr (GPtrArray) machines = g_ptr_array_new_with_free_func ((GDestroyNotify)report_storage_free);
  g_autoptr (ReportTable) table = NULL;
  ReportStorage *storage;

  g_assert_true (g_file_set_contents (path, description, -1, NULL));
  put (bundle, "disks/top.raw", 1 << 20);
  put (bundle, "disks/below.raw", 2 << 20);
  put (bundle, "snapshots/abc/memory", 4 << 20);
  put (bundle, "log/host.log", 64 << 10);
  storage = report_storage_measure (bundle, "Web", false);
  g_ptr_array_add (machines, report_storage_measure ("/nowhere", "Gone", true));
  g_ptr_array_add (machines, storage);
  g_assert_cmpuint (storage->disks, >=, 1 << 20);
  g_assert_cmpuint (storage->disks, <, 2 << 20);
  g_assert_cmpuint (storage->snapshots, >=, 6 << 20);
  g_assert_cmpuint (storage->other, >=, 64 << 10);
  table = report_storage (machines);
  g_assert_cmpuint (report_table_n_rows (table), ==, 3);
  g_assert_cmpstr (report_table_cell (table, 0, 0)->text, ==, "Web");
  g_assert_cmpfloat (report_table_cell (table, 1, 1)->number, ==, 0);
  g_assert_cmpfloat (report_table_cell (table, 2, 1)->number, ==, report_table_cell (table, 0, 1)->number);
}

static ReportExpiry *
expiry_of (const char *name, gint64 remaining, const char *state)
{
  ReportExpiry *expiry = g_new0 (ReportExpiry, 1);

  *expiry = (ReportExpiry){ g_strdup (name), g_strdup ("uuid"), g_strdup ("nina"), remaining, state, "archive" };
  return expiry;
}

static void
test_expiries (void)
{
  g_autoptr (GPtrArray) expiries = g_ptr_array_new_with_free_func ((GDestroyNotify)report_expiry_free);
  g_autoptr (ReportTable) table = NULL;
  g_autofree char *csv = NULL;

  g_ptr_array_add (expiries, expiry_of ("Locked", G_MAXINT64, "locked"));
  g_ptr_array_add (expiries, expiry_of ("Late", 20 * 86400, "active"));
  g_ptr_array_add (expiries, expiry_of ("Soon", 3600, "active"));
  g_ptr_array_add (expiries, expiry_of ("Over", 0, "grace"));
  table = report_expiries (expiries, 86400);
  csv = report_table_to_csv (table);
  g_assert_cmpuint (report_table_n_rows (table), ==, 4);
  g_assert_cmpstr (report_table_cell (table, 0, 0)->text, ==, "Over");
  g_assert_cmpstr (report_table_cell (table, 1, 0)->text, ==, "Soon");
  g_assert_cmpfloat (report_table_cell (table, 1, 2)->number, ==, 1);
  g_assert_cmpstr (report_table_cell (table, 2, 0)->text, ==, "Late");
  g_assert_true (isnan (report_table_cell (table, 3, 2)->number));
  g_assert_nonnull (strstr (csv, "name,state,remaining-hours,"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/report/advice", test_advice);
  g_test_add_func ("/report/advice/change", test_change);
  g_test_add_func ("/report/utilisation", test_utilisation);
  g_test_add_func ("/report/changes", test_changes);
  g_test_add_func ("/report/storage", test_storage);
  g_test_add_func ("/report/expiries", test_expiries);
  return g_test_run ();
}
