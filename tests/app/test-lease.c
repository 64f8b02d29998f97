/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a workspace under a clock that does as the test likes. */
#include "app/workspace/lease-record.h"

#include <string.h>

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

static HostTime
host_time (const World *world)
{
  HostTime host = { .wall = EPOCH + world->truth + world->off_by,
                    .boottime = world->truth - world->booted,
                    .evidence = world->evidence };

  g_snprintf (host.boot_id, sizeof host.boot_id, "boot-%u", world->boot);
  return host;
}

static void
begin (World *world, Lease lease)
{
  Terms terms = { .issued = EPOCH, .digest = (char *)"digest" };
  HostTime host;

  *world = (World){ .lease = lease };
  host = host_time (world);
  world->record = lease_begin (&terms, &host);
}

static LeaseStep *
look (World *world)
{
  HostTime host = host_time (world);

  world->step = lease_step (&world->lease, &world->record, &host, world->running);
  world->record = world->step.record;
  return &world->step;
}

static void
start (World *world)
{
  g_assert_cmpint (look (world)->verdict, ==, LEASE_OPEN);
  world->running = true;
  world->record = lease_start (&world->record);
  look (world);
}

/* Looks as often as it is told to. */
static void
pass (World *world, int64_t seconds)
{
  while (seconds > 0)
    {
      int64_t once = CLAMP (world->step.again, 1, seconds);

      world->truth += once;
      seconds -= once;
      look (world);
      if ((world->step.actions & LEASE_SUSPEND) != 0)
        {
          world->running = false;
          look (world);
        }
    }
}

static void
reboot (World *world, int64_t off)
{
  world->running = false;
  world->truth += off;
  world->booted = world->truth;
  world->boot++;
}

static bool
renew (World *world, Expiry expiry, bool mends)
{
  Renewal renewal = { .number = ++world->renewals,
                      .issued = EPOCH + world->truth,
                      .expiry = expiry,
                      .mends = mends,
                      .digest = (char *)"renewal" };
  HostTime host = host_time (world);

  if (!lease_renew (&world->record, &renewal, &host))
    return false;
  world->lease.expiry = expiry;
  look (world);
  return true;
}

static Lease
lease_of (ExpiryKind kind, int64_t at, int64_t grace, Afterwards afterwards)
{
  return (Lease){ { kind, at }, grace, afterwards };
}

/* --- the whole way --- */

static void
test_stages (void)
{
  World world;
  unsigned warnings = 0;

  begin (&world, lease_of (EXPIRY_START, 10 * DAY, 2 * DAY, AFTERWARDS_DESTROY));
  pass (&world, 100 * DAY); /* not started: nothing passes */
  g_assert_cmpint (world.record.stage, ==, LEASE_NOT_STARTED);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, 10 * DAY);
  start (&world);
  for (int64_t at = 0; at < 10 * DAY; at += LEASE_TICK_S)
    {
      g_assert_cmpint (look (&world)->verdict, ==, LEASE_OPEN);
      g_assert_cmpint (world.record.stage, ==, LEASE_ACTIVE);
      if ((world.step.actions & LEASE_WARN) != 0)
        {
          static const int64_t before[] = { 7 * DAY, DAY, HOUR, 300 };

          g_assert_cmpint (world.step.remaining, ==, before[warnings++]);
        }
      world.truth += LEASE_TICK_S;
    }
  g_assert_cmpuint (warnings, ==, 4);
  look (&world);
  g_assert_cmpint (world.record.stage, ==, LEASE_EXPIRED);
  g_assert_cmpint (world.step.actions, ==, LEASE_SUSPEND);
  look (&world); /* it wasn't done: it is asked for again */
  g_assert_cmpint (world.step.actions, ==, LEASE_SUSPEND);
  world.running = false;
  look (&world);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
  pass (&world, 2 * DAY - 60);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.step.actions, ==, 0);
  pass (&world, 120);
  g_assert_cmpint (world.record.stage, ==, LEASE_DESTROYING);
  g_assert_cmpint (look (&world)->actions, ==, LEASE_DESTROY); /* until it is done */
  g_assert_false (renew (&world, (Expiry){ EXPIRY_NEVER, 0 }, true));
  world.record = lease_destroyed (&world.record);
  g_assert_cmpint (look (&world)->actions, ==, 0);
  g_assert_cmpint (world.step.verdict, ==, LEASE_GONE);
}

