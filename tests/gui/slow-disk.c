/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that takes its time, by LD_PRELOAD: each flush waits for as many milliseconds as $SLOW_DISK says,
 * and while there is a file $FULL_DISK it has no room. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int
fsync (int fd)
{
  const char *pause = getenv ("SLOW_DISK"), *full = getenv ("FULL_DISK");

  if (pause != NULL)
    poll (NULL, 0, atoi (pause));
  if (full != NULL && access (full, F_OK) == 0)
    {
      errno = ENOSPC;
      return -1;
    }
  return (int)syscall (SYS_fsync, fd);
}
