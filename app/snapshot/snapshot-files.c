/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-private.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/bundle/json-section.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK       (1u << 20)
#define MAX_PENDING 100000u

/* --- paths --- */

char *
snapshot_resolve (const char *bundle, const char *path)
{
  if (vm_path_is_uri (path))
    return g_strdup (path);
  return g_canonicalize_filename (path, bundle);
}

bool
snapshot_is_inside (const char *bundle, const char *path)
{
  g_autofree char *folder = g_canonicalize_filename (bundle, NULL);
  gsize length = strlen (folder);

  return strncmp (path, folder, length) == 0 && path[length] == '/';
}

char *
snapshot_relative (const char *bundle, const char *path)
{
  g_autofree char *folder = g_canonicalize_filename (bundle, NULL);

  return g_strdup (snapshot_is_inside (bundle, path) ? path + strlen (folder) + 1 : path);
}

char *
snapshot_make_root (const char *bundle, GError **error)
{
  g_autofree char *root = g_build_filename (bundle, SNAPSHOT_FOLDER, NULL);

  if (mkdir (root, 0755) == 0)
    return bundle_sync_folder (bundle, error) ? g_steal_pointer (&root) : NULL;
  if (errno == EEXIST)
    return g_steal_pointer (&root);
  bonsai_set_errno_error (error, errno, "Can't create the folder %s", root);
  return NULL;
}

char *
snapshot_find_bundle (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);

  while (!g_str_equal (folder, "/"))
    {
      g_autofree char *config = g_build_filename (folder, "vm.json", NULL);
      char *up;

      if (g_str_has_suffix (folder, BUNDLE_SUFFIX) && g_file_test (config, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&folder);
      up = g_path_get_dirname (folder);
      g_free (folder);
      folder = up;
    }
  return NULL;
}

/* --- content --- */

bool
snapshot_sync_file (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  bool done = fd >= 0 && fsync (fd) == 0;

  if (!done)
    bonsai_set_errno_error (error, errno, "Can't flush %s", path);
  if (fd >= 0)
    close (fd);
  return done;
}

bool
snapshot_copy_content (int from, int to)
{
  ssize_t n;

  if (ioctl (to, FICLONE, from) == 0)
    return true;
  while ((n = copy_file_range (from, NULL, to, NULL, CHUNK, 0)) > 0)
    ;
  if (n == 0)
    return true;
  /* Between file systems, or one that can't. */
  lseek (from, 0, SEEK_SET);
  lseek (to, 0, SEEK_SET);
  while ((n = sendfile (to, from, NULL, CHUNK)) > 0)
    ;
  return n == 0;
}

