/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

static void
print_json (Image *image, unsigned n_layers, bool chain)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (chain)
    json_builder_begin_array (builder);
  for (unsigned i = 0; i < n_layers; i++)
    {
      g_autoptr (ImageInfo) info = image_info (image, i);

      disk_info_to_json (info, builder);
    }
  if (chain)
    json_builder_end_array (builder);
  cli_print_json (builder);
}

static int
run_info (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, chain = false;
  g_autofree char *format = NULL;
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "The image's format (its content tells)", "FORMAT" },
    { "chain", 0, 0, G_OPTION_ARG_NONE, &chain, "The backing files, too", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  g_autoptr (EventLoop) loop = NULL;
  g_autoptr (Image) image = NULL;
  ImageOptions options = { .read_only = true, .lenient = true };
  GError *error = NULL;
  unsigned n;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_find_disk (argv[1], &disk, &error) || (loop = loop_new ("image-info", &error)) == NULL)
    return cli_fail (error);
  /* No lock: what a machine has open can be looked at. */
  options.format = format != NULL ? format : disk.format;
  options.no_backing = !chain;
  image = image_open (loop, disk.path, &options, &error);
  if (image == NULL)
    return cli_fail (error);

  n = chain ? image_n_layers (image) : 1;
  if (json)
    print_json (image, n, chain);
  for (unsigned i = 0; i < n && !json; i++)
    {
      g_autoptr (ImageInfo) info = image_info (image, i);
      g_autofree char *text = disk_info_to_text (info);

      g_print ("%s%s", i > 0 ? "\n" : "", text);
    }
  return EXIT_STATUS_OK;
}

const Verb verb_disk_info = { "disk info", "DISK", "Show what a disk image is", run_info };
