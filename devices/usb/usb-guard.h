/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The guard of a USB device that was taken from the host's drivers: a small process of its own,
 * bonsai-usb-guard, with the device and the end of a pipe. When the other end is closed, by whom or by what
 * ever, it gives the interfaces back: the kernel lets go of them when the last descriptor is closed, but asks
 * no driver to take them.
 */
#define USB_GUARD_DEVICE_FD 3

typedef struct UsbGuard UsbGuard;

/* @program: bonsai-usb-guard. @device: the device's node, the caller's. @configuration: which is set.
 * @drivers: bits of the interfaces that had a driver. Returns: (transfer full): or NULL with @error set. */
UsbGuard *usb_guard_new (const char *program, int device, unsigned configuration, uint32_t drivers,
                         GError **error);

/* Blocks until the host has the device. The caller has closed its own descriptors of it. NULL is ignored. */
void usb_guard_free (UsbGuard *guard);

G_END_DECLS
