/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/os/os-express.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * OsCatalog: the operating systems that are known, and what is found of them on this computer. What it knows
 * is libosinfo's; without osinfo-db it knows a few, without libosinfo none, and all others are unknown
 * systems.
 *
 * Threading: any thread; asked from several, it answers one after the other. What is not _async blocks: the
 * first question for some tenths of a second, as the database is read then.
 */
typedef struct OsCatalog OsCatalog;

OsCatalog *os_catalog_new (void);
OsCatalog *os_catalog_ref (OsCatalog *catalog);
void os_catalog_unref (OsCatalog *catalog);

/* What is missing for it to know more, as a sentence with the remedy; or NULL. (transfer full) */
char *os_catalog_describe_gaps (OsCatalog *catalog);

/* By id ("http://debian.org/debian/12") or short id ("debian12"); BONSAI_ERROR_NOT_FOUND. (transfer full) */
OsProfile *os_catalog_find (OsCatalog *catalog, const char *id, GError **error);
/* All of them, newest first. (transfer full): of OsProfile */
GPtrArray *os_catalog_list (OsCatalog *catalog);

/**
 * os_catalog_identify:
 * @path: absolute; an ISO image or an optical drive. It is opened: be sure that it is a file or block device
 *
 * Returns: (transfer full): the medium, with os NULL if nobody knows it; NULL with @error set if it can't be
 * read.
 */
OsMedium *os_catalog_identify (OsCatalog *catalog, const char *path, GCancellable *cancellable,
                               GError **error);
void os_catalog_identify_async (OsCatalog *catalog, const char *path, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer data);
OsMedium *os_catalog_identify_finish (GAsyncResult *result, GError **error);

/* The folders where people keep installation media, and the optical drives. (transfer full) */
GStrv os_catalog_usual_places (void);

/* The bootable media in @places: folders (not below them), files and drives; those that are recognised first,
 * newest first. What can't be read is left out. (transfer full): of OsMedium; NULL with @error set if
 * cancelled */
GPtrArray *os_catalog_scan (OsCatalog *catalog, const char *const *places, GCancellable *cancellable,
                            GError **error);
void os_catalog_scan_async (OsCatalog *catalog, const char *const *places, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data);
GPtrArray *os_catalog_scan_finish (GAsyncResult *result, GError **error);

/* What the installer on the medium @path is to be told. @disk: how the target is called in the guest:
 * "/dev/vda". */
OsAnswers *os_catalog_answers (OsCatalog *catalog, const char *path, const OsExpress *express,
                               const char *disk, GCancellable *cancellable, GError **error);

/* Copies the file @name on the medium @iso to the new file @to, for nobody else to read. */
bool os_catalog_extract (OsCatalog *catalog, const char *iso, const char *name, const char *to,
                         GCancellable *cancellable, GError **error);
/* Makes an ISO image of @files (of OsAnswerFile), for nobody else to read. */
bool os_catalog_write_iso (OsCatalog *catalog, const char *path, const char *label, GPtrArray *files,
                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsCatalog, os_catalog_unref)

G_END_DECLS
