/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/guest-facts.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"

/* An agent comes up without telling, and addresses change: asked again so often while somebody looks. */
#define ASK_AGAIN_S 15

struct _BonsaiGuestFacts {
  AdwBin parent;
  BonsaiVm *vm;
  GCancellable *cancellable; /* of what is asked; or NULL */
  guint again;               /* a source, or 0 */

  AdwActionRow *system_row;
  AdwActionRow *addresses_row;
};

G_DEFINE_FINAL_TYPE (BonsaiGuestFacts, bonsai_guest_facts, ADW_TYPE_BIN)

/* --- answers --- */

static void
show (AdwActionRow *row, const char *text)
{
  row_set_subtitle (row, text);
  gtk_widget_set_visible (GTK_WIDGET (row), *text != '\0');
}

static void
show_system (BonsaiGuestFacts *self, GVariant *answer)
{
  const char *system = NULL, *kernel = NULL, *host = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  if (g_variant_lookup (answer, "os-name", "&s", &system))
    g_string_append (text, system);
  if (g_variant_lookup (answer, "kernel", "&s", &kernel))
    g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", kernel);
  if (g_variant_lookup (answer, "host-name", "&s", &host))
    g_string_append_printf (text, "%s%s", text->len > 0 ? "\n" : "", host);
  show (self->system_row, text->str);
}

/* What another computer could reach: neither the guest's own, nor those of a link alone. */
static bool
is_of_interest (const char *address)
{
  g_autoptr (GInetAddress) parsed = g_inet_address_new_from_string (address);

  return parsed && !g_inet_address_get_is_loopback (parsed) && !g_inet_address_get_is_link_local (parsed);
}

static void
show_addresses (BonsaiGuestFacts *self, GVariant *answer)
{
  g_autoptr (GVariant) all = g_variant_lookup_value (answer, "interfaces", G_VARIANT_TYPE ("a(ssa(su))"));
  g_autoptr (GString) text = g_string_new (NULL);
  GVariantIter iter, *addresses;
  const char *name, *hardware, *address;
  guint32 prefix;

  if (!all)
    return;
  g_variant_iter_init (&iter, all);
  while (g_variant_iter_loop (&iter, "(&s&sa(su))", &name, &hardware, &addresses))
    while (g_variant_iter_next (addresses, "(&su)", &address, &prefix))
      if (is_of_interest (address))
        g_string_append_printf (text, "%s%s", text->len > 0 ? "\n" : "", address);
  show (self->addresses_row, text->str);
}

static void
on_addresses (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiGuestFacts) self = data;
  g_autoptr (GVariant) answer = bonsai_session_ask_guest_finish (BONSAI_SESSION (source), result, NULL);

  if (answer)
    show_addresses (self, answer);
}

static void
on_info (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiGuestFacts) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = bonsai_session_ask_guest_finish (BONSAI_SESSION (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  gtk_widget_set_visible (GTK_WIDGET (self), answer != NULL);
  if (!answer)
    return;
  show_system (self, answer);
  bonsai_session_ask_guest_async (BONSAI_SESSION (source), "addresses", NULL, self->cancellable, on_addresses,
                                  g_object_ref (self));
}

/* --- questions --- */

static bool
may_ask (BonsaiGuestFacts *self)
{
  GtkWidget *parent = gtk_widget_get_parent (GTK_WIDGET (self)); /* mapped also while these are hidden */

  return self->vm && parent && gtk_widget_get_mapped (parent)
         && bonsai_vm_get_state (self->vm) == BONSAI_STATE_RUNNING && bonsai_vm_get_session (self->vm);
}

static gboolean
ask (gpointer data)
{
  BonsaiGuestFacts *self = data;

  if (!may_ask (self))
    return G_SOURCE_CONTINUE;
  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  bonsai_session_ask_guest_async (bonsai_vm_get_session (self->vm), "info", NULL, self->cancellable, on_info,
                                  g_object_ref (self));
  return G_SOURCE_CONTINUE;
}

static void
forget (BonsaiGuestFacts *self)
{
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->again, g_source_remove);
}

static void
begin (BonsaiGuestFacts *self)
{
  forget (self);
  if (!may_ask (self))
    {
      gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
      return;
    }
  self->again = g_timeout_add_seconds (ASK_AGAIN_S, ask, self);
  ask (self);
}

static void
on_parent (BonsaiGuestFacts *self)
{
  GtkWidget *parent = gtk_widget_get_parent (GTK_WIDGET (self));

  if (!parent)
    return;
  g_signal_connect_object (parent, "map", G_CALLBACK (begin), self, G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  g_signal_connect_object (parent, "unmap", G_CALLBACK (forget), self, G_CONNECT_SWAPPED);
}

static void
on_copy (BonsaiGuestFacts *self)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)),
                          adw_action_row_get_subtitle (self->addresses_row));
}

/* --- the object --- */

void
bonsai_guest_facts_set_vm (BonsaiGuestFacts *self, BonsaiVm *vm)
{
  forget (self);
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
  if (!vm)
    return;
  show (self->system_row, "");
  show (self->addresses_row, "");
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (begin), self);
  g_signal_connect_swapped (vm, "notify::session", G_CALLBACK (begin), self);
  begin (self);
}

static void
bonsai_guest_facts_dispose (GObject *object)
{
  BonsaiGuestFacts *self = BONSAI_GUEST_FACTS (object);

  bonsai_guest_facts_set_vm (self, NULL);
  g_clear_object (&self->cancellable);
  G_OBJECT_CLASS (bonsai_guest_facts_parent_class)->dispose (object);
}

static void
bonsai_guest_facts_class_init (BonsaiGuestFactsClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_guest_facts_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "machine/guest-facts.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiGuestFacts, system_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiGuestFacts, addresses_row);
  gtk_widget_class_bind_template_callback (widget_class, on_copy);
}

static void
bonsai_guest_facts_init (BonsaiGuestFacts *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect (self, "notify::parent", G_CALLBACK (on_parent), NULL);
}
