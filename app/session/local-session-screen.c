/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A local session's pictures and its console window. */
#include "app/session/local-session-private.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"

#define GRAB_TIMEOUT_MS       2000
#define THUMBNAIL_INTERVAL_MS 500
/* All that there is for anybody of a machine whose terms allow no pictures. */
#define SMALL_WIDTH  320
#define SMALL_HEIGHT 180

/* --- pictures --- */

typedef struct {
  unsigned head;
  int max_width, max_height;
} GrabSize;

/* What may be kept of @surface (transfer full). (transfer full) */
Surface *
local_session_keepable (LocalSession *self, Surface *surface)
{
  Surface *small;

  if (!self->no_pictures || surface == NULL)
    return surface;
  small = surface_thumbnail (surface, SMALL_WIDTH, SMALL_HEIGHT);
  surface_unref (surface);
  return small;
}

static void
grab_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  const GrabSize *size = data;
  g_autoptr (Surface) surface = NULL;
  Screen *screen;
  unsigned heads;
  bool has_display;

  g_rw_lock_reader_lock (&self->pc_lock);
  heads = self->spec->heads;
  has_display = self->spec->video_memory != 0;
  screen = self->pc != NULL ? pc_screen (self->pc, size->head) : NULL;
  if (screen != NULL)
    surface = screen_grab (screen, GRAB_TIMEOUT_MS);
  if (surface == NULL && size->head == 0 && self->last_picture != NULL)
    surface = surface_ref (self->last_picture);
  g_rw_lock_reader_unlock (&self->pc_lock);

  if (surface == NULL && size->head >= heads)
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s has no such screen: it has %u",
                             self->name, heads);
  else if (surface == NULL)
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED, "%s has shown no picture%s", self->name,
                             has_display ? " yet" : ": it has no display");
  else if (size->max_width > 0 && size->max_height > 0)
    g_task_return_pointer (task, surface_thumbnail (surface, size->max_width, size->max_height),
                           (GDestroyNotify)surface_unref);
  else
    g_task_return_pointer (task, g_steal_pointer (&surface), (GDestroyNotify)surface_unref);
}

void
local_session_grab (BonsaiSession *session, unsigned head, int max_width, int max_height, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  GrabSize *size;

  if (self->no_pictures && (max_width <= 0 || max_height <= 0))
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                               "The terms of the workspace “%s” don't allow pictures of its screen; its issuer can "
                               "issue one with others",
                               self->name);
      g_object_unref (task);
      return;
    }
  if (self->no_pictures)
    {
      max_width = MIN (max_width, SMALL_WIDTH);
      max_height = MIN (max_height, SMALL_HEIGHT);
    }
  size = g_new (GrabSize, 1);

  *size = (GrabSize){ head, max_width, max_height };
  g_task_set_task_data (task, size, g_free);
  g_task_run_in_thread (task, grab_in_thread);
  g_object_unref (task);
}

static void
handle_screen_change (gpointer object, gconstpointer content)
{
  LocalSession *self = object;
  g_autoptr (Surface) surface = NULL;
  Damage damage;

  if (self->viewer == NULL)
    return;
  damage_clear (&damage);
  surface = screen_viewer_take (self->viewer, &damage);
  if (surface != NULL)
    g_signal_emit_by_name (self, "thumbnail-changed");
}

/* The machine's loop thread. */
static void
on_screen_change (void *data)
{
  relay_post (data, handle_screen_change, NULL, NULL);
}

void
local_session_watch (BonsaiSession *session, bool active)
{
  LocalSession *self = LOCAL_SESSION (session);
  Pc *pc = local_session_live_pc (self);
  Screen *screen = pc != NULL ? pc_screen (pc, 0) : NULL;

  if (active)
    self->n_watchers++;
  else if (self->n_watchers > 0)
    self->n_watchers--;
  if (self->viewer == NULL && self->n_watchers > 0 && screen != NULL)
    self->viewer = screen_viewer_new (screen, THUMBNAIL_INTERVAL_MS, on_screen_change, self->relay);
  if (self->viewer != NULL)
    screen_viewer_set_active (self->viewer, self->n_watchers > 0);
}

