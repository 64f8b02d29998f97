/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/agent/agent-link.h"
#include "app/agent/desktop-agent.h"
#include "app/agent/guest-service.h"
#include "app/bundle/vm-config.h"
#include "app/session/local-session.h"
#include "app/session/relay.h"
#include "app/session/session-waiters.h"
#include "devices/platform/pc.h"

G_BEGIN_DECLS

#define SESSION_MAX_HEADS 4u

typedef struct SnapshotWork SnapshotWork;
typedef struct SnapshotClock SnapshotClock;

/* The console window of a head. */
typedef struct {
  ConsoleWindow *console; /* or NULL */
  Relay *relay;           /* the session's */
  unsigned head;
} SessionWindow;

struct _LocalSession {
  GObject parent;

  char *name, *uuid;
  MachineSpec *spec; /* another one after going back to a snapshot: other threads use it under pc_lock */
  Consoles *consoles;
  Relay *relay;

  GRWLock pc_lock; /* writers: building and freeing; readers: other threads that use it */
  Pc *pc;          /* NULL before the start and after the end */
  Surface *last_picture; /* under pc_lock as well */
  bool no_pictures; /* larger than thumbnails */
  bool ended; /* pc is on its way out: only a reader of pc_lock may use it */
  bool changing; /* another pc takes its place this moment: as above */
  void *missed;  /* MachineEvent: the last that came meanwhile, or NULL */

  BonsaiState state;
  BonsaiReason reason;
  char *message;
  BonsaiReason trouble; /* the guest's, until it is reset; NONE: none */
  char *trouble_text;
  int exit_status;
  SessionWaiters *waiters;

  const LocalSessionKeeper *keeper; /* (nullable) */
  void *keeper_data;
  GMutex description_lock; /* of vm.json and the tree of snapshots: who writes them */
  char *resume;            /* the folder with the state that the start goes on from, or NULL */
  int borrowed;            /* what the memory with which the start goes on was lent with, or -1 */
  SnapshotWork *snapshot;  /* what is done with the tree, or NULL */
  GQueue snapshot_requests; /* what comes after it */
  GQueue settling;          /* of GTask: who waits for the end of @snapshot */
  bool suspended;          /* to disk: it is about to end */
  int unmoved; /* atomic: it stands where it went back to, and vm.json's "resume" says so, until it moves */
  double own_cap, others_cap; /* shares of its processors' time that it may have, by its policy and by other machines' */
  GPtrArray *usb_given; /* of UsbGift: what the machine is to begin with (local-session-usb.c); (nullable) */
  unsigned menu_serial;       /* of the last reading of what the windows' menu offers */
  struct UsbWatch *usb_watch; /* (nullable): while there are windows */
  GHashTable *usb_claims; /* port → UsbClaim: what it has, or is about to; (nullable) */
  GPtrArray *listeners; /* of forwarded ports (local-session-forwards.c); (nullable) */
  bool restarted;          /* it ends as its guest reset it */
  bool had_window;         /* ... when it ended */
  SnapshotClock *clock;
  int64_t last_scheduled; /* when the clock's last snapshot was taken before the start */
  GuestService *guest;   /* NULL: its agent is switched off, or the machine is not there */
  AgentLink *agent_link; /* (nullable) */
  bool guest_is_late;    /* it comes from a snapshot: its clock is slow, its file systems may be frozen */
  bool tells_guest;      /* that it is a clone */
  DesktopAgent *desktop; /* as @guest */
  AgentLink *desktop_link;
  Clip *host_clip;  /* what the guest has put into the host's clipboard, or NULL */
  Clip *shown_clip; /* what a window with the focus has seen there, or NULL */
  GHashTable *disk_work; /* disk → GCancellable of the work under way */

  ScreenViewer *viewer;
  unsigned n_watchers;
  SessionWindow windows[SESSION_MAX_HEADS]; /* all are open, or none */
};

/* What may be written to a file of @surface ((nullable), transfer full). (transfer full) */
Surface *local_session_keepable (LocalSession *self, Surface *surface);

/* NULL unless the machine is there to be used. The session's thread. */
Pc *local_session_live_pc (LocalSession *self);

/* The machine's loop thread: for pc_new; @data is the session's relay. */
void local_session_on_machine_event (Machine *machine, const MachineEvent *event, void *data);
/* @pc has taken the place of the one before: what was missed is another machine's. */
void local_session_forget_events (LocalSession *self);
/* It has not: what was missed is dealt with now. */
void local_session_catch_up (LocalSession *self);
void local_session_forget_trouble (LocalSession *self);
void local_session_set_state (LocalSession *self, BonsaiState state, BonsaiReason reason,
                              const char *message);
