/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who changes a machine's snapshots, here or in another process, is heard of. */
#include "app/vm/vm-private.h"
#include "app/vm/vm-snapshots.h"

/* Changes come in bursts. */
#define REST_MS 100

static void monitor_nodes (BonsaiVm *self);

static gboolean
tell (gpointer data)
{
  BonsaiVm *self = data;

  self->snapshot_news = 0;
  monitor_nodes (self); /* the folder may be there only now */
  g_signal_emit_by_name (self, "snapshots-changed");
  return G_SOURCE_REMOVE;
}

void
bonsai_vm_tell_snapshots (BonsaiVm *self)
{
  if (self->n_snapshot_watchers > 0 && self->snapshot_news == 0)
    self->snapshot_news = g_timeout_add (REST_MS, tell, self);
}

static void
on_folder_event (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer data)
{
  BonsaiVm *self = data;
  g_autofree char *name = g_file_get_basename (other != NULL ? other : file);

  /* In the bundle, only the folder of snapshots and the description matter. */
  if (monitor == self->snapshot_monitors[0] && !g_str_equal (name, SNAPSHOT_FOLDER)
      && !g_str_equal (name, "vm.json"))
    return;
  bonsai_vm_tell_snapshots (self);
}

static void
monitor (BonsaiVm *self, unsigned which, const char *path)
{
  g_autoptr (GFile) folder = g_file_new_for_path (path);

  if (self->snapshot_monitors[which] != NULL)
    return;
  self->snapshot_monitors[which] = g_file_monitor_directory (folder, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (self->snapshot_monitors[which] != NULL)
    g_signal_connect (self->snapshot_monitors[which], "changed", G_CALLBACK (on_folder_event), self);
}

static void
monitor_nodes (BonsaiVm *self)
{
  g_autofree char *folder = g_build_filename (self->path, SNAPSHOT_FOLDER, NULL);

  if (self->n_snapshot_watchers > 0 && g_file_test (folder, G_FILE_TEST_IS_DIR))
    monitor (self, 1, folder);
}

void
bonsai_vm_unwatch_snapshots (BonsaiVm *self)
{
  self->n_snapshot_watchers = 0;
  g_clear_handle_id (&self->snapshot_news, g_source_remove);
  for (unsigned i = 0; i < G_N_ELEMENTS (self->snapshot_monitors); i++)
    {
      if (self->snapshot_monitors[i] != NULL)
        g_signal_handlers_disconnect_by_data (self->snapshot_monitors[i], self);
      g_clear_object (&self->snapshot_monitors[i]);
    }
}

void
bonsai_vm_watch_snapshots (BonsaiVm *self, gboolean active)
{
  if (active && self->n_snapshot_watchers++ == 0)
    {
      monitor (self, 0, self->path);
      monitor_nodes (self);
    }
  else if (!active && self->n_snapshot_watchers > 0 && --self->n_snapshot_watchers == 0)
    bonsai_vm_unwatch_snapshots (self);
}