static void
test_archive (void)
{
  World world;

  begin (&world, lease_of (EXPIRY_DATE, EPOCH + DAY, 0, AFTERWARDS_ARCHIVE));
  pass (&world, DAY + 60);
  g_assert_cmpint (world.record.stage, ==, LEASE_ARCHIVED);
  pass (&world, 300 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_ARCHIVED);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
  g_assert_true (renew (&world, (Expiry){ EXPIRY_NEVER, 0 }, false));
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  pass (&world, 300 * DAY);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, G_MAXINT64);
}

static void
test_use (void)
{
  World world;

  begin (&world, lease_of (EXPIRY_USE, 2 * HOUR, DAY, AFTERWARDS_ARCHIVE));
  start (&world);
  pass (&world, HOUR);
  world.running = false;
  look (&world);
  pass (&world, 30 * DAY);
  g_assert_cmpint (world.step.remaining, ==, HOUR);
  start (&world);
  /* The host sleeps: that isn't use, but for one look. */
  world.truth += 5 * DAY;
  look (&world);
  g_assert_cmpint (world.step.remaining, ==, HOUR - 2 * LEASE_TICK_S);
  /* A run that ends by a power cut costs a minute, however short it was. */
  reboot (&world, DAY);
  look (&world);
  g_assert_cmpint (world.step.remaining, ==, HOUR - 3 * LEASE_TICK_S);
  world.off_by = -5 * YEAR;
  g_assert_cmpint (look (&world)->verdict, ==, LEASE_CLOCK);
  world.off_by = 0;
  start (&world);
  pass (&world, HOUR);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
  pass (&world, DAY + HOUR);
  g_assert_cmpint (world.record.stage, ==, LEASE_ARCHIVED);
}

/* The host sleeps over the expiry and all of the grace time: it is over, but there is a grace time to come.
 */
static void
test_sleep (void)
{
  World world;

  begin (&world, lease_of (EXPIRY_DATE, EPOCH + 3 * DAY, 2 * DAY, AFTERWARDS_DESTROY));
  start (&world);
  world.truth += 60 * DAY;
  look (&world);
  g_assert_cmpint (world.record.stage, ==, LEASE_EXPIRED);
  g_assert_cmpint (world.step.actions, ==, LEASE_SUSPEND);
  world.running = false;
  look (&world);
  world.truth += 60 * DAY; /* and again */
  look (&world);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.record.grace_seen, ==, HOUR);
  /* Off, on, off: only what is seen counts. */
  for (unsigned i = 0; i < 20; i++)
    {
      reboot (&world, 30 * DAY);
      look (&world);
      g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
    }
  g_assert_cmpint (world.record.grace_seen, ==, HOUR);
  pass (&world, 2 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_DESTROYING);
}

/* --- the clock --- */

static void
test_set_back (void)
{
  World world;

  begin (&world, lease_of (EXPIRY_DATE, EPOCH + 10 * DAY, DAY, AFTERWARDS_ARCHIVE));
  pass (&world, 9 * DAY);
  world.off_by = -8 * DAY;
  g_assert_cmpint (look (&world)->verdict, ==, LEASE_CLOCK);
  g_assert_cmpint (world.step.remaining, ==, DAY);
  /* By less than a day nothing is refused, and nothing is gained. */
  world.off_by = -HOUR;
  g_assert_cmpint (look (&world)->verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, DAY);
  world.off_by = -9 * DAY;
  pass (&world, DAY);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
  /* As the clock doesn't agree, that is all. */
  pass (&world, 5 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.record.grace_seen, ==, 0);
  /* After a boot as well. */
  reboot (&world, HOUR);
  g_assert_cmpint (look (&world)->verdict, ==, LEASE_OVER);
  world.off_by = 0;
  pass (&world, DAY + HOUR);
  g_assert_cmpint (world.record.stage, ==, LEASE_ARCHIVED);
}

