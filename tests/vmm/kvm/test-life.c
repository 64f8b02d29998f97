/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/vmm/kvm/guest.h"

#include "vmm/base/error.h"

#define N_PAUSES 1000

static const GuestConfig counting = { GUEST_CODE_OF (count), .start.rdi = GUEST_DATA };

static void
pause_and_wait (Guest *guest)
{
  machine_pause (guest->machine);
  machine_wait_while (guest->machine, MACHINE_RUNNING, -1);
  guest_wait_state (guest, MACHINE_PAUSED);
}

static void
run_and_wait (Guest *guest)
{
  MachineState before = machine_state (guest->machine);

  machine_run (guest->machine);
  machine_wait_while (guest->machine, before, -1);
  guest_wait_state (guest, MACHINE_RUNNING);
}

/* No access is lost or made twice, whatever moment a pause hits. */
static void
test_pauses (void)
{
  g_autoptr (Guest) guest = guest_new (&counting);
  uint32_t memory_count = 0;

  g_assert_cmpint (machine_state (guest->machine), ==, MACHINE_CREATED);
  for (unsigned i = 0; i < N_PAUSES; i++)
    {
      uint32_t count = guest_count_now (guest);

      run_and_wait (guest);
      if (i % 8 == 0)
        guest_wait_count (guest, count + 1);
      pause_and_wait (guest);
      count = guest_count_now (guest);
      memcpy (&memory_count, guest_data (guest, GUEST_DATA), sizeof memory_count);
      g_assert_cmpuint (memory_count - count, <=, 1);
    }
  g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_USER);
  g_assert_cmpuint (guest->gaps, ==, 0);
  g_assert_cmpuint (guest->n_runs, ==, N_PAUSES);
  g_assert_cmpuint (guest_count_now (guest), >=, N_PAUSES / 8);
}

static void
test_paused_stands_still (void)
{
  g_autoptr (Guest) guest = guest_new (&counting);
  Board *board = machine_board (guest->machine);
  uint32_t count;
  int64_t time;

  run_and_wait (guest);
  guest_wait_count (guest, 10);
  pause_and_wait (guest);
  count = guest_count_now (guest);
  time = vm_clock_now (board->clock);
  g_usleep (20000);
  g_assert_cmpuint (guest_count_now (guest), ==, count);
  g_assert_cmpint (vm_clock_now (board->clock), ==, time);
  run_and_wait (guest);
  guest_wait_count (guest, count + 10);
  g_assert_cmpuint (guest->gaps, ==, 0);
}

/* The button, running and paused; each time the guest starts from 1. */
static void
test_resets (void)
{
  g_autoptr (Guest) guest = guest_new (&counting);

  run_and_wait (guest);
  for (unsigned i = 1; i <= 50; i++)
    {
      machine_reset (guest->machine);
      guest_wait_resets (guest, i);
    }
  guest_wait_count (guest, 5);
  pause_and_wait (guest);
  machine_reset (guest->machine);
  guest_wait_resets (guest, 51);
  g_assert_cmpint (machine_state (guest->machine), ==, MACHINE_PAUSED);
  g_mutex_lock (&guest->lock);
  guest->count = 0;
  g_mutex_unlock (&guest->lock);
  run_and_wait (guest);
  guest_wait_count (guest, 5);
  g_assert_cmpuint (guest->gaps, ==, 0);
}

/* Commands in a heap: each is carried out in turn. */
static void
test_commands_in_a_heap (void)
{
  g_autoptr (Guest) guest = guest_new (&counting);

  for (unsigned i = 0; i < 50; i++)
    {
      machine_run (guest->machine);
      machine_pause (guest->machine);
      machine_reset (guest->machine);
      machine_run (guest->machine);
      machine_reset (guest->machine);
      machine_pause (guest->machine);
    }
  guest_wait_resets (guest, 100);
  machine_run (guest->machine);
  machine_power_off (guest->machine);
  machine_pause (guest->machine);
  machine_run (guest->machine);
  guest_wait_state (guest, MACHINE_ENDED);
  g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_USER);
  g_assert_cmpuint (guest->gaps, ==, 0);
  g_assert_cmpuint (guest->n_runs, ==, 101);
}

