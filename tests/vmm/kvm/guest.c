/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/vmm/kvm/guest.h"

#include "vmm/base/bytes.h"
#include "vmm/device/device.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PATIENCE_SECONDS 60

#define PORT_BASE  0x500
#define PORT_COUNT 0x4
#define PORT_EXIT  0x8
#define PORT_ASK   0xc
#define MMIO_SIZE  0x10000u
#define MMIO_COUNT 0xf000u
#define MMIO_EXIT  0xf008u
#define ROM_SIZE   0x10000u

typedef struct {
  Device device;
  Guest *guest;
  uint32_t seen; /* saved: what the count port saw last */
} TestDevice;

/* --- the device --- */

static void
record (Guest *guest, GuestAccess access)
{
  g_mutex_lock (&guest->lock);
  g_array_append_val (guest->accesses, access);
  g_cond_broadcast (&guest->changed);
  g_mutex_unlock (&guest->lock);
}

static void
count_to (TestDevice *self, uint32_t value)
{
  Guest *guest = self->guest;

  g_mutex_lock (&guest->lock);
  if (self->seen && value != self->seen + 1)
    guest->gaps++;
  self->seen = guest->count = value;
  g_cond_broadcast (&guest->changed);
  g_mutex_unlock (&guest->lock);
}

static void
ask (Device *device, uint64_t what)
{
  static const BoardRequest requests[] = {
    [GUEST_ASK_RESET] = BOARD_REQUEST_RESET,
    [GUEST_ASK_POWER_OFF] = BOARD_REQUEST_POWER_OFF,
    [GUEST_ASK_PAUSE] = BOARD_REQUEST_PAUSE,
    [GUEST_ASK_CRASH] = BOARD_REQUEST_CRASH,
  };

  if (what >= GUEST_ASK_PANIC)
    {
      board_request (device->board, what < GUEST_ASK_WATCHDOG ? BOARD_REQUEST_PANIC : BOARD_REQUEST_WATCHDOG,
                     what % 8, "The test device is in trouble.");
      return;
    }
  g_assert_cmpuint (what, <, G_N_ELEMENTS (requests));
  board_request (device->board, requests[what], 0, "The test device asked for it.");
}

static uint64_t
port_read (Device *device, uint64_t offset, unsigned size)
{
  TestDevice *self = (TestDevice *) device;
  uint64_t value = low_bytes (GUEST_PATTERN, size);

  record (self->guest, (GuestAccess) { true, false, offset, size, value });
  return value;
}

static void
port_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  TestDevice *self = (TestDevice *) device;

  if (offset == PORT_COUNT)
    count_to (self, (uint32_t) value);
  else if (offset == PORT_EXIT)
    board_request (device->board, BOARD_REQUEST_EXIT, (int) (value << 1 | 1), NULL);
  else if (offset == PORT_ASK)
    ask (device, value);
  else
    record (self->guest, (GuestAccess) { true, true, offset, size, value });
}

static uint64_t
mmio_read (Device *device, uint64_t offset, unsigned size)
{
  TestDevice *self = (TestDevice *) device;
  uint64_t value = low_bytes (GUEST_PATTERN, size);

  record (self->guest, (GuestAccess) { false, false, offset, size, value });
  return value;
}

static void
mmio_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  TestDevice *self = (TestDevice *) device;

  if (offset == MMIO_COUNT)
    count_to (self, (uint32_t) value);
  else if (offset == MMIO_EXIT)
    board_request (device->board, BOARD_REQUEST_EXIT, (int) (value << 1 | 1), NULL);
  else
    record (self->guest, (GuestAccess) { false, true, offset, size, value });
}

static const BusOps port_ops = { .read = port_read, .write = port_write };
static const BusOps mmio_ops = { .read = mmio_read, .write = mmio_write };

static bool
test_realize (Device *device, const void *config, GError **error)
{
  TestDevice *self = (TestDevice *) device;

  self->guest = (Guest *) config;
  self->guest->device = device;
  return device_add_ports (device, &port_ops, PORT_BASE, 16)
         && device_add_mmio (device, &mmio_ops, GUEST_MMIO, MMIO_SIZE, 0)
         && device_add_mmio (device, &mmio_ops, GUEST_ROM, ROM_SIZE, 0);
}

