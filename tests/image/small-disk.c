/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/small-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
write_text (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write (fd, text, strlen (text)) < 0)
    g_error ("Can't write %s: %s", path, g_strerror (errno));
  close (fd);
}

/* In a namespace of its own a user is root: only the right to mount is wanted of that. */
static void
keep_mounting_only (void)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct sets[2] = { { 1u << CAP_SYS_ADMIN, 1u << CAP_SYS_ADMIN, 0 }, { 0 } };

  if (syscall (SYS_capset, &header, sets) < 0)
    g_error ("Can't drop capabilities: %s", g_strerror (errno));
}

void
small_disk_enter (void)
{
  uid_t uid = getuid ();
  gid_t gid = getgid ();
  g_autofree char *uids = g_strdup_printf ("%u %u 1", uid, uid);
  g_autofree char *gids = g_strdup_printf ("%u %u 1", gid, gid);

  if (unshare (CLONE_NEWNS) < 0)
    {
      if (unshare (CLONE_NEWUSER | CLONE_NEWNS) < 0)
        g_error ("This host lets users have no namespaces (%s), which the test of full disks needs; "
                 "allow them (sysctl kernel.unprivileged_userns_clone=1) or run the test as root",
                 g_strerror (errno));
      write_text ("/proc/self/setgroups", "deny");
      write_text ("/proc/self/uid_map", uids);
      write_text ("/proc/self/gid_map", gids);
      keep_mounting_only ();
    }
  if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    g_error ("Can't make mounts private: %s", g_strerror (errno));
}

static char *
mount_new (const char *kind, const char *options)
{
  char *path = scratch_new ();

  if (mount (kind, path, kind, MS_NOSUID | MS_NODEV, options) < 0)
    g_error ("Can't mount a %s on %s: %s", kind, path, g_strerror (errno));
  return path;
}

char *
small_disk_new (uint64_t size)
{
  g_autofree char *options = g_strdup_printf ("size=%" G_GUINT64_FORMAT, size);

  return mount_new ("tmpfs", options);
}

char *
bare_disk_new (void)
{
  return mount_new ("ramfs", NULL);
}

void
small_disk_grow (const char *path, uint64_t size)
{
  g_autofree char *options = g_strdup_printf ("size=%" G_GUINT64_FORMAT, size);

  if (mount (NULL, path, NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, options) < 0)
    g_error ("Can't enlarge the tmpfs on %s: %s", path, g_strerror (errno));
}

void
small_disk_free (char *path)
{
  umount2 (path, MNT_DETACH);
  rmdir (path);
  g_free (path);
}

void
small_disk_fill (const char *path)
{
  g_autofree char *filler = g_build_filename (path, "filler", NULL);
  int fd = open (filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  static const char block[4096];

  g_assert_cmpint (fd, >=, 0);
  while (write (fd, block, sizeof block) > 0)
    ;
  g_assert_cmpint (errno, ==, ENOSPC);
  close (fd);
}

void
small_disk_make_room (const char *path)
{
  g_autofree char *filler = g_build_filename (path, "filler", NULL);

  g_assert_cmpint (unlink (filler), ==, 0);
}

uint8_t
pattern_byte (uint64_t offset)
{
  return (uint8_t)(offset / 512 + offset);
}

char *
pattern_file_new (const char *folder, const char *name, uint64_t size)
{
  char *path = g_build_filename (folder, name, NULL);
  g_autofree char *content = g_malloc (size);
  GError *error = NULL;

  for (uint64_t i = 0; i < size; i++)
    content[i] = (char)pattern_byte (i);
  g_file_set_contents (path, content, (gssize)size, &error);
  g_assert_no_error (error);
  return path;
}

char *
scratch_new (void)
{
  GError *error = NULL;
  char *path = g_dir_make_tmp ("bonsai-test-XXXXXX", &error);

  g_assert_no_error (error);
  return path;
}

void
scratch_free (char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_remove (file);
    }
  rmdir (path);
  g_free (path);
}
