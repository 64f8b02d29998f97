/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What checks and changes policies. */
#include "app/cli/policy.h"

#include "app/base/error.h"

typedef struct {
  char *restart, *idle, *cap, *on_demand;
  gboolean clear;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->restart);
  g_free (options->idle);
  g_free (options->cap);
  g_free (options->on_demand);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* --- what the options say --- */

static bool
replace (VmPolicy **policy, const char *member, JsonNode *value, GError **error)
{
  VmPolicy *changed = vm_policy_with (*policy, member, value, error);

  if (changed == NULL)
    return false;
  vm_policy_unref (*policy);
  *policy = changed;
  return true;
}

static JsonNode *
take_object (JsonObject *object)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  return node;
}

/* Restarts that are on keep their times. */
static bool
set_restart (VmPolicy **policy, const char *text, GError **error)
{
  gboolean on;

  if (!cli_parse_switch (text, &on))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "--restart: say “on” or “off”");
      return false;
    }
  if (on == (*policy)->restart.enabled)
    return true;
  return replace (policy, "restart", on ? take_object (json_object_new ()) : NULL, error);
}

static bool
set_idle (VmPolicy **policy, const char *text, GError **error)
{
  JsonObject *object;

  if (g_str_equal (text, "off"))
    return replace (policy, "idle-suspend", NULL, error);
  object = json_object_new ();
  json_object_set_string_member (object, "after", text);
  return replace (policy, "idle-suspend", take_object (object), error);
}

static bool
set_cap (VmPolicy **policy, const char *text, GError **error)
{
  JsonNode *node = g_str_equal (text, "off") ? NULL : json_node_init_string (json_node_alloc (), text);

  return replace (policy, "cpu-cap", node, error);
}

static bool
set_on_demand (VmPolicy **policy, const char *text, GError **error)
{
  gboolean on;

  if (!cli_parse_switch (text, &on))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "--on-demand: say “on” or “off”");
      return false;
    }
  return replace (policy, "start-on-demand", on ? json_node_init_boolean (json_node_alloc (), TRUE) : NULL, error);
}

static bool
apply (const Options *options, VmPolicy **policy, GError **error)
{
  return (options->restart == NULL || set_restart (policy, options->restart, error))
         && (options->idle == NULL || set_idle (policy, options->idle, error))
         && (options->cap == NULL || set_cap (policy, options->cap, error))
         && (options->on_demand == NULL || set_on_demand (policy, options->on_demand, error));
}

/* --- set --- */

static VmPolicy *
make_policy (const VmConfig *config, const char *path, const Options *options, GError **error)
{
  VmPolicy *policy = path != NULL     ? cli_read_policy (path, error)
                     : options->clear ? vm_policy_new ()
                                      : vm_policy_ref (config->policy);

  if (policy != NULL && !apply (options, &policy, error))
    g_clear_pointer (&policy, vm_policy_unref);
  return policy;
}

static int
set (const char *machine, const char *path, const Options *options)
{
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (VmConfig) config = NULL;
  g_autoptr (VmPolicy) policy = NULL;
  GError *error = NULL;
  BonsaiVm *vm;

  if ((library = cli_open_library (&error)) == NULL || (vm = cli_find_vm (library, machine, &error)) == NULL
      || (config = cli_copy_config (vm, &error)) == NULL
      || (policy = make_policy (config, path, options, &error)) == NULL)
    return cli_fail (error);
  vm_config_set_policy (config, policy);
  return bonsai_vm_save_config (vm, config, &error) ? EXIT_STATUS_OK : cli_fail (error);
}

static int
run_set (const Verb *verb, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "restart", 0, 0, G_OPTION_ARG_STRING, &options.restart,
      "Whether it starts again after a crash or a hang", "on|off" },
    { "idle-suspend", 0, 0, G_OPTION_ARG_STRING, &options.idle,
      "Suspend it once it has had nothing to do for so long (30m)", "TIME|off" },
    { "cpu-cap", 0, 0, G_OPTION_ARG_STRING, &options.cap, "How much of its processors' time it gets (50%)",
      "SHARE|off" },
    { "on-demand", 0, 0, G_OPTION_ARG_STRING, &options.on_demand,
      "Whether it starts when somebody connects to one of its forwarded ports", "on|off" },
    { "clear", 0, 0, G_OPTION_ARG_NONE, &options.clear, "Forget what there was before", NULL },
    G_OPTION_ENTRY_NULL,
  };
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 2, &status))
    return status;
  if (argc == 2 && options.restart == NULL && options.idle == NULL && options.cap == NULL && options.on_demand == NULL
      && !options.clear)
    return cli_usage (verb, "give a file with the policy, or an option");
  return set (argv[1], argc > 2 ? argv[2] : NULL, &options);
}

/* --- check --- */

static int
run_check (const Verb *verb, int argc, char **argv)
{
  g_autoptr (VmPolicy) policy = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 1, 1, &status))
    return status;
  policy = cli_read_policy (argv[1], &error);
  return policy != NULL ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_policy_set = { "policy set", "MACHINE [FILE]",
                               "Give a machine a policy, or change a part of its own", run_set };
const Verb verb_policy_check = { "policy check", "FILE", "Say whether a file is a policy, and where it isn't",
                                 run_check };
