/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keyboard and tablet (virtio 1.2, section 5.8). */
#include "devices/virtio/virtio-input.h"

#include "tests/devices/virtio-guest.h"
#include "vmm/base/bytes.h"

#include <string.h>

#define RINGS   UINT64_C (0x10000)
#define BUFFERS UINT64_C (0x80000)
#define STATUS  UINT64_C (0x90000)

/* 5.8.4 */
enum {
  CFG_SELECT = 0,
  CFG_SUBSEL = 1,
  CFG_SIZE = 2,
  CFG_ANSWER = 8,
};

enum { EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_LED = 0x11, EV_REP = 0x14 };

typedef struct {
  VirtioInputKind kind;
  InputHub *hub;
  Bench *bench;
  GuestQueue events, status;
  unsigned n_taken;
} Guest;

static void
setup (Bench *bench, void *data)
{
  Guest *guest = data;
  const VirtioInputConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) },
                                     .kind = guest->kind,
                                     .hub = guest->hub };

  bench_add (bench, &virtio_input_class, NULL, &config);
  pci_bench_map (bench);
}

static void
offer_buffers (Guest *guest, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    guest_queue_add (&guest->events,
                     &(GuestBuffer){ BUFFERS + 8 * guest->events.avail_idx % 0x1000, 8, true }, 1);
  guest_queue_kick (&guest->events);
  bench_settle (guest->bench);
}

static void
start_driver (Guest *guest)
{
  virtio_guest_negotiate (guest->bench, F_VERSION_1);
  guest_queue_init (&guest->events, guest->bench, 0, 64, RINGS);
  guest_queue_init (&guest->status, guest->bench, 1, 64, RINGS + 0x4000);
  virtio_guest_driver_ok (guest->bench);
  guest->n_taken = 0;
}

static void
open_guest (Guest *guest, VirtioInputKind kind)
{
  *guest = (Guest){ .kind = kind, .hub = input_hub_new () };
  guest->bench = bench_new_with (setup, guest);
}

static void
close_guest (Guest *guest)
{
  bench_free (guest->bench);
  input_hub_unref (guest->hub);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Guest, close_guest)

static void
start (Guest *guest, VirtioInputKind kind)
{
  open_guest (guest, kind);
  start_driver (guest);
  offer_buffers (guest, 64);
  bench_settle (guest->bench);
}

static void
expect (Guest *guest, unsigned type, unsigned code, int value)
{
  const uint8_t *event;

  g_assert_cmpuint (guest_queue_wait (&guest->events, NULL), ==, 8);
  event = bench_memory (guest->bench, BUFFERS + 8 * guest->n_taken++ % 0x1000, 8);
  g_assert_cmpuint (load_le16 (event), ==, type);
  g_assert_cmpuint (load_le16 (event + 2), ==, code);
  g_assert_cmpint ((int32_t)load_le32 (event + 4), ==, value);
}

static void
expect_key (Guest *guest, unsigned code, bool down)
{
  expect (guest, EV_KEY, code, down);
  expect (guest, EV_SYN, 0, 0);
}

static void
expect_nothing (Guest *guest)
{
  bench_settle (guest->bench);
  g_assert_cmpuint (guest_queue_used_index (&guest->events), ==, guest->n_taken);
}

static unsigned
ask (Guest *guest, uint8_t select, uint8_t subsel)
{
  bench_write8 (guest->bench, VIRTIO_CONFIG + CFG_SELECT, select);
  bench_write8 (guest->bench, VIRTIO_CONFIG + CFG_SUBSEL, subsel);
  return bench_read8 (guest->bench, VIRTIO_CONFIG + CFG_SIZE);
}

static bool
has_bit (Guest *guest, unsigned bit)
{
  return bench_read8 (guest->bench, VIRTIO_CONFIG + CFG_ANSWER + bit / 8) & 1 << bit % 8;
}

static void
assert_name (Guest *guest, const char *name)
{
  g_assert_cmpuint (ask (guest, 0x01, 0), ==, strlen (name));
  for (unsigned i = 0; i < strlen (name); i++)
    g_assert_cmpint (bench_read8 (guest->bench, VIRTIO_CONFIG + CFG_ANSWER + i), ==, name[i]);
}

