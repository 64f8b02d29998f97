/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/report/overview.h"

G_BEGIN_DECLS

/*
 * DashboardReader: reads what a dashboard shows, in threads, while somebody looks at it: the log of events as
 * it grows, expiries each minute, the host's room every five seconds, as nobody tells of that, and advice now
 * and then. Main thread.
 */
typedef struct DashboardReader DashboardReader;

/* What is advised for a machine. */
typedef struct {
  char *uuid, *name;
  Advice *advice;
} DashboardAdvice;

/* All are called on the main thread, and what they are given is theirs for the call. */
typedef struct {
  void (*overview) (const Overview *overview, gpointer data);
  void (*room) (const OverviewRoom *room, gpointer data);
  void (*advice) (const GPtrArray *advice, gpointer data); /* of DashboardAdvice */
} DashboardReaderFuncs;

/* @funcs: static. */
DashboardReader *dashboard_reader_new (BonsaiLibrary *library, const DashboardReaderFuncs *funcs,
                                       gpointer data);
/* Nothing is called any more. */
void dashboard_reader_free (DashboardReader *reader);

/* Whether somebody looks. */
void dashboard_reader_set_active (DashboardReader *reader, bool active);
/* Machines came, went or changed. */
void dashboard_reader_look_again (DashboardReader *reader);

G_END_DECLS
