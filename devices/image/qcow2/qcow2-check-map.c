/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-check-private.h"

#include <string.h>

/*
 * Groups of clusters are made when one of them is used: a file with holes of exabytes costs no more than the
 * references in it. Counts have 13 bits until one of the group needs more.
 */
#define NARROW_SHIFT 3u

#define WIDE_MAX (UINT32_MAX >> NARROW_SHIFT)
#define FLAGS    ((1u << NARROW_SHIFT) - 1)

typedef struct {
  uint64_t number; /* the hash table's key */
  uint32_t *wide;  /* NULL: narrow */
  uint16_t narrow[COUNT_GROUP];
} Group;

/* Of the hash table, for each group. */
#define OVERHEAD 48u

struct CountMap {
  GHashTable *groups;
  Group *last;
  uint64_t bytes, max_bytes;
};

static void
group_free (void *data)
{
  Group *group = data;

  g_free (group->wide);
  g_free (group);
}

CountMap *
count_map_new (uint64_t max_bytes)
{
  CountMap *map = g_new0 (CountMap, 1);

  map->groups = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, group_free);
  map->max_bytes = max_bytes;
  return map;
}

void
count_map_free (CountMap *map)
{
  if (map == NULL)
    return;

  g_hash_table_unref (map->groups);
  g_free (map);
}

static Group *
find_group (CountMap *map, uint64_t cluster)
{
  uint64_t number = cluster / COUNT_GROUP;
  Group *group;

  if (map->last != NULL && map->last->number == number)
    return map->last;
  group = g_hash_table_lookup (map->groups, &number);
  if (group != NULL)
    map->last = group;
  return group;
}

static bool
take_bytes (CountMap *map, uint64_t bytes)
{
  if (bytes > map->max_bytes - map->bytes)
    return false;
  map->bytes += bytes;
  return true;
}

static Group *
need_group (CountMap *map, uint64_t cluster)
{
  Group *group = find_group (map, cluster);

  if (group != NULL)
    return group;
  if (!take_bytes (map, sizeof *group + OVERHEAD))
    return NULL;
  group = g_try_new0 (Group, 1);
  if (group == NULL)
    return NULL;
  group->number = cluster / COUNT_GROUP;
  g_hash_table_add (map->groups, group);
  map->last = group;
  return group;
}

static uint32_t
get_cell (const Group *group, uint64_t cluster)
{
  return group->wide != NULL ? group->wide[cluster % COUNT_GROUP] : group->narrow[cluster % COUNT_GROUP];
}

static bool
set_cell (CountMap *map, Group *group, uint64_t cluster, uint32_t cell)
{
  if (group->wide == NULL && cell > UINT16_MAX)
    {
      if (!take_bytes (map, COUNT_GROUP * sizeof *group->wide))
        return false;
      group->wide = g_try_new (uint32_t, COUNT_GROUP);
      if (group->wide == NULL)
        return false;
      for (unsigned i = 0; i < COUNT_GROUP; i++)
        group->wide[i] = group->narrow[i];
    }
  if (group->wide != NULL)
    group->wide[cluster % COUNT_GROUP] = cell;
  else
    group->narrow[cluster % COUNT_GROUP] = (uint16_t)cell;
  return true;
}

bool
count_map_add (CountMap *map, uint64_t cluster, uint64_t n)
{
  Group *group = need_group (map, cluster);
  uint64_t count;
  uint32_t cell;

  if (group == NULL)
    return false;
  cell = get_cell (group, cluster);
  count = cell >> NARROW_SHIFT;
  count = n > WIDE_MAX - count ? WIDE_MAX : count + n;
  return set_cell (map, group, cluster, (uint32_t)count << NARROW_SHIFT | (cell & FLAGS));
}

bool
count_map_flag (CountMap *map, uint64_t cluster, unsigned flags)
{
  Group *group = need_group (map, cluster);

  return group != NULL && set_cell (map, group, cluster, get_cell (group, cluster) | flags);
}

uint64_t
count_map_get (CountMap *map, uint64_t cluster)
{
  Group *group = find_group (map, cluster);

  return group != NULL ? get_cell (group, cluster) >> NARROW_SHIFT : 0;
}

unsigned
count_map_flags (CountMap *map, uint64_t cluster)
{
  Group *group = find_group (map, cluster);

  return group != NULL ? get_cell (group, cluster) & FLAGS : 0;
}

bool
count_map_group_empty (CountMap *map, uint64_t cluster)
{
  return find_group (map, cluster) == NULL;
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

  return x < y ? -1 : x > y;
}

GArray *
count_map_groups (CountMap *map)
{
  GArray *firsts = g_array_sized_new (FALSE, FALSE, sizeof (uint64_t), g_hash_table_size (map->groups));
  GHashTableIter iter;
  void *key;

  g_hash_table_iter_init (&iter, map->groups);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      uint64_t first = ((Group *)key)->number * COUNT_GROUP;

      g_array_append_val (firsts, first);
    }
  g_array_sort (firsts, compare_numbers);
  return firsts;
}
