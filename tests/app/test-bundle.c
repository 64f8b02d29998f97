/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "tests/app/scratch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs @func in a child; returns its exit status. */
static int
in_child (int (*func) (const char *path), const char *path)
{
  pid_t pid = fork ();
  int status;

  if (pid == 0)
    _exit (func (path));
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static unsigned
count_entries (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  unsigned n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
test_slug (void)
{
  static const char *const slugs[][2] = {
    { "Web server #2", "web-server-2" },
    { "  ..  ", "machine" },
    { "../etc", "etc" },
    { "日本", "machine" },
    { "Größe", "grosse" },
    { "a/b", "a-b" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (slugs); i++)
    {
      g_autofree char *slug = bundle_slug (slugs[i][0]);

      g_assert_false (strchr (slug, '/') != NULL || slug[0] == '.' || slug[0] == '\0');
      if (i != 4 && i != 3) /* transliteration is the C library's affair */
        g_assert_cmpstr (slug, ==, slugs[i][1]);
    }
}

static void
test_create (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (VmConfig) config = vm_config_new ("One"), loaded = NULL;
  g_autofree char *path = NULL, *second = NULL, *disk = NULL;
  g_autoptr (GError) error = NULL;

  vm_config_add_disk (config, "disks/disk0.img", 64 << 20);
  path = bundle_create (scratch, config, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (path, "/one.bonsai"));
  loaded = bundle_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (loaded->uuid, ==, config->uuid);
  disk = g_build_filename (path, "disks/disk0.img", NULL);
  g_assert_true (g_file_test (disk, G_FILE_TEST_IS_REGULAR));

  second = bundle_create (scratch, config, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (second, "/one-2.bonsai"));
  g_assert_cmpuint (count_entries (scratch), ==, 2);
}

static int
create_with_little_room (const char *path)
{
  /* Files may not grow past 4 KiB: writing, or making a disk, fails as on a full file system. */
  struct rlimit limit = { 4096, 4096 };
  g_autoptr (VmConfig) config = vm_config_new ("Fat");
  g_autoptr (GError) error = NULL;
  g_autofree char *made = NULL;

  signal (SIGXFSZ, SIG_IGN);
  setrlimit (RLIMIT_FSIZE, &limit);
  vm_config_add_disk (config, "disks/disk0.img", 64 << 20);
  made = bundle_create (path, config, &error);
  return made == NULL && error != NULL ? 0 : 1;
}

static int
create_with_long_notes (const char *path)
{
  struct rlimit limit = { 4096, 4096 };
  g_autoptr (VmConfig) config = vm_config_new ("Fat");
  g_autofree char *made = NULL;
  g_autoptr (GError) error = NULL;

  signal (SIGXFSZ, SIG_IGN);
  setrlimit (RLIMIT_FSIZE, &limit);
  config->notes = g_strnfill (8192, 'n');
  made = bundle_create (path, config, &error);
  return made == NULL && error != NULL ? 0 : 1;
}

static void
test_failed_create_leaves_nothing (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (VmConfig) config = vm_config_new ("Bad");
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (in_child (create_with_little_room, scratch), ==, 0);
  g_assert_cmpint (in_child (create_with_long_notes, scratch), ==, 0);
  vm_config_add_disk (config, "disks/disk0.img", 100);
  g_assert_null (bundle_create (scratch, config, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
  g_assert_cmpuint (count_entries (scratch), ==, 0);
}

static int
save_long_notes (const char *path)
{
  struct rlimit limit = { 4096, 4096 };
  g_autoptr (VmConfig) config = bundle_load (path, NULL);
  g_autoptr (GError) error = NULL;

  signal (SIGXFSZ, SIG_IGN);
  setrlimit (RLIMIT_FSIZE, &limit);
  vm_config_set (&config->notes, NULL);
  config->notes = g_strnfill (8192, 'n');
  return !bundle_save (path, config, &error) && strstr (error->message, "unharmed") != NULL ? 0 : 1;
}

static void
test_failed_save_keeps_the_old (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (VmConfig) config = vm_config_new ("Old"), loaded = NULL;
  g_autofree char *path = bundle_create (scratch, config, NULL);
  g_autoptr (GError) error = NULL;
  unsigned before = count_entries (path);

  g_assert_cmpint (in_child (save_long_notes, path), ==, 0);
  loaded = bundle_load (path, &error);
  g_assert_no_error (error);
  g_assert_null (loaded->notes);
  g_assert_cmpuint (count_entries (path), ==, before);
}

static void
save_for_ever (const char *path)
{
  g_autoptr (VmConfig) config = bundle_load (path, NULL);

  for (unsigned n = 0;; n++)
    {
      g_free (config->notes);
      config->notes = g_strnfill (1000 + n % 2 * 50000, n % 2 != 0 ? 'b' : 'a');
      if (!bundle_save (path, config, NULL))
        _exit (1);
    }
}

/* kill -9 at any moment leaves the old or the new one, whole. */
static void
test_killed_while_saving (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (VmConfig) config = vm_config_new ("Killed");
  g_autofree char *path = bundle_create (scratch, config, NULL);
  g_autoptr (GError) error = NULL;

  for (unsigned round = 0; round < 60; round++)
    {
      g_autoptr (VmConfig) loaded = NULL;
      pid_t pid = fork ();
      int status;

      if (pid == 0)
        save_for_ever (path);
      g_usleep (
        (gulong)g_test_rand_int_range (500, 15000)); /* the moment of the kill, not a wait for anything */
      kill (pid, SIGKILL);
      waitpid (pid, &status, 0);
      g_assert_true (WIFSIGNALED (status));
      loaded = bundle_load (path, &error);
      g_assert_no_error (error);
      if (loaded->notes != NULL)
        g_assert_cmpuint (strlen (loaded->notes), ==, loaded->notes[0] == 'a' ? 1000 : 51000);
    }
  /* A later save clears up what the killed ones left. */
  g_assert_true (bundle_save (path, config, &error));
  g_assert_cmpuint (count_entries (path), ==, 4); /* vm.json, disks, log, lock */
}

static int
try_lock (const char *path)
{
  g_autoptr (GError) error = NULL;
  BundleLock *lock = bundle_lock (path, &error);
  g_autofree char *text = g_strdup_printf ("in use by process %d", (int)getppid ());

  if (lock != NULL)
    return 0;
  return g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_BUSY) && strstr (error->message, text) != NULL
             && bundle_lock_holder (path) == getppid ()
           ? 1
           : 2;
}

static void
test_lock (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (VmConfig) config = vm_config_new ("Locked");
  g_autofree char *path = bundle_create (scratch, config, NULL);
  g_autoptr (GError) error = NULL;
  BundleLock *lock;

  g_assert_cmpint (in_child (try_lock, path), ==, 0); /* gone with its process */
  g_assert_cmpint (bundle_lock_holder (path), ==, 0);
  lock = bundle_lock (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (in_child (try_lock, path), ==, 1);
  g_assert_null (bundle_lock (path, &error)); /* nor twice in one process */
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  bundle_unlock (lock);
  g_assert_cmpint (in_child (try_lock, path), ==, 0);
}

static void
test_last_run (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  BundleRun run = { .state = BONSAI_STATE_CRASHED,
                    .reason = BONSAI_REASON_TRIPLE_FAULT,
                    .exit_status = 6,
                    .message = (char *)"The guest crashed",
                    .failures = 3,
                    .restart_at = INT64_C (1800000000) };
  g_auto (BundleRun) back = { 0 };
  g_autofree char *file = g_build_filename (scratch, "last-run.json", NULL);

  bundle_read_run (scratch, &back);
  g_assert_cmpint (back.state, ==, BONSAI_STATE_STOPPED);
  g_assert_true (bundle_write_run (scratch, &run, NULL));
  bundle_read_run (scratch, &back);
  g_assert_cmpint (back.state, ==, BONSAI_STATE_CRASHED);
  g_assert_cmpint (back.reason, ==, BONSAI_REASON_TRIPLE_FAULT);
  g_assert_cmpint (back.exit_status, ==, 6);
  g_assert_cmpuint (back.failures, ==, 3);
  g_assert_cmpint (back.restart_at, ==, 1800000000);
  g_assert_cmpstr (back.message, ==, "The guest crashed");
  bundle_run_clear (&back);

  g_assert_true (g_file_set_contents (file, "{\"state\": 7, \"reason\": [], \"message\": {}}", -1, NULL));
  bundle_read_run (scratch, &back);
  g_assert_cmpint (back.reason, ==, BONSAI_REASON_NONE);
  g_assert_null (back.message);
}

/* Whatever lies there in vm.json's place is an error, never a hang. */
static void
test_odd_files (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *file = g_build_filename (scratch, "vm.json", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (bundle_load (scratch, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_cmpint (symlink ("/dev/zero", file), ==, 0);
  g_assert_null (bundle_load (scratch, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
  g_clear_error (&error);
  unlink (file);
  g_assert_cmpint (mkdir (file, 0755), ==, 0);
  g_assert_null (bundle_load (scratch, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bundle/slug", test_slug);
  g_test_add_func ("/bundle/create", test_create);
  g_test_add_func ("/bundle/failed-create-leaves-nothing", test_failed_create_leaves_nothing);
  g_test_add_func ("/bundle/failed-save-keeps-the-old", test_failed_save_keeps_the_old);
  g_test_add_func ("/bundle/killed-while-saving", test_killed_while_saving);
  g_test_add_func ("/bundle/lock", test_lock);
  g_test_add_func ("/bundle/last-run", test_last_run);
  g_test_add_func ("/bundle/odd-files", test_odd_files);
  return g_test_run ();
}
