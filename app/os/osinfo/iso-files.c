/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files from and onto ISO 9660 volumes, by libarchive. */
#include "app/os/osinfo/osinfo-private.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK       (64 * 1024)
#define MAX_ENTRIES 1000000
#define MAX_FILE    (INT64_C (1) << 30) /* a kernel or an initial RAM disk is not larger */
#define MAX_OUTPUT  (4 * 1024 * 1024)   /* of text for an installer, with the volume around it */

static bool
fail (struct archive *archive, const char *path, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Can't read “%s”: %s", path,
               archive_error_string (archive));
  return false;
}

static bool
fail_errno (GError **error, int saved_errno, const char *what, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno), "%s “%s”: %s", what, path,
               g_strerror (saved_errno));
  return false;
}

/* --- reading --- */

static bool
copy_data (struct archive *archive, const char *iso, int fd, GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      const void *block;
      size_t length;
      la_int64_t offset;
      int status = archive_read_data_block (archive, &block, &length, &offset);

      if (status == ARCHIVE_EOF)
        return true;
      if (status < ARCHIVE_WARN)
        return fail (archive, iso, error);
      if (offset < 0 || offset + (int64_t)length > MAX_FILE)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "A file on “%s” is larger than 1 GiB",
                       iso);
          return false;
        }
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return false;
      for (size_t done = 0; done < length;)
        {
          ssize_t n = pwrite (fd, (const char *)block + done, length - done, offset + (off_t)done);

          if (n < 0 && errno != EINTR)
            return fail_errno (error, errno, "Can't copy a file from", iso);
          done += n > 0 ? (size_t)n : 0;
        }
    }
}

static bool
copy_entry (struct archive *archive, const char *iso, const char *to, GCancellable *cancellable,
            GError **error)
{
  int fd = open (to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool copied;

  if (fd < 0)
    return fail_errno (error, errno, "Can't write", to);
  copied = copy_data (archive, iso, fd, cancellable, error);
  if (close (fd) < 0 && copied)
    copied = fail_errno (error, errno, "Can't write", to);
  if (!copied)
    unlink (to);
  return copied;
}

/* Without Rock Ridge names are in capitals, and may end in a version. */
static bool
is_name (const char *entry, const char *name)
{
  size_t length = strlen (name);

  return entry != NULL && g_ascii_strncasecmp (entry, name, length) == 0
         && (entry[length] == '\0' || entry[length] == ';' || strcmp (entry + length, ".") == 0);
}

static bool
find_and_copy (struct archive *archive, const char *iso, const char *name, const char *to,
               GCancellable *cancellable, GError **error)
{
  struct archive_entry *entry;

  for (unsigned n = 0; n < MAX_ENTRIES; n++)
    {
      int status = archive_read_next_header (archive, &entry);

      if (status == ARCHIVE_EOF)
        break;
      if (status < ARCHIVE_WARN)
        return fail (archive, iso, error);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return false;
      if (archive_entry_filetype (entry) == AE_IFREG && is_name (archive_entry_pathname (entry), name))
        return copy_entry (archive, iso, to, cancellable, error);
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
               "“%s” lacks the file %s; install it by hand, or get another copy of the medium", iso, name);
  return false;
}

bool
iso_extract (const char *iso, const char *name, const char *to, GCancellable *cancellable, GError **error)
{
  struct archive *archive = archive_read_new ();
  bool done;

  while (*name == '/')
    name++;
  archive_read_support_format_iso9660 (archive);
  done = archive_read_open_filename (archive, iso, BLOCK) == ARCHIVE_OK
           ? find_and_copy (archive, iso, name, to, cancellable, error)
           : fail (archive, iso, error);
  archive_read_free (archive);
  return done;
}

/* --- writing --- */

static bool
add_file (struct archive *archive, const OsAnswerFile *file)
{
  struct archive_entry *entry = archive_entry_new ();
  size_t length = strlen (file->content);
  bool added;

  archive_entry_set_pathname (entry, file->name);
  archive_entry_set_filetype (entry, AE_IFREG);
  archive_entry_set_perm (entry, 0444);
  archive_entry_set_size (entry, (la_int64_t)length);
  archive_entry_set_mtime (entry, 0, 0);
  added = archive_write_header (archive, entry) >= ARCHIVE_WARN
          && archive_write_data (archive, file->content, length) == (la_ssize_t)length;
  archive_entry_free (entry);
  return added;
}

/* @volume: MAX_OUTPUT bytes. */
static bool
make_volume (const char *label, GPtrArray *files, char *volume, size_t *length, GError **error)
{
  struct archive *archive = archive_write_new ();
  bool made = archive_write_set_format_iso9660 (archive) == ARCHIVE_OK
              && archive_write_set_format_option (archive, "iso9660", "volume-id", label) == ARCHIVE_OK
              && archive_write_open_memory (archive, volume, MAX_OUTPUT, length) == ARCHIVE_OK;

  for (unsigned i = 0; made && i < files->len; i++)
    made = add_file (archive, files->pdata[i]);
  made = made && archive_write_close (archive) >= ARCHIVE_WARN;
  if (!made)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "Can't make the CD with the answers: %s",
                 archive_error_string (archive));
  archive_write_free (archive);
  return made;
}

bool
iso_write (const char *path, const char *label, GPtrArray *files, GError **error)
{
  g_autofree char *volume = g_malloc (MAX_OUTPUT);
  size_t length = 0;
  bool written =
    make_volume (label, files, volume, &length, error)
    && g_file_set_contents_full (path, volume, (gssize)length, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);

  explicit_bzero (volume, length);
  return written;
}
