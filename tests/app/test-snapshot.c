/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/snapshot-model.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/doctor.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-restore.h"
#include "app/snapshot/snapshot-take.h"
#include "tests/app/scratch.h"
#include "vmm/memory/memory-image.h"
#include "vmm/memory/page-hash.h"

#include <glib/gstdio.h>
#include <string.h>

static unsigned
count_files (const char *bundle)
{
  g_autofree char *folder = g_build_filename (bundle, "disks", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  unsigned n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
test_random (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  uint32_t seed = (uint32_t)g_test_rand_int ();
  g_autoptr (Model) model = model_new (scratch, seed);
  unsigned n = g_getenv ("BONSAI_TEST_STEPS") != NULL ? (unsigned)atoi (g_getenv ("BONSAI_TEST_STEPS")) : 60;
  g_autoptr (GError) error = NULL;

  g_test_message ("seed %u", seed);
  for (unsigned i = 0; i < n; i++)
    {
      g_test_message ("%u: %s", i, model_step (model));
      model_check (model);
    }
  snapshot_collect (model->bundle, false, NULL, &error);
  g_assert_no_error (error);
  model_check (model);
  model_check_sound (model->bundle);
}

/* Without snapshots the machine has its first images again, and nothing else. */
static void
test_all_deleted (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 1);
  g_autoptr (VmConfig) config = NULL;
  g_autoptr (GError) error = NULL;

  for (unsigned i = 0; i < 60; i++)
    model_step (model);
  while (model->nodes->len > 0)
    {
      ModelNode *node = g_ptr_array_index (model->nodes, 0);

      snapshot_delete (model->bundle, node->id, SNAPSHOT_DELETE_ONE, NULL, &error);
      g_assert_no_error (error);
      g_ptr_array_remove (model->nodes, node);
    }
  vm_config_set (&model->current, NULL);
  snapshot_collect (model->bundle, false, NULL, &error);
  g_assert_no_error (error);
  model_check (model);
  model_check_sound (model->bundle);
  g_assert_cmpuint (count_files (model->bundle), ==, MODEL_DISKS);
}

/* --- live ones: what a running machine's process does --- */

#define PAGE MEMORY_IMAGE_PAGE

static void
write_file (const char *folder, const char *name, gsize length)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *content = g_malloc0 (length);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, content, (gssize)length, &error);
  g_assert_no_error (error);
}

/* One page of its own, and one of its parent, if that has memory. */
static void
write_memory (const char *folder, const char *parent_index)
{
  g_autoptr (MemoryImage) image = memory_image_new (folder);
  g_autofree char *index = g_build_filename (folder, SNAPSHOT_INDEX_FILE, NULL);
  g_autofree char *zeroes = g_malloc0 (PAGE);
  g_autoptr (GError) error = NULL;
  MemoryPageHash hash;

  write_file (folder, SNAPSHOT_STATE_FILE, 100);
  write_file (folder, SNAPSHOT_MEMORY_FILE, PAGE);
  page_hash (zeroes, PAGE, &hash);
  image->hashes = g_array_new (FALSE, FALSE, sizeof hash);
  g_array_append_val (image->hashes, hash);
  memory_image_add_bank (image, "ram", 2 * PAGE, 0);
  g_array_index (image->sources, MemoryImageSource, 0).size = PAGE;
  memory_image_add_extent (image, &(MemoryImageExtent){ .n_pages = 1 });
  if (parent_index != NULL)
    {
      g_autoptr (MemoryImage) parent = memory_image_read (parent_index, false, &error);
      g_autofree char *above = g_path_get_dirname (parent_index), *id = g_path_get_basename (above);
      g_autofree char *path = g_strdup_printf ("../%s/memory", id);
      unsigned source = memory_image_add_source (image, path, memory_image_id (parent), PAGE);

      memory_image_add_extent (image,
                               &(MemoryImageExtent){ .source = source, .first_page = 1, .n_pages = 1 });
    }
  memory_image_write (image, index, &error);
  g_assert_no_error (error);
}

static SnapshotDraft *
begin_live (const char *bundle, const char *name)
{
  g_autoptr (GError) error = NULL;
  SnapshotDraft *draft =
    snapshot_draft_begin (bundle, &(SnapshotTake){ .name = name, .kind = SNAPSHOT_LIVE }, &error);

  g_assert_no_error (error);
  snapshot_draft_name_layers (draft, &error);
  g_assert_no_error (error);
  return draft;
}

static void
push_layers (SnapshotDraft *draft, unsigned n)
{
  GPtrArray *layers = snapshot_draft_get_layers (draft);

  for (guint i = 0; i < MIN (n, layers->len); i++)
    snapshot_draft_pushed (draft, g_ptr_array_index (layers, i));
}

