/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/guest.h"

/* --- info --- */

static const struct {
  const char *key, *label;
} facts[] = {
  { "agent-version", "Agent" }, { "host-name", "Host name" },  { "os-name", "System" },
  { "kernel", "Kernel" },       { "machine", "Architecture" }, { "zone", "Time zone" },
};

static void
print_users (GVariant *answer)
{
  g_autoptr (GVariant) users = g_variant_lookup_value (answer, "users", G_VARIANT_TYPE ("a(sd)"));
  GVariantIter iter;
  const char *name;
  double since;

  if (users == NULL)
    return;
  g_variant_iter_init (&iter, users);
  while (g_variant_iter_next (&iter, "(&sd)", &name, &since))
    {
      g_autoptr (GDateTime) time = g_date_time_new_from_unix_local ((gint64)since);
      g_autofree char *text = time != NULL ? g_date_time_format (time, "%F %R") : NULL;

      g_print ("User: %s%s%s\n", name, text != NULL ? ", since " : "", text != NULL ? text : "");
    }
}

static int
run_info (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GVariant) answer = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  answer = guest_ask_simply (argv[1], "info", &error);
  if (answer == NULL)
    return cli_fail (error);
  if (json)
    {
      g_autofree char *text = json_gvariant_serialize_data (answer, NULL);

      g_print ("%s\n", text);
      return EXIT_STATUS_OK;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (facts); i++)
    {
      const char *value;

      if (g_variant_lookup (answer, facts[i].key, "&s", &value))
        g_print ("%s: %s\n", facts[i].label, value);
    }
  print_users (answer);
  return EXIT_STATUS_OK;
}

const Verb verb_guest_info = { "guest info", "NAME", "Show what runs in a guest", run_info };

/* --- addresses --- */

static void
print_interface (JsonBuilder *unused, const char *name, const char *hardware, GVariantIter *addresses)
{
  const char *address;
  guint32 prefix;

  g_print ("%s%s%s\n", name, hardware[0] != '\0' ? " " : "", hardware);
  while (g_variant_iter_next (addresses, "(&su)", &address, &prefix))
    g_print ("  %s/%u\n", address, prefix);
}

static void
add_interface (JsonBuilder *builder, const char *name, const char *hardware, GVariantIter *addresses)
{
  const char *address;
  guint32 prefix;

  json_builder_begin_object (builder);
  json_add_string (builder, "name", name);
  json_add_string (builder, "hardware-address", hardware[0] != '\0' ? hardware : NULL);
  json_builder_set_member_name (builder, "addresses");
  json_builder_begin_array (builder);
  while (g_variant_iter_next (addresses, "(&su)", &address, &prefix))
    {
      json_builder_begin_object (builder);
      json_add_string (builder, "address", address);
      json_add_int (builder, "prefix", prefix);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static int
run_addresses (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GVariantIter) iter = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  GVariantIter *addresses;
  const char *name, *hardware;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  answer = guest_ask_simply (argv[1], "addresses", &error);
  if (answer == NULL)
    return cli_fail (error);
  json_builder_begin_array (builder);
  if (g_variant_lookup (answer, "interfaces", "a(ssa(su))", &iter))
    while (g_variant_iter_loop (iter, "(&s&sa(su))", &name, &hardware, &addresses))
      (json ? add_interface : print_interface) (builder, name, hardware, addresses);
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

const Verb verb_guest_addresses = { "guest addresses", "NAME", "Show a guest's network addresses",
                                    run_addresses };

/* --- time --- */

/* @asked: when, by this computer's clock: the guest looked at its own between then and now. */
static int
print_time (gint64 ns, gint64 asked, bool json)
{
  gint64 now = g_get_real_time ();
  double behind = (double)(now - ns / 1000) / G_TIME_SPAN_SECOND;
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (ns / 1000000000);
  g_autofree char *text = time != NULL ? g_date_time_format (time, "%F %T %Z") : NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("%s, %.1f s %s\n", text != NULL ? text : "?", behind < 0 ? -behind : behind,
               behind < 0 ? "ahead" : "behind");
      return EXIT_STATUS_OK;
    }
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "time");
  json_builder_add_double_value (builder, (double)ns / 1e9);
  json_builder_set_member_name (builder, "behind");
  json_builder_add_double_value (builder, behind);
  json_builder_set_member_name (builder, "took");
  json_builder_add_double_value (builder, (double)(now - asked) / G_TIME_SPAN_SECOND);
  json_builder_end_object (builder);
  cli_print_json (builder);
  return EXIT_STATUS_OK;
}

static int
run_time (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, set = false;
  const GOptionEntry entries[] = {
    { "set", 0, 0, G_OPTION_ARG_NONE, &set, "Set it to this computer's", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GVariant) answer = NULL;
  GError *error = NULL;
  gint64 ns = 0, asked;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  asked = g_get_real_time ();
  answer = guest_ask_simply (argv[1], set ? "set-time" : "time", &error);
  if (answer == NULL)
    return cli_fail (error);
  if (set)
    return EXIT_STATUS_OK;
  g_variant_lookup (answer, "time", "x", &ns);
  return print_time (ns, asked, json);
}

const Verb verb_guest_time = { "guest time", "NAME", "Show a guest's time, or set it", run_time };

/* --- shutdown --- */

static int
run_shutdown (const Verb *verb, int argc, char **argv)
{
  gboolean reboot = false, halt = false;
  const GOptionEntry entries[] = {
    { "reboot", 0, 0, G_OPTION_ARG_NONE, &reboot, "Restart it", NULL },
    { "halt", 0, 0, G_OPTION_ARG_NONE, &halt, "Stop it without powering off", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (GVariant) answer = NULL;
  GVariantDict arguments;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (reboot && halt)
    return cli_usage (verb, "--reboot and --halt are two things");
  session = cli_find_session (argv[1], &error);
  if (session == NULL)
    return cli_fail (error);
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "mode", "s", reboot ? "reboot" : halt ? "halt" : "powerdown");
  answer = guest_ask (session, "shutdown", g_variant_dict_end (&arguments), &error);
  return answer != NULL ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_guest_shutdown = { "guest shutdown", "NAME", "Have a guest shut down, or restart",
                                   run_shutdown };
