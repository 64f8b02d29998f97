/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a workspace under a clock that does as the test likes. */
#include "app/workspace/lease-record.h"
#include "tests/app/lease-world.h"

#include <string.h>

/* --- the whole way --- */

static void
test_stages (void)
{
  World world;
  unsigned warnings = 0;

  world_begin (&world, lease_of (EXPIRY_START, 10 * DAY, 2 * DAY, AFTERWARDS_DESTROY));
  world_pass (&world, 100 * DAY); /* not started: nothing passes */
  g_assert_cmpint (world.record.stage, ==, LEASE_NOT_STARTED);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, 10 * DAY);
  world_start (&world);
  for (int64_t at = 0; at < 10 * DAY; at += LEASE_TICK_S)
    {
      g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_OPEN);
      g_assert_cmpint (world.record.stage, ==, LEASE_ACTIVE);
      if ((world.step.actions & LEASE_WARN) != 0)
        {
          static const int64_t before[] = { 7 * DAY, DAY, HOUR, 300 };

          g_assert_cmpint (world.step.remaining, ==, before[warnings++]);
        }
      world.truth += LEASE_TICK_S;
    }
  g_assert_cmpuint (warnings, ==, 4);
  world_look (&world);
  g_assert_cmpint (world.record.stage, ==, LEASE_EXPIRED);
  g_assert_cmpint (world.step.actions, ==, LEASE_SUSPEND);
  world_look (&world); /* it wasn't done: it is asked for again */
  g_assert_cmpint (world.step.actions, ==, LEASE_SUSPEND);
  world.running = false;
  world_look (&world);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
  world_pass (&world, 2 * DAY - 60);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.step.actions, ==, 0);
  world_pass (&world, 120);
  g_assert_cmpint (world.record.stage, ==, LEASE_DESTROYING);
  g_assert_cmpint (world_look (&world)->actions, ==, LEASE_DESTROY); /* until it is done */
  g_assert_false (world_renew (&world, (Expiry){ EXPIRY_NEVER, 0 }, true));
  world.record = lease_destroyed (&world.record);
  g_assert_cmpint (world_look (&world)->actions, ==, 0);
  g_assert_cmpint (world.step.verdict, ==, LEASE_GONE);
}

static void
test_archive (void)
{
  World world;

  world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + DAY, 0, AFTERWARDS_ARCHIVE));
  world_pass (&world, DAY + 60);
  g_assert_cmpint (world.record.stage, ==, LEASE_ARCHIVED);
  world_pass (&world, 300 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_ARCHIVED);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
  g_assert_true (world_renew (&world, (Expiry){ EXPIRY_NEVER, 0 }, false));
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  world_pass (&world, 300 * DAY);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, G_MAXINT64);
}

static void
test_use (void)
{
  World world;

  world_begin (&world, lease_of (EXPIRY_USE, 2 * HOUR, DAY, AFTERWARDS_ARCHIVE));
  world_start (&world);
  world_pass (&world, HOUR);
  world.running = false;
  world_look (&world);
  world_pass (&world, 30 * DAY);
  g_assert_cmpint (world.step.remaining, ==, HOUR);
  world_start (&world);
  /* The host sleeps: that isn't use, but for one look. */
  world.truth += 5 * DAY;
  world_look (&world);
  g_assert_cmpint (world.step.remaining, ==, HOUR - 2 * LEASE_TICK_S);
  /* A run that ends by a power cut costs a minute, however short it was. */
  world_reboot (&world, DAY);
  world_look (&world);
  g_assert_cmpint (world.step.remaining, ==, HOUR - 3 * LEASE_TICK_S);
  world.off_by = -5 * YEAR;
  g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_CLOCK);
  world.off_by = 0;
  world_start (&world);
  world_pass (&world, HOUR);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
  world_pass (&world, DAY + HOUR);
  g_assert_cmpint (world.record.stage, ==, LEASE_ARCHIVED);
}

/* The host sleeps over the expiry and all of the grace time: it is over, but there is a grace time to come.
 */
static void
test_sleep (void)
{
  World world;

  world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + 3 * DAY, 2 * DAY, AFTERWARDS_DESTROY));
  world_start (&world);
  world.truth += 60 * DAY;
  world_look (&world);
  g_assert_cmpint (world.record.stage, ==, LEASE_EXPIRED);
  g_assert_cmpint (world.step.actions, ==, LEASE_SUSPEND);
  world.running = false;
  world_look (&world);
  world.truth += 60 * DAY; /* and again */
  world_look (&world);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.record.grace_seen, ==, HOUR);
  /* Off, on, off: only what is seen counts. */
  for (unsigned i = 0; i < 20; i++)
    {
      world_reboot (&world, 30 * DAY);
      world_look (&world);
      g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
    }
  g_assert_cmpint (world.record.grace_seen, ==, HOUR);
  world_pass (&world, 2 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_DESTROYING);
}

/* --- the clock --- */

static void
test_set_back (void)
{
  World world;

  world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + 10 * DAY, DAY, AFTERWARDS_ARCHIVE));
  world_pass (&world, 9 * DAY);
  world.off_by = -8 * DAY;
  g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_CLOCK);
  g_assert_cmpint (world.step.remaining, ==, DAY);
  /* By less than a day nothing is refused, and nothing is gained. */
  world.off_by = -HOUR;
  g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, DAY);
  world.off_by = -9 * DAY;
  world_pass (&world, DAY);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER);
  /* As the clock doesn't agree, that is all. */
  world_pass (&world, 5 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.record.grace_seen, ==, 0);
  /* After a boot as well. */
  world_reboot (&world, HOUR);
  g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_OVER);
  world.off_by = 0;
  world_pass (&world, DAY + HOUR);
  g_assert_cmpint (world.record.stage, ==, LEASE_ARCHIVED);
}

