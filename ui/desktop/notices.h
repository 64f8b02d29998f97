/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/job/jobs.h"
#include "app/library/library.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * Notifications: a machine ended unexpectedly or was paused by trouble, a long job is done and nobody looks,
 * machines run on without a window. Each has the actions that help. Main thread.
 */

/* Follows the machines, as long as both live. */
void notices_follow_library (GtkApplication *application, BonsaiLibrary *library);
void notices_follow_jobs (GtkApplication *application, BonsaiJobs *jobs);

/* Machines run in this process, and no window shows them: @n of them. 0: takes the notification back. */
void notices_tell_background (GApplication *application, guint n);

/* How long a workspace lasts, or that it is over; with what helps. */
void notices_tell_lease (GApplication *application, BonsaiVm *vm);

/* Something about a machine. @format: with its name as “%s”; @body: (nullable). */
void notices_tell (GApplication *application, BonsaiVm *vm, const char *format, const char *body);

G_END_DECLS
