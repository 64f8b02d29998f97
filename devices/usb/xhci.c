/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

#define REGISTER_BAR 0
#define MSIX_BAR     4

static const PciIdentity identity = {
  .vendor = 0x15ad,
  .device = 0x0778,
  .subsystem_vendor = 0x15ad,
  .subsystem = 0x0778,
  .class_code = 0x0c0330, /* USB host controller, xHCI */
  .revision = 0x00,
  .intx = true,
};

/* --- the controller's life --- */

bool
xhci_is_running (const Xhci *xhci)
{
  return (xhci->command & XHCI_CMD_RUN) && !(xhci->status & (XHCI_STS_HALTED | XHCI_STS_ERROR))
         && pci_may_dma ((PciDevice *)&xhci->pci);
}

void
xhci_fail (Xhci *xhci, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  GUEST_ERROR (xhci, "%s", text);
  xhci->status |= XHCI_STS_ERROR | XHCI_STS_HALTED;
}

/* Section 4.2. */
void
xhci_reset_controller (Xhci *xhci)
{
  TRACE (xhci, "reset", "command=0x%x", xhci->command);
  for (unsigned i = 1; i <= XHCI_N_SLOTS; i++)
    xhci_disable_slot (xhci, i);
  xhci->command = xhci->notification = xhci->config = 0;
  xhci->status = XHCI_STS_HALTED;
  xhci->contexts = 0;
  xhci->commands = (XhciRing){ 0 };
  xhci->commands_running = false;
  xhci_event_reset (xhci);
  xhci_ports_reset (xhci);
  pci_set_intx (&xhci->pci, false);
}

/* Nobody asks the devices any more: input is for others, then. */
static void
take_back_all (Xhci *xhci)
{
  for (unsigned slot = 1; slot <= XHCI_N_SLOTS; slot++)
    for (unsigned i = 1; i < XHCI_N_ENDPOINTS; i++)
      xhci_transfers_cancel (&xhci->slots[slot].endpoints[i], false);
}

void
xhci_run (Xhci *xhci, bool run)
{
  if (run && !(xhci->status & XHCI_STS_ERROR))
    {
      xhci->status &= ~(uint32_t)XHCI_STS_HALTED;
      xhci->started = vm_clock_now (xhci->pci.device.board->clock);
      xhci_ports_tell (xhci);
      xhci_kick_all (xhci);
    }
  else if (!run)
    {
      xhci->status |= XHCI_STS_HALTED;
      xhci->commands_running = false;
      take_back_all (xhci);
    }
}

/* --- the device --- */

static Device *
get_device (UsbBus *bus)
{
  return &((Xhci *)((char *)bus - offsetof (Xhci, bus)))->pci.device;
}

static const UsbBusOps bus_ops = {
  .get_device = get_device,
  .attached = xhci_attached,
  .detached = xhci_detached,
  .wake = xhci_wake,
  .find_free = xhci_find_free,
};

UsbBus *
xhci_bus (Device *device)
{
  return &((Xhci *)device)->bus;
}

static bool
realize (Device *device, const void *config, GError **error)
{
  const XhciConfig *xhci_config = config;
  Xhci *xhci = (Xhci *)device;

  xhci->bus.ops = &bus_ops;
  for (unsigned slot = 1; slot <= XHCI_N_SLOTS; slot++)
    for (unsigned i = 1; i < XHCI_N_ENDPOINTS; i++)
      xhci_endpoint_init (xhci, slot, i);
  if (!pci_realize (&xhci->pci, &xhci_config->place, &identity, error))
    return false;
  xhci->pci.config[0x60] = 0x30; /* SBRN: USB 3.0, section 5.2.3 */
  pci_add_bar (&xhci->pci, REGISTER_BAR, PCI_BAR_MEM64, XHCI_REGISTER_SIZE, &xhci_register_ops);
  pci_add_msix (&xhci->pci, MSIX_BAR, XHCI_N_INTERRUPTERS);
  pci_add_power_management (&xhci->pci);
  pci_add_express (&xhci->pci, 9);
  return true;
}

static void
unrealize (Device *device)
{
  Xhci *xhci = (Xhci *)device;

  device_lock (device);
  for (unsigned i = 1; i <= XHCI_N_SLOTS; i++)
    xhci_disable_slot (xhci, i);
  device_unlock (device);
  pci_unrealize (&xhci->pci);
}

static void
reset (Device *device)
{
  Xhci *xhci = (Xhci *)device;

  xhci_reset_controller (xhci);
  pci_reset (&xhci->pci);
}

static void
stopped (Device *device)
{
  ((Xhci *)device)->halted = true;
}

static void
started (Device *device)
{
  Xhci *xhci = (Xhci *)device;

  xhci->halted = false;
  xhci_ports_compare (xhci);
  for (unsigned slot = 1; slot <= XHCI_N_SLOTS; slot++)
    for (unsigned i = 1; i < XHCI_N_ENDPOINTS; i++)
      xhci_streams_read (&xhci->slots[slot].endpoints[i]);
  xhci_serve_commands (xhci);
  xhci_kick_all (xhci);
}

const DeviceClass xhci_class = {
  .id = "xhci",
  .size = sizeof (Xhci),
  .realize = realize,
  .unrealize = unrealize,
  .reset = reset,
  .stopped = stopped,
  .started = started,
  .state = &xhci_state,
};
