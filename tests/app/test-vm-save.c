/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptions that are saved in the background, by several at once. */
#include "app/bundle/bundle.h"
#include "app/library/library.h"
#include "app/vm/vm-settings.h"
#include "tests/app/scratch.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define MIB    (UINT64_C (1) << 20)
#define ROUNDS 40

typedef struct {
  char *scratch;
  BonsaiLibrary *library;
  BonsaiVm *vm;
  unsigned n_saved, n_failed;
} Fixture;

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
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  scratch_finalize (fixture->library);
  scratch_free (fixture->scratch);
}

static VmConfig *
wanted (Fixture *fixture)
{
  return vm_config_copy (bonsai_vm_get_wanted_config (fixture->vm));
}

static VmConfig *
in_file (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  VmConfig *config = bundle_load (bonsai_vm_get_path (fixture->vm), &error);

  g_assert_no_error (error);
  return config;
}

static void
count (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *fixture = data;

  if (bonsai_vm_save_finish (BONSAI_VM (source), result, NULL))
    fixture->n_saved++;
  else
    fixture->n_failed++;
}

static void
write_notes (Fixture *fixture, const char *notes)
{
  g_autoptr (VmConfig) config = wanted (fixture);

  vm_config_set (&config->notes, notes);
  bonsai_vm_save_config_async (fixture->vm, config, count, fixture);
}

/* Each is shown at once, and the newest is what stays; also one that takes another back. */
static void
test_order (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = NULL, saved = NULL;

  write_notes (fixture, "first");
  g_assert_cmpstr (bonsai_vm_get_wanted_config (fixture->vm)->notes, ==, "first");
  g_assert_null (bonsai_vm_get_config (fixture->vm)->notes);
  write_notes (fixture, "second");
  config = wanted (fixture);
  config->cpus = 2;
  bonsai_vm_apply_config_async (fixture->vm, config, count, fixture);
  write_notes (fixture, NULL);
  g_assert_true (bonsai_vm_is_saving (fixture->vm));
  wait_until (fixture->n_saved == 4);
  g_assert_false (bonsai_vm_is_saving (fixture->vm));
  saved = in_file (fixture);
  g_assert_null (saved->notes);
  g_assert_cmpuint (saved->cpus, ==, 2);
  g_assert_cmpuint (bonsai_vm_get_config (fixture->vm)->cpus, ==, 2);
}

/* What another process changes is neither seen here before ours is written, nor lost. */
static void
test_others (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) theirs = in_file (fixture), mine = wanted (fixture), saved = NULL;
  g_autoptr (GError) error = NULL;

  theirs->cpus = 3;
  vm_config_add_cdrom (theirs, NULL);
  g_assert_true (bundle_save (bonsai_vm_get_path (fixture->vm), theirs, &error));
  vm_config_set (&mine->notes, "mine");
  vm_config_add_disk (mine, "/dev/null", 0);
  bonsai_vm_save_config_async (fixture->vm, mine, count, fixture);
  wait_until (fixture->n_saved == 1);
  saved = in_file (fixture);
  g_assert_cmpuint (saved->cpus, ==, 3);
  g_assert_cmpstr (saved->notes, ==, "mine");
  g_assert_cmpuint (saved->disks->len, ==, 3);
}

static gpointer
count_up (gpointer path)
{
  for (unsigned i = 0; i < ROUNDS; i++)
    {
      g_autoptr (BundleEdit) edit = bundle_edit_begin (path);
      g_autoptr (VmConfig) config = bundle_load (path, NULL);

      config->memory += MIB;
      g_assert_true (bundle_save (path, config, NULL));
    }
  return NULL;
}

/* Two that write as fast as they can. */
static void
test_race (Fixture *fixture, gconstpointer data)
{
  uint64_t memory = bonsai_vm_get_config (fixture->vm)->memory;
  g_autoptr (VmConfig) saved = NULL;
  GThread *other = g_thread_new ("other", count_up, (gpointer)bonsai_vm_get_path (fixture->vm));

  for (unsigned i = 1; i <= ROUNDS; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);

      write_notes (fixture, text);
      wait_until (fixture->n_saved + 2 > i);
    }
  wait_until (fixture->n_saved == ROUNDS);
  g_thread_join (other);
  saved = in_file (fixture);
  g_assert_cmpstr (saved->notes, ==, G_STRINGIFY (ROUNDS));
  g_assert_cmpuint (saved->memory, ==, memory + ROUNDS * MIB);
}

/* What can't be built, or written, is refused alone; what waits for all hears of it. */
static void
test_failure (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = wanted (fixture), saved = NULL;
  struct rlimit before;

  getrlimit (RLIMIT_FSIZE, &before);
  signal (SIGXFSZ, SIG_IGN);
  config->memory = UINT64_C (1) << 50;
  bonsai_vm_apply_config_async (fixture->vm, config, count, fixture);
  write_notes (fixture, "kept");
  bonsai_vm_await_saves_async (fixture->vm, count, fixture);
  wait_until (fixture->n_saved == 1 && fixture->n_failed == 2);
  saved = in_file (fixture);
  g_assert_cmpstr (saved->notes, ==, "kept");
  g_assert_cmpuint (saved->memory, <, UINT64_C (1) << 50);

  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &(struct rlimit){ 64, before.rlim_max }), ==, 0);
  write_notes (fixture, "lost");
  wait_until (fixture->n_failed == 3);
  setrlimit (RLIMIT_FSIZE, &before);
  g_assert_cmpstr (bonsai_vm_get_wanted_config (fixture->vm)->notes, ==, "kept");
  write_notes (fixture, "written");
  wait_until (fixture->n_saved == 2);
}

/* A program's end waits. */
static void
test_flush (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) saved = NULL;

  write_notes (fixture, "one");
  write_notes (fixture, "two");
  g_assert_true (bonsai_library_is_saving (fixture->library));
  bonsai_library_flush_saves (fixture->library);
  saved = in_file (fixture);
  g_assert_cmpstr (saved->notes, ==, "two");
  wait_until (fixture->n_saved == 2);
}

static void
test_text (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = wanted (fixture), theirs = in_file (fixture), saved = NULL;
  g_autofree char *before = vm_config_to_json (config), *text = NULL, *foreign = NULL;

  config->cpus = 4;
  text = vm_config_to_json (config);
  vm_config_set (&theirs->notes, "typed meanwhile");
  g_assert_true (bundle_save (bonsai_vm_get_path (fixture->vm), theirs, NULL));
  bonsai_vm_apply_text_async (fixture->vm, before, text, count, fixture);
  bonsai_vm_apply_text_async (fixture->vm, before, "{ rubbish }", count, fixture);
  vm_config_set (&config->uuid, "0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11");
  foreign = vm_config_to_json (config);
  bonsai_vm_apply_text_async (fixture->vm, before, foreign, count, fixture);
  wait_until (fixture->n_saved == 1 && fixture->n_failed == 2);
  saved = in_file (fixture);
  g_assert_cmpuint (saved->cpus, ==, 4);
  g_assert_cmpstr (saved->notes, ==, "typed meanwhile");
}

#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/vm-save/order", test_order);
  ADD ("/vm-save/others", test_others);
  ADD ("/vm-save/race", test_race);
  ADD ("/vm-save/failure", test_failure);
  ADD ("/vm-save/flush", test_flush);
  ADD ("/vm-save/text", test_text);
  return g_test_run ();
}
