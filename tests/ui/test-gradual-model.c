/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/gradual-model.h"

#define MAX_AT_ONCE 24

typedef struct {
  GListStore *source;
  GPtrArray *pool; /* of GObject: what may be in the source */
  BonsaiGradualModel *model;
  GPtrArray *seen; /* what who follows its signals has */
  guint n_come;    /* since the last advance */
} Fixture;

/* What a list view does. */
static void
on_items_changed (GListModel *model, guint position, guint removed, guint added, Fixture *fixture)
{
  if (removed > 0)
    g_ptr_array_remove_range (fixture->seen, position, removed);
  for (guint i = position; i < position + added; i++)
    g_ptr_array_insert (fixture->seen, (int)i, g_list_model_get_item (model, i));
  fixture->n_come += added;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->source = g_list_store_new (G_TYPE_OBJECT);
  fixture->pool = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->seen = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->model = bonsai_gradual_model_new (g_object_ref (G_LIST_MODEL (fixture->source)));
  g_signal_connect (fixture->model, "items-changed", G_CALLBACK (on_items_changed), fixture);
  for (unsigned i = 0; i < 300; i++)
    g_ptr_array_add (fixture->pool, g_object_new (G_TYPE_OBJECT, NULL));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_object_unref (fixture->model);
  g_object_unref (fixture->source);
  g_ptr_array_unref (fixture->pool);
  g_ptr_array_unref (fixture->seen);
}

static void
finish (Fixture *fixture)
{
  GradualNext next;

  do
    {
      fixture->n_come = 0;
      next = bonsai_gradual_model_advance (fixture->model);
      g_assert_cmpuint (fixture->n_come, <=, MAX_AT_ONCE + 4);
    }
  while (next != GRADUAL_DONE);
}

static void
check (Fixture *fixture, GListModel *expected)
{
  guint n = g_list_model_get_n_items (expected);

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (fixture->model)), ==, n);
  g_assert_cmpuint (fixture->seen->len, ==, n);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GObject) item = g_list_model_get_item (G_LIST_MODEL (fixture->model), i);
      g_autoptr (GObject) other = g_list_model_get_item (expected, i);

      g_assert_true (item == other && g_ptr_array_index (fixture->seen, i) == item);
    }
}

static void
replace (Fixture *fixture, guint position, guint removed, guint begin, guint n)
{
  g_list_store_splice (fixture->source, position, removed, fixture->pool->pdata + begin, n);
}

static void
test_small_at_once (Fixture *fixture, gconstpointer data)
{
  replace (fixture, 0, 0, 0, 3);
  check (fixture, G_LIST_MODEL (fixture->source));
  g_list_store_remove (fixture->source, 1);
  check (fixture, G_LIST_MODEL (fixture->source));
}

static void
on_behind (BonsaiGradualModel *model, gpointer data)
{
  ++*(guint *)data;
}

static void
test_large_by_and_by (Fixture *fixture, gconstpointer data)
{
  guint n_behind = 0;

  g_signal_connect (fixture->model, "behind", G_CALLBACK (on_behind), &n_behind);
  replace (fixture, 0, 0, 0, 200);
  g_assert_cmpuint (n_behind, ==, 1);
  g_assert_cmpuint (fixture->seen->len, <, 200);
  finish (fixture);
  check (fixture, G_LIST_MODEL (fixture->source));
}

/* Deleted or renamed while others still come. */
static void
test_change_amid (Fixture *fixture, gconstpointer data)
{
  replace (fixture, 0, 0, 0, 200);
  bonsai_gradual_model_advance (fixture->model);
  g_list_store_remove (fixture->source, 0);
  g_list_store_remove (fixture->source, 150);
  finish (fixture);
  check (fixture, G_LIST_MODEL (fixture->source));
}

static void
test_blank (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GListStore) empty = g_list_store_new (G_TYPE_OBJECT);

  replace (fixture, 0, 0, 0, 200);
  finish (fixture);
  bonsai_gradual_model_set_blank (fixture->model, true);
  finish (fixture);
  check (fixture, G_LIST_MODEL (empty));
  replace (fixture, 10, 20, 200, 50);
  check (fixture, G_LIST_MODEL (empty));
  bonsai_gradual_model_set_blank (fixture->model, false);
  finish (fixture);
  check (fixture, G_LIST_MODEL (fixture->source));
}

static int
compare (gconstpointer a, gconstpointer b, gpointer data)
{
  guint64 key = *(guint64 *)data;

  return (int)((((guintptr)a * key) >> 40) & 0xffff) - (int)((((guintptr)b * key) >> 40) & 0xffff);
}

static void
test_any_change (Fixture *fixture, gconstpointer data)
{
  replace (fixture, 0, 0, 0, 300);
  for (unsigned i = 0; i < 100; i++)
    {
      guint n = g_list_model_get_n_items (G_LIST_MODEL (fixture->source));
      guint position = (guint)g_test_rand_int_range (0, (int)n + 1);
      guint64 key = ((guint64)(guint32)g_test_rand_int () << 32) | 0x9e3779b1;

      g_list_store_splice (fixture->source, position,
                           (guint)g_test_rand_int_range (0, (int)(n - position) + 1), NULL, 0);
      if (i % 3 == 0)
        replace (fixture, 0, g_list_model_get_n_items (G_LIST_MODEL (fixture->source)), 0, 300);
      if (i % 2 == 0)
        g_list_store_sort (fixture->source, compare, &key);
      if (i % 5 == 0)
        continue;
      finish (fixture);
      check (fixture, G_LIST_MODEL (fixture->source));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, test) g_test_add (path, Fixture, NULL, set_up, test, tear_down)
  ADD ("/gradual-model/small-at-once", test_small_at_once);
  ADD ("/gradual-model/large-by-and-by", test_large_by_and_by);
  ADD ("/gradual-model/change-amid", test_change_amid);
  ADD ("/gradual-model/blank", test_blank);
  ADD ("/gradual-model/any-change", test_any_change);
  return g_test_run ();
}
