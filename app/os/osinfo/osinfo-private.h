/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/os/os-module.h"

#include <osinfo/osinfo.h>

G_BEGIN_DECLS

/* Between the files of the module. */
struct OsDatabase {
  OsinfoDb *db;
  bool is_complete;
};

/* osinfo-db.c */
OsDatabase *osinfo_database_open (void);
void osinfo_database_close (OsDatabase *database);
OsProfile *osinfo_profile_of (OsinfoOs *os); /* (transfer full) */
GPtrArray *osinfo_database_list (OsDatabase *database);
OsProfile *osinfo_database_find (OsDatabase *database, const char *id);

/* osinfo-media.c */
/* With its OS, if that is known. (transfer full) */
OsinfoMedia *osinfo_media_look (OsDatabase *database, const char *path, GCancellable *cancellable,
                                GError **error);
OsMedium *osinfo_database_identify (OsDatabase *database, const char *path, GCancellable *cancellable,
                                    GError **error);

/* osinfo-script.c */
/* The scripts for an installation of that kind (NULL: of any) that Bonsai can hand over to that medium's
 * installer. (transfer full): of OsinfoInstallScript */
GPtrArray *osinfo_scripts_for (OsDatabase *database, OsinfoMedia *media, const char *profile);
bool osinfo_media_has_kernel (OsinfoMedia *media);
/* How the answers of those scripts, which belong together, reach the installer. */
OsAnswersWay osinfo_scripts_way (const GPtrArray *scripts, OsinfoMedia *media);
OsAnswers *osinfo_database_answers (OsDatabase *database, const char *path, const OsExpress *express,
                                    const char *disk, GCancellable *cancellable, GError **error);

/* iso-files.c */
bool iso_extract (const char *iso, const char *name, const char *to, GCancellable *cancellable,
                  GError **error);
bool iso_write (const char *path, const char *label, GPtrArray *files, GError **error);

G_END_DECLS
