/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

G_BEGIN_DECLS

/*
 * BonsaiTrash: what is in a library's trash, as a GListModel of BonsaiTrashItem, newest first. It is read and
 * measured in a thread, at first soon after it was made, and again whenever something changes there.
 *
 * Threading: as BonsaiLibrary.
 */
#define BONSAI_TYPE_TRASH (bonsai_trash_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiTrash, bonsai_trash, BONSAI, TRASH, GObject)

/* BonsaiTrashItem: a deleted machine. It doesn't change. */
#define BONSAI_TYPE_TRASH_ITEM (bonsai_trash_item_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiTrashItem, bonsai_trash_item, BONSAI, TRASH_ITEM, GObject)

BonsaiTrash *bonsai_trash_new (BonsaiLibrary *library);

/* What bonsai_library_undelete and _purge take. */
const char *bonsai_trash_item_get_id (BonsaiTrashItem *item);
/* As the machine was called. */
const char *bonsai_trash_item_get_name (BonsaiTrashItem *item);
/* Seconds since 1970. */
gint64 bonsai_trash_item_get_deleted (BonsaiTrashItem *item);
/* Bytes on the disk. */
guint64 bonsai_trash_item_get_size (BonsaiTrashItem *item);

/* bonsai_library_purge in a thread: one item, or all (@item NULL). Cancelling ends it between two. */
void bonsai_library_purge_async (BonsaiLibrary *library, const char *item, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_library_purge_finish (BonsaiLibrary *library, GAsyncResult *result, GError **error);

G_END_DECLS
