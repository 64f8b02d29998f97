/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench-device/bench-private.h"

static bool
fake_set_slot (Hypervisor *self, const MemorySlot *slot)
{
  return true;
}

static bool
fake_get_dirty (Hypervisor *self, uint32_t slot, uint64_t *bitmap)
{
  return true;
}

static void
fake_set_irq (Hypervisor *self, unsigned gsi, bool level)
{
  FakeHypervisor *fake = (FakeHypervisor *)self;

  g_assert_cmpuint (gsi, <, N_GSIS);
  g_mutex_lock (&fake->lock);
  if (level && !fake->levels[gsi])
    fake->edges[gsi]++;
  fake->levels[gsi] = level;
  g_mutex_unlock (&fake->lock);
}

static void
fake_send_msi (Hypervisor *self, uint64_t address, uint32_t data)
{
  FakeHypervisor *fake = (FakeHypervisor *)self;
  BenchMsi message = { address, data };

  g_mutex_lock (&fake->lock);
  g_array_append_val (fake->messages, message);
  g_mutex_unlock (&fake->lock);
}

/* No routes and no ioeventfds: messages come by send_msi and kicks by the register, both at once. */
static int
fake_route_msi (Hypervisor *self, int gsi_route, int fd, uint64_t address, uint32_t data)
{
  return -1;
}

static void
fake_unroute_msi (Hypervisor *self, int gsi_route, int fd)
{
}

static bool
fake_add_ioeventfd (Hypervisor *self, int fd, bool port, uint64_t address, unsigned size, bool match,
                    uint64_t value)
{
  return false;
}

static void
fake_remove_ioeventfd (Hypervisor *self, int fd, bool port, uint64_t address, unsigned size, bool match,
                       uint64_t value)
{
}

static void
fake_mute_pit (Hypervisor *self, bool mute)
{
  FakeHypervisor *fake = (FakeHypervisor *)self;

  g_mutex_lock (&fake->lock);
  fake->pit_muted = mute;
  g_mutex_unlock (&fake->lock);
}

const HypervisorOps fake_hypervisor_ops = {
  .set_slot = fake_set_slot,
  .get_dirty = fake_get_dirty,
  .set_irq = fake_set_irq,
  .send_msi = fake_send_msi,
  .route_msi = fake_route_msi,
  .unroute_msi = fake_unroute_msi,
  .add_ioeventfd = fake_add_ioeventfd,
  .remove_ioeventfd = fake_remove_ioeventfd,
  .mute_pit = fake_mute_pit,
};
