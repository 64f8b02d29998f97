/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-node.h"

#include "app/base/error.h"
#include "app/bundle/json-section.h"
#include "app/bundle/vm-config.h"

#include <glib/gi18n.h>
#include <string.h>
#include <sys/random.h>

/* The version of node.json: raised when an older Bonsai would misunderstand a newer one's. */
#define NODE_VERSION 1
#define MAX_NAME     200
#define MAX_NOTE     (64 * 1024)
#define ID_LENGTH    10

const char *const snapshot_kind_names[] = { "off", "live", "disks", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (snapshot_kind_names) == SNAPSHOT_N_KINDS + 1);

static const char *const node_files[] = {
  SNAPSHOT_MACHINE_FILE, SNAPSHOT_NVRAM_FILE,  SNAPSHOT_PICTURE_FILE,
  SNAPSHOT_STATE_FILE,   SNAPSHOT_MEMORY_FILE, SNAPSHOT_INDEX_FILE,
};

static void
disk_free (SnapshotDisk *disk)
{
  g_free (disk->id);
  g_free (disk->layer);
  g_free (disk->format);
  g_clear_pointer (&disk->extra, json_object_unref);
  g_free (disk);
}

static void
file_free (SnapshotFile *file)
{
  g_free (file->name);
  g_free (file->sha256);
  g_clear_pointer (&file->extra, json_object_unref);
  g_free (file);
}

static SnapshotNode *
new_empty (void)
{
  SnapshotNode *node = g_new0 (SnapshotNode, 1);

  node->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)disk_free);
  node->files = g_ptr_array_new_with_free_func ((GDestroyNotify)file_free);
  node->children = g_ptr_array_new ();
  return node;
}

SnapshotNode *
snapshot_node_new (const char *name, SnapshotKind kind)
{
  static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648, section 6, in lower case */
  SnapshotNode *node = new_empty ();
  guint8 random[ID_LENGTH];

  /* Two processes, or two machines whose bundles are merged, must not choose the same. */
  if (getrandom (random, sizeof random, 0) != sizeof random)
    for (unsigned i = 0; i < sizeof random; i++)
      random[i] = (guint8)g_random_int ();
  node->id = g_malloc0 (ID_LENGTH + 1);
  for (unsigned i = 0; i < ID_LENGTH; i++)
    node->id[i] = digits[random[i] % 32];
  node->name = g_strdup (name);
  node->kind = kind;
  node->created = g_get_real_time ();
  return node;
}

void
snapshot_node_free (SnapshotNode *node)
{
  if (node == NULL)
    return;
  g_free (node->id);
  g_free (node->parent_id);
  g_free (node->name);
  g_free (node->note);
  g_free (node->trouble);
  g_clear_pointer (&node->extra, json_object_unref);
  g_ptr_array_unref (node->disks);
  g_ptr_array_unref (node->files);
  g_ptr_array_unref (node->children);
  g_free (node);
}

SnapshotDisk *
snapshot_node_add_disk (SnapshotNode *node, const char *id, const char *layer, const char *format,
                        uint64_t size)
{
  SnapshotDisk *disk = g_new0 (SnapshotDisk, 1);

  *disk = (SnapshotDisk){ g_strdup (id), g_strdup (layer), g_strdup (format), size, NULL };
  g_ptr_array_add (node->disks, disk);
  return disk;
}

const SnapshotDisk *
snapshot_node_find_disk (const SnapshotNode *node, const char *id)
{
  for (guint i = 0; i < node->disks->len; i++)
    {
      const SnapshotDisk *disk = g_ptr_array_index (node->disks, i);

      if (g_str_equal (disk->id, id))
        return disk;
    }
  return NULL;
}

static const char *
name_fault (const char *name)
{
  if (name[0] == '\0')
    return "a snapshot needs a name";
  if (strlen (name) > MAX_NAME)
    return "its name is longer than 200 bytes";
  if (!g_utf8_validate (name, -1, NULL))
    return "its name is not text in UTF-8";
  for (const char *at = name; *at != '\0'; at = g_utf8_next_char (at))
    if (g_unichar_iscntrl (g_utf8_get_char (at)))
      return "its name contains a control character";
  return NULL;
}

