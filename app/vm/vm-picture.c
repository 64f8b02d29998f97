/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a machine looks like: thumbnails. */
#include "app/vm/vm-private.h"

#include <png.h>
#include <string.h>

#define THUMBNAIL_WIDTH  320
#define THUMBNAIL_HEIGHT 180
#define MAX_SIDE         16384

Surface *
picture_load_png (const char *path)
{
  png_image image = { .version = PNG_IMAGE_VERSION };
  Surface *surface = NULL;

  if (!png_image_begin_read_from_file (&image, path))
    return NULL;
  image.format = G_BYTE_ORDER == G_LITTLE_ENDIAN ? PNG_FORMAT_BGRA : PNG_FORMAT_ARGB;
  if (image.width <= MAX_SIDE && image.height <= MAX_SIDE)
    {
      surface = surface_new ((int)image.width, (int)image.height);
      if (!png_image_finish_read (&image, NULL, surface->pixels, surface->stride, NULL))
        g_clear_pointer (&surface, surface_unref);
    }
  png_image_free (&image);
  return surface;
}

void
bonsai_vm_set_thumbnail (BonsaiVm *self, Surface *surface)
{
  g_clear_pointer (&self->thumbnail, surface_unref);
  self->thumbnail = surface;
  self->picture_looked_for = self->picture_is_live = true;
  g_signal_emit_by_name (self, "thumbnail-changed");
}

static void
grabbed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiVm) self = data;
  Surface *surface = bonsai_session_grab_finish (BONSAI_SESSION (source), result, NULL);
  bool again = self->grab_again;

  self->grabbing = self->grab_again = false;
  if (surface != NULL && BONSAI_SESSION (source) == bonsai_vm_get_session (self))
    bonsai_vm_set_thumbnail (self, surface);
  else
    g_clear_pointer (&surface, surface_unref);
  if (again)
    bonsai_vm_refresh_thumbnail (self);
}

void
bonsai_vm_refresh_thumbnail (BonsaiVm *self)
{
  if (bonsai_vm_get_session (self) == NULL || self->n_watchers == 0)
    return;
  if (self->grabbing)
    {
      self->grab_again = true;
      return;
    }
  self->grabbing = true;
  bonsai_session_grab_async (self->session, 0, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT, NULL, grabbed,
                             g_object_ref (self));
}

/* --- how it looked when it ended --- */

static void
look_in_thread (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  g_autoptr (Surface) picture = g_file_test (path, G_FILE_TEST_IS_REGULAR) ? picture_load_png (path) : NULL;
  Surface *thumbnail =
    picture != NULL ? surface_thumbnail (picture, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT) : NULL;

  g_task_return_pointer (task, thumbnail, (GDestroyNotify)surface_unref);
}

static void
looked (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  g_autoptr (Surface) found = g_task_propagate_pointer (G_TASK (result), NULL);

  self->looking = false;
  if (self->picture_is_live)
    return;
  /* If it has ended once more meanwhile, whoever shows it asks again. */
  if (self->picture_looked_for && found == NULL && self->thumbnail == NULL)
    return;
  g_clear_pointer (&self->thumbnail, surface_unref);
  self->thumbnail = g_steal_pointer (&found);
  g_signal_emit_by_name (self, "thumbnail-changed");
}

Surface *
bonsai_vm_get_thumbnail (BonsaiVm *self)
{
  if (!self->picture_looked_for && !self->looking)
    {
      g_autoptr (GTask) task = g_task_new (self, NULL, looked, NULL);

      self->looking = self->picture_looked_for = true;
      self->picture_is_live = false;
      g_task_set_task_data (task, g_build_filename (self->path, "screenshot.png", NULL), g_free);
      g_task_run_in_thread (task, look_in_thread);
    }
  return self->thumbnail != NULL ? surface_ref (self->thumbnail) : NULL;
}

void
bonsai_vm_picture_changed (BonsaiVm *self)
{
  if (bonsai_vm_get_session (self) != NULL || self->lock != NULL)
    return;
  self->picture_looked_for = false;
  g_signal_emit_by_name (self, "thumbnail-changed");
}

void
bonsai_vm_watch (BonsaiVm *self, gboolean active)
{
  BonsaiSession *session = bonsai_vm_get_session (self);

  if (active)
    self->n_watchers++;
  else if (self->n_watchers > 0)
    self->n_watchers--;
  else
    return;
  if (session == NULL)
    return;
  if (active && self->n_watchers == 1)
    {
      bonsai_session_watch (session, true);
      bonsai_vm_refresh_thumbnail (self);
    }
  else if (!active && self->n_watchers == 0)
    bonsai_session_watch (session, false);
}
