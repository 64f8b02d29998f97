/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-hid-private.h"

#include "vmm/base/error.h"

#define IDLE_UNIT_NS INT64_C (4000000)

enum {
  GET_REPORT = 1,
  GET_IDLE = 2,
  GET_PROTOCOL = 3,
  SET_REPORT = 9,
  SET_IDLE = 10,
  SET_PROTOCOL = 11,

  DESCRIPTOR_HID = 0x21,
  DESCRIPTOR_REPORT = 0x22,
};

/* Where the HID descriptor lies in our configurations: after those of configuration and interface. */
#define HID_DESCRIPTOR_AT   18u
#define HID_DESCRIPTOR_SIZE 9u

/* --- reports --- */

static uint8_t *
report_at (UsbHid *hid, unsigned i)
{
  return hid->waiting + i * HID_REPORT_MAX;
}

/* Who holds a key hears of it again while somebody asks; nothing else needs a timer. */
static void
arm (UsbHid *hid)
{
  if (hid->idle != 0 && !g_queue_is_empty (&hid->asked) && hid->kind->is_held != NULL
      && hid->kind->is_held (hid))
    loop_timer_arm (hid->timer, vm_clock_now (hid->usb.device.board->clock) + hid->idle * IDLE_UNIT_NS);
  else
    loop_timer_cancel (hid->timer);
}

static void
send (UsbHid *hid)
{
  while (hid->n_waiting > 0 && !g_queue_is_empty (&hid->asked))
    {
      UsbTransfer *transfer = g_queue_pop_head_link (&hid->asked)->data;
      uint8_t report[HID_REPORT_MAX];

      memcpy (report, report_at (hid, 0), sizeof report);
      hid->n_waiting--;
      memmove (report_at (hid, 0), report_at (hid, 1), hid->n_waiting * HID_REPORT_MAX);
      if (hid->n_waiting == 0)
        hid->ends_with_position = false;
      TRACE (hid, "report", "left=%u", hid->n_waiting);
      usb_transfer_answer (transfer, report, hid->kind->report_size);
    }
  arm (hid);
}

/* A report says all that is so: when too many wait the last one can take in what comes. */
void
usb_hid_tell (UsbHid *hid, bool position)
{
  bool joins = hid->n_waiting == HID_N_WAITING || (position && hid->ends_with_position && hid->n_waiting > 0);

  if (!joins)
    hid->n_waiting++;
  hid->kind->compose (hid, report_at (hid, hid->n_waiting - 1));
  hid->ends_with_position = position;
  send (hid);
}

bool
usb_hid_press (UsbHid *hid, unsigned key, bool down)
{
  if (usb_hid_is_pressed (hid, key) == down)
    return false;
  hid->pressed[key / 8] ^= (uint8_t)(1u << key % 8);
  return true;
}

static void
on_timer (Device *device)
{
  usb_hid_tell ((UsbHid *)device, false);
}

/* --- requests of the class, section 7.2 --- */

static void
set_report (UsbHid *hid, UsbTransfer *transfer)
{
  uint8_t value = 0;

  if (!usb_transfer_map (transfer))
    {
      usb_transfer_done (transfer, USB_NO_MEMORY, 0);
      return;
    }
  iov_gather (transfer->iov, transfer->n_iov, 0, &value, 1);
  if (hid->kind->set_report != NULL && transfer->length > 0)
    hid->kind->set_report (hid, value);
  usb_transfer_done (transfer, USB_OK, transfer->length);
}

static void
answer_descriptor (UsbHid *hid, UsbTransfer *transfer)
{
  switch (transfer->setup.value >> 8)
    {
    case DESCRIPTOR_HID:
      usb_transfer_answer (transfer, hid->kind->descriptors.configuration + HID_DESCRIPTOR_AT,
                           HID_DESCRIPTOR_SIZE);
      break;
    case DESCRIPTOR_REPORT:
      usb_transfer_answer (transfer, hid->kind->report_descriptor, hid->kind->report_descriptor_size);
      break;
    default:
      usb_transfer_done (transfer, USB_STALL, 0);
    }
}

static void
answer_report (UsbHid *hid, UsbTransfer *transfer)
{
  uint8_t report[HID_REPORT_MAX] = { 0 };

  hid->kind->compose (hid, report);
  usb_transfer_answer (transfer, report, hid->kind->report_size);
}

static void
control (UsbHid *hid, UsbTransfer *transfer)
{
  const UsbSetup *setup = &transfer->setup;

  switch (USB_REQUEST (setup->type, setup->request))
    {
    case USB_REQUEST (USB_IN | USB_TO_INTERFACE, USB_GET_DESCRIPTOR):
      answer_descriptor (hid, transfer);
      break;
    case USB_REQUEST (USB_IN | USB_TYPE_CLASS | USB_TO_INTERFACE, GET_REPORT):
      answer_report (hid, transfer);
      break;
    case USB_REQUEST (USB_IN | USB_TYPE_CLASS | USB_TO_INTERFACE, GET_IDLE):
      usb_transfer_answer (transfer, &hid->idle, 1);
      break;
    case USB_REQUEST (USB_IN | USB_TYPE_CLASS | USB_TO_INTERFACE, GET_PROTOCOL):
      usb_transfer_answer (transfer, &hid->protocol, 1);
      break;
    case USB_REQUEST (USB_TYPE_CLASS | USB_TO_INTERFACE, SET_REPORT):
      set_report (hid, transfer);
      break;
    case USB_REQUEST (USB_TYPE_CLASS | USB_TO_INTERFACE, SET_IDLE):
      hid->idle = (uint8_t)(setup->value >> 8);
      arm (hid);
      usb_transfer_done (transfer, USB_OK, 0);
      break;
    case USB_REQUEST (USB_TYPE_CLASS | USB_TO_INTERFACE, SET_PROTOCOL):
      hid->protocol = setup->value & 1;
      usb_transfer_done (transfer, USB_OK, 0);
      break;
    case USB_REQUEST (USB_TO_ENDPOINT, USB_CLEAR_FEATURE):
      usb_transfer_done (transfer, USB_OK, 0);
      break;
    default:
      if (!usb_standard_request (&hid->usb, transfer, &hid->kind->descriptors))
        usb_transfer_done (transfer, USB_STALL, 0);
    }
}

