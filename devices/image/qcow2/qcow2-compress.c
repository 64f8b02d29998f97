/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include <errno.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/*
 * Compressed clusters: a raw deflate stream (RFC 1951) or Zstandard frames (RFC 8878). A code ends somewhere
 * in its last sector: what follows belongs to others, and decoding stops when the cluster is full.
 */

/* The window that others' decoders have, as a power of two (negative: no zlib header). */
#define DEFLATE_WINDOW (-12)
#define INFLATE_WINDOW (-15)
#define DEFLATE_MEMORY 9

/* What a descriptor can say at most: sectors for twice the cluster. */
static uint64_t
longest_code (const Qcow2 *q)
{
  return 2 * (uint64_t)q->cluster + QCOW2_SECTOR;
}

/* --- decoding: nothing outside of @code and @out is touched, whatever the code says --- */

static int
inflate_code (const uint8_t *code, size_t code_size, uint8_t *out, size_t size)
{
  z_stream stream = {
    .next_in = (uint8_t *)code,
    .avail_in = (unsigned)code_size,
    .next_out = out,
    .avail_out = (unsigned)size,
  };
  int result = inflateInit2 (&stream, INFLATE_WINDOW);

  if (result != Z_OK)
    return -ENOMEM;
  result = inflate (&stream, Z_FINISH);
  inflateEnd (&stream);
  if (result == Z_MEM_ERROR)
    return -ENOMEM;
  return (result == Z_STREAM_END || result == Z_BUF_ERROR) && stream.avail_out == 0 ? 0 : -EIO;
}

static int
unpack_zstd (const uint8_t *code, size_t code_size, uint8_t *out, size_t size)
{
  while (size > 0)
    {
      size_t frame = ZSTD_findFrameCompressedSize (code, code_size), n;

      if (ZSTD_isError (frame))
        return -EIO;
      /* Frame by frame in one go: no window is allocated, however large the frame says it is. */
      n = ZSTD_decompress (out, size, code, frame);
      if (ZSTD_isError (n))
        return ZSTD_getErrorCode (n) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
      code += frame;
      code_size -= frame;
      out += n;
      size -= n;
    }
  return 0;
}

int
qcow2_decode (ImageLayer *layer, const LayerExtent *extent, uint8_t *out)
{
  const Qcow2 *q = QCOW2 (layer);
  g_autofree uint8_t *code = NULL;
  int result;

  if (extent->code_size == 0 || extent->code_size > longest_code (q))
    return -EIO;
  code = g_try_malloc (extent->code_size);
  if (code == NULL)
    return -ENOMEM;
  result = store_read (extent->store, extent->offset, code, extent->code_size);
  if (result < 0)
    return result;
  if (q->compression == QCOW2_ZSTD)
    return unpack_zstd (code, extent->code_size, out, q->cluster);
  return inflate_code (code, extent->code_size, out, q->cluster);
}

/* --- encoding --- */

static int
deflate_cluster (const uint8_t *data, size_t size, uint8_t *code)
{
  z_stream stream = {
    .next_in = (uint8_t *)data,
    .avail_in = (unsigned)size,
    .next_out = code,
    .avail_out = (unsigned)size - 1,
  };
  int result = deflateInit2 (&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, DEFLATE_WINDOW, DEFLATE_MEMORY,
                             Z_DEFAULT_STRATEGY);

  if (result != Z_OK)
    return -ENOMEM;
  result = deflate (&stream, Z_FINISH);
  deflateEnd (&stream);
  return result == Z_STREAM_END ? (int)stream.total_out : -E2BIG;
}

static int
pack_zstd (const uint8_t *data, size_t size, uint8_t *code)
{
  size_t n = ZSTD_compress (code, size - 1, data, size, ZSTD_CLEVEL_DEFAULT);

  if (!ZSTD_isError (n))
    return (int)n;
  return ZSTD_getErrorCode (n) == ZSTD_error_memory_allocation ? -ENOMEM : -E2BIG;
}

int
qcow2_compress (ImageLayer *layer, const uint8_t *data, uint8_t *code)
{
  const Qcow2 *q = QCOW2 (layer);

  if (q->crypt_method != QCOW2_CRYPT_NONE)
    return -EOPNOTSUPP;
  if (q->compression == QCOW2_ZSTD)
    return pack_zstd (data, q->cluster, code);
  return deflate_cluster (data, q->cluster, code);
}

int
qcow2_write_code (ImageLayer *layer, uint64_t offset, const uint8_t *code, size_t size)
{
  const Qcow2 *q = QCOW2 (layer);
  uint64_t store_offset;
  int result;

  if (q->crypt_method != QCOW2_CRYPT_NONE)
    return -EOPNOTSUPP;
  if (offset % q->cluster != 0 || size == 0 || size >= q->cluster)
    return -EINVAL;
  result = qcow2_alloc_code (layer, (unsigned)size, &store_offset);
  if (result < 0)
    return result;
  result = store_write (layer->store, store_offset, code, size);
  if (result == 0)
    result = qcow2_link_code (layer, offset, store_offset, (unsigned)size);
  if (result < 0)
    qcow2_undo_code (layer, store_offset, (unsigned)size);
  return result;
}
