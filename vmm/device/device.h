/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/board.h"
#include "vmm/state/state.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * DeviceClass: the one const declaration of a kind of device.
 *
 * Threading: the bus, the device's timers, kicks and watches take the device's lock around every
 * callback, and so do reset, stopped, started, save and load. A device's own code never locks;
 * code that enters a device from elsewhere (backends, displays) uses device_lock.
 * Lock order: bus → device → interrupt line. Never hold two devices' locks.
 */
struct DeviceClass {
  const char *id; /* "uart16550" */
  size_t size;    /* of the struct that begins with a Device; zeroed before realize */

  /* Takes its resources: regions, memory banks, timers; on the thread of board_add. On failure what was taken is
   * given back by unrealize, which must cope with a half-made device. unrealize runs on the loop's thread. Neither
   * holds the lock. */
  bool (*realize) (Device *device, const void *config, GError **error);
  void (*unrealize) (Device *device);

  /* Power-on state; also after realize. May be NULL. */
  void (*reset) (Device *device);

  /* The machine stopped (vCPUs parked) / goes on: retry what waited. May be NULL. */
  void (*stopped) (Device *device);
  void (*started) (Device *device);

  const StateTable *state; /* NULL: nothing to remember */
};

/* First member of every device's struct. */
struct Device {
  const DeviceClass *klass;
  char *name;
  Board *board;
  bool traced; /* some trace pattern may want this device */
  /* private */
  GMutex lock;
  Device *whole; /* whose lock it has; NULL: its own */
  GPtrArray *regions;
  bool ended; /* unrealized: late calls are dropped */
};

typedef void (*DeviceFunc) (Device *device);
typedef void (*DeviceFdFunc) (Device *device, int fd, GIOCondition condition);

/* @part has the lock of @whole from now on, which outlives it: what both do is one thing. In realize, before anybody else
 * knows @part. */
void device_share_lock (Device *part, Device *whole);

void device_lock (Device *device);
void device_unlock (Device *device);

/* Claims ports or memory addresses. Released automatically at unrealize. (transfer none) */
BusRegion *device_add_ports (Device *device, const BusOps *ops, uint16_t base, unsigned size);
BusRegion *device_add_mmio (Device *device, const BusOps *ops, uint64_t base, uint64_t size, int priority);
void device_remove_region (Device *device, Bus *bus, BusRegion *region);

/* A one-shot timer on the machine's clock whose callback holds the device's lock. (transfer full) */
LoopTimer *device_timer_new (Device *device, DeviceFunc func);
/* The same with CLOCK_MONOTONIC, for host-side work. */
LoopTimer *device_host_timer_new (Device *device, DeviceFunc func);
/* Cancels and frees; after it the callback does not run. Call from unrealize only. NULL is ignored. */
void device_timer_free (LoopTimer *timer);

/* Watches a descriptor; the callback holds the device's lock. (transfer full) */
LoopWatch *device_watch_fd (Device *device, int fd, GIOCondition condition, DeviceFdFunc func);
/* The same for a part of a device, @part. */
typedef void (*DevicePartFdFunc) (void *part, int fd, GIOCondition condition);
LoopWatch *device_watch_fd_for_part (Device *device, int fd, GIOCondition condition, DevicePartFdFunc func, void *part);
/* As loop_watch_set_look; @look holds the device's lock. */
typedef bool (*DeviceLookFunc) (Device *device, int fd, bool falling_asleep);
void device_watch_set_look (LoopWatch *watch, DeviceLookFunc look);
/* With the device's lock held, or from unrealize. NULL is ignored. */
void device_watch_free (LoopWatch *watch);

/* Runs @func with the lock held on the loop's thread, soon. */
void device_call (Device *device, DeviceFunc func);

/* Trace points: TRACE (device, "ier-write", "value=0x%02x", value). */
#define TRACE(device, event, ...)                                                                            \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    const Device *trace_dev_ = (const Device *) (device);                                                    \
    if (G_UNLIKELY (trace_dev_->traced))                                                                     \
      tracer_emit (trace_dev_->board->tracer, trace_dev_->name, event, __VA_ARGS__);                         \
  }                                                                                                          \
  G_STMT_END

/* What a guest did wrong, as the event "guest-error". Never reaches the user unasked. */
#define GUEST_ERROR(device, ...) TRACE (device, "guest-error", __VA_ARGS__)

G_END_DECLS
