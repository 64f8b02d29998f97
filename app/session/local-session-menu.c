/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the bar of the console windows offers, and does. */
#include "app/session/local-session-private.h"

#include "app/bundle/bundle.h"
#include "app/session/key-text.h"
#include "app/snapshot/snapshot-tree.h"

#include <string.h>

#define MAX_PLACES   10u
#define STROKE_MS    15u
#define MAX_TYPED    (64u << 10)
#define ACTION_BACK  "restore:"
#define ACTION_EJECT "eject:"

/* A snapshot to go back to. */
typedef struct {
  char *id, *name;
  bool is_current;
} Place;

/* What the machine's folder, if it has one, and the host say that it can do. */
typedef struct {
  char *uuid, *bundle; /* @bundle: or NULL */
  GPtrArray *places;   /* of Place, the newest first */
  VmConfig *config;    /* or NULL */
  GPtrArray *usb;      /* of SessionUsbChoice, or NULL */
} Offer;

static Place *
place_copy (const Place *place)
{
  return g_memdup2 (&(Place){ g_strdup (place->id), g_strdup (place->name), place->is_current },
                    sizeof *place);
}

static void
place_free (void *data)
{
  Place *place = data;

  g_free (place->id);
  g_free (place->name);
  g_free (place);
}

/* --- the menu --- */

static const char *
bundle_of (LocalSession *self)
{
  return self->keeper != NULL && self->keeper->get_bundle != NULL
           ? self->keeper->get_bundle (self->keeper_data)
           : NULL;
}

static void
add_pause (const LocalSession *self, ConsoleMenu *menu)
{
  if (self->state == BONSAI_STATE_PAUSED)
    console_menu_add (menu, "Resume", CONSOLE_ICON_RESUME, "resume");
  else
    console_menu_add (menu, "Pause", CONSOLE_ICON_PAUSE, "pause")->disabled =
      self->state != BONSAI_STATE_RUNNING;
}

static void
add_snapshots (const LocalSession *self, ConsoleMenu *menu, const GPtrArray *places)
{
  bool alive = bonsai_state_is_alive (self->state);
  ConsoleItem *back;

  console_menu_add (menu, "Snapshot", CONSOLE_ICON_SNAPSHOT, "snapshot")->disabled = !alive;
  back = console_menu_add_menu (menu, "Go Back", CONSOLE_ICON_BACK);
  back->disabled = !alive || places->len == 0;
  for (guint i = 0; i < places->len; i++)
    {
      const Place *place = g_ptr_array_index (places, i);
      g_autofree char *action = g_strconcat (ACTION_BACK, place->id, NULL);

      console_menu_add (back->menu, place->name, CONSOLE_ICON_NONE, action)->checked = place->is_current;
    }
}

/* Only what the guest may have of the clipboard is typed there. */
static void
add_typing (const LocalSession *self, ConsoleMenu *menu)
{
  ClipboardPolicy policy = self->spec->agents.clipboard;

  if (policy != CLIPBOARD_OFF && policy != CLIPBOARD_TO_HOST)
    console_menu_add (menu, "Type Clipboard", CONSOLE_ICON_TYPE, "type")->disabled =
      self->state != BONSAI_STATE_RUNNING;
}

static void
add_disc (ConsoleMenu *discs, const VmDisk *disk)
{
  g_autofree char *name = g_path_get_basename (disk->path);
  g_autofree char *label = g_strdup_printf ("Eject %s", name);
  g_autofree char *action = g_strconcat (ACTION_EJECT, disk->id, NULL);

  console_menu_add (discs, label, CONSOLE_ICON_NONE, action);
}

static void
add_discs (ConsoleMenu *menu, const VmConfig *config)
{
  ConsoleItem *discs = NULL;

  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);

      if (disk->kind != DISK_KIND_CDROM)
        continue;
      if (discs == NULL)
        discs = console_menu_add_menu (menu, "Disc", CONSOLE_ICON_DISC);
      if (disk->path != NULL)
        add_disc (discs->menu, disk);
    }
  if (discs != NULL)
    discs->disabled = discs->menu->items->len == 0;
}

static ConsoleMenu *
make_menu (const LocalSession *self, const Offer *offer)
{
  ConsoleMenu *menu = console_menu_new ();

  add_pause (self, menu);
  if (offer->bundle != NULL)
    add_snapshots (self, menu, offer->places);
  add_typing (self, menu);
  if (offer->config != NULL)
    add_discs (menu, offer->config);
  if (offer->usb != NULL)
    local_session_add_usb_menu (self, menu, offer->usb);
  return menu;
}

static void
show_menu (LocalSession *self, const Offer *offer)
{
  for (unsigned i = 0; i < SESSION_MAX_HEADS; i++)
    if (self->windows[i].console != NULL)
      console_window_set_menu (self->windows[i].console, make_menu (self, offer));
}

static void
offer_free (void *data)
{
  Offer *offer = data;

  g_free (offer->uuid);
  g_free (offer->bundle);
  g_ptr_array_unref (offer->places);
  g_clear_pointer (&offer->config, vm_config_free);
  g_clear_pointer (&offer->usb, g_ptr_array_unref);
  g_free (offer);
}

/* The newest; the one that the machine stems from is among them. */
static void
add_places (GPtrArray *places, const SnapshotTree *tree)
{
  for (guint i = tree->nodes->len; i-- > 0;)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);
      bool is_current = node == tree->current;
      const Place place = { node->id, node->name, is_current };

      if (node->trouble == NULL && (is_current || places->len < MAX_PLACES))
        g_ptr_array_add (places, place_copy (&place));
    }
}

static Offer *
offer_new (LocalSession *self)
{
  Offer *offer = g_new (Offer, 1);

  *offer = (Offer){ .uuid = g_strdup (self->uuid),
                    .bundle = g_strdup (bundle_of (self)),
                    .places = g_ptr_array_new_with_free_func (place_free) };
  return offer;
}

