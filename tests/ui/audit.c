/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/ui/audit.h"

#include "tests/ui/hand.h"

#include <gtk/gtktestatcontext.h>
#include <string.h>

#define MOST_TABS 300
#define SLACK     1 /* pixels that rounding may take */

typedef struct {
  GtkWidget *surface;
  GPtrArray *problems;
  GHashTable *reached; /* of GtkWidget */
} Audit;

static void G_GNUC_PRINTF (3, 4) complain (GPtrArray *problems, GtkWidget *widget, const char *format, ...)
{
  g_autofree char *name = hand_name (widget), *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_add (problems, g_strdup_printf ("%s “%.60s” %s", G_OBJECT_TYPE_NAME (widget), name, what));
}

static bool
is_within (GtkWidget *widget, GType type)
{
  return gtk_widget_get_ancestor (widget, type) != NULL;
}

static bool
is_within_named (GtkWidget *widget, const char *type)
{
  GType known = g_type_from_name (type);

  return known != 0 && is_within (widget, known);
}

/* --- sizes --- */

/* The smallest part of @widget that needs more than @width by itself. */
static GtkWidget *
find_wide (GtkWidget *widget, int width)
{
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      int needed;

      gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &needed, NULL, NULL, NULL);
      if (!GTK_IS_NATIVE (child) && needed > width)
        return find_wide (child, width);
    }
  return widget;
}

/* Without the border that GTK draws around it where no compositor does. */
void
audit_size (GtkWidget *window, int width, int height, GPtrArray *problems)
{
  int least_width = 0, least_height = 0;

  if (ADW_IS_ABOUT_WINDOW (window)) /* libadwaita's: 374 pixels at 200 % */
    return;
  for (GtkWidget *child = gtk_widget_get_first_child (window); child;
       child = gtk_widget_get_next_sibling (child))
    {
      int needed_width, needed_height;

      if (GTK_IS_NATIVE (child))
        continue;
      gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &needed_width, NULL, NULL, NULL);
      gtk_widget_measure (child, GTK_ORIENTATION_VERTICAL, MAX (width, needed_width), &needed_height, NULL,
                          NULL, NULL);
      least_width = MAX (least_width, needed_width);
      least_height += needed_height;
    }
  if (least_width > width || least_height > height)
    complain (problems, find_wide (window, width), "makes the window need %dx%d pixels of %dx%d", least_width,
              least_height, width, height);
}

/* Which ways the contents of what @widget is in can be moved. */
static void
find_scrolling (GtkWidget *widget, bool *sideways, bool *up)
{
  *sideways = *up = false;
  while ((widget = gtk_widget_get_ancestor (gtk_widget_get_parent (widget), GTK_TYPE_SCROLLED_WINDOW)))
    {
      GtkPolicyType horizontal, vertical;

      gtk_scrolled_window_get_policy (GTK_SCROLLED_WINDOW (widget), &horizontal, &vertical);
      *sideways = *sideways || horizontal != GTK_POLICY_NEVER;
      *up = *up || vertical != GTK_POLICY_NEVER;
    }
}

static bool
stands_out (GtkWidget *widget, GtkWidget *surface)
{
  graphene_rect_t box;
  bool sideways, up;

  if (!gtk_widget_compute_bounds (widget, surface, &box) || box.size.width < 1 || box.size.height < 1)
    return false;
  find_scrolling (widget, &sideways, &up);
  if (!sideways
      && (box.origin.x < -SLACK || box.origin.x + box.size.width > gtk_widget_get_width (surface) + SLACK))
    return true;
  return !up
         && (box.origin.y < -SLACK
             || box.origin.y + box.size.height > gtk_widget_get_height (surface) + SLACK);
}

/* Text that may end with an ellipsis: titles for which libadwaita has one line, what people named themselves,
 * what can be opened to be read. */
static bool
may_be_cut (GtkWidget *label)
{
  static const char *const places[] = { "AdwHeaderBar", "AdwViewSwitcher",    "GtkDropDown", "GtkInfoBar",
                                        "AdwEntryRow",  "BonsaiSnapshotCard", "BonsaiVmCard" };

  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    if (is_within_named (label, places[i]))
      return true;
  if (gtk_label_get_lines (GTK_LABEL (label)) > 1)
    return true;
  return gtk_widget_has_css_class (label, "heading") && is_within (label, ADW_TYPE_PREFERENCES_GROUP);
}

static gboolean
check_place (GtkWidget *widget, gpointer data)
{
  Audit *audit = data;

  if (GTK_IS_POPOVER (widget) || is_within_named (widget, "GtkGizmo") || GTK_IS_TEXT (widget))
    return FALSE;
  if (stands_out (widget, audit->surface))
    {
      complain (audit->problems, widget, "stands out of its window");
      return FALSE;
    }
  if (GTK_IS_LABEL (widget) && pango_layout_is_ellipsized (gtk_label_get_layout (GTK_LABEL (widget)))
      && !may_be_cut (widget))
    complain (audit->problems, widget, "in %s is cut off",
              G_OBJECT_TYPE_NAME (gtk_widget_get_parent (widget)));
  return TRUE;
}

void
audit_places (GtkWidget *surface, GPtrArray *problems)
{
  Audit audit = { surface, problems, NULL };

  hand_walk (surface, check_place, &audit);
}

/* --- names --- */

