/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at workspaces, and using them. */
#include "app/workspace/workspace-private.h"

#include "app/base/error.h"

#include <unistd.h>

LeasePlace
workspace_place (const char *bundle, const char *uuid)
{
  return (LeasePlace){ bundle, uuid, g_get_user_data_dir () };
}

char *
workspace_format_time (int64_t seconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (seconds);

  return time != NULL ? g_date_time_format (time, "%Y-%m-%d %H:%M") : g_strdup ("?");
}

/* --- looking --- */

/* Renewals that were added, and not yet taken account of as power failed. */
bool
workspace_settle (LeaseFiles *files, const HostTime *host)
{
  bool settled = false;

  for (guint i = files->record.renewals; i < files->renewals->len; i++)
    {
      if (!lease_renew (&files->record, g_ptr_array_index (files->renewals, i), host))
        return false;
      settled = true;
    }
  return settled;
}

/* What speaks against the clock. (nullable) (transfer full) */
static char *
doubt_clock (const LeaseStep *step, const HostTime *host, const char *witness)
{
  bool file = host->evidence > step->record.time.trusted;
  g_autofree char *says = workspace_format_time (host->wall);
  g_autofree char *was = workspace_format_time (file ? host->evidence : step->record.time.trusted);

  if (step->verdict != LEASE_CLOCK)
    return NULL;
  return g_strdup_printf ("the host's clock says %s, but by %s it has been %s already: set the clock right",
                          says, file ? witness : "the record of the lease", was);
}

Workspace *
workspace_read (const LeasePlace *place, bool running, GError **error)
{
  g_auto (LeaseFiles) files = { 0 };
  g_autofree char *witness = NULL;
  Workspace *workspace;
  HostTime host;

  if (!lease_store_exists (place))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "The machine in %s is no workspace",
                   place->bundle);
      return NULL;
    }
  if (!lease_store_read (place, &files, error))
    return NULL;
  host_time_read (place->bundle, &host, &witness);
  workspace = g_new0 (Workspace, 1);
  workspace->renewals = files.renewals->len;
  workspace->expiry = files.lease.expiry;
  workspace->terms = g_steal_pointer (&files.terms);
  if (files.damage != NULL)
    {
      workspace->damage = g_strdup (files.damage->message);
      return workspace;
    }
  workspace_settle (&files, &host);
  workspace->step = lease_step (&files.lease, &files.record, &host, running);
  workspace->clock = doubt_clock (&workspace->step, &host, witness);
  return workspace;
}

void
workspace_free (Workspace *workspace)
{
  if (workspace == NULL)
    return;
  g_clear_pointer (&workspace->terms, terms_free);
  g_free (workspace->damage);
  g_free (workspace->clock);
  g_free (workspace);
}

/* --- running --- */

static bool
write_log (const LeasePlace *place, const LeaseRecord *before, const LeaseStep *step, const HostTime *host,
           GError **error)
{
  g_autofree char *line = NULL;

  if (before->stage != step->record.stage)
    line =
      g_strdup_printf ("%s → %s; trusted time %" G_GINT64_FORMAT ", grace time seen: %" G_GINT64_FORMAT " s",
                       lease_stage_names[before->stage], lease_stage_names[step->record.stage],
                       step->record.time.trusted, step->record.grace_seen);
  else if ((step->actions & LEASE_WARN) != 0)
    line = g_strdup_printf ("expires in %" G_GINT64_FORMAT " s", step->remaining);
  return line == NULL || lease_store_log (place, host, line, error);
}

/* As lease_step, of a store that is locked; what it came to is written. */
static bool
step_on (const LeasePlace *place, bool running, LeaseFiles *files, HostTime *host, LeaseStep *step,
         char **witness, GError **error)
{
  LeaseRecord before;

  host_time_read (place->bundle, host, witness);
  if (!lease_store_read (place, files, error))
    return false;
  if (files->damage != NULL)
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
        "The record of this workspace's lease can't be trusted (%s). It is locked, and nothing of it is "
        "lost: its issuer can mend that (bonsai workspace renew --mend)",
        files->damage->message);
      return false;
    }
  before = files->record;
  workspace_settle (files, host);
  *step = lease_step (&files->lease, &files->record, host, running);
  return write_log (place, &before, step, host, error) && lease_store_write (place, &step->record, error);
}

/* That is decided, and in the log; so is how it went. */
static bool
destroy (const LeasePlace *place, const HostTime *host, LeaseStep *step, GError **error)
{
  g_autofree char *line = NULL;
  unsigned n;

  if (!workspace_destroy (place->bundle, &n, error))
    return false;
  step->record = lease_destroyed (&step->record);
  line = g_strdup_printf ("destroying → destroyed; keys wiped and verified: %u", n);
  return lease_store_log (place, host, line, error) && lease_store_write (place, &step->record, error);
}

/* Whether its hours are over. */
static bool
is_late (const Permissions *permissions)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();

  return !permissions_check_time (permissions, now, NULL);
}

bool
workspace_look (const LeasePlace *place, bool running, LeaseStep *step, GError **error)
{
  g_auto (LeaseFiles) files = { 0 };
  HostTime host;
  int held;
  bool done;

  *step = (LeaseStep){ .actions = running ? LEASE_SUSPEND : 0, .verdict = LEASE_OVER, .again = LEASE_TICK_S };
  if (!lease_store_exists (place))
    {
      *step = (LeaseStep){ .verdict = LEASE_OPEN, .again = G_MAXINT64 };
      return true;
    }
  held = lease_store_lock (place, error);
  done = held >= 0 && step_on (place, running, &files, &host, step, NULL, error);
  if (done && running && is_late (&files.terms->permissions))
    step->actions |= LEASE_SUSPEND;
  if (done && !running && (step->actions & LEASE_DESTROY) != 0)
    done = destroy (place, &host, step, error);
  if (held >= 0)
    close (held);
  return done;
}

static bool
refuse (const char *name, const LeaseStep *step, const HostTime *host, const char *witness, GError **error)
{
  g_autofree char *clock = doubt_clock (step, host, witness);

  if (step->verdict == LEASE_OPEN)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               step->verdict == LEASE_OVER
                 ? "The time of the workspace “%s” is over%s; its issuer can renew it "
                   "(bonsai workspace renew)"
               : step->verdict == LEASE_GONE ? "The workspace “%s” has been destroyed%s"
                                             : "The workspace “%s” is locked: %s, or have it renewed (bonsai "
                                               "workspace renew --mend)",
               name, clock != NULL ? clock : "");
  return false;
}

static bool
begin_run (const LeasePlace *place, const VmConfig *config, GError **error)
{
  g_auto (LeaseFiles) files = { 0 };
  g_autofree char *witness = NULL;
  LeaseRecord started;
  LeaseStep step;
  HostTime host;

  if (!step_on (place, false, &files, &host, &step, &witness, error)
      || !refuse (config->name, &step, &host, witness, error)
      || !workspace_check_terms (files.terms, place->bundle, config, error))
    return false;
  started = lease_start (&step.record);
  return lease_store_log (place, &host, "started", error) && lease_store_write (place, &started, error);
}

bool
workspace_begin_run (const LeasePlace *place, const VmConfig *config, GError **error)
{
  bool done;
  int held;

  if (!lease_store_exists (place))
    return true;
  held = lease_store_lock (place, error);
  done = held >= 0 && begin_run (place, config, error);
  if (held >= 0)
    close (held);
  return done;
}
