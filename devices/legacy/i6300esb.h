/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

/*
 * The watchdog timer of the Intel 6300ESB (data sheet 300641-004US, chapter 16): two stages, of which the
 * first interrupts and the second drives a pin, which here does what the machine's owner chose. It runs on
 * the machine's clock: a machine that stands still starves no watchdog.
 */
typedef struct {
  PciPlace place;
  BoardAction action;
} I6300esbConfig;

extern const DeviceClass i6300esb_class;
