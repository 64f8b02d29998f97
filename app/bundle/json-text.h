/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

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

/* The outermost value. (transfer none) */
JsonNode *json_text_root (JsonText *text);

/* Sets "FILE:LINE:COLUMN: MEMBER: MESSAGE", where the value at @pointer stands; if there is none, its
 * nearest ancestor's place. Returns: always FALSE. */
gboolean json_text_set_error (JsonText *text, const char *pointer, GError **error, const char *message);

/* "/disks/0/path" → "disks[0].path". (transfer full) */
char *json_pointer_for_people (const char *pointer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (JsonText, json_text_free)

G_END_DECLS
