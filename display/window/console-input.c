/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/console-private.h"
#include "display/window/view.h"

#define RELEASE_HINT "Press Ctrl+Alt to release mouse and keyboard"

static bool
bit_test (const uint8_t *bits, KeyUsage usage)
{
  return bits[usage / 8] & 1 << usage % 8;
}

static void
bit_set (uint8_t *bits, KeyUsage usage, bool value)
{
  if (value)
    bits[usage / 8] |= (uint8_t) (1 << usage % 8);
  else
    bits[usage / 8] &= (uint8_t) ~(1 << usage % 8);
}

/* --- capture and cursor --- */

static SDL_Cursor *
make_cursor (const ScreenCursor *cursor, const Sprite *sprite)
{
  SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormatFrom (sprite->pixels, sprite->width, sprite->height, 32,
                                                             sprite->width * 4, SDL_PIXELFORMAT_ARGB8888);
  SDL_Cursor *made = SDL_CreateColorCursor (surface, cursor->hot_x, cursor->hot_y);

  SDL_FreeSurface (surface);
  return made;
}

/* An absolute pointer is drawn by the guest, or shown by the host in the guest's shape; a relative one is the host's
 * until it is captured. SDL has one cursor for all windows: the one under the pointer decides. */
void
console_input_update_cursor (ConsoleWindow *window)
{
  bool shaped = window->has_guest_cursor && window->guest_cursor.visible && window->cursor;

  if (SDL_GetMouseFocus () != window->sdl || window->captured > window->absolute)
    return;
  if (!window->absolute || window->bar.has_pointer)
    {
      SDL_SetCursor (SDL_GetDefaultCursor ());
      SDL_ShowCursor (SDL_ENABLE);
      return;
    }
  if (shaped && !window->host_cursor)
    window->host_cursor = make_cursor (&window->guest_cursor, window->cursor);
  if (shaped && window->host_cursor)
    SDL_SetCursor (window->host_cursor);
  SDL_ShowCursor (shaped ? SDL_ENABLE : SDL_DISABLE);
}

void
console_input_set_captured (ConsoleWindow *window, bool captured)
{
  bool relative = captured && !window->absolute;

  if (window->captured != captured)
    {
      window->captured = captured;
      SDL_SetWindowKeyboardGrab (window->sdl, captured);
      console_window_update_title (window);
      if (captured && (relative || !window->grab_announced))
        console_scene_hint (window, RELEASE_HINT);
      window->grab_announced |= captured;
    }
  if (SDL_GetRelativeMouseMode () != relative && (relative || SDL_GetKeyboardFocus () == window->sdl))
    SDL_SetRelativeMouseMode (relative);
  console_input_update_cursor (window);
}

/* A guest's driver may switch between kinds of pointers at any time. */
void
console_input_follow_pointer (ConsoleWindow *window)
{
  bool absolute = input_hub_is_absolute (window->input);

  if (absolute == window->absolute)
    return;
  window->absolute = absolute;
  console_input_set_captured (window, window->captured);
}

void
console_input_focus_lost (ConsoleWindow *window)
{
  console_input_flush (window);
  console_bar_hide (window);
  if (window->captured)
    {
      SDL_SetRelativeMouseMode (SDL_FALSE);
      console_input_set_captured (window, false);
    }
  memset (window->down, 0, sizeof window->down);
  memset (window->swallowed, 0, sizeof window->swallowed);
  window->chord_armed = false;
  input_hub_release_all (window->input);
}

void
console_input_clear (ConsoleWindow *window)
{
  g_clear_pointer (&window->host_cursor, SDL_FreeCursor);
}

/* --- keyboard --- */

/* SDL's scancodes are HID usages of the keyboard page as far as that goes. */
static KeyUsage
usage_of (SDL_Scancode scancode)
{
  switch ((int) scancode)
    {
    case SDL_SCANCODE_AUDIOMUTE:
      return 0x7f;
    case SDL_SCANCODE_MODE: /* AltGr of some layouts */
      return 0xe6;
    default:
      return scancode > 0 && scancode <= 0xe7 ? (KeyUsage) scancode : 0;
    }
}

