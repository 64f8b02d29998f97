/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

/* Slots and endpoints as the guest describes them (section 6.2): an input context is read once, what comes of
 * it is written to the device context. */

enum {
  INPUT_DROP = 0,
  INPUT_ADD = 4,

  SLOT_INFO = 0, /* dwords of a slot context */
  SLOT_PORT = 1,
  SLOT_INTERRUPTER = 2,
  SLOT_STATE = 3,

  EP_STATE = 0, /* of an endpoint context */
  EP_TYPE = 1,
  EP_DEQUEUE = 2,

  EP_STREAMS_SHIFT = 10, /* MaxPStreams */
  EP_LINEAR = 1 << 15,   /* LSA */
};

typedef struct {
  uint32_t words[XHCI_CONTEXT_SIZE / 4];
} Context;

static bool
read_context (Xhci *xhci, uint64_t address, unsigned index, Context *context)
{
  uint8_t raw[XHCI_CONTEXT_SIZE];

  if (!guest_read (xhci->pci.device.board->memory, address + index * XHCI_CONTEXT_SIZE, raw, sizeof raw))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (context->words); i++)
    context->words[i] = load_le32 (raw + 4 * i);
  return true;
}

static bool
write_context (Xhci *xhci, uint64_t address, unsigned index, const Context *context)
{
  uint8_t raw[XHCI_CONTEXT_SIZE];

  for (unsigned i = 0; i < G_N_ELEMENTS (context->words); i++)
    store_le32 (raw + 4 * i, context->words[i]);
  return guest_write (xhci->pci.device.board->memory, address + index * XHCI_CONTEXT_SIZE, raw, sizeof raw);
}

static bool
read_input (Xhci *xhci, uint64_t input, uint32_t *drop, uint32_t *add)
{
  uint8_t raw[8];

  if (!guest_read (xhci->pci.device.board->memory, input, raw, sizeof raw))
    return false;
  *drop = load_le32 (raw + INPUT_DROP);
  *add = load_le32 (raw + INPUT_ADD);
  return true;
}

/* An input context's entries follow its control context. */
static bool
read_entry (Xhci *xhci, uint64_t input, unsigned index, Context *context)
{
  return read_context (xhci, input, index + 1, context);
}

/* --- slots --- */

static void
set_slot_state (Context *context, unsigned state, unsigned address)
{
  context->words[SLOT_STATE] = state << 27 | (address & 0xff);
}

/* False if the guest took its memory away. */
static bool
write_slot_state (Xhci *xhci, unsigned slot, unsigned state, unsigned n_entries)
{
  XhciSlot *s = &xhci->slots[slot];
  Context context;

  s->state = (uint8_t)state;
  if (!read_context (xhci, s->context, 0, &context))
    return false;
  context.words[SLOT_INFO] = (context.words[SLOT_INFO] & 0x07ffffff) | n_entries << 27;
  set_slot_state (&context, state, state >= XHCI_SLOT_ADDRESSED ? slot : 0);
  return write_context (xhci, s->context, 0, &context);
}

static bool
find_context (Xhci *xhci, unsigned slot, uint64_t *context)
{
  uint8_t raw[8];

  if (!guest_read (xhci->pci.device.board->memory, xhci->contexts + slot * 8, raw, sizeof raw))
    return false;
  *context = load_le64 (raw) & ~(uint64_t)63;
  return true;
}

/* --- endpoints --- */

void
xhci_write_endpoint (XhciEndpoint *endpoint)
{
  Xhci *xhci = endpoint->xhci;
  uint64_t address = xhci->slots[endpoint->slot].context;
  uint64_t dequeue = endpoint->stream_bits > 0 ? endpoint->contexts
                                               : endpoint->queue.ring.dequeue | endpoint->queue.ring.cycle;
  Context context;

  if (!read_context (xhci, address, endpoint->index, &context))
    return;
  context.words[EP_STATE] = (context.words[EP_STATE] & ~UINT32_C (7)) | endpoint->state;
  context.words[EP_DEQUEUE] = (uint32_t)dequeue;
  context.words[EP_DEQUEUE + 1] = (uint32_t)(dequeue >> 32);
  write_context (xhci, address, endpoint->index, &context);
}

/* Streams: bulk endpoints may have some, in one array (section 4.12.2.1). */
static bool
streams_are_sound (const Context *context)
{
  unsigned type = context->words[EP_TYPE] >> 3 & 7,
           bits = context->words[EP_STATE] >> EP_STREAMS_SHIFT & 0x1f;

  return bits == 0
         || (bits <= XHCI_MAX_STREAMS && (type & 3) == XHCI_EP_TYPE_BULK_OUT
             && (context->words[EP_STATE] & EP_LINEAR));
}

