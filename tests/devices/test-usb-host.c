/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A USB device of the host's, made up, behind the controller. */
#include "devices/usb/usb-host.h"
#include "devices/usb/usb-topology.h"
#include "devices/usb/xhci.h"

#include "tests/devices/fake-usb-link.h"
#include "tests/devices/xhci-guest.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

enum { SUCCESS = 1, TRANSACTION_ERROR = 4, STALL = 6, SHORT_PACKET = 13, MISSED = 23, STOPPED = 26 };
enum { NORMAL = 1, ISOCH = 5, RESET_ENDPOINT = 14, STOP_ENDPOINT = 15 };
enum { TRANSFER_EVENT = 32, PORT_EVENT = 34 };

#define PORT     (2 * XHCI_N_SOCKETS) /* the last one of USB 2 */
#define BULK_IN  3u                   /* context indexes */
#define BULK_OUT 4u
#define ISO_IN   7u

static const UsbHostName stick = { "1-2.3", "0951:1666:60A44C4251", "Stick" };

typedef struct {
  Bench *bench;
  Device *host;
  XhciGuest guest;
  FakeUsbLink *fake;
  bool freed;
  char *lost; /* atomic */
} Fixture;

/* --- the bench --- */

static void
furnish (Bench *bench, void *data)
{
  Fixture *f = data;
  XhciConfig config = { .place = { .bus = pci_bench_bus_new (bench), .devfn = PCI_DEVFN (4, 0) } };
  Device *xhci = bench_add (bench, &xhci_class, NULL, &config);
  UsbHostConfig host = { .bus = xhci_bus (xhci) };

  f->host = bench_add (bench, &usb_host_class.device, "usb-host0", &host);
  bench_choose (bench, xhci);
}

static void
setup (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->bench = bench_new_with (furnish, f);
  pci_bench_map (f->bench);
  xhci_guest_start (&f->guest, f->bench);
  f->fake = fake_usb_link_new (f->host, &f->freed);
  g_assert_true (usb_host_plug (f->host, &f->fake->link, &stick, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (xhci_guest_address (&f->guest, PORT), ==, SUCCESS);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0, 9, 1, 0, 0, NULL), ==, SUCCESS);
  g_assert_cmpuint (xhci_guest_open (&f->guest, BULK_IN, 6, 512), ==, SUCCESS);
  g_assert_cmpuint (xhci_guest_open (&f->guest, BULK_OUT, 2, 512), ==, SUCCESS);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  g_assert_true (f->freed);
  g_free (f->lost);
}

static void
ask (Fixture *f, unsigned endpoint, unsigned type, uint64_t address, unsigned length)
{
  xhci_guest_put (&f->guest, endpoint, &(XhciGuestTrb){ address, length, type << 10 | 1 << 5 | 1 << 2 });
  xhci_guest_ring (&f->guest, endpoint);
}

static unsigned
code_of (Fixture *f, unsigned *missing)
{
  XhciGuestTrb event = xhci_guest_wait (&f->guest, TRANSFER_EVENT);

  if (missing != NULL)
    *missing = event.status & 0xffffff;
  return event.status >> 24;
}

/* --- tests --- */

/* What concerns the host's side went by its own calls. */
static void
test_configure (Fixture *f, gconstpointer data)
{
  g_assert_cmpuint (f->fake->n_resets, ==, 1);
  g_assert_cmpuint (f->fake->configuration, ==, 1);
  g_assert_true (f->fake->watched);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 1, 11, 1, 0, 0, NULL), ==, SUCCESS);
  g_assert_cmpuint (f->fake->setting, ==, 1);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 2, 1, 0, 0x81, 0, NULL), ==, SUCCESS);
  g_assert_cmphex (f->fake->cleared, ==, 0x81);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0, 9, 7, 0, 0, NULL), ==, STALL);
}

