/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/history/recorder.h"

#include "app/history/history-store.h"
#include "app/history/host-counters.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

/* A machine, or the host. */
typedef struct {
  BonsaiSession *session; /* NULL: the host */
  HistoryLog *log;
  HistoryMemory memory;
  bool asking, writing, complained;
  RecorderFunc listener; /* or NULL */
  void *listener_data;
} Subject;

struct Recorder {
  int n_refs;
  GPtrArray *machines; /* of Subject, each with a reference */
  Subject *host;       /* NULL: another process writes that, or nobody yet */
  int host_lock;       /* held with @host */
  guint timer;
  guint n_ticks;
};

/* --- subjects --- */

static Subject *
subject_new (BonsaiSession *session, const char *path)
{
  Subject *subject = g_rc_box_new0 (Subject);

  subject->session = session != NULL ? g_object_ref (session) : NULL;
  subject->log = history_log_new (path);
  subject->memory = (HistoryMemory){ NAN, NAN };
  return subject;
}

static void
clear_subject (gpointer data)
{
  Subject *subject = data;

  g_clear_object (&subject->session);
  history_log_free (subject->log);
}

static void
subject_unref (gpointer subject)
{
  g_rc_box_release_full (subject, clear_subject);
}

/* Not each minute while a disk is full. */
static void
write_now (Subject *subject)
{
  g_autoptr (GError) error = NULL;

  if (history_log_write (subject->log, &error))
    subject->complained = false;
  else if (!subject->complained)
    {
      subject->complained = true;
      g_message ("%s", error->message);
    }
}

static void
write_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  write_now (data);
  g_task_return_boolean (task, TRUE);
}

static void
written (GObject *source, GAsyncResult *result, gpointer data)
{
  Subject *subject = data;

  subject->writing = false;
  subject_unref (subject);
}

static void
write_if_due (Subject *subject)
{
  g_autoptr (GTask) task = NULL;

  if (subject->writing || history_log_n_waiting (subject->log) < HISTORY_BATCH)
    return;
  subject->writing = true;
  task = g_task_new (NULL, NULL, written, g_rc_box_acquire (subject));
  g_task_set_task_data (task, subject, NULL);
  g_task_run_in_thread (task, write_in_thread);
}

static void
note (Subject *subject, const Counters *counters)
{
  HistoryRow row;

  history_log_note (subject->log, g_get_real_time () / G_USEC_PER_SEC, counters, &subject->memory);
  if (subject->listener != NULL && history_log_last (subject->log, &row))
    subject->listener (&row, subject->listener_data);
  write_if_due (subject);
}

/* --- machines --- */

static void
counters_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Subject *subject = data;
  g_autofree Counters *counters = bonsai_session_get_counters_finish (BONSAI_SESSION (source), result, NULL);

  subject->asking = false;
  if (counters != NULL)
    note (subject, counters);
  subject_unref (subject);
}

static void
memory_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Subject *subject = data;
  g_autoptr (GVariant) memory = bonsai_session_get_memory_finish (BONSAI_SESSION (source), result, NULL);
  guint64 resident, total, available;

  subject->memory = (HistoryMemory){ NAN, NAN };
  if (memory != NULL && g_variant_lookup (memory, "resident", "t", &resident))
    subject->memory.given = (double)resident;
  if (memory != NULL && g_variant_lookup (memory, "total", "t", &total)
      && g_variant_lookup (memory, "available", "t", &available))
    subject->memory.used = (double)(total - MIN (available, total));
  subject_unref (subject);
}

static void
look_at_machine (Subject *subject, bool memory_too)
{
  if (memory_too)
    bonsai_session_get_memory_async (subject->session, NULL, memory_read, g_rc_box_acquire (subject));
  if (subject->asking)
    return;
  subject->asking = true;
  bonsai_session_get_counters_async (subject->session, NULL, counters_read, g_rc_box_acquire (subject));
}

/* --- the host --- */

/* The lock goes with the process, however it ends. */
static void
try_to_take_host (Recorder *recorder)
{
  const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  g_autofree char *path = history_store_host_path ();
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *lock = g_strconcat (path, ".lock", NULL);
  int fd;

  if (g_mkdir_with_parents (folder, 0700) < 0)
    return;
  fd = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return;
  if (fcntl (fd, F_OFD_SETLK, &whole) < 0)
    {
      close (fd);
      return;
    }
  recorder->host_lock = fd;
  recorder->host = subject_new (NULL, path);
  history_store_sweep ();
}

static void
let_go_of_host (Recorder *recorder)
{
  if (recorder->host == NULL)
    return;
  write_now (recorder->host);
  g_clear_pointer (&recorder->host, subject_unref);
  close (recorder->host_lock);
}

static void
look_at_host (Recorder *recorder)
{
  Counters counters;

  host_counters_read (&counters, &recorder->host->memory);
  note (recorder->host, &counters);
}

/* --- the clock --- */

static gboolean
tick (gpointer data)
{
  Recorder *recorder = data;
  bool minute = recorder->n_ticks++ % HISTORY_BATCH == 0;

  for (guint i = 0; i < recorder->machines->len; i++)
    look_at_machine (g_ptr_array_index (recorder->machines, i), minute);
  if (recorder->host == NULL && minute)
    try_to_take_host (recorder);
  if (recorder->host != NULL)
    look_at_host (recorder);
  return G_SOURCE_CONTINUE;
}

static Subject *
find (Recorder *recorder, BonsaiSession *session)
{
  for (guint i = 0; i < recorder->machines->len; i++)
    {
      Subject *subject = g_ptr_array_index (recorder->machines, i);

      if (subject->session == session)
        return subject;
    }
  return NULL;
}

void
recorder_add (Recorder *recorder, BonsaiSession *session)
{
  g_autofree char *path = history_store_path (bonsai_session_get_uuid (session));
  Subject *subject;

  if (find (recorder, session) != NULL)
    return;
  subject = subject_new (session, path);
  g_ptr_array_add (recorder->machines, subject);
  if (recorder->timer == 0)
    {
      recorder->n_ticks = 0;
      recorder->timer = g_timeout_add_seconds_full (G_PRIORITY_LOW, HISTORY_STEP, tick, recorder, NULL);
    }
  look_at_machine (subject, true);
}

void
recorder_listen (Recorder *recorder, BonsaiSession *session, RecorderFunc func, void *data)
{
  Subject *subject = find (recorder, session);

  if (subject == NULL)
    return;
  subject->listener = func;
  subject->listener_data = data;
}

void
recorder_remove (Recorder *recorder, BonsaiSession *session)
{
  Subject *subject = find (recorder, session);

  if (subject == NULL)
    return;
  subject->listener = NULL;
  write_now (subject);
  g_ptr_array_remove (recorder->machines, subject);
  if (recorder->machines->len > 0)
    return;
  g_clear_handle_id (&recorder->timer, g_source_remove);
  let_go_of_host (recorder);
}

/* --- life --- */

Recorder *
recorder_new (void)
{
  Recorder *recorder = g_new0 (Recorder, 1);

  recorder->n_refs = 1;
  recorder->machines = g_ptr_array_new_with_free_func (subject_unref);
  return recorder;
}

Recorder *
recorder_ref (Recorder *recorder)
{
  recorder->n_refs++;
  return recorder;
}

void
recorder_unref (Recorder *recorder)
{
  if (--recorder->n_refs > 0)
    return;
  while (recorder->machines->len > 0)
    recorder_remove (recorder, ((Subject *)g_ptr_array_index (recorder->machines, 0))->session);
  g_ptr_array_unref (recorder->machines);
  g_free (recorder);
}
