/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Languages, keyboards and time zones to choose from, and those of this host.
 *
 * Threading: any thread; keyboards and time zones are read from the host's files each time.
 */
typedef struct {
  char *id;   /* "de_DE", "de", "Europe/Berlin" */
  char *name; /* for people: "Deutsch", "German", "Berlin (Europe)" */
} LocaleChoice;

/* (transfer full): of LocaleChoice, by name */
GPtrArray *locale_list_languages (void);
GPtrArray *locale_list_keyboards (void);
GPtrArray *locale_list_timezones (void);

/* Whether there is such a one. @id: (nullable). */
bool locale_has_language (const char *id);
bool locale_is_keyboard (const char *id);
bool locale_is_timezone (const char *id);

/* What this session, or the host, uses; what is most usual if that can't be found out. (transfer full) */
char *locale_host_language (void);
char *locale_host_keyboard (void);
char *locale_host_timezone (void);

G_END_DECLS
