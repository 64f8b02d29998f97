/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When snapshots by the clock are due, and which of them stay. */
#include "app/base/error.h"
#include "app/bundle/vm-config.h"
#include "app/snapshot/snapshot-schedule.h"

#include <string.h>

#define MINUTE (INT64_C (60) * G_USEC_PER_SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Of local time in @zone. */
static int64_t
at (GTimeZone *zone, int month, int day, int hour, int minute)
{
  g_autoptr (GDateTime) time = g_date_time_new (zone, 2026, month, day, hour, minute, 0);

  return g_date_time_to_unix (time) * G_USEC_PER_SEC;
}

/* --- when --- */

static void
test_next (void)
{
  const VmSchedule hourly = { .every = 3600 }, often = { .every = 60 };
  const int64_t now = 1000 * DAY;

  /* The first, of a machine that has just started, and of one that runs for long. */
  g_assert_cmpint (snapshot_schedule_next (&hourly, 0, now, now), ==, now + 10 * MINUTE);
  g_assert_cmpint (snapshot_schedule_next (&often, 0, now, now), ==, now + MINUTE);
  g_assert_cmpint (snapshot_schedule_next (&hourly, 0, now - DAY, now), <=, now);
  /* One after the other. */
  g_assert_cmpint (snapshot_schedule_next (&hourly, now - 20 * MINUTE, now - DAY, now), ==,
                   now + 40 * MINUTE);
  /* The host slept for days: one is due at once, and the next an hour after that one. */
  g_assert_cmpint (snapshot_schedule_next (&hourly, now - 3 * DAY, now - 4 * DAY, now), <=, now);
  g_assert_cmpint (snapshot_schedule_next (&hourly, now, now - 4 * DAY, now), ==, now + HOUR);
  /* The machine was off for days: it is left alone at first. */
  g_assert_cmpint (snapshot_schedule_next (&hourly, now - 3 * DAY, now, now), ==, now + 10 * MINUTE);
  /* The clock was set back by a day. */
  g_assert_cmpint (snapshot_schedule_next (&hourly, now + DAY, now + DAY, now), ==, now + HOUR);
}

/* --- which --- */

/* @rule: as vm_schedule_parse_keep. Returns: which stay, as "1101". (transfer full) */
static char *
choose (const char *rule, GTimeZone *zone, int64_t now, const int64_t *times, unsigned n)
{
  g_autofree bool *stays = g_new (bool, n);
  g_autoptr (GError) error = NULL;
  VmSchedule schedule = { .every = 3600 };
  char *text = g_malloc0 (n + 1);

  vm_schedule_parse_keep (rule, &schedule, &error);
  g_assert_no_error (error);
  snapshot_schedule_choose (&schedule, zone, now, times, n, stays);
  for (unsigned i = 0; i < n; i++)
    text[i] = stays[i] ? '1' : '0';
  return text;
}

static void
test_rules (void)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("UTC");
  int64_t hours[72];
  g_autofree char *last = NULL, *daily = NULL, *mixed = NULL;
  unsigned kept = 0;

  /* From the 1st, 00:30, to the 3rd, 23:30. */
  for (unsigned i = 0; i < 72; i++)
    hours[i] = at (zone, 5, 1, 0, 30) + i * HOUR;
  last = choose ("last=3", zone, hours[71], hours, 72);
  g_assert_cmpstr (last + 67, ==, "00111");
  daily = choose ("daily=2", zone, hours[71], hours, 72);
  for (unsigned i = 0; i < 72; i++)
    g_assert_cmpint (daily[i], ==, i == 47 || i == 71 ? '1' : '0');
  mixed = choose ("hourly=24,daily=7,weekly=4", zone, hours[71], hours, 72);
  for (unsigned i = 0; i < 72; i++)
    kept += mixed[i] == '1';
  g_assert_cmpuint (kept, ==, 24 + 2); /* two days before the last 24 hours, and no other week */
  g_assert_cmpint (mixed[23], ==, '1');
  g_assert_cmpint (mixed[22], ==, '0');
}

/* Weeks begin on Mondays; the last days of a year may be of the next one's first week. */
static void
test_weeks (void)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("UTC");
  const int64_t times[] = { at (zone, 1, 4, 12, 0), /* a Sunday */ at (zone, 1, 5, 12, 0),
                            at (zone, 1, 11, 12, 0), at (zone, 1, 12, 12, 0) };
  g_autofree char *weekly = choose ("weekly=9", zone, times[3], times, 4);
  g_autofree char *monthly = choose ("monthly=9", zone, times[3], times, 4);

  g_assert_cmpstr (weekly, ==, "1011");
  g_assert_cmpstr (monthly, ==, "0001");
}