/* 5.8.4: a keyboard has keys, lamps and repeats; nothing points. */
static void
test_keyboard_config (void)
{
  g_auto (Guest) guest = { 0 };

  open_guest (&guest, VIRTIO_INPUT_KEYBOARD);
  g_assert_cmphex (pci_bench_read_config (guest.bench, 0, 4), ==, 0x10521af4);
  g_assert_cmpuint (bench_read8 (guest.bench, VIRTIO_CONFIG + CFG_SIZE), ==, 0);
  assert_name (&guest, "Bonsai Keyboard");
  g_assert_cmpuint (ask (&guest, 0x03, 0), ==, 8);
  g_assert_cmpuint (bench_read16 (guest.bench, VIRTIO_CONFIG + CFG_ANSWER), ==, 6);

  g_assert_cmpuint (ask (&guest, 0x11, EV_KEY), ==, 25); /* up to F24, 194 */
  for (unsigned code = 1; code <= 88; code++)
    g_assert_true (has_bit (&guest, code) == (code != 84));
  g_assert_true (has_bit (&guest, 125) && has_bit (&guest, 194) && !has_bit (&guest, 0));
  g_assert_cmpuint (ask (&guest, 0x11, EV_LED), ==, 1);
  g_assert_cmphex (bench_read8 (guest.bench, VIRTIO_CONFIG + CFG_ANSWER), ==, 7);
  g_assert_cmpuint (ask (&guest, 0x11, EV_REP), ==, 1);
  g_assert_cmpuint (ask (&guest, 0x11, EV_REL), ==, 0);
  g_assert_cmpuint (ask (&guest, 0x11, EV_ABS), ==, 0);
  g_assert_cmpuint (ask (&guest, 0x12, 0), ==, 0);
  g_assert_cmpuint (ask (&guest, 0x77, 0xff), ==, 0);
  g_assert_cmpuint (bench_read32 (guest.bench, VIRTIO_CONFIG + CFG_ANSWER), ==, 0);
}

static void
test_tablet_config (void)
{
  g_auto (Guest) guest = { 0 };

  open_guest (&guest, VIRTIO_INPUT_TABLET);
  assert_name (&guest, "Bonsai Tablet");
  g_assert_cmpuint (ask (&guest, 0x11, EV_KEY), ==, 0x114 / 8 + 1);
  for (unsigned code = 0; code < 0x120; code++)
    g_assert_true (has_bit (&guest, code) == (code >= 0x110 && code <= 0x114));
  g_assert_cmpuint (ask (&guest, 0x11, EV_REL), ==, 2);
  g_assert_cmphex (bench_read16 (guest.bench, VIRTIO_CONFIG + CFG_ANSWER), ==, 1 << 6 | 1 << 8);
  g_assert_cmpuint (ask (&guest, 0x11, EV_ABS), ==, 1);
  g_assert_cmphex (bench_read8 (guest.bench, VIRTIO_CONFIG + CFG_ANSWER), ==, 3);
  for (unsigned axis = 0; axis < 2; axis++)
    {
      g_assert_cmpuint (ask (&guest, 0x12, axis), ==, 20);
      g_assert_cmpuint (bench_read32 (guest.bench, VIRTIO_CONFIG + CFG_ANSWER), ==, 0);
      g_assert_cmpuint (bench_read32 (guest.bench, VIRTIO_CONFIG + CFG_ANSWER + 4), ==, 32767);
    }
  g_assert_cmpuint (ask (&guest, 0x12, 2), ==, 0);
  g_assert_cmpuint (ask (&guest, 0x11, EV_LED), ==, 0);
}

/* 5.8.6: each report ends with SYN. */
static void
test_keys (void)
{
  g_auto (Guest) guest = { 0 };

  start (&guest, VIRTIO_INPUT_KEYBOARD);
  input_hub_key (guest.hub, KEY_LEFT_SHIFT, true);
  input_hub_key (guest.hub, KEY_A, true);
  input_hub_key (guest.hub, KEY_A, false);
  input_hub_key (guest.hub, 0xa5, true); /* no such key */
  input_hub_key (guest.hub, KEY_LEFT_SHIFT, false);
  expect_key (&guest, 42, true);
  expect_key (&guest, 30, true);
  expect_key (&guest, 30, false);
  expect_key (&guest, 42, false);
  expect_nothing (&guest);
}

