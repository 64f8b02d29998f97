/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/terminal-view.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/machine/terminal-line.h"

#include <stdbool.h>

#define SCROLLBACK 10000 /* lines */
#define ZOOM_STEP  1.2
#define MIN_ZOOM   0.5
#define MAX_ZOOM   4.0
#define TELL_MS    250 /* a screen reader need not know each moment's text */

struct _BonsaiTerminalView {
  VteTerminal parent;
  TerminalLine *line; /* or NULL */
  GSimpleActionGroup *actions;
  GtkWidget *popover;
  GtkEventController *root_keys; /* while it has the focus: a controller of @root */
  GtkWidget *root;
  long columns, rows;
  guint telling; /* a source, or 0 */
};

G_DEFINE_FINAL_TYPE (BonsaiTerminalView, bonsai_terminal_view, VTE_TYPE_TERMINAL)

enum { HUNG_UP, RESIZED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* --- the connection --- */

static void
on_ended (gpointer data)
{
  BonsaiTerminalView *self = data;

  bonsai_terminal_view_detach (self);
  g_signal_emit (self, signals[HUNG_UP], 0);
}

void
bonsai_terminal_view_attach (BonsaiTerminalView *self, int fd)
{
  VteTerminal *terminal = VTE_TERMINAL (self);
  glong column = 0;

  bonsai_terminal_view_detach (self);
  vte_terminal_get_cursor_position (terminal, &column, NULL);
  /* Modes, colours and the other screen were the last guest's. */
  vte_terminal_reset (terminal, TRUE, FALSE);
  if (column > 0)
    vte_terminal_feed (terminal, "\r\n", 2);
  vte_terminal_set_input_enabled (terminal, TRUE);
  self->line = terminal_line_new (terminal, fd, on_ended, self);
}

void
bonsai_terminal_view_detach (BonsaiTerminalView *self)
{
  g_clear_pointer (&self->line, terminal_line_free);
  vte_terminal_set_input_enabled (VTE_TERMINAL (self), FALSE);
}

gboolean
bonsai_terminal_view_is_attached (BonsaiTerminalView *self)
{
  return self->line != NULL;
}

void
bonsai_terminal_view_clear (BonsaiTerminalView *self)
{
  vte_terminal_reset (VTE_TERMINAL (self), TRUE, TRUE);
}

/* --- what its menu does --- */

static void
on_copy (GSimpleAction *action, GVariant *parameter, gpointer terminal)
{
  vte_terminal_copy_clipboard_format (terminal, VTE_FORMAT_TEXT);
}

static void
on_paste (GSimpleAction *action, GVariant *parameter, gpointer terminal)
{
  vte_terminal_paste_clipboard (terminal);
}

static void
on_select_all (GSimpleAction *action, GVariant *parameter, gpointer terminal)
{
  vte_terminal_select_all (terminal);
}

static void
zoom (VteTerminal *terminal, double factor)
{
  double scale = factor > 0 ? vte_terminal_get_font_scale (terminal) * factor : 1;

  vte_terminal_set_font_scale (terminal, CLAMP (scale, MIN_ZOOM, MAX_ZOOM));
}

static void
on_zoom_in (GSimpleAction *action, GVariant *parameter, gpointer terminal)
{
  zoom (terminal, ZOOM_STEP);
}

static void
on_zoom_out (GSimpleAction *action, GVariant *parameter, gpointer terminal)
{
  zoom (terminal, 1 / ZOOM_STEP);
}

static void
on_zoom_normal (GSimpleAction *action, GVariant *parameter, gpointer terminal)
{
  zoom (terminal, 0);
}

static const GActionEntry entries[] = {
  { .name = "copy", .activate = on_copy },
  { .name = "paste", .activate = on_paste },
  { .name = "select-all", .activate = on_select_all },
  { .name = "zoom-in", .activate = on_zoom_in },
  { .name = "zoom-out", .activate = on_zoom_out },
  { .name = "zoom-normal", .activate = on_zoom_normal },
};

static void
on_selection (BonsaiTerminalView *self)
{
  GAction *copy = g_action_map_lookup_action (G_ACTION_MAP (self->actions), "copy");

  g_simple_action_set_enabled (G_SIMPLE_ACTION (copy), vte_terminal_get_has_selection (VTE_TERMINAL (self)));
}

GActionGroup *
bonsai_terminal_view_get_actions (BonsaiTerminalView *self)
{
  return G_ACTION_GROUP (self->actions);
}

static void
pop_up (BonsaiTerminalView *self, double x, double y)
{
  gtk_popover_set_pointing_to (GTK_POPOVER (self->popover), &(GdkRectangle){ (int)x, (int)y, 1, 1 });
  gtk_popover_popup (GTK_POPOVER (self->popover));
}

static void
on_secondary_click (GtkGestureClick *gesture, int n, double x, double y, BonsaiTerminalView *self)
{
  pop_up (self, x, y);
}

/* --- keys --- */

#define CTRL  GDK_CONTROL_MASK
#define SHIFT GDK_SHIFT_MASK

static const struct {
  guint key;
  GdkModifierType modifiers;
  const char *action;
} shortcuts[] = {
  { GDK_KEY_c, CTRL | SHIFT, "copy" },       { GDK_KEY_v, CTRL | SHIFT, "paste" },
  { GDK_KEY_a, CTRL | SHIFT, "select-all" }, { GDK_KEY_plus, CTRL, "zoom-in" },
  { GDK_KEY_plus, CTRL | SHIFT, "zoom-in" }, { GDK_KEY_equal, CTRL, "zoom-in" },
  { GDK_KEY_KP_Add, CTRL, "zoom-in" },       { GDK_KEY_minus, CTRL, "zoom-out" },
  { GDK_KEY_KP_Subtract, CTRL, "zoom-out" }, { GDK_KEY_0, CTRL, "zoom-normal" },
  { GDK_KEY_KP_0, CTRL, "zoom-normal" },
};

static bool
use_shortcut (BonsaiTerminalView *self, guint key, GdkModifierType modifiers)
{
  for (guint i = 0; i < G_N_ELEMENTS (shortcuts); i++)
    if (gdk_keyval_to_lower (key) == shortcuts[i].key && modifiers == shortcuts[i].modifiers)
      {
        g_action_group_activate_action (G_ACTION_GROUP (self->actions), shortcuts[i].action, NULL);
        return true;
      }
  return false;
}

/* Tab is the guest's. */
static bool
leave (BonsaiTerminalView *self, guint key, GdkModifierType modifiers)
{
  bool back = (modifiers & SHIFT) != 0;

  if (!(modifiers & CTRL) || (key != GDK_KEY_Tab && key != GDK_KEY_ISO_Left_Tab))
    return false;
  return gtk_widget_child_focus (self->root, back ? GTK_DIR_TAB_BACKWARD : GTK_DIR_TAB_FORWARD);
}

/* Before the window's own shortcuts: Ctrl+Z stops a program in the guest. */
static gboolean
on_root_key (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
             BonsaiTerminalView *self)
{
  GdkModifierType modifiers = state & (CTRL | SHIFT | GDK_ALT_MASK | GDK_SUPER_MASK);
  bool is_letter = g_unichar_isalpha (gdk_keyval_to_unicode (key));

  if (use_shortcut (self, key, modifiers) || leave (self, key, modifiers))
    return TRUE;
  if (key == GDK_KEY_Menu || (key == GDK_KEY_F10 && modifiers == SHIFT))
    {
      pop_up (self, 0, 0);
      return TRUE;
    }
  if (is_letter && modifiers == (CTRL | SHIFT))
    return FALSE;
  return gtk_event_controller_key_forward (controller, GTK_WIDGET (self));
}

static void
give_keys_back (BonsaiTerminalView *self)
{
  if (!self->root)
    return;
  gtk_widget_remove_controller (self->root, self->root_keys);
  g_object_remove_weak_pointer (G_OBJECT (self->root), (gpointer *)&self->root);
  self->root = NULL;
}

static void
on_focus (BonsaiTerminalView *self)
{
  give_keys_back (self);
  g_set_weak_pointer (&self->root, GTK_WIDGET (gtk_widget_get_root (GTK_WIDGET (self))));
  self->root_keys = gtk_event_controller_key_new ();
  gtk_event_controller_set_propagation_phase (self->root_keys, GTK_PHASE_CAPTURE);
  g_signal_connect (self->root_keys, "key-pressed", G_CALLBACK (on_root_key), self);
  gtk_widget_add_controller (self->root, self->root_keys);
}

/* --- for those who don't see it --- */

static gboolean
tell (gpointer data)
{
  BonsaiTerminalView *self = data;
  VteTerminal *terminal = VTE_TERMINAL (self);
  g_autofree char *text = NULL;
  glong row = 0;

  self->telling = 0;
  vte_terminal_get_cursor_position (terminal, NULL, &row);
  text = vte_terminal_get_text_range (terminal, MAX (row - 1, 0), 0, row,
                                      vte_terminal_get_column_count (terminal), NULL, NULL, NULL);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                  text ? g_strstrip (text) : "", -1);
  return G_SOURCE_REMOVE;
}