bool
snapshot_check_name (const char *name, GError **error)
{
  const char *fault = name_fault (name);

  if (fault != NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "The snapshot can't be called that: %s", fault);
  return fault == NULL;
}

/* --- reading --- */

static bool
path_stays_inside (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  return path[0] != '\0'
         && (g_path_is_absolute (path) || vm_path_is_uri (path)
             || !g_strv_contains ((const char *const *)parts, ".."));
}

static bool
read_disk (const JsonSection *section, void *data)
{
  SnapshotNode *node = data;
  g_autofree char *id = NULL, *layer = NULL, *format = NULL;
  uint64_t size = 0;

  if (!json_section_require (section, "id") || !json_section_require (section, "layer")
      || !json_section_require (section, "format") || !json_read_string (section, "id", &id)
      || !json_read_string (section, "layer", &layer) || !json_read_string (section, "format", &format)
      || !json_read_count (section, "size", &size))
    return false;
  if (!path_stays_inside (layer))
    return json_section_fail (section, "layer", "“%s” leaves the machine's folder", layer);
  if (snapshot_node_find_disk (node, id) != NULL)
    return json_section_fail (section, "id", "“%s” is there twice", id);
  snapshot_node_add_disk (node, id, layer, format, size)->extra = json_object_ref (section->object);
  return true;
}

static bool
read_file (const JsonSection *section, void *data)
{
  SnapshotNode *node = data;
  SnapshotFile *file = g_new0 (SnapshotFile, 1);
  bool known = false;

  g_ptr_array_add (node->files, file);
  file->extra = json_object_ref (section->object);
  if (!json_section_require (section, "name") || !json_section_require (section, "length")
      || !json_read_string (section, "name", &file->name)
      || !json_read_count (section, "length", &file->length)
      || !json_read_string (section, "sha256", &file->sha256))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (node_files); i++)
    known = known || g_str_equal (node_files[i], file->name);
  return known || json_section_fail (section, "name", "“%s” is no file of a snapshot", file->name);
}

static bool
read_version (const JsonSection *section)
{
  unsigned version = 0;

  if (!json_section_require (section, "version") || !json_read_unsigned (section, "version", &version))
    return false;
  if (version == 0 || version > NODE_VERSION)
    return json_section_fail (section, "version",
                              _ ("version %u was written by a newer Bonsai; this one knows version %d"),
                              version, NODE_VERSION);
  return true;
}

static bool
check (const JsonSection *section, const SnapshotNode *node, const char *id, const char *created)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (created, NULL);
  const char *fault = name_fault (node->name);

  if (!g_str_equal (node->id, id))
    return json_section_fail (section, "id", "is “%s”, but the folder is called “%s”", node->id, id);
  if (node->parent_id != NULL && !vm_snapshot_id_is_valid (node->parent_id))
    return json_section_fail (section, "parent", "“%s” is no snapshot's id", node->parent_id);
  if (fault != NULL)
    return json_section_fail (section, "name", "%s", fault);
  if (node->note != NULL && strlen (node->note) > MAX_NOTE)
    return json_section_fail (section, "note", "longer than 64 KiB");
  if (time == NULL)
    return json_section_fail (section, "created", "must be a time such as 2026-05-04T12:00:00Z");
  return true;
}

static bool
read_node (const JsonSection *section, SnapshotNode *node, const char *id)
{
  static const char *const required[] = { "id", "name", "created", "kind" };
  g_autofree char *created = NULL;
  g_autoptr (GDateTime) time = NULL;
  unsigned kind = 0;

  if (!read_version (section))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (required); i++)
    if (!json_section_require (section, required[i]))
      return false;
  g_clear_pointer (&node->id, g_free);
  if (!json_read_string (section, "id", &node->id) || !json_read_string (section, "parent", &node->parent_id)
      || !json_read_string (section, "name", &node->name) || !json_read_string (section, "note", &node->note)
      || !json_read_string (section, "created", &created)
      || !json_read_choice (section, "kind", snapshot_kind_names, &kind)
      || !json_read_bool (section, "scheduled", &node->scheduled)
      || !json_read_unsigned (section, "template-version", &node->template_version)
      || !json_read_bool (section, "deleted", &node->deleted)
      || !json_read_objects (section, "disks", read_disk, node)
      || !json_read_objects (section, "files", read_file, node) || !check (section, node, id, created))
    return false;
  time = g_date_time_new_from_iso8601 (created, NULL);
  node->created = g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time);
  node->kind = kind;
  return true;
}

