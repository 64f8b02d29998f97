/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/vm-menu.h"

#include "ui/base/resource.h"
#include "ui/machine/machine-actions.h"

static void
weak_ref_free (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

/* The keyboard goes back to where it was: in GTK 4.8 it is lost with a popover. */
static void
on_closed (GtkPopover *menu, gpointer focused)
{
  g_autoptr (GtkWidget) focus = g_weak_ref_get (focused);

  if (focus && gtk_widget_get_mapped (focus))
    gtk_widget_grab_focus (focus);
}

GtkWidget *
vm_menu_new (GtkWidget *host)
{
  GWeakRef *focused = g_new0 (GWeakRef, 1);
  g_autoptr (GtkBuilder) builder = gtk_builder_new_from_resource (UI_RESOURCE "library/vm-menu.ui");
  g_autoptr (GSimpleActionGroup) none = g_simple_action_group_new ();
  GtkWidget *menu;

  /* In GTK 4.8 a menu finds a group only if there was one when it was made. */
  gtk_widget_insert_action_group (host, "vm", G_ACTION_GROUP (none));
  menu = gtk_popover_menu_new_from_model (G_MENU_MODEL (gtk_builder_get_object (builder, "vm_menu")));
  gtk_widget_set_parent (menu, host);
  g_weak_ref_init (focused, NULL);
  g_object_set_data_full (G_OBJECT (menu), "focused", focused, weak_ref_free);
  g_signal_connect (menu, "closed", G_CALLBACK (on_closed), focused);
  return menu;
}

void
vm_menu_popup (GtkWidget *menu, BonsaiVm *vm, GtkWidget *at)
{
  GtkWidget *host = gtk_widget_get_parent (menu);
  graphene_rect_t bounds;

  if (!gtk_widget_compute_bounds (at, host, &bounds))
    return;
  gtk_widget_insert_action_group (host, "vm", bonsai_machine_actions_get (vm));
  g_weak_ref_set (g_object_get_data (G_OBJECT (menu), "focused"),
                  gtk_root_get_focus (gtk_widget_get_root (host)));
  gtk_popover_set_pointing_to (GTK_POPOVER (menu),
                               &(GdkRectangle){ (int)bounds.origin.x, (int)bounds.origin.y,
                                                (int)bounds.size.width, (int)bounds.size.height });
  gtk_popover_popup (GTK_POPOVER (menu));
}

GtkWidget *
vm_menu_find_focused (GtkWidget *list, GType type)
{
  GtkWidget *focus = gtk_root_get_focus (gtk_widget_get_root (list));
  GtkWidget *found = focus ? gtk_widget_get_ancestor (focus, type) : NULL;

  /* The focus is on an item of the list, whose only child is what it shows. */
  if (focus && !found)
    found = gtk_widget_get_first_child (focus);
  return found && g_type_is_a (G_OBJECT_TYPE (found), type) && gtk_widget_is_ancestor (found, list) ? found
                                                                                                    : NULL;
}

void
vm_menu_bind_keys (GtkWidgetClass *widget_class, GtkShortcutFunc callback)
{
  gtk_widget_class_add_binding (widget_class, GDK_KEY_F10, GDK_SHIFT_MASK, callback, NULL);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Menu, 0, callback, NULL);
}
