/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/overview.h"

#include "app/workspace/workspace.h"

#include <sys/statvfs.h>

#define N_EVENTS     8
#define N_FAILURES   5
#define FAILURE_SPAN (INT64_C (7) * 86400 * G_USEC_PER_SEC)

static GPtrArray *
read_events (EventReader *reader, const EventQuery *query)
{
  GPtrArray *events = reader != NULL ? event_reader_read (reader, query, NULL) : NULL;

  return events != NULL ? events : g_ptr_array_new_with_free_func ((GDestroyNotify)event_free);
}

static guint
count_workspaces (const ReportSource *source)
{
  guint n = 0;

  for (guint i = 0; i < source->subjects->len; i++)
    {
      const ReportSubject *subject = g_ptr_array_index (source->subjects, i);
      const LeasePlace place = workspace_place (subject->path, subject->uuid);

      n += lease_store_exists (&place);
    }
  return n;
}

static bool
is_far (const ReportExpiry *expiry)
{
  return expiry->remaining > OVERVIEW_EXPIRY_SPAN && expiry->remaining < G_MAXINT64;
}

static GPtrArray *
read_expiries (const ReportSource *source)
{
  GPtrArray *expiries = report_source_read_expiries (source);

  for (guint i = expiries->len; i > 0; i--)
    if (is_far (g_ptr_array_index (expiries, i - 1)))
      g_ptr_array_remove_index (expiries, i - 1);
  return expiries;
}

Overview *
overview_read (const ReportSource *source, EventReader *reader)
{
  Overview *overview = g_new0 (Overview, 1);

  overview->events = read_events (reader, &(EventQuery){ .newest = N_EVENTS });
  overview->failures = read_events (
    reader,
    &(EventQuery){ .since = g_get_real_time () - FAILURE_SPAN, .newest = N_FAILURES, .failures = true });
  overview->expiries = read_expiries (source);
  overview->n_workspaces = count_workspaces (source);
  return overview;
}

void
overview_free (Overview *overview)
{
  g_ptr_array_unref (overview->events);
  g_ptr_array_unref (overview->failures);
  g_ptr_array_unref (overview->expiries);
  g_free (overview);
}

OverviewRoom
overview_read_room (const char *folder)
{
  g_autoptr (GArray) neighbours = host_room_find_neighbours (folder, NULL);
  OverviewRoom room = { .memory = host_room_read_memory (),
                        .promises = promises_sum_up (neighbours),
                        .ksm = host_room_read_ksm (NULL),
                        .processors = (guint)g_get_num_processors () };
  struct statvfs fs;

  if (statvfs (folder, &fs) == 0)
    {
      room.disk_total = (guint64)fs.f_blocks * fs.f_frsize;
      room.disk_free = (guint64)fs.f_bavail * fs.f_frsize;
    }
  return room;
}
