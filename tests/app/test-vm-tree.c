/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The snapshots of a machine that is off, by way of BonsaiVm. */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/library/library.h"
#include "app/vm/vm-settings.h"
#include "app/vm/vm-snapshots.h"
#include "tests/app/scratch.h"

#include <string.h>

#define MIB (UINT64_C (1) << 20)

typedef struct {
  char *scratch;
  BonsaiLibrary *library;
  BonsaiVm *vm;
  unsigned n_changes;
} Fixture;

static void
count_change (Fixture *fixture)
{
  fixture->n_changes++;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = vm_config_new ("oak");
  g_autoptr (GError) error = NULL;

  fixture->scratch = scratch_new ();
  fixture->library = bonsai_library_new (fixture->scratch, &error);
  g_assert_no_error (error);
  vm_config_add_disk (config, "disks/disk0.qcow2", 16 * MIB);
  fixture->vm = bonsai_library_create (fixture->library, config, &error);
  g_assert_no_error (error);
  g_signal_connect_swapped (fixture->vm, "snapshots-changed", G_CALLBACK (count_change), fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_signal_handlers_disconnect_by_data (fixture->vm, fixture);
  scratch_finalize (fixture->library);
  scratch_free (fixture->scratch);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static char *
take (Fixture *fixture, const char *name, const char *note)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  char *id;

  bonsai_vm_take_snapshot_async (fixture->vm, name, note, NULL, NULL, NULL, keep_result, &result);
  wait_until (result != NULL);
  id = bonsai_vm_take_snapshot_finish (fixture->vm, result, &error);
  g_assert_no_error (error);
  return id;
}

static SnapshotTree *
read_tree (Fixture *fixture)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  SnapshotTree *tree;

  bonsai_vm_read_snapshots_async (fixture->vm, true, NULL, keep_result, &result);
  wait_until (result != NULL);
  tree = bonsai_vm_read_snapshots_finish (fixture->vm, result, &error);
  g_assert_no_error (error);
  return tree;
}

