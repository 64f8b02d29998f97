/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The USB host controller, with a tablet and a keyboard in it. */
#include "devices/usb/usb-hid.h"
#include "devices/usb/xhci.h"

#include "tests/devices/xhci-guest.h"
#include "vmm/base/bytes.h"

enum { SUCCESS = 1, TRB_ERROR = 5, STALL = 6, SHORT_PACKET = 13, STOPPED = 26 };
enum { NORMAL = 1, STOP_ENDPOINT = 15, NO_OP = 23, PORT_EVENT = 34 };

enum { TABLET_SOCKET = 1, KEYBOARD_SOCKET = 2 };
enum { TABLET_PORT = XHCI_N_SOCKETS + TABLET_SOCKET, KEYBOARD_PORT = XHCI_N_SOCKETS + KEYBOARD_SOCKET };
#define INTERRUPT_IN 3u /* context index of endpoint 0x81 */

typedef struct {
  Bench *bench;
  InputHub *hub;
  XhciGuest guest;
} Fixture;

static void
furnish (Bench *bench, void *data)
{
  Fixture *f = data;
  XhciConfig config = { .place = { .bus = pci_bench_bus_new (bench), .devfn = PCI_DEVFN (4, 0) } };
  Device *xhci;
  UsbHidConfig tablet, keyboard;

  xhci = bench_add (bench, &xhci_class, NULL, &config);
  tablet =
    (UsbHidConfig){ .place = { xhci_bus (xhci), TABLET_SOCKET }, .model = USB_HID_TABLET, .hub = f->hub };
  keyboard =
    (UsbHidConfig){ .place = { xhci_bus (xhci), KEYBOARD_SOCKET }, .model = USB_HID_KEYBOARD, .hub = f->hub };
  bench_add (bench, &usb_hid_class.device, "usb-tablet", &tablet);
  bench_add (bench, &usb_hid_class.device, "usb-keyboard", &keyboard);
  bench_choose (bench, xhci);
}

static void
setup (Fixture *f, gconstpointer data)
{
  f->hub = input_hub_new ();
  f->bench = bench_new_with (furnish, f);
  pci_bench_map (f->bench);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  input_hub_unref (f->hub);
}

static unsigned
get_descriptor (Fixture *f, unsigned type, unsigned number, unsigned length)
{
  unsigned actual = 0;

  g_assert_cmpuint (
    xhci_guest_control (&f->guest, 0x80, 6, (uint16_t)(type << 8 | number), 0, (uint16_t)length, &actual), ==,
    SUCCESS);
  return actual;
}

/* Up to what a driver does when it finds a HID device. */
static void
start_hid (Fixture *f, unsigned port)
{
  xhci_guest_start (&f->guest, f->bench);
  g_assert_cmpuint (xhci_guest_address (&f->guest, port), ==, SUCCESS);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0, 9, 1, 0, 0, NULL), ==, SUCCESS);
  g_assert_cmpuint (xhci_guest_open (&f->guest, INTERRUPT_IN, 7, 8), ==, SUCCESS);
}

static void
ask (Fixture *f, unsigned i)
{
  xhci_guest_put (&f->guest, INTERRUPT_IN,
                  &(XhciGuestTrb){ XHCI_GUEST_DATA + i * 64, 8, NORMAL << 10 | 1 << 5 | 1 << 2 });
  xhci_guest_ring (&f->guest, INTERRUPT_IN);
}

static const uint8_t *
expect_report (Fixture *f, unsigned i, unsigned size)
{
  XhciGuestTrb event;

  g_assert_true (xhci_guest_event (&f->guest, &event));
  g_assert_cmpuint (event.control >> 10 & 0x3f, ==, 32);
  g_assert_cmpuint (event.status >> 24, ==, size < 8 ? SHORT_PACKET : SUCCESS);
  g_assert_cmpuint (event.status & 0xffffff, ==, 8 - size);
  return bench_memory (f->bench, XHCI_GUEST_DATA + i * 64, 8);
}

/* --- tests --- */

static void
test_capabilities (Fixture *f, gconstpointer data)
{
  uint64_t bar = PCI_BENCH_BAR (0);

  g_assert_cmphex (bench_read8 (f->bench, bar), ==, 0x40);
  g_assert_cmphex (bench_read16 (f->bench, bar + 2), ==, 0x0110);
  g_assert_cmphex (bench_read32 (f->bench, bar + 4) >> 24, ==, 2 * XHCI_N_SOCKETS);
  xhci_guest_start (&f->guest, f->bench);
  g_assert_cmphex (xhci_guest_register (&f->guest, 4) & 1, ==, 0);
  g_assert_cmpuint (xhci_guest_command (&f->guest, NO_OP, 0, 0, 0), ==, SUCCESS);
  g_assert_cmpuint (xhci_guest_command (&f->guest, 11, 3, 0, 0), ==, 11); /* no such slot */
}

