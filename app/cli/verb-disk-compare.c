/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

typedef struct {
  ImageSource source[2];
  bool strict;
  ImageCompared compared;
} Compare;

static bool
run_job (const ImageJob *job, gpointer data, GError **error)
{
  Compare *compare = data;

  return image_compare (&compare->source[0], &compare->source[1], compare->strict, job, &compare->compared,
                        error);
}

static const char *
name_of (ImageDifference difference)
{
  static const char *const names[] = {
    [IMAGE_SAME] = "none",
    [IMAGE_SIZE_DIFFERS] = "size",
    [IMAGE_CONTENT_DIFFERS] = "content",
    [IMAGE_ALLOCATION_DIFFERS] = "allocation",
  };

  return names[difference];
}

static void
print_text (const ImageCompared *compared)
{
  g_autofree char *a = disk_size_text (compared->size[0]), *b = disk_size_text (compared->size[1]);

  switch (compared->difference)
    {
    case IMAGE_SAME:
      g_print ("The disks hold the same%s.\n", compared->size[0] != compared->size[1]
                                                 ? "; what the larger one has beyond the other is zero"
                                                 : "");
      break;
    case IMAGE_SIZE_DIFFERS:
      g_print ("The disks differ in size: %s, %s.\n", a, b);
      break;
    case IMAGE_CONTENT_DIFFERS:
      g_print ("The disks differ first at byte %" G_GUINT64_FORMAT " (0x%" G_GINT64_MODIFIER "x).\n",
               compared->offset, compared->offset);
      break;
    case IMAGE_ALLOCATION_DIFFERS:
      g_print ("At byte %" G_GUINT64_FORMAT " one disk has data, the other a hole.\n", compared->offset);
      break;
    }
}

static void
print_json (const ImageCompared *compared)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_add_bool (builder, "same", compared->difference == IMAGE_SAME);
  json_add_string (builder, "difference", name_of (compared->difference));
  if (compared->difference != IMAGE_SAME)
    json_add_int (builder, "offset", (gint64)compared->offset);
  json_builder_set_member_name (builder, "sizes");
  json_builder_begin_array (builder);
  json_builder_add_int_value (builder, (gint64)compared->size[0]);
  json_builder_add_int_value (builder, (gint64)compared->size[1]);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

/* As cmp(1): above 1 is trouble, of whatever kind. */
static int
fail (GError *error)
{
  cli_fail (error);
  return EXIT_STATUS_USAGE;
}

static int
run_compare (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, strict = false, progress = false;
  g_autofree char *format_a = NULL, *format_b = NULL;
  g_auto (CliSecret) secret_a = { 0 }, secret_b = { 0 };
  const GOptionEntry entries[] = {
    { "strict", 's', 0, G_OPTION_ARG_NONE, &strict, "Sizes and holes must be the same, too", NULL },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_a, "The first image's format (its content tells)",
      "FORMAT" },
    { "second-format", 'F', 0, G_OPTION_ARG_STRING, &format_b, "The second image's format", "FORMAT" },
    CLI_SECRET_OPTIONS (&secret_a, "", "the first image"),
    CLI_SECRET_OPTIONS (&secret_b, "second-", "the second image"),
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) a = { 0 }, b = { 0 };
  Compare compare = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (!cli_find_disk (argv[1], &a, &error) || !cli_find_disk (argv[2], &b, &error))
    return fail (error);
  compare.strict = strict;
  compare.source[0] = (ImageSource){ .path = a.path, .format = format_a != NULL ? format_a : a.format };
  compare.source[1] = (ImageSource){ .path = b.path, .format = format_b != NULL ? format_b : b.format };
  if (!cli_unlock (&compare.source[0], &secret_a, &error)
      || !cli_unlock (&compare.source[1], &secret_b, &error)
      || !cli_run_task (run_job, &compare, progress, &error))
    return fail (error);
  if (json)
    print_json (&compare.compared);
  else
    print_text (&compare.compared);
  return compare.compared.difference == IMAGE_SAME ? EXIT_STATUS_OK : DISK_STATUS_DIFFERENT;
}

const Verb verb_disk_compare = { "disk compare", "DISK DISK",
                                 "Say whether two disks hold the same, and where not", run_compare };
