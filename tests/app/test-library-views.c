/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is shown of a library: its groups as a tree, what a search finds, orders, the trash. */
#include "app/bundle/bundle.h"
#include "app/bundle/vm-labels.h"
#include "app/library/library-import.h"
#include "app/library/library-search.h"
#include "app/library/library-tree.h"
#include "app/library/trash.h"
#include "tests/app/library-fixture.h"
#include "tests/app/scratch.h"

#include <string.h>

static BonsaiVm *
create (LibraryFixture *fixture, const char *name, const char *group, const char *tags)
{
  g_autoptr (VmConfig) config = vm_config_new (name);
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm;

  vm_config_set (&config->group, group);
  config->tags = vm_tags_parse (tags, &error);
  vm = bonsai_library_create (fixture->library, config, &error);
  g_assert_no_error (error);
  return vm;
}

/* The tree on one line: "Work[Web[alpha]beta]gamma" */
static void
draw (GListModel *list, GString *line)
{
  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (BonsaiLibraryNode) node = g_list_model_get_item (list, i);
      GListModel *children = bonsai_library_node_get_children (node);

      g_string_append_printf (line, "%s%s",
                              line->len > 0 && !strchr ("[", line->str[line->len - 1]) ? " " : "",
                              bonsai_library_node_get_name (node));
      g_assert_true ((bonsai_library_node_get_vm (node) == NULL) == (children != NULL));
      if (children == NULL)
        continue;
      g_string_append_c (line, '[');
      draw (children, line);
      g_string_append_c (line, ']');
    }
}

static bool
looks (BonsaiLibraryTree *tree, const char *expected)
{
  g_autoptr (GString) line = g_string_new (NULL);

  draw (bonsai_library_tree_get_machines (tree), line);
  return g_str_equal (line->str, expected);
}

static void
on_set (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (bonsai_vm_change_labels_finish (BONSAI_VM (source), result, &error));
  g_assert_no_error (error);
  *(bool *)data = true;
}

static void
move (BonsaiVm *vm, const char *group)
{
  bool done = false;

  bonsai_vm_set_group_async (vm, group, on_set, &done);
  wait_until (done);
}

static void
test_tree (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *alpha = create (fixture, "alpha", "Work/Web", ""), *beta = create (fixture, "Beta", NULL, "");
  g_autoptr (BonsaiLibraryTree) tree = bonsai_library_tree_new (fixture->library);
  g_autoptr (BonsaiLibraryNode) work = g_list_model_get_item (bonsai_library_tree_get_machines (tree), 0);
  g_autoptr (BonsaiLibraryNode) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *item = NULL;
  g_auto (GStrv) groups = bonsai_library_tree_list_groups (tree);

  g_assert_true (looks (tree, "Work[Web[alpha]] Beta"));
  g_assert_cmpuint (g_strv_length (groups), ==, 2);
  g_assert_cmpstr (groups[1], ==, "Work/Web");
  g_assert_cmpstr (bonsai_library_node_get_group (work), ==, "Work");

  /* A new one, a new group, one that goes as it is empty, and the way back. */
  create (fixture, "charlie", "work", "");
  wait_until (looks (tree, "Work[Web[alpha]] work[charlie] Beta"));
  move (beta, "Work");
  wait_until (looks (tree, "Work[Web[alpha] Beta] work[charlie]"));
  move (alpha, NULL);
  wait_until (looks (tree, "Work[Beta] work[charlie] alpha"));
  again = g_list_model_get_item (bonsai_library_tree_get_machines (tree), 0);
  g_assert_true (again == work);

  /* Renamed: in its new place. */
  g_assert_true (bonsai_library_rename (fixture->library, alpha, "Zulu", &error));
  create (fixture, "delta", NULL, "");
  wait_until (looks (tree, "Work[Beta] work[charlie] delta Zulu"));
  item = bonsai_library_delete (fixture->library, beta, &error);
  g_assert_no_error (error);
  wait_until (looks (tree, "work[charlie] delta Zulu"));
}

static void
test_templates_apart (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = vm_config_new ("Debian");
  g_autoptr (BonsaiLibraryTree) tree = bonsai_library_tree_new (fixture->library);
  g_autoptr (GError) error = NULL;

  config->template_state = VM_TEMPLATE_SEALED;
  vm_config_set (&config->group, "Work");
  bonsai_library_create (fixture->library, config, &error);
  g_assert_no_error (error);
  create (fixture, "web", "Work", "");
  wait_until (looks (tree, "Work[web]"));
  g_assert_cmpuint (g_list_model_get_n_items (bonsai_library_tree_get_templates (tree)), ==, 1);
}

