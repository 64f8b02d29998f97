/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/workspace.h"

#include "app/base/error.h"

#include <string.h>

static const Verb *const verbs[] = {
  &verb_workspace_issue,  &verb_workspace_list,   &verb_workspace_show,
  &verb_workspace_renew,  &verb_workspace_revoke, &verb_workspace_offer,
  &verb_workspace_offers, &verb_workspace_accept, &verb_workspace_enforce,
};

void
cli_expiry_clear (CliExpiry *options)
{
  g_free (options->expires);
  g_free (options->after_start);
  g_free (options->use);
}

/* A day ends at its end, in local time. */
bool
cli_read_date (const char *text, Expiry *expiry, GError **error)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_local ();
  g_autofree char *whole =
    strchr (text, 'T') == NULL ? g_strconcat (text, "T23:59:59", NULL) : g_strdup (text);
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (whole, zone);

  if (time == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   "“%s” is no date; write it like 2027-01-31 or 2027-01-31T18:00:00", text);
      return false;
    }
  *expiry = (Expiry){ EXPIRY_DATE, g_date_time_to_unix (time) };
  return true;
}

bool
cli_read_expiry (const CliExpiry *options, Expiry *expiry, GError **error)
{
  const char *span = options->after_start != NULL ? options->after_start : options->use;

  if ((options->expires != NULL) + (options->after_start != NULL) + (options->use != NULL) + options->never
      != 1)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   "Say once how long it lasts: --expires, --after-start, --use or --never");
      return false;
    }
  if (options->expires != NULL)
    return cli_read_date (options->expires, expiry, error);
  *expiry = (Expiry){ EXPIRY_NEVER, 0 };
  if (span == NULL)
    return true;
  *expiry =
    (Expiry){ options->use != NULL ? EXPIRY_USE : EXPIRY_START, vm_schedule_parse_every (span, error) };
  return expiry->at != 0;
}

char *
cli_workspace_span (int64_t seconds)
{
  static const struct {
    int64_t seconds;
    const char *one, *many;
  } units[] = { { 86400, "day", "days" }, { 3600, "hour", "hours" }, { 60, "minute", "minutes" } };

  if (seconds == G_MAXINT64)
    return g_strdup ("no end");
  if (seconds <= 0)
    return g_strdup ("over");
  for (unsigned i = 0; i < G_N_ELEMENTS (units); i++)
    if (seconds >= units[i].seconds)
      {
        int64_t n = seconds / units[i].seconds;

        return g_strdup_printf ("%" G_GINT64_FORMAT " %s", n, n == 1 ? units[i].one : units[i].many);
      }
  return g_strdup ("1 minute");
}

static void
print_help (const Verb *verb)
{
  g_print ("Usage: bonsai workspace VERB [OPTION…] …\n\n%s\n\n", verb->summary);
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-11s %s\n", verbs[i]->name + sizeof "workspace", verbs[i]->summary);
  g_print ("\n“bonsai workspace VERB --help” has the options, bonsai(1) the rest.\n");
}

static int
run_workspace (const Verb *verb, int argc, char **argv)
{
  if (argc < 2)
    return cli_usage (verb, "it needs a verb; see “bonsai workspace --help”");
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help (verb);
      return EXIT_STATUS_OK;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i]->name + sizeof "workspace", argv[1]))
      return verbs[i]->run (verbs[i], argc - 1, argv + 1);
  return cli_usage (verb, "“%s” is no verb of it; see “bonsai workspace --help”", argv[1]);
}

const Verb verb_workspace = { "workspace", "VERB …",
                              "Issue machines to their users under terms, and renew them", run_workspace };
