/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/ich9-pm.h"

#include "devices/platform/ich9-lpc.h"
#include "vmm/base/bytes.h"

#include <string.h>

#define PM_TIMER_HZ   3579545
#define PM_TIMER_MASK 0xffffffu
#define PM_TIMER_TOP  0x800000u

enum {
  PM1_TIMER = 1 << 0,
  PM1_BUS_MASTER = 1 << 4,
  PM1_GLOBAL = 1 << 5,
  PM1_POWER_BUTTON = 1 << 8,
  PM1_RTC = 1 << 10,
  PM1_WAKE = 1 << 15,
  PM1_EVENTS = PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_RTC,

  CONTROL_SCI_EN = 1 << 0,
  CONTROL_BM_RLD = 1 << 1,
  CONTROL_SLEEP_TYPE = 7 << 10,
  CONTROL_SLEEP_EN = 1 << 13,

  /* There is no system management mode: firmware finds its set-up done. */
  SMI_APMC_EN = 1 << 5,
};

/* --- the timer --- */

static uint64_t
pm_timer_ticks (const Ich9Pm *pm)
{
  uint64_t now = vm_clock_now (pm->device->board->clock);

  return now / NS_PER_SECOND * PM_TIMER_HZ + now % NS_PER_SECOND * PM_TIMER_HZ / NS_PER_SECOND;
}

static void
pm_arm_timer (Ich9Pm *pm)
{
  uint64_t next, seconds;

  if (!(pm->enable & PM1_TIMER))
    {
      loop_timer_cancel (pm->timer);
      return;
    }
  next = (pm_timer_ticks (pm) / PM_TIMER_TOP + 1) * PM_TIMER_TOP;
  seconds = next / PM_TIMER_HZ;
  loop_timer_arm (pm->timer, seconds * NS_PER_SECOND
                               + (next % PM_TIMER_HZ * NS_PER_SECOND + PM_TIMER_HZ - 1) / PM_TIMER_HZ);
}

/* TMR_STS is set when the top bit changes. */
static void
pm_update_timer_status (Ich9Pm *pm)
{
  bool high = pm_timer_ticks (pm) & PM_TIMER_TOP;

  if (high != pm->timer_high)
    pm->status |= PM1_TIMER;
  pm->timer_high = high;
}

static void
pm_update_sci (Ich9Pm *pm)
{
  bool level = pm->status & pm->enable & PM1_EVENTS;

  for (unsigned i = 0; i < sizeof pm->gpe_status; i++)
    level |= (pm->gpe_status[i] & pm->gpe_enable[i]) != 0;
  irq_pin_set (&pm->sci, level && (pm->control & CONTROL_SCI_EN));
}

static void
pm_timer_expired (Ich9Pm *pm)
{
  pm_update_timer_status (pm);
  pm_update_sci (pm);
  pm_arm_timer (pm);
}

/* --- events --- */

void
ich9_pm_set_acpi_mode (Ich9Pm *pm, bool acpi)
{
  if (acpi)
    pm->control |= CONTROL_SCI_EN;
  else
    pm->control &= ~CONTROL_SCI_EN;
  TRACE (pm->device, "acpi-mode", "%s", acpi ? "on" : "off");
  pm_update_sci (pm);
}

void
ich9_pm_press_power_button (Ich9Pm *pm)
{
  TRACE (pm->device, "power-button", "enabled=%d", (pm->enable & PM1_POWER_BUTTON) != 0);
  pm->status |= PM1_POWER_BUTTON;
  pm_update_sci (pm);
}

void
ich9_pm_raise_event (Ich9Pm *pm, unsigned event)
{
  bool enabled = pm->gpe_enable[event / 8] >> event % 8 & 1;

  TRACE (pm->device, "event", "event=%u enabled=%d", event, enabled);
  pm->gpe_status[event / 8] |= (uint8_t)(1u << event % 8);
  pm_update_sci (pm);
}

static void
pm_sleep (Ich9Pm *pm, unsigned type)
{
  TRACE (pm->device, "sleep", "type=%u", type);
  if (type == ICH9_SLEEP_TYPE_OFF)
    board_request (pm->device->board, BOARD_REQUEST_POWER_OFF, 0, NULL);
  else
    GUEST_ERROR (pm->device, "sleep type %u is none of this machine's", type);
}

/* --- registers --- */

static void
pm_store_registers (Ich9Pm *pm, uint8_t *block)
{
  memset (block, 0, ICH9_PM_SIZE);
  store_le16 (block + ICH9_PM1_STATUS, pm->status);
  store_le16 (block + ICH9_PM1_ENABLE, pm->enable);
  store_le16 (block + ICH9_PM1_CONTROL, pm->control);
  store_le32 (block + ICH9_PM_TIMER, pm_timer_ticks (pm) & PM_TIMER_MASK);
  memcpy (block + ICH9_GPE0_STATUS, pm->gpe_status, sizeof pm->gpe_status);
  memcpy (block + ICH9_GPE0_ENABLE, pm->gpe_enable, sizeof pm->gpe_enable);
  store_le32 (block + ICH9_SMI_ENABLE, pm->smi_enable);
  store_le32 (block + ICH9_SMI_STATUS, pm->smi_status);
}

