/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/snapshot/tree-layout.h"

/* --- who stands below whom --- */

typedef struct {
  TreeLayout *layout;
  const SnapshotTree *tree;
  GHashTable *hidden;
  GArray *left; /* of int: the first free column of each row */
} Builder;

static bool
is_hidden (const Builder *builder, const SnapshotNode *node)
{
  return builder->hidden && g_hash_table_contains (builder->hidden, node->id);
}

static int
add (Builder *builder, const SnapshotNode *node, int parent)
{
  TreeLayout *layout = builder->layout;
  TreePlace place = { .node = node, .parent = parent, .first_child = -1, .next = -1 };

  place.row = parent >= 0 ? tree_layout_get (layout, parent)->row + 1 : 0;
  g_array_append_val (layout->places, place);
  layout->n_rows = MAX (layout->n_rows, place.row + 1);
  return (int)layout->places->len - 1;
}

/* What is to be added: a node, and below which place. */
typedef struct {
  const SnapshotNode *node;
  int parent;
} Pending;

static void
push_all (GArray *stack, GPtrArray *nodes, int parent)
{
  for (guint i = nodes->len; i-- > 0;)
    {
      const Pending pending = { g_ptr_array_index (nodes, i), parent };
      g_array_append_val (stack, pending);
    }
}

/* A tree may be as deep as it likes: no recursion. */
static void
add_nodes (Builder *builder)
{
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (Pending));

  push_all (stack, builder->tree->roots, -1);
  while (stack->len > 0)
    {
      Pending next = g_array_index (stack, Pending, stack->len - 1);

      g_array_set_size (stack, stack->len - 1);
      if (!is_hidden (builder, next.node))
        next.parent = add (builder, next.node, next.parent);
      push_all (stack, next.node->children, next.parent);
    }
}

static void
add_here (Builder *builder)
{
  const SnapshotNode *node = builder->tree->current;
  TreeLayout *layout = builder->layout;
  int parent;

  while (node && is_hidden (builder, node))
    node = node->parent;
  parent = node ? tree_layout_find (layout, node->id) : -1;
  layout->here = add (builder, NULL, parent);
  for (int place = layout->here; place >= 0; place = tree_layout_get (layout, place)->parent)
    tree_layout_get (layout, place)->on_path = true;
}

/* Oldest first, but for the one from which the machine stems, or that is the machine: that stands first. */
static void
link_children (TreeLayout *layout)
{
  for (int place = (int)layout->places->len - 1; place >= 0; place--)
    {
      TreePlace *child = tree_layout_get (layout, place);
      TreePlace *parent = child->parent >= 0 ? tree_layout_get (layout, child->parent) : NULL;
      TreePlace *first =
        parent && parent->first_child >= 0 ? tree_layout_get (layout, parent->first_child) : NULL;

      if (!parent)
        continue;
      if (first && first->on_path)
        {
          child->next = first->next;
          first->next = place;
        }
      else
        {
          child->next = parent->first_child;
          parent->first_child = place;
        }
    }
}

/* --- columns --- */

static int
free_column (Builder *builder, int first, int last)
{
  int column = 0;

  for (int row = first; row <= last; row++)
    column = MAX (column, g_array_index (builder->left, int, row));
  return column;
}

/* A place and its first children, downwards, stand in one column. */
static int
put_chain (Builder *builder, int top)
{
  TreeLayout *layout = builder->layout;
  int bottom = top, column;

  while (tree_layout_get (layout, bottom)->first_child >= 0)
    bottom = tree_layout_get (layout, bottom)->first_child;
  column = free_column (builder, tree_layout_get (layout, top)->row, tree_layout_get (layout, bottom)->row);
  for (int place = top; place >= 0; place = tree_layout_get (layout, place)->first_child)
    {
      TreePlace *one = tree_layout_get (layout, place);

      one->column = column;
      g_array_index (builder->left, int, one->row) = column + 1;
    }
  layout->n_columns = MAX (layout->n_columns, column + 1);
  return bottom;
}

