/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/console-private.h"
#include "display/window/view.h"

#define HINT_US (4 * G_USEC_PER_SEC)

static void
drawable_size (ConsoleWindow *window, int *width, int *height)
{
  SDL_GetWindowSizeInPixels (window->sdl, width, height);
  *width = MAX (*width, 1);
  *height = MAX (*height, 1);
}

double
console_scene_pixels_per_point (ConsoleWindow *window)
{
  int points, height;

  SDL_GetWindowSize (window->sdl, &points, &height);
  return points > 0 ? (double)window->scene.width / points : 1.0;
}

/* --- layers --- */

static void
uncover_layer (ConsoleWindow *window, const Layer *layer)
{
  if (layer->sprite)
    damage_add (&window->scene.uncovered,
                (Rect){ layer->x, layer->y, layer->sprite->width, layer->sprite->height });
}

void
console_scene_set_layer (ConsoleWindow *window, int index, const Sprite *sprite, int x, int y)
{
  Layer *layer = &window->scene.layers[index];

  if (!sprite && !layer->sprite)
    return;
  if (layer->sprite == sprite && layer->x == x && layer->y == y)
    return;
  uncover_layer (window, layer);
  if (layer->sprite != sprite)
    layer->serial = ++window->serial;
  layer->sprite = sprite;
  layer->x = x;
  layer->y = y;
  uncover_layer (window, layer);
  window->dirty = true;
}

/* Centred; at a tenth or at the middle of the height. */
static void
place_panels (ConsoleWindow *window)
{
  const Scene *scene = &window->scene;
  const Sprite *message = window->message_panel, *hint = window->hint_panel;

  console_scene_set_layer (window, LAYER_MESSAGE, message, message ? (scene->width - message->width) / 2 : 0,
                           message ? (scene->height - message->height) / 2 : 0);
  console_scene_set_layer (window, LAYER_HINT, hint, hint ? (scene->width - hint->width) / 2 : 0,
                           scene->height / 20);
}

static void
replace_sprite (ConsoleWindow *window, int layer, Sprite **place, Sprite *sprite)
{
  Sprite *old = *place;

  console_scene_set_layer (window, layer, NULL, 0, 0);
  *place = sprite;
  if (old)
    sprite_free (old);
}

static Sprite *
panel_for (ConsoleWindow *window, const char *heading, const char *text)
{
  double scale = console_scene_pixels_per_point (window);
  int max_width = MIN ((int)(560 * scale), window->scene.width * 9 / 10);

  return overlay_panel (heading, text, max_width, scale);
}

void
console_scene_set_message (ConsoleWindow *window)
{
  replace_sprite (window, LAYER_MESSAGE, &window->message_panel,
                  window->message ? panel_for (window, window->state, window->message) : NULL);
  place_panels (window);
}

void
console_scene_hint (ConsoleWindow *window, const char *text)
{
  replace_sprite (window, LAYER_HINT, &window->hint_panel, panel_for (window, NULL, text));
  window->hint_until = g_get_monotonic_time () + HINT_US;
  place_panels (window);
}

static void
expire_hint (ConsoleWindow *window, int64_t now)
{
  if (window->hint_until == 0 || now < window->hint_until)
    return;
  replace_sprite (window, LAYER_HINT, &window->hint_panel, NULL);
  window->hint_until = 0;
}

/* --- the guest's cursor, drawn while the host's is captured --- */

static void
place_cursor (ConsoleWindow *window)
{
  const ScreenCursor *cursor = &window->guest_cursor;
  const Scene *scene = &window->scene;
  bool drawn = window->has_guest_cursor && cursor->visible && !window->absolute && scene->surface;

  if (drawn)
    console_scene_set_layer (
      window, LAYER_CURSOR, window->cursor,
      scene->picture.x + (int)((int64_t)cursor->x * scene->picture.width / scene->surface->width)
        - cursor->hot_x,
      scene->picture.y + (int)((int64_t)cursor->y * scene->picture.height / scene->surface->height)
        - cursor->hot_y);
  else
    console_scene_set_layer (window, LAYER_CURSOR, NULL, 0, 0);
}

