/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/legacy/serial-cable.h"

/*
 * The PC16550D UART behind a PC's serial port. Characters pass at once, whatever the baud rate.
 *
 * Output is written from the machine's loop and never blocks the guest: while who is at the other end of the
 * cable takes nothing, the transmitter stays busy. Input is read only while the receive FIFO has room and the
 * guest asks for it (RTS). A full FIFO that the guest has emptied stays so for a moment, and the transmitter
 * rests after each 2048 characters: a guest that may read and write as fast as it can never leaves its
 * interrupt handler.
 */
typedef struct {
  uint16_t base; /* first of 8 ports: 0x3f8, 0x2f8, ... */
  unsigned gsi;  /* 4 or 3 */
  SerialCableConfig cable;
} UartConfig;

/* As serial_cable_plug. Any thread, without the device's lock. */
bool uart16550_plug (Device *uart, int fd, bool force, GError **error);

/* @uart takes over what the cable of @from leads to (serial_cable_take). The same. */
void uart16550_take_cable (Device *uart, Device *from);

extern const DeviceClass uart16550_class;
