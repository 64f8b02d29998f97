/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/fake-usb-link.h"

#include <errno.h>

#define PULLED_OUT_AFTER 100u
#define MOST_AT_ONCE     4u

const uint8_t fake_usb_descriptors[FAKE_USB_DESCRIPTORS] = {
  18, 1, 0,    2, 0,   0,   0, 64,   0x6b, 0x1d, 4, 1, 0, 1, 0, 0, 0, 1, /* device */
  9,  2, 48,   0, 1,   1,   0, 0x80, 50,                                 /* configuration 1 */
  9,  4, 0,    0, 2,   255, 0, 0,    0,                                  /* interface 0, setting 0 */
  7,  5, 0x81, 2, 0,   2,   0, 7,    5,    2,    2, 0, 2, 0,             /* endpoints 0x81 and 2 */
  9,  4, 0,    1, 1,   255, 0, 0,    0,                                  /* setting 1 */
  7,  5, 0x83, 1, 192, 0,   1,                                           /* endpoint 0x83 */
};

static uint8_t *
data_of (const UsbUrb *urb)
{
  return urb->buffer + (urb->kind == USB_CONTROL ? 8 : 0);
}

void
fake_usb_link_complete (FakeUsbLink *fake, UsbStatus status, const void *data, size_t actual)
{
  UsbUrb *urb = g_queue_pop_head (&fake->urbs);

  g_assert_nonnull (urb);
  if (data != NULL)
    memcpy (data_of (urb), data, actual);
  urb->status = status;
  urb->actual = actual;
  device_lock (fake->device);
  urb->done (urb);
  device_unlock (fake->device);
}

static void
watch (UsbLink *link, Device *device)
{
  FakeUsbLink *fake = (FakeUsbLink *)link;

  g_assert_true (device != NULL || g_queue_is_empty (&fake->urbs));
  fake->watched = device != NULL;
}

static void
answer_packets (UsbUrb *urb, unsigned n)
{
  for (unsigned i = 0; i < urb->n_packets; i++)
    {
      urb->packets[i].actual = urb->packets[i].length / (1 + (n + i) % 3);
      urb->packets[i].status = (n + i) % 5 == 0 ? USB_MISSED : USB_OK;
    }
}

static void
answer (FakeUsbLink *fake)
{
  static const UsbStatus statuses[] = { USB_OK, USB_OK, USB_OK, USB_STALL, USB_OK, USB_ERROR, USB_BABBLE };
  unsigned n = fake->n_answers++;
  UsbUrb *urb = g_queue_pop_head (&fake->urbs);

  urb->status = statuses[n % G_N_ELEMENTS (statuses)];
  urb->actual = urb->length / (1 + n % 3);
  memset (data_of (urb), (int)n, urb->length);
  answer_packets (urb, n);
  urb->done (urb);
  if (n == PULLED_OUT_AFTER)
    fake->link.gone (fake->link.data);
}

static void
end_cancelled (FakeUsbLink *fake)
{
  UsbUrb *urb;

  while ((urb = g_queue_pop_head (&fake->over)) != NULL)
    {
      urb->status = USB_ERROR;
      urb->done (urb);
    }
}

static void
handle (UsbLink *link, unsigned timeout_ms)
{
  end_cancelled ((FakeUsbLink *)link);
}

static void
on_loop (void *data)
{
  FakeUsbLink *fake = data;

  if (!g_atomic_int_get (&fake->freed))
    {
      device_lock (fake->device);
      end_cancelled (fake);
      while (fake->answers && !g_queue_is_empty (&fake->urbs))
        answer (fake);
      device_unlock (fake->device);
    }
  g_atomic_rc_box_release (fake);
}

static void
call_loop (FakeUsbLink *fake)
{
  loop_call (fake->device->board->loop, on_loop, g_atomic_rc_box_acquire (fake));
}

static int
submit (UsbLink *link, UsbUrb *urb)
{
  FakeUsbLink *fake = (FakeUsbLink *)link;

  if (fake->answers && fake->n_answers > PULLED_OUT_AFTER)
    return -ENODEV;
  if (fake->answers && fake->urbs.length == MOST_AT_ONCE)
    return -ENOMEM;
  if (fake->submit_result != 0)
    return fake->submit_result;
  g_queue_push_tail (&fake->urbs, urb);
  if (fake->answers)
    call_loop (fake);
  return 0;
}

static void
cancel (UsbLink *link, UsbUrb *urb)
{
  FakeUsbLink *fake = (FakeUsbLink *)link;

  g_assert_true (g_queue_remove (&fake->urbs, urb));
  g_queue_push_tail (&fake->over, urb);
  fake->n_cancelled++;
  call_loop (fake);
}

static int
reset (UsbLink *link)
{
  ((FakeUsbLink *)link)->n_resets++;
  return 0;
}

static int
set_configuration (UsbLink *link, unsigned value)
{
  ((FakeUsbLink *)link)->configuration = value;
  return value <= 1 ? 0 : -EPIPE;
}

static int
set_interface (UsbLink *link, unsigned interface, unsigned setting)
{
  ((FakeUsbLink *)link)->interface = interface;
  ((FakeUsbLink *)link)->setting = setting;
  return 0;
}

static int
clear_halt (UsbLink *link, uint8_t endpoint)
{
  ((FakeUsbLink *)link)->cleared = endpoint;
  return 0;
}

static void
free_link (UsbLink *link)
{
  FakeUsbLink *fake = (FakeUsbLink *)link;

  g_assert_true (g_queue_is_empty (&fake->urbs) && g_queue_is_empty (&fake->over) && !fake->watched);
  *fake->told_freed = true;
  g_free (link->descriptors);
  g_atomic_int_set (&fake->freed, true);
  g_atomic_rc_box_release (fake);
}

static const UsbLinkOps ops = { watch,         handle,     submit,   cancel, reset, set_configuration,
                                set_interface, clear_halt, free_link };

FakeUsbLink *
fake_usb_link_new (Device *device, bool *told_freed)
{
  FakeUsbLink *fake = g_atomic_rc_box_new0 (FakeUsbLink);

  fake->link.ops = &ops;
  fake->link.speed = USB_HIGH_SPEED;
  fake->link.descriptors = g_memdup2 (fake_usb_descriptors, sizeof fake_usb_descriptors);
  fake->link.descriptors_size = sizeof fake_usb_descriptors;
  fake->device = device;
  fake->told_freed = told_freed;
  return fake;
}
