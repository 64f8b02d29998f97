/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-section.h"
#include "app/workspace/key-file.h"

G_BEGIN_DECLS

/*
 * JSON objects that carry a proof of who wrote them: an issuer's Ed25519 signature (RFC 8032), or a message
 * authentication code of the user's own (HMAC-SHA-256). The text is canonical (canonical-json.h) and ends
 * with a newline; a text with any other byte in it is refused. What kind of object it is has to be said in
 * it, so that one can't pass for another.
 *
 * Threading: any; pure.
 */

/* How public keys are written: "ed25519:" and base64. (transfer full) */
char *seal_public_key (const KeyBytes secret);
/* Whether @text is a public key. */
bool seal_is_public_key (const char *text);

/* @content is given the member "signature". (transfer full): the text */
char *seal_sign (JsonObject *content, const KeyBytes secret);
/* @content is given the member "seal". (transfer full) */
char *seal_authenticate (JsonObject *content, const KeyBytes key);

/**
 * seal_open_signed:
 * @text: any bytes
 * @file: how errors call it
 * @issuer: the public key that has to have signed it; NULL: the one in its member "issuer"
 *
 * Returns: (transfer full): what was signed, or NULL with @error set: it is no such text
 * (BONSAI_ERROR_INVALID), or was changed (BONSAI_ERROR_REFUSED).
 */
JsonText *seal_open_signed (const char *text, gsize length, const char *file, const char *issuer,
                            GError **error);
/* The same for a seal of seal_authenticate. */
JsonText *seal_open_authenticated (const char *text, gsize length, const char *file, const KeyBytes key,
                                   GError **error);

/* SHA-256 of a text of @length bytes, in hexadecimal digits: what others in a chain call it by. (transfer
 * full) */
char *seal_digest (const char *text, gsize length);

/* Refuses members that aren't in @known (NULL ends): a condition that isn't understood can't be kept. */
bool seal_refuse_unknown (const JsonSection *section, const char *const *known);

G_END_DECLS
