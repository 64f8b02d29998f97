/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-schedule.h"
#include "app/session/consoles.h"
#include "app/session/session.h"
#include "app/usb/host-usb.h"
#include "devices/platform/machine-spec.h"

G_BEGIN_DECLS

/* A machine that runs in this process. Letting go of the last reference pulls its plug. */
#define LOCAL_TYPE_SESSION (local_session_get_type ())
G_DECLARE_FINAL_TYPE (LocalSession, local_session, LOCAL, SESSION, GObject)

/* In state STARTING until local_session_start_finish. @consoles: (nullable): without, it has no window. */
LocalSession *local_session_new (MachineSpec *spec, Consoles *consoles);

/* Before the start: the machine goes on from the state in @folder, which vm.json of the keeper's bundle
 * names, instead of booting. If that fails so does the start, and nothing is lost. */
void local_session_set_resume (LocalSession *session, const char *folder);

/* Before the start: this process was started by a lender, whose contents these are (transfer full)
 * (vmm/machine/machine-loan.h): the machine goes on with what was lent, instead of booting. */
void local_session_set_borrowed (LocalSession *session, int contents);

/* Before the start: who listens at @forward of card @nic already, with who waits there, is @fd (transfer full). */
void local_session_adopt_forward (LocalSession *session, const char *nic, const NetForward *forward, int fd);

/* Before the start, with a keeper: the guest has this USB device of the host's from the beginning, so that its firmware
 * finds it, as by bonsai_session_attach_usb_async; @fd (transfer full). False with @error set if the terms refuse it, or
 * another machine has it. If it can't be had then, the machine starts without it. */
bool local_session_give_usb (LocalSession *session, int fd, const char *key, const char *name, GError **error);

/* Before the start: pictures of its screen are no larger than thumbnails, whoever asks; its windows show it as ever. */
void local_session_forbid_pictures (LocalSession *session);

/* From now on snapshots are taken by that while it runs. */
void local_session_set_schedule (LocalSession *session, const VmSchedule *schedule);

/* How much of its processors' time it gets by its own policy, over 0 to 1; 1 unless this is said. */
void local_session_set_own_cap (LocalSession *session, double share);

/* Builds the machine and lets it run. Once. */
void local_session_start_async (LocalSession *session, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer data);
gboolean local_session_start_finish (LocalSession *session, GAsyncResult *result, GError **error);

/* Whoever keeps the machine's description is told what its owner changed while it runs, so that the next start
 * has the same. On the session's thread; false with @error set if it could not be recorded. */
typedef struct {
  bool (*attached) (const DiskSpec *disk, void *data, GError **error);
  bool (*detached) (const char *disk, void *data, GError **error);
  bool (*medium_changed) (const char *drive, const char *path, void *data, GError **error); /* @path: or NULL */
  bool (*link_changed) (const char *nic, bool up, void *data, GError **error);
  /* Before it is done; refuses what the machine's terms don't allow. (element-type NetForward) */
  bool (*forwards_changed) (const char *nic, const GArray *forwards, void *data, GError **error);
  /* (nullable): refuses a USB device of the host's that the machine's terms don't allow, before the guest has it. */
  bool (*usb_attaching) (const HostUsb *usb, void *data, GError **error);
  /* (nullable): the guest has the device @name now, or has it no more, however that came about; @state: as of
   * "usb-changed". @error: (nullable): what was chosen in its window couldn't be. */
  void (*usb_changed) (const char *name, const char *state, const GError *error, void *data);
  /* (nullable): the bundle's folder, locked by this process; its tree of snapshots is the session's to
   * change. */
  const char *(*get_bundle) (void *data);
  /* vm.json in it has been changed. */
  void (*description_changed) (void *data);
} LocalSessionKeeper;

/* @keeper: (nullable): stays valid until it is replaced. */
void local_session_set_keeper (LocalSession *session, const LocalSessionKeeper *keeper, void *data);

/* Shows @text in its windows, over the picture, for some seconds. */
void local_session_tell (LocalSession *session, const char *text);

/* Whether it had a window when the machine ended. */
bool local_session_had_window (LocalSession *session);

/* Done when what was being done with the machine's snapshots is over: after its end its folder is others' then. */
void local_session_settle_async (LocalSession *session, GAsyncReadyCallback callback, gpointer data);
void local_session_settle_finish (LocalSession *session, GAsyncResult *result);

/* How the screen looked when the machine ended. (nullable) (transfer none) */
Surface *local_session_get_last_picture (LocalSession *session);

/* Exits to user space so far, or NULL if it does not run. (transfer full) */
char *local_session_exit_counts (LocalSession *session);

G_END_DECLS
