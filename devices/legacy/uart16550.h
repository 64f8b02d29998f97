/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/base/error.h"
#include "vmm/device/device.h"

/*
 * The PC16550D UART behind a PC's serial port. Characters pass at once, whatever the baud rate.
 *
 * Output is written from the machine's loop and never blocks the guest: while the backend takes
 * nothing, the transmitter stays busy. Input is read only while the receive FIFO has room.
 */
typedef struct {
  uint16_t base;  /* first of 8 ports: 0x3f8, 0x2f8, ... */
  unsigned gsi;   /* 4 or 3 */
  int out_fd;     /* transmitted bytes go here; -1: nowhere */
  int in_fd;      /* received bytes come from here; -1: nowhere */
  bool close_fds; /* the device closes them at its end */
} UartConfig;

extern const DeviceClass uart16550_class;
