/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/vmm/kvm/guest.h"

#include "vmm/base/bytes.h"

#define COUNTER  (GUEST_OTHER_CODE + 0x800)
#define SPINNING (GUEST_OTHER_CODE + 0x900)

static GuestConfig
config_for (unsigned n_cpus, const uint8_t *other, const uint8_t *other_end)
{
  return (GuestConfig) {
    GUEST_CODE_OF (smp),
    .other = other,
    .other_end = other_end,
    .n_cpus = n_cpus,
    .start = { .rsi = GUEST_LAPIC, .rdi = COUNTER, .rdx = GUEST_OTHER_CODE >> 12, .rbx = n_cpus - 1 },
  };
}

static void
check_smp (unsigned n_cpus)
{
  GuestConfig config = config_for (n_cpus, guest_smp_other, guest_smp_other_end);
  g_autoptr (Guest) guest = guest_new (&config);

  guest_run_to_exit (guest);
  g_assert_cmpuint (load_le32 (guest_data (guest, COUNTER)), ==, n_cpus - 1);
  g_assert_cmpuint (guest->accesses->len, ==, n_cpus - 1);
  for (unsigned i = 0; i < n_cpus - 1; i++)
    g_assert_cmphex (guest_access (guest, i).value, ==, 0xa5);
}

static void
test_two (void)
{
  check_smp (2);
}

static void
test_four (void)
{
  for (unsigned i = 0; i < 10; i++)
    check_smp (4);
}

/* More than most hosts have. */
static void
test_many (void)
{
  check_smp (32);
}

/* The other processors spin while the machine is paused, reset and ended. */
static void
test_spinning (void)
{
  GuestConfig config = config_for (8, guest_smp_spinner, guest_smp_spinner_end);
  g_autoptr (Guest) guest = NULL;

  config.start.rbx = UINT32_MAX; /* the first waits for ever */
  guest = guest_new (&config);
  machine_run (guest->machine);
  for (unsigned i = 1; i <= 20; i++)
    {
      uint32_t before, after;

      guest_wait_state (guest, MACHINE_RUNNING);
      machine_pause (guest->machine);
      guest_wait_state (guest, MACHINE_PAUSED);
      before = load_le32 (guest_data (guest, SPINNING));
      g_usleep (1000);
      after = load_le32 (guest_data (guest, SPINNING));
      g_assert_cmpuint (before, ==, after);
      if (i % 5 == 0)
        machine_reset (guest->machine);
      machine_run (guest->machine);
    }
}

/* A reset forgets the INIT and SIPI that processors have not taken in yet. They would start after it, and at 0. */
static void
test_reset_while_starting (void)
{
  GuestConfig config = config_for (16, guest_smp_other, guest_smp_other_end);
  g_autoptr (Guest) guest = NULL;

  config.code = guest_smp_hurry;
  config.code_end = guest_smp_hurry_end;
  config.start.rbx = GUEST_ASK_RESET;
  guest = guest_new (&config);
  memcpy (guest_data (guest, 0), guest_smp_lost, (size_t)(guest_smp_lost_end - guest_smp_lost));
  machine_run (guest->machine);
  guest_wait_resets (guest, 20);
  machine_pause (guest->machine);
  guest_wait_state (guest, MACHINE_PAUSED);
  for (unsigned i = 0; i < guest->accesses->len; i++)
    g_assert_cmphex (guest_access (guest, i).value, ==, 0xa5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!guest_have_kvm ())
    return 0;
  g_test_add_func ("/smp/two", test_two);
  g_test_add_func ("/smp/four", test_four);
  g_test_add_func ("/smp/many", test_many);
  g_test_add_func ("/smp/spinning", test_spinning);
  g_test_add_func ("/smp/reset-while-starting", test_reset_while_starting);
  return g_test_run ();
}