/* --- transfers --- */

static void
submit (UsbDevice *usb, UsbTransfer *transfer)
{
  UsbHid *hid = (UsbHid *)usb;

  if (transfer->endpoint == 0)
    {
      control (hid, transfer);
      return;
    }
  if (transfer->endpoint != (1 | USB_IN) || usb->configuration == 0)
    {
      usb_transfer_done (transfer, USB_STALL, 0);
      return;
    }
  transfer->link.data = transfer;
  g_queue_push_tail_link (&hid->asked, &transfer->link);
  if (hid->sink != NULL)
    input_sink_set_enabled (hid->sink, true);
  send (hid);
}

static void
cancel (UsbDevice *usb, UsbTransfer *transfer)
{
  UsbHid *hid = (UsbHid *)usb;

  g_queue_unlink (&hid->asked, &transfer->link);
  if (g_queue_is_empty (&hid->asked) && hid->sink != NULL)
    input_sink_set_enabled (hid->sink, false);
  arm (hid);
  usb_transfer_done (transfer, USB_CANCELLED, 0);
}

static void
bus_reset (UsbDevice *usb)
{
  UsbHid *hid = (UsbHid *)usb;

  if (hid->sink != NULL)
    input_sink_set_enabled (hid->sink, false);
  hid->idle = 0;
  hid->protocol = 1;
  hid->n_waiting = 0;
  hid->ends_with_position = false;
  hid->wheel = hid->pan = 0;
  arm (hid);
}

/* --- the device --- */

static bool
realize (Device *device, const void *config, GError **error)
{
  const UsbHidConfig *hid_config = config;
  const HidKind *kind = hid_config->model == USB_HID_KEYBOARD ? &usb_keyboard_kind : &usb_tablet_kind;
  UsbHid *hid = (UsbHid *)device;

  hid->kind = kind;
  g_queue_init (&hid->asked);
  hid->timer = device_timer_new (device, on_timer);
  if (!usb_realize (&hid->usb, &hid_config->place, USB_HIGH_SPEED, error))
    return false;
  if (hid_config->hub != NULL)
    {
      hid->hub = input_hub_ref (hid_config->hub);
      hid->sink = input_hub_add_sink (hid->hub, &kind->sink, hid);
      input_sink_set_enabled (hid->sink, false);
    }
  return true;
}

static void
unrealize (Device *device)
{
  UsbHid *hid = (UsbHid *)device;

  g_clear_pointer (&hid->sink, input_sink_remove);
  usb_unrealize (&hid->usb);
  g_clear_pointer (&hid->timer, device_timer_free);
  g_clear_pointer (&hid->hub, input_hub_unref);
}

static void
reset (Device *device)
{
  UsbHid *hid = (UsbHid *)device;

  hid->usb.configuration = hid->usb.alternate = 0;
  hid->usb.remote_wakeup = hid->usb.suspended = false;
  hid->leds = 0;
  bus_reset (&hid->usb);
}

/* --- what is saved --- */

static bool
check (const void *object, const void *incoming, GError **error)
{
  const UsbHid *live = object, *hid = incoming;

  if (hid->n_waiting <= HID_N_WAITING)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
               "The saved state of %s has more reports than there is room for", live->usb.device.name);
  return false;
}

static void
after_load (void *object)
{
  arm (object);
}

static const StateField fields[] = {
  STATE_STRUCT (UsbHid, usb, &usb_device_state, 1),
  STATE_U8 (UsbHid, idle, 1),
  STATE_U8 (UsbHid, protocol, 1),
  STATE_U8 (UsbHid, leds, 1),
  STATE_BYTES (UsbHid, pressed, 1),
  STATE_U16 (UsbHid, x, 1),
  STATE_U16 (UsbHid, y, 1),
  STATE_U16 (UsbHid, wheel, 1),
  STATE_U16 (UsbHid, pan, 1),
  STATE_U8 (UsbHid, n_waiting, 1),
  STATE_BYTES (UsbHid, waiting, 1),
  STATE_BOOL (UsbHid, ends_with_position, 1),
  STATE_END,
};

static const StateTable state = {
  .name = "usb-hid",
  .version = 1,
  .fields = fields,
  .object_size = sizeof (UsbHid),
  .check = check,
  .after_load = after_load,
};

const UsbDeviceClass usb_hid_class = {
  .device = { .id = "usb-hid",
              .size = sizeof (UsbHid),
              .realize = realize,
              .unrealize = unrealize,
              .reset = reset,
              .state = &state },
  .bus_reset = bus_reset,
  .submit = submit,
  .cancel = cancel,
};
