/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/shortcuts-window.h"

#include "ui/base/i18n.h"
#include "ui/base/rows.h"

typedef struct {
  const char *title;
  const char *action; /* whose keys they are; or NULL */
  const char *keys;   /* or these, as gtk_accelerator_parse has them */
} Shortcut;

static const Shortcut library_keys[] = {
  { N_ ("Create a Machine"), "win.create", NULL },
  { N_ ("Open Selected Machine"), NULL, "Return" },
  { N_ ("Search, or Just Type"), "win.search", NULL },
  { N_ ("Select All"), NULL, "<Control>a" },
  { N_ ("Group and Tags"), "win.organise", NULL },
  { N_ ("Delete"), NULL, "Delete" },
  { N_ ("Undo Delete"), "win.undo-delete", NULL },
  { N_ ("Grid or List"), "win.toggle-mode", NULL },
  { N_ ("Back"), "win.back", NULL },
  { N_ ("Sidebar, and Back From It"), "win.other-half", NULL },
  { N_ ("Dashboard"), "win.go::dashboard", NULL },
  { N_ ("All Machines"), "win.go::all", NULL },
  { N_ ("Trash"), "win.go::trash", NULL },
  { N_ ("This Computer"), "win.go::host", NULL },
  { N_ ("New Window"), "app.new-window", NULL },
  { N_ ("Keyboard Shortcuts"), "app.shortcuts", NULL },
  { N_ ("Quit"), "app.quit", NULL },
};

static const Shortcut snapshot_keys[] = {
  { N_ ("Take a Snapshot"), NULL, "<Control>s" },
  { N_ ("Go Back to This Snapshot"), NULL, "Return" },
  { N_ ("Rename and Annotate"), NULL, "F2" },
};

static const Shortcut console_keys[] = {
  { N_ ("Release Mouse and Keyboard"), NULL, NULL },
  { N_ ("Menu of the Bar at the Top"), NULL, "<Control><Alt>m" },
  { N_ ("Full Screen"), NULL, "<Control><Alt>f" },
  { N_ ("Next Way of Scaling"), NULL, "<Control><Alt>s" },
  { N_ ("Pause or Resume"), NULL, "<Control><Alt>p" },
  { N_ ("Send Ctrl+Alt+Delete"), NULL, "<Control><Alt>End" },
};

/* (transfer full) */
static char *
keys_of (GtkApplication *application, const Shortcut *shortcut)
{
  g_auto (GStrv) accels =
    shortcut->action ? gtk_application_get_accels_for_action (application, shortcut->action) : NULL;
  const char *keys = accels ? accels[0] : shortcut->keys;
  GdkModifierType modifiers;
  guint key;

  /* Two modifiers alone are no accelerator. */
  if (!keys || !gtk_accelerator_parse (keys, &key, &modifiers))
    return g_strdup (_ ("Left Ctrl+Left Alt"));
  return gtk_accelerator_get_label (key, modifiers);
}

static void
add_group (GtkApplication *application, AdwPreferencesPage *page, const char *title,
           const Shortcut *shortcuts, gsize n)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());

  adw_preferences_group_set_title (group, title);
  for (gsize i = 0; i < n; i++)
    {
      GtkWidget *row = adw_action_row_new ();
      g_autofree char *keys = keys_of (application, &shortcuts[i]);
      g_autofree char *label = g_strdup_printf ("%s: %s", _ (shortcuts[i].title), keys);

      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ (shortcuts[i].title));
      adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 0);
      row_set_subtitle (ADW_ACTION_ROW (row), keys);
      gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
      adw_preferences_group_add (group, row);
    }
  adw_preferences_page_add (page, group);
}

static void
close_by_escape (GtkWidget *window)
{
  GtkEventController *controller = gtk_shortcut_controller_new ();

  gtk_shortcut_controller_add_shortcut (
    GTK_SHORTCUT_CONTROLLER (controller),
    gtk_shortcut_new (gtk_keyval_trigger_new (GDK_KEY_Escape, 0), gtk_named_action_new ("window.close")));
  gtk_widget_add_controller (window, controller);
}

void
shortcuts_window_show (GtkApplication *application, GtkWindow *parent)
{
  GtkWidget *window = adw_window_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *page = adw_preferences_page_new ();

  add_group (application, ADW_PREFERENCES_PAGE (page), _ ("Library"), library_keys,
             G_N_ELEMENTS (library_keys));
  add_group (application, ADW_PREFERENCES_PAGE (page), _ ("Snapshots"), snapshot_keys,
             G_N_ELEMENTS (snapshot_keys));
  add_group (application, ADW_PREFERENCES_PAGE (page), _ ("A Machine’s Window"), console_keys,
             G_N_ELEMENTS (console_keys));
  gtk_widget_set_vexpand (page, TRUE);
  gtk_box_append (GTK_BOX (box), adw_header_bar_new ());
  gtk_box_append (GTK_BOX (box), page);
  adw_window_set_content (ADW_WINDOW (window), box);
  gtk_window_set_title (GTK_WINDOW (window), _ ("Keyboard Shortcuts"));
  gtk_window_set_default_size (GTK_WINDOW (window), 440, 620);
  gtk_window_set_application (GTK_WINDOW (window), application);
  gtk_window_set_transient_for (GTK_WINDOW (window), parent);
  gtk_window_set_modal (GTK_WINDOW (window), parent != NULL);
  close_by_escape (window);
  gtk_window_present (GTK_WINDOW (window));
}
