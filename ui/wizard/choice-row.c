/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/choice-row.h"

#define MANY      12
#define MIN_CHARS 6
#define MAX_CHARS 20

struct _BonsaiChoiceRow {
  AdwActionRow parent;
  GtkDropDown *list;
  GPtrArray *ids;
  bool quiet;
};

G_DEFINE_FINAL_TYPE (BonsaiChoiceRow, bonsai_choice_row, ADW_TYPE_ACTION_ROW)

enum { SIGNAL_CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

static void
add (BonsaiChoiceRow *self, const char *id, const char *name)
{
  g_ptr_array_add (self->ids, g_strdup (id));
  gtk_string_list_append (GTK_STRING_LIST (gtk_drop_down_get_model (self->list)), name);
}

static void
begin (BonsaiChoiceRow *self)
{
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);

  self->quiet = true;
  g_ptr_array_set_size (self->ids, 0);
  gtk_drop_down_set_model (self->list, G_LIST_MODEL (names));
}

static void
end (BonsaiChoiceRow *self)
{
  gtk_drop_down_set_enable_search (self->list, self->ids->len > MANY);
  self->quiet = false;
}

void
bonsai_choice_row_set_choices (BonsaiChoiceRow *self, GPtrArray *choices)
{
  begin (self);
  for (unsigned i = 0; i < choices->len; i++)
    {
      const LocaleChoice *choice = g_ptr_array_index (choices, i);

      add (self, choice->id, choice->name);
    }
  g_ptr_array_unref (choices);
  end (self);
}

void
bonsai_choice_row_set_pairs (BonsaiChoiceRow *self, const char *const pairs[][2], unsigned n)
{
  begin (self);
  for (unsigned i = 0; i < n; i++)
    add (self, pairs[i][0], pairs[i][1]);
  end (self);
}

const char *
bonsai_choice_row_get_id (BonsaiChoiceRow *self)
{
  guint at = gtk_drop_down_get_selected (self->list);

  return at < self->ids->len ? g_ptr_array_index (self->ids, at) : NULL;
}

void
bonsai_choice_row_set_id (BonsaiChoiceRow *self, const char *id)
{
  guint at;

  if (id == NULL)
    return;
  self->quiet = true;
  if (!g_ptr_array_find_with_equal_func (self->ids, id, g_str_equal, &at))
    {
      at = self->ids->len;
      add (self, id, id);
    }
  gtk_drop_down_set_selected (self->list, at);
  self->quiet = false;
}

static void
on_selected (BonsaiChoiceRow *self)
{
  if (!self->quiet)
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/* Its list is as wide as it needs, its button must leave room on a small screen. */
static void
set_up_label (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
  gtk_list_item_set_child (item,
                           g_object_new (GTK_TYPE_LABEL, "xalign", 0.0, "ellipsize", PANGO_ELLIPSIZE_END,
                                         "width-chars", MIN_CHARS, "max-width-chars", MAX_CHARS, NULL));
}

static void
bind_label (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
  const char *text = gtk_string_object_get_string (GTK_STRING_OBJECT (gtk_list_item_get_item (item)));

  gtk_label_set_text (GTK_LABEL (gtk_list_item_get_child (item)), text);
}

static void
on_title (BonsaiChoiceRow *self)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->list), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  adw_preferences_row_get_title (ADW_PREFERENCES_ROW (self)), -1);
}

static void
bonsai_choice_row_finalize (GObject *object)
{
  g_ptr_array_unref (BONSAI_CHOICE_ROW (object)->ids);
  G_OBJECT_CLASS (bonsai_choice_row_parent_class)->finalize (object);
}

static void
bonsai_choice_row_class_init (BonsaiChoiceRowClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = bonsai_choice_row_finalize;
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 0);
}

static void
bonsai_choice_row_init (BonsaiChoiceRow *self)
{
  g_autoptr (GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();
  GtkExpression *text = gtk_property_expression_new (GTK_TYPE_STRING_OBJECT, NULL, "string");

  self->ids = g_ptr_array_new_with_free_func (g_free);
  g_signal_connect (factory, "setup", G_CALLBACK (set_up_label), NULL);
  g_signal_connect (factory, "bind", G_CALLBACK (bind_label), NULL);
  self->list = GTK_DROP_DOWN (gtk_drop_down_new (NULL, text));
  gtk_drop_down_set_factory (self->list, factory);
  gtk_widget_set_valign (GTK_WIDGET (self->list), GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self), GTK_WIDGET (self->list));
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (self), GTK_WIDGET (self->list));
  g_signal_connect_swapped (self->list, "notify::selected", G_CALLBACK (on_selected), self);
  g_signal_connect (self, "notify::title", G_CALLBACK (on_title), NULL);
}
