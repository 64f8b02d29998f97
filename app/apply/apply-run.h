/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/apply/apply-plan.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* @step is done. */
typedef void (*ApplyToldFunc) (const ApplyStep *step, gpointer data);

/**
 * apply_run_async:
 * @plan: of @library as it is; the caller's until @callback
 * @told: (nullable): after each step that does something
 *
 * Does what a plan says, one machine after the other; those that go come last. Each change of a machine is
 * there as a whole or not at all, whenever this process ends: another plan has the rest. The first that fails
 * ends it. Threading: the library's context.
 */
void apply_run_async (ApplyPlan *plan, BonsaiLibrary *library, ApplyToldFunc told, gpointer told_data,
                      GAsyncReadyCallback callback, gpointer data);
gboolean apply_run_finish (GAsyncResult *result, GError **error);

G_END_DECLS
