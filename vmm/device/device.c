/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/device/device.h"

#include "vmm/device/device-private.h"
#include "vmm/loop/loop-private.h"

#include <stdatomic.h>

Device *
device_new (Board *board, const DeviceClass *klass, const char *name)
{
  Device *device;

  g_assert (klass->size >= sizeof (Device));
  device = g_malloc0 (klass->size);
  device->klass = klass;
  device->name = g_strdup (name);
  device->board = board;
  device->traced = tracer_wants (board->tracer, name);
  device->regions = g_ptr_array_new_with_free_func (g_free);
  g_mutex_init (&device->lock);
  return device;
}

void
device_end (Device *device)
{
  if (device->klass->unrealize)
    device->klass->unrealize (device);

  device_lock (device);
  device->ended = true;
  for (unsigned i = 0; i < device->regions->len; i++)
    {
      DeviceRegion *claimed = device->regions->pdata[i];

      bus_remove (claimed->bus, claimed->region);
    }
  g_ptr_array_set_size (device->regions, 0);
  device_unlock (device);
}

void
device_free (Device *device)
{
  g_ptr_array_unref (device->regions);
  g_mutex_clear (&device->lock);
  g_free (device->name);
  g_free (device);
}

void
device_share_lock (Device *part, Device *whole)
{
  part->whole = whole;
}

static GMutex *
lock_of (Device *device)
{
  return device->whole != NULL ? &device->whole->lock : &device->lock;
}

void
device_lock (Device *device)
{
  g_mutex_lock (lock_of (device));
}

void
device_unlock (Device *device)
{
  g_mutex_unlock (lock_of (device));
}

/* --- regions --- */

static BusRegion *
claim (Device *device, Bus *bus, BusRegion *region)
{
  DeviceRegion *claimed;

  if (!region)
    return NULL;
  claimed = g_new (DeviceRegion, 1);
  *claimed = (DeviceRegion){ bus, region };
  g_ptr_array_add (device->regions, claimed);
  return region;
}

BusRegion *
device_add_ports (Device *device, const BusOps *ops, uint16_t base, unsigned size)
{
  Bus *bus = device->board->ports;

  return claim (device, bus, bus_add (bus, device, ops, base, size, 0));
}

BusRegion *
device_add_mmio (Device *device, const BusOps *ops, uint64_t base, uint64_t size, int priority)
{
  Bus *bus = device->board->mmio;

  return claim (device, bus, bus_add (bus, device, ops, base, size, priority));
}

void
device_remove_region (Device *device, Bus *bus, BusRegion *region)
{
  for (unsigned i = 0; i < device->regions->len; i++)
    {
      DeviceRegion *claimed = device->regions->pdata[i];

      if (claimed->bus == bus && claimed->region == region)
        {
          g_ptr_array_remove_index (device->regions, i);
          break;
        }
    }
  bus_remove (bus, region);
}

/* --- timers --- */

typedef struct {
  Device *device;
  LoopTimer *timer;
  DeviceFunc func;
} DeviceTimer;

static void
timer_expired (void *data)
{
  DeviceTimer *closure = data;
  Device *device = closure->device;

  device_lock (device);
  if (!loop_timer_is_overtaken (closure->timer))
    closure->func (device);
  device_unlock (device);
}

static LoopTimer *
timer_new (Device *device, VmClock *clock, DeviceFunc func)
{
  DeviceTimer *closure = g_new (DeviceTimer, 1);

  closure->device = device;
  closure->func = func;
  closure->timer = loop_timer_new_full (device->board->loop, clock, timer_expired, closure, g_free);
  return closure->timer;
}

LoopTimer *
device_timer_new (Device *device, DeviceFunc func)
{
  return timer_new (device, device->board->clock, func);
}

LoopTimer *
device_host_timer_new (Device *device, DeviceFunc func)
{
  return timer_new (device, NULL, func);
}

void
device_timer_free (LoopTimer *timer)
{
  if (timer)
    loop_timer_free (timer);
}

/* --- descriptors --- */

typedef struct {
  Device *device;
  DeviceFdFunc func;
  DevicePartFdFunc part_func;
  void *part;
  DeviceLookFunc look;
  atomic_bool freed;
} DeviceWatch;

static void
watch_ready (void *data, int fd, GIOCondition condition)
{
  DeviceWatch *closure = data;
  Device *device = closure->device;

  device_lock (device);
  if (!atomic_load (&closure->freed))
    {
      if (closure->func != NULL)
        closure->func (device, fd, condition);
      else
        closure->part_func (closure->part, fd, condition);
    }
  device_unlock (device);
}

LoopWatch *
device_watch_fd_for_part (Device *device, int fd, GIOCondition condition, DevicePartFdFunc func, void *part)
{
  DeviceWatch *closure = g_new0 (DeviceWatch, 1);

  closure->device = device;
  closure->part_func = func;
  closure->part = part;
  return loop_watch_fd_full (device->board->loop, fd, condition, watch_ready, closure, g_free);
}

LoopWatch *
device_watch_fd (Device *device, int fd, GIOCondition condition, DeviceFdFunc func)
{
  DeviceWatch *closure = g_new0 (DeviceWatch, 1);

  closure->device = device;
  closure->func = func;
  return loop_watch_fd_full (device->board->loop, fd, condition, watch_ready, closure, g_free);
}

static bool
watch_look (void *data, int fd, bool falling_asleep)
{
  DeviceWatch *closure = data;
  Device *device = closure->device;
  bool found = false;

  device_lock (device);
  if (!atomic_load (&closure->freed))
    found = closure->look (device, fd, falling_asleep);
  device_unlock (device);
  return found;
}

void
device_watch_set_look (LoopWatch *watch, DeviceLookFunc look)
{
  ((DeviceWatch *)loop_watch_data (watch))->look = look;
  loop_watch_set_look (watch, watch_look);
}

void
device_watch_free (LoopWatch *watch)
{
  if (!watch)
    return;
  /* Its callback may be waiting for the device's lock that is held here: it must not be waited for. */
  atomic_store (&((DeviceWatch *)loop_watch_data (watch))->freed, true);
  loop_watch_release (watch);
}

/* --- calls --- */

typedef struct {
  Device *device;
  DeviceFunc func;
} DeviceCall;

static void
run_call (void *data)
{
  g_autofree DeviceCall *call = data;
  Device *device = call->device;

  device_lock (device);
  if (!device->ended)
    call->func (device);
  device_unlock (device);
}

void
device_call (Device *device, DeviceFunc func)
{
  DeviceCall *call = g_new (DeviceCall, 1);

  *call = (DeviceCall){ device, func };
  loop_call (device->board->loop, run_call, call);
}
