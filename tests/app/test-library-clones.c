/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linked clones and their originals go into the trash, come back from it and go for good in an order in which
 * no disk loses what it lies on. */
#include "app/base/error.h"
#include "app/library/library.h"
#include "app/vm/vm-snapshots.h"
#include "tests/app/library-fixture.h"
#include "tests/app/scratch.h"

#include <string.h>

#define MIB (UINT64_C (1) << 20)

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static BonsaiVm *
make_clone (LibraryFixture *fixture, BonsaiVm *vm, const char *name)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  bonsai_vm_clone_async (vm, name, NULL, true, NULL, NULL, NULL, keep_result, &result);
  wait_until (result != NULL);
  path = bonsai_vm_clone_finish (vm, result, &error);
  g_assert_no_error (error);
  return bonsai_library_adopt (fixture->library, path);
}

/* "oak", its clone "acorn", and its clone "seed" */
static void
make_family (LibraryFixture *fixture)
{
  g_autoptr (VmConfig) config = vm_config_new ("oak");
  g_autoptr (GError) error = NULL;
  BonsaiVm *oak;

  vm_config_add_disk (config, "disks/disk0.qcow2", 16 * MIB);
  oak = bonsai_library_create (fixture->library, config, &error);
  g_assert_no_error (error);
  make_clone (fixture, make_clone (fixture, oak, "acorn"), "seed");
}

static void
delete_one (LibraryFixture *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *item =
    bonsai_library_delete (fixture->library, bonsai_library_find (fixture->library, name), &error);

  g_assert_no_error (error);
  g_assert_nonnull (item);
}

/* In an order that a selection may have. */
static void
delete_all (LibraryFixture *fixture)
{
  static const char *const names[] = { "acorn", "oak", "seed" }, *const order[] = { "seed", "acorn", "oak" };
  g_autoptr (GPtrArray) vms = g_ptr_array_new_with_free_func (g_object_unref);

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    g_ptr_array_add (vms, g_object_ref (bonsai_library_find (fixture->library, names[i])));
  bonsai_library_order_for_delete (fixture->library, vms);
  for (unsigned i = 0; i < G_N_ELEMENTS (order); i++)
    {
      g_assert_cmpstr (bonsai_vm_get_name (g_ptr_array_index (vms, i)), ==, order[i]);
      delete_one (fixture, order[i]);
    }
}

static unsigned
count_trash (LibraryFixture *fixture)
{
  g_auto (GStrv) items = bonsai_library_list_trash (fixture->library);

  return g_strv_length (items);
}

static void
assert_readable (LibraryFixture *fixture, const char *name)
{
  BonsaiVm *vm = bonsai_library_find (fixture->library, name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree char *id = NULL;

  g_assert_nonnull (vm);
  bonsai_vm_take_snapshot_async (vm, NULL, NULL, NULL, NULL, NULL, keep_result, &result);
  wait_until (result != NULL);
  id = bonsai_vm_take_snapshot_finish (vm, result, &error);
  g_assert_no_error (error);
}

/* An original is refused while a clone is there; the clone's name and what to do are said. */
static void
test_refused (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  make_family (fixture);
  g_assert_null (
    bonsai_library_delete (fixture->library, bonsai_library_find (fixture->library, "oak"), &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "“oak”"));
  g_assert_nonnull (strstr (error->message, "“acorn”"));
  g_assert_nonnull (strstr (error->message, "together with it"));
}

/* The clone of a clone brings back all that it lies on, each to where it was. */
static void
test_restore (LibraryFixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "oak", "acorn", "seed" };
  g_autofree char *home = NULL;
  g_autoptr (GError) error = NULL;

  make_family (fixture);
  home = g_strdup (bonsai_vm_get_path (bonsai_library_find (fixture->library, "oak")));
  delete_all (fixture);
  g_assert_cmpuint (count_trash (fixture), ==, 3);
  g_assert_nonnull (bonsai_library_undelete (fixture->library, "seed", &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count_trash (fixture), ==, 0);
  g_assert_cmpstr (bonsai_vm_get_path (bonsai_library_find (fixture->library, "oak")), ==, home);
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    assert_readable (fixture, names[i]);
}

/* Another machine in its place: it isn't restored somewhere else, where its clones would not find it. */
static void
test_place_taken (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = vm_config_new ("oak");
  g_autoptr (GError) error = NULL;

  make_family (fixture);
  delete_all (fixture);
  g_assert_nonnull (bonsai_library_create (fixture->library, config, &error));
  g_assert_null (bonsai_library_undelete (fixture->library, "acorn", &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS);
  g_assert_cmpuint (count_trash (fixture), ==, 3);
}

static void
test_purge (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  make_family (fixture);
  delete_all (fixture);
  g_assert_false (bonsai_library_purge (fixture->library, "acorn", &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "“seed”"));
  g_clear_error (&error);
  g_assert_true (bonsai_library_purge (fixture->library, "seed", &error));
  g_assert_true (bonsai_library_purge (fixture->library, "acorn", &error));
  g_assert_no_error (error);
  g_assert_nonnull (bonsai_library_undelete (fixture->library, "oak", &error));
  delete_one (fixture, "oak");
  g_assert_true (bonsai_library_purge (fixture->library, NULL, &error));
}

static void
test_empty (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  make_family (fixture);
  delete_all (fixture);
  g_assert_true (bonsai_library_purge (fixture->library, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count_trash (fixture), ==, 0);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (LibraryFixture *, gconstpointer);
  } tests[] = {
    { "/library-clones/refused", test_refused },
    { "/library-clones/restore", test_restore },
    { "/library-clones/place-taken", test_place_taken },
    { "/library-clones/purge", test_purge },
    { "/library-clones/empty", test_empty },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, LibraryFixture, NULL, library_fixture_set_up, tests[i].test,
                library_fixture_tear_down);
  return g_test_run ();
}