static void
test_bulk (Fixture *f, gconstpointer data)
{
  uint8_t *memory = bench_memory (f->bench, XHCI_GUEST_DATA, 4096);
  const UsbUrb *urb;
  unsigned missing;

  memcpy (memory, "to the device", 13);
  ask (f, BULK_OUT, NORMAL, XHCI_GUEST_DATA, 13);
  urb = g_queue_peek_head (&f->fake->urbs);
  g_assert_cmphex (urb->endpoint, ==, 2);
  g_assert_cmpmem (urb->buffer, urb->length, "to the device", 13);
  fake_usb_link_complete (f->fake, USB_OK, NULL, 13);
  g_assert_cmpuint (code_of (f, NULL), ==, SUCCESS);

  /* Several at once, the second one short, the third one refused. */
  for (unsigned i = 0; i < 3; i++)
    ask (f, BULK_IN, NORMAL, XHCI_GUEST_DATA + 512 * i, 512);
  g_assert_cmpuint (f->fake->urbs.length, ==, 3);
  memset (memory, 0, 4096);
  fake_usb_link_complete (f->fake, USB_OK, memory, 512);
  fake_usb_link_complete (f->fake, USB_OK, "short", 5);
  fake_usb_link_complete (f->fake, USB_STALL, NULL, 0);
  g_assert_cmpuint (code_of (f, NULL), ==, SUCCESS);
  g_assert_cmpuint (code_of (f, &missing), ==, SHORT_PACKET);
  g_assert_cmpuint (missing, ==, 507);
  g_assert_cmpmem (memory + 512, 6, "short", 6);
  g_assert_cmpuint (code_of (f, NULL), ==, STALL);
  g_assert_cmpuint (xhci_guest_command (&f->guest, RESET_ENDPOINT, f->guest.slot, BULK_IN, 0), ==, SUCCESS);
}

/* What the host has no memory for waits until something is done. */
static void
test_full (Fixture *f, gconstpointer data)
{
  ask (f, BULK_IN, NORMAL, XHCI_GUEST_DATA, 512);
  f->fake->submit_result = -ENOMEM;
  ask (f, BULK_IN, NORMAL, XHCI_GUEST_DATA, 512);
  ask (f, BULK_OUT, NORMAL, XHCI_GUEST_DATA, 512);
  g_assert_cmpuint (f->fake->urbs.length, ==, 1);
  f->fake->submit_result = 0;
  fake_usb_link_complete (f->fake, USB_OK, "1", 1);
  g_assert_cmpuint (f->fake->urbs.length, ==, 2);
  fake_usb_link_complete (f->fake, USB_OK, "2", 1);
  fake_usb_link_complete (f->fake, USB_OK, NULL, 512);
  for (unsigned i = 0; i < 2; i++)
    g_assert_cmpuint (code_of (f, NULL), ==, SHORT_PACKET);
  g_assert_cmpuint (code_of (f, NULL), ==, SUCCESS);
}

/* What waits keeps its order, though the host refuses it more than once. */
static void
test_full_order (Fixture *f, gconstpointer data)
{
  uint8_t *memory = bench_memory (f->bench, XHCI_GUEST_DATA, 4096);

  for (unsigned i = 0; i < 2; i++)
    ask (f, BULK_IN, NORMAL, XHCI_GUEST_DATA, 512);
  f->fake->submit_result = -ENOMEM;
  for (unsigned i = 0; i < 3; i++)
    {
      memory[1024 + i] = (uint8_t)i;
      ask (f, BULK_OUT, NORMAL, XHCI_GUEST_DATA + 1024 + i, 1);
    }
  fake_usb_link_complete (f->fake, USB_OK, "1", 1);
  g_assert_cmpuint (f->fake->urbs.length, ==, 1);
  f->fake->submit_result = 0;
  fake_usb_link_complete (f->fake, USB_OK, "2", 1);
  g_assert_cmpuint (f->fake->urbs.length, ==, 3);
  for (unsigned i = 0; i < 3; i++)
    {
      const UsbUrb *urb = g_queue_peek_head (&f->fake->urbs);

      g_assert_cmpuint (urb->buffer[0], ==, i);
      fake_usb_link_complete (f->fake, USB_OK, NULL, 1);
    }
  for (unsigned i = 0; i < 5; i++)
    g_assert_cmpuint (code_of (f, NULL), ==, i < 2 ? SHORT_PACKET : SUCCESS);
}

static void
test_stop (Fixture *f, gconstpointer data)
{
  for (unsigned i = 0; i < 5; i++)
    ask (f, BULK_IN, NORMAL, XHCI_GUEST_DATA, 512);
  g_assert_cmpuint (xhci_guest_command (&f->guest, STOP_ENDPOINT, f->guest.slot, BULK_IN, 0), ==, SUCCESS);
  g_assert_cmpuint (f->fake->n_cancelled, ==, 5);
  xhci_guest_ring (&f->guest, BULK_IN);
  g_assert_cmpuint (f->fake->urbs.length, ==, 5);
  fake_usb_link_complete (f->fake, USB_OK, "again", 5);
  g_assert_cmpuint (code_of (f, NULL), ==, SHORT_PACKET);
}

