/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/i6300esb.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* Data sheet, chapter 16: configuration registers ... */
enum {
  WDT_CONFIG = 0x60,
  WDT_LOCK = 0x68,

  CONFIG_INT_TYPE = 3 << 0,
  CONFIG_INT_IRQ = 0 << 0,
  CONFIG_FAST = 1 << 2,       /* the prescaler divides by 2^5 rather than 2^15 */
  CONFIG_OUTPUT_OFF = 1 << 5, /* nothing comes of the second stage */
  CONFIG_WRITABLE = CONFIG_INT_TYPE | CONFIG_FAST | CONFIG_OUTPUT_OFF,

  LOCK_LOCKED = 1 << 0, /* this register stays as it is until a reset */
  LOCK_ENABLE = 1 << 1,
  LOCK_FREE_RUNNING = 1 << 2,
  LOCK_WRITABLE = LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE_RUNNING,
};

/* ... and memory-mapped ones. */
enum {
  WDT_PRELOAD_1 = 0x00,
  WDT_PRELOAD_2 = 0x04,
  WDT_INTERRUPT = 0x08,
  WDT_RELOAD = 0x0c,
  WDT_SIZE = 0x10,

  PRELOAD_MASK = 0xfffff,
  INTERRUPT_ACTIVE = 1 << 0,
  RELOAD_NOW = 1 << 8,
  RELOAD_TIMEOUT = 1 << 9,
};

/* Section 16.2: 80h, then 86h, written to the reload register let one write through. */
enum { KEY_1 = 0x80, KEY_2 = 0x86 };
enum { CLOSED, HALF_OPEN, OPEN };

enum { STAGE_OFF, STAGE_1, STAGE_2, STAGE_DONE /* until a reset or a reload */ };

#define WDT_GSI      10
#define PCI_CLOCK_HZ INT64_C (33000000)
#define SLOW_DIVIDER (1 << 15)
#define FAST_DIVIDER (1 << 5)
#define LEAST_STAGE  NS_PER_MS /* the guest's shortest stages would keep the host busy */

typedef struct {
  PciDevice pci;
  BoardAction action;
  IrqPin irq;
  LoopTimer *timer;

  uint8_t lock; /* as in the configuration space */
  uint32_t preload_1, preload_2;
  uint8_t key;
  uint8_t stage;
  uint64_t deadline; /* virtual ns at which the stage ends */
  bool interrupt;    /* the first stage ended */
  bool timed_out;    /* the second did; outlives resets */
  bool output_low;   /* WDT_TOUT# */
  bool told;         /* since the reset */
} I6300esb;

#define I6300ESB(device) ((I6300esb *)(device))

static const PciIdentity identity = {
  .vendor = 0x8086,
  .device = 0x25ab,
  .subsystem_vendor = 0x8086,
  .subsystem = 0x25ab,
  .class_code = 0x088000,
  .revision = 0x02,
};

static uint16_t
config_bits (const I6300esb *self)
{
  return load_le16 (self->pci.config + WDT_CONFIG);
}

static void
update_irq (I6300esb *self)
{
  irq_pin_set (&self->irq, self->interrupt && (config_bits (self) & CONFIG_INT_TYPE) == CONFIG_INT_IRQ);
}

static void
arm (I6300esb *self)
{
  if (self->stage == STAGE_1 || self->stage == STAGE_2)
    loop_timer_arm (self->timer, (int64_t)self->deadline);
  else
    loop_timer_cancel (self->timer);
}

/* The counter has 35 bits: the preload value and what the prescaler counts. */
static void
enter_stage (I6300esb *self, unsigned stage)
{
  int64_t ticks = stage == STAGE_1 ? self->preload_1 : self->preload_2;
  int64_t divider = config_bits (self) & CONFIG_FAST ? FAST_DIVIDER : SLOW_DIVIDER;
  int64_t length = ticks * divider * (NS_PER_SECOND / NS_PER_US) / (PCI_CLOCK_HZ / NS_PER_US);

  self->stage = stage;
  self->deadline = vm_clock_now (self->pci.device.board->clock) + MAX (length, LEAST_STAGE);
  TRACE (self, "stage", "%u for %" G_GINT64_FORMAT " us", stage, length / NS_PER_US);
  arm (self);
}

