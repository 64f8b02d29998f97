/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/canonical-json.h"

#include <stdbool.h>
#include <string.h>

static bool write_value (GString *text, JsonNode *value);

/* RFC 8785 section 3.2.2.2 */
static void
write_string (GString *text, const char *string)
{
  static const char escapes[] = "\bb\ff\nn\rr\tt\"\"\\\\";

  g_string_append_c (text, '"');
  for (const char *at = string; *at != '\0'; at++)
    {
      const char *pair = escapes;

      while (*pair != '\0' && *pair != *at)
        pair += 2;
      if (*pair != '\0')
        g_string_append_printf (text, "\\%c", pair[1]);
      else if ((unsigned char)*at < 0x20)
        g_string_append_printf (text, "\\u%04x", (unsigned char)*at);
      else
        g_string_append_c (text, *at);
    }
  g_string_append_c (text, '"');
}

static bool
write_object (GString *text, JsonObject *object)
{
  g_autoptr (GList) names =
    g_list_sort (object != NULL ? json_object_get_members (object) : NULL, (GCompareFunc)strcmp);

  g_string_append_c (text, '{');
  for (GList *at = names; at != NULL; at = at->next)
    {
      if (at != names)
        g_string_append_c (text, ',');
      write_string (text, at->data);
      g_string_append_c (text, ':');
      if (!write_value (text, json_object_get_member (object, at->data)))
        return false;
    }
  g_string_append_c (text, '}');
  return true;
}

static bool
write_array (GString *text, JsonArray *array)
{
  g_string_append_c (text, '[');
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      if (i > 0)
        g_string_append_c (text, ',');
      if (!write_value (text, json_array_get_element (array, i)))
        return false;
    }
  g_string_append_c (text, ']');
  return true;
}

static bool
write_value (GString *text, JsonNode *value)
{
  if (JSON_NODE_HOLDS_OBJECT (value))
    return write_object (text, json_node_get_object (value));
  if (JSON_NODE_HOLDS_ARRAY (value))
    return write_array (text, json_node_get_array (value));
  if (JSON_NODE_HOLDS_NULL (value))
    g_string_append (text, "null");
  else if (json_node_get_value_type (value) == G_TYPE_STRING)
    write_string (text, json_node_get_string (value));
  else if (json_node_get_value_type (value) == G_TYPE_BOOLEAN)
    g_string_append (text, json_node_get_boolean (value) ? "true" : "false");
  else if (json_node_get_value_type (value) == G_TYPE_INT64)
    g_string_append_printf (text, "%" G_GINT64_FORMAT, json_node_get_int (value));
  else
    return false;
  return true;
}

char *
canonical_json (JsonNode *value)
{
  g_autoptr (GString) text = g_string_new (NULL);

  return write_value (text, value) ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}
