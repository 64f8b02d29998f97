/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-text.h"

#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Reading the members of a JSON object, each mistake told with its place; and changing what is shared.
 * Threading: none.
 */

/* An object being read, and where it stands. */
typedef struct {
  JsonText *text;
  JsonObject *object;
  const char *pointer; /* JSON pointer: "/disks/0" */
  GError **error;
} JsonSection;

/* Sets "FILE:LINE:COLUMN: MEMBER: MESSAGE" for the member @name. Returns: always false. */
bool json_section_fail (const JsonSection *section, const char *name, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/* NULL if absent or null. */
JsonNode *json_section_member (const JsonSection *section, const char *name);
/* False with the error set if it is absent. */
bool json_section_require (const JsonSection *section, const char *name);
/* False with the error set if there is any member that isn't one of @names, which NULL ends. */
bool json_section_refuse_others (const JsonSection *section, const char *const *names);

/* Each leaves @value alone if the member is absent. False with the error set if it is of another kind. */
bool json_read_string (const JsonSection *section, const char *name, char **value);
bool json_read_unsigned (const JsonSection *section, const char *name, unsigned *value);
/* A whole number, 0 or more: bytes, seconds. */
bool json_read_count (const JsonSection *section, const char *name, uint64_t *value);
bool json_read_bool (const JsonSection *section, const char *name, bool *value);
/* Bytes: "512M", or a number of MiB. */
bool json_read_size (const JsonSection *section, const char *name, uint64_t *value);
/* @choices: ends with NULL; @value: which of them. */
bool json_read_choice (const JsonSection *section, const char *name, const char *const *choices,
                       unsigned *value);
bool json_read_object (const JsonSection *section, const char *name, JsonObject **value);
bool json_read_strings (const JsonSection *section, const char *name, GStrv *value);

/* Reads one object of a list; false with the error set ends the reading. */
typedef bool (*JsonObjectFunc) (const JsonSection *section, void *data);
bool json_read_objects (const JsonSection *section, const char *name, JsonObjectFunc read, void *data);

/* A copy of the object that is member @name of @object, or an empty one, takes its place: others may share
 * what was there. (transfer none) */
JsonObject *json_enter_object (JsonObject *object, const char *name);

G_END_DECLS
