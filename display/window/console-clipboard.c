/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/console-private.h"

/* On X11 the clipboard is our own; else SDL's. */

static bool
has_focus (const ConsoleWindow *window)
{
  return SDL_GetWindowFlags (window->sdl) & SDL_WINDOW_INPUT_FOCUS;
}

static void
tell (ConsoleWindow *window, const char *text)
{
  if (window->ops.clipboard)
    window->ops.clipboard (window, text && *text ? text : NULL, window->data);
}

/* Only the one whose window has the focus may see what the host's clipboard holds. */
void
console_window_show_clipboard (ConsoleWindow *window)
{
  char *text = NULL;

  if (!window->ops.clipboard)
    return;
  if (has_focus (window) && window->host->clipboard)
    {
      x11_clipboard_look (window->host->clipboard);
      return;
    }
  if (has_focus (window) && SDL_HasClipboardText ())
    text = SDL_GetClipboardText ();
  tell (window, text);
  SDL_free (text);
}

void
console_window_note_clipboard (ConsoleWindow *window)
{
  if (has_focus (window))
    console_window_show_clipboard (window);
}

static void
tell_focused (ConsoleHost *host, const char *text)
{
  for (guint i = 0; i < host->windows->len; i++)
    if (has_focus (g_ptr_array_index (host->windows, i)))
      tell (g_ptr_array_index (host->windows, i), text);
}

void
console_host_take_clipboard (ConsoleHost *host)
{
  X11ClipboardNews news;

  while (host->clipboard)
    {
      g_autofree char *text = NULL;

      news = x11_clipboard_take_news (host->clipboard, &text);
      if (news == X11_CLIPBOARD_NO_NEWS)
        return;
      if (news == X11_CLIPBOARD_LOOKED)
        tell_focused (host, text);
      else
        for (guint i = 0; i < host->windows->len; i++)
          console_window_note_clipboard (g_ptr_array_index (host->windows, i));
    }
}

typedef struct {
  ConsoleWindow *window;
  const char *text;
} Text;

static void
clipboard_job (void *data)
{
  Text *text = data;
  X11Clipboard *clipboard = text->window->host->clipboard;

  if (!has_focus (text->window))
    return;
  if (clipboard)
    x11_clipboard_set (clipboard, text->text);
  else
    SDL_SetClipboardText (text->text);
}

void
console_window_set_clipboard (ConsoleWindow *window, const char *text)
{
  Text job = { window, text };

  console_host_call (window->host, clipboard_job, &job);
}
