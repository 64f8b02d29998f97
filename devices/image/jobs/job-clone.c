/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/job-convert.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/*
 * Where source and target are files of one file system that can share blocks, sharing replaces copying:
 * FICLONERANGE, ioctl_ficlonerange(2). Network file systems copy on the server: copy_file_range(2). On others
 * copy_file_range would read and write inside the kernel, zeroes included: there a buffer does better.
 */

#define NFS_MAGIC  0x6969
#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42

struct JobCloner {
  int fd;
  dev_t device;
  uint64_t block;
  bool server_copies;

  GHashTable *sources; /* path → fd + 1; 0: not one to clone from. Used under the pieces' @next lock */
  int given_up;        /* atomic */
};

static bool
copied_by_server (int fd)
{
  struct statfs fs;

  if (fstatfs (fd, &fs) < 0)
    return false;
  return (uint32_t)fs.f_type == NFS_MAGIC || (uint32_t)fs.f_type == CIFS_MAGIC
         || (uint32_t)fs.f_type == SMB2_MAGIC;
}

JobCloner *
job_cloner_new (const char *target)
{
  JobCloner *cloner;
  struct stat st;
  int fd = open (target, O_WRONLY | O_CLOEXEC);

  if (fd < 0)
    return NULL;
  if (fstat (fd, &st) < 0 || !S_ISREG (st.st_mode))
    {
      close (fd);
      return NULL;
    }
  cloner = g_new0 (JobCloner, 1);
  cloner->fd = fd;
  cloner->device = st.st_dev;
  cloner->block = MAX (st.st_blksize, 512);
  cloner->server_copies = copied_by_server (fd);
  cloner->sources = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return cloner;
}

void
job_cloner_free (JobCloner *cloner)
{
  GHashTableIter iter;
  gpointer fd;

  if (cloner == NULL)
    return;
  g_hash_table_iter_init (&iter, cloner->sources);
  while (g_hash_table_iter_next (&iter, NULL, &fd))
    if (fd != NULL)
      close (GPOINTER_TO_INT (fd) - 1);
  g_hash_table_unref (cloner->sources);
  close (cloner->fd);
  g_free (cloner);
}

/* -1: not one to clone from. */
static int
source_of (JobCloner *cloner, const char *path)
{
  gpointer known;
  struct stat st;
  int fd;

  if (g_hash_table_lookup_extended (cloner->sources, path, NULL, &known))
    return GPOINTER_TO_INT (known) - 1;
  /* O_NONBLOCK: whatever may stand there by now, opening it must not wait. */
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0 && (fstat (fd, &st) < 0 || !S_ISREG (st.st_mode) || st.st_dev != cloner->device))
    {
      close (fd);
      fd = -1;
    }
  g_hash_table_insert (cloner->sources, g_strdup (path), GINT_TO_POINTER (fd + 1));
  return fd;
}

uint64_t
job_cloner_offer (JobCloner *cloner, const ImageExtent *extent, uint64_t length, int *source)
{
  uint64_t block;

  if (cloner == NULL || g_atomic_int_get (&cloner->given_up) || !extent->data || extent->encoded
      || extent->path == NULL || extent->host_offset == UINT64_MAX)
    return 0;
  block = cloner->server_copies ? 1 : cloner->block;
  length -= length % block;
  if (length == 0 || extent->offset % block != 0 || extent->host_offset % block != 0)
    return 0;
  *source = source_of (cloner, extent->path);
  return *source >= 0 ? length : 0;
}

static bool
server_copy (JobCloner *cloner, int source, const ImageExtent *extent, uint64_t length)
{
  off_t from = (off_t)extent->host_offset, to = (off_t)extent->offset;

  while (length > 0)
    {
      ssize_t n = copy_file_range (source, &from, cloner->fd, &to, length, 0);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return false;
      length -= (uint64_t)n;
    }
  return true;
}

bool
job_cloner_clone (JobCloner *cloner, int source, const ImageExtent *extent, uint64_t length)
{
  const struct file_clone_range range = {
    .src_fd = source,
    .src_offset = extent->host_offset,
    .src_length = length,
    .dest_offset = extent->offset,
  };

  if (g_atomic_int_get (&cloner->given_up))
    return false;
  if (ioctl (cloner->fd, FICLONERANGE, &range) == 0
      || (cloner->server_copies && server_copy (cloner, source, extent, length)))
    return true;
  /* A range may be refused by itself (EINVAL: swap files, odd alignment); other causes hold for all. */
  if (errno != EINVAL)
    g_atomic_int_set (&cloner->given_up, true);
  return false;
}
