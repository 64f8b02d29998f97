/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/profile.h"

#include "app/base/error.h"
#include "app/workspace/seal.h"

#include <string.h>

#define PROFILE_VERSION 1
#define SUFFIX          ".json"

static const struct {
  const char *name, *text;
} built_in[] = {
  { "corporate",
    "{ \"bonsai-profile\": 1, \"grace\": \"14d\", \"permissions\": { \"networks\": [ \"nat\", \"none\" ],"
    " \"forwards\": \"local\", \"clipboard\": \"to-guest\", \"shared-folders\": false, \"export\": false,"
    " \"disk-encryption\": true,"
    " \"usb\": [ \"hid\", \"audio\", \"video\", \"smart-card\" ] } }" },
  { "secure", "{ \"bonsai-profile\": 1, \"grace\": \"1d\", \"afterwards\": \"destroy\", \"permissions\": {"
              " \"networks\": [ \"none\" ], \"forwards\": \"none\","
              " \"clipboard\": \"off\", \"shared-folders\": false, \"usb\": [ \"hid\" ], \"export\": false,"
              " \"snapshots\": false, \"disk-encryption\": true } }" },
  { "entertainment",
    "{ \"bonsai-profile\": 1, \"grace\": \"7d\", \"permissions\": { \"networks\": [ \"nat\", \"none\" ],"
    " \"hours\": { \"from\": \"08:00\", \"until\": \"22:00\" } } }" },
  { "test", "{ \"bonsai-profile\": 1, \"grace\": \"1d\", \"permissions\": {} }" },
};

void
profile_free (Profile *profile)
{
  if (profile == NULL)
    return;
  g_free (profile->name);
  permissions_clear (&profile->permissions);
  g_free (profile);
}

char *
profile_folder (const char *config)
{
  return g_build_filename (config, "bonsai", "profiles", NULL);
}

/* --- reading --- */

static bool
read_grace (const JsonSection *section, int64_t *grace)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (!json_read_string (section, "grace", &text))
    return false;
  *grace = text != NULL ? vm_schedule_parse_every (text, &error) : 0;
  return error == NULL || json_section_fail (section, "grace", "%s", error->message);
}

static bool
read_profile (const JsonSection *section, Profile *profile)
{
  static const char *const known[] = { "bonsai-profile", "grace", "afterwards", "permissions", NULL };
  JsonSection permissions = { section->text, NULL, "/permissions", section->error };
  unsigned version = 0, afterwards = AFTERWARDS_ARCHIVE;

  if (!json_section_require (section, "bonsai-profile")
      || !json_read_unsigned (section, "bonsai-profile", &version))
    return false;
  if (version != PROFILE_VERSION)
    return json_section_fail (section, "bonsai-profile", "version %u is not known; update Bonsai", version);
  if (!seal_refuse_unknown (section, known) || !read_grace (section, &profile->grace)
      || !json_read_choice (section, "afterwards", afterwards_names, &afterwards)
      || !json_section_require (section, "permissions")
      || !json_read_object (section, "permissions", &permissions.object)
      || !permissions_read (&permissions, &profile->permissions))
    return false;
  profile->afterwards = afterwards;
  return afterwards != AFTERWARDS_DESTROY || profile->grace >= TERMS_MIN_GRACE_TO_DESTROY
         || json_section_fail (section, "grace", "what is to be destroyed needs a grace time of 1d at least");
}

static Profile *
parse (const char *name, const char *text, const char *file, GError **error)
{
  g_autoptr (JsonText) json = json_text_parse (text, strlen (text), file, error);
  g_autoptr (Profile) profile = g_new0 (Profile, 1);
  JsonSection section = { json, NULL, "", error };

  if (json == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (json_text_root (json)))
    {
      json_text_set_error (json, "", error, "must be an object, { … }");
      return NULL;
    }
  section.object = json_node_get_object (json_text_root (json));
  profile->name = g_strdup (name);
  return read_profile (&section, profile) ? g_steal_pointer (&profile) : NULL;
}

Profile *
profile_load (const char *folder, const char *name, GError **error)
{
  g_autofree char *file = g_strconcat (name, SUFFIX, NULL);
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autofree char *text = NULL;

  if (strchr (name, '/') == NULL && g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return g_file_get_contents (path, &text, NULL, error) ? parse (name, text, path, error) : NULL;
  for (unsigned i = 0; i < G_N_ELEMENTS (built_in); i++)
    if (g_str_equal (built_in[i].name, name))
      return parse (name, built_in[i].text, name, error);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               "There is no profile “%s”; it is corporate, secure, entertainment, test, or a file in %s",
               name, folder);
  return NULL;
}

void
profile_apply (const Profile *profile, Terms *terms)
{
  const Permissions *from = &profile->permissions;

  permissions_clear (&terms->permissions);
  terms->permissions = *from;
  terms->permissions.networks = g_strdupv (from->networks);
  terms->permissions.usb = g_strdupv (from->usb);
  terms->permissions.days = g_strdupv (from->days);
  terms->grace = profile->grace;
  terms->afterwards = profile->afterwards;
  g_free (terms->profile);
  terms->profile = g_strdup (profile->name);
}
