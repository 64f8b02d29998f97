/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/session.h"

G_DEFINE_INTERFACE (BonsaiSession, bonsai_session, G_TYPE_OBJECT)

static void
bonsai_session_default_init (BonsaiSessionInterface *iface)
{
  g_signal_new ("changed", BONSAI_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_signal_new ("thumbnail-changed", BONSAI_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                0);
  g_signal_new ("disk-progress", BONSAI_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                G_TYPE_STRING, G_TYPE_UINT64, G_TYPE_UINT64);
  g_signal_new ("snapshot-progress", BONSAI_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                3, G_TYPE_STRING, G_TYPE_UINT64, G_TYPE_UINT64);
  g_signal_new ("usb-changed", BONSAI_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING);
}

const char *
bonsai_session_get_uuid (BonsaiSession *session)
{
  return BONSAI_SESSION_GET_IFACE (session)->get_uuid (session);
}

const char *
bonsai_session_get_name (BonsaiSession *session)
{
  return BONSAI_SESSION_GET_IFACE (session)->get_name (session);
}

BonsaiState
bonsai_session_get_state (BonsaiSession *session)
{
  return BONSAI_SESSION_GET_IFACE (session)->get_state (session);
}

BonsaiReason
bonsai_session_get_reason (BonsaiSession *session)
{
  return BONSAI_SESSION_GET_IFACE (session)->get_reason (session);
}

const char *
bonsai_session_get_message (BonsaiSession *session)
{
  return BONSAI_SESSION_GET_IFACE (session)->get_message (session);
}

int
bonsai_session_get_exit_status (BonsaiSession *session)
{
  return BONSAI_SESSION_GET_IFACE (session)->get_exit_status (session);
}

int
bonsai_session_get_pid (BonsaiSession *session)
{
  return BONSAI_SESSION_GET_IFACE (session)->get_pid (session);
}

void
bonsai_session_control_async (BonsaiSession *session, BonsaiControl control, unsigned timeout_ms,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_control_async);
  BONSAI_SESSION_GET_IFACE (session)->control (session, control, timeout_ms, task);
}

gboolean
bonsai_session_control_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
bonsai_session_input (BonsaiSession *session, const BonsaiInput *input)
{
  BONSAI_SESSION_GET_IFACE (session)->input (session, input);
}

void
bonsai_session_grab_async (BonsaiSession *session, unsigned head, int max_width, int max_height, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_grab_async);
  BONSAI_SESSION_GET_IFACE (session)->grab (session, head, max_width, max_height, task);
}

Surface *
bonsai_session_grab_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
bonsai_session_watch (BonsaiSession *session, bool active)
{
  BONSAI_SESSION_GET_IFACE (session)->watch (session, active);
}

void
bonsai_session_set_cap (BonsaiSession *session, double share)
{
  BONSAI_SESSION_GET_IFACE (session)->set_cap (session, share);
}

void
bonsai_session_change_medium_async (BonsaiSession *session, const char *drive, const char *path, bool force,
                                    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_change_medium_async);
  BONSAI_SESSION_GET_IFACE (session)->change_medium (session, drive, path, force, task);
}

gboolean
bonsai_session_change_medium_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
bonsai_session_set_link_async (BonsaiSession *session, const char *nic, bool up, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_set_link_async);
  BONSAI_SESSION_GET_IFACE (session)->set_link (session, nic, up, task);
}

gboolean
bonsai_session_set_link_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
bonsai_session_set_forwards_async (BonsaiSession *session, const char *nic, const GArray *forwards,
                                   GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_set_forwards_async);
  BONSAI_SESSION_GET_IFACE (session)->set_forwards (session, nic, forwards, task);
}

gboolean
bonsai_session_set_forwards_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
bonsai_session_get_forwards_async (BonsaiSession *session, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_get_forwards_async);
  BONSAI_SESSION_GET_IFACE (session)->get_forwards (session, task);
}

GVariant *
bonsai_session_get_forwards_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
bonsai_session_change_disk_async (BonsaiSession *session, const char *disk, uint64_t size,
                                  const ImageLimits *limits, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_change_disk_async);
  BONSAI_SESSION_GET_IFACE (session)->change_disk (session, disk, size, limits, task);
}

gboolean
bonsai_session_change_disk_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
bonsai_session_show_console_async (BonsaiSession *session, bool show, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_show_console_async);
  BONSAI_SESSION_GET_IFACE (session)->show_console (session, show, task);
}

