/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/terminal-page.h"

#include "app/base/error.h"
#include "app/bundle/vm-consoles.h"
#include "app/vm/vm-settings.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/machine/terminal-view.h"

#define END_WAIT_MS 1000 /* from the connection's end to the reason for it */

/* Why there is nobody to talk to. */
typedef enum { NO_TROUBLE, OFF, IN_USE, TAKEN_OVER, FAILED } Trouble;

struct _BonsaiTerminalPage {
  AdwBin parent;
  BonsaiVm *vm; /* or NULL */
  BonsaiTerminalView *view;
  GtkDropDown *port_choice;
  GtkMenuButton *menu_button;
  GtkStack *stack;
  AdwStatusPage *status_page;
  GtkButton *status_button;
  GtkWidget *trouble_bar;
  GtkLabel *trouble_label;
  GtkButton *trouble_button;
  GtkWidget *remedy_bar;
  GtkLabel *remedy_label;
  GtkButton *remedy_button;

  unsigned ports[VM_N_CONSOLES]; /* the choice's, of which there are @n_ports */
  unsigned n_ports;
  unsigned port;          /* that is shown */
  BonsaiSession *session; /* (nullable): the one that was tried already */
  GCancellable *opening;  /* or NULL */
  guint ending;           /* a source, or 0 */
  bool shows_text;        /* it was connected, so there is something to read */
  bool choosing;
};

G_DEFINE_FINAL_TYPE (BonsaiTerminalPage, bonsai_terminal_page, ADW_TYPE_BIN)

static void update (BonsaiTerminalPage *self);

/* --- trouble --- */

static const struct {
  const char *title, *text, *button;
} troubles[] = {
  [OFF] = { N_ ("The Machine Is Off"),
            N_ ("What its guest says on the text console appears here while it runs."), N_ ("_Start") },
  [IN_USE] = { N_ ("In Use Elsewhere"),
               N_ ("Another window, or “bonsai console”, has this text console; only one can at a time."),
               N_ ("_Take Over") },
  [TAKEN_OVER] = { N_ ("Taken Over"),
                   N_ ("Another window, or “bonsai console”, has taken this text console over."),
                   N_ ("_Take Back") },
  [FAILED] = { N_ ("No Connection"), NULL, N_ ("_Try Again") },
};

/* @text: (nullable): instead of the usual one. Beside what was said before there is only room for a bar. */
static void
show_trouble (BonsaiTerminalPage *self, Trouble trouble, const char *text)
{
  bool can_start = trouble == OFF && bonsai_vm_get_state (self->vm) != BONSAI_STATE_BROKEN;

  gtk_stack_set_visible_child_name (self->stack,
                                    self->shows_text || trouble == NO_TROUBLE ? "terminal" : "status");
  gtk_widget_set_visible (self->trouble_bar, self->shows_text && trouble != NO_TROUBLE);
  if (trouble == NO_TROUBLE)
    return;
  if (!text)
    text = _ (troubles[trouble].text);
  adw_status_page_set_title (self->status_page, _ (troubles[trouble].title));
  adw_status_page_set_description (self->status_page, text);
  gtk_label_set_text (self->trouble_label, trouble == OFF ? _ (troubles[trouble].title) : text);
  gtk_button_set_label (self->status_button, _ (troubles[trouble].button));
  gtk_button_set_label (self->trouble_button, _ (troubles[trouble].button));
  gtk_widget_set_visible (GTK_WIDGET (self->status_button), trouble != OFF || can_start);
  gtk_widget_set_visible (GTK_WIDGET (self->trouble_button), trouble != OFF || can_start);
}

/* --- the connection --- */

/* Only a console of virtio can tell its guest. */
static void
tell_size (BonsaiTerminalPage *self)
{
  VteTerminal *terminal = VTE_TERMINAL (self->view);
  GVariantDict arguments;

  if (self->port != VM_CONSOLE_VIRTIO || !self->session || !bonsai_terminal_view_is_attached (self->view))
    return;
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "columns", "u", (guint32)vte_terminal_get_column_count (terminal));
  g_variant_dict_insert (&arguments, "rows", "u", (guint32)vte_terminal_get_row_count (terminal));
  bonsai_session_ask_guest_async (self->session, "resize-console", g_variant_dict_end (&arguments), NULL,
                                  NULL, NULL);
}

