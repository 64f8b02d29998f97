/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * Hears of USB devices that are plugged in and pulled out, from udevd, or where none runs from the kernel;
 * and of machines that take them. Threading: the main context that is thread-default when it is made.
 */
typedef struct UsbWatch UsbWatch;

typedef void (*UsbWatchFunc) (void *data);

/* @changed is called after anything may have changed: look again (host_usb_list). @root: as host_usb_root. */
UsbWatch *usb_watch_new (const char *root, UsbWatchFunc changed, void *data);
void usb_watch_free (UsbWatch *watch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (UsbWatch, usb_watch_free)

G_END_DECLS
