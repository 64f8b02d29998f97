/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes that change snapshots are killed, and disks are full: nothing is lost, and doctor finds nothing
 * that it can't put right. */
#include "tests/app/snapshot-model.h"
#include "tests/image/small-disk.h"

#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-restore.h"
#include "app/snapshot/snapshot-take.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS 25 /* BONSAI_TEST_KILLS: another number */

static const char *program;

/* --- the process that is killed --- */

/* What disks hold, as a name: each node's says what it must hold. (transfer full) */
static char *
name_of_content (const char *bundle, const SnapshotNode *node)
{
  ModelContent content;

  model_read (bundle, node, &content);
  return g_compute_checksum_for_data (G_CHECKSUM_MD5, (const guchar *)&content, sizeof content);
}

static void
must (bool done, GError *error)
{
  if (!done)
    g_error ("%s", error->message);
}

/* All that are to go with it are named before. */
static void
delete_many (const char *bundle, const SnapshotTree *tree, const char *id, SnapshotDeleteHow how,
             const char *before)
{
  g_autoptr (GPtrArray) going = snapshot_choose_deleted (tree, id, how, NULL);
  GError *error = NULL;

  for (guint i = 0; i < going->len; i++)
    printf ("going %s\n", ((const SnapshotNode *)g_ptr_array_index (going, i))->id);
  printf ("delete %s %s %s\n", before, before, id);
  must (snapshot_delete (bundle, id, how, NULL, &error), error);
}

/* Says what it is going to do: "STEP BEFORE AFTER NODE", what the disks hold before and after; then "done".
 */
static void
play_step (const char *bundle, GRand *random)
{
  g_autofree char *before = name_of_content (bundle, NULL), *after = g_strdup (before), *taken = NULL;
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, NULL);
  guint n = tree->nodes->len, step = g_rand_int_range (random, 0, 14);
  const SnapshotNode *node = n > 0 ? g_ptr_array_index (tree->nodes, g_rand_int_range (random, 0, n)) : NULL;
  const SnapshotTake what = { .name = before };
  GError *error = NULL;

  if (n < 2 || (step < 3 && n < 12))
    {
      printf ("take %s %s -\n", before, before);
      taken = snapshot_take (bundle, &what, &error);
      must (taken != NULL, error);
    }
  else if (step < 6)
    {
      vm_config_set (&after, node->name);
      printf ("%s %s %s -\n", step == 5 ? "return-first" : "return", before, after);
      must (snapshot_restore (bundle, node->id, false, step == 5 ? &what : NULL, &taken, &error), error);
    }
  else if (step < 9)
    {
      static const SnapshotDeleteHow hows[] = { SNAPSHOT_DELETE_ONE, SNAPSHOT_DELETE_BELOW,
                                                SNAPSHOT_DELETE_BEFORE };

      delete_many (bundle, tree, node->id, hows[step - 6], before);
    }
  else if (step < 11)
    {
      printf ("collect %s %s -\n", before, before);
      must (snapshot_collect (bundle, false, NULL, &error), error);
    }
  else
    {
      printf ("write - - -\n");
      for (unsigned i = 0; i < 4; i++)
        model_write (bundle, g_rand_int_range (random, 0, MODEL_DISKS),
                     g_rand_int_range (random, 0, MODEL_BLOCKS), g_rand_int (random));
    }
  if (n < 2 || step < 11)
    {
      g_autofree char *now = name_of_content (bundle, NULL);

      g_assert_cmpstr (now, ==, after);
    }
  printf ("done %s\n", taken != NULL ? taken : "-");
}

static int
play (const char *bundle, const char *seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32)strtoul (seed, NULL, 10));

  setvbuf (stdout, NULL, _IOLBF, 0);
  for (;;)
    play_step (bundle, random);
  return 0;
}

/* --- the one that kills it --- */

typedef struct {
  char step[16], before[40], after[40], node[16];
  bool under_way;
  GPtrArray *going; /* of ids: "delete" */
} LastStep;

/* Starts the process, kills it after some time, and reads what it said. @ids: the nodes there are, kept up to
 * date. */
static void
run_and_kill (const char *bundle, guint32 seed, unsigned delay_us, GHashTable *ids, LastStep *last)
{
  g_autofree char *text = g_strdup_printf ("%u", seed);
  g_autofree char *said = NULL;
  const char *argv[] = { program, "--play", bundle, text, NULL };
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOChannel) channel = NULL;
  gsize length;
  int out, status;
  GPid pid;
  char first;

  g_spawn_async_with_pipes (NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL,
                            &out, NULL, &error);
  g_assert_no_error (error);
  /* The first letter: it has begun. */
  g_assert_cmpint (read (out, &first, 1), ==, 1);
  g_usleep (delay_us);
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  channel = g_io_channel_unix_new (out);
  g_io_channel_set_close_on_unref (channel, TRUE);
  g_io_channel_set_encoding (channel, NULL, NULL);
  g_io_channel_read_to_end (channel, &said, &length, &error);
  g_assert_no_error (error);

  lines = g_strsplit (said, "\n", -1);
  *last = (LastStep){ .going = last->going };
  g_ptr_array_set_size (last->going, 0);
  for (unsigned i = 0; lines[i] != NULL && lines[i + 1] != NULL; i++)
    {
      g_autofree char *line = i == 0 ? g_strdup_printf ("%c%s", first, lines[0]) : g_strdup (lines[i]);
      char id[16];

      if (sscanf (line, "going %15s", id) == 1)
        {
          if (!last->under_way && i > 0 && g_str_has_prefix (lines[i - 1], "done"))
            g_ptr_array_set_size (last->going, 0);
          g_ptr_array_add (last->going, g_strdup (id));
          continue;
        }
      if (sscanf (line, "done %15s", id) == 1)
        {
          for (guint j = 0; g_str_equal (last->step, "delete") && j < last->going->len; j++)
            g_hash_table_remove (ids, g_ptr_array_index (last->going, j));
          g_ptr_array_set_size (last->going, 0);
          if (!g_str_equal (id, "-"))
            g_hash_table_add (ids, g_strdup (id));
          last->under_way = false;
          continue;
        }
      g_assert_cmpint (
        sscanf (line, "%15s %39s %39s %15s", last->step, last->before, last->after, last->node), ==, 4);
      last->under_way = true;
    }
}

