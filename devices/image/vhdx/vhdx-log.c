/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhdx/crc32c.h"
#include "devices/image/vhdx/vhdx-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>

/*
 * 2.3: the log is a ring of entries, each of a header with descriptors and of data sectors. The active
 * sequence is the one with the highest sequence number whose entries all are intact, from the tail that its
 * last one names on.
 */

enum {
  HEADER_LOG_GUID = 48,
  HEADER_LOG_LENGTH = 68,
  HEADER_LOG_OFFSET = 72,

  ENTRY_CHECKSUM = 4,
  ENTRY_LENGTH = 8,
  ENTRY_TAIL = 12,
  ENTRY_SEQUENCE = 16,
  ENTRY_DESCRIPTORS = 24,
  ENTRY_LOG_GUID = 32,
  ENTRY_FLUSHED_OFFSET = 48,
  ENTRY_HEADER_SIZE = 64,

  DESCRIPTOR_SIZE = 32,
  DESCRIPTOR_TRAILING = 4,
  DESCRIPTOR_LEADING = 8, /* or zero descriptors' length */
  DESCRIPTOR_OFFSET = 16,
  DESCRIPTOR_SEQUENCE = 24,

  SECTOR_SEQUENCE_HIGH = 4,
  SECTOR_SEQUENCE_LOW = 4092,
};

typedef struct {
  ImageLayer *layer;
  Vhdx *vhdx;
  uint8_t *log;
  uint32_t length, n; /* bytes; sectors */
  uint32_t *sizes;    /* for each sector: of the intact entry that begins there, in sectors; or 0 */
  uint64_t budget;    /* bytes of checksums, then steps of walks: a hostile log must not take forever */
} Log;

static uint8_t *
sector (const Log *log, uint64_t index)
{
  return log->log + index % log->n * VHDX_LOG_SECTOR;
}

static uint64_t
sequence_of (const Log *log, uint32_t index)
{
  return load_le64 (sector (log, index) + ENTRY_SEQUENCE);
}

static uint32_t
descriptor_sectors (uint32_t n_descriptors)
{
  return (ENTRY_HEADER_SIZE + (uint64_t)n_descriptors * DESCRIPTOR_SIZE + VHDX_LOG_SECTOR - 1)
         / VHDX_LOG_SECTOR;
}

/* Descriptor @i of the entry at @index; none crosses a sector. */
static uint8_t *
descriptor (const Log *log, uint32_t index, uint32_t i)
{
  uint64_t at = ENTRY_HEADER_SIZE + (uint64_t)i * DESCRIPTOR_SIZE;

  return sector (log, index + at / VHDX_LOG_SECTOR) + at % VHDX_LOG_SECTOR;
}

static uint32_t
entry_checksum (const Log *log, uint32_t index, uint32_t n_sectors)
{
  static const uint8_t zero[4];
  const uint8_t *first = sector (log, index);
  uint32_t crc = crc32c (0, first, ENTRY_CHECKSUM);

  crc = crc32c (crc, zero, 4);
  crc = crc32c (crc, first + ENTRY_CHECKSUM + 4, VHDX_LOG_SECTOR - ENTRY_CHECKSUM - 4);
  for (uint32_t i = 1; i < n_sectors; i++)
    crc = crc32c (crc, sector (log, index + i), VHDX_LOG_SECTOR);
  return crc;
}

static bool
descriptors_fit (const Log *log, uint32_t index, uint32_t n_sectors)
{
  const uint8_t *entry = sector (log, index);
  uint32_t n = load_le32 (entry + ENTRY_DESCRIPTORS), data = index + descriptor_sectors (n),
           end = index + n_sectors;
  uint64_t sequence = load_le64 (entry + ENTRY_SEQUENCE);

  for (uint32_t i = 0; i < n; i++)
    {
      const uint8_t *d = descriptor (log, index, i);
      bool zero = memcmp (d, "zero", 4) == 0;

      if ((!zero && memcmp (d, "desc", 4) != 0) || load_le64 (d + DESCRIPTOR_SEQUENCE) != sequence
          || load_le64 (d + DESCRIPTOR_OFFSET) % VHDX_LOG_SECTOR != 0
          || load_le64 (d + DESCRIPTOR_OFFSET) > INT64_MAX / 2)
        return false;
      if (zero)
        continue;
      if (data == end || memcmp (sector (log, data), "data", 4) != 0
          || load_le32 (sector (log, data) + SECTOR_SEQUENCE_HIGH) != sequence >> 32
          || load_le32 (sector (log, data) + SECTOR_SEQUENCE_LOW) != (uint32_t)sequence)
        return false;
      data++;
    }
  return true;
}

