/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/policy/back-off.h"

unsigned
back_off_count (const VmRestart *restart, unsigned failures, gint64 ran_for)
{
  /* One that crashes after as long a run as the pause before it is in a row as well. */
  gint64 settled = MAX ((gint64)restart->settled, back_off_delay (restart, failures));

  return ran_for >= settled ? 1 : failures + (failures < G_MAXUINT);
}

int
back_off_delay (const VmRestart *restart, unsigned failures)
{
  guint64 delay = MAX (restart->first, 1);

  if (!restart->enabled || failures == 0 || (restart->tries != 0 && failures > restart->tries))
    return -1;
  for (unsigned i = 1; i < failures && delay < restart->longest; i++)
    delay *= 2;
  return (int)MIN (delay, MAX (restart->longest, 1));
}
