/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/console-module.h"

const ConsoleFunctions console_functions = {
  .host_new = console_host_new,
  .host_free = console_host_free,
  .window_new = console_window_new,
  .window_free = console_window_free,
  .window_set_state = console_window_set_state,
  .window_set_scale = console_window_set_scale,
  .window_set_fullscreen = console_window_set_fullscreen,
  .window_present = console_window_present,
  .window_set_menu = console_window_set_menu,
  .window_tell = console_window_tell,
  .window_set_clipboard = console_window_set_clipboard,
  .window_set_sound = console_window_set_sound,
  .window_attach = console_window_attach,
  .window_describe = console_window_describe,
};
