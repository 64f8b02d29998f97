/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-text.h"

G_BEGIN_DECLS

/* Where a value stands. */
typedef struct {
  guint line, column; /* from 1; columns count characters */
  char *origin;       /* (nullable): its pointer in the text that it was taken from */
} JsonPlace;

struct JsonText {
  char *file;
  JsonNode *root;
  GHashTable *places; /* pointer → JsonPlace */
  GHashTable *known;  /* (nullable): pointers that were asked for, whether they are there or not */
};

/* Adds "/NAME" to @pointer (RFC 6901, section 3). */
void json_pointer_append (GString *pointer, const char *name);

G_END_DECLS
