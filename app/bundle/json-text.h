/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * JsonText: a JSON text read strictly (RFC 8259, unique member names), which remembers where each value
 * stands, so that mistakes in meaning are reported by line and column, too. json-glib keeps the values.
 *
 * Values are named by JSON pointers (RFC 6901): "/disks/0/path". Threading: none.
 */
typedef struct JsonText JsonText;

#define JSON_TEXT_MAX_DEPTH  64
#define JSON_TEXT_MAX_LENGTH (1024 * 1024)

/* @file: how errors call the text. Any bytes are fine. Returns: (transfer full), or NULL with @error set:
 * "vm.json:12:3: …" (BONSAI_ERROR_INVALID). */
JsonText *json_text_parse (const char *text, gsize length, const char *file, GError **error);
void json_text_free (JsonText *text);

/* The outermost value; NULL of a new text that was not given one. (transfer none) */
JsonNode *json_text_root (JsonText *text);

/* --- a text made of other texts' values, whose mistakes are told where those stand --- */

/* How errors call it. */
const char *json_text_get_file (JsonText *text);
/* Empty. (transfer full) */
JsonText *json_text_new (const char *file);
/* @root: (transfer full) */
void json_text_take_root (JsonText *text, JsonNode *root);
/* The value at @pointer stands in that line and column, from 1. */
void json_text_place (JsonText *text, const char *pointer, guint line, guint column);
/* The value at @pointer stands where the one at @from_pointer does in @from, and is called as there. */
void json_text_place_as (JsonText *text, const char *pointer, JsonText *from, const char *from_pointer);
/* Whether that was said of it. */
bool json_text_has_place (JsonText *text, const char *pointer);

/* --- members that nobody asks for --- */

/* From now on it is noted which members are asked for (json-section.h). */
void json_text_watch (JsonText *text);
/* Member @name of the object at @pointer means something, whether it is there or not. */
void json_text_note_known (JsonText *text, const char *pointer, const char *name);
/* False with @error set for the first member that has a place and was not asked for. @see: where all are listed. */
bool json_text_refuse_unknown (JsonText *text, const char *see, GError **error);

/* Sets "FILE:LINE:COLUMN: MEMBER: MESSAGE", where the value at @pointer stands; if there is none, its
 * nearest ancestor's place. Returns: always FALSE. */
gboolean json_text_set_error (JsonText *text, const char *pointer, GError **error, const char *message);

/* "/disks/0" and "path" → "/disks/0/path". (transfer full) */
char *json_pointer_member (const char *pointer, const char *name);

/* "/disks/0/path" → "disks[0].path". (transfer full) */
char *json_pointer_for_people (const char *pointer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (JsonText, json_text_free)

G_END_DECLS
