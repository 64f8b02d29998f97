/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/apply/apply-private.h"

#include "app/base/error.h"
#include "app/bundle/json-section.h"

#include <string.h>

/* What a machine's past makes of it, and nobody's wish. */
static const char *const own_affairs[] = { "bonsai",    "uuid",       "generation",     "snapshot", "resume",
                                           "completes", "clone-of",   "clone-snapshot", "template", "install",
                                           "nvram",     "clone-hook", "disposable",     NULL };

/* Whose members belong together. */
static const char *const wholes[] = { "policy", "schedule", NULL };

static void
disk_free (gpointer data)
{
  ApplyDisk *disk = data;

  g_free (disk->id);
  g_free (disk->pointer);
  g_free (disk->path);
  g_free (disk);
}

void
apply_wish_free (ApplyWish *wish)
{
  g_clear_pointer (&wish->config, vm_config_free);
  g_ptr_array_unref (wish->disks);
  json_text_free (wish->text);
  g_free (wish);
}

const ApplyDisk *
apply_wish_find_disk (const ApplyWish *wish, const char *id)
{
  for (guint i = 0; i < wish->disks->len; i++)
    {
      const ApplyDisk *disk = g_ptr_array_index (wish->disks, i);

      if (g_str_equal (disk->id, id))
        return disk;
    }
  return NULL;
}

bool
apply_wish_is_hot (const ApplyWish *wish, const VmDisk *disk)
{
  const ApplyDisk *wanted = apply_wish_find_disk (wish, disk->id);

  return wanted != NULL && disk->kind != DISK_KIND_SCSI_HOST
         && (!wanted->has_bus || disk->bus == DISK_BUS_AHCI || disk->bus == DISK_BUS_SCSI
             || disk->bus == DISK_BUS_USB);
}

/* --- values --- */

bool
apply_fail (const Merge *merge, const char *pointer, const char *message)
{
  return json_text_set_error (merge->file->text, pointer, merge->error, message);
}

/* The places of @node, which stands at @from in the file and at @to in what is made, and of all within. */
static void
take_places (const Merge *merge, JsonNode *node, const char *to, const char *from)
{
  json_text_place_as (merge->wish->text, to, merge->file->text, from);
  if (JSON_NODE_HOLDS_OBJECT (node))
    {
      JsonObjectIter iter;
      const char *name;
      JsonNode *value;

      json_object_iter_init (&iter, json_node_get_object (node));
      while (json_object_iter_next (&iter, &name, &value))
        {
          g_autofree char *inner_to = json_pointer_member (to, name);
          g_autofree char *inner_from = json_pointer_member (from, name);

          take_places (merge, value, inner_to, inner_from);
        }
    }
  for (guint i = 0; JSON_NODE_HOLDS_ARRAY (node) && i < json_array_get_length (json_node_get_array (node));
       i++)
    {
      g_autofree char *inner_to = g_strdup_printf ("%s/%u", to, i);
      g_autofree char *inner_from = g_strdup_printf ("%s/%u", from, i);

      take_places (merge, json_array_get_element (json_node_get_array (node), i), inner_to, inner_from);
    }
}

void
apply_merge_member (const Merge *merge, JsonObject *into, const char *name, JsonNode *value, const char *to,
                    const char *from)
{
  json_text_place_as (merge->wish->text, to, merge->file->text, from);
  if (JSON_NODE_HOLDS_NULL (value))
    {
      if (json_object_has_member (into, name))
        json_object_remove_member (into, name);
    }
  else if (JSON_NODE_HOLDS_OBJECT (value) && !g_strv_contains (wholes, name))
    {
      JsonObject *inner = json_enter_object (into, name);
      JsonObjectIter iter;
      const char *member;
      JsonNode *node;

      json_object_iter_init_ordered (&iter, json_node_get_object (value));
      while (json_object_iter_next_ordered (&iter, &member, &node))
        {
          g_autofree char *inner_to = json_pointer_member (to, member);
          g_autofree char *inner_from = json_pointer_member (from, member);

          apply_merge_member (merge, inner, member, node, inner_to, inner_from);
        }
    }
  else
    {
      take_places (merge, value, to, from);
      json_object_set_member (into, name, json_node_copy (value));
    }
}

