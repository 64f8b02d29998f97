/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-check-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

#define HEX "0x%" G_GINT64_MODIFIER "x"

/* More than any version of the format has, and what other programs refuse. */
#define EXTRA_MAX 1024u

/* --- which entries stay --- */

static bool
meets_table (const Checker *c, const Qcow2Snapshot *snapshot)
{
  uint64_t start = c->q->snapshots_offset, end = start + c->q->snapshots_length;

  return snapshot->l1_offset < end && start < snapshot->l1_offset + (uint64_t)snapshot->l1_size * 8;
}

/* Whether the entry can stay. *faulty: not as it is. */
static bool
entry_can_stay (Checker *c, const Qcow2Snapshot *snapshot, unsigned index, bool *faulty)
{
  *faulty = true;
  if (snapshot->l1_size == 0 && snapshot->id[0] == 0)
    {
      checker_corrupt (c, 1, "Entry %u of the snapshot table is empty", index);
      return false;
    }
  if (!qcow2_snapshot_l1_is_sane (c->layer, snapshot) || meets_table (c, snapshot)
      || checker_is_used (c, snapshot->l1_offset, (uint64_t)snapshot->l1_size * 8))
    {
      checker_corrupt (c, 1,
                       "The L1 table of snapshot “%s” (%u entries at " HEX
                       ") is misaligned, outside of the file, or where something else is%s",
                       snapshot->name, snapshot->l1_size, snapshot->l1_offset,
                       c->check->repair ? "; the snapshot is lost" : "");
      return false;
    }
  *faulty = snapshot->extra_size > EXTRA_MAX
            || (c->q->version >= 3 && snapshot->extra_size < QCOW2_SNAPSHOT_EXTRA_V3);
  if (*faulty)
    checker_corrupt (c, 1, "Snapshot “%s” has %u bytes of extra data", snapshot->name, snapshot->extra_size);
  return true;
}

static bool
claim_l1 (Checker *c, const Qcow2Snapshot *snapshot)
{
  g_autofree char *whose = g_strdup_printf ("snapshot “%s”", snapshot->name);

  return checker_l1 (c, snapshot->l1_offset, snapshot->l1_size, false, whose);
}

/* --- a new table --- */

static bool
append_entry (Checker *c, const Qcow2Snapshot *snapshot, GByteArray *table)
{
  uint32_t extra = MIN (snapshot->extra_size, EXTRA_MAX), start = table->len, new_extra = extra;
  uint8_t *entry;

  if (c->q->version >= 3)
    new_extra = MAX (extra, QCOW2_SNAPSHOT_EXTRA_V3);
  g_byte_array_set_size (table,
                         start + (QCOW2_SNAPSHOT_FIXED + new_extra + snapshot->names_size + 7) / 8 * 8);
  entry = table->data + start;
  memset (entry, 0, table->len - start);
  if (!checker_read (c, snapshot->at, entry, QCOW2_SNAPSHOT_FIXED + extra)
      || !checker_read (c, snapshot->at + QCOW2_SNAPSHOT_FIXED + snapshot->extra_size,
                        entry + QCOW2_SNAPSHOT_FIXED + new_extra, snapshot->names_size))
    return false;
  store_be32 (entry + QCOW2_SNAPSHOT_EXTRA_SIZE, new_extra);
  if (extra < 8 && new_extra >= 8)
    store_be64 (entry + QCOW2_SNAPSHOT_FIXED, snapshot->state_size);
  if (extra < QCOW2_SNAPSHOT_EXTRA_V3 && new_extra >= QCOW2_SNAPSHOT_EXTRA_V3)
    store_be64 (entry + QCOW2_SNAPSHOT_DISK_SIZE, snapshot->size);
  return true;
}

/* Behind the end of the file; one sector of the header shows it. The old one is lost space, which the counts
 * find. */
static bool
show_table (Checker *c, const GByteArray *table, unsigned n)
{
  uint64_t at = n > 0 ? c->file_clusters << c->q->cluster_bits : 0;
  int result;

  if (n > 0 && (!checker_write (c, at, table->data, table->len) || !checker_sync (c)))
    return false;
  store_be32 (c->q->sector + QCOW2_H_N_SNAPSHOTS, n);
  store_be64 (c->q->sector + QCOW2_H_SNAPSHOTS_OFFSET, at);
  result = qcow2_header_write_sector (c->layer);
  if (result < 0)
    return vmm_set_errno_error (c->error, -result, "%s: could not write the header", c->layer->store->path);
  c->q->n_snapshots = n;
  c->q->snapshots_offset = at;
  c->q->snapshots_length = table->len;
  c->file_clusters += (table->len + c->q->cluster - 1) >> c->q->cluster_bits;
  return checker_sync (c);
}

static bool
rewrite_table (Checker *c, const GPtrArray *staying, unsigned n_faults)
{
  g_autoptr (GByteArray) table = g_byte_array_new ();

  for (unsigned i = 0; i < staying->len; i++)
    if (!append_entry (c, staying->pdata[i], table))
      return false;
  checker_repaired (c, n_faults);
  return show_table (c, table, staying->len);
}

/* --- all of it --- */

bool
checker_snapshots (Checker *c)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GPtrArray) snapshots = qcow2_read_snapshot_entries (c->layer, &why);
  g_autoptr (GPtrArray) staying = g_ptr_array_new ();
  unsigned n_faults = 0;
  bool overlaps;

  if (why != NULL)
    {
      checker_corrupt (c, 1, "%s%s", why->message,
                       c->check->repair ? " This snapshot and those behind it are lost." : "");
      n_faults++;
    }
  if (checker_is_used (c, c->q->snapshots_offset, c->q->snapshots_length))
    {
      checker_corrupt (c, 1, "The snapshot table at " HEX " lies where something else is",
                       c->q->snapshots_offset);
      n_faults++;
    }
  for (unsigned i = 0; i < snapshots->len; i++)
    {
      bool faulty;

      if (entry_can_stay (c, snapshots->pdata[i], i, &faulty))
        {
          g_ptr_array_add (staying, snapshots->pdata[i]);
          if (!claim_l1 (c, snapshots->pdata[i]))
            return false;
        }
      else
        c->unknown |= !c->check->repair;
      n_faults += faulty;
    }
  c->unknown |= why != NULL && !c->check->repair;

  if (n_faults > 0 && c->check->repair && !rewrite_table (c, staying, n_faults))
    return false;
  return c->q->snapshots_length == 0
         || checker_claim (c, c->q->snapshots_offset, c->q->snapshots_length, 1, COUNT_METADATA, &overlaps);
}
