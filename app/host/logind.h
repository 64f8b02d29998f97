/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Logind: says when the host is about to shut down and when it has slept, and delays the former
 * (org.freedesktop.login1(5), “Manager Object”).
 *
 * Threading: the main context that was thread-default when it was made.
 */
typedef struct Logind Logind;

typedef struct {
  void (*shutting_down) (void *data); /* whoever delays it is waited for */
  void (*staying) (void *data);       /* it doesn't after all */
  void (*woken) (void *data);
} LogindListener;

/* @bus: (nullable): NULL: the system's. Nothing ever happens if there is no bus, or no logind. */
Logind *logind_new (GDBusConnection *bus, const LogindListener *listener, void *data);
void logind_free (Logind *logind);

/* From now on a shutdown is delayed, or no more. @why: for people who ask what delays it. */
void logind_delay_shutdown (Logind *logind, bool delay, const char *why);

/* For how long it is, ms, at most. */
unsigned logind_get_patience (const Logind *logind);

/* Whether it is there, asked with blocking. */
bool logind_is_there (void);

G_END_DECLS
