/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"

typedef struct {
  const SnapshotTree *tree;
  GString *indent;
  GString *text;
} Drawing;

static void
add_label (Drawing *drawing, const SnapshotNode *node)
{
  g_autofree char *time = cli_snapshot_time (node), *own = disk_size_short (node->own);

  if (node->trouble != NULL)
    g_string_append_printf (drawing->text, "%s: broken: %s\n", node->id, node->trouble);
  else
    g_string_append_printf (drawing->text, "%s  [%s, %s, %s, %s]\n", node->name, node->id, time,
                            snapshot_kind_names[node->kind], own);
}

static void
draw (Drawing *drawing, GPtrArray *siblings, const SnapshotNode *parent)
{
  bool is_here = parent != NULL && parent == drawing->tree->current;
  gsize outer = drawing->indent->len;

  if (is_here)
    g_string_append_printf (drawing->text, "%s%s (the machine as it is now)\n", drawing->indent->str,
                            siblings->len > 0 ? "├─" : "└─");
  for (guint i = 0; i < siblings->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (siblings, i);
      bool last = i + 1 == siblings->len;

      g_string_append (drawing->text, drawing->indent->str);
      g_string_append (drawing->text, last ? "└─ " : "├─ ");
      add_label (drawing, node);
      g_string_append (drawing->indent, last ? "   " : "│  ");
      draw (drawing, node->children, node);
      g_string_truncate (drawing->indent, outer);
    }
}

/* Children lie in their parents. */
static void
add_nested (JsonBuilder *builder, const SnapshotTree *tree, GPtrArray *siblings)
{
  json_builder_begin_array (builder);
  for (guint i = 0; i < siblings->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (siblings, i);

      json_builder_begin_object (builder);
      json_add_string (builder, "id", node->id);
      json_add_string (builder, "name", node->trouble == NULL ? node->name : NULL);
      json_add_bool (builder, "current", node == tree->current);
      json_add_int (builder, "own", (gint64)node->own);
      json_builder_set_member_name (builder, "children");
      add_nested (builder, tree, node->children);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static int
run_tree (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (GString) indent = g_string_new (NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  Drawing drawing = { .indent = indent, .text = text };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_open_snapshots (argv[1], &snapshots, &error))
    return cli_fail (error);
  snapshot_tree_measure (snapshots.tree);
  if (json)
    {
      add_nested (builder, snapshots.tree, snapshots.tree->roots);
      cli_print_json (builder);
      return EXIT_STATUS_OK;
    }
  drawing.tree = snapshots.tree;
  draw (&drawing, snapshots.tree->roots, NULL);
  g_print ("%s\n%s", snapshots.name, text->str);
  return EXIT_STATUS_OK;
}

const Verb verb_snapshot_tree = { "snapshot tree", "MACHINE", "Draw the tree of a machine's snapshots",
                                  run_tree };