static void
test_many (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (BonsaiLibraryTree) tree = bonsai_library_tree_new (fixture->library);
  g_auto (GStrv) groups = NULL;

  for (unsigned i = 0; i < 60; i++)
    {
      g_autofree char *name = g_strdup_printf ("m%u", i), *group = g_strdup_printf ("g%u/h%u", i % 5, i % 3);

      create (fixture, name, group, "");
    }
  wait_until (g_list_model_get_n_items (bonsai_library_tree_get_machines (tree)) == 5);
  groups = bonsai_library_tree_list_groups (tree);
  g_assert_cmpuint (g_strv_length (groups), ==, 20);
}

static void
test_tags (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "web", NULL, "old, web");
  const char *const add[] = { "new", "OLD", NULL }, *const remove[] = { "Web", NULL };
  g_autoptr (VmConfig) config = NULL;
  g_autofree char *tags = NULL;
  bool done = false;

  bonsai_vm_change_tags_async (vm, add, remove, on_set, &done);
  wait_until (done);
  tags = vm_tags_format ((const char *const *)bonsai_vm_get_config (vm)->tags);
  g_assert_cmpstr (tags, ==, "new, old");
  config = bundle_load (bonsai_vm_get_path (vm), NULL);
  g_assert_true (
    g_strv_equal ((const char *const *)config->tags, (const char *const *)bonsai_vm_get_config (vm)->tags));
}

static bool
finds (BonsaiVm *vm, const char *text)
{
  g_autoptr (LibraryQuery) query = library_query_new (text);

  return library_query_matches (query, vm);
}

static void
test_search (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = create (fixture, "Büro-Server", "Work/Web", "legacy system, web");
  const char *const found[] = { NULL,
                                "",
                                "buro",
                                "BÜRO server",
                                "  legacy ",
                                "tag:web",
                                "tag:\"Legacy system\"",
                                "group:work",
                                "group:work/web is:stopped",
                                "is:off w",
                                "\"o-s\"" };
  const char *const not_found[] = { "bureau",    "buro mail", "tag:legacy", "tag:we",
                                    "group:wor", "group:web", "is:running", "is:template" };
  g_autoptr (LibraryQuery) none = library_query_new ("  "), some = library_query_new ("is:off");

  for (unsigned i = 0; i < G_N_ELEMENTS (found); i++)
    g_assert_true (finds (vm, found[i]));
  for (unsigned i = 0; i < G_N_ELEMENTS (not_found); i++)
    g_assert_false (finds (vm, not_found[i]));
  g_assert_true (library_query_is_empty (none));
  g_assert_false (library_query_is_empty (some));
}

static void
test_search_by_system (LibraryFixture *fixture, gconstpointer data)
{
  static const struct {
    const char *os, *found[6], *not_found[4];
  } cases[] = {
    { "http://debian.org/debian/12",
      { "os:debian", "os:Debian12", "debian", "debian12 is:off", "\"debian 12\"", "os:12 os:debian" },
      { "os:fedora", "os:http", "org", "debian13" } },
    { "http://microsoft.com/win/10", { "os:windows", "win10", "os:win" }, { "os:debian" } },
    { "fedora39", { "os:fedora", "fedora39" }, { "os:windows", "debian" } },
    { NULL, { "machine" }, { "os:debian", "debian" } },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = g_strdup_printf ("machine %u", i);
      BonsaiVm *vm = create (fixture, name, NULL, "");
      g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (vm));

      vm_config_set (&config->os, cases[i].os);
      g_assert_true (bonsai_vm_save_config (vm, config, NULL));
      for (unsigned j = 0; j < G_N_ELEMENTS (cases[i].found) && cases[i].found[j] != NULL; j++)
        g_assert_true (finds (vm, cases[i].found[j]));
      for (unsigned j = 0; j < G_N_ELEMENTS (cases[i].not_found) && cases[i].not_found[j] != NULL; j++)
        g_assert_false (finds (vm, cases[i].not_found[j]));
    }
}

static void
test_order (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *apple = create (fixture, "apple", NULL, ""), *Banana = create (fixture, "Banana", NULL, "");
  BundleRun run = { .state = BONSAI_STATE_CRASHED, .reason = BONSAI_REASON_TRIPLE_FAULT, .exit_status = 1 };
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (library_compare (apple, Banana, LIBRARY_SORT_NAME), <, 0);
  g_assert_cmpint (library_compare (apple, Banana, LIBRARY_SORT_STATE), <, 0);
  g_assert_cmpint (library_compare (apple, apple, LIBRARY_SORT_LAST_USED), ==, 0);
  g_assert_true (bundle_write_run (bonsai_vm_get_path (Banana), &run, &error));
  wait_until (bonsai_vm_get_state (Banana) == BONSAI_STATE_CRASHED);
  g_assert_cmpint (library_compare (apple, Banana, LIBRARY_SORT_STATE), >, 0);
  g_assert_cmpint (library_compare (apple, Banana, LIBRARY_SORT_LAST_USED), >, 0);
  g_assert_cmpint (library_compare (apple, Banana, LIBRARY_SORT_MEMORY), <, 0);
}

static void
on_purged (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (bonsai_library_purge_finish (BONSAI_LIBRARY (source), result, &error));
  g_assert_no_error (error);
  *(bool *)data = true;
}

