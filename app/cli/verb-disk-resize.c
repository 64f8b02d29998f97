/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include "app/base/error.h"

typedef struct {
  ImageSource source;
  const char *size; /* "20G", or "+20G" */
  bool shrink;
  guint64 before, after;
} Resize;

static bool
resize (Resize *resize, Image *image, GError **error)
{
  bool more = resize->size[0] == '+';
  guint64 size = cli_parse_disk_size (resize->size + more, "SIZE", error);

  if (size == 0)
    return false;
  resize->before = image_size (image);
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
  return resize->after == resize->before || image_resize (image, resize->after, error);
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

  return image != NULL && resize (self, image, error);
}

/* The machine that runs has the image open: it is asked. */
static int
resize_running (const CliDisk *disk, const char *argument, const char *text)
{
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;
  guint64 size = text[0] == '+' ? 0 : cli_parse_disk_size (text, "SIZE", &error);

  if (text[0] == '+')
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 "“%s” is in use: say how large it is to be, not how much is to be added", argument);
  if (size == 0)
    return cli_fail (error);
  bonsai_session_change_disk_async (disk->session, disk->drive, size, NULL, NULL, cli_wait_ready, &wait);
  if (!bonsai_session_change_disk_finish (disk->session, cli_wait (&wait), &error))
    return cli_fail (error);
  g_print ("%s has %s now, and the guest is told.\n", argument, text);
  return EXIT_STATUS_OK;
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
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (!cli_find_disk (argv[1], &disk, &error))
    return cli_fail (error);
  if (disk.session != NULL)
    return resize_running (&disk, argv[1], argv[2]);
  work.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  work.size = argv[2];
  work.shrink = shrink;
  if (!cli_unlock (&work.source, &secret, &error) || !cli_run_task (run_job, &work, false, &error))
    return cli_fail (error);
  after = disk_size_text (work.after);
  g_print ("%s has %s now.\n", argv[1], after);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_resize = { "disk resize", "DISK [+]SIZE",
                                "Make a disk larger, or smaller; also while its machine runs", run_resize };
