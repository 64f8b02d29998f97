/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workspaces whose hosts stumble along: what must hold whatever happens. */
#include "tests/app/lease-world.h"

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
      world_reboot (world, span);
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
        world_begin (&world, lease_of (EXPIRY_START, length, 2 * DAY, AFTERWARDS_DESTROY));
      else
        world_begin (&world, lease_of (EXPIRY_DATE, EPOCH + length, 2 * DAY, AFTERWARDS_DESTROY));
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
          world_look (&world);
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
  g_test_add_func ("/lease/walks", test_walks);
  return g_test_run ();
}
