/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/library-view.h"

#include "app/bundle/vm-labels.h"
#include "ui/base/back-button.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/spare-title.h"
#include "ui/library/bulk-bar.h"
#include "ui/library/machine-grid.h"
#include "ui/library/machine-model.h"

struct _BonsaiLibraryView {
  AdwBin parent;
  BonsaiMachineModel *model;
  bool as_list;
  GSimpleActionGroup *actions;

  AdwWindowTitle *title;
  GtkButton *mode_button;
  GMenu *tags_section;
  GtkSearchBar *search_bar;
  GtkSearchEntry *search_entry;
  GtkInfoBar *host_bar;
  GtkLabel *host_label;
  GtkStack *stack;
  BonsaiMachineGrid *grid;
  BonsaiBulkBar *bulk_bar;
};

G_DEFINE_FINAL_TYPE (BonsaiLibraryView, bonsai_library_view, ADW_TYPE_BIN)

enum { OPENED, CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* --- what it shows --- */

static void
update_page (BonsaiLibraryView *self)
{
  const char *page = "machines";

  if (bonsai_machine_model_count (self->model) == 0)
    page = bonsai_machine_model_is_asked (self->model)        ? "nothing"
           : bonsai_machine_model_get_templates (self->model) ? "no-templates"
           : bonsai_machine_model_get_group (self->model)     ? "nothing"
                                                              : "empty";
  gtk_stack_set_visible_child_name (self->stack, page);
}

static void
update_title (BonsaiLibraryView *self)
{
  const char *group = bonsai_machine_model_get_group (self->model);
  const char *slash = group ? strrchr (group, VM_GROUP_SEPARATOR) : NULL;
  const char *title = bonsai_machine_model_get_templates (self->model) ? _ ("Templates")
                      : slash                                          ? slash + 1
                      : group                                          ? group
                                                                       : _ ("All Machines");
  guint n = bonsai_machine_model_count (self->model),
        n_alive = bonsai_machine_model_count_alive (self->model);
  g_autofree char *all = g_strdup_printf (ngettext ("%u machine", "%u machines", n), n);
  g_autofree char *subtitle = n_alive ? g_strdup_printf (_ ("%s, %u running"), all, n_alive) : g_strdup (all);

  adw_window_title_set_title (self->title, title);
  adw_window_title_set_subtitle (self->title, n ? subtitle : "");
}

static bool
tags_are (GMenuModel *menu, GStrv tags)
{
  guint n = g_strv_length (tags);

  if ((guint)g_menu_model_get_n_items (menu) != (n ? n + 1 : 0))
    return false;
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *label = NULL;
      g_menu_model_get_item_attribute (menu, (int)i + 1, G_MENU_ATTRIBUTE_LABEL, "s", &label);
      if (g_strcmp0 (label, tags[i]) != 0)
        return false;
    }
  return true;
}

static void
update_tags (BonsaiLibraryView *self)
{
  g_auto (GStrv) tags = bonsai_machine_model_list_tags (self->model);

  if (tags_are (G_MENU_MODEL (self->tags_section), tags))
    return;
  g_menu_remove_all (self->tags_section);
  if (tags[0])
    g_menu_append (self->tags_section, _ ("All"), "view.tag::");
  for (unsigned i = 0; tags[i]; i++)
    {
      g_autoptr (GMenuItem) item = g_menu_item_new (tags[i], NULL);
      g_menu_item_set_action_and_target (item, "view.tag", "s", tags[i]);
      g_menu_append_item (self->tags_section, item);
    }
}

static void
on_model_changed (BonsaiLibraryView *self)
{
  update_tags (self);
  update_title (self);
  update_page (self);
}

static void
on_search_changed (BonsaiLibraryView *self)
{
  bonsai_machine_model_set_search (self->model, gtk_editable_get_text (GTK_EDITABLE (self->search_entry)));
}

