/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

/* Section 5: capability, operational, runtime and doorbell registers. */

enum {
  OPERATIONAL = 0x40,
  PORTS = OPERATIONAL + 0x400,
  EXTENDED = 0x800,
  RUNTIME = 0x1000,
  INTERRUPTERS = RUNTIME + 0x20,
  DOORBELLS = 0x2000,

  USBCMD = 0x00,
  USBSTS = 0x04,
  PAGESIZE = 0x08,
  DNCTRL = 0x14,
  CRCR = 0x18,
  DCBAAP = 0x30,
  CONFIG = 0x38,
};

#define COMMAND_WRITABLE (XHCI_CMD_RUN | XHCI_CMD_INTERRUPTS | XHCI_CMD_HOST_ERRORS)
#define STATUS_CLEARABLE (XHCI_STS_EVENT | XHCI_STS_PORT | XHCI_STS_SAVE_ERROR)
#define MICROFRAME_NS    125000u

/* Section 5.3: 64-bit addresses, streams in one array, contexts of 32 bytes; what a driver must keep for us:
 * nothing. */
static const uint32_t capabilities[] = {
  OPERATIONAL | 0x0110 << 16,
  XHCI_N_SLOTS | XHCI_N_INTERRUPTERS << 8 | XHCI_N_PORTS << 24,
  3 << 4, /* ERST Max: 2^3 segments */
  0,
  1 | 1 << 7 /* NSS */ | XHCI_MAX_STREAMS << 12 | (EXTENDED / 4) << 16,
  DOORBELLS,
  RUNTIME,
  0,
};

/* Section 7.2: which ports are USB 2's, and which USB 3's. */
static const uint32_t protocols[] = {
  2 | 4 << 8 | 0x0200 << 16,
  0x20425355 /* "USB " */,
  (1 + XHCI_N_SOCKETS) | XHCI_N_SOCKETS << 8,
  0,
  2 | 0 << 8 | 0x0300 << 16,
  0x20425355,
  1 | XHCI_N_SOCKETS << 8,
  0,
};

G_STATIC_ASSERT (XHCI_N_SEGMENTS == 1 << 3);

/* --- reading --- */

static uint32_t
read_operational (const Xhci *xhci, unsigned offset)
{
  switch (offset)
    {
    case USBCMD:
      return xhci->command;
    case USBSTS:
      return xhci->status;
    case PAGESIZE:
      return 1; /* 4 KiB */
    case DNCTRL:
      return xhci->notification;
    case CRCR: /* its pointer reads as 0 */
      return xhci->commands_running ? XHCI_CRCR_RUNNING : 0;
    case DCBAAP:
      return (uint32_t)xhci->contexts;
    case DCBAAP + 4:
      return (uint32_t)(xhci->contexts >> 32);
    case CONFIG:
      return xhci->config;
    default:
      return 0;
    }
}

/* MFINDEX, section 5.5.1. */
static uint32_t
microframe (const Xhci *xhci)
{
  if (!xhci_is_running (xhci))
    return 0;
  return (uint32_t)((vm_clock_now (xhci->pci.device.board->clock) - xhci->started) / MICROFRAME_NS) & 0x3fff;
}

static uint32_t
read_register (const Xhci *xhci, unsigned offset)
{
  if (offset < sizeof capabilities)
    return capabilities[offset / 4];
  if (offset >= EXTENDED && offset < EXTENDED + sizeof protocols)
    return protocols[(offset - EXTENDED) / 4];
  if (offset >= PORTS && offset < PORTS + XHCI_N_PORTS * 16)
    return offset % 16 == 0 ? xhci->ports[(offset - PORTS) / 16].status : 0;
  if (offset >= OPERATIONAL && offset < PORTS)
    return read_operational (xhci, offset - OPERATIONAL);
  if (offset == RUNTIME)
    return microframe (xhci);
  if (offset >= INTERRUPTERS && offset < INTERRUPTERS + XHCI_N_INTERRUPTERS * 32)
    return xhci_event_register (xhci, (offset - INTERRUPTERS) / 32, (offset - INTERRUPTERS) % 32);
  return 0;
}

/* Drivers read single bytes of the capabilities. */
static uint64_t
registers_read (Device *device, uint64_t offset, unsigned size)
{
  const Xhci *xhci = (Xhci *)device;
  uint64_t value = read_register (xhci, (unsigned)offset & ~3u);

  if (size == 8)
    value |= (uint64_t)read_register (xhci, ((unsigned)offset & ~3u) + 4) << 32;
  return value >> (offset & 3) * 8;
}

