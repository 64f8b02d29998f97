/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/vm/vm-usb.h"

#include "app/base/error.h"
#include "app/policy/notice.h"
#include "app/usb/usb-attach.h"
#include "app/usb/usb-claim.h"
#include "app/usb/usb-follower.h"
#include "app/usb/usb-open.h"
#include "app/vm/vm-private.h"
#include "app/workspace/workspace.h"

#include <glib/gi18n.h>

/* --- hosted here --- */

bool
bonsai_vm_check_usb (const HostUsb *usb, void *data, GError **error)
{
  BonsaiVm *self = data;
  g_autoptr (VmConfig) config = bonsai_vm_description (self, error);

  return config != NULL && workspace_check_usb (self->path, config, usb, error);
}

/* What came and went is said by the session that it came to, whoever wanted it; what couldn't be, by whoever
 * tried. */
void
bonsai_vm_note_usb (const char *name, const char *state, const GError *error, void *data)
{
  const char *kind = g_str_equal (state, "attached") ? "usb-attach"
                     : g_str_equal (state, "lost")   ? "usb-unplug"
                                                     : "usb-detach";

  bonsai_vm_note (data, kind, name, NULL, error);
}

static void
on_followed (const char *name, const GError *error, void *data)
{
  BonsaiVm *self = data;

  bonsai_vm_note_usb (name, "attached", error, self);
  g_message ("“%s”: %s", bonsai_vm_get_name (self), error->message);
  notice_show (bonsai_vm_get_name (self), error->message);
  local_session_tell (LOCAL_SESSION (self->session), error->message);
}

void
bonsai_vm_give_usb (BonsaiVm *self, LocalSession *session, GPtrArray *opened)
{
  for (guint i = 0; i < opened->len; i++)
    {
      UsbOpened *device = g_ptr_array_index (opened, i);
      g_autofree char *label = host_usb_label (device->usb);
      g_autoptr (GError) error = NULL;

      if (!local_session_give_usb (session, g_steal_fd (&device->fd), device->usb->port, label, &error))
        g_info ("%s", error->message);
    }
}

void
bonsai_vm_follow_usb (BonsaiVm *self)
{
  if (self->lock == NULL || self->config == NULL || !LOCAL_IS_SESSION (self->session) || self->concluding)
    return;
  if (self->usb_follower != NULL)
    usb_follower_set_rules (self->usb_follower, self->config->usb_rules);
  else if (self->config->usb)
    self->usb_follower =
      usb_follower_new (self->session, host_usb_root (), self->config->usb_rules, on_followed, self);
}

void
bonsai_vm_leave_usb (BonsaiVm *self)
{
  g_clear_pointer (&self->usb_follower, usb_follower_free);
}

/* --- what there is --- */

static void
usb_offer_free (gpointer data)
{
  VmUsbOffer *offer = data;

  host_usb_free (offer->usb);
  g_free (offer->holder);
  g_free (offer);
}

typedef struct {
  char *path;
  VmConfig *config;
} Asker;

static void
asker_free (gpointer data)
{
  Asker *asker = data;

  g_free (asker->path);
  vm_config_free (asker->config);
  g_free (asker);
}

/* @usb: (transfer full) */
static VmUsbOffer *
usb_offer_new (const Asker *asker, HostUsb *usb)
{
  VmUsbOffer *offer = g_new0 (VmUsbOffer, 1);
  g_autofree char *uuid = NULL;

  offer->usb = usb;
  offer->holder = usb_claim_holder (usb->port, &uuid);
  offer->is_attached = g_strcmp0 (uuid, asker->config->uuid) == 0;
  return offer;
}

static void
list_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Asker *asker = data;
  GPtrArray *devices = host_usb_list (host_usb_root ());
  GPtrArray *offers = g_ptr_array_new_with_free_func (usb_offer_free);

  for (guint i = 0; i < devices->len; i++)
    {
      const HostUsb *usb = g_ptr_array_index (devices, i);

      if (workspace_check_usb (asker->path, asker->config, usb, NULL))
        g_ptr_array_add (offers, usb_offer_new (asker, host_usb_copy (usb)));
    }
  g_ptr_array_unref (devices);
  g_task_return_pointer (task, offers, (GDestroyNotify)g_ptr_array_unref);
}

void
bonsai_vm_list_usb_async (BonsaiVm *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  Asker *asker;

  g_task_set_source_tag (task, bonsai_vm_list_usb_async);
  if (self->config == NULL)
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s", self->state_text);
      return;
    }
  asker = g_new (Asker, 1);
  *asker = (Asker){ g_strdup (self->path), vm_config_copy (self->config) };
  g_task_set_task_data (task, asker, asker_free);
  g_task_run_in_thread (task, list_in_thread);
}

GPtrArray *
bonsai_vm_list_usb_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- giving and taking --- */

static void
given (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BonsaiVm *self = g_task_get_source_object (task);
  GError *error = NULL;

  if (usb_attach_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    {
      bonsai_vm_note_usb (g_task_get_task_data (task), "attached", error, self);
      g_task_return_error (task, error);
    }
}

static bool
check_running (BonsaiVm *self, GTask *task)
{
  if (bonsai_vm_get_session (self) != NULL)
    return true;
  g_task_return_new_error (
    task, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING,
    _ ("“%s” isn't running; a rule gives it the device at its start (bonsai usb rule add)"),
    bonsai_vm_get_name (self));
  return false;
}

void
bonsai_vm_attach_usb_async (BonsaiVm *self, const HostUsb *usb, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_vm_attach_usb_async);
  g_task_set_task_data (task, host_usb_label (usb), g_free);
  if (check_running (self, task))
    usb_attach_async (bonsai_vm_get_session (self), usb, cancellable, given, g_steal_pointer (&task));
}

gboolean
bonsai_vm_attach_usb_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
taken (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BonsaiVm *self = g_task_get_source_object (task);
  GError *error = NULL;

  if (bonsai_session_detach_usb_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    {
      bonsai_vm_note_usb (g_task_get_task_data (task), "detached", error, self);
      g_task_return_error (task, error);
    }
}

void
bonsai_vm_detach_usb_async (BonsaiVm *self, const char *port, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  g_autoptr (HostUsb) usb = host_usb_read (host_usb_root (), port);

  g_task_set_source_tag (task, bonsai_vm_detach_usb_async);
  g_task_set_task_data (task, usb != NULL ? host_usb_label (usb) : g_strdup (port), g_free);
  if (check_running (self, task))
    bonsai_session_detach_usb_async (bonsai_vm_get_session (self), port, cancellable, taken,
                                     g_steal_pointer (&task));
}

gboolean
bonsai_vm_detach_usb_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
