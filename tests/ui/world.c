/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/ui/world.h"

#include "app/bundle/bundle.h"
#include "app/history/history-file.h"
#include "app/history/history-store.h"

#include <glib/gstdio.h>

static void
spawn (const char *const *words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *said = NULL, *complaint = NULL;
  int status = 0;

  g_spawn_sync (NULL, (char **)words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &said, &complaint, &status,
                &error);
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, NULL))
    g_error ("%s %s %s: %s", words[0], words[1], words[2], complaint);
}

static char *
at_home (const char *name)
{
  return g_build_filename (g_get_home_dir (), name, NULL);
}

static void
write_file (const char *path, const char *contents, gsize length)
{
  g_autofree char *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, contents, (gssize)length, NULL));
}

/* As Debian's are made, with other contents. */
static void
make_medium (void)
{
  static const char *const files[] = { "root/install.amd/vmlinuz", "root/install.amd/initrd.gz",
                                       "root/boot.img" };
  static const char block[2048];
  g_autofree char *root = at_home ("root"), *medium = at_home ("Downloads/debian-12.5.0-amd64-netinst.iso");

  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = at_home (files[i]);
      write_file (path, block, sizeof block);
    }
  g_autofree char *downloads = at_home ("Downloads");
  g_assert_cmpint (g_mkdir_with_parents (downloads, 0755), ==, 0);
  spawn ((const char *[]){ "xorriso", "-as", "mkisofs", "-quiet", "-V", "Debian 12.5.0 amd64 n", "-o", medium,
                           "-b", "boot.img", "-c", "boot.cat", "-no-emul-boot", root, NULL });
}

/* Of more than a day in which it used a part of its memory. */
static void
make_history (const char *slug)
{
  g_autofree char *bundle = g_build_filename (g_get_user_data_dir (), "bonsai", "vms", slug, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = bundle_load (bundle, &error);
  g_autofree char *path = config ? history_store_path (config->uuid) : NULL;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC / HISTORY_STEP * HISTORY_STEP;
  guint n = 26 * 3600 / HISTORY_STEP;
  g_autofree HistoryRow *rows = g_new0 (HistoryRow, n);

  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    {
      rows[i].time = now - (gint64)(n - 1 - i) * HISTORY_STEP;
      rows[i].values[HISTORY_CPU] = 0.3;
      rows[i].values[HISTORY_MEMORY] = rows[i].values[HISTORY_MEMORY_USED] = 600 << 20;
    }
  g_assert_true (history_file_append (path, rows, n, &error));
}

void
world_make (const char *bonsai)
{
  g_autofree char *secret = at_home ("secret"), *vault = at_home ("vault.qcow2");
  g_autofree char *offer = at_home (WORLD_OFFER);
  g_autofree char *gone = at_home ("a disk of some name that is gone.img");
  const char *const commands[][12] = {
    { bonsai, "create", "Elm", "--ready", "invaders", "--memory", "64M", "--disk", "64M", "--cdrom", "" },
    { bonsai, "label", "--group", "Gardens/Behind the House", "--tag", "deciduous", "--tag", "old", "Elm" },
    { bonsai, "snapshot", "take", "Elm", "Fresh" },
    { bonsai, "snapshot", "take", "Elm", "Before the great change of everything" },
    { bonsai, "create", "Gold", "--memory=64M", "--disk=64M", "--notes", "What every machine begins as" },
    { bonsai, "template", "make", "Gold" },
    { bonsai, "workspace", "offer", "Gold", "--for=anna", "--profile=secure", "--after-start=30d", "--out",
      offer },
    { bonsai, "create", "Fallen", "--memory=64M" },
    { bonsai, "delete", "Fallen" },
    { bonsai, "disk", "create", "--secret-file", secret, vault, "8M" },
    { bonsai, "create", "Vault", "--kernel", "/boot/invaders.exec", "--memory", "32M", "--existing-disk",
      vault },
    { bonsai, "create", "Vanished", "--existing-disk", gone, "--memory", "2G" },
  };

  make_medium ();
  write_file (secret, WORLD_PASSPHRASE, strlen (WORLD_PASSPHRASE));
  g_autofree char *zeros = g_malloc0 (1 << 20);
  write_file (gone, zeros, 1 << 20);
  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    spawn (commands[i]);
  g_assert_cmpint (g_unlink (gone), ==, 0);
  make_history ("vanished.bonsai");
}

void
world_run (const char *bonsai, const char *verb, const char *machine)
{
  bool starts = g_str_equal (verb, "start");

  spawn ((const char *[]){ bonsai, verb, machine, starts ? "--headless" : NULL, NULL });
}
