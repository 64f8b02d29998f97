/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include <errno.h>

/* What an unmapped cluster's entry becomes. */
typedef struct {
  uint64_t entry, bitmap;
  bool nothing_does; /* as good: no L2 table at all */
} Blank;

static int
choose_blank (const ImageLayer *layer, UnmapKind kind, Blank *blank)
{
  const Qcow2 *q = QCOW2 (layer);

  *blank = (Blank){ .nothing_does = true };
  if (kind == UNMAP_ABSENT || layer->backing_path == NULL)
    return 0;
  if (q->version < 3) /* the layer below would show, be it what was never on this disk */
    return -EOPNOTSUPP;
  *blank = (Blank){ .entry = q->extended_l2 ? 0 : QCOW2_ZERO,
                    .bitmap = q->extended_l2 ? ~UINT64_C (0xffffffff) : 0 };
  /* Nothing is discarded where nothing is. */
  blank->nothing_does = kind == UNMAP_DISCARD;
  return 0;
}

static bool
is_blank (const Qcow2 *q, const Qcow2Table *table, unsigned index, const Blank *blank)
{
  uint64_t entry = qcow2_l2_entry (q, table, index), bitmap = qcow2_l2_bitmap (q, table, index);

  if (entry == blank->entry && bitmap == blank->bitmap)
    return true;
  return blank->nothing_does && entry == 0 && bitmap == 0;
}

/* Entries [index, end) of one L2 table. */
static int
unmap_entries (ImageLayer *layer, unsigned l1_index, unsigned index, unsigned end, const Blank *blank,
               bool may_block)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2Table *table;
  int error = qcow2_l2_get (layer, l1_index, may_block, &table);

  if (error != 0)
    return error;
  if (table == NULL && blank->nothing_does)
    return 0;
  while (table != NULL && index < end && is_blank (q, table, index, blank))
    index++;
  if (index == end)
    return 0;
  error = qcow2_l2_get_own (layer, l1_index, may_block, &table);
  if (error != 0)
    return error;
  for (; index < end; index++)
    if (!is_blank (q, table, index, blank))
      {
        qcow2_free_entry (layer, qcow2_l2_entry (q, table, index));
        qcow2_l2_set (layer, table, index, blank->entry, blank->bitmap);
      }
  return 0;
}

int
qcow2_unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = offset >> q->cluster_bits, end = (offset + length + q->cluster - 1) >> q->cluster_bits;
  uint64_t per_table = UINT64_C (1) << q->l2_bits;
  Blank blank;
  int error = choose_blank (layer, kind, &blank);

  if (error == 0 && q->damage != NULL)
    error = -EIO;
  /* Half of it can't be done without blocking. */
  if (error == 0 && !may_block && cluster / per_table != (end - 1) / per_table)
    error = -EAGAIN;
  while (cluster < end && error == 0)
    {
      unsigned index = cluster & (per_table - 1);
      uint64_t n = MIN (end - cluster, per_table - index);

      error = qcow2_relieve (layer, may_block);
      if (error == 0)
        error = unmap_entries (layer, cluster >> q->l2_bits, index, index + n, &blank, may_block);
      cluster += n;
    }
  return error;
}
