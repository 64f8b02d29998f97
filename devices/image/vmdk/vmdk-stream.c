/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <zlib.h>

/*
 * VDF, "Stream-Optimized Compressed": after header and descriptor come compressed grains in ascending order,
 * each behind a marker; each grain table behind the last of its grains; the directory, the footer (the header
 * with gdOffset) and the end-of-stream marker. Readers that can't seek rely on that order.
 */

#define MARKER_HEAD 12u /* val, size; a grain's code follows at once */

static uint64_t
sectors_of (uint64_t bytes)
{
  return (bytes + VMDK_SECTOR - 1) / VMDK_SECTOR;
}

static uint32_t
grain_bytes (const VmdkSparse *sparse)
{
  return sparse->grain * VMDK_SECTOR;
}

/* --- reading --- */

int
vmdk_stream_marker (const VmdkSparse *sparse, uint64_t offset, uint64_t *lba, uint32_t *size)
{
  uint8_t head[MARKER_HEAD];
  int error = store_read (sparse->store, offset, head, sizeof head);

  if (error < 0)
    return error;
  *lba = load_le64 (head);
  *size = load_le32 (head + 8);
  return *size == 0 || *size > IMAGE_CODE_ROOM (2 * grain_bytes (sparse)) || *lba >= sparse->capacity ? -EIO
                                                                                                      : 0;
}

/* As much as @code gives; returns the bytes, or -EIO. */
static int
inflate_code (const uint8_t *code, size_t size, uint8_t *out, size_t room)
{
  z_stream z = { .next_in = (uint8_t *)code, .avail_in = size, .next_out = out, .avail_out = room };
  int result;

  if (inflateInit (&z) != Z_OK)
    return -ENOMEM;
  result = inflate (&z, Z_FINISH);
  inflateEnd (&z);
  if (result == Z_STREAM_END || (result == Z_BUF_ERROR && z.avail_out == 0))
    return room - z.avail_out;
  return -EIO;
}

int
vmdk_stream_decode (const VmdkSparse *sparse, uint64_t offset, uint8_t *out)
{
  bool marked = sparse->flags & VMDK_FLAG_MARKERS;
  uint32_t room = grain_bytes (sparse), size = IMAGE_CODE_ROOM (room), skip = marked ? MARKER_HEAD : 0;
  uint64_t lba = 0;
  g_autofree uint8_t *code = NULL;
  int result = marked ? vmdk_stream_marker (sparse, offset, &lba, &size) : 0;

  if (result < 0)
    return result;
  code = g_try_malloc (size);
  if (code == NULL)
    return -ENOMEM;
  result = store_read (sparse->store, offset + skip, code, size);
  if (result == 0)
    result = inflate_code (code, size, out, room);
  if (result < 0)
    return result;
  if ((uint32_t)result < room && marked
      && (lba + sparse->grain <= sparse->capacity
          || lba * VMDK_SECTOR + result < sparse->capacity * VMDK_SECTOR))
    return -EIO;
  memset (out + result, 0, room - result);
  return 0;
}

/* --- writing --- */

VmdkStream *
vmdk_stream_new (VmdkSparse *sparse)
{
  VmdkStream *stream;

  for (uint32_t i = 0; i < sparse->n_gd; i++)
    if (sparse->gd[i] != 0)
      return NULL;
  stream = g_new0 (VmdkStream, 1);
  stream->at = MAX (load_le64 (sparse->header + VMDK_H_OVERHEAD), 1);
  stream->table = -1;
  return stream;
}

int
vmdk_stream_compress (const VmdkSparse *sparse, const uint8_t *data, uint8_t *code)
{
  uLongf size = IMAGE_CODE_ROOM (grain_bytes (sparse));

  return compress2 (code, &size, data, grain_bytes (sparse), Z_DEFAULT_COMPRESSION) == Z_OK ? (int)size
                                                                                            : -ENOMEM;
}

static void
fill_marker (uint8_t *marker, uint64_t value, uint32_t type)
{
  memset (marker, 0, VMDK_SECTOR);
  store_le64 (marker, value);
  store_le32 (marker + 12, type);
}

/* A marker and @n entries behind it at sector *@at, which moves on. */
static int
write_entries (ImageStore *store, uint64_t *at, uint32_t type, const uint32_t *entries, uint32_t n)
{
  uint64_t sectors = sectors_of (n * UINT64_C (4));
  g_autofree uint8_t *buffer = g_malloc0 ((sectors + 1) * VMDK_SECTOR);
  int error;

  fill_marker (buffer, sectors, type);
  for (uint32_t i = 0; i < n; i++)
    store_le32 (buffer + VMDK_SECTOR + i * UINT64_C (4), entries[i]);
  error = store_write (store, *at * VMDK_SECTOR, buffer, (sectors + 1) * VMDK_SECTOR);
  *at += sectors + 1;
  return error;
}

