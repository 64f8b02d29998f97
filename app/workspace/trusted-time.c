/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/trusted-time.h"

#include <string.h>

#define CLOCK_TOLERANCE 60 /* of a clock that is slewed, or set a little */

TrustedTime
trusted_time_begin (const HostTime *host, int64_t since)
{
  TrustedTime time = { .trusted = since > 0 ? since : host->wall, .boottime = host->boottime };

  g_strlcpy (time.boot_id, host->boot_id, sizeof time.boot_id);
  return time;
}

/* The clock is ahead of what is trusted by more than a day. */
static void
follow_leap (TrustedTime *after, const TrustedTime *before, int64_t wall, int64_t observed)
{
  int64_t claim = before->claim > 0 ? before->claim + observed : 0;

  if (claim == 0 || wall < claim - CLOCK_TOLERANCE)
    {
      after->claim = wall;
      after->claim_seen = 0;
      return;
    }
  after->claim = MIN (claim, wall);
  after->claim_seen = before->claim_seen + observed;
  if (after->claim_seen < TRUSTED_TIME_CONFIRMATION)
    return;
  after->trusted = MAX (after->trusted, after->claim);
  after->claim = wall - after->trusted > TRUSTED_TIME_LEAP ? wall : 0;
  after->claim_seen = 0;
  if (after->claim == 0)
    after->trusted = MAX (after->trusted, wall);
}

TrustedTime
trusted_time_advance (const TrustedTime *before, const HostTime *host, TimeReading *reading)
{
  bool same_boot = g_str_equal (before->boot_id, host->boot_id);
  int64_t observed = same_boot ? MAX (0, host->boottime - before->boottime) : 0;
  int64_t elapsed = same_boot ? observed : MAX (0, host->boottime);
  int64_t evidence = host->evidence <= host->wall + TRUSTED_TIME_MAX_EVIDENCE ? host->evidence : 0;
  TrustedTime after = trusted_time_begin (host, before->trusted + elapsed);

  if (host->wall - after.trusted > TRUSTED_TIME_LEAP)
    follow_leap (&after, before, host->wall, observed);
  else
    after.trusted = MAX (after.trusted, host->wall);
  *reading = (TimeReading){
    .now = MAX (after.trusted, MAX (host->wall, evidence)),
    .certain = MIN (after.trusted, host->wall),
    .elapsed = elapsed,
    .observed = observed,
    .behind = host->wall < MAX (after.trusted, evidence) - TRUSTED_TIME_LEAP,
  };
  return after;
}
