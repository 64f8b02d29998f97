/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/display-error.h"
#include "display/window/console-private.h"

/* One call from another thread, on whose stack it lives. */
typedef struct {
  ConsoleJobFunc func;
  void *data;
  GMutex lock;
  GCond cond;
  bool done;
} Job;

typedef struct {
  ConsoleHost *host;
  const char *video_driver;
  GError **error;
  bool started;
} Start;

/* --- getting the thread's attention --- */

void
console_host_wake (ConsoleHost *host)
{
  SDL_Event event = { .type = host->wake_event };

  if (g_atomic_int_exchange (&host->woken, true))
    return;
  if (SDL_PushEvent (&event) < 0)
    g_atomic_int_set (&host->woken, false);
}

static void
run_job (Job *job)
{
  job->func (job->data);
  g_mutex_lock (&job->lock);
  job->done = true;
  g_cond_signal (&job->cond);
  g_mutex_unlock (&job->lock);
}

void
console_host_call (ConsoleHost *host, ConsoleJobFunc func, void *data)
{
  Job job = { .func = func, .data = data };

  if (g_thread_self () == host->thread)
    {
      func (data);
      return;
    }

  g_mutex_init (&job.lock);
  g_cond_init (&job.cond);
  g_async_queue_push (host->jobs, &job);
  console_host_wake (host);
  g_mutex_lock (&job.lock);
  while (!job.done)
    g_cond_wait (&job.cond, &job.lock);
  g_mutex_unlock (&job.lock);
  g_cond_clear (&job.cond);
  g_mutex_clear (&job.lock);
}

/* --- the thread --- */

