/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/bounce.h"

#include "vmm/base/iov.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_SIZE (UINT64_C (256) << 10)

/* A part of a transfer, and the units around it in aligned memory. */
typedef struct {
  const HostFile *file;
  uint64_t file_size;
  uint8_t *buffer;
  uint64_t offset, end; /* what is asked for */
  uint64_t start, stop; /* the units: buffer[0] is the byte at start */
} Piece;

static int
piece_alloc (Piece *piece, const HostFile *file, uint64_t size)
{
  void *memory;

  *piece = (Piece){ .file = file, .file_size = size };
  if (posix_memalign (&memory, file->alignment, BUFFER_SIZE + 2 * file->alignment) != 0)
    return -ENOMEM;
  piece->buffer = memory;
  return 0;
}

static void
piece_set (Piece *piece, uint64_t offset, uint64_t left)
{
  uint64_t mask = piece->file->alignment - 1;

  piece->offset = offset;
  piece->end = offset + MIN (left, BUFFER_SIZE - (offset & mask));
  piece->start = offset & ~mask;
  piece->stop = (piece->end + mask) & ~mask;
}

/* [from, to) into the buffer: whole units. Returns where the file ended, or -errno. */
static int64_t
read_units (const Piece *piece, uint64_t from, uint64_t to)
{
  uint64_t at = from;

  while (at < to && (at & (piece->file->alignment - 1)) == 0)
    {
      ssize_t n = pread (piece->file->fd, piece->buffer + (at - piece->start), to - at, (off_t)at);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -errno;
      if (n == 0)
        break;
      at += (uint64_t)n;
    }
  return (int64_t)at;
}

/* [from, to) of the buffer to the file by way of @fd. */
static int
write_bytes (const Piece *piece, int fd, uint64_t from, uint64_t to)
{
  while (from < to)
    {
      ssize_t n = pwrite (fd, piece->buffer + (from - piece->start), to - from, (off_t)from);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -errno;
      if (fd == piece->file->fd)
        n -= (ssize_t)((uint64_t)n & (piece->file->alignment - 1));
      if (n == 0)
        return -ENOSPC; /* not even a unit */
      from += (uint64_t)n;
    }
  return 0;
}

static int
read_piece (const Piece *piece)
{
  int64_t end = read_units (piece, piece->start, piece->stop);

  if (end < 0)
    return (int)end;
  if ((uint64_t)end >= piece->end)
    return 0;
  if ((uint64_t)end < MIN (piece->file_size, piece->end))
    return -EIO; /* someone cut the file */
  memset (piece->buffer + ((uint64_t)end - piece->start), 0, piece->end - (uint64_t)end);
  return 0;
}

static int
read_unit (const Piece *piece, uint64_t at)
{
  uint64_t end = at + piece->file->alignment;
  int64_t read_end = read_units (piece, at, end);

  return read_end < 0 ? (int)read_end : (uint64_t)read_end < end ? -EIO : 0;
}

/* What the first and the last unit hold besides. */
static int
read_around (const Piece *piece)
{
  uint64_t last = piece->stop - piece->file->alignment;
  bool head = piece->start < piece->offset, tail = piece->end < piece->stop;
  int result = 0;

  if (head)
    result = read_unit (piece, piece->start);
  if (result == 0 && tail && !(head && last == piece->start))
    result = read_unit (piece, last);
  return result;
}

static void
fill_piece (const Piece *piece, const struct iovec *iov, unsigned n_iov, uint64_t skip)
{
  uint8_t *data = piece->buffer + (piece->offset - piece->start);

  if (iov == NULL)
    memset (data, 0, piece->end - piece->offset);
  else
    iov_gather (iov, n_iov, skip, data, piece->end - piece->offset);
}

int
bounce_read (const HostFile *file, uint64_t size, uint64_t offset, const struct iovec *iov, unsigned n_iov)
{
  uint64_t left = iov_size (iov, n_iov), skip = 0;
  Piece piece;
  int result = piece_alloc (&piece, file, size);

  while (left > skip && result == 0)
    {
      piece_set (&piece, offset + skip, left - skip);
      result = read_piece (&piece);
      if (result == 0)
        iov_scatter (iov, n_iov, skip, piece.buffer + (piece.offset - piece.start), piece.end - piece.offset);
      skip += piece.end - piece.offset;
    }
  free (piece.buffer);
  return result;
}

int
bounce_write (const HostFile *file, uint64_t size, uint64_t offset, const struct iovec *iov, unsigned n_iov,
              uint64_t length)
{
  uint64_t skip = 0;
  Piece piece;
  int result = piece_alloc (&piece, file, size);

  while (skip < length && result == 0)
    {
      bool beyond;

      piece_set (&piece, offset + skip, length - skip);
      /* Whole units alone may make the file grow by O_DIRECT. */
      beyond = piece.stop > piece.file_size && (piece.start < piece.offset || piece.end < piece.stop);
      if (!beyond)
        result = read_around (&piece);
      fill_piece (&piece, iov, n_iov, skip);
      if (result == 0 && beyond)
        result = write_bytes (&piece, file->buffered_fd, piece.offset, piece.end);
      else if (result == 0)
        result = write_bytes (&piece, file->fd, piece.start, piece.stop);
      skip += piece.end - piece.offset;
    }
  free (piece.buffer);
  return result;
}