/* Whether there is a keeper to tell: if so, the description is locked until local_session_end_keeping. */
bool local_session_begin_keeping (LocalSession *self);
void local_session_end_keeping (LocalSession *self);

/* Pulls the plug if need be; waits for readers of pc_lock. Any thread. */
void local_session_free_pc (LocalSession *self);

/* local-session-control.c */
void local_session_control (BonsaiSession *session, BonsaiControl control, unsigned timeout_ms, GTask *task);
void local_session_input (BonsaiSession *session, const BonsaiInput *input);
void local_session_open_serial (BonsaiSession *session, unsigned port, bool force, GTask *task);

/* local-session-drives.c */
void local_session_change_medium (BonsaiSession *session, const char *drive, const char *path, bool force,
                                  GTask *task);
void local_session_attach_disk (BonsaiSession *session, const DiskSpec *disk, bool any_bus, GTask *task);
void local_session_detach_disk (BonsaiSession *session, const char *disk, bool force, GTask *task);
void local_session_change_disk (BonsaiSession *session, const char *disk, uint64_t size,
                                const ImageLimits *limits, GTask *task);

/* local-session-network.c */
void local_session_set_link (BonsaiSession *session, const char *nic, bool up, GTask *task);

/* local-session-forwards.c */
/* Before there is a machine: opens the ports that it is to have. A worker thread. */
bool local_session_open_forwards (LocalSession *self, GError **error);
/* Lets @pc have all of them. A worker thread before the first run, or the session's. */
bool local_session_serve_forwards (LocalSession *self, Pc *pc, GError **error);
/* Another Pc, of another description, has taken the place of the one @before. */
void local_session_renew_forwards (LocalSession *self, Pc *before);
void local_session_close_forwards (LocalSession *self);
void local_session_set_forwards (BonsaiSession *session, const char *nic, const GArray *forwards, GTask *task);
void local_session_get_forwards (BonsaiSession *session, GTask *task);

/* local-session-usb-claims.c */
/* Before it is attached: NULL with @error set of a device that the machine's terms don't allow, or that another machine
 * has. @fd: its node. Returns: (transfer full): host_usb_identity. */
char *local_session_claim_usb (LocalSession *self, int fd, const char *port, GError **error);
/* The host has it again, or never lost it. */
void local_session_release_usb (LocalSession *self, const char *port);
void local_session_release_all_usb (LocalSession *self);

/* local-session-usb.c */
/* A worker thread before the first run: plugs in what it is to begin with. What can't be is free for who follows its
 * rules, and tells why. */
void local_session_plug_usb (LocalSession *self, Pc *pc);
/* There is a Pc, or another one: who listens is told what it lacks. */
void local_session_tell_usb (LocalSession *self);
void local_session_attach_usb (BonsaiSession *session, int fd, const char *key, const char *name, GTask *task);
void local_session_detach_usb (BonsaiSession *session, const char *key, GTask *task);
void local_session_list_usb (BonsaiSession *session, GTask *task);

/* local-session-memory.c */
void local_session_get_memory (BonsaiSession *session, GTask *task);
void local_session_set_memory (BonsaiSession *session, uint64_t size, GTask *task);

/* local-session-cap.c: others want it to have no more than that; 1: they don't care. */
void local_session_set_cap (BonsaiSession *session, double share);
/* Another Pc has taken the place of the one before, or is the first. */
void local_session_apply_cap (LocalSession *self);

/* local-session-counters.c */
void local_session_get_counters (BonsaiSession *session, GTask *task);

/* local-session-desktop.c: spice-vdagent */
void local_session_open_desktop (LocalSession *self);  /* there is a Pc */
void local_session_close_desktop (LocalSession *self); /* before it goes */
/* Takes (transfer full) @task if @operation is one of its. */
bool local_session_ask_desktop (LocalSession *self, const char *operation, GVariant *arguments, GTask *task);
/* The console's thread: a window has the focus and the host's clipboard this @clip, or (NULL) has no more. */
void local_session_offer_clip (Relay *relay, Clip *clip);
/* The console's thread: a window of the screen @head has this size, and the guest might have it. */
void local_session_tell_size (Relay *relay, unsigned head, int width, int height);

