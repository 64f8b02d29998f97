/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What looks at policies. */
#include "app/cli/policy.h"

/* --- list --- */

static void
add_rule (JsonBuilder *builder, const VmRule *rule)
{
  g_autofree char *when = cli_describe_rule (rule), *then = cli_describe_actions (rule);

  json_builder_begin_object (builder);
  json_add_string (builder, "name", rule->name);
  json_add_string (builder, "when", when);
  json_add_string (builder, "then", then);
  json_builder_end_object (builder);
}

static void
list_as_json (const VmConfig *config, JsonBuilder *builder)
{
  const VmPolicy *policy = config->policy;

  json_builder_begin_object (builder);
  json_add_string (builder, "name", config->name);
  json_add_bool (builder, "restart", policy->restart.enabled);
  json_add_bool (builder, "start-on-demand", policy->on_demand);
  json_builder_set_member_name (builder, "cpu-cap");
  json_builder_add_double_value (builder, policy->cpu_cap);
  json_builder_set_member_name (builder, "idle-suspend");
  if (policy->idle != NULL)
    json_builder_add_int_value (builder, policy->idle->hold);
  else
    json_builder_add_null_value (builder);
  json_builder_set_member_name (builder, "rules");
  json_builder_begin_array (builder);
  for (guint i = 0; i < policy->rules->len; i++)
    add_rule (builder, g_ptr_array_index (policy->rules, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
print_rule (const char *machine, const VmRule *rule)
{
  g_autofree char *when = cli_describe_rule (rule), *then = cli_describe_actions (rule);

  g_print ("%-20s %-16s %s → %s\n", machine, rule->name, when, then);
}

static void
list_one (BonsaiVm *vm, JsonBuilder *builder)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  if (config == NULL)
    return;
  if (builder != NULL)
    {
      list_as_json (config, builder);
      return;
    }
  if (config->policy->restart.enabled)
    g_print ("%-20s %-16s a crash or a hang → restart\n", config->name, "restart");
  if (config->policy->on_demand)
    g_print ("%-20s %-16s a connection to a forwarded port → start\n", config->name, "start-on-demand");
  if (config->policy->cpu_cap < 1)
    g_print ("%-20s %-16s always %g%% of its processors\n", config->name, "cpu-cap",
             config->policy->cpu_cap * 100);
  if (config->policy->idle != NULL)
    print_rule (config->name, config->policy->idle);
  for (guint i = 0; i < config->policy->rules->len; i++)
    print_rule (config->name, g_ptr_array_index (config->policy->rules, i));
}

static int
run_list (const Verb *verb, int argc, char **argv)
{
  return cli_tell_machines (verb, argc, argv, "MACHINE              RULE             WHEN → THEN", list_one);
}

/* --- show --- */

static int
run_show (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON, as it always does", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (VmConfig) config = NULL;
  g_autofree char *text = NULL;
  GError *error = NULL;
  BonsaiVm *vm;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if ((library = cli_open_library (&error)) == NULL || (vm = cli_find_vm (library, argv[1], &error)) == NULL
      || (config = cli_copy_config (vm, &error)) == NULL)
    return cli_fail (error);
  text = vm_policy_to_json (config->policy);
  g_print ("%s", text);
  return EXIT_STATUS_OK;
}

const Verb verb_policy_list = { "policy list", "", "List the rules of all machines", run_list };
const Verb verb_policy_show = { "policy show", "MACHINE", "Print a machine's policy, to be edited and set",
                                run_show };
