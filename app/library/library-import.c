/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/library/library-import.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/library/library-private.h"
#include "app/workspace/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK     (4u << 20)
#define MAX_DEPTH 16

typedef struct {
  char *from, *folder;
  char *name;    /* (nullable): it is to be called so */
  bool new_uuid; /* its own is in use */
  DiskProgressFunc progress;
  gpointer progress_data;

  char *made; /* the copy, until it is in its place */
  int fd;     /* its lock, or -1 */
  guint64 done, total;
  gint64 told; /* when the progress was told */
  GMainContext *context;
  GCancellable *cancellable;
} Import;

static void
import_free (gpointer data)
{
  Import *import = data;

  g_free (import->from);
  g_free (import->folder);
  g_free (import->name);
  g_free (import->made);
  g_main_context_unref (import->context);
  g_clear_object (&import->cancellable);
  if (import->fd >= 0)
    close (import->fd);
  g_free (import);
}

/* --- progress --- */

typedef struct {
  DiskProgressFunc func;
  gpointer data;
  guint64 done, total;
} Told;

static gboolean
tell_now (gpointer data)
{
  Told *told = data;

  told->func (told->done, told->total, told->data);
  return G_SOURCE_REMOVE;
}

static void
tell (Import *import, guint64 more)
{
  gint64 now = g_get_monotonic_time ();
  Told *told;

  import->done += more;
  if (import->progress == NULL || now - import->told < G_USEC_PER_SEC / 10)
    return;
  import->told = now;
  told = g_new (Told, 1);
  *told = (Told){ import->progress, import->progress_data, import->done, import->total };
  g_main_context_invoke_full (import->context, G_PRIORITY_DEFAULT, tell_now, told, g_free);
}

/* --- copying --- */

/* What belongs to a run, not to the machine. */
static bool
is_left_out (const char *name)
{
  return g_str_equal (name, "lock") || g_str_has_suffix (name, ".sock") || g_str_has_suffix (name, ".pty");
}

typedef bool (*EntryFunc) (Import *import, const char *from, const char *to, const struct stat *st,
                           GError **error);

/* Files and folders; links and sockets aren't a machine's. */
static bool
walk (Import *import, const char *from, const char *to, unsigned depth, EntryFunc func, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (from, 0, error);
  const char *name;

  if (dir == NULL)
    return false;
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (from, name, NULL), *copy = g_build_filename (to, name, NULL);
      struct stat st;

      if ((depth == 0 && is_left_out (name)) || lstat (child, &st) < 0)
        continue;
      if (!S_ISDIR (st.st_mode) && !S_ISREG (st.st_mode))
        continue;
      if (!func (import, child, copy, &st, error))
        return false;
      if (S_ISDIR (st.st_mode) && depth < MAX_DEPTH && !walk (import, child, copy, depth + 1, func, error))
        return false;
    }
  return true;
}

static bool
count_entry (Import *import, const char *from, const char *to, const struct stat *st, GError **error)
{
  import->total += S_ISREG (st->st_mode) ? (guint64)st->st_blocks * 512 : 0;
  return true;
}

/* One stretch of data. */
static bool
copy_range (Import *import, int from, int to, off_t begin, off_t end, char *buffer)
{
  while (begin < end)
    {
      size_t length = (size_t)MIN ((off_t)CHUNK, end - begin);
      off_t in = begin, out = begin;
      ssize_t n = copy_file_range (from, &in, to, &out, length, 0);

      if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
        {
          n = pread (from, buffer, length, begin);
          if (n > 0 && pwrite (to, buffer, (size_t)n, begin) != n)
            return false;
        }
      if (n < 0)
        return false;
      if (n == 0) /* it shrank */
        return true;
      begin += n;
      tell (import, (guint64)n);
      if (g_cancellable_is_cancelled (import->cancellable))
        return false;
    }
  return true;
}

/* Holes stay holes. */
static bool
copy_content (Import *import, int from, int to, off_t size)
{
  g_autofree char *buffer = g_malloc (CHUNK);
  off_t at = 0;

  if (ftruncate (to, size) < 0)
    return false;
  while (at < size)
    {
      off_t data = lseek (from, at, SEEK_DATA), hole;

      if (data < 0 && errno == ENXIO)
        break;
      if (data < 0)
        data = at;
      hole = lseek (from, data, SEEK_HOLE);
      if (hole < 0)
        hole = size;
      if (!copy_range (import, from, to, data, hole, buffer))
        return false;
      at = hole;
    }
  return fsync (to) == 0;
}

