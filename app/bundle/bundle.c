/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/bundle.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "devices/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SLUG         60
#define TEMPORARY_PREFIX ".new-"

char *
bundle_slug (const char *name)
{
  g_autofree char *ascii = g_str_to_ascii (name, "C");
  g_autoptr (GString) slug = g_string_new (NULL);

  for (const char *at = ascii; *at != '\0' && slug->len < MAX_SLUG; at++)
    {
      if (g_ascii_isalnum (*at))
        g_string_append_c (slug, g_ascii_tolower (*at));
      else if (slug->len > 0 && slug->str[slug->len - 1] != '-')
        g_string_append_c (slug, '-');
    }
  while (slug->len > 0 && slug->str[slug->len - 1] == '-')
    g_string_truncate (slug, slug->len - 1);
  if (slug->len == 0)
    g_string_append (slug, "machine");
  return g_string_free (g_steal_pointer (&slug), FALSE);
}

static bool
write_all (int fd, const char *content, gsize length)
{
  while (length > 0)
    {
      ssize_t n = write (fd, content, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return false;
      content += n;
      length -= (gsize)n;
    }
  return true;
}

gboolean
bundle_sync_folder (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int saved_errno;

  if (fd >= 0 && fsync (fd) == 0)
    return g_close (fd, error);
  saved_errno = errno;
  if (fd >= 0)
    close (fd);
  return bonsai_set_errno_error (error, saved_errno, _ ("Can't flush the folder %s"), path);
}

/* Fills the XXXXXX in @path, creates, writes, flushes. On failure nothing stays. */
static bool
write_new_file (char *path, const char *name, const char *content, gsize length, GError **error)
{
  int fd = g_mkstemp_full (path, O_WRONLY | O_CLOEXEC, 0644);
  int saved_errno;

  if (fd < 0)
    return bonsai_set_errno_error (error, errno, _ ("Can't write a new %s"), name);
  if (write_all (fd, content, length) && fsync (fd) == 0)
    return g_close (fd, error);
  saved_errno = errno;
  close (fd);
  unlink (path);
  return bonsai_set_errno_error (error, saved_errno, _ ("Can't write a new %s (an old one is unharmed)"),
                                 name);
}

bool
bundle_replace_file (const char *path, const char *content, gsize length, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX.new", NULL);

  if (!write_new_file (temporary, path, content, length, error))
    return false;
  if (rename (temporary, path) < 0)
    {
      int saved_errno = errno;

      unlink (temporary);
      return bonsai_set_errno_error (error, saved_errno, _ ("Can't replace %s"), path);
    }
  return bundle_sync_folder (folder, error);
}

VmConfig *
bundle_load (const char *path, GError **error)
{
  g_autofree char *file = g_build_filename (path, "vm.json", NULL);
  g_autofree char *text = NULL;
  struct stat st;
  gsize length;

  /* A FIFO would block, /dev/zero would never end. */
  if (stat (file, &st) < 0)
    {
      bonsai_set_errno_error (error, errno, _ ("Can't read %s"), file);
      return NULL;
    }
  if (!S_ISREG (st.st_mode) || st.st_size > 1024 * 1024)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s: %s", file,
                   S_ISREG (st.st_mode) ? _ ("larger than 1 MiB") : _ ("not a regular file"));
      return NULL;
    }
  if (!g_file_get_contents (file, &text, &length, error))
    return NULL;
  return vm_config_parse (text, length, "vm.json", error);
}

/* Left over by a process that died while it saved. */
static void
remove_leftovers (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, "vm.json.") && g_str_has_suffix (name, ".new"))
      {
        g_autofree char *leftover = g_build_filename (path, name, NULL);

        unlink (leftover);
      }
}

bool
bundle_save (const char *path, const VmConfig *config, GError **error)
{
  g_autofree char *file = g_build_filename (path, "vm.json", NULL);
  g_autofree char *text = NULL;

  if (!vm_config_check (config, error))
    return false;
  text = vm_config_to_json (config);
  if (!bundle_replace_file (file, text, strlen (text), error))
    return false;
  remove_leftovers (path);
  return true;
}

/* --- making one --- */

static bool
make_folder (const char *parent, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (parent, name, NULL);

  if (g_mkdir_with_parents (path, 0755) < 0)
    return bonsai_set_errno_error (error, errno, _ ("Can't create the folder %s"), path);
  return true;
}

bool
bundle_check_disk_size (const char *path, uint64_t size, GError **error)
{
  g_autofree char *text = vm_format_size (size);

  if (size < 1024 * 1024 || size % 512 != 0 || size > 64ull << 40)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   _ ("A disk of %s for %s is not possible; it can have 1M to 64T"), text, path);
      return false;
    }
  return true;
}

static bool
make_disk (const char *path, const VmDisk *disk, GError **error)
{
  const char *format = disk->options.format != NULL ? disk->options.format : "raw";

  return image_create (path, &(ImageCreateOptions){ .format = format, .size = disk->create }, error);
}

static bool
make_disks (const char *folder, const VmConfig *config, GError **error)
{
  for (unsigned i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *path = NULL, *parent = NULL;

      if (disk->create == 0)
        continue;
      if (g_path_is_absolute (disk->path))
        {
          g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                       _ ("%s: a new disk image is made inside the machine's folder; give a relative path"),
                       disk->path);
          return false;
        }
      path = g_build_filename (folder, disk->path, NULL);
      parent = g_path_get_dirname (path);
      if (!bundle_check_disk_size (path, disk->create, error) || !make_folder (parent, ".", error)
          || !make_disk (path, disk, error))
        return false;
    }
  return true;
}

