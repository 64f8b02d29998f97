/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

/* Scattered memory as one run of bytes. All functions are pure but for the memory that they are given. */

static inline uint64_t
iov_size (const struct iovec *iov, unsigned n_iov)
{
  uint64_t size = 0;

  for (unsigned i = 0; i < n_iov; i++)
    size += iov[i].iov_len;
  return size;
}

/* The part [skip, skip + size) of @iov in @out, which has room for @max pieces. Returns the pieces used; the
 * part ends early where @iov or @out does. */
static inline unsigned
iov_slice (struct iovec *out, unsigned max, const struct iovec *iov, unsigned n_iov, uint64_t skip,
           uint64_t size)
{
  unsigned n = 0;

  for (unsigned i = 0; i < n_iov && n < max && size > 0; i++)
    {
      if (skip >= iov[i].iov_len)
        {
          skip -= iov[i].iov_len;
          continue;
        }
      out[n].iov_base = (char *)iov[i].iov_base + skip;
      out[n].iov_len = MIN (iov[i].iov_len - skip, size);
      size -= out[n++].iov_len;
      skip = 0;
    }
  return n;
}

/* Copies up to @size bytes out of @iov from byte @skip on; returns how many there were. */
static inline size_t
iov_gather (const struct iovec *iov, unsigned n_iov, uint64_t skip, void *buffer, size_t size)
{
  size_t done = 0;

  for (unsigned i = 0; i < n_iov && done < size; i++)
    {
      size_t n;

      if (skip >= iov[i].iov_len)
        {
          skip -= iov[i].iov_len;
          continue;
        }
      n = MIN (iov[i].iov_len - skip, size - done);
      memcpy ((char *)buffer + done, (const char *)iov[i].iov_base + skip, n);
      done += n;
      skip = 0;
    }
  return done;
}

/* Copies up to @size bytes into @iov from byte @skip on; returns how many fitted. @buffer NULL: zeroes. */
static inline size_t
iov_scatter (const struct iovec *iov, unsigned n_iov, uint64_t skip, const void *buffer, size_t size)
{
  size_t done = 0;

  for (unsigned i = 0; i < n_iov && done < size; i++)
    {
      size_t n;

      if (skip >= iov[i].iov_len)
        {
          skip -= iov[i].iov_len;
          continue;
        }
      n = MIN (iov[i].iov_len - skip, size - done);
      if (buffer != NULL)
        memcpy ((char *)iov[i].iov_base + skip, (const char *)buffer + done, n);
      else
        memset ((char *)iov[i].iov_base + skip, 0, n);
      done += n;
      skip = 0;
    }
  return done;
}
