/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Machines made of templates. */
#include "app/cli/template.h"

#include "app/base/error.h"
#include "app/published/published.h"
#include "app/snapshot/clone.h"

typedef struct {
  CliSnapshots *snapshots; /* of the template, or of the machine to be moved */
  const char *other;       /* the library's folder, or the template's bundle */
  CloneHow clone;
  TemplateMove move;
  char *path;
} Work;

/* --- clone --- */

typedef struct {
  const PublishedTemplate *template;
  const char *folder, *name;
  char *path;
} Offered;

static bool
run_offered_task (const ImageJob *job, gpointer data, GError **error)
{
  Offered *offered = data;

  offered->path = published_clone (offered->template, offered->folder, offered->name, job, error);
  return offered->path != NULL;
}

static bool
run_clone_task (const ImageJob *job, gpointer data, GError **error)
{
  Work *work = data;

  work->clone.job = job;
  work->path = clone_make (work->snapshots->bundle, work->other, &work->clone, error);
  return work->path != NULL;
}

static void
print_clone (const char *name, const char *path, unsigned version, const char *node, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("“%s” is made of version %u: %s\n", name, version, path);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "name", name);
  json_add_string (builder, "path", path);
  json_add_int (builder, "version", version);
  json_add_string (builder, "snapshot", node);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

/* What all users are offered, if the library has none of that name. */
static int
clone_offered (const char *template, const char *wanted, bool progress, bool json)
{
  GError *error = NULL;
  g_autoptr (BonsaiLibrary) library = bonsai_library_new (NULL, &error);
  g_autoptr (PublishedTemplate) published = library != NULL ? published_find (template, &error) : NULL;
  g_autofree char *name = NULL;
  Offered offered = { .template = published };

  if (published == NULL)
    return cli_fail (error);
  name = bonsai_library_unused_name (library, wanted);
  offered.folder = bonsai_library_get_folder (library);
  offered.name = name;
  if (!cli_run_task (run_offered_task, &offered, progress, &error))
    return cli_fail (error);
  cli_tell_desktop (library);
  print_clone (name, offered.path, published->version, NULL, json);
  g_free (offered.path);
  return EXIT_STATUS_OK;
}

static int
run_clone (const Verb *verb, int argc, char **argv)
{
  gboolean full = false, json = false, progress = false;
  g_autofree char *wanted = NULL, *name = NULL, *folder = NULL, *path = NULL;
  const GOptionEntry entries[] = {
    { "version", 'v', 0, G_OPTION_ARG_STRING, &wanted, "Which (the newest)", "N" },
    { "full", 'f', 0, G_OPTION_ARG_NONE, &full, "It has a copy of the disks, and needs the template no more",
      NULL },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  Work work = { .snapshots = &snapshots };
  const SnapshotNode *node;
  GError *error = NULL;
  unsigned version;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (!cli_parse_version (wanted, &version, &error))
    return cli_fail (error);
  if (!cli_open_snapshots (argv[1], &snapshots, &error))
    {
      if (version > 0 || !g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND))
        return cli_fail (error);
      g_clear_error (&error);
      return clone_offered (argv[1], argv[2], progress, json);
    }
  if ((node = template_find_version (snapshots.tree, version, &error)) == NULL)
    return cli_fail (error);
  name = bonsai_library_unused_name (snapshots.machine.library, argv[2]);
  folder = g_strdup (bonsai_library_get_folder (snapshots.machine.library));
  work.other = folder;
  work.clone = (CloneHow){ .name = name, .node = node->id, .linked = !full };
  if (!cli_run_task (run_clone_task, &work, progress, &error))
    return cli_fail (error);
  path = work.path;
  cli_tell_desktop (snapshots.machine.library);
  print_clone (name, path, node->template_version, node->id, json);
  return EXIT_STATUS_OK;
}

/* --- move --- */

static bool
run_move_task (const ImageJob *job, gpointer data, GError **error)
{
  Work *work = data;

  work->move.job = job;
  return template_move (work->snapshots->bundle, work->other, &work->move, error);
}

/* The bundle of the template that the machine was made of. (transfer full) */
static char *
find_template (const CliSnapshots *snapshots, GError **error)
{
  g_autoptr (VmConfig) config = bundle_load (snapshots->bundle, error);
  BonsaiVm *origin;

  if (config == NULL)
    return NULL;
  origin =
    config->clone_of != NULL ? bonsai_library_find (snapshots->machine.library, config->clone_of) : NULL;
  if (origin != NULL)
    return g_strdup (bonsai_vm_get_path (origin));
  if (config->clone_of == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 "“%s” was not made of a template, or has a copy of its own", config->name);
  else
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                 "The machine of which “%s” was made isn't in the library; put it back", config->name);
  return NULL;
}

static int
run_move (const Verb *verb, int argc, char **argv)
{
  gboolean discard = false, json = false, progress = false;
  g_autofree char *wanted = NULL, *origin = NULL;
  const GOptionEntry entries[] = {
    { "version", 'v', 0, G_OPTION_ARG_STRING, &wanted, "To which (the newest)", "N" },
    { "discard", 0, 0, G_OPTION_ARG_NONE, &discard, "What the machine has on its disks may go", NULL },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (SnapshotTree) tree = NULL;
  Work work = { .snapshots = &snapshots };
  const SnapshotNode *node;
  GError *error = NULL;
  unsigned version;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_parse_version (wanted, &version, &error)
      || !cli_open_template_to_change (argv[1], &snapshots, &error)
      || (origin = find_template (&snapshots, &error)) == NULL
      || (tree = snapshot_tree_read (origin, &error)) == NULL
      || (node = template_find_version (tree, version, &error)) == NULL)
    return cli_fail (error);
  work.other = origin;
  work.move = (TemplateMove){ .version = node->template_version, .discard = discard };
  if (!cli_run_task (run_move_task, &work, progress, &error))
    return cli_fail (error);
  json_builder_begin_object (builder);
  json_add_string (builder, "name", snapshots.name);
  json_add_int (builder, "version", node->template_version);
  json_builder_end_object (builder);
  if (json)
    cli_print_json (builder);
  else
    g_print ("“%s” is on version %u now.\n", snapshots.name, node->template_version);
  return EXIT_STATUS_OK;
}

const Verb verb_template_clone = { "template clone", "TEMPLATE NAME",
                                   "Make a machine that lies on a template's version", run_clone };
const Verb verb_template_move = { "template move", "MACHINE",
                                  "Put a stateless machine on the template's newest version", run_move };
