/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/policy/sample.h"

G_BEGIN_DECLS

/*
 * What a policy would have done: its evaluator over the history. What lies back further is known by longer
 * averages (history-file.h), in which short peaks don't show.
 *
 * Threading: any thread; plain values.
 */

typedef struct {
  char *rule;
  gint64 time; /* seconds since 1970 */
  gint64 end;  /* when it was over; 0: it isn't yet */
  guint step;  /* seconds: of the averages that say so */
} WouldFire;

/* From @from to @to; all times are seconds since 1970. @machine, @host: files of histories.
 * BONSAI_ERROR_NOT_FOUND if the machine has none. (transfer full): of WouldFire, oldest first */
GArray *policy_dry_run (VmPolicy *policy, const char *machine, const char *host, const PolicySize *size,
                        gint64 from, gint64 to, gint64 now, GError **error);

G_END_DECLS