/* The lowest branches stand closest to their chain: lines of upper ones pass over them. */
static void
push_branches (TreeLayout *layout, GArray *stack, int top)
{
  for (int place = top; place >= 0; place = tree_layout_get (layout, place)->first_child)
    {
      int first = tree_layout_get (layout, place)->first_child;
      guint begin = stack->len;

      for (int child = first >= 0 ? tree_layout_get (layout, first)->next : -1; child >= 0;
           child = tree_layout_get (layout, child)->next)
        g_array_append_val (stack, child);
      for (guint i = begin, j = stack->len; i + 1 < j; i++)
        {
          int other = g_array_index (stack, int, --j);

          g_array_index (stack, int, j) = g_array_index (stack, int, i);
          g_array_index (stack, int, i) = other;
        }
    }
}

static void
put_tree (Builder *builder, int root)
{
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (int));

  g_array_append_val (stack, root);
  while (stack->len > 0)
    {
      int top = g_array_index (stack, int, stack->len - 1);

      g_array_set_size (stack, stack->len - 1);
      put_chain (builder, top);
      push_branches (builder->layout, stack, top);
    }
}

/* Trees stand beside one another, that of the machine first. */
static void
put_all (Builder *builder)
{
  TreeLayout *layout = builder->layout;

  g_array_set_size (builder->left, (guint)layout->n_rows);
  for (unsigned turn = 0; turn < 2; turn++)
    for (int place = 0; place < (int)layout->places->len; place++)
      {
        const TreePlace *one = tree_layout_get (layout, place);

        if (one->parent < 0 && one->on_path == (turn == 0))
          put_tree (builder, place);
      }
}

TreeLayout *
tree_layout_new (const SnapshotTree *tree, GHashTable *hidden)
{
  TreeLayout *layout = g_new0 (TreeLayout, 1);
  g_autoptr (GArray) left = g_array_new (FALSE, TRUE, sizeof (int));
  Builder builder = { layout, tree, hidden, left };

  layout->places = g_array_new (FALSE, FALSE, sizeof (TreePlace));
  add_nodes (&builder);
  add_here (&builder);
  link_children (layout);
  put_all (&builder);
  return layout;
}

void
tree_layout_free (TreeLayout *layout)
{
  g_array_unref (layout->places);
  g_free (layout);
}

/* --- asking --- */

int
tree_layout_find (const TreeLayout *layout, const char *id)
{
  for (int place = 0; place < (int)layout->places->len; place++)
    {
      const SnapshotNode *node = tree_layout_get (layout, place)->node;

      if (node && id ? g_str_equal (node->id, id) : !node && !id)
        return place;
    }
  return -1;
}

/* The nearest in the same row, @step columns or more away. */
static int
beside (const TreeLayout *layout, int from, int step)
{
  const TreePlace *origin = tree_layout_get (layout, from);
  int best = -1, distance = G_MAXINT;

  for (int place = 0; place < (int)layout->places->len; place++)
    {
      const TreePlace *one = tree_layout_get (layout, place);
      int away = (one->column - origin->column) * step;

      if (one->row == origin->row && away > 0 && away < distance)
        {
          best = place;
          distance = away;
        }
    }
  return best;
}

int
tree_layout_move (const TreeLayout *layout, int from, TreeDirection direction)
{
  const TreePlace *origin = tree_layout_get (layout, from);

  switch (direction)
    {
    case TREE_UP:
      return origin->parent;
    case TREE_DOWN:
      return origin->first_child;
    case TREE_LEFT:
      return beside (layout, from, -1);
    case TREE_RIGHT:
      return beside (layout, from, 1);
    case TREE_FIRST:
      while (tree_layout_get (layout, from)->parent >= 0)
        from = tree_layout_get (layout, from)->parent;
      return from;
    case TREE_LAST:
      return layout->here;
    }
  return -1;
}
