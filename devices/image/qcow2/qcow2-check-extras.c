/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-check-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#define HEX "0x%" G_GINT64_MODIFIER "x"

/* --- encryption header --- */

static bool
check_crypt (Checker *c)
{
  bool overlaps;

  if (c->q->crypt_method != QCOW2_CRYPT_LUKS)
    return true;
  if (!checker_in_file (c, c->q->crypt_offset, c->q->crypt_length))
    {
      checker_corrupt (c, 1, "The encryption header at " HEX " is outside of the file", c->q->crypt_offset);
      return true;
    }
  if (c->q->crypt == NULL && c->layer->lenient)
    checker_corrupt (c, 1, "The LUKS header at " HEX " is damaged: nothing can decrypt this disk",
                     c->q->crypt_offset);
  if (!checker_claim (c, c->q->crypt_offset, c->q->crypt_length, 1, COUNT_METADATA, &overlaps))
    return false;
  if (overlaps)
    checker_corrupt (c, 1, "The encryption header at " HEX " lies where something else is",
                     c->q->crypt_offset);
  return true;
}

/* --- bitmaps: sections "Bitmaps extension", "Bitmaps" --- */

enum { /* of the extension */
       BITMAPS_N = 0,
       BITMAPS_RESERVED = 4,
       BITMAPS_DIRECTORY_SIZE = 8,
       BITMAPS_DIRECTORY_OFFSET = 16,
};

enum { /* of a directory entry */
       BITMAP_TABLE_OFFSET = 0,
       BITMAP_TABLE_SIZE = 8,
       BITMAP_FLAGS = 12,
       BITMAP_TYPE = 16,
       BITMAP_GRANULARITY = 17,
       BITMAP_NAME_SIZE = 18,
       BITMAP_EXTRA_SIZE = 20,
       BITMAP_FIXED = 24,
};

#define BITMAPS_MAX            65535u
#define BITMAP_DIRECTORY_MAX   (64u * 1024 * 1024)
#define BITMAP_IN_USE          1u
#define BITMAP_FLAGS_KNOWN     7u
#define BITMAP_TYPE_DIRTY      1u
#define BITMAP_GRANULARITY_MAX 63u
#define BITMAP_TABLE_RESERVED  UINT64_C (0xff000000000001fe)
#define BITMAP_PIECE           512u /* table entries */

/* Whether the fields of a directory entry make sense, apart from where its table lies. */
static bool
bitmap_is_sane (const Checker *c, const uint8_t *fixed)
{
  unsigned granularity = fixed[BITMAP_GRANULARITY];
  uint32_t flags = load_be32 (fixed + BITMAP_FLAGS);
  uint64_t n = load_be32 (fixed + BITMAP_TABLE_SIZE), bits = 0;

  if (granularity <= BITMAP_GRANULARITY_MAX && c->layer->size > 0)
    bits = ((c->layer->size - 1) >> granularity) + 1;
  return (flags & ~BITMAP_FLAGS_KNOWN) == 0 && fixed[BITMAP_TYPE] == BITMAP_TYPE_DIRTY
         && granularity <= BITMAP_GRANULARITY_MAX && load_be16 (fixed + BITMAP_NAME_SIZE) > 0 && n > 0
         && ((flags & BITMAP_IN_USE) || n == (bits + c->q->cluster * 8 - 1) / (c->q->cluster * 8));
}

/* All of these: *good is false if the bitmaps make no sense; false returned: the check can't go on. */

static bool
claim_bitmap_part (Checker *c, uint64_t offset, uint64_t bytes, bool *good)
{
  bool overlaps = true;

  if (bytes == 0)
    return true;
  if (offset != 0 && checker_in_file (c, offset, bytes)
      && !checker_claim (c, offset, bytes, 1, COUNT_METADATA, &overlaps))
    return false;
  *good &= !overlaps;
  return true;
}

