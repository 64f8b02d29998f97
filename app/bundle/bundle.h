/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/session/state.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * A bundle is the folder that is a machine: NAME.bonsai/ with
 *
 *   vm.json         the description (SCHEMA.md)
 *   disks/          its own disk images
 *   log/            what the machine's ports and the engine wrote
 *   nvram.fd        the UEFI firmware's variables
 *   screenshot.png  the last picture
 *   last-run.json   how the last run went
 *   lock            whoever runs or changes the machine holds a lock on it
 *
 * Threading: any thread; no state but the file system's.
 */
#define BUNDLE_SUFFIX ".bonsai"
#define BUNDLE_NVRAM  "nvram.fd"

/* "Web server #2" → "web-server-2". Never empty, never starts with a dot. (transfer full) */
char *bundle_slug (const char *name);

/* Whether a new image may have @size bytes; errors call it @path. */
bool bundle_check_disk_size (const char *path, uint64_t size, GError **error);

/**
 * bundle_create:
 * @parent: the folder to make the bundle in; made if missing
 *
 * Makes the bundle and its disk images (VmDisk.create). It appears under its name complete or not at all.
 * Returns: (transfer full): the bundle's path, or NULL with @error set.
 */
char *bundle_create (const char *parent, const VmConfig *config, GError **error);

/* Closes a bundle to everybody but its owner, who has to be this user (BONSAI_ERROR_REFUSED): at every start, as its owner,
 * a backup or another program may have opened it. */
bool bundle_make_private (const char *path, GError **error);

/* Puts more into the folder of a coming bundle. */
typedef bool (*BundleFillFunc) (const char *folder, void *data, GError **error);

/* The same; @fill (nullable) runs before the bundle appears. */
char *bundle_create_with (const char *parent, const VmConfig *config, BundleFillFunc fill, void *data,
                          GError **error);

/* Reads vm.json. (transfer full) */
VmConfig *bundle_load (const char *path, GError **error);

/* Replaces vm.json: a crash at any instant leaves the old or the new one. */
bool bundle_save (const char *path, const VmConfig *config, GError **error);

/* --- changing it --- */

/*
 * Whoever changes a description holds a BundleEdit from before it is read until it is replaced: no other change, of
 * this process or of others, comes in between and is lost. (Who runs the machine holds its lock, and changes it as well.)
 */
typedef struct BundleEdit BundleEdit;

/* Waits while others write: some disk's moment. Never twice in one thread. (transfer full) */
BundleEdit *bundle_edit_begin (const char *path);
void bundle_edit_end (BundleEdit *edit);

/* As g_file_set_contents, but flushed to stable storage along with the folder's entry. */
bool bundle_replace_file (const char *path, const char *content, gsize length, GError **error);

/* --- the lock --- */

typedef struct BundleLock BundleLock;

/* Takes the lock for this process (OFD lock: gone when the process is). BONSAI_ERROR_BUSY "… is in use by
 * process N" if another has it. (transfer full) */
BundleLock *bundle_lock (const char *path, GError **error);
void bundle_unlock (BundleLock *lock);

/* The process that holds it, 0 if free, -1 if held by an unknown one. */
int bundle_lock_holder (const char *path);

/* Waits until nobody holds it, up to @timeout_ms. Blocks. Returns: whether nobody does. */
bool bundle_await_unlock (const char *path, unsigned timeout_ms);

/* --- how the last run went --- */

/* What is remembered of a run until the next one. */
typedef struct {
  BonsaiState state; /* RUNNING while it runs; else STOPPED or CRASHED */
  BonsaiReason reason;
  int exit_status;
  char *message;     /* (nullable) */
  unsigned failures; /* how many crashes in a row it was the last of */
  gint64 restart_at; /* when it starts again by itself, in seconds since 1970; 0: it doesn't */
} BundleRun;

bool bundle_write_run (const char *path, const BundleRun *run, GError **error);
/* Zeroed (never ran) if there is none or it can't be read. */
void bundle_read_run (const char *path, BundleRun *run);
void bundle_run_clear (BundleRun *run);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BundleEdit, bundle_edit_end)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BundleLock, bundle_unlock)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BundleRun, bundle_run_clear)

G_END_DECLS
