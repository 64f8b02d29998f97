/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-edit.h"

/* --- a machine's snapshots --- */

void
cli_snapshots_clear (CliSnapshots *snapshots)
{
  g_clear_pointer (&snapshots->tree, snapshot_tree_free);
  g_clear_pointer (&snapshots->lock, bundle_unlock);
  cli_machine_clear (&snapshots->machine);
  g_free (snapshots->name);
  g_free (snapshots->bundle);
}

static bool
find (const char *name, CliSnapshots *snapshots, GError **error)
{
  if (!cli_find_machine (name, &snapshots->machine, error))
    return false;
  if (snapshots->machine.vm == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   "“%s” has no folder in which snapshots could be kept (bonsai run); make a machine of it "
                   "(bonsai create)",
                   name);
      return false;
    }
  snapshots->name = g_strdup (bonsai_vm_get_name (snapshots->machine.vm));
  snapshots->bundle = g_strdup (bonsai_vm_get_path (snapshots->machine.vm));
  return true;
}

bool
cli_open_snapshots (const char *machine, CliSnapshots *snapshots, GError **error)
{
  if (!find (machine, snapshots, error))
    return false;
  snapshots->tree = snapshot_tree_read (snapshots->bundle, error);
  return snapshots->tree != NULL;
}

bool
cli_open_snapshots_to_change (const char *machine, CliSnapshots *snapshots, GError **error)
{
  if (!find (machine, snapshots, error))
    return false;
  if (snapshots->machine.session == NULL
      && (snapshots->lock = bundle_lock (snapshots->bundle, error)) == NULL)
    return false;
  snapshots->tree = snapshot_tree_read (snapshots->bundle, error);
  return snapshots->tree != NULL;
}

GVariant *
cli_ask_for_change (CliSnapshots *snapshots, const char *operation, GVariantDict *arguments, bool progress,
                    GError **error)
{
  return cli_change_snapshots (snapshots->machine.session, operation, g_variant_dict_end (arguments),
                               progress, error);
}

static bool
run_collect (const ImageJob *job, gpointer data, GError **error)
{
  return snapshot_collect (data, false, job, error);
}

void
cli_give_back (CliSnapshots *snapshots, bool progress)
{
  g_autoptr (GError) error = NULL;

  if (!cli_run_task (run_collect, snapshots->bundle, progress, &error))
    g_printerr ("bonsai: not all space is given back yet (“bonsai doctor --repair” goes on): %s\n",
                error->message);
}

/* --- showing --- */

char *
cli_snapshot_time (const SnapshotNode *node)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (node->created / G_USEC_PER_SEC);

  return time != NULL && node->created != 0 ? g_date_time_format (time, "%Y-%m-%d %H:%M") : g_strdup ("?");
}

char *
cli_time_iso8601 (gint64 time)
{
  g_autoptr (GDateTime) utc = time != 0 ? g_date_time_new_from_unix_utc (time / G_USEC_PER_SEC) : NULL;

  return utc != NULL ? g_date_time_format_iso8601 (utc) : NULL;
}
