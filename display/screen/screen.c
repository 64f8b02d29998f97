/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/screen/screen.h"

#include "display/screen/screen-private.h"

#include <string.h>

#define REFRESH_PERIOD_US (G_USEC_PER_SEC / 60)
#define REST_AFTER_US     (G_USEC_PER_SEC / 2)
#define WISH_PERIOD_US    (G_USEC_PER_SEC / 10)
#define NEVER             G_MAXINT64

/* Any lock may be held: GLib's context lock, which this takes for a moment, is never held around a callback.
 */
void
screen_kick (Screen *screen)
{
  g_atomic_int_set (&screen->kicked, true);
  g_source_set_ready_time (&screen->base, 0);
}

/* --- telling viewers --- */

static bool
viewer_has_news_locked (const ScreenViewer *viewer)
{
  return viewer->cursor_changed || !damage_is_empty (&viewer->damage);
}

/* Whether a refresh would be of use to it: it may have been told and not have looked yet. */
static bool
viewer_is_waiting_locked (const ScreenViewer *viewer)
{
  return viewer->active && !viewer->told;
}

static ScreenViewer *
next_to_tell_locked (Screen *screen, int64_t now)
{
  for (guint i = 0; i < screen->viewers->len; i++)
    {
      ScreenViewer *viewer = g_ptr_array_index (screen->viewers, i);

      if (viewer_is_waiting_locked (viewer) && viewer_has_news_locked (viewer)
          && now - viewer->told_at >= viewer->interval)
        return viewer;
    }
  return NULL;
}

static void
tell_viewers (Screen *screen)
{
  int64_t now = g_get_monotonic_time ();
  ScreenViewer *viewer;

  g_mutex_lock (&screen->lock);
  while ((viewer = next_to_tell_locked (screen, now)))
    {
      viewer->told = true;
      viewer->told_at = now;
      viewer->telling = true;
      g_atomic_ref_count_inc (&viewer->refs);
      g_mutex_unlock (&screen->lock);

      viewer->changed (viewer->data);

      g_mutex_lock (&screen->lock);
      viewer->telling = false;
      g_cond_broadcast (&screen->telling_done);
      screen_viewer_unref (viewer);
    }
  g_mutex_unlock (&screen->lock);
}

/* --- pulling from the source --- */

/* Returns: (transfer full): the surface that @surface replaces, to be released without the lock; or NULL. */
static Surface *
take_surface_locked (Screen *screen, Surface *surface, Damage *damage)
{
  Surface *old = NULL;

  if (!surface)
    return NULL;
  if (surface != screen->surface)
    {
      old = screen->surface;
      screen->surface = surface;
      damage_add (damage, surface_rect (surface));
    }
  damage_clip (damage, surface_rect (surface));
  if (damage_is_empty (damage))
    return old;

  screen->last_change = g_get_monotonic_time ();
  for (guint i = 0; i < screen->viewers->len; i++)
    damage_add_all (&((ScreenViewer *)g_ptr_array_index (screen->viewers, i))->damage, damage);
  return old;
}

/* Poll timeouts are late by up to a millisecond: small delays must not add up to a lower rate. */
static int64_t
refresh_time (const Screen *screen, int64_t now)
{
  int64_t planned = screen->last_refresh + REFRESH_PERIOD_US;

  return now - planned < REFRESH_PERIOD_US / 4 ? MIN (planned, now) : now;
}

/* Enters the source: its ops run without the screen's lock. */
static bool
source_enter_locked (Screen *screen)
{
  if (!screen->ops || screen->in_source)
    return false;
  screen->in_source = g_thread_self ();
  return true;
}

static void
source_leave_locked (Screen *screen)
{
  screen->in_source = NULL;
  g_cond_broadcast (&screen->source_idle);
}

void
screen_refresh_locked (Screen *screen)
{
  const ScreenSource *ops = screen->ops;
  void *source = screen->source;
  Surface *surface = screen->surface, *old;
  bool force = screen->force, ticked;
  int64_t last_change;
  Damage damage;

  if (!source_enter_locked (screen))
    return;
  ticked = g_atomic_int_compare_and_exchange (&screen->ticked, true, false);
  screen->force = false;
  screen->last_refresh = refresh_time (screen, g_get_monotonic_time ());
  g_atomic_int_set (&screen->woken, false);
  g_mutex_unlock (&screen->lock);

  damage_clear (&damage);
  ops->refresh (source, &surface, &damage, force);
  if (force && surface)
    damage_add (&damage, surface_rect (surface));

  g_mutex_lock (&screen->lock);
  last_change = screen->last_change;
  old = take_surface_locked (screen, surface, &damage);
  if (ticked)
    screen->last_change = last_change;
  source_leave_locked (screen);
  if (old)
    {
      g_mutex_unlock (&screen->lock);
      surface_unref (old);
      g_mutex_lock (&screen->lock);
    }
}

