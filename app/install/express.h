/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/os/os-catalog.h"

G_BEGIN_DECLS

/*
 * Express installation: one that asks nothing. Its answers lie in the bundle's folder "install" until it is
 * done (install-end.h).
 *
 * Threading: any thread; one at a time for each value.
 */

typedef enum {
  EXPRESS_USER,
  EXPRESS_REAL_NAME,
  EXPRESS_PASSWORD,
  EXPRESS_HOSTNAME,
  EXPRESS_LANGUAGE,
  EXPRESS_KEYBOARD,
  EXPRESS_TIMEZONE,
  EXPRESS_PRODUCT_KEY,
  EXPRESS_MIRROR,
  EXPRESS_N_FIELDS,
} ExpressField;

/* Whether the system on @medium can be installed so. */
bool express_is_possible (const OsMedium *medium);

/* The user of this session with the language, keyboard and time zone of this host; no password. @name: the
 * machine's. (transfer full) */
OsExpress *express_new (const OsMedium *medium, const char *name);

/* What is wrong with a field, as a sentence with the remedy, or NULL. (transfer full) */
char *express_find_problem (const OsExpress *express, const OsMedium *medium, ExpressField field);
/* The first problem of all fields. */
bool express_check (const OsExpress *express, const OsMedium *medium, GError **error);

/* "web-server" for "Web Server!". (transfer full) */
char *express_hostname (const char *name);

/**
 * express_prepare:
 * @medium: express_is_possible
 * @config: has a disk to install on, and the medium in a CD-ROM drive; is given what the installer needs
 *
 * Blocking. Returns: (transfer full): the answers for express_write; NULL with @error set.
 */
OsAnswers *express_prepare (OsCatalog *catalog, const OsMedium *medium, const OsExpress *express,
                            VmConfig *config, GCancellable *cancellable, GError **error);

/* Puts the installer's files into the bundle @folder, for nobody else to read. Blocking: an installer has
 * some tens of megabytes. */
bool express_write (OsCatalog *catalog, const OsMedium *medium, const OsAnswers *answers, const char *folder,
                    GCancellable *cancellable, GError **error);

G_END_DECLS
