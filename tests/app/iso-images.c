/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/iso-images.h"

#include <string.h>

static void
put (const char *root, const char *name, const char *content, gssize length)
{
  g_autofree char *path = g_build_filename (root, name, NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_file_set_contents (path, content, length, &error);
  g_assert_no_error (error);
}

static void
make (const char *path, const char *label, const char *publisher, bool bootable)
{
  static const char boot[2048] = { "\xf4" }; /* hlt */
  g_autofree char *root = g_strconcat (path, ".root", NULL);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) command = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  put (root, "install.amd/vmlinuz", "the kernel", -1);
  put (root, "install.amd/initrd.gz", "the initrd", -1);
  put (root, "boot.img", boot, sizeof boot);
  g_strv_builder_add_many (builder, "xorriso", "-as", "mkisofs", "-quiet", "-V", label, "-publisher",
                           publisher, "-o", path, root, NULL);
  if (bootable)
    g_strv_builder_add_many (builder, "-b", "boot.img", "-c", "boot.cat", "-no-emul-boot", NULL);
  command = g_strv_builder_end (builder);
  g_spawn_sync (NULL, command, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
}

void
iso_image_make (const char *path, const char *label, bool bootable)
{
  make (path, label, "", bootable);
}

void
iso_image_make_of (const char *path, const char *label, const char *publisher)
{
  make (path, label, publisher, true);
}
