/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/apply/apply-file.h"

#include "app/apply/yaml-text.h"
#include "app/bundle/json-section.h"
#include "app/bundle/vm-config-private.h"

#include <string.h>

#define MAX_NAME     80
#define MAX_MACHINES 1000

/* --- life --- */

static void
machine_free (gpointer data)
{
  ApplyMachine *machine = data;

  json_object_unref (machine->object);
  g_free (machine->pointer);
  g_free (machine->name);
  g_free (machine);
}

void
apply_file_free (ApplyFile *file)
{
  g_ptr_array_unref (file->machines);
  json_text_free (file->text);
  g_free (file);
}

JsonObject *
apply_file_find (JsonObject *definitions, const char *name)
{
  JsonNode *node = definitions != NULL ? json_object_get_member (definitions, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* --- policies and networks --- */

/* Words, as they are spoken of by machines. */
static bool
check_word (const JsonSection *section, const char *word)
{
  gsize length = strlen (word);

  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (word[i]) && strchr ("-_.", word[i]) == NULL)
      length = 0;
  return (length >= 1 && length <= MAX_NAME && !g_ascii_isdigit (word[0]))
         || json_section_fail (
           section, word,
           "its name must be 1 to %d letters, digits, “-”, “_” and “.”, and begin with no digit", MAX_NAME);
}

static bool
check_policy (const JsonSection *section)
{
  g_autoptr (VmPolicy) policy = vm_policy_read_object (section);

  return policy != NULL;
}

/* What a card is; the rest of it is each machine's own. */
static bool
check_network (const JsonSection *section)
{
  static const char *const members[] = { "network", "model", "link", NULL };
  unsigned choice;

  return json_section_refuse_others (section, members)
         && json_read_choice (section, "model", nic_model_names, &choice)
         && json_read_choice (section, "link", vm_config_link_names, &choice);
}

static bool
read_definitions (const JsonSection *section, const char *name, bool (*check) (const JsonSection *section),
                  JsonObject **definitions)
{
  g_autofree char *pointer = json_pointer_member (section->pointer, name);
  JsonSection all = { section->text, NULL, pointer, section->error };
  JsonObjectIter iter;
  const char *word;
  JsonNode *node;

  if (!json_read_object (section, name, &all.object))
    return false;
  *definitions = all.object;
  if (all.object == NULL)
    return true;
  json_object_iter_init_ordered (&iter, all.object);
  while (json_object_iter_next_ordered (&iter, &word, &node))
    {
      g_autofree char *place = json_pointer_member (pointer, word);
      JsonSection one = { section->text, NULL, place, section->error };

      if (!check_word (&all, word))
        return false;
      if (!JSON_NODE_HOLDS_OBJECT (node))
        return json_section_fail (&all, word, "must be an object, { … }");
      one.object = json_node_get_object (node);
      if (!check (&one))
        return false;
    }
  return true;
}

/* --- machines --- */

static bool
check_unique (const JsonSection *section, const ApplyFile *file, const char *name)
{
  for (guint i = 0; i < file->machines->len; i++)
    if (g_str_equal (((const ApplyMachine *)g_ptr_array_index (file->machines, i))->name, name))
      return json_section_fail (section, "name",
                                "“%s” is there twice; put all that is said of it in one place", name);
  return true;
}

static bool
read_machine (const JsonSection *section, void *data)
{
  static const char *const states[] = { "present", "absent", NULL };
  ApplyFile *file = data;
  ApplyMachine *machine;
  g_autofree char *name = NULL;
  unsigned state = 0;

  if (!json_section_require (section, "name") || !json_read_string (section, "name", &name)
      || !json_read_choice (section, "state", states, &state) || !check_unique (section, file, name))
    return false;
  if (file->machines->len == MAX_MACHINES)
    return json_section_fail (section, "name", "is one more than the %d machines that a file can have",
                              MAX_MACHINES);
  machine = g_new0 (ApplyMachine, 1);
  *machine = (ApplyMachine){ g_steal_pointer (&name), g_strdup (section->pointer),
                             json_object_ref (section->object), state == 1 };
  g_ptr_array_add (file->machines, machine);
  return true;
}

/* --- the file --- */

static bool
read_version (const JsonSection *section)
{
  unsigned version = 0;

  if (!json_section_require (section, "bonsai") || !json_read_unsigned (section, "bonsai", &version))
    return false;
  return version == APPLY_VERSION
         || json_section_fail (section, "bonsai", "must be %d, the version that this Bonsai knows",
                               APPLY_VERSION);
}

static bool
read_file (const JsonSection *section, ApplyFile *file)
{
  static const char *const members[] = { "bonsai", "policies", "networks", "machines", NULL };

  return json_section_refuse_others (section, members) && read_version (section)
         && read_definitions (section, "policies", check_policy, &file->policies)
         && read_definitions (section, "networks", check_network, &file->networks)
         && json_read_objects (section, "machines", read_machine, file);
}

ApplyFile *
apply_file_parse (const char *text, gsize length, const char *name, GError **error)
{
  JsonText *json = g_str_has_suffix (name, ".json") ? json_text_parse (text, length, name, error)
                                                    : yaml_text_parse (text, length, name, error);
  g_autoptr (ApplyFile) file = NULL;
  JsonSection section = { json, NULL, "", error };

  if (json == NULL)
    return NULL;
  file = g_new0 (ApplyFile, 1);
  file->text = json;
  file->machines = g_ptr_array_new_with_free_func (machine_free);
  if (!JSON_NODE_HOLDS_OBJECT (json_text_root (json)))
    {
      json_text_set_error (json, "", error, "must be an object with “bonsai” and “machines”");
      return NULL;
    }
  section.object = json_node_get_object (json_text_root (json));
  return read_file (&section, file) ? g_steal_pointer (&file) : NULL;
}