/* Ten years ahead for half an hour, by mistake: it is suspended, and then goes on as if nothing had been. */
static void
test_leap_and_back (void)
{
  World world;

  begin (&world, lease_of (EXPIRY_DATE, EPOCH + 30 * DAY, DAY, AFTERWARDS_DESTROY));
  start (&world);
  pass (&world, DAY);
  world.off_by = 10 * YEAR;
  look (&world);
  g_assert_cmpint (world.step.actions, ==, LEASE_SUSPEND);
  pass (&world, HOUR / 2);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_false (world.record.grace_counts);
  world.off_by = 0;
  look (&world);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, 29 * DAY - HOUR / 2);
}

/* The same for five hours: it stays locked, is never destroyed, and a renewal mends it. */
static void
test_long_leap (void)
{
  World world;

  begin (&world, lease_of (EXPIRY_DATE, EPOCH + 30 * DAY, DAY, AFTERWARDS_DESTROY));
  start (&world);
  world.off_by = 10 * YEAR;
  look (&world);
  pass (&world, 5 * HOUR);
  world.off_by = 0;
  pass (&world, 20 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.record.grace_seen, ==, 0);
  g_assert_true (renew (&world, (Expiry){ EXPIRY_DATE, EPOCH + 60 * DAY }, false));
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER); /* by the time that it believes in */
  g_assert_true (renew (&world, (Expiry){ EXPIRY_DATE, EPOCH + 60 * DAY }, true));
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, 60 * DAY - world.truth);
}

/* A holiday: the leap is true. It acts at once, and is trusted after an hour, also in pieces. */
static void
test_holiday (void)
{
  World world;

  begin (&world, lease_of (EXPIRY_DATE, EPOCH + 300 * DAY, DAY, AFTERWARDS_ARCHIVE));
  look (&world);
  reboot (&world, 30 * DAY);
  g_assert_cmpint (look (&world)->remaining, ==, 270 * DAY);
  g_assert_cmpint (world.record.time.trusted, <, EPOCH + DAY);
  for (unsigned i = 0; i < 4; i++)
    {
      pass (&world, HOUR / 4);
      reboot (&world, 3 * DAY);
      look (&world);
    }
  pass (&world, HOUR / 2);
  g_assert_cmpint (world.record.time.trusted, >, EPOCH + 29 * DAY);
  pass (&world, 2 * HOUR);
  g_assert_cmpint (world.record.time.trusted, ==, EPOCH + world.truth);
}

static void
test_evidence (void)
{
  World world;

  begin (&world, lease_of (EXPIRY_DATE, EPOCH + 10 * DAY, DAY, AFTERWARDS_DESTROY));
  look (&world);
  reboot (&world, 11 * DAY);
  world.off_by = -11 * DAY;
  g_assert_cmpint (look (&world)->verdict, ==, LEASE_OPEN); /* nobody can know */
  world.evidence = EPOCH + 11 * DAY;
  g_assert_cmpint (look (&world)->verdict, ==, LEASE_OVER);
  pass (&world, 5 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE); /* files alone destroy nothing */
  world.evidence = EPOCH + 3 * YEAR;
  begin (&world, world.lease);
  world.evidence = EPOCH + 3 * YEAR;
  g_assert_cmpint (look (&world)->verdict, ==, LEASE_OPEN); /* that is an error of theirs */
}

/* --- renewals --- */

