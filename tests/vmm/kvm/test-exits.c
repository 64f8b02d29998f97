/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/vmm/kvm/guest.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <sys/eventfd.h>
#include <unistd.h>

static void
check_access (Guest *guest, unsigned i, GuestAccess wanted)
{
  GuestAccess access = guest_access (guest, i);

  g_assert_cmpint (access.port, ==, wanted.port);
  g_assert_cmpint (access.write, ==, wanted.write);
  g_assert_cmphex (access.address, ==, wanted.address);
  g_assert_cmpuint (access.size, ==, wanted.size);
  g_assert_cmphex (access.value, ==, wanted.value);
}

static void
test_ports (void)
{
  static const unsigned sizes[] = { 1, 2, 4 };
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (ports) });

  guest_run_to_exit (guest);
  g_assert_cmpuint (guest->accesses->len, ==, 6);
  for (unsigned i = 0; i < 3; i++)
    {
      uint64_t value = low_bytes (GUEST_PATTERN, sizes[i]);

      check_access (guest, i * 2, (GuestAccess) { true, false, 0, sizes[i], value });
      check_access (guest, i * 2 + 1, (GuestAccess) { true, true, 0, sizes[i], value });
    }
}

static void
test_mmio (void)
{
  static const unsigned sizes[] = { 1, 2, 4, 8 };
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (mmio), .start.rcx = GUEST_MMIO });
  unsigned bytes = 0;
  uint8_t crossed[8] = { 0 };

  guest_run_to_exit (guest);
  for (unsigned i = 0; i < 4; i++)
    {
      uint64_t value = low_bytes (GUEST_PATTERN, sizes[i]);

      check_access (guest, i * 2, (GuestAccess) { false, false, 0, sizes[i], value });
      check_access (guest, i * 2 + 1, (GuestAccess) { false, true, 0x100, sizes[i], value });
    }
  for (unsigned i = 8; i < guest->accesses->len; i++)
    {
      GuestAccess access = guest_access (guest, i);

      g_assert_true (access.write);
      g_assert_cmphex (access.address, ==, 0xffd + bytes);
      g_assert_cmpuint (bytes + access.size, <=, 8);
      store_le (crossed + bytes, access.size, access.value);
      bytes += access.size;
    }
  g_assert_cmpuint (bytes, ==, 8);
  g_assert_cmphex (load_le64 (crossed), ==, UINT64_C (0x8877665544332211));
}

#define N_ELEMENTS 300u

static void
test_strings (void)
{
  static const unsigned sizes[] = { 1, 2, 4 };
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) {
    GUEST_CODE_OF (strings),
    .start = { .rbx = N_ELEMENTS, .rsi = GUEST_DATA, .rdi = GUEST_DATA + 0x8000 },
  });
  uint8_t *source = guest_data (guest, GUEST_DATA);
  uint8_t *target = guest_data (guest, GUEST_DATA + 0x8000);
  unsigned access = 0;

  for (unsigned i = 0; i < N_ELEMENTS * 7; i++)
    source[i] = (uint8_t) (i * 7 + 3);
  guest_run_to_exit (guest);
  g_assert_cmpuint (guest->accesses->len, ==, N_ELEMENTS * 6);
  for (unsigned width = 0; width < 3; width++)
    {
      for (unsigned i = 0; i < N_ELEMENTS; i++, source += sizes[width])
        check_access (guest, access++,
                      (GuestAccess) { true, true, 0, sizes[width], load_le (source, sizes[width]) });
    }
  for (unsigned width = 0; width < 3; width++)
    {
      for (unsigned i = 0; i < N_ELEMENTS; i++, target += sizes[width])
        g_assert_cmphex (load_le (target, sizes[width]), ==, low_bytes (GUEST_PATTERN, sizes[width]));
    }
}

static void
test_rom (void)
{
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (write_rom), .start.rdi = GUEST_ROM });

  guest_run_to_exit (guest);
  g_assert_cmpuint (guest->accesses->len, ==, 2);
  check_access (guest, 0, (GuestAccess) { false, true, 0, 4, 0x12345678 });
  check_access (guest, 1, (GuestAccess) { true, true, 0, 4, 0 });
}

static void
test_unknown_msr (void)
{
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (read_msr), .start.rcx = 0x606 });

  guest_run_to_exit (guest);
  check_access (guest, 0, (GuestAccess) { true, true, 0, 4, 0 });
}

static uint64_t
take (int fd)
{
  uint64_t value = 0;

  return read (fd, &value, sizeof value) == sizeof value ? value : 0;
}

