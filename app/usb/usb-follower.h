/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/session.h"
#include "app/usb/usb-match.h"

G_BEGIN_DECLS

/*
 * UsbFollower: gives a machine that runs the USB devices that its rules name, and those back that were its
 * when they were pulled out, or when its state was saved; when it begins, and whenever one is plugged in. A
 * device that was detached by hand stays with the host until it is plugged in anew, and the host's only
 * keyboard or mouse is never taken.
 *
 * Threading: the main context that is thread-default when it is made.
 */
typedef struct UsbFollower UsbFollower;

/* The device @name should have come by itself and couldn't, said once for each time that it is plugged in; or
 * one that the saved state had isn't there. */
typedef void (*UsbFollowerFunc) (const char *name, const GError *error, void *data);

/* @root: as host_usb_root. @rules (of VmUsbRule): are copied. */
UsbFollower *usb_follower_new (BonsaiSession *session, const char *root, const GPtrArray *rules,
                               UsbFollowerFunc tell, void *data);
/* Its rules are others now. */
void usb_follower_set_rules (UsbFollower *follower, const GPtrArray *rules);
/* What is under way is left to itself. */
void usb_follower_free (UsbFollower *follower);

G_END_DECLS