static bool
copy_entry (Import *import, const char *from, const char *to, const struct stat *st, GError **error)
{
  int source, target, saved;
  bool copied;

  if (S_ISDIR (st->st_mode))
    return mkdir (to, st->st_mode & 0777) == 0
           || bonsai_set_errno_error (error, errno, _ ("Can't make %s"), to);
  source = open (from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (source < 0)
    return bonsai_set_errno_error (error, errno, _ ("Can't read %s"), from);
  target = open (to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 0777);
  copied = target >= 0 && copy_content (import, source, target, st->st_size);
  saved = errno;
  close (source);
  if (target >= 0)
    close (target);
  if (copied || g_cancellable_set_error_if_cancelled (import->cancellable, error))
    return copied;
  return bonsai_set_errno_error (error, saved, _ ("Can't copy %s to %s"), from, to);
}

/* --- a machine of its own --- */

static void
renew_macs (VmConfig *config)
{
  for (guint i = 0; i < config->nics->len; i++)
    {
      VmNic *nic = g_ptr_array_index (config->nics, i);
      g_autofree char *mac = g_strdup_printf ("52:54:00:%02x:%02x:%02x", g_random_int_range (0, 256),
                                              g_random_int_range (0, 256), g_random_int_range (0, 256));

      vm_config_set (&nic->mac, mac);
    }
}

static bool
settle (Import *import, VmConfig *config, GError **error)
{
  if (import->name == NULL && !import->new_uuid)
    return true;
  if (import->name != NULL)
    vm_config_set (&config->name, import->name);
  if (import->new_uuid)
    {
      g_autofree char *uuid = g_uuid_string_random ();

      vm_config_set (&config->uuid, uuid);
      renew_macs (config);
      g_ptr_array_set_size (config->usb_rules, 0); /* they are the other's */
    }
  return bundle_save (import->made, config, error);
}

static char *
import_run (Import *import, GError **error)
{
  g_autoptr (BundleLock) lock = bundle_lock (import->from, error);
  g_autoptr (VmConfig) config = lock != NULL ? bundle_load (import->from, error) : NULL;
  g_autofree char *slug = NULL;
  char *path;

  if (config == NULL || !workspace_check_use (import->from, WORKSPACE_EXPORT, error))
    return NULL;
  if (config->clone_of != NULL)
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
        _ ("“%s” is a linked clone: parts of its disks are another machine's. Clone it fully where it is "
           "(bonsai clone), and bring that"),
        config->name);
      return NULL;
    }
  import->made = bundle_make_temporary (import->folder, &import->fd, error);
  if (import->made == NULL)
    return NULL;
  if (!walk (import, import->from, import->made, 0, count_entry, error)
      || !walk (import, import->from, import->made, 0, copy_entry, error)
      || !bundle_make_lock (import->made, error) || !settle (import, config, error)
      || !bundle_sync_folder (import->made, error))
    return NULL;
  slug = bundle_slug (config->name);
  path = bundle_move_in (import->made, import->folder, slug, error);
  if (path != NULL)
    g_clear_pointer (&import->made, g_free);
  return path;
}

static void
import_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Import *import = data;
  GError *error = NULL;
  char *path = import_run (import, &error);

  if (import->made != NULL)
    bundle_remove_tree (import->made);
  if (path != NULL)
    g_task_return_pointer (task, path, g_free);
  else
    g_task_return_error (task, error);
}

void
bonsai_library_import_async (BonsaiLibrary *self, const char *path, DiskProgressFunc progress,
                             gpointer progress_data, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  g_autoptr (VmConfig) config = bundle_load (path, NULL);
  Import *import = g_new0 (Import, 1);

  import->fd = -1;
  g_task_set_source_tag (task, bonsai_library_import_async);
  /* What was copied whole is there. */
  g_task_set_check_cancellable (task, FALSE);
  import->from = g_canonicalize_filename (path, NULL);
  import->folder = g_strdup (self->folder);
  import->progress = progress;
  import->progress_data = progress_data;
  import->context = g_main_context_ref_thread_default ();
  if (cancellable != NULL)
    import->cancellable = g_object_ref (cancellable);
  if (config != NULL)
    {
      g_autofree char *name = bonsai_library_unused_name (self, config->name);
      BonsaiVm *twin = bonsai_library_find (self, config->uuid);

      import->new_uuid = twin != NULL && g_strcmp0 (bonsai_vm_get_uuid (twin), config->uuid) == 0;
      if (!g_str_equal (name, config->name))
        import->name = g_steal_pointer (&name);
    }
  g_task_set_task_data (task, import, import_free);
  g_task_run_in_thread (task, import_in_thread);
}

BonsaiVm *
bonsai_library_import_finish (BonsaiLibrary *self, GAsyncResult *result, GError **error)
{
  g_autofree char *path = g_task_propagate_pointer (G_TASK (result), error);

  if (path == NULL)
    return NULL;
  bonsai_library_refresh (self);
  return bonsai_library_find_by_path (self, path);
}
