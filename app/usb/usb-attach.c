/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-attach.h"

#include "app/usb/usb-open.h"

#include <unistd.h>

static void
open_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  int fd = usb_open (data, true, &error);

  if (fd >= 0)
    g_task_return_int (task, fd);
  else
    g_task_return_error (task, error);
}

static void
attached (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_attach_usb_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
opened (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GCancellable *cancellable = g_task_get_cancellable (task);
  const HostUsb *usb = g_task_get_task_data (G_TASK (result));
  g_autofree char *label = host_usb_label (usb);
  GError *error = NULL;
  int fd = (int)g_task_propagate_int (G_TASK (result), &error);

  if (error != NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  bonsai_session_attach_usb_async (BONSAI_SESSION (source), fd, usb->port, label, cancellable, attached,
                                   g_steal_pointer (&task));
  close (fd);
}

void
usb_attach_async (BonsaiSession *session, const HostUsb *usb, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);
  g_autoptr (GTask) open = g_task_new (session, NULL, opened, task);

  g_task_set_source_tag (task, usb_attach_async);
  g_task_set_task_data (open, host_usb_copy (usb), (GDestroyNotify)host_usb_free);
  g_task_run_in_thread (open, open_in_thread);
}

gboolean
usb_attach_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
