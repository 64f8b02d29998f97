/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/dashboard-read.h"

#include "app/history/history-file.h"

#define LOOKS_A_MINUTE (60 / HISTORY_STEP)
#define ADVICE_AGE     (INT64_C (10) * 60 * G_USEC_PER_SEC)

typedef enum { READ_OVERVIEW, READ_ROOM, READ_ADVICE, N_READS } Read;

struct DashboardReader {
  gatomicrefcount refs;
  BonsaiLibrary *library;
  const DashboardReaderFuncs *funcs; /* NULL: nobody wants to know any more */
  gpointer data;

  EventReader *events; /* used by the one thread that reads the overview */
  GFileMonitor *monitor;
  GCancellable *cancellable; /* of the advice */
  bool active, busy[N_READS], again[N_READS];
  guint start, timer; /* sources, or 0 */
  guint n_looks;
  gint64 advised; /* monotonic */
};

static void begin (DashboardReader *self, Read what);

static void
unref (DashboardReader *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_clear_pointer (&self->events, event_reader_free);
  g_object_unref (self->cancellable);
  g_free (self);
}

/* --- in a thread --- */

typedef struct {
  DashboardReader *reader;
  Read what;
  ReportSource *source;
} Reading;

static void
reading_free (gpointer data)
{
  Reading *reading = data;

  report_source_free (reading->source);
  unref (reading->reader);
  g_free (reading);
}

static void
advice_free_one (gpointer data)
{
  DashboardAdvice *one = data;

  g_free (one->uuid);
  g_free (one->name);
  advice_free (one->advice);
  g_free (one);
}

static GPtrArray *
read_advice (const ReportSource *source, GCancellable *cancellable)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (advice_free_one);

  for (guint i = 0; i < source->subjects->len && !g_cancellable_is_cancelled (cancellable); i++)
    {
      const ReportSubject *subject = g_ptr_array_index (source->subjects, i);
      Advice *advice = report_subject_advise (subject);
      DashboardAdvice *one;

      if (!advice)
        continue;
      one = g_new (DashboardAdvice, 1);
      *one = (DashboardAdvice){ g_strdup (subject->uuid), g_strdup (subject->name), advice };
      g_ptr_array_add (all, one);
    }
  return all;
}

static Overview *
read_overview (DashboardReader *self, const ReportSource *source)
{
  if (!self->events)
    {
      g_autofree char *path = event_log_path ();

      self->events = event_reader_new (path, NULL);
    }
  return overview_read (source, self->events);
}

static void
read_in_thread (GTask *task, gpointer object, gpointer data, GCancellable *cancellable)
{
  const Reading *reading = data;

  if (reading->what == READ_OVERVIEW)
    g_task_return_pointer (task, read_overview (reading->reader, reading->source),
                           (GDestroyNotify)overview_free);
  else if (reading->what == READ_ROOM)
    {
      OverviewRoom room = overview_read_room (reading->source->folder);

      g_task_return_pointer (task, g_memdup2 (&room, sizeof room), g_free);
    }
  else
    g_task_return_pointer (task, read_advice (reading->source, cancellable),
                           (GDestroyNotify)g_ptr_array_unref);
}

/* --- as it grows --- */

static void
on_log_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                DashboardReader *self)
{
  g_autofree char *name = g_file_get_basename (file);

  if (g_str_has_prefix (name, "events.db") && event != G_FILE_MONITOR_EVENT_CHANGES_DONE_HINT)
    begin (self, READ_OVERVIEW);
}

/* Only now: nothing but others' events changes files there while the log is open. */
static void
follow_log (DashboardReader *self)
{
  g_autofree char *path = event_log_path (), *folder = g_path_get_dirname (path);
  g_autoptr (GFile) file = g_file_new_for_path (folder);

  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_NONE, NULL, NULL);
  if (!self->monitor)
    return;
  g_file_monitor_set_rate_limit (self->monitor, 500);
  g_signal_connect (self->monitor, "changed", G_CALLBACK (on_log_changed), self);
}

/* --- back --- */

static void
tell (DashboardReader *self, Read what, gpointer value)
{
  if (what == READ_OVERVIEW)
    self->funcs->overview (value, self->data);
  else if (what == READ_ROOM)
    self->funcs->room (value, self->data);
  else
    self->funcs->advice (value, self->data);
}

