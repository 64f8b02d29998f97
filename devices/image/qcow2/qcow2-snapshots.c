/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

/* Section "Snapshots". */
enum {
  ENTRY_L1_OFFSET = 0,
  ENTRY_L1_SIZE = 8,
  ENTRY_ID_SIZE = 12,
  ENTRY_NAME_SIZE = 14,
  ENTRY_SECONDS = 16,
  ENTRY_NANOSECONDS = 20,
  ENTRY_STATE_SIZE = 32,
  ENTRY_EXTRA_SIZE = QCOW2_SNAPSHOT_EXTRA_SIZE,
  ENTRY_FIXED = QCOW2_SNAPSHOT_FIXED,

  EXTRA_STATE_SIZE = 0, /* 64 bits: replaces the field above */
  EXTRA_DISK_SIZE = 8,
  EXTRA_KNOWN = QCOW2_SNAPSHOT_EXTRA_V3,
};

static void
snapshot_free (void *data)
{
  Qcow2Snapshot *snapshot = data;

  g_free (snapshot->id);
  g_free (snapshot->name);
  g_free (snapshot);
}

static bool bad_table (ImageLayer *layer, unsigned index, GError **error, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

static bool
bad_table (ImageLayer *layer, unsigned index, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "%s: entry %u of the snapshot table is damaged: %s. Check and repair the image.",
               layer->store->path, index, what);
  return false;
}

/* Names are for people: what is no text becomes some. */
static char *
get_text (const uint8_t *data, size_t size)
{
  return g_utf8_make_valid ((const char *)data, (gssize)size);
}

static bool
read_at (ImageLayer *layer, uint64_t offset, void *data, size_t size, unsigned index, GError **error)
{
  uint64_t end = store_size (layer->store);
  int result;

  if (offset > end || size > end - offset)
    return bad_table (layer, index, error, "the file ends before it does");
  result = store_read (layer->store, offset, data, size);
  return result == 0
         || vmm_set_errno_error (error, -result, "%s: could not read the snapshot table", layer->store->path);
}

bool
qcow2_snapshot_l1_is_sane (ImageLayer *layer, const Qcow2Snapshot *snapshot)
{
  uint64_t bytes = (uint64_t)snapshot->l1_size * sizeof (uint64_t), end = store_size (layer->store);

  return snapshot->l1_size == 0
         || (bytes <= QCOW2_L1_MAX && snapshot->l1_offset != 0
             && snapshot->l1_offset % QCOW2 (layer)->cluster == 0 && snapshot->l1_offset <= end
             && bytes <= end - snapshot->l1_offset);
}

/* Reads the entry at *@at, and moves that to the next one. */
static Qcow2Snapshot *
read_entry (ImageLayer *layer, unsigned index, uint64_t *at, GError **error)
{
  uint8_t fixed[ENTRY_FIXED], extra[EXTRA_KNOWN];
  uint32_t extra_size, id_size, name_size, known;
  g_autofree uint8_t *names = NULL;
  Qcow2Snapshot *snapshot;
  uint64_t names_at;

  if (!read_at (layer, *at, fixed, sizeof fixed, index, error))
    return NULL;
  extra_size = load_be32 (fixed + ENTRY_EXTRA_SIZE);
  id_size = load_be16 (fixed + ENTRY_ID_SIZE);
  name_size = load_be16 (fixed + ENTRY_NAME_SIZE);
  known = MIN (extra_size, EXTRA_KNOWN);
  if (extra_size > QCOW2_SNAPSHOT_TABLE_MAX)
    {
      bad_table (layer, index, error, "it has %u bytes of extra data", extra_size);
      return NULL;
    }
  names_at = *at + ENTRY_FIXED + extra_size;
  names = g_malloc (id_size + name_size + 1);
  if (!read_at (layer, *at + ENTRY_FIXED, extra, known, index, error)
      || !read_at (layer, names_at, names, id_size + name_size, index, error))
    return NULL;

  snapshot = g_new0 (Qcow2Snapshot, 1);
  snapshot->at = *at;
  snapshot->extra_size = extra_size;
  snapshot->names_size = id_size + name_size;
  snapshot->l1_offset = load_be64 (fixed + ENTRY_L1_OFFSET);
  snapshot->l1_size = load_be32 (fixed + ENTRY_L1_SIZE);
  snapshot->seconds = load_be32 (fixed + ENTRY_SECONDS);
  snapshot->nanoseconds = load_be32 (fixed + ENTRY_NANOSECONDS);
  snapshot->state_size = known >= EXTRA_STATE_SIZE + 8 ? load_be64 (extra + EXTRA_STATE_SIZE)
                                                       : load_be32 (fixed + ENTRY_STATE_SIZE);
  snapshot->size = known >= EXTRA_DISK_SIZE + 8 ? load_be64 (extra + EXTRA_DISK_SIZE) : layer->size;
  snapshot->id = get_text (names, id_size);
  snapshot->name = get_text (names + id_size, name_size);
  *at = (names_at + id_size + name_size + 7) / 8 * 8;
  return snapshot;
}