/* How many sectors the entry at @index has; 0: there is none that is intact. */
static uint32_t
measure_entry (Log *log, uint32_t index)
{
  const uint8_t *entry = sector (log, index);
  uint32_t length = load_le32 (entry + ENTRY_LENGTH), n_sectors = length / VHDX_LOG_SECTOR;

  if (memcmp (entry, "loge", 4) != 0 || length == 0 || length % VHDX_LOG_SECTOR != 0 || length > log->length
      || load_le64 (entry + ENTRY_SEQUENCE) == 0
      || memcmp (entry + ENTRY_LOG_GUID, log->vhdx->header + HEADER_LOG_GUID, 16) != 0
      || load_le32 (entry + ENTRY_TAIL) % VHDX_LOG_SECTOR != 0
      || load_le32 (entry + ENTRY_TAIL) >= log->length
      || load_le32 (entry + ENTRY_DESCRIPTORS) > length / DESCRIPTOR_SIZE
      || descriptor_sectors (load_le32 (entry + ENTRY_DESCRIPTORS)) > n_sectors || length > log->budget)
    return 0;
  log->budget -= length;
  return load_le32 (entry + ENTRY_CHECKSUM) == entry_checksum (log, index, n_sectors)
             && descriptors_fit (log, index, n_sectors)
           ? n_sectors
           : 0;
}

/* Whether intact entries lead from @head's tail to it, each with the next number. */
static bool
is_sequence (Log *log, uint32_t head)
{
  uint32_t at = load_le32 (sector (log, head) + ENTRY_TAIL) / VHDX_LOG_SECTOR;

  for (uint32_t steps = 0; steps < log->n && log->budget > 0; steps++, log->budget--)
    {
      uint32_t next;

      if (log->sizes[at] == 0)
        return false;
      if (at == head)
        return true;
      next = (at + log->sizes[at]) % log->n;
      if (log->sizes[next] == 0 || sequence_of (log, next) != sequence_of (log, at) + 1)
        return false;
      at = next;
    }
  return false;
}

/* The last entry of the active sequence, or -1. */
static int64_t
find_head (Log *log)
{
  int64_t head = -1;

  log->budget = log->n * UINT64_C (256);
  for (uint32_t i = 0; i < log->n; i++)
    if (log->sizes[i] != 0 && (head < 0 || sequence_of (log, i) > sequence_of (log, head))
        && is_sequence (log, i))
      head = i;
  return head;
}

/* --- patches --- */

static bool
apply_entry (Log *log, uint32_t index, GError **error)
{
  uint8_t *entry = sector (log, index);
  uint32_t n = load_le32 (entry + ENTRY_DESCRIPTORS), data = index + descriptor_sectors (n);

  if (load_le64 (entry + ENTRY_FLUSHED_OFFSET) > store_size (log->layer->store))
    return vhdx_refuse (log->layer, error,
                        "its log was written when it had %" G_GUINT64_FORMAT
                        " bytes, but it has only %" G_GUINT64_FORMAT ": its end is missing",
                        load_le64 (entry + ENTRY_FLUSHED_OFFSET), store_size (log->layer->store));
  for (uint32_t i = 0; i < n; i++)
    {
      const uint8_t *d = descriptor (log, index, i);
      VhdxPatch patch = { .offset = load_le64 (d + DESCRIPTOR_OFFSET), .length = VHDX_LOG_SECTOR };

      if (memcmp (d, "zero", 4) == 0)
        patch.length = MIN (load_le64 (d + DESCRIPTOR_LEADING), INT64_MAX / 2);
      else
        {
          /* 2.3.1.4: the sector's own first and last bytes are in the descriptor. */
          patch.data = sector (log, data++);
          memcpy (patch.data, d + DESCRIPTOR_LEADING, 8);
          memcpy (patch.data + VHDX_LOG_SECTOR - 4, d + DESCRIPTOR_TRAILING, 4);
        }
      g_array_append_val (log->vhdx->patches, patch);
    }
  return true;
}

static int
compare_ranges (gconstpointer a, gconstpointer b)
{
  const VhdxRange *one = a, *other = b;

  return one->offset < other->offset ? -1 : one->offset > other->offset;
}

