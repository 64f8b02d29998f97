/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks and network cards: what a file says of them is laid over those that have the same ids. */
#include "app/apply/apply-private.h"

#include "app/bundle/json-section.h"

#include <string.h>

/* The element of @list whose id that is: its index, or -1. */
static int
find_by_id (JsonArray *list, const char *id)
{
  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonObject *object = json_array_get_object_element (list, i);

      if (g_strcmp0 (json_object_get_string_member_with_default (object, "id", NULL), id) == 0)
        return (int)i;
    }
  return -1;
}

/* What an entry is about. */
typedef struct {
  JsonSection section; /* in the file */
  char *id;
  bool absent;
  bool is_disk, is_cdrom;
} Entry;

static bool
read_entry (Merge *merge, Entry *entry, GHashTable *counts)
{
  static const char *const states[] = { "present", "absent", NULL };
  g_autofree char *kind = NULL;
  const char *prefix;
  unsigned state = 0;
  guint n;

  if (!json_read_string (&entry->section, "id", &entry->id)
      || !json_read_string (&entry->section, "kind", &kind)
      || !json_read_choice (&entry->section, "state", states, &state))
    return false;
  entry->absent = state == 1;
  entry->is_cdrom = g_strcmp0 (kind, "cdrom") == 0;
  prefix = !entry->is_disk ? "net" : entry->is_cdrom ? "cd" : "disk";
  if (entry->id == NULL)
    {
      n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, prefix));
      g_hash_table_insert (counts, g_strdup (prefix), GUINT_TO_POINTER (n + 1));
      entry->id = g_strdup_printf ("%s%u", prefix, n);
    }
  return g_hash_table_add (counts, g_strconcat ("id ", entry->id, NULL))
         || json_section_fail (&entry->section, "id", "“%s” is there twice; give each an id of its own",
                               entry->id);
}

static bool
note_disk (Merge *merge, const Entry *entry)
{
  ApplyDisk *disk = g_new0 (ApplyDisk, 1);

  *disk = (ApplyDisk){ .id = g_strdup (entry->id),
                       .pointer = g_strdup (entry->section.pointer),
                       .absent = entry->absent,
                       .has_bus = json_section_member (&entry->section, "bus") != NULL };
  g_ptr_array_add (merge->wish->disks, disk);
  return json_read_string (&entry->section, "path", &disk->path)
         && json_read_size (&entry->section, "size", &disk->size);
}

/* A disk that is to be made has its image in the machine's folder. */
static bool
place_new_disk (const Merge *merge, const Entry *entry, JsonObject *object)
{
  const ApplyDisk *disk = g_ptr_array_index (merge->wish->disks, merge->wish->disks->len - 1);
  const char *format = json_object_get_string_member_with_default (object, "format", "qcow2");
  g_autofree char *path = NULL;

  if (disk->size == 0)
    return disk->path != NULL || entry->is_cdrom
           || json_section_fail (
             &entry->section, "size",
             "missing; say how large the new disk is to be, or with “path” which image it has");
  if (entry->is_cdrom)
    return json_section_fail (&entry->section, "size", "goes with disks; a CD-ROM drive has a “path”");
  if (disk->path != NULL)
    return json_section_fail (&entry->section, "path",
                              "goes not with “size”: a new image is made in the machine's folder");
  path = g_strdup_printf ("disks/%s.%s", disk->id, g_str_equal (format, "raw") ? "img" : format);
  json_object_set_string_member (object, "path", path);
  json_object_set_string_member (object, "format", format);
  return true;
}

static void
give_address (JsonObject *card)
{
  g_autofree char *mac = json_object_has_member (card, "mac") ? NULL : machine_spec_random_mac ();

  if (mac != NULL)
    json_object_set_string_member (card, "mac", mac);
}

/* What a disk's image is goes on with its snapshots, and isn't changed by saying so. */
static bool
is_image (const Entry *entry, JsonObject *now, const char *member)
{
  return entry->is_disk && json_object_has_member (now, "path")
         && g_strcmp0 (json_object_get_string_member_with_default (now, "kind", "disk"), "cdrom") != 0
         && (g_str_equal (member, "path") || g_str_equal (member, "format"));
}

