/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/disk/disk-task.h"

typedef struct {
  DiskTaskFunc func;
  gpointer data;
  DiskProgressFunc progress;
  gpointer progress_data;

  GMutex lock;
  GMainContext *context;
  GSource *news; /* on its way to the main context */
  guint64 done, total;
} Run;

static void
run_free (gpointer data)
{
  Run *run = data;

  /* The task is over: nobody wants the last step. */
  if (run->news != NULL)
    {
      g_source_destroy (run->news);
      g_source_unref (run->news);
    }
  g_main_context_unref (run->context);
  g_mutex_clear (&run->lock);
  g_free (run);
}

static gboolean
tell (gpointer data)
{
  Run *run = data;
  guint64 done, total;

  g_mutex_lock (&run->lock);
  done = run->done;
  total = run->total;
  g_clear_pointer (&run->news, g_source_unref);
  g_mutex_unlock (&run->lock);
  run->progress (done, total, run->progress_data);
  return G_SOURCE_REMOVE;
}

/* On a worker. */
static void
take_progress (uint64_t done, uint64_t total, void *data)
{
  Run *run = data;

  g_mutex_lock (&run->lock);
  run->done = done;
  run->total = total;
  if (run->news == NULL)
    {
      run->news = g_idle_source_new ();
      g_source_set_callback (run->news, tell, run, NULL);
      g_source_attach (run->news, run->context);
    }
  g_mutex_unlock (&run->lock);
}

static void
run_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Run *run = data;
  const ImageJob job = {
    .cancellable = cancellable,
    .progress = run->progress != NULL ? take_progress : NULL,
    .data = run,
  };
  GError *error = NULL;

  if (run->func (&job, run->data, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
disk_task_run_async (DiskTaskFunc func, gpointer data, DiskProgressFunc progress, gpointer progress_data,
                     GCancellable *cancellable, GAsyncReadyCallback callback, gpointer callback_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, callback_data);
  Run *run = g_new0 (Run, 1);

  *run = (Run){ .func = func, .data = data, .progress = progress, .progress_data = progress_data };
  g_mutex_init (&run->lock);
  run->context = g_main_context_ref_thread_default ();
  /* What was finished before the wish to cancel arrived, is finished. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, run, run_free);
  g_task_run_in_thread (task, run_in_thread);
}

gboolean
disk_task_run_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
