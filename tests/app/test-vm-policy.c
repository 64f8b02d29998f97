/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies of machines that run here: caps hold, rules act on real load and take it back. Needs KVM, of any
 * kind. */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/library/library.h"
#include "tests/app/library-fixture.h"
#include "tests/app/scratch.h"
#include "tests/app/tiny-guest.h"

#include <string.h>

/* jmp: it is as busy as can be */
static const guint8 busy_code[] = { 0xeb, 0xfe };

#define TELL "#!/bin/sh\necho $BONSAI_MACHINE $BONSAI_RULE $BONSAI_EVENT >> $1\n"

#define PATIENCE 60 /* seconds: samples are taken every 5 */

#define wait_for_long(condition)                                                                             \
  do                                                                                                         \
    {                                                                                                        \
      gint64 end_ = g_get_monotonic_time () + PATIENCE * G_USEC_PER_SEC;                                     \
      guint source_ = g_timeout_add (50, (GSourceFunc)scratch_tick, NULL);                                   \
      while (!(condition) && g_get_monotonic_time () < end_)                                                 \
        g_main_context_iteration (NULL, TRUE);                                                               \
      g_source_remove (source_);                                                                             \
      g_assert_true (condition);                                                                             \
    }                                                                                                        \
  while (0)

static void
give_policy (BonsaiVm *vm, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmPolicy) policy = vm_policy_parse (text, strlen (text), "policy", &error);
  g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (vm));

  g_assert_no_error (error);
  vm_config_set_policy (config, policy);
  g_assert_true (bonsai_vm_save_config (vm, config, &error));
  g_assert_no_error (error);
}

static void
start (BonsaiVm *vm)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tiny_guest_start (vm, &error));
  g_assert_no_error (error);
}

static void
stop (BonsaiVm *vm)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (vm));
}

static void
look (BonsaiVm *vm, Counters *counters)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree Counters *found = NULL;

  bonsai_session_get_counters_async (bonsai_vm_get_session (vm), NULL, tiny_guest_keep_result, &result);
  wait_until (result != NULL);
  found = bonsai_session_get_counters_finish (bonsai_vm_get_session (vm), result, NULL);
  g_assert_nonnull (found);
  *counters = *found;
}

/* How many processors it keeps busy, in the next two seconds. */
static double
measure (BonsaiVm *vm)
{
  gint64 end = g_get_monotonic_time () + 2 * G_USEC_PER_SEC;
  Counters before, after;
  double rate;

  look (vm, &before);
  wait_until (g_get_monotonic_time () >= end);
  look (vm, &after);
  rate = counters_rate (&before, &after, COUNTER_CPU_TIME);
  g_test_message ("%.3f of a processor", rate);
  return rate;
}

/* The share is a limit: a host that is busy may give less. */
static void
test_cap (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create (fixture, "busy", busy_code, sizeof busy_code);

  start (vm);
  give_policy (vm, "{ \"cpu-cap\" : \"25%\" }"); /* of a machine that runs */
  g_assert_cmpfloat (measure (vm), <, 0.29);
  give_policy (vm, "{ \"cpu-cap\" : \"5%\" }");
  g_assert_cmpfloat (measure (vm), <, 0.08);
  /* It can be paused, and goes on, in the middle of its rest. */
  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_PAUSE, 0, NULL));
  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_RESUME, 0, NULL));
  g_assert_cmpfloat (measure (vm), <, 0.08);
  give_policy (vm, "{ }");
  wait_for_long (measure (vm) > 0.08);
  stop (vm);
}

