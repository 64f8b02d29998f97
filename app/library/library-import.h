/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/disk/disk-task.h"
#include "app/library/library.h"

G_BEGIN_DECLS

/**
 * bonsai_library_import_async:
 * @path: a machine's folder, wherever it lies; nobody may run it
 * @progress: (nullable): bytes of its files
 *
 * Copies a machine into the library, with its snapshots. It gets another UUID if it is in the library
 * already, and another name if its own is taken. Cancelled or failed, nothing stays.
 */
void bonsai_library_import_async (BonsaiLibrary *library, const char *path, DiskProgressFunc progress,
                                  gpointer progress_data, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer data);
/* (transfer none): the new member, or NULL with @error set. */
BonsaiVm *bonsai_library_import_finish (BonsaiLibrary *library, GAsyncResult *result, GError **error);

G_END_DECLS
