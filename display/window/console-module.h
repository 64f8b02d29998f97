/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/window/console-window.h"

G_BEGIN_DECLS

/*
 * Windows bring in some sixty libraries, from OpenGL to sound. They are a module of their own, which the
 * first window loads: a command, or a machine without a window, starts without them.
 */
#define CONSOLE_MODULE_SYMBOL "console_functions"

/* The functions of console-window.h. */
typedef struct {
  ConsoleHost *(*host_new) (const char *video_driver, GError **error);
  void (*host_free) (ConsoleHost *host);
  ConsoleWindow *(*window_new) (ConsoleHost *host, const char *title, const char *wm_class, Screen *screen,
                                InputHub *input, const ConsoleWindowOps *ops, void *data, GError **error);
  void (*window_free) (ConsoleWindow *window);
  void (*window_set_state) (ConsoleWindow *window, const char *state, const char *message);
  void (*window_set_scale) (ConsoleWindow *window, ConsoleScale scale);
  void (*window_set_fullscreen) (ConsoleWindow *window, bool fullscreen);
  void (*window_set_menu) (ConsoleWindow *window, ConsoleMenu *menu);
  void (*window_tell) (ConsoleWindow *window, const char *text);
  void (*window_set_clipboard) (ConsoleWindow *window, Clip *clip);
  void (*window_present) (ConsoleWindow *window);
  void (*window_set_sound) (ConsoleWindow *window, SoundHub *hub);
  void (*window_attach) (ConsoleWindow *window, Screen *screen, InputHub *input);
  char *(*window_describe) (ConsoleWindow *window);
} ConsoleFunctions;

/* What every ConsoleHost and ConsoleWindow begins with. */
typedef struct {
  const ConsoleFunctions *functions;
} ConsoleObject;

extern const ConsoleFunctions console_functions; /* the module's */

G_END_DECLS
