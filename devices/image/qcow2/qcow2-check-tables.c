/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-check-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

#define HEX "0x%" G_GINT64_MODIFIER "x"

/* --- L1 tables --- */

static bool
clear_l1_entry (Checker *c, uint64_t entry_at, unsigned index, bool active)
{
  const uint8_t zero[8] = { 0 };

  if (!c->check->repair)
    return true;
  if (!checker_write (c, entry_at, zero, sizeof zero))
    return false;
  if (active && index < c->q->l1.n)
    {
      c->q->l1.entries[index] = 0;
      if (c->q->bad_l1 != NULL)
        c->q->bad_l1[index / 8] &= (uint8_t) ~(1u << index % 8);
    }
  checker_repaired (c, 1);
  return true;
}

static bool
look_at_l1_entry (Checker *c, uint64_t entry, uint64_t entry_at, unsigned index, bool active,
                  const char *whose)
{
  TableRef ref = { entry & QCOW2_OFFSET_MASK, entry_at, index, active };

  if (ref.offset == 0 && (entry & ~QCOW2_OFFSET_MASK) == 0)
    return true;
  if (ref.offset == 0 || !checker_in_file (c, ref.offset, c->q->cluster))
    {
      checker_corrupt (c, 1, "Entry %u of %s's L1 table, " HEX ", points to no place in the file%s", index,
                       whose, entry, c->check->repair ? "; what it held is lost" : "");
      return clear_l1_entry (c, entry_at, index, active);
    }
  if (entry & QCOW2_L1_RESERVED)
    {
      uint8_t repaired[8];

      checker_corrupt (c, 1, "Entry %u of %s's L1 table, " HEX ", has reserved bits set", index, whose,
                       entry);
      store_be64 (repaired, entry & ~QCOW2_L1_RESERVED);
      if (c->check->repair)
        {
          if (!checker_write (c, entry_at, repaired, sizeof repaired))
            return false;
          if (active && index < c->q->l1.n)
            c->q->l1.entries[index] = entry & ~QCOW2_L1_RESERVED;
          checker_repaired (c, 1);
        }
    }
  g_array_append_val (c->refs, ref);
  return true;
}

#define L1_PIECE 512u /* entries */

bool
checker_l1 (Checker *c, uint64_t offset, unsigned n, bool active, const char *whose)
{
  bool overlaps;

  if (n == 0)
    return true;
  if (offset == 0 || (uint64_t)n * 8 > QCOW2_L1_MAX || !checker_in_file (c, offset, (uint64_t)n * 8))
    {
      checker_corrupt (c, 1, "The L1 table of %s (%u entries at " HEX ") is misaligned or not in the file",
                       whose, n, offset);
      c->unknown = true;
      return true;
    }
  if (!checker_claim (c, offset, (uint64_t)n * 8, 1, COUNT_METADATA, &overlaps))
    return false;
  if (overlaps)
    {
      checker_corrupt (c, 1, "The L1 table of %s at " HEX " lies where something else is", whose, offset);
      c->unknown = true;
      return true;
    }

  for (unsigned i = 0; i < n; i += L1_PIECE)
    {
      unsigned piece = MIN (n - i, L1_PIECE);
      uint8_t entries[L1_PIECE * 8];

      if (!checker_read (c, offset + (uint64_t)i * 8, entries, (size_t)piece * 8))
        return false;
      for (unsigned j = 0; j < piece; j++)
        if (!look_at_l1_entry (c, load_be64 (entries + (size_t)j * 8), offset + (uint64_t)(i + j) * 8, i + j,
                               active, whose))
          return false;
    }
  return true;
}

/* --- claiming L2 tables --- */

static int
compare_refs (gconstpointer a, gconstpointer b)
{
  const TableRef *x = a, *y = b;

  if (x->offset != y->offset)
    return x->offset < y->offset ? -1 : 1;
  if (x->active != y->active)
    return x->active ? -1 : 1; /* sentences speak of the disk rather than of a snapshot */
  return x->entry_at < y->entry_at ? -1 : x->entry_at > y->entry_at;
}

