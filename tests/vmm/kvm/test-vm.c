/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/vmm/kvm/guest.h"

#include "vmm/kvm/vm.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
  KvmVm *vm;
  Hypervisor *hypervisor;
  uint8_t *memory; /* 16 pages */
} Fixture;

#define N_PAGES 16u

static void
set_up (Fixture *fixture, const void *data)
{
  g_autoptr (GError) error = NULL;

  fixture->vm = kvm_vm_new (1, &error);
  g_assert_no_error (error);
  fixture->hypervisor = kvm_vm_hypervisor (fixture->vm);
  fixture->memory
    = mmap (NULL, N_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert_true (fixture->memory != MAP_FAILED);
}

static void
tear_down (Fixture *fixture, const void *data)
{
  kvm_vm_free (fixture->vm);
  munmap (fixture->memory, N_PAGES * 4096);
}

static void
create_chips (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  kvm_vm_create_chips (fixture->vm, &error);
  g_assert_no_error (error);
}

/* A line that a device raises before there are chips is heard by them. */
static void
test_early_lines (Fixture *fixture, const void *data)
{
  g_autoptr (GError) error = NULL;
  KvmVmState state;

  fixture->hypervisor->ops->set_irq (fixture->hypervisor, 5, true);
  fixture->hypervisor->ops->set_irq (fixture->hypervisor, 7, true);
  fixture->hypervisor->ops->set_irq (fixture->hypervisor, 7, false);
  fixture->hypervisor->ops->set_irq (fixture->hypervisor, 20, true);
  g_assert_cmpint (fixture->hypervisor->ops->route_msi (fixture->hypervisor, -1, 0, GUEST_LAPIC, 0x41), <, 0);
  create_chips (fixture);
  g_assert_true (kvm_vm_get_state (fixture->vm, &state, &error));
  g_assert_cmphex (state.ioapic.irr, ==, 1u << 5 | 1u << 20);

  /* As after power-on, whatever the lines did. */
  g_assert_true (kvm_vm_reset (fixture->vm, &error));
  g_assert_true (kvm_vm_get_state (fixture->vm, &state, &error));
  g_assert_cmphex (state.ioapic.irr, ==, 0);
}

/* Size, place, kind and logging of a slot may change in one step. */
static void
test_slots (Fixture *fixture, const void *data)
{
  const MemorySlot steps[] = {
    { .slot = 3, .address = 0x10000, .size = 4 * 4096, .host = fixture->memory },
    { .slot = 3, .address = 0x40000, .size = 4 * 4096, .host = fixture->memory },
    { .slot = 3, .address = 0x40000, .size = 4 * 4096, .host = fixture->memory, .log_dirty = true },
    { .slot = 3, .address = 0x40000, .size = 4 * 4096, .host = fixture->memory, .read_only = true },
    { .slot = 3, .address = 0x40000, .size = 8 * 4096, .host = fixture->memory },
    { .slot = 3, .address = 0x40000, .size = 8 * 4096, .host = fixture->memory + 4096 },
    { .slot = 3 },
    { .slot = 3 },
    { .slot = 3, .address = 0x10000, .size = 4 * 4096, .host = fixture->memory },
  };
  const MemorySlot overlapping = { .slot = 4, .address = 0x11000, .size = 4096, .host = fixture->memory };

  for (unsigned i = 0; i < G_N_ELEMENTS (steps); i++)
    g_assert_true (fixture->hypervisor->ops->set_slot (fixture->hypervisor, &steps[i]));
  g_assert_false (fixture->hypervisor->ops->set_slot (fixture->hypervisor, &overlapping));
}

static void
test_route_numbers (Fixture *fixture, const void *data)
{
  enum { N = 64 };
  Hypervisor *hypervisor = fixture->hypervisor;
  int fds[N];
  int routes[N];

  create_chips (fixture);
  for (unsigned i = 0; i < N; i++)
    {
      fds[i] = eventfd (0, EFD_CLOEXEC);
      routes[i] = hypervisor->ops->route_msi (hypervisor, -1, fds[i], GUEST_LAPIC, 0x40 + i);
      g_assert_cmpint (routes[i], ==, BOARD_N_GSIS + (int) i);
    }
  hypervisor->ops->unroute_msi (hypervisor, routes[10], fds[10]);
  g_assert_cmpint (hypervisor->ops->route_msi (hypervisor, routes[10], fds[10], GUEST_LAPIC, 0x99), <, 0);
  g_assert_cmpint (hypervisor->ops->route_msi (hypervisor, -1, fds[10], GUEST_LAPIC, 0x99), ==, routes[10]);
  g_assert_cmpint (hypervisor->ops->route_msi (hypervisor, 5, fds[10], GUEST_LAPIC, 0x99), <, 0);
  g_assert_cmpint (hypervisor->ops->route_msi (hypervisor, 100000, fds[10], GUEST_LAPIC, 0x99), <, 0);
  /* KVM takes a descriptor once. */
  g_assert_cmpint (hypervisor->ops->route_msi (hypervisor, -1, fds[3], GUEST_LAPIC, 0x99), <, 0);
  for (unsigned i = 0; i < N; i++)
    {
      hypervisor->ops->unroute_msi (hypervisor, routes[i], fds[i]);
      close (fds[i]);
    }
}

static void *
change_routes (void *data)
{
  Hypervisor *hypervisor = data;
  int fd = eventfd (0, EFD_CLOEXEC);

  for (unsigned i = 0; i < 50; i++)
    {
      int route = hypervisor->ops->route_msi (hypervisor, -1, fd, GUEST_LAPIC, i);

      g_assert_cmpint (route, >=, BOARD_N_GSIS);
      g_assert_cmpint (hypervisor->ops->route_msi (hypervisor, route, fd, GUEST_LAPIC, i + 1), ==, route);
      hypervisor->ops->unroute_msi (hypervisor, route, fd);
    }
  close (fd);
  return NULL;
}

static void
test_route_threads (Fixture *fixture, const void *data)
{
  GThread *threads[4];

  create_chips (fixture);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("routes", change_routes, fixture->hypervisor);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* Processors with nested paging write to the guest's page tables as they walk them. */
static uint64_t
page_table_bits (unsigned word)
{
  return word == 0 ? UINT64_C (0x3f) << (GUEST_PAGE_TABLES / 4096) : 0;
}

/* The page that a running guest writes to, and no other. */
static void
test_dirty_pages (void)
{
  g_autoptr (Guest) guest
    = guest_new (&(GuestConfig) { GUEST_CODE_OF (count), .start.rdi = GUEST_DATA + 0x3000 });
  uint64_t bitmap[GUEST_RAM_SIZE / 4096 / 64];
  unsigned page = (GUEST_DATA + 0x3000) / 4096;

  machine_run (guest->machine);
  guest_wait_count (guest, 10);
  memory_bank_log_dirty (guest->ram, true);
  guest_wait_count (guest, guest_count_now (guest) + 10);
  memset (bitmap, 0, sizeof bitmap);
  memory_bank_take_dirty (guest->ram, bitmap);
  for (unsigned round = 0; round < 5; round++)
    {
      guest_wait_count (guest, guest_count_now (guest) + 10);
      memset (bitmap, 0, sizeof bitmap);
      g_assert_true (memory_bank_take_dirty (guest->ram, bitmap));
      for (unsigned i = 0; i < G_N_ELEMENTS (bitmap); i++)
        g_assert_cmphex (bitmap[i] & ~page_table_bits (i), ==,
                         i == page / 64 ? UINT64_C (1) << (page % 64) : 0);
    }
  machine_pause (guest->machine);
  guest_wait_state (guest, MACHINE_PAUSED);
  memory_bank_take_dirty (guest->ram, bitmap);
  memset (bitmap, 0, sizeof bitmap);
  g_assert_false (memory_bank_take_dirty (guest->ram, bitmap));
}

static void
note_write (MemoryBank *bank, void *data)
{
  g_atomic_int_inc ((int *) data);
}

/* A watch ends with the first write, which is done all the same, and the guest runs on. */
static void
test_watched_write (void)
{
  enum { FRAMES = 4 * GUEST_RAM_SIZE };
  g_autoptr (Guest) guest = guest_new (&(GuestConfig) { GUEST_CODE_OF (count), .start.rdi = FRAMES });
  MemoryBank *bank
    = guest_memory_add_bank (machine_board (guest->machine)->memory, "frames", 65536, BANK_RAM, NULL);
  int n = 0;

  g_assert_true (memory_bank_map (bank, FRAMES));
  machine_run (guest->machine);
  guest_wait_count (guest, 10);
  for (int round = 1; round <= 20; round++)
    {
      memory_bank_watch_write (bank, note_write, &n);
      guest_wait_count (guest, guest_count_now (guest) + 10);
      g_assert_cmpint (g_atomic_int_get (&n), ==, round);
    }
  memory_bank_watch_write (bank, note_write, &n);
  memory_bank_watch_write (bank, NULL, NULL);
  machine_pause (guest->machine);
  guest_wait_state (guest, MACHINE_PAUSED);
  g_assert_cmpint (g_atomic_int_get (&n), <=, 21);
  g_assert_cmpuint (guest->gaps, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!guest_have_kvm ())
    return 0;
  g_test_add ("/vm/early-lines", Fixture, NULL, set_up, test_early_lines, tear_down);
  g_test_add ("/vm/slots", Fixture, NULL, set_up, test_slots, tear_down);
  g_test_add ("/vm/route-numbers", Fixture, NULL, set_up, test_route_numbers, tear_down);
  g_test_add ("/vm/route-threads", Fixture, NULL, set_up, test_route_threads, tear_down);
  g_test_add_func ("/vm/dirty-pages", test_dirty_pages);
  g_test_add_func ("/vm/watched-write", test_watched_write);
  return g_test_run ();
}
