/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

/* --- reading: sections "Header" and "Additional fields" --- */

static bool bad_field (ImageLayer *layer, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

static bool
bad_field (ImageLayer *layer, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "Disk image “%s” is damaged: its header's %s; restore it from a copy", layer->store->path,
               what);
  return false;
}

static bool
unsupported (ImageLayer *layer, GError **error, const char *what)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
               "Disk image “%s” uses %s, which can't be used here; convert it with the program that made it",
               layer->store->path, what);
  return false;
}

static bool
read_sector (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t size = store_size (layer->store);
  int result;

  if (size < QCOW2_H_V2_LENGTH)
    return bad_field (layer, error, "end is missing: the file has only %" G_GUINT64_FORMAT " bytes", size);
  result = store_read (layer->store, 0, q->sector, sizeof q->sector);
  if (result != 0)
    return vmm_set_errno_error (error, -result, "Disk image “%s”: can't read its header", layer->store->path);
  if (load_be32 (q->sector + QCOW2_H_MAGIC) != QCOW2_MAGIC)
    return bad_field (layer, error, "magic is 0x%08x, not 0x%08x", load_be32 (q->sector), QCOW2_MAGIC);
  return true;
}

/* Who doesn't know a feature says at least its name, if the image does. */
static char *
feature_name (const uint8_t *names, unsigned length, unsigned bit)
{
  for (unsigned at = 0; at + 48 <= length; at += 48)
    if (names[at] == 0 && names[at + 1] == bit)
      {
        g_autofree char *name = g_strndup ((const char *)names + at + 2, 46);

        return g_utf8_make_valid (name, -1);
      }
  return g_strdup_printf ("bit %u", bit);
}

static bool
check_features (ImageLayer *layer, const uint8_t *names, unsigned length, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  g_autoptr (GString) list = g_string_new (NULL);

  if ((q->incompatible & QCOW2_I_DATA_FILE) != 0)
    return unsupported (layer, error, "an external data file");
  for (unsigned bit = 0; bit < 64; bit++)
    if (((q->incompatible & ~QCOW2_I_KNOWN) >> bit & 1) != 0)
      {
        g_autofree char *name = feature_name (names, length, bit);

        g_string_append_printf (list, "%s“%s”", list->len > 0 ? ", " : "", name);
      }
  if (list->len == 0)
    return true;
  g_string_prepend (list, "features that are not known (incompatible_features): ");
  return unsupported (layer, error, list->str);
}

static bool
read_v3_fields (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  uint8_t compression = 0;

  if (store_size (layer->store) < QCOW2_H_V3_LENGTH)
    return bad_field (layer, error, "end is missing");
  q->incompatible = load_be64 (q->sector + QCOW2_H_INCOMPATIBLE);
  q->compatible = load_be64 (q->sector + QCOW2_H_COMPATIBLE);
  q->autoclear = load_be64 (q->sector + QCOW2_H_AUTOCLEAR);
  q->refcount_order = load_be32 (q->sector + QCOW2_H_REFCOUNT_ORDER);
  q->header_length = load_be32 (q->sector + QCOW2_H_LENGTH);
  if (q->refcount_order > 6)
    return bad_field (layer, error, "refcount_order is %u; 6 is the most", q->refcount_order);
  if (q->header_length < QCOW2_H_V3_LENGTH || q->header_length % 8 != 0 || q->header_length > q->cluster
      || q->header_length > QCOW2_SECTOR)
    return bad_field (layer, error, "header_length is %u", q->header_length);
  if (q->header_length > QCOW2_H_COMPRESSION)
    compression = q->sector[QCOW2_H_COMPRESSION];
  if (compression > QCOW2_ZSTD)
    return bad_field (layer, error, "compression_type is %u, which is not known", compression);
  if ((compression != 0) != ((q->incompatible & QCOW2_I_COMPRESSION) != 0))
    return bad_field (layer, error, "compression_type (%u) contradicts incompatible_features", compression);
  q->compression = compression;
  q->extended_l2 = (q->incompatible & QCOW2_I_EXTENDED_L2) != 0;
  if (q->extended_l2 && q->cluster_bits < 14)
    return bad_field (layer, error, "cluster_bits is %u; extended L2 entries need at least 14",
                      q->cluster_bits);
  return true;
}

