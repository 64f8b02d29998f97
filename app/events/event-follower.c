/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/events/event-follower.h"

#define REST_MS 100 /* events come in bursts */

struct EventFollower {
  EventQuery query;
  EventReader *reader;
  GFileMonitor *monitor;
  EventFollowFunc told;
  gpointer data;
};

static void
read_on (EventFollower *follower)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) events = event_reader_read (follower->reader, &follower->query, &error);

  if (events == NULL)
    {
      g_signal_handlers_disconnect_by_data (follower->monitor, follower);
      follower->told (NULL, error, follower->data);
      return;
    }
  for (guint i = 0; i < events->len; i++)
    {
      const Event *event = g_ptr_array_index (events, i);

      follower->query.after = event->id;
      follower->told (event, NULL, follower->data);
    }
}

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer data)
{
  g_autofree char *name = g_file_get_basename (file);

  if (g_str_has_prefix (name, "events.db"))
    read_on (data);
}

EventFollower *
event_follower_new (const char *path, const EventQuery *query, EventFollowFunc told, gpointer data,
                    GError **error)
{
  g_autofree char *name = g_path_get_dirname (path);
  g_autoptr (GFile) folder = g_file_new_for_path (name);
  g_autoptr (EventFollower) follower = g_new0 (EventFollower, 1);

  follower->query = *query;
  follower->told = told;
  follower->data = data;
  follower->reader = event_reader_new (path, error);
  if (follower->reader != NULL)
    follower->monitor = g_file_monitor_directory (folder, G_FILE_MONITOR_NONE, NULL, error);
  if (follower->monitor == NULL)
    return NULL;
  g_file_monitor_set_rate_limit (follower->monitor, REST_MS);
  g_signal_connect (follower->monitor, "changed", G_CALLBACK (on_changed), follower);
  read_on (follower);
  return g_steal_pointer (&follower);
}

void
event_follower_free (EventFollower *follower)
{
  g_clear_object (&follower->monitor);
  g_clear_pointer (&follower->reader, event_reader_free);
  g_free (follower);
}
