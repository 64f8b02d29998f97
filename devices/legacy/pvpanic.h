/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

/*
 * pvpanic, the port at which a guest's kernel says that it panicked ("PVPANIC DEVICE", ISA interface). The
 * DSDT shows it as QEMU0001, which is what drivers look for.
 *
 * Of each event the first since a reset counts: a guest can't flood its owner.
 */
typedef struct {
  BoardAction action; /* once it panicked, unless the guest says that it handles that itself */
} PvpanicConfig;

extern const DeviceClass pvpanic_class;
