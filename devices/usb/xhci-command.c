/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

/* Commands (section 4.6): each is done at once, and told by an event. */

#define MAX_COMMANDS 256u /* of one doorbell; a guest may fill a ring while it is read */

static void
complete (Xhci *xhci, const XhciTrb *command, unsigned code, unsigned slot)
{
  const XhciTrb event = { .parameter = command->address,
                          .status = code << 24,
                          .control = slot << 24 | XHCI_TRB_COMMAND_EVENT << XHCI_TRB_TYPE_SHIFT };

  TRACE (xhci, "command", "type=%u slot=%u code=%u", xhci_trb_type (command), slot, code);
  xhci_event (xhci, 0, &event);
}

static unsigned
enable_slot (Xhci *xhci, unsigned *slot)
{
  unsigned n = MIN (xhci->config & 0xff, XHCI_N_SLOTS);

  for (unsigned i = 1; i <= n; i++)
    if (!xhci->slots[i].enabled)
      {
        xhci->slots[i].enabled = true;
        *slot = i;
        return XHCI_SUCCESS;
      }
  return XHCI_NO_SLOTS;
}

/* Section 4.6.15: percents of the bandwidth that is left at each port. */
static unsigned
tell_bandwidth (Xhci *xhci, uint64_t address)
{
  uint8_t context[1 + XHCI_N_PORTS];

  memset (context, 80, sizeof context);
  context[0] = 0;
  return guest_write (xhci->pci.device.board->memory, address, context, sizeof context) ? XHCI_SUCCESS
                                                                                        : XHCI_TRB_ERROR;
}

/* Those that concern a slot that is enabled. */
static unsigned
run_for_slot (Xhci *xhci, const XhciTrb *command, unsigned slot)
{
  uint64_t pointer = command->parameter & ~(uint64_t)15;
  unsigned endpoint = command->control >> 16 & 0x1f;
  bool flag = command->control & XHCI_TRB_ONLY_ENABLE;

  switch (xhci_trb_type (command))
    {
    case XHCI_TRB_DISABLE_SLOT:
      xhci_disable_slot (xhci, slot);
      return XHCI_SUCCESS;
    case XHCI_TRB_ADDRESS_DEVICE:
      return xhci_address_device (xhci, slot, pointer, flag);
    case XHCI_TRB_CONFIGURE:
      return xhci_configure (xhci, slot, pointer, flag);
    case XHCI_TRB_EVALUATE:
      return xhci_evaluate (xhci, slot, pointer);
    case XHCI_TRB_RESET_ENDPOINT:
      return xhci_reset_endpoint (xhci, slot, endpoint);
    case XHCI_TRB_STOP_ENDPOINT:
      return xhci_stop_endpoint (xhci, slot, endpoint);
    case XHCI_TRB_SET_DEQUEUE:
      return xhci_set_dequeue (xhci, slot, endpoint, command->status >> 16, command->parameter);
    case XHCI_TRB_RESET_DEVICE:
      return xhci_reset_device (xhci, slot);
    default:
      return XHCI_TRB_ERROR;
    }
}

static void
run (Xhci *xhci, const XhciTrb *command)
{
  unsigned slot = command->control >> 24, code;

  switch (xhci_trb_type (command))
    {
    case XHCI_TRB_ENABLE_SLOT:
      slot = 0;
      code = enable_slot (xhci, &slot);
      break;
    case XHCI_TRB_PORT_BANDWIDTH:
      code = tell_bandwidth (xhci, command->parameter & ~(uint64_t)15);
      break;
    case XHCI_TRB_COMMAND_NO_OP:
      code = XHCI_SUCCESS;
      break;
    default:
      code = slot >= 1 && slot <= XHCI_N_SLOTS && xhci->slots[slot].enabled
               ? run_for_slot (xhci, command, slot)
               : XHCI_SLOT_NOT_ENABLED;
    }
  complete (xhci, command, code, slot);
}

void
xhci_serve_commands (Xhci *xhci)
{
  XhciTrb command;

  for (unsigned n = 0; n < MAX_COMMANDS; n++)
    {
      XhciRingResult result;

      if (!xhci->commands_running || xhci->halted || !xhci_is_running (xhci) || xhci_events_are_late (xhci))
        return;
      result = xhci_ring_next (xhci, &xhci->commands, &command);
      if (result == XHCI_RING_BAD)
        xhci_fail (xhci, "a command ring in no RAM");
      if (result != XHCI_RING_TRB)
        return;
      run (xhci, &command);
    }
  GUEST_ERROR (xhci, "more than %u commands at once", MAX_COMMANDS);
}
