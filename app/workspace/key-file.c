/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/key-file.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "devices/image/luks/luks-crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *
key_file_path (const char *data, const char *name)
{
  g_autofree char *file = g_strconcat (name, ".key", NULL);

  return g_build_filename (data, "bonsai", "keys", file, NULL);
}

/* On failure errno is set and nothing stays. */
static bool
write_random (char *path)
{
  int fd = g_mkstemp_full (path, O_WRONLY | O_CLOEXEC, 0600), saved_errno;
  KeyBytes key;
  bool done;

  if (fd < 0)
    return false;
  errno = EIO; /* of a kernel without random bytes */
  done =
    secret_random (key, sizeof key) && write (fd, key, sizeof key) == (ssize_t)sizeof key && fsync (fd) == 0;
  saved_errno = errno;
  explicit_bzero (key, sizeof key);
  close (fd);
  if (!done)
    unlink (path);
  errno = saved_errno;
  return done;
}

bool
key_file_make (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX.new", NULL);
  int linked, saved_errno;

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return true;
  if (g_mkdir_with_parents (folder, 0700) < 0 || chmod (folder, 0700) < 0 || !write_random (temporary))
    return bonsai_set_errno_error (error, errno, "Can't make the key %s", path);
  linked = link (temporary, path);
  saved_errno = errno;
  unlink (temporary);
  if (linked < 0 && saved_errno != EEXIST)
    return bonsai_set_errno_error (error, saved_errno, "Can't make the key %s", path);
  return bundle_sync_folder (folder, error);
}

static bool
check (int fd, const char *path, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) < 0)
    return bonsai_set_errno_error (error, errno, "Can't read the key %s", path);
  if (!S_ISREG (st.st_mode) || st.st_size != KEY_FILE_SIZE)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   "The key %s is damaged: it has to be a file of %u bytes; bring it back from a backup",
                   path, KEY_FILE_SIZE);
      return false;
    }
  if ((st.st_mode & 077) != 0 || st.st_uid != geteuid ())
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   "The key %s isn't its owner's alone: others may know it (chmod 600 closes it)", path);
      return false;
    }
  return true;
}

bool
key_file_read (const char *path, KeyBytes key, GError **error)
{
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  bool done;

  if (fd < 0)
    return bonsai_set_errno_error (error, errno, "Can't read the key %s", path);
  done = check (fd, path, error);
  if (done && read (fd, key, KEY_FILE_SIZE) != (ssize_t)KEY_FILE_SIZE)
    done = bonsai_set_errno_error (error, errno, "Can't read the key %s", path);
  close (fd);
  return done;
}
