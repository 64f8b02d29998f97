/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/usb/host-usb.h"
#include "app/vm/vm.h"

G_BEGIN_DECLS

/*
 * USB devices of the host's, and machines. Threading: as BonsaiVm.
 */

/* One that a machine may have. */
typedef struct {
  HostUsb *usb;
  char *holder;     /* (nullable): name of the machine that has it */
  bool is_attached; /* ... which is this one */
} VmUsbOffer;

/* Those that are plugged in, and that its terms don't keep from it. finish: (element-type VmUsbOffer)
 * (transfer full) */
void bonsai_vm_list_usb_async (BonsaiVm *vm, GCancellable *cancellable, GAsyncReadyCallback callback,
                               gpointer data);
GPtrArray *bonsai_vm_list_usb_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Gives it @usb while it runs; an administrator may be asked. Refused if its terms don't allow it
 * (BONSAI_ERROR_REFUSED), or another machine has it (BONSAI_ERROR_BUSY). */
void bonsai_vm_attach_usb_async (BonsaiVm *vm, const HostUsb *usb, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_attach_usb_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Gives what is plugged in at @port back to the host. */
void bonsai_vm_detach_usb_async (BonsaiVm *vm, const char *port, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_detach_usb_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

G_END_DECLS
