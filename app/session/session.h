/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/counters.h"
#include "app/session/state.h"
#include "devices/image/image.h"
#include "devices/platform/machine-spec.h"
#include "display/input/input.h"
#include "display/screen/surface.h"

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * BonsaiSession: a machine that runs, wherever it does: in this process (LocalSession) or in another
 * (RemoteSession). Nothing above knows the difference.
 *
 * Signals: "changed" (state, reason or message), "thumbnail-changed", "disk-progress" (string: disk, guint64:
 * bytes of it that were dealt with, guint64: all), "snapshot-progress" (string: operation, guint64: bytes of
 * memory that were dealt with, guint64: all), "usb-changed" (string: key, string: name, string: state, see
 * bonsai_session_list_usb_async; "detached" and "lost" of one that isn't there any more). Threading: the main context that was thread-default when the
 * session was made.
 */
#define BONSAI_TYPE_SESSION (bonsai_session_get_type ())
G_DECLARE_INTERFACE (BonsaiSession, bonsai_session, BONSAI, SESSION, GObject)

/* What can be asked of a machine that runs. */
typedef enum {
  BONSAI_CONTROL_PAUSE,
  BONSAI_CONTROL_RESUME,
  BONSAI_CONTROL_SHUTDOWN,  /* presses the ACPI power button; done when the guest is off */
  BONSAI_CONTROL_POWER_OFF, /* pulls the plug */
  BONSAI_CONTROL_RESET,
} BonsaiControl;

/* An input event; the fields are used as its kind needs. */
typedef enum {
  BONSAI_INPUT_KEY,      /* code: KeyUsage; down */
  BONSAI_INPUT_MOTION,   /* x, y: pixels, relative */
  BONSAI_INPUT_POSITION, /* x, y: 0..32767 */
  BONSAI_INPUT_BUTTON,   /* code: PointerButton; down */
  BONSAI_INPUT_WHEEL,    /* x, y: detents; up and right positive */
  BONSAI_INPUT_RELEASE_ALL,
} BonsaiInputKind;

typedef struct {
  BonsaiInputKind kind;
  unsigned code;
  bool down;
  int x, y;
} BonsaiInput;

/* What is done with the disk of a machine that runs. */
typedef struct {
  const char *disk; /* "disk0" */
  const char *work; /* as image_work_name */
  guint layer;      /* "merge": which layer goes */
  const char *backing_path, *backing_format; /* "rebase" */
} BonsaiDiskWork;

struct _BonsaiSessionInterface {
  GTypeInterface parent;

  const char *(*get_uuid) (BonsaiSession *session);
  const char *(*get_name) (BonsaiSession *session);
  BonsaiState (*get_state) (BonsaiSession *session);
  BonsaiReason (*get_reason) (BonsaiSession *session);
  const char *(*get_message) (BonsaiSession *session);
  int (*get_exit_status) (BonsaiSession *session);
  int (*get_pid) (BonsaiSession *session);
  void (*control) (BonsaiSession *session, BonsaiControl control, unsigned timeout_ms, GTask *task);
  void (*input) (BonsaiSession *session, const BonsaiInput *input);
  void (*grab) (BonsaiSession *session, unsigned head, int max_width, int max_height, GTask *task);
  void (*watch) (BonsaiSession *session, bool active);
  void (*change_medium) (BonsaiSession *session, const char *drive, const char *path, bool force,
                         GTask *task);
  void (*change_disk) (BonsaiSession *session, const char *disk, uint64_t size, const ImageLimits *limits,
                       GTask *task);
  void (*show_console) (BonsaiSession *session, bool show, GTask *task);
  void (*open_serial) (BonsaiSession *session, unsigned port, bool force, GTask *task);
  bool (*get_console_open) (BonsaiSession *session);
  void (*work_on_disk) (BonsaiSession *session, const BonsaiDiskWork *work, GTask *task);
  void (*cancel_disk_work) (BonsaiSession *session, const char *disk);
  void (*set_link) (BonsaiSession *session, const char *nic, bool up, GTask *task);
  void (*set_forwards) (BonsaiSession *session, const char *nic, const GArray *forwards, GTask *task);
  void (*get_forwards) (BonsaiSession *session, GTask *task);
  void (*attach_disk) (BonsaiSession *session, const DiskSpec *disk, bool any_bus, GTask *task);
  void (*detach_disk) (BonsaiSession *session, const char *disk, bool force, GTask *task);
  void (*ask_guest) (BonsaiSession *session, const char *operation, GVariant *arguments, GTask *task);
  void (*get_memory) (BonsaiSession *session, GTask *task);
  void (*set_cap) (BonsaiSession *session, double share);
  void (*get_counters) (BonsaiSession *session, GTask *task);
  void (*set_memory) (BonsaiSession *session, uint64_t size, GTask *task);
  void (*change_snapshots) (BonsaiSession *session, const char *operation, GVariant *arguments, GTask *task);
  void (*cancel_snapshot) (BonsaiSession *session);
  void (*attach_usb) (BonsaiSession *session, int fd, const char *key, const char *name, GTask *task);
  void (*detach_usb) (BonsaiSession *session, const char *key, GTask *task);
  void (*list_usb) (BonsaiSession *session, GTask *task);
};

const char *bonsai_session_get_uuid (BonsaiSession *session);
const char *bonsai_session_get_name (BonsaiSession *session);
BonsaiState bonsai_session_get_state (BonsaiSession *session);
BonsaiReason bonsai_session_get_reason (BonsaiSession *session);
const char *bonsai_session_get_message (BonsaiSession *session); /* (nullable) */
/* The status that `bonsai run` ends with, once the machine ended. */
int bonsai_session_get_exit_status (BonsaiSession *session);
/* The process that hosts the machine. */
int bonsai_session_get_pid (BonsaiSession *session);

/* @timeout_ms: SHUTDOWN only: how long the guest may take (0: 60 s); then BONSAI_ERROR_TIMED_OUT, and the
 * guest goes on. Done when the machine is in the state that was asked for. */
void bonsai_session_control_async (BonsaiSession *session, BonsaiControl control, unsigned timeout_ms,
                                   GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_session_control_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Fire and forget; ignored unless it runs. */
void bonsai_session_input (BonsaiSession *session, const BonsaiInput *input);

/* The present screen of @head (0, 1, ...); scaled down to fit @max_width x @max_height if these are not 0. */
void bonsai_session_grab_async (BonsaiSession *session, unsigned head, int max_width, int max_height,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
Surface *bonsai_session_grab_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* "thumbnail-changed" is emitted while watched, at most twice a second. Calls nest. */
void bonsai_session_watch (BonsaiSession *session, bool active);

/* Lets the machine have @share, over 0 to 1, of its processors' time, or less if it has less by its own policy or by
 * others; until something else is said, or the session goes. Soon; a machine that has ended doesn't mind. */
void bonsai_session_set_cap (BonsaiSession *session, double share);

/* @drive: "cd0"; NULL: the first CD-ROM drive. @path: absolute; NULL ejects. */
void bonsai_session_change_medium_async (BonsaiSession *session, const char *drive, const char *path,
                                         bool force, GCancellable *cancellable, GAsyncReadyCallback callback,
                                         gpointer data);
gboolean bonsai_session_change_medium_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* @disk: "disk0". @size: bytes, for a disk that is to grow, or 0. @limits: (nullable): from now on; all zero:
 * none. */
void bonsai_session_change_disk_async (BonsaiSession *session, const char *disk, uint64_t size,
                                       const ImageLimits *limits, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_session_change_disk_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Plugs the cable of network card @nic ("net0") in, or pulls it out; in the machine's description as well. */
void bonsai_session_set_link_async (BonsaiSession *session, const char *nic, bool up, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_session_set_link_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* @forwards (element-type NetForward) are from now on the ports of the host that lead to network card @nic; in the
 * machine's description as well. All of it is done, or nothing. Connections through ports that go stay. */
void bonsai_session_set_forwards_async (BonsaiSession *session, const char *nic, const GArray *forwards,
                                        GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_session_set_forwards_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* finish returns: (transfer full): a(sss): a card, a forward as it is described, and with the port that it is, as
 * net_forward_format writes it. */
void bonsai_session_get_forwards_async (BonsaiSession *session, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer data);
GVariant *bonsai_session_get_forwards_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Opens and raises the console window, or one for each head; or closes them: the machine runs on. */
void bonsai_session_show_console_async (BonsaiSession *session, bool show, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_session_show_console_finish (BonsaiSession *session, GAsyncResult *result, GError **error);
bool bonsai_session_get_console_open (BonsaiSession *session);

/* Serial port @port (0: COM1) of kind "console", or the virtio console (4). @force: whoever has it open loses it;
 * else BONSAI_ERROR_BUSY.
 * finish returns: a socket, the caller's, that gives the guest's output, the last of it first, and takes its input; or
 * -1. */
void bonsai_session_open_serial_async (BonsaiSession *session, unsigned port, bool force,
                                       GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer data);
int bonsai_session_open_serial_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Changes a disk's layers while the guest uses it; done when that is. The work goes on if whoever
 * asked is gone, and, after a crash, when the machine is started again. Cancelling @cancellable gives it up. */
void bonsai_session_work_on_disk_async (BonsaiSession *session, const BonsaiDiskWork *work,
                                        GCancellable *cancellable, GAsyncReadyCallback callback,
                                        gpointer data);
gboolean bonsai_session_work_on_disk_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Gives up the work on @disk, if there is any; whoever waits for it gets G_IO_ERROR_CANCELLED. */
void bonsai_session_cancel_disk_work (BonsaiSession *session, const char *disk);

/* Plugs @disk in while the machine runs, and into its description. Its path is absolute, or a URI; its id (NULL)
 * and format (NULL) are found out if they aren't given, and its bus if @any_bus. */
void bonsai_session_attach_disk_async (BonsaiSession *session, const DiskSpec *disk, bool any_bus,
                                       GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer data);
/* What it became, without its passphrase. (transfer full) */
DiskSpec *bonsai_session_attach_disk_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Asks the guest's agent: @operation, @arguments (a{sv}, a floating reference is taken; NULL: none) and the result are
 * those of AskGuest in org.bonsaivm.Session1.xml. */
void bonsai_session_ask_guest_async (BonsaiSession *session, const char *operation, GVariant *arguments,
                                     GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
GVariant *bonsai_session_ask_guest_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Flushes @disk, a CD-ROM drive ("cd0") or a disk, pulls it out and closes its image. @force: even if flushing
 * fails, or the guest locked the tray. BONSAI_ERROR_BUSY while work on it is under way. */
void bonsai_session_detach_disk_async (BonsaiSession *session, const char *disk, bool force,
                                       GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer data);
gboolean bonsai_session_detach_disk_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* What there is of the guest's memory, and what the guest says of it.
 * finish returns: (transfer full): an a{sv}, as GetMemory of org.bonsaivm.Session1 describes it. */
void bonsai_session_get_memory_async (BonsaiSession *session, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer data);
GVariant *bonsai_session_get_memory_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* What it has used so far: cheap. finish returns: (transfer full): g_free. */
void bonsai_session_get_counters_async (BonsaiSession *session, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer data);
Counters *bonsai_session_get_counters_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Asks the guest to make do with @size bytes, until the machine's end; what it gives up goes back to the host
 * bit by bit. */
void bonsai_session_set_memory_async (BonsaiSession *session, uint64_t size, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_session_set_memory_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Takes a snapshot, goes back to one, suspends the machine to disk, …: @operation, @arguments (a{sv}, a
 * floating reference is taken; NULL: none) and the result are those of ChangeSnapshots in org.bonsaivm.Session1.xml. One
 * at a time, else BONSAI_ERROR_BUSY. Cancelling @cancellable gives it up: the machine runs on, and its tree
 * is as it was. */
void bonsai_session_change_snapshots_async (BonsaiSession *session, const char *operation,
                                            GVariant *arguments, GCancellable *cancellable,
                                            GAsyncReadyCallback callback, gpointer data);
GVariant *bonsai_session_change_snapshots_finish (BonsaiSession *session, GAsyncResult *result,
                                                  GError **error);

/* Gives up what is under way; whoever waits for it gets G_IO_ERROR_CANCELLED. */
void bonsai_session_cancel_snapshot (BonsaiSession *session);

/* Gives a USB device of the host's to the guest: @fd, the caller's, is its node in /dev/bus/usb, opened for reading and
 * writing. @key: where it is plugged in at the host, as the kernel says it ("1-2.3"), by which it is known from then on;
 * @name: for people. The host's drivers let go of it until it is detached, the machine ends, or its process does.
 * BONSAI_ERROR_BUSY if all of the guest's ports are taken, or another program has the device; VMM_ERROR_UNSUPPORTED if
 * the machine has no USB. */
void bonsai_session_attach_usb_async (BonsaiSession *session, int fd, const char *key, const char *name,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_session_attach_usb_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* Pulls it out and gives it back to the host; or, of one that is missing, doesn't wait for it any more. Done when the
 * host has it. */
void bonsai_session_detach_usb_async (BonsaiSession *session, const char *key, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer data);
gboolean bonsai_session_detach_usb_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

/* finish returns: (transfer full): a(ssss): key, host_usb_identity or "", name, state: "attached", or "missing": it was attached when the state was
 * saved from which the machine went on, and isn't here: to the guest it was pulled out, until it is attached again. */
void bonsai_session_list_usb_async (BonsaiSession *session, GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer data);
GVariant *bonsai_session_list_usb_finish (BonsaiSession *session, GAsyncResult *result, GError **error);

G_END_DECLS