static void
on_contents (BonsaiTerminalView *self)
{
  if (self->telling == 0)
    self->telling = g_timeout_add (TELL_MS, tell, self);
}

/* --- the widget --- */

static void
bonsai_terminal_view_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  BonsaiTerminalView *self = BONSAI_TERMINAL_VIEW (widget);
  long columns, rows;

  GTK_WIDGET_CLASS (bonsai_terminal_view_parent_class)->size_allocate (widget, width, height, baseline);
  gtk_popover_present (GTK_POPOVER (self->popover));
  columns = vte_terminal_get_column_count (VTE_TERMINAL (self));
  rows = vte_terminal_get_row_count (VTE_TERMINAL (self));
  if (columns == self->columns && rows == self->rows)
    return;
  self->columns = columns;
  self->rows = rows;
  g_signal_emit (self, signals[RESIZED], 0);
}

static void
bonsai_terminal_view_unroot (GtkWidget *widget)
{
  give_keys_back (BONSAI_TERMINAL_VIEW (widget));
  GTK_WIDGET_CLASS (bonsai_terminal_view_parent_class)->unroot (widget);
}

static void
bonsai_terminal_view_dispose (GObject *object)
{
  BonsaiTerminalView *self = BONSAI_TERMINAL_VIEW (object);

  give_keys_back (self);
  g_clear_handle_id (&self->telling, g_source_remove);
  g_clear_pointer (&self->line, terminal_line_free);
  g_clear_pointer (&self->popover, gtk_widget_unparent);
  g_clear_object (&self->actions);
  G_OBJECT_CLASS (bonsai_terminal_view_parent_class)->dispose (object);
}