static void
disconnect (BonsaiTerminalPage *self)
{
  g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  g_clear_handle_id (&self->ending, g_source_remove);
  bonsai_terminal_view_detach (self->view);
  g_clear_object (&self->session);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiTerminalPage) self = data;
  g_autoptr (GError) error = NULL;
  int fd = bonsai_session_open_serial_finish (BONSAI_SESSION (source), result, &error);

  if (fd < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->opening);
  if (fd < 0)
    {
      bool in_use = g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
      show_trouble (self, in_use ? IN_USE : FAILED, in_use ? NULL : error->message);
      return;
    }
  self->shows_text = true;
  show_trouble (self, NO_TROUBLE, NULL);
  bonsai_terminal_view_attach (self->view, fd);
  tell_size (self);
  if (gtk_widget_get_mapped (GTK_WIDGET (self->view)))
    gtk_widget_grab_focus (GTK_WIDGET (self->view));
}

static void
connect_to (BonsaiTerminalPage *self, BonsaiSession *session, bool force)
{
  disconnect (self);
  self->session = g_object_ref (session);
  self->opening = g_cancellable_new ();
  bonsai_session_open_serial_async (session, self->port, force, self->opening, on_opened,
                                    g_object_ref (self));
}

static gboolean
on_still_alive (gpointer data)
{
  BonsaiTerminalPage *self = data;

  self->ending = 0;
  if (bonsai_vm_get_session (self->vm) == self->session)
    show_trouble (self, TAKEN_OVER, NULL);
  return G_SOURCE_REMOVE;
}

static void
on_hung_up (BonsaiTerminalPage *self)
{
  g_clear_handle_id (&self->ending, g_source_remove);
  self->ending = g_timeout_add (END_WAIT_MS, on_still_alive, self);
}

/* --- which console --- */

/* The one that is open is there until it is closed, whatever the next start brings. */
static bool
offers (BonsaiTerminalPage *self, const VmConfig *config, unsigned port)
{
  return vm_config_has_console (config, port)
         || (port == self->port && bonsai_terminal_view_is_attached (self->view));
}

static void
forget_text (BonsaiTerminalPage *self)
{
  bonsai_terminal_view_clear (self->view);
  self->shows_text = false;
}

static void
fill_choice (BonsaiTerminalPage *self, const VmConfig *config)
{
  GtkStringList *names = gtk_string_list_new (NULL);
  guint chosen = 0;

  self->n_ports = 0;
  for (unsigned port = 0; port < VM_N_CONSOLES; port++)
    if (offers (self, config, port))
      {
        if (port == self->port)
          chosen = self->n_ports;
        self->ports[self->n_ports++] = port;
        gtk_string_list_append (names, vm_console_name (port));
      }
  self->choosing = true;
  gtk_drop_down_set_model (self->port_choice, G_LIST_MODEL (names));
  row_choice_shrink (self->port_choice, names);
  gtk_drop_down_set_selected (self->port_choice, chosen);
  self->choosing = false;
  if (self->ports[chosen] != self->port)
    forget_text (self);
  self->port = self->ports[chosen];
  g_object_unref (names);
}

static bool
choice_is_right (BonsaiTerminalPage *self, const VmConfig *config)
{
  unsigned n = 0;

  for (unsigned port = 0; port < VM_N_CONSOLES; port++)
    if (offers (self, config, port) && (n >= self->n_ports || self->ports[n++] != port))
      return false;
  return n == self->n_ports;
}

static void
on_port_chosen (BonsaiTerminalPage *self)
{
  guint chosen = gtk_drop_down_get_selected (self->port_choice);

  if (self->choosing || chosen >= self->n_ports || self->ports[chosen] == self->port)
    return;
  self->port = self->ports[chosen];
  disconnect (self);
  forget_text (self);
  update (self);
}

/* --- the remedy if there is none --- */

static void
show_remedy (BonsaiTerminalPage *self, const VmConfig *config)
{
  bool alive = bonsai_state_is_alive (bonsai_vm_get_state (self->vm));
  g_autofree char *label = NULL;

  gtk_widget_set_visible (self->remedy_bar, !vm_config_has_serial_console (config));
  if (vm_config_has_serial_console (config))
    return;
  label = g_strdup_printf (_ ("_Make COM%u a Console"), vm_config_best_console (config) + 1);
  gtk_button_set_label (self->remedy_button, label);
  gtk_label_set_text (self->remedy_label,
                      alive ? _ ("No serial port is a text console. One can be from the next start on.")
                            : _ ("No serial port is a text console."));
}