/* While the machine stands nothing of the guest's changes. */
static void
test_pause (Fixture *f, gconstpointer data)
{
  uint8_t *memory = bench_memory (f->bench, XHCI_GUEST_DATA, 512);
  XhciGuestTrb event;

  memset (memory, 0, 512);
  ask (f, BULK_IN, NORMAL, XHCI_GUEST_DATA, 512);
  loop_call_sync (bench_board (f->bench)->loop, (LoopFunc)board_stopped, bench_board (f->bench));
  fake_usb_link_complete (f->fake, USB_OK, "data", 4);
  g_assert_false (xhci_guest_event (&f->guest, &event));
  g_assert_cmpuint (memory[0], ==, 0);
  loop_call_sync (bench_board (f->bench)->loop, (LoopFunc)board_started, bench_board (f->bench));
  g_assert_cmpuint (code_of (f, NULL), ==, SHORT_PACKET);
  g_assert_cmpmem (memory, 4, "data", 4);
}

static void
test_unplug (Fixture *f, gconstpointer data)
{
  g_autofree char *key = usb_host_key (f->host);
  UsbLink *link;

  g_assert_cmpstr (key, ==, "1-2.3");
  for (unsigned i = 0; i < 5; i++)
    ask (f, BULK_IN, NORMAL, XHCI_GUEST_DATA, 512);
  link = usb_host_unplug (f->host);
  g_assert_true (link == &f->fake->link);
  g_assert_cmpuint (code_of (f, NULL), ==, TRANSACTION_ERROR);
  g_assert_cmphex (xhci_guest_port (&f->guest, PORT) & 1, ==, 0);
  g_assert_null (usb_host_key (f->host));
  usb_link_free (link);
}

static void
note_lost (const char *key, const char *name, void *data)
{
  Fixture *f = data;

  g_atomic_pointer_set (&f->lost, g_strconcat (key, " ", name, NULL));
}

/* Pulled out of the host amid transfers. */
static void
test_gone (Fixture *f, gconstpointer data)
{
  FakeUsbLink *fake = f->fake;

  usb_host_set_lost (f->host, note_lost, f);
  ask (f, BULK_IN, NORMAL, XHCI_GUEST_DATA, 512);
  ask (f, BULK_OUT, NORMAL, XHCI_GUEST_DATA, 512);
  device_lock (f->host);
  fake->link.gone (fake->link.data);
  device_unlock (f->host);
  while (g_atomic_pointer_get (&f->lost) == NULL)
    g_thread_yield ();
  g_assert_cmpstr (f->lost, ==, "1-2.3 Stick");
  g_assert_cmpuint (code_of (f, NULL), ==, TRANSACTION_ERROR);
  g_assert_cmphex (xhci_guest_port (&f->guest, PORT) & 1, ==, 0);
  g_assert_false (usb_host_is_plugged (f->host));
}

/* Those that are offered at once go together; each is told how it went. */
static void
test_isochronous (Fixture *f, gconstpointer data)
{
  uint8_t *memory = bench_memory (f->bench, XHCI_GUEST_DATA, 40 * 192);
  UsbUrb *urb;
  unsigned missing;

  g_assert_cmpuint (xhci_guest_control (&f->guest, 1, 11, 1, 0, 0, NULL), ==, SUCCESS);
  g_assert_cmpuint (xhci_guest_open (&f->guest, ISO_IN, 5, 192), ==, SUCCESS);
  for (unsigned i = 0; i < 40; i++)
    xhci_guest_put (
      &f->guest, ISO_IN,
      &(XhciGuestTrb){ XHCI_GUEST_DATA + i * 192, 192, ISOCH << 10 | 1 << 5 | 1 << 2 | 1u << 31 });
  xhci_guest_ring (&f->guest, ISO_IN);
  g_assert_cmpuint (f->fake->urbs.length, ==, 2);
  urb = g_queue_peek_head (&f->fake->urbs);
  g_assert_cmpuint (urb->n_packets, ==, 32);
  g_assert_cmpuint (urb->length, ==, 32 * 192);
  for (unsigned i = 0; i < 32; i++)
    {
      memset (urb->buffer + i * 192, (int)i + 1, 192);
      urb->packets[i].actual = i % 2 ? 192 : 100;
      urb->packets[i].status = i == 7 ? USB_MISSED : USB_OK;
    }
  memset (memory, 0, 40 * 192);
  fake_usb_link_complete (f->fake, USB_OK, NULL, 0);
  for (unsigned i = 0; i < 32; i++)
    {
      g_assert_cmpuint (code_of (f, &missing), ==, i == 7 ? MISSED : i % 2 ? SUCCESS : SHORT_PACKET);
      g_assert_cmpuint (memory[i * 192 + 99], ==, i + 1);
      g_assert_cmpuint (memory[i * 192 + 191], ==, i % 2 ? i + 1 : 0);
    }
  urb = g_queue_peek_head (&f->fake->urbs);
  g_assert_cmpuint (urb->n_packets, ==, 8);
  fake_usb_link_complete (f->fake, USB_ERROR, NULL, 0);
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmpuint (code_of (f, NULL), ==, MISSED);
}

