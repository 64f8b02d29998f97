/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/sidebar-row.h"

#include "ui/base/resource.h"
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

void
bonsai_sidebar_row_set_tree_row (BonsaiSidebarRow *self, GtkTreeListRow *row)
{
  gtk_tree_expander_set_list_row (self->expander, row);
}

void
bonsai_sidebar_row_show_vm (BonsaiSidebarRow *self, BonsaiVm *vm)
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

void
bonsai_sidebar_row_show_place (BonsaiSidebarRow *self, const char *icon, const char *label, guint count)
{
  g_autofree char *number = count ? g_strdup_printf ("%u", count) : g_strdup ("");

  bonsai_sidebar_row_show_vm (self, NULL);
  gtk_image_set_from_icon_name (self->icon, icon);
  gtk_label_set_text (self->label, label);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->label), NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->state_icon), FALSE);
  gtk_label_set_text (self->count_label, number);
  gtk_widget_set_visible (GTK_WIDGET (self->count_label), count > 0);
}

static void
bonsai_sidebar_row_dispose (GObject *object)
{
  BonsaiSidebarRow *self = BONSAI_SIDEBAR_ROW (object);

  if (self->vm)
    bonsai_sidebar_row_show_vm (self, NULL);
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