static void
on_opened (BonsaiLibraryView *self, BonsaiVm *vm)
{
  g_signal_emit (self, signals[OPENED], 0, vm);
}

/* Enter in the search opens what was found first. */
static void
on_search_activated (BonsaiLibraryView *self)
{
  g_autoptr (BonsaiVm) vm = bonsai_machine_model_get (self->model, 0);

  if (vm)
    on_opened (self, vm);
}

void
bonsai_library_view_set_group (BonsaiLibraryView *self, const char *group)
{
  bonsai_machine_model_set_place (self->model, group, false);
}

void
bonsai_library_view_set_templates (BonsaiLibraryView *self)
{
  bonsai_machine_model_set_place (self->model, NULL, true);
}

guint
bonsai_library_view_find (BonsaiLibraryView *self, BonsaiVm *vm)
{
  return bonsai_machine_model_find (self->model, vm);
}

void
bonsai_library_view_focus (BonsaiLibraryView *self, guint position)
{
  if (!bonsai_machine_grid_focus (self->grid, position))
    gtk_widget_child_focus (GTK_WIDGET (self->stack), GTK_DIR_TAB_FORWARD);
}

/* --- how --- */

static void
update_mode (BonsaiLibraryView *self)
{
  const char *tip = self->as_list ? _ ("Show as Grid") : _ ("Show as List");

  gtk_button_set_icon_name (self->mode_button, self->as_list ? "view-grid-symbolic" : "view-list-symbolic");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->mode_button), tip);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->mode_button), GTK_ACCESSIBLE_PROPERTY_LABEL, tip, -1);
  bonsai_machine_grid_set_as_list (self->grid, self->as_list);
}

const char *
bonsai_library_view_get_mode (BonsaiLibraryView *self)
{
  return self->as_list ? "list" : "grid";
}

void
bonsai_library_view_set_mode (BonsaiLibraryView *self, const char *mode)
{
  self->as_list = g_strcmp0 (mode, "list") == 0;
  update_mode (self);
}

static void
on_toggle_mode (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryView *self = data;

  bonsai_library_view_set_mode (self, self->as_list ? "grid" : "list");
  g_signal_emit (self, signals[CHANGED], 0);
}

const char *
bonsai_library_view_get_sort (BonsaiLibraryView *self)
{
  return library_sort_names[bonsai_machine_model_get_sort (self->model)];
}

void
bonsai_library_view_set_sort (BonsaiLibraryView *self, const char *sort)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), "sort");
  LibrarySort order = LIBRARY_SORT_NAME;

  for (unsigned i = 0; sort && i < LIBRARY_N_SORTS; i++)
    if (g_str_equal (sort, library_sort_names[i]))
      order = i;
  g_simple_action_set_state (G_SIMPLE_ACTION (action), g_variant_new_string (library_sort_names[order]));
  bonsai_machine_model_set_sort (self->model, order);
}

static void
on_sort (GSimpleAction *action, GVariant *value, gpointer data)
{
  bonsai_library_view_set_sort (data, g_variant_get_string (value, NULL));
  g_signal_emit (data, signals[CHANGED], 0);
}

static void
on_tag (GSimpleAction *action, GVariant *value, gpointer data)
{
  BonsaiLibraryView *self = data;
  const char *tag = g_variant_get_string (value, NULL);

  g_simple_action_set_state (action, value);
  bonsai_machine_model_set_tag (self->model, *tag ? tag : NULL);
}

void
bonsai_library_view_search (BonsaiLibraryView *self)
{
  gtk_search_bar_set_search_mode (self->search_bar, TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->search_entry));
}

void
bonsai_library_view_capture_keys (BonsaiLibraryView *self, GtkWidget *window)
{
  gtk_search_bar_set_key_capture_widget (self->search_bar, window);
}

