/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-text.h"

G_BEGIN_DECLS

/**
 * yaml_text_parse:
 * @text: @length bytes, any bytes at all
 * @file: how errors call it
 *
 * Reads a YAML 1.2 text of one document into what a JSON text with the same content is, each value with its
 * place. Plain words mean what they do in the core schema (section 10.3): null, true and false, numbers;
 * others are strings, "yes" and "on" among them. Anchors, aliases and tags are refused, as are members that
 * are there twice: a text says what it looks like. Threading: none. Returns: (transfer full), or NULL with
 * @error set: "lab.yaml:12:3: …".
 */
JsonText *yaml_text_parse (const char *text, gsize length, const char *file, GError **error);

G_END_DECLS