void
local_session_restart_watching (LocalSession *self)
{
  Screen *screen = pc_screen (self->pc, 0);

  if (self->n_watchers > 0 && screen != NULL)
    self->viewer = screen_viewer_new (screen, THUMBNAIL_INTERVAL_MS, on_screen_change, self->relay);
}

void
local_session_stop_watching (LocalSession *self)
{
  g_clear_pointer (&self->viewer, screen_viewer_free);
}

/* --- the console windows, one for each head --- */

static const char *
console_message (LocalSession *self)
{
  switch (self->state)
    {
    case BONSAI_STATE_PAUSED:
      return self->message != NULL ? self->message : "Ctrl+Alt+P lets it run on";
    case BONSAI_STATE_STOPPED:
    case BONSAI_STATE_CRASHED:
      return self->message != NULL ? self->message : "The machine has stopped";
    default:
      return NULL;
    }
}

void
local_session_update_window (LocalSession *self)
{
  const char *label = self->state == BONSAI_STATE_RUNNING ? NULL : bonsai_state_label (self->state);

  for (unsigned i = 0; i < SESSION_MAX_HEADS; i++)
    if (self->windows[i].console != NULL)
      console_window_set_state (self->windows[i].console, label, console_message (self));
  local_session_update_menu (self);
}

void
local_session_free_windows (LocalSession *self)
{
  for (unsigned i = 0; i < SESSION_MAX_HEADS; i++)
    g_clear_pointer (&self->windows[i].console, console_window_free);
}

void
local_session_close_window (LocalSession *self)
{
  if (!local_session_has_window (self))
    return;
  local_session_free_windows (self);
  g_signal_emit_by_name (self, "changed");
}

static void
handle_close_request (gpointer object, gconstpointer content)
{
  LocalSession *self = object;
  local_session_close_window (self);
  if (!bonsai_state_is_alive (self->state))
    local_session_free_pc (self);
}

/* The console's thread. */
static void
on_close_requested (ConsoleWindow *window, void *data)
{
  relay_post (((SessionWindow *)data)->relay, handle_close_request, NULL, NULL);
}

static void
ignore_result (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_session_control_finish (BONSAI_SESSION (source), result, &error))
    g_info ("%s", error->message);
}

/* NAME-TIME.png among the user's pictures. (transfer full) */
static char *
screenshot_path (LocalSession *self)
{
  const char *pictures = g_get_user_special_dir (G_USER_DIRECTORY_PICTURES);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%Y-%m-%d %H-%M-%S");
  g_autofree char *slug = bundle_slug (self->name);
  g_autofree char *name = g_strdup_printf ("%s %s.png", slug, time);

  return g_build_filename (pictures != NULL ? pictures : g_get_home_dir (), name, NULL);
}

