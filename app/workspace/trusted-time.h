/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * What time it is at least, on a host whose clock its user may set. Seconds since 1970, UTC.
 *
 * Trusted time only grows: with CLOCK_BOOTTIME, which nobody can set, and with the host's clock, as far as it
 * runs ahead. A clock that leaps ahead by over a day is believed for the moment, as after a holiday, but
 * trusted for good only once it has been seen to stay there for an hour: one that was set wrong by mistake,
 * and then right, leaves nothing behind.
 *
 * Threading: none; pure.
 */
#define TRUSTED_TIME_LEAP         (INT64_C (24) * 3600)
#define TRUSTED_TIME_CONFIRMATION INT64_C (3600)
/* Files from further in the future are wrong rather than evidence. */
#define TRUSTED_TIME_MAX_EVIDENCE (INT64_C (400) * 24 * 3600)

#define BOOT_ID_SIZE 37 /* a UUID as text, with its end */

/* What the host says. */
typedef struct {
  int64_t wall;               /* CLOCK_REALTIME */
  int64_t boottime;           /* CLOCK_BOOTTIME */
  char boot_id[BOOT_ID_SIZE]; /* another one after each boot */
  int64_t evidence;           /* the newest time that files of the host bear; 0: none */
} HostTime;

/* What is kept. */
typedef struct {
  int64_t trusted;
  int64_t boottime; /* when that was */
  char boot_id[BOOT_ID_SIZE];
  int64_t claim;      /* the time to which the clock has leapt, as of @boottime; 0: it hasn't */
  int64_t claim_seen; /* for how long it has been seen there */
} TrustedTime;

typedef struct {
  int64_t now;      /* what a lease goes by: the latest that anything speaks for */
  int64_t certain;  /* what even the clock doesn't deny: trusted, and reached by the clock */
  int64_t elapsed;  /* that have passed since the time before, at least */
  int64_t observed; /* of those, in the same boot */
  bool behind;      /* the clock contradicts what is known by over a day */
} TimeReading;

/* It begins: @since: a time that somebody else has signed, or 0. */
TrustedTime trusted_time_begin (const HostTime *host, int64_t since);

/* @reading: (out) */
TrustedTime trusted_time_advance (const TrustedTime *before, const HostTime *host, TimeReading *reading);

G_END_DECLS
