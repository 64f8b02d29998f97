/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-diff.h"

#include "app/bundle/json-text.h"
#include "app/snapshot/snapshot-private.h"

static char *
node_text (JsonNode *node)
{
  return node != NULL ? json_to_string (node, FALSE) : NULL;
}

/* @pointer: of both, a JSON pointer. */
static void
compare_values (SnapshotDiff *diff, const char *pointer, JsonNode *from, JsonNode *to)
{
  g_autofree char *member = NULL, *before = NULL, *after = NULL;

  if (from != NULL && to != NULL && json_node_equal (from, to))
    return;
  if (from != NULL && to != NULL && JSON_NODE_HOLDS_OBJECT (from) && JSON_NODE_HOLDS_OBJECT (to))
    {
      JsonObject *objects[] = { json_node_get_object (from), json_node_get_object (to) };

      for (unsigned i = 0; i < 2; i++)
        {
          g_autoptr (GList) names = json_object_get_members (objects[i]);

          for (GList *at = names; at != NULL; at = at->next)
            {
              g_autofree char *inner = g_strdup_printf ("%s/%s", pointer, (const char *)at->data);

              if (i == 0 || !json_object_has_member (objects[0], at->data))
                compare_values (diff, inner, json_object_get_member (objects[0], at->data),
                                json_object_get_member (objects[1], at->data));
            }
        }
      return;
    }
  if (from != NULL && to != NULL && JSON_NODE_HOLDS_ARRAY (from) && JSON_NODE_HOLDS_ARRAY (to))
    {
      JsonArray *arrays[] = { json_node_get_array (from), json_node_get_array (to) };
      guint n[] = { json_array_get_length (arrays[0]), json_array_get_length (arrays[1]) };

      for (guint i = 0; i < MAX (n[0], n[1]); i++)
        {
          g_autofree char *inner = g_strdup_printf ("%s/%u", pointer, i);

          compare_values (diff, inner, i < n[0] ? json_array_get_element (arrays[0], i) : NULL,
                          i < n[1] ? json_array_get_element (arrays[1], i) : NULL);
        }
      return;
    }
  member = json_pointer_for_people (pointer);
  before = node_text (from);
  after = node_text (to);
  snapshot_diff_add_setting (diff, member, before, after);
}

/* What differs by nature doesn't count: which layers a disk has, where it stands in the tree, whose it is. */
static JsonNode *
comparable (const VmConfig *config)
{
  g_autoptr (VmConfig) copy = vm_config_copy (config);
  g_autofree char *text = NULL;

  for (guint i = 0; i < copy->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (copy->disks, i);

      if (!snapshot_disk_has_layers (disk))
        continue;
      vm_config_set (&disk->path, disk->id);
      vm_config_set (&disk->options.format, NULL);
    }
  vm_config_set (&copy->nvram, NULL);
  vm_config_set (&copy->snapshot, NULL);
  vm_config_set (&copy->resume, NULL);
  vm_config_set (&copy->generation, NULL);
  vm_config_set (&copy->disposable, NULL);
  vm_config_set (&copy->clone_of, NULL);
  vm_config_set (&copy->clone_snapshot, NULL);
  copy->template_state = VM_TEMPLATE_NONE;
  vm_config_copy_labels (copy, NULL);
  vm_config_set (&copy->name, "");
  vm_config_set (&copy->uuid, "");
  text = vm_config_to_json (copy);
  return json_from_string (text, NULL);
}

void
snapshot_diff_settings (SnapshotDiff *diff, const VmConfig *from, const VmConfig *to)
{
  g_autoptr (JsonNode) before = comparable (from);
  g_autoptr (JsonNode) after = comparable (to);

  compare_values (diff, "", before, after);
}
