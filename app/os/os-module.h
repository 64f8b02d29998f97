/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/os/os-express.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * What the module bonsai-os.so (app/os/osinfo) gives: libosinfo, libarchive and some thirty libraries that
 * come with them, which nothing but making a machine needs. All of it blocks.
 *
 * Threading: any thread, one at a time for each OsDatabase.
 */
typedef struct OsDatabase OsDatabase;

typedef struct {
  /* Reads osinfo-db where it is installed, and what Bonsai knows besides. Never fails. */
  OsDatabase *(*open) (void);
  void (*close) (OsDatabase *database);
  /* Whether osinfo-db is there. */
  bool (*is_complete) (OsDatabase *database);
  /* Of OsProfile, newest releases first, those for this kind of computer. (transfer full) */
  GPtrArray *(*list) (OsDatabase *database);
  /* By id or short id. (nullable) (transfer full) */
  OsProfile *(*find) (OsDatabase *database, const char *id);
  /* @path: absolute; a file or block device. An error if it is no ISO 9660 volume. */
  OsMedium *(*identify) (OsDatabase *database, const char *path, GCancellable *cancellable, GError **error);
  /* @disk: how the target is called in the guest: "/dev/vda". */
  OsAnswers *(*answers) (OsDatabase *database, const char *path, const OsExpress *express, const char *disk,
                         GCancellable *cancellable, GError **error);
  /* Copies the file @name of the ISO 9660 volume @iso to @to, which must not exist, mode 0600. */
  bool (*extract) (const char *iso, const char *name, const char *to, GCancellable *cancellable,
                   GError **error);
  /* Makes @path, mode 0600: an ISO 9660 volume (Joliet, Rock Ridge) with those files (of OsAnswerFile). */
  bool (*write_iso) (const char *path, const char *label, GPtrArray *files, GError **error);
} OsModule;

#define OS_MODULE_SYMBOL "bonsai_os_module"

G_END_DECLS