static bool
table_is_sane (ImageLayer *layer, GError **error)
{
  const Qcow2 *q = QCOW2 (layer);
  uint64_t at = q->snapshots_offset;

  if (q->n_snapshots == 0
      || (q->n_snapshots <= QCOW2_SNAPSHOTS_MAX && at != 0 && at % q->cluster == 0
          && at <= store_size (layer->store)))
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "%s: the snapshot table (%u entries at 0x%" G_GINT64_MODIFIER
               "x) is misaligned, too long, or outside of the file. Check and repair the image.",
               layer->store->path, q->n_snapshots, at);
  return false;
}

GPtrArray *
qcow2_read_snapshot_entries (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  GPtrArray *snapshots = g_ptr_array_new_with_free_func (snapshot_free);
  uint64_t at = q->snapshots_offset;

  q->snapshots_length = 0;
  if (!table_is_sane (layer, error))
    return snapshots;
  for (unsigned i = 0; i < q->n_snapshots; i++)
    {
      Qcow2Snapshot *snapshot = read_entry (layer, i, &at, error);

      if (snapshot == NULL)
        break;
      if (at - q->snapshots_offset > QCOW2_SNAPSHOT_TABLE_MAX)
        {
          bad_table (layer, i, error, "the table is longer than %u bytes", QCOW2_SNAPSHOT_TABLE_MAX);
          snapshot_free (snapshot);
          break;
        }
      g_ptr_array_add (snapshots, snapshot);
      q->snapshots_length = at - q->snapshots_offset;
    }
  return snapshots;
}

GPtrArray *
qcow2_read_snapshots (ImageLayer *layer, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GPtrArray) snapshots = qcow2_read_snapshot_entries (layer, &why);

  for (unsigned i = 0; i < snapshots->len && why == NULL; i++)
    {
      const Qcow2Snapshot *snapshot = snapshots->pdata[i];

      if (!qcow2_snapshot_l1_is_sane (layer, snapshot))
        bad_table (layer, i, &why,
                   "its L1 table (%u entries at 0x%" G_GINT64_MODIFIER
                   "x) is misaligned or outside of the file",
                   snapshot->l1_size, snapshot->l1_offset);
    }
  if (why == NULL)
    return g_steal_pointer (&snapshots);
  g_propagate_error (error, g_steal_pointer (&why));
  return NULL;
}

void
qcow2_describe_snapshots (ImageLayer *layer, ImageInfo *info)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) snapshots = qcow2_read_snapshots (layer, &error);

  if (snapshots == NULL)
    {
      image_info_detail (info, "snapshots", "%s", error->message);
      return;
    }
  for (unsigned i = 0; i < snapshots->len; i++)
    {
      Qcow2Snapshot *from = snapshots->pdata[i];
      ImageSnapshot *to = g_new0 (ImageSnapshot, 1);

      to->id = g_steal_pointer (&from->id);
      to->name = g_steal_pointer (&from->name);
      to->size = from->size;
      to->state_size = from->state_size;
      to->time = from->seconds;
      g_ptr_array_add (info->snapshots, to);
    }
}
