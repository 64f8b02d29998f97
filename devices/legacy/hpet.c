/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/hpet.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* Section 2.2: memory map. */
enum {
  HPET_CAPABILITIES = 0x00,
  HPET_CONFIG = 0x10,
  HPET_STATUS = 0x20,
  HPET_COUNTER = 0xf0,
  HPET_TIMERS = 0x100,
  HPET_TIMER_SIZE = 0x20,
  TIMER_CONFIG = 0x00,
  TIMER_COMPARATOR = 0x08,
};

/* Sections 2.3.5 and 2.3.8. */
enum {
  CONFIG_ENABLE = 1 << 0,
  CONFIG_LEGACY = 1 << 1,
  CONFIG_WRITABLE = CONFIG_ENABLE | CONFIG_LEGACY,

  TIMER_LEVEL = 1 << 1,
  TIMER_INTERRUPT = 1 << 2,
  TIMER_PERIODIC = 1 << 3,
  TIMER_CAN_PERIODIC = 1 << 4,
  TIMER_IS_64_BIT = 1 << 5,
  TIMER_SET_VALUE = 1 << 6,
  TIMER_32_BIT = 1 << 8,
  TIMER_ROUTE = 0x1f << 9,
  TIMER_WRITABLE =
    TIMER_LEVEL | TIMER_INTERRUPT | TIMER_PERIODIC | TIMER_SET_VALUE | TIMER_32_BIT | TIMER_ROUTE,
  TIMER_FIXED = TIMER_CAN_PERIODIC | TIMER_IS_64_BIT,
};

#define N_TIMERS     3
#define N_ROUTES     24
#define TICK_NS      10
#define PERIOD_FS    (TICK_NS * UINT64_C (1000000))
#define CAPABILITIES (PERIOD_FS << 32 | HPET_BLOCK_ID)

typedef struct {
  uint32_t config; /* TIMER_WRITABLE */
  uint64_t comparator;
  uint64_t period;
  uint64_t next; /* of the counter's values: the next match */
  bool live;     /* there is a next match */
} HpetTimer;

typedef struct {
  Device device;
  LoopTimer *timer; /* the earliest match that interrupts */
  IrqPin pins[N_TIMERS][N_ROUTES], legacy_pins[N_TIMERS];

  uint64_t config, status;
  uint64_t base; /* the counter, less the clock's ticks while it runs */
  HpetTimer timers[N_TIMERS];
} Hpet;

/* As the ICH9 routes them: I/O APIC pins 20 to 23, and 11 for the third. */
static const uint32_t route_capabilities[N_TIMERS] = { 0x00f00000, 0x00f00000, 0x00f00800 };

/* Section 2.3.5, LEG_RT_CNF: what the interval timer and the clock's periodic interrupt had. */
static const int legacy_gsis[N_TIMERS] = { 0, 8, -1 };

/* --- the counter --- */

static uint64_t
clock_ticks (const Hpet *hpet)
{
  return (uint64_t)vm_clock_now (hpet->device.board->clock) / TICK_NS;
}

static uint64_t
counter_now (const Hpet *hpet)
{
  return hpet->base + (hpet->config & CONFIG_ENABLE ? clock_ticks (hpet) : 0);
}

static uint64_t
timer_mask (const HpetTimer *timer)
{
  return timer->config & TIMER_32_BIT ? UINT32_MAX : UINT64_MAX;
}

/* --- interrupts --- */

static const IrqPin *
timer_pin (const Hpet *hpet, unsigned n)
{
  unsigned route = (hpet->timers[n].config & TIMER_ROUTE) >> 9;

  if ((hpet->config & CONFIG_LEGACY) && legacy_gsis[n] >= 0)
    return &hpet->legacy_pins[n];
  return route < N_ROUTES && (route_capabilities[n] >> route & 1) ? &hpet->pins[n][route] : NULL;
}

static void
update_irq (Hpet *hpet, unsigned n)
{
  const HpetTimer *timer = &hpet->timers[n];
  const IrqPin *pin = timer_pin (hpet, n);
  bool level = (hpet->status >> n & 1) && (timer->config & TIMER_LEVEL) && (timer->config & TIMER_INTERRUPT);

  for (unsigned route = 0; route < N_ROUTES; route++)
    irq_pin_set (&hpet->pins[n][route], level && pin == &hpet->pins[n][route]);
  irq_pin_set (&hpet->legacy_pins[n], level && pin == &hpet->legacy_pins[n]);
}

