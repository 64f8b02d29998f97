/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-diff.h"

#include "app/base/error.h"

/* D-Bus knows no absent values: what isn't there is an empty string, which is no JSON. */
#define SETTINGS "a(sss)"
#define DISKS    "a(sbbttba(tt))"

/* --- to a message --- */

static const char *
or_empty (const char *text)
{
  return text != NULL ? text : "";
}

static GVariant *
pack_settings (const SnapshotDiff *diff)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE (SETTINGS));

  for (guint i = 0; i < diff->settings->len; i++)
    {
      const SnapshotSetting *setting = g_ptr_array_index (diff->settings, i);

      g_variant_builder_add (&builder, "(sss)", setting->member, or_empty (setting->from),
                             or_empty (setting->to));
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
pack_disks (const SnapshotDiff *diff)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE (DISKS));

  for (guint i = 0; i < diff->disks->len; i++)
    {
      const SnapshotDiskDiff *disk = g_ptr_array_index (diff->disks, i);

      g_variant_builder_add (&builder, "(sbbttb@a(tt))", disk->id, disk->in_from, disk->in_to,
                             disk->from_size, disk->to_size, disk->known,
                             g_variant_new_fixed_array (G_VARIANT_TYPE ("(tt)"), disk->extents->data,
                                                        disk->extents->len, sizeof (SnapshotExtent)));
    }
  return g_variant_builder_end (&builder);
}

void
snapshot_diff_pack (const SnapshotDiff *diff, GVariantDict *result)
{
  g_variant_dict_insert_value (result, "settings", pack_settings (diff));
  g_variant_dict_insert_value (result, "disks", pack_disks (diff));
  if (diff->memory_known)
    g_variant_dict_insert (result, "memory", "t", diff->memory_changed);
}

/* --- from a message --- */

static void
unpack_settings (SnapshotDiff *diff, GVariant *settings)
{
  const char *member, *from, *to;
  GVariantIter iter;

  g_variant_iter_init (&iter, settings);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &member, &from, &to))
    snapshot_diff_add_setting (diff, member, from[0] != '\0' ? from : NULL, to[0] != '\0' ? to : NULL);
}

static void
unpack_disk (SnapshotDiff *diff, GVariant *value)
{
  g_autoptr (GVariant) extents = NULL;
  const SnapshotExtent *array;
  gboolean in_from, in_to, known;
  SnapshotDiskDiff *disk;
  const char *id;
  gsize n;

  g_variant_get_child (value, 0, "&s", &id);
  disk = snapshot_diff_find_disk (diff, id);
  g_variant_get (value, "(&sbbttb@a(tt))", NULL, &in_from, &in_to, &disk->from_size, &disk->to_size, &known,
                 &extents);
  disk->in_from = in_from;
  disk->in_to = in_to;
  disk->known = known;
  array = g_variant_get_fixed_array (extents, &n, sizeof *array);
  g_array_append_vals (disk->extents, array, (guint)n);
  for (gsize i = 0; i < n; i++)
    disk->changed += array[i].length;
}

SnapshotDiff *
snapshot_diff_unpack (GVariant *result, GError **error)
{
  g_autoptr (GVariant) settings = g_variant_lookup_value (result, "settings", G_VARIANT_TYPE (SETTINGS));
  g_autoptr (GVariant) disks = g_variant_lookup_value (result, "disks", G_VARIANT_TYPE (DISKS));
  SnapshotDiff *diff;

  if (settings == NULL || disks == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The machine's process is of another version");
      return NULL;
    }
  diff = snapshot_diff_new ();
  unpack_settings (diff, settings);
  for (gsize i = 0; i < g_variant_n_children (disks); i++)
    {
      g_autoptr (GVariant) disk = g_variant_get_child_value (disks, i);

      unpack_disk (diff, disk);
    }
  diff->memory_known = g_variant_lookup (result, "memory", "t", &diff->memory_changed);
  return diff;
}
