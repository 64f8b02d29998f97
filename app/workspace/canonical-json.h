/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/*
 * canonical_json:
 *
 * The one text that a JSON value has, for signatures (RFC 8785): no spaces, members sorted by name, only the
 * escapes that are needed. It doesn't depend on the version of any library. Numbers are whole, as are all in
 * what is signed here; another kind makes it NULL. (transfer full) (nullable). Threading: any.
 */
char *canonical_json (JsonNode *value);

G_END_DECLS
