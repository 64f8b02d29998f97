/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/screen-view.h"

#include "ui/base/texture.h"

#define NATURAL_WIDTH 560

struct _BonsaiScreenView {
  BonsaiVmScreen parent;
  GCancellable *cancellable; /* of what is asked for the machine */
  bool grabbing, again;
};

G_DEFINE_FINAL_TYPE (BonsaiScreenView, bonsai_screen_view, BONSAI_TYPE_VM_SCREEN)

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
    bonsai_vm_screen_show (BONSAI_VM_SCREEN (self), texture);
  if (self->again)
    bonsai_vm_screen_refresh (BONSAI_VM_SCREEN (self));
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
    bonsai_vm_screen_show (BONSAI_VM_SCREEN (source), texture);
}

static void
load (BonsaiScreenView *self, BonsaiVm *vm)
{
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, loaded, NULL);

  g_task_set_task_data (task, g_build_filename (bonsai_vm_get_path (vm), "screenshot.png", NULL), g_free);
  g_task_run_in_thread (task, load_in_thread);
}

static void
bonsai_screen_view_refresh (BonsaiVmScreen *screen)
{
  BonsaiVm *vm = bonsai_vm_screen_get_vm (screen);
  BonsaiSession *session = bonsai_vm_get_session (vm);

  if (session)
    grab (BONSAI_SCREEN_VIEW (screen), session);
  else
    load (BONSAI_SCREEN_VIEW (screen), vm);
}

/* --- the machine --- */

/* It is another one after each start; none while it is off. */
static void
on_session (BonsaiScreenView *self)
{
  self->grabbing = self->again = false;
  bonsai_vm_screen_refresh (BONSAI_VM_SCREEN (self));
}

static void
bonsai_screen_view_vm_changed (BonsaiVmScreen *screen)
{
  BonsaiScreenView *self = BONSAI_SCREEN_VIEW (screen);
  BonsaiVm *vm = bonsai_vm_screen_get_vm (screen);

  self->grabbing = self->again = false;
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  if (vm)
    g_signal_connect_swapped (vm, "notify::session", G_CALLBACK (on_session), self);
}

static void
bonsai_screen_view_finalize (GObject *object)
{
  g_object_unref (BONSAI_SCREEN_VIEW (object)->cancellable);
  G_OBJECT_CLASS (bonsai_screen_view_parent_class)->finalize (object);
}

static void
bonsai_screen_view_class_init (BonsaiScreenViewClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = bonsai_screen_view_finalize;
  BONSAI_VM_SCREEN_CLASS (klass)->vm_changed = bonsai_screen_view_vm_changed;
  BONSAI_VM_SCREEN_CLASS (klass)->refresh = bonsai_screen_view_refresh;
}

static void
bonsai_screen_view_init (BonsaiScreenView *self)
{
  self->cancellable = g_cancellable_new ();
  g_object_set (self, "width", NATURAL_WIDTH, NULL);
}
