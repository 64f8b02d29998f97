/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Trace points. A Tracer belongs to one machine; a point that no pattern wants costs one
 * load and a branch. Threading: everything here may be called from any thread.
 */
typedef struct Tracer Tracer;

/**
 * tracer_new:
 * @patterns: (nullable): comma-separated globs over "device" or "device:event", such as
 *   "ahci*,rtc:alarm,*:guest-error"; NULL or "" wants nothing
 * @path: (nullable): file to append to; NULL means standard error
 *
 * Returns: (transfer full): a tracer, or NULL with @error set if @path can't be opened.
 */
Tracer *tracer_new (const char *patterns, const char *path, GError **error);
void tracer_free (Tracer *tracer);

/* Whether any event of @source ("ahci0") may be wanted. @tracer may be NULL (never). */
bool tracer_wants (const Tracer *tracer, const char *source);

/* Writes one line "<seconds> <source>:<event> <text>" if a pattern wants it. */
void tracer_emit (Tracer *tracer, const char *source, const char *event, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Tracer, tracer_free)

G_END_DECLS
