/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/session.h"
#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* Opens @usb as usb_open does, in a thread, and gives it to the machine of @session; an administrator may be
 * asked. Threading: as BonsaiSession. */
void usb_attach_async (BonsaiSession *session, const HostUsb *usb, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer data);
gboolean usb_attach_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

G_END_DECLS
