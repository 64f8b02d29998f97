/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/*
 * Which machine has a device: a locked file for each in $XDG_RUNTIME_DIR/bonsai/usb/, so that what a process
 * has is free when it ends, however it does. Threading: any; a claim is one thread's at a time.
 */
typedef struct UsbClaim UsbClaim;

/* For the machine with @uuid and @name. BONSAI_ERROR_BUSY: another has it, which the error names. (transfer
 * full) */
UsbClaim *usb_claim_take (const HostUsb *usb, const char *uuid, const char *name, GError **error);
void usb_claim_release (UsbClaim *claim);

/* The name of the machine that has what is plugged in at @port, or NULL. @uuid: (out) (optional) (transfer
 * full): likewise. (transfer full) */
char *usb_claim_holder (const char *port, char **uuid);

/* Where these files are: whoever wants to hear of changes watches it. (transfer full) */
char *usb_claim_folder (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (UsbClaim, usb_claim_release)

G_END_DECLS
