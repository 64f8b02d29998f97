/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include <errno.h>

/* Entries that one call looks at. */
#define MAP_ENTRIES 8192u

/* What lies at a granule of the disk. */
typedef struct {
  ExtentKind kind;
  bool writable;
  uint64_t at; /* DATA: in the store */
} Piece;

/* Whether a standard cluster's entry makes sense: section "Cluster mapping". */
static int
check_entry (ImageLayer *layer, uint64_t cluster, uint64_t entry)
{
  const Qcow2 *q = QCOW2 (layer);
  uint64_t host = entry & QCOW2_OFFSET_MASK,
           reserved = QCOW2_L2_RESERVED | (q->version < 3 || q->extended_l2 ? QCOW2_ZERO : 0);

  if ((entry & reserved) == 0 && (host & (q->cluster - 1)) == 0 && host < store_size (layer->store)
      && (host != 0 || (entry & QCOW2_COPIED) == 0)
      && (host == 0 || !qcow2_is_metadata (q, qcow2_cluster_of (q, host), 1)))
    return 0;
  return qcow2_damaged (
    layer, "the L2 entry of cluster %" G_GUINT64_FORMAT " is 0x%" G_GINT64_MODIFIER "x, which can't be",
    cluster, entry);
}

static int
subcluster_piece (ImageLayer *layer, uint64_t offset, uint64_t entry, uint64_t bitmap, Piece *piece)
{
  const Qcow2 *q = QCOW2 (layer);
  uint64_t host = entry & QCOW2_OFFSET_MASK, inside = offset & (q->cluster - 1);
  unsigned i = inside >> (q->cluster_bits - 5);
  bool allocated = bitmap >> i & 1, zero = bitmap >> (32 + i) & 1;

  if (allocated && (zero || host == 0))
    return qcow2_damaged (
      layer, "the bitmap of cluster %" G_GUINT64_FORMAT " is 0x%" G_GINT64_MODIFIER "x, which can't be",
      offset >> q->cluster_bits, bitmap);
  piece->kind = allocated ? EXTENT_DATA : zero ? EXTENT_ZERO : EXTENT_ABSENT;
  piece->writable = allocated && (entry & QCOW2_COPIED) != 0;
  piece->at = host + inside;
  return 0;
}

/* What lies at @offset, of a standard cluster. */
static int
get_piece (ImageLayer *layer, const Qcow2Table *table, uint64_t offset, Piece *piece)
{
  const Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = offset >> q->cluster_bits, entry, host;
  unsigned index = cluster & ((1u << q->l2_bits) - 1);
  int error;

  entry = qcow2_l2_entry (q, table, index);
  if ((entry & QCOW2_COMPRESSED) != 0)
    {
      *piece = (Piece){ .kind = EXTENT_ENCODED };
      return 0;
    }
  error = check_entry (layer, cluster, entry);
  if (error != 0)
    return error;
  if (q->extended_l2)
    return subcluster_piece (layer, offset, entry, qcow2_l2_bitmap (q, table, index), piece);
  host = entry & QCOW2_OFFSET_MASK;
  *piece = (Piece){ .kind = (entry & QCOW2_ZERO) != 0 ? EXTENT_ZERO
                            : host != 0               ? EXTENT_DATA
                                                      : EXTENT_ABSENT };
  if (piece->kind == EXTENT_DATA)
    {
      piece->writable = (entry & QCOW2_COPIED) != 0;
      piece->at = host + (offset & (q->cluster - 1));
    }
  return 0;
}

static int
map_code (ImageLayer *layer, const Qcow2Table *table, uint64_t offset, uint64_t length, LayerExtent *extent)
{
  const Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = offset >> q->cluster_bits;
  uint64_t entry = qcow2_l2_entry (q, table, cluster & ((1u << q->l2_bits) - 1)), first, last;

  extent->kind = EXTENT_ENCODED;
  extent->length = MIN (length, q->cluster - (offset & (q->cluster - 1)));
  extent->store = layer->store;
  qcow2_code_location (q, entry, &extent->offset, &extent->code_size);
  first = qcow2_cluster_of (q, extent->offset);
  last = qcow2_cluster_of (q, extent->offset + extent->code_size - 1);
  if (extent->offset == 0 || extent->offset >= store_size (layer->store)
      || qcow2_is_metadata (q, first, last - first + 1))
    return qcow2_damaged (layer,
                          "the L2 entry of cluster %" G_GUINT64_FORMAT " is 0x%" G_GINT64_MODIFIER
                          "x, where no compressed cluster can be",
                          cluster, entry);
  return 0;
}

/* No L2 table: nor have the next ones, as far as that goes. */
static void
map_hole (const Qcow2 *q, uint64_t offset, uint64_t length, LayerExtent *extent)
{
  unsigned span = q->cluster_bits + q->l2_bits, l1_index = offset >> span, n = 1;

  while (l1_index + n < q->l1.n && q->l1.entries[l1_index + n] == 0
         && ((uint64_t)(l1_index + n) << span) - offset < length)
    n++;
  extent->kind = EXTENT_ABSENT;
  extent->length = MIN (length, ((uint64_t)(l1_index + n) << span) - offset);
}

static bool
goes_on (const Piece *first, const Piece *next, uint64_t distance)
{
  if (next->kind != first->kind || next->writable != first->writable)
    return false;
  return first->kind != EXTENT_DATA || next->at == first->at + distance;
}

int
qcow2_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent)
{
  Qcow2 *q = QCOW2 (layer);
  unsigned span = q->cluster_bits + q->l2_bits;
  uint64_t end, at;
  Qcow2Table *table;
  Piece first = { 0 }, piece;
  int error = qcow2_l2_get (layer, offset >> span, may_block, &table);

  *extent = (LayerExtent){ 0 };
  if (error != 0)
    return error;
  if (table == NULL)
    {
      map_hole (q, offset, length, extent);
      return 0;
    }
  error = get_piece (layer, table, offset, &first);
  if (error != 0)
    return error;
  if (first.kind == EXTENT_ENCODED)
    return map_code (layer, table, offset, length, extent);

  end = MIN (offset + length, ((offset >> span) + 1) << span);
  end = MIN (end, (offset & ~(uint64_t)(layer->granule - 1)) + (uint64_t)MAP_ENTRIES * layer->granule);
  for (at = (offset & ~(uint64_t)(layer->granule - 1)) + layer->granule; at < end; at += layer->granule)
    if (get_piece (layer, table, at, &piece) != 0 || !goes_on (&first, &piece, at - offset))
      break;
  extent->kind = first.kind;
  extent->writable = first.writable;
  extent->length = MIN (at, end) - offset;
  extent->store = first.kind == EXTENT_DATA ? layer->store : NULL;
  extent->offset = first.at;
  return 0;
}