/* (transfer full): its id */
static char *
take_live (const char *bundle, const char *name)
{
  g_autoptr (SnapshotDraft) draft = begin_live (bundle, name);
  g_autoptr (GError) error = NULL;

  push_layers (draft, G_MAXUINT);
  write_memory (snapshot_draft_get_folder (draft), snapshot_draft_get_parent_index (draft));
  snapshot_draft_commit (draft, &error);
  g_assert_no_error (error);
  return g_strdup (snapshot_draft_get_id (draft));
}

static bool
has_memory (const char *bundle, const char *id)
{
  g_autofree char *path = g_build_filename (bundle, SNAPSHOT_FOLDER, id, SNAPSHOT_MEMORY_FILE, NULL);

  return g_file_test (path, G_FILE_TEST_IS_REGULAR);
}

static void
delete_and_collect (const char *bundle, const char *id, bool running)
{
  g_autoptr (GError) error = NULL;

  snapshot_delete (bundle, id, SNAPSHOT_DELETE_ONE, NULL, &error);
  g_assert_no_error (error);
  snapshot_collect (bundle, running, NULL, &error);
  g_assert_no_error (error);
}

/* A deleted node's memory stays for as long as another's index refers to it. */
static void
test_memory (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 1);
  const char *bundle = model->bundle;
  g_autofree char *a = take_live (bundle, "A"), *b = take_live (bundle, "B"), *c = take_live (bundle, "C");
  g_autoptr (SnapshotTree) tree = NULL;
  g_autofree char *rest = g_build_filename (bundle, SNAPSHOT_FOLDER, a, SNAPSHOT_STATE_FILE, NULL);

  model_check_sound (bundle);
  delete_and_collect (bundle, a, true);
  delete_and_collect (bundle, b, false);
  tree = snapshot_tree_read (bundle, NULL);
  g_assert_cmpuint (tree->nodes->len, ==, 1);
  g_assert_null (tree->current->parent);
  g_assert_false (g_file_test (rest, G_FILE_TEST_EXISTS));
  g_assert_false (has_memory (bundle, a)); /* only B referred to it */
  g_assert_true (has_memory (bundle, b));
  model_check_sound (bundle);
  delete_and_collect (bundle, c, false);
  g_assert_false (has_memory (bundle, b) || has_memory (bundle, c));
  model_check_sound (bundle);
  g_assert_cmpuint (count_files (bundle), ==, MODEL_DISKS);
}

static void
flip_byte (const char *bundle, const char *id, gsize at)
{
  g_autofree char *path = g_build_filename (bundle, SNAPSHOT_FOLDER, id, SNAPSHOT_MEMORY_FILE, NULL);
  g_autofree char *content = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  content[at] ^= 1;
  g_assert_true (g_file_set_contents (path, content, (gssize)length, NULL));
}

/* Which nodes it says are damaged; (transfer full): ids in the order of the findings, in one text. */
static char *
damaged_nodes (const char *bundle, bool thorough)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) findings = doctor_examine (bundle, &(DoctorHow){ .thorough = thorough }, &error);
  GString *text = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < findings->len; i++)
    {
      const DoctorFinding *finding = g_ptr_array_index (findings, i);

      g_assert_cmpint (finding->kind, ==, DOCTOR_BROKEN);
      g_assert_nonnull (strstr (finding->message, "the page 0 of “ram” has changed"));
      g_string_append_printf (text, "%s ", finding->node);
    }
  return g_string_free (text, FALSE);
}

/* A changed page is found where it lies, and told of each snapshot that takes it from there. */
static void
test_damaged_pages (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 1);
  const char *bundle = model->bundle;
  g_autofree char *a = take_live (bundle, "A"), *b = take_live (bundle, "B"), *c = take_live (bundle, "C");
  g_autofree char *none = damaged_nodes (bundle, true), *quick = NULL, *two = NULL, *one = NULL;
  g_autofree char *both = g_strdup_printf ("%s %s ", b, c), *last = g_strdup_printf ("%s ", c);

  g_assert_cmpstr (none, ==, "");
  flip_byte (bundle, b, PAGE / 2);
  quick = damaged_nodes (bundle, false);
  g_assert_cmpstr (quick, ==, "");
  two = damaged_nodes (bundle, true);
  g_assert_cmpstr (two, ==, both);
  delete_and_collect (bundle, b, false);
  one = damaged_nodes (bundle, true);
  g_assert_cmpstr (one, ==, last);
}

