/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/library/library.h"
#include "tests/app/library-fixture.h"
#include "tests/app/scratch.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static guint
count (LibraryFixture *fixture)
{
  return g_list_model_get_n_items (G_LIST_MODEL (fixture->library));
}

static BonsaiVm *
create (LibraryFixture *fixture, const char *name)
{
  g_autoptr (VmConfig) config = vm_config_new (name);
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm;

  vm_config_add_disk (config, "disks/disk0.img", 1 << 20);
  vm = bonsai_library_create (fixture->library, config, &error);
  g_assert_no_error (error);
  return vm;
}

static const char *
name_at (LibraryFixture *fixture, guint position)
{
  g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (fixture->library), position);

  return bonsai_vm_get_name (vm);
}

static void
count_change (GListModel *model, guint position, guint removed, guint added, gpointer data)
{
  int *items = data;

  *items += (int)added - (int)removed;
}

static void
test_sorted (LibraryFixture *fixture, gconstpointer data)
{
  int items = 0;

  g_signal_connect (fixture->library, "items-changed", G_CALLBACK (count_change), &items);
  create (fixture, "cherry");
  create (fixture, "Banana");
  create (fixture, "apple");
  g_assert_cmpuint (count (fixture), ==, 3);
  g_assert_cmpint (items, ==, 3);
  g_assert_cmpstr (name_at (fixture, 0), ==, "apple");
  g_assert_cmpstr (name_at (fixture, 1), ==, "Banana");
  g_assert_cmpstr (name_at (fixture, 2), ==, "cherry");
}

static void
test_names (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "Web server");
  g_autoptr (VmConfig) config = vm_config_new ("Web server");
  g_autofree char *unused = bonsai_library_unused_name (fixture->library, "Web server");
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (unused, ==, "Web server 2");
  g_assert_null (bonsai_library_create (fixture->library, config, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS);
  g_assert_true (bonsai_library_find (fixture->library, "Web server") == vm);
  g_assert_true (bonsai_library_find (fixture->library, "web-server") == vm);
  g_assert_true (bonsai_library_find (fixture->library, "web-server.bonsai") == vm);
  g_assert_true (bonsai_library_find (fixture->library, bonsai_vm_get_uuid (vm)) == vm);
  g_assert_null (bonsai_library_find (fixture->library, "web"));
}

static void
test_rename (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "a");
  g_autoptr (GError) error = NULL;

  create (fixture, "b");
  g_assert_false (bonsai_library_rename (fixture->library, vm, "b", &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_true (bonsai_library_rename (fixture->library, vm, "c", &error));
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (bonsai_vm_get_path (vm), "/c.bonsai"));
  g_assert_cmpstr (name_at (fixture, 1), ==, "c");
  bonsai_library_refresh (fixture->library);
  g_assert_true (bonsai_library_find (fixture->library, "c") == vm);
  g_assert_cmpuint (count (fixture), ==, 2);
}

