/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Templates for all users of this computer. */
#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/cli/template.h"
#include "app/published/published.h"
#include "app/snapshot/clone.h"
#include "app/vm/program-path.h"

#include <unistd.h>

/* --- the administrator's program --- */

/* As root: itself, or by way of polkit. @arguments: without the program; NULL ends. */
static bool
publish (const char *const *arguments, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *program = program_path ("bonsai-publish", error);
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) failure = NULL;
  int status;

  if (program == NULL)
    return false;
  if (geteuid () != 0 && g_getenv ("BONSAI_TEMPLATES") == NULL)
    g_strv_builder_add (builder, "pkexec");
  g_strv_builder_add (builder, program);
  g_strv_builder_addv (builder, (const char **)arguments);
  argv = g_strv_builder_end (builder);
  if (!g_spawn_sync (NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL,
                     NULL, &status, &failure))
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
        "Only root changes what is offered to all users, and polkit can't be asked (%s); run this with "
        "sudo",
        failure->message);
      return false;
    }
  if (g_spawn_check_wait_status (status, NULL))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "What is offered on this computer wasn't changed");
  return false;
}

/* --- publish --- */

typedef struct {
  const CliSnapshots *snapshots;
  const SnapshotNode *node;
  char *folder; /* of its copy */
  char *copy;
} Publish;

static bool
copy (const ImageJob *job, gpointer data, GError **error)
{
  Publish *work = data;
  const CloneHow how = { .name = work->snapshots->name, .node = work->node->id, .job = job };

  work->copy = clone_make (work->snapshots->bundle, work->folder, &how, error);
  return work->copy != NULL;
}

static bool
copy_and_publish (Publish *work, bool progress, GError **error)
{
  g_autofree char *version = g_strdup_printf ("%u", work->node->template_version);
  bool done;
  int fd;

  work->folder =
    bundle_make_temporary (bonsai_library_get_folder (work->snapshots->machine.library), &fd, error);
  if (work->folder == NULL)
    return false;
  done = cli_run_task (copy, work, progress, error)
         && publish ((const char *const[]){ "add", work->copy, version, NULL }, error);
  bundle_remove_tree (work->folder);
  close (fd);
  g_free (work->folder);
  g_free (work->copy);
  return done;
}

static int
run_publish (const Verb *verb, int argc, char **argv)
{
  gboolean progress = false;
  g_autofree char *wanted = NULL;
  const GOptionEntry entries[] = {
    { "version", 'v', 0, G_OPTION_ARG_STRING, &wanted, "Which (the newest)", "N" },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  Publish work = { .snapshots = &snapshots };
  GError *error = NULL;
  unsigned version;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_parse_version (wanted, &version, &error) || !cli_open_snapshots (argv[1], &snapshots, &error)
      || (work.node = template_find_version (snapshots.tree, version, &error)) == NULL
      || !copy_and_publish (&work, progress, &error))
    return cli_fail (error);
  g_print ("Version %u of “%s” is offered to all users of this computer.\n", work.node->template_version,
           snapshots.name);
  return EXIT_STATUS_OK;
}

static int
run_unpublish (const Verb *verb, int argc, char **argv)
{
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 1, 1, &status))
    return status;
  if (!publish ((const char *const[]){ "remove", argv[1], NULL }, &error))
    return cli_fail (error);
  g_print ("“%s” isn't offered any more; machines that were made of it stay.\n", argv[1]);
  return EXIT_STATUS_OK;
}

/* --- what is offered --- */

static void
add_json (JsonBuilder *builder, const PublishedTemplate *published)
{
  g_autofree char *time = cli_time_iso8601 (published->time * G_USEC_PER_SEC);

  json_builder_begin_object (builder);
  json_add_string (builder, "name", published->name);
  json_add_string (builder, "notes", published->notes);
  json_add_string (builder, "path", published->path);
  json_add_int (builder, "version", published->version);
  json_add_string (builder, "publisher", published->publisher);
  json_add_string (builder, "time", time);
  json_builder_end_object (builder);
}

static void
print_line (const PublishedTemplate *published)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (published->time);
  g_autofree char *day = g_date_time_format (time, "%F");

  g_print ("%7u  %-10s  %-12s  %s\n", published->version, day, published->publisher, published->name);
}

static int
run_published (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GPtrArray) list = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  list = published_list ();
  json_builder_begin_array (builder);
  if (!json)
    g_print ("VERSION  PUBLISHED   BY            NAME\n");
  for (guint i = 0; i < list->len; i++)
    if (json)
      add_json (builder, g_ptr_array_index (list, i));
    else
      print_line (g_ptr_array_index (list, i));
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

const Verb verb_template_publish = { "template publish", "TEMPLATE",
                                     "Offer a template's version to all users of this computer",
                                     run_publish };
const Verb verb_template_unpublish = { "template unpublish", "NAME", "Don't offer one any more",
                                       run_unpublish };
const Verb verb_template_published = { "template published", "", "List what is offered to all users",
                                       run_published };
