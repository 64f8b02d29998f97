/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/extent-map.h"

#include <string.h>

/* An entry: kind in bits 0-1, writable in bit 2, store in bits 3-15, its offset in sectors in bits 16-63. */
#define KIND(entry)         ((MapKind)((entry)&3))
#define IS_WRITABLE(entry)  (((entry) >> 2 & 1) != 0)
#define STORE(entry)        ((unsigned)((entry) >> 3) & (EXTENT_MAP_MAX_STORES - 1))
#define STORE_OFFSET(entry) (((entry) >> 16) << 9)
#define MAX_STORE_OFFSET    (UINT64_C (1) << 57)

#define WINDOW_ENTRIES 1024u

typedef struct {
  uint64_t number; /* which of the disk's windows it is */
  uint64_t entries[WINDOW_ENTRIES];
} Window;

struct ExtentMap {
  unsigned granule_shift;
  uint64_t n_slots;
  Window **slots; /* window n lies in slot n % n_slots, or nowhere; a later one replaces it */
};

ExtentMap *
extent_map_new (unsigned granule, uint64_t size, uint64_t budget)
{
  ExtentMap *map = g_new0 (ExtentMap, 1);
  uint64_t window_size = (uint64_t)granule * WINDOW_ENTRIES;

  map->granule_shift = (unsigned)g_bit_nth_lsf (granule, -1);
  map->n_slots = MAX (1, MIN (size / window_size + 1, budget / sizeof (Window)));
  map->slots = g_new0 (Window *, map->n_slots);
  return map;
}

void
extent_map_free (ExtentMap *map)
{
  if (map == NULL)
    return;
  for (uint64_t i = 0; i < map->n_slots; i++)
    g_free (map->slots[i]);
  g_free (map->slots);
  g_free (map);
}

unsigned
extent_map_granule (const ExtentMap *map)
{
  return 1u << map->granule_shift;
}

static Window *
find_window (const ExtentMap *map, uint64_t granule)
{
  uint64_t number = granule / WINDOW_ENTRIES;
  Window *window = map->slots[number % map->n_slots];

  return window != NULL && window->number == number ? window : NULL;
}

static Window *
need_window (ExtentMap *map, uint64_t granule)
{
  uint64_t number = granule / WINDOW_ENTRIES;
  Window **slot = &map->slots[number % map->n_slots];

  if (*slot == NULL)
    *slot = g_new (Window, 1);
  else if ((*slot)->number == number)
    return *slot;
  memset ((*slot)->entries, 0, sizeof (*slot)->entries);
  (*slot)->number = number;
  return *slot;
}

/* --- finding --- */

/* The entry that continues @entry's run in the next granule. */
static uint64_t
successor (const ExtentMap *map, uint64_t entry)
{
  return KIND (entry) == MAP_DATA ? entry + ((UINT64_C (1) << map->granule_shift >> 9) << 16) : entry;
}

MapRun
extent_map_find (const ExtentMap *map, uint64_t offset, uint64_t length)
{
  uint64_t granule = offset >> map->granule_shift, last = (offset + length - 1) >> map->granule_shift, end;
  const Window *window = find_window (map, granule);
  uint64_t entry = window != NULL ? window->entries[granule % WINDOW_ENTRIES] : 0, next = entry;
  MapRun run = {
    .kind = KIND (entry),
    .writable = IS_WRITABLE (entry),
    .store = STORE (entry),
    .store_offset = STORE_OFFSET (entry) + (offset & ((UINT64_C (1) << map->granule_shift) - 1)),
    .offset = offset,
  };

  while (granule < last)
    {
      if (++granule % WINDOW_ENTRIES == 0)
        window = find_window (map, granule);
      next = successor (map, next);
      if ((window != NULL ? window->entries[granule % WINDOW_ENTRIES] : 0) != next)
        {
          granule--;
          break;
        }
    }
  end = (granule + 1) << map->granule_shift;
  run.length = MIN (end - offset, length);
  return run;
}

/* --- noting --- */

static void
set_entry (ExtentMap *map, uint64_t granule, uint64_t entry)
{
  Window *window = entry != 0 ? need_window (map, granule) : find_window (map, granule);

  if (window != NULL)
    window->entries[granule % WINDOW_ENTRIES] = entry;
}

static uint64_t
pack (const MapRun *run)
{
  switch (run->kind)
    {
    case MAP_UNKNOWN:
    case MAP_ZERO:
    case MAP_SLOW:
      return run->kind;
    case MAP_DATA:
      if (run->store_offset % 512 != 0 || run->store >= EXTENT_MAP_MAX_STORES
          || run->store_offset + run->length >= MAX_STORE_OFFSET)
        return MAP_SLOW;
      return MAP_DATA | (uint64_t)run->writable << 2 | (uint64_t)run->store << 3
             | (run->store_offset >> 9) << 16;
    }
  return MAP_SLOW;
}

void
extent_map_set (ExtentMap *map, const MapRun *run, MapKind edges, bool at_end)
{
  uint64_t size = UINT64_C (1) << map->granule_shift, end = run->offset + run->length;
  uint64_t granule = run->offset >> map->granule_shift,
           first_whole = (run->offset + size - 1) >> map->granule_shift;
  uint64_t end_whole = (at_end ? end + size - 1 : end) >> map->granule_shift;
  uint64_t end_granule = (end + size - 1) >> map->granule_shift;
  MapRun whole = *run;
  uint64_t entry;

  whole.store_offset += (first_whole << map->granule_shift) - run->offset;
  entry = pack (&whole);
  for (; granule < end_granule; granule++)
    {
      bool is_whole = granule >= first_whole && granule < end_whole;

      set_entry (map, granule, is_whole ? entry : edges);
      if (is_whole)
        entry = successor (map, entry);
    }
}

void
extent_map_forget (ExtentMap *map, uint64_t offset, uint64_t length)
{
  uint64_t granule = offset >> map->granule_shift;
  uint64_t end = length > 0 ? ((offset + length - 1) >> map->granule_shift) + 1 : granule;

  while (granule < end)
    {
      uint64_t window_end = MIN ((granule / WINDOW_ENTRIES + 1) * WINDOW_ENTRIES, end);
      Window *window = find_window (map, granule);

      if (window != NULL)
        memset (&window->entries[granule % WINDOW_ENTRIES], 0, (window_end - granule) * sizeof (uint64_t));
      granule = window_end;
    }
}
