/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/published/publish.h"

#include "app/base/error.h"
#include "app/base/json-add.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/published/published.h"
#include "app/snapshot/snapshot-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what may be offered --- */

static bool
is_own_path (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  return path[0] != '\0' && path[0] != '/' && !vm_path_is_uri (path)
         && !g_strv_contains ((const char *const *)parts, "..");
}

static bool
refuse (GError **error, const char *what, const char *remedy)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "It can't be offered to others: %s; %s", what,
               remedy);
  return false;
}

static bool
check_disk (const VmDisk *disk, GError **error)
{
  g_autofree char *what = NULL;

  if (disk->options.secret_file != NULL)
    what = g_strdup_printf ("%s is encrypted", disk->id);
  else if (disk->options.format != NULL && !g_str_equal (disk->options.format, "raw")
           && !g_str_equal (disk->options.format, "qcow2"))
    what = g_strdup_printf ("%s is of the format %s", disk->id, disk->options.format);
  else if (disk->kind == DISK_KIND_SCSI_HOST || (disk->path != NULL && !is_own_path (disk->path)))
    what = g_strdup_printf ("%s lies outside of its folder", disk->id);
  return what == NULL || refuse (error, what, "detach it first");
}

bool
publish_check (const VmConfig *config, GError **error)
{
  for (guint i = 0; i < config->disks->len; i++)
    if (!check_disk (g_ptr_array_index (config->disks, i), error))
      return false;
  for (guint i = 0; i < config->serials->len; i++)
    if (((const VmSerial *)g_ptr_array_index (config->serials, i))->path != NULL)
      return refuse (error, "a serial port leads to a file", "make it a console");
  if (config->sound_record != NULL || config->sound_microphone != NULL)
    return refuse (error, "its sound is a file", "take that away");
  return true;
}

/* --- files --- */

/* Opened as @reader, whose file it has to be able to be. */
static int
open_source (const char *path, uid_t reader, GError **error)
{
  uid_t self = geteuid ();
  struct stat st;
  int fd = -1, saved_errno;

  if (seteuid (reader) == 0)
    fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  saved_errno = errno;
  if (geteuid () != self && seteuid (self) < 0)
    abort (); /* in nobody's name any more */
  if (fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode))
    return fd;
  if (fd >= 0)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s is no file", path);
      close (fd);
    }
  else
    bonsai_set_errno_error (error, saved_errno, "Can't read %s", path);
  return -1;
}

