/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/snapshot/snapshot-passphrase.h"

typedef struct {
  ImageSource source;
  const ImageSecret *old_secret, *new_secret; /* (nullable) */
} Change;

static bool
run_change_job (const ImageJob *job, gpointer data, GError **error)
{
  const Change *change = data;
  g_autoptr (ImageKeys) keys = image_keys_new ();
  const ImageOptions options = {
    .exclusive_lock = true,
    .format = change->source.format,
    .no_backing = true,
    .secret = change->source.secret,
    .keys = keys,
  };
  g_autoptr (EventLoop) loop = loop_new ("image-passphrase", error);
  g_autoptr (Image) image = loop != NULL ? image_open (loop, change->source.path, &options, error) : NULL;

  return image != NULL && image_change_secret (image, change->old_secret, change->new_secret, 0, keys, error)
         && snapshot_spread_passphrases (change->source.path, image, error);
}

static int
run_passphrase (const Verb *verb, int argc, char **argv)
{
  g_autofree char *format = NULL;
  g_auto (CliSecret) secret = { 0 }, new_secret = { 0 };
  const GOptionEntry entries[] = {
    CLI_SECRET_OPTIONS (&secret, "", "the disk as it is"),
    CLI_SECRET_OPTIONS (&new_secret, "new-", "the disk to be added, or to take the old one's place"),
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "The image's format (its content tells)", "FORMAT" },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  Change change = { 0 };
  GError *error = NULL;
  bool add, remove;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  add = g_str_equal (argv[1], "add");
  remove = g_str_equal (argv[1], "remove");
  if (!add && !remove && !g_str_equal (argv[1], "change"))
    return cli_usage (verb, "“%s” is none of add, change and remove", argv[1]);
  if (!cli_find_disk (argv[2], &disk, &error) || !snapshot_guard_change (disk.path, 0, 0, &error))
    return cli_fail (error);
  change.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  if (!cli_unlock (&change.source, &secret, &error)
      || (!remove && !cli_read_new_secret (&new_secret, "The new passphrase", &change.new_secret, &error)))
    return cli_fail (error);
  if (!add)
    change.old_secret = change.source.secret;
  if (change.old_secret == NULL && change.new_secret == NULL)
    return cli_usage (verb, "%s is not encrypted", argv[2]);
  if (!cli_run_task (run_change_job, &change, false, &error))
    return cli_fail (error);
  g_print ("%s: the passphrase is %s.\n", argv[2], add ? "added" : remove ? "removed" : "changed");
  return EXIT_STATUS_OK;
}

const Verb verb_disk_passphrase = { "disk passphrase", "add|change|remove DISK",
                                    "Change what opens an encrypted disk", run_passphrase };
