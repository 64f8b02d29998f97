/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/snapshot/snapshot-text.h"

#include "ui/base/i18n.h"

char *
snapshot_text_name (const SnapshotNode *node)
{
  return g_strdup (node->name ? node->name : node->id);
}

char *
snapshot_text_time (const SnapshotNode *node)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (node->created / G_USEC_PER_SEC);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autoptr (GDateTime) yesterday = g_date_time_add_days (now, -1);

  if (!time || node->created == 0)
    return g_strdup (_ ("At an unknown time"));
  if (g_date_time_get_year (time) == g_date_time_get_year (now)
      && g_date_time_get_day_of_year (time) == g_date_time_get_day_of_year (now))
    return g_date_time_format (time, _ ("Today, %H:%M"));
  if (g_date_time_get_year (time) == g_date_time_get_year (yesterday)
      && g_date_time_get_day_of_year (time) == g_date_time_get_day_of_year (yesterday))
    return g_date_time_format (time, _ ("Yesterday, %H:%M"));
  return g_date_time_format (time, _ ("%-e %b %Y, %H:%M"));
}

char *
snapshot_text_room (const SnapshotNode *node)
{
  return node->own > 0 || node->shared > 0 ? g_format_size_full (node->own, G_FORMAT_SIZE_IEC_UNITS)
                                           : g_strdup ("");
}

const char *
snapshot_text_kind (const SnapshotNode *node)
{
  static const char *const kinds[SNAPSHOT_N_KINDS] = {
    [SNAPSHOT_OFF] = N_ ("Off"),
    [SNAPSHOT_LIVE] = N_ ("Running"),
    [SNAPSHOT_DISKS] = N_ ("Disks only"),
  };

  return node->trouble ? _ ("Broken") : _ (kinds[node->kind]);
}

char *
snapshot_text_all (const SnapshotTree *tree, const SnapshotNode *node)
{
  g_autofree char *name = snapshot_text_name (node), *time = snapshot_text_time (node);
  g_autofree char *room = snapshot_text_room (node);
  g_autoptr (GString) text = g_string_new (name);

  if (node->trouble)
    {
      g_string_append_printf (text, ", %s: %s", _ ("broken"), node->trouble);
      return g_strdup (text->str);
    }
  g_string_append_printf (text, ", %s, %s", time, snapshot_text_kind (node));
  if (*room != '\0')
    g_string_append_printf (text, ", %s", room);
  if (node == tree->current)
    g_string_append_printf (text, ", %s", _ ("the machine stems from it"));
  if (g_strcmp0 (tree->disposable, node->id) == 0)
    g_string_append_printf (text, ", %s", _ ("the machine goes back to it at each power-off"));
  if (node->note)
    g_string_append_printf (text, ". %s", node->note);
  return g_strdup (text->str);
}
