/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/input/input.h"
#include "display/screen/screen.h"
#include "display/sound/sound.h"
#include "display/window/clip.h"
#include "display/window/console-menu.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * The graphical console: SDL windows. All windows of a process live on one SDL thread, which
 * console_host_new starts and which sleeps until an event or a screen change arrives. SDL allows one host per
 * process at a time.
 *
 * Key chords, which the guest does not see (Alt is the left one):
 *   Ctrl+Alt          releases mouse and keyboard
 *   Ctrl+Alt+F        full screen
 *   Ctrl+Alt+S        scaling: to fit, by whole numbers, none
 *   Ctrl+Alt+End      sends Ctrl+Alt+Delete to the guest
 *   Ctrl+Alt+M        the bar at the top, which also comes when the pointer rests at the top edge
 *   Ctrl+Alt+P        action "pause"
 *   Ctrl+Alt+Print    action "screenshot"
 * Any click captures the keyboard, so that Alt+Tab or Super reach the guest, and the pointer if it is
 * relative.
 *
 * Threading: every function from any thread, except as noted; they wait for the SDL thread, so never with a
 * lock that input sinks or window ops take.
 */
typedef struct ConsoleHost ConsoleHost;
typedef struct ConsoleWindow ConsoleWindow;

/* @video_driver: (nullable): SDL video driver ("x11", "wayland"); NULL lets SDL choose.
 * Returns: (transfer full), or NULL with @error set (no display to open). */
ConsoleHost *console_host_new (const char *video_driver, GError **error);
void console_host_free (ConsoleHost *host); /* frees all windows, ends the thread; not on that thread */

typedef enum {
  CONSOLE_SCALE_FIT,     /* smooth, keeps the aspect ratio */
  CONSOLE_SCALE_INTEGER, /* whole multiples, sharp */
  CONSOLE_SCALE_NONE,    /* 1:1 */
} ConsoleScale;

/* What the window asks of its owner. On the SDL thread: pass it on, don't block. Members may be NULL. */
typedef struct {
  void (*close_requested) (ConsoleWindow *window, void *data);
  /* A key chord asks for "pause" (or resume) or "screenshot"; or it is an item's of the bar. NULL: the guest gets those
   * keys. */
  void (*action) (ConsoleWindow *window, const char *action, void *data);
  /* The window has the focus, and the host's clipboard holds @clip; NULL: it lost the focus, or there is
   * none. */
  void (*clipboard) (ConsoleWindow *window, Clip *clip, void *data);
  /* The window was given this size, in pixels: the guest's screen might have it. */
  void (*resized) (ConsoleWindow *window, int width, int height, void *data);
} ConsoleWindowOps;

/**
 * console_window_new:
 * @title: the machine's name
 * @wm_class: for the desktop to match its launcher; (nullable)
 *
 * Opens a window that shows @screen and feeds @input (references are taken). Returns: (transfer full).
 */
ConsoleWindow *console_window_new (ConsoleHost *host, const char *title, const char *wm_class, Screen *screen,
                                   InputHub *input, const ConsoleWindowOps *ops, void *data, GError **error);
void console_window_free (ConsoleWindow *window); /* after it returns no op runs */

/* @state: shown in the title ("Paused"), (nullable); @message: shown over the picture, (nullable). Copied. */
void console_window_set_state (ConsoleWindow *window, const char *state, const char *message);
void console_window_set_scale (ConsoleWindow *window, ConsoleScale scale);
void console_window_set_fullscreen (ConsoleWindow *window, bool fullscreen);
/* What the bar at the top offers, before what the window offers itself: keys, scale, full screen and close. @menu:
 * (transfer full) (nullable): NULL: there is no bar. */
void console_window_set_menu (ConsoleWindow *window, ConsoleMenu *menu);
/* Shows @text over the picture for some seconds. */
void console_window_tell (ConsoleWindow *window, const char *text);
/* Puts @clip into the host's clipboard, if the window has the focus. Images need X11. */
void console_window_set_clipboard (ConsoleWindow *window, Clip *clip);
void console_window_present (ConsoleWindow *window); /* raise and focus */

/* Plays what @hub plays, and lets it record, until the window is freed or gets another one. */
void console_window_set_sound (ConsoleWindow *window, SoundHub *hub);

/* From now on the window shows @screen and feeds @input (references are taken): another machine has taken the
 * place of the one it was opened for. What was pressed is released; the old picture stays until there is a
 * new one. */
void console_window_attach (ConsoleWindow *window, Screen *screen, InputHub *input);

/* What draws: "opengl <renderer>" or "surface". (transfer full) */
char *console_window_describe (ConsoleWindow *window);

G_END_DECLS
