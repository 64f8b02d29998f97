/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/template.h"

#include "app/base/error.h"

static const Verb *const verbs[] = {
  &verb_template_make,  &verb_template_list, &verb_template_show, &verb_template_new_version,
  &verb_template_clone, &verb_template_move, &verb_template_undo,
  &verb_template_publish, &verb_template_unpublish, &verb_template_published,
};

bool
cli_open_template_to_change (const char *machine, CliSnapshots *snapshots, GError **error)
{
  if (!cli_open_snapshots_to_change (machine, snapshots, error))
    return false;
  if (snapshots->machine.session != NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY, "“%s” is running; power it off first",
                 snapshots->name);
  return snapshots->machine.session == NULL;
}

bool
cli_parse_version (const char *text, unsigned *version, GError **error)
{
  guint64 number = 0;

  if (text != NULL && !g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT, &number, NULL))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is no version: 1, 2, …", text);
      return false;
    }
  *version = (unsigned)number;
  return true;
}

static void
print_help (const Verb *verb)
{
  g_print ("Usage: bonsai template VERB [OPTION…] …\n\n%s\n\n", verb->summary);
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-11s %s\n", verbs[i]->name + sizeof "template", verbs[i]->summary);
  g_print ("\n“bonsai template VERB --help” has the options, bonsai(1) the rest.\n");
}

static int
run_template (const Verb *verb, int argc, char **argv)
{
  if (argc < 2)
    return cli_usage (verb, "it needs a verb; see “bonsai template --help”");
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help (verb);
      return EXIT_STATUS_OK;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i]->name + sizeof "template", argv[1]))
      return verbs[i]->run (verbs[i], argc - 1, argv + 1);
  return cli_usage (verb, "“%s” is no verb of it; see “bonsai template --help”", argv[1]);
}

const Verb verb_template = { "template", "VERB …",
                             "Make templates of machines, and machines of the templates' versions",
                             run_template };
