/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network cards' cables: of a machine that runs, and of one that doesn't. */
#include "app/base/error.h"
#include "app/vm/vm-private.h"
#include "app/workspace/workspace.h"

#include <glib/gi18n.h>

static bool
set_link (BonsaiVm *self, VmConfig *config, VmNic *nic, bool up, GError **error)
{
  if (nic->link_down == !up)
    return true;
  nic->link_down = !up;
  return bonsai_vm_save_config (self, config, error);
}

/* A card that was taken out of the description meanwhile needs no cable. */
bool
bonsai_vm_keep_link (const char *id, bool up, void *data, GError **error)
{
  BonsaiVm *self = data;
  g_autoptr (VmConfig) config = bonsai_vm_description (self, error);
  VmNic *nic = config != NULL ? vm_config_find_nic (config, id) : NULL;

  return config != NULL && (nic == NULL || set_link (self, config, nic, up, error));
}

static bool
set_link_stopped (BonsaiVm *self, const char *id, bool up, GError **error)
{
  g_autoptr (BundleLock) lock = NULL;
  g_autoptr (VmConfig) config = bonsai_vm_open_stopped (self, &lock, error);
  VmNic *nic = config != NULL ? vm_config_find_nic (config, id) : NULL;

  if (config == NULL)
    return false;
  if (nic != NULL)
    return set_link (self, config, nic, up, error);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               _ ("%s has no network card “%s”; see “bonsai show”"), bonsai_vm_get_name (self), id);
  return false;
}

static void
link_set (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_set_link_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_set_link_async (BonsaiVm *self, const char *nic, gboolean up, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  BonsaiSession *session = bonsai_vm_get_session (self);
  GError *error = NULL;

  g_task_set_source_tag (task, bonsai_vm_set_link_async);
  if (session != NULL)
    bonsai_session_set_link_async (session, nic, up, cancellable, link_set, g_steal_pointer (&task));
  else if (set_link_stopped (self, nic, up, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

gboolean
bonsai_vm_set_link_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- forwarded ports --- */

static bool
set_forwards (BonsaiVm *self, VmConfig *config, VmNic *nic, const GArray *forwards, GError **error)
{
  g_array_unref (nic->forwards);
  nic->forwards = net_forwards_copy (forwards);
  return workspace_check_config (self->path, config, error) && vm_config_check (config, error)
         && bonsai_vm_save_config (self, config, error);
}

static bool
no_such_card (BonsaiVm *self, const char *id, GError **error)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               _ ("%s has no network card “%s”; see “bonsai show”"), bonsai_vm_get_name (self), id);
  return false;
}

bool
bonsai_vm_keep_forwards (const char *id, const GArray *forwards, void *data, GError **error)
{
  BonsaiVm *self = data;
  g_autoptr (VmConfig) config = bonsai_vm_description (self, error);
  VmNic *nic = config != NULL ? vm_config_find_nic (config, id) : NULL;

  if (config == NULL)
    return false;
  return nic != NULL ? set_forwards (self, config, nic, forwards, error) : no_such_card (self, id, error);
}

static bool
set_forwards_stopped (BonsaiVm *self, const char *id, const GArray *forwards, GError **error)
{
  g_autoptr (BundleLock) lock = NULL;
  g_autoptr (VmConfig) config = bonsai_vm_open_stopped (self, &lock, error);
  VmNic *nic = config != NULL ? vm_config_find_nic (config, id) : NULL;

  if (config == NULL)
    return false;
  return nic != NULL ? set_forwards (self, config, nic, forwards, error) : no_such_card (self, id, error);
}

static void
forwards_set (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_set_forwards_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_set_forwards_async (BonsaiVm *self, const char *nic, const GArray *forwards,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  BonsaiSession *session = bonsai_vm_get_session (self);
  GError *error = NULL;

  g_task_set_source_tag (task, bonsai_vm_set_forwards_async);
  if (session != NULL)
    bonsai_session_set_forwards_async (session, nic, forwards, cancellable, forwards_set,
                                       g_steal_pointer (&task));
  else if (set_forwards_stopped (self, nic, forwards, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

gboolean
bonsai_vm_set_forwards_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