/* Groups refs by table. A table that lies on other metadata is none. */
static bool
claim_tables (Checker *c)
{
  g_array_sort (c->refs, compare_refs);
  for (unsigned i = 0, n; i < c->refs->len; i += n)
    {
      const TableRef *first = &g_array_index (c->refs, TableRef, i);
      TableUse use = { .offset = first->offset, .first = i };
      bool overlaps;

      for (n = 1; i + n < c->refs->len && first[n].offset == first->offset; n++)
        continue;
      use.n = n;
      if (!checker_claim (c, use.offset, c->q->cluster, n, COUNT_METADATA, &overlaps))
        return false;
      if (!overlaps)
        {
          g_array_append_val (c->uses, use);
          continue;
        }
      checker_corrupt (c, n, "The L2 table at " HEX " lies where other metadata is%s", use.offset,
                       c->check->repair ? "; what it held is lost" : "");
      for (unsigned j = 0; j < n; j++)
        if (!clear_l1_entry (c, first[j].entry_at, first[j].l1_index, first[j].active))
          return false;
    }
  return true;
}

/* --- L2 entries --- */

/* One entry on its way through the checks. */
typedef struct {
  const TableUse *use;
  bool active;
  uint64_t disk_offset; /* of the cluster, as the first L1 that refers to it has it */
  uint64_t entry, bitmap;
  bool changed;
} Entry;

static const char *
lost (const Checker *c)
{
  return c->check->repair ? "; its content is lost" : "";
}

static void
clear_entry (Checker *c, Entry *e)
{
  e->changed = true;
  e->entry = e->bitmap = 0;
  if (c->check->repair)
    checker_repaired (c, 1);
}

static bool
check_compressed (Checker *c, Entry *e)
{
  uint64_t at, size, first, last, file_end = c->file_clusters << c->q->cluster_bits;

  if (e->entry & QCOW2_COPIED)
    {
      checker_corrupt (c, 1, "The compressed cluster for disk offset " HEX " is marked as writable in place",
                       e->disk_offset);
      e->entry &= ~QCOW2_COPIED;
      e->changed = true;
      if (c->check->repair)
        checker_repaired (c, 1);
    }
  if (e->bitmap != 0)
    {
      checker_corrupt (c, 1, "The compressed cluster for disk offset " HEX " has a subcluster bitmap",
                       e->disk_offset);
      e->bitmap = 0;
      e->changed = true;
      if (c->check->repair)
        checker_repaired (c, 1);
    }

  qcow2_code_location (c->q, e->entry, &at, &size);
  if (at == 0 || at >= file_end || size > file_end - at)
    {
      checker_corrupt (c, 1,
                       "The code of the compressed cluster for disk offset " HEX " is outside of the file%s",
                       e->disk_offset, lost (c));
      clear_entry (c, e);
      return true;
    }
  first = at >> c->q->cluster_bits;
  last = (at + size - 1) >> c->q->cluster_bits;
  for (uint64_t cluster = first; cluster <= last; cluster++)
    if (count_map_flags (c->map, cluster) & COUNT_METADATA)
      {
        checker_corrupt (c, 1,
                         "The code of the compressed cluster for disk offset " HEX " lies on metadata%s",
                         e->disk_offset, lost (c));
        clear_entry (c, e);
        return true;
      }
  if (e->active)
    {
      c->check->allocated_clusters++;
      c->check->compressed_clusters++;
      c->check->fragmented_clusters++;
    }
  return checker_use (c, first << c->q->cluster_bits, (last - first + 1) << c->q->cluster_bits, e->use->n, 0);
}