static void
test_guest_requests (void)
{
  static const struct {
    unsigned what;
    MachineState state;
    MachineReason reason;
  } cases[] = {
    { GUEST_ASK_POWER_OFF, MACHINE_ENDED, MACHINE_REASON_GUEST_OFF },
    { GUEST_ASK_CRASH, MACHINE_ENDED, MACHINE_REASON_GUEST_PANIC },
    { GUEST_ASK_PAUSE, MACHINE_PAUSED, MACHINE_REASON_IO_ERROR },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (ask), .start.rax = cases[i].what });

      machine_run (guest->machine);
      guest_wait_state (guest, cases[i].state);
      g_assert_cmpint (guest->last.reason, ==, cases[i].reason);
      g_assert_cmpstr (guest->last_message, ==, "The test device asked for it.");
      /* The access that asked was the guest's last. */
      g_assert_cmpuint (guest->accesses->len, ==, 0);
    }
}

/* What becomes of a guest in trouble is its owner's choice. */
static void
test_guest_in_trouble (void)
{
  static const struct {
    unsigned what;
    MachineState state;
    MachineReason reason;
  } cases[] = {
    { GUEST_ASK_PANIC + BOARD_ACTION_PAUSE, MACHINE_PAUSED, MACHINE_REASON_GUEST_PANIC },
    { GUEST_ASK_PANIC + BOARD_ACTION_POWER_OFF, MACHINE_ENDED, MACHINE_REASON_GUEST_PANIC },
    { GUEST_ASK_WATCHDOG + BOARD_ACTION_PAUSE, MACHINE_PAUSED, MACHINE_REASON_WATCHDOG },
    { GUEST_ASK_WATCHDOG + BOARD_ACTION_POWER_OFF, MACHINE_ENDED, MACHINE_REASON_WATCHDOG },
  };
  GuestConfig config = { GUEST_CODE_OF (ask) };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Guest) guest = NULL;

      config.start.rax = cases[i].what;
      guest = guest_new (&config);
      machine_run (guest->machine);
      guest_wait_state (guest, cases[i].state);
      g_assert_cmpint (guest->last.reason, ==, cases[i].reason);
      g_assert_cmpstr (guest->last_message, ==, "The test device is in trouble.");
      g_assert_cmpuint (guest->accesses->len, ==, 0);
    }

  config.start.rax = GUEST_ASK_WATCHDOG + BOARD_ACTION_RESET;
  {
    g_autoptr (Guest) guest = guest_new (&config);

    machine_run (guest->machine);
    guest_wait_resets (guest, 3);
    g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_WATCHDOG);
  }
}

/* Told only: the guest goes on as if nothing had been. */
static void
test_guest_in_trouble_goes_on (void)
{
  g_autoptr (Guest) guest =
    guest_new (&(GuestConfig) { GUEST_CODE_OF (ask), .start.rax = GUEST_ASK_PANIC + BOARD_ACTION_NOTIFY });

  machine_run (guest->machine);
  guest_wait_news (guest, 1);
  g_assert_cmpint (guest->last.state, ==, MACHINE_RUNNING);
  g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_GUEST_PANIC);
  guest_wait_accesses (guest, 1);
  g_assert_cmpint (machine_state (guest->machine), ==, MACHINE_RUNNING);
}

static void
test_guest_resets (void)
{
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (ask), .start.rax = GUEST_ASK_RESET });

  machine_run (guest->machine);
  guest_wait_resets (guest, 200);
  g_assert_cmpuint (guest->accesses->len, ==, 0);
  machine_power_off (guest->machine);
  guest_wait_state (guest, MACHINE_ENDED);
}

