/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/json-section.h"

#include "app/bundle/vm-config.h"

#include <glib/gi18n.h>
#include <stdarg.h>

bool
json_section_fail (const JsonSection *section, const char *name, const char *format, ...)
{
  g_autofree char *pointer = g_strdup_printf ("%s/%s", section->pointer, name);
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  return json_text_set_error (section->text, pointer, section->error, message);
}

JsonNode *
json_section_member (const JsonSection *section, const char *name)
{
  JsonNode *node = json_object_get_member (section->object, name);

  json_text_note_known (section->text, section->pointer, name);
  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

bool
json_section_require (const JsonSection *section, const char *name)
{
  return json_section_member (section, name) != NULL || json_section_fail (section, name, _ ("missing"));
}

bool
json_section_refuse_others (const JsonSection *section, const char *const *names)
{
  g_autofree char *all = NULL;
  JsonObjectIter iter;
  const char *member;

  json_object_iter_init_ordered (&iter, section->object);
  for (unsigned i = 0; names[i] != NULL; i++)
    json_text_note_known (section->text, section->pointer, names[i]);
  while (json_object_iter_next_ordered (&iter, &member, NULL))
    if (!g_strv_contains (names, member))
      {
        all = g_strjoinv ("”, “", (char **)names);
        return json_section_fail (section, member, _ ("is unknown; there is “%s”"), all);
      }
  return true;
}

bool
json_read_string (const JsonSection *section, const char *name, char **value)
{
  JsonNode *node = json_section_member (section, name);

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return json_section_fail (section, name, _ ("must be a string in quotes"));
  vm_config_set (value, json_node_get_string (node));
  return true;
}

bool
json_read_unsigned (const JsonSection *section, const char *name, unsigned *value)
{
  JsonNode *node = json_section_member (section, name);
  gint64 number;

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return json_section_fail (section, name, _ ("must be a whole number"));
  number = json_node_get_int (node);
  if (number < 0 || number > G_MAXINT)
    {
      g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, number);

      return json_section_fail (section, name, _ ("%s is out of range"), text);
    }
  *value = (unsigned)number;
  return true;
}

bool
json_read_count (const JsonSection *section, const char *name, uint64_t *value)
{
  JsonNode *node = json_section_member (section, name);

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64
      || json_node_get_int (node) < 0)
    return json_section_fail (section, name, _ ("must be a whole number, 0 or more"));
  *value = (uint64_t)json_node_get_int (node);
  return true;
}

bool
json_read_bool (const JsonSection *section, const char *name, bool *value)
{
  JsonNode *node = json_section_member (section, name);

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return json_section_fail (section, name, _ ("must be true or false"));
  *value = json_node_get_boolean (node);
  return true;
}

bool
json_read_size (const JsonSection *section, const char *name, uint64_t *value)
{
  JsonNode *node = json_section_member (section, name);
  g_autoptr (GError) error = NULL;
  unsigned mib = 0;

  if (node == NULL)
    return true;
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    {
      *value = vm_parse_size (json_node_get_string (node), &error);
      return *value != 0 || json_section_fail (section, name, "%s", error->message);
    }
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return json_section_fail (section, name, _ ("must be a size such as \"512M\" or \"2G\""));
  if (!json_read_unsigned (section, name, &mib))
    return false;
  *value = (uint64_t)mib << 20;
  return true;
}

bool
json_read_choice (const JsonSection *section, const char *name, const char *const *choices, unsigned *value)
{
  g_autofree char *word = NULL;
  g_autofree char *all = NULL;

  if (!json_read_string (section, name, &word))
    return false;
  if (word == NULL)
    return true;
  for (unsigned i = 0; choices[i] != NULL; i++)
    if (g_str_equal (choices[i], word))
      {
        *value = i;
        return true;
      }
  all = g_strjoinv ("” or “", (char **)choices);
  return json_section_fail (section, name, _ ("“%s” is unknown; it must be “%s”"), word, all);
}

bool
json_read_object (const JsonSection *section, const char *name, JsonObject **value)
{
  JsonNode *node = json_section_member (section, name);

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return json_section_fail (section, name, _ ("must be an object, { … }"));
  *value = json_node_get_object (node);
  return true;
}

bool
json_read_strings (const JsonSection *section, const char *name, GStrv *value)
{
  JsonNode *node = json_section_member (section, name);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  JsonArray *array;

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return json_section_fail (section, name, _ ("must be a list, [ … ]"));
  array = json_node_get_array (node);
  for (unsigned i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (!JSON_NODE_HOLDS_VALUE (element) || json_node_get_value_type (element) != G_TYPE_STRING)
        return json_section_fail (section, name, _ ("must be a list of strings in quotes"));
      g_strv_builder_add (builder, json_node_get_string (element));
    }
  g_strfreev (*value);
  *value = g_strv_builder_end (builder);
  return true;
}

bool
json_read_objects (const JsonSection *section, const char *name, JsonObjectFunc read, void *data)
{
  JsonNode *node = json_section_member (section, name);
  JsonArray *array;

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return json_section_fail (section, name, _ ("must be a list, [ … ]"));
  array = json_node_get_array (node);
  for (unsigned i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      g_autofree char *pointer = g_strdup_printf ("%s/%s/%u", section->pointer, name, i);
      JsonSection inner = { section->text, NULL, pointer, section->error };

      if (!JSON_NODE_HOLDS_OBJECT (element))
        return json_text_set_error (section->text, pointer, section->error, _ ("must be an object, { … }"));
      inner.object = json_node_get_object (element);
      if (!read (&inner, data))
        return false;
    }
  return true;
}

/* --- writing --- */

JsonObject *
json_enter_object (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  JsonObject *copy = json_object_new ();
  JsonObjectIter iter;
  const char *member;
  JsonNode *value;

  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    {
      json_object_iter_init_ordered (&iter, json_node_get_object (node));
      while (json_object_iter_next_ordered (&iter, &member, &value))
        json_object_set_member (copy, member, json_node_copy (value));
    }
  json_object_set_object_member (object, name, copy);
  return copy;
}
