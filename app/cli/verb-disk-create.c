/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include "app/base/error.h"

typedef struct {
  CliNewImage new;
  CliSecret secret;
  char *backing, *backing_format;
  gboolean encrypt, json;
} Options;

static void
options_clear (Options *options)
{
  cli_new_image_clear (&options->new);
  cli_secret_clear (&options->secret);
  g_free (options->backing);
  g_free (options->backing_format);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static bool
create (Options *options, const char *path, const char *size, GError **error)
{
  ImageCreateOptions create = { .backing_path = options->backing, .backing_format = options->backing_format };

  if (options->backing_format == NULL && options->backing != NULL)
    create.backing_format = cli_format_of_name (options->backing);
  if (size != NULL && (create.size = cli_parse_disk_size (size, "SIZE", error)) == 0)
    return false;
  return cli_new_image (&options->new, path, &create, error)
         && cli_read_new_secret (&options->secret, options->encrypt ? "Passphrase for the new disk" : NULL,
                                 &create.secret, error)
         && image_create (path, &create, error);
}

static int
print_made (const char *path, bool json)
{
  g_autoptr (EventLoop) loop = NULL;
  g_autoptr (Image) image = NULL;
  g_autoptr (ImageInfo) info = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *size = NULL;
  GError *error = NULL;
  const ImageOptions look = { .read_only = true, .no_backing = true, .lenient = true };

  loop = loop_new ("image-look", &error);
  image = loop != NULL ? image_open (loop, path, &look, &error) : NULL;
  if (image == NULL)
    return cli_fail (error);
  info = image_info (image, 0);
  size = disk_size_text (info->size);
  if (json)
    {
      disk_info_to_json (info, builder);
      cli_print_json (builder);
    }
  else
    g_print ("%s is made: %s, %s\n", path, info->format, size);
  return EXIT_STATUS_OK;
}

static int
run_create (const Verb *verb, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  int status;
  const GOptionEntry entries[] = {
    CLI_NEW_IMAGE_OPTIONS (&options.new),
    { "backing", 'b', 0, G_OPTION_ARG_FILENAME, &options.backing,
      "What the new disk does not hold yet comes from this image", "FILE" },
    { "backing-format", 'F', 0, G_OPTION_ARG_STRING, &options.backing_format, "The backing file's format",
      "FORMAT" },
    { "encrypt", 0, 0, G_OPTION_ARG_NONE, &options.encrypt, "Ask for a passphrase to encrypt with (LUKS)",
      NULL },
    CLI_SECRET_OPTIONS (&options.secret, "", "the new, encrypted disk"),
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 2, &status))
    return status;
  if (argc < 3 && options.backing == NULL)
    return cli_usage (verb, "a new disk needs a size, or a backing file");
  if (!create (&options, argv[1], argc > 2 ? argv[2] : NULL, &error))
    return cli_fail (error);
  return print_made (argv[1], options.json);
}

const Verb verb_disk_create = { "disk create", "FILE [SIZE]", "Make a new, empty disk image", run_create };
