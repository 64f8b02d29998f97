/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What issuers do. */
#include "app/workspace/workspace-private.h"

#include "app/base/error.h"
#include "app/workspace/seal.h"

#include <string.h>
#include <unistd.h>

bool
workspace_read_issuer (const char *data, KeyBytes key, bool make, GError **error)
{
  g_autofree char *path = key_file_path (data, "issuer");

  return (!make || key_file_make (path, error)) && key_file_read (path, key, error);
}

char *
workspace_issuer (const char *data, GError **error)
{
  KeyBytes key;
  char *text = workspace_read_issuer (data, key, true, error) ? seal_public_key (key) : NULL;

  explicit_bzero (key, sizeof key);
  return text;
}

/* --- issuing --- */

bool
workspace_check_kept (const Terms *terms, GError **error)
{
  const char *lacking = terms->afterwards == AFTERWARDS_DESTROY && !terms->permissions.encryption
                          ? "destroy what isn't encrypted"
                        : terms->permissions.idle_suspend > 0 ? "suspend what is idle"
                                                              : NULL;

  if (lacking == NULL)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "This version of Bonsai can't %s yet; choose a profile without that", lacking);
  return false;
}

static bool
issue (const LeasePlace *place, Terms *terms, GError **error)
{
  g_autofree char *text = NULL;
  HostTime host;
  KeyBytes key;

  if (!workspace_read_issuer (place->data, key, true, error))
    return false;
  text = terms_sign (terms, key, error);
  explicit_bzero (key, sizeof key);
  if (text == NULL)
    return false;
  host_time_read (place->bundle, &host, NULL);
  return lease_store_begin (place, terms, text, &host, error)
         && lease_store_log (place, &host, "issued", error);
}

bool
workspace_issue (const LeasePlace *place, Terms *terms, GError **error)
{
  bool done;
  int held;

  if (!workspace_check_kept (terms, error))
    return false;
  held = lease_store_lock (place, error);
  done = held >= 0 && issue (place, terms, error);
  if (held >= 0)
    close (held);
  return done;
}

/* --- renewing --- */

/* (transfer full) */
static char *
sign (const LeasePlace *place, const LeaseFiles *files, Renewal *renewal, GError **error)
{
  g_autoptr (GError) unreadable = NULL;
  bool has_key;
  g_autofree char *public = NULL, *text = NULL;
  KeyBytes key;

  has_key = workspace_read_issuer (place->data, key, false, &unreadable);
  public = has_key ? seal_public_key (key) : g_strdup ("without a key");
  if (has_key && g_str_equal (public, files->terms->issuer))
    text = renewal_sign (renewal, key, error);
  else if (has_key || g_error_matches (unreadable, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND))
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                 "Only its issuer can renew this workspace, and that is %s, not you (%s)",
                 files->terms->issuer, public);
  else
    g_propagate_error (error, g_steal_pointer (&unreadable));
  explicit_bzero (key, sizeof key);
  return g_steal_pointer (&text);
}

/* A lost record begins anew. */
static bool
mend (LeaseFiles *files, const Renewal *renewal, const HostTime *host, GError **error)
{
  if (files->damage == NULL)
    return true;
  if (renewal->mends)
    {
      files->record = lease_begin (files->terms, host);
      files->record.renewals = renewal->number - 1;
      return true;
    }
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    "The record of this workspace's lease can't be trusted (%s); a renewal that is to mend that has to "
    "say so (bonsai workspace renew --mend)",
    files->damage->message);
  return false;
}

char *
workspace_sign_next (const LeasePlace *place, const LeaseFiles *files, const Expiry *expiry, bool mends,
                     const HostTime *host, Renewal **renewal, GError **error)
{
  *renewal = g_new0 (Renewal, 1);
  **renewal = (Renewal){ .number = files->renewals->len + 1,
                         .follows = g_strdup (lease_files_latest (files)),
                         .issued = host->wall,
                         .expiry = *expiry,
                         .mends = mends };
  return sign (place, files, *renewal, error);
}

bool
workspace_add_renewal (const LeasePlace *place, LeaseFiles *files, Renewal **renewal, const char *text,
                       const HostTime *host, GError **error)
{
  if (!mend (files, *renewal, host, error))
    return false;
  if (files->record.stage >= LEASE_DESTROYING)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   "It is too late: this workspace has been destroyed; issue another one");
      return false;
    }
  if (!lease_store_log (place, host, (*renewal)->mends ? "renewed and mended" : "renewed", error)
      || !lease_store_add_renewal (place, *renewal, text, error))
    return false;
  g_ptr_array_add (files->renewals, g_steal_pointer (renewal));
  workspace_settle (files, host);
  return lease_store_write (place, &files->record, error);
}

static bool
renew (const LeasePlace *place, const Expiry *expiry, bool mends, GError **error)
{
  g_auto (LeaseFiles) files = { 0 };
  g_autoptr (Renewal) renewal = NULL;
  g_autofree char *text = NULL;
  HostTime host;

  host_time_read (place->bundle, &host, NULL);
  if (!lease_store_read (place, &files, error))
    return false;
  text = workspace_sign_next (place, &files, expiry, mends, &host, &renewal, error);
  return text != NULL && workspace_add_renewal (place, &files, &renewal, text, &host, error);
}

bool
workspace_renew (const LeasePlace *place, const Expiry *expiry, bool mends, GError **error)
{
  int held = lease_store_lock (place, error);
  bool done = held >= 0 && renew (place, expiry, mends, error);

  if (held >= 0)
    close (held);
  return done;
}