static void
test_reset (Device *device)
{
  ((TestDevice *) device)->seen = 0;
}

static const StateField test_fields[] = {
  STATE_U32 (TestDevice, seen, 1),
  STATE_END,
};

static const StateTable test_state = {
  .name = "test",
  .version = 1,
  .fields = test_fields,
  .object_size = sizeof (TestDevice),
};

static const DeviceClass test_class = {
  .id = "test",
  .size = sizeof (TestDevice),
  .realize = test_realize,
  .reset = test_reset,
  .state = &test_state,
};

/* --- the machine --- */

static void
copy_code (uint8_t *to, const uint8_t *code, const uint8_t *code_end)
{
  if (code)
    memcpy (to, code, (size_t) (code_end - code));
}

static bool
build (Board *board, void *data, GError **error)
{
  static const uint8_t jump_to_start[] = { 0xea, 0x00, 0x00, 0x00, 0xf0 }; /* jmp f000:0000 */
  Guest *guest = data;
  uint64_t ram_size = guest->config.ram_size ? guest->config.ram_size : GUEST_RAM_SIZE;
  MemoryBank *rom;
  uint8_t *code;

  guest->ram = guest_memory_add_bank (board->memory, "ram-low", ram_size, BANK_RAM, error);
  rom = guest_memory_add_bank (board->memory, "rom", ROM_SIZE, BANK_ROM, error);
  if (!guest->ram || !rom)
    return false;
  g_assert_true (memory_bank_map (rom, UINT64_C (0xffff0000)));
  g_assert_true (memory_bank_map_alias (guest->ram, 1, 0, 0, GUEST_ROM, BANK_RAM));
  g_assert_true (memory_bank_map_alias (guest->ram, 2, 0x100000, 0x100000, ram_size - 0x100000, BANK_RAM));
  g_assert_true (memory_bank_map_alias (rom, 1, GUEST_ROM, 0, ROM_SIZE, BANK_ROM));

  code = memory_bank_data (rom);
  memcpy (code + 0xfff0, jump_to_start, sizeof jump_to_start);
  if (guest->config.real_mode)
    copy_code (code, guest->config.code, guest->config.code_end);
  return board_add (board, &test_class, NULL, guest, error) != NULL;
}

/* Intel SDM vol. 3A, 4.6.1: bit 2 at every level. */
static void
open_pages (uint8_t *tables)
{
  for (unsigned i = 0; i < CPU_START_PAGE_TABLES_SIZE; i += 8)
    if (load_le64 (tables + i))
      store_le64 (tables + i, load_le64 (tables + i) | 4);
}

static void
prepare (Board *board, CpuStart *start, void *data)
{
  Guest *guest = data;
  uint8_t *ram = memory_bank_data (guest->ram);

  copy_code (ram + GUEST_OTHER_CODE, guest->config.other, guest->config.other_end);
  if (guest->config.real_mode)
    return;
  copy_code (ram + GUEST_CODE, guest->config.code, guest->config.code_end);
  *start = guest->config.start;
  start->mode = CPU_START_LONG;
  start->rip = GUEST_CODE;
  start->rsp = GUEST_STACK;
  start->cr3 = GUEST_PAGE_TABLES;
  start->gdt = GUEST_GDT;
  g_assert_true (cpu_start_write_page_tables (board->memory, GUEST_PAGE_TABLES));
  if (guest->config.user_pages)
    open_pages (ram + GUEST_PAGE_TABLES);
  g_assert_true (cpu_start_write_gdt (board->memory, GUEST_GDT, CPU_START_LONG));
}

static void
on_event (Machine *machine, const MachineEvent *event, void *data)
{
  Guest *guest = data;

  g_mutex_lock (&guest->lock);
  g_free (guest->last_message);
  guest->last = *event;
  guest->last.message = guest->last_message = g_strdup (event->message);
  guest->n_events++;
  guest->n_resets += event->was_reset;
  guest->n_runs += event->state == MACHINE_RUNNING && !event->was_reset && !event->is_news;
  guest->n_news += event->is_news;
  g_cond_broadcast (&guest->changed);
  g_mutex_unlock (&guest->lock);
}

