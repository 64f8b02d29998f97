/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine's history: what is noted, by a clock of the test's, is found again for a year. */
#include "app/base/error.h"
#include "app/history/history-export.h"
#include "app/history/history-log.h"
#include "app/history/history-store.h"
#include "app/history/host-counters.h"
#include "tests/app/scratch.h"

#include <glib/gstdio.h>
#include <math.h>

#define START INT64_C (1700006400) /* a whole day */
#define HOUR  3600
#define DAY   (24 * HOUR)

typedef struct {
  char *scratch, *path;
  HistoryLog *log;
  gint64 now;
  Counters counters;
  HistoryMemory memory;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->scratch = scratch_new ();
  f->path = g_build_filename (f->scratch, "history", "x.rrd", NULL);
  f->log = history_log_new (f->path);
  f->now = START;
  f->memory = (HistoryMemory){ 100, NAN };
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  history_log_free (f->log);
  g_free (f->path);
  scratch_free (f->scratch);
}

static void
write_rows (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (history_log_write (f->log, &error));
  g_assert_no_error (error);
}

/* It runs for @seconds with so many processors busy, and reads 1000 bytes a second. */
static void
run (Fixture *f, gint64 seconds, double busy)
{
  for (gint64 end = f->now + seconds; f->now <= end; f->now += HISTORY_STEP)
    {
      f->counters.values[COUNTER_TIME] += UINT64_C (1000000000) * HISTORY_STEP;
      f->counters.values[COUNTER_CPU_TIME] += (uint64_t)(busy * 1e9 * HISTORY_STEP);
      f->counters.values[COUNTER_DISK_READ_BYTES] += 1000 * HISTORY_STEP;
      history_log_note (f->log, f->now, &f->counters, &f->memory);
      if (history_log_n_waiting (f->log) >= HISTORY_BATCH)
        write_rows (f);
    }
  f->now -= HISTORY_STEP;
  write_rows (f);
}

static HistorySeries *
read_back (Fixture *f, gint64 from, gint64 to, guint step)
{
  g_autoptr (GError) error = NULL;
  HistorySeries *series = history_file_read (f->path, from, to, step, &error);

  g_assert_no_error (error);
  return series;
}

static void
assert_average (Fixture *f, gint64 from, gint64 to, guint step, HistoryColumn column, double value)
{
  g_autoptr (HistorySeries) series = read_back (f, from, to, step);

  g_assert_cmpuint (series->step, ==, step);
  g_assert_cmpfloat_with_epsilon (history_series_sum_up (series, column).average, value, 1e-3 * value);
}

static void
test_rows (Fixture *f, gconstpointer data)
{
  g_autoptr (HistorySeries) series = NULL;
  HistorySummary used;

  run (f, 600, 0.5);
  run (f, 600, 1.5);
  assert_average (f, START + 300, START + 600, 5, HISTORY_CPU, 0.5);
  assert_average (f, START + 700, START + 1200, 5, HISTORY_CPU, 1.5);
  assert_average (f, START + 60, START + 1200, 5, HISTORY_DISK_READ, 1000);
  assert_average (f, START + 60, START + 1200, 60, HISTORY_MEMORY, 100);
  series = read_back (f, START, START + 1200, 60);
  g_assert_cmpfloat_with_epsilon (history_series_sum_up (series, HISTORY_CPU).maximum, 1.5, 1e-3);
  used = history_series_sum_up (series, HISTORY_MEMORY_USED);
  g_assert_cmpuint (used.n_known, ==, 0);
  g_assert_true (isnan (used.average) && isnan (used.maximum));
}

/* Another run, a day later: what lies between is unknown. */
static void
test_gap (Fixture *f, gconstpointer data)
{
  g_autoptr (HistorySeries) series = NULL;

  run (f, 600, 1);
  f->now += DAY;
  history_log_free (f->log);
  f->log = history_log_new (f->path);
  memset (&f->counters, 0, sizeof f->counters);
  run (f, 600, 1);
  series = read_back (f, START, f->now, 60);
  g_assert_cmpuint (history_series_sum_up (series, HISTORY_CPU).n_known, >=, 18);
  g_assert_cmpuint (history_series_sum_up (series, HISTORY_CPU).n_known, <=, 22);
}

/* A year: by two hours, with its peaks, in less than 2 MiB. */
static void
test_year (Fixture *f, gconstpointer data)
{
  g_autoptr (HistorySeries) series = NULL;
  HistorySummary cpu;
  GStatBuf info;

  for (guint day = 0; day < 370; day++)
    {
      run (f, 120, day == 100 ? 4 : 0.25);
      f->now = START + (gint64)(day + 1) * DAY;
    }
  run (f, 60, 0.25);
  g_assert_cmpint (g_stat (f->path, &info), ==, 0);
  g_assert_cmpint (info.st_size, <, 2 << 20);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  g_test_message ("%d bytes", (int)info.st_size);
  series = read_back (f, f->now - 365 * DAY, f->now, 0);
  g_assert_cmpuint (series->step, ==, 2 * HOUR);
  cpu = history_series_sum_up (series, HISTORY_CPU);
  g_assert_cmpuint (cpu.n_known, >=, 364);
  g_assert_cmpfloat_with_epsilon (cpu.maximum, 4, 1e-3);
  g_assert_cmpfloat (cpu.average, <, 0.3);
  g_clear_pointer (&series, history_series_free);
  series = read_back (f, f->now - 20 * DAY, f->now, 0);
  g_assert_cmpuint (series->step, ==, 900);
}