gboolean
bonsai_session_show_console_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

bool
bonsai_session_get_console_open (BonsaiSession *session)
{
  return BONSAI_SESSION_GET_IFACE (session)->get_console_open (session);
}

static void
on_cancelled (GCancellable *cancellable, gpointer data)
{
  GTask *task = data;

  bonsai_session_cancel_disk_work (g_task_get_source_object (task), g_task_get_name (task));
}

void
bonsai_session_work_on_disk_async (BonsaiSession *session, const BonsaiDiskWork *work,
                                   GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, NULL, callback, data);

  g_task_set_source_tag (task, bonsai_session_work_on_disk_async);
  g_task_set_name (task, work->disk);
  /* The answer comes from whoever does the work: it may be done already. */
  if (cancellable != NULL)
    g_signal_connect_object (cancellable, "cancelled", G_CALLBACK (on_cancelled), task, 0);
  BONSAI_SESSION_GET_IFACE (session)->work_on_disk (session, work, task);
}

gboolean
bonsai_session_work_on_disk_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
bonsai_session_cancel_disk_work (BonsaiSession *session, const char *disk)
{
  BONSAI_SESSION_GET_IFACE (session)->cancel_disk_work (session, disk);
}

void
bonsai_session_attach_disk_async (BonsaiSession *session, const DiskSpec *disk, bool any_bus,
                                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_attach_disk_async);
  BONSAI_SESSION_GET_IFACE (session)->attach_disk (session, disk, any_bus, task);
}

DiskSpec *
bonsai_session_attach_disk_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
bonsai_session_detach_disk_async (BonsaiSession *session, const char *disk, bool force,
                                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_detach_disk_async);
  BONSAI_SESSION_GET_IFACE (session)->detach_disk (session, disk, force, task);
}

gboolean
bonsai_session_detach_disk_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* (transfer floating) */
static GVariant *
arguments_or_none (GVariant *arguments)
{
  return arguments != NULL ? arguments : g_variant_new ("a{sv}", NULL);
}

void
bonsai_session_ask_guest_async (BonsaiSession *session, const char *operation, GVariant *arguments,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_ask_guest_async);
  g_task_set_check_cancellable (task, FALSE);
  BONSAI_SESSION_GET_IFACE (session)->ask_guest (session, operation, arguments_or_none (arguments), task);
}

GVariant *
bonsai_session_ask_guest_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
bonsai_session_open_serial_async (BonsaiSession *session, unsigned port, bool force,
                                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_open_serial_async);
  BONSAI_SESSION_GET_IFACE (session)->open_serial (session, port, force, task);
}

int
bonsai_session_open_serial_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return (int)g_task_propagate_int (G_TASK (result), error);
}

void
bonsai_session_get_memory_async (BonsaiSession *session, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_get_memory_async);
  BONSAI_SESSION_GET_IFACE (session)->get_memory (session, task);
}

GVariant *
bonsai_session_get_memory_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
bonsai_session_get_counters_async (BonsaiSession *session, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_get_counters_async);
  BONSAI_SESSION_GET_IFACE (session)->get_counters (session, task);
}

Counters *
bonsai_session_get_counters_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
bonsai_session_set_memory_async (BonsaiSession *session, uint64_t size, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_set_memory_async);
  BONSAI_SESSION_GET_IFACE (session)->set_memory (session, size, task);
}

gboolean
bonsai_session_set_memory_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Its owner may give up on the other side of a connection: what is under way there is told. */
static void
cancel_snapshot (GCancellable *cancellable, gpointer data)
{
  bonsai_session_cancel_snapshot (g_task_get_source_object (data));
}

void
bonsai_session_change_snapshots_async (BonsaiSession *session, const char *operation, GVariant *arguments,
                                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_change_snapshots_async);
  g_task_set_check_cancellable (task, FALSE); /* it is over when the machine says so */
  if (cancellable != NULL)
    g_signal_connect_object (cancellable, "cancelled", G_CALLBACK (cancel_snapshot), task, 0);
  BONSAI_SESSION_GET_IFACE (session)->change_snapshots (session, operation, arguments_or_none (arguments), task);
}

GVariant *
bonsai_session_change_snapshots_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
bonsai_session_cancel_snapshot (BonsaiSession *session)
{
  BONSAI_SESSION_GET_IFACE (session)->cancel_snapshot (session);
}
