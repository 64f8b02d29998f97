/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/bulk-bar.h"

#include "ui/base/i18n.h"
#include "ui/library/organise-dialog.h"
#include "ui/machine/machine-actions.h"

struct _BonsaiBulkBar {
  AdwBin parent;
  BonsaiMachineModel *model;
  GSimpleActionGroup *actions;
  GtkActionBar *bar;
  GtkLabel *label;
};

G_DEFINE_FINAL_TYPE (BonsaiBulkBar, bonsai_bulk_bar, ADW_TYPE_BIN)

static const struct {
  const char *icon, *label, *action;
} bulk_actions[] = {
  { "media-playback-start-symbolic", N_ ("Start Selected"), "start" },
  { "media-playback-pause-symbolic", N_ ("Pause Selected"), "pause" },
  { "system-shutdown-symbolic", N_ ("Shut Down Selected"), "shutdown" },
  { "document-save-symbolic", N_ ("Suspend Selected to Disk"), "suspend" },
  { "camera-photo-symbolic", N_ ("Take Snapshots of Selected"), "snapshot" },
  { "user-trash-symbolic", N_ ("Delete Selected"), "delete" },
};

static void
update (BonsaiBulkBar *self)
{
  g_autoptr (GPtrArray) vms = bonsai_machine_model_get_selected (self->model);
  g_autofree char *text = g_strdup_printf (ngettext ("%u selected", "%u selected", vms->len), vms->len);

  gtk_label_set_text (self->label, text);
  gtk_action_bar_set_revealed (self->bar, vms->len > 1);
  for (unsigned i = 0; i < G_N_ELEMENTS (bulk_actions); i++)
    {
      GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), bulk_actions[i].action);
      bool any = false;
      for (guint j = 0; j < vms->len && !any; j++)
        any = bonsai_machine_actions_can (g_ptr_array_index (vms, j), bulk_actions[i].action);
      g_simple_action_set_enabled (G_SIMPLE_ACTION (action), any);
    }
}

static void
on_bulk (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  g_autoptr (GPtrArray) vms = bonsai_machine_model_get_selected (((BonsaiBulkBar *)data)->model);

  bonsai_machine_actions_activate_all (vms, g_action_get_name (G_ACTION (action)));
}

static void
on_organise (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiBulkBar *self = data;
  g_autoptr (GPtrArray) vms = bonsai_machine_model_get_selected (self->model);
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));

  if (vms->len > 0)
    organise_dialog_show (GTK_WINDOW (root), bonsai_machine_model_get_library (self->model), vms);
}

static void
on_unselect (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  gtk_selection_model_unselect_all (bonsai_machine_model_get_selection (((BonsaiBulkBar *)data)->model));
}

GActionGroup *
bonsai_bulk_bar_get_actions (BonsaiBulkBar *self)
{
  return G_ACTION_GROUP (self->actions);
}

void
bonsai_bulk_bar_set_model (BonsaiBulkBar *self, BonsaiMachineModel *model)
{
  GtkSelectionModel *selection = bonsai_machine_model_get_selection (model);

  self->model = g_object_ref (model);
  g_signal_connect_object (selection, "selection-changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (selection, "items-changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (model, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
}

/* --- the widget --- */

static GtkWidget *
make_buttons (void)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  for (unsigned i = 0; i < G_N_ELEMENTS (bulk_actions); i++)
    {
      GtkWidget *button = gtk_button_new_from_icon_name (bulk_actions[i].icon);
      g_autofree char *name = g_strdup_printf ("bulk.%s", bulk_actions[i].action);
      gtk_widget_set_tooltip_text (button, _ (bulk_actions[i].label));
      gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                      _ (bulk_actions[i].label), -1);
      gtk_actionable_set_action_name (GTK_ACTIONABLE (button), name);
      gtk_widget_add_css_class (button, "flat");
      gtk_box_append (GTK_BOX (box), button);
    }
  return box;
}

static void
add_actions (BonsaiBulkBar *self)
{
  static const GActionEntry entries[] = {
    { .name = "organise", .activate = on_organise },
    { .name = "unselect", .activate = on_unselect },
  };

  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
  for (unsigned i = 0; i < G_N_ELEMENTS (bulk_actions); i++)
    {
      const GActionEntry entry = { .name = bulk_actions[i].action, .activate = on_bulk };
      g_action_map_add_action_entries (G_ACTION_MAP (self->actions), &entry, 1, self);
    }
}

static void
bonsai_bulk_bar_dispose (GObject *object)
{
  g_clear_object (&BONSAI_BULK_BAR (object)->model);
  g_clear_object (&BONSAI_BULK_BAR (object)->actions);
  G_OBJECT_CLASS (bonsai_bulk_bar_parent_class)->dispose (object);
}

static void
bonsai_bulk_bar_class_init (BonsaiBulkBarClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_bulk_bar_dispose;
}

static void
bonsai_bulk_bar_init (BonsaiBulkBar *self)
{
  add_actions (self);
  self->bar = GTK_ACTION_BAR (gtk_action_bar_new ());
  self->label = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_ellipsize (self->label, PANGO_ELLIPSIZE_END);
  gtk_action_bar_set_revealed (self->bar, FALSE);
  gtk_action_bar_pack_start (self->bar, GTK_WIDGET (self->label));
  gtk_action_bar_pack_end (self->bar, make_buttons ());
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->bar));
}