static void
bonsai_terminal_view_class_init (BonsaiTerminalViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_terminal_view_dispose;
  widget_class->size_allocate = bonsai_terminal_view_size_allocate;
  widget_class->unroot = bonsai_terminal_view_unroot;
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_TEXT_BOX);
  signals[HUNG_UP] = g_signal_new ("hung-up", BONSAI_TYPE_TERMINAL_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
  signals[RESIZED] = g_signal_new ("resized", BONSAI_TYPE_TERMINAL_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

/* What else a guest could ask for, as titles, sizes of windows and notices, is nobody's to hear here. */
static void
distrust (VteTerminal *terminal)
{
  vte_terminal_set_scrollback_lines (terminal, SCROLLBACK);
  vte_terminal_set_allow_hyperlink (terminal, FALSE);
  vte_terminal_set_audible_bell (terminal, FALSE);
  vte_terminal_set_enable_sixel (terminal, FALSE);
}

static void
add_controllers (BonsaiTerminalView *self)
{
  GtkEventController *focus = gtk_event_controller_focus_new ();
  GtkGesture *click = gtk_gesture_click_new ();

  g_signal_connect_swapped (focus, "enter", G_CALLBACK (on_focus), self);
  g_signal_connect_swapped (focus, "leave", G_CALLBACK (give_keys_back), self);
  gtk_widget_add_controller (GTK_WIDGET (self), focus);
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (click), GDK_BUTTON_SECONDARY);
  g_signal_connect (click, "pressed", G_CALLBACK (on_secondary_click), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
}

static void
add_menu (BonsaiTerminalView *self)
{
  g_autoptr (GtkBuilder) builder = gtk_builder_new_from_resource (UI_RESOURCE "machine/terminal-menu.ui");
  GMenuModel *menu = G_MENU_MODEL (gtk_builder_get_object (builder, "terminal_menu"));

  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "terminal", G_ACTION_GROUP (self->actions));
  self->popover = gtk_popover_menu_new_from_model (menu);
  gtk_popover_set_has_arrow (GTK_POPOVER (self->popover), FALSE);
  gtk_widget_set_halign (self->popover, GTK_ALIGN_START);
  gtk_widget_set_parent (self->popover, GTK_WIDGET (self));
}

static void
bonsai_terminal_view_init (BonsaiTerminalView *self)
{
  VteTerminal *terminal = VTE_TERMINAL (self);
  GdkRGBA paper = { 0.118f, 0.118f, 0.118f, 1 }, ink = { 0.87f, 0.87f, 0.86f, 1 };

  distrust (terminal);
  vte_terminal_set_colors (terminal, &ink, &paper, NULL, 0);
  vte_terminal_set_scroll_on_keystroke (terminal, TRUE);
  vte_terminal_set_scroll_on_output (terminal, FALSE);
  vte_terminal_set_mouse_autohide (terminal, TRUE);
  /* What consoles of Linux expect; without a terminal device nobody can be asked. */
  vte_terminal_set_backspace_binding (terminal, VTE_ERASE_ASCII_DELETE);
  vte_terminal_set_delete_binding (terminal, VTE_ERASE_DELETE_SEQUENCE);
  vte_terminal_set_input_enabled (terminal, FALSE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Text Console"),
                                  GTK_ACCESSIBLE_PROPERTY_MULTI_LINE, TRUE, -1);
  add_controllers (self);
  add_menu (self);
  g_signal_connect (self, "selection-changed", G_CALLBACK (on_selection), NULL);
  g_signal_connect (self, "contents-changed", G_CALLBACK (on_contents), NULL);
  on_selection (self);
}
