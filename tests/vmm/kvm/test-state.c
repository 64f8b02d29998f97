/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/vmm/kvm/guest.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

static const GuestConfig counting = { GUEST_CODE_OF (count), .start.rdi = GUEST_DATA };

static Guest *
paused_at (const GuestConfig *config, uint32_t count)
{
  Guest *guest = guest_new (config);

  machine_run (guest->machine);
  guest_wait_count (guest, count);
  machine_pause (guest->machine);
  guest_wait_state (guest, MACHINE_PAUSED);
  return guest;
}

static void
copy_memory (Guest *to, Guest *from)
{
  memcpy (guest_data (to, 0), guest_data (from, 0), GUEST_RAM_SIZE);
}

static GBytes *
save (Guest *guest)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = machine_save (guest->machine, &error);

  g_assert_no_error (error);
  return bytes;
}

static void
load (Guest *guest, GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  size_t size;
  const uint8_t *data = g_bytes_get_data (bytes, &size);

  machine_load (guest->machine, data, size, &error);
  g_assert_no_error (error);
}

/* A saved machine goes on in a new one, which is then saved in turn. */
static void
test_round_trip (void)
{
  g_autoptr (Guest) guest = paused_at (&counting, 100);

  for (unsigned i = 0; i < 5; i++)
    {
      g_autoptr (GBytes) bytes = save (guest);
      g_autoptr (Guest) next = guest_new (&counting);
      int64_t time = vm_clock_now (machine_board (guest->machine)->clock);
      uint32_t count = guest_count_now (guest);

      copy_memory (next, guest);
      load (next, bytes);
      g_assert_cmpint (vm_clock_now (machine_board (next->machine)->clock), ==, time);
      guest_free (guest);
      machine_run (next->machine);
      guest_wait_count (next, count + 100);
      machine_pause (next->machine);
      guest_wait_state (next, MACHINE_PAUSED);
      g_assert_cmpuint (next->gaps, ==, 0);
      g_assert_cmpuint (next->n_resets, ==, 0);
      guest = g_steal_pointer (&next);
    }
}

/* Saving does not change a machine, and loading takes it back to where it was. */
static void
test_back_in_time (void)
{
  g_autoptr (Guest) guest = paused_at (&counting, 10);
  g_autoptr (GBytes) bytes = save (guest);
  g_autoptr (GBytes) again = save (guest);
  g_autofree uint8_t *memory = g_memdup2 (guest_data (guest, 0), GUEST_RAM_SIZE);
  uint32_t count = guest_count_now (guest);

  g_assert_cmpuint (g_bytes_get_size (bytes), ==, g_bytes_get_size (again));
  machine_run (guest->machine);
  guest_wait_count (guest, count + 50);
  machine_pause (guest->machine);
  guest_wait_state (guest, MACHINE_PAUSED);
  memcpy (guest_data (guest, 0), memory, GUEST_RAM_SIZE);
  load (guest, bytes);
  g_mutex_lock (&guest->lock);
  guest->count = count;
  g_mutex_unlock (&guest->lock);
  machine_run (guest->machine);
  guest_wait_count (guest, count + 50);
  g_assert_cmpuint (guest->gaps, ==, 0);
}

/* Interrupt controllers, timer and other processors are part of it: halted ones wake in the new machine. */
static void
test_halted_with_interrupts (void)
{
  const GuestConfig config = {
    GUEST_CODE_OF (messages),
    .n_cpus = 3,
    .start = { .rdi = GUEST_DATA, .rsi = GUEST_LAPIC, .rbx = 4 },
  };
  g_autoptr (Guest) guest = guest_new (&config);
  g_autoptr (Guest) next = guest_new (&config);
  g_autoptr (GBytes) bytes = NULL;
  Hypervisor *hypervisor = machine_board (guest->machine)->hypervisor;

  machine_run (guest->machine);
  guest_wait_accesses (guest, 1);
  hypervisor->ops->send_msi (hypervisor, GUEST_LAPIC, 0x41);
  guest_wait_count (guest, 1);
  machine_pause (guest->machine);
  guest_wait_state (guest, MACHINE_PAUSED);
  /* One that arrives in the pause is saved as pending. */
  hypervisor->ops->send_msi (hypervisor, GUEST_LAPIC, 0x41);
  bytes = save (guest);
  copy_memory (next, guest);
  load (next, bytes);

  hypervisor = machine_board (next->machine)->hypervisor;
  machine_run (next->machine);
  guest_wait_count (next, 2);
  hypervisor->ops->send_msi (hypervisor, GUEST_LAPIC, 0x41);
  guest_wait_count (next, 3);
  hypervisor->ops->send_msi (hypervisor, GUEST_LAPIC, 0x41);
  guest_wait_state (next, MACHINE_ENDED);
  g_assert_cmpint (next->last.reason, ==, MACHINE_REASON_GUEST_EXIT);
  g_assert_cmpuint (next->gaps, ==, 0);
}