/* The tree is the old one or the new one, and all nodes hold what they held. */
static void
check_tree (const char *bundle, GHashTable *ids, const LastStep *last)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, &error);
  g_autofree char *now = NULL;
  unsigned fresh = 0, known = 0;

  g_assert_no_error (error);
  for (guint i = 0; i < tree->nodes->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);
      g_autofree char *content = node->trouble == NULL ? name_of_content (bundle, node) : NULL;

      g_assert_cmpstr (node->trouble, ==, NULL);
      g_assert_cmpstr (node->name, ==, content);
      fresh += !g_hash_table_contains (ids, node->id);
      known += g_hash_table_contains (ids, node->id);
    }
  if (known < g_hash_table_size (ids))
    {
      g_assert_true (last->under_way);
      g_assert_cmpstr (last->step, ==, "delete");
      g_assert_cmpuint (known + last->going->len, ==, g_hash_table_size (ids)); /* all, or none */
    }
  g_assert_cmpuint (fresh, <=, last->under_way && (last->step[0] == 't' || last->step[0] == 'r') ? 1 : 0);
  if (g_str_equal (last->step, "write") || last->step[0] == '\0')
    return;
  now = name_of_content (bundle, NULL);
  if (!last->under_way || !g_str_equal (now, last->before))
    g_assert_cmpstr (now, ==, last->after);
  /* What was before is kept, and the machine is back; or neither. */
  if (g_str_equal (last->step, "return-first") && last->under_way && !g_str_equal (last->before, last->after))
    g_assert_cmpint (fresh == 1, ==, g_str_equal (now, last->after));
}

static void
learn (const char *bundle, GHashTable *ids)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, NULL);

  g_hash_table_remove_all (ids);
  for (guint i = 0; i < tree->nodes->len; i++)
    g_hash_table_add (ids, g_strdup (((SnapshotNode *)g_ptr_array_index (tree->nodes, i))->id));
}

static void
test_killed (void)
{
  g_autofree char *scratch = g_dir_make_tmp ("bonsai-test-XXXXXX", NULL);
  g_autoptr (Model) model = model_new (scratch, 1);
  g_autoptr (GHashTable) ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  const char *wanted = g_getenv ("BONSAI_TEST_KILLS");
  unsigned n = wanted != NULL ? (unsigned)atoi (wanted) : KILLS, under_way = 0;
  g_autoptr (GPtrArray) going = g_ptr_array_new_with_free_func (g_free);

  for (unsigned i = 0; i < n; i++)
    {
      guint32 seed = (guint32)g_test_rand_int ();
      g_autoptr (GError) error = NULL;
      LastStep last = { .going = going };

      run_and_kill (model->bundle, seed, (unsigned)g_test_rand_int_range (0, 60000), ids, &last);
      g_test_message ("%u: killed %s %s", i, last.under_way ? "in" : "after", last.step);
      under_way += last.under_way;
      check_tree (model->bundle, ids, &last);
      learn (model->bundle, ids);
      if (i % 3 != 0)
        continue; /* the next one begins with what is left over */
      snapshot_collect (model->bundle, false, NULL, &error);
      g_assert_no_error (error);
      model_check_sound (model->bundle);
      strcpy (last.step, "");
      check_tree (model->bundle, ids, &last);
    }
  g_test_message ("%u of %u were killed in a step", under_way, n);
  bundle_remove_tree (scratch);
}

/* --- a full disk --- */

typedef struct {
  char *path;
  uint64_t size;
} Small;

static void
make_room (void *data)
{
  Small *small = data;

  small->size += 256 << 10;
  small_disk_grow (small->path, small->size);
}

static void
test_full (void)
{
  Small small = { .size = 1536 << 10 };
  g_autoptr (Model) model = NULL;
  g_autoptr (GError) error = NULL;

  small.path = small_disk_new (small.size);
  model = model_new (small.path, (uint32_t)g_test_rand_int ());
  model->make_room = make_room;
  model->room_data = &small;
  for (unsigned i = 0; i < 300; i++)
    {
      g_test_message ("%u: %s, %u failed", i, model_step (model), model->n_failures);
      model_check (model);
    }
  g_assert_cmpuint (model->n_failures, >, 5);
  small_disk_grow (small.path, 1ull << 30);
  snapshot_collect (model->bundle, false, NULL, &error);
  g_assert_no_error (error);
  model_check (model);
  model_check_sound (model->bundle);
  small_disk_free (small.path);
}

int
main (int argc, char **argv)
{
  if (argc == 4 && g_str_equal (argv[1], "--play"))
    return play (argv[2], argv[3]);
  small_disk_enter ();
  program = argv[0];
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/killed", test_killed);
  g_test_add_func ("/snapshot/full", test_full);
  return g_test_run ();
}
