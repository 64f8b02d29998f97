/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/lease.h"

#define HOUR  INT64_C (3600)
#define DAY   (24 * HOUR)
#define YEAR  (365 * DAY)
#define EPOCH INT64_C (1800000000) /* when each test begins */

/* A host, and a workspace on it. */
typedef struct {
  int64_t truth;  /* seconds that have really passed */
  int64_t off_by; /* what the clock shows more than that */
  int64_t booted; /* when, in @truth */
  unsigned boot;
  int64_t evidence;
  Lease lease;
  LeaseRecord record;
  LeaseStep step;
  bool running;
  unsigned renewals;
} World;

HostTime world_host_time (const World *world);

/* A workspace is issued. */
void world_begin (World *world, Lease lease);
/* One step; what it came to is recorded. */
LeaseStep *world_look (World *world);
/* It starts, which has to be allowed. */
void world_start (World *world);
/* Looks as often as it is told to, and suspends what is to be. */
void world_pass (World *world, int64_t seconds);
/* The host is off for so long. */
void world_reboot (World *world, int64_t off);
/* False: it is too late. */
bool world_renew (World *world, Expiry expiry, bool mends);

static inline Lease
lease_of (ExpiryKind kind, int64_t at, int64_t grace, Afterwards afterwards)
{
  return (Lease){ { kind, at }, grace, afterwards };
}
