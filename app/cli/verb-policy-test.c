/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy would have done. */
#include "app/base/error.h"
#include "app/cli/policy.h"
#include "app/cli/time-argument.h"
#include "app/policy/try-out.h"

#define USUAL_SPAN (7 * 86400) /* seconds */

/* --- what was found --- */

static char *
format_time (gint64 time)
{
  g_autoptr (GDateTime) moment = g_date_time_new_from_unix_local (time);

  return g_date_time_format (moment, "%F %T");
}

static void
print_text (const GArray *found)
{
  if (found->len == 0)
    g_print ("No rule would have fired.\n");
  for (guint i = 0; i < found->len; i++)
    {
      const WouldFire *one = &g_array_index (found, WouldFire, i);
      g_autofree char *time = format_time (one->time), *step = cli_describe_seconds (one->step);
      g_autofree char *end = one->end != 0 ? format_time (one->end) : g_strdup ("-");

      g_print ("%-19s  until %-19s  %-16s  (seen by %s)\n", time, end, one->rule, step);
    }
}

/* Rules of which nobody can say what they would have done. */
static void
tell_unknown (const VmPolicy *policy)
{
  for (guint i = 0; i < policy->rules->len; i++)
    {
      const VmRule *rule = g_ptr_array_index (policy->rules, i);

      for (guint j = 0; j < rule->conditions->len; j++)
        {
          VmMetric what = g_array_index (rule->conditions, VmCondition, j).what;

          if (!vm_metric_has_history (what))
            g_printerr ("bonsai: there is no history of %s: “%s” can't be tried out\n", vm_metric_names[what],
                        rule->name);
        }
    }
}

/* --- the verb --- */

static bool
parse_span (const char *from_text, const char *to_text, gint64 *from, gint64 *to, GError **error)
{
  *to = g_get_real_time () / G_USEC_PER_SEC;
  if (to_text != NULL && !cli_parse_time (to_text, to, error))
    return false;
  *from = *to - USUAL_SPAN;
  if (from_text != NULL && !cli_parse_time (from_text, from, error))
    return false;
  if (*from >= 0 && *from < *to)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "--from must come before --to");
  return false;
}

static int
run_test (const Verb *verb, int argc, char **argv)
{
  g_autofree char *from_text = NULL, *to_text = NULL, *text = NULL;
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &from_text, "From then on: how long ago, or a date; 7d unless given",
      "TIME" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &to_text, "Until then; now unless given", "TIME" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (VmConfig) config = NULL;
  g_autoptr (VmPolicy) policy = NULL;
  g_autoptr (GArray) found = NULL;
  GError *error = NULL;
  gint64 from, to;
  BonsaiVm *vm;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 2, &status))
    return status;
  if (!parse_span (from_text, to_text, &from, &to, &error) || (library = cli_open_library (&error)) == NULL
      || (vm = cli_find_vm (library, argv[1], &error)) == NULL
      || (config = cli_copy_config (vm, &error)) == NULL)
    return cli_fail (error);
  policy = argc > 2 ? cli_read_policy (argv[2], &error) : vm_policy_ref (config->policy);
  if (policy == NULL || (found = policy_try_out (policy, config, from, to, &error)) == NULL)
    return cli_fail (error);
  tell_unknown (policy);
  if (json)
    g_print ("%s\n", text = would_fire_to_json (found));
  else
    print_text (found);
  return EXIT_STATUS_OK;
}

const Verb verb_policy_test = { "policy test", "MACHINE [FILE]",
                                "Say which rules would have fired, of its policy or of a file's", run_test };
