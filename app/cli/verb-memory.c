/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/bundle/vm-config.h"

static void
print_json (GVariant *memory)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  GVariantIter iter;
  const char *name;
  GVariant *value;

  json_builder_begin_object (builder);
  g_variant_iter_init (&iter, memory);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
      json_add_bool (builder, name, g_variant_get_boolean (value));
    else if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
      json_add_int (builder, name, (gint64)g_variant_get_uint64 (value));
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static void
print_size (GVariant *memory, const char *name, const char *label)
{
  guint64 bytes;

  if (g_variant_lookup (memory, name, "t", &bytes))
    g_print ("%-16s %8.1f MiB\n", label, (double)bytes / (1 << 20));
}

static void
print_text (GVariant *memory)
{
  gboolean driver = FALSE, reporting = FALSE;

  print_size (memory, "size", "Memory:");
  print_size (memory, "resident", "Of the host's:");
  if (!g_variant_lookup (memory, "driver", "b", &driver))
    {
      g_print ("There is no memory balloon.\n");
      return;
    }
  print_size (memory, "target", "Guest may have:");
  print_size (memory, "current", "Guest has:");
  print_size (memory, "given-back", "Given back:");
  print_size (memory, "free", "Guest's free:");
  print_size (memory, "available", "Available:");
  print_size (memory, "caches", "Caches:");
  g_variant_lookup (memory, "reporting", "b", &reporting);
  if (!driver)
    g_print ("The guest has no driver for the balloon.\n");
  else if (!reporting)
    g_print ("The guest does not give back by itself what it frees.\n");
}

static bool
set_size (BonsaiSession *session, const char *text, GError **error)
{
  g_auto (CliWait) wait = { 0 };
  uint64_t size = vm_parse_size (text, error);

  if (size == 0)
    return false;
  bonsai_session_set_memory_async (session, size, NULL, cli_wait_ready, &wait);
  return bonsai_session_set_memory_finish (session, cli_wait (&wait), error);
}

static int
run_memory (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  int status;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (GVariant) memory = NULL;
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 2, &status))
    return status;
  session = cli_find_session (argv[1], &error);
  if (session == NULL || (argc > 2 && !set_size (session, argv[2], &error)))
    return cli_fail (error);
  if (argc > 2 && !json)
    return EXIT_STATUS_OK;
  bonsai_session_get_memory_async (session, NULL, cli_wait_ready, &wait);
  memory = bonsai_session_get_memory_finish (session, cli_wait (&wait), &error);
  if (memory == NULL)
    return cli_fail (error);
  if (json)
    print_json (memory);
  else
    print_text (memory);
  return EXIT_STATUS_OK;
}

const Verb verb_memory = { "memory", "NAME [SIZE]",
                           "Show a running guest's memory, or ask it to make do with less", run_memory };
