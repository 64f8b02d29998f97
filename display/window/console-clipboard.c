/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/console-private.h"

/* On X11 the clipboard is our own; else SDL's, which knows text only. */

static bool
has_focus (const ConsoleWindow *window)
{
  return SDL_GetWindowFlags (window->sdl) & SDL_WINDOW_INPUT_FOCUS;
}

static void
tell (ConsoleWindow *window, Clip *clip)
{
  if (window->ops.clipboard)
    window->ops.clipboard (window, clip, window->data);
}

static Clip *
clip_of_sdl (void)
{
  char *text = SDL_HasClipboardText () ? SDL_GetClipboardText () : NULL;
  Clip *clip = text ? clip_new (CLIP_TEXT, g_bytes_new (text, strlen (text))) : NULL;

  SDL_free (text);
  return clip;
}

/* Only the one whose window has the focus may see what the host's clipboard holds. */
void
console_window_show_clipboard (ConsoleWindow *window)
{
  g_autoptr (Clip) clip = NULL;

  if (!window->ops.clipboard)
    return;
  if (has_focus (window) && window->host->clipboard)
    {
      x11_clipboard_look (window->host->clipboard);
      return;
    }
  if (has_focus (window))
    clip = clip_of_sdl ();
  tell (window, clip);
}

void
console_window_note_clipboard (ConsoleWindow *window)
{
  if (has_focus (window))
    console_window_show_clipboard (window);
}

static void
tell_focused (ConsoleHost *host, Clip *clip)
{
  for (guint i = 0; i < host->windows->len; i++)
    if (has_focus (g_ptr_array_index (host->windows, i)))
      tell (g_ptr_array_index (host->windows, i), clip);
}

void
console_host_take_clipboard (ConsoleHost *host)
{
  X11ClipboardNews news;

  while (host->clipboard)
    {
      g_autoptr (Clip) clip = NULL;

      news = x11_clipboard_take_news (host->clipboard, &clip);
      if (news == X11_CLIPBOARD_NO_NEWS)
        return;
      if (news == X11_CLIPBOARD_LOOKED)
        tell_focused (host, clip);
      else
        for (guint i = 0; i < host->windows->len; i++)
          console_window_note_clipboard (g_ptr_array_index (host->windows, i));
    }
}

typedef struct {
  ConsoleWindow *window;
  Clip *clip;
} Copying;

static void
give_to_sdl (const Clip *clip)
{
  gsize size;
  const char *bytes = g_bytes_get_data (clip->bytes, &size);
  g_autofree char *text = g_strndup (bytes, size);

  SDL_SetClipboardText (text);
}

static void
clipboard_job (void *data)
{
  Copying *job = data;
  X11Clipboard *clipboard = job->window->host->clipboard;

  if (!has_focus (job->window))
    return;
  if (clipboard)
    x11_clipboard_set (clipboard, job->clip);
  else if (job->clip->kind == CLIP_TEXT)
    give_to_sdl (job->clip);
}

void
console_window_set_clipboard (ConsoleWindow *window, Clip *clip)
{
  Copying job = { window, clip };

  console_host_call (window->host, clipboard_job, &job);
}
