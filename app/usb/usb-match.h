/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-usb-rules.h"
#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* Which devices machines get by themselves: pure functions. Threading: any. */

bool usb_rule_matches (const VmUsbRule *rule, const HostUsb *usb);
/* The first of @rules (of VmUsbRule) that does, or NULL. */
const VmUsbRule *usb_rules_find_match (const GPtrArray *rules, const HostUsb *usb);

/* Adds a rule for @usb: wherever it is plugged in, by its serial number if it has one; @at_port: there only.
 */
VmUsbRule *usb_rules_add_for (GPtrArray *rules, const HostUsb *usb, bool at_port);

/* "046d:c52b, serial number 1234, at port 1-2": of what the rule is about. (transfer full) */
char *usb_rule_describe (const VmUsbRule *rule);

G_END_DECLS