/* Two machines in one process: the end of one is nothing to the other. */
static void
test_triple_fault (void)
{
  g_autoptr (Guest) lasting = guest_new (&counting);

  run_and_wait (lasting);
  for (unsigned i = 0; i < 10; i++)
    {
      g_autoptr (Guest) crashing = guest_new (&(GuestConfig) { GUEST_CODE_OF (triple_fault) });

      machine_run (crashing->machine);
      guest_wait_state (crashing, MACHINE_ENDED);
      g_assert_cmpint (crashing->last.reason, ==, MACHINE_REASON_TRIPLE_FAULT);
      g_assert_nonnull (strstr (crashing->last_message, "triple fault"));
      guest_wait_count (lasting, guest_count_now (lasting) + 50);
    }
  g_assert_cmpint (machine_state (lasting->machine), ==, MACHINE_RUNNING);
  g_assert_cmpuint (lasting->gaps, ==, 0);
}

typedef enum { AT_CREATED, AT_STARTING, AT_RUNNING, AT_PAUSING, AT_PAUSED, AT_RESETTING, AT_ENDING, AT_ENDED, N_POINTS } Point;

static void
bring_to (Guest *guest, Point point)
{
  if (point >= AT_STARTING)
    machine_run (guest->machine);
  if (point >= AT_RUNNING)
    guest_wait_count (guest, 3);
  if (point == AT_PAUSING || point == AT_PAUSED)
    machine_pause (guest->machine);
  if (point == AT_PAUSED)
    guest_wait_state (guest, MACHINE_PAUSED);
  if (point == AT_RESETTING)
    machine_reset (guest->machine);
  if (point >= AT_ENDING)
    machine_power_off (guest->machine);
  if (point == AT_ENDED)
    guest_wait_state (guest, MACHINE_ENDED);
}

static void
test_free (void)
{
  for (unsigned round = 0; round < 5; round++)
    {
      for (Point point = AT_CREATED; point < N_POINTS; point++)
        {
          g_autoptr (Guest) guest = guest_new (&counting);

          bring_to (guest, point);
        }
    }
}

static void
test_bad_configurations (void)
{
  static const unsigned counts[] = { 0, 256 };

  for (unsigned i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (machine_new (&(MachineConfig) { .n_cpus = counts[i] }, &error));
      g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
    }
}

static bool
ask_early (Board *board, void *data, GError **error)
{
  board_request (board, BOARD_REQUEST_PAUSE, 0, "early");
  board_request (board, BOARD_REQUEST_POWER_OFF, 0, "early");
  return true;
}

/* A device that makes a request while it is made is served when there is a machine. */
static void
test_early_requests (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Machine) machine = machine_new (&(MachineConfig) { .n_cpus = 2, .build = ask_early }, &error);

  g_assert_no_error (error);
  g_assert_cmpint (machine_wait_while (machine, MACHINE_CREATED, -1), ==, MACHINE_ENDED);
}

static bool
refuse (Board *board, void *data, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE, "The shop is closed.");
  return false;
}

static bool
accept (Board *board, void *data, GError **error)
{
  return true;
}

static void
test_failed_builds (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) model_error = NULL;

  g_assert_null (machine_new (&(MachineConfig) { .n_cpus = 1, .build = refuse }, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_RESOURCE);
  g_assert_null (machine_new (&(MachineConfig) { .n_cpus = 2, .build = accept, .cpu = "z80" }, &model_error));
  g_assert_error (model_error, VMM_ERROR, VMM_ERROR_INVALID);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!guest_have_kvm ())
    return 0;
  g_test_add_func ("/life/pauses", test_pauses);
  g_test_add_func ("/life/paused-stands-still", test_paused_stands_still);
  g_test_add_func ("/life/resets", test_resets);
  g_test_add_func ("/life/commands-in-a-heap", test_commands_in_a_heap);
  g_test_add_func ("/life/guest-requests", test_guest_requests);
  g_test_add_func ("/life/guest-in-trouble", test_guest_in_trouble);
  g_test_add_func ("/life/guest-in-trouble-goes-on", test_guest_in_trouble_goes_on);
  g_test_add_func ("/life/guest-resets", test_guest_resets);
  g_test_add_func ("/life/triple-fault", test_triple_fault);
  g_test_add_func ("/life/free", test_free);
  g_test_add_func ("/life/bad-configurations", test_bad_configurations);
  g_test_add_func ("/life/early-requests", test_early_requests);
  g_test_add_func ("/life/failed-builds", test_failed_builds);
  return g_test_run ();
}