static void
start (I6300esb *self)
{
  enter_stage (self, self->lock & LOCK_FREE_RUNNING ? STAGE_2 : STAGE_1);
}

static void
stop (I6300esb *self)
{
  self->stage = STAGE_OFF;
  arm (self);
}

static void
drive_output (I6300esb *self, bool low)
{
  bool fires = low && !self->output_low && !(config_bits (self) & CONFIG_OUTPUT_OFF);

  self->output_low = low;
  if (!fires || self->told)
    return;
  self->told = true;
  TRACE (self, "fires", "action=%u", self->action);
  board_request (self->pci.device.board, BOARD_REQUEST_WATCHDOG, self->action,
                 "The guest stopped feeding its watchdog");
}

static void
on_timer (Device *device)
{
  I6300esb *self = I6300ESB (device);

  /* It may have been fed while this waited for the lock. */
  if ((uint64_t)vm_clock_now (device->board->clock) < self->deadline)
    {
      arm (self);
      return;
    }
  switch (self->stage)
    {
    case STAGE_1:
      TRACE (device, "first-stage-over", "interrupt=%u", config_bits (self) & CONFIG_INT_TYPE);
      self->interrupt = true;
      update_irq (self);
      enter_stage (self, STAGE_2);
      break;
    case STAGE_2:
      if (self->lock & LOCK_FREE_RUNNING)
        {
          drive_output (self, !self->output_low);
          enter_stage (self, STAGE_2);
          break;
        }
      self->timed_out = true;
      self->stage = STAGE_DONE;
      drive_output (self, true);
      break;
    }
}

/* --- memory-mapped registers --- */

static uint64_t
wdt_read (Device *device, uint64_t offset, unsigned size)
{
  I6300esb *self = I6300ESB (device);
  uint8_t block[WDT_SIZE + 8] = { 0 };

  store_le32 (block + WDT_PRELOAD_1, self->preload_1);
  store_le32 (block + WDT_PRELOAD_2, self->preload_2);
  store_le32 (block + WDT_INTERRUPT, self->interrupt ? INTERRUPT_ACTIVE : 0);
  store_le16 (block + WDT_RELOAD, self->timed_out ? RELOAD_TIMEOUT : 0);
  return offset < WDT_SIZE ? load_le (block + offset, size) : 0;
}

static void
set_preload (uint32_t *preload, unsigned shift, unsigned size, uint32_t value)
{
  uint32_t mask = (uint32_t)low_bytes (UINT32_MAX, size) << shift;

  *preload = ((*preload & ~mask) | value << shift) & PRELOAD_MASK;
}

static void
write_reload (I6300esb *self, uint32_t value)
{
  if (self->key == CLOSED && value == KEY_1)
    {
      self->key = HALF_OPEN;
      return;
    }
  if (self->key == HALF_OPEN && value == KEY_2)
    {
      self->key = OPEN;
      return;
    }
  if (self->key == OPEN)
    {
      if (value & RELOAD_TIMEOUT)
        self->timed_out = false;
      if ((value & RELOAD_NOW) && self->stage != STAGE_OFF)
        start (self);
    }
  else
    GUEST_ERROR (self, "reload register: 0x%x without 80h and 86h before", value);
  self->key = CLOSED;
}

static void
wdt_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  I6300esb *self = I6300ESB (device);

  TRACE (device, "write", "offset=0x%02x size=%u value=0x%x", (unsigned)offset, size, (unsigned)value);
  switch (offset)
    {
    case WDT_PRELOAD_1 ... WDT_INTERRUPT - 1:
      if (self->key == OPEN)
        set_preload (offset < WDT_PRELOAD_2 ? &self->preload_1 : &self->preload_2, offset % 4 * 8,
                     MIN (size, 4 - offset % 4), value);
      else
        GUEST_ERROR (device, "preload value %u is locked", offset < WDT_PRELOAD_2 ? 1 : 2);
      self->key = CLOSED;
      break;
    case WDT_INTERRUPT:
      if (value & INTERRUPT_ACTIVE)
        self->interrupt = false;
      update_irq (self);
      break;
    case WDT_RELOAD:
      write_reload (self, value);
      break;
    default:
      break;
    }
}

