/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-rule.h"

#include "app/bundle/vm-config.h"
#include "vmm/base/number.h"

#include <glib/gi18n.h>
#include <string.h>

#define MAX_NAME        80
#define MAX_TEXT        500
#define MAX_COMMAND     32
#define MAX_TEMPERATURE 150

const char *const vm_metric_names[] = { "cpu",
                                        "memory",
                                        "disk",
                                        "network",
                                        "host-cpu",
                                        "host-memory",
                                        "host-battery",
                                        "host-on-battery",
                                        "host-temperature",
                                        NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (vm_metric_names) == VM_N_METRICS + 1);

const char *const vm_action_names[] = { "notify", "cpu-cap", "snapshot", "suspend", "run", NULL };

bool
vm_metric_is_share (VmMetric metric)
{
  return metric != VM_METRIC_DISK && metric != VM_METRIC_NETWORK && !vm_metric_is_temperature (metric);
}

bool
vm_metric_is_temperature (VmMetric metric)
{
  return metric == VM_METRIC_HOST_TEMPERATURE;
}

bool
vm_metric_has_history (VmMetric metric)
{
  return metric < VM_METRIC_HOST_BATTERY;
}

/* --- life --- */

static void
free_action (gpointer data)
{
  VmAction *action = data;

  g_free (action->text);
  g_free (action->machine);
  g_strfreev (action->command);
  g_free (action);
}

VmRule *
vm_rule_new (const char *name)
{
  VmRule *rule = g_new0 (VmRule, 1);

  rule->name = g_strdup (name);
  rule->conditions = g_array_new (FALSE, FALSE, sizeof (VmCondition));
  rule->actions = g_ptr_array_new_with_free_func (free_action);
  return rule;
}

void
vm_rule_free (VmRule *rule)
{
  if (rule == NULL)
    return;
  g_array_unref (rule->conditions);
  g_ptr_array_unref (rule->actions);
  g_free (rule->name);
  g_free (rule);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmRule, vm_rule_free)

void
vm_rule_add_condition (VmRule *rule, const VmCondition *condition)
{
  g_array_append_vals (rule->conditions, condition, 1);
}

VmAction *
vm_rule_add_action (VmRule *rule, VmActionKind kind)
{
  VmAction *action = g_new0 (VmAction, 1);

  action->kind = kind;
  g_ptr_array_add (rule->actions, action);
  return action;
}

/* --- values --- */

bool
vm_rule_read_time (const JsonSection *section, const char *name, unsigned max, unsigned *value)
{
  static const struct {
    char letter;
    unsigned seconds;
  } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
  g_autofree char *text = NULL, *digits = NULL;
  gsize length;
  uint64_t number;

  if (!json_read_string (section, name, &text))
    return false;
  if (text == NULL)
    return true;
  length = strlen (text);
  digits = g_strndup (text, length > 0 ? length - 1 : 0);
  for (unsigned i = 0; length > 1 && i < G_N_ELEMENTS (units); i++)
    if (text[length - 1] == units[i].letter && number_parse (digits, 10, 1, max / units[i].seconds, &number))
      {
        *value = (unsigned)number * units[i].seconds;
        return true;
      }
  return json_section_fail (section, name,
                            _ ("“%s” is no time from 1s to %s; write it like 30s, 10m, 2h or 1d"), text,
                            max % 86400 == 0 ? (max == 86400 ? "1d" : "30d") : "1h");
}

static bool
parse_share (const char *text, double *value)
{
  char *end;
  double number = g_ascii_strtod (text, &end);

  if (!g_ascii_isdigit (text[0]) || end == text || !g_str_equal (end, "%") || !(number >= 0 && number <= 100))
    return false;
  *value = number / 100;
  return true;
}

static bool
parse_temperature (const char *text, double *value)
{
  char *end;
  double number = g_ascii_strtod (text, &end);

  if (!g_ascii_isdigit (text[0]) || end == text || !g_str_equal (end, "C") || !(number <= MAX_TEMPERATURE))
    return false;
  *value = number;
  return true;
}

bool
vm_rule_read_value (const JsonSection *section, const char *name, VmMetric metric, double *value)
{
  g_autofree char *text = NULL;
  uint64_t bytes = 0;

  if (!vm_metric_is_share (metric) && !vm_metric_is_temperature (metric))
    {
      if (!json_read_size (section, name, &bytes))
        return false;
      if (bytes != 0)
        *value = (double)bytes;
      return true;
    }
  if (!json_read_string (section, name, &text))
    return false;
  if (vm_metric_is_temperature (metric))
    return text == NULL || parse_temperature (text, value)
           || json_section_fail (section, name, _ ("“%s” is no temperature from 0C to %dC, such as \"85C\""),
                                 text, MAX_TEMPERATURE);
  return text == NULL || parse_share (text, value)
         || json_section_fail (section, name, _ ("“%s” is no share from 0%% to 100%%, such as \"90%%\""),
                               text);
}

bool
vm_rule_read_cap (const JsonSection *section, const char *name, double *value)
{
  double share = *value;

  if (!vm_rule_read_value (section, name, VM_METRIC_CPU, &share))
    return false;
  if (json_section_member (section, name) != NULL && share < 0.01)
    return json_section_fail (section, name,
                              _ ("must be 1%% at least; a machine that is to stand is suspended"));
  *value = share;
  return true;
}

