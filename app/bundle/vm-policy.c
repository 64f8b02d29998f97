/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-policy.h"

#include "app/base/error.h"
#include "app/bundle/vm-rule.h"

#include <glib/gi18n.h>
#include <string.h>

#define DAY 86400u

static const VmRestart usual_restart = { .first = 1, .longest = 300, .settled = 600 };

/* --- life --- */

VmPolicy *
vm_policy_new (void)
{
  VmPolicy *policy = g_atomic_rc_box_new0 (VmPolicy);

  policy->restart = usual_restart;
  policy->cpu_cap = 1;
  policy->rules = g_ptr_array_new_with_free_func ((GDestroyNotify)vm_rule_free);
  policy->source = json_object_new ();
  return policy;
}

VmPolicy *
vm_policy_ref (VmPolicy *policy)
{
  return g_atomic_rc_box_acquire (policy);
}

static void
clear_policy (gpointer data)
{
  VmPolicy *policy = data;

  g_clear_pointer (&policy->idle, vm_rule_free);
  g_ptr_array_unref (policy->rules);
  json_object_unref (policy->source);
}

void
vm_policy_unref (VmPolicy *policy)
{
  g_atomic_rc_box_release_full (policy, clear_policy);
}

bool
vm_policy_is_empty (const VmPolicy *policy)
{
  return json_object_get_size (policy->source) == 0;
}

/* --- reading --- */

static bool
read_restart (const JsonSection *section, VmRestart *restart)
{
  static const char *const members[] = { "first", "longest", "settled", "tries", NULL };
  g_autofree char *pointer = g_strconcat (section->pointer, "/restart", NULL);
  JsonSection inner = { section->text, NULL, pointer, section->error };

  if (!json_read_object (section, "restart", &inner.object))
    return false;
  if (inner.object == NULL)
    return true;
  restart->enabled = true;
  if (!json_section_refuse_others (&inner, members)
      || !vm_rule_read_time (&inner, "first", 3600, &restart->first)
      || !vm_rule_read_time (&inner, "longest", DAY, &restart->longest)
      || !vm_rule_read_time (&inner, "settled", DAY, &restart->settled)
      || !json_read_unsigned (&inner, "tries", &restart->tries))
    return false;
  return restart->first <= restart->longest
         || json_section_fail (&inner, "longest", _ ("must be no less than “first”"));
}

/* "idle-suspend" is a rule that needn't be written out. */
static bool
read_idle (const JsonSection *section, VmRule **idle)
{
  static const char *const members[] = { "after", "cpu", "network", NULL };
  g_autofree char *pointer = g_strconcat (section->pointer, "/idle-suspend", NULL);
  JsonSection inner = { section->text, NULL, pointer, section->error };
  double cpu = 0.05, network = 16 << 10;
  unsigned after;

  if (!json_read_object (section, "idle-suspend", &inner.object))
    return false;
  if (inner.object == NULL)
    return true;
  if (!json_section_refuse_others (&inner, members) || !json_section_require (&inner, "after")
      || !vm_rule_read_time (&inner, "after", 30 * DAY, &after)
      || !vm_rule_read_value (&inner, "cpu", VM_METRIC_CPU, &cpu)
      || !vm_rule_read_value (&inner, "network", VM_METRIC_NETWORK, &network))
    return false;
  *idle = vm_rule_new ("idle");
  (*idle)->hold = after;
  (*idle)->back_hold = VM_RULE_USUAL_HOLD;
  (*idle)->unwatched = true;
  vm_rule_add_condition (*idle, &(VmCondition){ VM_METRIC_CPU, false, cpu, cpu });
  vm_rule_add_condition (*idle, &(VmCondition){ VM_METRIC_NETWORK, false, network, network });
  vm_rule_add_action (*idle, VM_ACTION_SUSPEND);
  return true;
}

static bool
read_rule (const JsonSection *section, void *data)
{
  VmPolicy *policy = data;
  VmRule *rule = vm_rule_read (section);

  if (rule == NULL)
    return false;
  for (guint i = 0; i < policy->rules->len; i++)
    if (g_str_equal (((const VmRule *)g_ptr_array_index (policy->rules, i))->name, rule->name))
      {
        vm_rule_free (rule);
        return json_section_fail (section, "name", _ ("another rule has that name"));
      }
  g_ptr_array_add (policy->rules, rule);
  return true;
}

static bool
read_policy (const JsonSection *section, VmPolicy *policy)
{
  static const char *const members[] = { "restart", "start-on-demand", "cpu-cap", "idle-suspend", "rules", NULL };

  if (!json_section_refuse_others (section, members) || !read_restart (section, &policy->restart)
      || !json_read_bool (section, "start-on-demand", &policy->on_demand)
      || !vm_rule_read_cap (section, "cpu-cap", &policy->cpu_cap) || !read_idle (section, &policy->idle)
      || !json_read_objects (section, "rules", read_rule, policy))
    return false;
  json_object_unref (policy->source);
  policy->source = json_object_ref (section->object);
  return policy->rules->len <= VM_POLICY_MAX_RULES
         || json_section_fail (section, "rules", _ ("more than %d"), VM_POLICY_MAX_RULES);
}

VmPolicy *
vm_policy_read_object (const JsonSection *section)
{
  g_autoptr (VmPolicy) policy = vm_policy_new ();

  return read_policy (section, policy) ? g_steal_pointer (&policy) : NULL;
}

VmPolicy *
vm_policy_parse (const char *text, gsize length, const char *file, GError **error)
{
  g_autoptr (JsonText) json = json_text_parse (text, length, file, error);
  JsonSection section = { json, NULL, "", error };

  if (json == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (json_text_root (json)))
    {
      json_text_set_error (json, "", error, _ ("must be an object, { … }"));
      return NULL;
    }
  section.object = json_node_get_object (json_text_root (json));
  return vm_policy_read_object (&section);
}

bool
vm_policy_read (const JsonSection *section, VmPolicy **policy)
{
  g_autoptr (VmPolicy) fresh = vm_policy_new ();
  JsonSection inner = { section->text, NULL, "/policy", section->error };

  if (!json_read_object (section, "policy", &inner.object))
    return false;
  if (inner.object == NULL)
    return true;
  if (!read_policy (&inner, fresh))
    return false;
  vm_policy_unref (*policy);
  *policy = g_steal_pointer (&fresh);
  return true;
}

/* --- writing --- */

void
vm_policy_write (JsonObject *machine, const VmPolicy *policy)
{
  if (!vm_policy_is_empty (policy))
    json_object_set_object_member (machine, "policy", json_object_ref (policy->source));
  else if (json_object_has_member (machine, "policy"))
    json_object_remove_member (machine, "policy");
}

static char *
text_of (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, TRUE);

  return g_strconcat (text, "\n", NULL);
}

char *
vm_policy_to_json (const VmPolicy *policy)
{
  return text_of (policy->source);
}

VmPolicy *
vm_policy_with (const VmPolicy *policy, const char *member, JsonNode *value, GError **error)
{
  g_autoptr (JsonObject) object = json_object_new ();
  g_autofree char *text = NULL;
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init_ordered (&iter, policy->source);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    json_object_set_member (object, name, json_node_copy (node));
  if (value != NULL)
    json_object_set_member (object, member, value);
  else if (json_object_has_member (object, member))
    json_object_remove_member (object, member);
  text = text_of (object);
  return vm_policy_parse (text, strlen (text), "policy", error);
}
