/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/terms.h"

G_BEGIN_DECLS

/*
 * A workspace for somebody else, as a file: terms for a machine that isn't there yet, and which version of
 * which template it is made of. All of it is signed by the issuer. README.md has what it withstands.
 *
 * Threading: none; a plain value.
 */
typedef struct {
  Terms *terms;   /* signed; origin and version are there */
  char *name;     /* of the machine that it becomes */
  char *snapshot; /* id of the version's snapshot */
  int64_t until;  /* it may be accepted before; 0: at any time */
  char *text;     /* that of @terms */
} Offer;

/* The endings of files' names: of offers, and of renewals. */
#define OFFER_SUFFIX   ".bonsai-offer"
#define RENEWAL_SUFFIX ".bonsai-renewal"

/* The signed text of an offer whose text is that of terms signed by @secret. (transfer full), or NULL with
 * @error set. */
char *offer_sign (const Offer *offer, const KeyBytes secret, GError **error);

/* Reads what offer_sign wrote; any bytes. (transfer full), or NULL with @error set, as seal_open_signed. */
Offer *offer_read (const char *text, gsize length, const char *file, GError **error);
void offer_free (Offer *offer);

/* Whether a file is meant to be an offer, and not a renewal: only by what it calls itself. */
bool offer_is_one (const char *text, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Offer, offer_free)

G_END_DECLS
