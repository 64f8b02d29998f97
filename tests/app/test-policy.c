/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies: what is refused and where, when rules fire by a clock of the test's, and how restarts back off.
 */
#include "app/base/error.h"
#include "app/bundle/vm-config.h"
#include "app/policy/back-off.h"
#include "app/policy/evaluator.h"
#include "app/history/host-power.h"
#include "tests/app/scratch.h"

#include <math.h>
#include <string.h>

#define STEP 5

static VmPolicy *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  VmPolicy *policy = vm_policy_parse (text, strlen (text), "policy", &error);

  g_assert_no_error (error);
  return policy;
}

/* --- what is refused --- */

static void
test_errors (void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    { "[]", "policy:1:1: must be an object" },
    { "{\n \"rulez\" : [] }", "policy:2:12: rulez: is unknown" },
    { "{ \"rules\" : {} }", "rules: must be a list" },
    { "{ \"rules\" : [ {} ] }", "rules[0].name: missing" },
    { "{ \"rules\" : [ { \"name\" : \"a\",\n \"fro\" : \"1m\" } ] }",
      "policy:2:10: rules[0].fro: is unknown" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [] } ] }", "rules[0].when: must have 1 to 4" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cup\" } ] } ] }",
      "rules[0].when[0].what: “cup” is unknown" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\" } ] } ] }",
      "rules[0].when[0].over: missing" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : 90 } ] } ] }",
      "rules[0].when[0].over: must be a string" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"190%\" } ] } ] }",
      "rules[0].when[0].over: “190%” is no share" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"nan%\" } ] } ] }",
      "rules[0].when[0].over: “nan%” is no share" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"host-temperature\", \"over\" : \"85\" "
      "} ] } ] }",
      "rules[0].when[0].over: “85” is no temperature" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"50%\", \"back\" : "
      "\"60%\" } ] } ] }",
      "rules[0].when[0].back: must be no higher than “over”" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"50%\" } ], "
      "\"for\" : "
      "\"5\" } ] }",
      "rules[0].for: “5” is no time" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"50%\" } ] } ] }",
      "rules[0].then: missing" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"50%\" } ], "
      "\"then\" : [ "
      "{ \"do\" : \"run\", \"command\" : [ \"/bin/rm\" ] } ] } ] }",
      "rules[0].then[0].command: “/bin/rm” must be the name of a program in your folder" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"50%\" } ], "
      "\"then\" : [ "
      "{ \"do\" : \"cpu-cap\", \"to\" : \"0%\" } ] } ] }",
      "rules[0].then[0].to: must be 1% at least" },
    { "{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"50%\" } ], "
      "\"then\" : [ "
      "{ \"do\" : \"suspend\", \"to\" : \"0%\" } ] } ] }",
      "rules[0].then[0].to: is unknown" },
    { "{ \"restart\" : { \"first\" : \"10m\", \"longest\" : \"1m\" } }", "restart.longest: must be no less" },
    { "{ \"idle-suspend\" : { } }", "idle-suspend.after: missing" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (vm_policy_parse (cases[i].text, strlen (cases[i].text), "policy", &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
      if (strstr (error->message, cases[i].message) == NULL)
        g_error ("“%s” instead of “%s”", error->message, cases[i].message);
    }
}

/* In vm.json, with its line; and what is right comes back. */
static void
test_machine (void)
{
  static const char head[] =
    "{ \"bonsai\" : 1, \"uuid\" : \"0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11\",\n\"name\" : \"a\", "
    "\"memory\" : \"64M\", \"cpus\" : 1,\n\"policy\" : ";
  g_autofree char *wrong = g_strconcat (head, "{ \"cpu-cap\" :\n\"half\" } }", NULL);
  g_autofree char *right = g_strconcat (head, "{ \"cpu-cap\" : \"50%\", \"restart\" : {} } }", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = NULL, again = NULL, copy = NULL;
  g_autofree char *json = NULL;

  g_assert_null (vm_config_parse (wrong, strlen (wrong), "vm.json", &error));
  g_assert_nonnull (strstr (error->message, "vm.json:4:1: policy.cpu-cap: “half” is no share"));
  g_clear_error (&error);
  config = vm_config_parse (right, strlen (right), "vm.json", &error);
  g_assert_no_error (error);
  copy = vm_config_copy (config);
  json = vm_config_to_json (copy);
  again = vm_config_parse (json, strlen (json), "vm.json", &error);
  g_assert_no_error (error);
  g_assert_true (again->policy->restart.enabled);
  g_assert_cmpfloat (again->policy->cpu_cap, ==, 0.5);
}

static void
test_parts (void)
{
  g_autoptr (VmPolicy) empty = vm_policy_new (), capped = NULL, again = NULL;
  g_autoptr (GError) error = NULL;

  capped = vm_policy_with (empty, "cpu-cap", json_node_init_string (json_node_alloc (), "20%"), &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (capped->cpu_cap, ==, 0.2);
  g_assert_true (vm_policy_is_empty (empty));
  again = vm_policy_with (capped, "cpu-cap", NULL, &error);
  g_assert_no_error (error);
  g_assert_true (vm_policy_is_empty (again));
  g_clear_pointer (&again, vm_policy_unref);
  again = vm_policy_with (capped, "start-on-demand", json_node_init_boolean (json_node_alloc (), TRUE), &error);
  g_assert_no_error (error);
  g_assert_true (again->on_demand && !capped->on_demand);
  g_assert_null (vm_policy_with (capped, "cpu-cap", json_node_init_string (json_node_alloc (), "x"), &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
}

/* --- when rules fire --- */

typedef struct {
  Evaluator *evaluator;
  PolicySample sample;
  GString *said; /* "+busy@60 -busy@120 " */
} Walk;

static void
say (const PolicyFiring *firing, void *data)
{
  g_string_append_printf (data, "%c%s@%" G_GINT64_FORMAT " ", firing->back ? '-' : '+', firing->rule->name,
                          firing->time);
}

static Walk
walk_new (const char *text)
{
  g_autoptr (VmPolicy) policy = parse (text);

  return (Walk){ evaluator_new (policy), { .step = STEP }, g_string_new (NULL) };
}

static void
walk_clear (Walk *walk)
{
  evaluator_free (walk->evaluator);
  g_string_free (walk->said, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Walk, walk_clear)

/* So many seconds with that value of all metrics. */
static void
go_on (Walk *walk, gint64 seconds, double value)
{
  for (gint64 end = walk->sample.time + seconds; walk->sample.time < end;)
    {
      walk->sample.time += STEP;
      for (unsigned i = 0; i < VM_N_METRICS; i++)
        walk->sample.values[i] = value;
      evaluator_feed (walk->evaluator, &walk->sample, say, walk->said);
    }
}

static void
assert_said (Walk *walk, const char *said)
{
  g_assert_cmpstr (walk->said->str, ==, said);
  g_string_truncate (walk->said, 0);
}

#define BUSY                                                                                                 \
  "{ \"rules\" : [ { \"name\" : \"busy\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"90%\", \"back\" "  \
  ": \"70%\" } ], "                                                                                          \
  "\"for\" : \"60s\", \"back-for\" : \"30s\", \"then\" : [ { \"do\" : \"notify\" } ] } ] }"

static void
test_hold_and_hysteresis (void)
{
  g_auto (Walk) walk = walk_new (BUSY);

  go_on (&walk, 55, 0.95);
  assert_said (&walk, "");
  go_on (&walk, 5, 0.85); /* one sample is enough to begin anew */
  go_on (&walk, 55, 0.95);
  assert_said (&walk, "");
  go_on (&walk, 5, 0.95);
  assert_said (&walk, "+busy@120 ");
  g_assert_true (evaluator_has_fired (walk.evaluator, "busy"));
  go_on (&walk, 600, 0.99); /* once */
  go_on (&walk, 600, 0.8);  /* in between: not over */
  go_on (&walk, 25, 0.6);
  go_on (&walk, 5, 0.75); /* not for long enough */
  assert_said (&walk, "");
  go_on (&walk, 30, 0.6);
  assert_said (&walk, "-busy@1380 ");
  go_on (&walk, 60, 0.95);
  assert_said (&walk, "+busy@1440 ");
}

/* What isn't known, and time in which the machine stood, say nothing. */
static void
test_gaps (void)
{
  g_auto (Walk) walk = walk_new (BUSY);

  go_on (&walk, 40, 0.95);
  go_on (&walk, 5, NAN);
  go_on (&walk, 40, 0.95);
  assert_said (&walk, "");
  walk.sample.time += 3600; /* the host slept */
  go_on (&walk, 55, 0.95);
  assert_said (&walk, "");
  go_on (&walk, 5, 0.95);
  assert_said (&walk, "+busy@3745 ");
  go_on (&walk, 20, 0.1);
  go_on (&walk, 5, NAN);
  go_on (&walk, 25, 0.1);
  assert_said (&walk, "");
  walk.sample.time -= 1000; /* a clock that was set back */
  go_on (&walk, 500, 0.1);
  assert_said (&walk, "");
}

/* A sample that is a bit late is none. */
static void
test_late_samples (void)
{
  g_auto (Walk) walk = walk_new (BUSY);

  for (unsigned i = 0; i < 6; i++)
    {
      go_on (&walk, 5, 0.95);
      walk.sample.time += 5;
    }
  go_on (&walk, 5, 0.95);
  assert_said (&walk, "+busy@65 ");
}

static void
test_idle (void)
{
  g_auto (Walk) walk = walk_new ("{ \"idle-suspend\" : { \"after\" : \"10m\" } }");

  g_assert_true (evaluator_needs (walk.evaluator, VM_METRIC_CPU));
  g_assert_true (evaluator_needs (walk.evaluator, VM_METRIC_NETWORK));
  g_assert_false (evaluator_needs (walk.evaluator, VM_METRIC_HOST_CPU));
  go_on (&walk, 595, 0.01);
  walk.sample.watched = true; /* somebody looks */
  go_on (&walk, 3600, 0.01);
  walk.sample.watched = false;
  go_on (&walk, 595, 0.01);
  assert_said (&walk, "");
  go_on (&walk, 5, 0.01);
  assert_said (&walk, "+idle@4795 ");
}

static void
test_all_conditions (void)
{
  g_auto (Walk) walk = walk_new ("{ \"rules\" : [ { \"name\" : \"a\", \"when\" : [ { \"what\" : \"cpu\", "
                                 "\"over\" : \"50%\" }, { \"what\" : \"disk\", "
                                 "\"under\" : \"1K\" } ], \"for\" : \"10s\", \"then\" : [ { \"do\" : "
                                 "\"suspend\" } ] }, { \"name\" : \"b\", \"when\" : [ { "
                                 "\"what\" : \"network\", \"over\" : \"1M\" } ], \"for\" : \"10s\", \"then\" "
                                 ": [ { \"do\" : \"notify\" } ] } ] }");

  go_on (&walk, 60, 2e6); /* the processor is busy, but so is the disk */
  assert_said (&walk, "+b@10 ");
  go_on (&walk, 60, 1);
  assert_said (&walk, "+a@70 -b@70 ");
}

/* --- restarts --- */

static void
test_back_off (void)
{
  g_autoptr (VmPolicy) policy = parse ("{ \"restart\" : {} }"), off = vm_policy_new ();
  const VmRestart *restart = &policy->restart;
  gint64 waited = 0;
  unsigned failures = 0;

  /* A crash loop: 1, 2, 4, … 300, 300 seconds. */
  for (unsigned i = 0; i < 100; i++)
    {
      int delay;

      failures = back_off_count (restart, failures, 0);
      delay = back_off_delay (restart, failures);
      g_assert_cmpint (delay, ==, MIN (i < 20 ? 1 << i : 300, 300));
      waited += delay;
    }
  g_assert_cmpint (waited, >, 90 * 300);
  /* A run that is long, but not long enough, doesn't end the row. */
  g_assert_cmpuint (back_off_count (restart, failures, 599), ==, 101);
  g_assert_cmpuint (back_off_count (restart, failures, 600), ==, 1);
  g_assert_cmpuint (back_off_count (restart, G_MAXUINT, 0), ==, G_MAXUINT);
  g_assert_cmpint (back_off_delay (restart, G_MAXUINT), ==, 300);
  g_assert_cmpint (back_off_delay (&off->restart, 1), ==, -1);
}

/* Runs that are as short as the pauses before them are in a row, whatever "settled" says. */
static void
test_defeat (void)
{
  g_autoptr (VmPolicy) policy = parse (
    "{ \"restart\" : { \"first\" : \"1s\", \"longest\" : \"1h\", \"settled\" : \"1s\", \"tries\" : 12 } }");
  unsigned failures = 0;

  for (unsigned i = 0; i < 12; i++)
    {
      failures = back_off_count (&policy->restart, failures, i == 0 ? 0 : (1 << (i - 1)) - 1);
      g_assert_cmpint (back_off_delay (&policy->restart, failures), ==, MIN (1 << i, 3600));
    }
  g_assert_cmpint (back_off_delay (&policy->restart, back_off_count (&policy->restart, failures, 5)), ==, -1);
}

static void
put (const char *sysfs, const char *file, const char *text)
{
  g_autofree char *path = g_build_filename (sysfs, "class", file, NULL), *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* A laptop with two batteries, and a mouse with its own; then one that is plugged in; a desktop; nothing. */
static void
test_power (void)
{
  g_autoptr (Scratch) laptop = scratch_new (), desktop = scratch_new ();
  HostPower power;

  put (laptop, "power_supply/BAT0/type", "Battery\n");
  put (laptop, "power_supply/BAT0/capacity", "40\n");
  put (laptop, "power_supply/BAT0/status", "Discharging\n");
  put (laptop, "power_supply/BAT1/type", "Battery\n");
  put (laptop, "power_supply/BAT1/capacity", "20\n");
  put (laptop, "power_supply/BAT1/status", "Not charging\n");
  put (laptop, "power_supply/AC/type", "Mains\n");
  put (laptop, "power_supply/AC/online", "0\n");
  put (laptop, "power_supply/hid-mouse/type", "Battery\n");
  put (laptop, "power_supply/hid-mouse/scope", "Device\n");
  put (laptop, "power_supply/hid-mouse/capacity", "90\n");
  put (laptop, "power_supply/hid-mouse/status", "Discharging\n");
  put (laptop, "thermal/thermal_zone0/temp", "45000\n");
  put (laptop, "thermal/thermal_zone1/temp", "81500\n");
  put (laptop, "thermal/thermal_zone2/temp", "-273200\n"); /* no sensor */
  put (laptop, "thermal/cooling_device0/temp", "99000\n");
  power = host_power_read (laptop);
  g_assert_cmpfloat_with_epsilon (power.charge, 0.3, 1e-9);
  g_assert_cmpfloat (power.on_battery, ==, 1);
  g_assert_cmpfloat (power.temperature, ==, 81.5);
  put (laptop, "power_supply/AC/online", "1\n");
  g_assert_cmpfloat (host_power_read (laptop).on_battery, ==, 0);
  put (desktop, "power_supply/AC/type", "Mains\n");
  power = host_power_read (desktop);
  g_assert_cmpfloat (power.on_battery, ==, 0);
  g_assert_true (isnan (power.charge) && isnan (power.temperature));
  g_assert_true (isnan (host_power_read ("/nowhere").on_battery));
}

static void
say_name (const PolicyFiring *firing, void *data)
{
  g_string_append_printf (data, "%c%s", firing->back ? '-' : '+', firing->rule->name);
}

/* Unplugged and nearly empty for a minute: it fires; plugged in again: it is over. */
static void
test_battery (void)
{
  g_auto (Walk) walk = walk_new (
    "{ \"rules\" : [ { \"name\" : \"empty\", \"when\" : [ { \"what\" : \"host-on-battery\", \"over\" : "
    "\"50%\" },"
    " { \"what\" : \"host-battery\", \"under\" : \"10%\", \"back\" : \"15%\" } ], \"for\" : \"1m\","
    " \"then\" : [ { \"do\" : \"suspend\" } ] }, { \"name\" : \"hot\", \"when\" : [ { \"what\" :"
    " \"host-temperature\", \"over\" : \"85C\", \"back\" : \"70C\" } ], \"then\" : [ { \"do\" : \"cpu-cap\","
    " \"to\" : \"25%\" } ] } ] }");
  const struct {
    double charge, on_battery, temperature;
    const char *said;
  } steps[] = { { NAN, NAN, NAN, "" }, { 0.08, 0, 60, "" },           { 0.08, 1, 60, "+empty" },
                { 0.12, 1, 60, "" },   { 0.12, 0, 90, "-empty+hot" }, { 0.5, 0, 80, "" },
                { 0.5, 0, 69, "-hot" } };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_string_truncate (walk.said, 0);
      for (gint64 end = walk.sample.time + 120; walk.sample.time < end;)
        {
          walk.sample.time += STEP;
          walk.sample.values[VM_METRIC_HOST_BATTERY] = steps[i].charge;
          walk.sample.values[VM_METRIC_HOST_ON_BATTERY] = steps[i].on_battery;
          walk.sample.values[VM_METRIC_HOST_TEMPERATURE] = steps[i].temperature;
          evaluator_feed (walk.evaluator, &walk.sample, say_name, walk.said);
        }
      g_test_message ("%u: %s", i, walk.said->str);
      g_assert_cmpstr (walk.said->str, ==, steps[i].said);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/errors", test_errors);
  g_test_add_func ("/policy/machine", test_machine);
  g_test_add_func ("/policy/parts", test_parts);
  g_test_add_func ("/policy/hold-and-hysteresis", test_hold_and_hysteresis);
  g_test_add_func ("/policy/gaps", test_gaps);
  g_test_add_func ("/policy/late-samples", test_late_samples);
  g_test_add_func ("/policy/idle", test_idle);
  g_test_add_func ("/policy/all-conditions", test_all_conditions);
  g_test_add_func ("/policy/back-off", test_back_off);
  g_test_add_func ("/policy/defeat", test_defeat);
  g_test_add_func ("/policy/power", test_power);
  g_test_add_func ("/policy/battery", test_battery);
  return g_test_run ();
}