static void
on_remedied (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_save_finish (BONSAI_VM (source), result, &error))
    error_dialog_show (error_dialog_find_parent (), _ ("Can’t Change the Machine"), error);
}

static void
on_remedy (BonsaiTerminalPage *self)
{
  const VmConfig *before = bonsai_vm_get_wanted_config (self->vm);
  g_autoptr (VmConfig) config = before ? vm_config_copy (before) : NULL;

  if (!config || vm_config_has_serial_console (config))
    return;
  vm_config_make_console (config, vm_config_best_console (config));
  bonsai_vm_apply_config_async (self->vm, config, on_remedied, NULL);
}

/* --- the machine --- */

static void
on_trouble_button (BonsaiTerminalPage *self)
{
  BonsaiSession *session = bonsai_vm_get_session (self->vm);

  if (session)
    connect_to (self, session, true);
  else
    gtk_widget_activate_action (GTK_WIDGET (self), "vm.start", NULL);
}

static void
update_connection (BonsaiTerminalPage *self)
{
  BonsaiSession *session = bonsai_vm_get_session (self->vm);
  bool looked_at = gtk_widget_get_mapped (GTK_WIDGET (self)) || self->shows_text;

  if (!session)
    {
      /* What it said last is still on its way. */
      if (!bonsai_terminal_view_is_attached (self->view))
        disconnect (self);
      if (!bonsai_state_is_alive (bonsai_vm_get_state (self->vm)))
        show_trouble (self, OFF, NULL);
    }
  else if (session != self->session && looked_at)
    connect_to (self, session, false);
}

static void
update (BonsaiTerminalPage *self)
{
  const VmConfig *config = bonsai_vm_get_config (self->vm);

  if (config)
    {
      if (!choice_is_right (self, config))
        fill_choice (self, config);
      show_remedy (self, config);
    }
  update_connection (self);
}

void
bonsai_terminal_page_set_vm (BonsaiTerminalPage *self, BonsaiVm *vm)
{
  if (self->vm)
    {
      g_signal_handlers_disconnect_by_data (self->vm, self);
      disconnect (self);
      forget_text (self);
    }
  self->n_ports = self->port = 0;
  g_set_object (&self->vm, vm);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify::session", G_CALLBACK (update), self);
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (update), self);
  g_signal_connect_swapped (vm, "notify::config", G_CALLBACK (update), self);
  update (self);
}

/* --- the widget --- */

static void
bonsai_terminal_page_map (GtkWidget *widget)
{
  BonsaiTerminalPage *self = BONSAI_TERMINAL_PAGE (widget);

  GTK_WIDGET_CLASS (bonsai_terminal_page_parent_class)->map (widget);
  if (self->vm)
    update (self);
  if (bonsai_terminal_view_is_attached (self->view))
    gtk_widget_grab_focus (GTK_WIDGET (self->view));
}

static void
bonsai_terminal_page_dispose (GObject *object)
{
  BonsaiTerminalPage *self = BONSAI_TERMINAL_PAGE (object);

  if (self->vm)
    bonsai_terminal_page_set_vm (self, NULL);
  G_OBJECT_CLASS (bonsai_terminal_page_parent_class)->dispose (object);
}

static void
bonsai_terminal_page_class_init (BonsaiTerminalPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_terminal_page_dispose;
  widget_class->map = bonsai_terminal_page_map;
  g_type_ensure (BONSAI_TYPE_TERMINAL_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "machine/terminal-page.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, view);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, port_choice);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, menu_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, stack);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, status_page);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, status_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, trouble_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, trouble_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, trouble_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, remedy_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, remedy_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiTerminalPage, remedy_button);
  gtk_widget_class_bind_template_callback (widget_class, on_port_chosen);
  gtk_widget_class_bind_template_callback (widget_class, on_hung_up);
  gtk_widget_class_bind_template_callback (widget_class, tell_size);
  gtk_widget_class_bind_template_callback (widget_class, on_trouble_button);
  gtk_widget_class_bind_template_callback (widget_class, on_remedy);
}

static void
bonsai_terminal_page_init (BonsaiTerminalPage *self)
{
  g_autoptr (GtkBuilder) builder = gtk_builder_new_from_resource (UI_RESOURCE "machine/terminal-menu.ui");

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_menu_button_set_menu_model (self->menu_button,
                                  G_MENU_MODEL (gtk_builder_get_object (builder, "terminal_menu")));
  gtk_widget_insert_action_group (GTK_WIDGET (self), "terminal",
                                  bonsai_terminal_view_get_actions (self->view));
}