/* It knows what it had, and has it no more. */
static void
test_state (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) saved = NULL;
  const XhciGuestRing *events = &f->guest.events;
  XhciGuestTrb event;
  g_autoptr (GError) error = NULL;
  g_autofree char *key = NULL, *id = NULL;
  gsize size;
  const uint8_t *bytes;

  xhci_guest_set_port (&f->guest, PORT, 1 << 9 | 0x7f << 17); /* its changes were seen */
  while (xhci_guest_event (&f->guest, &event))
    continue;
  saved = board_save (bench_board (f->bench));
  usb_link_free (usb_host_unplug (f->host));
  bytes = g_bytes_get_data (saved, &size);
  g_assert_true (board_load (bench_board (f->bench), bytes, size, &error));
  g_assert_no_error (error);
  key = usb_host_key (f->host);
  g_assert_cmpstr (key, ==, stick.key);
  id = usb_host_id (f->host);
  g_assert_cmpstr (id, ==, stick.id);
  g_assert_false (usb_host_is_plugged (f->host));
  /* The processors' state follows the devices': a message that is sent now would be lost. */
  g_assert_cmphex (xhci_guest_port (&f->guest, PORT) & (1 | 1 << 17), ==, 1);
  memset (bench_memory (f->bench, events->base + events->index * sizeof event, sizeof event), 0,
          sizeof event);
  loop_call_sync (bench_board (f->bench)->loop, (LoopFunc)board_started, bench_board (f->bench));
  g_assert_cmphex (xhci_guest_port (&f->guest, PORT) & (1 | 1 << 17), ==, 1 << 17);
  g_assert_true (xhci_guest_event (&f->guest, &event));
  g_assert_cmpuint (event.control >> 10 & 63, ==, PORT_EVENT);
  g_assert_cmpuint (event.parameter >> 24, ==, PORT);
  usb_host_forget (f->host);
  g_assert_null (usb_host_id (f->host));
}

/* What is cut is text all the same, so that the state can be loaded. */
static void
test_long_name (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) wordy = g_string_new ("x");
  UsbHostName name = stick;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) saved = NULL;
  g_autofree char *kept = NULL;

  for (unsigned i = 0; i < 80; i++)
    g_string_append (wordy, "€");
  name.id = name.name = wordy->str;
  g_assert_true (usb_host_plug (f->host, usb_host_unplug (f->host), &name, &error));
  g_assert_no_error (error);
  kept = usb_host_name (f->host);
  g_assert_true (g_utf8_validate (kept, -1, NULL) && g_str_has_prefix (wordy->str, kept));
  saved = board_save (bench_board (f->bench));
  usb_link_free (usb_host_unplug (f->host));
  g_assert_true (
    board_load (bench_board (f->bench), g_bytes_get_data (saved, NULL), g_bytes_get_size (saved), &error));
  g_assert_no_error (error);
}

/* A device may say anything of itself. */
static void
test_descriptors (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (8);

  for (unsigned round = 0; round < 200000; round++)
    {
      uint8_t data[sizeof fake_usb_descriptors];
      size_t size = (size_t)g_rand_int_range (random, 0, sizeof data + 1);
      g_autofree uint8_t *exact = NULL;
      UsbTopology topology;

      memcpy (data, fake_usb_descriptors, sizeof data);
      for (int n = g_rand_int_range (random, 0, 6); n > 0; n--)
        data[g_rand_int_range (random, 0, sizeof data)] = (uint8_t)g_rand_int (random);
      exact = g_memdup2 (data, size);
      if (!usb_topology_init (&topology, exact, size))
        continue;
      usb_topology_configure (&topology, data[23]);
      usb_topology_set (&topology, (unsigned)g_rand_int_range (random, 0, 40), 1);
    }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *f, gconstpointer data);
  } tests[] = {
    { "/usb-host/configure", test_configure },
    { "/usb-host/bulk", test_bulk },
    { "/usb-host/full", test_full },
    { "/usb-host/full-order", test_full_order },
    { "/usb-host/stop", test_stop },
    { "/usb-host/pause", test_pause },
    { "/usb-host/unplug", test_unplug },
    { "/usb-host/gone", test_gone },
    { "/usb-host/isochronous", test_isochronous },
    { "/usb-host/state", test_state },
    { "/usb-host/long-name", test_long_name },
  };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, setup, tests[i].test, teardown);
  g_test_add_func ("/usb-host/descriptors", test_descriptors);
  return g_test_run ();
}
