/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clones.json: which machines elsewhere lie on a snapshot's layers. */
#include "app/snapshot/snapshot-private.h"

#include "app/bundle/bundle.h"
#include "app/bundle/json-section.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

static void
clone_free (SnapshotClone *clone)
{
  g_free (clone->uuid);
  g_free (clone->path);
  g_free (clone->node);
  g_free (clone);
}

static bool
read_clone (const JsonSection *section, GPtrArray *clones)
{
  SnapshotClone *clone = g_new0 (SnapshotClone, 1);

  g_ptr_array_add (clones, clone);
  if (!json_section_require (section, "uuid") || !json_section_require (section, "path")
      || !json_section_require (section, "node") || !json_read_string (section, "uuid", &clone->uuid)
      || !json_read_string (section, "path", &clone->path)
      || !json_read_string (section, "node", &clone->node))
    return false;
  return vm_snapshot_id_is_valid (clone->node)
         || json_section_fail (section, "node", "“%s” is no snapshot's id", clone->node);
}

static bool
read_clones (JsonText *text, GPtrArray *clones, GError **error)
{
  JsonSection section = { text, NULL, "", error };
  JsonNode *list;
  JsonArray *array;

  if (!JSON_NODE_HOLDS_OBJECT (json_text_root (text)))
    return json_text_set_error (text, "", error, _ ("must be an object, { … }"));
  section.object = json_node_get_object (json_text_root (text));
  list = json_section_member (&section, "clones");
  if (list == NULL || !JSON_NODE_HOLDS_ARRAY (list))
    return json_section_fail (&section, "clones", _ ("must be a list, [ … ]"));
  array = json_node_get_array (list);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      g_autofree char *pointer = g_strdup_printf ("/clones/%u", i);
      JsonSection inner = { text, NULL, pointer, error };

      if (!JSON_NODE_HOLDS_OBJECT (element))
        return json_text_set_error (text, pointer, error, _ ("must be an object, { … }"));
      inner.object = json_node_get_object (element);
      if (!read_clone (&inner, clones))
        return false;
    }
  return true;
}

GPtrArray *
snapshot_clones_read (const char *bundle, GError **error)
{
  g_autoptr (GPtrArray) clones = g_ptr_array_new_with_free_func ((GDestroyNotify)clone_free);
  g_autofree char *file = g_build_filename (bundle, "clones.json", NULL), *content = NULL;
  g_autoptr (JsonText) text = NULL;
  g_autoptr (GError) failure = NULL;
  gsize length;

  if (!g_file_get_contents (file, &content, &length, &failure))
    {
      if (g_error_matches (failure, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return g_steal_pointer (&clones);
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
  text = json_text_parse (content, length, "clones.json", error);
  if (text == NULL || !read_clones (text, clones, error))
    return NULL;
  return g_steal_pointer (&clones);
}

bool
snapshot_clones_write (const char *bundle, GPtrArray *clones, GError **error)
{
  g_autofree char *file = g_build_filename (bundle, "clones.json", NULL), *text = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "clones");
  json_builder_begin_array (builder);
  for (guint i = 0; i < clones->len; i++)
    {
      const SnapshotClone *clone = g_ptr_array_index (clones, i);

      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "uuid");
      json_builder_add_string_value (builder, clone->uuid);
      json_builder_set_member_name (builder, "path");
      json_builder_add_string_value (builder, clone->path);
      json_builder_set_member_name (builder, "node");
      json_builder_add_string_value (builder, clone->node);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  return bundle_replace_file (file, text, strlen (text), error);
}
