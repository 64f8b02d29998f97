/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/job-private.h"

#include "vmm/base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * An image takes shape in the folder ".NAME.part" beside its place, under its own name: formats that write
 * their file's name into the file need nothing more. Whoever writes there holds a lock on the folder; one
 * without a lock is a killed run's.
 *
 * Further files go to their places as second names of those in the folder, before the image itself does,
 * which makes all of them appear. While the folder still has the image, a file that has both names is
 * nobody's.
 */

static bool
set_error (GError **error, int saved_errno, const char *what, const char *path)
{
  return vmm_set_errno_error (error, saved_errno, "%s %s", what, path);
}

typedef bool (*EntryFunc) (int folder, const char *name, void *data);

/* Calls @func for each file; stops at false with errno set. */
static bool
for_each (int folder, EntryFunc func, void *data)
{
  int fd = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  struct dirent *entry;
  bool fine = dir != NULL;
  int saved_errno;

  while (fine && (entry = readdir (dir)) != NULL)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      fine = func (folder, entry->d_name, data);
  saved_errno = errno;
  if (dir != NULL)
    closedir (dir);
  errno = saved_errno;
  return fine;
}

static bool
remove_entry (int folder, const char *name, void *data)
{
  unlinkat (folder, name, 0);
  return true;
}

/* Whether @name is the same file in both folders. */
static bool
is_in_both (int folder, int parent, const char *name)
{
  struct stat here, there;

  return fstatat (folder, name, &here, AT_SYMLINK_NOFOLLOW) == 0
         && fstatat (parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && here.st_ino == there.st_ino
         && here.st_dev == there.st_dev;
}

/* Further files. */
typedef struct {
  const char *main; /* is moved last */
  int parent;
  GPtrArray *moved; /* of char *: names of those that can't have two */
} Move;

static bool
take_back_entry (int folder, const char *name, void *data)
{
  const Move *move = data;

  if (strcmp (name, move->main) != 0 && is_in_both (folder, move->parent, name))
    unlinkat (move->parent, name, 0);
  return true;
}

/* What a run put into their places before it ended without the image itself. */
static void
take_back (int folder, const Move *move)
{
  struct stat st;

  if (fstatat (folder, move->main, &st, AT_SYMLINK_NOFOLLOW) < 0
      || is_in_both (folder, move->parent, move->main))
    return;
  for_each (folder, take_back_entry, (void *)move);
  for (unsigned i = 0; move->moved != NULL && i < move->moved->len; i++)
    renameat (move->parent, move->moved->pdata[i], folder, move->moved->pdata[i]);
}

/* 1: locked; 0: someone removed it meanwhile, try again; -1: errno is set. */
static int
lock_folder (const char *path)
{
  struct stat by_path, by_fd;
  int saved_errno, fd;

  if (mkdir (path, 0700) < 0 && errno != EEXIST)
    return -1;
  fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? -2 : -1;
  if (flock (fd, LOCK_EX | LOCK_NB) < 0)
    {
      saved_errno = errno;
      close (fd);
      errno = saved_errno;
      return -1;
    }
  if (stat (path, &by_path) == 0 && fstat (fd, &by_fd) == 0 && by_path.st_ino == by_fd.st_ino
      && by_path.st_dev == by_fd.st_dev)
    return fd;
  close (fd);
  return -2;
}

bool
job_output_begin (JobOutput *output, const char *target, bool replace, GError **error)
{
  g_autofree char *real = realpath (target, NULL);
  g_autofree char *folder = NULL, *name = NULL, *part = NULL;
  int fd, parent;

  *output = (JobOutput){ .fd = -1 };
  if (real != NULL && !replace)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "“%s” exists already; choose another name, or delete it first", target);
      return false;
    }
  target = real != NULL ? real : target;
  folder = g_path_get_dirname (target);
  name = g_path_get_basename (target);
  part = g_strdup_printf ("%s/.%s.part", folder, name);
  do
    fd = lock_folder (part);
  while (fd == -2);
  if (fd < 0 && errno == EWOULDBLOCK)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY, "“%s” is being written by another process; wait for it",
                   target);
      return false;
    }
  if (fd < 0)
    return set_error (error, errno, "Can't make the folder", part);
  parent = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  take_back (fd, &(Move){ .main = name, .parent = parent });
  for_each (fd, remove_entry, NULL);
  output->stem = job_files_stem (parent, name);
  if (parent >= 0)
    close (parent);
  output->fd = fd;
  output->target = g_strdup (target);
  output->path = g_build_filename (part, name, NULL);
  output->folder = g_steal_pointer (&part);
  return true;
}

