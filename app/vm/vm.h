/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/disk/disk-secret.h"
#include "app/session/session.h"
#include "app/session/state.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * BonsaiVm: one machine of the library, running or not.
 *
 * Properties, all read-only with notification: "uuid", "name", "path" (the bundle), "config" (VmConfig),
 * "state" (BonsaiState), "state-text" (why; never NULL, may be empty), "console-open", "session" (nullable),
 * "saving" (vm-settings.h).
 * Of a machine that another process runs they change as of one that this process does; that it runs may be known
 * before it can be talked to ("session").
 * Signals: "thumbnail-changed", at most twice a second and only while watched; "snapshots-changed", only
 * while they are watched (vm-snapshots.h). Threading: the main context that was thread-default when its
 * library was made.
 */
#define BONSAI_TYPE_VM (bonsai_vm_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiVm, bonsai_vm, BONSAI, VM, GObject)

typedef enum {
  BONSAI_START_DEFAULT = 0,            /* in this process, with a console window */
  BONSAI_START_OWN_PROCESS = 1 << 0,   /* in a process of its own, which outlives this one */
  BONSAI_START_HEADLESS = 1 << 1,      /* without a window; one can be opened later */
  BONSAI_START_BOOT_MENU = 1 << 2,     /* the firmware waits for the key that opens its boot menu */
  BONSAI_START_DISCARD_STATE = 1 << 3, /* it boots, though it was suspended: what its guest did is lost */
  BONSAI_START_OVERCOMMIT = 1 << 4,    /* though the host has no room for it (app/capacity/admission.h) */
} BonsaiStartFlags;

/* The next start with BONSAI_START_OWN_PROCESS goes on with what @lender (of loan_connect; the caller's, open until then)
 * lends, instead of booting. @is_last: no other start is to. */
void bonsai_vm_borrow (BonsaiVm *vm, int lender, gboolean is_last);
/* This process was started that way, and given @contents (transfer full): the next start in it goes on with that. */
void bonsai_vm_set_borrowed (BonsaiVm *vm, int contents);

const char *bonsai_vm_get_uuid (BonsaiVm *vm);
const char *bonsai_vm_get_name (BonsaiVm *vm);
const char *bonsai_vm_get_path (BonsaiVm *vm);
/* (nullable): NULL if it is broken. (transfer none): valid until the next "notify::config". */
const VmConfig *bonsai_vm_get_config (BonsaiVm *vm);
BonsaiState bonsai_vm_get_state (BonsaiVm *vm);
BonsaiReason bonsai_vm_get_reason (BonsaiVm *vm);
/* Why it is in that state, a sentence or two; "" if there is nothing to say. */
const char *bonsai_vm_get_state_text (BonsaiVm *vm);
/* What `bonsai run` would have ended with, for the last run. */
int bonsai_vm_get_exit_status (BonsaiVm *vm);
/* (nullable): while it is alive. (transfer none) */
BonsaiSession *bonsai_vm_get_session (BonsaiVm *vm);
/* Whether this process hosts it: quitting would end it. */
gboolean bonsai_vm_is_hosted_here (BonsaiVm *vm);

/* Saves @config, made of bonsai_vm_get_config; it takes effect at the next start. What somebody else has changed in the
 * file meanwhile stays. Blocks while the disk writes: vm-settings.h has what doesn't. */
gboolean bonsai_vm_save_config (BonsaiVm *vm, const VmConfig *config, GError **error);

/* --- passphrases: asked for before a start --- */

/* The disks that are encrypted, and wait for a passphrase that is neither in a file nor kept already: ids, in
 * boot order; none for most machines. (transfer full) */
void bonsai_vm_find_locked_async (BonsaiVm *vm, GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer data);
char **bonsai_vm_find_locked_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Tries @secret (transfer full) on all of them, which takes seconds, and keeps it in memory for those that it
 * opens, until the next start. BONSAI_ERROR_REFUSED if it opens none: ask again. */
