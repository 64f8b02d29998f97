/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/irq/irq.h"

#include <stdatomic.h>

struct IrqLine {
  Hypervisor *hypervisor;
  unsigned gsi;
  GMutex lock; /* keeps the controllers' view in the order of changes */
  _Atomic uint64_t asserted;
  uint64_t heard; /* lock: sources that count */
  unsigned n_sources;
};

IrqLine *
irq_line_new (Hypervisor *hypervisor, unsigned gsi)
{
  IrqLine *line = g_new0 (IrqLine, 1);

  line->hypervisor = hypervisor;
  line->gsi = gsi;
  line->heard = UINT64_MAX;
  g_mutex_init (&line->lock);
  return line;
}

void
irq_line_free (IrqLine *line)
{
  g_mutex_clear (&line->lock);
  g_free (line);
}

IrqPin
irq_line_connect (IrqLine *line)
{
  IrqPin pin = { line, 0 };

  g_return_val_if_fail (line->n_sources < 64, pin);

  g_mutex_lock (&line->lock);
  pin.mask = UINT64_C (1) << line->n_sources++;
  g_mutex_unlock (&line->lock);
  return pin;
}

static void
drive_locked (IrqLine *line, bool level)
{
  if (line->hypervisor)
    line->hypervisor->ops->set_irq (line->hypervisor, line->gsi, level);
}

void
irq_pin_set (const IrqPin *pin, bool level)
{
  IrqLine *line = pin->line;
  uint64_t before, after;

  if (!line || irq_pin_get (pin) == level)
    return;

  g_mutex_lock (&line->lock);
  before = atomic_load (&line->asserted);
  after = level ? before | pin->mask : before & ~pin->mask;
  atomic_store (&line->asserted, after);
  if (((before & line->heard) != 0) != ((after & line->heard) != 0))
    drive_locked (line, (after & line->heard) != 0);
  g_mutex_unlock (&line->lock);
}

void
irq_pin_pulse (const IrqPin *pin)
{
  IrqLine *line = pin->line;

  if (!line)
    return;

  g_mutex_lock (&line->lock);
  if ((pin->mask & line->heard) && (atomic_load (&line->asserted) & line->heard) == 0)
    {
      drive_locked (line, true);
      drive_locked (line, false);
    }
  g_mutex_unlock (&line->lock);
}

void
irq_pin_take_line (const IrqPin *pin, bool take)
{
  IrqLine *line = pin->line;
  uint64_t asserted, before;

  if (!line)
    return;

  g_mutex_lock (&line->lock);
  asserted = atomic_load (&line->asserted);
  before = asserted & line->heard;
  line->heard = take ? pin->mask : UINT64_MAX;
  if ((before != 0) != ((asserted & line->heard) != 0))
    drive_locked (line, (asserted & line->heard) != 0);
  g_mutex_unlock (&line->lock);
}

bool
irq_pin_get (const IrqPin *pin)
{
  return pin->line && (atomic_load (&pin->line->asserted) & pin->mask) != 0;
}

unsigned
irq_line_gsi (const IrqLine *line)
{
  return line->gsi;
}

void
irq_line_resync (IrqLine *line)
{
  g_mutex_lock (&line->lock);
  drive_locked (line, (atomic_load (&line->asserted) & line->heard) != 0);
  g_mutex_unlock (&line->lock);
}