/* What the bits around the offset say; false: the entry had to be cleared. */
static bool
check_standard_bits (Checker *c, Entry *e)
{
  uint64_t reserved = QCOW2_L2_RESERVED, offset = e->entry & QCOW2_OFFSET_MASK;
  uint32_t allocated = (uint32_t)e->bitmap, zero = (uint32_t)(e->bitmap >> QCOW2_SUBCLUSTERS);

  if (c->q->version < 3 || c->q->extended_l2)
    reserved |= QCOW2_ZERO;
  if (e->entry & reserved)
    {
      checker_corrupt (c, 1, "The entry for disk offset " HEX ", " HEX ", has reserved bits set",
                       e->disk_offset, e->entry);
      e->entry &= ~reserved;
      e->changed = true;
      if (c->check->repair)
        checker_repaired (c, 1);
    }
  if (offset == 0 && (e->entry & QCOW2_COPIED))
    {
      checker_corrupt (c, 1,
                       "The entry for disk offset " HEX " is marked as writable in place, and has no place",
                       e->disk_offset);
      e->entry &= ~QCOW2_COPIED;
      e->changed = true;
      if (c->check->repair)
        checker_repaired (c, 1);
    }
  if (offset == 0 && allocated != 0)
    {
      checker_corrupt (c, 1, "The entry for disk offset " HEX " has subclusters, and no place for them%s",
                       e->disk_offset, lost (c));
      clear_entry (c, e);
      return false;
    }
  if (allocated & zero)
    {
      checker_corrupt (c, 1, "Subclusters at disk offset " HEX " are both data and zeroes%s", e->disk_offset,
                       c->check->repair ? "; they become data" : "");
      e->bitmap = allocated | (uint64_t)(zero & ~allocated) << QCOW2_SUBCLUSTERS;
      e->changed = true;
      if (c->check->repair)
        checker_repaired (c, 1);
    }
  return true;
}

static bool
check_standard (Checker *c, Entry *e, uint64_t *next_offset)
{
  uint64_t offset = e->entry & QCOW2_OFFSET_MASK;

  if (!check_standard_bits (c, e) || offset == 0)
    return true;
  if (!checker_in_file (c, offset, c->q->cluster))
    {
      checker_corrupt (
        c, 1, "The cluster for disk offset " HEX " at " HEX " is misaligned or outside of the file%s",
        e->disk_offset, offset, lost (c));
      clear_entry (c, e);
      return true;
    }
  if (count_map_flags (c->map, offset >> c->q->cluster_bits) & COUNT_METADATA)
    {
      checker_corrupt (c, 1, "The cluster for disk offset " HEX " at " HEX " lies on metadata%s",
                       e->disk_offset, offset, lost (c));
      clear_entry (c, e);
      return true;
    }
  if (e->active)
    {
      c->check->allocated_clusters++;
      c->check->fragmented_clusters += *next_offset != 0 && *next_offset != offset;
      *next_offset = offset + c->q->cluster;
    }
  return checker_use (c, offset, c->q->cluster, e->use->n, 0);
}

/* --- L2 tables --- */

/* Writes the sectors of c->table from entry @first to entry @last. */
static bool
write_table (Checker *c, uint64_t offset, unsigned first, unsigned last)
{
  uint64_t start = (uint64_t)first * c->q->entry_size & ~(uint64_t)(QCOW2_SECTOR - 1);
  uint64_t end = ((uint64_t)(last + 1) * c->q->entry_size + QCOW2_SECTOR - 1) & ~(uint64_t)(QCOW2_SECTOR - 1);

  end = MIN (end, c->q->cluster);
  return checker_write (c, offset + start, c->table + start, end - start);
}

/* Calls @look for every entry that isn't empty, and stores what it changed if the check repairs. */
static bool
walk_table (Checker *c, const TableUse *use, bool (*look) (Checker *c, Entry *e, uint64_t *next_offset))
{
  const TableRef *ref = &g_array_index (c->refs, TableRef, use->first);
  unsigned first_changed = UINT32_MAX, last_changed = 0;
  uint64_t next_offset = 0;

  if (!checker_read (c, use->offset, c->table, c->q->cluster))
    return false;
  for (unsigned i = 0; i < 1u << c->q->l2_bits; i++)
    {
      uint8_t *raw = c->table + (size_t)i * c->q->entry_size;
      Entry e = { .use = use, .active = ref->active, .entry = load_be64 (raw) };

      e.bitmap = c->q->extended_l2 ? load_be64 (raw + 8) : 0;
      if (e.entry == 0 && e.bitmap == 0)
        continue;
      e.disk_offset = (((uint64_t)ref->l1_index << c->q->l2_bits) + i) << c->q->cluster_bits;
      if (!look (c, &e, &next_offset))
        return false;
      if (!e.changed || !c->check->repair)
        continue;
      store_be64 (raw, e.entry);
      if (c->q->extended_l2)
        store_be64 (raw + 8, e.bitmap);
      first_changed = MIN (first_changed, i);
      last_changed = i;
    }
  return first_changed > last_changed || write_table (c, use->offset, first_changed, last_changed);
}