/* It fires on real load, does what it is to, to others as well, and takes it back. */
static void
test_rule (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create (fixture, "busy", busy_code, sizeof busy_code);
  BonsaiVm *other = tiny_guest_create (fixture, "other", busy_code, sizeof busy_code);
  g_autofree char *said = g_build_filename (fixture->scratch, "said", NULL), *text = NULL;
  g_autofree char *policy = g_strdup_printf (
    "{ \"rules\" : [ { \"name\" : \"much\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : \"4%%\", \"back\" "
    ": "
    "\"3%%\" } ], \"for\" : \"5s\", \"back-for\" : \"15s\", \"then\" : [ { \"do\" : \"cpu-cap\", \"to\" : "
    "\"1%%\" }, { \"do\" : "
    "\"cpu-cap\", "
    "\"machine\" : \"other\", \"to\" : \"1%%\" }, { \"do\" : \"notify\" }, { \"do\" : \"run\", \"command\" "
    ": [ "
    "\"tell\", \"%s\" ] } ] } ] }",
    said);
  g_autofree char *programs = g_build_filename (g_get_user_config_dir (), "bonsai", "programs", NULL);
  g_autofree char *program = g_build_filename (programs, "tell", NULL);

  g_assert_cmpint (g_mkdir_with_parents (programs, 0700), ==, 0);
  g_assert_true (g_file_set_contents_full (program, TELL, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));

  give_policy (vm, policy);
  start (other);
  start (vm);
  wait_for_long (g_file_get_contents (said, &text, NULL, NULL) && text[0] != '\0');
  g_assert_cmpstr (text, ==, "busy much fired\n");
  g_assert_cmpfloat (measure (vm), <, 0.025);
  g_assert_cmpfloat (measure (other), <, 0.025);
  /* Capped, it is below that soon: the rule is over, and begins anew. */
  g_clear_pointer (&text, g_free);
  wait_for_long (g_file_get_contents (said, &text, NULL, NULL) && strstr (text, "over") != NULL);
  g_assert_true (g_str_has_prefix (text, "busy much fired\nbusy much over\n"));
  /* What goes takes its caps with it. */
  stop (vm);
  wait_for_long (measure (other) > 0.025);
  stop (other);
}

/* A machine that starts while another's rule caps it is capped, each time. */
static void
test_late (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create (fixture, "busy", busy_code, sizeof busy_code);
  BonsaiVm *other = tiny_guest_create (fixture, "other", busy_code, sizeof busy_code);
  g_autofree char *said = g_build_filename (fixture->scratch, "said", NULL), *text = NULL;
  g_autofree char *policy =
    g_strdup_printf ("{ \"rules\" : [ { \"name\" : \"much\", \"when\" : [ { \"what\" : \"cpu\", \"over\" : "
                     "\"2%%\" } ], \"for\" : \"5s\", "
                     "\"then\" : [ { \"do\" : \"cpu-cap\", \"machine\" : \"other\", \"to\" : \"1%%\" }, "
                     "{ \"do\" : \"run\", \"command\" : [ \"tell\", \"%s\" ] } ] } ] }",
                     said);
  g_autofree char *programs = g_build_filename (g_get_user_config_dir (), "bonsai", "programs", NULL);
  g_autofree char *program = g_build_filename (programs, "tell", NULL);

  g_assert_cmpint (g_mkdir_with_parents (programs, 0700), ==, 0);
  g_assert_true (g_file_set_contents_full (program, TELL, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
  give_policy (vm, policy);
  start (vm);
  wait_for_long (g_file_get_contents (said, &text, NULL, NULL) && text[0] != '\0');
  for (unsigned i = 0; i < 2; i++)
    {
      start (other);
      wait_for_long (measure (other) < 0.025);
      stop (other);
    }
  stop (vm);
  start (other);
  wait_for_long (measure (other) > 0.025);
  stop (other);
}

static void
test_idle (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);

  give_policy (vm, "{ \"idle-suspend\" : { \"after\" : \"10s\" } }");
  start (vm);
  wait_for_long (!bonsai_vm_is_hosted_here (vm));
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_SUSPENDED);
  /* And it goes on from there. */
  give_policy (vm, "{ }");
  start (vm);
  stop (vm);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (LibraryFixture *, gconstpointer);
  } tests[] = {
    { "/vm-policy/cap", test_cap },
    { "/vm-policy/rule", test_rule },
    { "/vm-policy/late", test_late },
    { "/vm-policy/idle", test_idle },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  scratch_env (scratch, "XDG_CONFIG_HOME");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, LibraryFixture, NULL, library_fixture_set_up, tests[i].test,
                library_fixture_tear_down);
  return g_test_run ();
}