static void
merge_patched (Vhdx *vhdx)
{
  g_autoptr (GArray) all = g_array_new (false, false, sizeof (VhdxRange));

  for (guint i = 0; i < vhdx->patches->len; i++)
    {
      const VhdxPatch *patch = &g_array_index (vhdx->patches, VhdxPatch, i);

      g_array_append_val (all, ((VhdxRange){ patch->offset, patch->length }));
    }
  g_array_sort (all, compare_ranges);
  for (guint i = 0; i < all->len; i++)
    {
      const VhdxRange *range = &g_array_index (all, VhdxRange, i);
      VhdxRange *last =
        vhdx->patched->len > 0 ? &g_array_index (vhdx->patched, VhdxRange, vhdx->patched->len - 1) : NULL;

      if (last != NULL && range->offset <= last->offset + last->length)
        last->length = MAX (last->length, range->offset + range->length - last->offset);
      else if (range->length > 0)
        g_array_append_val (vhdx->patched, *range);
    }
}

static bool
replay (Log *log, GError **error)
{
  int64_t head;
  uint32_t at;

  for (uint32_t i = 0; i < log->n; i++)
    log->sizes[i] = measure_entry (log, i);
  head = find_head (log);
  if (head < 0)
    return true; /* the log was begun, and nothing was written yet */
  for (at = load_le32 (sector (log, head) + ENTRY_TAIL) / VHDX_LOG_SECTOR; at != head;
       at = (at + log->sizes[at]) % log->n)
    if (!apply_entry (log, at, error))
      return false;
  if (!apply_entry (log, at, error))
    return false;
  merge_patched (log->vhdx);
  log->vhdx->log_replayed = true;
  return true;
}

bool
vhdx_replay_log (ImageLayer *layer, GError **error)
{
  static const uint8_t no_guid[16];
  Vhdx *vhdx = layer->state;
  uint32_t length = load_le32 (vhdx->header + HEADER_LOG_LENGTH);
  uint64_t offset = load_le64 (vhdx->header + HEADER_LOG_OFFSET);
  Log log = { .layer = layer,
              .vhdx = vhdx,
              .length = length,
              .n = length / VHDX_LOG_SECTOR,
              .budget = length * UINT64_C (4) };
  bool replayed;
  int result;

  vhdx->patches = g_array_new (false, false, sizeof (VhdxPatch));
  vhdx->patched = g_array_new (false, false, sizeof (VhdxRange));
  if (memcmp (vhdx->header + HEADER_LOG_GUID, no_guid, 16) == 0)
    return true;
  if (length == 0 || length % VHDX_LOG_SECTOR != 0 || length > VHDX_MAX_LOG
      || offset > store_size (layer->store))
    return vhdx_refuse (layer, error,
                        "its log of %u bytes at %" G_GUINT64_FORMAT
                        " can't be replayed; at most 64 MiB are supported",
                        length, offset);
  log.log = vhdx->log = g_malloc (length);
  result = store_read (layer->store, offset, log.log, length);
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't read the log of VHDX image “%s”", layer->store->path);
  log.sizes = g_new0 (uint32_t, log.n);
  replayed = replay (&log, error);
  g_free (log.sizes);
  return replayed;
}

/* --- reading through it --- */

int
vhdx_read (ImageLayer *layer, uint64_t offset, void *buffer, uint64_t length)
{
  Vhdx *vhdx = layer->state;
  int result = store_read (layer->store, offset, buffer, length);

  if (result < 0 || !vhdx_is_patched (vhdx, offset, length))
    return result;
  for (guint i = 0; i < vhdx->patches->len; i++)
    {
      const VhdxPatch *patch = &g_array_index (vhdx->patches, VhdxPatch, i);
      uint64_t from = MAX (offset, patch->offset), to = MIN (offset + length, patch->offset + patch->length);

      if (from >= to)
        continue;
      if (patch->data != NULL)
        memcpy ((uint8_t *)buffer + (from - offset), patch->data + (from - patch->offset), to - from);
      else
        memset ((uint8_t *)buffer + (from - offset), 0, to - from);
    }
  return 0;
}

bool
vhdx_is_patched (const Vhdx *vhdx, uint64_t offset, uint64_t length)
{
  guint low = 0, high = vhdx->patched != NULL ? vhdx->patched->len : 0;

  /* The first range that ends behind @offset. */
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const VhdxRange *range = &g_array_index (vhdx->patched, VhdxRange, middle);

      if (range->offset + range->length <= offset)
        low = middle + 1;
      else
        high = middle;
    }
  return vhdx->patched != NULL && low < vhdx->patched->len
         && g_array_index (vhdx->patched, VhdxRange, low).offset < offset + length;
}
