/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/cli/cli.h"
#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* The verbs of “bonsai usb”. */
extern const Verb verb_usb_attach, verb_usb_detach, verb_usb_list, verb_usb_rule;

/* The device of the host's that @text means: its id (vvvv:pppp), port (1-2.3), bus.device, or serial number;
 * or NULL with
 * @error set, which lists candidates if several are meant. (transfer full) */
HostUsb *cli_find_usb (const char *text, GError **error);

/* What the host would lose with @usb, as a sentence; or NULL. (transfer full) */
char *cli_describe_usb_loss (const HostUsb *usb);

G_END_DECLS
