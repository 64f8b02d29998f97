/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* Opens the node of @usb for reading and writing. BONSAI_ERROR_REFUSED: this user may not; the error says
 * what helps.
 * @asks: an administrator may be asked (bonsai-usb-open, by polkit), which waits for him. Any thread; blocks.
 * Returns: the caller's, or -1. */
int usb_open (const HostUsb *usb, bool asks, GError **error);

/* One that is open. */
typedef struct {
  HostUsb *usb;
  int fd; /* or -1: somebody else has taken it */
} UsbOpened;

/* Those that are plugged in (element-type UsbOpened) that one of @rules (of VmUsbRule) names, no machine has,
 * and this user may open; not the host's only keyboard or mouse. @root: as host_usb_root. Any thread; blocks.
 * (transfer full) */
GPtrArray *usb_open_by_rules (const char *root, const GPtrArray *rules);

G_END_DECLS
