/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/x11-window.h"

#include <SDL_syswm.h>
#include <X11/Xatom.h>
#include <X11/Xutil.h>
#include <stdbool.h>
#include <string.h>

static bool
get_x11 (SDL_Window *window, SDL_SysWMinfo *info)
{
  SDL_VERSION (&info->version);
  return SDL_GetWindowWMInfo (window, info) && info->subsystem == SDL_SYSWM_X11;
}

void
x11_window_set_class (SDL_Window *window, const char *wm_class)
{
  XClassHint hint = { (char *) wm_class, (char *) wm_class };
  SDL_SysWMinfo info;

  if (get_x11 (window, &info))
    XSetClassHint (info.info.x11.display, info.info.x11.window, &hint);
}

/* Extended Window Manager Hints 1.5, "_NET_WM_NAME". */
void
x11_window_set_title (SDL_Window *window, const char *title)
{
  SDL_SysWMinfo info;
  Display *display;
  Atom utf8, properties[3];

  if (!get_x11 (window, &info))
    return;
  display = info.info.x11.display;
  utf8 = XInternAtom (display, "UTF8_STRING", False);
  properties[0] = XA_WM_NAME;
  properties[1] = XInternAtom (display, "_NET_WM_NAME", False);
  properties[2] = XInternAtom (display, "_NET_WM_ICON_NAME", False);
  for (int i = 0; i < 3; i++)
    XChangeProperty (display, info.info.x11.window, properties[i], utf8, 8, PropModeReplace,
                     (const unsigned char *) title, (int) strlen (title));
  XFlush (display);
}
