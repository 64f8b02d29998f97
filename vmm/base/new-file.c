/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/new-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

static bool
write_fully (int fd, const uint8_t *data, size_t size)
{
  while (size > 0)
    {
      ssize_t n = write (fd, data, size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return false;
      data += n;
      size -= (size_t)n;
    }
  return true;
}

bool
new_file_write (const char *path, const struct iovec *pieces, unsigned n)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool ok = fd >= 0;
  int saved_errno;

  for (unsigned i = 0; i < n && ok; i++)
    ok = write_fully (fd, pieces[i].iov_base, pieces[i].iov_len);
  ok = ok && fsync (fd) == 0;
  saved_errno = errno;
  if (fd >= 0)
    close (fd);
  errno = saved_errno;
  return ok;
}
