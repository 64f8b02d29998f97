/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/irq-routes.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#define N_PIC_PINS    16
#define N_IOAPIC_PINS 24
#define FIRST_MSI     24
#define PIC_CASCADE   2

typedef struct {
  bool used;
  uint64_t address;
  uint32_t data;
} MsiSlot;

struct IrqRoutes {
  int vm_fd;
  unsigned capacity; /* MSI routes */
  GMutex lock;
  GArray *slots; /* of MsiSlot; index + FIRST_MSI is the GSI */
};

static void
add_pin (struct kvm_irq_routing *table, unsigned gsi, unsigned chip, unsigned pin)
{
  struct kvm_irq_routing_entry *entry = &table->entries[table->nr++];

  entry->gsi = gsi;
  entry->type = KVM_IRQ_ROUTING_IRQCHIP;
  entry->u.irqchip.irqchip = chip;
  entry->u.irqchip.pin = pin;
}

static void
add_pins (struct kvm_irq_routing *table)
{
  for (unsigned gsi = 0; gsi < N_PIC_PINS; gsi++)
    {
      if (gsi != PIC_CASCADE)
        add_pin (table, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
    }
  for (unsigned gsi = 0; gsi < N_IOAPIC_PINS; gsi++)
    {
      if (gsi == 0)
        add_pin (table, gsi, KVM_IRQCHIP_IOAPIC, 2);
      else if (gsi != 2)
        add_pin (table, gsi, KVM_IRQCHIP_IOAPIC, gsi);
    }
}

static bool
commit_locked (IrqRoutes *routes)
{
  size_t most = N_PIC_PINS + N_IOAPIC_PINS + routes->slots->len;
  g_autofree struct kvm_irq_routing *table
    = g_malloc0 (sizeof *table + most * sizeof (struct kvm_irq_routing_entry));

  add_pins (table);
  for (unsigned i = 0; i < routes->slots->len; i++)
    {
      const MsiSlot *slot = &g_array_index (routes->slots, MsiSlot, i);
      struct kvm_irq_routing_entry *entry;

      if (!slot->used)
        continue;
      entry = &table->entries[table->nr++];
      entry->gsi = FIRST_MSI + i;
      entry->type = KVM_IRQ_ROUTING_MSI;
      entry->u.msi.address_lo = (uint32_t) slot->address;
      entry->u.msi.address_hi = (uint32_t) (slot->address >> 32);
      entry->u.msi.data = slot->data;
    }
  return ioctl (routes->vm_fd, KVM_SET_GSI_ROUTING, table) == 0;
}

static bool
assign_irqfd (IrqRoutes *routes, unsigned gsi, int fd, bool assign)
{
  struct kvm_irqfd irqfd = {
    .fd = (uint32_t) fd,
    .gsi = gsi,
    .flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
  };

  return ioctl (routes->vm_fd, KVM_IRQFD, &irqfd) == 0;
}

IrqRoutes *
irq_routes_new (int vm_fd, unsigned capacity)
{
  IrqRoutes *routes;

  if (capacity <= FIRST_MSI)
    {
      errno = ENOSPC;
      return NULL;
    }
  routes = g_new0 (IrqRoutes, 1);
  routes->vm_fd = vm_fd;
  routes->capacity = capacity - FIRST_MSI;
  routes->slots = g_array_new (FALSE, TRUE, sizeof (MsiSlot));
  g_mutex_init (&routes->lock);
  if (!commit_locked (routes))
    {
      int saved_errno = errno;

      irq_routes_free (routes);
      errno = saved_errno;
      return NULL;
    }
  return routes;
}

void
irq_routes_free (IrqRoutes *routes)
{
  if (!routes)
    return;
  g_mutex_clear (&routes->lock);
  g_array_unref (routes->slots);
  g_free (routes);
}

static int
add_route_locked (IrqRoutes *routes, int fd, MsiSlot wanted)
{
  unsigned i = 0;

  while (i < routes->slots->len && g_array_index (routes->slots, MsiSlot, i).used)
    i++;
  if (i >= routes->capacity)
    return -1;
  if (i == routes->slots->len)
    g_array_append_val (routes->slots, wanted);
  else
    g_array_index (routes->slots, MsiSlot, i) = wanted;

  if (commit_locked (routes) && assign_irqfd (routes, FIRST_MSI + i, fd, true))
    return (int) (FIRST_MSI + i);
  g_array_index (routes->slots, MsiSlot, i).used = false;
  return -1;
}

static int
change_route_locked (IrqRoutes *routes, unsigned i, MsiSlot wanted)
{
  MsiSlot *slot;
  MsiSlot before;

  if (i >= routes->slots->len)
    return -1;
  slot = &g_array_index (routes->slots, MsiSlot, i);
  if (!slot->used)
    return -1;
  if (slot->address == wanted.address && slot->data == wanted.data)
    return (int) (FIRST_MSI + i);
  before = *slot;
  *slot = wanted;
  if (commit_locked (routes))
    return (int) (FIRST_MSI + i);
  *slot = before;
  return -1;
}

int
irq_routes_set_msi (IrqRoutes *routes, int gsi, int fd, uint64_t address, uint32_t data)
{
  MsiSlot wanted = { .used = true, .address = address, .data = data };
  int result;

  g_mutex_lock (&routes->lock);
  if (gsi < 0)
    result = add_route_locked (routes, fd, wanted);
  else
    result = gsi < FIRST_MSI ? -1 : change_route_locked (routes, (unsigned) gsi - FIRST_MSI, wanted);
  g_mutex_unlock (&routes->lock);
  return result;
}

void
irq_routes_drop_msi (IrqRoutes *routes, int gsi, int fd)
{
  g_mutex_lock (&routes->lock);
  if (gsi >= FIRST_MSI && (unsigned) gsi - FIRST_MSI < routes->slots->len)
    {
      assign_irqfd (routes, (unsigned) gsi, fd, false);
      g_array_index (routes->slots, MsiSlot, gsi - FIRST_MSI).used = false;
    }
  g_mutex_unlock (&routes->lock);
}
