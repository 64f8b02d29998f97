/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine's description is replaced: in a thread, as the disk may take its time, one change after the
 * other. Each is laid over what the file says by then: somebody else may have changed it. */
#include "app/vm/vm-settings.h"

#include "app/base/error.h"
#include "app/bundle/vm-limits.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/snapshot/template.h"
#include "app/vm/vm-private.h"

#include <glib/gi18n.h>
#include <string.h>

/* One change; the data of its task. */
typedef struct {
  char *path;
  VmConfig *base;   /* what it was made of; NULL: it replaces whatever is there */
  VmConfig *config; /* as it is to be, and then as it has become; NULL: it only waits for those before it */
  bool checked;     /* ... whether a machine can be built of it, here */
  GMutex mutex;     /* held while it is written */
  bool done;
  GError *error; /* why it wasn't saved; of one that waits: why one before it wasn't */
} VmSave;

static VmSave *
save_new (BonsaiVm *self, const VmConfig *base, const VmConfig *config, bool checked)
{
  VmSave *save = g_new0 (VmSave, 1);

  save->path = g_strdup (self->path);
  save->base = base != NULL ? vm_config_copy (base) : NULL;
  save->config = config != NULL ? vm_config_copy (config) : NULL;
  save->checked = checked;
  g_mutex_init (&save->mutex);
  return save;
}

static void
save_free (gpointer data)
{
  VmSave *save = data;

  g_clear_pointer (&save->base, vm_config_free);
  g_clear_pointer (&save->config, vm_config_free);
  g_clear_error (&save->error);
  g_mutex_clear (&save->mutex);
  g_free (save->path);
  g_free (save);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmSave, save_free)

/* --- any thread --- */

static bool
check_host (const VmSave *save, const VmConfig *config, GError **error)
{
  g_autoptr (MachineSpec) spec =
    vm_config_check (config, error) ? vm_config_to_spec (config, save->path) : NULL;
  g_autoptr (HostReport) host = NULL;

  if (spec == NULL || !machine_spec_check (spec, error))
    return false;
  host = host_check (NULL);
  return vm_limits_check (host, config->memory, config->cpus, error);
}

/* A file that can't be read any more is replaced as the machine's owner says. */
static VmConfig *
lay_over_file (const VmSave *save, GError **error)
{
  g_autoptr (VmConfig) now = save->base != NULL ? bundle_load (save->path, NULL) : NULL;

  return now != NULL ? vm_config_merge (save->base, save->config, now, error) : vm_config_copy (save->config);
}

static bool
write_config (VmSave *save, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (save->path);
  g_autoptr (VmConfig) config = lay_over_file (save, error);

  if (config == NULL || (save->checked && !check_host (save, config, error))
      || !template_check_change (save->path, config, error)
      || !snapshot_guard_config (save->path, config, error) || !bundle_save (save->path, config, error))
    return false;
  vm_config_free (save->config);
  save->config = g_steal_pointer (&config);
  return true;
}

/* Once, whoever comes first. */
static void
run (VmSave *save)
{
  g_mutex_lock (&save->mutex);
  if (!save->done && save->config != NULL)
    write_config (save, &save->error);
  save->done = true;
  g_mutex_unlock (&save->mutex);
}

static void
run_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  run (data);
  g_task_return_boolean (task, TRUE);
}

/* --- at once: for programs that have nothing else to do --- */

static bool
save_now (BonsaiVm *self, const VmConfig *config, bool checked, GError **error)
{
  g_autoptr (VmSave) save = save_new (self, self->config, config, checked);

  run (save);
  if (save->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&save->error));
      return false;
    }
  bonsai_vm_adopt_config (self, g_steal_pointer (&save->config));
  return true;
}

gboolean
bonsai_vm_save_config (BonsaiVm *self, const VmConfig *config, GError **error)
{
  return save_now (self, config, false, error);
}

gboolean
bonsai_vm_apply_config (BonsaiVm *self, const VmConfig *config, GError **error)
{
  return save_now (self, config, true, error);
}

/* --- one after the other --- */

static void write_next (BonsaiVm *self);

static void
tell_those_that_wait (BonsaiVm *self, const GError *error)
{
  for (GList *at = self->saves.head; at != NULL; at = at->next)
    {
      VmSave *save = g_task_get_task_data (at->data);

      if (save->config == NULL && save->error == NULL)
        save->error = g_error_copy (error);
    }
}