static void
test_pointer (void)
{
  g_auto (Guest) guest = { 0 };

  start (&guest, VIRTIO_INPUT_TABLET);
  g_assert_true (input_hub_is_absolute (guest.hub));
  input_hub_position (guest.hub, 100, 32767);
  input_hub_button (guest.hub, POINTER_EXTRA, true);
  input_hub_wheel (guest.hub, 0, -2);
  input_hub_wheel (guest.hub, 1, 3);
  input_hub_button (guest.hub, POINTER_EXTRA, false);
  expect (&guest, EV_ABS, 0, 100);
  expect (&guest, EV_ABS, 1, 32767);
  expect (&guest, EV_SYN, 0, 0);
  expect_key (&guest, 0x114, true);
  expect (&guest, EV_REL, 8, -2);
  expect (&guest, EV_SYN, 0, 0);
  expect (&guest, EV_REL, 8, 3);
  expect (&guest, EV_REL, 6, 1);
  expect (&guest, EV_SYN, 0, 0);
  expect_key (&guest, 0x114, false);
  expect_nothing (&guest);
}

/* It takes input only between DRIVER_OK and reset. */
static void
test_taken_when_driven (void)
{
  g_auto (Guest) guest = { 0 };

  open_guest (&guest, VIRTIO_INPUT_TABLET);
  g_assert_false (input_hub_is_absolute (guest.hub));
  start_driver (&guest);
  bench_settle (guest.bench);
  g_assert_true (input_hub_is_absolute (guest.hub));
  bench_write8 (guest.bench, VIRTIO_COMMON + REG_STATUS, 0);
  g_assert_false (input_hub_is_absolute (guest.hub));

  /* A device that gave up takes nothing either. */
  start_driver (&guest);
  guest_queue_add (&guest.events, &(GuestBuffer){ BUFFERS, 7, true }, 1);
  guest_queue_kick (&guest.events);
  bench_settle (guest.bench);
  input_hub_position (guest.hub, 1, 1);
  bench_settle (guest.bench);
  g_assert_cmphex (virtio_guest_status (guest.bench) & STATUS_NEEDS_RESET, !=, 0);
  input_hub_position (guest.hub, 1, 1);
  g_assert_false (input_hub_is_absolute (guest.hub));
}

/* A guest that is slow finds the last position only, and no key stuck. */
static void
test_slow_guest (void)
{
  g_auto (Guest) guest = { 0 };

  open_guest (&guest, VIRTIO_INPUT_TABLET);
  start_driver (&guest);
  bench_settle (guest.bench);
  for (unsigned i = 0; i < 1000; i++)
    input_hub_position (guest.hub, i, 2 * i);
  input_hub_button (guest.hub, POINTER_LEFT, true);
  for (unsigned i = 0; i < 300; i++)
    input_hub_wheel (guest.hub, 0, 1); /* there is no room for all */
  input_hub_button (guest.hub, POINTER_LEFT, false);
  input_hub_button (guest.hub, POINTER_RIGHT, true);

  offer_buffers (&guest, 64);
  expect (&guest, EV_ABS, 0, 999);
  expect (&guest, EV_ABS, 1, 1998);
  expect (&guest, EV_SYN, 0, 0);
  expect_key (&guest, 0x110, true);
  for (unsigned i = 0; i < 125; i++)
    {
      expect (&guest, EV_REL, 8, 1);
      expect (&guest, EV_SYN, 0, 0);
      if (i % 8 == 7)
        offer_buffers (&guest, 16);
    }
  expect_key (&guest, 0x110, false);
  expect_key (&guest, 0x111, true);
  input_hub_button (guest.hub, POINTER_RIGHT, false);
  expect_key (&guest, 0x111, false);
  expect_nothing (&guest);
}

