/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/bundle.h"
#include "app/vm/vm.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * BonsaiLibrary: the folder of machines, as a GListModel of BonsaiVm sorted by name. It follows what other
 * processes do there. A bundle that can't be read is listed as BROKEN with its error.
 *
 * Threading: the main context that was thread-default when it was made.
 */
#define BONSAI_TYPE_LIBRARY (bonsai_library_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiLibrary, bonsai_library, BONSAI, LIBRARY, GObject)

/* @folder: (nullable): NULL: $BONSAI_LIBRARY if set, else $XDG_DATA_HOME/bonsai/vms. Made if missing.
 * Returns: (transfer full), or NULL with @error set. */
BonsaiLibrary *bonsai_library_new (const char *folder, GError **error);
const char *bonsai_library_get_folder (BonsaiLibrary *library);

/* The SDL video driver for console windows ("x11", "wayland"); NULL: SDL's choice. Before the first window.
 */
void bonsai_library_set_video_driver (BonsaiLibrary *library, const char *driver);

/* By UUID, name, or bundle folder name. (nullable) (transfer none) */
BonsaiVm *bonsai_library_find (BonsaiLibrary *library, const char *key);

/* Reads the folder again now; otherwise changes arrive by notification. */
void bonsai_library_refresh (BonsaiLibrary *library);

/* Of a process that only runs @vm: the list has no other machine from now on, and none is followed. With every
 * machine in a process of its own, each following all would cost as much as the square of their number. */
void bonsai_library_keep_only (BonsaiLibrary *library, BonsaiVm *vm);

/* Makes a machine with its disk images; on failure nothing stays. (transfer none): the new member, or NULL
 * with @error set. */
BonsaiVm *bonsai_library_create (BonsaiLibrary *library, const VmConfig *config, GError **error);
/* The same; @fill (nullable) puts more into the bundle before it appears. */
BonsaiVm *bonsai_library_create_with (BonsaiLibrary *library, const VmConfig *config, BundleFillFunc fill,
                                      void *data, GError **error);
/* A bundle that was just made in its folder. (nullable) (transfer none) */
BonsaiVm *bonsai_library_adopt (BonsaiLibrary *library, const char *path);

/* @name unless it is taken, else "NAME 2", "NAME 3", … (transfer full) */
char *bonsai_library_unused_name (BonsaiLibrary *library, const char *name);

gboolean bonsai_library_rename (BonsaiLibrary *library, BonsaiVm *vm, const char *name, GError **error);

/* Moves a stopped (or broken) machine to the trash.
 * Returns: (transfer full): what bonsai_library_undelete takes, or NULL with @error set. */
char *bonsai_library_delete (BonsaiLibrary *library, BonsaiVm *vm, GError **error);

/* Puts linked clones before what they lie on, which can't be deleted as long as they are there. @vms: of BonsaiVm */
void bonsai_library_order_for_delete (BonsaiLibrary *library, GPtrArray *vms);

/* Brings it back, and before it, if it is a linked clone, what it lies on. @item: from delete or list_trash; or the name or UUID of a deleted machine, the last
 * deleted of that name. (transfer none) */
BonsaiVm *bonsai_library_undelete (BonsaiLibrary *library, const char *item, GError **error);

/* What is in the trash, newest first: items for undelete and purge. (transfer full) */
char **bonsai_library_list_trash (BonsaiLibrary *library);

/* Removes a trash item for good, or all (@item NULL). */
gboolean bonsai_library_purge (BonsaiLibrary *library, const char *item, GError **error);

/* --- the desktop: its menu of applications, and log-in --- */

/* Entries are written, changed and removed as the machines demand (desktop-entries.h); only for the usual
 * library, not for one elsewhere. Creating, renaming, deleting and bringing back do this by themselves. */
gboolean bonsai_library_update_desktop (BonsaiLibrary *library, GError **error);

/* Does so now and after each change, whoever makes it, in a thread. */
void bonsai_library_follow_on_desktop (BonsaiLibrary *library);

/* The machines that start at log-in, in their order. (transfer full): of BonsaiVm */
GPtrArray *bonsai_library_list_autostart (BonsaiLibrary *library);

/* --- the log of events (event-log.h) --- */

/* For programs that end soon: what happens to a machine is written before its caller goes on. To be said before
 * anything is changed. */
void bonsai_library_write_events_at_once (BonsaiLibrary *library);
/* Waits until all that happened is written. */
void bonsai_library_flush_events (BonsaiLibrary *library);

/* --- */

/* Whether machines' descriptions are being saved (vm-settings.h). */
gboolean bonsai_library_is_saving (BonsaiLibrary *library);
/* Waits until they are. Blocks: for the end of a program. */
void bonsai_library_flush_saves (BonsaiLibrary *library);

/* Machines that this process hosts. */
guint bonsai_library_count_hosted (BonsaiLibrary *library);

G_END_DECLS
