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

/* --- the description: what can't be changed while the machine runs takes effect at its next start --- */

/* The description with what is being saved (vm_config_copy it, change that, save it); NULL if the machine is broken.
 * (transfer none): valid until the next "notify::config". */
const VmConfig *bonsai_vm_get_wanted_config (BonsaiVm *vm);

/* Saves @config, which was made of the wanted one, in a thread: in the order in which they are asked for, each laid over
 * what the file says by then, so that nothing is lost that somebody else has changed meanwhile. */
void bonsai_vm_save_config_async (BonsaiVm *vm, const VmConfig *config, GAsyncReadyCallback callback, gpointer data);
/* The same, if a machine could be built of it and this host has what it takes. Errors name the member and the remedy;
 * nothing is saved then. */
void bonsai_vm_apply_config_async (BonsaiVm *vm, const VmConfig *config, GAsyncReadyCallback callback, gpointer data);
/* The same with vm.json's text, which was @before (NULL: whatever it says is replaced): errors read "vm.json:12:3: memory: …". Refuses another UUID. */
void bonsai_vm_apply_text_async (BonsaiVm *vm, const char *before, const char *text, GAsyncReadyCallback callback,
                                 gpointer data);
/* Done when all that was asked for before is; fails if one of it did. */
void bonsai_vm_await_saves_async (BonsaiVm *vm, GAsyncReadyCallback callback, gpointer data);
/* Of each. */
gboolean bonsai_vm_save_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Whether something is being saved: the property "saving". */
gboolean bonsai_vm_is_saving (BonsaiVm *vm);
/* Waits for it. Blocks: for the end of a program. */
void bonsai_vm_flush_saves (BonsaiVm *vm);

/* As bonsai_vm_save_config, with the checks above. Blocks while the disk writes: for programs without a main loop's
 * cares. */
gboolean bonsai_vm_apply_config (BonsaiVm *vm, const VmConfig *config, GError **error);

/* --- disks --- */

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