static const HostFinding *
worst_finding (const HostReport *host)
{
  const HostFinding *worst = NULL;

  for (guint i = 0; i < host->findings->len; i++)
    {
      const HostFinding *finding = g_ptr_array_index (host->findings, i);
      if (finding->level > HOST_FINDING_NOTE && (!worst || finding->level > worst->level))
        worst = finding;
    }
  return worst;
}

void
bonsai_library_view_show_host (BonsaiLibraryView *self, const HostReport *host)
{
  const HostFinding *finding = worst_finding (host);
  g_autofree char *text = NULL;

  gtk_info_bar_set_revealed (self->host_bar, finding != NULL);
  if (!finding)
    return;
  text =
    finding->remedy ? g_strdup_printf ("%s %s", finding->text, finding->remedy) : g_strdup (finding->text);
  gtk_label_set_text (self->host_label, text);
  gtk_info_bar_set_message_type (self->host_bar, finding->level == HOST_FINDING_ERROR ? GTK_MESSAGE_ERROR
                                                                                      : GTK_MESSAGE_WARNING);
}

static void
on_host_bar_response (GtkInfoBar *bar, int response, gpointer data)
{
  gtk_info_bar_set_revealed (bar, FALSE);
}

/* --- the object --- */

void
bonsai_library_view_set_library (BonsaiLibraryView *self, BonsaiLibrary *library)
{
  self->model = bonsai_machine_model_new (library);
  g_signal_connect_object (self->model, "changed", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  bonsai_machine_grid_set_model (self->grid, self->model);
  bonsai_bulk_bar_set_model (self->bulk_bar, self->model);
  update_mode (self);
  on_model_changed (self);
}

static void
bonsai_library_view_dispose (GObject *object)
{
  g_clear_object (&BONSAI_LIBRARY_VIEW (object)->model);
  G_OBJECT_CLASS (bonsai_library_view_parent_class)->dispose (object);
}

static void
bonsai_library_view_finalize (GObject *object)
{
  g_object_unref (BONSAI_LIBRARY_VIEW (object)->actions);
  G_OBJECT_CLASS (bonsai_library_view_parent_class)->finalize (object);
}

static void
bind_children (GtkWidgetClass *widget_class)
{
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, title);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, mode_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, tags_section);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, search_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, search_entry);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, host_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, host_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, stack);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, grid);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, bulk_bar);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_activated);
  gtk_widget_class_bind_template_callback (widget_class, on_opened);
  gtk_widget_class_bind_template_callback (widget_class, on_host_bar_response);
}

static void
bonsai_library_view_class_init (BonsaiLibraryViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = bonsai_library_view_dispose;
  object_class->finalize = bonsai_library_view_finalize;
  g_type_ensure (BONSAI_TYPE_BACK_BUTTON);
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  g_type_ensure (BONSAI_TYPE_BULK_BAR);
  g_type_ensure (BONSAI_TYPE_MACHINE_GRID);
  signals[OPENED] = g_signal_new ("opened", BONSAI_TYPE_LIBRARY_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, BONSAI_TYPE_VM);
  signals[CHANGED] = g_signal_new ("changed", BONSAI_TYPE_LIBRARY_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/library-view.ui");
  bind_children (widget_class);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Delete, 0, "bulk.delete", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "bulk.unselect", NULL);
}

static void
add_actions (BonsaiLibraryView *self)
{
  static const GActionEntry entries[] = {
    { .name = "toggle-mode", .activate = on_toggle_mode },
    { .name = "sort", .parameter_type = "s", .state = "'name'", .change_state = on_sort },
    { .name = "tag", .parameter_type = "s", .state = "''", .change_state = on_tag },
  };

  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "view", G_ACTION_GROUP (self->actions));
}

static void
bonsai_library_view_init (BonsaiLibraryView *self)
{
  add_actions (self);
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_widget_insert_action_group (GTK_WIDGET (self), "bulk", bonsai_bulk_bar_get_actions (self->bulk_bar));
  gtk_search_bar_connect_entry (self->search_bar, GTK_EDITABLE (self->search_entry));
}
