/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods about disks and discs. */
#include "app/session/session-server-private.h"

#include "app/session/disk-message.h"

static void
change_medium_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_change_medium_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_change_medium (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *drive,
                  const char *path, gboolean force, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_change_medium_async (server->session, drive[0] != '\0' ? drive : NULL,
                                      path[0] != '\0' ? path : NULL, force, NULL, change_medium_done,
                                      session_answer_new (server, invocation));
  return TRUE;
}

static void
change_disk_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_change_disk_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_change_disk (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *disk,
                guint64 size, gboolean limited, GVariant *values, gpointer data)
{
  SessionServer *server = data;
  guint64 v[4];

  g_variant_get (values, "(tttt)", &v[0], &v[1], &v[2], &v[3]);
  bonsai_session_change_disk_async (server->session, disk, size,
                                    limited ? &(ImageLimits){ v[0], v[1], v[2], v[3] } : NULL, NULL,
                                    change_disk_done, session_answer_new (server, invocation));
  return TRUE;
}

static void
disk_work_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_work_on_disk_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_work_on_disk (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *disk,
                 const char *name, guint layer, const char *backing_path, const char *backing_format,
                 gpointer data)
{
  SessionServer *server = data;
  const BonsaiDiskWork work = {
    .disk = disk,
    .work = name,
    .layer = layer,
    .backing_path = backing_path[0] != '\0' ? backing_path : NULL,
    .backing_format = backing_format[0] != '\0' ? backing_format : NULL,
  };

  bonsai_session_work_on_disk_async (server->session, &work, NULL, disk_work_done,
                                     session_answer_new (server, invocation));
  return TRUE;
}

static gboolean
on_cancel_disk_work (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *disk,
                     gpointer data)
{
  SessionServer *server = data;

  bonsai_session_cancel_disk_work (server->session, disk);
  bonsai_bus_session1_complete_cancel_disk_work (skeleton, invocation);
  return TRUE;
}

static void
attach_done (GObject *source, GAsyncResult *result, gpointer data)
{
  SessionAnswer *answer = data;
  GError *error = NULL;
  g_autoptr (DiskSpec) disk = bonsai_session_attach_disk_finish (BONSAI_SESSION (source), result, &error);

  if (disk != NULL)
    bonsai_bus_session1_complete_attach_disk (answer->skeleton, answer->invocation, NULL, disk->id,
                                              disk_bus_names[disk->bus],
                                              disk->options.format != NULL ? disk->options.format : "");
  else
    g_dbus_method_invocation_take_error (answer->invocation, error);
  session_answer_free (answer);
}

static gboolean
on_attach_disk (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds,
                GVariant *settings, gpointer data)
{
  SessionServer *server = data;
  GError *error = NULL;
  bool any_bus;
  g_autoptr (DiskSpec) disk = disk_message_parse (settings, fds, &any_bus, &error);

  if (disk != NULL)
    bonsai_session_attach_disk_async (server->session, disk, any_bus, NULL, attach_done,
                                      session_answer_new (server, invocation));
  else
    g_dbus_method_invocation_take_error (invocation, error);
  return TRUE;
}

static void
detach_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_detach_disk_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_detach_disk (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *disk,
                gboolean force, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_detach_disk_async (server->session, disk, force, NULL, detach_done,
                                    session_answer_new (server, invocation));
  return TRUE;
}

static void
on_session_disk_progress (SessionServer *server, const char *disk, guint64 done, guint64 total)
{
  bonsai_bus_session1_emit_disk_progress (server->skeleton, disk, done, total);
}

static const SessionMethod disk_methods[] = {
  { "handle-change-medium", G_CALLBACK (on_change_medium) },
  { "handle-change-disk", G_CALLBACK (on_change_disk) },
  { "handle-work-on-disk", G_CALLBACK (on_work_on_disk) },
  { "handle-cancel-disk-work", G_CALLBACK (on_cancel_disk_work) },
  { "handle-attach-disk", G_CALLBACK (on_attach_disk) },
  { "handle-detach-disk", G_CALLBACK (on_detach_disk) },
};

void
session_server_connect_disks (SessionServer *server)
{
  session_server_connect (server, disk_methods, G_N_ELEMENTS (disk_methods));
  g_signal_connect_swapped (server->session, "disk-progress", G_CALLBACK (on_session_disk_progress), server);
}