static void
set_hints (void)
{
  static const struct {
    const char *name, *value;
  } hints[] = {
    { SDL_HINT_NO_SIGNAL_HANDLERS, "1" },
    { SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0" },
    { SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1" },
    { SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1" },
    { SDL_HINT_VIDEO_MINIMIZE_ON_FOCUS_LOSS, "0" },
    { SDL_HINT_ALLOW_ALT_TAB_WHILE_GRABBED, "0" },
    { SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0" },
    { SDL_HINT_APP_NAME, "Bonsai" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (hints); i++)
    SDL_SetHint (hints[i].name, hints[i].value);
  /* Read by SDL's Wayland and X11 drivers, from the environment only, when they start. */
  SDL_setenv ("SDL_VIDEO_WAYLAND_WMCLASS", "org.bonsaivm.Bonsai", 0);
  SDL_setenv ("SDL_VIDEO_X11_WMCLASS", "org.bonsaivm.Bonsai", 0);
}

/* A driver that SDL falls back to, such as the one that draws on the text console, is no window system. */
static bool
start_video (const char *wanted, GError **error)
{
  const char *got;

  set_hints ();
  if (SDL_InitSubSystem (SDL_INIT_EVENTS) != 0 || SDL_VideoInit (wanted) != 0)
    {
      g_set_error (error, DISPLAY_ERROR, DISPLAY_ERROR_NO_DISPLAY,
                   "No display to open the console on (%s). Set DISPLAY or WAYLAND_DISPLAY, or run without a "
                   "window (--headless).",
                   SDL_GetError ());
      SDL_QuitSubSystem (SDL_INIT_EVENTS);
      return false;
    }
  got = SDL_GetCurrentVideoDriver ();
  if (!wanted && strcmp (got, "x11") != 0 && strcmp (got, "wayland") != 0)
    {
      g_set_error (error, DISPLAY_ERROR, DISPLAY_ERROR_NO_DISPLAY,
                   "No display to open the console on: neither X11 nor Wayland answers (SDL offers only "
                   "\"%s\"). Set DISPLAY or WAYLAND_DISPLAY, or run without a window (--headless).",
                   got);
      SDL_VideoQuit ();
      SDL_QuitSubSystem (SDL_INIT_EVENTS);
      return false;
    }
  /* SDL has no window memory of its own on Wayland: it draws that with OpenGL, too. */
  SDL_SetHint (SDL_HINT_FRAMEBUFFER_ACCELERATION, strcmp (got, "wayland") == 0 ? "1" : "0");
  SDL_StopTextInput ();
  SDL_EventState (SDL_DROPFILE, SDL_DISABLE);
  return true;
}

static ConsoleWindow *
window_of_event (ConsoleHost *host, const SDL_Event *event)
{
  Uint32 id;

  switch (event->type)
    {
    case SDL_WINDOWEVENT:
      id = event->window.windowID;
      break;
    case SDL_KEYDOWN:
    case SDL_KEYUP:
      id = event->key.windowID;
      break;
    case SDL_MOUSEMOTION:
      id = event->motion.windowID;
      break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
      id = event->button.windowID;
      break;
    case SDL_MOUSEWHEEL:
      id = event->wheel.windowID;
      break;
    default:
      return NULL;
    }

  for (guint i = 0; i < host->windows->len; i++)
    {
      ConsoleWindow *window = g_ptr_array_index (host->windows, i);

      if (window->id == id)
        return window;
    }
  return NULL;
}

static void
handle_event (ConsoleHost *host, const SDL_Event *event)
{
  ConsoleWindow *window = window_of_event (host, event);

  if (event->type == host->wake_event)
    g_atomic_int_set (&host->woken, false);
  else if (event->type == SDL_AUDIODEVICEADDED || event->type == SDL_AUDIODEVICEREMOVED)
    for (guint i = 0; i < host->windows->len; i++)
      console_sound_event (((ConsoleWindow *) g_ptr_array_index (host->windows, i))->sound, &event->adevice);
  else if (event->type == SDL_CLIPBOARDUPDATE)
    for (guint i = 0; i < host->windows->len; i++)
      console_window_note_clipboard (g_ptr_array_index (host->windows, i));
  else if (window)
    console_window_event (window, event);
}

static int64_t
update_windows (ConsoleHost *host)
{
  int64_t now = g_get_monotonic_time (), next = G_MAXINT64;

  for (guint i = 0; i < host->windows->len; i++)
    {
      ConsoleWindow *window = g_ptr_array_index (host->windows, i);

      console_input_flush (window);
      next = MIN (next, console_scene_update (window, now));
      next = MIN (next, console_sound_update (window->sound));
    }
  return next;
}

static bool
wait_event (SDL_Event *event, int64_t until)
{
  int64_t ms;

  if (until == G_MAXINT64)
    return SDL_WaitEvent (event);
  ms = (until - g_get_monotonic_time () + 999) / 1000;
  return SDL_WaitEventTimeout (event, (int) CLAMP (ms, 0, G_MAXINT));
}

static void
run_host (ConsoleHost *host)
{
  SDL_Event event;
  int64_t until;
  Job *job;

  while (!host->quit)
    {
      while ((job = g_async_queue_try_pop (host->jobs)))
        run_job (job);
      g_ptr_array_set_size (host->closed, 0);
      console_host_take_clipboard (host);

      /* SDL polls while it has no window to wait on: wait for someone who wants one instead. */
      if (host->windows->len == 0)
        {
          SDL_PumpEvents ();
          if (!host->quit)
            run_job (g_async_queue_pop (host->jobs));
          continue;
        }

      until = update_windows (host);
      if (!wait_event (&event, until))
        continue;
      do
        handle_event (host, &event);
      while (SDL_PollEvent (&event));
    }
}

static void
clipboard_has_news (void *data)
{
  console_host_wake (data);
}

static void
start_host (void *data)
{
  Start *start = data;
  ConsoleHost *host = start->host;

  start->started = start_video (start->video_driver, start->error);
  if (start->started)
    {
      host->wake_event = SDL_RegisterEvents (1);
      if (g_strcmp0 (SDL_GetCurrentVideoDriver (), "x11") == 0)
        host->clipboard = x11_clipboard_new (clipboard_has_news, host);
    }
  else
    start->host->quit = true;
}

static void *
host_thread (void *data)
{
  ConsoleHost *host = data;
  Job *first = g_async_queue_pop (host->jobs);
  bool started;

  run_job (first);
  started = !host->quit;
  run_host (host);
  g_clear_pointer (&host->clipboard, x11_clipboard_free);
  if (started)
    {
      if (SDL_WasInit (SDL_INIT_AUDIO))
        SDL_QuitSubSystem (SDL_INIT_AUDIO);
      SDL_VideoQuit ();
      SDL_QuitSubSystem (SDL_INIT_EVENTS);
    }
  SDL_TLSCleanup (); /* SDL does so only in threads that it made */
  return NULL;
}

/* --- owner's side --- */

static void
destroy_host (ConsoleHost *host)
{
  g_thread_join (host->thread);
  g_ptr_array_unref (host->windows);
  g_ptr_array_unref (host->closed);
  g_async_queue_unref (host->jobs);
  g_free (host->renderer);
  g_free (host);
}

ConsoleHost *
console_host_new (const char *video_driver, GError **error)
{
  ConsoleHost *host = g_new0 (ConsoleHost, 1);
  Start start = { .host = host, .video_driver = video_driver, .error = error };
  Job job = { .func = start_host, .data = &start };

  host->object.functions = &console_functions;
  host->jobs = g_async_queue_new ();
  host->windows = g_ptr_array_new ();
  host->closed = g_ptr_array_new_with_free_func (g_free);
  host->thread = g_thread_new ("console", host_thread, host);

  /* Not by console_host_call: until SDL has started there is nothing to wake. */
  g_mutex_init (&job.lock);
  g_cond_init (&job.cond);
  g_async_queue_push (host->jobs, &job);
  g_mutex_lock (&job.lock);
  while (!job.done)
    g_cond_wait (&job.cond, &job.lock);
  g_mutex_unlock (&job.lock);
  g_cond_clear (&job.cond);
  g_mutex_clear (&job.lock);

  if (start.started)
    return host;
  destroy_host (host);
  return NULL;
}

static void
quit_host (void *data)
{
  ConsoleHost *host = data;

  while (host->windows->len > 0)
    console_window_destroy (g_ptr_array_index (host->windows, 0));
  host->quit = true;
}

void
console_host_free (ConsoleHost *host)
{
  g_return_if_fail (g_thread_self () != host->thread);

  console_host_call (host, quit_host, host);
  destroy_host (host);
}