/* Ten years ahead for half an hour, by mistake: it is suspended, and then goes on as if nothing had been. */
static void
test_leap_and_back (void)
{
  World world;

  world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + 30 * DAY, DAY, AFTERWARDS_DESTROY));
  world_start (&world);
  world_pass (&world, DAY);
  world.off_by = 10 * YEAR;
  world_look (&world);
  g_assert_cmpint (world.step.actions, ==, LEASE_SUSPEND);
  world_pass (&world, HOUR / 2);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_false (world.record.grace_counts);
  world.off_by = 0;
  world_look (&world);
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, 29 * DAY - HOUR / 2);
}

/* The same for five hours: it stays locked, is never destroyed, and a renewal mends it. */
static void
test_long_leap (void)
{
  World world;

  world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + 30 * DAY, DAY, AFTERWARDS_DESTROY));
  world_start (&world);
  world.off_by = 10 * YEAR;
  world_look (&world);
  world_pass (&world, 5 * HOUR);
  world.off_by = 0;
  world_pass (&world, 20 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE);
  g_assert_cmpint (world.record.grace_seen, ==, 0);
  g_assert_true (world_renew (&world, (Expiry){ EXPIRY_DATE, EPOCH + 60 * DAY }, false));
  g_assert_cmpint (world.step.verdict, ==, LEASE_OVER); /* by the time that it believes in */
  g_assert_true (world_renew (&world, (Expiry){ EXPIRY_DATE, EPOCH + 60 * DAY }, true));
  g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
  g_assert_cmpint (world.step.remaining, ==, 60 * DAY - world.truth);
}

/* A holiday: the leap is true. It acts at once, and is trusted after an hour, also in pieces. */
static void
test_holiday (void)
{
  World world;

  world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + 300 * DAY, DAY, AFTERWARDS_ARCHIVE));
  world_look (&world);
  world_reboot (&world, 30 * DAY);
  g_assert_cmpint (world_look (&world)->remaining, ==, 270 * DAY);
  g_assert_cmpint (world.record.time.trusted, <, EPOCH + DAY);
  for (unsigned i = 0; i < 4; i++)
    {
      world_pass (&world, HOUR / 4);
      world_reboot (&world, 3 * DAY);
      world_look (&world);
    }
  world_pass (&world, HOUR / 2);
  g_assert_cmpint (world.record.time.trusted, >, EPOCH + 29 * DAY);
  world_pass (&world, 2 * HOUR);
  g_assert_cmpint (world.record.time.trusted, ==, EPOCH + world.truth);
}

static void
test_evidence (void)
{
  World world;

  world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + 10 * DAY, DAY, AFTERWARDS_DESTROY));
  world_look (&world);
  world_reboot (&world, 11 * DAY);
  world.off_by = -11 * DAY;
  g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_OPEN); /* nobody can know */
  world.evidence = EPOCH + 11 * DAY;
  g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_OVER);
  world_pass (&world, 5 * DAY);
  g_assert_cmpint (world.record.stage, ==, LEASE_GRACE); /* files alone destroy nothing */
  world.evidence = EPOCH + 3 * YEAR;
  world_begin (&world, world.lease);
  world.evidence = EPOCH + 3 * YEAR;
  g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_OPEN); /* that is an error of theirs */
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

      world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + 10 * DAY, DAY,
                                     archive ? AFTERWARDS_ARCHIVE : AFTERWARDS_DESTROY));
      world_look (&world);
      if (stage == LEASE_ACTIVE || stage == LEASE_EXPIRED)
        world_start (&world);
      if (stage == LEASE_EXPIRED)
        {
          world.truth = 10 * DAY;
          world_look (&world);
        }
      else if (stage >= LEASE_GRACE)
        world_pass (&world, 10 * DAY + HOUR + (stage > LEASE_GRACE ? DAY : 0));
      if (stage == LEASE_DESTROYED)
        world.record = lease_destroyed (&world.record);
      g_assert_cmpint (world.record.stage, ==, stage);
      if (stage >= LEASE_DESTROYING)
        {
          g_assert_false (world_renew (&world, longer, true));
          g_assert_cmpint (world_look (&world)->verdict, ==, LEASE_GONE);
          continue;
        }
      g_assert_true (world_renew (&world, longer, false));
      g_assert_cmpint (world.step.verdict, ==, LEASE_OPEN);
      g_assert_cmpint (world.step.actions, ==, 0);
      g_assert_cmpint (world.step.remaining, ==, 200 * DAY - world.truth);
      /* What was seen of the grace time before is not counted again. */
      g_assert_cmpint (world.record.grace_seen, ==, 0);
      g_assert_true (
        world_renew (&world, (Expiry){ EXPIRY_DATE, EPOCH + world.truth }, false)); /* taken back */
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

  world_begin (&world, lease_of (EXPIRY_START, 10 * DAY, DAY, AFTERWARDS_DESTROY));
  world_start (&world);
  world_pass (&world, 9 * DAY + 5);
  world.off_by = YEAR;
  world_look (&world);
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
  return g_test_run ();
}
