/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/disk/disk-look.h"
#include "app/disk/disk-task.h"
#include "app/vm/vm.h"
#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * Changes of a machine's description and of its disks, whether it runs or not.
 *
 * Threading: as BonsaiVm.
 */

/* Saves @config if a machine could be built of it, and this host has what it takes. Errors name the member
 * and the remedy; nothing is saved then. What can't be changed while it runs takes effect at the next start.
 */
gboolean bonsai_vm_apply_config (BonsaiVm *vm, const VmConfig *config, GError **error);

/* The same with vm.json's text: errors read "vm.json:12:3: memory: …". Refuses another UUID. */
gboolean bonsai_vm_apply_text (BonsaiVm *vm, const char *text, GError **error);

/* Makes a new image of @size bytes in the machine's folder, and puts it in as bonsai_vm_attach_disk_async
 * does. finish: (transfer full): its id. */
void bonsai_vm_add_disk_async (BonsaiVm *vm, guint64 size, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer data);
char *bonsai_vm_add_disk_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Makes @disk as large as @size bytes; never smaller. */
void bonsai_vm_grow_disk_async (BonsaiVm *vm, const char *disk, guint64 size, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_grow_disk_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* What @disk may do, from now on and at the next starts; all 0: whatever it can. */
void bonsai_vm_limit_disk_async (BonsaiVm *vm, const char *disk, const ImageLimits *limits,
                                 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_limit_disk_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* What @disk is: its format and size. finish: (transfer full): disk_look_clear and g_free it. */
void bonsai_vm_look_at_disk_async (BonsaiVm *vm, const char *disk, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer data);
DiskLook *bonsai_vm_look_at_disk_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

G_END_DECLS