static const BusOps wdt_ops = { .read = wdt_read, .write = wdt_write, .max_size = 4 };

/* --- configuration --- */

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  I6300esb *self = I6300ESB (pci);
  bool enabled;

  if (self->lock & LOCK_LOCKED)
    pci->config[WDT_LOCK] = self->lock;
  self->lock = pci->config[WDT_LOCK];
  enabled = self->lock & LOCK_ENABLE;
  if (enabled && self->stage == STAGE_OFF)
    start (self);
  else if (!enabled && self->stage != STAGE_OFF)
    stop (self);
  update_irq (self);
}

/* --- life --- */

static bool
wdt_realize (Device *device, const void *config, GError **error)
{
  I6300esb *self = I6300ESB (device);
  const I6300esbConfig *cfg = config;

  self->action = cfg->action;
  self->pci.config_written = config_written;
  if (!pci_realize (&self->pci, &cfg->place, &identity, error))
    return false;
  pci_add_bar (&self->pci, 0, PCI_BAR_MEM32, 4096, &wdt_ops);
  store_le16 (self->pci.writable + WDT_CONFIG, CONFIG_WRITABLE);
  self->pci.writable[WDT_LOCK] = LOCK_WRITABLE;
  self->irq = irq_line_connect (device->board->irq[WDT_GSI]);
  self->timer = device_timer_new (device, on_timer);
  return true;
}

static void
wdt_unrealize (Device *device)
{
  I6300esb *self = I6300ESB (device);

  if (self->timer)
    device_timer_free (self->timer);
  pci_unrealize (&self->pci);
}

static void
wdt_reset (Device *device)
{
  I6300esb *self = I6300ESB (device);

  pci_reset (&self->pci);
  self->lock = 0;
  self->preload_1 = self->preload_2 = PRELOAD_MASK;
  self->key = CLOSED;
  self->interrupt = self->output_low = self->told = false;
  self->deadline = 0;
  stop (self);
  update_irq (self);
}

static bool
wdt_check (const void *object, const void *incoming, GError **error)
{
  const I6300esb *self = incoming;

  if (self->preload_1 <= PRELOAD_MASK && self->preload_2 <= PRELOAD_MASK && self->key <= OPEN
      && self->stage <= STAGE_DONE && self->deadline <= INT64_MAX)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "the watchdog's stage or times are out of range");
  return false;
}

static void
wdt_after_load (void *object)
{
  I6300esb *self = object;

  self->lock = self->pci.config[WDT_LOCK];
  arm (self);
  update_irq (self);
}

static const StateField wdt_fields[] = {
  STATE_STRUCT (I6300esb, pci, &pci_device_state, 1),
  STATE_U32 (I6300esb, preload_1, 1),
  STATE_U32 (I6300esb, preload_2, 1),
  STATE_U8 (I6300esb, key, 1),
  STATE_U8 (I6300esb, stage, 1),
  STATE_U64 (I6300esb, deadline, 1),
  STATE_BOOL (I6300esb, interrupt, 1),
  STATE_BOOL (I6300esb, timed_out, 1),
  STATE_BOOL (I6300esb, output_low, 1),
  STATE_BOOL (I6300esb, told, 1),
  STATE_END,
};

static const StateTable wdt_state = {
  .name = "i6300esb",
  .version = 1,
  .fields = wdt_fields,
  .object_size = sizeof (I6300esb),
  .check = wdt_check,
  .after_load = wdt_after_load,
};

const DeviceClass i6300esb_class = {
  .id = "i6300esb",
  .size = sizeof (I6300esb),
  .realize = wdt_realize,
  .unrealize = wdt_unrealize,
  .reset = wdt_reset,
  .state = &wdt_state,
};