void bonsai_vm_unlock_async (BonsaiVm *vm, DiskSecret *secret, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_unlock_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Keeps @secret (transfer full) for @disk without trying it. */
void bonsai_vm_keep_secret (BonsaiVm *vm, const char *disk, GBytes *secret);
/* There will be no start. */
void bonsai_vm_forget_secrets (BonsaiVm *vm);

/* Done when it runs. Errors name what is missing (KVM, a file, memory) and the remedy. */
void bonsai_vm_start_async (BonsaiVm *vm, BonsaiStartFlags flags, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_start_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Whether it crashed here, and this process waits to start it again, as its policy says. */
gboolean bonsai_vm_is_restarting (BonsaiVm *vm);
/* When it is to start again after a crash, wherever that is waited for: seconds since 1970; 0: it isn't. */
gint64 bonsai_vm_get_restart_time (BonsaiVm *vm);
/* It isn't to start again, whoever waits for that. */
gboolean bonsai_vm_cancel_restart (BonsaiVm *vm, GError **error);

/* As bonsai_session_control_async; BONSAI_ERROR_NOT_RUNNING if it does not run. */
void bonsai_vm_control_async (BonsaiVm *vm, BonsaiControl control, unsigned timeout_ms,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_control_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* The whole screen now. (transfer full) */
void bonsai_vm_screenshot_async (BonsaiVm *vm, GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer data);
Surface *bonsai_vm_screenshot_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* The picture last known, at most 320x180: of the running machine, or how it looked when it ended. The first
 * call may have to look for that: NULL until "thumbnail-changed". (nullable) (transfer full): the pixels' top
 * byte is undefined (set it to 0xff for GDK). */
Surface *bonsai_vm_get_thumbnail (BonsaiVm *vm);

/* Someone looks at the thumbnail (a mapped row), or no longer does. Calls nest. */
void bonsai_vm_watch (BonsaiVm *vm, gboolean active);

/* Opens or raises the console window / closes it. The machine runs on. Errors are shown by the caller. */
void bonsai_vm_show_console_async (BonsaiVm *vm, gboolean show, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_show_console_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);
gboolean bonsai_vm_get_console_open (BonsaiVm *vm);

/* Puts a disk or CD-ROM drive into the machine: at once if it runs, as bonsai_session_attach_disk_async does,
 * else into its description. */
void bonsai_vm_attach_disk_async (BonsaiVm *vm, const DiskSpec *disk, gboolean any_bus,
                                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* What it became. (transfer full) */
DiskSpec *bonsai_vm_attach_disk_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Takes it out again; its image stays. @force: as for bonsai_session_detach_disk_async. */
void bonsai_vm_detach_disk_async (BonsaiVm *vm, const char *disk, gboolean force, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_detach_disk_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* The disc in a CD-ROM drive (NULL: the first): as bonsai_session_change_medium_async if the machine runs,
 * else for its next start. @path: absolute; NULL: none. */
void bonsai_vm_change_medium_async (BonsaiVm *vm, const char *drive, const char *path, gboolean force,
                                    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_change_medium_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* The cable of network card @nic ("net0"): in or out, at once if the machine runs, and from then on. */
void bonsai_vm_set_link_async (BonsaiVm *vm, const char *nic, gboolean up, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_set_link_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* The ports of the host that lead to network card @nic (element-type NetForward): at once if the machine runs, and from
 * then on. Refused if its terms don't allow it, or a port can't be had. */
void bonsai_vm_set_forwards_async (BonsaiVm *vm, const char *nic, const GArray *forwards, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_vm_set_forwards_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* Shuts the guest down, as BONSAI_CONTROL_SHUTDOWN does, and starts it again where it ran. */
void bonsai_vm_reboot_async (BonsaiVm *vm, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer data);
gboolean bonsai_vm_reboot_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* --- where its owner keeps it: vm-labels.h; whether it runs or not --- */

/* @group: (nullable): none. */
void bonsai_vm_set_group_async (BonsaiVm *vm, const char *group, GAsyncReadyCallback callback, gpointer data);
/* @add, @remove: (nullable) */
void bonsai_vm_change_tags_async (BonsaiVm *vm, const char *const *add, const char *const *remove,
                                  GAsyncReadyCallback callback, gpointer data);
/* Of both. */
gboolean bonsai_vm_change_labels_finish (BonsaiVm *vm, GAsyncResult *result, GError **error);

/* When it last ran, in seconds since 1970; 0: never; G_MAXINT64: it runs. */
gint64 bonsai_vm_get_last_used (BonsaiVm *vm);

G_END_DECLS