/* The clock is set back: nothing is noted twice, and what follows is. */
static void
test_clock_set_back (Fixture *f, gconstpointer data)
{
  run (f, 600, 1);
  f->now -= 300;
  run (f, 600, 2);
  assert_average (f, START + 60, START + 590, 5, HISTORY_CPU, 1);
  assert_average (f, START + 700, START + 900, 5, HISTORY_CPU, 2);
}

/* It was years ahead. */
static void
test_clock_was_wrong (Fixture *f, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (f->path, ".ahead", NULL);

  f->now = START + 1000 * (gint64)DAY;
  run (f, 600, 1);
  f->now = START;
  g_test_expect_message ("bonsai", G_LOG_LEVEL_MESSAGE, "*is ahead*");
  run (f, 600, 2);
  g_test_assert_expected_messages ();
  assert_average (f, START + 60, START + 590, 5, HISTORY_CPU, 2);
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
}

static void
test_damaged (Fixture *f, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (f->path, ".damaged", NULL);
  g_autofree char *content = NULL;
  gsize length;

  run (f, 600, 1);
  g_assert_true (g_file_get_contents (f->path, &content, &length, NULL));
  memset (content, 0x5a, 300);
  g_assert_true (g_file_set_contents (f->path, content, (gssize)length, NULL));
  g_test_expect_message ("bonsai", G_LOG_LEVEL_MESSAGE, "*is damaged*");
  run (f, 600, 2);
  g_test_assert_expected_messages ();
  assert_average (f, START + 700, START + 1100, 5, HISTORY_CPU, 2);
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
}

/* Rows wait for a folder that can be written again. */
static void
test_no_room (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_path_get_dirname (f->path);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (folder, "", 0, NULL));
  for (guint i = 0; i < 1000; i++)
    {
      f->counters.values[COUNTER_TIME] += UINT64_C (5000000000);
      history_log_note (f->log, f->now += HISTORY_STEP, &f->counters, &f->memory);
    }
  g_assert_false (history_log_write (f->log, &error));
  g_assert_nonnull (error);
  g_assert_cmpuint (history_log_n_waiting (f->log), ==, 720);
  g_assert_cmpint (g_unlink (folder), ==, 0);
  write_rows (f);
  g_assert_cmpuint (history_log_n_waiting (f->log), ==, 0);
  assert_average (f, f->now - 600, f->now, 5, HISTORY_MEMORY, 100);
}

static void
test_short_run (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  history_log_note (f->log, f->now, &f->counters, &f->memory);
  write_rows (f);
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_assert_null (history_file_read (f->path, START, START + 60, 0, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
}

static void
test_export (Fixture *f, gconstpointer data)
{
  g_autoptr (HistorySeries) series = NULL;
  g_autofree char *csv = NULL, *json = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (JsonNode) node = NULL;
  JsonArray *rows;

  run (f, 60, 0.5);
  series = read_back (f, START - 30, START + 30, 5);
  csv = history_series_to_csv (series);
  lines = g_strsplit (csv, "\n", -1);
  g_assert_true (g_str_has_prefix (lines[0], "time,cpu,cpu-maximum,devices,devices-maximum,memory,"));
  g_assert_true (g_str_has_prefix (lines[1], "2023-11-15T00:00:00Z,0.5,0.5,0,0,100,100,,,1000,"));
  g_assert_cmpuint (g_strv_length (lines), ==, 1 + 6 + 1);
  node = history_series_to_json (series);
  rows = json_object_get_array_member (json_node_get_object (node), "average");
  g_assert_cmpuint (json_array_get_length (rows), ==, series->n_rows);
  g_assert_true (json_array_get_null_element (rows, 0));
  g_assert_cmpfloat (
    json_array_get_double_element (json_array_get_array_element (rows, json_array_get_length (rows) - 1), 0),
    ==, 0.5);
}

static void
test_host (void)
{
  Counters before, now;
  HistoryMemory memory;

  host_counters_read (&before, &memory);
  g_assert_cmpuint (before.values[COUNTER_CPU_TIME], >, 0);
  g_assert_cmpfloat (memory.given, >, 1 << 20);
  g_usleep (20000);
  host_counters_read (&now, &memory);
  for (guint i = 0; i < N_COUNTERS; i++)
    g_assert_cmpuint (now.values[i], >=, before.values[i]);
}

static void
test_store (void)
{
  g_autofree char *path = history_store_path ("0000"), *aside = g_strconcat (path, ".ahead", NULL);
  g_autofree char *folder = g_path_get_dirname (path);

  g_assert_true (g_str_has_suffix (path, "/bonsai/history/0000.rrd"));
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, "", 0, NULL) && g_file_set_contents (aside, "", 0, NULL));
  history_store_sweep ();
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  history_store_remove ("0000");
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS) || g_file_test (aside, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/history/rows", test_rows },
    { "/history/gap", test_gap },
    { "/history/year", test_year },
    { "/history/clock-set-back", test_clock_set_back },
    { "/history/clock-was-wrong", test_clock_was_wrong },
    { "/history/damaged", test_damaged },
    { "/history/no-room", test_no_room },
    { "/history/short-run", test_short_run },
    { "/history/export", test_export },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_STATE_HOME");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  g_test_add_func ("/history/host", test_host);
  g_test_add_func ("/history/store", test_store);
  return g_test_run ();
}
