/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"
#include "app/snapshot/snapshot-diff.h"

typedef struct {
  const SnapshotTree *tree;
  const SnapshotNode *from, *to;
  SnapshotDiff *diff;
} Diff;

static bool
run_task (const ImageJob *job, gpointer data, GError **error)
{
  Diff *diff = data;

  diff->diff = snapshot_diff (diff->tree, diff->from, diff->to, NULL, job, error);
  return diff->diff != NULL;
}

static bool
ask (Diff *diff, CliSnapshots *snapshots, bool progress, GError **error)
{
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;

  g_variant_dict_insert (&arguments, "node", "s", diff->from->id);
  if (diff->to != NULL)
    g_variant_dict_insert (&arguments, "other", "s", diff->to->id);
  result = cli_ask_for_change (snapshots, "diff", &arguments, progress, error);
  diff->diff = result != NULL ? snapshot_diff_unpack (result, error) : NULL;
  return diff->diff != NULL;
}

static void
add_raw (JsonBuilder *builder, const char *name, const char *json)
{
  json_builder_set_member_name (builder, name);
  if (json != NULL)
    json_builder_add_value (builder, json_from_string (json, NULL));
  else
    json_builder_add_null_value (builder);
}

static void
add_disk (JsonBuilder *builder, const SnapshotDiskDiff *disk)
{
  json_builder_begin_object (builder);
  json_add_string (builder, "id", disk->id);
  json_add_bool (builder, "in-from", disk->in_from);
  json_add_bool (builder, "in-to", disk->in_to);
  if (disk->known)
    {
      json_add_int (builder, "changed", (gint64)disk->changed);
      json_builder_set_member_name (builder, "extents");
      json_builder_begin_array (builder);
      for (guint i = 0; i < disk->extents->len; i++)
        {
          const SnapshotExtent *extent = &g_array_index (disk->extents, SnapshotExtent, i);

          json_builder_begin_object (builder);
          json_add_int (builder, "offset", (gint64)extent->offset);
          json_add_int (builder, "length", (gint64)extent->length);
          json_builder_end_object (builder);
        }
      json_builder_end_array (builder);
    }
  json_builder_end_object (builder);
}

static void
print_json (const SnapshotDiff *diff)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "settings");
  json_builder_begin_array (builder);
  for (guint i = 0; i < diff->settings->len; i++)
    {
      const SnapshotSetting *setting = g_ptr_array_index (diff->settings, i);

      json_builder_begin_object (builder);
      json_add_string (builder, "member", setting->member);
      add_raw (builder, "from", setting->from);
      add_raw (builder, "to", setting->to);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "disks");
  json_builder_begin_array (builder);
  for (guint i = 0; i < diff->disks->len; i++)
    add_disk (builder, g_ptr_array_index (diff->disks, i));
  json_builder_end_array (builder);
  if (diff->memory_known)
    json_add_int (builder, "memory", (gint64)diff->memory_changed);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static void
print_text (const SnapshotDiff *diff)
{
  bool same = diff->settings->len == 0;

  for (guint i = 0; i < diff->settings->len; i++)
    {
      const SnapshotSetting *setting = g_ptr_array_index (diff->settings, i);

      g_print ("%s: %s → %s\n", setting->member, setting->from != NULL ? setting->from : "(nothing)",
               setting->to != NULL ? setting->to : "(nothing)");
    }
  for (guint i = 0; i < diff->disks->len; i++)
    {
      const SnapshotDiskDiff *disk = g_ptr_array_index (diff->disks, i);
      g_autofree char *changed = disk_size_text (disk->changed);

      if (!disk->in_from || !disk->in_to)
        g_print ("%s: %s\n", disk->id, disk->in_to ? "was added" : "was taken out");
      else if (!disk->known)
        g_print ("%s: is another one\n", disk->id);
      else if (disk->changed > 0)
        g_print ("%s: %s written, in %u places\n", disk->id, changed, disk->extents->len);
      else
        continue;
      same = false;
    }
  if (diff->memory_changed > 0)
    {
      g_autofree char *changed = disk_size_text (diff->memory_changed);

      g_print ("memory: %s changed\n", changed);
      same = false;
    }
  if (same)
    g_print ("There is no difference.\n");
}

static int
run_diff (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, progress = false;
  const GOptionEntry entries[] = {
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  Diff diff = { 0 };
  GError *error = NULL;
  int status;
  bool done;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 3, &status))
    return status;
  if (!cli_open_snapshots (argv[1], &snapshots, &error)
      || (diff.from = snapshot_tree_find (snapshots.tree, argv[2], &error)) == NULL
      || (argc > 3 && (diff.to = snapshot_tree_find (snapshots.tree, argv[3], &error)) == NULL))
    return cli_fail (error);
  diff.tree = snapshots.tree;
  done = snapshots.machine.session != NULL ? ask (&diff, &snapshots, progress, &error)
                                           : cli_run_task (run_task, &diff, progress, &error);
  if (!done)
    return cli_fail (error);
  if (json)
    print_json (diff.diff);
  else
    print_text (diff.diff);
  snapshot_diff_free (diff.diff);
  return EXIT_STATUS_OK;
}

const Verb verb_snapshot_diff = { "snapshot diff", "MACHINE SNAPSHOT [SNAPSHOT]",
                                  "Say what differs between two snapshots, or one and the machine as it is",
                                  run_diff };
