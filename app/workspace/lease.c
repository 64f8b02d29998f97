/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/lease.h"

#define MINUTE INT64_C (60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Of the grace time, no more than this counts between two looks: while the host sleeps nobody sees a warning.
 */
#define GRACE_STEP HOUR
#define LONGEST    (6 * HOUR)

const char *const lease_stage_names[] = { "not-started", "active",     "expired",   "grace",
                                          "archived",    "destroying", "destroyed", NULL };

/* How long before the expiry, longest first. */
static const int64_t warnings[] = { 7 * DAY, DAY, HOUR, 5 * MINUTE };

LeaseRecord
lease_begin (const Terms *terms, const HostTime *host)
{
  LeaseRecord record = { .stage = LEASE_NOT_STARTED, .time = trusted_time_begin (host, terms->issued) };

  g_strlcpy (record.terms, terms->digest, sizeof record.terms);
  g_strlcpy (record.latest, terms->digest, sizeof record.latest);
  return record;
}

LeaseRecord
lease_start (const LeaseRecord *record)
{
  LeaseRecord after = *record;

  after.running = true;
  after.stage = LEASE_ACTIVE;
  if (after.started == 0)
    after.started = after.time.trusted;
  return after;
}

LeaseRecord
lease_destroyed (const LeaseRecord *record)
{
  LeaseRecord after = *record;

  after.stage = LEASE_DESTROYED;
  return after;
}

bool
lease_renew (LeaseRecord *record, const Renewal *renewal, const HostTime *host)
{
  if (record->stage >= LEASE_DESTROYING)
    return false;
  if (renewal->mends)
    {
      record->time = trusted_time_begin (host, renewal->issued);
      record->used = 0;
      record->started = record->running ? renewal->issued : 0;
    }
  record->time.trusted = MAX (record->time.trusted, renewal->issued);
  record->renewals = renewal->number;
  g_strlcpy (record->latest, renewal->digest, sizeof record->latest);
  record->stage = record->started > 0 ? LEASE_ACTIVE : LEASE_NOT_STARTED;
  record->warned = 0;
  record->grace_seen = 0;
  record->grace_counts = false;
  return true;
}

/* --- one step --- */

/* Seconds to the expiry if it is @now; negative: since then. */
static int64_t
remaining_at (const Lease *lease, const LeaseRecord *record, int64_t now)
{
  switch (lease->expiry.kind)
    {
    case EXPIRY_NEVER:
      return G_MAXINT64;
    case EXPIRY_DATE:
      return lease->expiry.at - now;
    case EXPIRY_START:
      return record->started > 0 ? record->started + lease->expiry.at - now : lease->expiry.at;
    case EXPIRY_USE:
      return lease->expiry.at - record->used;
    }
  return 0;
}

/* Nothing of it passes before the first start. */
static bool
waits (const Lease *lease, const LeaseRecord *record)
{
  return record->started == 0 && lease->expiry.kind != EXPIRY_DATE;
}

static void
warn (LeaseStep *step)
{
  unsigned due = 0;

  while (due < G_N_ELEMENTS (warnings) && step->remaining <= warnings[due])
    due++;
  if (due > step->record.warned)
    step->actions |= LEASE_WARN;
  step->record.warned = due;
}

/* When something changes by itself. */
static int64_t
next_look (const Lease *lease, const LeaseStep *step)
{
  const LeaseRecord *record = &step->record;
  int64_t again = LONGEST;

  if (record->stage >= LEASE_ARCHIVED || waits (lease, record))
    return again;
  if (step->remaining <= 0)
    again = record->running ? LEASE_TICK_S : CLAMP (lease->grace - record->grace_seen, 1, GRACE_STEP);
  else if (step->remaining != G_MAXINT64)
    again = MIN (again, record->warned < G_N_ELEMENTS (warnings) ? step->remaining - warnings[record->warned]
                                                                 : step->remaining);
  if (record->time.claim > 0)
    again = MIN (again, TRUSTED_TIME_CONFIRMATION - record->time.claim_seen);
  if (record->running)
    again = MIN (again, LEASE_TICK_S);
  return MAX (again, 1);
}

/* It is over; what comes then needs the time to be certain. */
static void
pass_grace (const Lease *lease, const LeaseRecord *before, const TimeReading *reading, LeaseStep *step)
{
  LeaseRecord *record = &step->record;
  int64_t certain = remaining_at (lease, record, reading->certain);
  bool by_time = lease->expiry.kind != EXPIRY_USE;

  step->verdict = LEASE_OVER;
  if (record->running)
    step->actions |= LEASE_SUSPEND;
  record->stage = record->running ? LEASE_EXPIRED : LEASE_GRACE;
  record->grace_counts = record->stage == LEASE_GRACE && certain <= 0;
  if (!record->grace_counts)
    record->grace_seen = 0;
  else if (before->grace_counts)
    record->grace_seen += MIN (reading->observed, GRACE_STEP);
  if (!record->grace_counts || !before->grace_counts || record->grace_seen < lease->grace
      || (by_time && certain > -lease->grace))
    return;
  if (lease->afterwards == AFTERWARDS_DESTROY)
    {
      record->stage = LEASE_DESTROYING;
      step->verdict = LEASE_GONE;
      step->actions |= LEASE_DESTROY;
    }
  else
    {
      record->stage = LEASE_ARCHIVED;
      step->actions |= LEASE_ARCHIVE;
    }
}

static void
go_on (const Lease *lease, const TimeReading *reading, LeaseStep *step)
{
  LeaseRecord *record = &step->record;

  record->stage = record->started > 0 ? LEASE_ACTIVE : LEASE_NOT_STARTED;
  record->grace_seen = 0;
  record->grace_counts = false;
  step->verdict = reading->behind ? LEASE_CLOCK : LEASE_OPEN;
  if (!waits (lease, record))
    warn (step);
}

/* Whatever the time: that was decided. */
static void
stay_ended (LeaseStep *step)
{
  step->verdict = step->record.stage == LEASE_ARCHIVED ? LEASE_OVER : LEASE_GONE;
  if (step->record.stage == LEASE_DESTROYING)
    step->actions |= LEASE_DESTROY;
  if (step->record.running)
    step->actions |= LEASE_SUSPEND;
}

LeaseStep
lease_step (const Lease *lease, const LeaseRecord *before, const HostTime *host, bool running)
{
  LeaseStep step = { .record = *before };
  TimeReading reading;

  step.record.time = trusted_time_advance (&before->time, host, &reading);
  step.record.running = running;
  /* A run that ended without a word is charged as one that went on till the next look. */
  if (before->running)
    step.record.used += g_str_equal (before->time.boot_id, host->boot_id)
                          ? MIN (reading.observed, 2 * LEASE_TICK_S)
                          : LEASE_TICK_S;
  step.remaining = remaining_at (lease, &step.record, reading.now);
  if (before->stage >= LEASE_ARCHIVED)
    stay_ended (&step);
  else if (step.remaining <= 0)
    pass_grace (lease, before, &reading, &step);
  else
    go_on (lease, &reading, &step);
  step.again = next_look (lease, &step);
  return step;
}
