/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

/*
 * MC146818-compatible real-time clock with 128 bytes of CMOS at ports 0x70/0x71, on GSI 8. The
 * time of day is the host's plus an offset that the guest sets; it goes on while the machine stands.
 * No timer runs unless the guest has enabled an interrupt.
 */
typedef struct {
  uint64_t ram_below_4g; /* bytes */
  uint64_t ram_above_4g; /* bytes */
  unsigned n_cpus;
  bool local_time; /* guest expects local time rather than UTC */
} RtcConfig;

extern const DeviceClass rtc_class;
