/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/terms-private.h"

#include "app/base/error.h"
#include "app/workspace/seal.h"

#include <string.h>

#define RENEWAL_VERSION 1

void
renewal_free (Renewal *renewal)
{
  if (renewal == NULL)
    return;
  g_free (renewal->follows);
  g_free (renewal->digest);
  g_free (renewal);
}

char *
renewal_sign (Renewal *renewal, const KeyBytes secret, GError **error)
{
  g_autoptr (JsonObject) object = json_object_new ();
  char *text;

  if (!expiry_check (&renewal->expiry, error))
    return NULL;
  json_object_set_int_member (object, "bonsai-renewal", RENEWAL_VERSION);
  json_object_set_int_member (object, "number", renewal->number);
  json_object_set_string_member (object, "follows", renewal->follows);
  json_object_set_int_member (object, "issued", renewal->issued);
  expiry_write (object, &renewal->expiry);
  json_object_set_boolean_member (object, "mends", renewal->mends);
  text = seal_sign (object, secret);
  g_free (renewal->digest);
  renewal->digest = seal_digest (text, strlen (text));
  return text;
}

static bool
read_renewal (const JsonSection *section, Renewal *renewal)
{
  static const char *const known[] = { "bonsai-renewal", "number", "follows", "issued",
                                       "expiry",         "mends",  NULL };
  unsigned version = 0;

  if (!json_section_require (section, "bonsai-renewal")
      || !json_read_unsigned (section, "bonsai-renewal", &version))
    return false;
  if (version != RENEWAL_VERSION)
    return json_section_fail (section, "bonsai-renewal", "version %u is not known; update Bonsai", version);
  return seal_refuse_unknown (section, known) && json_section_require (section, "number")
         && json_read_unsigned (section, "number", &renewal->number)
         && terms_require_string (section, "follows", &renewal->follows)
         && terms_read_time (section, "issued", &renewal->issued) && expiry_read (section, &renewal->expiry)
         && json_section_require (section, "mends") && json_read_bool (section, "mends", &renewal->mends);
}

Renewal *
renewal_read (const char *text, gsize length, const char *file, const Terms *terms, const char *follows,
              unsigned number, GError **error)
{
  g_autoptr (JsonText) json = seal_open_signed (text, length, file, terms->issuer, error);
  g_autoptr (Renewal) renewal = g_new0 (Renewal, 1);

  if (json == NULL)
    return NULL;
  if (!read_renewal (&(JsonSection){ json, json_node_get_object (json_text_root (json)), "", error },
                     renewal))
    return NULL;
  if (renewal->number != number || g_strcmp0 (renewal->follows, follows) != 0)
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
        "%s is the renewal %u of another workspace, or of terms as they once were; ask the issuer for "
        "renewal %u of this one",
        file, renewal->number, number);
      return NULL;
    }
  renewal->digest = seal_digest (text, length);
  return g_steal_pointer (&renewal);
}