/* Given up at any point, the machine goes on with the layers that it has. */
static void
test_aborted (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 1);
  g_autofree char *root = g_build_filename (model->bundle, SNAPSHOT_FOLDER, NULL);
  g_autoptr (GError) error = NULL;

  for (unsigned n = 0; n <= MODEL_DISKS; n++)
    {
      SnapshotDraft *draft = begin_live (model->bundle, "Given up");

      push_layers (draft, n);
      snapshot_draft_abort (draft);
      g_assert_cmpuint (count_files (model->bundle), ==, MODEL_DISKS + n * (n + 1) / 2);
      model_check (model);
    }
  snapshot_collect (model->bundle, false, NULL, &error);
  g_assert_no_error (error);
  model_check_sound (model->bundle);
  g_assert_cmpuint (count_files (model->bundle), ==, MODEL_DISKS);
  model_check (model);
}

/* The next start goes on from a live node, until that is dropped; meanwhile nothing can be taken or deleted.
 */
static void
test_resume (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 1);
  g_autofree char *a = take_live (model->bundle, "A"), *folder = NULL, *wanted = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = NULL;

  snapshot_restore (model->bundle, a, false, NULL, NULL, &error);
  g_assert_no_error (error);
  config = bundle_load (model->bundle, NULL);
  folder = snapshot_resume_folder (model->bundle, config);
  wanted = g_build_filename (model->bundle, SNAPSHOT_FOLDER, a, NULL);
  g_assert_cmpstr (folder, ==, wanted);
  g_assert_false (snapshot_delete (model->bundle, a, SNAPSHOT_DELETE_ONE, NULL, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_null (snapshot_take (model->bundle, &(SnapshotTake){ 0 }, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  snapshot_resume_drop (model->bundle, true, &error);
  g_assert_no_error (error);
  delete_and_collect (model->bundle, a, false);
  model_check_sound (model->bundle);
}

/* The variables of the firmware go back as well, and old ones don't stay. */
static void
test_nvram (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 1);
  g_autoptr (VmConfig) config = bundle_load (model->bundle, NULL);
  g_autofree char *path = g_build_filename (model->bundle, BUNDLE_NVRAM, NULL), *now = NULL, *id = NULL;
  g_autofree char *content = NULL;
  g_autoptr (GError) error = NULL;

  config->firmware = FIRMWARE_UEFI;
  bundle_save (model->bundle, config, NULL);
  g_file_set_contents (path, "first", -1, NULL);
  id = snapshot_take (model->bundle, &(SnapshotTake){ 0 }, &error);
  g_assert_no_error (error);
  g_file_set_contents (path, "second", -1, NULL);
  for (unsigned i = 0; i < 3; i++)
    {
      g_clear_pointer (&config, vm_config_free);
      g_clear_pointer (&content, g_free);
      snapshot_restore (model->bundle, id, false, NULL, NULL, &error);
      g_assert_no_error (error);
      config = bundle_load (model->bundle, NULL);
      g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
      g_free (path);
      path = g_build_filename (model->bundle, config->nvram, NULL);
      g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
      g_assert_cmpstr (content, ==, "first");
      g_file_set_contents (path, "third", -1, NULL);
    }
  model_check_sound (model->bundle);
}

/* A machine goes back at each power-off. */
static void
test_disposed (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 1);
  g_autofree char *id = snapshot_take (model->bundle, &(SnapshotTake){ 0 }, NULL);
  ModelContent before, after;
  g_autoptr (GError) error = NULL;

  snapshot_set_disposable (model->bundle, id, &error);
  g_assert_no_error (error);
  model_read (model->bundle, NULL, &before);
  model_write (model->bundle, 0, 3, 42);
  snapshot_dispose (model->bundle, &error);
  g_assert_no_error (error);
  model_read (model->bundle, NULL, &after);
  g_assert_cmpmem (&before, sizeof before, &after, sizeof after);
  model_check_sound (model->bundle);
}

/* What a newer Bonsai wrote stays where this one writes. */
static void
test_unknown_members (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 5);
  g_autoptr (GError) error = NULL;
  g_autofree char *id = snapshot_take (model->bundle, &(SnapshotTake){ .name = "a" }, &error);
  g_autofree char *path = g_build_filename (model->bundle, SNAPSHOT_FOLDER, id, SNAPSHOT_NODE_FILE, NULL);
  g_autofree char *text = NULL, *after = NULL;
  static const struct {
    const char *place, *with;
  } additions[] = {
    { "\"version\"", "\"colour\" : { \"red\" : [1, 2.5, null] }, \"version\"" },
    { "\"layer\"", "\"warm\" : true, \"layer\"" },
    { "\"length\"", "\"packed\" : \"zstd\", \"length\"" },
  };

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (additions); i++)
    {
      g_auto (GStrv) parts = g_strsplit (text, additions[i].place, 2);

      g_free (text);
      text = g_strconcat (parts[0], additions[i].with, parts[1], NULL);
    }
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  snapshot_rename (model->bundle, id, "b", NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &after, NULL, NULL));
  g_assert_nonnull (strstr (after, "2.5"));
  g_assert_nonnull (strstr (after, "\"warm\" : true"));
  g_assert_nonnull (strstr (after, "\"packed\" : \"zstd\""));
  g_assert_nonnull (strstr (after, "\"name\" : \"b\""));
  g_assert_null (strstr (strstr (after, "\"name\" : \"b\"") + 1, "\"name\" : \"a\""));
}

