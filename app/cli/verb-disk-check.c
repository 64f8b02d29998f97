/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#define MAX_FINDINGS 1000u /* that are kept; all are counted */
#define FEW_FINDINGS 20u   /* that are shown unless asked for more */

typedef struct {
  ImageSource source;
  ImageCheck check;
  const ImageJob *job;
  GPtrArray *findings;
} Check;

static void
on_progress (uint64_t done, uint64_t total, void *data)
{
  const Check *check = data;

  if (check->job->progress != NULL)
    check->job->progress (done, total, check->job->data);
}

static void
on_finding (const char *text, void *data)
{
  Check *check = data;

  if (check->findings->len < MAX_FINDINGS)
    g_ptr_array_add (check->findings, g_strdup (text));
}

static bool
run_check_job (const ImageJob *job, gpointer data, GError **error)
{
  Check *check = data;
  const ImageOptions options = {
    .read_only = !check->check.repair,
    .exclusive_lock = true,
    .format = check->source.format,
    .no_backing = true,
    .lenient = true,
    .secret = check->source.secret,
  };
  g_autoptr (EventLoop) loop = loop_new ("image-check", error);
  g_autoptr (Image) image = loop != NULL ? image_open (loop, check->source.path, &options, error) : NULL;

  check->job = job;
  check->check.cancellable = job->cancellable;
  check->check.progress = on_progress;
  check->check.finding = on_finding;
  check->check.data = check;
  return image != NULL && image_check (image, &check->check, error);
}

static int
status_of (const ImageCheck *check)
{
  if (check->repair && check->repaired >= check->corruptions + check->leaks)
    return EXIT_STATUS_OK;
  if (check->corruptions > 0)
    return DISK_STATUS_DAMAGED;
  return check->leaks > 0 ? DISK_STATUS_LEAKS : EXIT_STATUS_OK;
}

static const char *
plural (uint64_t n)
{
  return n == 1 ? "" : "s";
}

static void
print_text (const Check *check, const char *name, bool all)
{
  const ImageCheck *result = &check->check;
  guint shown = all ? check->findings->len : MIN (check->findings->len, FEW_FINDINGS);

  for (guint i = 0; i < shown; i++)
    g_print ("%s\n", (const char *)g_ptr_array_index (check->findings, i));
  if (shown < result->corruptions + result->leaks && check->findings->len > shown)
    g_print ("… and more (--verbose)\n");
  if (result->corruptions == 0 && result->leaks == 0)
    g_print ("%s is in order.\n", name);
  else
    g_print ("%s: %" G_GUINT64_FORMAT " error%s, %" G_GUINT64_FORMAT " leak%s", name, result->corruptions,
             plural (result->corruptions), result->leaks, plural (result->leaks));
  if ((result->corruptions > 0 || result->leaks > 0) && result->repair)
    g_print ("; %" G_GUINT64_FORMAT " repaired.\n", result->repaired);
  else if (result->corruptions > 0 || result->leaks > 0)
    g_print (". “bonsai disk check --repair” mends what can be mended.\n");
  if (result->total_clusters > 0)
    g_print ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " clusters hold data (%.1f %%), %" G_GUINT64_FORMAT
             " compressed, %" G_GUINT64_FORMAT " out of order.\n",
             result->allocated_clusters, result->total_clusters,
             100.0 * (double)result->allocated_clusters / (double)result->total_clusters,
             result->compressed_clusters, result->fragmented_clusters);
}

static void
print_json (const Check *check)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const ImageCheck *result = &check->check;

  json_builder_begin_object (builder);
  json_add_string (builder, "path", check->source.path);
  json_add_bool (builder, "clean", status_of (result) == EXIT_STATUS_OK);
  json_add_int (builder, "errors", (gint64)result->corruptions);
  json_add_int (builder, "leaks", (gint64)result->leaks);
  json_add_int (builder, "repaired", (gint64)result->repaired);
  json_add_int (builder, "allocated-clusters", (gint64)result->allocated_clusters);
  json_add_int (builder, "total-clusters", (gint64)result->total_clusters);
  json_add_int (builder, "compressed-clusters", (gint64)result->compressed_clusters);
  json_add_int (builder, "fragmented-clusters", (gint64)result->fragmented_clusters);
  json_add_int (builder, "image-end", (gint64)result->image_end);
  json_builder_set_member_name (builder, "findings");
  json_builder_begin_array (builder);
  for (guint i = 0; i < check->findings->len; i++)
    json_builder_add_string_value (builder, g_ptr_array_index (check->findings, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_check (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, repair = false, verbose = false, progress = false;
  g_autofree char *format = NULL;
  g_auto (CliSecret) secret = { 0 };
  const GOptionEntry entries[] = {
    { "repair", 'r', 0, G_OPTION_ARG_NONE, &repair, "Mend what can be mended", NULL },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Show everything that was found", NULL },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "The image's format (its content tells)", "FORMAT" },
    CLI_SECRET_OPTIONS (&secret, "", "an encrypted image"),
    { "progress", 0, 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  g_autoptr (GPtrArray) findings = g_ptr_array_new_with_free_func (g_free);
  Check check = { .findings = findings };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_find_disk (argv[1], &disk, &error))
    return cli_fail (error);
  check.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  check.check.repair = repair;
  if (!cli_read_secret (&secret, NULL, &check.source.secret, &error)
      || !cli_run_task (run_check_job, &check, progress, &error))
    return cli_fail (error);
  if (json)
    print_json (&check);
  else
    print_text (&check, argv[1], verbose);
  return status_of (&check.check);
}

const Verb verb_disk_check = { "disk check", "DISK", "Check that a disk image is sound, and repair it",
                               run_check };