static void
test_ports (Fixture *f, gconstpointer data)
{
  XhciGuestTrb event;
  unsigned n = 0;

  xhci_guest_start (&f->guest, f->bench);
  while (xhci_guest_event (&f->guest, &event))
    {
      g_assert_cmpuint (event.control >> 10 & 0x3f, ==, 34);
      n |= 1u << (event.parameter >> 24);
    }
  g_assert_cmphex (n, ==, 1 << TABLET_PORT | 1 << KEYBOARD_PORT);
  g_assert_cmphex (xhci_guest_port (&f->guest, TABLET_PORT) & 0x3c03, ==, 3 << 10 | 1);
  xhci_guest_set_port (&f->guest, TABLET_PORT, 1 << 9 | 1 << 17);
  xhci_guest_set_port (&f->guest, TABLET_PORT, 1 << 9 | 1 << 4);
  g_assert_cmphex (xhci_guest_port (&f->guest, TABLET_PORT) & (1 << 21 | 0x1e3), ==, 1 << 21 | 3);
  g_assert_true (xhci_guest_event (&f->guest, &event));
  g_assert_cmpuint (event.parameter >> 24, ==, TABLET_PORT);
  g_assert_cmphex (xhci_guest_port (&f->guest, 5) & 1, ==, 0);
}

static void
test_descriptors (Fixture *f, gconstpointer data)
{
  const uint8_t *p = bench_memory (f->bench, XHCI_GUEST_DATA, 256);

  start_hid (f, TABLET_PORT);
  g_assert_cmpuint (get_descriptor (f, 1, 0, 18), ==, 18);
  g_assert_cmpuint (p[0], ==, 18);
  g_assert_cmpuint (get_descriptor (f, 2, 0, 255), ==, 34);
  g_assert_cmpuint (load_le16 (p + 2), ==, 34);
  g_assert_cmpuint (get_descriptor (f, 3, 2, 255), ==, 14);
  g_assert_cmpmem (p + 2, 12, "T\0a\0b\0l\0e\0t\0", 12);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x80, 6, 0x0f00, 0, 5, NULL), ==, STALL);
}

/* Events that the driver words itself, in the data stage: it is told what came, and the status stage is the
 * same transfer's. Section 4.11.5.2. */
static void
test_event_data (Fixture *f, gconstpointer data)
{
  const uint64_t setup = 0x80 | 6 << 8 | UINT64_C (0x0100) << 16 | UINT64_C (64) << 48;
  XhciGuestTrb event;

  start_hid (f, TABLET_PORT);
  xhci_guest_put (&f->guest, 1, &(XhciGuestTrb){ setup, 8, 2 << 10 | 1 << 6 });
  xhci_guest_put (&f->guest, 1, &(XhciGuestTrb){ XHCI_GUEST_DATA, 64, 3 << 10 | 1 << 16 | 1 << 4 });
  xhci_guest_put (&f->guest, 1, &(XhciGuestTrb){ 0x1234567890, 0, 7 << 10 | 1 << 5 });
  xhci_guest_put (&f->guest, 1, &(XhciGuestTrb){ 0, 0, 4 << 10 | 1 << 5 });
  xhci_guest_ring (&f->guest, 1);
  g_assert_true (xhci_guest_event (&f->guest, &event));
  g_assert_cmphex (event.parameter, ==, 0x1234567890);
  g_assert_cmpuint (event.status, ==, (unsigned)SHORT_PACKET << 24 | 18);
  g_assert_cmphex (event.control & 4, ==, 4);
  g_assert_true (xhci_guest_event (&f->guest, &event));
  g_assert_cmpuint (event.status, ==, (unsigned)SUCCESS << 24);
  g_assert_false (xhci_guest_event (&f->guest, &event));
  g_assert_cmpuint (get_descriptor (f, 1, 0, 18), ==, 18);
}

static void
test_pointer (Fixture *f, gconstpointer data)
{
  const uint8_t *report;
  XhciGuestTrb event;

  start_hid (f, TABLET_PORT);
  g_assert_false (input_hub_is_absolute (f->hub));
  ask (f, 0);
  g_assert_true (input_hub_is_absolute (f->hub));
  g_assert_false (xhci_guest_event (&f->guest, &event));
  input_hub_position (f->hub, 1000, 32767);
  report = expect_report (f, 0, 7);
  g_assert_cmpuint (load_le16 (report + 1), ==, 1000);
  g_assert_cmpuint (load_le16 (report + 3), ==, 32767);
  /* Positions on the way are as good as the last; presses aren't. */
  input_hub_position (f->hub, 1, 1);
  input_hub_position (f->hub, 2, 2);
  input_hub_button (f->hub, POINTER_LEFT, true);
  input_hub_wheel (f->hub, 0, -2);
  for (unsigned i = 1; i <= 3; i++)
    ask (f, i);
  g_assert_cmpuint (load_le16 (expect_report (f, 1, 7) + 1), ==, 2);
  g_assert_cmpuint (expect_report (f, 2, 7)[0], ==, 1);
  report = expect_report (f, 3, 7);
  g_assert_cmpuint (report[5], ==, 0xfe);
}