/* A process that died while it deleted several: they are deleted. */
static void
test_deleted_together (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 6);
  g_autoptr (GError) error = NULL;
  g_autofree char *a = snapshot_take (model->bundle, &(SnapshotTake){ .name = "a" }, &error);
  g_autofree char *b = snapshot_take (model->bundle, &(SnapshotTake){ .name = "b" }, &error);
  g_autofree char *c = snapshot_take (model->bundle, &(SnapshotTake){ .name = "c" }, &error);
  g_autofree char *file = g_build_filename (model->bundle, SNAPSHOT_FOLDER, "delete.json", NULL);
  g_autofree char *text = g_strdup_printf ("{ \"snapshots\" : [ \"%s\", \"%s\" ] }", a, b);
  const DoctorHow how = { 0 }, repair = { .repair = true };
  g_autoptr (SnapshotTree) tree = NULL, after = NULL;
  g_autoptr (GPtrArray) findings = NULL, repaired = NULL;

  g_assert_no_error (error);
  g_assert_true (g_file_set_contents (file, text, -1, NULL));
  tree = snapshot_tree_read (model->bundle, &error);
  g_assert_cmpuint (tree->nodes->len, ==, 1);
  g_assert_cmpuint (tree->tombstones->len, ==, 2);
  g_assert_true (g_ptr_array_index (tree->roots, 0) == tree->current);
  findings = doctor_examine (model->bundle, &how, &error);
  g_assert_cmpuint (findings->len, >, 0);
  repaired = doctor_examine (model->bundle, &repair, &error);
  g_assert_no_error (error);
  g_assert_false (g_file_test (file, G_FILE_TEST_EXISTS));
  model_check_sound (model->bundle);
  after = snapshot_tree_read (model->bundle, &error);
  g_assert_cmpuint (after->nodes->len, ==, 1);
  g_assert_cmpuint (after->tombstones->len, ==, 0);
  g_assert_cmpstr (after->current->id, ==, c);
}

/* A process that died just after vm.json had been replaced. */
static void
test_completed (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (Model) model = model_new (scratch, 4);
  g_autoptr (GError) error = NULL;
  g_autofree char *a = snapshot_take (model->bundle, &(SnapshotTake){ .name = "a" }, &error), *b = NULL;
  g_autofree char *shown = NULL, *hidden = NULL;
  const SnapshotTake what = { .name = "b" };
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (VmConfig) config = NULL, after = NULL;

  g_assert_no_error (error);
  snapshot_restore (model->bundle, a, false, &what, &b, &error);
  g_assert_no_error (error);
  config = bundle_load (model->bundle, &error);
  g_assert_null (config->completes);
  vm_config_set (&config->completes, b);
  bundle_save (model->bundle, config, &error);
  g_assert_no_error (error);
  shown = g_build_filename (model->bundle, SNAPSHOT_FOLDER, b, NULL);
  hidden = g_strdup_printf ("%s/%s/.%s.new", model->bundle, SNAPSHOT_FOLDER, b);
  g_assert_cmpint (g_rename (shown, hidden), ==, 0);

  model_check_sound (model->bundle);
  tree = snapshot_tree_read (model->bundle, &error);
  g_assert_cmpuint (tree->nodes->len, ==, 2);
  g_assert_cmpint (g_rename (shown, hidden), ==, 0);
  snapshot_collect (model->bundle, false, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_test (shown, G_FILE_TEST_IS_DIR));
  snapshot_delete (model->bundle, a, SNAPSHOT_DELETE_ONE, NULL, &error);
  snapshot_collect (model->bundle, false, NULL, &error);
  g_assert_no_error (error);
  after = bundle_load (model->bundle, &error);
  g_assert_null (after->completes);
  model_check_sound (model->bundle);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/unknown-members", test_unknown_members);
  g_test_add_func ("/snapshot/deleted-together", test_deleted_together);
  g_test_add_func ("/snapshot/completed", test_completed);
  g_test_add_func ("/snapshot/random", test_random);
  g_test_add_func ("/snapshot/all-deleted", test_all_deleted);
  g_test_add_func ("/snapshot/memory", test_memory);
  g_test_add_func ("/snapshot/damaged-pages", test_damaged_pages);
  g_test_add_func ("/snapshot/aborted", test_aborted);
  g_test_add_func ("/snapshot/resume", test_resume);
  g_test_add_func ("/snapshot/nvram", test_nvram);
  g_test_add_func ("/snapshot/disposed", test_disposed);
  return g_test_run ();
}