static bool
read_text (const JsonSection *section, const char *name, gsize max, char **value)
{
  if (!json_read_string (section, name, value))
    return false;
  if (*value == NULL)
    return true;
  if ((*value)[0] == '\0' || strlen (*value) > max)
    return json_section_fail (section, name, _ ("must be 1 to %u bytes"), (unsigned)max);
  for (const char *at = *value; *at != '\0'; at = g_utf8_next_char (at))
    if (g_unichar_iscntrl (g_utf8_get_char (at)))
      return json_section_fail (section, name, _ ("contains a control character"));
  return true;
}

/* --- conditions --- */

static bool
read_condition (const JsonSection *section, void *data)
{
  static const char *const members[] = { "what", "over", "under", "back", NULL };
  VmCondition condition = { .over = json_section_member (section, "over") != NULL };
  const char *limit = condition.over ? "over" : "under";
  unsigned what = 0;

  if (!json_section_refuse_others (section, members) || !json_section_require (section, "what")
      || !json_read_choice (section, "what", vm_metric_names, &what))
    return false;
  condition.what = what;
  if (condition.over && json_section_member (section, "under") != NULL)
    return json_section_fail (section, "under", _ ("goes not with “over”; write two conditions"));
  if (json_section_member (section, limit) == NULL)
    return json_section_fail (section, "over", _ ("missing; say “over” or “under”"));
  if (!vm_rule_read_value (section, limit, condition.what, &condition.at))
    return false;
  condition.back = condition.at;
  if (!vm_rule_read_value (section, "back", condition.what, &condition.back))
    return false;
  if (condition.over ? condition.back > condition.at : condition.back < condition.at)
    return json_section_fail (
      section, "back", condition.over ? _ ("must be no higher than “%s”") : _ ("must be no lower than “%s”"),
      limit);
  vm_rule_add_condition (data, &condition);
  return true;
}

/* --- actions --- */

/* Not a path: a machine that came from elsewhere names no program but those that its user put there. */
static bool
is_program_name (const char *name)
{
  return name[0] != '\0' && name[0] != '.' && strchr (name, '/') == NULL;
}

static bool
read_command (const JsonSection *section, VmAction *action)
{
  guint n;

  if (!json_read_strings (section, "command", &action->command))
    return false;
  n = action->command != NULL ? g_strv_length (action->command) : 0;
  if (n < 1 || n > MAX_COMMAND)
    return json_section_fail (section, "command",
                              _ ("must be the program and its arguments, at most %d strings"), MAX_COMMAND);
  return is_program_name (action->command[0])
         || json_section_fail (section, "command",
                               _ ("“%s” must be the name of a program in your folder bonsai/programs"),
                               action->command[0]);
}

/* What each kind has beside "do". */
static bool
read_details (const JsonSection *section, VmAction *action)
{
  static const char *const members[][4] = {
    [VM_ACTION_NOTIFY] = { "do", "text" },         [VM_ACTION_CPU_CAP] = { "do", "to", "machine" },
    [VM_ACTION_SNAPSHOT] = { "do", "disks-only" }, [VM_ACTION_SUSPEND] = { "do" },
    [VM_ACTION_RUN] = { "do", "command" },
  };

  if (!json_section_refuse_others (section, members[action->kind]))
    return false;
  switch (action->kind)
    {
    case VM_ACTION_NOTIFY:
      return read_text (section, "text", MAX_TEXT, &action->text);
    case VM_ACTION_CPU_CAP:
      return json_section_require (section, "to") && vm_rule_read_cap (section, "to", &action->share)
             && read_text (section, "machine", MAX_TEXT, &action->machine);
    case VM_ACTION_SNAPSHOT:
      return json_read_bool (section, "disks-only", &action->disks_only);
    case VM_ACTION_RUN:
      return json_section_require (section, "command") && read_command (section, action);
    default:
      return true;
    }
}

static bool
read_action (const JsonSection *section, void *data)
{
  unsigned kind = 0;

  return json_section_require (section, "do") && json_read_choice (section, "do", vm_action_names, &kind)
         && read_details (section, vm_rule_add_action (data, kind));
}

/* --- the rule --- */

static bool
check_number (const JsonSection *section, const char *name, guint n, guint max)
{
  return (n >= 1 && n <= max) || json_section_fail (section, name, _ ("must have 1 to %u entries"), max);
}

static bool
read_rule (const JsonSection *section, VmRule *rule)
{
  static const char *const members[] = { "name", "when", "for", "back-for", "then", NULL };

  if (!json_section_refuse_others (section, members) || !json_section_require (section, "name")
      || !read_text (section, "name", MAX_NAME, &rule->name) || !json_section_require (section, "when")
      || !json_read_objects (section, "when", read_condition, rule)
      || !check_number (section, "when", rule->conditions->len, VM_RULE_MAX_CONDITIONS)
      || !vm_rule_read_time (section, "for", VM_RULE_MAX_TIME, &rule->hold))
    return false;
  rule->back_hold = rule->hold;
  return vm_rule_read_time (section, "back-for", VM_RULE_MAX_TIME, &rule->back_hold)
         && json_section_require (section, "then") && json_read_objects (section, "then", read_action, rule)
         && check_number (section, "then", rule->actions->len, VM_RULE_MAX_ACTIONS);
}

VmRule *
vm_rule_read (const JsonSection *section)
{
  g_autoptr (VmRule) rule = vm_rule_new (NULL);

  rule->hold = VM_RULE_USUAL_HOLD;
  return read_rule (section, rule) ? g_steal_pointer (&rule) : NULL;
}