static void
derive (Qcow2 *q)
{
  q->entry_size = q->extended_l2 ? 16 : 8;
  q->l2_bits = q->cluster_bits - (q->extended_l2 ? 4 : 3);
  q->rc_bits = q->cluster_bits + 3 - q->refcount_order;
  q->refcount_max = q->refcount_order == 6 ? UINT64_MAX : (UINT64_C (1) << (1u << q->refcount_order)) - 1;
}

/* A table of @bytes at @offset: aligned, behind the header, and begins within the file. */
static bool
check_table (ImageLayer *layer, const char *field, uint64_t offset, uint64_t bytes, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t size = (store_size (layer->store) + q->cluster - 1) & -(uint64_t)q->cluster;

  if (offset % q->cluster == 0 && offset != 0 && offset < size && bytes <= size - offset)
    return true;
  return bad_field (layer, error,
                    "%s is 0x%" G_GINT64_MODIFIER "x (for %" G_GUINT64_FORMAT
                    " bytes), which is misaligned or outside of the file",
                    field, offset, bytes);
}

static bool
read_size (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t size = load_be64 (q->sector + QCOW2_H_SIZE), offset = load_be64 (q->sector + QCOW2_H_L1_OFFSET),
           per_entry = UINT64_C (1) << (q->cluster_bits + q->l2_bits);
  uint32_t n = load_be32 (q->sector + QCOW2_H_L1_SIZE);

  if (size > INT64_MAX)
    return bad_field (layer, error, "size is %" G_GUINT64_FORMAT " bytes, which is too large", size);
  if (n > QCOW2_L1_MAX / 8)
    return bad_field (layer, error, "l1_size is %u; %u is the most", n, QCOW2_L1_MAX / 8);
  if ((size + per_entry - 1) / per_entry > n)
    return bad_field (layer, error, "l1_size is %u, too small for a disk of %" G_GUINT64_FORMAT " bytes", n,
                      size);
  if (n > 0 && !check_table (layer, "l1_table_offset", offset, (uint64_t)n * 8, error))
    return false;
  layer->size = size & ~(uint64_t)(IMAGE_SECTOR_SIZE - 1);
  qcow2_root_init (q, &q->l1, offset, n);
  return true;
}

static bool
read_reftable_fields (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t offset = load_be64 (q->sector + QCOW2_H_REFTABLE_OFFSET),
           bytes = (uint64_t)load_be32 (q->sector + QCOW2_H_REFTABLE_CLUSTERS) << q->cluster_bits;

  if (bytes == 0 || bytes > QCOW2_REFTABLE_MAX)
    return bad_field (layer, error, "refcount_table_clusters is %u (%u bytes is the most)",
                      load_be32 (q->sector + QCOW2_H_REFTABLE_CLUSTERS), QCOW2_REFTABLE_MAX);
  if (!check_table (layer, "refcount_table_offset", offset, bytes, error))
    return false;
  qcow2_root_init (q, &q->reftable, offset, bytes / 8);
  return true;
}

