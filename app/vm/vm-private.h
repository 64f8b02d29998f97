/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/bundle.h"
#include "app/events/event-log.h"
#include "app/history/recorder.h"
#include "app/session/consoles.h"
#include "app/session/local-session.h"
#include "app/session/session-server.h"
#include "app/vm/vm-note.h"
#include "app/vm/vm.h"

G_BEGIN_DECLS

/* For the library, and between the files of this folder. */

struct _BonsaiVm {
  GObject parent;

  char *path;
  Consoles *consoles;
  Recorder *recorder; /* of machines that are hosted here */
  EventLog *events;
  VmConfig *config; /* NULL: broken */
  VmConfig *wanted; /* as it will be when what is being saved is; NULL: nothing is */
  GQueue saves;     /* of GTask (vm-save.c): the first is being written */
  char *trouble;    /* why it is broken */
  char *conflict;   /* set by the library: another bundle has the same UUID */

  /* What the properties say. */
  BonsaiState state;
  BonsaiReason reason;
  char *state_text;
  int exit_status;
  bool console_open;

  BundleRun last_run;
  GQueue records;           /* what is to be recorded of runs (vm-run.c): the first is being written */
  struct RunFile *run_file; /* what they are written to; or NULL */
  bool starting;          /* a start of ours is under way */
  bool starts_again;      /* ... is to come: its guest restarts */
  const char *changing;   /* its snapshots are, by a worker of ours: what is done; else NULL */
  BonsaiSession *session; /* alive; or ended, with a window that still shows why */
  bool session_ended;
  bool concluding;       /* it has ended here, and its folder is being tidied */
  SessionServer *server; /* hosted here */
  VmSharing *shared; /* (nullable): as whom it lets in now */
  BundleLock *lock;      /* hosted here */
  GCancellable *meeting; /* connecting to another host */
  bool meet_again;       /* there was news meanwhile */
  int ended_by;          /* the process that ran it, and has not let go of its lock yet; or 0 */

  int lender;    /* of whose memory the next start's process is to be a fork; or -1 */
  bool is_last_loan; /* ... and no other's after it */
  int borrowed;  /* what the lender that started this process gave it, for the next start here; or -1 */

  struct {
    unsigned failures; /* crashes in a row so far */
    int delay;         /* seconds until it starts again; -1: it doesn't */
    guint timer;       /* a source, or 0 */
    gint64 at;         /* as BundleRun has it */
    gint64 since;      /* when it was started, µs of the monotonic clock */
    bool under_way;    /* the start that is under way is one of these */
    BonsaiStartFlags flags;
  } restart;

  struct Warden *warden; /* follows its policy while it runs here; or NULL */

  struct UsbFollower *usb_follower; /* gives it devices of the host's, if it runs here; or NULL */

  char *leased;      /* UUID of a workspace that is hosted here, or about to be; else NULL */
  guint lease_timer; /* a source, or 0 */

  GHashTable *secrets;   /* disk → GBytes: passphrases for the next start */
  ImageKeys *keys;       /* what was derived from them while they were tried; or NULL */

  unsigned n_watchers;
  bool grabbing, grab_again;
  Surface *thumbnail;
  bool picture_looked_for; /* screenshot.png */
  bool looking;            /* for it */
  bool picture_is_live;    /* the thumbnail came from a session since */

  unsigned n_snapshot_watchers;
  GFileMonitor *snapshot_monitors[2]; /* of the bundle and of its snapshots/ */
  guint snapshot_news;                /* a source, or 0 */
};

BonsaiVm *bonsai_vm_new (const char *path, Consoles *consoles, Recorder *recorder, EventLog *events);

/* Reads the bundle again: description, last run, and whether another process runs it. */
void bonsai_vm_reload (BonsaiVm *vm);

/* @conflict: (nullable): why it can't be used beside the others. */
void bonsai_vm_set_conflict (BonsaiVm *vm, const char *conflict);

/* It was moved. */
void bonsai_vm_set_path (BonsaiVm *vm, const char *path);

/* Whether it is still being found out what it does. */
bool bonsai_vm_is_meeting (BonsaiVm *vm);

/* Somebody took, or let go of, its lock. */
void bonsai_vm_lock_changed (BonsaiVm *vm);

/* Somebody wrote screenshot.png. */
void bonsai_vm_picture_changed (BonsaiVm *vm);

/* vm.c */
void bonsai_vm_update_state (BonsaiVm *vm);
/* The file says @config (transfer full; NULL: something else than a description). */
void bonsai_vm_take_config (BonsaiVm *vm, VmConfig *config);
/* The same, and it was us who wrote that. */
void bonsai_vm_adopt_config (BonsaiVm *vm, VmConfig *config);

/* vm-session.c: if another process runs it, talks to that. */
void bonsai_vm_meet (BonsaiVm *vm);
/* The process that has its lock and uses it: its number; -1: unknown; 0: none. Not of locks of our own. */
int bonsai_vm_find_user (BonsaiVm *vm);
/* Takes over @session (transfer full), hosted here (with a lock) or elsewhere. */
void bonsai_vm_set_session (BonsaiVm *vm, BonsaiSession *session);
void bonsai_vm_drop_session (BonsaiVm *vm);