static void
test_delete_and_undo (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "Gone");
  g_autofree char *uuid = g_strdup (bonsai_vm_get_uuid (vm));
  g_autofree char *item = NULL, *disk = NULL, *second = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) trash = NULL;

  item = bonsai_library_delete (fixture->library, vm, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count (fixture), ==, 0);
  trash = bonsai_library_list_trash (fixture->library);
  g_assert_cmpuint (g_strv_length (trash), ==, 1);
  g_assert_cmpstr (trash[0], ==, item);

  /* Its name is taken when it comes back. */
  create (fixture, "Gone");
  vm = bonsai_library_undelete (fixture->library, uuid, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (bonsai_vm_get_uuid (vm), ==, uuid);
  g_assert_cmpstr (bonsai_vm_get_name (vm), ==, "Gone 2");
  disk = g_build_filename (bonsai_vm_get_path (vm), "disks/disk0.img", NULL);
  g_assert_true (g_file_test (disk, G_FILE_TEST_IS_REGULAR));
  g_assert_cmpuint (count (fixture), ==, 2);

  second = bonsai_library_delete (fixture->library, vm, &error);
  g_assert_true (bonsai_library_purge (fixture->library, second, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_test (disk, G_FILE_TEST_EXISTS));
  g_assert_null (bonsai_library_undelete (fixture->library, uuid, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (bonsai_library_purge (fixture->library, NULL, &error));
}

/* The newest of one name comes back. */
static void
test_undelete_newest (LibraryFixture *fixture, gconstpointer data)
{
  g_autofree char *newest = NULL;
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm;

  for (unsigned i = 0; i < 3; i++)
    {
      vm = create (fixture, "Same");
      g_free (newest);
      newest = g_strdup (bonsai_vm_get_uuid (vm));
      g_free (bonsai_library_delete (fixture->library, vm, &error));
      g_assert_no_error (error);
      g_usleep (20000); /* the file system's clock tells them apart by ticks */
    }
  vm = bonsai_library_undelete (fixture->library, "Same", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (bonsai_vm_get_uuid (vm), ==, newest);
}

static void
test_broken (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "Fragile");
  g_autofree char *file = g_build_filename (bonsai_vm_get_path (vm), "vm.json", NULL);
  g_autofree char *good = NULL, *item = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (file, &good, NULL, NULL);
  g_assert_true (g_file_set_contents (file, "{ \"bonsai\": 1,\n  oops\n}\n", -1, NULL));
  wait_until (bonsai_vm_get_state (vm) == BONSAI_STATE_BROKEN);
  g_assert_nonnull (strstr (bonsai_vm_get_state_text (vm), "vm.json:2:3: "));
  g_assert_null (bonsai_vm_get_config (vm));
  g_assert_true (bonsai_library_find (fixture->library, "fragile") == vm);

  g_assert_true (g_file_set_contents (file, good, -1, NULL));
  wait_until (bonsai_vm_get_state (vm) == BONSAI_STATE_STOPPED);
  g_assert_cmpstr (bonsai_vm_get_name (vm), ==, "Fragile");

  g_assert_true (g_file_set_contents (file, "", 0, NULL));
  wait_until (bonsai_vm_get_state (vm) == BONSAI_STATE_BROKEN);
  item = bonsai_library_delete (fixture->library, vm, &error);
  g_assert_no_error (error);
  vm = bonsai_library_undelete (fixture->library, item, &error);
  g_assert_no_error (error);
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_BROKEN);
}

static void
test_copied_bundle (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "Original"), *copy;
  g_autofree char *folder = g_build_filename (fixture->scratch, "zcopy.bonsai", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir (folder, 0755), ==, 0);
  g_assert_true (bundle_save (folder, bonsai_vm_get_config (vm), &error));
  bonsai_library_refresh (fixture->library);
  g_assert_cmpuint (count (fixture), ==, 2);
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_STOPPED);
  copy = g_list_model_get_item (G_LIST_MODEL (fixture->library), 1);
  g_assert_cmpint (bonsai_vm_get_state (copy), ==, BONSAI_STATE_BROKEN);
  g_assert_nonnull (strstr (bonsai_vm_get_state_text (copy), "same UUID"));
  g_object_unref (copy);
}

/* What another process does in the folder shows here. */
static void
test_other_process (LibraryFixture *fixture, gconstpointer data)
{
  pid_t pid = fork ();
  BonsaiVm *vm;

  if (pid == 0)
    {
      g_autoptr (VmConfig) config = vm_config_new ("From afar");
      char *path = bundle_create (fixture->scratch, config, NULL);

      _exit (path != NULL ? 0 : 1);
    }
  wait_until (count (fixture) == 1);
  g_assert_cmpstr (name_at (fixture, 0), ==, "From afar");
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);

  pid = fork ();
  vm = bonsai_library_find (fixture->library, "From afar");
  if (pid == 0)
    {
      g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (vm));

      config->memory = 1 << 30;
      _exit (bundle_save (bonsai_vm_get_path (vm), config, NULL) ? 0 : 1);
    }
  wait_until (bonsai_vm_get_config (vm)->memory == 1 << 30);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

/* In use elsewhere: not started, not moved, not changed. */
static void
test_locked (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "Busy");
  BundleLock *lock = bundle_lock (bonsai_vm_get_path (vm), NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (lock);
  g_assert_null (bonsai_library_delete (fixture->library, vm, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (bonsai_library_rename (fixture->library, vm, "Other", &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_cmpstr (bonsai_vm_get_name (vm), ==, "Busy");
  bundle_unlock (lock);
  g_assert_true (bonsai_library_rename (fixture->library, vm, "Other", &error));
}

/* A run whose process vanished is told as what it was. */
static void
test_host_lost (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "Lost");
  BundleRun run = { .state = BONSAI_STATE_RUNNING };

  g_assert_true (bundle_write_run (bonsai_vm_get_path (vm), &run, NULL));
  wait_until (bonsai_vm_get_state (vm) == BONSAI_STATE_CRASHED);
  g_assert_cmpint (bonsai_vm_get_reason (vm), ==, BONSAI_REASON_HOST_LOST);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (LibraryFixture *, gconstpointer);
  } tests[] = {
    { "/library/sorted", test_sorted },
    { "/library/names", test_names },
    { "/library/rename", test_rename },
    { "/library/delete-and-undo", test_delete_and_undo },
    { "/library/undelete-newest", test_undelete_newest },
    { "/library/broken", test_broken },
    { "/library/copied-bundle", test_copied_bundle },
    { "/library/other-process", test_other_process },
    { "/library/locked", test_locked },
    { "/library/host-lost", test_host_lost },
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  int status;

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, LibraryFixture, NULL, library_fixture_set_up, tests[i].test,
                library_fixture_tear_down);
  status = g_test_run ();
  return status;
}
