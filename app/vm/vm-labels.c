/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where its owner keeps a machine: groups and tags; and when it was used. */
#include "app/bundle/vm-labels.h"

#include "app/base/error.h"
#include "app/vm/vm-private.h"

#include <sys/stat.h>

typedef struct {
  char *path;
  bool change_group;
  char *group; /* (nullable): none */
  GStrv add, remove;
} Change;

static void
change_free (gpointer data)
{
  Change *change = data;

  g_free (change->path);
  g_free (change->group);
  g_strfreev (change->add);
  g_strfreev (change->remove);
  g_free (change);
}

/* The description as it is now: its owner may have edited it, and so may who runs the machine. */
static void
change_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Change *change = data;
  GError *error = NULL;
  g_autoptr (BundleEdit) edit = bundle_edit_begin (change->path);
  g_autoptr (VmConfig) config = bundle_load (change->path, &error);
  GStrv tags;

  if (config == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (change->change_group)
    vm_config_set (&config->group, change->group);
  tags = vm_tags_change ((const char *const *)config->tags, (const char *const *)change->add,
                         (const char *const *)change->remove);
  g_strfreev (config->tags);
  config->tags = tags;
  if (vm_config_check (config, &error) && bundle_save (change->path, config, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
changed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    {
      g_task_return_error (task, error);
      return;
    }
  bonsai_vm_reload (BONSAI_VM (source));
  g_task_return_boolean (task, TRUE);
}

static void
run (BonsaiVm *self, Change *change, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, NULL, callback, data);
  g_autoptr (GTask) work = g_task_new (self, NULL, changed, task);

  change->path = g_strdup (bonsai_vm_get_path (self));
  g_task_set_task_data (work, change, change_free);
  g_task_run_in_thread (work, change_in_thread);
}

void
bonsai_vm_set_group_async (BonsaiVm *self, const char *group, GAsyncReadyCallback callback, gpointer data)
{
  Change *change = g_new0 (Change, 1);

  change->change_group = true;
  change->group = g_strdup (group);
  run (self, change, callback, data);
}

void
bonsai_vm_change_tags_async (BonsaiVm *self, const char *const *add, const char *const *remove,
                             GAsyncReadyCallback callback, gpointer data)
{
  Change *change = g_new0 (Change, 1);

  change->add = g_strdupv ((char **)add);
  change->remove = g_strdupv ((char **)remove);
  run (self, change, callback, data);
}

gboolean
bonsai_vm_change_labels_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

gint64
bonsai_vm_get_last_used (BonsaiVm *self)
{
  g_autofree char *path = NULL;
  struct stat st;

  if (bonsai_state_is_alive (self->state))
    return G_MAXINT64;
  path = g_build_filename (self->path, "last-run.json", NULL);
  return stat (path, &st) == 0 ? (gint64)st.st_mtime : 0;
}