bool
snapshot_copy_file (const char *from, const char *to, GError **error)
{
  int source = open (from, O_RDONLY | O_CLOEXEC), target = -1;
  bool done = false;

  if (source < 0)
    return bonsai_set_errno_error (error, errno, "Can't read %s", from);
  target = open (to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (target >= 0)
    done = snapshot_copy_content (source, target) && fsync (target) == 0;
  if (!done)
    bonsai_set_errno_error (error, errno, "Can't copy %s to %s", from, to);
  if (target >= 0)
    {
      close (target);
      if (!done)
        unlink (to);
    }
  close (source);
  return done;
}

char *
snapshot_sum_file (const char *path, uint64_t *length, const ImageJob *job, GError **error)
{
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guint8 *chunk = g_malloc (CHUNK);
  ssize_t n = fd >= 0 ? 0 : -1;
  bool cancelled = false;

  *length = 0;
  while (fd >= 0 && !cancelled && (n = read (fd, chunk, CHUNK)) > 0)
    {
      g_checksum_update (sum, chunk, n);
      *length += (uint64_t)n;
      cancelled = job != NULL && g_cancellable_set_error_if_cancelled (job->cancellable, error);
    }
  if (n < 0)
    bonsai_set_errno_error (error, errno, "Can't read %s", path);
  if (fd >= 0)
    close (fd);
  return n == 0 && !cancelled ? g_strdup (g_checksum_get_string (sum)) : NULL;
}

uint64_t
snapshot_file_room (const char *path)
{
  struct stat st;

  return lstat (path, &st) == 0 && S_ISREG (st.st_mode) ? (uint64_t)st.st_blocks * 512 : 0;
}

bool
snapshot_write_node (const char *bundle, const SnapshotNode *node, GError **error)
{
  g_autofree char *text = snapshot_node_to_json (node);
  g_autofree char *root = g_build_filename (bundle, SNAPSHOT_FOLDER, NULL);
  g_autofree char *path = g_build_filename (root, node->id, SNAPSHOT_NODE_FILE, NULL);

  if (!bundle_replace_file (path, text, strlen (text), error))
    return false;
  utimensat (AT_FDCWD, root, NULL, 0); /* whoever shows the tree watches the folder of nodes */
  return true;
}

int
snapshot_lock_folder (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  bonsai_set_errno_error (error, errno, "Can't lock %s", path);
  if (fd >= 0)
    close (fd);
  return -1;
}

int
snapshot_hold_nodes (const char *bundle, GError **error)
{
  g_autofree char *root = snapshot_make_root (bundle, error);
  int fd = root != NULL ? open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

  if (fd >= 0 && flock (fd, LOCK_EX) == 0)
    return fd;
  if (root != NULL)
    bonsai_set_errno_error (error, errno, "Can't lock %s", root);
  if (fd >= 0)
    close (fd);
  return -1;
}

/* --- what may turn out to be unneeded --- */

static char *
pending_path (const char *bundle)
{
  return g_build_filename (bundle, SNAPSHOT_FOLDER, "pending.json", NULL);
}

/* A name that can't lead out of the bundle. */
static bool
is_plain (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  return path[0] != '\0' && !g_path_is_absolute (path) && !g_strv_contains ((const char *const *)parts, "..")
         && !g_strv_contains ((const char *const *)parts, "");
}

GPtrArray *
snapshot_pending_read (const char *bundle)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *file = pending_path (bundle), *content = NULL;
  g_autoptr (JsonText) text = NULL;
  g_auto (GStrv) names = NULL;
  gsize length;

  if (!g_file_test (file, G_FILE_TEST_IS_REGULAR) || !g_file_get_contents (file, &content, &length, NULL))
    return paths;
  text = json_text_parse (content, length, "pending.json", NULL);
  if (text != NULL && JSON_NODE_HOLDS_OBJECT (json_text_root (text)))
    {
      JsonSection section = { text, json_node_get_object (json_text_root (text)), "", NULL };

      json_read_strings (&section, "files", &names);
    }
  for (unsigned i = 0; names != NULL && names[i] != NULL && i < MAX_PENDING; i++)
    if (is_plain (names[i]))
      g_ptr_array_add (paths, g_strdup (names[i]));
  return paths;
}

bool
snapshot_pending_write (const char *bundle, GPtrArray *paths, GError **error)
{
  g_autofree char *file = pending_path (bundle), *text = NULL;
  g_autoptr (JsonBuilder) builder = NULL;
  g_autoptr (JsonNode) root = NULL;

  if (paths->len == 0)
    {
      g_autofree char *folder = g_path_get_dirname (file);

      /* A stale list could name, one day, a layer that its owner has detached. */
      if (unlink (file) == 0)
        return bundle_sync_folder (folder, error);
      if (errno == ENOENT)
        return true;
      return bonsai_set_errno_error (error, errno, "Can't remove %s", file);
    }
  builder = json_builder_new ();
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "files");
  json_builder_begin_array (builder);
  for (guint i = 0; i < paths->len; i++)
    json_builder_add_string_value (builder, g_ptr_array_index (paths, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  return bundle_replace_file (file, text, strlen (text), error);
}

bool
snapshot_pending_add (const char *bundle, GPtrArray *paths, GError **error)
{
  g_autoptr (GPtrArray) all = snapshot_pending_read (bundle);
  g_autofree char *root = snapshot_make_root (bundle, error);
  guint before = all->len;

  if (root == NULL)
    return false;
  for (guint i = 0; i < paths->len; i++)
    if (!g_ptr_array_find_with_equal_func (all, g_ptr_array_index (paths, i), g_str_equal, NULL))
      g_ptr_array_add (all, g_strdup (g_ptr_array_index (paths, i)));
  return all->len == before || snapshot_pending_write (bundle, all, error);
}
