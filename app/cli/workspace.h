/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/cli/cli.h"
#include "app/workspace/workspace.h"

G_BEGIN_DECLS

/* The verbs of “bonsai workspace”. */
extern const Verb verb_workspace_accept, verb_workspace_enforce, verb_workspace_issue, verb_workspace_list,
  verb_workspace_offer, verb_workspace_offers, verb_workspace_renew, verb_workspace_revoke,
  verb_workspace_show;

/* Until when: one of these options. */
typedef struct {
  char *expires, *after_start, *use;
  gboolean never;
} CliExpiry;

#define CLI_EXPIRY_OPTIONS(expiry)                                                                           \
  { "expires",                                                                                               \
    'e',                                                                                                     \
    0,                                                                                                       \
    G_OPTION_ARG_STRING,                                                                                     \
    &(expiry)->expires,                                                                                      \
    "It lasts until then: 2027-01-31, or 2027-01-31T18:00:00",                                               \
    "DATE" },                                                                                                \
    { "after-start",                                                                                         \
      0,                                                                                                     \
      0,                                                                                                     \
      G_OPTION_ARG_STRING,                                                                                   \
      &(expiry)->after_start,                                                                                \
      "It lasts so long from its first start: 30d",                                                          \
      "TIME" },                                                                                              \
    { "use", 0, 0, G_OPTION_ARG_STRING, &(expiry)->use, "It may run for so long in all: 40h", "TIME" },      \
  {                                                                                                          \
    "never", 0, 0, G_OPTION_ARG_NONE, &(expiry)->never, "It doesn't expire", NULL                            \
  }

#define CLI_SIGNED_OUT(member, help)                                                                         \
  {                                                                                                          \
    "out", 'o', 0, G_OPTION_ARG_FILENAME, member, help, "FILE"                                               \
  }

/* False with @error set: none was given, or several, or one that is no time. */
bool cli_read_date (const char *text, Expiry *expiry, GError **error); /* EXPIRY_DATE */
bool cli_read_expiry (const CliExpiry *options, Expiry *expiry, GError **error);
void cli_expiry_clear (CliExpiry *options);

/* "3 days", "5 minutes", of seconds that remain. (transfer full) */
char *cli_workspace_span (int64_t seconds);

/* Reads a signed file; "-" is none of them. (transfer full) */
char *cli_read_signed (const char *path, gsize *length, GError **error);
/* A new file that only its owner can read; in the place of nothing. */
bool cli_write_signed (const char *path, const char *text, GError **error);

/* As “workspace renew” and “revoke” do: a machine of the library, or what was offered, for which there has to
 * be
 * @out. */
bool cli_renew_workspace (const char *workspace, const Expiry *expiry, bool mend, const char *out,
                          GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliExpiry, cli_expiry_clear)

G_END_DECLS
