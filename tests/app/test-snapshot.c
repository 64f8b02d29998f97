/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/snapshot-model.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/doctor.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/snapshot/snapshot-restore.h"
#include "app/snapshot/snapshot-take.h"
#include "tests/app/scratch.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/random", test_random);
  g_test_add_func ("/snapshot/all-deleted", test_all_deleted);
  return g_test_run ();
}
