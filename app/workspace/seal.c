/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/seal.h"

#include "app/base/error.h"
#include "app/workspace/canonical-json.h"

#include <nettle/eddsa.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>

#define KEY_PREFIX "ed25519:"
#define SIGNATURE  "signature"
#define SEAL       "seal"

G_STATIC_ASSERT (ED25519_KEY_SIZE == KEY_FILE_SIZE);

/* --- base64 --- */

/* GLib's decoder ignores what it doesn't know; here one text stands for the bytes. */
static bool
decode (const char *text, guchar *bytes, gsize size)
{
  gsize length = 0;
  g_autofree guchar *decoded = text != NULL ? g_base64_decode (text, &length) : NULL;
  g_autofree char *again = length == size ? g_base64_encode (decoded, length) : NULL;

  if (again == NULL || !g_str_equal (again, text))
    return false;
  memcpy (bytes, decoded, size);
  return true;
}

static bool
decode_key (const char *text, uint8_t *key)
{
  return text != NULL && g_str_has_prefix (text, KEY_PREFIX)
         && decode (text + strlen (KEY_PREFIX), key, ED25519_KEY_SIZE);
}

char *
seal_public_key (const KeyBytes secret)
{
  uint8_t key[ED25519_KEY_SIZE];
  g_autofree char *text = NULL;

  ed25519_sha512_public_key (key, secret);
  text = g_base64_encode (key, sizeof key);
  return g_strconcat (KEY_PREFIX, text, NULL);
}

bool
seal_is_public_key (const char *text)
{
  uint8_t key[ED25519_KEY_SIZE];

  return decode_key (text, key);
}

/* --- proofs --- */

static char *
write_object (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_alloc ();

  json_node_init_object (node, object);
  return canonical_json (node);
}

static void
compute_mac (const char *text, const KeyBytes key, uint8_t *mac)
{
  struct hmac_sha256_ctx context;

  hmac_sha256_set_key (&context, KEY_FILE_SIZE, key);
  hmac_sha256_update (&context, strlen (text), (const uint8_t *)text);
  hmac_sha256_digest (&context, SHA256_DIGEST_SIZE, mac);
  explicit_bzero (&context, sizeof context);
}

/* @proof of the content's text becomes a member. */
static char *
finish (JsonObject *content, const char *member, const uint8_t *proof, gsize size)
{
  g_autofree char *encoded = g_base64_encode (proof, size), *text = NULL;

  json_object_set_string_member (content, member, encoded);
  text = write_object (content);
  return g_strconcat (text, "\n", NULL);
}

char *
seal_sign (JsonObject *content, const KeyBytes secret)
{
  g_autofree char *text = write_object (content);
  uint8_t public[ED25519_KEY_SIZE], signature[ED25519_SIGNATURE_SIZE];

  ed25519_sha512_public_key (public, secret);
  ed25519_sha512_sign (public, secret, strlen (text), (const uint8_t *)text, signature);
  return finish (content, SIGNATURE, signature, sizeof signature);
}

char *
seal_authenticate (JsonObject *content, const KeyBytes key)
{
  g_autofree char *text = write_object (content);
  uint8_t mac[SHA256_DIGEST_SIZE];

  compute_mac (text, key, mac);
  return finish (content, SEAL, mac, sizeof mac);
}

/* --- opening --- */

static void
set_changed (GError **error, const char *file)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "%s is not as it was signed: somebody changed it, or it is damaged; bring the original back",
               file);
}

/* An object in canonical form with a proof as @member, which is taken out of it. @content: (out) (transfer
 * full): the text that it proves. */
static JsonText *
open_text (const char *text, gsize length, const char *file, const char *member, guchar *proof, gsize size,
           char **content, GError **error)
{
  g_autoptr (JsonText) json = json_text_parse (text, length, file, error);
  JsonNode *root = json != NULL ? json_text_root (json) : NULL;
  g_autofree char *canonical = root != NULL ? canonical_json (root) : NULL;
  JsonNode *value;
  JsonObject *object;

  if (json == NULL)
    return NULL;
  if (canonical == NULL || length != strlen (canonical) + 1 || text[length - 1] != '\n'
      || memcmp (canonical, text, length - 1) != 0 || !JSON_NODE_HOLDS_OBJECT (root))
    {
      set_changed (error, file);
      return NULL;
    }
  object = json_node_get_object (root);
  value = json_object_get_member (object, member);
  if (value == NULL || !JSON_NODE_HOLDS_VALUE (value) || json_node_get_value_type (value) != G_TYPE_STRING
      || !decode (json_node_get_string (value), proof, size))
    {
      set_changed (error, file);
      return NULL;
    }
  json_object_remove_member (object, member);
  *content = write_object (object);
  return g_steal_pointer (&json);
}

static const char *
get_issuer (JsonText *json)
{
  JsonNode *node = json_object_get_member (json_node_get_object (json_text_root (json)), "issuer");

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

JsonText *
seal_open_signed (const char *text, gsize length, const char *file, const char *issuer, GError **error)
{
  uint8_t key[ED25519_KEY_SIZE], signature[ED25519_SIGNATURE_SIZE];
  g_autofree char *content = NULL;
  g_autoptr (JsonText) json =
    open_text (text, length, file, SIGNATURE, signature, sizeof signature, &content, error);

  if (json == NULL)
    return NULL;
  if (!decode_key (issuer != NULL ? issuer : get_issuer (json), key)
      || !ed25519_sha512_verify (key, strlen (content), (const uint8_t *)content, signature))
    {
      set_changed (error, file);
      return NULL;
    }
  return g_steal_pointer (&json);
}

JsonText *
seal_open_authenticated (const char *text, gsize length, const char *file, const KeyBytes key, GError **error)
{
  uint8_t mac[SHA256_DIGEST_SIZE], expected[SHA256_DIGEST_SIZE];
  g_autofree char *content = NULL;
  g_autoptr (JsonText) json = open_text (text, length, file, SEAL, mac, sizeof mac, &content, error);

  if (json == NULL)
    return NULL;
  compute_mac (content, key, expected);
  if (!memeql_sec (mac, expected, sizeof mac))
    {
      set_changed (error, file);
      return NULL;
    }
  return g_steal_pointer (&json);
}

char *
seal_digest (const char *text, gsize length)
{
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)text, length);
}

bool
seal_refuse_unknown (const JsonSection *section, const char *const *known)
{
  g_autoptr (GList) names = json_object_get_members (section->object);

  for (GList *at = names; at != NULL; at = at->next)
    if (!g_strv_contains (known, at->data))
      return json_section_fail (section, at->data,
                                "is not known to this version of Bonsai, which can't keep to it then; update "
                                "Bonsai");
  return true;
}