static void
take_back (Read what, gpointer value)
{
  if (what == READ_OVERVIEW)
    overview_free (value);
  else if (what == READ_ROOM)
    g_free (value);
  else
    g_ptr_array_unref (value);
}

static void
was_read (GObject *object, GAsyncResult *result, gpointer data)
{
  const Reading *reading = g_task_get_task_data (G_TASK (result));
  DashboardReader *self = reading->reader;
  gpointer value = g_task_propagate_pointer (G_TASK (result), NULL);

  self->busy[reading->what] = false;
  if (self->funcs && value)
    tell (self, reading->what, value);
  if (value)
    take_back (reading->what, value);
  if (!self->funcs)
    return;
  if (reading->what == READ_OVERVIEW && self->events && !self->monitor && self->active)
    follow_log (self);
  if (reading->what == READ_ADVICE && !value)
    self->advised = 0;
  if (self->again[reading->what])
    begin (self, reading->what);
}

static void
begin (DashboardReader *self, Read what)
{
  g_autoptr (GTask) task = NULL;
  Reading *reading;

  self->again[what] = self->busy[what];
  if (!self->active || self->busy[what])
    return;
  self->busy[what] = true;
  g_atomic_ref_count_inc (&self->refs);
  reading = g_new (Reading, 1);
  *reading = (Reading){ self, what, report_source_new (self->library) };
  task = g_task_new (NULL, what == READ_ADVICE ? self->cancellable : NULL, was_read, NULL);
  g_task_set_task_data (task, reading, reading_free);
  g_task_set_priority (task, what == READ_ADVICE ? G_PRIORITY_LOW : G_PRIORITY_DEFAULT);
  g_task_run_in_thread (task, read_in_thread);
}

/* --- when --- */

static void
advise (DashboardReader *self)
{
  gint64 now = g_get_monotonic_time ();

  if (self->advised > 0 && now - self->advised < ADVICE_AGE)
    return;
  self->advised = now;
  begin (self, READ_ADVICE);
}

static gboolean
on_timer (gpointer data)
{
  DashboardReader *self = data;

  begin (self, READ_ROOM);
  if (++self->n_looks % LOOKS_A_MINUTE != 0)
    return G_SOURCE_CONTINUE;
  begin (self, READ_OVERVIEW);
  advise (self);
  return G_SOURCE_CONTINUE;
}

/* The first picture comes first. */
static gboolean
on_start (gpointer data)
{
  DashboardReader *self = data;

  self->start = 0;
  begin (self, READ_OVERVIEW);
  begin (self, READ_ROOM);
  advise (self);
  return G_SOURCE_REMOVE;
}

void
dashboard_reader_set_active (DashboardReader *self, bool active)
{
  if (active == self->active)
    return;
  self->active = active;
  if (!active)
    {
      g_clear_handle_id (&self->start, g_source_remove);
      g_clear_handle_id (&self->timer, g_source_remove);
      g_clear_object (&self->monitor);
      g_cancellable_cancel (self->cancellable);
      g_object_unref (self->cancellable);
      self->cancellable = g_cancellable_new ();
      return;
    }
  self->timer = g_timeout_add_seconds (HISTORY_STEP, on_timer, self);
  self->start = g_idle_add_full (G_PRIORITY_LOW, on_start, self, NULL);
}

void
dashboard_reader_look_again (DashboardReader *self)
{
  begin (self, READ_OVERVIEW);
  begin (self, READ_ROOM);
}

DashboardReader *
dashboard_reader_new (BonsaiLibrary *library, const DashboardReaderFuncs *funcs, gpointer data)
{
  DashboardReader *self = g_new0 (DashboardReader, 1);

  g_atomic_ref_count_init (&self->refs);
  self->library = g_object_ref (library);
  self->funcs = funcs;
  self->data = data;
  self->cancellable = g_cancellable_new ();
  return self;
}

void
dashboard_reader_free (DashboardReader *self)
{
  dashboard_reader_set_active (self, false);
  self->funcs = NULL;
  g_clear_object (&self->library);
  unref (self);
}
