/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/console-window.h"

#include "display/display-error.h"
#include "display/window/console-private.h"
#include "display/window/view.h"
#include "display/window/x11-window.h"

#define VIEWER_INTERVAL_MS 16
#define MIN_WIDTH          320
#define MIN_HEIGHT         200
#define FIRST_WIDTH        720 /* before the guest has shown anything: a text screen's size */
#define FIRST_HEIGHT       400
#define FRAME_ALLOWANCE    40 /* points, for a window frame that is not there yet */
#define ICON_SIZE          64

/* On the machine's loop. */
static void
screen_changed (void *data)
{
  ConsoleWindow *window = data;

  g_atomic_int_set (&window->news, true);
  console_host_wake (window->host);
}

/* --- title and icon --- */

void
console_window_update_title (ConsoleWindow *window)
{
  g_autoptr (GString) title = g_string_new (window->title);

  if (window->state)
    g_string_append_printf (title, " — %s", window->state);
  if (window->captured)
    g_string_append (title, " — press Ctrl+Alt to release");
  SDL_SetWindowTitle (window->sdl, title->str);
  x11_window_set_title (window->sdl, title->str);
}

static void
set_icon (SDL_Window *sdl)
{
  g_autoptr (Sprite) icon = overlay_icon (ICON_SIZE);
  SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormatFrom (icon->pixels, icon->width, icon->height, 32,
                                                             icon->width * 4, SDL_PIXELFORMAT_ARGB8888);

  SDL_SetWindowIcon (sdl, surface);
  SDL_FreeSurface (surface);
}

/* --- size --- */

static void
usable_size (ConsoleWindow *window, SDL_Rect *usable, int *top, int *left)
{
  int bottom = 0, right = 0;

  *top = FRAME_ALLOWANCE;
  *left = 0;
  if (SDL_GetDisplayUsableBounds (MAX (SDL_GetWindowDisplayIndex (window->sdl), 0), usable) != 0)
    *usable = (SDL_Rect) { 0, 0, 1024, 768 };
  if (SDL_GetWindowBordersSize (window->sdl, top, left, &bottom, &right) != 0)
    *top = FRAME_ALLOWANCE;
  usable->w = MAX (usable->w - *left - right, MIN_WIDTH);
  usable->h = MAX (usable->h - *top - bottom, MIN_HEIGHT);
}

/* A window that grew must not reach out of the screen. */
static void
keep_on_screen (ConsoleWindow *window, const SDL_Rect *usable, int top, int left)
{
  int x, y, new_x, new_y;

  SDL_GetWindowPosition (window->sdl, &x, &y);
  new_x = MAX (MIN (x, usable->x + left + usable->w - window->wanted_width), usable->x + left);
  new_y = MAX (MIN (y, usable->y + top + usable->h - window->wanted_height), usable->y + top);
  if (new_x < x || new_y < y)
    SDL_SetWindowPosition (window->sdl, MIN (x, new_x), MIN (y, new_y));
}

void
console_window_follow_mode (ConsoleWindow *window)
{
  SDL_Rect usable;
  int width, height, shown_width, shown_height, top, left;

  if (window->user_sized || window->fullscreen || SDL_GetWindowFlags (window->sdl) & SDL_WINDOW_MAXIMIZED)
    return;
  usable_size (window, &usable, &top, &left);
  view_window_size (window->surface_width, window->surface_height, usable.w, usable.h, &width, &height);
  width = MAX (width, MIN_WIDTH);
  height = MAX (height, MIN_HEIGHT);
  SDL_GetWindowSize (window->sdl, &shown_width, &shown_height);
  if (width == shown_width && height == shown_height)
    return;
  window->wanted_width = width;
  window->wanted_height = height;
  SDL_SetWindowSize (window->sdl, width, height);
  keep_on_screen (window, &usable, top, left);
}

void
console_window_wish (ConsoleWindow *window, int width, int height)
{
  if (!window->user_sized && !window->fullscreen && !(SDL_GetWindowFlags (window->sdl) & SDL_WINDOW_MAXIMIZED))
    return;
  window->wished_width = width;
  window->wished_height = height;
  screen_wish (window->screen, width, height);
  if (window->ops.resized)
    window->ops.resized (window, width, height, window->data);
}

