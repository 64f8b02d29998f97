/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest's spice-vdagent: a clipboard that both sides share, and the size of its screen; its terminal's,
 * too. */
#include "app/session/local-session-private.h"

#include "app/base/error.h"

#include <string.h>

/* --- its connections --- */

static void
handle_connection (gpointer object, gconstpointer content)
{
  LocalSession *self = object;
  int *fd = (int *)content;

  if (self->desktop != NULL)
    desktop_agent_attach (self->desktop, g_steal_fd (fd));
}

/* The machine's loop thread. */
static void
on_connected (int fd, void *data)
{
  relay_post_fd (data, handle_connection, fd);
}

/* --- from the guest --- */

/* To the host's clipboard, if the user is looking at the guest. What comes back as the host's own is no news.
 */
static void
clip_arrived (LocalSession *self, ClipKind kind, GAsyncResult *result)
{
  g_autoptr (GBytes) bytes = desktop_agent_request_finish (result, NULL);
  Clip *clip = bytes != NULL ? clip_new (kind, g_steal_pointer (&bytes)) : NULL;

  if (clip == NULL)
    return;
  g_clear_pointer (&self->host_clip, clip_unref);
  self->host_clip = clip;
  for (unsigned i = 0; i < SESSION_MAX_HEADS; i++)
    if (self->windows[i].console != NULL)
      console_window_set_clipboard (self->windows[i].console, clip);
}

static void
text_arrived (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (LocalSession) self = data;

  clip_arrived (self, CLIP_TEXT, result);
}

static void
image_arrived (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (LocalSession) self = data;

  clip_arrived (self, CLIP_PNG, result);
}

static void
on_offered (unsigned kinds, gpointer data)
{
  LocalSession *self = data;

  if (!local_session_has_window (self))
    return;
  if (kinds & CLIPBOARD_HAS (CLIPBOARD_TEXT))
    desktop_agent_request_async (self->desktop, CLIPBOARD_TEXT, NULL, text_arrived, g_object_ref (self));
  else if (kinds & CLIPBOARD_HAS (CLIPBOARD_PNG))
    desktop_agent_request_async (self->desktop, CLIPBOARD_PNG, NULL, image_arrived, g_object_ref (self));
}

/* --- to the guest --- */

/* @clip: (nullable) */
static void
offer (LocalSession *self, const Clip *clip)
{
  ClipboardKind kind = clip != NULL && clip->kind == CLIP_PNG ? CLIPBOARD_PNG : CLIPBOARD_TEXT;

  desktop_agent_offer (self->desktop, kind, clip != NULL ? clip->bytes : NULL);
}

/* The window has (or lost) the focus: its guest may have what the clipboard holds, unless it came from there.
 */
static void
handle_clip (gpointer object, gconstpointer content)
{
  LocalSession *self = object;

  g_clear_pointer (&self->shown_clip, clip_unref);
  self->shown_clip = content != NULL ? clip_ref ((Clip *)content) : NULL;
  if (self->desktop != NULL && (content == NULL || !clip_equal (content, self->host_clip)))
    offer (self, content);
}

void
local_session_offer_clip (Relay *relay, Clip *clip)
{
  if (clip != NULL)
    relay_post (relay, handle_clip, clip_ref (clip), (GDestroyNotify)clip_unref);
  else
    relay_post (relay, handle_clip, NULL, NULL);
}

typedef struct {
  unsigned head;
  int width, height;
} Size;

/* Of one screen. The others keep what they have: the agent arranges all of them, or switches them off. */
static void
tell_size (LocalSession *self, unsigned head, unsigned width, unsigned height)
{
  for (unsigned i = 0; i < DESKTOP_AGENT_MAX_SCREENS && pc_screen (self->pc, i) != NULL; i++)
    {
      g_autoptr (Surface) shown = i == head ? NULL : screen_grab (pc_screen (self->pc, i), 0);

      if (shown != NULL)
        desktop_agent_assume_size (self->desktop, i, (unsigned)shown->width, (unsigned)shown->height);
    }
  desktop_agent_set_size (self->desktop, head, width, height);
}

static void
handle_size (gpointer object, gconstpointer content)
{
  LocalSession *self = object;
  const Size *size = content;

  if (self->desktop != NULL && self->pc != NULL && size->width > 0 && size->height > 0)
    tell_size (self, size->head, (unsigned)size->width, (unsigned)size->height);
}

void
local_session_tell_size (Relay *relay, unsigned head, int width, int height)
{
  const Size size = { head, width, height };

  relay_post (relay, handle_size, g_memdup2 (&size, sizeof size), g_free);
}

/* --- its life --- */

void
local_session_open_desktop (LocalSession *self)
{
  static const DesktopAgentOps ops = { on_offered };
  Channel *channel = pc_channel (self->pc, CHANNEL_DESKTOP_AGENT);
  g_autoptr (GError) error = NULL;

  if (channel == NULL)
    return;
  self->desktop = desktop_agent_new (self->spec->agents.clipboard, &ops, self);
  self->desktop_link =
    agent_link_new (machine_board (pc_machine (self->pc))->loop, channel, on_connected, self->relay, &error);
  if (self->desktop_link == NULL)
    g_warning ("%s: %s", self->name, error->message);
}

void
local_session_close_desktop (LocalSession *self)
{
  g_clear_pointer (&self->desktop_link, agent_link_free);
  g_clear_pointer (&self->desktop, desktop_agent_free);
  g_clear_pointer (&self->host_clip, clip_unref);
}

