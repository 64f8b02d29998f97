/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/jobs/jobs.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * Long work on a disk image, away from the main loop: a thread runs it, the main loop hears how far it is.
 *
 * Threading: the thread-default main context of whoever starts it.
 */
typedef bool (*DiskTaskFunc) (const ImageJob *job, gpointer data, GError **error);
typedef void (*DiskProgressFunc) (guint64 done, guint64 total, gpointer data); /* bytes of the disk */

/**
 * disk_task_run_async:
 * @func: runs in a thread of its own; hands @job on to what it calls
 * @data: for @func; must stay until @callback
 * @progress: (nullable): now and then, on the caller's main context; never after @callback
 */
void disk_task_run_async (DiskTaskFunc func, gpointer data, DiskProgressFunc progress, gpointer progress_data,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer callback_data);
gboolean disk_task_run_finish (GAsyncResult *result, GError **error);

G_END_DECLS