static bool
is_chord_modifier (KeyUsage usage)
{
  return usage == KEY_LEFT_CTRL || usage == KEY_RIGHT_CTRL || usage == KEY_LEFT_ALT;
}

/* AltGr does not count: Ctrl+AltGr types characters. */
static bool
chord_is_held (const ConsoleWindow *window)
{
  return bit_test (window->down, KEY_LEFT_ALT)
         && (bit_test (window->down, KEY_LEFT_CTRL) || bit_test (window->down, KEY_RIGHT_CTRL));
}

static void
release_chord (ConsoleWindow *window)
{
  console_input_set_captured (window, false);
}

/* Ctrl and Alt are down in the guest already. */
static void
send_delete (ConsoleWindow *window)
{
  input_hub_key (window->input, KEY_DELETE, true);
  input_hub_key (window->input, KEY_DELETE, false);
}

#define MAX_KEYS 8u

void
console_input_send_keys (ConsoleWindow *window, const char *keys)
{
  g_auto (GStrv) names = g_strsplit (keys, "+", MAX_KEYS);
  unsigned n = g_strv_length (names);

  for (unsigned i = 0; i < n; i++)
    input_hub_key (window->input, key_usage_from_name (names[i]), true);
  for (unsigned i = n; i-- > 0;)
    input_hub_key (window->input, key_usage_from_name (names[i]), false);
}

typedef struct {
  KeyUsage usage;
  void (*run) (ConsoleWindow *window);
  const char *action; /* the owner's, if there is no @run */
} Chord;

static const Chord chords[] = {
  { .usage = KEY_F, .run = console_window_toggle_fullscreen },
  { .usage = KEY_S, .run = console_scene_cycle_scale },
  { .usage = KEY_END, .run = send_delete },
  { .usage = KEY_M, .run = console_bar_toggle },
  { .usage = KEY_P, .action = "pause" },
  { .usage = KEY_PRINT, .action = "screenshot" },
};

static bool
run_chord (ConsoleWindow *window, KeyUsage usage)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (chords); i++)
    {
      if (chords[i].usage != usage || (chords[i].action && !window->ops.action))
        continue;
      bit_set (window->swallowed, usage, true);
      if (chords[i].run)
        chords[i].run (window);
      else
        window->ops.action (window, chords[i].action, window->data);
      return true;
    }
  return false;
}

static void
key_down (ConsoleWindow *window, KeyUsage usage)
{
  bool chord;

  if (bit_test (window->down, usage))
    return;
  chord = !is_chord_modifier (usage) && chord_is_held (window);
  bit_set (window->down, usage, true);
  window->chord_armed = is_chord_modifier (usage) && chord_is_held (window);
  if (!chord && console_bar_key (window, usage))
    {
      bit_set (window->swallowed, usage, true);
      return;
    }
  if (!chord || !run_chord (window, usage))
    input_hub_key (window->input, usage, true);
}

static void
key_up (ConsoleWindow *window, KeyUsage usage)
{
  bool release = window->chord_armed && is_chord_modifier (usage);

  window->chord_armed = false;
  bit_set (window->down, usage, false);
  if (bit_test (window->swallowed, usage))
    {
      bit_set (window->swallowed, usage, false);
      return;
    }
  input_hub_key (window->input, usage, false);
  if (release)
    release_chord (window);
}

static void
key_event (ConsoleWindow *window, const SDL_KeyboardEvent *event)
{
  KeyUsage usage = usage_of (event->keysym.scancode);

  if (usage == 0 || event->repeat)
    return;
  if (event->type == SDL_KEYDOWN)
    key_down (window, usage);
  else
    key_up (window, usage);
}

/* --- pointer --- */

/* A place in the window, in pixels. */
static void
to_pixels (const ConsoleWindow *window, int *x, int *y)
{
  int width, height;

  SDL_GetWindowSize (window->sdl, &width, &height);
  *x = (int)((int64_t)*x * window->scene.width / MAX (width, 1));
  *y = (int)((int64_t)*y * window->scene.height / MAX (height, 1));
}

