/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/input/input.h"
#include "vmm/device/device.h"

/*
 * The PC's keyboard controller (Intel 8042) with a 104-key keyboard on GSI 1 and an IntelliMouse
 * with wheel and five buttons on GSI 12, at ports 0x60 and 0x64.
 */
typedef struct {
  InputHub *hub; /* (nullable): where keys and motion come from; a reference is taken */
} I8042Config;

extern const DeviceClass i8042_class;
