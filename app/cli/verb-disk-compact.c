/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"
#include "app/snapshot/snapshot-guard.h"

typedef struct {
  ImageSource source;
  ImageCompacted compacted;
} Compact;

static bool
run_job (const ImageJob *job, gpointer data, GError **error)
{
  Compact *compact = data;

  return image_compact (&compact->source, job, &compact->compacted, error);
}

static void
print_text (const char *name, const ImageCompacted *result)
{
  g_autofree char *before = disk_size_short (result->before), *after = disk_size_short (result->after);

  if (result->after < result->before)
    g_print ("%s takes %s now, %s before.\n", name, after, before);
  else
    g_print ("%s has nothing to give back; it takes %s.\n", name, after);
}

static void
print_json (const char *path, const ImageCompacted *result)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_add_string (builder, "path", path);
  json_add_int (builder, "before", (gint64)result->before);
  json_add_int (builder, "after", (gint64)result->after);
  json_add_bool (builder, "rewritten", result->rewritten);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_compact (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, progress = false;
  g_autofree char *format = NULL;
  g_auto (CliSecret) secret = { 0 };
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "The image's format (its content tells)", "FORMAT" },
    CLI_SECRET_OPTIONS (&secret, "", "an encrypted image"),
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  Compact compact = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_find_disk (argv[1], &disk, &error) || !snapshot_guard_change (disk.path, 0, 0, &error))
    return cli_fail (error);
  compact.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  if (!cli_unlock (&compact.source, &secret, &error) || !cli_run_task (run_job, &compact, progress, &error))
    return cli_fail (error);
  if (json)
    print_json (disk.path, &compact.compacted);
  else
    print_text (argv[1], &compact.compacted);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_compact = { "disk compact", "DISK", "Give back the space of what holds only zeroes",
                                 run_compact };
