/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

typedef struct {
  ImageSource source;
  bool keep;
} Commit;

static bool
run_job (const ImageJob *job, gpointer data, GError **error)
{
  const Commit *commit = data;

  return image_commit (&commit->source, commit->keep, job, error);
}

static int
run_commit (const Verb *verb, int argc, char **argv)
{
  gboolean keep = false, progress = false;
  g_autofree char *format = NULL;
  g_auto (CliSecret) secret = { 0 };
  const GOptionEntry entries[] = {
    { "keep", 'k', 0, G_OPTION_ARG_NONE, &keep, "Don't empty the image: it is to be deleted", NULL },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "The image's format (its content tells)", "FORMAT" },
    CLI_SECRET_OPTIONS (&secret, "", "an encrypted image"),
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  Commit commit = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_find_disk (argv[1], &disk, &error))
    return cli_fail (error);
  commit.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  commit.keep = keep;
  if (!cli_unlock (&commit.source, &secret, &error) || !cli_run_task (run_job, &commit, progress, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_commit = { "disk commit", "DISK", "Write what an image holds into its backing file",
                                run_commit };
