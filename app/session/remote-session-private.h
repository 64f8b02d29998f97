/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/remote-session.h"

G_BEGIN_DECLS

#define CALL_TIMEOUT_MS 30000

struct _RemoteSession {
  GObject parent;

  GDBusConnection *connection;
  GDBusProxy *proxy;

  char *uuid, *name, *message;
  BonsaiState state;
  BonsaiReason reason;
  int exit_status;
  int pid;
  bool console_open;
};

/* (transfer full) @error, without what D-Bus puts around the other side's words. */
GError *remote_session_clean_error (GError *error);

/* Calls @method; @task (transfer full) gets true, or the error. */
void remote_session_call (RemoteSession *self, const char *method, GVariant *parameters, int timeout_ms,
                          GTask *task);
void remote_session_call_and_forget (RemoteSession *self, const char *method, GVariant *parameters);

/* --- drives: of the interface (session.h) --- */

void remote_session_change_medium (BonsaiSession *session, const char *drive, const char *path, bool force,
                                   GTask *task);
void remote_session_change_disk (BonsaiSession *session, const char *disk, uint64_t size,
                                 const ImageLimits *limits, GTask *task);
void remote_session_work_on_disk (BonsaiSession *session, const BonsaiDiskWork *work, GTask *task);
void remote_session_cancel_disk_work (BonsaiSession *session, const char *disk);
void remote_session_attach_disk (BonsaiSession *session, const DiskSpec *disk, bool any_bus, GTask *task);
void remote_session_detach_disk (BonsaiSession *session, const char *disk, bool force, GTask *task);

/* --- network cards: of the interface --- */

void remote_session_set_link (BonsaiSession *session, const char *nic, bool up, GTask *task);
void remote_session_set_forwards (BonsaiSession *session, const char *nic, const GArray *forwards, GTask *task);
void remote_session_get_forwards (BonsaiSession *session, GTask *task);

/* --- memory: of the interface --- */

void remote_session_get_memory (BonsaiSession *session, GTask *task);
void remote_session_set_memory (BonsaiSession *session, uint64_t size, GTask *task);

/* --- counters: of the interface --- */

void remote_session_get_counters (BonsaiSession *session, GTask *task);

/* --- snapshots: of the interface --- */

void remote_session_change_snapshots (BonsaiSession *session, const char *operation, GVariant *arguments,
                                      GTask *task);
void remote_session_cancel_snapshot (BonsaiSession *session);

/* --- USB: of the interface --- */

void remote_session_attach_usb (BonsaiSession *session, int fd, const char *key, const char *name, GTask *task);
void remote_session_detach_usb (BonsaiSession *session, const char *key, GTask *task);
void remote_session_list_usb (BonsaiSession *session, GTask *task);

G_END_DECLS
