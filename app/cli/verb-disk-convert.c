/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-guard.h"

typedef struct {
  CliNewImage new;
  CliSecret secret, target_secret;
  char *source_format;
  gboolean compress, no_verify, replace, existing, encrypt, progress, json;

  ImageSource source;
  const char *target;
  ImageConvert how;
  ImageConverted converted;
} Convert;

static void
convert_clear (Convert *convert)
{
  cli_new_image_clear (&convert->new);
  cli_secret_clear (&convert->secret);
  cli_secret_clear (&convert->target_secret);
  g_free (convert->source_format);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Convert, convert_clear)

static bool
run_job (const ImageJob *job, gpointer data, GError **error)
{
  Convert *convert = data;

  return image_convert (&convert->source, convert->target, &convert->how, job, &convert->converted, error);
}

static bool
convert_image (Convert *convert, const char *source, const char *target, GError **error)
{
  g_auto (CliDisk) from = { 0 };
  ImageConvert *how = &convert->how;
  gint64 begun = g_get_monotonic_time ();

  if (!cli_find_disk (source, &from, error) || !snapshot_guard_copy (from.path, target, error)
      || !snapshot_guard_change (target, 0, 0, error))
    return false;
  convert->source.path = from.path;
  convert->source.format = convert->source_format != NULL ? convert->source_format : from.format;
  convert->target = target;
  how->compress = convert->compress;
  how->verify = !convert->no_verify;
  how->replace = convert->replace;
  how->existing = convert->existing;
  if (!cli_new_image (&convert->new, target, &how->create, error)
      || !cli_unlock (&convert->source, &convert->secret, error)
      || !cli_read_new_secret (&convert->target_secret,
                               convert->encrypt ? "Passphrase for the new disk" : NULL, &how->create.secret,
                               error)
      || !cli_run_task (run_job, convert, convert->progress, error))
    return false;
  g_debug ("converted in %.3f s", (double)(g_get_monotonic_time () - begun) / G_USEC_PER_SEC);
  return true;
}

static void
print_result (const Convert *convert)
{
  const ImageConverted *result = &convert->converted;
  g_autofree char *copied = disk_size_short (result->copied), *zeroes = disk_size_short (result->zeroes);
  g_autofree char *cloned = disk_size_short (result->cloned);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!convert->json)
    {
      g_print ("%s is written%s: %s copied, %s%s%s are holes.\n", convert->target,
               convert->how.verify ? " and verified" : "", copied, result->cloned > 0 ? cloned : "",
               result->cloned > 0 ? " shared with the source, " : "", zeroes);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "path", convert->target);
  json_add_string (builder, "format", convert->how.create.format);
  json_add_int (builder, "copied", (gint64)result->copied);
  json_add_int (builder, "shared", (gint64)result->cloned);
  json_add_int (builder, "zeroes", (gint64)result->zeroes);
  json_add_bool (builder, "verified", convert->how.verify);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_convert (const Verb *verb, int argc, char **argv)
{
  g_auto (Convert) convert = { 0 };
  const GOptionEntry entries[] = {
    CLI_NEW_IMAGE_OPTIONS (&convert.new),
    { "source-format", 'F', 0, G_OPTION_ARG_STRING, &convert.source_format,
      "The source's format (its content tells)", "FORMAT" },
    { "compress", 'c', 0, G_OPTION_ARG_NONE, &convert.compress, "Compress (qcow2, vmdk)", NULL },
    { "no-verify", 0, 0, G_OPTION_ARG_NONE, &convert.no_verify, "Don't read back and compare", NULL },
    { "replace", 0, 0, G_OPTION_ARG_NONE, &convert.replace,
      "Replace TARGET if it exists, once the new image is complete", NULL },
    { "existing", 'n', 0, G_OPTION_ARG_NONE, &convert.existing,
      "TARGET is there: overwrite a block device's, an export's or an image's content", NULL },
    CLI_SECRET_OPTIONS (&convert.secret, "", "an encrypted source"),
    { "encrypt", 0, 0, G_OPTION_ARG_NONE, &convert.encrypt, "Ask for a passphrase to encrypt the target with",
      NULL },
    CLI_SECRET_OPTIONS (&convert.target_secret, "target-", "an encrypted target"),
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &convert.progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &convert.json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (convert.existing && (convert.compress || convert.replace))
    return cli_usage (verb, "--existing goes neither with --compress nor with --replace");
  if (!convert_image (&convert, argv[1], argv[2], &error))
    return cli_fail (error);
  print_result (&convert);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_convert = { "disk convert", "DISK TARGET", "Copy a disk into another format",
                                 run_convert };