static void
save_screenshot (GObject *source, GAsyncResult *result, gpointer data)
{
  LocalSession *self = LOCAL_SESSION (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (Surface) surface = bonsai_session_grab_finish (BONSAI_SESSION (self), result, &error);
  g_autofree char *path = screenshot_path (self);

  if (surface == NULL || !surface_save_png (surface, path, &error))
    g_message ("No screenshot: %s", error->message);
  else
    g_message ("Screenshot: %s", path);
}

typedef struct {
  char *action;
  unsigned head;
} Wish;

static void
wish_free (void *data)
{
  Wish *wish = data;

  g_free (wish->action);
  g_free (wish);
}

static void
handle_action (gpointer object, gconstpointer content)
{
  LocalSession *self = object;
  const Wish *wish = content;
  static const struct {
    const char *action;
    BonsaiControl control;
  } controls[] = {
    { "pause", BONSAI_CONTROL_PAUSE },         { "resume", BONSAI_CONTROL_RESUME },
    { "reset", BONSAI_CONTROL_RESET },         { "shutdown", BONSAI_CONTROL_SHUTDOWN },
    { "power-off", BONSAI_CONTROL_POWER_OFF },
  };

  if (local_session_run_menu (self, wish->action, wish->head))
    return;
  if (g_str_equal (wish->action, "screenshot"))
    bonsai_session_grab_async (BONSAI_SESSION (self), wish->head, 0, 0, NULL, save_screenshot, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (controls); i++)
    if (g_str_equal (controls[i].action, wish->action))
      {
        BonsaiControl control = controls[i].control;

        /* One chord does both. */
        if (control == BONSAI_CONTROL_PAUSE && self->state == BONSAI_STATE_PAUSED)
          control = BONSAI_CONTROL_RESUME;
        bonsai_session_control_async (BONSAI_SESSION (self), control, 0, NULL, ignore_result, NULL);
      }
}

/* The console's thread. */
static void
on_action (ConsoleWindow *window, const char *action, void *data)
{
  const SessionWindow *of = data;
  const Wish wish = { g_strdup (action), of->head };

  relay_post (of->relay, handle_action, g_memdup2 (&wish, sizeof wish), wish_free);
}

/* The console's thread. */
static void
on_clipboard (ConsoleWindow *window, Clip *clip, void *data)
{
  local_session_offer_clip (((SessionWindow *)data)->relay, clip);
}

/* The console's thread. */
static void
on_resized (ConsoleWindow *window, int width, int height, void *data)
{
  const SessionWindow *of = data;

  local_session_tell_size (of->relay, of->head, width, height);
}

static const ConsoleWindowOps window_ops = {
  .close_requested = on_close_requested, .action = on_action, .clipboard = on_clipboard, .resized = on_resized
};

static bool
open_window (LocalSession *self, ConsoleHost *host, Pc *pc, unsigned head, GError **error)
{
  SessionWindow *window = &self->windows[head];
  g_autofree char *title =
    head == 0 ? g_strdup (self->name) : g_strdup_printf ("%s (screen %u)", self->name, head + 1);

  window->relay = self->relay;
  window->head = head;
  window->console =
    console_window_new (host, title, NULL, pc_screen (pc, head), pc_input (pc), &window_ops, window, error);
  return window->console != NULL;
}

void
local_session_tell (LocalSession *self, const char *text)
{
  for (unsigned i = 0; i < SESSION_MAX_HEADS; i++)
    if (self->windows[i].console != NULL)
      console_window_tell (self->windows[i].console, text);
}

static bool
show_windows (LocalSession *self, GError **error)
{
  Pc *pc = local_session_live_pc (self);
  ConsoleHost *host;

  if (local_session_has_window (self))
    {
      for (unsigned i = SESSION_MAX_HEADS; i-- > 0;)
        if (self->windows[i].console != NULL)
          console_window_present (self->windows[i].console);
      return true;
    }
  if (self->consoles == NULL || pc == NULL || pc_screen (pc, 0) == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s has no screen to show", self->name);
      return false;
    }
  host = consoles_get_host (self->consoles, error);
  if (host == NULL)
    return false;
  for (unsigned i = 0; i < SESSION_MAX_HEADS && pc_screen (pc, i) != NULL; i++)
    if (!open_window (self, host, pc, i, error))
      {
        local_session_free_windows (self);
        return false;
      }
  console_window_set_sound (self->windows[0].console, pc_sound (pc));
  local_session_update_window (self);
  g_signal_emit_by_name (self, "changed");
  return true;
}

/* The first window stays in any case; the others as far as there are heads for them. */
void
local_session_attach_windows (LocalSession *self)
{
  Pc *pc = self->pc;
  g_autoptr (GError) error = NULL;

  if (!local_session_has_window (self))
    return;
  for (unsigned i = 0; i < SESSION_MAX_HEADS; i++)
    {
      SessionWindow *window = &self->windows[i];

      if (window->console != NULL && pc_screen (pc, i) != NULL)
        console_window_attach (window->console, pc_screen (pc, i), pc_input (pc));
      else if (window->console != NULL)
        g_clear_pointer (&window->console, console_window_free);
      else if (pc_screen (pc, i) != NULL && error == NULL
               && !open_window (self, consoles_get_host (self->consoles, NULL), pc, i, &error))
        g_warning ("%s: %s", self->name, error->message);
    }
  local_session_update_menu (self);
  if (local_session_has_window (self))
    console_window_set_sound (self->windows[0].console, pc_sound (pc));
}

void
local_session_show_console (BonsaiSession *session, bool show, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  GError *error = NULL;

  if (show && !show_windows (self, &error))
    g_task_return_error (task, error);
  else
    {
      if (!show)
        handle_close_request (self, NULL);
      g_task_return_boolean (task, TRUE);
    }
  g_object_unref (task);
}
