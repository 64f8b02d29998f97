/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

/* The debug console at port 0x402 that SeaBIOS and OVMF write their log to (reads give 0xe9). */
typedef struct {
  int out_fd; /* the device closes it; -1: present, but nothing is kept */
} DebugconConfig;

extern const DeviceClass debugcon_class;

/* ISA debug-exit at port 0xf4: a write of V ends the machine with status (V << 1) | 1. No configuration. */
extern const DeviceClass debug_exit_class;
