/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/cli/snapshot.h"
#include "app/library/instant-clone.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/snapshot-take.h"
#include "app/snapshot/template.h"
#include "app/vm/vm-note.h"

#define MAX_COUNT 1000

typedef struct {
  CliSnapshots *snapshots;
  const char *folder; /* the library's */
  CloneHow how;
  char *path;
  gint64 begun;  /* monotonic µs */
  guint64 pause; /* ns: for how long the other machine's guest stood */
  bool starts;   /* instant clones run at once */
  char *loan;    /* (nullable): where the machine's memory is lent to them */
} Clone;

static bool
run_task (const ImageJob *job, gpointer data, GError **error)
{
  Clone *clone = data;

  clone->how.job = job;
  clone->path = clone_make (clone->snapshots->bundle, clone->folder, &clone->how, error);
  return clone->path != NULL;
}

/* The snapshot on which the clone is to lie. (transfer full) */
static char *
take_base (Clone *clone, bool progress, GError **error)
{
  CliSnapshots *snapshots = clone->snapshots;
  g_autofree char *name = g_strdup_printf ("For %s", clone->how.name);
  const SnapshotTake what = { .name = name };
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;
  char *id = NULL;

  if (snapshots->machine.session == NULL)
    return snapshot_take (snapshots->bundle, &what, error);
  g_variant_dict_insert (&arguments, "name", "s", name);
  result = cli_ask_for_change (snapshots, clone->how.instant && clone->starts ? "lend" : "take", &arguments,
                               progress, error);
  if (result != NULL)
    {
      g_variant_lookup (result, "id", "s", &id);
      g_variant_lookup (result, "pause", "t", &clone->pause);
      g_variant_lookup (result, "loan", "s", &clone->loan);
    }
  return id;
}

/* @wanted: (nullable): a snapshot. False with @error set. *@id: (nullable): NULL: the machine as it is. */
static bool
choose_node (Clone *clone, const char *wanted, bool progress, char **id, GError **error)
{
  CliSnapshots *snapshots = clone->snapshots;
  const SnapshotNode *node = wanted != NULL ? snapshot_tree_find (snapshots->tree, wanted, error) : NULL;

  if (wanted != NULL)
    *id = node != NULL ? g_strdup (node->id) : NULL;
  else if (snapshots->tree->template_state == VM_TEMPLATE_SEALED)
    {
      node = template_find_version (snapshots->tree, 0, error);
      *id = node != NULL ? g_strdup (node->id) : NULL;
    }
  else if (clone->how.instant && snapshots->machine.session == NULL)
    g_set_error (
      error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING,
      "“%s” is not running, so that there is nothing that a clone could go on with; name a snapshot of it "
      "with memory (--snapshot)",
      snapshots->name);
  else if (clone->how.linked || snapshots->machine.session != NULL)
    *id = take_base (clone, progress, error);
  else
    return true;
  return *id != NULL;
}

/* --- instant clones --- */

