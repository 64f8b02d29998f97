/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/bus/bus.h"

#include "vmm/base/bytes.h"
#include "vmm/base/published.h"
#include "vmm/device/device.h"

/* Times that a dispatch starts anew because the map changed under it, before the access is lost. */
#define MAX_RETRIES 16

/* What is visible: disjoint, sorted, complete copies, so that a reader touches no BusRegion. */
typedef struct {
  uint64_t first, last; /* inclusive */
  uint64_t base;        /* where the region begins */
  Device *device;
  const BusOps *ops;
} BusEntry;

typedef struct {
  unsigned generation;
  unsigned n_entries;
  BusEntry entries[];
} BusTable;

struct BusRegion {
  uint64_t first, last;
  int priority;
  unsigned serial; /* order of creation */
  Device *device;
  const BusOps *ops;
};

struct Bus {
  Published table; /* of BusTable */
  atomic_uint generation;
  char *name;
  uint64_t address_limit;
  GMutex lock;
  GPtrArray *regions; /* the strongest last */
  unsigned next_serial;
};

/* --- the map --- */

static int
compare_strength (gconstpointer a, gconstpointer b)
{
  const BusRegion *x = *(BusRegion *const *)a;
  const BusRegion *y = *(BusRegion *const *)b;

  if (x->priority != y->priority)
    return x->priority < y->priority ? -1 : 1;
  return x->serial < y->serial ? -1 : 1;
}

static int
compare_address (gconstpointer a, gconstpointer b)
{
  uint64_t x = *(const uint64_t *)a;
  uint64_t y = *(const uint64_t *)b;

  return x < y ? -1 : x > y;
}

/* Where the visible region may change, sorted. */
static GArray *
list_borders (GPtrArray *regions)
{
  GArray *borders = g_array_sized_new (FALSE, FALSE, sizeof (uint64_t), regions->len * 2);

  for (unsigned i = 0; i < regions->len; i++)
    {
      const BusRegion *region = regions->pdata[i];
      uint64_t end = region->last + 1;

      g_array_append_val (borders, region->first);
      g_array_append_val (borders, end);
    }
  g_array_sort (borders, compare_address);
  return borders;
}

static const BusRegion *
strongest_at (GPtrArray *regions, uint64_t address)
{
  for (unsigned i = regions->len; i-- > 0;)
    {
      const BusRegion *region = regions->pdata[i];

      if (address >= region->first && address <= region->last)
        return region;
    }
  return NULL;
}

static BusTable *
flatten_locked (Bus *bus)
{
  g_autoptr (GArray) borders = list_borders (bus->regions);
  BusTable *table = g_malloc0 (sizeof (BusTable) + borders->len * sizeof (BusEntry));
  const BusRegion *previous = NULL;

  for (unsigned i = 0; i + 1 < borders->len; i++)
    {
      uint64_t first = g_array_index (borders, uint64_t, i);
      uint64_t end = g_array_index (borders, uint64_t, i + 1);
      const BusRegion *region;

      if (first == end)
        continue;
      region = strongest_at (bus->regions, first);
      if (region && region == previous)
        table->entries[table->n_entries - 1].last = end - 1;
      else if (region)
        table->entries[table->n_entries++] =
          (BusEntry){ first, end - 1, region->first, region->device, region->ops };
      previous = region;
    }
  return table;
}

static void
publish_locked (Bus *bus)
{
  BusTable *table;

  g_ptr_array_sort (bus->regions, compare_strength);
  table = flatten_locked (bus);
  table->generation = atomic_load (&bus->generation) + 1;
  published_replace (&bus->table, table);
  atomic_store (&bus->generation, table->generation);
}

Bus *
bus_new (const char *name, uint64_t address_limit)
{
  Bus *bus = g_new0 (Bus, 1);

  bus->name = g_strdup (name);
  bus->address_limit = address_limit;
  bus->regions = g_ptr_array_new_with_free_func (g_free);
  g_mutex_init (&bus->lock);
  published_init (&bus->table, g_malloc0 (sizeof (BusTable)), g_free);
  return bus;
}

void
bus_free (Bus *bus)
{
  published_clear (&bus->table);
  g_ptr_array_unref (bus->regions);
  g_mutex_clear (&bus->lock);
  g_free (bus->name);
  g_free (bus);
}

BusRegion *
bus_add (Bus *bus, Device *device, const BusOps *ops, uint64_t base, uint64_t size, int priority)
{
  BusRegion *region;

  if (size == 0 || base >= bus->address_limit || size > bus->address_limit - base)
    return NULL;

  region = g_new0 (BusRegion, 1);
  region->first = base;
  region->last = base + size - 1;
  region->priority = priority;
  region->device = device;
  region->ops = ops;

  g_mutex_lock (&bus->lock);
  region->serial = bus->next_serial++;
  g_ptr_array_add (bus->regions, region);
  publish_locked (bus);
  g_mutex_unlock (&bus->lock);
  return region;
}