Guest *
guest_new (const GuestConfig *config)
{
  g_autoptr (GError) error = NULL;
  Guest *guest = g_new0 (Guest, 1);
  const MachineConfig machine_config = {
    .name = "test",
    .n_cpus = MAX (config->n_cpus, 1),
    .build = build,
    .prepare = prepare,
    .build_data = guest,
    .on_event = on_event,
    .on_event_data = guest,
  };

  guest->config = *config;
  guest->accesses = g_array_new (FALSE, FALSE, sizeof (GuestAccess));
  g_mutex_init (&guest->lock);
  g_cond_init (&guest->changed);
  guest->machine = machine_new (&machine_config, &error);
  g_assert_no_error (error);
  g_assert_nonnull (guest->machine);
  return guest;
}

void
guest_free (Guest *guest)
{
  if (!guest)
    return;
  machine_free (guest->machine);
  g_array_unref (guest->accesses);
  g_mutex_clear (&guest->lock);
  g_cond_clear (&guest->changed);
  g_free (guest->last_message);
  g_free (guest);
}

/* --- waiting --- */

typedef bool (*Condition) (Guest *guest, uint64_t wanted);

static void
wait_for (Guest *guest, Condition condition, uint64_t wanted, const char *what)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_SECONDS * G_TIME_SPAN_SECOND;

  g_mutex_lock (&guest->lock);
  while (!condition (guest, wanted))
    {
      if (g_cond_wait_until (&guest->changed, &guest->lock, deadline))
        continue;
      g_error ("waited in vain for %s %" G_GUINT64_FORMAT "; state %d, reason %d, message %s", what, wanted,
               guest->last.state, guest->last.reason, guest->last_message ? guest->last_message : "none");
    }
  g_mutex_unlock (&guest->lock);
}

static bool
has_state (Guest *guest, uint64_t wanted)
{
  return guest->n_events && guest->last.state == wanted;
}

static bool
has_accesses (Guest *guest, uint64_t wanted)
{
  return guest->accesses->len >= wanted;
}

static bool
has_count (Guest *guest, uint64_t wanted)
{
  return guest->count >= wanted;
}

static bool
has_resets (Guest *guest, uint64_t wanted)
{
  return guest->n_resets >= wanted;
}

static bool
has_news (Guest *guest, uint64_t wanted)
{
  return guest->n_news >= wanted;
}

void
guest_wait_state (Guest *guest, MachineState state)
{
  wait_for (guest, has_state, state, "state");
}

void
guest_wait_accesses (Guest *guest, unsigned n)
{
  wait_for (guest, has_accesses, n, "accesses");
}

void
guest_wait_count (Guest *guest, uint32_t count)
{
  wait_for (guest, has_count, count, "count");
}

void
guest_wait_resets (Guest *guest, unsigned n)
{
  wait_for (guest, has_resets, n, "resets");
}

void
guest_wait_news (Guest *guest, unsigned n)
{
  wait_for (guest, has_news, n, "news");
}

void
guest_run_to_exit (Guest *guest)
{
  machine_run (guest->machine);
  guest_wait_state (guest, MACHINE_ENDED);
  g_assert_cmpstr (guest->last_message, ==, NULL);
  g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_GUEST_EXIT);
  g_assert_cmpint (guest->last.status, ==, 3);
}

uint32_t
guest_count_now (Guest *guest)
{
  uint32_t count;

  g_mutex_lock (&guest->lock);
  count = guest->count;
  g_mutex_unlock (&guest->lock);
  return count;
}

GuestAccess
guest_access (Guest *guest, unsigned i)
{
  GuestAccess access;

  g_mutex_lock (&guest->lock);
  g_assert_cmpuint (i, <, guest->accesses->len);
  access = g_array_index (guest->accesses, GuestAccess, i);
  g_mutex_unlock (&guest->lock);
  return access;
}

uint8_t *
guest_data (Guest *guest, uint64_t address)
{
  return (uint8_t *) memory_bank_data (guest->ram) + address;
}

bool
guest_have_kvm (void)
{
  int fd = open ("/dev/kvm", O_RDWR | O_CLOEXEC);

  if (fd >= 0)
    {
      close (fd);
      return true;
    }
  g_print ("1..0 # SKIP /dev/kvm can't be opened: %s\n", g_strerror (errno));
  return false;
}