static void
print_instant (const Clone *clone, GPtrArray *made, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_add_string (builder, "snapshot", clone->how.node);
  if (clone->pause > 0)
    json_add_int (builder, "pause", (gint64)clone->pause);
  json_builder_set_member_name (builder, "clones");
  json_builder_begin_array (builder);
  for (guint i = 0; i < made->len; i++)
    {
      const InstantCloneMade *one = g_ptr_array_index (made, i);
      const char *name = bonsai_vm_get_name (one->vm), *path = bonsai_vm_get_path (one->vm);
      gint64 time = one->time > 0 ? one->time - clone->begun : 0;

      if (!json && time > 0)
        g_print ("“%s” runs, after %.0f ms: %s\n", name, (double)time / 1e3, path);
      else if (!json)
        g_print ("“%s” is made: %s\n", name, path);
      json_builder_begin_object (builder);
      json_add_string (builder, "name", name);
      json_add_string (builder, "uuid", bonsai_vm_get_uuid (one->vm));
      json_add_string (builder, "path", path);
      if (time > 0)
        json_add_int (builder, "time", time * 1000);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  if (json)
    cli_print_json (builder);
  else if (clone->pause > 0)
    g_print ("The guest of “%s” stood for %.1f ms.\n", clone->snapshots->name, (double)clone->pause / 1e6);
}

static int
clone_instantly (Clone *clone, InstantClone *how, bool json)
{
  CliMachine *machine = &clone->snapshots->machine;
  g_autoptr (GPtrArray) made = NULL;
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;

  how->node = clone->how.node;
  how->loan = clone->loan;
  how->name = clone->how.name;
  how->hook = clone->how.hook;
  bonsai_library_clone_instantly_async (machine->library, machine->vm, how, NULL, cli_wait_ready, &wait);
  made = bonsai_library_clone_instantly_finish (machine->library, cli_wait (&wait), &error);
  bonsai_vm_note (machine->vm, "clone", how->name, NULL, error);
  if (made == NULL)
    return cli_fail (error);
  print_instant (clone, made, json);
  return EXIT_STATUS_OK;
}

/* --- the verb --- */

static void
print (const Clone *clone, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("“%s” is made: %s\n", clone->how.name, clone->path);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "name", clone->how.name);
  json_add_string (builder, "path", clone->path);
  json_add_string (builder, "snapshot", clone->how.node);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

/* Options of instant clones that others can't have. */
static bool
check_options (const Verb *verb, bool instant, bool linked, bool others, int count, int *status)
{
  *status = EXIT_STATUS_OK;
  if (instant && linked)
    *status = cli_usage (verb, "an instant clone is a linked one: --linked isn't needed");
  else if (!instant && others)
    *status =
      cli_usage (verb, "--hook, --count, --headless and --no-start are for instant clones (--instant)");
  else if (count < 1 || count > MAX_COUNT)
    *status = cli_usage (verb, "--count must be 1 to %d", MAX_COUNT);
  return *status == EXIT_STATUS_OK;
}

static int
run_clone (const Verb *verb, int argc, char **argv)
{
  gboolean linked = false, instant = false, headless = false, no_start = false, json = false,
           progress = false;
  g_autofree char *wanted = NULL, *hook = NULL, *id = NULL, *name = NULL, *folder = NULL, *path = NULL,
                  *loan = NULL;
  int count = 1, status;
  const GOptionEntry entries[] = {
    { "linked", 'l', 0, G_OPTION_ARG_NONE, &linked,
      "Its disks lie on the machine's: at once, and without room", NULL },
    { "instant", 'i', 0, G_OPTION_ARG_NONE, &instant,
      "The same, and it goes on from where the machine's guest is, beside it", NULL },
    { "snapshot", 's', 0, G_OPTION_ARG_STRING, &wanted, "It begins as this one (as the machine is now)",
      "SNAPSHOT" },
    { "hook", 0, 0, G_OPTION_ARG_STRING, &hook, "What an instant clone's guest runs in its shell, at first",
      "COMMAND" },
    { "count", 'n', 0, G_OPTION_ARG_INT, &count, "So many instant clones (1)", "N" },
    { "headless", 0, 0, G_OPTION_ARG_NONE, &headless, "Instant clones have no console window", NULL },
    { "no-start", 0, 0, G_OPTION_ARG_NONE, &no_start, "Instant clones go on when they are started", NULL },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  Clone clone = { .snapshots = &snapshots, .begun = g_get_monotonic_time () };
  GError *error = NULL;
  bool open, done;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status)
      || !check_options (verb, instant, linked, hook != NULL || count != 1 || headless || no_start, count,
                         &status))
    return status;
  /* What exists already needs no lock: the machine may run. */
  open = wanted != NULL ? cli_open_snapshots (argv[1], &snapshots, &error)
                        : cli_open_snapshots_to_change (argv[1], &snapshots, &error);
  if (!open)
    return cli_fail (error);
  name = bonsai_library_unused_name (snapshots.machine.library, argv[2]);
  folder = g_strdup (bonsai_library_get_folder (snapshots.machine.library));
  clone.folder = folder;
  clone.how = (CloneHow){ .name = name, .linked = linked || instant, .instant = instant, .hook = hook };
  clone.starts = !no_start;
  if (!choose_node (&clone, wanted, progress, &id, &error))
    return cli_fail (error);
  loan = clone.loan;
  clone.how.node = id;
  if (instant)
    return clone_instantly (
      &clone,
      &(InstantClone){ .count = (unsigned)count,
                       .start = !no_start,
                       .flags = headless ? BONSAI_START_HEADLESS : BONSAI_START_DEFAULT },
      json);
  done = cli_run_task (run_task, &clone, progress, &error);
  bonsai_vm_note (snapshots.machine.vm, "clone", name, NULL, error);
  if (!done)
    return cli_fail (error);
  path = clone.path;
  cli_tell_desktop (snapshots.machine.library);
  print (&clone, json);
  return EXIT_STATUS_OK;
}

const Verb verb_clone = { "clone", "MACHINE NAME", "Make a new machine of one that there is", run_clone };
