/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/lease-world.h"

HostTime
world_host_time (const World *world)
{
  HostTime host = { .wall = EPOCH + world->truth + world->off_by,
                    .boottime = world->truth - world->booted,
                    .evidence = world->evidence };

  g_snprintf (host.boot_id, sizeof host.boot_id, "boot-%u", world->boot);
  return host;
}

void
world_begin (World *world, Lease lease)
{
  Terms terms = { .issued = EPOCH, .digest = (char *)"digest" };
  HostTime host;

  *world = (World){ .lease = lease };
  host = world_host_time (world);
  world->record = lease_begin (&terms, &host);
}

LeaseStep *
world_look (World *world)
{
  HostTime host = world_host_time (world);

  world->step = lease_step (&world->lease, &world->record, &host, world->running);
  world->record = world->step.record;
  return &world->step;
}

void
world_start (World *world)
{
  g_assert_cmpint (world_look (world)->verdict, ==, LEASE_OPEN);
  world->running = true;
  world->record = lease_start (&world->record);
  world_look (world);
}

void
world_pass (World *world, int64_t seconds)
{
  while (seconds > 0)
    {
      int64_t once = CLAMP (world->step.again, 1, seconds);

      world->truth += once;
      seconds -= once;
      world_look (world);
      if ((world->step.actions & LEASE_SUSPEND) != 0)
        {
          world->running = false;
          world_look (world);
        }
    }
}

void
world_reboot (World *world, int64_t off)
{
  world->running = false;
  world->truth += off;
  world->booted = world->truth;
  world->boot++;
}

bool
world_renew (World *world, Expiry expiry, bool mends)
{
  Renewal renewal = { .number = ++world->renewals,
                      .issued = EPOCH + world->truth,
                      .expiry = expiry,
                      .mends = mends,
                      .digest = (char *)"renewal" };
  HostTime host = world_host_time (world);

  if (!lease_renew (&world->record, &renewal, &host))
    return false;
  world->lease.expiry = expiry;
  world_look (world);
  return true;
}
