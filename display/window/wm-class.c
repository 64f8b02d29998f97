/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/wm-class.h"

#include <SDL_syswm.h>
#include <X11/Xutil.h>

void
wm_class_set (SDL_Window *window, const char *wm_class)
{
  XClassHint hint = { (char *) wm_class, (char *) wm_class };
  SDL_SysWMinfo info;

  SDL_VERSION (&info.version);
  if (SDL_GetWindowWMInfo (window, &info) && info.subsystem == SDL_SYSWM_X11)
    XSetClassHint (info.info.x11.display, info.info.x11.window, &hint);
}