static void
test_ioeventfd (void)
{
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (kick), .start.rcx = GUEST_MMIO });
  Hypervisor *hypervisor = machine_board (guest->machine)->hypervisor;
  int port = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  int memory = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  int other = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);

  g_assert_true (hypervisor->ops->add_ioeventfd (hypervisor, port, true, 0x500, 2, true, 7));
  g_assert_true (hypervisor->ops->add_ioeventfd (hypervisor, memory, false, GUEST_MMIO + 0x40, 0, false, 0));
  g_assert_true (hypervisor->ops->add_ioeventfd (hypervisor, other, true, 0x502, 2, true, 7));
  guest_run_to_exit (guest);
  g_assert_cmpuint (take (port), ==, 2);
  g_assert_cmpuint (take (memory), ==, 3);
  g_assert_cmpuint (take (other), ==, 0);
  g_assert_cmpuint (guest->accesses->len, ==, 0);
  hypervisor->ops->remove_ioeventfd (hypervisor, port, true, 0x500, 2, true, 7);
  hypervisor->ops->remove_ioeventfd (hypervisor, memory, false, GUEST_MMIO + 0x40, 0, false, 0);
  hypervisor->ops->remove_ioeventfd (hypervisor, other, true, 0x502, 2, true, 7);
  close (port);
  close (memory);
  close (other);
}

/* The interval timer wakes a halted processor, an interrupt line reaches it through the PIC. */
static void
test_timer_and_line (void)
{
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (real_mode), .real_mode = true });
  IrqPin pin = irq_line_connect (machine_board (guest->machine)->irq[5]);

  machine_run (guest->machine);
  guest_wait_accesses (guest, 1);
  check_access (guest, 0, (GuestAccess) { true, true, 0, 1, 0x55 });
  for (unsigned i = 1; i <= 3; i++)
    {
      irq_pin_set (&pin, true);
      irq_pin_set (&pin, false);
      guest_wait_accesses (guest, i + 1);
      check_access (guest, i, (GuestAccess) { true, true, 0, 1, i });
    }
  guest_wait_state (guest, MACHINE_ENDED);
  g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_GUEST_EXIT);
}

/* Messages by ioctl, by descriptor, and by a descriptor whose message changed. */
static void
test_messages (void)
{
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) {
    GUEST_CODE_OF (messages),
    .start = { .rdi = GUEST_DATA, .rsi = GUEST_LAPIC, .rbx = 3 },
  });
  Hypervisor *hypervisor = machine_board (guest->machine)->hypervisor;
  const uint64_t one = 1;
  int fd = eventfd (0, EFD_CLOEXEC);
  int route = hypervisor->ops->route_msi (hypervisor, -1, fd, GUEST_LAPIC, 0x41);

  g_assert_cmpint (route, >=, BOARD_N_GSIS);
  machine_run (guest->machine);
  guest_wait_accesses (guest, 1);
  hypervisor->ops->send_msi (hypervisor, GUEST_LAPIC, 0x41);
  guest_wait_count (guest, 1);
  g_assert_cmpint (write (fd, &one, sizeof one), ==, sizeof one);
  guest_wait_count (guest, 2);
  g_assert_cmpint (hypervisor->ops->route_msi (hypervisor, route, fd, GUEST_LAPIC, 0x4041), ==, route);
  g_assert_cmpint (hypervisor->ops->route_msi (hypervisor, route, fd, GUEST_LAPIC, 0x41), ==, route);
  g_assert_cmpint (write (fd, &one, sizeof one), ==, sizeof one);
  guest_wait_state (guest, MACHINE_ENDED);
  g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_GUEST_EXIT);
  g_assert_cmpuint (guest->count, ==, 3);
  hypervisor->ops->unroute_msi (hypervisor, route, fd);
  close (fd);
}

static void
test_error_message (void)
{
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (run_away), .start.rcx = GUEST_MMIO });

  machine_run (guest->machine);
  guest_wait_state (guest, MACHINE_ENDED);
  g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_ENGINE_ERROR);
  g_assert_nonnull (strstr (guest->last_message, "suberror 1"));
  g_assert_nonnull (strstr (guest->last_message, "10:d0000000 (64-bit)"));
}

static void
test_counts (void)
{
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (ports) });
  g_autofree char *counts = NULL;

  guest_run_to_exit (guest);
  counts = machine_exit_counts (guest->machine);
  g_assert_nonnull (strstr (counts, "io 7\n"));
  g_assert_nonnull (strstr (counts, "mmio 0\n"));
  g_assert_cmpuint (machine_cpu_time (guest->machine), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!guest_have_kvm ())
    return 0;
  g_test_add_func ("/exits/ports", test_ports);
  g_test_add_func ("/exits/mmio", test_mmio);
  g_test_add_func ("/exits/strings", test_strings);
  g_test_add_func ("/exits/rom", test_rom);
  g_test_add_func ("/exits/unknown-msr", test_unknown_msr);
  g_test_add_func ("/exits/ioeventfd", test_ioeventfd);
  g_test_add_func ("/exits/timer-and-line", test_timer_and_line);
  g_test_add_func ("/exits/messages", test_messages);
  g_test_add_func ("/exits/error-message", test_error_message);
  g_test_add_func ("/exits/counts", test_counts);
  return g_test_run ();
}
