/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/cli/disk.h"
#include "app/draft/vm-draft.h"

G_BEGIN_DECLS

/* What create says about the operating system and its installation. All zero: nothing was. */
typedef struct {
  char *os;
  gboolean list_os, list_media;
  gboolean express, autologin;
  char *profile, *user, *real_name, *language, *keyboard, *timezone, *hostname, *product_key, *mirror;
  CliSecret password;
  VmDraft *draft; /* what they come to */
} InstallOptions;

#define INSTALL_OPTION_ENTRIES(o)                                                                                \
  { "os",     0,                                                                                                 \
    0,        G_OPTION_ARG_STRING,                                                                               \
    &(o)->os, "The operating system, for what is recommended; auto: as on the medium of --cdrom",                \
    "ID" },                                                                                                      \
    { "list-os", 0, 0, G_OPTION_ARG_NONE, &(o)->list_os, "List the known operating systems", NULL },             \
    { "list-media", 0, 0, G_OPTION_ARG_NONE, &(o)->list_media, "List the installation media found here", NULL }, \
    { "express", 0, 0, G_OPTION_ARG_NONE, &(o)->express, "Install the system of --cdrom without a question",     \
      NULL },                                                                                                    \
    { "profile", 0, 0, G_OPTION_ARG_STRING, &(o)->profile, "... this kind of it: desktop or jeos", "KIND" },     \
    { "user", 0, 0, G_OPTION_ARG_STRING, &(o)->user, "... with this user", "NAME" },                             \
    { "real-name", 0, 0, G_OPTION_ARG_STRING, &(o)->real_name, "... who is called so", "NAME" },                 \
    { "password-file",                                                                                           \
      0,                                                                                                         \
      0,                                                                                                         \
      G_OPTION_ARG_FILENAME,                                                                                     \
      &(o)->password.file,                                                                                       \
      "... whose password is this file's content",                                                               \
      "FILE" },                                                                                                  \
    { "password-fd", 0, 0, G_OPTION_ARG_INT, &(o)->password.fd, "The same from an open descriptor", "N" },       \
    { "autologin", 0, 0, G_OPTION_ARG_NONE, &(o)->autologin, "... and logs in by itself", NULL },                \
    { "language", 0, 0, G_OPTION_ARG_STRING, &(o)->language, "... in this language (this session's)", "de_DE" }, \
    { "keyboard", 0, 0, G_OPTION_ARG_STRING, &(o)->keyboard, "... with this keyboard (this host's)", "de" },     \
    { "timezone", 0, 0, G_OPTION_ARG_STRING, &(o)->timezone, "... in this time zone (this host's)",              \
      "AREA/CITY" },                                                                                             \
    { "hostname", 0, 0, G_OPTION_ARG_STRING, &(o)->hostname, "... under this name (the machine's)", "NAME" },    \
    { "product-key", 0, 0, G_OPTION_ARG_STRING, &(o)->product_key, "... with this product key", "KEY" },         \
  {                                                                                                              \
    "mirror", 0, 0, G_OPTION_ARG_STRING, &(o)->mirror, "... with packages from here (Debian)", "URL"             \
  }

void install_options_clear (InstallOptions *options);

/* --list-os, --list-media. Returns: an exit status. */
int install_options_list (const InstallOptions *options, bool json);

/* Whether there is anything to be asked of a catalog. */
bool install_options_given (const InstallOptions *options);

/**
 * install_options_look:
 * @cdrom: (nullable): absolute
 *
 * Finds out about the system, and makes options->draft with what is recommended; asks for a password if one
 * is needed.
 */
bool install_options_look (InstallOptions *options, OsCatalog *catalog, const char *name, const char *cdrom,
                           const HostReport *host, GError **error);

/* Makes the machine: with its installer's files, if it installs itself. (transfer none) */
BonsaiVm *install_options_create (const InstallOptions *options, OsCatalog *catalog, BonsaiLibrary *library,
                                  VmConfig *config, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (InstallOptions, install_options_clear)

G_END_DECLS
