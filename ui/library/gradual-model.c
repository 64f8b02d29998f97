/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/gradual-model.h"

#define STEP         4    /* items that come or go together */
#define MAX_INSERTED 24   /* items between two frames */
#define TURN         5000 /* µs */

struct _BonsaiGradualModel {
  GObject parent;
  GListModel *source;
  GPtrArray *shown;    /* owns */
  GHashTable *present; /* the same, as a set */
  GHashTable *wanted;  /* the source's as a set, while it is known; or NULL */
  guint n_alike;       /* how many at its begin are known to be as in the source */
  bool blank;
};

static void implement_list_model (GListModelInterface *interface);

G_DEFINE_FINAL_TYPE_WITH_CODE (BonsaiGradualModel, bonsai_gradual_model, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, implement_list_model))

enum { BEHIND, N_SIGNALS };
static guint signals[N_SIGNALS];

/* --- what it should have --- */

static guint
count_wanted (BonsaiGradualModel *self)
{
  return self->blank ? 0 : g_list_model_get_n_items (self->source);
}

/* Compared only: the source has it. */
static gpointer
wanted_at (BonsaiGradualModel *self, guint position)
{
  g_autoptr (GObject) item = g_list_model_get_item (self->source, position);

  return item;
}

static bool
is_wanted (BonsaiGradualModel *self, gpointer item)
{
  if (!self->wanted)
    {
      self->wanted = g_hash_table_new (NULL, NULL);
      for (guint i = 0; i < count_wanted (self); i++)
        g_hash_table_add (self->wanted, wanted_at (self, i));
    }
  return g_hash_table_contains (self->wanted, item);
}

/* --- steps --- */

static void
remove_items (BonsaiGradualModel *self, guint position, guint n)
{
  for (guint i = position; i < position + n; i++)
    g_hash_table_remove (self->present, g_ptr_array_index (self->shown, i));
  g_ptr_array_remove_range (self->shown, position, n);
  g_list_model_items_changed (G_LIST_MODEL (self), position, n, 0);
}

/* Those of the source that it doesn't have, from the place where it ends to be like it. Returns: how many. */
static guint
insert_items (BonsaiGradualModel *self, guint position)
{
  guint n = 0, n_wanted = count_wanted (self);

  for (; n < STEP && position + n < n_wanted; n++)
    {
      gpointer item = g_list_model_get_item (self->source, position + n);

      if (!g_hash_table_add (self->present, item))
        {
          g_object_unref (item);
          break;
        }
      g_ptr_array_insert (self->shown, (int)(position + n), item);
    }
  if (n > 0)
    g_list_model_items_changed (G_LIST_MODEL (self), position, 0, n);
  return n;
}

static guint
find_difference (BonsaiGradualModel *self)
{
  guint n = MIN (self->shown->len, count_wanted (self));

  while (self->n_alike < n
         && g_ptr_array_index (self->shown, self->n_alike) == wanted_at (self, self->n_alike))
    self->n_alike++;
  return self->n_alike;
}

/* Of what stands at @position and should not: how many to take away together. Where all the rest goes, its
 * end does first, which is rarely in sight. */
static guint
count_misplaced (BonsaiGradualModel *self, guint *position)
{
  guint n = 1, n_left = MIN (self->shown->len - *position, STEP);
  gpointer *at = self->shown->pdata + *position;

  if (*position == count_wanted (self))
    {
      *position = self->shown->len - n_left;
      return n_left;
    }
  if (is_wanted (self, at[0])) /* elsewhere; alone, or one of many */
    return n_left > 1 && at[1] == wanted_at (self, *position) ? 1 : n_left;
  while (n < n_left && !is_wanted (self, at[n]))
    n++;
  return n;
}

/* @n_inserted: of this turn. Each step makes what is like the source longer, or what isn't shorter. */
static GradualNext
step (BonsaiGradualModel *self, guint *n_inserted)
{
  guint position = find_difference (self);
  bool is_short = position < count_wanted (self);
  bool has_more = position < self->shown->len;

  if (!is_short && !has_more)
    return GRADUAL_DONE;
  if (is_short && (!has_more || is_wanted (self, g_ptr_array_index (self->shown, position)))
      && !g_hash_table_contains (self->present, wanted_at (self, position)))
    {
      if (*n_inserted >= MAX_INSERTED)
        return GRADUAL_INSERTS;
      *n_inserted += insert_items (self, position);
      return GRADUAL_INSERTS;
    }
  guint n = count_misplaced (self, &position);
  remove_items (self, position, n);
  return GRADUAL_REMOVES;
}

GradualNext
bonsai_gradual_model_advance (BonsaiGradualModel *self)
{
  gint64 end = g_get_monotonic_time () + TURN;
  guint n_inserted = 0;
  GradualNext next;

  do
    next = step (self, &n_inserted);
  while (next != GRADUAL_DONE && n_inserted < MAX_INSERTED && g_get_monotonic_time () < end);
  return next;
}

static void
follow (BonsaiGradualModel *self)
{
  g_clear_pointer (&self->wanted, g_hash_table_unref);
  self->n_alike = 0;
  if (bonsai_gradual_model_advance (self) != GRADUAL_DONE)
    g_signal_emit (self, signals[BEHIND], 0);
}

void
bonsai_gradual_model_set_blank (BonsaiGradualModel *self, bool blank)
{
  if (self->blank == blank)
    return;
  self->blank = blank;
  follow (self);
}

/* --- the object --- */

static GType
get_item_type (GListModel *list)
{
  return g_list_model_get_item_type (BONSAI_GRADUAL_MODEL (list)->source);
}

static guint
get_n_items (GListModel *list)
{
  return BONSAI_GRADUAL_MODEL (list)->shown->len;
}

static gpointer
get_item (GListModel *list, guint position)
{
  GPtrArray *shown = BONSAI_GRADUAL_MODEL (list)->shown;

  return position < shown->len ? g_object_ref (g_ptr_array_index (shown, position)) : NULL;
}

static void
implement_list_model (GListModelInterface *interface)
{
  interface->get_item_type = get_item_type;
  interface->get_n_items = get_n_items;
  interface->get_item = get_item;
}

static void
bonsai_gradual_model_finalize (GObject *object)
{
  BonsaiGradualModel *self = BONSAI_GRADUAL_MODEL (object);

  g_signal_handlers_disconnect_by_data (self->source, self);
  g_object_unref (self->source);
  g_hash_table_unref (self->present);
  g_clear_pointer (&self->wanted, g_hash_table_unref);
  g_ptr_array_unref (self->shown);
  G_OBJECT_CLASS (bonsai_gradual_model_parent_class)->finalize (object);
}

static void
bonsai_gradual_model_class_init (BonsaiGradualModelClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = bonsai_gradual_model_finalize;
  signals[BEHIND] = g_signal_new ("behind", BONSAI_TYPE_GRADUAL_MODEL, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 0);
}

static void
bonsai_gradual_model_init (BonsaiGradualModel *self)
{
  self->shown = g_ptr_array_new_with_free_func (g_object_unref);
  self->present = g_hash_table_new (NULL, NULL);
}

BonsaiGradualModel *
bonsai_gradual_model_new (GListModel *source)
{
  BonsaiGradualModel *self = g_object_new (BONSAI_TYPE_GRADUAL_MODEL, NULL);

  self->source = source;
  g_signal_connect_swapped (source, "items-changed", G_CALLBACK (follow), self);
  follow (self);
  return self;
}
