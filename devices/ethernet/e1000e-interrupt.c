/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/ethernet/e1000e-private.h"

/* Section 7.4: interrupts. */

#define THROTTLE_UNIT 256 /* ns */
#define IVAR_VALID    8u
#define LEGACY        0u /* throttle of INTx and MSI */

static unsigned
interval_of (E1000e *self, unsigned index)
{
  return *e1000e_reg (self, index == LEGACY ? REG_ITR : REG_EITR + 4 * (index - 1)) & 0xffff;
}

static void
arm (E1000e *self, unsigned index)
{
  Throttle *throttle = &self->throttles[index];
  unsigned interval = interval_of (self, index);

  throttle->deadline = 0;
  if (interval == 0)
    return;
  throttle->deadline =
    (uint64_t)vm_clock_now (self->pci.device.board->clock) + (uint64_t)interval * THROTTLE_UNIT;
  loop_timer_arm (throttle->timer, (int64_t)throttle->deadline);
}

static bool
is_asserted (E1000e *self)
{
  return *e1000e_reg (self, REG_ICR) & *e1000e_reg (self, REG_IMS);
}

static void
lower (E1000e *self)
{
  if (!is_asserted (self))
    pci_set_intx (&self->pci, false);
}

static void
send (E1000e *self, unsigned index)
{
  self->throttles[index].pending = false;
  if (index != LEGACY)
    {
      TRACE (self, "interrupt", "vector=%u", index - 1);
      pci_send_vector (&self->pci, index - 1);
    }
  else
    {
      if (!is_asserted (self))
        return;
      TRACE (self, "interrupt", "causes=0x%08x", *e1000e_reg (self, REG_ICR));
      if (!pci_send_vector (&self->pci, 0))
        pci_set_intx (&self->pci, true);
    }
  e1000e_count (self, STAT_IAC, 1);
  arm (self, index);
}

static void
fire (E1000e *self, unsigned index)
{
  if (self->throttles[index].deadline != 0)
    self->throttles[index].pending = true;
  else
    send (self, index);
}

static void
on_timer (Device *device)
{
  E1000e *self = E1000E (device);
  uint64_t now = (uint64_t)vm_clock_now (device->board->clock);

  for (unsigned i = 0; i < G_N_ELEMENTS (self->throttles); i++)
    {
      Throttle *throttle = &self->throttles[i];

      if (throttle->deadline == 0 || throttle->deadline > now)
        continue;
      throttle->deadline = 0;
      if (throttle->pending)
        send (self, i);
    }
}

/* Section 7.4.2, 10.2.4.9: each of five causes has a vector; what it sets off is masked and cleared by itself
 * if so wished. */
static void
fire_vectors (E1000e *self, uint32_t causes)
{
  uint32_t ivar = *e1000e_reg (self, REG_IVAR);

  for (unsigned i = 0; i < E1000E_N_VECTORS; i++)
    {
      uint32_t cause = CAUSE_RXQ0 << i, vector = ivar >> (4 * i) & 0xf;

      if (!(causes & cause))
        continue;
      *e1000e_reg (self, REG_ICR) &= ~(cause & *e1000e_reg (self, REG_EIAC));
      if (*e1000e_reg (self, REG_CTRL_EXT) & CTRL_EXT_EIAME)
        *e1000e_reg (self, REG_IMS) &= ~(cause & *e1000e_reg (self, REG_IAM));
      if ((vector & IVAR_VALID) && (vector & 7) < E1000E_N_VECTORS)
        fire (self, 1 + (vector & 7));
    }
}

/* @causes: which of the pending ones are new, or newly unmasked. */
static void
deliver (E1000e *self, uint32_t causes)
{
  causes &= *e1000e_reg (self, REG_IMS);
  if (causes == 0)
    return;
  if (pci_msix_enabled (&self->pci))
    fire_vectors (self, causes);
  else
    fire (self, LEGACY);
}

void
e1000e_raise (E1000e *self, uint32_t causes)
{
  causes &= CAUSES;
  if (causes & CAUSES_OTHER & *e1000e_reg (self, REG_IMS))
    causes |= CAUSE_OTHER;
  *e1000e_reg (self, REG_ICR) |= causes;
  deliver (self, causes);
}

/* Section 10.2.4.1: reading acknowledges, unless it was someone else's interrupt. */
uint32_t
e1000e_icr_read (E1000e *self)
{
  uint32_t value = *e1000e_reg (self, REG_ICR);
  bool asserted = is_asserted (self);

  if (asserted)
    value |= CAUSE_ASSERTED;
  if (asserted || *e1000e_reg (self, REG_IMS) == 0)
    *e1000e_reg (self, REG_ICR) = 0;
  if (asserted && (*e1000e_reg (self, REG_CTRL_EXT) & CTRL_EXT_IAME))
    e1000e_mask (self, *e1000e_reg (self, REG_IAM));
  lower (self);
  return value;
}

void
e1000e_icr_write (E1000e *self, uint32_t value)
{
  if (is_asserted (self) && (*e1000e_reg (self, REG_CTRL_EXT) & CTRL_EXT_IAME))
    e1000e_mask (self, *e1000e_reg (self, REG_IAM));
  *e1000e_reg (self, REG_ICR) &= ~value;
  lower (self);
}

void
e1000e_unmask (E1000e *self, uint32_t causes)
{
  uint32_t *ims = e1000e_reg (self, REG_IMS), *icr = e1000e_reg (self, REG_ICR);
  uint32_t added = causes & CAUSES & ~*ims;

  *ims |= added;
  if (*icr & added & CAUSES_OTHER)
    *icr |= CAUSE_OTHER;
  deliver (self, *icr & (added | (*icr & added & CAUSES_OTHER ? CAUSE_OTHER : 0)));
}

void
e1000e_mask (E1000e *self, uint32_t causes)
{
  *e1000e_reg (self, REG_IMS) &= ~causes;
  lower (self);
}

/* --- life --- */

void
e1000e_throttles_new (E1000e *self)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (self->throttles); i++)
    self->throttles[i].timer = device_timer_new (&self->pci.device, on_timer);
}

void
e1000e_throttles_reset (E1000e *self)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (self->throttles); i++)
    {
      Throttle *throttle = &self->throttles[i];

      loop_timer_cancel (throttle->timer);
      throttle->deadline = 0;
      throttle->pending = false;
    }
}

void
e1000e_throttles_free (E1000e *self)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (self->throttles); i++)
    g_clear_pointer (&self->throttles[i].timer, device_timer_free);
}

void
e1000e_interrupts_loaded (E1000e *self)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (self->throttles); i++)
    {
      Throttle *throttle = &self->throttles[i];

      loop_timer_cancel (throttle->timer);
      if (throttle->deadline != 0)
        loop_timer_arm (throttle->timer, (int64_t)throttle->deadline);
    }
}

static const StateField throttle_fields[] = {
  STATE_U64 (Throttle, deadline, 1),
  STATE_BOOL (Throttle, pending, 1),
  STATE_END,
};

const StateTable e1000e_throttle_state = {
  .name = "e1000e-throttle",
  .version = 1,
  .fields = throttle_fields,
  .object_size = sizeof (Throttle),
};