/* local-session-menu.c */
void local_session_update_menu (LocalSession *self); /* of the windows: what it offers depends on the state and snapshots */
/* Does what the bar of the window of @head offered. Returns: whether that is one of its actions. */
bool local_session_run_menu (LocalSession *self, const char *action, unsigned head);

/* local-session-usb-menu.c */
/* A worker thread: the host's devices that the machine @uuid may have (of SessionUsbChoice). @bundle, @config: (nullable):
 * whose terms say so. (transfer full) */
GPtrArray *local_session_find_usb (const char *uuid, const char *bundle, const VmConfig *config);
void local_session_add_usb_menu (const LocalSession *self, ConsoleMenu *menu, const GPtrArray *choices);
bool local_session_run_usb_menu (LocalSession *self, const char *action, unsigned head);
/* From now on the menu follows what is plugged in. */
void local_session_watch_usb (LocalSession *self);

/* local-session-guest.c */
void local_session_open_agent (LocalSession *self);  /* there is a Pc */
void local_session_close_agent (LocalSession *self); /* before it goes */
void local_session_tell_agent (LocalSession *self);  /* of the machine's state */
/* Its kernel panicked, or the machine ended (@cause: a sentence, or NULL): nobody waits for an answer any more. */
void local_session_lose_panicked_guest (LocalSession *self);
void local_session_lose_guest (LocalSession *self, const char *cause);
void local_session_ask_guest (BonsaiSession *session, const char *operation, GVariant *arguments, GTask *task);
/* By its agent, or else by the power button. */
void local_session_ask_to_shut_down (LocalSession *self);

/* local-session-hook.c: its agent is there: tells it that it is a clone, if it is one that doesn't know. */
void local_session_tell_clone (LocalSession *self);

/* local-session-disk.c */
void local_session_work_on_disk (BonsaiSession *session, const BonsaiDiskWork *work, GTask *task);
void local_session_cancel_disk_work (BonsaiSession *session, const char *disk);
/* Goes on with what a process that died left undone. */
void local_session_resume_disk_work (LocalSession *self);
void local_session_resume_work_on (LocalSession *self, const DiskSpec *disk);
/* The machine is about to go: its disks' work ends, and goes on at the next start. */
void local_session_suspend_disk_work (LocalSession *self);

/* local-session-snapshot.c */
void local_session_change_snapshots (BonsaiSession *session, const char *operation, GVariant *arguments,
                                     GTask *task);
void local_session_cancel_snapshot (BonsaiSession *session);
/* The machine has got into that state. */
void local_session_tell_snapshot (LocalSession *self, MachineState state);
/* A worker thread, before the first run: restores what the start is to go on from. */
bool local_session_restore_state (LocalSession *self, Pc *pc, GError **error);
bool local_session_is_suspending (LocalSession *self);
void local_session_drop_snapshot_requests (LocalSession *self);
/* Work on disks has ended, for which some of them may wait. */
void local_session_begin_snapshot_requests (LocalSession *self);
/* The clock wants one, as soon as nothing else is being done. */
void local_session_take_scheduled (LocalSession *self);
/* BONSAI_ERROR_BUSY if disks must stay as they are for now. */
bool local_session_check_no_snapshot (LocalSession *self, GError **error);

/* local-session-return.c */
/* Anything is about to change that the snapshot to which the machine went back has: durably, before it does.
 * Blocks if vm.json still names its state. */
bool local_session_move (LocalSession *self, GError **error);

/* local-session-schedule.c */
/* A worker thread, before the start: reads the tree. */
int64_t local_session_find_last_scheduled (LocalSession *self);
/* What "get-schedule" is answered. (transfer full) */
GVariant *local_session_describe_schedule (LocalSession *self);

/* local-session-screen.c */
void local_session_grab (BonsaiSession *session, unsigned head, int max_width, int max_height, GTask *task);
void local_session_watch (BonsaiSession *session, bool active);
void local_session_stop_watching (LocalSession *self);
void local_session_restart_watching (LocalSession *self); /* another Pc's screen, if somebody watches */
void local_session_show_console (BonsaiSession *session, bool show, GTask *task);
void local_session_update_window (LocalSession *self);
void local_session_close_window (LocalSession *self);
void local_session_free_windows (LocalSession *self); /* without telling */
/* Another Pc has taken the place of the one that is shown: windows stay open and show that. */
void local_session_attach_windows (LocalSession *self);
static inline bool
local_session_has_window (const LocalSession *self)
{
  return self->windows[0].console != NULL;
}

G_END_DECLS
