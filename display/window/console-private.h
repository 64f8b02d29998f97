/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/window/console-module.h"
#include "display/window/console-sound.h"
#include "display/window/console-window.h"
#include "display/window/painter.h"
#include "display/window/strip.h"
#include "display/window/x11-clipboard.h"

#include <SDL.h>

G_BEGIN_DECLS

/* The SDL thread with its windows. Fields belong to that thread unless noted. */
struct ConsoleHost {
  ConsoleObject object;
  GThread *thread;
  GAsyncQueue *jobs; /* any thread pushes */
  int woken;         /* atomic: a wake-up event is on its way */
  Uint32 wake_event;
  GPtrArray *windows;
  GPtrArray *closed; /* freed when no event of theirs is being handled */
  char *renderer;    /* what draws with OpenGL, or NULL: windows are drawn by the processor */
  bool probed;
  bool quit;
  X11Clipboard *clipboard; /* or NULL: SDL's is used */
};

/* The bar at the top of a window. */
typedef struct {
  ConsoleMenu *menu; /* NULL: there is none */
  Strip *row, *list; /* as far as they are shown */
  Sprite *row_sprite, *list_sprite;
  int lit, lit_below; /* the item under the pointer or chosen by keys, or -1 */
  int open;           /* the item whose menu is shown, or -1 */
  bool has_pointer;
  bool by_keys;       /* keys are for it */
  bool swallow_up;    /* the button that is down was for it */
  int64_t due;        /* when it comes or goes, or 0 */
} ConsoleBar;

struct ConsoleWindow {
  ConsoleObject object;
  ConsoleHost *host;
  SDL_Window *sdl;
  Uint32 id;
  Painter *painter;
  const char *how; /* "surface", or NULL for OpenGL */

  char *title, *state, *message, *wm_class;
  Screen *screen;
  ScreenViewer *viewer;
  InputHub *input;
  ConsoleSound *sound; /* or NULL */
  ConsoleWindowOps ops;
  void *data;
  int news; /* atomic: the viewer was told of a change */

  /* what is shown (console-scene.c) */
  Scene scene;
  ConsoleScale scale;
  int surface_width, surface_height; /* of the last surface, to notice a new mode */
  Sprite *cursor, *message_panel, *hint_panel;
  unsigned serial;
  int64_t hint_until; /* monotonic µs, or 0 */
  ConsoleBar bar;
  ScreenCursor guest_cursor;
  bool has_guest_cursor;
  bool dirty;

  /* the window itself (console-window.c) */
  int wanted_width, wanted_height; /* what we asked for, in points */
  bool user_sized;
  int wished_width, wished_height; /* what we asked the guest for, in pixels */
  bool fullscreen, leaving_fullscreen, grab_announced;

  /* input (console-input.c) */
  SDL_Cursor *host_cursor;
  bool captured;                   /* the keyboard is grabbed, and a relative pointer too */
  bool absolute;                   /* as the hub was when last looked at */
  bool chord_armed;                /* Ctrl+Alt went down and nothing else since */
  uint8_t down[256 / 8];           /* keys that the user holds in this window */
  uint8_t swallowed[256 / 8];      /* of those, the ones that the guest must not see */
  int pending_dx, pending_dy;      /* motion of this batch of events */
  bool pending_motion, pending_position;
  int pointer_x, pointer_y;        /* points */
};

/* --- console-host.c --- */

void console_host_wake (ConsoleHost *host);
typedef void (*ConsoleJobFunc) (void *data);
/* Runs @func on the SDL thread before this returns; at once when called on it. */
void console_host_call (ConsoleHost *host, ConsoleJobFunc func, void *data);

/* --- console-clipboard.c --- */

/* Tells windows what is new of the host's clipboard. */
void console_host_take_clipboard (ConsoleHost *host);
/* Tells the owner what the host's clipboard holds, or that it is none of its business. */
void console_window_show_clipboard (ConsoleWindow *window);
/* It holds something else now. */
void console_window_note_clipboard (ConsoleWindow *window);

/* --- console-window.c --- */

void console_window_event (ConsoleWindow *window, const SDL_Event *event);
void console_window_update_title (ConsoleWindow *window);
void console_window_follow_mode (ConsoleWindow *window);
/* The window has this size in pixels now: the guest may follow, if it was not ours to choose. */
void console_window_wish (ConsoleWindow *window, int width, int height);
void console_window_toggle_fullscreen (ConsoleWindow *window);
void console_window_destroy (ConsoleWindow *window);

/* --- console-scene.c --- */

/* Takes what is new from the screen and paints if anything changed. Returns: when it must be called again
 * (monotonic µs), G_MAXINT64 for not before the next event. */
int64_t console_scene_update (ConsoleWindow *window, int64_t now);
void console_scene_set_message (ConsoleWindow *window);
/* Shows @text at the top for a few seconds. */
void console_scene_hint (ConsoleWindow *window, const char *text);
void console_scene_expose (ConsoleWindow *window);
void console_scene_set_scale (ConsoleWindow *window, ConsoleScale scale);
void console_scene_cycle_scale (ConsoleWindow *window);
/* The screen that is shown goes: the scene keeps a picture of its own, and no cursor. */
void console_scene_leave_screen (ConsoleWindow *window);
void console_scene_clear (ConsoleWindow *window);

/* One of the layers shows @sprite there. The sprite stays the caller's, until another one or NULL takes its place. */
void console_scene_set_layer (ConsoleWindow *window, int layer, const Sprite *sprite, int x, int y);
double console_scene_pixels_per_point (ConsoleWindow *window);

/* --- console-bar.c --- */

void console_bar_set_menu (ConsoleWindow *window, ConsoleMenu *menu); /* (transfer full) (nullable) */
void console_bar_toggle (ConsoleWindow *window);                      /* for keys */
void console_bar_hide (ConsoleWindow *window);
/* The window has another size. */
void console_bar_follow_size (ConsoleWindow *window);
/* Returns: when it is to be called again, as console_scene_update. */
int64_t console_bar_update (ConsoleWindow *window, int64_t now);
/* Each returns whether the guest is to know nothing of it; @x, @y: pixels. */
bool console_bar_motion (ConsoleWindow *window, int x, int y);
bool console_bar_button (ConsoleWindow *window, int x, int y, bool down);
bool console_bar_key (ConsoleWindow *window, KeyUsage usage);

/* --- console-input.c --- */

/* Presses keys in the guest, as "ctrl+alt+delete", and lets them go. */
void console_input_send_keys (ConsoleWindow *window, const char *keys);

void console_input_event (ConsoleWindow *window, const SDL_Event *event);
/* Passes on the pointer's motion that was gathered from one batch of events. */
void console_input_flush (ConsoleWindow *window);
void console_input_set_captured (ConsoleWindow *window, bool captured);
void console_input_focus_lost (ConsoleWindow *window);
void console_input_update_cursor (ConsoleWindow *window);
/* The hub may take another kind of pointer now. */
void console_input_follow_pointer (ConsoleWindow *window);
void console_input_clear (ConsoleWindow *window);

G_END_DECLS
