/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/offer.h"

#include "app/base/error.h"
#include "app/workspace/canonical-json.h"
#include "app/workspace/seal.h"
#include "app/workspace/terms-private.h"

#include <string.h>

#define OFFER_VERSION 1
#define MAX_NAME      200u

void
offer_free (Offer *offer)
{
  if (offer == NULL)
    return;
  g_clear_pointer (&offer->terms, terms_free);
  g_free (offer->name);
  g_free (offer->snapshot);
  g_free (offer->text);
  g_free (offer);
}

char *
offer_sign (const Offer *offer, const KeyBytes secret, GError **error)
{
  g_autoptr (JsonText) terms = json_text_parse (offer->text, strlen (offer->text), "terms", error);
  g_autoptr (JsonObject) object = json_object_new ();
  g_autofree char *issuer = seal_public_key (secret);

  if (terms == NULL)
    return NULL;
  json_object_set_int_member (object, "bonsai-offer", OFFER_VERSION);
  json_object_set_string_member (object, "issuer", issuer);
  json_object_set_string_member (object, "name", offer->name);
  json_object_set_string_member (object, "snapshot", offer->snapshot);
  json_object_set_member (object, "terms", json_node_copy (json_text_root (terms)));
  json_object_set_int_member (object, "until", offer->until);
  return seal_sign (object, secret);
}

/* --- reading --- */

/* They have a signature of their own, by the same issuer. */
static bool
read_terms (const JsonSection *section, Offer *offer)
{
  JsonNode *node = json_object_get_member (section->object, "terms");
  g_autofree char *issuer = NULL, *canonical = NULL;

  if (!json_section_require (section, "terms") || !terms_require_string (section, "issuer", &issuer))
    return false;
  canonical = canonical_json (node);
  offer->text = g_strconcat (canonical != NULL ? canonical : "", "\n", NULL);
  offer->terms = terms_read (offer->text, strlen (offer->text), "terms", section->error);
  if (offer->terms == NULL)
    return false;
  if (!g_str_equal (offer->terms->issuer, issuer))
    return json_section_fail (section, "terms", "are of another issuer than the offer");
  return (offer->terms->origin != NULL && offer->terms->version > 0)
         || json_section_fail (section, "terms", "don't say of which template's version it is made");
}

static bool
read_offer (const JsonSection *section, Offer *offer)
{
  static const char *const known[] = { "bonsai-offer", "issuer", "name", "snapshot", "terms", "until", NULL };
  unsigned version = 0;

  if (!json_section_require (section, "bonsai-offer")
      || !json_read_unsigned (section, "bonsai-offer", &version))
    return false;
  if (version != OFFER_VERSION)
    return json_section_fail (section, "bonsai-offer", "version %u is not known; update Bonsai", version);
  if (!seal_refuse_unknown (section, known) || !terms_require_string (section, "name", &offer->name)
      || !terms_require_string (section, "snapshot", &offer->snapshot)
      || !terms_read_time (section, "until", &offer->until) || !read_terms (section, offer))
    return false;
  if (offer->name[0] == '\0' || strlen (offer->name) > MAX_NAME)
    return json_section_fail (section, "name", "is no name of 1 to %u bytes", MAX_NAME);
  return vm_snapshot_id_is_valid (offer->snapshot)
         || json_section_fail (section, "snapshot", "is no snapshot's id");
}

Offer *
offer_read (const char *text, gsize length, const char *file, GError **error)
{
  g_autoptr (JsonText) json = seal_open_signed (text, length, file, NULL, error);
  g_autoptr (Offer) offer = g_new0 (Offer, 1);

  if (json == NULL)
    return NULL;
  return read_offer (&(JsonSection){ json, json_node_get_object (json_text_root (json)), "", error }, offer)
           ? g_steal_pointer (&offer)
           : NULL;
}

bool
offer_is_one (const char *text, gsize length)
{
  g_autoptr (JsonText) json = json_text_parse (text, length, "", NULL);
  JsonNode *root = json != NULL ? json_text_root (json) : NULL;

  return root != NULL && JSON_NODE_HOLDS_OBJECT (root)
         && json_object_has_member (json_node_get_object (root), "bonsai-offer");
}
