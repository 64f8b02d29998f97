/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/screen/screen-private.h"

/* --- pictures --- */

static uint32_t
blend (uint32_t under, uint32_t over)
{
  uint32_t rest = 255 - (over >> 24), mixed = 0;

  for (unsigned shift = 0; shift < 24; shift += 8)
    mixed |= MIN ((over >> shift & 0xff) + (under >> shift & 0xff) * rest / 255, 255u) << shift;
  return mixed;
}

/* A hardware cursor is no part of the surface, but of what people see. */
static void
draw_cursor_locked (const Screen *screen, Surface *picture)
{
  const ScreenCursor *cursor = &screen->cursor;
  Rect shape = { 0, 0, cursor->width, cursor->height }, shown;
  int64_t x = (int64_t)cursor->x - cursor->hot_x, y = (int64_t)cursor->y - cursor->hot_y;

  if (!cursor->visible || ABS (x) > picture->width || ABS (y) > picture->height)
    return;
  shown = rect_intersect ((Rect){ (int)x, (int)y, shape.width, shape.height }, surface_rect (picture));
  for (int row = shown.y; row < shown.y + shown.height; row++)
    for (int column = shown.x; column < shown.x + shown.width; column++)
      {
        uint32_t *pixel = (uint32_t *)((uint8_t *)picture->pixels + (size_t)row * picture->stride) + column;

        *pixel = blend (*pixel, screen->cursor_pixels[(row - y) * shape.width + (column - x)]);
      }
}

/* (transfer full) */
static Surface *
picture_locked (Screen *screen)
{
  Surface *picture = surface_copy (screen->surface);

  draw_cursor_locked (screen, picture);
  return picture;
}

void
screen_serve_grabs_locked (Screen *screen)
{
  for (guint i = 0; i < screen->grabs->len; i++)
    {
      Grab *grab = g_ptr_array_index (screen->grabs, i);

      grab->picture = screen->surface ? picture_locked (screen) : NULL;
      grab->done = true;
    }
  if (screen->grabs->len > 0)
    {
      g_ptr_array_set_size (screen->grabs, 0);
      g_cond_broadcast (&screen->grab_done);
    }
}

Surface *
screen_grab (Screen *screen, int timeout_ms)
{
  int64_t deadline = g_get_monotonic_time () + timeout_ms * (int64_t)1000;
  Grab grab = { 0 };

  g_mutex_lock (&screen->lock);
  if (g_main_context_is_owner (screen->context))
    screen_refresh_locked (screen);
  else if (screen->ops)
    {
      g_ptr_array_add (screen->grabs, &grab);
      screen_kick (screen);
      while (!grab.done)
        if (!g_cond_wait_until (&screen->grab_done, &screen->lock, deadline))
          break;
      g_ptr_array_remove (screen->grabs, &grab);
    }
  if (!grab.done && screen->surface)
    grab.picture = picture_locked (screen);
  g_mutex_unlock (&screen->lock);
  return grab.picture;
}

/* --- viewers --- */

void
screen_viewer_unref (ScreenViewer *viewer)
{
  if (g_atomic_ref_count_dec (&viewer->refs))
    g_free (viewer);
}

static void
damage_everything_locked (ScreenViewer *viewer)
{
  viewer->cursor_changed = viewer->screen->has_cursor;
  if (viewer->screen->surface)
    damage_add (&viewer->damage, surface_rect (viewer->screen->surface));
}

ScreenViewer *
screen_viewer_new (Screen *screen, unsigned interval_ms, ScreenChangedFunc changed, void *data)
{
  ScreenViewer *viewer = g_new0 (ScreenViewer, 1);

  viewer->screen = screen_ref (screen);
  g_atomic_ref_count_init (&viewer->refs);
  viewer->changed = changed;
  viewer->data = data;
  viewer->interval = interval_ms * INT64_C (1000);
  viewer->told_at = g_get_monotonic_time () - viewer->interval;
  viewer->active = true;

  g_mutex_lock (&screen->lock);
  damage_everything_locked (viewer);
  g_ptr_array_add (screen->viewers, viewer);
  g_mutex_unlock (&screen->lock);
  screen_kick (screen);
  return viewer;
}

void
screen_viewer_free (ScreenViewer *viewer)
{
  Screen *screen = viewer->screen;

  g_mutex_lock (&screen->lock);
  g_ptr_array_remove (screen->viewers, viewer);
  while (viewer->telling && !g_main_context_is_owner (screen->context))
    g_cond_wait (&screen->telling_done, &screen->lock);
  screen_viewer_unref (viewer);
  g_mutex_unlock (&screen->lock);
  screen_unref (screen);
}

void
screen_viewer_set_active (ScreenViewer *viewer, bool active)
{
  g_mutex_lock (&viewer->screen->lock);
  viewer->active = active;
  g_mutex_unlock (&viewer->screen->lock);
  screen_kick (viewer->screen);
}

Surface *
screen_viewer_take (ScreenViewer *viewer, Damage *damage)
{
  Screen *screen = viewer->screen;
  Surface *surface;
  bool was_told;

  g_mutex_lock (&screen->lock);
  surface = screen->surface ? surface_ref (screen->surface) : NULL;
  *damage = viewer->damage;
  if (surface)
    damage_clip (damage, surface_rect (surface));
  damage_clear (&viewer->damage);
  was_told = viewer->told;
  viewer->told = false;
  g_mutex_unlock (&screen->lock);

  if (was_told)
    screen_kick (screen);
  return surface;
}

bool
screen_viewer_take_cursor (ScreenViewer *viewer, ScreenCursor *cursor)
{
  Screen *screen = viewer->screen;
  bool has_cursor;

  g_mutex_lock (&screen->lock);
  *cursor = screen->cursor;
  if (screen->cursor_pixels && viewer->cursor_serial != screen->cursor_serial)
    cursor->pixels =
      g_memdup2 (screen->cursor_pixels, (size_t)cursor->width * cursor->height * sizeof *cursor->pixels);
  viewer->cursor_serial = screen->cursor_serial;
  viewer->cursor_changed = false;
  has_cursor = screen->has_cursor;
  g_mutex_unlock (&screen->lock);
  return has_cursor;
}
