/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/capacity/host-room.h"
#include "app/events/event-log.h"
#include "app/report/report-source.h"

G_BEGIN_DECLS

/*
 * What somebody who looks after machines wants to know first. Any thread; reading blocks for milliseconds,
 * and for what lies far away.
 */

/* How far ahead expiries are told, seconds. */
#define OVERVIEW_EXPIRY_SPAN (INT64_C (30) * 86400)

/* What happened, and what is to come. */
typedef struct {
  GPtrArray *events;   /* of Event: the last ones, newest first */
  GPtrArray *failures; /* of Event: of the last week the same of what failed or crashed */
  GPtrArray *expiries; /* of ReportExpiry: soon, over or locked; the next one first */
  guint n_workspaces;
} Overview;

/* @reader: (nullable); of no other thread meanwhile. What can't be read is missing. (transfer full) */
Overview *overview_read (const ReportSource *source, EventReader *reader);
void overview_free (Overview *overview);

/* What the host has, and how much of that machines have. */
typedef struct {
  HostMemory memory;
  Promises promises;
  KsmState ksm;
  guint processors;
  guint64 disk_total, disk_free; /* bytes; of the file system that the library lies on; 0: nobody knows */
} OverviewRoom;

/* @folder: the library's. */
OverviewRoom overview_read_room (const char *folder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Overview, overview_free)

G_END_DECLS
