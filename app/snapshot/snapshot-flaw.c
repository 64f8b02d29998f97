/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-flaw.h"

#include "app/snapshot/snapshot-node.h"

/* Whose it is, as a part of a sentence. (transfer full) */
static char *
owner_of (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *id = g_path_get_basename (folder);
  g_autofree char *file = g_build_filename (folder, SNAPSHOT_NODE_FILE, NULL);
  g_autofree char *text = NULL;
  g_autoptr (SnapshotNode) node = NULL;
  gsize length;

  if (g_str_equal (id, SNAPSHOT_SUSPENDED))
    return g_strdup ("The state that the machine was suspended in");
  if (g_file_get_contents (file, &text, &length, NULL))
    node = snapshot_node_parse (text, length, id, NULL);
  return node != NULL ? g_strdup_printf ("The snapshot “%s”", node->name)
                      : g_strdup_printf ("A snapshot that was deleted (%s)", id);
}

char *
snapshot_explain_flaw (const char *path, const char *flaw)
{
  g_autofree char *owner = owner_of (path);

  return g_strdup_printf (
    "%s is damaged, and the guest has its memory from there: \"%s\": %s. Go back to another "
    "snapshot or reset the machine; “bonsai doctor --thorough” says what else is damaged",
    owner, path, flaw);
}