/* A machine without a description has no terms. */
static void
read_offer (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Offer *offer = data;
  g_autoptr (SnapshotTree) tree = offer->bundle != NULL ? snapshot_tree_read (offer->bundle, NULL) : NULL;

  if (tree != NULL)
    add_places (offer->places, tree);
  if (offer->bundle != NULL)
    offer->config = bundle_load (offer->bundle, NULL);
  if (offer->bundle == NULL || offer->config != NULL)
    offer->usb = local_session_find_usb (offer->uuid, offer->bundle, offer->config);
  g_task_return_boolean (task, TRUE);
}

static void
offer_read (GObject *source, GAsyncResult *result, gpointer serial)
{
  LocalSession *self = LOCAL_SESSION (source);

  if (GPOINTER_TO_UINT (serial) == self->menu_serial) /* a reading begun before may come after */
    show_menu (self, g_task_get_task_data (G_TASK (result)));
}

void
local_session_update_menu (LocalSession *self)
{
  g_autoptr (GTask) task = NULL;

  if (!local_session_has_window (self))
    return;
  local_session_watch_usb (self);
  task = g_task_new (self, NULL, offer_read, GUINT_TO_POINTER (++self->menu_serial));
  g_task_set_task_data (task, offer_new (self), offer_free);
  g_task_run_in_thread (task, read_offer);
}

/* --- typing --- */

typedef struct {
  LocalSession *session;
  char *text;
  const char *at;
  bool is_down;
} Typing;

static void
typing_free (void *data)
{
  Typing *typing = data;

  g_object_unref (typing->session);
  g_free (typing->text);
  g_free (typing);
}

static gboolean
type_on (gpointer data)
{
  Typing *typing = data;

  if (*typing->at == '\0' || typing->session->state != BONSAI_STATE_RUNNING)
    return G_SOURCE_REMOVE;
  typing->is_down = !typing->is_down;
  key_text_press (BONSAI_SESSION (typing->session), g_utf8_get_char (typing->at), typing->is_down);
  if (!typing->is_down)
    typing->at = g_utf8_next_char (typing->at);
  return G_SOURCE_CONTINUE;
}

static void
begin_typing (LocalSession *self, char *text)
{
  g_autoptr (GSource) source = g_timeout_source_new (STROKE_MS);
  Typing *typing = g_new (Typing, 1);

  *typing = (Typing){ g_object_ref (self), text, text, false };
  g_source_set_callback (source, type_on, typing, typing_free);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static void
type_clipboard (LocalSession *self, ConsoleWindow *window)
{
  const Clip *clip = self->shown_clip;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize size;
  const char *bytes;

  if (clip == NULL || clip->kind != CLIP_TEXT)
    {
      console_window_tell (window, "There is no text in the clipboard");
      return;
    }
  bytes = g_bytes_get_data (clip->bytes, &size);
  text = g_strndup (bytes, size);
  if (size > MAX_TYPED)
    console_window_tell (window, "More than 64 KiB of text isn't typed");
  else if (!key_text_check (text, &error))
    console_window_tell (window, error->message);
  else
    begin_typing (self, g_steal_pointer (&text));
}

/* --- what is chosen --- */

/* What came of it is said in the window where it was chosen, if that is there still. */
typedef struct {
  unsigned head;
  const char *done; /* a constant, or NULL */
} Choice;

static void
tell (LocalSession *self, unsigned head, const char *text)
{
  if (text != NULL && self->windows[head].console != NULL)
    console_window_tell (self->windows[head].console, text);
}

static gpointer
choice_new (unsigned head, const char *done)
{
  return g_memdup2 (&(Choice){ head, done }, sizeof (Choice));
}

static void
snapshots_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Choice *choice = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer =
    bonsai_session_change_snapshots_finish (BONSAI_SESSION (source), result, &error);

  tell (LOCAL_SESSION (source), choice->head, answer != NULL ? choice->done : error->message);
}

static void
change_snapshots (LocalSession *self, unsigned head, const char *operation, const char *node,
                  const char *done)
{
  GVariantDict arguments;

  g_variant_dict_init (&arguments, NULL);
  if (node != NULL)
    g_variant_dict_insert (&arguments, "node", "s", node);
  bonsai_session_change_snapshots_async (BONSAI_SESSION (self), operation, g_variant_dict_end (&arguments),
                                         NULL, snapshots_changed, choice_new (head, done));
}

static void
medium_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Choice *choice = data;
  g_autoptr (GError) error = NULL;

  if (bonsai_session_change_medium_finish (BONSAI_SESSION (source), result, &error))
    local_session_update_menu (LOCAL_SESSION (source));
  tell (LOCAL_SESSION (source), choice->head, error != NULL ? error->message : choice->done);
}

bool
local_session_run_menu (LocalSession *self, const char *action, unsigned head)
{
  if (self->windows[head].console == NULL)
    return false;
  if (g_str_equal (action, "snapshot"))
    change_snapshots (self, head, "take", NULL, "Snapshot taken");
  else if (g_str_has_prefix (action, ACTION_BACK))
    change_snapshots (self, head, "restore", action + strlen (ACTION_BACK), NULL);
  else if (g_str_has_prefix (action, ACTION_EJECT))
    bonsai_session_change_medium_async (BONSAI_SESSION (self), action + strlen (ACTION_EJECT), NULL, false,
                                        NULL, medium_changed, choice_new (head, "Disc ejected"));
  else if (local_session_run_usb_menu (self, action, head))
    return true;
  else if (g_str_equal (action, "type"))
    type_clipboard (self, self->windows[head].console);
  else
    return false;
  return true;
}