static void
rest_locked (Screen *screen)
{
  const ScreenSource *ops = screen->ops;
  void *source = screen->source;

  g_atomic_int_set (&screen->awake, false);
  if (ops && ops->rest && source_enter_locked (screen))
    {
      g_mutex_unlock (&screen->lock);
      ops->rest (source);
      g_mutex_lock (&screen->lock);
      source_leave_locked (screen);
    }
}

/* --- the clock --- */

/* When the next refresh is due if the screen is awake or ticked: as soon as a waiting viewer may be told
 * again. */
static int64_t
next_refresh_locked (Screen *screen)
{
  int64_t due = NEVER;

  if (!screen->ops || (!g_atomic_int_get (&screen->awake) && !g_atomic_int_get (&screen->ticked)))
    return NEVER;
  for (guint i = 0; i < screen->viewers->len; i++)
    {
      ScreenViewer *viewer = g_ptr_array_index (screen->viewers, i);

      if (viewer_is_waiting_locked (viewer))
        due = MIN (due, viewer->told_at + viewer->interval);
    }
  return due == NEVER ? NEVER : MAX (due, screen->last_refresh + REFRESH_PERIOD_US);
}

static int64_t
next_telling_locked (Screen *screen)
{
  int64_t due = NEVER;

  for (guint i = 0; i < screen->viewers->len; i++)
    {
      ScreenViewer *viewer = g_ptr_array_index (screen->viewers, i);

      if (viewer_is_waiting_locked (viewer) && viewer_has_news_locked (viewer))
        due = MIN (due, viewer->told_at + viewer->interval);
    }
  return due;
}

/* A window that is being dragged larger would have the guest set modes all the time. */
static int64_t
next_wish_locked (Screen *screen)
{
  return screen->wishes && screen->ops && screen->ops->wish ? screen->told_wish_at + WISH_PERIOD_US : NEVER;
}

static void
tell_wish_locked (Screen *screen, int64_t now)
{
  const ScreenSource *ops = screen->ops;
  void *source = screen->source;
  int width = screen->wished_width, height = screen->wished_height;

  if (!source_enter_locked (screen))
    return;
  screen->wishes = false;
  screen->told_wish_at = now;
  g_mutex_unlock (&screen->lock);
  ops->wish (source, width, height);
  g_mutex_lock (&screen->lock);
  source_leave_locked (screen);
}

static void
screen_work (Screen *screen)
{
  int64_t now = g_get_monotonic_time ();

  g_mutex_lock (&screen->lock);
  if (g_atomic_int_get (&screen->woken) && !g_atomic_int_get (&screen->awake))
    {
      g_atomic_int_set (&screen->awake, true);
      screen->last_change = now;
    }

  if (next_wish_locked (screen) <= now)
    tell_wish_locked (screen, now);
  if (screen->grabs->len > 0 || next_refresh_locked (screen) <= now)
    {
      screen_refresh_locked (screen);
      if (now - screen->last_change >= REST_AFTER_US && g_atomic_int_get (&screen->awake)
          && !g_atomic_int_get (&screen->woken))
        rest_locked (screen);
    }
  screen_serve_grabs_locked (screen);
  g_mutex_unlock (&screen->lock);
  tell_viewers (screen);
}

static void
screen_set_alarm (Screen *screen)
{
  int64_t due;

  g_mutex_lock (&screen->lock);
  due = MIN (next_refresh_locked (screen), next_telling_locked (screen));
  due = MIN (due, next_wish_locked (screen));
  g_mutex_unlock (&screen->lock);

  g_source_set_ready_time (&screen->base, due == NEVER ? -1 : due);
  /* Whoever kicked before the line above has been overwritten by it. */
  if (g_atomic_int_get (&screen->kicked)
      || (g_atomic_int_get (&screen->woken) && !g_atomic_int_get (&screen->awake)))
    g_source_set_ready_time (&screen->base, 0);
}

static gboolean
screen_dispatch (GSource *base, GSourceFunc callback, gpointer data)
{
  Screen *screen = (Screen *)base;

  g_atomic_int_set (&screen->kicked, false);
  screen_work (screen);
  screen_set_alarm (screen);
  return G_SOURCE_CONTINUE;
}

static void
screen_finalize (GSource *base)
{
  Screen *screen = (Screen *)base;

  g_clear_pointer (&screen->surface, surface_unref);
  g_ptr_array_unref (screen->viewers);
  g_ptr_array_unref (screen->grabs);
  g_free (screen->cursor_pixels);
  g_free (screen->name);
  g_main_context_unref (screen->context);
  g_cond_clear (&screen->source_idle);
  g_cond_clear (&screen->grab_done);
  g_cond_clear (&screen->telling_done);
  g_mutex_clear (&screen->lock);
}

static GSourceFuncs screen_funcs = {
  .dispatch = screen_dispatch,
  .finalize = screen_finalize,
};