/* Section 2.3.6: an edge leaves no status behind. */
static void
fire (Hpet *hpet, unsigned n)
{
  const HpetTimer *timer = &hpet->timers[n];
  const IrqPin *pin = timer_pin (hpet, n);

  TRACE (hpet, "match", "timer=%u counter=0x%" G_GINT64_MODIFIER "x", n, timer->next);
  if (timer->config & TIMER_LEVEL)
    {
      hpet->status |= UINT64_C (1) << n;
      update_irq (hpet, n);
    }
  else if ((timer->config & TIMER_INTERRUPT) && pin)
    irq_pin_pulse (pin);
}

/* --- matches --- */

/* After a change of the counter, the comparator or the mode: when will they be equal? */
static void
find_next (Hpet *hpet, HpetTimer *timer)
{
  uint64_t counter = counter_now (hpet);
  uint64_t distance = (timer->comparator - counter) & timer_mask (timer);

  timer->next = counter + distance;
  timer->live = timer->next >= counter; /* beyond the 64-bit counter's wrap: 5800 years off */
}

/* Section 2.3.9.2: what comes after a match. Matches that nobody looked at are one. */
static void
pass_match (HpetTimer *timer, uint64_t counter)
{
  uint64_t step;

  if (timer->config & TIMER_PERIODIC)
    step = timer->period & timer_mask (timer);
  else
    step = timer->config & TIMER_32_BIT ? UINT64_C (1) << 32 : 0;
  if (step == 0)
    {
      timer->live = false;
      return;
    }
  step *= (counter - timer->next) / step + 1;
  timer->next += step;
  timer->live = timer->next > counter;
  if (timer->config & TIMER_PERIODIC)
    timer->comparator = (timer->comparator + step) & timer_mask (timer);
}

static void
catch_up (Hpet *hpet)
{
  uint64_t counter = counter_now (hpet);

  if (!(hpet->config & CONFIG_ENABLE))
    return;
  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      HpetTimer *timer = &hpet->timers[n];

      if (!timer->live || timer->next > counter)
        continue;
      fire (hpet, n);
      pass_match (timer, counter);
    }
}

/* @soonest: ticks from now, for those who would have it oftener than is good for the host. */
static void
arm (Hpet *hpet, uint64_t soonest)
{
  uint64_t counter = counter_now (hpet);
  uint64_t distance = UINT64_MAX;

  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      const HpetTimer *timer = &hpet->timers[n];

      if (timer->live && (timer->config & TIMER_INTERRUPT))
        distance = MIN (distance, timer->next > counter ? timer->next - counter : 0);
    }
  if (!(hpet->config & CONFIG_ENABLE) || distance > INT64_MAX / TICK_NS / 2)
    loop_timer_cancel (hpet->timer);
  else
    loop_timer_arm (hpet->timer, (int64_t)(clock_ticks (hpet) + MAX (distance, soonest)) * TICK_NS);
}

static void
on_timer (Device *device)
{
  Hpet *hpet = (Hpet *)device;

  catch_up (hpet);
  arm (hpet, HPET_LEAST_PERIOD);
}

/* --- registers --- */

static uint64_t
read_timer (const Hpet *hpet, unsigned n, unsigned offset)
{
  const HpetTimer *timer = &hpet->timers[n];

  if (offset == TIMER_CONFIG)
    return (uint64_t)route_capabilities[n] << 32 | TIMER_FIXED | (timer->config & ~TIMER_SET_VALUE);
  if (offset == TIMER_COMPARATOR)
    return timer->comparator & timer_mask (timer);
  return 0;
}

static uint64_t
read_register (const Hpet *hpet, unsigned offset)
{
  switch (offset)
    {
    case HPET_CAPABILITIES:
      return CAPABILITIES;
    case HPET_CONFIG:
      return hpet->config;
    case HPET_STATUS:
      return hpet->status;
    case HPET_COUNTER:
      return counter_now (hpet);
    case HPET_TIMERS ... HPET_TIMERS + N_TIMERS *HPET_TIMER_SIZE - 1:
      return read_timer (hpet, (offset - HPET_TIMERS) / HPET_TIMER_SIZE, offset % HPET_TIMER_SIZE);
    default:
      return 0;
    }
}