/* Where the pointer is free the bar may want it. */
static bool
is_for_bar (ConsoleWindow *window, const SDL_MouseMotionEvent *event)
{
  int x = event->x, y = event->y;

  to_pixels (window, &x, &y);
  return window->captured <= window->absolute && console_bar_motion (window, x, y);
}

static void
motion_event (ConsoleWindow *window, const SDL_MouseMotionEvent *event)
{
  console_input_follow_pointer (window);
  if (is_for_bar (window, event))
    return;
  if (window->absolute)
    {
      window->pointer_x = event->x;
      window->pointer_y = event->y;
      window->pending_position = true;
    }
  else if (window->captured)
    {
      window->pending_dx += event->xrel;
      window->pending_dy += event->yrel;
      window->pending_motion = true;
    }
}

static void
flush_position (ConsoleWindow *window)
{
  const Scene *scene = &window->scene;
  int pixel_x = window->pointer_x, pixel_y = window->pointer_y;
  unsigned x, y;

  if (!scene->surface)
    return;
  to_pixels (window, &pixel_x, &pixel_y);
  view_position (scene->picture, pixel_x, pixel_y, &x, &y);
  screen_map_position (window->screen, POINTER_POSITION_MAX, &x, &y);
  input_hub_position (window->input, x, y);
}

void
console_input_flush (ConsoleWindow *window)
{
  if (window->pending_motion)
    input_hub_motion (window->input, window->pending_dx, window->pending_dy);
  if (window->pending_position)
    flush_position (window);
  window->pending_dx = window->pending_dy = 0;
  window->pending_motion = window->pending_position = false;
}

static void
button_event (ConsoleWindow *window, const SDL_MouseButtonEvent *event)
{
  static const int buttons[] = {
    [SDL_BUTTON_LEFT] = POINTER_LEFT, [SDL_BUTTON_MIDDLE] = POINTER_MIDDLE, [SDL_BUTTON_RIGHT] = POINTER_RIGHT,
    [SDL_BUTTON_X1] = POINTER_SIDE,   [SDL_BUTTON_X2] = POINTER_EXTRA,
  };
  bool down = event->type == SDL_MOUSEBUTTONDOWN, was_captured = window->captured;
  int x = event->x, y = event->y;

  if (event->button < SDL_BUTTON_LEFT || event->button >= G_N_ELEMENTS (buttons))
    return;
  console_input_follow_pointer (window);
  to_pixels (window, &x, &y);
  if (window->captured <= window->absolute && console_bar_button (window, x, y, down))
    return;
  if (down && !window->captured)
    console_input_set_captured (window, true);
  /* The click that captures a relative pointer says nothing to the guest: its pointer is elsewhere. */
  if (down && !was_captured && !window->absolute)
    return;
  if (window->absolute)
    {
      window->pointer_x = event->x;
      window->pointer_y = event->y;
      window->pending_position = true;
    }
  console_input_flush (window);
  input_hub_button (window->input, (PointerButton) buttons[event->button], down);
}

static void
wheel_event (ConsoleWindow *window, const SDL_MouseWheelEvent *event)
{
  int sign = event->direction == SDL_MOUSEWHEEL_FLIPPED ? -1 : 1;

  console_input_follow_pointer (window);
  if (!window->absolute && !window->captured)
    return;
  console_input_flush (window);
  input_hub_wheel (window->input, event->x * sign, event->y * sign);
}

void
console_input_event (ConsoleWindow *window, const SDL_Event *event)
{
  switch (event->type)
    {
    case SDL_KEYDOWN:
    case SDL_KEYUP:
      console_input_flush (window);
      key_event (window, &event->key);
      break;
    case SDL_MOUSEMOTION:
      motion_event (window, &event->motion);
      break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
      button_event (window, &event->button);
      break;
    case SDL_MOUSEWHEEL:
      wheel_event (window, &event->wheel);
      break;
    default:
      break;
    }
}
