/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

/* Ports (sections 4.19 and 5.4.8). Each socket is two: one for the faster devices, one for those up to high
 * speed. The faster ports come first: UEFI counts ports and the firmwares' boot order counts sockets, and
 * what is booted from is fast. */

static Xhci *
of_bus (UsbBus *bus)
{
  return (Xhci *)((char *)bus - offsetof (Xhci, bus));
}

static bool
is_fast (unsigned port)
{
  return port < XHCI_N_SOCKETS;
}

static void
set_link (XhciPort *port, unsigned state)
{
  port->status = (port->status & ~(uint32_t)XHCI_PORT_LINK) | state << XHCI_PORT_LINK_SHIFT;
}

static unsigned
get_link (const XhciPort *port)
{
  return (port->status & XHCI_PORT_LINK) >> XHCI_PORT_LINK_SHIFT;
}

/* An event tells of the first change until the guest has seen it. */
static void
tell_change (Xhci *xhci, unsigned port, uint32_t changes)
{
  bool told = xhci->ports[port].status & XHCI_PORT_CHANGES;
  const XhciTrb event = { .parameter = (uint64_t)(port + 1) << 24,
                          .status = (uint32_t)XHCI_SUCCESS << 24,
                          .control = XHCI_TRB_PORT_EVENT << XHCI_TRB_TYPE_SHIFT };

  xhci->ports[port].status |= changes;
  if (told || changes == 0)
    return;
  xhci->status |= XHCI_STS_PORT;
  xhci_event (xhci, 0, &event);
}

/* Where the hardware's detection leaves a port with what is in it. */
static void
detect (Xhci *xhci, unsigned index)
{
  XhciPort *port = &xhci->ports[index];

  port->status &= ~(uint32_t)(XHCI_PORT_CONNECTED | XHCI_PORT_ENABLED | XHCI_PORT_SPEED);
  if (port->device == NULL)
    {
      set_link (port, XHCI_LINK_RX_DETECT);
      return;
    }
  port->status |= XHCI_PORT_CONNECTED | (uint32_t)port->device->speed << XHCI_PORT_SPEED_SHIFT;
  if (is_fast (index))
    port->status |= XHCI_PORT_ENABLED; /* it trains by itself */
  set_link (port, is_fast (index) ? XHCI_LINK_U0 : XHCI_LINK_POLLING);
}

void
xhci_ports_reset (Xhci *xhci)
{
  for (unsigned i = 0; i < XHCI_N_PORTS; i++)
    {
      xhci->ports[i].status = XHCI_PORT_POWER;
      detect (xhci, i);
      if (xhci->ports[i].device != NULL)
        xhci->ports[i].status |= XHCI_PORT_CONNECT_CHANGE;
    }
}

/* What was found before the controller ran is told when it does. */
void
xhci_ports_tell (Xhci *xhci)
{
  for (unsigned i = 0; i < XHCI_N_PORTS; i++)
    {
      uint32_t changes = xhci->ports[i].status & XHCI_PORT_CHANGES;

      xhci->ports[i].status &= ~changes;
      tell_change (xhci, i, changes);
    }
}

void
xhci_ports_compare (Xhci *xhci)
{
  for (unsigned i = 0; i < XHCI_N_PORTS; i++)
    {
      const XhciPort *port = &xhci->ports[i];
      uint32_t speed = (port->status & XHCI_PORT_SPEED) >> XHCI_PORT_SPEED_SHIFT;
      bool same = port->device != NULL ? speed == port->device->speed : !(port->status & XHCI_PORT_CONNECTED);

      if (same || !(port->status & XHCI_PORT_POWER))
        continue;
      detect (xhci, i);
      tell_change (xhci, i, XHCI_PORT_CONNECT_CHANGE);
    }
}

UsbDevice *
xhci_port_device (Xhci *xhci, unsigned port)
{
  return port >= 1 && port <= XHCI_N_PORTS ? xhci->ports[port - 1].device : NULL;
}

/* --- coming and going --- */

static unsigned
port_of (unsigned socket, const UsbDevice *device)
{
  return socket - 1 + (device->speed >= USB_SUPER_SPEED ? 0 : XHCI_N_SOCKETS);
}

void
xhci_attached (UsbBus *bus, unsigned socket, UsbDevice *device)
{
  Xhci *xhci = of_bus (bus);
  unsigned index = port_of (socket, device);

  g_return_if_fail (socket >= 1 && socket <= XHCI_N_SOCKETS && xhci->ports[index].device == NULL);
  TRACE (xhci, "attached", "port=%u speed=%u", index + 1, device->speed);
  xhci->ports[index].device = device;
  detect (xhci, index);
  tell_change (xhci, index, XHCI_PORT_CONNECT_CHANGE);
}

