/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/back-button.h"

#include "ui/base/i18n.h"

#include <adwaita.h>

struct _BonsaiBackButton {
  GtkButton parent;
  GBinding *binding; /* of "visible" while it is in a window; weak */
};

G_DEFINE_FINAL_TYPE (BonsaiBackButton, bonsai_back_button, GTK_TYPE_BUTTON)

static void
bonsai_back_button_root (GtkWidget *widget)
{
  BonsaiBackButton *self = BONSAI_BACK_BUTTON (widget);
  GtkWidget *leaflet;

  GTK_WIDGET_CLASS (bonsai_back_button_parent_class)->root (widget);
  leaflet = gtk_widget_get_ancestor (widget, ADW_TYPE_LEAFLET);
  if (leaflet)
    g_set_weak_pointer (&self->binding,
                        g_object_bind_property (leaflet, "folded", self, "visible", G_BINDING_SYNC_CREATE));
}

static void
bonsai_back_button_unroot (GtkWidget *widget)
{
  BonsaiBackButton *self = BONSAI_BACK_BUTTON (widget);
  GBinding *binding = self->binding;

  g_clear_weak_pointer (&self->binding);
  if (binding)
    g_binding_unbind (binding);
  GTK_WIDGET_CLASS (bonsai_back_button_parent_class)->unroot (widget);
}

static void
bonsai_back_button_class_init (BonsaiBackButtonClass *klass)
{
  GTK_WIDGET_CLASS (klass)->root = bonsai_back_button_root;
  GTK_WIDGET_CLASS (klass)->unroot = bonsai_back_button_unroot;
}

static void
bonsai_back_button_init (BonsaiBackButton *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
  gtk_button_set_icon_name (GTK_BUTTON (self), "go-previous-symbolic");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (self), "win.back");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), _ ("Back"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Back"), -1);
}
