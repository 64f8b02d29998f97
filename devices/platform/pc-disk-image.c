/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 4096u

/* --- passphrases --- */

/* Others must not be able to read it. Returns the descriptor or -1. */
static int
open_secret (const DiskSpec *disk, GError **error)
{
  const char *path = disk->options.secret_file;
  struct stat status;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0 || fstat (fd, &status) < 0)
    vmm_set_errno_error (error, errno, "Can't read the passphrase of disk %s from “%s”", disk->id, path);
  else if (!S_ISREG (status.st_mode))
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The passphrase of disk %s can't come from “%s”, which is no file", disk->id, path);
  else if (status.st_mode & 077)
    g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
                 "The passphrase of disk %s in “%s” may be read by others; protect it with “chmod 600”",
                 disk->id, path);
  else
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

/* The file's bytes but for a newline at their end. False with @error set. */
static bool
read_secret (const DiskSpec *disk, uint8_t *data, size_t *length, GError **error)
{
  int fd = open_secret (disk, error);
  ssize_t n = 0;

  *length = 0;
  if (fd < 0)
    return false;
  do
    {
      n = read (fd, data + *length, SECRET_MAX + 1 - *length);
      *length += MAX (n, 0);
    }
  while (n > 0 || (n < 0 && errno == EINTR));
  close (fd);
  if (*length > 0 && data[*length - 1] == '\n')
    (*length)--;
  if (n == 0 && *length > 0 && *length <= SECRET_MAX)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "The passphrase of disk %s in “%s” is empty, longer than %u bytes, or can't be read", disk->id,
               disk->options.secret_file, SECRET_MAX);
  return false;
}

/* --- images --- */

/* A format that nobody recorded: what the guest can write is raw, and must not look like anything else. */
static bool
is_raw (EventLoop *loop, const DiskSpec *disk, GError **error)
{
  const ImageOptions look = { .read_only = true, .no_backing = true, .lenient = true };
  g_autoptr (Image) image = image_open (loop, disk->path, &look, error);
  const char *format;

  if (image == NULL)
    return false;
  format = image_format_name (image);
  if (g_str_equal (format, "raw"))
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    "Disk %s has no format recorded, and “%s” looks like %s. If it is, say so with format \"%s\"; if "
    "a guest wrote that into a raw disk, with format \"raw\"",
    disk->id, disk->path, format, format);
  return false;
}

bool
pc_open_image (EventLoop *loop, const DiskSpec *disk, Image **image, GError **error)
{
  const DiskOptions *options = &disk->options;
  bool read_only = disk->read_only || disk->kind == DISK_KIND_CDROM;
  uint8_t data[SECRET_MAX + 1];
  ImageSecret secret = { .data = data };
  ImageOptions how = {
    .read_only = read_only,
    .exclusive_lock = !read_only,
    .format = options->format,
    .direct = options->cache == DISK_CACHE_DIRECT,
    .write_through = options->cache == DISK_CACHE_WRITETHROUGH,
    .unsafe = options->cache == DISK_CACHE_UNSAFE,
    .no_discard = options->discard == DISK_DISCARD_IGNORE,
    .keys = options->keys,
  };

  *image = NULL;
  if (disk->path == NULL || *disk->path == '\0')
    return true;
  if (options->secret != NULL)
    secret.data = g_bytes_get_data (options->secret, &secret.length);
  else if (options->secret_file != NULL && !read_secret (disk, data, &secret.length, error))
    return false;
  if (options->secret != NULL || options->secret_file != NULL)
    how.secret = &secret;
  if (how.format != NULL || disk->kind == DISK_KIND_CDROM || is_raw (loop, disk, error))
    {
      if (how.format == NULL && disk->kind != DISK_KIND_CDROM)
        how.format = "raw";
      *image = image_open (loop, disk->path, &how, error);
    }
  explicit_bzero (data, sizeof data);
  if (*image == NULL)
    return false;
  image_set_limits (*image, &options->limits);
  return true;
}