/* --- what it is asked --- */

/* Which kind @arguments name. 0: none that there is. */
static ClipboardKind
wanted_kind (GVariant *arguments)
{
  const char *type;

  if (!g_variant_lookup (arguments, "type", "&s", &type) || g_str_equal (type, "text"))
    return CLIPBOARD_TEXT;
  return g_str_equal (type, "image/png") ? CLIPBOARD_PNG : 0;
}

/* A text ends at its first NUL; an empty one has no bytes to begin with. (transfer full) */
static char *
text_in (GBytes *bytes)
{
  const char *text = g_bytes_get_data (bytes, NULL);

  return text != NULL ? g_strndup (text, g_bytes_get_size (bytes)) : g_strdup ("");
}

static void
return_content (GTask *task, GBytes *bytes, GError *error, ClipboardKind kind)
{
  g_autofree char *text = NULL;
  GVariantDict answer;

  if (bytes == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_dict_init (&answer, NULL);
  if (kind == CLIPBOARD_TEXT)
    {
      text = text_in (bytes);
      g_variant_dict_insert (&answer, "text", "s", text);
    }
  else
    g_variant_dict_insert_value (&answer, "image",
                                 g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, true));
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&answer)),
                         (GDestroyNotify)g_variant_unref);
}

static void
text_got (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GBytes) bytes = desktop_agent_request_finish (result, &error);

  return_content (task, bytes, error, CLIPBOARD_TEXT);
}

static void
image_got (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GBytes) bytes = desktop_agent_request_finish (result, &error);

  return_content (task, bytes, error, CLIPBOARD_PNG);
}

static void
return_nothing (GTask *task)
{
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_new ("a{sv}", NULL)),
                         (GDestroyNotify)g_variant_unref);
  g_object_unref (task);
}

static void
return_refusal (GTask *task, const char *why)
{
  g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "%s", why);
  g_object_unref (task);
}

static void
get_clipboard (LocalSession *self, GVariant *arguments, GTask *task)
{
  ClipboardKind kind = wanted_kind (arguments);

  if (kind == 0)
    return_refusal (task, "A clipboard gives “text” or “image/png”");
  else
    desktop_agent_request_async (self->desktop, kind, g_task_get_cancellable (task),
                                 kind == CLIPBOARD_TEXT ? text_got : image_got, task);
}

/* Text, or an image in PNG; NULL if there is neither. (transfer full) */
static Clip *
given_clip (GVariant *arguments)
{
  g_autoptr (GVariant) image = g_variant_lookup_value (arguments, "image", G_VARIANT_TYPE_BYTESTRING);
  const char *text;

  if (image != NULL)
    return clip_new (CLIP_PNG, g_variant_get_data_as_bytes (image));
  if (g_variant_lookup (arguments, "text", "&s", &text))
    return clip_new (CLIP_TEXT, g_bytes_new (text, strlen (text)));
  return NULL;
}

static void
set_clipboard (LocalSession *self, GVariant *arguments, GTask *task)
{
  ClipboardPolicy policy = self->spec->agents.clipboard;
  g_autoptr (Clip) clip = given_clip (arguments);

  if (clip == NULL)
    return_refusal (task, "There is no text and no image in PNG, or more than 64 MiB");
  else if (policy == CLIPBOARD_TO_HOST || policy == CLIPBOARD_OFF)
    return_refusal (
      task, "This machine's guest gets nothing of the clipboard: see “agents.clipboard” in its vm.json");
  else if (!desktop_agent_is_there (self->desktop))
    return_refusal (task, "No spice-vdagent runs in the guest; install it there, and log in");
  else
    {
      offer (self, clip);
      return_nothing (task);
    }
}

static void
resize (LocalSession *self, GVariant *arguments, GTask *task)
{
  guint32 width = 0, height = 0;
  Screen *screen = pc_screen (self->pc, 0);

  if (!g_variant_lookup (arguments, "width", "u", &width)
      || !g_variant_lookup (arguments, "height", "u", &height) || width < 64 || height < 64 || width > 16384
      || height > 16384 || screen == NULL)
    {
      return_refusal (task, "There is no screen of that size");
      return;
    }
  screen_wish (screen, (int)width, (int)height);
  if (self->desktop != NULL)
    tell_size (self, 0, width, height);
  return_nothing (task);
}

static void
resize_console (LocalSession *self, GVariant *arguments, GTask *task)
{
  guint32 columns = 0, rows = 0;

  if (!g_variant_lookup (arguments, "columns", "u", &columns)
      || !g_variant_lookup (arguments, "rows", "u", &rows) || columns > UINT16_MAX || rows > UINT16_MAX)
    {
      return_refusal (task, "There is no terminal of that size");
      return;
    }
  pc_resize_console (self->pc, (uint16_t)columns, (uint16_t)rows);
  return_nothing (task);
}

bool
local_session_ask_desktop (LocalSession *self, const char *operation, GVariant *arguments, GTask *task)
{
  bool gets = g_str_equal (operation, "get-clipboard"), sets = g_str_equal (operation, "set-clipboard");

  if (g_str_equal (operation, "resize"))
    resize (self, arguments, task);
  else if (g_str_equal (operation, "resize-console"))
    resize_console (self, arguments, task);
  else if (!gets && !sets)
    return false;
  else if (self->desktop == NULL)
    return_refusal (task, "“spice-vdagent” is off in this machine's description");
  else if (sets)
    set_clipboard (self, arguments, task);
  else
    get_clipboard (self, arguments, task);
  return true;
}