static bool
can_be_used (GtkWidget *widget)
{
  return GTK_IS_BUTTON (widget) || GTK_IS_CHECK_BUTTON (widget) || GTK_IS_SWITCH (widget)
         || GTK_IS_TEXT (widget) || GTK_IS_TEXT_VIEW (widget) || GTK_IS_SPIN_BUTTON (widget)
         || GTK_IS_DROP_DOWN (widget) || GTK_IS_SCALE (widget)
         || (GTK_IS_LIST_BOX_ROW (widget) && gtk_list_box_row_get_activatable (GTK_LIST_BOX_ROW (widget)));
}

static bool
has_role (GtkWidget *widget)
{
  if (GTK_IS_TEXT (widget) || is_within (widget, GTK_TYPE_SPIN_BUTTON)) /* a part of what has it */
    return true;
  GtkAccessibleRole role = gtk_accessible_get_accessible_role (GTK_ACCESSIBLE (widget));

  return role != GTK_ACCESSIBLE_ROLE_NONE && role != GTK_ACCESSIBLE_ROLE_GENERIC
         && role != GTK_ACCESSIBLE_ROLE_WIDGET;
}

/* Whether it or what it is a part of says what it is. */
static bool
is_named (GtkWidget *widget)
{
  for (; widget; widget = gtk_widget_get_parent (widget))
    {
      g_autofree char *name = hand_name (widget);
      if (gtk_test_accessible_has_relation (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_RELATION_LABELLED_BY)
          || *g_strstrip (name))
        return true;
      GtkWidget *parent = gtk_widget_get_parent (widget);
      if (!parent
          || !(can_be_used (parent) || ADW_IS_PREFERENCES_ROW (parent) || GTK_IS_EDITABLE (parent)
               || GTK_IS_MENU_BUTTON (parent)))
        return false;
    }
  return false;
}

static gboolean
check_name (GtkWidget *widget, gpointer data)
{
  Audit *audit = data;

  if (GTK_IS_POPOVER (widget))
    return FALSE;
  if (can_be_used (widget) && !has_role (widget))
    complain (audit->problems, widget, "has no role");
  if (can_be_used (widget) && !is_named (widget))
    complain (audit->problems, widget, "in %s has no name",
              G_OBJECT_TYPE_NAME (gtk_widget_get_parent (widget)));
  return TRUE;
}

void
audit_names (GtkWidget *surface, GPtrArray *problems)
{
  Audit audit = { surface, problems, NULL };

  hand_walk (surface, check_name, &audit);
}

/* --- keys --- */

/* Lists and groups of choices have one stop of Tab; arrows lead through them. */
static GtkWidget *
stop_of (GtkWidget *widget)
{
  GType list = GTK_IS_CHECK_BUTTON (widget) ? GTK_TYPE_LIST_BOX : g_type_from_name ("GtkListBase");
  GtkWidget *found = list != 0 ? gtk_widget_get_ancestor (widget, list) : NULL;

  return found ? found : widget;
}

typedef struct {
  GtkAdjustment *adjustment;
  double value;
} Scroll;

static gboolean
note_scroll (GtkWidget *widget, gpointer data)
{
  GtkAdjustment *adjustment = GTK_IS_SCROLLED_WINDOW (widget)
                                ? gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (widget))
                                : NULL;

  if (adjustment)
    g_array_append_vals (data, &(Scroll){ adjustment, gtk_adjustment_get_value (adjustment) }, 1);
  return TRUE;
}

static void
scroll_back (GArray *scrolls)
{
  for (guint i = 0; i < scrolls->len; i++)
    {
      Scroll *scroll = &g_array_index (scrolls, Scroll, i);
      gtk_adjustment_set_value (scroll->adjustment, scroll->value);
    }
}

static void
walk_by_tab (Audit *audit)
{
  GtkRoot *root = gtk_widget_get_root (audit->surface);

  gtk_root_set_focus (root, NULL);
  for (unsigned i = 0; i < MOST_TABS && gtk_widget_child_focus (audit->surface, GTK_DIR_TAB_FORWARD); i++)
    for (GtkWidget *at = gtk_root_get_focus (root); at; at = gtk_widget_get_parent (at))
      g_hash_table_add (audit->reached, stop_of (at));
}

static gboolean
check_reached (GtkWidget *widget, gpointer data)
{
  Audit *audit = data;

  if (GTK_IS_POPOVER (widget) || GTK_IS_WINDOW_CONTROLS (widget) || !gtk_widget_get_can_focus (widget))
    return FALSE;
  if (can_be_used (widget) && gtk_widget_is_sensitive (widget) && gtk_widget_get_focusable (widget)
      && !g_hash_table_contains (audit->reached, stop_of (widget)))
    complain (audit->problems, widget, "isn’t reached by Tab");
  return TRUE;
}

void
audit_tab (GtkWidget *surface, GPtrArray *problems)
{
  g_autoptr (GHashTable) reached = g_hash_table_new (NULL, NULL);
  Audit audit = { surface, problems, reached };
  GtkRoot *root = gtk_widget_get_root (surface);
  GtkWidget *focus = gtk_root_get_focus (root);
  g_autoptr (GArray) scrolls = g_array_new (FALSE, FALSE, sizeof (Scroll));

  hand_walk (surface, note_scroll, scrolls);
  walk_by_tab (&audit);
  hand_walk (surface, check_reached, &audit);
  gtk_root_set_focus (root, focus);
  hand_settle ();
  scroll_back (scrolls);
}
