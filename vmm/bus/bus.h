/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct Device Device;

/*
 * Bus: an address space of device registers (one for ports, one for memory). Regions may
 * overlap; the higher priority wins, then the later one. Lookup takes no lock.
 *
 * Threading: bus_read and bus_write: any thread that holds no device lock. Adding and removing
 * regions: any thread, device locks may be held (a guest moves a BAR from inside a write).
 */
typedef struct Bus Bus;
typedef struct BusRegion BusRegion;

/* Access to a region. @offset is relative to the region; @size is 1, 2, 4 or 8 and the access lies
 * within the region. Called with the device's lock held. */
typedef struct {
  uint64_t (*read) (Device *device, uint64_t offset, unsigned size);
  void (*write) (Device *device, uint64_t offset, uint64_t value, unsigned size);
  /* Accesses wider than max_size are split, low address first; 0 means no split. */
  uint8_t max_size;
} BusOps;

Bus *bus_new (const char *name, uint64_t address_limit);
void bus_free (Bus *bus);

/**
 * bus_add:
 * @base, @size: addresses [base, base + size); must not wrap
 * @priority: 0 for most; PCI BARs use 1, chip-select overlays 2
 *
 * Returns: (transfer full): the region, visible at once, or NULL if the range leaves the bus.
 */
BusRegion *bus_add (Bus *bus, Device *device, const BusOps *ops, uint64_t base, uint64_t size, int priority);

/* Hides and frees @region. A dispatch under way on another thread may still be inside the device: it
 * holds the device's lock, so with that lock held here, none is. */
void bus_remove (Bus *bus, BusRegion *region);

/* Where @region lies; the region must be on a bus still. */
void bus_region_range (const BusRegion *region, uint64_t *base, uint64_t *size);

/* Dispatches one guest access of @size (1..8) bytes. Unclaimed reads give all ones, unclaimed writes are lost. */
uint64_t bus_read (Bus *bus, uint64_t address, unsigned size);
void bus_write (Bus *bus, uint64_t address, uint64_t value, unsigned size);

/* "base-end device" lines, for `bonsai show --map` and tests. */
char *bus_describe (Bus *bus);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Bus, bus_free)

G_END_DECLS
