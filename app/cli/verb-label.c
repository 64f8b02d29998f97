/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/bundle/vm-labels.h"

typedef struct {
  char *group;
  gboolean no_group;
  char **add, **remove;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->group);
  g_strfreev (options->add);
  g_strfreev (options->remove);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static bool
set_group (BonsaiVm *vm, const Options *options, GError **error)
{
  g_autofree char *group = NULL;
  g_auto (CliWait) wait = { 0 };

  if (!options->no_group && options->group == NULL)
    return true;
  if (options->group != NULL && !vm_group_parse (options->group, &group, error))
    return false;
  bonsai_vm_set_group_async (vm, group, cli_wait_ready, &wait);
  return bonsai_vm_change_labels_finish (vm, cli_wait (&wait), error);
}

/* "web" or "web, old": may be NULL. (transfer full) */
static GStrv
parse_tags (char **texts, GError **error)
{
  g_autofree char *text = texts != NULL ? g_strjoinv (",", texts) : g_strdup ("");

  return vm_tags_parse (text, error);
}

static bool
change_tags (BonsaiVm *vm, const Options *options, GError **error)
{
  g_autoptr (GError) wrong = NULL;
  g_auto (GStrv) add = parse_tags (options->add, &wrong);
  g_auto (GStrv) remove = wrong == NULL ? parse_tags (options->remove, &wrong) : NULL;
  g_auto (CliWait) wait = { 0 };

  if (wrong != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&wrong));
      return false;
    }
  if (add == NULL && remove == NULL)
    return true;
  bonsai_vm_change_tags_async (vm, (const char *const *)add, (const char *const *)remove, cli_wait_ready,
                               &wait);
  return bonsai_vm_change_labels_finish (vm, cli_wait (&wait), error);
}

static int
run_label (const Verb *verb, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "group", 0, 0, G_OPTION_ARG_STRING, &options.group, "Move it to this group", "GROUP[/GROUP]…" },
    { "no-group", 0, 0, G_OPTION_ARG_NONE, &options.no_group, "Take it out of its group", NULL },
    { "tag", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.add, "Give it a tag", "TAG" },
    { "untag", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.remove, "Take a tag from it", "TAG" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  GError *error = NULL;
  BonsaiVm *vm;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (options.group != NULL && options.no_group)
    return cli_usage (verb, "--group and --no-group exclude each other");
  if (options.group == NULL && !options.no_group && options.add == NULL && options.remove == NULL)
    return cli_usage (verb, "say --group, --no-group, --tag or --untag");
  library = cli_open_library (&error);
  vm = library != NULL ? cli_find_vm (library, argv[1], &error) : NULL;
  if (vm == NULL || !set_group (vm, &options, &error) || !change_tags (vm, &options, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_label = { "label", "NAME", "Move a machine to a group, give it tags", run_label };
