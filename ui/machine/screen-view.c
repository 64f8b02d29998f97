/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/screen-view.h"

#include "ui/base/i18n.h"
#include "ui/base/texture.h"

#define MIN_WIDTH     120
#define NATURAL_WIDTH 560

struct _BonsaiScreenView {
  GtkWidget parent;
  GtkWidget *picture;
  GtkWidget *placeholder;
  BonsaiVm *vm;
  GCancellable *cancellable; /* of what is asked for @vm */
  bool watching, grabbing, again;
};

G_DEFINE_FINAL_TYPE (BonsaiScreenView, bonsai_screen_view, GTK_TYPE_WIDGET)

static void refresh (BonsaiScreenView *self);

/* @texture: (nullable) */
static void
show (BonsaiScreenView *self, GdkTexture *texture)
{
  gtk_picture_set_paintable (GTK_PICTURE (self->picture), texture ? GDK_PAINTABLE (texture) : NULL);
  gtk_widget_set_visible (self->placeholder, !texture);
}

/* --- one that runs --- */

static void
grabbed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiScreenView) self = data;
  g_autoptr (GError) error = NULL;
  Surface *surface = bonsai_session_grab_finish (BONSAI_SESSION (source), result, &error);
  g_autoptr (GdkTexture) texture = surface ? texture_from_surface (surface) : NULL;

  g_clear_pointer (&surface, surface_unref);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  self->grabbing = false;
  if (texture)
    show (self, texture);
  if (self->again)
    refresh (self);
}

static void
grab (BonsaiScreenView *self, BonsaiSession *session)
{
  int scale = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  int width = MAX (gtk_widget_get_width (GTK_WIDGET (self)), NATURAL_WIDTH) * scale;

  self->again = self->grabbing;
  if (self->grabbing)
    return;
  self->grabbing = true;
  bonsai_session_grab_async (session, 0, width, width, self->cancellable, grabbed, g_object_ref (self));
}

/* --- one that is off --- */

static void
load_in_thread (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  g_task_return_pointer (task, gdk_texture_new_from_filename (path, NULL), g_object_unref);
}

static void
loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkTexture) texture = g_task_propagate_pointer (G_TASK (result), &error);

  if (!error)
    show (BONSAI_SCREEN_VIEW (source), texture);
}

static void
load (BonsaiScreenView *self)
{
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, loaded, NULL);

  g_task_set_task_data (task, g_build_filename (bonsai_vm_get_path (self->vm), "screenshot.png", NULL),
                        g_free);
  g_task_run_in_thread (task, load_in_thread);
}

static void
refresh (BonsaiScreenView *self)
{
  BonsaiSession *session = self->vm ? bonsai_vm_get_session (self->vm) : NULL;

  if (!self->vm || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  if (session)
    grab (self, session);
  else
    load (self);
}

/* --- the machine --- */

static void
update_watch (BonsaiScreenView *self)
{
  bool wanted = self->vm && gtk_widget_get_mapped (GTK_WIDGET (self));

  if (wanted == self->watching)
    return;
  self->watching = wanted;
  bonsai_vm_watch (self->vm, wanted);
}

/* A session is another one after each start. */
static void
on_state (BonsaiScreenView *self)
{
  self->grabbing = self->again = false;
  refresh (self);
}

void
bonsai_screen_view_set_vm (BonsaiScreenView *self, BonsaiVm *vm)
{
  g_autofree char *label = NULL;

  if (self->vm)
    {
      if (self->watching)
        bonsai_vm_watch (self->vm, false);
      g_signal_handlers_disconnect_by_data (self->vm, self);
    }
  self->watching = self->grabbing = self->again = false;
  g_cancellable_cancel (self->cancellable);
  g_set_object (&self->vm, vm);
  if (!vm)
    return;
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  show (self, NULL);
  g_signal_connect_swapped (vm, "thumbnail-changed", G_CALLBACK (refresh), self);
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (on_state), self);
  label = g_strdup_printf (_ ("Screen of %s"), bonsai_vm_get_name (vm));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  update_watch (self);
  refresh (self);
}

/* --- the widget --- */

static void
bonsai_screen_view_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_screen_view_parent_class)->map (widget);
  update_watch (BONSAI_SCREEN_VIEW (widget));
  refresh (BONSAI_SCREEN_VIEW (widget));
}

static void
bonsai_screen_view_unmap (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_screen_view_parent_class)->unmap (widget);
  update_watch (BONSAI_SCREEN_VIEW (widget));
}

static void
bonsai_screen_view_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                            int *natural, int *minimum_baseline, int *natural_baseline)
{
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      *minimum = MIN_WIDTH;
      *natural = NATURAL_WIDTH;
    }
  else
    *minimum = *natural = (for_size < 0 ? NATURAL_WIDTH : for_size) * 9 / 16;
}

static GtkSizeRequestMode
bonsai_screen_view_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
bonsai_screen_view_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  BonsaiScreenView *self = BONSAI_SCREEN_VIEW (widget);
  GtkAllocation all = { 0, 0, width, height };

  gtk_widget_size_allocate (self->picture, &all, baseline);
  gtk_widget_size_allocate (self->placeholder, &all, baseline);
}

static void
bonsai_screen_view_dispose (GObject *object)
{
  BonsaiScreenView *self = BONSAI_SCREEN_VIEW (object);

  bonsai_screen_view_set_vm (self, NULL);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->picture, gtk_widget_unparent);
  g_clear_pointer (&self->placeholder, gtk_widget_unparent);
  G_OBJECT_CLASS (bonsai_screen_view_parent_class)->dispose (object);
}

static void
bonsai_screen_view_class_init (BonsaiScreenViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_screen_view_dispose;
  widget_class->map = bonsai_screen_view_map;
  widget_class->unmap = bonsai_screen_view_unmap;
  widget_class->measure = bonsai_screen_view_measure;
  widget_class->get_request_mode = bonsai_screen_view_get_request_mode;
  widget_class->size_allocate = bonsai_screen_view_size_allocate;
  gtk_widget_class_set_css_name (widget_class, "thumbnail");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
bonsai_screen_view_init (BonsaiScreenView *self)
{
  self->cancellable = g_cancellable_new ();
  self->placeholder = gtk_image_new_from_icon_name ("computer-symbolic");
  gtk_image_set_pixel_size (GTK_IMAGE (self->placeholder), 64);
  gtk_widget_add_css_class (self->placeholder, "dim-label");
  gtk_widget_set_parent (self->placeholder, GTK_WIDGET (self));
  self->picture = gtk_picture_new ();
  gtk_picture_set_can_shrink (GTK_PICTURE (self->picture), TRUE);
  gtk_widget_set_parent (self->picture, GTK_WIDGET (self));
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
}
