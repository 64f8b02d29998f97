/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

typedef struct {
  ImageSource source;
  bool top;
  GArray *extents; /* of ImageExtent; @path belongs to @paths */
  GStringChunk *paths;
} Map;

static void
on_extent (const ImageExtent *extent, void *data)
{
  Map *map = data;
  ImageExtent copy = *extent;

  if (copy.path != NULL)
    copy.path = g_string_chunk_insert_const (map->paths, copy.path);
  g_array_append_val (map->extents, copy);
}

static bool
run_job (const ImageJob *job, gpointer data, GError **error)
{
  Map *map = data;

  return image_map (&map->source, map->top, on_extent, map, job, error);
}

static const char *
kind_of (const ImageExtent *extent)
{
  if (!extent->data)
    return extent->path != NULL ? "zeroes" : "hole";
  return extent->encoded ? "encoded" : "data";
}

static void
print_text (const Map *map)
{
  g_print ("%16s  %16s  %-7s  %5s  %16s  %s\n", "OFFSET", "LENGTH", "KIND", "LAYER", "AT", "IN");
  for (guint i = 0; i < map->extents->len; i++)
    {
      const ImageExtent *extent = &g_array_index (map->extents, ImageExtent, i);
      g_autofree char *at = extent->host_offset != UINT64_MAX && extent->data
                              ? g_strdup_printf ("%#" G_GINT64_MODIFIER "x", extent->host_offset)
                              : g_strdup ("-");
      g_autofree char *layer = extent->path != NULL ? g_strdup_printf ("%u", extent->depth) : g_strdup ("-");

      g_print ("%#16" G_GINT64_MODIFIER "x  %#16" G_GINT64_MODIFIER "x  %-7s  %5s  %16s  %s\n",
               extent->offset, extent->length, kind_of (extent), layer, at,
               extent->path != NULL ? extent->path : "-");
    }
}

static void
print_json (const Map *map)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < map->extents->len; i++)
    {
      const ImageExtent *extent = &g_array_index (map->extents, ImageExtent, i);
      g_autofree char *path = extent->path != NULL ? g_utf8_make_valid (extent->path, -1) : NULL;

      json_builder_begin_object (builder);
      json_add_int (builder, "offset", (gint64)extent->offset);
      json_add_int (builder, "length", (gint64)extent->length);
      json_add_string (builder, "kind", kind_of (extent));
      json_add_bool (builder, "data", extent->data);
      json_add_int (builder, "layer", extent->depth);
      json_add_string (builder, "path", path);
      if (extent->data && extent->host_offset != UINT64_MAX)
        json_add_int (builder, "at", (gint64)extent->host_offset);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  cli_print_json (builder);
}

static int
run_map (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, top = false;
  g_autofree char *format = NULL;
  g_auto (CliSecret) secret = { 0 };
  const GOptionEntry entries[] = {
    { "top", 't', 0, G_OPTION_ARG_NONE, &top, "Without the backing files", NULL },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "The image's format (its content tells)", "FORMAT" },
    CLI_SECRET_OPTIONS (&secret, "", "an encrypted image"),
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  Map map = { 0 };
  GError *error = NULL;
  bool done;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_find_disk (argv[1], &disk, &error))
    return cli_fail (error);
  map.source = (ImageSource){ .path = disk.path, .format = format != NULL ? format : disk.format };
  map.top = top;
  map.extents = g_array_new (false, false, sizeof (ImageExtent));
  map.paths = g_string_chunk_new (4096);
  done = cli_unlock (&map.source, &secret, &error) && cli_run_task (run_job, &map, false, &error);
  if (done && json)
    print_json (&map);
  else if (done)
    print_text (&map);
  g_array_unref (map.extents);
  g_string_chunk_free (map.paths);
  return done ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_disk_map = { "disk map", "DISK", "Show where a disk's data lies", run_map };