uint32_t
ich9_pm_read (Ich9Pm *pm, unsigned offset, unsigned size)
{
  uint8_t block[ICH9_PM_SIZE];

  /* The timer is read often. */
  if (offset == ICH9_PM_TIMER && size == 4)
    return pm_timer_ticks (pm) & PM_TIMER_MASK;

  pm_update_timer_status (pm);
  pm_store_registers (pm, block);
  return load_le (block + offset, size);
}

static void
pm_write_byte (Ich9Pm *pm, unsigned offset, uint8_t value)
{
  unsigned shift = offset % 2 * 8;
  uint16_t mask = 0xff << shift;
  uint16_t wide = value << shift;

  switch (offset)
    {
    case ICH9_PM1_STATUS:
    case ICH9_PM1_STATUS + 1:
      pm->status &= ~(wide & (PM1_EVENTS | PM1_BUS_MASTER | PM1_WAKE));
      break;
    case ICH9_PM1_ENABLE:
    case ICH9_PM1_ENABLE + 1:
      pm->enable = (pm->enable & ~mask) | (wide & PM1_EVENTS);
      break;
    case ICH9_PM1_CONTROL:
      pm->control = (pm->control & ~CONTROL_BM_RLD) | (value & CONTROL_BM_RLD);
      break;
    case ICH9_PM1_CONTROL + 1:
      pm->control = (pm->control & ~CONTROL_SLEEP_TYPE) | (wide & CONTROL_SLEEP_TYPE);
      if (wide & CONTROL_SLEEP_EN)
        pm_sleep (pm, (wide & CONTROL_SLEEP_TYPE) >> 10);
      break;
    case ICH9_GPE0_STATUS ... ICH9_GPE0_STATUS + 7:
      pm->gpe_status[offset - ICH9_GPE0_STATUS] &= ~value;
      break;
    case ICH9_GPE0_ENABLE ... ICH9_GPE0_ENABLE + 7:
      pm->gpe_enable[offset - ICH9_GPE0_ENABLE] = value;
      break;
    case ICH9_SMI_ENABLE ... ICH9_SMI_ENABLE + 3:
      store_le (((uint8_t *)&pm->smi_enable) + (offset - ICH9_SMI_ENABLE), 1, value);
      break;
    case ICH9_SMI_STATUS ... ICH9_SMI_STATUS + 3:
      ((uint8_t *)&pm->smi_status)[offset - ICH9_SMI_STATUS] &= ~value;
      break;
    default:
      break;
    }
}

void
ich9_pm_write (Ich9Pm *pm, unsigned offset, uint32_t value, unsigned size)
{
  TRACE (pm->device, "pm-write", "offset=0x%02x size=%u value=0x%x", offset, size, value);
  pm_update_timer_status (pm);
  for (unsigned i = 0; i < size; i++)
    pm_write_byte (pm, offset + i, value >> (8 * i));
  pm_arm_timer (pm);
  pm_update_sci (pm);
}

/* --- life --- */

static void
pm_timer_callback (Device *device)
{
  pm_timer_expired (ich9_lpc_pm (device));
}

void
ich9_pm_init (Ich9Pm *pm, Device *device, IrqPin sci)
{
  pm->device = device;
  pm->sci = sci;
  pm->timer = device_timer_new (device, pm_timer_callback);
}

void
ich9_pm_clear (Ich9Pm *pm)
{
  g_clear_pointer (&pm->timer, device_timer_free);
}

void
ich9_pm_reset (Ich9Pm *pm)
{
  pm->status = 0;
  pm->enable = 0;
  pm->control = 0;
  memset (pm->gpe_status, 0, sizeof pm->gpe_status);
  memset (pm->gpe_enable, 0, sizeof pm->gpe_enable);
  pm->smi_enable = SMI_APMC_EN;
  pm->smi_status = 0;
  pm->timer_high = pm_timer_ticks (pm) & PM_TIMER_TOP;
  pm_arm_timer (pm);
  pm_update_sci (pm);
}

void
ich9_pm_resume (Ich9Pm *pm)
{
  pm_arm_timer (pm);
  pm_update_sci (pm);
}

static void
pm_before_save (void *object)
{
  pm_update_timer_status (object);
}

static void
pm_after_load (void *object)
{
  ich9_pm_resume (object);
}

static const StateField pm_fields[] = {
  STATE_U16 (Ich9Pm, status, 1),       STATE_U16 (Ich9Pm, enable, 1),       STATE_U16 (Ich9Pm, control, 1),
  STATE_BYTES (Ich9Pm, gpe_status, 1), STATE_BYTES (Ich9Pm, gpe_enable, 1), STATE_U32 (Ich9Pm, smi_enable, 1),
  STATE_U32 (Ich9Pm, smi_status, 1),   STATE_BOOL (Ich9Pm, timer_high, 1),  STATE_END,
};

const StateTable ich9_pm_state = {
  .name = "ich9-pm",
  .version = 1,
  .fields = pm_fields,
  .object_size = sizeof (Ich9Pm),
  .before_save = pm_before_save,
  .after_load = pm_after_load,
};