static void
test_keys (Fixture *f, gconstpointer data)
{
  const uint8_t *report;

  start_hid (f, KEYBOARD_PORT);
  ask (f, 0);
  input_hub_key (f->hub, KEY_LEFT_SHIFT, true);
  input_hub_key (f->hub, KEY_A, true);
  input_hub_key (f->hub, KEY_A, false);
  g_assert_cmpuint (expect_report (f, 0, 8)[0], ==, 2);
  ask (f, 1);
  ask (f, 2);
  report = expect_report (f, 1, 8);
  g_assert_cmpuint (report[0], ==, 2);
  g_assert_cmpuint (report[2], ==, KEY_A);
  g_assert_cmpuint (expect_report (f, 2, 8)[2], ==, 0);
  /* Its lights. */
  *(uint8_t *)bench_memory (f->bench, XHCI_GUEST_DATA, 1) = 2;
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x21, 9, 0x0200, 0, 1, NULL), ==, SUCCESS);
  g_assert_cmpuint (input_hub_leds (f->hub), ==, 2);
}

/* Who waits in vain costs nothing, is taken back, and is told where it stood. */
static void
test_stop (Fixture *f, gconstpointer data)
{
  XhciGuestTrb event;

  start_hid (f, TABLET_PORT);
  ask (f, 0);
  ask (f, 1);
  g_assert_cmpuint (xhci_guest_command (&f->guest, STOP_ENDPOINT, f->guest.slot, INTERRUPT_IN, 0), ==,
                    SUCCESS);
  input_hub_position (f->hub, 5, 5);
  g_assert_false (xhci_guest_event (&f->guest, &event));
  xhci_guest_ring (&f->guest, INTERRUPT_IN);
  input_hub_position (f->hub, 6, 6);
  g_assert_cmpuint (load_le16 (expect_report (f, 0, 7) + 1), ==, 6);
}

/* A controller that its driver stopped, as firmware does before it hands over, listens to nobody: input is
 * for others. */
static void
test_halt (Fixture *f, gconstpointer data)
{
  XhciGuestTrb event;
  uint32_t command;

  start_hid (f, TABLET_PORT);
  ask (f, 0);
  g_assert_true (input_hub_is_absolute (f->hub));
  command = xhci_guest_register (&f->guest, 0);
  xhci_guest_set_register (&f->guest, 0, command & ~UINT32_C (1));
  g_assert_false (input_hub_is_absolute (f->hub));
  xhci_guest_set_register (&f->guest, 0, command);
  g_assert_true (input_hub_is_absolute (f->hub));
  /* Ports are told of anew. */
  while (xhci_guest_event (&f->guest, &event))
    g_assert_cmpuint (event.control >> 10 & 0x3f, ==, PORT_EVENT);
  input_hub_position (f->hub, 7, 7);
  g_assert_cmpuint (load_le16 (expect_report (f, 0, 7) + 1), ==, 7);
}

/* Longer than its rings, across links. */
static void
test_many (Fixture *f, gconstpointer data)
{
  start_hid (f, TABLET_PORT);
  for (unsigned i = 0; i < 1000; i++)
    {
      ask (f, i % 8);
      input_hub_position (f->hub, i, 2 * i);
      g_assert_cmpuint (load_le16 (expect_report (f, i % 8, 7) + 3), ==, 2 * i);
    }
}

static void
test_state (Fixture *f, gconstpointer data)
{
  start_hid (f, TABLET_PORT);
  ask (f, 0);
  input_hub_button (f->hub, POINTER_RIGHT, true);
  bench_round_trip_state (f->bench);
}

static void
test_fuzz (Fixture *f, gconstpointer data)
{
  start_hid (f, TABLET_PORT);
  ask (f, 0);
  bench_fuzz_with (f->bench, 1, 100000, pci_bench_fuzz_step, NULL);
}

#define ADD(name, func) g_test_add ("/xhci/" name, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("capabilities", test_capabilities);
  ADD ("ports", test_ports);
  ADD ("descriptors", test_descriptors);
  ADD ("event-data", test_event_data);
  ADD ("pointer", test_pointer);
  ADD ("keys", test_keys);
  ADD ("stop", test_stop);
  ADD ("halt", test_halt);
  ADD ("many", test_many);
  ADD ("state", test_state);
  ADD ("fuzz", test_fuzz);
  return g_test_run ();
}
