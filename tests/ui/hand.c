/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/ui/hand.h"

#include <gtk/gtktestatcontext.h>
#include <string.h>

#define PATIENCE (20 * G_USEC_PER_SEC)

/* --- waiting --- */

static gboolean
tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
name_text (GtkWidget *widget, gpointer data)
{
  if (GTK_IS_LABEL (widget) || GTK_IS_BUTTON (widget))
    {
      g_autofree char *name = hand_name (widget);
      g_string_append_printf (data, " “%s”%s", name,
                              gtk_widget_is_sensitive (widget) ? "" : " (insensitive)");
    }
  return TRUE;
}

/* Ends the test, and says what was in sight instead. */
static void
give_up (const char *what)
{
  g_autoptr (GString) sight = g_string_new (NULL);

  hand_walk (hand_window (), name_text, sight);
  g_error ("waited in vain for “%s”; in sight are%s", what, sight->str);
}

/* Iterates until @look finds something; what it found. */
static gpointer
wait_for (gpointer (*look) (gpointer data), gpointer data, const char *what)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;
  guint id = g_timeout_add (20, tick, NULL);
  gpointer found = look (data);

  while (!found && g_get_monotonic_time () < deadline)
    {
      g_main_context_iteration (NULL, TRUE);
      found = look (data);
    }
  g_source_remove (id);
  if (!found)
    give_up (what);
  return found;
}

static void
on_painted (GdkFrameClock *clock, gpointer data)
{
  ++*(unsigned *)data;
}

static gpointer
painted_twice (gpointer data)
{
  return GUINT_TO_POINTER (*(unsigned *)data >= 2);
}

void
hand_settle (void)
{
  GtkWidget *surface = hand_surface ();
  GdkFrameClock *clock = gtk_widget_get_frame_clock (surface);
  unsigned painted = 0;
  gulong id;

  while (g_main_context_iteration (NULL, FALSE))
    ;
  surface = hand_surface ();
  clock = gtk_widget_get_frame_clock (surface);
  id = g_signal_connect (clock, "after-paint", G_CALLBACK (on_painted), &painted);
  gdk_frame_clock_begin_updating (clock);
  wait_for (painted_twice, &painted, "a picture");
  gdk_frame_clock_end_updating (clock);
  g_signal_handler_disconnect (clock, id);
}

/* --- windows --- */

GtkWidget *
hand_window (void)
{
  GListModel *toplevels = gtk_window_get_toplevels ();
  GtkWidget *front = NULL;

  for (guint i = 0; i < g_list_model_get_n_items (toplevels); i++)
    {
      g_autoptr (GtkWidget) window = g_list_model_get_item (toplevels, i);
      if (gtk_widget_get_mapped (window) && (!front || gtk_window_get_transient_for (GTK_WINDOW (window))))
        front = window;
    }
  g_assert_nonnull (front);
  return front;
}

static gboolean
keep_popover (GtkWidget *widget, gpointer data)
{
  if (GTK_IS_POPOVER (widget))
    *(GtkWidget **)data = widget;
  return TRUE;
}

GtkWidget *
hand_surface (void)
{
  GtkWidget *surface = hand_window ();

  hand_walk (surface, keep_popover, &surface);
  return surface;
}

static gpointer
has_gone (gpointer surface)
{
  return GUINT_TO_POINTER (hand_surface () != surface);
}

void
hand_close (void)
{
  GtkWidget *surface = hand_surface ();

  if (GTK_IS_POPOVER (surface))
    gtk_popover_popdown (GTK_POPOVER (surface));
  else
    gtk_window_close (GTK_WINDOW (surface));
  wait_for (has_gone, surface, "its end");
}

/* --- finding --- */

void
hand_walk (GtkWidget *widget, gboolean (*visit) (GtkWidget *widget, gpointer data), gpointer data)
{
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    if (gtk_widget_get_mapped (child) && visit (child, data))
      hand_walk (child, visit, data);
}

static gboolean
keep_text (GtkWidget *widget, gpointer data)
{
  char **text = data;

  if (GTK_IS_POPOVER (widget))
    return FALSE;
  if (GTK_IS_LABEL (widget) && !*text)
    *text = g_strdup (gtk_label_get_text (GTK_LABEL (widget)));
  return !*text;
}

/* GTK 4.8 takes the mnemonic's mark for a part of the name. */
static void
without_underlines (char *text)
{
  char *to = text;

  for (const char *from = text; *from; from++)
    if (*from != '_')
      *to++ = *from;
  *to = '\0';
}

