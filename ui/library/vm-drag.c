/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/vm-drag.h"

typedef struct {
  GCallback func;
  gpointer data;
} Handler;

static void
handler_free (gpointer handler, GClosure *closure)
{
  g_free (handler);
}

static GdkContentProvider *
on_prepare (GtkDragSource *source, double x, double y, gpointer data)
{
  const Handler *handler = data;
  GtkWidget *widget = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (source));
  g_autoptr (GPtrArray) vms = ((VmDragFunc)handler->func) (widget, handler->data);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < vms->len; i++)
    if (bonsai_vm_get_uuid (g_ptr_array_index (vms, i)))
      g_strv_builder_add (builder, bonsai_vm_get_uuid (g_ptr_array_index (vms, i)));
  g_auto (GStrv) uuids = g_strv_builder_end (builder);
  return uuids[0] ? gdk_content_provider_new_typed (G_TYPE_STRV, uuids) : NULL;
}

static void
on_begin (GtkDragSource *source, GdkDrag *drag, gpointer data)
{
  GtkWidget *widget = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (source));
  g_autoptr (GdkPaintable) picture = gtk_widget_paintable_new (widget);

  gtk_drag_source_set_icon (source, picture, 0, 0);
}

void
vm_drag_add_source (GtkWidget *widget, VmDragFunc get_dragged, gpointer data)
{
  GtkDragSource *source = gtk_drag_source_new ();
  Handler *handler = g_new (Handler, 1);

  *handler = (Handler){ G_CALLBACK (get_dragged), data };
  gtk_drag_source_set_actions (source, GDK_ACTION_MOVE);
  g_signal_connect_data (source, "prepare", G_CALLBACK (on_prepare), handler, handler_free, 0);
  g_signal_connect (source, "drag-begin", G_CALLBACK (on_begin), NULL);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (source));
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, gpointer data)
{
  const Handler *handler = data;
  GtkWidget *widget = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (target));
  const char *const *uuids = g_value_get_boxed (value);

  return uuids && ((VmDropFunc)handler->func) (widget, uuids, handler->data);
}

void
vm_drag_add_target (GtkWidget *widget, VmDropFunc dropped, gpointer data)
{
  GtkDropTarget *target = gtk_drop_target_new (G_TYPE_STRV, GDK_ACTION_MOVE);
  Handler *handler = g_new (Handler, 1);

  *handler = (Handler){ G_CALLBACK (dropped), data };
  g_signal_connect_data (target, "drop", G_CALLBACK (on_drop), handler, handler_free, 0);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (target));
}
