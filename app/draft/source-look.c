/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/draft/source-look.h"

#include "app/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ECMA-119 8.1: the primary volume descriptor's "CD001" stands in sector 16. */
#define ISO_MAGIC_OFFSET (16 * 2048 + 1)

void
source_look_clear (SourceLook *look)
{
  g_clear_error (&look->error);
  g_clear_pointer (&look->medium, os_medium_free);
  disk_look_clear (&look->disk);
  look->done = false;
}

void
source_look_copy (SourceLook *to, const SourceLook *from)
{
  *to = (SourceLook){
    .done = from->done,
    .error = from->error != NULL ? g_error_copy (from->error) : NULL,
    .medium = from->medium != NULL ? os_medium_copy (from->medium) : NULL,
    .disk = { g_strdup (from->disk.format), from->disk.size, from->disk.encrypted },
  };
}

/* Opens a plain file (or block device) for reading without ever hanging on a FIFO. */
static int
open_medium (const char *path, const char *what, GError **error)
{
  struct stat st;
  int fd;

  if (path == NULL || path[0] == '\0')
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("Choose %s."), _ (what));
      return -1;
    }
  if (!g_path_is_absolute (path))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   _ ("“%s” is not a full path: it must start with “/”."), path);
      return -1;
    }
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    {
      bonsai_set_errno_error (error, errno, _ ("Can't open “%s”"), path);
      return -1;
    }
  if (fstat (fd, &st) == 0 && (S_ISREG (st.st_mode) || S_ISBLK (st.st_mode)))
    return fd;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
               S_ISDIR (st.st_mode) ? _ ("“%s” is a folder. Choose %s.")
                                    : _ ("“%s” is not a file. Choose %s."),
               path, _ (what));
  close (fd);
  return -1;
}

static bool
check_readable (const char *path, const char *what, GError **error)
{
  int fd = open_medium (path, what, error);

  if (fd < 0)
    return false;
  close (fd);
  return true;
}

static bool
has_iso_magic (int fd)
{
  char magic[5] = "";

  return pread (fd, magic, sizeof magic, ISO_MAGIC_OFFSET) == sizeof magic
         && memcmp (magic, "CD001", sizeof magic) == 0;
}

/* A medium is taken even where nothing can be recognised. */
static bool
look_at_cdrom (SourceLook *look, const char *path, OsCatalog *catalog, GCancellable *cancellable,
               GError **error)
{
  int fd = open_medium (path, N_ ("an ISO image"), error);
  bool is_iso;

  if (fd < 0)
    return false;
  is_iso = has_iso_magic (fd);
  close (fd);
  if (!is_iso)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   _ ("“%s” is not an ISO image. If it is a disk, choose “Disk Image” instead."), path);
      return false;
    }
  look->medium = os_catalog_identify (catalog, path, cancellable, NULL);
  return true;
}

void
source_look (SourceLook *look, VmSource source, const char *path, const char *initrd, OsCatalog *catalog,
             GCancellable *cancellable)
{
  GError *error = NULL;

  *look = (SourceLook){ 0 };
  switch (source)
    {
    case VM_SOURCE_CDROM:
      look->done = look_at_cdrom (look, path, catalog, cancellable, &error);
      break;
    case VM_SOURCE_DISK:
      look->done =
        check_readable (path, N_ ("a disk image"), &error) && disk_look (&look->disk, path, NULL, &error);
      break;
    case VM_SOURCE_KERNEL:
      look->done = check_readable (path, N_ ("a kernel"), &error)
                   && (initrd == NULL || initrd[0] == '\0'
                       || check_readable (initrd, N_ ("an initial RAM disk"), &error));
      break;
    default:
      look->done = true;
      break;
    }
  look->error = error;
}

/* --- on a thread --- */

typedef struct {
  VmSource source;
  char *path, *initrd;
  OsCatalog *catalog;
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  g_free (question->path);
  g_free (question->initrd);
  os_catalog_unref (question->catalog);
  g_free (question);
}

static void
look_free (gpointer data)
{
  source_look_clear (data);
  g_free (data);
}

static void
look_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Question *question = data;
  SourceLook *look = g_new0 (SourceLook, 1);

  source_look (look, question->source, question->path, question->initrd, question->catalog, cancellable);
  g_task_return_pointer (task, look, look_free);
}

void
source_look_async (VmSource source, const char *path, const char *initrd, OsCatalog *catalog,
                   GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  Question *question = g_new (Question, 1);

  *question = (Question){ source, g_strdup (path), g_strdup (initrd), os_catalog_ref (catalog) };
  g_task_set_task_data (task, question, question_free);
  g_task_set_return_on_cancel (task, TRUE);
  g_task_run_in_thread (task, look_in_thread);
}

bool
source_look_finish (GAsyncResult *result, SourceLook *look)
{
  SourceLook *found = g_task_propagate_pointer (G_TASK (result), NULL);

  if (found == NULL)
    return false;
  *look = *found;
  g_free (found);
  return true;
}

/* --- what was dropped --- */

int
source_guess (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_auto (DiskLook) disk = { 0 };
  int fd = open_medium (path, N_ ("a file"), &error);
  bool is_iso;

  if (fd < 0)
    return -1;
  is_iso = has_iso_magic (fd);
  close (fd);
  if (is_iso)
    return VM_SOURCE_CDROM;
  return disk_look (&disk, path, NULL, NULL) ? VM_SOURCE_DISK : -1;
}