static void
set_led (Guest *guest, uint16_t type, uint16_t code, uint32_t value)
{
  uint8_t *event = bench_memory (guest->bench, STATUS, 8);

  store_le16 (event, type);
  store_le16 (event + 2, code);
  store_le32 (event + 4, value);
  guest_queue_add (&guest->status, &(GuestBuffer){ STATUS, 8, false }, 1);
  guest_queue_kick (&guest->status);
  g_assert_cmpuint (guest_queue_wait (&guest->status, NULL), ==, 0);
}

/* 5.8.6.2: lamps. */
static void
test_leds (void)
{
  g_auto (Guest) guest = { 0 };

  start (&guest, VIRTIO_INPUT_KEYBOARD);
  set_led (&guest, EV_LED, 1, 1);
  g_assert_cmphex (input_hub_leds (guest.hub), ==, 2);
  set_led (&guest, EV_LED, 0, 7);
  set_led (&guest, EV_LED, 3, 1);
  set_led (&guest, EV_LED, 0xffff, 1);
  set_led (&guest, EV_REP, 2, 1);
  g_assert_cmphex (input_hub_leds (guest.hub), ==, 3);
  set_led (&guest, EV_LED, 1, 0);
  g_assert_cmphex (input_hub_leds (guest.hub), ==, 1);
  guest_queue_add (&guest.status, &(GuestBuffer){ STATUS, 3, false }, 1);
  guest_queue_kick (&guest.status);
  guest_queue_wait (&guest.status, NULL);
}

/* Saved with events that wait, a button held, and a lamp on. */
static void
test_state (gconstpointer kind)
{
  g_auto (Guest) guest = { 0 };

  open_guest (&guest, (VirtioInputKind)GPOINTER_TO_UINT (kind));
  start_driver (&guest);
  offer_buffers (&guest, 1);
  bench_settle (guest.bench);
  input_hub_button (guest.hub, POINTER_LEFT, true);
  input_hub_key (guest.hub, KEY_A, true);
  input_hub_position (guest.hub, 1, 2);
  set_led (&guest, EV_LED, 2, 1);
  ask (&guest, 0x11, EV_KEY);
  bench_round_trip_state (guest.bench);
}

static void
mad_step (Bench *bench, GRand *rand, void *data)
{
  InputHub *hub = ((Guest *)data)->hub;

  virtio_guest_fuzz_step (bench, rand, NULL);
  input_hub_key (hub, (KeyUsage)g_rand_int_range (rand, 0, 256), g_rand_boolean (rand));
  input_hub_position (hub, g_rand_int (rand), g_rand_int (rand));
  input_hub_button (hub, (PointerButton)g_rand_int_range (rand, 0, POINTER_N_BUTTONS), g_rand_boolean (rand));
  input_hub_wheel (hub, g_rand_int_range (rand, -2, 3), g_rand_int_range (rand, -2, 3));
}

static void
test_fuzz (gconstpointer kind)
{
  g_auto (Guest) guest = { 0 };

  open_guest (&guest, (VirtioInputKind)GPOINTER_TO_UINT (kind));
  bench_fuzz_with (guest.bench, 58, 10000, mad_step, &guest);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-input/keyboard-config", test_keyboard_config);
  g_test_add_func ("/virtio-input/tablet-config", test_tablet_config);
  g_test_add_func ("/virtio-input/keys", test_keys);
  g_test_add_func ("/virtio-input/pointer", test_pointer);
  g_test_add_func ("/virtio-input/taken-when-driven", test_taken_when_driven);
  g_test_add_func ("/virtio-input/slow-guest", test_slow_guest);
  g_test_add_func ("/virtio-input/leds", test_leds);
  for (unsigned kind = VIRTIO_INPUT_KEYBOARD; kind <= VIRTIO_INPUT_TABLET; kind++)
    {
      const char *name = kind == VIRTIO_INPUT_TABLET ? "tablet" : "keyboard";
      g_autofree char *state = g_strconcat ("/virtio-input/state/", name, NULL);
      g_autofree char *fuzz = g_strconcat ("/virtio-input/fuzz/", name, NULL);

      g_test_add_data_func (state, GUINT_TO_POINTER (kind), test_state);
      g_test_add_data_func (fuzz, GUINT_TO_POINTER (kind), test_fuzz);
    }
  return g_test_run ();
}
