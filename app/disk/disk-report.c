/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/disk/disk-report.h"

#include <string.h>

char *
disk_size_short (guint64 bytes)
{
  static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  double value = (double)bytes / 1024;
  unsigned unit = 0;

  if (bytes < 1024)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " bytes", bytes);
  while (value >= 1024 && unit + 1 < G_N_ELEMENTS (units))
    {
      value /= 1024;
      unit++;
    }
  if (value == (double)(guint64)value || value >= 100)
    return g_strdup_printf ("%.0f %s", value, units[unit]);
  return g_strdup_printf ("%.*f %s", value >= 10 ? 1 : 2, value, units[unit]);
}

char *
disk_size_text (guint64 bytes)
{
  g_autofree char *rounded = disk_size_short (bytes);

  if (bytes < 1024)
    return g_steal_pointer (&rounded);
  return g_strdup_printf ("%s (%" G_GUINT64_FORMAT " bytes)", rounded, bytes);
}

/* --- for people --- */

#define NAME_WIDTH 18

static void add_line (GString *text, const char *name, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
add_line (GString *text, const char *name, const char *format, ...)
{
  int pad = NAME_WIDTH - (int)g_utf8_strlen (name, -1) - 1;
  va_list args;

  g_string_append_printf (text, "%s:%*s", name, MAX (pad, 1), "");
  va_start (args, format);
  g_string_append_vprintf (text, format, args);
  va_end (args);
  g_string_append_c (text, '\n');
}

static void
add_size (GString *text, const char *name, guint64 bytes)
{
  g_autofree char *size = disk_size_text (bytes);

  add_line (text, name, "%s", size);
}

static void
add_backing (GString *text, const ImageInfo *info)
{
  if (info->backing_path == NULL)
    return;
  add_line (text, "Backing file", "%s", info->backing_path);
  if (info->backing_resolved != NULL && strcmp (info->backing_resolved, info->backing_path) != 0)
    add_line (text, "", "%s", info->backing_resolved);
  add_line (text, "Backing format", "%s",
            info->backing_format != NULL ? info->backing_format : "not recorded");
}

static void
add_snapshots (GString *text, const ImageInfo *info)
{
  for (guint i = 0; info->snapshots != NULL && i < info->snapshots->len; i++)
    {
      const ImageSnapshot *snapshot = g_ptr_array_index (info->snapshots, i);
      g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (snapshot->time);
      g_autofree char *when = time != NULL ? g_date_time_format (time, "%F %T") : g_strdup ("");
      g_autofree char *size = disk_size_short (snapshot->size);
      g_autofree char *state = disk_size_short (snapshot->state_size);

      add_line (text, i == 0 ? "Snapshots" : "", "%s  %s  %s  %s%s%s", snapshot->id, when, size,
                snapshot->name, snapshot->state_size > 0 ? ", with machine state of " : "",
                snapshot->state_size > 0 ? state : "");
    }
}

static const char *
health (const ImageInfo *info)
{
  if (info->corrupt)
    return "marked as damaged: run “bonsai disk check --repair”";
  if (info->dirty)
    return "was not closed: it is repaired when it is next opened for writing";
  return NULL;
}

char *
disk_info_to_text (const ImageInfo *info)
{
  GString *text = g_string_new (NULL);

  add_line (text, "Image", "%s", info->path);
  if (info->subformat != NULL)
    add_line (text, "Format", "%s, %s", info->format, info->subformat);
  else
    add_line (text, "Format", "%s", info->format);
  add_size (text, "Disk size", info->size);
  add_size (text, "Space taken", info->allocated);
  if (info->file_size != info->allocated)
    add_size (text, "File size", info->file_size);
  if (info->cluster_size != 0)
    add_size (text, "Cluster size", info->cluster_size);
  if (info->encrypted)
    add_line (text, "Encrypted", "yes");
  if (health (info) != NULL)
    add_line (text, "State", "%s", health (info));
  for (guint i = 0; info->details != NULL && i + 1 < info->details->len; i += 2)
    add_line (text, g_ptr_array_index (info->details, i), "%s",
              (const char *)g_ptr_array_index (info->details, i + 1));
  add_backing (text, info);
  add_snapshots (text, info);
  return g_string_free (text, FALSE);
}

/* --- for programs --- */

static void
set_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  if (value == NULL)
    json_builder_add_null_value (builder);
  else
    {
      /* Paths are bytes; JSON is UTF-8. */
      g_autofree char *valid = g_utf8_make_valid (value, -1);

      json_builder_add_string_value (builder, valid);
    }
}

static void
set_int (JsonBuilder *builder, const char *name, guint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64)MIN (value, (guint64)G_MAXINT64));
}

static void
set_bool (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
add_snapshots_json (const ImageInfo *info, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "snapshots");
  json_builder_begin_array (builder);
  for (guint i = 0; info->snapshots != NULL && i < info->snapshots->len; i++)
    {
      const ImageSnapshot *snapshot = g_ptr_array_index (info->snapshots, i);

      json_builder_begin_object (builder);
      set_string (builder, "id", snapshot->id);
      set_string (builder, "name", snapshot->name);
      set_int (builder, "size", snapshot->size);
      set_int (builder, "state-size", snapshot->state_size);
      set_int (builder, "time", (guint64)snapshot->time);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

void
disk_info_to_json (const ImageInfo *info, JsonBuilder *builder)
{
  json_builder_begin_object (builder);
  set_string (builder, "path", info->path);
  set_string (builder, "format", info->format);
  set_string (builder, "subformat", info->subformat);
  set_int (builder, "size", info->size);
  set_int (builder, "allocated", info->allocated);
  set_int (builder, "file-size", info->file_size);
  set_int (builder, "cluster-size", info->cluster_size);
  set_bool (builder, "encrypted", info->encrypted);
  set_bool (builder, "dirty", info->dirty);
  set_bool (builder, "corrupt", info->corrupt);
  set_string (builder, "backing-path", info->backing_path);
  set_string (builder, "backing-format", info->backing_format);
  set_string (builder, "backing-resolved", info->backing_resolved);
  add_snapshots_json (info, builder);
  json_builder_set_member_name (builder, "details");
  json_builder_begin_object (builder);
  for (guint i = 0; info->details != NULL && i + 1 < info->details->len; i += 2)
    set_string (builder, g_ptr_array_index (info->details, i), g_ptr_array_index (info->details, i + 1));
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}
