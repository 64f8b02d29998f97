/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"
#include "vmm/state/state.h"

G_BEGIN_DECLS

/*
 * The ACPI fixed hardware of the ICH9 (ACPI 6.4, section 4.8; ICH9 data sheet, section 13.8.3):
 * one part of the LPC bridge, whose lock guards it.
 */
typedef struct {
  Device *device;
  IrqPin sci;
  LoopTimer *timer; /* next change of the PM timer's top bit; armed only while TMR_EN is set */
  bool timer_high;  /* top bit when the status was last brought up to date */

  uint16_t status, enable;
  uint16_t control;
  uint8_t gpe_status[8], gpe_enable[8];
  uint32_t smi_enable, smi_status;
} Ich9Pm;

extern const StateTable ich9_pm_state;

void ich9_pm_init (Ich9Pm *pm, Device *device, IrqPin sci);
void ich9_pm_clear (Ich9Pm *pm);
void ich9_pm_reset (Ich9Pm *pm);

/* A register access; @offset in [0, ICH9_PM_SIZE). */
uint32_t ich9_pm_read (Ich9Pm *pm, unsigned offset, unsigned size);
void ich9_pm_write (Ich9Pm *pm, unsigned offset, uint32_t value, unsigned size);

/* What system management mode would do on a write to the APM port. */
void ich9_pm_set_acpi_mode (Ich9Pm *pm, bool acpi);
void ich9_pm_press_power_button (Ich9Pm *pm);
/* General purpose event @event (0..63), which the DSDT has a method for. */
void ich9_pm_raise_event (Ich9Pm *pm, unsigned event);

/* The bridge that the block belongs to knows it by its device. */
Ich9Pm *ich9_lpc_pm (Device *lpc);

/* The timer's clock runs again, or differently. */
void ich9_pm_resume (Ich9Pm *pm);

G_END_DECLS
