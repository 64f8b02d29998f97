/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/policy.h"

#include "app/base/error.h"
#include "app/bundle/vm-config.h"

#include <stdio.h>
#include <unistd.h>

static const Verb *const verbs[] = {
  &verb_policy_list, &verb_policy_show, &verb_policy_set, &verb_policy_check, &verb_policy_test,
};

/* --- between the verbs --- */

static GBytes *
read_input (GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 buffer[4096];
  size_t n;

  while ((n = fread (buffer, 1, sizeof buffer, stdin)) > 0 && bytes->len <= JSON_TEXT_MAX_LENGTH)
    g_byte_array_append (bytes, buffer, (guint)n);
  if (ferror (stdin))
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "Standard input can't be read");
  return ferror (stdin) ? NULL : g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static GBytes *
read_file (const char *path, GError **error)
{
  gsize length;
  char *text;

  return g_file_get_contents (path, &text, &length, error) ? g_bytes_new_take (text, length) : NULL;
}

VmPolicy *
cli_read_policy (const char *path, GError **error)
{
  bool is_input = g_str_equal (path, "-");
  g_autoptr (GBytes) bytes = is_input ? read_input (error) : read_file (path, error);
  g_autofree char *name = is_input ? g_strdup ("standard input") : g_path_get_basename (path);
  gsize length;
  const char *text = bytes != NULL ? g_bytes_get_data (bytes, &length) : NULL;

  return bytes != NULL ? vm_policy_parse (text != NULL ? text : "", length, name, error) : NULL;
}

char *
cli_describe_seconds (gint64 seconds)
{
  static const struct {
    gint64 seconds;
    char letter;
  } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' } };

  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (seconds > 0 && seconds % units[i].seconds == 0)
      return g_strdup_printf ("%" G_GINT64_FORMAT "%c", seconds / units[i].seconds, units[i].letter);
  return g_strdup_printf ("%" G_GINT64_FORMAT "s", seconds);
}

static char *
describe_value (VmMetric metric, double value)
{
  g_autofree char *size = NULL;

  if (vm_metric_is_share (metric))
    return g_strdup_printf ("%g%%", value * 100);
  if (vm_metric_is_temperature (metric))
    return g_strdup_printf ("%g °C", value);
  size = g_format_size_full ((guint64)value, G_FORMAT_SIZE_IEC_UNITS);
  return g_strconcat (size, "/s", NULL);
}

char *
cli_describe_rule (const VmRule *rule)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *hold = cli_describe_seconds (rule->hold);

  for (guint i = 0; i < rule->conditions->len; i++)
    {
      const VmCondition *condition = &g_array_index (rule->conditions, VmCondition, i);
      g_autofree char *value = describe_value (condition->what, condition->at);

      g_string_append_printf (text, "%s%s %s %s", i > 0 ? " and " : "", vm_metric_names[condition->what],
                              condition->over ? "over" : "under", value);
    }
  g_string_append_printf (text, " for %s", hold);
  return g_strdup (text->str);
}

char *
cli_describe_actions (const VmRule *rule)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < rule->actions->len; i++)
    {
      const VmAction *action = g_ptr_array_index (rule->actions, i);

      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", vm_action_names[action->kind]);
    }
  return g_strdup (text->str);
}

/* --- the verb --- */

static void
print_help (const Verb *verb)
{
  g_print ("Usage: bonsai policy VERB [OPTION…] …\n\n%s\n\n", verb->summary);
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-11s %s\n", verbs[i]->name + sizeof "policy", verbs[i]->summary);
  g_print ("\n“bonsai policy VERB --help” has the options, bonsai(1) the rest.\n");
}

static int
run_policy (const Verb *verb, int argc, char **argv)
{
  if (argc < 2)
    return cli_usage (verb, "it needs a verb; see “bonsai policy --help”");
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help (verb);
      return EXIT_STATUS_OK;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i]->name + sizeof "policy", argv[1]))
      return verbs[i]->run (verbs[i], argc - 1, argv + 1);
  return cli_usage (verb, "“%s” is no verb of it; see “bonsai policy --help”", argv[1]);
}

const Verb verb_policy = {
  "policy", "VERB …", "Say what becomes of machines by themselves: rules, restarts, suspending when idle",
  run_policy
};
