/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/terms-private.h"

#include "app/base/error.h"
#include "app/workspace/seal.h"

#include <string.h>

#define TERMS_VERSION 1
#define MAX_NAME      200u

void
terms_free (Terms *terms)
{
  if (terms == NULL)
    return;
  g_free (terms->id);
  g_free (terms->machine);
  g_free (terms->issuer);
  g_free (terms->subject);
  g_free (terms->origin);
  g_free (terms->profile);
  g_free (terms->digest);
  permissions_clear (&terms->permissions);
  g_free (terms);
}

/* --- what makes sense --- */

static bool
complain (GError **error, const char *what)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "The terms make no sense: %s", what);
  return false;
}

static bool
is_name (const char *text)
{
  return text != NULL && text[0] != '\0' && strlen (text) <= MAX_NAME;
}

bool
terms_check (const Terms *terms, GError **error)
{
  if (terms->id == NULL || !g_uuid_string_is_valid (terms->id))
    return complain (error, "“id” is no UUID");
  if (terms->machine == NULL || !g_uuid_string_is_valid (terms->machine))
    return complain (error, "“machine” is no UUID");
  if (terms->origin != NULL && !g_uuid_string_is_valid (terms->origin))
    return complain (error, "“template” is no UUID");
  if (!is_name (terms->subject) || !is_name (terms->profile))
    return complain (error, "“subject” and “profile” have to be names of 1 to 200 bytes");
  if (terms->issued < 0 || terms->issued > TERMS_MAX_DATE)
    return complain (error, "“issued” is no time before the year 10000");
  if (terms->grace < 0 || terms->grace > TERMS_MAX_SECONDS)
    return complain (error, "“grace” is longer than 100 years");
  if (terms->afterwards == AFTERWARDS_DESTROY && terms->grace < TERMS_MIN_GRACE_TO_DESTROY)
    return complain (error, "what is to be destroyed needs a grace time of a day at least");
  return expiry_check (&terms->expiry, error);
}

/* --- as text --- */

static JsonObject *
terms_write (const Terms *terms)
{
  JsonObject *object = json_object_new ();

  json_object_set_int_member (object, "bonsai-terms", TERMS_VERSION);
  json_object_set_string_member (object, "id", terms->id);
  json_object_set_string_member (object, "machine", terms->machine);
  json_object_set_string_member (object, "issuer", terms->issuer);
  json_object_set_string_member (object, "subject", terms->subject);
  if (terms->origin != NULL)
    {
      json_object_set_string_member (object, "template", terms->origin);
      json_object_set_int_member (object, "template-version", terms->version);
    }
  json_object_set_string_member (object, "profile", terms->profile);
  json_object_set_int_member (object, "issued", terms->issued);
  expiry_write (object, &terms->expiry);
  json_object_set_int_member (object, "grace", terms->grace);
  json_object_set_string_member (object, "afterwards", afterwards_names[terms->afterwards]);
  json_object_set_object_member (object, "permissions", permissions_write (&terms->permissions));
  return object;
}

char *
terms_sign (Terms *terms, const KeyBytes secret, GError **error)
{
  g_autoptr (JsonObject) object = NULL;
  char *text;

  if (!terms_check (terms, error))
    return NULL;
  g_free (terms->issuer);
  terms->issuer = seal_public_key (secret);
  object = terms_write (terms);
  text = seal_sign (object, secret);
  g_free (terms->digest);
  terms->digest = seal_digest (text, strlen (text));
  return text;
}

static bool
read_version (const JsonSection *section)
{
  unsigned version = 0;

  if (!json_section_require (section, "bonsai-terms")
      || !json_read_unsigned (section, "bonsai-terms", &version))
    return false;
  return version == TERMS_VERSION
         || json_section_fail (section, "bonsai-terms", "version %u is not known; update Bonsai", version);
}

static bool
read_permissions (const JsonSection *section, Permissions *permissions)
{
  JsonSection inner = { section->text, NULL, "/permissions", section->error };

  return json_section_require (section, "permissions")
         && json_read_object (section, "permissions", &inner.object)
         && permissions_read (&inner, permissions);
}

static bool
read_terms (const JsonSection *section, Terms *terms)
{
  static const char *const known[] = {
    "bonsai-terms", "id",     "machine", "issuer", "subject",    "template",    "template-version",
    "profile",      "issued", "expiry",  "grace",  "afterwards", "permissions", NULL
  };
  unsigned afterwards = AFTERWARDS_ARCHIVE;

  if (!read_version (section) || !seal_refuse_unknown (section, known)
      || !terms_require_string (section, "id", &terms->id)
      || !terms_require_string (section, "machine", &terms->machine)
      || !terms_require_string (section, "issuer", &terms->issuer)
      || !terms_require_string (section, "subject", &terms->subject)
      || !json_read_string (section, "template", &terms->origin)
      || !json_read_unsigned (section, "template-version", &terms->version)
      || !terms_require_string (section, "profile", &terms->profile)
      || !terms_read_time (section, "issued", &terms->issued) || !expiry_read (section, &terms->expiry)
      || !terms_read_time (section, "grace", &terms->grace) || !json_section_require (section, "afterwards")
      || !json_read_choice (section, "afterwards", afterwards_names, &afterwards)
      || !read_permissions (section, &terms->permissions))
    return false;
  terms->afterwards = afterwards;
  return terms_check (terms, section->error);
}

Terms *
terms_read (const char *text, gsize length, const char *file, GError **error)
{
  g_autoptr (JsonText) json = seal_open_signed (text, length, file, NULL, error);
  g_autoptr (Terms) terms = g_new0 (Terms, 1);

  if (json == NULL)
    return NULL;
  if (!read_terms (&(JsonSection){ json, json_node_get_object (json_text_root (json)), "", error }, terms))
    return NULL;
  terms->digest = seal_digest (text, length);
  return g_steal_pointer (&terms);
}
