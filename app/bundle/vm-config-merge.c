/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two people have changed a description at once: both of their changes stay (diff3, on JSON values instead of
 * lines). */
#include "app/bundle/vm-config.h"

#include <string.h>

/* Whatever may be absent is NULL. Results: (transfer full) (nullable). */
typedef struct {
  JsonNode *base, *mine, *theirs;
} Three;

static JsonNode *merge (const Three *values);

static bool
same (JsonNode *a, JsonNode *b)
{
  return a == NULL || b == NULL ? a == b : json_node_equal (a, b);
}

static JsonNode *
copy (JsonNode *node)
{
  return node != NULL ? json_node_copy (node) : NULL;
}

/* --- objects: each member by itself --- */

static JsonNode *
member_of (JsonNode *node, const char *name)
{
  return node != NULL && JSON_NODE_HOLDS_OBJECT (node)
           ? json_object_get_member (json_node_get_object (node), name)
           : NULL;
}

static void
merge_member (JsonObject *merged, const Three *objects, const char *name)
{
  JsonNode *value = merge (&(Three){ member_of (objects->base, name), member_of (objects->mine, name),
                                     member_of (objects->theirs, name) });

  if (value != NULL)
    json_object_set_member (merged, name, value);
}

static JsonNode *
merge_objects (const Three *objects)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (JsonObject) merged = json_object_new ();
  g_autoptr (GList) mine = json_object_get_members (json_node_get_object (objects->mine));
  g_autoptr (GList) theirs = json_object_get_members (json_node_get_object (objects->theirs));

  for (GList *at = mine; at != NULL; at = at->next)
    merge_member (merged, objects, at->data);
  for (GList *at = theirs; at != NULL; at = at->next)
    if (member_of (objects->mine, at->data) == NULL)
      merge_member (merged, objects, at->data);
  json_node_set_object (node, merged);
  return node;
}

/* --- lists of disks and cards: each by its id --- */

static const char *
id_of (JsonNode *item)
{
  JsonNode *id = member_of (item, "id");

  return id != NULL && json_node_get_value_type (id) == G_TYPE_STRING ? json_node_get_string (id) : NULL;
}

static bool
has_ids (JsonNode *list)
{
  JsonArray *array = list != NULL && JSON_NODE_HOLDS_ARRAY (list) ? json_node_get_array (list) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    if (id_of (json_array_get_element (array, i)) == NULL)
      return false;
  return array != NULL;
}

static JsonNode *
item_of (JsonNode *list, const char *id)
{
  JsonArray *array = list != NULL && JSON_NODE_HOLDS_ARRAY (list) ? json_node_get_array (list) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    if (g_strcmp0 (id_of (json_array_get_element (array, i)), id) == 0)
      return json_array_get_element (array, i);
  return NULL;
}

/* Those of @list: all, or only those that aren't @mine's. */
static void
merge_items (JsonArray *merged, const Three *lists, JsonArray *list, bool only_theirs)
{
  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      const char *id = id_of (json_array_get_element (list, i));
      JsonNode *mine = item_of (lists->mine, id);
      JsonNode *value = NULL;

      if (!only_theirs || mine == NULL)
        value = merge (&(Three){ item_of (lists->base, id), mine, item_of (lists->theirs, id) });
      if (value != NULL)
        json_array_add_element (merged, value);
    }
}

static JsonNode *
merge_lists (const Three *lists)
{
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);
  g_autoptr (JsonArray) merged = json_array_new ();

  merge_items (merged, lists, json_node_get_array (lists->mine), false);
  merge_items (merged, lists, json_node_get_array (lists->theirs), true);
  json_node_set_array (node, merged);
  return node;
}

/* --- */

static JsonNode *
merge (const Three *values)
{
  JsonNode *mine = values->mine, *theirs = values->theirs;

  if (same (values->base, mine) || same (mine, theirs))
    return copy (theirs);
  if (same (values->base, theirs))
    return copy (mine);
  if (mine != NULL && theirs != NULL && JSON_NODE_HOLDS_OBJECT (mine) && JSON_NODE_HOLDS_OBJECT (theirs))
    return merge_objects (values);
  if (has_ids (mine) && has_ids (theirs))
    return merge_lists (values);
  return copy (mine); /* the same thing: the later word counts */
}

static JsonNode *
node_of (const VmConfig *config)
{
  g_autofree char *text = vm_config_to_json (config);

  return json_from_string (text, NULL);
}

VmConfig *
vm_config_merge (const VmConfig *base, const VmConfig *mine, const VmConfig *theirs, GError **error)
{
  g_autoptr (JsonNode) base_node = node_of (base), mine_node = node_of (mine), theirs_node = node_of (theirs);
  g_autoptr (JsonNode) merged = NULL;
  g_autofree char *text = NULL;

  if (json_node_equal (base_node, theirs_node))
    return vm_config_copy (mine);
  merged = merge (&(Three){ base_node, mine_node, theirs_node });
  text = json_to_string (merged, TRUE);
  return vm_config_parse (text, strlen (text), "vm.json", error);
}
