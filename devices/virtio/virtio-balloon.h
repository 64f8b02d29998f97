/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

G_BEGIN_DECLS

/*
 * A memory balloon (virtio 1.2, section 5.5). What the guest puts into it, and what it reports as free by
 * itself, goes back to the host at once; a page comes back, zeroed, when the guest touches it again.
 */
typedef struct {
  PciPlace place;
} VirtioBalloonConfig;

/* Section 5.5.6.3, "Memory Statistics Tags". */
typedef enum {
  BALLOON_STAT_SWAP_IN,
  BALLOON_STAT_SWAP_OUT,
  BALLOON_STAT_MAJOR_FAULTS,
  BALLOON_STAT_MINOR_FAULTS,
  BALLOON_STAT_FREE,
  BALLOON_STAT_TOTAL,
  BALLOON_STAT_AVAILABLE,
  BALLOON_STAT_CACHES,
  BALLOON_STAT_HUGE_PAGES_MADE,
  BALLOON_STAT_HUGE_PAGES_FAILED,
  BALLOON_N_STATS,
} BalloonStat;

#define BALLOON_STAT_UNKNOWN UINT64_MAX

typedef struct {
  bool driver;     /* a driver of the guest's moves it */
  bool reporting;  /* ... and tells of free pages by itself */
  uint64_t target; /* bytes that it is to hold */
  uint64_t size;   /* bytes that it holds, as the guest says */
  uint64_t given;  /* bytes that went back to the host since the machine was made; some of them many times */
  uint64_t stats[BALLOON_N_STATS]; /* bytes or events; BALLOON_STAT_UNKNOWN: not told */
} BalloonStatus;

extern const DeviceClass virtio_balloon_class;

/* How much the balloon is to hold: whole pages, at most all of RAM. Any thread, no device's lock held. */
void virtio_balloon_set_target (Device *device, uint64_t bytes);

/**
 * virtio_balloon_query:
 * @func: called once, with the device's lock held, on the loop's thread or before this returns: it may do no
 *   more than hand the status over
 *
 * Asks the guest for its statistics; without an answer within a second the status goes without. Any thread,
 * no device's lock held.
 */
typedef void (*BalloonFunc) (const BalloonStatus *status, void *data);
void virtio_balloon_query (Device *device, BalloonFunc func, void *data);

G_END_DECLS