/* Section 4.8.2: types 1..3 and 5..7 are isochronous, bulk and interrupt, OUT and IN; 4 is control. */
static bool
endpoint_is_sound (unsigned index, const Context *context)
{
  unsigned type = context->words[EP_TYPE] >> 3 & 7, packet = context->words[EP_TYPE] >> 16;

  if (type == 0 || packet == 0 || packet > 1024 || !streams_are_sound (context))
    return false;
  return index == 1 ? type == XHCI_EP_TYPE_CONTROL
                    : type == XHCI_EP_TYPE_CONTROL || !!(type & XHCI_EP_TYPE_IN) == !!(index & 1);
}

static void
open_endpoint (XhciEndpoint *endpoint, Context *context)
{
  uint64_t dequeue = (uint64_t)context->words[EP_DEQUEUE + 1] << 32 | context->words[EP_DEQUEUE];

  xhci_endpoint_disable (endpoint);
  endpoint->type = context->words[EP_TYPE] >> 3 & 7;
  endpoint->max_packet = (uint16_t)(context->words[EP_TYPE] >> 16);
  xhci_endpoint_enable (endpoint, context->words[EP_STATE] >> EP_STREAMS_SHIFT & 0x1f, dequeue);
  context->words[EP_STATE] = (context->words[EP_STATE] & ~UINT32_C (7)) | XHCI_EP_RUNNING;
}

/* --- commands --- */

void
xhci_disable_slot (Xhci *xhci, unsigned slot)
{
  XhciSlot *s = &xhci->slots[slot];

  for (unsigned i = 1; i < XHCI_N_ENDPOINTS; i++)
    xhci_endpoint_disable (&s->endpoints[i]);
  s->enabled = false;
  s->state = XHCI_SLOT_ENABLED;
  s->port = s->interrupter = 0;
  s->context = 0;
}

/* Two slots must not drive one device. */
static bool
is_taken (const Xhci *xhci, unsigned slot, unsigned port)
{
  for (unsigned i = 1; i <= XHCI_N_SLOTS; i++)
    if (i != slot && xhci->slots[i].enabled && xhci->slots[i].port == port)
      return true;
  return false;
}

/* Section 4.6.5. A device behind a hub would have a route. */
static unsigned
check_place (Xhci *xhci, unsigned slot, const Context *context)
{
  unsigned port = context->words[SLOT_PORT] >> 16 & 0xff;

  if ((context->words[SLOT_INFO] & 0xfffff) != 0 || port == 0 || port > XHCI_N_PORTS
      || is_taken (xhci, slot, port))
    return XHCI_TRB_ERROR;
  if (xhci_port_device (xhci, port) == NULL || !(xhci->ports[port - 1].status & XHCI_PORT_ENABLED))
    return XHCI_TRANSACTION_ERROR;
  return XHCI_SUCCESS;
}

unsigned
xhci_address_device (Xhci *xhci, unsigned slot, uint64_t input, bool only_enable)
{
  XhciSlot *s = &xhci->slots[slot];
  Context slot_context, control;
  uint32_t drop, add;
  unsigned code, state = only_enable ? XHCI_SLOT_DEFAULT : XHCI_SLOT_ADDRESSED;

  if (s->state != XHCI_SLOT_ENABLED && !(s->state == XHCI_SLOT_DEFAULT && !only_enable))
    return XHCI_CONTEXT_STATE_ERROR;
  if (!read_input (xhci, input, &drop, &add) || !read_entry (xhci, input, 0, &slot_context)
      || !read_entry (xhci, input, 1, &control) || drop != 0 || (add & 3) != 3
      || !find_context (xhci, slot, &s->context))
    return XHCI_TRB_ERROR;
  code = check_place (xhci, slot, &slot_context);
  if (code != XHCI_SUCCESS)
    return code;
  if (!endpoint_is_sound (1, &control))
    return XHCI_PARAMETER_ERROR;
  s->port = slot_context.words[SLOT_PORT] >> 16 & 0xff;
  s->interrupter = (slot_context.words[SLOT_INTERRUPTER] >> 22) % XHCI_N_INTERRUPTERS;
  s->state = (uint8_t)state;
  set_slot_state (&slot_context, state, only_enable ? 0 : slot);
  open_endpoint (&s->endpoints[1], &control);
  return write_context (xhci, s->context, 0, &slot_context) && write_context (xhci, s->context, 1, &control)
           ? XHCI_SUCCESS
           : XHCI_TRB_ERROR;
}

static unsigned
count_entries (const XhciSlot *slot)
{
  unsigned last = 1;

  for (unsigned i = 2; i < XHCI_N_ENDPOINTS; i++)
    if (slot->endpoints[i].state != XHCI_EP_DISABLED)
      last = i;
  return last;
}

