/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/undo-delete.h"

#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"

#define TOAST_SECONDS 30 /* who uses the keyboard has some way to it */

struct UndoDelete {
  GtkWindow *window;       /* unowned */
  AdwToastOverlay *toasts; /* unowned */
  BonsaiLibrary *library;
  BonsaiTrash *trash;
  const UndoDeleteFuncs *funcs;
  gpointer data;
  GSimpleAction *undo;
  GPtrArray *items; /* of char *: trash items that undo brings back */
  AdwToast *toast;  /* or NULL */
};

static void
set_items (UndoDelete *self, GPtrArray *items)
{
  g_ptr_array_unref (self->items);
  self->items = items;
  g_simple_action_set_enabled (self->undo, items->len > 0);
}

/* What is deleted from now on is undone by itself. Until then Control+Z brings this back. */
static void
on_toast_gone (AdwToast *toast, UndoDelete *self)
{
  self->toast = NULL;
  self->funcs->over (self->data);
}

/* What was brought back or deleted for good elsewhere isn't offered any more. */
static void
on_trash_changed (GListModel *trash, guint position, guint removed, guint added, UndoDelete *self)
{
  g_auto (GStrv) left =
    removed > 0 && self->items->len > 0 ? bonsai_library_list_trash (self->library) : NULL;
  guint before = self->items->len;

  if (!left)
    return;
  for (guint i = before; i-- > 0;)
    if (!g_strv_contains ((const char *const *)left, g_ptr_array_index (self->items, i)))
      g_ptr_array_remove_index (self->items, i);
  if (self->items->len == before)
    return;
  g_simple_action_set_enabled (self->undo, self->items->len > 0);
  if (!self->toast)
    return;
  g_signal_handlers_disconnect_by_data (self->toast, self); /* who has the focus is the trash's affair */
  adw_toast_dismiss (g_steal_pointer (&self->toast));
}

/* One word for those that go together. */
static void
offer_undo (UndoDelete *self, const char *name)
{
  guint n = self->items->len;
  g_autofree char *text = n == 1
                            ? g_strdup_printf (_ ("“%s” deleted"), name)
                            : g_strdup_printf (ngettext ("%u machine deleted", "%u machines deleted", n), n);
  g_autofree char *title = g_markup_escape_text (text, -1);

  if (self->toast)
    {
      adw_toast_set_title (self->toast, title);
      return;
    }
  self->toast = adw_toast_new (title);
  adw_toast_set_button_label (self->toast, _ ("_Undo"));
  adw_toast_set_action_name (self->toast, "win.undo-delete");
  adw_toast_set_timeout (self->toast, TOAST_SECONDS);
  adw_toast_set_priority (self->toast, ADW_TOAST_PRIORITY_HIGH);
  g_signal_connect (self->toast, "dismissed", G_CALLBACK (on_toast_gone), self);
  adw_toast_overlay_add_toast (self->toasts, self->toast);
}

static void
on_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  UndoDelete *self = data;
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm = bonsai_library_find (self->library, g_variant_get_string (parameter, NULL));

  if (!vm)
    return;
  g_autofree char *name = g_strdup (bonsai_vm_get_name (vm));
  self->funcs->begun (vm, self->data);
  g_autofree char *item = bonsai_library_delete (self->library, vm, &error);
  if (!item)
    {
      error_dialog_show (self->window, _ ("Can’t Delete the Machine"), error);
      return;
    }
  if (!self->toast)
    g_ptr_array_set_size (self->items, 0);
  g_ptr_array_add (self->items, g_steal_pointer (&item));
  set_items (self, g_ptr_array_ref (self->items));
  offer_undo (self, name);
}

static void
on_undo (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  UndoDelete *self = data;
  g_autoptr (GPtrArray) items = g_ptr_array_ref (self->items);

  set_items (self, g_ptr_array_new_with_free_func (g_free));
  if (self->toast)
    adw_toast_dismiss (self->toast);
  /* What went last comes first: linked clones lie on it. */
  for (guint i = items->len; i-- > 0;)
    {
      g_autoptr (GError) error = NULL;
      if (!bonsai_library_undelete (self->library, g_ptr_array_index (items, i), &error))
        error_dialog_show (self->window, _ ("Can’t Bring the Machine Back"), error);
    }
}

static void
undo_delete_free (gpointer data)
{
  UndoDelete *self = data;

  if (self->toast)
    g_signal_handlers_disconnect_by_data (self->toast, self);
  g_signal_handlers_disconnect_by_data (self->trash, self);
  g_object_unref (self->trash);
  g_object_unref (self->library);
  g_ptr_array_unref (self->items);
  g_free (self);
}

void
undo_delete_add (GtkApplicationWindow *window, AdwToastOverlay *toasts, BonsaiLibrary *library,
                 BonsaiTrash *trash, const UndoDeleteFuncs *funcs, gpointer data)
{
  static const GActionEntry entries[] = {
    { .name = "delete", .activate = on_delete, .parameter_type = "s" },
    { .name = "undo-delete", .activate = on_undo },
  };
  UndoDelete *self = g_new0 (UndoDelete, 1);

  *self = (UndoDelete){ .window = GTK_WINDOW (window),
                        .toasts = toasts,
                        .library = g_object_ref (library),
                        .trash = g_object_ref (trash),
                        .funcs = funcs,
                        .data = data,
                        .items = g_ptr_array_new_with_free_func (g_free) };
  g_action_map_add_action_entries (G_ACTION_MAP (window), entries, G_N_ELEMENTS (entries), self);
  self->undo = G_SIMPLE_ACTION (g_action_map_lookup_action (G_ACTION_MAP (window), "undo-delete"));
  g_simple_action_set_enabled (self->undo, false);
  g_signal_connect (trash, "items-changed", G_CALLBACK (on_trash_changed), self);
  g_object_set_data_full (G_OBJECT (window), "undo-delete", self, undo_delete_free);
}
