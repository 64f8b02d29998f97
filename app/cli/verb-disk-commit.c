/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"
#include "app/snapshot/snapshot-guard.h"

typedef struct {
  ImageSource source;
  bool keep;
  unsigned layer;
} Commit;

/* What layer 1 and so on hold goes down a layer, and the chain gets shorter by one. */
static bool
merge (const Commit *commit, const ImageJob *job, GError **error)
{
  const ImageWork work = { .kind = IMAGE_WORK_MERGE, .layer = commit->layer };
  const ImageOptions options = { .exclusive_lock = true,
                                 .format = commit->source.format,
                                 .secret = commit->source.secret };
  g_autoptr (EventLoop) loop = loop_new ("image-merge", error);
  g_autoptr (Image) image = loop != NULL ? image_open (loop, commit->source.path, &options, error) : NULL;

  return image != NULL && image_work_run (image, &work, job, error);
}

static bool
run_job (const ImageJob *job, gpointer data, GError **error)
{
  const Commit *commit = data;

  if (commit->layer > 0)
    return merge (commit, job, error);
  return image_commit (&commit->source, commit->keep, job, error);
}

static int
run_commit (const Verb *verb, int argc, char **argv)
{
  gboolean keep = false, progress = false;
  int layer = 0;
  g_autofree char *format = NULL;
  g_auto (CliSecret) secret = { 0 };
  const GOptionEntry entries[] = {
    { "keep", 'k', 0, G_OPTION_ARG_NONE, &keep, "Don't empty the image: it is to be deleted", NULL },
    { "layer", 'l', 0, G_OPTION_ARG_INT, &layer,
      "Commit this layer to the one below it, and take it off the chain (0: the image itself)", "N" },
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
  if (layer < 0 || (layer > 0 && keep))
    return cli_usage (verb, "--layer is 0 or more, and goes without --keep");
  if (!cli_find_disk (argv[1], &disk, &error)
      || !snapshot_guard_change (disk.path, MAX (layer, 1), layer + 1, &error)
      || !snapshot_guard_commit (disk.path, (unsigned)layer, &error))
    return cli_fail (error);
  commit.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  commit.keep = keep;
  commit.layer = (unsigned)layer;
  if (disk.session != NULL)
    {
      BonsaiDiskWork work = { .work = layer > 0 ? "merge" : "commit", .layer = (guint)layer };

      return cli_work_on_disk (&disk, &work, progress, &error) ? EXIT_STATUS_OK : cli_fail (error);
    }
  if (!cli_unlock (&commit.source, &secret, &error) || !cli_run_task (run_job, &commit, progress, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_commit = { "disk commit", "DISK", "Write what an image holds into its backing file",
                                run_commit };