static void
set_fullscreen (ConsoleWindow *window, bool fullscreen)
{
  if (window->fullscreen == fullscreen)
    return;
  window->fullscreen = fullscreen;
  window->leaving_fullscreen = !fullscreen;
  SDL_SetWindowFullscreen (window->sdl, fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
}

void
console_window_toggle_fullscreen (ConsoleWindow *window)
{
  set_fullscreen (window, !window->fullscreen);
  if (window->fullscreen)
    {
      console_input_set_captured (window, true);
      console_scene_hint (window, "Ctrl+Alt+F leaves full screen, Ctrl+Alt releases mouse and keyboard");
    }
}

/* --- events --- */

static void
window_resized (ConsoleWindow *window, int width, int height)
{
  if (window->fullscreen)
    return;
  if (window->leaving_fullscreen)
    {
      /* The size from before; the guest may have changed its mode since. One that follows does so again. */
      window->leaving_fullscreen = false;
      window->user_sized |= window->surface_width > 0 && ABS (window->surface_width - window->wished_width) < 8
                            && window->surface_height == window->wished_height;
      console_window_follow_mode (window);
    }
  else if (width != window->wanted_width || height != window->wanted_height)
    window->user_sized = true;
}

static void
window_event (ConsoleWindow *window, const SDL_WindowEvent *event)
{
  switch (event->event)
    {
    case SDL_WINDOWEVENT_EXPOSED:
      console_scene_expose (window);
      break;
    case SDL_WINDOWEVENT_RESIZED:
      window_resized (window, event->data1, event->data2);
      break;
    case SDL_WINDOWEVENT_MINIMIZED:
    case SDL_WINDOWEVENT_HIDDEN:
      screen_viewer_set_active (window->viewer, false);
      break;
    case SDL_WINDOWEVENT_RESTORED:
    case SDL_WINDOWEVENT_MAXIMIZED:
    case SDL_WINDOWEVENT_SHOWN:
      screen_viewer_set_active (window->viewer, true);
      console_scene_expose (window);
      break;
    case SDL_WINDOWEVENT_FOCUS_GAINED:
      console_window_show_clipboard (window);
      break;
    case SDL_WINDOWEVENT_FOCUS_LOST:
      console_input_focus_lost (window);
      console_window_show_clipboard (window);
      break;
    case SDL_WINDOWEVENT_ENTER:
      console_input_update_cursor (window);
      break;
    case SDL_WINDOWEVENT_CLOSE:
      if (window->ops.close_requested)
        window->ops.close_requested (window, window->data);
      break;
    default:
      break;
    }
}

void
console_window_event (ConsoleWindow *window, const SDL_Event *event)
{
  if (event->type == SDL_WINDOWEVENT)
    window_event (window, &event->window);
  else
    console_input_event (window, event);
}

/* --- opening --- */

static SDL_Window *
open_window (const char *title, Uint32 flags)
{
  return SDL_CreateWindow (title, SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, FIRST_WIDTH, FIRST_HEIGHT,
                           flags | SDL_WINDOW_HIDDEN | SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
}

/* BONSAI_CONSOLE=opengl or surface overrides the choice, for tests and for drivers that lie. */
static bool
wants_gl (ConsoleHost *host)
{
  const char *forced = g_getenv ("BONSAI_CONSOLE");

  if (g_strcmp0 (forced, "surface") == 0)
    return false;
  /* There even window memory is drawn by OpenGL: software or not, ours sends less. */
  if (g_strcmp0 (SDL_GetCurrentVideoDriver (), "wayland") == 0)
    return true;
  if (!host->probed)
    {
      host->renderer = painter_gl_probe ();
      host->probed = true;
    }
  if (g_strcmp0 (forced, "opengl") == 0)
    return true;
  return host->renderer && !painter_gl_is_software (host->renderer);
}

static bool
open_painted (ConsoleWindow *window, GError **error)
{
  g_autoptr (GError) gl_error = NULL;

  if (wants_gl (window->host))
    {
      window->sdl = open_window (window->title, SDL_WINDOW_OPENGL);
      window->painter = window->sdl ? painter_gl_new (window->sdl, &gl_error) : NULL;
      if (window->painter)
        return true;
      g_message ("The console is drawn without OpenGL: %s", gl_error ? gl_error->message : SDL_GetError ());
      g_clear_pointer (&window->sdl, SDL_DestroyWindow);
    }

  window->sdl = open_window (window->title, 0);
  if (!window->sdl)
    {
      g_set_error (error, DISPLAY_ERROR, DISPLAY_ERROR_FAILED, "Can't open a console window for \"%s\": %s",
                   window->title, SDL_GetError ());
      return false;
    }
  window->painter = painter_surface_new (window->sdl);
  window->how = "surface";
  return true;
}

typedef struct {
  ConsoleWindow *window;
  GError **error;
  bool opened;
} Opening;

static void
open_job (void *data)
{
  Opening *opening = data;
  ConsoleWindow *window = opening->window;

  opening->opened = open_painted (window, opening->error);
  if (!opening->opened)
    return;

  window->id = SDL_GetWindowID (window->sdl);
  window->wanted_width = FIRST_WIDTH;
  window->wanted_height = FIRST_HEIGHT;
  SDL_SetWindowMinimumSize (window->sdl, MIN_WIDTH, MIN_HEIGHT);
  set_icon (window->sdl);
  if (window->wm_class)
    x11_window_set_class (window->sdl, window->wm_class);
  console_window_update_title (window);
  g_ptr_array_add (window->host->windows, window);
  window->viewer = screen_viewer_new (window->screen, VIEWER_INTERVAL_MS, screen_changed, window);
  /* What the guest shows already sets the size before the window is seen. */
  g_atomic_int_set (&window->news, true);
  console_scene_update (window, 0);
  SDL_ShowWindow (window->sdl);
  console_scene_expose (window);
}

static void
free_fields (ConsoleWindow *window)
{
  g_clear_pointer (&window->screen, screen_unref);
  g_clear_pointer (&window->input, input_hub_unref);
  g_clear_pointer (&window->title, g_free);
  g_clear_pointer (&window->state, g_free);
  g_clear_pointer (&window->message, g_free);
  g_clear_pointer (&window->wm_class, g_free);
}

ConsoleWindow *
console_window_new (ConsoleHost *host, const char *title, const char *wm_class, Screen *screen, InputHub *input,
                    const ConsoleWindowOps *ops, void *data, GError **error)
{
  ConsoleWindow *window = g_new0 (ConsoleWindow, 1);
  Opening opening = { .window = window, .error = error };

  window->object.functions = &console_functions;
  window->host = host;
  window->title = g_strdup (title);
  window->wm_class = g_strdup (wm_class);
  window->screen = screen_ref (screen);
  window->input = input_hub_ref (input);
  window->ops = *ops;
  window->data = data;

  console_host_call (host, open_job, &opening);
  if (opening.opened)
    return window;
  free_fields (window);
  g_free (window);
  return NULL;
}

/* Events of this window may still be on the stack: the memory itself goes later. */
void
console_window_destroy (ConsoleWindow *window)
{
  ConsoleHost *host = window->host;

  g_clear_pointer (&window->sound, console_sound_free);
  console_input_focus_lost (window);
  console_bar_set_menu (window, NULL);
  screen_viewer_free (window->viewer);
  window->ops = (ConsoleWindowOps) { 0 };
  g_ptr_array_remove (host->windows, window);
  window->painter->ops->free (window->painter);
  console_input_clear (window);
  console_scene_clear (window);
  SDL_DestroyWindow (window->sdl);
  window->id = 0;
  free_fields (window);
  g_ptr_array_add (host->closed, window);
}

static void
free_job (void *data)
{
  console_window_destroy (data);
}

void
console_window_free (ConsoleWindow *window)
{
  console_host_call (window->host, free_job, window);
}

/* --- the owner's wishes --- */

typedef struct {
  ConsoleWindow *window;
  ConsoleMenu *menu;
} MenuWish;

static void
menu_job (void *data)
{
  MenuWish *wish = data;

  console_bar_set_menu (wish->window, wish->menu);
}

void
console_window_set_menu (ConsoleWindow *window, ConsoleMenu *menu)
{
  MenuWish wish = { window, menu };

  console_host_call (window->host, menu_job, &wish);
}

typedef struct {
  ConsoleWindow *window;
  const char *state, *message;
  int number;
  char *text;
} Wish;

static void
state_job (void *data)
{
  Wish *wish = data;
  ConsoleWindow *window = wish->window;

  g_free (window->state);
  g_free (window->message);
  window->state = g_strdup (wish->state);
  window->message = g_strdup (wish->message);
  console_window_update_title (window);
  console_scene_set_message (window);
}

void
console_window_set_state (ConsoleWindow *window, const char *state, const char *message)
{
  Wish wish = { .window = window, .state = state, .message = message };

  console_host_call (window->host, state_job, &wish);
}

static void
tell_job (void *data)
{
  Wish *wish = data;

  console_scene_hint (wish->window, wish->message);
}

void
console_window_tell (ConsoleWindow *window, const char *text)
{
  Wish wish = { .window = window, .message = text };

  console_host_call (window->host, tell_job, &wish);
}

static void
scale_job (void *data)
{
  Wish *wish = data;

  console_scene_set_scale (wish->window, (ConsoleScale) wish->number);
}

void
console_window_set_scale (ConsoleWindow *window, ConsoleScale scale)
{
  Wish wish = { .window = window, .number = scale };

  console_host_call (window->host, scale_job, &wish);
}

static void
fullscreen_job (void *data)
{
  Wish *wish = data;

  set_fullscreen (wish->window, wish->number);
}

void
console_window_set_fullscreen (ConsoleWindow *window, bool fullscreen)
{
  Wish wish = { .window = window, .number = fullscreen };

  console_host_call (window->host, fullscreen_job, &wish);
}

static void
present_job (void *data)
{
  ConsoleWindow *window = data;

  if (SDL_GetWindowFlags (window->sdl) & SDL_WINDOW_MINIMIZED)
    SDL_RestoreWindow (window->sdl);
  SDL_RaiseWindow (window->sdl);
}

void
console_window_present (ConsoleWindow *window)
{
  console_host_call (window->host, present_job, window);
}

typedef struct {
  ConsoleWindow *window;
  SoundHub *hub;
} SoundWish;

static void
sound_job (void *data)
{
  SoundWish *wish = data;

  g_clear_pointer (&wish->window->sound, console_sound_free);
  wish->window->sound = console_sound_new (wish->window->host, wish->hub);
}

void
console_window_set_sound (ConsoleWindow *window, SoundHub *hub)
{
  SoundWish wish = { window, hub };

  console_host_call (window->host, sound_job, &wish);
}

typedef struct {
  ConsoleWindow *window;
  Screen *screen;
  InputHub *input;
} Attachment;

static bool
is_seen (ConsoleWindow *window)
{
  return !(SDL_GetWindowFlags (window->sdl) & (SDL_WINDOW_HIDDEN | SDL_WINDOW_MINIMIZED));
}

static void
attach_job (void *data)
{
  Attachment *attachment = data;
  ConsoleWindow *window = attachment->window;

  console_input_flush (window);
  input_hub_release_all (window->input);
  input_hub_unref (window->input);
  window->input = input_hub_ref (attachment->input);

  screen_viewer_free (window->viewer);
  console_scene_leave_screen (window);
  screen_unref (window->screen);
  window->screen = screen_ref (attachment->screen);
  window->viewer = screen_viewer_new (window->screen, VIEWER_INTERVAL_MS, screen_changed, window);
  screen_viewer_set_active (window->viewer, is_seen (window));
  console_input_follow_pointer (window);
  console_window_wish (window, window->scene.width, window->scene.height);
}

void
console_window_attach (ConsoleWindow *window, Screen *screen, InputHub *input)
{
  Attachment attachment = { window, screen, input };

  console_host_call (window->host, attach_job, &attachment);
}

static void
describe_job (void *data)
{
  Wish *wish = data;
  ConsoleWindow *window = wish->window;
  g_autofree char *renderer = window->how ? NULL : painter_gl_renderer (window->painter);

  wish->text = window->how ? g_strdup (window->how) : g_strdup_printf ("opengl %s", renderer);
}

char *
console_window_describe (ConsoleWindow *window)
{
  Wish wish = { .window = window };

  console_host_call (window->host, describe_job, &wish);
  return wish.text;
}