static void
drop_endpoint (Xhci *xhci, unsigned slot, unsigned index)
{
  XhciEndpoint *endpoint = &xhci->slots[slot].endpoints[index];

  if (endpoint->state == XHCI_EP_DISABLED)
    return;
  xhci_endpoint_disable (endpoint);
  xhci_write_endpoint (endpoint);
}

static unsigned
add_endpoint (Xhci *xhci, unsigned slot, unsigned index, uint64_t input)
{
  Context context;

  if (!read_entry (xhci, input, index, &context))
    return XHCI_TRB_ERROR;
  if (!endpoint_is_sound (index, &context))
    return XHCI_PARAMETER_ERROR;
  open_endpoint (&xhci->slots[slot].endpoints[index], &context);
  return write_context (xhci, xhci->slots[slot].context, index, &context) ? XHCI_SUCCESS : XHCI_TRB_ERROR;
}

/* Section 4.6.6. */
unsigned
xhci_configure (Xhci *xhci, unsigned slot, uint64_t input, bool deconfigure)
{
  uint32_t drop = UINT32_C (0xfffffffc), add = 0;

  if (xhci->slots[slot].state < XHCI_SLOT_ADDRESSED)
    return XHCI_CONTEXT_STATE_ERROR;
  if (!deconfigure && (!read_input (xhci, input, &drop, &add) || (drop & 3) != 0 || (add & 3) != 1))
    return XHCI_TRB_ERROR;
  for (unsigned i = 2; i < XHCI_N_ENDPOINTS; i++)
    {
      unsigned code = XHCI_SUCCESS;

      if (drop >> i & 1)
        drop_endpoint (xhci, slot, i);
      if (add >> i & 1)
        code = add_endpoint (xhci, slot, i, input);
      if (code != XHCI_SUCCESS)
        return code;
    }
  return write_slot_state (xhci, slot, deconfigure ? XHCI_SLOT_ADDRESSED : XHCI_SLOT_CONFIGURED,
                           count_entries (&xhci->slots[slot]))
           ? XHCI_SUCCESS
           : XHCI_TRB_ERROR;
}

/* Section 4.6.7: the interrupter, and the control endpoint's packets. */
unsigned
xhci_evaluate (Xhci *xhci, unsigned slot, uint64_t input)
{
  XhciSlot *s = &xhci->slots[slot];
  uint32_t drop, add;
  Context wanted, context;

  if (s->state < XHCI_SLOT_DEFAULT)
    return XHCI_CONTEXT_STATE_ERROR;
  if (!read_input (xhci, input, &drop, &add) || drop != 0 || (add & ~UINT32_C (3)) != 0)
    return XHCI_TRB_ERROR;
  if (add & 1)
    {
      if (!read_entry (xhci, input, 0, &wanted) || !read_context (xhci, s->context, 0, &context))
        return XHCI_TRB_ERROR;
      s->interrupter = (wanted.words[SLOT_INTERRUPTER] >> 22) % XHCI_N_INTERRUPTERS;
      context.words[SLOT_PORT] = (context.words[SLOT_PORT] & 0xffff0000) | (wanted.words[SLOT_PORT] & 0xffff);
      context.words[SLOT_INTERRUPTER] =
        (context.words[SLOT_INTERRUPTER] & 0x003fffff) | (wanted.words[SLOT_INTERRUPTER] & 0xffc00000);
      if (!write_context (xhci, s->context, 0, &context))
        return XHCI_TRB_ERROR;
    }
  if (add & 2)
    {
      if (!read_entry (xhci, input, 1, &wanted) || !read_context (xhci, s->context, 1, &context))
        return XHCI_TRB_ERROR;
      if (!endpoint_is_sound (1, &wanted))
        return XHCI_PARAMETER_ERROR;
      s->endpoints[1].max_packet = (uint16_t)(wanted.words[EP_TYPE] >> 16);
      context.words[EP_TYPE] = (context.words[EP_TYPE] & 0xffff) | (wanted.words[EP_TYPE] & 0xffff0000);
      if (!write_context (xhci, s->context, 1, &context))
        return XHCI_TRB_ERROR;
    }
  return XHCI_SUCCESS;
}

/* Section 4.6.11. */
unsigned
xhci_reset_device (Xhci *xhci, unsigned slot)
{
  if (xhci->slots[slot].state < XHCI_SLOT_ADDRESSED)
    return XHCI_CONTEXT_STATE_ERROR;
  for (unsigned i = 2; i < XHCI_N_ENDPOINTS; i++)
    drop_endpoint (xhci, slot, i);
  return write_slot_state (xhci, slot, XHCI_SLOT_DEFAULT, 1) ? XHCI_SUCCESS : XHCI_TRB_ERROR;
}
