/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb.h"

#include "devices/usb/usb-descriptors.h"

#include "vmm/base/bytes.h"

/* --- transfers --- */

bool
usb_transfer_map (UsbTransfer *transfer)
{
  return transfer->iov != NULL || transfer->length == 0 || transfer->map (transfer);
}

void
usb_transfer_done (UsbTransfer *transfer, UsbStatus status, size_t actual)
{
  transfer->status = status;
  transfer->actual = MIN (actual, transfer->length);
  transfer->done (transfer);
}

void
usb_transfer_answer (UsbTransfer *transfer, const void *data, size_t size)
{
  size_t actual = MIN (size, transfer->length);

  if (!usb_transfer_map (transfer))
    {
      usb_transfer_done (transfer, USB_NO_MEMORY, 0);
      return;
    }
  iov_scatter (transfer->iov, transfer->n_iov, 0, data, actual);
  usb_transfer_done (transfer, USB_OK, actual);
}

/* --- plugging in --- */

void
usb_join (UsbDevice *usb, UsbBus *bus)
{
  device_share_lock (&usb->device, bus->ops->get_device (bus));
  usb->bus = bus;
}

bool
usb_plug (UsbDevice *usb, UsbSpeed speed)
{
  usb->port = usb->bus->ops->find_free (usb->bus);
  usb->speed = speed;
  if (usb->port != 0)
    usb->bus->ops->attached (usb->bus, usb->port, usb);
  return usb->port != 0;
}

void
usb_unplug (UsbDevice *usb)
{
  if (usb->port != 0)
    usb->bus->ops->detached (usb->bus, usb->port, usb);
  usb->port = 0;
}

bool
usb_realize (UsbDevice *usb, const UsbPlace *place, UsbSpeed speed, GError **error)
{
  usb_join (usb, place->bus);
  usb->port = place->port;
  usb->speed = speed;
  device_lock (&usb->device);
  usb->bus->ops->attached (usb->bus, usb->port, usb);
  device_unlock (&usb->device);
  return true;
}

void
usb_unrealize (UsbDevice *usb)
{
  if (usb->bus == NULL)
    return;
  device_lock (&usb->device);
  usb_unplug (usb);
  usb->bus = NULL;
  device_unlock (&usb->device);
}

/* --- standard requests --- */

/* UTF-16LE, section 9.6.7. */
static void
answer_string (UsbTransfer *transfer, const char *text)
{
  g_autofree gunichar2 *words = g_utf8_to_utf16 (text, -1, NULL, NULL, NULL);
  uint8_t descriptor[2 + 2 * 126] = { 0, USB_DESCRIPTOR_STRING };
  unsigned n = 0;

  for (; words != NULL && words[n] != 0 && n < 126; n++)
    store_le16 (descriptor + 2 + 2 * n, words[n]);
  descriptor[0] = (uint8_t)(2 + 2 * n);
  usb_transfer_answer (transfer, descriptor, descriptor[0]);
}

static void
answer_string_number (UsbTransfer *transfer, const UsbDescriptors *descriptors, unsigned number)
{
  static const uint8_t languages[] = { 4, USB_DESCRIPTOR_STRING, 0x09, 0x04 }; /* US English */
  const char *const *string = descriptors->strings;

  if (number == 0)
    {
      usb_transfer_answer (transfer, languages, sizeof languages);
      return;
    }
  while (string != NULL && *string != NULL && --number > 0)
    string++;
  if (string != NULL && *string != NULL)
    answer_string (transfer, *string);
  else
    usb_transfer_done (transfer, USB_STALL, 0);
}

static void
answer_descriptor (UsbTransfer *transfer, const UsbDescriptors *descriptors)
{
  unsigned number = transfer->setup.value & 0xff;
  const void *data = NULL;
  size_t size = 0;

  switch (transfer->setup.value >> 8)
    {
    case USB_DESCRIPTOR_STRING:
      answer_string_number (transfer, descriptors, number);
      return;
    case USB_DESCRIPTOR_DEVICE:
      data = descriptors->device;
      size = descriptors->device[0];
      break;
    case USB_DESCRIPTOR_CONFIGURATION:
      data = number == 0 ? descriptors->configuration : NULL;
      size = descriptors->configuration_size;
      break;
    case USB_DESCRIPTOR_QUALIFIER:
      data = descriptors->qualifier;
      size = data != NULL ? descriptors->qualifier[0] : 0;
      break;
    case USB_DESCRIPTOR_BOS:
      data = descriptors->bos;
      size = descriptors->bos_size;
      break;
    default:
      break;
    }
  if (data != NULL)
    usb_transfer_answer (transfer, data, size);
  else
    usb_transfer_done (transfer, USB_STALL, 0);
}

static void
answer_number (UsbTransfer *transfer, unsigned value, unsigned size)
{
  uint8_t bytes[2] = { (uint8_t)value, (uint8_t)(value >> 8) };

  usb_transfer_answer (transfer, bytes, size);
}