static void
test_renew_each_stage (void)
{
  for (LeaseStage stage = LEASE_NOT_STARTED; stage <= LEASE_DESTROYED; stage++)
    {
      World world;
      const Expiry longer = { EXPIRY_DATE, EPOCH + 200 * DAY };
      bool archive = stage == LEASE_ARCHIVED;

      begin (&world, lease_of (EXPIRY_DATE, EPOCH + 10 * DAY, DAY,
                               archive ? AFTERWARDS_ARCHIVE : AFTERWARDS_DESTROY));
      look (&world);
      if (stage == LEASE_ACTIVE || stage == LEASE_EXPIRED)
        start (&world);
      if (stage == LEASE_EXPIRED)
        {
          world.truth = 10 * DAY;
          look (&world);
        }
      else if (stage >= LEASE_GRACE)
        pass (&world, 10 * DAY + HOUR + (stage > LEASE_GRACE ? DAY : 0));
      if (stage == LEASE_DESTROYED)
        world.record = lease_destroyed (&world.record);
      g_assert_cmpint (world.record.stage, ==, stage);
      if (stage >= LEASE_DESTROYING)
        {
          g_assert_false (renew (&world, longer, true));
          g_assert_cmpint (look (&world)->verdict, ==, LEASE_GONE);
          continue;
        }
      g_assert_true (renew (&world, longer, false));
      g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
      g_assert_cmpint (world.step.actions, ==, 0);
      g_assert_cmpint (world.step.remaining, ==, 200 * DAY - world.truth);
      /* What was seen of the grace time before is not counted again. */
      g_assert_cmpint (world.record.grace_seen, ==, 0);
      g_assert_true (renew (&world, (Expiry){ EXPIRY_DATE, EPOCH + world.truth }, false)); /* taken back */
      g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
    }
}

/* --- the record as text --- */