static bool
look_at_entry (Checker *c, Entry *e, uint64_t *next_offset)
{
  return e->entry & QCOW2_COMPRESSED ? check_compressed (c, e) : check_standard (c, e, next_offset);
}

bool
checker_l2_tables (Checker *c)
{
  if (!claim_tables (c))
    return false;
  c->total += 2 * (uint64_t)c->uses->len + c->q->reftable.n / 64;
  for (unsigned i = 0; i < c->uses->len; i++)
    if (!walk_table (c, &g_array_index (c->uses, TableUse, i), look_at_entry) || !checker_step (c))
      return false;
  return !c->check->repair || checker_sync (c);
}

/* --- flags: bit 63 says that the refcount is exactly one --- */

/* A flag speaks of the count on disk; a repair has put that right before. */
static bool
flag_is_wrong (Checker *c, uint64_t cluster, bool copied)
{
  bool counted_once = count_map_flags (c->map, cluster) & COUNT_ONE,
       once = count_map_get (c->map, cluster) == 1;

  if (c->check->repair)
    return copied != (once && (counted_once || !c->unknown));
  return copied != counted_once;
}

static bool
look_at_flag (Checker *c, Entry *e, uint64_t *next_offset)
{
  uint64_t offset = e->entry & QCOW2_OFFSET_MASK;

  if ((e->entry & QCOW2_COMPRESSED) || offset == 0 || !checker_in_file (c, offset, c->q->cluster)
      || (count_map_flags (c->map, offset >> c->q->cluster_bits) & COUNT_METADATA)
      || !flag_is_wrong (c, offset >> c->q->cluster_bits, e->entry & QCOW2_COPIED))
    return true;
  checker_corrupt (
    c, 1, "The entry for disk offset " HEX " says that its cluster is%s used once, and it is%s",
    e->disk_offset, e->entry & QCOW2_COPIED ? "" : " not", e->entry & QCOW2_COPIED ? " not" : "");
  e->entry ^= QCOW2_COPIED;
  e->changed = true;
  if (c->check->repair)
    checker_repaired (c, 1);
  return true;
}

static bool
check_l1_flags (Checker *c, const TableUse *use)
{
  for (unsigned i = 0; i < use->n; i++)
    {
      const TableRef *ref = &g_array_index (c->refs, TableRef, use->first + i);
      uint64_t entry;
      uint8_t raw[8];

      if (!ref->active || ref->l1_index >= c->q->l1.n)
        break; /* active ones come first */
      entry = c->q->l1.entries[ref->l1_index];
      if (!flag_is_wrong (c, use->offset >> c->q->cluster_bits, entry & QCOW2_COPIED))
        continue;
      checker_corrupt (c, 1,
                       "Entry %u of the disk's L1 table says that its L2 table is%s used once, and it is%s",
                       ref->l1_index, entry & QCOW2_COPIED ? "" : " not", entry & QCOW2_COPIED ? " not" : "");
      if (!c->check->repair)
        continue;
      entry ^= QCOW2_COPIED;
      store_be64 (raw, entry);
      if (!checker_write (c, ref->entry_at, raw, sizeof raw))
        return false;
      c->q->l1.entries[ref->l1_index] = entry;
      checker_repaired (c, 1);
    }
  return true;
}

bool
checker_copied_flags (Checker *c)
{
  for (unsigned i = 0; i < c->uses->len; i++)
    {
      const TableUse *use = &g_array_index (c->uses, TableUse, i);

      if (g_array_index (c->refs, TableRef, use->first).active
          && (!check_l1_flags (c, use) || !walk_table (c, use, look_at_flag)))
        return false;
      if (!checker_step (c))
        return false;
    }
  return !c->check->repair || checker_sync (c);
}
