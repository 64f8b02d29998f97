/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-guard.h"

typedef struct {
  ImageSource source;
  const char *size; /* "20G", or "+20G" */
  bool shrink;
  guint64 before, after;
} Resize;

/* Reads what is meant by the size, given what it is now. */
static bool
choose_size (Resize *resize, guint64 before, GError **error)
{
  bool more = resize->size[0] == '+';
  guint64 size = cli_parse_disk_size (resize->size + more, "SIZE", error);

  if (size == 0)
    return false;
  resize->before = before;
  resize->after = more ? resize->before + size : size;
  if (resize->after < resize->before && !resize->shrink)
    {
      g_autofree char *now = disk_size_text (resize->before);

      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
        "“%s” has %s now: what lies beyond the new end would be lost; say --shrink if that is meant",
        resize->source.path, now);
      return false;
    }
  return true;
}

/* The machine that runs has the image open: it is asked. */
static bool
resize_running (Resize *resize, const CliDisk *disk, GError **error)
{
  const ImageOptions look = {
    .read_only = true, .format = resize->source.format, .no_backing = true, .lenient = true
  };
  g_autoptr (EventLoop) loop = loop_new ("image-look", error);
  g_autoptr (Image) image = loop != NULL ? image_open (loop, resize->source.path, &look, error) : NULL;
  g_auto (CliWait) wait = { 0 };

  if (image == NULL || !choose_size (resize, image_size (image), error))
    return false;
  bonsai_session_change_disk_async (disk->session, disk->drive, resize->after, NULL, NULL, cli_wait_ready,
                                    &wait);
  return bonsai_session_change_disk_finish (disk->session, cli_wait (&wait), error);
}

static bool
run_job (const ImageJob *job, gpointer data, GError **error)
{
  Resize *self = data;
  const ImageOptions options = { .exclusive_lock = true,
                                 .format = self->source.format,
                                 .secret = self->source.secret };
  g_autoptr (EventLoop) loop = loop_new ("image-resize", error);
  g_autoptr (Image) image = loop != NULL ? image_open (loop, self->source.path, &options, error) : NULL;

  return image != NULL && choose_size (self, image_size (image), error)
         && (self->after == self->before || image_resize (image, self->after, error));
}

static int
run_resize (const Verb *verb, int argc, char **argv)
{
  gboolean shrink = false;
  g_autofree char *format = NULL;
  g_auto (CliSecret) secret = { 0 };
  const GOptionEntry entries[] = {
    { "shrink", 0, 0, G_OPTION_ARG_NONE, &shrink, "Make it smaller: what lies beyond is lost", NULL },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "The image's format (its content tells)", "FORMAT" },
    CLI_SECRET_OPTIONS (&secret, "", "an encrypted image"),
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  g_autofree char *after = NULL;
  Resize work = { .shrink = false };
  GError *error = NULL;
  bool done;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (!cli_find_disk (argv[1], &disk, &error) || !snapshot_guard_change (disk.path, 0, 0, &error))
    return cli_fail (error);
  work.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  work.size = argv[2];
  work.shrink = shrink;
  done = disk.session != NULL
           ? resize_running (&work, &disk, &error)
           : cli_unlock (&work.source, &secret, &error) && cli_run_task (run_job, &work, false, &error);
  if (!done)
    return cli_fail (error);
  after = disk_size_text (work.after);
  g_print ("%s has %s now.\n", argv[1], after);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_resize = { "disk resize", "DISK [+]SIZE",
                                "Make a disk larger, or smaller; also while its machine runs", run_resize };
