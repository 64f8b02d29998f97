/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/sidebar-row.h"

#include "app/library/library-tree.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/library/machine-grid.h"
#include "ui/library/sidebar-place.h"
#include "ui/library/thumbnail.h"
#include "ui/library/vm-controls.h"

struct _BonsaiSidebarRow {
  AdwBin parent;
  BonsaiVm *vm; /* or NULL */

  GtkTreeExpander *expander;
  BonsaiThumbnail *thumbnail;
  GtkImage *icon;
  GtkLabel *label;
  GtkImage *state_icon;
  GtkLabel *count_label;
};

G_DEFINE_FINAL_TYPE (BonsaiSidebarRow, bonsai_sidebar_row, ADW_TYPE_BIN)

static const char *
icon_of_state (BonsaiVm *vm)
{
  switch (bonsai_vm_get_state (vm))
    {
    case BONSAI_STATE_STARTING:
    case BONSAI_STATE_RUNNING:
    case BONSAI_STATE_STOPPING:
      return "media-playback-start-symbolic";
    case BONSAI_STATE_PAUSED:
      return "media-playback-pause-symbolic";
    case BONSAI_STATE_CRASHED:
    case BONSAI_STATE_BROKEN:
      return "dialog-warning-symbolic";
    case BONSAI_STATE_SUSPENDED:
      return "document-save-symbolic";
    case BONSAI_STATE_STOPPED:
      break;
    }
  return NULL;
}

static void
update (BonsaiSidebarRow *self)
{
  static const char *const classes[] = { "success", "warning", "error" };
  const char *icon = icon_of_state (self->vm), *class = vm_state_class (self->vm);

  gtk_label_set_text (self->label, bonsai_vm_get_name (self->vm));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->label), bonsai_vm_get_name (self->vm));
  gtk_widget_set_visible (GTK_WIDGET (self->state_icon), icon != NULL);
  gtk_image_set_from_icon_name (self->state_icon, icon);
  for (unsigned i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_strcmp0 (class, classes[i]) == 0)
      gtk_widget_add_css_class (GTK_WIDGET (self->state_icon), classes[i]);
    else
      gtk_widget_remove_css_class (GTK_WIDGET (self->state_icon), classes[i]);
}

static void
show_vm (BonsaiSidebarRow *self, BonsaiVm *vm)
{
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  bonsai_vm_screen_set_vm (BONSAI_VM_SCREEN (self->thumbnail), vm);
  gtk_widget_set_visible (GTK_WIDGET (self->thumbnail), vm != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->icon), vm == NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->count_label), FALSE);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (update), self);
  g_signal_connect_swapped (vm, "notify::name", G_CALLBACK (update), self);
  update (self);
}

BonsaiVm *
bonsai_sidebar_row_get_vm (BonsaiSidebarRow *self)
{
  return self->vm;
}

static void
show_place (BonsaiSidebarRow *self, const char *icon, const char *label, guint count)
{
  g_autofree char *number = count ? g_strdup_printf ("%u", count) : g_strdup ("");

  show_vm (self, NULL);
  gtk_image_set_from_icon_name (self->icon, icon);
  gtk_label_set_text (self->label, label);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->label), NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->state_icon), FALSE);
  gtk_label_set_text (self->count_label, number);
  gtk_widget_set_visible (GTK_WIDGET (self->count_label), count > 0);
}

/* --- what it shows --- */

static void
update_vm_item (BonsaiVm *vm, GParamSpec *pspec, GtkListItem *list_item)
{
  g_autofree char *label = vm_state_label (vm);

  library_name_item (list_item, label);
}

static void
update_place_item (SidebarPlace *place, GParamSpec *pspec, GtkListItem *list_item)
{
  show_place (BONSAI_SIDEBAR_ROW (gtk_list_item_get_child (list_item)), sidebar_place_get_icon (place),
              sidebar_place_get_title (place), sidebar_place_get_count (place));
  library_name_item (list_item, sidebar_place_get_title (place));
}

void
bonsai_sidebar_row_bind (BonsaiSidebarRow *self, GtkListItem *list_item)
{
  GtkTreeListRow *row = gtk_list_item_get_item (list_item);
  g_autoptr (GObject) item = gtk_tree_list_row_get_item (row);

  gtk_tree_expander_set_list_row (self->expander, row);
  if (SIDEBAR_IS_PLACE (item))
    {
      g_signal_connect (item, "notify::count", G_CALLBACK (update_place_item), list_item);
      update_place_item (SIDEBAR_PLACE (item), NULL, list_item);
      return;
    }
  BonsaiVm *vm = bonsai_library_node_get_vm (BONSAI_LIBRARY_NODE (item));
  const char *name = bonsai_library_node_get_name (BONSAI_LIBRARY_NODE (item));
  if (vm)
    {
      show_vm (self, vm);
      g_signal_connect (vm, "notify", G_CALLBACK (update_vm_item), list_item);
      update_vm_item (vm, NULL, list_item);
      return;
    }
  g_autofree char *label = g_strdup_printf (_ ("Group %s"), name);
  show_place (self, "folder-symbolic", name, 0);
  library_name_item (list_item, label);
}

void
bonsai_sidebar_row_unbind (GtkListItem *list_item)
{
  BonsaiSidebarRow *self = BONSAI_SIDEBAR_ROW (gtk_list_item_get_child (list_item));
  GtkTreeListRow *row = gtk_list_item_get_item (list_item);
  g_autoptr (GObject) item = gtk_tree_list_row_get_item (row);
  BonsaiVm *vm = self ? bonsai_sidebar_row_get_vm (self) : NULL;

  if (vm)
    g_signal_handlers_disconnect_by_data (vm, list_item);
  if (SIDEBAR_IS_PLACE (item))
    g_signal_handlers_disconnect_by_data (item, list_item);
  if (!self)
    return;
  show_vm (self, NULL);
  gtk_tree_expander_set_list_row (self->expander, NULL);
}

/* --- the widget --- */

static void
bonsai_sidebar_row_dispose (GObject *object)
{
  BonsaiSidebarRow *self = BONSAI_SIDEBAR_ROW (object);

  if (self->vm)
    show_vm (self, NULL);
  G_OBJECT_CLASS (bonsai_sidebar_row_parent_class)->dispose (object);
}

static void
bonsai_sidebar_row_class_init (BonsaiSidebarRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_sidebar_row_dispose;
  g_type_ensure (BONSAI_TYPE_THUMBNAIL);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/sidebar-row.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiSidebarRow, expander);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSidebarRow, thumbnail);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSidebarRow, icon);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSidebarRow, label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSidebarRow, state_icon);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSidebarRow, count_label);
}

static void
bonsai_sidebar_row_init (BonsaiSidebarRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
bonsai_sidebar_row_new (void)
{
  return g_object_new (BONSAI_TYPE_SIDEBAR_ROW, NULL);
}