/* Its members but those that are read here. */
static void
merge_entry (const Merge *merge, const Entry *entry, JsonObject *into, const char *to)
{
  static const char *const disk_affairs[] = { "id", "state", "size", NULL }, *const card_affairs[] = {
    "id", "state", NULL
  };
  const char *const *ours = entry->is_disk ? disk_affairs : card_affairs;
  g_autoptr (JsonObject) now = json_object_new ();
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_text_place_as (merge->wish->text, to, merge->file->text, entry->section.pointer);
  json_object_iter_init_ordered (&iter, into);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    json_object_set_member (now, name, json_node_copy (node));
  json_object_set_string_member (into, "id", entry->id);
  json_object_iter_init_ordered (&iter, entry->section.object);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    {
      g_autofree char *inner_to = json_pointer_member (to, name);
      g_autofree char *inner_from = json_pointer_member (entry->section.pointer, name);

      if (!g_strv_contains (ours, name) && !is_image (entry, now, name))
        apply_merge_member (merge, into, name, node, inner_to, inner_from);
      else if (g_str_equal (name, "id"))
        json_text_place_as (merge->wish->text, inner_to, merge->file->text, inner_from);
    }
}

static bool
keeps_kind (const Entry *entry, JsonObject *object)
{
  const char *now = json_object_get_string_member_with_default (object, "kind", "disk");
  g_autofree char *wanted = NULL;

  if (!entry->is_disk || !json_read_string (&entry->section, "kind", &wanted))
    return !entry->is_disk;
  return wanted == NULL || g_str_equal (wanted, now)
         || json_section_fail (&entry->section, "kind",
                               "%s is a “%s”, and stays that; give the new one another id", entry->id, now);
}

static bool
merge_into_list (Merge *merge, const Entry *entry, JsonArray *list, const char *to)
{
  int at = find_by_id (list, entry->id);
  bool is_new = at < 0;
  g_autofree char *pointer = NULL;
  JsonObject *object;

  if (entry->is_disk && !note_disk (merge, entry))
    return false;
  if (entry->absent)
    {
      if (!is_new)
        json_array_remove_element (list, (guint)at);
      return true;
    }
  if (is_new)
    {
      at = (int)json_array_get_length (list);
      json_array_add_object_element (list, json_object_new ());
    }
  pointer = g_strdup_printf ("%s/%d", to, at);
  object = json_array_get_object_element (list, (guint)at);
  if (!is_new && !keeps_kind (entry, object))
    return false;
  if (!entry->is_disk && json_section_member (&entry->section, "guest-mac") != NULL)
    return json_section_fail (&entry->section, "guest-mac", "is Bonsai's to say; leave it out");
  merge_entry (merge, entry, object, pointer);
  if (!entry->is_disk)
    give_address (object);
  return !is_new || !entry->is_disk || place_new_disk (merge, entry, object);
}

/* A card may be named by the network that it is like. */
static bool
find_entry (Merge *merge, const char *pointer, JsonNode *node, bool is_disk, char **at, JsonObject **object)
{
  const char *word;
  g_autofree char *message = NULL;

  *at = g_strdup (pointer);
  if (JSON_NODE_HOLDS_OBJECT (node))
    {
      *object = json_node_get_object (node);
      return true;
    }
  if (is_disk || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return apply_fail (merge, pointer,
                       is_disk ? "must be an object, { … }" : "must be an object, or a network's name");
  word = json_node_get_string (node);
  *object = apply_file_find (merge->file->networks, word);
  message = g_strdup_printf ("no network is called “%s”; describe it under “networks”", word);
  if (*object == NULL)
    return apply_fail (merge, pointer, message);
  g_free (*at);
  *at = json_pointer_member ("/networks", word);
  return true;
}

bool
apply_merge_list (Merge *merge, JsonObject *machine, const char *name, JsonNode *value, const char *from)
{
  bool is_disk = g_str_equal (name, "disks");
  g_autoptr (GHashTable) counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *to = g_strconcat ("/", name, NULL);
  JsonArray *given, *list;

  if (!JSON_NODE_HOLDS_ARRAY (value))
    return apply_fail (merge, from, "must be a list, [ … ]");
  given = json_node_get_array (value);
  json_text_place_as (merge->wish->text, to, merge->file->text, from);
  if (!json_object_has_member (machine, name) || (merge->is_new && !is_disk))
    json_object_set_array_member (machine, name, json_array_new ());
  list = json_object_get_array_member (machine, name);
  for (guint i = 0; i < json_array_get_length (given); i++)
    {
      g_autofree char *pointer = g_strdup_printf ("%s/%u", from, i), *at = NULL;
      Entry entry = { .is_disk = is_disk };
      bool done =
        find_entry (merge, pointer, json_array_get_element (given, i), is_disk, &at, &entry.section.object);

      entry.section.text = merge->file->text;
      entry.section.pointer = at;
      entry.section.error = merge->error;
      done = done && read_entry (merge, &entry, counts) && merge_into_list (merge, &entry, list, to);
      g_free (entry.id);
      if (!done)
        return false;
    }
  return true;
}