static bool
read_fields (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);

  q->version = load_be32 (q->sector + QCOW2_H_VERSION);
  if (q->version != 2 && q->version != 3)
    return bad_field (layer, error, "version is %u; 2 and 3 are known", q->version);
  q->cluster_bits = load_be32 (q->sector + QCOW2_H_CLUSTER_BITS);
  if (q->cluster_bits < QCOW2_CLUSTER_BITS_MIN || q->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
    return bad_field (layer, error, "cluster_bits is %u; %u to %u is allowed", q->cluster_bits,
                      QCOW2_CLUSTER_BITS_MIN, QCOW2_CLUSTER_BITS_MAX);
  q->cluster = 1u << q->cluster_bits;
  q->refcount_order = 4;
  q->header_length = QCOW2_H_V2_LENGTH;
  if (q->version == 3 && !read_v3_fields (layer, error))
    return false;
  derive (q);
  q->crypt_method = load_be32 (q->sector + QCOW2_H_CRYPT_METHOD);
  if (q->crypt_method == QCOW2_CRYPT_AES)
    return unsupported (layer, error, "the AES encryption of old, which is not safe");
  if (q->crypt_method > QCOW2_CRYPT_LUKS)
    return bad_field (layer, error, "crypt_method is %u, which is not known", (unsigned)q->crypt_method);
  q->n_snapshots = load_be32 (q->sector + QCOW2_H_N_SNAPSHOTS);
  q->snapshots_offset = load_be64 (q->sector + QCOW2_H_SNAPSHOTS_OFFSET);
  if (q->n_snapshots > QCOW2_SNAPSHOTS_MAX)
    return bad_field (layer, error, "nb_snapshots is %u; %u is the most", q->n_snapshots,
                      QCOW2_SNAPSHOTS_MAX);
  if (q->n_snapshots > 0 && !check_table (layer, "snapshots_offset", q->snapshots_offset, 1, error))
    return false;
  return true;
}

/* --- extensions: section "Header extensions" --- */

static bool
read_crypt_pointer (ImageLayer *layer, const uint8_t *data, unsigned length, GError **error)
{
  Qcow2 *q = QCOW2 (layer);

  if (length < 16)
    return bad_field (layer, error, "encryption header pointer has only %u bytes", length);
  q->crypt_offset = load_be64 (data);
  q->crypt_length = load_be64 (data + 8);
  if (q->crypt_length > QCOW2_SNAPSHOT_TABLE_MAX)
    return bad_field (layer, error, "encryption header has %" G_GUINT64_FORMAT " bytes", q->crypt_length);
  return check_table (layer, "encryption header pointer", q->crypt_offset, q->crypt_length, error);
}

static bool
read_extension (ImageLayer *layer, uint32_t type, const uint8_t *data, unsigned length, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2Extension other = { .type = type, .length = length };

  switch (type)
    {
    case QCOW2_EXT_BACKING_FORMAT:
      g_free (layer->backing_format);
      layer->backing_format = g_strndup ((const char *)data, length);
      return length <= 255 || bad_field (layer, error, "backing format name has %u bytes", length);
    case QCOW2_EXT_FEATURE_NAMES:
      return true;
    case QCOW2_EXT_CRYPT:
      return read_crypt_pointer (layer, data, length, error);
    case QCOW2_EXT_BITMAPS:
      if (length != sizeof q->bitmaps)
        return bad_field (layer, error, "bitmaps extension has %u bytes, not 24", length);
      memcpy (q->bitmaps, data, length);
      q->has_bitmaps = true;
      return true;
    default:
      other.data = g_memdup2 (data, length);
      g_array_append_val (q->extensions, other);
      return true;
    }
}

/* @area: [header_length, header_length + size) of the file. @only: just that type, 0: all. */
static bool
walk_extensions (ImageLayer *layer, const uint8_t *area, unsigned size, uint32_t only, const uint8_t **found,
                 unsigned *found_length, GError **error)
{
  for (unsigned at = 0; at + 8 <= size;)
    {
      uint32_t type = load_be32 (area + at), length = load_be32 (area + at + 4);

      if (type == QCOW2_EXT_END)
        break;
      at += 8;
      if (length > size - at)
        return bad_field (layer, error, "extension 0x%08x has %u bytes, more than there is room for", type,
                          length);
      if (only == 0 && !read_extension (layer, type, area + at, length, error))
        return false;
      if (only == type)
        {
          *found = area + at;
          *found_length = length;
        }
      at += (length + 7) & ~7u;
      if (at > size)
        break;
    }
  return true;
}

