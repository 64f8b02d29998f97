/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

G_BEGIN_DECLS

/* A region that a device claimed. */
typedef struct {
  Bus *bus;
  BusRegion *region;
} DeviceRegion;

Device *device_new (Board *board, const DeviceClass *klass, const char *name);
/* Gives its resources back; on the loop's thread. */
void device_end (Device *device);
void device_free (Device *device);

G_END_DECLS