static bool
check_bitmap_table (Checker *c, uint64_t offset, uint32_t n, bool *good)
{
  if (!claim_bitmap_part (c, offset, (uint64_t)n * 8, good))
    return false;
  for (uint32_t i = 0; i < n && *good; i += BITMAP_PIECE)
    {
      uint32_t piece = MIN (n - i, BITMAP_PIECE);
      uint8_t entries[BITMAP_PIECE * 8];

      if (!checker_read (c, offset + (uint64_t)i * 8, entries, (size_t)piece * 8))
        return false;
      for (uint32_t j = 0; j < piece; j++)
        {
          uint64_t entry = load_be64 (entries + (size_t)j * 8), at = entry & QCOW2_OFFSET_MASK;

          *good &= (entry & BITMAP_TABLE_RESERVED) == 0 && (at == 0 || (entry & 1) == 0);
          if (at != 0 && !claim_bitmap_part (c, at, c->q->cluster, good))
            return false;
        }
    }
  return true;
}

/* The entry at *@at, and moves on to the next one. */
static bool
check_bitmap (Checker *c, uint64_t *at, uint64_t *left, GHashTable *names, bool *good)
{
  uint8_t fixed[BITMAP_FIXED];
  uint64_t extra, length;
  unsigned name_size;
  char *name;

  *good &= *left >= sizeof fixed;
  if (!*good)
    return true;
  if (!checker_read (c, *at, fixed, sizeof fixed))
    return false;
  extra = load_be32 (fixed + BITMAP_EXTRA_SIZE);
  name_size = load_be16 (fixed + BITMAP_NAME_SIZE);
  length = (sizeof fixed + extra + name_size + 7) & ~UINT64_C (7);
  *good &= length <= *left && bitmap_is_sane (c, fixed);
  if (!*good)
    return true;

  name = g_malloc0 (name_size + 1);
  if (!checker_read (c, *at + sizeof fixed + extra, name, name_size))
    {
      g_free (name);
      return false;
    }
  *good &= g_hash_table_add (names, name);
  *at += length;
  *left -= length;
  return check_bitmap_table (c, load_be64 (fixed + BITMAP_TABLE_OFFSET),
                             load_be32 (fixed + BITMAP_TABLE_SIZE), good);
}

static bool
check_bitmap_directory (Checker *c, bool *good)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  uint32_t n = load_be32 (c->q->bitmaps + BITMAPS_N);
  uint64_t size = load_be64 (c->q->bitmaps + BITMAPS_DIRECTORY_SIZE);
  uint64_t at = load_be64 (c->q->bitmaps + BITMAPS_DIRECTORY_OFFSET), left = size;

  *good = n > 0 && n <= BITMAPS_MAX && size > 0 && size <= BITMAP_DIRECTORY_MAX
          && load_be32 (c->q->bitmaps + BITMAPS_RESERVED) == 0;
  if (!*good || !claim_bitmap_part (c, at, size, good))
    return !*good;
  for (uint32_t i = 0; i < n && *good; i++)
    if (!check_bitmap (c, &at, &left, names, good))
      return false;
  *good &= left == 0;
  return true;
}

static bool
check_bitmaps (Checker *c)
{
  bool good = true;
  int result;

  if (!c->q->has_bitmaps || (c->q->autoclear & QCOW2_A_BITMAPS) == 0)
    return true;
  if (!check_bitmap_directory (c, &good))
    return false;
  if (good)
    return true;
  checker_corrupt (c, 1, "The dirty bitmaps are damaged%s", c->check->repair ? "; they are dropped" : "");
  if (!c->check->repair)
    return true;
  result = qcow2_header_put64 (c->layer, QCOW2_H_AUTOCLEAR, 0);
  if (result < 0)
    return vmm_set_errno_error (c->error, -result, "%s: could not write the header", c->layer->store->path);
  c->q->autoclear = 0;
  c->again = true; /* what they held is a leak now */
  checker_repaired (c, 1);
  return true;
}

bool
checker_extras (Checker *c)
{
  return check_crypt (c) && checker_snapshots (c) && check_bitmaps (c);
}