/* --- the machine --- */

static bool
merge_policy (Merge *merge, JsonObject *into, JsonNode *value, const char *from)
{
  const char *word = json_node_get_string (value);
  JsonObject *policy = apply_file_find (merge->file->policies, word);
  g_autofree char *message = g_strdup_printf ("no policy is called “%s”; describe it under “policies”", word);
  g_autofree char *at = json_pointer_member ("/policies", word);
  g_autoptr (JsonNode) node = NULL;

  if (policy == NULL)
    return apply_fail (merge, from, message);
  node = json_node_init_object (json_node_alloc (), policy);
  apply_merge_member (merge, into, "policy", node, "/policy", at);
  return true;
}

static bool
merge_machine (Merge *merge, const ApplyMachine *machine, JsonObject *into)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;

  json_text_place_as (merge->wish->text, "", merge->file->text, machine->pointer);
  json_object_iter_init_ordered (&iter, machine->object);
  while (json_object_iter_next_ordered (&iter, &name, &value))
    {
      g_autofree char *to = json_pointer_member ("", name);
      g_autofree char *from = json_pointer_member (machine->pointer, name);
      bool is_word = JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) == G_TYPE_STRING;
      bool is_list = g_str_equal (name, "disks") || g_str_equal (name, "networks");
      bool done = true;

      if (g_strv_contains (own_affairs, name))
        return apply_fail (merge, from, "is Bonsai's to say; leave it out");
      if (is_list && !JSON_NODE_HOLDS_NULL (value))
        done = apply_merge_list (merge, into, name, value, from);
      else if (g_str_equal (name, "policy") && is_word)
        done = merge_policy (merge, into, value, from);
      else if (!is_list && !g_str_equal (name, "state"))
        apply_merge_member (merge, into, name, value, to, from);
      if (!done)
        return false;
    }
  return true;
}

static void
set_sizes (ApplyWish *wish, const VmConfig *now)
{
  for (guint i = 0; i < wish->config->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (wish->config->disks, i);
      const ApplyDisk *wanted = apply_wish_find_disk (wish, disk->id);

      if (wanted != NULL && (now == NULL || vm_config_find_disk (now, disk->id) == NULL))
        disk->create = wanted->size;
    }
}

/* What the machine is now, or a new one would be, as vm.json has it. (transfer full) */
static JsonNode *
begin (const ApplyMachine *machine, const VmConfig *now)
{
  g_autoptr (VmConfig) fresh = now == NULL ? vm_config_new (machine->name) : NULL;
  g_autofree char *text = vm_config_to_json (now != NULL ? now : fresh);

  return json_from_string (text, NULL);
}

ApplyWish *
apply_merge (const ApplyFile *file, const ApplyMachine *machine, const VmConfig *now, GError **error)
{
  g_autoptr (ApplyWish) wish = g_new0 (ApplyWish, 1);
  Merge merge = { .file = file, .wish = wish, .is_new = now == NULL, .error = error };
  JsonNode *root = begin (machine, now);

  wish->disks = g_ptr_array_new_with_free_func (disk_free);
  wish->text = json_text_new (json_text_get_file (file->text));
  json_text_take_root (wish->text, root);
  if (!merge_machine (&merge, machine, json_node_get_object (root)))
    return NULL;
  json_text_watch (wish->text);
  wish->config = vm_config_read (wish->text, error);
  if (wish->config == NULL || !json_text_refuse_unknown (wish->text, APPLY_MANUAL, error))
    return NULL;
  set_sizes (wish, now);
  return g_steal_pointer (&wish);
}