static void
written (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  g_autoptr (GTask) task = g_queue_pop_head (&self->saves);
  VmSave *save = g_task_get_task_data (task);
  bool saved = save->config != NULL && save->error == NULL;

  if (g_queue_is_empty (&self->saves))
    g_clear_pointer (&self->wanted, vm_config_free);
  if (save->error != NULL)
    tell_those_that_wait (self, save->error);
  if (saved)
    bonsai_vm_adopt_config (self, g_steal_pointer (&save->config));
  if (save->error != NULL)
    g_task_return_error (task, g_error_copy (save->error));
  else
    g_task_return_boolean (task, TRUE);
  if (!saved)
    g_object_notify (G_OBJECT (self), "config");
  if (g_queue_is_empty (&self->saves))
    g_object_notify (G_OBJECT (self), "saving");
  else
    write_next (self);
}

static void
write_next (BonsaiVm *self)
{
  GTask *next = g_queue_peek_head (&self->saves);
  g_autoptr (GTask) work = g_task_new (self, NULL, written, NULL);

  g_task_set_task_data (work, g_task_get_task_data (next), NULL);
  g_task_run_in_thread (work, run_in_thread);
}

static void
push (BonsaiVm *self, VmSave *save, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, NULL, callback, data);

  g_task_set_source_tag (task, push);
  g_task_set_task_data (task, save, save_free);
  g_queue_push_tail (&self->saves, task);
  if (save->config != NULL)
    {
      g_clear_pointer (&self->wanted, vm_config_free);
      self->wanted = vm_config_copy (save->config);
      g_object_notify (G_OBJECT (self), "config");
    }
  if (g_queue_get_length (&self->saves) > 1)
    return;
  g_object_notify (G_OBJECT (self), "saving");
  write_next (self);
}

void
bonsai_vm_save_config_async (BonsaiVm *self, const VmConfig *config, GAsyncReadyCallback callback,
                             gpointer data)
{
  push (self, save_new (self, bonsai_vm_get_wanted_config (self), config, false), callback, data);
}

void
bonsai_vm_apply_config_async (BonsaiVm *self, const VmConfig *config, GAsyncReadyCallback callback,
                              gpointer data)
{
  push (self, save_new (self, bonsai_vm_get_wanted_config (self), config, true), callback, data);
}

gboolean
bonsai_vm_save_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- the text of the description --- */

static VmConfig *
parse_own (BonsaiVm *self, const char *text, GError **error)
{
  g_autoptr (VmConfig) config = vm_config_parse (text, strlen (text), "vm.json", error);

  if (config == NULL || self->config == NULL || g_strcmp0 (config->uuid, self->config->uuid) == 0)
    return g_steal_pointer (&config);
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    _ ("vm.json: uuid: it says who the machine is, and stays %s; a copy is made by “bonsai clone”"),
    self->config->uuid);
  return NULL;
}

void
bonsai_vm_apply_text_async (BonsaiVm *self, const char *before, const char *text,
                            GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (VmConfig) base = before != NULL ? vm_config_parse (before, strlen (before), "vm.json", NULL) : NULL;
  g_autoptr (VmConfig) config = NULL;
  GError *error = NULL;

  config = parse_own (self, text, &error);
  if (config != NULL)
    push (self, save_new (self, base, config, true), callback, data);
  else
    g_task_report_error (self, callback, data, push, error);
}

/* --- what is under way --- */

const VmConfig *
bonsai_vm_get_wanted_config (BonsaiVm *self)
{
  return self->wanted != NULL ? self->wanted : self->config;
}

gboolean
bonsai_vm_is_saving (BonsaiVm *self)
{
  return !g_queue_is_empty (&self->saves);
}

void
bonsai_vm_await_saves_async (BonsaiVm *self, GAsyncReadyCallback callback, gpointer data)
{
  push (self, save_new (self, NULL, NULL, false), callback, data);
}

void
bonsai_vm_flush_saves (BonsaiVm *self)
{
  for (GList *at = self->saves.head; at != NULL; at = at->next)
    {
      VmSave *save = g_task_get_task_data (at->data);

      run (save);
      if (save->error != NULL)
        g_warning ("%s", save->error->message);
    }
}
