/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy would have done in a history that the test has written. */
#include "app/base/error.h"
#include "app/policy/dry-run.h"
#include "tests/app/scratch.h"

#include <math.h>
#include <string.h>

#define NOW  INT64_C (1700006400)
#define HOUR 3600
#define DAY  (24 * HOUR)

static const PolicySize size = { 2, 4, 100, 1000 };

/* It runs from @from to @to with @busy processors. */
static void
run (GArray *rows, gint64 from, gint64 to, double busy)
{
  for (gint64 time = from + HISTORY_STEP; time <= to; time += HISTORY_STEP)
    {
      HistoryRow row = { .time = time };

      row.values[HISTORY_CPU] = busy;
      row.values[HISTORY_MEMORY] = 50;
      row.values[HISTORY_MEMORY_USED] = NAN;
      g_array_append_val (rows, row);
    }
}

static void
test_week (void)
{
  static const char text[] =
    "{ \"rules\" : [ { \"name\" : \"busy\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"90%\", \"back\" "
    ": \"50%\" } ], "
    "\"for\" : \"10m\", \"then\" : [ { \"do\" : \"notify\" } ] }, { \"name\" : \"full\", \"when\" : [ { "
    "\"what\" : "
    "\"memory\", \"over\" : \"60%\" } ], \"then\" : [ { \"do\" : \"notify\" } ] } ] }";
  char *scratch = scratch_new ();
  g_autofree char *path = g_build_filename (scratch, "x.rrd", NULL);
  g_autofree char *host = g_build_filename (scratch, "host.rrd", NULL);
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (HistoryRow)), found = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VmPolicy) policy = vm_policy_parse (text, strlen (text), "policy", &error);
  const WouldFire *fire;

  g_assert_no_error (error);
  g_assert_null (policy_dry_run (policy, path, host, &size, NOW - DAY, NOW, NOW, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);

  run (rows, NOW - 5 * DAY, NOW - 5 * DAY + 2 * HOUR, 1.96); /* known by quarters of an hour */
  run (rows, NOW - 5 * DAY + 2 * HOUR, NOW - 5 * DAY + 4 * HOUR, 0.1);
  run (rows, NOW - DAY, NOW - DAY + 300, 1.96); /* too short */
  run (rows, NOW - DAY + 300, NOW - DAY + 900, 0.1);
  run (rows, NOW - 2 * HOUR, NOW - HOUR,
       1.96); /* known by 5 seconds, and not over yet when it is switched off */
  g_assert_true (history_file_append (path, (const HistoryRow *)rows->data, rows->len, &error));
  g_assert_no_error (error);

  found = policy_dry_run (policy, path, host, &size, NOW - 7 * DAY, NOW, NOW, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, 2);
  fire = &g_array_index (found, WouldFire, 0);
  g_assert_cmpstr (fire->rule, ==, "busy");
  g_assert_cmpuint (fire->step, ==, 900);
  g_assert_cmpint (fire->time, >=, NOW - 5 * DAY + 600);
  g_assert_cmpint (fire->time, <=, NOW - 5 * DAY + 1800);
  g_assert_cmpint (fire->end, >, NOW - 5 * DAY + 2 * HOUR);
  g_assert_cmpint (fire->end, <=, NOW - 5 * DAY + 2 * HOUR + 1800);
  fire = &g_array_index (found, WouldFire, 1);
  g_assert_cmpuint (fire->step, ==, 5);
  g_assert_cmpint (fire->time, >=, NOW - 2 * HOUR + 600);
  g_assert_cmpint (fire->time, <=, NOW - 2 * HOUR + 600 + 2 * HISTORY_STEP);
  g_assert_cmpint (fire->end, ==, 0);
  scratch_free (scratch);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy-dry-run/week", test_week);
  return g_test_run ();
}
