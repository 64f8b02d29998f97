/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-text.h"

#include <stdbool.h>

G_BEGIN_DECLS

/*
 * ApplyFile: what “bonsai apply” is given (bonsai-apply(5)): machines as they are to be, and the policies and
 * networks that several of them have. What machines and policies consist of is vm.json's affair
 * (app/bundle/SCHEMA.md). Threading: none.
 */

#define APPLY_VERSION 1

/* Where all is documented. */
#define APPLY_MANUAL "bonsai-apply(5)"

typedef struct {
  char *name;
  char *pointer; /* where it stands: "/machines/0" */
  JsonObject *object;
  bool absent;
} ApplyMachine;

typedef struct {
  JsonText *text;
  JsonObject *policies, *networks; /* (nullable): by name */
  GPtrArray *machines;             /* of ApplyMachine */
} ApplyFile;

/* @name: how errors call it; what ends in ".json" is JSON, all else YAML. Returns: (transfer full), or NULL
 * with @error set: "lab.yaml:12:3: policies.careful.rules[0].for: …" (BONSAI_ERROR_INVALID). */
ApplyFile *apply_file_parse (const char *text, gsize length, const char *name, GError **error);
void apply_file_free (ApplyFile *file);

/* The policy, or network, that is called @name: an object, and its pointer. (nullable) (transfer none) */
JsonObject *apply_file_find (JsonObject *definitions, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ApplyFile, apply_file_free)

G_END_DECLS