void
xhci_detached (UsbBus *bus, unsigned socket, UsbDevice *device)
{
  Xhci *xhci = of_bus (bus);
  unsigned index = port_of (socket, device);

  if (xhci->ports[index].device != device)
    return;
  TRACE (xhci, "detached", "port=%u", index + 1);
  for (unsigned slot = 1; slot <= XHCI_N_SLOTS; slot++)
    if (xhci->slots[slot].enabled && xhci->slots[slot].port == index + 1)
      for (unsigned i = 1; i < XHCI_N_ENDPOINTS; i++)
        xhci_endpoint_lose (&xhci->slots[slot].endpoints[i]);
  xhci->ports[index].device = NULL;
  detect (xhci, index);
  tell_change (xhci, index, XHCI_PORT_CONNECT_CHANGE);
}

unsigned
xhci_find_free (UsbBus *bus)
{
  const Xhci *xhci = of_bus (bus);

  for (unsigned socket = XHCI_N_SOCKETS; socket > 0; socket--) /* the first ones are the machine's own devices' */
    if (xhci->ports[socket - 1].device == NULL && xhci->ports[XHCI_N_SOCKETS + socket - 1].device == NULL)
      return socket;
  return 0;
}

/* Remote wakeup, section 4.15.2. */
void
xhci_wake (UsbBus *bus, unsigned socket, UsbDevice *device)
{
  Xhci *xhci = of_bus (bus);
  unsigned index = port_of (socket, device);

  if (!device->remote_wakeup || get_link (&xhci->ports[index]) != XHCI_LINK_U3)
    return;
  device->suspended = false;
  set_link (&xhci->ports[index], is_fast (index) ? XHCI_LINK_U0 : XHCI_LINK_RESUME);
  tell_change (xhci, index, XHCI_PORT_LINK_CHANGE);
}

/* --- what the guest wants of a port --- */

static void
reset_port (Xhci *xhci, unsigned index, bool warm)
{
  XhciPort *port = &xhci->ports[index];

  if (port->device == NULL)
    return;
  TRACE (xhci, "port-reset", "port=%u", index + 1);
  port->device->configuration = port->device->alternate = 0;
  port->device->remote_wakeup = port->device->suspended = false;
  if (usb_class (port->device)->bus_reset != NULL)
    usb_class (port->device)->bus_reset (port->device);
  set_link (port, XHCI_LINK_U0);
  port->status |= XHCI_PORT_ENABLED;
  tell_change (xhci, index,
               XHCI_PORT_RESET_CHANGE | (warm && is_fast (index) ? XHCI_PORT_WARM_RESET_CHANGE : 0));
}

static void
write_link (Xhci *xhci, unsigned index, unsigned wanted)
{
  XhciPort *port = &xhci->ports[index];
  unsigned link = get_link (port);

  if (wanted == XHCI_LINK_U3 && link < XHCI_LINK_U3)
    {
      set_link (port, XHCI_LINK_U3);
      if (port->device != NULL)
        port->device->suspended = true;
    }
  else if (wanted == XHCI_LINK_U0 && (link == XHCI_LINK_U3 || link == XHCI_LINK_RESUME))
    {
      set_link (port, XHCI_LINK_U0);
      if (port->device != NULL)
        port->device->suspended = false;
      tell_change (xhci, index, XHCI_PORT_LINK_CHANGE);
    }
  else if (wanted == XHCI_LINK_RESUME && link == XHCI_LINK_U3)
    set_link (port, XHCI_LINK_RESUME);
  else if (wanted == XHCI_LINK_RX_DETECT && is_fast (index))
    detect (xhci, index);
}

static void
switch_power (Xhci *xhci, unsigned index, bool on)
{
  XhciPort *port = &xhci->ports[index];

  if (on == !!(port->status & XHCI_PORT_POWER))
    return;
  port->status ^= XHCI_PORT_POWER;
  if (on)
    detect (xhci, index);
  else
    {
      port->status &= ~(uint32_t)(XHCI_PORT_CONNECTED | XHCI_PORT_ENABLED | XHCI_PORT_SPEED);
      set_link (port, XHCI_LINK_DISABLED);
    }
  if (on && port->device != NULL)
    tell_change (xhci, index, XHCI_PORT_CONNECT_CHANGE);
}

void
xhci_port_write (Xhci *xhci, unsigned index, uint32_t value)
{
  XhciPort *port = &xhci->ports[index];

  TRACE (xhci, "port-write", "port=%u value=0x%08x status=0x%08x", index + 1, value, port->status);
  port->status &= ~(value & (uint32_t)XHCI_PORT_CHANGES);
  port->status = (port->status & ~(uint32_t)XHCI_PORT_WAKES) | (value & XHCI_PORT_WAKES);
  switch_power (xhci, index, value & XHCI_PORT_POWER);
  if (!(port->status & XHCI_PORT_POWER))
    return;
  /* A 1 disables it. */
  if ((value & XHCI_PORT_ENABLED) && (port->status & XHCI_PORT_ENABLED))
    {
      port->status &= ~(uint32_t)XHCI_PORT_ENABLED;
      set_link (port, XHCI_LINK_DISABLED);
    }
  if ((value & XHCI_PORT_RESET) || (value & XHCI_PORT_WARM_RESET))
    reset_port (xhci, index, value & XHCI_PORT_WARM_RESET);
  else if (value & XHCI_PORT_LINK_STROBE)
    write_link (xhci, index, (value & XHCI_PORT_LINK) >> XHCI_PORT_LINK_SHIFT);
}