/* vm-run.c: writes last_run, as it is now, into the bundle, in a thread, after what was to be written before; then
 * @recorded (nullable) is called, also if it failed. The bundle's lock is kept until then, where it matters who
 * comes next. */
typedef void (*RunRecordedFunc) (BonsaiVm *vm, gpointer data);
void bonsai_vm_record_run (BonsaiVm *vm, RunRecordedFunc recorded, gpointer data);
/* Waits for what is being written; the rest isn't any more. For the machine's end. */
void bonsai_vm_close_records (BonsaiVm *vm);

/* vm-start.c: the machine hosted here has ended. */
void bonsai_vm_conclude_run (BonsaiVm *vm);

/* vm-lease.c: of a workspace, as far as it is one. @begin refuses a start that its terms don't allow; what began
 * ends. Once it runs it is followed: it is suspended when its time is over. */
bool bonsai_vm_begin_lease (BonsaiVm *vm, GError **error);
void bonsai_vm_follow_lease (BonsaiVm *vm);
void bonsai_vm_end_lease (BonsaiVm *vm);

/* vm-policy.c: lets its policy's rules watch over it, if it runs here: from now on, or as they are by now. */
void bonsai_vm_follow_policy (BonsaiVm *vm);
/* vm-sharing.c: other users reach the machine that runs here as its description says. */
void bonsai_vm_follow_sharing (BonsaiVm *vm);
void bonsai_vm_leave_policy (BonsaiVm *vm);

/* vm-usb.c: devices that its rules name come to it, if it runs here: from now on, or as they are by now. */
void bonsai_vm_follow_usb (BonsaiVm *vm);
void bonsai_vm_leave_usb (BonsaiVm *vm);
/* Before its start: what its rules name of @opened (of UsbOpened, whose descriptors are taken) is there when its firmware
 * looks. What can't be is tried again, and told, by bonsai_vm_follow_usb. */
void bonsai_vm_give_usb (BonsaiVm *vm, LocalSession *session, GPtrArray *opened);
/* Of bonsai_vm_keeper. */
bool bonsai_vm_check_usb (const HostUsb *usb, void *data, GError **error);
void bonsai_vm_note_usb (const char *name, const char *state, const GError *error, void *data);

/* vm-restart.c: restarts after crashes, if its policy says so. It starts, here. */
void bonsai_vm_begin_restart_count (BonsaiVm *vm);
/* Its run has ended as last_run says, which is told then when it starts again. */
void bonsai_vm_plan_restart (BonsaiVm *vm);
/* It is let go of: waits for that. */
void bonsai_vm_await_restart (BonsaiVm *vm, BonsaiStartFlags flags);

/* vm-disks.c: writes into vm.json what changes while the machine runs here; its data is the BonsaiVm. */
extern const LocalSessionKeeper bonsai_vm_keeper;

/* vm-disks.c: the description, taken from the file each time: its owner may edit it while the machine runs. */
VmConfig *bonsai_vm_description (BonsaiVm *vm, GError **error);
/* The same of a machine that doesn't run, to be changed while nobody else does: *@lock is to be dropped after that. */
VmConfig *bonsai_vm_open_stopped (BonsaiVm *vm, BundleLock **lock, GError **error);

/* vm-change.c: nothing is under way here for which the bundle's lock is held, or will be. */
bool bonsai_vm_check_idle (BonsaiVm *vm, GError **error);

/* vm-watch.c: the tree of snapshots may have changed. */
void bonsai_vm_tell_snapshots (BonsaiVm *vm);
void bonsai_vm_unwatch_snapshots (BonsaiVm *vm);

/* vm-borrow.c: lets the lender start @argv, with @status_fd as STATUS_FD, and what it lends as the argument's
 * "--borrowed-fd". */
bool bonsai_vm_start_by_lender (BonsaiVm *vm, GPtrArray *argv, int status_fd, GError **error);

/* vm-network.c: of bonsai_vm_keeper. */
bool bonsai_vm_keep_link (const char *nic, bool up, void *data, GError **error);
bool bonsai_vm_keep_forwards (const char *nic, const GArray *forwards, void *data, GError **error);

/* vm-unlock.c: gives the disks of a start their passphrases. */
void bonsai_vm_put_secrets (BonsaiVm *vm, MachineSpec *spec);

/* vm-note.c: writes what happened into the log of events (vm-note.h). Its description was replaced. @before: (nullable): it was broken. */
void bonsai_vm_note_settings (BonsaiVm *vm, const VmConfig *before, const VmConfig *now);
/* It stands, as its session says; nothing is written of who wanted that. */
void bonsai_vm_note_pause (BonsaiVm *vm);
/* Its run has ended as last_run says. */
void bonsai_vm_note_end (BonsaiVm *vm);

/* vm-picture.c */
void bonsai_vm_refresh_thumbnail (BonsaiVm *vm);
void bonsai_vm_set_thumbnail (BonsaiVm *vm, Surface *surface);
/* Any thread. NULL if there is none. (transfer full) */
Surface *picture_load_png (const char *path);

G_END_DECLS