static void
test_record (void)
{
  static const KeyBytes key = { 1 }, other = { 2 };
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  LeaseRecord again;
  World world;

  begin (&world, lease_of (EXPIRY_START, 10 * DAY, DAY, AFTERWARDS_DESTROY));
  start (&world);
  pass (&world, 9 * DAY + 5);
  world.off_by = YEAR;
  look (&world);
  world.record.sequence = 77;
  text = lease_record_write (&world.record, key);
  g_assert_true (lease_record_read (text, strlen (text), "lease.json", key, &again, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (&again, sizeof again, &world.record, sizeof world.record);
  g_assert_false (lease_record_read (text, strlen (text), "lease.json", other, &again, NULL));
  for (gsize i = 0; i < strlen (text); i++)
    {
      g_autofree char *changed = g_strdup (text);

      changed[i] ^= 1;
      g_assert_false (lease_record_read (changed, strlen (text), "lease.json", key, &again, NULL));
      g_assert_false (lease_record_read (text, i, "lease.json", key, &again, NULL));
    }
}

/* --- random walks --- */

/* What must hold whatever happens. */
typedef struct {
  int64_t trusted;
  int64_t grace_since; /* the truth when it was last seen to be anything but in its grace time */
  int64_t uptime;      /* seen since the first start */
  int64_t last_truth;
  unsigned last_boot;
} Watch;

static void
check (const World *world, Watch *watch)
{
  const LeaseRecord *record = &world->record;
  int64_t end = world->lease.expiry.kind == EXPIRY_START ? record->started + world->lease.expiry.at
                                                         : world->lease.expiry.at;

  g_assert_cmpint (record->time.trusted, >=, watch->trusted);
  watch->trusted = record->time.trusted;
  if (record->started > 0 && world->boot == watch->last_boot)
    watch->uptime += world->truth - watch->last_truth;
  watch->last_truth = world->truth;
  watch->last_boot = world->boot;
  if (world->lease.expiry.kind == EXPIRY_START && watch->uptime >= world->lease.expiry.at)
    g_assert_cmpint (world->step.verdict, !=, LEASE_OPEN);
  if (world->off_by == 0 && world->lease.expiry.kind == EXPIRY_DATE && EPOCH + world->truth >= end)
    g_assert_cmpint (world->step.verdict, !=, LEASE_OPEN);
  if (record->stage == LEASE_DESTROYING)
    {
      g_assert_cmpint (world->truth - watch->grace_since, >=, world->lease.grace);
      g_assert_cmpint (EPOCH + world->truth + world->off_by, >=, end + world->lease.grace);
    }
  else if (record->stage != LEASE_GRACE)
    watch->grace_since = world->truth;
  g_assert_cmpint (world->step.again, >=, 1);
}

static void
stumble (World *world)
{
  static const int64_t spans[] = { 1, 60, 600, HOUR, 6 * HOUR, DAY, 20 * DAY };
  int64_t span = spans[g_test_rand_int_range (0, G_N_ELEMENTS (spans))];

  switch (g_test_rand_int_range (0, 8))
    {
    case 0:
      reboot (world, span);
      break;
    case 1:
      world->off_by += g_test_rand_int_range (0, 2) ? span : -span;
      break;
    case 2:
      world->off_by = g_test_rand_int_range (0, 3) ? 0 : 10 * YEAR * g_test_rand_int_range (-1, 2);
      break;
    case 3:
      if (world->step.verdict == LEASE_OPEN && !world->running)
        {
          world->running = true;
          world->record = lease_start (&world->record);
        }
      break;
    case 4:
      world->running = false;
      break;
    case 5:
      world->evidence = EPOCH + world->truth + world->off_by;
      break;
    default:
      world->truth += span;
    }
}

static void
test_walks (void)
{
  unsigned destroyed = 0;

  for (unsigned walk = 0; walk < 3000; walk++)
    {
      World world;
      Watch watch = { 0 };
      int64_t length = g_test_rand_int_range (1, 40) * DAY;

      if (g_test_rand_int_range (0, 2))
        begin (&world, lease_of (EXPIRY_START, length, 2 * DAY, AFTERWARDS_DESTROY));
      else
        begin (&world, lease_of (EXPIRY_DATE, EPOCH + length, 2 * DAY, AFTERWARDS_DESTROY));
      for (unsigned i = 0; i < 300 && world.record.stage < LEASE_DESTROYING; i++)
        {
          LeaseRecord written;

          if (i < 150)
            stumble (&world);
          else /* in the end all is well */
            world.truth += g_test_rand_int_range (1, 2 * HOUR);
          if (i >= 150)
            world.off_by = 0;
          written = world.record;
          look (&world);
          if (!g_test_rand_int_range (0, 10)) /* power fails before the record is written */
            {
              world.record = written;
              continue;
            }
          check (&world, &watch);
          if ((world.step.actions & LEASE_SUSPEND) != 0 && g_test_rand_int_range (0, 2))
            world.running = false;
        }
      destroyed += world.record.stage == LEASE_DESTROYING;
    }
  g_assert_cmpuint (destroyed, >, 0);
  g_test_message ("%u of 3000 came to their end", destroyed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lease/stages", test_stages);
  g_test_add_func ("/lease/archive", test_archive);
  g_test_add_func ("/lease/use", test_use);
  g_test_add_func ("/lease/sleep", test_sleep);
  g_test_add_func ("/lease/set-back", test_set_back);
  g_test_add_func ("/lease/leap-and-back", test_leap_and_back);
  g_test_add_func ("/lease/long-leap", test_long_leap);
  g_test_add_func ("/lease/holiday", test_holiday);
  g_test_add_func ("/lease/evidence", test_evidence);
  g_test_add_func ("/lease/renew-each-stage", test_renew_each_stage);
  g_test_add_func ("/lease/record", test_record);
  g_test_add_func ("/lease/walks", test_walks);
  return g_test_run ();
}
