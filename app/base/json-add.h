/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* What programs are told is JSON, of the same form by “bonsai … --json” and on D-Bus. */

/* Adds a member. @value: (nullable): null. */
void json_add_string (JsonBuilder *builder, const char *name, const char *value);
void json_add_int (JsonBuilder *builder, const char *name, gint64 value);
void json_add_bool (JsonBuilder *builder, const char *name, bool value);

/* What was built, as text that people can read as well. (transfer full) */
char *json_add_finish (JsonBuilder *builder);

G_END_DECLS
