/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes a template itself. */
#include "app/cli/template.h"

typedef struct {
  CliSnapshots *snapshots;
  const char *name, *note;
  char *id;
  unsigned version;
} Make;

static bool
run_seal (const ImageJob *job, gpointer data, GError **error)
{
  Make *make = data;

  make->id = template_seal (make->snapshots->bundle, make->name, make->note, &make->version, error);
  return make->id != NULL;
}

static void
print (const Make *make, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("“%s” is a template, version %u: “bonsai template clone” makes machines of it.\n",
               make->snapshots->name, make->version);
      return;
    }
  json_builder_begin_object (builder);
  json_add_int (builder, "version", make->version);
  json_add_string (builder, "snapshot", make->id);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_make (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, progress = false;
  g_autofree char *note = NULL, *id = NULL;
  const GOptionEntry entries[] = {
    { "note", 'n', 0, G_OPTION_ARG_STRING, &note, "What is to be remembered of the version", "TEXT" },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  Make make = { .snapshots = &snapshots };
  GError *error = NULL;
  bool done;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 2, &status))
    return status;
  make.name = argc > 2 ? argv[2] : NULL;
  make.note = note;
  done = cli_open_template_to_change (argv[1], &snapshots, &error)
         && cli_run_task (run_seal, &make, progress, &error);
  id = make.id;
  if (!done)
    return cli_fail (error);
  cli_tell_desktop (snapshots.machine.library);
  print (&make, json);
  return EXIT_STATUS_OK;
}

static int
run_new_version (const Verb *verb, int argc, char **argv)
{
  g_auto (CliSnapshots) snapshots = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_open_template_to_change (argv[1], &snapshots, &error) || !template_open (snapshots.bundle, &error))
    return cli_fail (error);
  cli_tell_desktop (snapshots.machine.library);
  g_print ("“%s” can be started and changed; “bonsai template make” seals it as the next version.\n",
           snapshots.name);
  return EXIT_STATUS_OK;
}

static int
run_undo (const Verb *verb, int argc, char **argv)
{
  g_auto (CliSnapshots) snapshots = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_open_template_to_change (argv[1], &snapshots, &error)
      || template_find_version (snapshots.tree, 0, &error) == NULL
      || !template_undo (snapshots.bundle, &error))
    return cli_fail (error);
  cli_tell_desktop (snapshots.machine.library);
  return EXIT_STATUS_OK;
}

const Verb verb_template_make = { "template make", "MACHINE [NAME]",
                                  "Make a template of a machine, or seal its next version", run_make };
const Verb verb_template_new_version = {
  "template new-version", "TEMPLATE", "Begin a new version: the template can be changed until it is sealed",
  run_new_version
};
const Verb verb_template_undo = { "template undo", "TEMPLATE", "Make an ordinary machine of a template",
                                  run_undo };
