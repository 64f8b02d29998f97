/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/remote-session-private.h"

#include "app/base/error.h"
#include "app/session/disk-message.h"

#include <gio/gunixfdlist.h>

void
remote_session_change_medium (BonsaiSession *session, const char *drive, const char *path, bool force,
                              GTask *task)
{
  remote_session_call (REMOTE_SESSION (session), "ChangeMedium",
                       g_variant_new ("(ssb)", drive != NULL ? drive : "", path != NULL ? path : "", force),
                       CALL_TIMEOUT_MS, task);
}

/* An image may take its time to grow. */
void
remote_session_change_disk (BonsaiSession *session, const char *disk, uint64_t size,
                            const ImageLimits *limits, GTask *task)
{
  const ImageLimits none = { 0 }, *l = limits != NULL ? limits : &none;

  remote_session_call (REMOTE_SESSION (session), "ChangeDisk",
                       g_variant_new ("(stb(tttt))", disk, size, limits != NULL, l->iops, l->iops_burst,
                                      l->bytes_per_second, l->bytes_burst),
                       G_MAXINT, task);
}

void
remote_session_work_on_disk (BonsaiSession *session, const BonsaiDiskWork *work, GTask *task)
{
  RemoteSession *self = REMOTE_SESSION (session);

  remote_session_call (self, "WorkOnDisk",
                       g_variant_new ("(ssuss)", work->disk, work->work, work->layer,
                                      work->backing_path != NULL ? work->backing_path : "",
                                      work->backing_format != NULL ? work->backing_format : ""),
                       G_MAXINT, task);
}

void
remote_session_cancel_disk_work (BonsaiSession *session, const char *disk)
{
  remote_session_call_and_forget (REMOTE_SESSION (session), "CancelDiskWork", g_variant_new ("(s)", disk));
}

static void
attach_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  const DiskSpec *asked = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_proxy_call_with_unix_fd_list_finish (G_DBUS_PROXY (source), NULL, result, &error);
  const char *id, *bus, *format;
  DiskSpec *disk;

  if (reply == NULL || !g_variant_is_of_type (reply, G_VARIANT_TYPE ("(sss)")))
    {
      if (error == NULL)
        error =
          g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host did not say what it attached");
      g_task_return_error (task, remote_session_clean_error (error));
      return;
    }
  g_variant_get (reply, "(&s&s&s)", &id, &bus, &format);
  disk = disk_spec_copy (asked);
  g_free (disk->id);
  disk->id = g_strdup (id);
  for (unsigned i = 0; disk_bus_names[i] != NULL; i++)
    if (g_str_equal (disk_bus_names[i], bus))
      disk->bus = i;
  g_free (disk->options.format);
  disk->options.format = format[0] != '\0' ? g_strdup (format) : NULL;
  g_task_return_pointer (task, disk, (GDestroyNotify)disk_spec_free);
}

/* An encrypted image takes seconds. */
void
remote_session_attach_disk (BonsaiSession *session, const DiskSpec *disk, bool any_bus, GTask *task)
{
  RemoteSession *self = REMOTE_SESSION (session);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  DiskSpec *asked = disk_spec_copy (disk);
  GError *error = NULL;
  GVariant *settings = disk_message_new (disk, any_bus, fds, &error);

  g_clear_pointer (&asked->options.secret, g_bytes_unref);
  g_task_set_task_data (task, asked, (GDestroyNotify)disk_spec_free);
  if (settings != NULL)
    g_dbus_proxy_call_with_unix_fd_list (self->proxy, "AttachDisk", g_variant_new ("(@a{sv})", settings),
                                         G_DBUS_CALL_FLAGS_NONE, G_MAXINT, fds, g_task_get_cancellable (task),
                                         attach_done, task);
  else
    {
      g_task_return_error (task, error);
      g_object_unref (task);
    }
}

/* What is to be flushed may take its time. */
void
remote_session_detach_disk (BonsaiSession *session, const char *disk, bool force, GTask *task)
{
  remote_session_call (REMOTE_SESSION (session), "DetachDisk", g_variant_new ("(sb)", disk, force), G_MAXINT,
                       task);
}
