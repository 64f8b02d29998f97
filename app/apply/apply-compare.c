/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/apply/apply-compare.h"

#include <string.h>

typedef struct {
  GPtrArray *changes;
  bool is_new, runs;
} Compare;

static void compare_values (const Compare *compare, const char *member, JsonNode *from, JsonNode *to);

static void
change_free (gpointer data)
{
  ApplyChange *change = data;

  g_free (change->member);
  g_free (change->from);
  g_free (change->to);
  g_free (change);
}

void
apply_add_change (GPtrArray *changes, const char *member, const char *from, const char *to, bool at_start)
{
  ApplyChange *change = g_new0 (ApplyChange, 1);

  *change = (ApplyChange){ g_strdup (member), g_strdup (from), g_strdup (to), at_start };
  g_ptr_array_add (changes, change);
}

/* --- when --- */

/* What whoever hosts the machine looks at anew, and what concerns no machine that runs. */
static bool
is_live (const char *member)
{
  static const char *const folders[] = { "notes",     "group",           "tags",
                                         "policy",    "schedule",        "launcher",
                                         "autostart", "autostart-order", "at-host-shutdown",
                                         "os",        "usb-rules" };
  g_auto (GStrv) parts = g_strsplit (member, ".", -1);
  guint n = g_strv_length (parts);

  /* What a panic does is the board's affair. */
  if (g_str_has_prefix (member, "policy.restart"))
    return false;
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    if (g_str_equal (parts[0], folders[i]))
      return true;
  if (g_str_equal (parts[0], "disks"))
    return n > 2
           && (g_str_equal (parts[2], "limits") || g_str_equal (parts[2], "size")
               || g_str_equal (parts[2], "path"));
  return g_str_equal (parts[0], "networks") && n > 2 && (g_str_equal (parts[2], "link") || g_str_equal (parts[2], "forwards"));
}

/* --- what --- */

/* What a new machine is given besides what was asked for. */
static bool
is_told (const Compare *compare, const char *member)
{
  const char *dot = strrchr (member, '.'), *name = dot != NULL ? dot + 1 : member;

  return !compare->is_new
         || !(g_str_equal (name, "bonsai") || g_str_equal (name, "uuid") || g_str_equal (name, "mac")
              || g_str_equal (name, "id") || g_str_equal (name, "video-memory"));
}

static void
tell (const Compare *compare, const char *member, JsonNode *from, JsonNode *to)
{
  g_autofree char *before = from != NULL ? json_to_string (from, FALSE) : NULL;
  g_autofree char *after = to != NULL ? json_to_string (to, FALSE) : NULL;

  if (is_told (compare, member))
    apply_add_change (compare->changes, member, before, after, compare->runs && !is_live (member));
}

static char *
join (const char *member, const char *name)
{
  return member[0] != '\0' ? g_strconcat (member, ".", name, NULL) : g_strdup (name);
}

static void
compare_objects (const Compare *compare, const char *member, JsonObject *from, JsonObject *to)
{
  JsonObject *const objects[] = { from, to };

  for (unsigned i = 0; i < 2; i++)
    {
      JsonObjectIter iter;
      const char *name;
      JsonNode *node;

      if (objects[i] == NULL)
        continue;
      json_object_iter_init_ordered (&iter, objects[i]);
      while (json_object_iter_next_ordered (&iter, &name, &node))
        {
          JsonNode *before = from != NULL ? json_object_get_member (from, name) : NULL;
          g_autofree char *inner = join (member, name);

          if (i == 0 || before == NULL)
            compare_values (compare, inner, before, to != NULL ? json_object_get_member (to, name) : NULL);
        }
    }
}

/* --- lists of what has an id --- */

static const char *
id_of (JsonNode *node)
{
  return JSON_NODE_HOLDS_OBJECT (node)
           ? json_object_get_string_member_with_default (json_node_get_object (node), "id", NULL)
           : NULL;
}

static bool
have_ids (JsonNode *list)
{
  JsonArray *array = json_node_get_array (list);

  for (guint i = 0; i < json_array_get_length (array); i++)
    if (id_of (json_array_get_element (array, i)) == NULL)
      return false;
  return true;
}

static JsonNode *
find (JsonNode *list, const char *id)
{
  JsonArray *array = list != NULL ? json_node_get_array (list) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    if (g_strcmp0 (id_of (json_array_get_element (array, i)), id) == 0)
      return json_array_get_element (array, i);
  return NULL;
}

static void
compare_by_id (const Compare *compare, const char *member, JsonNode *from, JsonNode *to)
{
  JsonNode *const lists[] = { from, to };

  for (unsigned i = 0; i < 2; i++)
    {
      JsonArray *array = lists[i] != NULL ? json_node_get_array (lists[i]) : NULL;

      for (guint n = 0; array != NULL && n < json_array_get_length (array); n++)
        {
          JsonNode *node = json_array_get_element (array, n);
          const char *id = id_of (node);
          g_autofree char *inner = join (member, id);
          JsonNode *before = find (from, id);

          if (i == 0 || before == NULL)
            compare_values (compare, inner, before, find (to, id));
        }
    }
}

/* --- */

static bool
both (JsonNodeType type, JsonNode *from, JsonNode *to)
{
  return (from == NULL || json_node_get_node_type (from) == type)
         && (to == NULL || json_node_get_node_type (to) == type);
}

static bool
is_empty (JsonNode *node)
{
  return JSON_NODE_HOLDS_OBJECT (node) && json_object_get_size (json_node_get_object (node)) == 0;
}

/* @from, @to: one of them may be NULL. */
static void
compare_values (const Compare *compare, const char *member, JsonNode *from, JsonNode *to)
{
  bool opened = compare->is_new ? to == NULL || !is_empty (to) : from != NULL && to != NULL;

  if (from != NULL && to != NULL && json_node_equal (from, to))
    return;
  if (opened && both (JSON_NODE_OBJECT, from, to))
    compare_objects (compare, member, from != NULL ? json_node_get_object (from) : NULL,
                     to != NULL ? json_node_get_object (to) : NULL);
  else if (both (JSON_NODE_ARRAY, from, to) && (from == NULL || have_ids (from))
           && (to == NULL || have_ids (to)))
    compare_by_id (compare, member, from, to);
  else
    tell (compare, member, from, to);
}

static JsonNode *
parse (const VmConfig *config)
{
  g_autofree char *text = config != NULL ? vm_config_to_json (config) : NULL;

  return text != NULL ? json_from_string (text, NULL) : NULL;
}

GPtrArray *
apply_compare (const VmConfig *now, const VmConfig *wanted, bool runs)
{
  const Compare compare = { g_ptr_array_new_with_free_func (change_free), now == NULL, runs };
  g_autoptr (JsonNode) from = parse (now);
  g_autoptr (JsonNode) to = parse (wanted);

  compare_values (&compare, "", from, to);
  return compare.changes;
}