static bool
fill_folder (const char *folder, const VmConfig *config, BundleFillFunc fill, void *data, GError **error)
{
  return make_folder (folder, "disks", error) && make_folder (folder, "log", error)
         && bundle_make_lock (folder, error) && make_disks (folder, config, error)
         && (fill == NULL || fill (folder, data, error)) && bundle_save (folder, config, error);
}

/* Only what fill_folder makes; symbolic links are not followed. */
void
bundle_remove_tree (const char *path)
{
  GDir *dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      bundle_remove_tree (child);
    }
  g_clear_pointer (&dir, g_dir_close);
  g_remove (path);
}

/* rename() that never replaces anything. Sets errno. */
static bool
rename_to_new (const char *from, const char *to)
{
  int saved_errno;

  if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
    return true;
  /* A file system without RENAME_NOREPLACE: an empty folder of our own is safe to replace. */
  if (errno != EINVAL || mkdir (to, 0700) < 0)
    return false;
  if (rename (from, to) == 0)
    return true;
  saved_errno = errno;
  rmdir (to);
  errno = saved_errno;
  return false;
}

/* Tries "NAME", "NAME-2", … (transfer full) */
char *
bundle_move_in (const char *from, const char *parent, const char *slug, GError **error)
{
  for (unsigned n = 1; n < 10000; n++)
    {
      g_autofree char *name =
        n == 1 ? g_strconcat (slug, BUNDLE_SUFFIX, NULL) : g_strdup_printf ("%s-%u" BUNDLE_SUFFIX, slug, n);
      g_autofree char *to = g_build_filename (parent, name, NULL);

      if (rename_to_new (from, to))
        {
          bundle_sync_folder (parent, NULL);
          return g_steal_pointer (&to);
        }
      if (errno == EEXIST)
        continue;
      bonsai_set_errno_error (error, errno, _ ("Can't move %s to %s"), from, to);
      return NULL;
    }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS, _ ("%s holds too many machines named like “%s”"),
               parent, slug);
  return NULL;
}

/* Others leave alone what is locked. -1: it can't be, or is gone. */
static int
lock_folder (const char *path)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0 && g_file_test (path, G_FILE_TEST_IS_DIR))
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

char *
bundle_make_temporary (const char *parent, int *fd, GError **error)
{
  for (unsigned i = 0; i < 8; i++)
    {
      g_autofree char *path = g_build_filename (parent, TEMPORARY_PREFIX "XXXXXX", NULL);

      if (g_mkdtemp_full (path, 0700) == NULL)
        break;
      *fd = lock_folder (path);
      if (*fd >= 0)
        return g_steal_pointer (&path);
      rmdir (path); /* taken for a left-over in between */
    }
  bonsai_set_errno_error (error, errno, _ ("Can't create a folder in %s"), parent);
  return NULL;
}

void
bundle_for_leftovers (const char *parent, void (*func) (const char *path, void *data), void *data)
{
  g_autoptr (GDir) dir = g_dir_open (parent, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (parent, name, NULL);
      int fd = g_str_has_prefix (name, TEMPORARY_PREFIX) ? lock_folder (path) : -1;

      if (fd < 0)
        continue;
      func (path, data);
      close (fd);
    }
}

char *
bundle_create (const char *parent, const VmConfig *config, GError **error)
{
  return bundle_create_with (parent, config, NULL, NULL, error);
}

char *
bundle_create_with (const char *parent, const VmConfig *config, BundleFillFunc fill, void *data,
                    GError **error)
{
  g_autofree char *slug = NULL, *temporary = NULL, *path = NULL;
  int fd;

  if (!vm_config_check (config, error))
    return NULL;
  if (!make_folder (parent, ".", error))
    return NULL;
  slug = bundle_slug (config->name);
  temporary = bundle_make_temporary (parent, &fd, error);
  if (temporary == NULL)
    return NULL;
  if (fill_folder (temporary, config, fill, data, error))
    path = bundle_move_in (temporary, parent, slug, error);
  if (path == NULL)
    bundle_remove_tree (temporary);
  close (fd);
  return g_steal_pointer (&path);
}

bool
bundle_make_private (const char *path, GError **error)
{
  struct stat st;
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  bool known = fd >= 0 && fstat (fd, &st) == 0, closed;
  int saved_errno = errno;

  /* Whoever it is of may read it, and root. */
  closed = known && st.st_uid == geteuid ()
           && ((st.st_mode & 077) == 0
               || (fchmod (fd, st.st_mode & 0700) == 0 && fstat (fd, &st) == 0 && (st.st_mode & 077) == 0));
  if (fd >= 0)
    close (fd);
  if (closed)
    return true;
  if (!known)
    return bonsai_set_errno_error (error, saved_errno, _ ("Can't look at %s"), path);
  if (st.st_uid != geteuid ())
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                 _ ("%s belongs to another user, and only its owner uses a machine; clone it"), path);
  else
    g_set_error (
      error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
      _ ("%s is open to other users of this computer, and its file system can't close it; move it to one "
         "that knows permissions"),
      path);
  return false;
}
