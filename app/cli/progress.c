/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include <glib-unix.h>
#include <stdio.h>
#include <unistd.h>

#define SHOW_AFTER_US G_USEC_PER_SEC
#define SHOW_EVERY_US (G_USEC_PER_SEC / 10)
#define BAR_WIDTH     24

typedef struct {
  CliWait wait;
  GCancellable *cancellable;
  bool terminal; /* a line that is drawn over and over */
  bool lines;    /* a line for each per cent */
  gint64 begun, drawn;
  int percent;
  bool shown;
  const char *disk; /* of a machine */
  guint interrupt, terminate;
} Progress;

static void
draw (const Progress *progress, guint64 done, guint64 total, int percent)
{
  g_autofree char *rate = NULL, *size = disk_size_short (total);
  double seconds = (double)(g_get_monotonic_time () - progress->begun) / G_USEC_PER_SEC;
  double speed = seconds > 0 ? (double)done / seconds : 0;
  unsigned left = speed > 0 ? (unsigned)MIN ((double)(total - done) / speed, 359999.0) : 0;
  int full = percent * BAR_WIDTH / 100;
  char bar[BAR_WIDTH + 1];

  for (int i = 0; i < BAR_WIDTH; i++)
    bar[i] = i < full ? '=' : ' ';
  bar[BAR_WIDTH] = '\0';
  rate = disk_size_short ((guint64)speed);
  g_printerr ("\r\033[K%3d %% [%s] of %s, %s/s, %u:%02u left", percent, bar, size, rate, left / 60,
              left % 60);
}

static void
on_progress (guint64 done, guint64 total, gpointer data)
{
  Progress *progress = data;
  gint64 now = g_get_monotonic_time ();
  int percent = total > 0 ? (int)((double)done / (double)total * 100) : 100;

  if (progress->lines && !progress->terminal)
    {
      if (percent > progress->percent)
        g_printerr ("%d %%\n", percent);
      progress->percent = MAX (percent, progress->percent);
      return;
    }
  if ((now - progress->begun < SHOW_AFTER_US && !progress->lines) || now - progress->drawn < SHOW_EVERY_US)
    return;
  progress->drawn = now;
  progress->shown = true;
  draw (progress, done, total, percent);
}

static gboolean
on_signal (gpointer data)
{
  Progress *progress = data;

  g_cancellable_cancel (progress->cancellable);
  return G_SOURCE_CONTINUE;
}

/* Follows SIGINT and SIGTERM until it is over. */
static void
begin (Progress *progress, bool show)
{
  *progress = (Progress){
    .cancellable = g_cancellable_new (),
    .terminal = isatty (STDERR_FILENO),
    .lines = show,
    .begun = g_get_monotonic_time (),
    .percent = -1,
  };
  progress->interrupt = g_unix_signal_add (SIGINT, on_signal, progress);
  progress->terminate = g_unix_signal_add (SIGTERM, on_signal, progress);
}

/* @failure: (transfer full) (nullable) */
static bool
finish (Progress *progress, GError *failure, GError **error)
{
  g_source_remove (progress->interrupt);
  g_source_remove (progress->terminate);
  cli_wait_clear (&progress->wait);
  if (progress->shown)
    g_printerr ("\r\033[K");
  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_clear_error (&failure);
      failure = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Interrupted; nothing is lost");
    }
  g_object_unref (progress->cancellable);
  if (failure == NULL)
    return true;
  g_propagate_error (error, failure);
  return false;
}

bool
cli_run_task (DiskTaskFunc func, gpointer data, bool show, GError **error)
{
  Progress progress;
  GError *failure = NULL;

  begin (&progress, show);
  disk_task_run_async (func, data, progress.terminal || show ? on_progress : NULL, &progress,
                       progress.cancellable, cli_wait_ready, &progress.wait);
  disk_task_run_finish (cli_wait (&progress.wait), &failure);
  return finish (&progress, failure, error);
}

static void
on_disk_progress (BonsaiSession *session, const char *disk, guint64 done, guint64 total, gpointer data)
{
  Progress *progress = data;

  if (g_str_equal (disk, progress->disk) && (progress->terminal || progress->lines))
    on_progress (done, total, progress);
}

static void
on_snapshot_progress (BonsaiSession *session, const char *operation, guint64 done, guint64 total,
                      gpointer data)
{
  Progress *progress = data;

  if (progress->terminal || progress->lines)
    on_progress (done, total, progress);
}

GVariant *
cli_change_snapshots (BonsaiSession *session, const char *operation, GVariant *arguments, bool show,
                      GError **error)
{
  g_autoptr (GVariant) result = NULL;
  Progress progress;
  GError *failure = NULL;
  gulong handler;

  begin (&progress, show);
  handler = g_signal_connect (session, "snapshot-progress", G_CALLBACK (on_snapshot_progress), &progress);
  bonsai_session_change_snapshots_async (session, operation,
                                         arguments != NULL ? arguments : g_variant_new ("a{sv}", NULL),
                                         progress.cancellable, cli_wait_ready, &progress.wait);
  result = bonsai_session_change_snapshots_finish (session, cli_wait (&progress.wait), &failure);
  g_signal_handler_disconnect (session, handler);
  return finish (&progress, failure, error) ? g_steal_pointer (&result) : NULL;
}

bool
cli_work_on_disk (const CliDisk *disk, BonsaiDiskWork *work, bool show, GError **error)
{
  Progress progress;
  GError *failure = NULL;
  gulong handler;

  work->disk = disk->drive;
  begin (&progress, show);
  progress.disk = disk->drive;
  handler = g_signal_connect (disk->session, "disk-progress", G_CALLBACK (on_disk_progress), &progress);
  bonsai_session_work_on_disk_async (disk->session, work, progress.cancellable, cli_wait_ready,
                                     &progress.wait);
  bonsai_session_work_on_disk_finish (disk->session, cli_wait (&progress.wait), &failure);
  g_signal_handler_disconnect (disk->session, handler);
  return finish (&progress, failure, error);
}
