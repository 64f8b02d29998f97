/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is recorded of a run (last-run.json): in a thread, as the disk may take its time, one after the other.
 */
#include "app/vm/vm-private.h"

/* Shared with the thread that writes; outlives the machine by that much. */
typedef struct RunFile {
  gatomicrefcount refs;
  GMutex mutex; /* held while it is written */
  bool closed;  /* nothing is written any more */
} RunFile;

typedef struct {
  BonsaiVm *vm; /* weak; but a reference if somebody waits */
  RunFile *file;
  char *path;
  BundleRun run;
  RunRecordedFunc recorded; /* or NULL */
  gpointer data;            /* its own */
} Record;

static void
file_unref (RunFile *file)
{
  if (!g_atomic_ref_count_dec (&file->refs))
    return;
  g_mutex_clear (&file->mutex);
  g_free (file);
}

static void
record_free (gpointer data)
{
  Record *record = data;

  if (record->recorded != NULL)
    g_clear_object (&record->vm);
  else
    g_clear_weak_pointer (&record->vm);
  file_unref (record->file);
  bundle_run_clear (&record->run);
  g_free (record->path);
  g_free (record);
}

static void
write_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Record *record = data;
  GError *error = NULL;

  g_mutex_lock (&record->file->mutex);
  if (!record->file->closed)
    bundle_write_run (record->path, &record->run, &error);
  g_mutex_unlock (&record->file->mutex);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void written (GObject *source, GAsyncResult *result, gpointer data);

static void
write_next (BonsaiVm *self)
{
  Record *record = g_queue_peek_head (&self->records);
  g_autoptr (GTask) task = record != NULL ? g_task_new (NULL, NULL, written, NULL) : NULL;

  if (record == NULL)
    return;
  g_task_set_task_data (task, record, record_free);
  g_task_run_in_thread (task, write_in_thread);
}

static void
written (GObject *source, GAsyncResult *result, gpointer data)
{
  const Record *record = g_task_get_task_data (G_TASK (result));
  BonsaiVm *self = record->vm;
  g_autoptr (GError) error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    g_warning ("%s", error->message);
  if (self == NULL || record->file != self->run_file)
    return;
  g_queue_pop_head (&self->records);
  write_next (self);
  if (record->recorded != NULL)
    record->recorded (self, record->data);
}

void
bonsai_vm_record_run (BonsaiVm *self, RunRecordedFunc recorded, gpointer data)
{
  Record *record = g_new0 (Record, 1);

  if (self->run_file == NULL)
    {
      self->run_file = g_new0 (RunFile, 1);
      g_atomic_ref_count_init (&self->run_file->refs);
      g_mutex_init (&self->run_file->mutex);
    }
  g_atomic_ref_count_inc (&self->run_file->refs);
  *record = (Record){ .file = self->run_file,
                      .path = g_strdup (self->path),
                      .run = self->last_run,
                      .recorded = recorded,
                      .data = data };
  record->run.message = g_strdup (self->last_run.message);
  if (recorded != NULL)
    record->vm = g_object_ref (self);
  else
    g_set_weak_pointer (&record->vm, self);
  g_queue_push_tail (&self->records, record);
  if (g_queue_get_length (&self->records) == 1)
    write_next (self);
}

void
bonsai_vm_close_records (BonsaiVm *self)
{
  if (self->run_file == NULL)
    return;
  g_mutex_lock (&self->run_file->mutex);
  self->run_file->closed = true;
  g_mutex_unlock (&self->run_file->mutex);
  g_queue_pop_head (&self->records); /* its task has it */
  g_queue_clear_full (&self->records, record_free);
  g_clear_pointer (&self->run_file, file_unref);
}