static bool
copy_file (const char *source, const char *target, uid_t reader, GError **error)
{
  int from = open_source (source, reader, error), to;
  bool done;

  if (from < 0)
    return false;
  to = open (target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  done = to >= 0 && snapshot_copy_content (from, to) && fchmod (to, 0644) == 0 && fsync (to) == 0;
  if (!done)
    bonsai_set_errno_error (error, errno, "Can't write %s", target);
  if (to >= 0)
    close (to);
  close (from);
  return done;
}

static VmConfig *
read_config (const char *source, uid_t reader, GError **error)
{
  g_autofree char *path = g_build_filename (source, "vm.json", NULL);
  g_autofree char *text = g_malloc (JSON_TEXT_MAX_LENGTH + 1);
  int fd = open_source (path, reader, error);
  gsize length = 0;
  ssize_t n;

  if (fd < 0)
    return NULL;
  while (length <= JSON_TEXT_MAX_LENGTH
         && (n = read (fd, text + length, JSON_TEXT_MAX_LENGTH + 1 - length)) > 0)
    length += (gsize)n;
  close (fd);
  return vm_config_parse (text, length, "vm.json", error);
}

/* --- a coming template --- */

typedef struct {
  const char *source, *folder; /* of the machine, and of what is to be offered */
  uid_t reader;
  VmConfig *config;
} Publishing;

static bool
copy_disk (const Publishing *publishing, VmDisk *disk, GError **error)
{
  g_autofree char *source = NULL, *target = NULL, *name = NULL;

  if (disk->kind == DISK_KIND_CDROM)
    {
      vm_config_set (&disk->path, NULL);
      return true;
    }
  name = g_strdup_printf ("%s.%s", disk->id, disk->options.format != NULL ? disk->options.format : "raw");
  source = g_build_filename (publishing->source, disk->path, NULL);
  target = g_build_filename (publishing->folder, name, NULL);
  vm_config_set (&disk->path, name);
  return copy_file (source, target, publishing->reader, error);
}

/* A machine that has no variables of its firmware gets new ones. */
static bool
copy_nvram (const Publishing *publishing, GError **error)
{
  g_autofree char *source = g_build_filename (publishing->source, BUNDLE_NVRAM, NULL);
  g_autofree char *target = g_build_filename (publishing->folder, BUNDLE_NVRAM, NULL);
  g_autoptr (GError) failure = NULL;

  vm_config_set (&publishing->config->nvram, NULL);
  if (copy_file (source, target, publishing->reader, &failure)
      || g_error_matches (failure, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND))
    return true;
  g_propagate_error (error, g_steal_pointer (&failure));
  return false;
}

static bool
write_record (const Publishing *publishing, const char *publisher, unsigned version, GError **error)
{
  g_autofree char *path = g_build_filename (publishing->folder, PUBLISHED_RECORD, NULL), *text = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_add_string (builder, "publisher", publisher);
  json_add_int (builder, "version", version);
  json_add_int (builder, "time", g_get_real_time () / G_USEC_PER_SEC);
  json_builder_end_object (builder);
  text = json_add_finish (builder);
  return bundle_replace_file (path, text, strlen (text), error) && g_chmod (path, 0644) == 0;
}

static bool
fill (const Publishing *publishing, const char *publisher, unsigned version, GError **error)
{
  g_autofree char *description = g_build_filename (publishing->folder, "vm.json", NULL);

  for (guint i = 0; i < publishing->config->disks->len; i++)
    if (!copy_disk (publishing, g_ptr_array_index (publishing->config->disks, i), error))
      return false;
  return copy_nvram (publishing, error) && bundle_save (publishing->folder, publishing->config, error)
         && g_chmod (description, 0644) == 0 && write_record (publishing, publisher, version, error)
         && g_chmod (publishing->folder, 0755) == 0 && bundle_sync_folder (publishing->folder, error);
}

/* --- the folder of all --- */

static char *
place_of (const char *name)
{
  g_autofree char *folder = published_folder (), *slug = bundle_slug (name);

  return g_strconcat (folder, "/", slug, BUNDLE_SUFFIX, NULL);
}

/* Of who was killed amid this. */
static void
remove_leftover (const char *path, void *data)
{
  bundle_remove_tree (path);
}

/* What was there is complete until the new one is in its place, and gone when this returns. */
static bool
move_in (const char *folder, const char *place, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (place);
  bool replaces = renameat2 (AT_FDCWD, folder, AT_FDCWD, place, RENAME_EXCHANGE) == 0;

  if (!replaces && (errno != ENOENT || rename (folder, place) < 0))
    return bonsai_set_errno_error (error, errno, "Can't put %s into its place", place);
  if (!bundle_sync_folder (parent, error))
    return false;
  if (replaces)
    bundle_remove_tree (folder);
  return true;
}

bool
publish_add (const char *source, uid_t reader, const char *publisher, unsigned version, GError **error)
{
  g_autofree char *parent = published_folder (), *folder = NULL, *place = NULL;
  g_autoptr (VmConfig) config = read_config (source, reader, error);
  Publishing publishing = { source, NULL, reader, config };
  bool done;
  int fd;

  if (config == NULL || !publish_check (config, error))
    return false;
  if (g_mkdir_with_parents (parent, 0755) < 0)
    return bonsai_set_errno_error (error, errno, "Can't create the folder %s", parent);
  bundle_for_leftovers (parent, remove_leftover, NULL);
  folder = bundle_make_temporary (parent, &fd, error);
  if (folder == NULL)
    return false;
  publishing.folder = folder;
  place = place_of (config->name);
  done = fill (&publishing, publisher, version, error) && move_in (folder, place, error);
  if (!done)
    bundle_remove_tree (folder);
  close (fd);
  return done;
}

bool
publish_remove (const char *name, GError **error)
{
  g_autoptr (PublishedTemplate) published = published_find (name, error);
  g_autofree char *parent = published_folder (), *away = NULL;
  bool done;
  int fd;

  if (published == NULL)
    return false;
  bundle_for_leftovers (parent, remove_leftover, NULL);
  away = bundle_make_temporary (parent, &fd, error);
  if (away == NULL)
    return false;
  done = rename (published->path, away) == 0
         || bonsai_set_errno_error (error, errno, "Can't remove %s", published->path);
  bundle_remove_tree (away);
  close (fd);
  return done && bundle_sync_folder (parent, error);
}
