/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* Opens the node of @usb for reading and writing. BONSAI_ERROR_REFUSED: this user may not; the error says
 * what helps.
 * @asks: an administrator may be asked (bonsai-usb-open, by polkit), which waits for him. Any thread; blocks.
 * Returns: the caller's, or -1. */
int usb_open (const HostUsb *usb, bool asks, GError **error);

G_END_DECLS
