/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-console-private.h"
#include "vmm/base/bytes.h"

#include <string.h>

/* virtio 1.2, section 5.3.6.2: the two queues on which guest and host talk about ports. */

#define MESSAGE_SIZE  8u /* struct virtio_console_control */
#define MESSAGE_LIMIT 128u

/* Events of struct virtio_console_control. */
enum {
  EVENT_DEVICE_READY = 0,
  EVENT_PORT_ADD = 1,
  EVENT_PORT_REMOVE = 2,
  EVENT_PORT_READY = 3,
  EVENT_CONSOLE_PORT = 4,
  EVENT_RESIZE = 5,
  EVENT_PORT_OPEN = 6,
  EVENT_PORT_NAME = 7,
};

/* --- to the guest --- */

/* Returns: false if the guest has no buffer for it now. */
static bool
send_message (VirtioConsole *console, unsigned port, uint16_t event, uint16_t value, const void *more,
              size_t more_size)
{
  Virtq *vq = &console->virtio.queues[CONSOLE_QUEUE_CONTROL_IN];
  uint8_t message[MESSAGE_LIMIT];
  VirtqChain chain;
  size_t size = MESSAGE_SIZE + MIN (more_size, sizeof message - MESSAGE_SIZE);

  if (!virtq_pop (vq, &chain))
    return false;
  store_le32 (message, port);
  store_le16 (message + 4, event);
  store_le16 (message + 6, value);
  if (more_size > 0)
    memcpy (message + MESSAGE_SIZE, more, size - MESSAGE_SIZE);
  TRACE (console, "tell", "port=%u event=%u value=%u", port, event, value);
  if (chain.in_size < size)
    GUEST_ERROR (console, "a control buffer of %" G_GUINT64_FORMAT " bytes for a message of %zu",
                 chain.in_size, size);
  virtq_push (vq, &chain, (uint32_t)virtq_chain_write (&chain, 0, message, size));
  return true;
}

static bool
send_size (VirtioConsole *console, unsigned port)
{
  uint8_t size[4]; /* struct virtio_console_resize */

  store_le16 (size, console->columns);
  store_le16 (size + 2, console->rows);
  return send_message (console, port, EVENT_RESIZE, 1, size, sizeof size);
}

static bool
tell (VirtioConsole *console, unsigned port, unsigned what)
{
  const char *name = console->channels[port].name;

  switch (what)
    {
    case CONSOLE_TELL_ADD:
      return send_message (console, port, EVENT_PORT_ADD, 1, NULL, 0);
    case CONSOLE_TELL_IS_CONSOLE:
      return send_message (console, port, EVENT_CONSOLE_PORT, 1, NULL, 0);
    case CONSOLE_TELL_NAME:
      return send_message (console, port, EVENT_PORT_NAME, 1, name, strlen (name));
    default:
      return send_size (console, port);
    }
}

static bool
tell_of_port (VirtioConsole *console, unsigned i)
{
  ConsolePort *port = &console->ports[i];
  bool open = console->channels[i].events != NULL;

  for (unsigned what = 1; what & CONSOLE_TELL_ALL; what <<= 1)
    {
      if (!(port->to_tell & what))
        continue;
      if (!tell (console, i, what))
        return false;
      port->to_tell &= ~what;
    }
  if (i == 0 || !port->ready || port->told_open == open)
    return true;
  if (!send_message (console, i, EVENT_PORT_OPEN, open, NULL, 0))
    return false;
  port->told_open = open;
  return true;
}

void
console_tell_guest (VirtioConsole *console)
{
  unsigned i = 0;

  if (!virtio_has_feature (&console->virtio, CONSOLE_F_MULTIPORT))
    return;
  while (i < console->n_ports && tell_of_port (console, i))
    i++;
  virtq_notify (&console->virtio.queues[CONSOLE_QUEUE_CONTROL_IN]);
}

/* --- from the guest --- */

/* The driver is there: it hears of all ports, as for the first time. */
static void
device_ready (VirtioConsole *console, bool fine)
{
  if (!fine)
    {
      GUEST_ERROR (console, "the driver failed");
      return;
    }
  for (unsigned i = 0; i < console->n_ports; i++)
    {
      console->ports[i].to_tell = CONSOLE_TELL_ADD;
      console->ports[i].ready = console->ports[i].told_open = false;
    }
}

static void
port_ready (VirtioConsole *console, unsigned i, bool fine)
{
  ConsolePort *port = &console->ports[i];

  port->ready = fine;
  if (!fine)
    GUEST_ERROR (console, "the driver can't use port %u", i);
  else if (i > 0)
    port->to_tell |= CONSOLE_TELL_NAME;
  else
    port->to_tell |=
      CONSOLE_TELL_IS_CONSOLE | (console->columns > 0 && console->rows > 0 ? CONSOLE_TELL_SIZE : 0);
}

static void
port_open (VirtioConsole *console, unsigned i, bool open)
{
  if (console->ports[i].guest_open == open)
    return;
  console->ports[i].guest_open = open;
  if (i > 0 && open)
    console_channel_opened (console, i);
  else if (i > 0)
    console_channel_closed (console, i);
}

static void
hear (VirtioConsole *console, const VirtqChain *chain)
{
  uint8_t message[MESSAGE_SIZE];
  uint32_t port;
  uint16_t event, value;

  if (virtq_chain_read (chain, 0, message, sizeof message) < sizeof message)
    {
      GUEST_ERROR (console, "a control message of %" G_GUINT64_FORMAT " bytes", chain->out_size);
      return;
    }
  port = load_le32 (message);
  event = load_le16 (message + 4);
  value = load_le16 (message + 6);
  TRACE (console, "hear", "port=%u event=%u value=%u", port, event, value);
  if (event == EVENT_DEVICE_READY)
    device_ready (console, value == 1);
  else if (port >= console->n_ports)
    GUEST_ERROR (console, "event %u of port %u, which does not exist", event, port);
  else if (event == EVENT_PORT_READY)
    port_ready (console, port, value == 1);
  else if (event == EVENT_PORT_OPEN)
    port_open (console, port, value == 1);
  else
    GUEST_ERROR (console, "event %u is none of a driver's", event);
}

void
console_hear_guest (VirtioConsole *console)
{
  Virtq *vq = &console->virtio.queues[CONSOLE_QUEUE_CONTROL_OUT];
  VirtqChain chain;

  if (!virtio_has_feature (&console->virtio, CONSOLE_F_MULTIPORT))
    return;
  while (!console_channel_is_closing (console) && virtq_pop (vq, &chain))
    {
      hear (console, &chain);
      virtq_push (vq, &chain, 0);
    }
  virtq_notify (vq);
  console_tell_guest (console);
}
