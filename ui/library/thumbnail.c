/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/thumbnail.h"

#include "ui/base/i18n.h"
#include "ui/base/texture.h"

#define MIN_WIDTH     80
#define NATURAL_WIDTH 160

struct _BonsaiThumbnail {
  GtkWidget parent;
  GtkWidget *picture;
  GtkWidget *placeholder;
  BonsaiVm *vm;
  int width; /* natural */
  bool watching;
};

G_DEFINE_FINAL_TYPE (BonsaiThumbnail, bonsai_thumbnail, GTK_TYPE_WIDGET)

enum { PROP_0, PROP_WIDTH };

/* What isn't on screen gets its picture when it comes there. */
static void
refresh (BonsaiThumbnail *self)
{
  if (self->vm && !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  g_autoptr (Surface) surface = self->vm ? bonsai_vm_get_thumbnail (self->vm) : NULL;
  g_autoptr (GdkTexture) texture = surface ? texture_from_surface (surface) : NULL;

  gtk_picture_set_paintable (GTK_PICTURE (self->picture), texture ? GDK_PAINTABLE (texture) : NULL);
  gtk_widget_set_visible (self->placeholder, !texture);
}

/* Only what is on screen is kept up to date. */
static void
update_watch (BonsaiThumbnail *self)
{
  bool wanted = self->vm && gtk_widget_get_mapped (GTK_WIDGET (self));

  if (wanted == self->watching)
    return;
  self->watching = wanted;
  bonsai_vm_watch (self->vm, wanted);
}

static void
bonsai_thumbnail_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_thumbnail_parent_class)->map (widget);
  update_watch (BONSAI_THUMBNAIL (widget));
  refresh (BONSAI_THUMBNAIL (widget));
}

static void
bonsai_thumbnail_unmap (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_thumbnail_parent_class)->unmap (widget);
  update_watch (BONSAI_THUMBNAIL (widget));
}

static void
bonsai_thumbnail_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                          int *natural, int *minimum_baseline, int *natural_baseline)
{
  int width = BONSAI_THUMBNAIL (widget)->width;

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      *minimum = MIN (MIN_WIDTH, width);
      *natural = width;
    }
  else
    *minimum = *natural = (for_size < 0 ? width : for_size) * 9 / 16;
}

static GtkSizeRequestMode
bonsai_thumbnail_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
bonsai_thumbnail_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  BonsaiThumbnail *self = BONSAI_THUMBNAIL (widget);
  GtkAllocation all = { 0, 0, width, height };

  gtk_widget_size_allocate (self->picture, &all, baseline);
  gtk_widget_size_allocate (self->placeholder, &all, baseline);
}

static void
bonsai_thumbnail_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  BonsaiThumbnail *self = BONSAI_THUMBNAIL (object);

  if (id != PROP_WIDTH)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  else
    {
      self->width = g_value_get_int (value);
      gtk_image_set_pixel_size (GTK_IMAGE (self->placeholder), CLAMP (self->width / 6, 12, 32));
    }
}

static void
bonsai_thumbnail_dispose (GObject *object)
{
  BonsaiThumbnail *self = BONSAI_THUMBNAIL (object);

  if (self->vm)
    bonsai_thumbnail_set_vm (self, NULL);
  g_clear_pointer (&self->picture, gtk_widget_unparent);
  g_clear_pointer (&self->placeholder, gtk_widget_unparent);
  G_OBJECT_CLASS (bonsai_thumbnail_parent_class)->dispose (object);
}

static void
bonsai_thumbnail_class_init (BonsaiThumbnailClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_thumbnail_dispose;
  G_OBJECT_CLASS (klass)->set_property = bonsai_thumbnail_set_property;
  g_object_class_install_property (G_OBJECT_CLASS (klass), PROP_WIDTH,
                                   g_param_spec_int ("width", NULL, NULL, 1, 4096, NATURAL_WIDTH,
                                                     G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS));
  widget_class->map = bonsai_thumbnail_map;
  widget_class->unmap = bonsai_thumbnail_unmap;
  widget_class->measure = bonsai_thumbnail_measure;
  widget_class->get_request_mode = bonsai_thumbnail_get_request_mode;
  widget_class->size_allocate = bonsai_thumbnail_size_allocate;
  gtk_widget_class_set_css_name (widget_class, "thumbnail");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
bonsai_thumbnail_init (BonsaiThumbnail *self)
{
  self->width = NATURAL_WIDTH;
  self->placeholder = gtk_image_new_from_icon_name ("computer-symbolic");
  gtk_image_set_pixel_size (GTK_IMAGE (self->placeholder), 32);
  gtk_widget_add_css_class (self->placeholder, "dim-label");
  gtk_widget_set_parent (self->placeholder, GTK_WIDGET (self));
  self->picture = gtk_picture_new ();
  gtk_picture_set_can_shrink (GTK_PICTURE (self->picture), TRUE);
  gtk_widget_set_parent (self->picture, GTK_WIDGET (self));
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
}

static void
update_name (BonsaiThumbnail *self)
{
  g_autofree char *label = g_strdup_printf (_ ("Screen of %s"), bonsai_vm_get_name (self->vm));

  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

void
bonsai_thumbnail_set_vm (BonsaiThumbnail *self, BonsaiVm *vm)
{
  if (self->vm)
    {
      if (self->watching)
        bonsai_vm_watch (self->vm, false);
      self->watching = false;
      g_signal_handlers_disconnect_by_data (self->vm, self);
    }
  g_set_object (&self->vm, vm);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "thumbnail-changed", G_CALLBACK (refresh), self);
  g_signal_connect_swapped (vm, "notify::name", G_CALLBACK (update_name), self);
  update_name (self);
  update_watch (self);
  gtk_picture_set_paintable (GTK_PICTURE (self->picture), NULL);
  refresh (self);
}
