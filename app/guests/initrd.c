/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/guests/initrd.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct Initrd {
  GByteArray *bytes;
  unsigned n_entries;
};

Initrd *
initrd_new (void)
{
  Initrd *initrd = g_new0 (Initrd, 1);

  initrd->bytes = g_byte_array_new ();
  return initrd;
}

void
initrd_free (Initrd *initrd)
{
  explicit_bzero (initrd->bytes->data, initrd->bytes->len); /* answers for an installer are secret */
  g_byte_array_unref (initrd->bytes);
  g_free (initrd);
}

/* Names and contents are padded to four bytes. */
static void
pad (Initrd *initrd)
{
  static const guint8 zeroes[4];

  g_byte_array_append (initrd->bytes, zeroes, (4 - initrd->bytes->len % 4) % 4);
}

static void
add_entry (Initrd *initrd, const char *path, unsigned mode, const void *content, gsize length)
{
  /* c_magic, c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_maj, c_min, c_rmaj, c_rmin,
   * c_namesize, c_chksum */
  g_autofree char *header =
    g_strdup_printf ("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ++initrd->n_entries, mode,
                     0u, 0u, 1u, 0u, (unsigned)length, 0u, 0u, 0u, 0u, (unsigned)strlen (path) + 1, 0u);

  g_byte_array_append (initrd->bytes, (const guint8 *)header, (guint)strlen (header));
  g_byte_array_append (initrd->bytes, (const guint8 *)path, (guint)strlen (path) + 1);
  pad (initrd);
  if (length > 0)
    g_byte_array_append (initrd->bytes, content, (guint)length);
  pad (initrd);
}

void
initrd_add_folder (Initrd *initrd, const char *path)
{
  add_entry (initrd, path, S_IFDIR | 0755, NULL, 0);
}

void
initrd_add (Initrd *initrd, const char *path, unsigned mode, const void *content, gsize length)
{
  add_entry (initrd, path, S_IFREG | mode, content, length);
}

void
initrd_add_link (Initrd *initrd, const char *path, const char *target)
{
  add_entry (initrd, path, S_IFLNK | 0777, target, strlen (target));
}

bool
initrd_add_file (Initrd *initrd, const char *path, unsigned mode, const char *from, GError **error)
{
  g_autofree char *content = NULL;
  gsize length;

  if (!g_file_get_contents (from, &content, &length, error))
    return false;
  initrd_add (initrd, path, mode, content, length);
  return true;
}

bool
initrd_save (Initrd *initrd, const char *path, GError **error)
{
  add_entry (initrd, "TRAILER!!!", 0, NULL, 0);
  return bundle_replace_file (path, (const char *)initrd->bytes->data, initrd->bytes->len, error);
}

static bool
write_all (int fd, const guint8 *bytes, gsize length)
{
  while (length > 0)
    {
      ssize_t n = write (fd, bytes, length);

      if (n < 0 && errno != EINTR)
        return false;
      bytes += n > 0 ? n : 0;
      length -= n > 0 ? (gsize)n : 0;
    }
  return true;
}

/* Archives begin at multiples of four; zeroes between them don't count (buffer-format.rst). */
bool
initrd_append_to (Initrd *initrd, const char *path, GError **error)
{
  static const guint8 zeroes[4];
  int fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC);
  struct stat st;
  bool written;

  if (fd < 0 || fstat (fd, &st) < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't add to %s", path);
      if (fd >= 0)
        close (fd);
      return false;
    }
  add_entry (initrd, "TRAILER!!!", 0, NULL, 0);
  written = write_all (fd, zeroes, (gsize)(-st.st_size & 3))
            && write_all (fd, initrd->bytes->data, initrd->bytes->len) && fsync (fd) == 0;
  if (!written)
    bonsai_set_errno_error (error, errno, "Can't add to %s", path);
  close (fd);
  return written;
}
