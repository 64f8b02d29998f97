/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What looks at templates. */
#include "app/cli/template.h"

/* --- list --- */

static void
list_one (BonsaiVm *vm, JsonBuilder *builder)
{
  const VmConfig *config = bonsai_vm_get_config (vm);
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (GPtrArray) clones = NULL;
  const SnapshotNode *newest;
  unsigned version;

  if (config == NULL || config->template_state == VM_TEMPLATE_NONE)
    return;
  tree = snapshot_tree_read (bonsai_vm_get_path (vm), NULL);
  newest = tree != NULL ? template_find_version (tree, 0, NULL) : NULL;
  version = newest != NULL ? newest->template_version : 0;
  clones = template_list_clones (bonsai_vm_get_path (vm), NULL);
  if (builder == NULL)
    {
      g_print ("%7u  %-6s  %8u  %s\n", version, vm_template_names[config->template_state],
               clones != NULL ? clones->len : 0, config->name);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "name", config->name);
  json_add_string (builder, "state", vm_template_names[config->template_state]);
  json_add_int (builder, "version", version);
  json_add_int (builder, "machines", clones != NULL ? clones->len : 0);
  json_builder_end_object (builder);
}

static int
run_list (const Verb *verb, int argc, char **argv)
{
  return cli_tell_machines (verb, argc, argv, "VERSION  STATE   MACHINES  NAME", list_one);
}

/* --- show --- */

static void
add_version (JsonBuilder *builder, const SnapshotNode *node, const GPtrArray *clones)
{
  g_autofree char *created = snapshot_node_time (node);

  json_builder_begin_object (builder);
  json_add_int (builder, "version", node->template_version);
  json_add_string (builder, "snapshot", node->id);
  json_add_string (builder, "name", node->name);
  json_add_string (builder, "note", node->note);
  json_add_string (builder, "created", created);
  json_builder_set_member_name (builder, "machines");
  json_builder_begin_array (builder);
  for (guint i = 0; i < clones->len; i++)
    {
      const TemplateClone *clone = g_ptr_array_index (clones, i);

      if (!g_str_equal (clone->node, node->id))
        continue;
      json_builder_begin_object (builder);
      json_add_string (builder, "name", clone->name);
      json_add_string (builder, "uuid", clone->uuid);
      json_add_string (builder, "path", clone->path);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
print_version (const SnapshotNode *node, const GPtrArray *clones)
{
  g_autofree char *time = cli_snapshot_time (node);

  g_print ("%u  %s  %s  %s\n", node->template_version, node->id, time, node->name);
  for (guint i = 0; i < clones->len; i++)
    {
      const TemplateClone *clone = g_ptr_array_index (clones, i);

      if (g_str_equal (clone->node, node->id))
        g_print ("     %s%s\n", clone->name != NULL ? clone->name : clone->path,
                 clone->name != NULL ? "" : ": it isn't there; “bonsai doctor --repair” forgets it");
    }
}

static gint
by_version (gconstpointer a, gconstpointer b)
{
  const SnapshotNode *one = *(SnapshotNode *const *)a, *other = *(SnapshotNode *const *)b;

  return one->template_version < other->template_version ? -1
                                                         : one->template_version > other->template_version;
}

static int
run_show (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GPtrArray) clones = NULL, versions = g_ptr_array_new ();
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_open_snapshots (argv[1], &snapshots, &error)
      || template_find_version (snapshots.tree, 0, &error) == NULL
      || (clones = template_list_clones (snapshots.bundle, &error)) == NULL)
    return cli_fail (error);
  for (guint i = 0; i < snapshots.tree->nodes->len; i++)
    if (((SnapshotNode *)g_ptr_array_index (snapshots.tree->nodes, i))->template_version > 0)
      g_ptr_array_add (versions, g_ptr_array_index (snapshots.tree->nodes, i));
  g_ptr_array_sort (versions, by_version);
  json_builder_begin_object (builder);
  json_add_string (builder, "name", snapshots.name);
  json_add_string (builder, "state", vm_template_names[snapshots.tree->template_state]);
  json_builder_set_member_name (builder, "versions");
  json_builder_begin_array (builder);
  for (guint i = 0; i < versions->len; i++)
    if (json)
      add_version (builder, g_ptr_array_index (versions, i), clones);
    else
      print_version (g_ptr_array_index (versions, i), clones);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

const Verb verb_template_list = { "template list", "",
                                  "List templates, their newest versions, and how many "
                                  "machines were made of them",
                                  run_list };
const Verb verb_template_show = { "template show", "TEMPLATE",
                                  "Show a template's versions, and which machines stem from which",
                                  run_show };
