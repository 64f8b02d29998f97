/* SPDX-License-Identifier: GPL-3.0-or-later */
/* USB devices of the host's in the bar of the console windows. */
#include "app/session/local-session-private.h"

#include "app/usb/usb-attach.h"
#include "app/usb/usb-claim.h"
#include "app/usb/usb-watch.h"
#include "app/workspace/workspace.h"

#include <string.h>

#define MAX_CHOICES 16u
#define MAX_LABEL   48
#define ACTION_USB  "usb:"

/* What can be chosen. */
typedef struct {
  HostUsb *usb;
  char *holder; /* (nullable): another machine, which has it */
} SessionUsbChoice;

static void
choice_free (gpointer data)
{
  SessionUsbChoice *choice = data;

  host_usb_free (choice->usb);
  g_free (choice->holder);
  g_free (choice);
}

static SessionUsbChoice *
choice_new (const HostUsb *usb, const char *machine)
{
  SessionUsbChoice *choice = g_new (SessionUsbChoice, 1);
  g_autofree char *uuid = NULL;
  g_autofree char *holder = usb_claim_holder (usb->port, &uuid);

  *choice = (SessionUsbChoice){ host_usb_copy (usb), NULL };
  if (g_strcmp0 (uuid, machine) != 0)
    choice->holder = g_steal_pointer (&holder);
  return choice;
}

GPtrArray *
local_session_find_usb (const char *uuid, const char *bundle, const VmConfig *config)
{
  GPtrArray *choices = g_ptr_array_new_with_free_func (choice_free);
  g_autoptr (GPtrArray) devices = host_usb_list (host_usb_root ());

  for (guint i = 0; i < devices->len && choices->len < MAX_CHOICES; i++)
    {
      const HostUsb *usb = g_ptr_array_index (devices, i);

      if (config == NULL || workspace_check_usb (bundle, config, usb, NULL))
        g_ptr_array_add (choices, choice_new (usb, uuid));
    }
  return choices;
}

/* --- the menu --- */

static bool
has (const LocalSession *self, const char *port)
{
  return self->usb_claims != NULL && g_hash_table_contains (self->usb_claims, port);
}

/* (transfer full) */
static char *
label_of (const LocalSession *self, const SessionUsbChoice *choice)
{
  g_autofree char *label = host_usb_label (choice->usb);

  if (g_utf8_strlen (label, -1) > MAX_LABEL)
    strcpy (g_utf8_offset_to_pointer (label, MAX_LABEL - 1), "…");
  if (choice->holder != NULL)
    return g_strdup_printf ("%s (in %s)", label, choice->holder);
  if (choice->usb->sole != USB_SOLE_NONE && !has (self, choice->usb->port))
    return g_strdup_printf ("%s (the only %s here)", label,
                            choice->usb->sole == USB_SOLE_KEYBOARD ? "keyboard" : "mouse");
  return g_steal_pointer (&label);
}

static void
add_choice (const LocalSession *self, ConsoleMenu *menu, const SessionUsbChoice *choice)
{
  g_autofree char *label = label_of (self, choice);
  g_autofree char *action = g_strconcat (ACTION_USB, choice->usb->port, NULL);
  ConsoleItem *item = console_menu_add (menu, label, CONSOLE_ICON_NONE, action);

  item->checked = has (self, choice->usb->port);
  item->disabled = choice->holder != NULL || (choice->usb->sole != USB_SOLE_NONE && !item->checked);
}

void
local_session_add_usb_menu (const LocalSession *self, ConsoleMenu *menu, const GPtrArray *choices)
{
  ConsoleItem *devices;

  if (!self->spec->usb)
    return;
  devices = console_menu_add_menu (menu, "USB", CONSOLE_ICON_DEVICES);
  for (guint i = 0; i < choices->len; i++)
    add_choice (self, devices->menu, g_ptr_array_index (choices, i));
  devices->disabled = choices->len == 0 || !bonsai_state_is_alive (self->state);
}

static void
on_news (void *data)
{
  local_session_update_menu (data);
}

void
local_session_watch_usb (LocalSession *self)
{
  if (self->spec->usb && self->usb_watch == NULL)
    self->usb_watch = usb_watch_new (host_usb_root (), on_news, self);
}

/* --- what is chosen --- */

typedef struct {
  unsigned head; /* whose window */
  char *name;    /* of the device */
} Chosen;

static Chosen *
chosen_new (unsigned head, const HostUsb *usb, const char *port)
{
  return g_memdup2 (&(Chosen){ head, usb != NULL ? host_usb_label (usb) : g_strdup (port) }, sizeof (Chosen));
}

/* @chosen: (transfer full) */
static void
conclude (LocalSession *self, Chosen *chosen, const char *state, const GError *error)
{
  ConsoleWindow *window = self->windows[chosen->head].console;

  if (error != NULL && window != NULL)
    console_window_tell (window, error->message);
  if (error != NULL && self->keeper != NULL && self->keeper->usb_changed != NULL)
    self->keeper->usb_changed (chosen->name, state, error, self->keeper_data);
  local_session_update_menu (self);
  g_free (chosen->name);
  g_free (chosen);
}

static void
attached (GObject *source, GAsyncResult *result, gpointer chosen)
{
  g_autoptr (GError) error = NULL;

  usb_attach_finish (BONSAI_SESSION (source), result, &error);
  conclude (LOCAL_SESSION (source), chosen, "attached", error);
}

static void
detached (GObject *source, GAsyncResult *result, gpointer chosen)
{
  g_autoptr (GError) error = NULL;

  bonsai_session_detach_usb_finish (BONSAI_SESSION (source), result, &error);
  conclude (LOCAL_SESSION (source), chosen, "detached", error);
}

bool
local_session_run_usb_menu (LocalSession *self, const char *action, unsigned head)
{
  const char *port = action + strlen (ACTION_USB);
  g_autoptr (HostUsb) usb = NULL;

  if (!g_str_has_prefix (action, ACTION_USB))
    return false;
  usb = host_usb_read (host_usb_root (), port);
  if (has (self, port))
    bonsai_session_detach_usb_async (BONSAI_SESSION (self), port, NULL, detached,
                                     chosen_new (head, usb, port));
  else if (usb != NULL)
    usb_attach_async (BONSAI_SESSION (self), usb, NULL, attached, chosen_new (head, usb, port));
  else
    local_session_update_menu (self);
  return true;
}