/* --- writing --- */

static void
write_command (Xhci *xhci, uint32_t value)
{
  bool was_running = xhci->command & XHCI_CMD_RUN, runs = value & XHCI_CMD_RUN;

  if (value & XHCI_CMD_RESET)
    {
      xhci_reset_controller (xhci);
      return;
    }
  /* Section 4.23.2: there is nothing that a driver's copies of the registers don't tell. */
  if (value & XHCI_CMD_RESTORE)
    xhci->status |= XHCI_STS_SAVE_ERROR;
  xhci->command = value & COMMAND_WRITABLE;
  if (runs != was_running)
    xhci_run (xhci, runs);
  xhci_update_intx (xhci);
}

/* Section 5.4.5. */
static void
write_command_ring (Xhci *xhci, uint32_t value)
{
  if (xhci->commands_running)
    {
      if (value & (XHCI_CRCR_STOP | XHCI_CRCR_ABORT))
        {
          const XhciTrb event = { .parameter = xhci->commands.dequeue,
                                  .status = (uint32_t)XHCI_COMMAND_RING_STOPPED << 24,
                                  .control = XHCI_TRB_COMMAND_EVENT << XHCI_TRB_TYPE_SHIFT };

          xhci->commands_running = false;
          xhci_event (xhci, 0, &event);
        }
      return;
    }
  xhci->commands.dequeue = (xhci->commands.dequeue & ~(uint64_t)UINT32_MAX) | (value & ~UINT32_C (63));
  xhci->commands.cycle = value & XHCI_CRCR_CYCLE;
}

static void
write_half (uint64_t *address, bool high, uint32_t value)
{
  if (high)
    *address = (*address & UINT32_MAX) | (uint64_t)value << 32;
  else
    *address = (*address & ~(uint64_t)UINT32_MAX) | (value & ~UINT32_C (63));
}

static void
write_operational (Xhci *xhci, unsigned offset, uint32_t value)
{
  switch (offset)
    {
    case USBCMD:
      write_command (xhci, value);
      break;
    case USBSTS:
      xhci->status &= ~(value & STATUS_CLEARABLE);
      break;
    case DNCTRL:
      xhci->notification = value & 0xffff;
      break;
    case CRCR:
      write_command_ring (xhci, value);
      break;
    case CRCR + 4:
      if (!xhci->commands_running)
        write_half (&xhci->commands.dequeue, true, value);
      break;
    case DCBAAP:
    case DCBAAP + 4:
      write_half (&xhci->contexts, offset & 4, value);
      break;
    case CONFIG:
      xhci->config = value & 0x3ff;
      break;
    default:
      GUEST_ERROR (xhci, "no register to write at 0x%02x", offset);
    }
}

static void
write_register (Xhci *xhci, unsigned offset, uint32_t value)
{
  TRACE (xhci, "write", "offset=0x%04x value=0x%x", offset, value);
  if (offset >= DOORBELLS)
    xhci_doorbell (xhci, (offset - DOORBELLS) / 4, value);
  else if (offset >= INTERRUPTERS && offset < INTERRUPTERS + XHCI_N_INTERRUPTERS * 32)
    xhci_event_registers_written (xhci, (offset - INTERRUPTERS) / 32, (offset - INTERRUPTERS) % 32, value);
  else if (offset >= PORTS && offset < PORTS + XHCI_N_PORTS * 16)
    {
      if (offset % 16 == 0)
        xhci_port_write (xhci, (offset - PORTS) / 16, value);
    }
  else if (offset >= OPERATIONAL && offset < PORTS)
    write_operational (xhci, offset - OPERATIONAL, value);
  else
    GUEST_ERROR (xhci, "no register to write at 0x%04x", offset);
}

static void
registers_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Xhci *xhci = (Xhci *)device;

  if (size < 4 || offset % 4 != 0)
    {
      GUEST_ERROR (device, "a write of %u bytes at 0x%x", size, (unsigned)offset);
      return;
    }
  write_register (xhci, (unsigned)offset, (uint32_t)value);
  if (size == 8)
    write_register (xhci, (unsigned)offset + 4, (uint32_t)(value >> 32));
}

const BusOps xhci_register_ops = { .read = registers_read, .write = registers_write, .max_size = 8 };
