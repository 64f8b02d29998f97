/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed texts of workspaces: any bytes are refused, and what is signed is read as it is, or refused with a
 * reason. */
#include "tests/fuzz/fuzz.h"

#include "app/workspace/canonical-json.h"
#include "app/workspace/lease-record.h"
#include "app/workspace/offer.h"
#include "app/workspace/seal.h"
#include "app/workspace/terms.h"

#include <string.h>

static const KeyBytes secret = { 1 };

/* The bytes with a valid signature: what lies behind that is reached. (nullable) (transfer full) */
static char *
sign (const char *bytes, gsize size)
{
  g_autoptr (JsonText) json = json_text_parse (bytes, size, "terms.json", NULL);
  JsonNode *root = json != NULL ? json_text_root (json) : NULL;
  g_autofree char *issuer = seal_public_key (secret);
  g_autofree char *canonical = root != NULL ? canonical_json (root) : NULL;
  JsonObject *object;

  if (canonical == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return NULL;
  object = json_node_get_object (root);
  if (json_object_has_member (object, "signature"))
    json_object_remove_member (object, "signature");
  json_object_set_string_member (object, "issuer", issuer);
  return seal_sign (object, secret);
}

static void
read_signed (const char *bytes, gsize size)
{
  g_autofree char *text = sign (bytes, size), *again = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Terms) terms = text != NULL ? terms_read (text, strlen (text), "terms.json", &error) : NULL;
  g_autoptr (Terms) same = NULL;

  g_assert_true (text == NULL || (terms != NULL) == (error == NULL));
  if (terms == NULL)
    return;
  again = terms_sign (terms, secret, &error);
  g_assert_no_error (error);
  same = terms_read (again, strlen (again), "terms.json", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (same->id, ==, terms->id);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  /* Without an end: the bytes are those of a file. */
  g_autofree char *bytes = g_memdup2 (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (Terms) terms = terms_read (bytes, size, "terms.json", &error);
  g_autofree char *issuer = seal_public_key (secret);
  Terms of = { .issuer = issuer };
  g_autoptr (Renewal) renewal = renewal_read (bytes, size, "renewal-1.json", &of, "", 1, NULL);
  g_autoptr (Offer) offer = offer_read (bytes, size, "x", NULL);
  LeaseRecord record;

  g_assert_true ((terms != NULL) == (error == NULL));
  g_assert_true (renewal == NULL && offer == NULL);
  g_assert_false (lease_record_read (bytes, size, "lease.json", secret, &record, NULL));
  read_signed (bytes, size);
  return 0;
}
