/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/terms.h"
#include "app/workspace/trusted-time.h"

G_BEGIN_DECLS

/*
 * The life of a workspace:
 *
 *   not started → active → expired (is to be suspended) → grace (locked) → archived
 *                    ↑ renewal, from each of them           ↘ destroying → destroyed
 *
 * A function of the terms, what is recorded and the host's time gives the next record and what is to be done.
 * The record is written before that is done, and what wasn't done is asked for again: a crash between any two
 * writes loses nothing. Time that was claimed can lock; only time that was observed, with the clock agreeing,
 * destroys.
 *
 * Threading: none; pure.
 */
typedef enum {
  LEASE_NOT_STARTED,
  LEASE_ACTIVE,
  LEASE_EXPIRED,
  LEASE_GRACE,
  LEASE_ARCHIVED,
  LEASE_DESTROYING, /* that is decided, and not to be undone */
  LEASE_DESTROYED,
} LeaseStage;
extern const char *const lease_stage_names[]; /* NULL ends */

/* How a lease is at present: what terms and renewals come to. */
typedef struct {
  Expiry expiry;
  int64_t grace;
  Afterwards afterwards;
} Lease;

#define LEASE_DIGEST_SIZE 65 /* as text, with its end */

typedef struct {
  uint64_t sequence;              /* how often it was written */
  char terms[LEASE_DIGEST_SIZE];  /* terms->digest */
  unsigned renewals;              /* of which it knows */
  char latest[LEASE_DIGEST_SIZE]; /* digest of the last of those, or of the terms */
  LeaseStage stage;
  TrustedTime time;
  int64_t started;    /* trusted time of the first start; 0: never */
  int64_t used;       /* seconds for which it ran */
  bool running;       /* when this was recorded */
  unsigned warned;    /* how many of the warnings were given */
  int64_t grace_seen; /* seconds of the grace time that were observed */
  bool grace_counts;  /* the clock, too, said that it was over when this was recorded */
} LeaseRecord;

/* What is to be done; flags. */
typedef enum {
  LEASE_WARN = 1 << 0,    /* tell its user how long it lasts */
  LEASE_SUSPEND = 1 << 1, /* it runs, and may not any more */
  LEASE_ARCHIVE = 1 << 2, /* it just became an archived one */
  LEASE_DESTROY = 1 << 3, /* and then lease_destroyed */
} LeaseActions;

/* Whether it may start. */
typedef enum {
  LEASE_OPEN,
  LEASE_OVER,  /* until it is renewed */
  LEASE_CLOCK, /* the clock is behind what is known: until it is right */
  LEASE_GONE,  /* nothing helps */
} LeaseVerdict;

typedef struct {
  LeaseRecord record; /* from now on */
  LeaseActions actions;
  LeaseVerdict verdict;
  int64_t remaining; /* seconds until it expires; G_MAXINT64: doesn't */
  int64_t again;     /* look again after so many seconds, or when the clock was set */
} LeaseStep;

/* While it runs, it is looked at as often as this, or more often. */
#define LEASE_TICK_S 60

/* The first record. */
LeaseRecord lease_begin (const Terms *terms, const HostTime *host);

/* @running: whether the machine runs. */
LeaseStep lease_step (const Lease *lease, const LeaseRecord *before, const HostTime *host, bool running);

/* It starts: only after a step whose verdict is LEASE_OPEN, and from its record. */
LeaseRecord lease_start (const LeaseRecord *record);

/* @record is that of a step, or, of a renewal that mends, a new one. False: it is too late. */
bool lease_renew (LeaseRecord *record, const Renewal *renewal, const HostTime *host);

/* What LEASE_DESTROY asked for was done, and verified. */
LeaseRecord lease_destroyed (const LeaseRecord *record);

G_END_DECLS
