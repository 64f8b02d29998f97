/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/snapshot-take.h"
#include "app/snapshot/template.h"

typedef struct {
  CliSnapshots *snapshots;
  const char *folder; /* the library's */
  CloneHow how;
  char *path;
} Clone;

static bool
run_task (const ImageJob *job, gpointer data, GError **error)
{
  Clone *clone = data;

  clone->how.job = job;
  clone->path = clone_make (clone->snapshots->bundle, clone->folder, &clone->how, error);
  return clone->path != NULL;
}

/* The snapshot on which the clone is to lie. (transfer full) */
static char *
take_base (CliSnapshots *snapshots, const char *clone, bool progress, GError **error)
{
  g_autofree char *name = g_strdup_printf ("For %s", clone);
  const SnapshotTake what = { .name = name };
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;
  char *id = NULL;

  if (snapshots->machine.session == NULL)
    return snapshot_take (snapshots->bundle, &what, error);
  g_variant_dict_insert (&arguments, "name", "s", name);
  result = cli_ask_for_change (snapshots, "take", &arguments, progress, error);
  if (result != NULL)
    g_variant_lookup (result, "id", "s", &id);
  return id;
}

/* @wanted: (nullable): a snapshot. False with @error set. *@id: (nullable): NULL: the machine as it is. */
static bool
choose_node (CliSnapshots *snapshots, const char *wanted, const CloneHow *how, bool progress, char **id,
             GError **error)
{
  const SnapshotNode *node = wanted != NULL ? snapshot_tree_find (snapshots->tree, wanted, error) : NULL;

  if (wanted != NULL)
    *id = node != NULL ? g_strdup (node->id) : NULL;
  else if (snapshots->tree->template_state == VM_TEMPLATE_SEALED)
    {
      node = template_find_version (snapshots->tree, 0, error);
      *id = node != NULL ? g_strdup (node->id) : NULL;
    }
  else if (how->linked || snapshots->machine.session != NULL)
    *id = take_base (snapshots, how->name, progress, error);
  else
    return true;
  return *id != NULL;
}

static void
print (const Clone *clone, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("“%s” is made: %s\n", clone->how.name, clone->path);
      return;
    }
  json_builder_begin_object (builder);
  cli_add_string (builder, "name", clone->how.name);
  cli_add_string (builder, "path", clone->path);
  cli_add_string (builder, "snapshot", clone->how.node);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_clone (const Verb *verb, int argc, char **argv)
{
  gboolean linked = false, json = false, progress = false;
  g_autofree char *wanted = NULL, *id = NULL, *name = NULL, *folder = NULL, *path = NULL;
  const GOptionEntry entries[] = {
    { "linked", 'l', 0, G_OPTION_ARG_NONE, &linked,
      "Its disks lie on the machine's: at once, and without room", NULL },
    { "snapshot", 's', 0, G_OPTION_ARG_STRING, &wanted, "It begins as this one (as the machine is now)",
      "SNAPSHOT" },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  Clone clone = { .snapshots = &snapshots };
  GError *error = NULL;
  bool open;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  /* What exists already needs no lock: the machine may run. */
  open = wanted != NULL ? cli_open_snapshots (argv[1], &snapshots, &error)
                        : cli_open_snapshots_to_change (argv[1], &snapshots, &error);
  if (!open)
    return cli_fail (error);
  name = bonsai_library_unused_name (snapshots.machine.library, argv[2]);
  folder = g_strdup (bonsai_library_get_folder (snapshots.machine.library));
  clone.folder = folder;
  clone.how = (CloneHow){ .name = name, .linked = linked };
  if (!choose_node (&snapshots, wanted, &clone.how, progress, &id, &error))
    return cli_fail (error);
  clone.how.node = id;
  if (!cli_run_task (run_task, &clone, progress, &error))
    return cli_fail (error);
  path = clone.path;
  print (&clone, json);
  return EXIT_STATUS_OK;
}

const Verb verb_clone = { "clone", "MACHINE NAME", "Make a new machine of one that there is", run_clone };
