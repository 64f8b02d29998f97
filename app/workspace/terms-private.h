/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/terms.h"

G_BEGIN_DECLS

/* What terms and renewals share. */
bool expiry_check (const Expiry *expiry, GError **error);
bool expiry_read (const JsonSection *section, Expiry *expiry);
void expiry_write (JsonObject *object, const Expiry *expiry);

/* A time: 0 to TERMS_MAX_DATE. The member has to be there. */
bool terms_read_time (const JsonSection *section, const char *name, int64_t *value);
bool terms_require_string (const JsonSection *section, const char *name, char **value);

G_END_DECLS
