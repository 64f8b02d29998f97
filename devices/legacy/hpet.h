/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

G_BEGIN_DECLS

/*
 * A High Precision Event Timer block (IA-PC HPET specification 1.0a): a 64-bit counter at 100 MHz on the
 * machine's clock, and three comparators, all periodic if asked to, without FSB delivery. No configuration.
 *
 * It costs nothing while no comparator may interrupt: what the registers say is worked out when they are
 * read.
 */
#define HPET_BASE         UINT64_C (0xfed00000)
#define HPET_SIZE         UINT64_C (0x400)
#define HPET_BLOCK_ID     0x8086a201u /* lower half of the capabilities, which the ACPI table repeats */
#define HPET_LEAST_PERIOD 5000u       /* ticks: the shortest period that interrupts in time */

extern const DeviceClass hpet_class;

G_END_DECLS
