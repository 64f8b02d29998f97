/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/irq/irq.h"

#include <sys/eventfd.h>
#include <unistd.h>

#define NO_ROUTE (-1)

struct MsiRoute {
  Hypervisor *hypervisor;
  GMutex lock;
  int fd;        /* made with the first message; -1: no descriptor to be had */
  int gsi_route; /* NO_ROUTE: messages are sent one by one */
  bool has_message;
  uint64_t address;
  uint32_t data;
};

MsiRoute *
msi_route_new (Hypervisor *hypervisor)
{
  MsiRoute *route = g_new0 (MsiRoute, 1);

  route->hypervisor = hypervisor;
  route->fd = -1;
  route->gsi_route = NO_ROUTE;
  g_mutex_init (&route->lock);
  return route;
}

void
msi_route_free (MsiRoute *route)
{
  if (route->gsi_route != NO_ROUTE)
    route->hypervisor->ops->unroute_msi (route->hypervisor, route->gsi_route, route->fd);
  if (route->fd >= 0)
    close (route->fd);
  g_mutex_clear (&route->lock);
  g_free (route);
}

void
msi_route_set_message (MsiRoute *route, uint64_t address, uint32_t data)
{
  Hypervisor *hypervisor = route->hypervisor;

  g_mutex_lock (&route->lock);
  if (!route->has_message || route->address != address || route->data != data)
    {
      route->has_message = true;
      route->address = address;
      route->data = data;
      if (route->fd < 0)
        route->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (hypervisor && route->fd >= 0)
        {
          int number = hypervisor->ops->route_msi (hypervisor, route->gsi_route, route->fd, address, data);

          /* A route that can't follow its message must not go on sending the old one. */
          if (number < 0 && route->gsi_route != NO_ROUTE)
            hypervisor->ops->unroute_msi (hypervisor, route->gsi_route, route->fd);
          route->gsi_route = number < 0 ? NO_ROUTE : number;
        }
    }
  g_mutex_unlock (&route->lock);
}

void
msi_route_signal (MsiRoute *route)
{
  Hypervisor *hypervisor = route->hypervisor;
  uint64_t address;
  uint32_t data;
  bool send;

  g_mutex_lock (&route->lock);
  address = route->address;
  data = route->data;
  send = route->has_message && route->gsi_route == NO_ROUTE;
  if (route->gsi_route != NO_ROUTE && eventfd_write (route->fd, 1) < 0)
    send = true;
  g_mutex_unlock (&route->lock);

  if (send && hypervisor)
    hypervisor->ops->send_msi (hypervisor, address, data);
}

int
msi_route_fd (MsiRoute *route)
{
  int fd;

  g_mutex_lock (&route->lock);
  fd = route->gsi_route != NO_ROUTE ? route->fd : -1;
  g_mutex_unlock (&route->lock);
  return fd;
}
