/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/report/reports.h"

#include <stdbool.h>

G_BEGIN_DECLS

/*
 * What a machine might do with less of, or wants more of, as its history tells: of a day at least. What it
 * should have instead leaves room above what it ever used. Pure; any thread.
 */
typedef struct {
  char *text;     /* "Has never used more than 1.1 GiB of 4.0 GiB of memory" */
  guint64 memory; /* bytes that it should have; 0: it is right as it is */
  guint cpus;     /* the same of processors */
} Advice;

/* (nullable) (transfer full): NULL: nothing */
Advice *advice_find (const ReportMachine *machine);
void advice_free (Advice *advice);

/* Whether a machine that has so much is still to have something else. */
bool advice_applies (const Advice *advice, guint64 memory, guint cpus);
/* "2.0 GiB of memory, 2 processors": what it should have; "" if nothing else. (transfer full) */
char *advice_describe_change (const Advice *advice);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Advice, advice_free)

G_END_DECLS
