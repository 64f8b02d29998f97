/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/base/json-add.h"
#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* Adds @usb, and which machine has it, as an object: what “bonsai usb list --json” prints a list of. Any
 * thread. */
void usb_add_json (JsonBuilder *builder, const HostUsb *usb);

G_END_DECLS