static bool
read_extensions (ImageLayer *layer, const uint8_t *cluster, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  const uint8_t *area = cluster + q->header_length, *names = NULL;
  unsigned end = q->cluster, length = 0;

  if (q->backing_offset != 0)
    end = MIN (end, q->backing_offset);
  /* Features first: what they change may lie in the extensions. */
  if ((q->incompatible & ~QCOW2_I_KNOWN) != 0)
    walk_extensions (layer, area, end - q->header_length, QCOW2_EXT_FEATURE_NAMES, &names, &length, NULL);
  if (!check_features (layer, names, length, error))
    return false;
  if (!walk_extensions (layer, area, end - q->header_length, 0, NULL, NULL, error))
    return false;
  if ((q->crypt_method == QCOW2_CRYPT_LUKS) != (q->crypt_offset != 0))
    return bad_field (layer, error, "crypt_method contradicts the encryption header pointer");
  return true;
}

static bool
read_backing (ImageLayer *layer, const uint8_t *cluster, GError **error)
{
  Qcow2 *q = QCOW2 (layer);

  if (q->backing_offset == 0)
    return true;
  if (memchr (cluster + q->backing_offset, 0, q->backing_size) != NULL)
    return bad_field (layer, error, "backing file name contains a null byte");
  layer->backing_path = g_strndup ((const char *)cluster + q->backing_offset, q->backing_size);
  return true;
}

static bool
check_backing_fields (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);

  q->backing_offset = load_be64 (q->sector + QCOW2_H_BACKING_OFFSET);
  q->backing_size = load_be32 (q->sector + QCOW2_H_BACKING_SIZE);
  if (q->backing_offset == 0 || q->backing_size == 0)
    q->backing_offset = q->backing_size = 0;
  else if (q->backing_size > QCOW2_BACKING_MAX)
    return bad_field (layer, error, "backing_file_size is %u; %u is the most", q->backing_size,
                      QCOW2_BACKING_MAX);
  else if (q->backing_offset < q->header_length || q->backing_offset > q->cluster
           || q->backing_size > q->cluster - q->backing_offset)
    return bad_field (layer, error,
                      "backing_file_offset is %" G_GUINT64_FORMAT ", outside of the first cluster",
                      q->backing_offset);
  return true;
}

bool
qcow2_header_read (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  g_autofree uint8_t *cluster = NULL;
  int result;

  if (!read_sector (layer, error) || !read_fields (layer, error) || !check_backing_fields (layer, error))
    return false;
  cluster = g_malloc (q->cluster);
  result = store_read (layer->store, 0, cluster, q->cluster);
  if (result != 0)
    return vmm_set_errno_error (error, -result, "Disk image “%s”: can't read its header", layer->store->path);
  return read_extensions (layer, cluster, error) && read_backing (layer, cluster, error)
         && read_size (layer, error) && read_reftable_fields (layer, error);
}

/* --- changing fields --- */

int
qcow2_header_write_sector (ImageLayer *layer)
{
  return store_write (layer->store, 0, QCOW2 (layer)->sector, QCOW2_SECTOR);
}

static int
write_sector_durably (ImageLayer *layer)
{
  int error = qcow2_header_write_sector (layer);

  return error == 0 ? store_sync (layer->store) : error;
}

int
qcow2_settle (ImageLayer *layer, bool may_block)
{
  Qcow2 *q = QCOW2 (layer);
  int error;

  if (q->damage != NULL)
    return -EIO;
  if (!q->unsettled)
    return 0;
  if (!may_block)
    return -EAGAIN;
  error = write_sector_durably (layer);
  q->unsettled = error != 0;
  return error;
}

int
qcow2_header_switch (ImageLayer *layer, const uint8_t *before)
{
  Qcow2 *q = QCOW2 (layer);
  int error = write_sector_durably (layer);

  if (error == 0)
    return 0;
  memcpy (q->sector, before, QCOW2_SECTOR);
  q->unsettled = layer->dirty = true;
  qcow2_settle (layer, true);
  return error;
}