SnapshotNode *
snapshot_node_parse (const char *text, gsize length, const char *id, GError **error)
{
  g_autoptr (JsonText) json = json_text_parse (text, length, SNAPSHOT_NODE_FILE, error);
  g_autoptr (SnapshotNode) node = new_empty ();
  JsonSection section = { json, NULL, "", error };

  if (json == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (json_text_root (json)))
    {
      json_text_set_error (json, "", error, _ ("must be an object, { … }"));
      return NULL;
    }
  section.object = json_node_get_object (json_text_root (json));
  node->extra = json_object_ref (section.object);
  return read_node (&section, node, id) ? g_steal_pointer (&node) : NULL;
}

/* --- writing --- */

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  if (value == NULL)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_count (JsonBuilder *builder, const char *name, uint64_t value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64)value);
}

static void
add_flag (JsonBuilder *builder, const char *name, bool value)
{
  if (!value)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, TRUE);
}

/* Members of what was read that aren't among @known, which ends with NULL, stay; after the others. */
static void
add_unknown (JsonBuilder *builder, JsonObject *extra, const char *const *known)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;

  if (extra == NULL)
    return;
  json_object_iter_init_ordered (&iter, extra);
  while (json_object_iter_next_ordered (&iter, &name, &value))
    {
      if (g_strv_contains (known, name))
        continue;
      json_builder_set_member_name (builder, name);
      json_builder_add_value (builder, json_node_copy (value));
    }
}

static void
add_disks (JsonBuilder *builder, const SnapshotNode *node)
{
  static const char *const known[] = { "id", "layer", "format", "size", NULL };

  json_builder_set_member_name (builder, "disks");
  json_builder_begin_array (builder);
  for (guint i = 0; i < node->disks->len; i++)
    {
      const SnapshotDisk *disk = g_ptr_array_index (node->disks, i);

      json_builder_begin_object (builder);
      add_string (builder, "id", disk->id);
      add_string (builder, "layer", disk->layer);
      add_string (builder, "format", disk->format);
      add_count (builder, "size", disk->size);
      add_unknown (builder, disk->extra, known);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_files (JsonBuilder *builder, const SnapshotNode *node)
{
  static const char *const known[] = { "name", "length", "sha256", NULL };

  json_builder_set_member_name (builder, "files");
  json_builder_begin_array (builder);
  for (guint i = 0; i < node->files->len; i++)
    {
      const SnapshotFile *file = g_ptr_array_index (node->files, i);

      json_builder_begin_object (builder);
      add_string (builder, "name", file->name);
      add_count (builder, "length", file->length);
      add_string (builder, "sha256", file->sha256);
      add_unknown (builder, file->extra, known);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

char *
snapshot_node_time (const SnapshotNode *node)
{
  g_autoptr (GDateTime) whole = g_date_time_new_from_unix_utc (node->created / G_USEC_PER_SEC);
  g_autoptr (GDateTime) time = whole != NULL ? g_date_time_add (whole, node->created % G_USEC_PER_SEC) : NULL;

  return time != NULL ? g_date_time_format_iso8601 (time) : NULL;
}

char *
snapshot_node_to_json (const SnapshotNode *node)
{
  static const char *const known[] = {
    "version",          "id",      "parent", "name",  "note", "created", "kind", "scheduled",
    "template-version", "deleted", "disks",  "files", NULL
  };
  g_autofree char *created = snapshot_node_time (node);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  add_count (builder, "version", NODE_VERSION);
  add_string (builder, "id", node->id);
  add_string (builder, "parent", node->parent_id);
  add_string (builder, "name", node->name);
  add_string (builder, "note", node->note);
  add_string (builder, "created", created);
  add_string (builder, "kind", snapshot_kind_names[node->kind]);
  add_flag (builder, "scheduled", node->scheduled);
  if (node->template_version > 0)
    add_count (builder, "template-version", node->template_version);
  add_flag (builder, "deleted", node->deleted);
  add_disks (builder, node);
  add_files (builder, node);
  add_unknown (builder, node->extra, known);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  return g_strconcat (text, "\n", NULL);
}
