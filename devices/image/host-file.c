/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/host-file.h"

#include "devices/image/file-lock.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool
refuse_kind (const char *path, mode_t mode, GError **error)
{
  const char *kind, *remedy = N_ ("choose a disk image file or a block device");

  if (S_ISREG (mode) || S_ISBLK (mode))
    return true;
  if (S_ISDIR (mode))
    kind = N_ ("a folder"), remedy = N_ ("choose a disk image inside it");
  else if (S_ISFIFO (mode))
    kind = N_ ("a named pipe");
  else if (S_ISSOCK (mode))
    kind = N_ ("a socket");
  else
    kind = N_ ("a character device");
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, _ ("“%s” is %s, not a disk image; %s"), path, _ (kind),
               _ (remedy));
  return false;
}

static void
set_open_error (GError **error, const char *path, bool read_only, int saved_errno)
{
  switch (saved_errno)
    {
    case ENOENT:
    case ENOTDIR:
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   _ ("Disk image “%s” does not exist; put it back where it was, or choose another one"),
                   path);
      break;
    case EACCES:
    case EPERM:
      g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
                   read_only
                     ? _ ("You may not read disk image “%s” (%s); change its owner or permissions")
                     : _ ("You may not write to disk image “%s” (%s); change its owner or permissions, "
                          "or attach it read-only"),
                   path, g_strerror (saved_errno));
      break;
    case EROFS:
      g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
                   _ ("Disk image “%s” lies on a read-only file system; move it, or attach it read-only"),
                   path);
      break;
    case EBUSY:
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                   _ ("Disk “%s” is in use by this computer (mounted, or part of a volume); unmount it, or "
                      "attach it read-only"),
                   path);
      break;
    case ETXTBSY:
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                   _ ("Disk image “%s” is being executed; end that program first"), path);
      break;
    default:
      vmm_set_errno_error (error, saved_errno, _ ("Can't open disk image “%s”"), path);
    }
}

/* By way of O_PATH, so that what is opened is what was looked at. */
static int
open_checked (const char *path, bool read_only, struct stat *st, GError **error)
{
  char link[64];
  int probe = open (path, O_PATH | O_CLOEXEC), fd;
  int flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

  if (probe < 0)
    {
      set_open_error (error, path, read_only, errno);
      return -1;
    }
  if (fstat (probe, st) < 0)
    {
      set_open_error (error, path, read_only, errno);
      close (probe);
      return -1;
    }
  if (!refuse_kind (path, st->st_mode, error))
    {
      close (probe);
      return -1;
    }

  /* On block devices O_EXCL keeps off what the kernel itself uses. */
  if (S_ISBLK (st->st_mode) && !read_only)
    flags |= O_EXCL;
  g_snprintf (link, sizeof link, "/proc/self/fd/%d", probe);
  fd = open (link, flags);
  if (fd < 0)
    set_open_error (error, path, read_only, errno);
  close (probe);
  return fd;
}

static bool
measure (HostFile *file, const struct stat *st, GError **error)
{
  unsigned block = 4096;

  file->size = st->st_size;
  if (file->is_block_device)
    {
      if (ioctl (file->fd, BLKGETSIZE64, &file->size) < 0)
        return vmm_set_errno_error (error, errno, "Can't find out the size of disk “%s”", file->path);
      if (ioctl (file->fd, BLKPBSZGET, &block) < 0)
        block = 512;
    }
  file->block_size = block >= 512 && block <= 65536 && (block & (block - 1)) == 0 ? block : 4096;
  return true;
}

/* Since Linux 6.1 the file system says what O_DIRECT needs; before, a page is always enough. */
static unsigned
direct_alignment (int fd)
{
  unsigned alignment = 4096;
#ifdef STATX_DIOALIGN
  struct statx st;

  if (statx (fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == 0 && (st.stx_mask & STATX_DIOALIGN)
      && st.stx_dio_offset_align > 0)
    alignment = MAX (MAX (st.stx_dio_offset_align, st.stx_dio_mem_align), 512);
#endif
  return (alignment & (alignment - 1)) == 0 ? alignment : 4096;
}

/* Keeps the first descriptor for what isn't aligned. A file system without O_DIRECT is used as it is. */
static void
open_direct (HostFile *file)
{
  char link[64];
  int fd;

  g_snprintf (link, sizeof link, "/proc/self/fd/%d", file->fd);
  fd = open (link, (file->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_DIRECT);
  if (fd < 0)
    return;
  file->buffered_fd = file->fd;
  file->fd = fd;
  file->alignment = direct_alignment (fd);
}

static bool
are_writes_brief (int fd)
{
  struct statfs fs;

  return fstatfs (fd, &fs) == 0 && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC);
}

bool
host_file_open (HostFile *file, const char *path, const StoreOptions *options, GError **error)
{
  struct stat st;

  *file = (HostFile){ .fd = -1, .buffered_fd = -1, .read_only = options->read_only, .alignment = 1 };
  file->fd = open_checked (path, options->read_only, &st, error);
  if (file->fd < 0)
    return false;
  file->path = g_strdup (path);
  file->is_block_device = S_ISBLK (st.st_mode);
  if ((options->lock
       && !file_lock_take (file->fd, path, options->read_only ? STORE_LOCK_SHARED : STORE_LOCK_EXCLUSIVE,
                           error))
      || !measure (file, &st, error))
    {
      host_file_close (file);
      return false;
    }
  if (options->direct)
    open_direct (file);
  file->writes_are_brief = file->alignment == 1 && !file->is_block_device && are_writes_brief (file->fd);
  return true;
}

bool
host_file_create (HostFile *file, const char *path, GError **error)
{
  *file = (HostFile){ .fd = -1, .buffered_fd = -1, .block_size = 4096, .alignment = 1 };
  file->fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file->fd < 0 && errno == EEXIST)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "“%s” exists already; choose another name, or delete it first", path);
      return false;
    }
  if (file->fd < 0)
    return vmm_set_errno_error (error, errno, "Can't create disk image “%s”", path);
  file->path = g_strdup (path);
  if (file_lock_take (file->fd, path, STORE_LOCK_EXCLUSIVE, error))
    return true;
  host_file_close (file);
  return false;
}

bool
host_file_lock (HostFile *file, StoreLock lock, GError **error)
{
  return file_lock_take (file->buffered_fd >= 0 ? file->buffered_fd : file->fd, file->path, lock, error);
}

void
host_file_close (HostFile *file)
{
  if (file->fd >= 0)
    close (file->fd);
  if (file->buffered_fd >= 0)
    close (file->buffered_fd);
  file->fd = file->buffered_fd = -1;
  g_clear_pointer (&file->path, g_free);
}

int
host_file_fd (const HostFile *file, uint64_t offset, const struct iovec *iov, unsigned n_iov)
{
  uint64_t bits = offset;

  if (file->alignment == 1)
    return file->fd;
  for (unsigned i = 0; i < n_iov; i++)
    bits |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
  return (bits & (file->alignment - 1)) == 0 ? file->fd : file->buffered_fd;
}
