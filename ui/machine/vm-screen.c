/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/vm-screen.h"

#include "ui/base/i18n.h"

#define MIN_WIDTH     80
#define NATURAL_WIDTH 160
#define MIN_ICON      12
#define MAX_ICON      64

typedef struct {
  BonsaiVm *vm;
  GdkTexture *texture;
  int width; /* natural */
  bool watching;
} BonsaiVmScreenPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (BonsaiVmScreen, bonsai_vm_screen, GTK_TYPE_WIDGET)

enum { PROP_0, PROP_WIDTH };

static BonsaiVmScreenPrivate *
private_of (gpointer self)
{
  return bonsai_vm_screen_get_instance_private (self);
}

/* --- the machine --- */

void
bonsai_vm_screen_refresh (BonsaiVmScreen *self)
{
  if (private_of (self)->vm && gtk_widget_get_mapped (GTK_WIDGET (self)))
    BONSAI_VM_SCREEN_GET_CLASS (self)->refresh (self);
}

static void
watch (BonsaiVmScreen *self, bool wanted)
{
  BonsaiVmScreenPrivate *priv = private_of (self);

  if (wanted == priv->watching)
    return;
  priv->watching = wanted;
  bonsai_vm_watch (priv->vm, wanted);
}

static void
update_name (BonsaiVmScreen *self)
{
  g_autofree char *label = g_strdup_printf (_ ("Screen of %s"), bonsai_vm_get_name (private_of (self)->vm));

  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

void
bonsai_vm_screen_set_vm (BonsaiVmScreen *self, BonsaiVm *vm)
{
  BonsaiVmScreenPrivate *priv = private_of (self);

  if (priv->vm == vm)
    return;
  if (priv->vm)
    {
      watch (self, false);
      g_signal_handlers_disconnect_by_data (priv->vm, self);
    }
  g_set_object (&priv->vm, vm);
  bonsai_vm_screen_show (self, NULL);
  if (BONSAI_VM_SCREEN_GET_CLASS (self)->vm_changed)
    BONSAI_VM_SCREEN_GET_CLASS (self)->vm_changed (self);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "thumbnail-changed", G_CALLBACK (bonsai_vm_screen_refresh), self);
  g_signal_connect_swapped (vm, "notify::name", G_CALLBACK (update_name), self);
  update_name (self);
  watch (self, gtk_widget_get_mapped (GTK_WIDGET (self)));
  bonsai_vm_screen_refresh (self);
}

BonsaiVm *
bonsai_vm_screen_get_vm (BonsaiVmScreen *self)
{
  return private_of (self)->vm;
}

void
bonsai_vm_screen_show (BonsaiVmScreen *self, GdkTexture *texture)
{
  if (g_set_object (&private_of (self)->texture, texture))
    gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* Only what is on screen is kept up to date; the rest gets its picture when it comes there. */
static void
bonsai_vm_screen_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_vm_screen_parent_class)->map (widget);
  if (private_of (widget)->vm)
    watch (BONSAI_VM_SCREEN (widget), true);
  bonsai_vm_screen_refresh (BONSAI_VM_SCREEN (widget));
}

static void
bonsai_vm_screen_unmap (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_vm_screen_parent_class)->unmap (widget);
  if (private_of (widget)->vm)
    watch (BONSAI_VM_SCREEN (widget), false);
}

/* --- the widget --- */

static void
bonsai_vm_screen_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                          int *natural, int *minimum_baseline, int *natural_baseline)
{
  int width = private_of (widget)->width;

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      *minimum = MIN (MIN_WIDTH, width);
      *natural = width;
    }
  else
    *minimum = *natural = (for_size < 0 ? width : for_size) * 9 / 16;
}

static GtkSizeRequestMode
bonsai_vm_screen_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
snapshot_in (GtkSnapshot *snapshot, GdkPaintable *paintable, double x, double y, double width, double height)
{
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT ((float)x, (float)y));
  gdk_paintable_snapshot (paintable, snapshot, width, height);
  gtk_snapshot_restore (snapshot);
}

static void
snapshot_icon (GtkWidget *widget, GtkSnapshot *snapshot, int width, int height)
{
  int size = CLAMP (private_of (widget)->width / 7, MIN_ICON, MAX_ICON);
  GtkIconTheme *theme = gtk_icon_theme_get_for_display (gtk_widget_get_display (widget));
  g_autoptr (GtkIconPaintable) icon =
    gtk_icon_theme_lookup_icon (theme, "computer-symbolic", NULL, size, gtk_widget_get_scale_factor (widget),
                                gtk_widget_get_direction (widget), 0);
  GdkRGBA colour;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &colour);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot,
                          &GRAPHENE_POINT_INIT ((float)(width - size) / 2, (float)(height - size) / 2));
  gtk_symbolic_paintable_snapshot_symbolic (GTK_SYMBOLIC_PAINTABLE (icon), snapshot, size, size, &colour, 1);
  gtk_snapshot_restore (snapshot);
}

static void
bonsai_vm_screen_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  GdkTexture *texture = private_of (widget)->texture;
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);

  if (!texture)
    {
      snapshot_icon (widget, snapshot, width, height);
      return;
    }
  double scale =
    MIN ((double)width / gdk_texture_get_width (texture), (double)height / gdk_texture_get_height (texture));
  double w = gdk_texture_get_width (texture) * scale, h = gdk_texture_get_height (texture) * scale;
  snapshot_in (snapshot, GDK_PAINTABLE (texture), (width - w) / 2, (height - h) / 2, w, h);
}

static void
bonsai_vm_screen_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id != PROP_WIDTH)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  else
    {
      private_of (object)->width = g_value_get_int (value);
      gtk_widget_queue_resize (GTK_WIDGET (object));
    }
}

static void
bonsai_vm_screen_dispose (GObject *object)
{
  bonsai_vm_screen_set_vm (BONSAI_VM_SCREEN (object), NULL);
  G_OBJECT_CLASS (bonsai_vm_screen_parent_class)->dispose (object);
}

static void
bonsai_vm_screen_class_init (BonsaiVmScreenClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_vm_screen_dispose;
  G_OBJECT_CLASS (klass)->set_property = bonsai_vm_screen_set_property;
  g_object_class_install_property (G_OBJECT_CLASS (klass), PROP_WIDTH,
                                   g_param_spec_int ("width", NULL, NULL, 1, 4096, NATURAL_WIDTH,
                                                     G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS));
  widget_class->map = bonsai_vm_screen_map;
  widget_class->unmap = bonsai_vm_screen_unmap;
  widget_class->measure = bonsai_vm_screen_measure;
  widget_class->get_request_mode = bonsai_vm_screen_get_request_mode;
  widget_class->snapshot = bonsai_vm_screen_snapshot;
  gtk_widget_class_set_css_name (widget_class, "thumbnail");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
bonsai_vm_screen_init (BonsaiVmScreen *self)
{
  private_of (self)->width = NATURAL_WIDTH;
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
}