static uint64_t
hpet_read (Device *device, uint64_t offset, unsigned size)
{
  Hpet *hpet = (Hpet *)device;
  uint64_t value;

  if (offset != HPET_COUNTER)
    catch_up (hpet);
  value = read_register (hpet, offset & ~7u) >> (offset % 8 * 8);
  return low_bytes (value, size);
}

/* Section 2.3.5: halting keeps the counter's value. Channel 0 of the interval timer and the clock lose their
 * interrupts to the first two timers. */
static void
write_config (Hpet *hpet, uint64_t value)
{
  Hypervisor *hypervisor = hpet->device.board->hypervisor;
  uint64_t changed = (hpet->config ^ value) & CONFIG_WRITABLE;
  bool legacy = value & CONFIG_LEGACY;

  if (changed & CONFIG_ENABLE)
    hpet->base += value & CONFIG_ENABLE ? -clock_ticks (hpet) : clock_ticks (hpet);
  hpet->config = value & CONFIG_WRITABLE;
  if (changed & CONFIG_LEGACY)
    {
      TRACE (hpet, "legacy-replacement", "%s", legacy ? "on" : "off");
      for (unsigned n = 0; n < N_TIMERS; n++)
        {
          irq_pin_take_line (&hpet->legacy_pins[n], legacy);
          update_irq (hpet, n);
        }
      if (hypervisor && hypervisor->ops->mute_pit)
        hypervisor->ops->mute_pit (hypervisor, legacy);
    }
}

/* Section 2.3.8: a route that there is not isn't taken. */
static void
write_timer_config (Hpet *hpet, unsigned n, uint32_t value)
{
  HpetTimer *timer = &hpet->timers[n];
  unsigned route = (value & TIMER_ROUTE) >> 9;

  if (!(route_capabilities[n] >> route & 1))
    value = (value & ~TIMER_ROUTE) | (timer->config & TIMER_ROUTE);
  timer->config = value & TIMER_WRITABLE;
  if (!(value & TIMER_LEVEL))
    hpet->status &= ~(UINT64_C (1) << n);
  if (timer->config & TIMER_32_BIT)
    {
      timer->comparator &= UINT32_MAX;
      timer->period &= UINT32_MAX;
    }
  find_next (hpet, timer);
  update_irq (hpet, n);
}

/* Section 2.3.9.2.2: a periodic timer's comparator takes the period; after Tn_VAL_SET_CNF also the next
 * match. */
static void
write_comparator (Hpet *hpet, HpetTimer *timer, uint64_t value, uint64_t mask)
{
  bool periodic = timer->config & TIMER_PERIODIC;

  mask &= timer_mask (timer);
  if (!periodic || (timer->config & TIMER_SET_VALUE))
    {
      timer->comparator = (timer->comparator & ~mask) | (value & mask);
      find_next (hpet, timer);
    }
  if (periodic)
    timer->period = (timer->period & ~mask) | (value & mask);
  timer->config &= ~TIMER_SET_VALUE;
}

static void
write_timer (Hpet *hpet, unsigned n, unsigned offset, uint64_t value, uint64_t mask)
{
  HpetTimer *timer = &hpet->timers[n];

  if (offset == TIMER_CONFIG && (mask & UINT32_MAX))
    write_timer_config (hpet, n, (timer->config & ~mask) | (value & mask));
  else if (offset == TIMER_COMPARATOR)
    write_comparator (hpet, timer, value, mask);
}

static void
write_counter (Hpet *hpet, uint64_t value, uint64_t mask)
{
  uint64_t counter = counter_now (hpet);

  hpet->base += ((counter & ~mask) | (value & mask)) - counter;
  for (unsigned n = 0; n < N_TIMERS; n++)
    find_next (hpet, &hpet->timers[n]);
}

static void
write_register (Hpet *hpet, unsigned offset, uint64_t value, uint64_t mask)
{
  switch (offset)
    {
    case HPET_CONFIG:
      write_config (hpet, (hpet->config & ~mask) | (value & mask));
      break;
    case HPET_STATUS:
      hpet->status &= ~(value & mask);
      for (unsigned n = 0; n < N_TIMERS; n++)
        update_irq (hpet, n);
      break;
    case HPET_COUNTER:
      write_counter (hpet, value, mask);
      break;
    case HPET_TIMERS ... HPET_TIMERS + N_TIMERS *HPET_TIMER_SIZE - 1:
      write_timer (hpet, (offset - HPET_TIMERS) / HPET_TIMER_SIZE, offset % HPET_TIMER_SIZE, value, mask);
      break;
    default:
      break;
    }
}