Screen *
screen_new (const char *name, GMainContext *context)
{
  Screen *screen = (Screen *)g_source_new (&screen_funcs, sizeof *screen);

  g_atomic_ref_count_init (&screen->refs);
  screen->name = g_strdup (name);
  screen->context = g_main_context_ref (context ? context : g_main_context_default ());
  g_mutex_init (&screen->lock);
  g_cond_init (&screen->source_idle);
  g_cond_init (&screen->grab_done);
  g_cond_init (&screen->telling_done);
  screen->viewers = g_ptr_array_new ();
  screen->grabs = g_ptr_array_new ();
  screen->last_refresh = -REFRESH_PERIOD_US;
  screen->told_wish_at = -WISH_PERIOD_US;

  g_source_set_static_name (&screen->base, "screen");
  g_source_set_ready_time (&screen->base, -1);
  g_source_attach (&screen->base, screen->context);
  return screen;
}

Screen *
screen_ref (Screen *screen)
{
  g_atomic_ref_count_inc (&screen->refs);
  return screen;
}

void
screen_unref (Screen *screen)
{
  g_autoptr (GMainContext) context = NULL;

  if (!g_atomic_ref_count_dec (&screen->refs))
    return;
  /* GLib locks the source's context after finalize: this may be the last to hold it. */
  context = g_main_context_ref (screen->context);
  g_source_destroy (&screen->base);
  g_source_unref (&screen->base);
}

const char *
screen_name (Screen *screen)
{
  return screen->name;
}

/* --- the device's side --- */

void
screen_set_source (Screen *screen, const ScreenSource *ops, void *source)
{
  g_mutex_lock (&screen->lock);
  while (screen->in_source && screen->in_source != g_thread_self ())
    g_cond_wait (&screen->source_idle, &screen->lock);
  screen->ops = ops;
  screen->source = source;
  screen->force = true;
  screen->wishes = screen->wished_width > 0;
  screen->last_change = g_get_monotonic_time ();
  g_atomic_int_set (&screen->awake, true);
  g_mutex_unlock (&screen->lock);
  screen_kick (screen);
}

void
screen_wake (Screen *screen)
{
  g_atomic_int_set (&screen->woken, true);
  if (!g_atomic_int_get (&screen->awake))
    screen_kick (screen);
}

void
screen_tick (Screen *screen)
{
  g_atomic_int_set (&screen->ticked, true);
  screen_kick (screen);
}

void
screen_set_place (Screen *screen, Rect place, int width, int height)
{
  g_mutex_lock (&screen->lock);
  screen->place = place;
  screen->desktop_width = width;
  screen->desktop_height = height;
  g_mutex_unlock (&screen->lock);
}

static unsigned
map_along (unsigned at, unsigned max, int start, int length, int whole)
{
  return whole > 0 ? (unsigned) MIN (((int64_t) start * ((int64_t) max + 1) + (int64_t) at * length) / whole, max) : at;
}

void
screen_map_position (Screen *screen, unsigned max, unsigned *x, unsigned *y)
{
  g_mutex_lock (&screen->lock);
  *x = map_along (*x, max, screen->place.x, screen->place.width, screen->desktop_width);
  *y = map_along (*y, max, screen->place.y, screen->place.height, screen->desktop_height);
  g_mutex_unlock (&screen->lock);
}

void
screen_wish (Screen *screen, int width, int height)
{
  g_return_if_fail (width >= 1 && height >= 1);

  g_mutex_lock (&screen->lock);
  screen->wishes |= width != screen->wished_width || height != screen->wished_height;
  screen->wished_width = width;
  screen->wished_height = height;
  g_mutex_unlock (&screen->lock);
  screen_kick (screen);
}

static void
set_cursor_shape_locked (Screen *screen, const ScreenCursor *cursor)
{
  size_t size;

  if (cursor->width < 1 || cursor->width > SCREEN_CURSOR_MAX || cursor->height < 1
      || cursor->height > SCREEN_CURSOR_MAX)
    return;
  size = (size_t)cursor->width * cursor->height * sizeof *cursor->pixels;
  g_free (screen->cursor_pixels);
  screen->cursor_pixels = g_memdup2 (cursor->pixels, size);
  screen->cursor.width = cursor->width;
  screen->cursor.height = cursor->height;
  screen->cursor.hot_x = CLAMP (cursor->hot_x, 0, cursor->width - 1);
  screen->cursor.hot_y = CLAMP (cursor->hot_y, 0, cursor->height - 1);
  screen->cursor_serial++;
}

void
screen_set_cursor (Screen *screen, const ScreenCursor *cursor)
{
  g_mutex_lock (&screen->lock);
  if (cursor->pixels)
    set_cursor_shape_locked (screen, cursor);
  screen->cursor.visible = cursor->visible && screen->cursor_pixels;
  screen->cursor.x = cursor->x;
  screen->cursor.y = cursor->y;
  screen->has_cursor = true;
  for (guint i = 0; i < screen->viewers->len; i++)
    ((ScreenViewer *)g_ptr_array_index (screen->viewers, i))->cursor_changed = true;
  g_mutex_unlock (&screen->lock);
  screen_kick (screen);
}