static bool
restore (Fixture *fixture, const BonsaiRestore *how, char **taken, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_restore_snapshot_async (fixture->vm, how, NULL, NULL, NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_restore_snapshot_finish (fixture->vm, result, taken, error);
}

static void
test_take_and_restore (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = take (fixture, "first", NULL), *second = take (fixture, NULL, "a note");
  g_autofree char *taken = NULL;
  g_autoptr (SnapshotTree) tree = read_tree (fixture);
  g_autoptr (SnapshotTree) later = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (tree->nodes->len, ==, 2);
  g_assert_cmpstr (tree->current->id, ==, second);
  g_assert_cmpstr (tree->current->note, ==, "a note");
  g_assert_cmpstr (tree->current->parent->id, ==, first);
  g_assert_cmpuint (tree->current->parent->own + tree->current->parent->shared, >, 0);

  g_assert_true (restore (fixture, &(BonsaiRestore){ .node = first }, &taken, &error));
  g_assert_null (taken);
  g_assert_cmpstr (bonsai_vm_get_config (fixture->vm)->snapshot, ==, first);
  g_assert_true (restore (
    fixture, &(BonsaiRestore){ .node = second, .take_first = true, .first_name = "branch" }, &taken, &error));
  g_assert_nonnull (taken);
  later = read_tree (fixture);
  g_assert_cmpuint (later->nodes->len, ==, 3);
  g_assert_cmpstr (snapshot_tree_find (later, "branch", NULL)->parent->id, ==, first);
  g_assert_false (restore (fixture, &(BonsaiRestore){ .node = "nowhere" }, NULL, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
}

static void
edit_finish (Fixture *fixture, GAsyncResult **result)
{
  g_autoptr (GError) error = NULL;

  wait_until (*result != NULL);
  bonsai_vm_edit_snapshot_finish (fixture->vm, *result, &error);
  g_assert_no_error (error);
  g_clear_object (result);
}

static gboolean delete (Fixture *fixture, const char *node, SnapshotDeleteHow how, guint *n, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_delete_snapshot_async (fixture->vm, node, how, NULL, NULL, NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_delete_snapshot_finish (fixture->vm, result, n, error);
}

static void
test_edit (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = take (fixture, "first", NULL), *second = take (fixture, "second", NULL);
  g_autofree char *third = take (fixture, "third", NULL);
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint n = 0;

  bonsai_vm_rename_snapshot_async (fixture->vm, first, "better", "noted", keep_result, &result);
  edit_finish (fixture, &result);
  bonsai_vm_set_disposable_async (fixture->vm, third, keep_result, &result);
  edit_finish (fixture, &result);
  tree = read_tree (fixture);
  g_assert_cmpstr (snapshot_tree_find (tree, first, NULL)->name, ==, "better");
  g_assert_cmpstr (snapshot_tree_find (tree, first, NULL)->note, ==, "noted");
  g_assert_cmpstr (tree->disposable, ==, third);

  g_assert_false (delete (fixture, third, SNAPSHOT_DELETE_ONE, NULL, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  bonsai_vm_set_disposable_async (fixture->vm, NULL, keep_result, &result);
  edit_finish (fixture, &result);
  g_assert_true (delete (fixture, third, SNAPSHOT_DELETE_BEFORE, &n, &error));
  g_assert_cmpuint (n, ==, 2);
  g_clear_pointer (&tree, snapshot_tree_free);
  tree = read_tree (fixture);
  g_assert_cmpuint (tree->nodes->len, ==, 1);
  g_assert_null (tree->disposable);
}

/* One change at a time; what it does is said meanwhile. */
static void
test_busy (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GAsyncResult) first = NULL, second = NULL, start = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = NULL;

  bonsai_vm_take_snapshot_async (fixture->vm, NULL, NULL, NULL, NULL, NULL, keep_result, &first);
  g_assert_nonnull (strstr (bonsai_vm_get_state_text (fixture->vm), "snapshot"));
  bonsai_vm_take_snapshot_async (fixture->vm, NULL, NULL, NULL, NULL, NULL, keep_result, &second);
  bonsai_vm_start_async (fixture->vm, BONSAI_START_HEADLESS, NULL, keep_result, &start);
  wait_until (first != NULL && second != NULL && start != NULL);
  id = bonsai_vm_take_snapshot_finish (fixture->vm, first, &error);
  g_assert_no_error (error);
  g_assert_null (bonsai_vm_take_snapshot_finish (fixture->vm, second, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (bonsai_vm_start_finish (fixture->vm, start, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_assert_cmpstr (bonsai_vm_get_state_text (fixture->vm), ==, "");
  g_assert_cmpint (bundle_lock_holder (bonsai_vm_get_path (fixture->vm)), ==, 0);
}

static char *
make_clone (Fixture *fixture, const char *name, const char *node, gboolean linked)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  char *path;

  bonsai_vm_clone_async (fixture->vm, name, node, linked, NULL, NULL, NULL, keep_result, &result);
  wait_until (result != NULL);
  path = bonsai_vm_clone_finish (fixture->vm, result, &error);
  g_assert_no_error (error);
  return path;
}

static void
test_clone (Fixture *fixture, gconstpointer data)
{
  g_autofree char *full = make_clone (fixture, "full", NULL, false),
                  *linked = make_clone (fixture, "linked", NULL, true);
  g_autoptr (SnapshotTree) tree = read_tree (fixture);
  g_autofree char *again = NULL;

  g_assert_true (g_file_test (full, G_FILE_TEST_IS_DIR));
  g_assert_cmpuint (tree->nodes->len, ==, 1); /* the linked one's */
  g_assert_cmpstr (tree->current->name, ==, "For linked");
  again = make_clone (fixture, "again", tree->current->id, false);
  bonsai_library_refresh (fixture->library);
  g_assert_nonnull (bonsai_library_find (fixture->library, "again"));
  g_assert_nonnull (bonsai_library_find (fixture->library, "linked"));
  g_assert_nonnull (linked);
}

static void
test_diff (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = take (fixture, "first", NULL), *second = NULL;
  g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (fixture->vm));
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  SnapshotDiff *diff;

  config->cpus = 3;
  g_assert_true (bonsai_vm_save_config (fixture->vm, config, &error));
  second = take (fixture, "second", NULL);
  for (unsigned i = 0; i < 2; i++)
    {
      g_clear_object (&result);
      bonsai_vm_diff_snapshots_async (fixture->vm, first, i == 0 ? second : NULL, NULL, NULL, NULL,
                                      keep_result, &result);
      wait_until (result != NULL);
      diff = bonsai_vm_diff_snapshots_finish (fixture->vm, result, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (diff->settings->len, ==, 1);
      g_assert_cmpstr (((SnapshotSetting *)diff->settings->pdata[0])->to, ==, "3");
      snapshot_diff_free (diff);
    }
}

/* Whoever watches hears of what others do, too: a first snapshot, its new name, and its end. */
static void
test_watch (Fixture *fixture, gconstpointer data)
{
  const char *bundle = bonsai_vm_get_path (fixture->vm);
  g_autofree char *id = NULL;
  g_autoptr (GError) error = NULL;
  unsigned before;

  bonsai_vm_watch_snapshots (fixture->vm, true);
  bonsai_vm_watch_snapshots (fixture->vm, true);
  id = take (fixture, "first", NULL);
  wait_until (fixture->n_changes > 0);
  before = fixture->n_changes;
  g_assert_true (snapshot_rename (bundle, id, "other", NULL, &error));
  wait_until (fixture->n_changes > before);
  bonsai_vm_watch_snapshots (fixture->vm, false);
  before = fixture->n_changes;
  g_assert_true (snapshot_delete (bundle, id, SNAPSHOT_DELETE_ONE, NULL, &error));
  wait_until (fixture->n_changes > before);
  bonsai_vm_watch_snapshots (fixture->vm, false);
}

/* --- settings --- */

static void
test_apply (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (fixture->vm));
  g_autoptr (GError) error = NULL;

  config->cpus = 2;
  g_assert_true (bonsai_vm_apply_config (fixture->vm, config, &error));
  g_assert_cmpuint (bonsai_vm_get_config (fixture->vm)->cpus, ==, 2);
  config->memory = UINT64_C (1) << 50;
  g_assert_false (bonsai_vm_apply_config (fixture->vm, config, &error));
  g_clear_error (&error);
  config->memory = 64 * MIB;
  config->heads = 3; /* a plain VGA has one */
  g_assert_false (bonsai_vm_apply_config (fixture->vm, config, &error));
}

static bool
grow (Fixture *fixture, const char *disk, guint64 size, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_grow_disk_async (fixture->vm, disk, size, NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_grow_disk_finish (fixture->vm, result, error);
}

static guint64
size_of (Fixture *fixture, const char *disk)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  DiskLook *look;
  guint64 size;

  bonsai_vm_look_at_disk_async (fixture->vm, disk, NULL, keep_result, &result);
  wait_until (result != NULL);
  look = bonsai_vm_look_at_disk_finish (fixture->vm, result, &error);
  g_assert_no_error (error);
  size = look->size;
  disk_look_clear (look);
  g_free (look);
  return size;
}

static void
test_disks (Fixture *fixture, gconstpointer data)
{
  const ImageLimits limits = { .iops = 100 };
  g_autoptr (GAsyncResult) added = NULL, limited = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = NULL;

  bonsai_vm_add_disk_async (fixture->vm, 8 * MIB, NULL, keep_result, &added);
  wait_until (added != NULL);
  id = bonsai_vm_add_disk_finish (fixture->vm, added, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (bonsai_vm_get_config (fixture->vm)->disks->len, ==, 2);
  g_assert_cmpuint (size_of (fixture, id), ==, 8 * MIB);
  g_assert_true (grow (fixture, id, 16 * MIB, &error));
  g_assert_cmpuint (size_of (fixture, id), ==, 16 * MIB);
  g_assert_false (grow (fixture, id, 8 * MIB, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_cmpuint (size_of (fixture, id), ==, 16 * MIB);

  bonsai_vm_limit_disk_async (fixture->vm, id, &limits, NULL, keep_result, &limited);
  wait_until (limited != NULL);
  g_assert_true (bonsai_vm_limit_disk_finish (fixture->vm, limited, &error));
  g_assert_cmpuint (vm_config_find_disk (bonsai_vm_get_config (fixture->vm), id)->options.limits.iops, ==,
                    100);
  g_assert_cmpint (bundle_lock_holder (bonsai_vm_get_path (fixture->vm)), ==, 0);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/vm-tree/take-and-restore", test_take_and_restore },
    { "/vm-tree/edit", test_edit },
    { "/vm-tree/busy", test_busy },
    { "/vm-tree/clone", test_clone },
    { "/vm-tree/diff", test_diff },
    { "/vm-tree/watch", test_watch },
    { "/vm-settings/apply", test_apply },
    { "/vm-settings/disks", test_disks },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
