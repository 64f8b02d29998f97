/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/lease.h"

G_BEGIN_DECLS

/* A record as text that nobody without @key, which is the user's own, can make or change. Threading: any;
 * pure. */

/* (transfer full) */
char *lease_record_write (const LeaseRecord *record, const KeyBytes key);
/* False with @error set: it was changed or is damaged, or its version isn't known. */
bool lease_record_read (const char *text, gsize length, const char *file, const KeyBytes key,
                        LeaseRecord *record, GError **error);

G_END_DECLS