static guint
n_items (BonsaiTrash *trash)
{
  return g_list_model_get_n_items (G_LIST_MODEL (trash));
}

static void
test_trash (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (BonsaiTrash) trash = bonsai_trash_new (fixture->library);
  g_autoptr (BonsaiTrashItem) item = NULL, same = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *first = NULL, *second = NULL;
  bool done = false;

  first = bonsai_library_delete (fixture->library, create (fixture, "Web server", NULL, ""), &error);
  g_assert_no_error (error);
  wait_until (n_items (trash) == 1);
  item = g_list_model_get_item (G_LIST_MODEL (trash), 0);
  g_assert_cmpstr (bonsai_trash_item_get_id (item), ==, first);
  g_assert_cmpstr (bonsai_trash_item_get_name (item), ==, "Web server");
  g_assert_cmpuint (bonsai_trash_item_get_size (item), >, 0);
  g_assert_cmpint (ABS (g_get_real_time () / G_USEC_PER_SEC - bonsai_trash_item_get_deleted (item)), <, 60);

  second = bonsai_library_delete (fixture->library, create (fixture, "Mail", NULL, ""), &error);
  g_assert_no_error (error);
  wait_until (n_items (trash) == 2);
  same = g_list_model_get_item (G_LIST_MODEL (trash), 1);
  g_assert_true (same == item);

  g_assert_nonnull (bonsai_library_undelete (fixture->library, second, &error));
  wait_until (n_items (trash) == 1);
  bonsai_library_purge_async (fixture->library, NULL, NULL, on_purged, &done);
  wait_until (done && n_items (trash) == 0);
}

typedef struct {
  BonsaiVm *vm;
  GError *error;
  bool done;
} Imported;

static void
on_imported (GObject *source, GAsyncResult *result, gpointer data)
{
  Imported *imported = data;

  imported->vm = bonsai_library_import_finish (BONSAI_LIBRARY (source), result, &imported->error);
  imported->done = true;
}

static Imported
import (LibraryFixture *fixture, const char *path, GCancellable *cancellable)
{
  Imported imported = { 0 };

  bonsai_library_import_async (fixture->library, path, NULL, NULL, cancellable, on_imported, &imported);
  wait_until (imported.done);
  return imported;
}

static guint
n_entries (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* A machine from elsewhere is copied with its files; the same once more is another machine. */
static void
test_import (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (Scratch) elsewhere = scratch_new ();
  g_autoptr (VmConfig) config = vm_config_new ("Guest");
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (BundleLock) lock = NULL;
  g_autofree char *path = NULL, *disk = NULL, *copy = NULL, *content = NULL;
  Imported first, second, third;
  gsize length;

  vm_config_add_disk (config, "disks/disk0.img", 64 << 20);
  path = bundle_create (elsewhere, config, &error);
  g_assert_no_error (error);
  disk = g_build_filename (path, "disks", "disk0.img", NULL);
  g_assert_true (g_file_set_contents (disk, "first sector", -1, NULL));

  first = import (fixture, path, NULL);
  g_assert_no_error (first.error);
  g_assert_cmpstr (bonsai_vm_get_uuid (first.vm), ==, config->uuid);
  copy = g_build_filename (bonsai_vm_get_path (first.vm), "disks", "disk0.img", NULL);
  g_assert_true (g_file_get_contents (copy, &content, &length, NULL));
  g_assert_cmpstr (content, ==, "first sector");

  second = import (fixture, path, NULL);
  g_assert_no_error (second.error);
  g_assert_cmpstr (bonsai_vm_get_name (second.vm), ==, "Guest 2");
  g_assert_cmpstr (bonsai_vm_get_uuid (second.vm), !=, config->uuid);
  g_assert_cmpstr (((VmNic *)g_ptr_array_index (bonsai_vm_get_config (second.vm)->nics, 0))->mac, !=,
                   ((VmNic *)g_ptr_array_index (config->nics, 0))->mac);

  /* Cancelled, or of one that is in use: nothing stays. */
  g_cancellable_cancel (cancelled);
  third = import (fixture, path, cancelled);
  g_assert_error (third.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&third.error);
  lock = bundle_lock (path, &error);
  g_assert_nonnull (lock);
  third = import (fixture, path, NULL);
  g_assert_nonnull (third.error);
  g_clear_error (&third.error);
  g_assert_cmpuint (n_entries (fixture->scratch), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define add(name, test)                                                                                      \
  g_test_add ("/library-views/" name, LibraryFixture, NULL, library_fixture_set_up, test,                    \
              library_fixture_tear_down)
  add ("tree", test_tree);
  add ("tree/templates-apart", test_templates_apart);
  add ("tree/many", test_many);
  add ("tags", test_tags);
  add ("search", test_search);
  add ("search-by-system", test_search_by_system);
  add ("order", test_order);
  add ("trash", test_trash);
  add ("import", test_import);
  return g_test_run ();
}