static void
test_never_ran (void)
{
  g_autoptr (Guest) guest = guest_new (&counting);
  g_autoptr (Guest) next = guest_new (&counting);
  g_autoptr (GBytes) bytes = save (guest);

  copy_memory (next, guest);
  load (next, bytes);
  machine_run (next->machine);
  guest_wait_count (next, 10);
  machine_run (guest->machine);
  guest_wait_count (guest, 10);
}

static void
test_running_refused (void)
{
  g_autoptr (Guest) guest = guest_new (&counting);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) load_error = NULL;

  machine_run (guest->machine);
  guest_wait_state (guest, MACHINE_RUNNING);
  g_assert_null (machine_save (guest->machine, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_assert_false (machine_load (guest->machine, NULL, 0, &load_error));
  g_assert_error (load_error, VMM_ERROR, VMM_ERROR_BUSY);
}

static void
check_refused (Guest *guest, const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (machine_load (guest->machine, data, size, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_STATE);
}

/* What is cut short or belongs to another machine is refused, and the machine goes on as it was. */
static void
test_damaged_refused (void)
{
  const GuestConfig two = { GUEST_CODE_OF (count), .start.rdi = GUEST_DATA, .n_cpus = 2 };
  g_autoptr (Guest) guest = paused_at (&counting, 10);
  g_autoptr (Guest) other = paused_at (&two, 10);
  g_autoptr (GBytes) bytes = save (guest);
  g_autoptr (GBytes) other_bytes = save (other);
  size_t size, other_size;
  const uint8_t *data = g_bytes_get_data (bytes, &size);
  const uint8_t *other_data = g_bytes_get_data (other_bytes, &other_size);

  for (size_t cut = 0; cut < size; cut += 1 + cut / 16)
    check_refused (guest, data, cut);
  check_refused (guest, data, size - 1);
  check_refused (guest, other_data, other_size);
  machine_run (guest->machine);
  guest_wait_count (guest, guest_count_now (guest) + 20);
  g_assert_cmpuint (guest->gaps, ==, 0);
}

/* Any byte may be wrong: the machine refuses or takes it, but nothing else happens. */
static void
test_random_damage (void)
{
  g_autoptr (Guest) guest = paused_at (&counting, 10);
  g_autoptr (GBytes) bytes = save (guest);
  size_t size;
  const uint8_t *data = g_bytes_get_data (bytes, &size);
  g_autofree uint8_t *copy = g_malloc (size);
  g_autoptr (GError) last_error = NULL;

  for (unsigned i = 0; i < 300; i++)
    {
      memcpy (copy, data, size);
      for (unsigned n = 0; n < 1 + i % 4; n++)
        copy[g_test_rand_int_range (0, (gint32) size)] = (uint8_t) g_test_rand_int ();
      g_clear_error (&last_error);
      machine_load (guest->machine, copy, size, &last_error);
    }
  load (guest, bytes);
  machine_run (guest->machine);
  guest_wait_count (guest, guest_count_now (guest) + 20);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!guest_have_kvm ())
    return 0;
  g_test_add_func ("/state/round-trip", test_round_trip);
  g_test_add_func ("/state/back-in-time", test_back_in_time);
  g_test_add_func ("/state/halted-with-interrupts", test_halted_with_interrupts);
  g_test_add_func ("/state/never-ran", test_never_ran);
  g_test_add_func ("/state/running-refused", test_running_refused);
  g_test_add_func ("/state/damaged-refused", test_damaged_refused);
  g_test_add_func ("/state/random-damage", test_random_damage);
  return g_test_run ();
}
