/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"
#include "app/snapshot/snapshot-guard.h"

typedef struct {
  ImageSource source;
  ImageRebase how;
} Rebase;

static bool
run_job (const ImageJob *job, gpointer data, GError **error)
{
  const Rebase *rebase = data;

  return image_rebase (&rebase->source, &rebase->how, job, error);
}

static int
run_rebase (const Verb *verb, int argc, char **argv)
{
  gboolean unsafe = false, none = false, progress = false;
  g_autofree char *format = NULL, *backing = NULL, *backing_format = NULL;
  g_auto (CliSecret) secret = { 0 };
  const GOptionEntry entries[] = {
    { "backing", 'b', 0, G_OPTION_ARG_FILENAME, &backing, "The new backing file, as the image is to name it",
      "FILE" },
    { "backing-format", 'F', 0, G_OPTION_ARG_STRING, &backing_format, "The new backing file's format",
      "FORMAT" },
    { "no-backing", 0, 0, G_OPTION_ARG_NONE, &none,
      "No backing file: the image holds all by itself (flatten)", NULL },
    { "unsafe", 'u', 0, G_OPTION_ARG_NONE, &unsafe, "Change the name only, even if the content changes by it",
      NULL },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "The image's format (its content tells)", "FORMAT" },
    CLI_SECRET_OPTIONS (&secret, "", "an encrypted image"),
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  Rebase rebase = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if ((backing != NULL) == (none != false))
    return cli_usage (verb, "say either --backing FILE or --no-backing");
  if (!cli_find_disk (argv[1], &disk, &error) || !snapshot_guard_change (disk.path, 0, 0, &error))
    return cli_fail (error);
  rebase.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  rebase.how.backing_path = backing;
  rebase.how.unsafe = unsafe;
  if (backing != NULL)
    rebase.how.backing_format = backing_format != NULL ? backing_format : cli_format_of_name (backing);
  if (disk.session != NULL)
    {
      BonsaiDiskWork work = { .work = none ? "flatten" : "rebase",
                              .backing_path = backing,
                              .backing_format = rebase.how.backing_format };

      if (unsafe)
        return cli_usage (verb, "--unsafe is not for a machine that runs");
      return cli_work_on_disk (&disk, &work, progress, &error) ? EXIT_STATUS_OK : cli_fail (error);
    }
  if (!cli_unlock (&rebase.source, &secret, &error) || !cli_run_task (run_job, &rebase, progress, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_rebase = { "disk rebase", "DISK", "Put an image on another backing file, or on none",
                                run_rebase };