static void
take_cursor (ConsoleWindow *window)
{
  ScreenCursor cursor;
  Sprite *sprite;

  window->has_guest_cursor = screen_viewer_take_cursor (window->viewer, &cursor);
  if (!window->has_guest_cursor)
    return;
  if (cursor.pixels)
    {
      sprite = g_new0 (Sprite, 1);
      sprite->width = cursor.width;
      sprite->height = cursor.height;
      sprite->pixels = (uint32_t *)cursor.pixels;
      replace_sprite (window, LAYER_CURSOR, &window->cursor, sprite);
      g_clear_pointer (&window->host_cursor, SDL_FreeCursor);
    }
  cursor.pixels = NULL;
  window->guest_cursor = cursor;
  place_cursor (window);
  console_input_update_cursor (window);
}

/* --- the picture --- */

static void
place_picture (ConsoleWindow *window)
{
  Scene *scene = &window->scene;

  if (scene->surface)
    scene->picture =
      view_place (window->scale, scene->surface->width, scene->surface->height, scene->width, scene->height);
  scene->everything = window->dirty = true;
  place_panels (window);
  place_cursor (window);
}

static void
take_surface (ConsoleWindow *window)
{
  Scene *scene = &window->scene;
  Damage damage;
  Surface *surface = screen_viewer_take (window->viewer, &damage);

  if (!surface)
    return;
  g_clear_pointer (&scene->surface, surface_unref);
  scene->surface = surface;
  damage_clip (&scene->changed, surface_rect (surface));
  damage_add_all (&scene->changed, &damage);
  window->dirty |= !damage_is_empty (&scene->changed);

  if (surface->width != window->surface_width || surface->height != window->surface_height)
    {
      window->surface_width = surface->width;
      window->surface_height = surface->height;
      console_window_follow_mode (window);
      place_picture (window);
    }
}

static void
follow_size (ConsoleWindow *window)
{
  int width, height;

  drawable_size (window, &width, &height);
  if (width == window->scene.width && height == window->scene.height)
    return;
  window->scene.width = width;
  window->scene.height = height;
  console_window_wish (window, width, height);
  console_scene_set_message (window); /* it may wrap otherwise now */
  console_bar_follow_size (window);
  place_picture (window);
}

int64_t
console_scene_update (ConsoleWindow *window, int64_t now)
{
  Scene *scene = &window->scene;
  int64_t again;

  if (g_atomic_int_exchange (&window->news, false))
    {
      take_cursor (window);
      take_surface (window);
    }
  follow_size (window);
  expire_hint (window, now);
  again = console_bar_update (window, now);

  if (window->dirty && !(SDL_GetWindowFlags (window->sdl) & (SDL_WINDOW_HIDDEN | SDL_WINDOW_MINIMIZED)))
    {
      window->painter->ops->paint (window->painter, scene);
      damage_clear (&scene->changed);
      damage_clear (&scene->uncovered);
      scene->everything = window->dirty = false;
    }
  return window->hint_until ? MIN (window->hint_until, again) : again;
}

void
console_scene_expose (ConsoleWindow *window)
{
  window->scene.everything = window->dirty = true;
}

void
console_scene_set_scale (ConsoleWindow *window, ConsoleScale scale)
{
  window->scale = scale;
  place_picture (window);
}

void
console_scene_cycle_scale (ConsoleWindow *window)
{
  static const char *const names[] = {
    [CONSOLE_SCALE_FIT] = "Scaled to fit",
    [CONSOLE_SCALE_INTEGER] = "Scaled by whole numbers",
    [CONSOLE_SCALE_NONE] = "Not scaled",
  };

  console_scene_set_scale (window, (window->scale + 1) % G_N_ELEMENTS (names));
  console_scene_hint (window, names[window->scale]);
}

/* A surface may be the machine's own memory. */
void
console_scene_leave_screen (ConsoleWindow *window)
{
  Surface *surface = window->scene.surface;

  if (surface)
    window->scene.surface = surface_copy (surface);
  g_clear_pointer (&surface, surface_unref);
  replace_sprite (window, LAYER_CURSOR, &window->cursor, NULL);
  window->guest_cursor = (ScreenCursor){ 0 };
  window->has_guest_cursor = false;
  g_clear_pointer (&window->host_cursor, SDL_FreeCursor);
}

void
console_scene_clear (ConsoleWindow *window)
{
  g_clear_pointer (&window->scene.surface, surface_unref);
  g_clear_pointer (&window->cursor, sprite_free);
  g_clear_pointer (&window->message_panel, sprite_free);
  g_clear_pointer (&window->hint_panel, sprite_free);
}
