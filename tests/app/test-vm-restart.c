/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Machines whose guests crash start again by themselves, after pauses that grow. Needs KVM, of any kind. */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/library/library.h"
#include "tests/app/library-fixture.h"
#include "tests/app/scratch.h"
#include "tests/app/tiny-guest.h"

#include <string.h>

/* mov dx, 0x505; mov al, 1; out dx, al; cli; hlt; jmp: the kernel panics, and would stand there forever */
static const guint8 panic_code[] = { 0x66, 0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xfa, 0xf4, 0xeb, 0xfd };
/* cli; lidt of zeroes; ud2: a triple fault */
static const guint8 crash_code[] = { 0xfa, 0x0f, 0x01, 0x1d, 0x00, 0x00, 0x50, 0x00, 0x0f, 0x0b };

#define MAX_STARTS 8

/* When it ran, and when it had crashed. */
typedef struct {
  gint64 started[MAX_STARTS], ended[MAX_STARTS]; /* µs */
  unsigned n_started, n_ended;
} Diary;

static void
on_state (BonsaiVm *vm, GParamSpec *pspec, Diary *diary)
{
  BonsaiState state = bonsai_vm_get_state (vm);

  if (state == BONSAI_STATE_STARTING && diary->n_started == diary->n_ended && diary->n_started < MAX_STARTS)
    diary->started[diary->n_started++] = g_get_monotonic_time ();
  if (state == BONSAI_STATE_CRASHED && diary->n_ended < diary->n_started)
    diary->ended[diary->n_ended++] = g_get_monotonic_time ();
}

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

/* It may be over before the start is told. */
static void
start (BonsaiVm *vm)
{
  g_autoptr (GError) error = NULL;

  if (!tiny_guest_start (vm, &error))
    g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING);
}

/* @code: what its guest does. */
static void
crash_again_and_again (LibraryFixture *fixture, const char *name, const guint8 *code, gsize length,
                       BonsaiReason reason)
{
  BonsaiVm *vm = tiny_guest_create (fixture, name, code, length);
  g_autoptr (GError) error = NULL;
  g_auto (BundleRun) run = { 0 };
  Diary diary = { 0 };

  give_policy (vm, "{ \"restart\" : {} }");
  g_signal_connect (vm, "notify::state", G_CALLBACK (on_state), &diary);
  start (vm);
  wait_until (diary.n_ended == 3 && !bonsai_vm_is_hosted_here (vm));
  g_assert_cmpint (bonsai_vm_get_reason (vm), ==, reason);

  /* Soon at first, then later and later. */
  g_assert_cmpint (diary.started[1] - diary.ended[0], <, 5 * G_USEC_PER_SEC);
  g_assert_cmpint (diary.started[1] - diary.ended[0], >=, 900 * 1000);
  g_assert_cmpint (diary.started[2] - diary.ended[1], >=, 1900 * 1000);

  /* What is to come is on record, and can be called off from anywhere. */
  wait_until (bonsai_vm_is_restarting (vm));
  bundle_read_run (bonsai_vm_get_path (vm), &run);
  g_assert_cmpuint (run.failures, ==, 3);
  g_assert_cmpint (run.restart_at, ==, bonsai_vm_get_restart_time (vm));
  g_assert_nonnull (strstr (bonsai_vm_get_state_text (vm), "starts again"));
  run.restart_at = 0;
  g_assert_true (bundle_write_run (bonsai_vm_get_path (vm), &run, &error));
  wait_until (!bonsai_vm_is_restarting (vm));
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_CRASHED);
  g_assert_cmpuint (diary.n_started, ==, 3);

  /* Whoever starts it himself begins anew; and may call off what comes next. */
  start (vm);
  wait_until (bonsai_vm_is_restarting (vm));
  bundle_run_clear (&run);
  bundle_read_run (bonsai_vm_get_path (vm), &run);
  g_assert_cmpuint (run.failures, ==, 1);
  g_assert_true (bonsai_vm_cancel_restart (vm, &error));
  g_assert_false (bonsai_vm_is_restarting (vm));
  g_assert_cmpint (bonsai_vm_get_restart_time (vm), ==, 0);
}

static void
test_panic (LibraryFixture *fixture, gconstpointer data)
{
  crash_again_and_again (fixture, "panic", panic_code, sizeof panic_code, BONSAI_REASON_GUEST_PANIC);
}

static void
test_triple_fault (LibraryFixture *fixture, gconstpointer data)
{
  crash_again_and_again (fixture, "crash", crash_code, sizeof crash_code, BONSAI_REASON_TRIPLE_FAULT);
}

/* It doesn't go on forever if its owner doesn't want it to. */
static void
test_given_up (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create (fixture, "panic", panic_code, sizeof panic_code);
  Diary diary = { 0 };

  give_policy (vm, "{ \"restart\" : { \"tries\" : 1 } }");
  g_signal_connect (vm, "notify::state", G_CALLBACK (on_state), &diary);
  start (vm);
  wait_until (diary.n_ended == 2 && !bonsai_vm_is_hosted_here (vm));
  g_assert_false (bonsai_vm_is_restarting (vm));
  g_assert_cmpint (bonsai_vm_get_restart_time (vm), ==, 0);
}

/* Nobody's crash, and what has no policy, is left alone. */
static void
test_left_alone (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create (fixture, "crash", crash_code, sizeof crash_code);
  BonsaiVm *sleeper = tiny_guest_create_sleeper (fixture);
  g_autoptr (GError) error = NULL;

  start (vm);
  wait_until (!bonsai_vm_is_hosted_here (vm));
  g_assert_false (bonsai_vm_is_restarting (vm));
  give_policy (sleeper, "{ \"restart\" : {} }");
  start (sleeper);
  g_assert_true (tiny_guest_control (sleeper, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (sleeper));
  g_assert_false (bonsai_vm_is_restarting (sleeper));
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (LibraryFixture *, gconstpointer);
  } tests[] = {
    { "/vm-restart/panic", test_panic },
    { "/vm-restart/triple-fault", test_triple_fault },
    { "/vm-restart/given-up", test_given_up },
    { "/vm-restart/left-alone", test_left_alone },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, LibraryFixture, NULL, library_fixture_set_up, tests[i].test,
                library_fixture_tear_down);
  return g_test_run ();
}