/* In the night in which summer time ends, 02:30 comes twice; in the other one it doesn't come. */
static void
test_summer_time (void)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("Europe/Berlin");
  int64_t autumn[26], spring[24];
  g_autofree char *hourly = NULL, *daily = NULL, *spring_hours = NULL, *spring_days = NULL;
  unsigned n = 0;

  g_assert_nonnull (zone);
  for (unsigned i = 0; i < 26; i++)
    autumn[i] = at (zone, 10, 25, 0, 30) + i * HOUR;
  hourly = choose ("hourly=100", zone, autumn[25], autumn, 26);
  for (unsigned i = 0; i < 26; i++)
    g_assert_cmpint (hourly[i], ==, '1');
  /* The day has 25 hours. */
  daily = choose ("daily=9", zone, autumn[25], autumn, 26);
  for (unsigned i = 0; i < 26; i++)
    g_assert_cmpint (daily[i], ==, i >= 24 ? '1' : '0');

  for (unsigned i = 0; i < 24; i++)
    spring[i] = at (zone, 3, 29, 0, 30) + i * HOUR;
  spring_hours = choose ("hourly=100", zone, spring[23], spring, 24);
  spring_days = choose ("daily=9", zone, spring[23], spring, 24);
  for (unsigned i = 0; i < 24; i++)
    n += spring_hours[i] == '1';
  g_assert_cmpuint (n, ==, 24);
  g_assert_cmpstr (spring_days + 21, ==, "011"); /* 23 hours */
}

/* What was taken while the clock was wrong doesn't push out what was taken since. */
static void
test_clock_set_back (void)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("UTC");
  const int64_t now = at (zone, 6, 1, 12, 0);
  const int64_t times[] = {
    now - 3 * HOUR, now + 400 * DAY, now + 401 * DAY, now - 2 * HOUR, now - HOUR, now
  };
  g_autofree char *stays = choose ("last=2", zone, now, times, 6);

  g_assert_cmpstr (stays, ==, "011011");
}

/* --- in a tree --- */

typedef struct {
  SnapshotTree tree;
  GTimeZone *zone;
  int64_t now;
} Fixture;

static SnapshotNode *
add (Fixture *fixture, SnapshotNode *parent, int64_t age, bool scheduled)
{
  SnapshotNode *node = snapshot_node_new ("a", SNAPSHOT_OFF);

  node->created = fixture->now - age;
  node->scheduled = scheduled;
  if (parent != NULL)
    g_ptr_array_add (parent->children, node);
  g_ptr_array_add (fixture->tree.nodes, node);
  return node;
}

static void
test_tree (void)
{
  Fixture fixture = { .zone = g_time_zone_new_identifier ("UTC"), .now = 20000 * DAY };
  VmSchedule schedule = { .every = 3600 };
  g_autoptr (GPtrArray) old = NULL;
  SnapshotNode *root, *line, *person, *fork, *side, *newest;

  fixture.tree.nodes = g_ptr_array_new_with_free_func ((GDestroyNotify)snapshot_node_free);
  root = add (&fixture, NULL, 9 * DAY, false);
  line = add (&fixture, root, 8 * DAY, true);
  person = add (&fixture, line, 7 * DAY, false);
  fork = add (&fixture, person, 6 * DAY, true); /* work goes on from there twice */
  side = add (&fixture, fork, 5 * DAY, true);
  fixture.tree.current = add (&fixture, fork, 4 * DAY, true); /* went back there */
  add (&fixture, NULL, 3 * DAY, true)->trouble = g_strdup ("broken");
  newest = add (&fixture, side, DAY, true);
  schedule.keep[VM_KEEP_LAST] = 1;

  old = snapshot_schedule_find_old (&fixture.tree, &schedule, fixture.zone, fixture.now);
  g_assert_cmpuint (old->len, ==, 2);
  g_assert_true (old->pdata[0] == line && old->pdata[1] == side);
  g_assert_cmpint (snapshot_schedule_last (&fixture.tree, fixture.now), ==, newest->created);
  g_assert_cmpint (snapshot_schedule_last (&fixture.tree, fixture.now - 2 * DAY), ==, fixture.now - 4 * DAY);
  g_ptr_array_unref (fixture.tree.nodes);
  g_time_zone_unref (fixture.zone);
}

/* --- text --- */