static void
tell_configured (UsbDevice *usb)
{
  if (usb_class (usb)->configured != NULL)
    usb_class (usb)->configured (usb);
}

static void
set_configuration (UsbDevice *usb, UsbTransfer *transfer, const UsbDescriptors *descriptors)
{
  unsigned wanted = transfer->setup.value & 0xff;

  /* bConfigurationValue, section 9.6.3. */
  if (wanted != 0 && wanted != descriptors->configuration[5])
    {
      usb_transfer_done (transfer, USB_STALL, 0);
      return;
    }
  TRACE (usb, "set-configuration", "value=%u", wanted);
  usb->configuration = (uint8_t)wanted;
  usb->alternate = 0;
  tell_configured (usb);
  usb_transfer_done (transfer, USB_OK, 0);
}

static void
set_interface (UsbDevice *usb, UsbTransfer *transfer, const UsbDescriptors *descriptors)
{
  unsigned wanted = transfer->setup.value;

  if (transfer->setup.index != 0 || wanted > descriptors->n_alternates || usb->configuration == 0)
    {
      usb_transfer_done (transfer, USB_STALL, 0);
      return;
    }
  TRACE (usb, "set-interface", "setting=%u", wanted);
  usb->alternate = (uint8_t)wanted;
  tell_configured (usb);
  usb_transfer_done (transfer, USB_OK, 0);
}

static void
set_feature (UsbDevice *usb, UsbTransfer *transfer, bool on)
{
  unsigned feature = transfer->setup.value;
  bool known = feature == USB_FEATURE_REMOTE_WAKEUP
               || (usb->speed >= USB_SUPER_SPEED && (feature == USB_FEATURE_U1 || feature == USB_FEATURE_U2));

  if (feature == USB_FEATURE_REMOTE_WAKEUP)
    usb->remote_wakeup = on;
  usb_transfer_done (transfer, known ? USB_OK : USB_STALL, 0);
}

/* What USB 3.2 has more (section 9.4): links that sleep are none of ours, and nothing is to be tuned. */
static bool
super_speed_request (UsbDevice *usb, UsbTransfer *transfer)
{
  const UsbSetup *setup = &transfer->setup;

  if (usb->speed < USB_SUPER_SPEED)
    return false;
  switch (USB_REQUEST (setup->type, setup->request))
    {
    case USB_REQUEST (0, USB_SET_SEL):
    case USB_REQUEST (0, USB_SET_ISOCH_DELAY):
      usb_transfer_done (transfer, USB_OK, transfer->length);
      return true;
    case USB_REQUEST (USB_TO_INTERFACE, USB_SET_FEATURE):
    case USB_REQUEST (USB_TO_INTERFACE, USB_CLEAR_FEATURE):
      usb_transfer_done (transfer, setup->value == USB_FEATURE_FUNCTION_SUSPEND ? USB_OK : USB_STALL, 0);
      return true;
    default:
      return false;
    }
}

bool
usb_standard_request (UsbDevice *usb, UsbTransfer *transfer, const UsbDescriptors *descriptors)
{
  const UsbSetup *setup = &transfer->setup;

  switch (USB_REQUEST (setup->type, setup->request))
    {
    case USB_REQUEST (USB_IN, USB_GET_DESCRIPTOR):
      answer_descriptor (transfer, descriptors);
      return true;
    case USB_REQUEST (USB_IN, USB_GET_STATUS):
      answer_number (transfer, usb->remote_wakeup ? 2 : 0, 2);
      return true;
    case USB_REQUEST (USB_IN | USB_TO_INTERFACE, USB_GET_STATUS):
      answer_number (transfer, 0, 2);
      return true;
    case USB_REQUEST (USB_IN, USB_GET_CONFIGURATION):
      answer_number (transfer, usb->configuration, 1);
      return true;
    case USB_REQUEST (0, USB_SET_CONFIGURATION):
      set_configuration (usb, transfer, descriptors);
      return true;
    case USB_REQUEST (0, USB_SET_FEATURE):
    case USB_REQUEST (0, USB_CLEAR_FEATURE):
      set_feature (usb, transfer, setup->request == USB_SET_FEATURE);
      return true;
    case USB_REQUEST (USB_IN | USB_TO_INTERFACE, USB_GET_INTERFACE):
      answer_number (transfer, usb->alternate, 1);
      return true;
    case USB_REQUEST (USB_TO_INTERFACE, USB_SET_INTERFACE):
      set_interface (usb, transfer, descriptors);
      return true;
    default:
      return super_speed_request (usb, transfer);
    }
}

/* --- what is saved --- */

static const StateField fields[] = {
  STATE_U8 (UsbDevice, configuration, 1),
  STATE_U8 (UsbDevice, alternate, 2),
  STATE_BOOL (UsbDevice, remote_wakeup, 1),
  STATE_BOOL (UsbDevice, suspended, 1),
  STATE_END,
};

const StateTable usb_device_state = {
  .name = "usb-device",
  .version = 2,
  .fields = fields,
  .object_size = sizeof (UsbDevice),
};