void
bus_remove (Bus *bus, BusRegion *region)
{
  g_mutex_lock (&bus->lock);
  g_ptr_array_remove (bus->regions, region);
  publish_locked (bus);
  g_mutex_unlock (&bus->lock);
}

void
bus_region_range (const BusRegion *region, uint64_t *base, uint64_t *size)
{
  *base = region->first;
  *size = region->last - region->first + 1;
}

/* --- dispatch --- */

/* What is at @address, and how far that (a region or a gap) goes. */
static bool
look_up (Bus *bus, uint64_t address, BusEntry *found, uint64_t *last, unsigned *generation)
{
  PublishedReader reader;
  const BusTable *table = published_enter (&bus->table, &reader);
  unsigned low = 0, high = table->n_entries;
  bool hit = false;

  while (low < high)
    {
      unsigned middle = (low + high) / 2;

      if (table->entries[middle].last < address)
        low = middle + 1;
      else
        high = middle;
    }
  *last = UINT64_MAX;
  if (low < table->n_entries)
    {
      hit = table->entries[low].first <= address;
      if (hit)
        *found = table->entries[low];
      *last = hit ? found->last : table->entries[low].first - 1;
    }
  *generation = table->generation;
  published_leave (reader);
  return hit;
}

/* Finds the device at @address and takes its lock, with @found true at that moment. */
static bool
enter_device (Bus *bus, uint64_t address, BusEntry *found, uint64_t *last)
{
  unsigned generation;

  if (!look_up (bus, address, found, last, &generation))
    return false;

  for (unsigned n = 0; n < MAX_RETRIES; n++)
    {
      Device *device = found->device;
      bool hit;

      device_lock (device);
      if (atomic_load (&bus->generation) == generation)
        return true;
      /* Something moved while this thread waited. Whoever removes a region of this device holds its
       * lock, so what is found now stays. */
      hit = look_up (bus, address, found, last, &generation);
      if (hit && found->device == device)
        return true;
      device_unlock (device);
      if (!hit)
        return false;
    }
  return false;
}

/* The largest access of 8, 4, 2 or 1 bytes with which to begin @left bytes at @address. */
static unsigned
chunk_size (const BusEntry *entry, uint64_t address, unsigned left)
{
  unsigned limit = entry->ops->max_size ? entry->ops->max_size : 8;
  unsigned size = 8;

  while (size > 1 && (size > left || size > limit || size - 1 > entry->last - address))
    size /= 2;
  return size;
}

uint64_t
bus_read (Bus *bus, uint64_t address, unsigned size)
{
  uint64_t value = UINT64_MAX;
  unsigned done = 0;

  while (done < size && address + done >= address)
    {
      uint64_t at = address + done;
      uint64_t last;
      BusEntry entry;

      if (!enter_device (bus, at, &entry, &last))
        {
          done += (unsigned)MIN (last - at, 7) + 1;
          continue;
        }
      while (done < size && address + done <= entry.last)
        {
          unsigned chunk = chunk_size (&entry, address + done, size - done);
          uint64_t ones = low_bytes (UINT64_MAX, chunk);
          uint64_t part = ones;

          if (entry.ops->read)
            part = entry.ops->read (entry.device, address + done - entry.base, chunk) & ones;
          value &= ~(ones << (done * 8));
          value |= part << (done * 8);
          done += chunk;
        }
      device_unlock (entry.device);
    }
  return low_bytes (value, size);
}

void
bus_write (Bus *bus, uint64_t address, uint64_t value, unsigned size)
{
  unsigned done = 0;

  while (done < size && address + done >= address)
    {
      uint64_t at = address + done;
      uint64_t last;
      BusEntry entry;

      if (!enter_device (bus, at, &entry, &last))
        {
          done += (unsigned)MIN (last - at, 7) + 1;
          continue;
        }
      while (done < size && address + done <= entry.last)
        {
          unsigned chunk = chunk_size (&entry, address + done, size - done);

          if (entry.ops->write)
            entry.ops->write (entry.device, address + done - entry.base,
                              low_bytes (value >> (done * 8), chunk), chunk);
          done += chunk;
        }
      device_unlock (entry.device);
    }
}

char *
bus_describe (Bus *bus)
{
  GString *text = g_string_new (NULL);

  g_mutex_lock (&bus->lock);
  {
    g_autofree BusTable *table = flatten_locked (bus);

    for (unsigned i = 0; i < table->n_entries; i++)
      g_string_append_printf (text, "%08" G_GINT64_MODIFIER "x-%08" G_GINT64_MODIFIER "x %s\n",
                              table->entries[i].first, table->entries[i].last,
                              table->entries[i].device->name);
  }
  g_mutex_unlock (&bus->lock);
  return g_string_free (text, FALSE);
}