static void
test_text (void)
{
  static const struct {
    const char *text;
    unsigned seconds;
  } good[] = { { "15m", 900 },   { "1h", 3600 },   { "36h", 129600 },
               { "2d", 172800 }, { "1w", 604800 }, { "366d", 366 * 86400 } };
  static const char *const bad[] = {
    "", "h", "1", "0h", "-1h", "1s", "1.5h", "1 h", "367d", "53w", "h1", "1hh", "99999999999999999999h"
  };
  static const char *const bad_rules[] = {
    "", "hourly", "hourly=", "hourly=0", "yearly=1", "hourly=1001", "hourly=1,,", "hour=1", "hourlyx=1"
  };
  VmSchedule schedule;
  g_autofree char *text = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *back = vm_schedule_format_every (good[i].seconds);

      g_assert_cmpuint (vm_schedule_parse_every (good[i].text, NULL), ==, good[i].seconds);
      g_assert_cmpuint (vm_schedule_parse_every (back, NULL), ==, good[i].seconds);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_cmpuint (vm_schedule_parse_every (bad[i], NULL), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (bad_rules); i++)
    g_assert_false (vm_schedule_parse_keep (bad_rules[i], &schedule, NULL));
  g_assert_true (vm_schedule_parse_keep ("daily=7,last=2", &schedule, NULL));
  text = vm_schedule_format_keep (&schedule);
  g_assert_cmpstr (text, ==, "last=2,daily=7");
}

#define MACHINE                                                                                              \
  "{ \"bonsai\": 1, \"uuid\": \"0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11\", \"name\": \"x\", \"memory\": 64, "   \
  "\"cpus\": 1, "

static void
test_vm_json (void)
{
  static const char text[] = MACHINE "\"at-host-shutdown\": \"shutdown\", \"schedule\": { \"every\": \"2h\", "
                                     "\"later\": 1, \"keep\": { \"daily\": 3, \"yearly\": 9 } } }";
  static const struct {
    const char *schedule, *complaint;
  } bad[] = {
    { "{}", "schedule.every" },
    { "{ \"every\": \"5\" }", "schedule.every" },
    { "{ \"every\": \"1h\", \"keep\": {} }", "schedule.keep" },
    { "{ \"every\": \"1h\", \"keep\": { \"daily\": 2000 } }", "schedule.keep.daily" },
    { "[]", "schedule" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = vm_config_parse (text, strlen (text), "vm.json", &error);
  g_autoptr (VmConfig) copy = NULL, again = NULL;
  g_autofree char *written = NULL, *without = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (config->schedule.every, ==, 7200);
  g_assert_cmpuint (config->schedule.keep[VM_KEEP_DAILY], ==, 3);
  g_assert_cmpuint (config->schedule.keep[VM_KEEP_HOURLY], ==, 0);
  g_assert_cmpint (config->at_host_shutdown, ==, VM_AT_SHUTDOWN_SHUTDOWN);
  copy = vm_config_copy (config);
  copy->schedule.disks_only = true;
  copy->schedule.keep[VM_KEEP_LAST] = 5;
  written = vm_config_to_json (copy);
  again = vm_config_parse (written, strlen (written), "vm.json", &error);
  g_assert_no_error (error);
  g_assert_cmpmem (&again->schedule, sizeof again->schedule, &copy->schedule, sizeof copy->schedule);
  g_assert_cmpint (again->at_host_shutdown, ==, VM_AT_SHUTDOWN_SHUTDOWN);
  g_assert_nonnull (strstr (written, "\"later\""));
  g_assert_nonnull (strstr (written, "\"yearly\""));
  again->schedule = (VmSchedule){ 0 };
  without = vm_config_to_json (again);
  g_assert_null (strstr (without, "schedule"));

  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *broken = g_strdup_printf (MACHINE "\"schedule\": %s }", bad[i].schedule);

      g_assert_null (vm_config_parse (broken, strlen (broken), "vm.json", &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, bad[i].complaint));
      g_clear_error (&error);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule/next", test_next);
  g_test_add_func ("/schedule/rules", test_rules);
  g_test_add_func ("/schedule/weeks", test_weeks);
  g_test_add_func ("/schedule/summer-time", test_summer_time);
  g_test_add_func ("/schedule/clock-set-back", test_clock_set_back);
  g_test_add_func ("/schedule/tree", test_tree);
  g_test_add_func ("/schedule/text", test_text);
  g_test_add_func ("/schedule/vm-json", test_vm_json);
  return g_test_run ();
}