/* GTK has no way to ask for it but to guess wrong. (transfer full) (nullable) */
static char *
accessible_label (GtkWidget *widget)
{
  GtkAccessible *accessible = GTK_ACCESSIBLE (widget);

  if (!gtk_test_accessible_has_property (accessible, GTK_ACCESSIBLE_PROPERTY_LABEL))
    return NULL;
  char *label = gtk_test_accessible_check_property (accessible, GTK_ACCESSIBLE_PROPERTY_LABEL, "\1");
  if (label && GTK_IS_BUTTON (widget) && gtk_button_get_use_underline (GTK_BUTTON (widget)))
    without_underlines (label);
  return label;
}

char *
hand_name (GtkWidget *widget)
{
  char *name = accessible_label (widget);

  if (!name && ADW_IS_PREFERENCES_ROW (widget))
    name = g_strdup (adw_preferences_row_get_title (ADW_PREFERENCES_ROW (widget)));
  else if (!name && GTK_IS_LABEL (widget))
    name = g_strdup (gtk_label_get_text (GTK_LABEL (widget)));
  if (!name)
    hand_walk (widget, keep_text, &name);
  if (!name)
    name = g_strdup (gtk_widget_get_tooltip_text (widget));
  GtkWidget *row = GTK_IS_BUTTON (widget) ? NULL : gtk_widget_get_ancestor (widget, ADW_TYPE_PREFERENCES_ROW);
  if (!name && row)
    name = g_strdup (adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row)));
  return name ? name : g_strdup ("");
}

typedef struct {
  GType type;
  const char *name;
  GtkWidget *exact, *begins;
} Search;

static gboolean
compare (GtkWidget *widget, gpointer data)
{
  Search *search = data;

  if (g_type_is_a (G_OBJECT_TYPE (widget), search->type) && gtk_widget_is_sensitive (widget))
    {
      g_autofree char *name = hand_name (widget);
      if (g_str_equal (name, search->name))
        search->exact = search->exact ? search->exact : widget;
      else if (g_str_has_prefix (name, search->name) && !search->begins)
        search->begins = widget;
    }
  return !search->exact;
}

static gpointer
search (gpointer data)
{
  Search *search = data;

  search->exact = search->begins = NULL;
  hand_walk (hand_window (), compare, search);
  return search->exact ? search->exact : search->begins;
}

GtkWidget *
hand_find (GType type, const char *name)
{
  Search searched = { .type = type, .name = name };

  return wait_for (search, &searched, name);
}

void
hand_see (const char *text)
{
  hand_find (GTK_TYPE_LABEL, text);
}

/* --- acting --- */

/* (nullable) */
static gpointer
find_pressable (gpointer data)
{
  const char *name = data;
  GType types[] = { GTK_TYPE_BUTTON, GTK_TYPE_MENU_BUTTON, GTK_TYPE_CHECK_BUTTON, GTK_TYPE_LIST_BOX_ROW,
                    g_type_from_name ("GtkModelButton") };

  for (unsigned i = 0; i < G_N_ELEMENTS (types); i++)
    {
      Search searched = { .type = types[i], .name = name };
      GtkWidget *widget = types[i] != 0 ? search (&searched) : NULL;
      if (widget)
        return widget;
    }
  return NULL;
}

void
hand_press (const char *name)
{
  GtkWidget *widget = wait_for (find_pressable, (gpointer)name, name);

  if (GTK_IS_MENU_BUTTON (widget))
    gtk_menu_button_popup (GTK_MENU_BUTTON (widget));
  else
    g_assert_true (gtk_widget_activate (widget));
  hand_settle ();
}

void
hand_type (const char *name, const char *text)
{
  GtkWidget *entry = hand_find (GTK_TYPE_EDITABLE, name);

  gtk_editable_set_text (GTK_EDITABLE (entry), text);
  hand_settle ();
}

static gboolean
keep_of_type (GtkWidget *widget, gpointer data)
{
  Search *search = data;

  if (!search->exact && g_type_is_a (G_OBJECT_TYPE (widget), search->type))
    search->exact = widget;
  return !search->exact;
}

void
hand_act (GType type, const char *action, const char *target)
{
  GtkWidget *widget = hand_window ();
  Search searched = { .type = type };

  if (!g_type_is_a (G_OBJECT_TYPE (widget), type))
    {
      hand_walk (widget, keep_of_type, &searched);
      widget = searched.exact;
    }
  g_assert_nonnull (widget);
  if (!gtk_widget_activate_action (widget, action, target ? "s" : NULL, target))
    g_error ("there is no action “%s”", action);
  hand_settle ();
}