int
qcow2_header_put32 (ImageLayer *layer, unsigned field, uint32_t value)
{
  store_be32 (QCOW2 (layer)->sector + field, value);
  return qcow2_header_write_sector (layer);
}

int
qcow2_header_put64 (ImageLayer *layer, unsigned field, uint64_t value)
{
  store_be64 (QCOW2 (layer)->sector + field, value);
  return qcow2_header_write_sector (layer);
}

int
qcow2_set_incompatible (ImageLayer *layer, uint64_t set, uint64_t clear)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t before = q->incompatible;
  int error;

  if (q->version < 3)
    return 0;
  q->incompatible = (before | set) & ~clear;
  error = qcow2_header_put64 (layer, QCOW2_H_INCOMPATIBLE, q->incompatible);
  if (error == 0)
    error = store_sync (layer->store);
  if (error == 0)
    return 0;
  q->incompatible = before;
  store_be64 (q->sector + QCOW2_H_INCOMPATIBLE, before);
  return error;
}

int
qcow2_begin_writing (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);
  int error = 0;

  if (!q->begun && q->autoclear != 0)
    {
      error = qcow2_header_put64 (layer, QCOW2_H_AUTOCLEAR, 0);
      if (error == 0)
        error = store_sync (layer->store);
    }
  if (error != 0)
    return error;
  q->begun = true;
  q->autoclear = 0;
  return 0;
}

/* --- writing it as a whole --- */

static void
append (GByteArray *out, uint32_t type, const void *data, unsigned length)
{
  static const uint8_t zeroes[8];
  uint8_t head[8];

  store_be32 (head, type);
  store_be32 (head + 4, length);
  g_byte_array_append (out, head, sizeof head);
  g_byte_array_append (out, data, length);
  g_byte_array_append (out, zeroes, -length & 7);
}

/* Section "Feature name table": of the features that this program knows. */
static const struct {
  uint8_t type, bit;
  char name[46];
} feature_names[] = {
  { 0, 0, "dirty bit" },           { 0, 1, "corrupt bit" },    { 0, 3, "compression type" },
  { 0, 4, "extended L2 entries" }, { 1, 0, "lazy refcounts" },
};
G_STATIC_ASSERT (sizeof feature_names[0] == 48);

/* Header and extensions up to the end mark. The names of features only if all stays in one sector. */
GByteArray *
qcow2_header_compose (const Qcow2 *q, const char *backing_format)
{
  GByteArray *out = g_byte_array_new ();
  uint8_t pointer[16];

  g_byte_array_append (out, q->sector, q->header_length);
  if (backing_format != NULL && g_ascii_strcasecmp (backing_format, "vhd") == 0)
    backing_format = "vpc"; /* so it is called in this field */
  if (backing_format != NULL)
    append (out, QCOW2_EXT_BACKING_FORMAT, backing_format, strlen (backing_format));
  if (q->crypt_offset != 0)
    {
      store_be64 (pointer, q->crypt_offset);
      store_be64 (pointer + 8, q->crypt_length);
      append (out, QCOW2_EXT_CRYPT, pointer, sizeof pointer);
    }
  if (q->has_bitmaps)
    append (out, QCOW2_EXT_BITMAPS, q->bitmaps, sizeof q->bitmaps);
  for (unsigned i = 0; q->extensions != NULL && i < q->extensions->len; i++)
    {
      const Qcow2Extension *extension = &g_array_index (q->extensions, Qcow2Extension, i);

      append (out, extension->type, extension->data, extension->length);
    }
  if (q->version >= 3 && q->cluster > QCOW2_SECTOR && out->len + 8 + sizeof feature_names + 8 <= QCOW2_SECTOR)
    append (out, QCOW2_EXT_FEATURE_NAMES, feature_names, sizeof feature_names);
  append (out, QCOW2_EXT_END, "", 0);
  return out;
}