/* Section 2.2: accesses are of 32 or 64 bits, and aligned. */
static void
hpet_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Hpet *hpet = (Hpet *)device;
  unsigned shift = offset % 8 * 8;

  TRACE (device, "write", "offset=0x%03x size=%u value=0x%" G_GINT64_MODIFIER "x", (unsigned)offset, size,
         value);
  if (size < 4 || offset % size != 0)
    {
      GUEST_ERROR (device, "a write of %u bytes at 0x%x is none that there is", size, (unsigned)offset);
      return;
    }
  catch_up (hpet);
  write_register (hpet, offset & ~7u, value << shift, low_bytes (UINT64_MAX, size) << shift);
  arm (hpet, 0);
}

static const BusOps hpet_ops = { .read = hpet_read, .write = hpet_write, .max_size = 8 };

/* --- life --- */

static bool
hpet_realize (Device *device, const void *config, GError **error)
{
  Hpet *hpet = (Hpet *)device;

  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      for (unsigned route = 0; route < N_ROUTES; route++)
        if (route_capabilities[n] >> route & 1)
          hpet->pins[n][route] = irq_line_connect (device->board->irq[route]);
      if (legacy_gsis[n] >= 0)
        hpet->legacy_pins[n] = irq_line_connect (device->board->irq[legacy_gsis[n]]);
    }
  hpet->timer = device_timer_new (device, on_timer);
  device_add_mmio (device, &hpet_ops, HPET_BASE, HPET_SIZE, 0);
  return true;
}

static void
hpet_unrealize (Device *device)
{
  device_timer_free (((Hpet *)device)->timer);
}

static void
hpet_reset (Device *device)
{
  Hpet *hpet = (Hpet *)device;

  write_config (hpet, 0);
  hpet->status = 0;
  hpet->base = 0;
  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      hpet->timers[n] = (HpetTimer){ .comparator = UINT64_MAX };
      update_irq (hpet, n);
    }
  arm (hpet, 0);
}

static bool
hpet_check (const void *object, const void *incoming, GError **error)
{
  const Hpet *hpet = incoming;
  bool good = (hpet->config & ~(uint64_t)CONFIG_WRITABLE) == 0 && hpet->status < 1 << N_TIMERS;

  for (unsigned n = 0; n < N_TIMERS; n++)
    good = good && (hpet->timers[n].config & ~TIMER_WRITABLE) == 0;
  if (!good)
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "the HPET's registers hold what they can't");
  return good;
}

/* The interval timer's part of legacy replacement is in its own state. */
static void
hpet_after_load (void *object)
{
  Hpet *hpet = object;

  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      irq_pin_take_line (&hpet->legacy_pins[n], hpet->config & CONFIG_LEGACY);
      update_irq (hpet, n);
    }
  arm (hpet, 0);
}

static const StateField timer_fields[] = {
  STATE_U32 (HpetTimer, config, 1), STATE_U64 (HpetTimer, comparator, 1), STATE_U64 (HpetTimer, period, 1),
  STATE_U64 (HpetTimer, next, 1),   STATE_BOOL (HpetTimer, live, 1),      STATE_END,
};

static const StateTable timer_state = {
  .name = "hpet-timer",
  .version = 1,
  .fields = timer_fields,
  .object_size = sizeof (HpetTimer),
};

static const StateField hpet_fields[] = {
  STATE_U64 (Hpet, config, 1),
  STATE_U64 (Hpet, status, 1),
  STATE_U64 (Hpet, base, 1),
  STATE_STRUCTS (Hpet, timers, &timer_state, 1),
  STATE_END,
};

static const StateTable hpet_state = {
  .name = "hpet",
  .version = 1,
  .fields = hpet_fields,
  .object_size = sizeof (Hpet),
  .check = hpet_check,
  .after_load = hpet_after_load,
};

const DeviceClass hpet_class = {
  .id = "hpet",
  .size = sizeof (Hpet),
  .realize = hpet_realize,
  .unrealize = hpet_unrealize,
  .reset = hpet_reset,
  .state = &hpet_state,
};
