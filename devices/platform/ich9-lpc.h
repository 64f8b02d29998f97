/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

G_BEGIN_DECLS

/*
 * The LPC bridge of an Intel ICH9 (data sheet 316972, section 13): PCI interrupt routing, ACPI
 * power management with its timer and the power button, the machine's generation (vm-generation.h), APM
 * ports, port 0x92, reset.
 *
 * PIRQ A..H drive IOAPIC pins 16..23 and, where their routing register says so, an ISA
 * interrupt as well.
 */
#define ICH9_PM_BASE          0x600u /* where firmware puts the power management block ... */
#define ICH9_RCBA             0xfed1c000u
#define ICH9_SCI_GSI          9u
#define ICH9_PIRQ_GSI         16u
#define ICH9_N_PIRQS          8u
#define ICH9_APM_PORT         0xb2u
#define ICH9_APM_ENABLE_ACPI  2u /* written to the APM port */
#define ICH9_APM_DISABLE_ACPI 3u
#define ICH9_SLEEP_TYPE_OFF   0u /* SLP_TYP of S5: what SeaBIOS's APM power-off writes */

/* Registers in the power management block (section 13.8.3). */
enum {
  ICH9_PM1_STATUS = 0x00,
  ICH9_PM1_ENABLE = 0x02,
  ICH9_PM1_CONTROL = 0x04,
  ICH9_PM_TIMER = 0x08,
  ICH9_GPE0_STATUS = 0x20,
  ICH9_GPE0_ENABLE = 0x28,
  ICH9_SMI_ENABLE = 0x30,
  ICH9_SMI_STATUS = 0x34,
  ICH9_PM_SIZE = 0x80,
};

/* Configuration registers that firmware programs (section 13.1). */
enum {
  ICH9_LPC_PMBASE = 0x40,
  ICH9_LPC_ACPI_CNTL = 0x44,
  ICH9_LPC_PIRQA_ROUT = 0x60,
  ICH9_LPC_PIRQE_ROUT = 0x68,
  ICH9_LPC_RCBA = 0xf0,

  ICH9_ACPI_EN = 0x80,
  ICH9_PIRQ_DISABLED = 0x80,
};

typedef struct {
  PciPlace place;         /* 00:1f.0 */
  const char *generation; /* (nullable): vm-generation.h */
} Ich9LpcConfig;

extern const DeviceClass ich9_lpc_class;

/* The PIRQ (0..7) that a slot's pin (0..3) is wired to: slots 0..24 rotate over E..H, 25..31 take A..D. */
unsigned ich9_lpc_slot_pirq (unsigned slot, unsigned pin);

/* A connection to PIRQ @pirq. */
IrqPin ich9_lpc_connect (Device *lpc, unsigned pirq);

/* Any thread, no device lock held. */
void ich9_lpc_press_power_button (Device *lpc);

G_END_DECLS