static bool
sync_entry (int folder, const char *name, void *data)
{
  int fd = openat (folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  bool done = fd >= 0 && fsync (fd) == 0;
  int saved_errno = errno;

  if (fd >= 0)
    close (fd);
  errno = saved_errno;
  return done;
}

static bool
place_entry (int folder, const char *name, void *data)
{
  const Move *move = data;

  if (strcmp (name, move->main) == 0 || linkat (folder, name, move->parent, name, 0) == 0)
    return true;
  if ((errno != EPERM && errno != EOPNOTSUPP)
      || renameat2 (folder, name, move->parent, name, RENAME_NOREPLACE) < 0)
    return false;
  g_ptr_array_add (move->moved, g_strdup (name));
  return true;
}

/* The old file's owner and mode are the new one's. */
static void
take_after (const JobOutput *output)
{
  struct stat st;
  int fd;

  if (stat (output->target, &st) < 0)
    return;
  fd = open (output->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (fchown (fd, st.st_uid, st.st_gid) < 0)
    g_debug ("%s keeps this user as its owner", output->path);
  fchmod (fd, st.st_mode & 07777);
  close (fd);
}

/* A file system without RENAME_NOREPLACE: a link to a new name never replaces anything either. */
static bool
place (int folder, const char *name, int parent, bool replace)
{
  if (replace)
    return renameat (folder, name, parent, name) == 0;
  if (renameat2 (folder, name, parent, name, RENAME_NOREPLACE) == 0)
    return true;
  return errno == EINVAL && linkat (folder, name, parent, name, 0) == 0 && unlinkat (folder, name, 0) == 0;
}

static bool
put_in_place (const JobOutput *output, const Move *move, bool replace)
{
  return for_each (output->fd, sync_entry, NULL) && for_each (output->fd, place_entry, (void *)move)
         && fsync (move->parent) == 0 && place (output->fd, move->main, move->parent, replace)
         && fsync (move->parent) == 0;
}

/* Further files of the image that was replaced. */
static void
remove_old (const Move *move, int folder, GPtrArray *names)
{
  for (unsigned i = 0; i < names->len; i++)
    if (!is_in_both (folder, move->parent, names->pdata[i]))
      unlinkat (move->parent, names->pdata[i], 0);
}

bool
job_output_finish (JobOutput *output, bool replace, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (output->target);
  g_autofree char *name = g_path_get_basename (output->target);
  g_autoptr (GPtrArray) moved = g_ptr_array_new_with_free_func (g_free), old = NULL;
  Move move = { name, open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), moved };
  bool done;

  if (replace)
    {
      take_after (output);
      old = job_files_of (output->target);
    }
  done = move.parent >= 0 && put_in_place (output, &move, replace);
  if (!done)
    {
      set_error (error, errno, "Can't put the finished image in its place:", output->target);
      take_back (output->fd, &move);
    }
  else if (old != NULL)
    remove_old (&move, output->fd, old);
  if (move.parent >= 0)
    close (move.parent);
  return done;
}

void
job_output_clear (JobOutput *output)
{
  if (output->fd >= 0 && output->folder != NULL)
    {
      for_each (output->fd, remove_entry, NULL);
      rmdir (output->folder);
      close (output->fd);
    }
  g_free (output->target);
  g_free (output->folder);
  g_free (output->path);
  g_free (output->stem);
  *output = (JobOutput){ .fd = -1 };
}
