/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workspaces for somebody else: what their issuer keeps of them, and how they are accepted there. */
#include "app/workspace/workspace-private.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/workspace/seal.h"

#include <string.h>
#include <unistd.h>

/* --- its issuer --- */

LeasePlace
workspace_issued_place (const char *data, const char *uuid, char **folder)
{
  *folder = g_build_filename (data, "bonsai", "issued", uuid, NULL);
  return (LeasePlace){ *folder, uuid, data };
}

/* So that renewals can be signed that follow it. */
static bool
keep_issued (const char *data, const Offer *offer, const char *text, GError **error)
{
  g_autofree char *folder = NULL;
  const LeasePlace place = workspace_issued_place (data, offer->terms->machine, &folder);
  g_autofree char *whole = g_build_filename (folder, "offer.json", NULL);

  return lease_store_add_terms (&place, offer->text, error)
         && bundle_replace_file (whole, text, strlen (text), error);
}

char *
workspace_offer (const char *data, Offer *offer, GError **error)
{
  g_autofree char *text = NULL;
  KeyBytes key;

  if (!workspace_check_kept (offer->terms, error) || !workspace_read_issuer (data, key, true, error))
    return NULL;
  g_free (offer->text);
  offer->text = terms_sign (offer->terms, key, error);
  text = offer->text != NULL ? offer_sign (offer, key, error) : NULL;
  explicit_bzero (key, sizeof key);
  return text != NULL && keep_issued (data, offer, text, error) ? g_steal_pointer (&text) : NULL;
}

char *
workspace_renew_issued (const char *data, const char *uuid, const Expiry *expiry, bool mends, GError **error)
{
  g_autofree char *folder = NULL, *text = NULL;
  const LeasePlace place = workspace_issued_place (data, uuid, &folder);
  g_auto (LeaseFiles) files = { 0 };
  g_autoptr (Renewal) renewal = NULL;
  HostTime host;
  int held;

  if (!lease_store_exists (&place))
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
        "There is no machine “%s” in the library, and no offer of yours with that UUID; see “bonsai "
        "workspace offers”",
        uuid);
      return NULL;
    }
  held = lease_store_lock (&place, error);
  if (held < 0)
    return NULL;
  host_time_read (folder, &host, NULL);
  if (lease_store_read (&place, &files, error))
    text = workspace_sign_next (&place, &files, expiry, mends, &host, &renewal, error);
  if (text != NULL && !lease_store_add_renewal (&place, renewal, text, error))
    g_clear_pointer (&text, g_free);
  close (held);
  return g_steal_pointer (&text);
}

/* --- its user --- */

bool
workspace_check_offer (const char *data, const Offer *offer, GError **error)
{
  const LeasePlace place = { "", offer->terms->machine, data };
  HostTime host;

  host_time_read (data, &host, NULL);
  if (lease_store_exists (&place))
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS,
                 "This offer of “%s” was accepted before; its issuer can make another one", offer->name);
  else if (offer->until != 0 && MAX (host.wall, host.evidence) >= offer->until)
    {
      g_autofree char *until = workspace_format_time (offer->until);

      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   "This offer of “%s” could be accepted until %s; ask its issuer for another one",
                   offer->name, until);
    }
  else
    return workspace_check_kept (offer->terms, error);
  return false;
}

bool
workspace_accept (const LeasePlace *place, const Offer *offer, GError **error)
{
  int held = lease_store_lock (place, error);
  bool done = false;
  HostTime host;

  if (held < 0)
    return false;
  if (workspace_check_offer (place->data, offer, error))
    {
      host_time_read (place->bundle, &host, NULL);
      done = lease_store_begin (place, offer->terms, offer->text, &host, error)
             && lease_store_log (place, &host, "accepted", error);
    }
  close (held);
  return done;
}

/* Whether @text is the one that comes next here. */
static bool
add_renewal (const LeasePlace *place, const char *text, gsize length, const char *file, GError **error)
{
  g_auto (LeaseFiles) files = { 0 };
  g_autoptr (Renewal) renewal = NULL;
  HostTime host;

  host_time_read (place->bundle, &host, NULL);
  if (!lease_store_read (place, &files, error))
    return false;
  renewal = renewal_read (text, length, file, files.terms, lease_files_latest (&files),
                          files.renewals->len + 1, error);
  return renewal != NULL && workspace_add_renewal (place, &files, &renewal, text, &host, error);
}

bool
workspace_accept_renewal (const LeasePlace *place, const char *text, gsize length, const char *file,
                          GError **error)
{
  bool done;
  int held;

  if (!lease_store_exists (place))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "The machine in %s is no workspace",
                   place->bundle);
      return false;
    }
  held = lease_store_lock (place, error);
  done = held >= 0 && add_renewal (place, text, length, file, error);
  if (held >= 0)
    close (held);
  return done;
}