static int
write_tail (ImageStore *store, uint64_t at, const uint8_t *header, const uint32_t *gd, uint32_t n_gd)
{
  uint8_t footer[3 * VMDK_SECTOR];
  uint64_t gd_at = at + 1;
  int error = write_entries (store, &at, VMDK_MARKER_GD, gd, n_gd);

  fill_marker (footer, 1, VMDK_MARKER_FOOTER);
  memcpy (footer + VMDK_SECTOR, header, VMDK_H_SIZE);
  store_le64 (footer + VMDK_SECTOR + VMDK_H_GD, gd_at);
  fill_marker (footer + 2 * VMDK_SECTOR, 0, VMDK_MARKER_EOS);
  if (error == 0)
    error = store_write (store, at * VMDK_SECTOR, footer, sizeof footer);
  at += 3;
  if (error == 0 && store_size (store) != at * VMDK_SECTOR)
    error = store_resize (store, at * VMDK_SECTOR);
  return error == 0 ? store_sync (store) : error;
}

/* The gathered table at *@at, which moves on. */
static int
write_table (VmdkStream *stream, VmdkSparse *sparse, uint64_t *at)
{
  if (stream->table < 0)
    return 0;
  sparse->gd[stream->table] = *at + 1;
  return write_entries (sparse->store, at, VMDK_MARKER_GT, sparse->tables[stream->table]->entries,
                        sparse->gtes);
}

/* Goes on to the table of @grain. */
static int
turn_to_table (VmdkStream *stream, VmdkSparse *sparse, uint32_t index)
{
  int error;

  if (stream->table == index)
    return 0;
  error = write_table (stream, sparse, &stream->at);
  if (error < 0)
    return error;
  if (stream->table >= 0)
    sparse->tables[stream->table]->pins--;
  stream->table = index;
  vmdk_sparse_add_table (sparse, index)->pins++;
  return 0;
}

int
vmdk_stream_write (VmdkStream *stream, VmdkSparse *sparse, uint64_t grain, const uint8_t *code, size_t size)
{
  uint64_t bytes = sectors_of (MARKER_HEAD + size) * VMDK_SECTOR;
  g_autofree uint8_t *buffer = NULL;
  int error;

  if (grain < stream->next)
    return -ESPIPE;
  if (stream->at + bytes / VMDK_SECTOR + 2 * sparse->gtes > UINT32_MAX)
    return -EFBIG;
  error = turn_to_table (stream, sparse, grain / sparse->gtes);
  if (error < 0)
    return error;
  buffer = g_malloc0 (bytes);
  store_le64 (buffer, grain * sparse->grain);
  store_le32 (buffer + 8, size);
  memcpy (buffer + MARKER_HEAD, code, size);
  stream->touched = true;
  error = store_write (sparse->store, stream->at * VMDK_SECTOR, buffer, bytes);
  if (error < 0)
    return error;
  sparse->tables[stream->table]->entries[grain % sparse->gtes] = stream->at;
  stream->at += bytes / VMDK_SECTOR;
  stream->next = grain + 1;
  sparse->end = stream->at;
  return 0;
}

int
vmdk_stream_finish (VmdkStream *stream, VmdkSparse *sparse)
{
  uint64_t at = stream->at;
  int error = 0;

  if (!stream->touched)
    return 0;
  error = store_sync (sparse->store);
  if (error == 0)
    error = write_table (stream, sparse, &at);
  if (error == 0)
    error = write_tail (sparse->store, at, sparse->header, sparse->gd, sparse->n_gd);
  stream->touched = error < 0;
  return error;
}

int
vmdk_stream_create (ImageStore *store, const uint8_t *header, const char *text)
{
  uint64_t capacity = load_le64 (header + VMDK_H_CAPACITY), span = VMDK_GRAIN * VMDK_GTES;
  uint32_t n_gd = (capacity + span - 1) / span;
  g_autofree uint32_t *gd = g_new0 (uint32_t, n_gd);
  int error = store_write (store, 0, header, VMDK_H_SIZE);

  if (error == 0)
    error = store_write (store, load_le64 (header + VMDK_H_DESCRIPTOR) * VMDK_SECTOR, text, strlen (text));
  return error == 0 ? write_tail (store, load_le64 (header + VMDK_H_OVERHEAD), header, gd, n_gd) : error;
}
