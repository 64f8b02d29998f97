/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/terms.h"

G_BEGIN_DECLS

/*
 * What terms are made from: "corporate", "secure", "entertainment" and "test" are built in; others are files
 * NAME.json of the issuer's own, which go before those.
 *
 * {
 *   "bonsai-profile" : 1,
 *   "grace" : "7d",
 *   "afterwards" : "destroy",
 *   "permissions" : { "networks" : [ "nat" ], "clipboard" : "to-guest", "snapshots" : false }
 * }
 *
 * Threading: any; no state.
 */
typedef struct {
  char *name;
  int64_t grace; /* seconds */
  Afterwards afterwards;
  Permissions permissions;
} Profile;

/* Where an issuer's own are, below @config (as g_get_user_config_dir). (transfer full) */
char *profile_folder (const char *config);

/* @folder: the issuer's own. (transfer full), or NULL with @error set: there is none of that name
 * (BONSAI_ERROR_NOT_FOUND), or its file is wrong, with line and column (BONSAI_ERROR_INVALID). */
Profile *profile_load (const char *folder, const char *name, GError **error);
void profile_free (Profile *profile);

/* Gives @terms what the profile says. */
void profile_apply (const Profile *profile, Terms *terms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Profile, profile_free)

G_END_DECLS
