/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/desktop/desktop.h"

#include "ui/base/i18n.h"
#include "ui/desktop/errand.h"
#include "ui/desktop/notices.h"
#include "ui/desktop/presence.h"
#include "ui/library/library-window.h"

/* A window of the library, opened if there is none. (nullable): there is no library */
static GtkWidget *
library_window (BonsaiApplication *application)
{
  GList *windows;

  g_application_activate (G_APPLICATION (application));
  windows = gtk_application_get_windows (GTK_APPLICATION (application));
  for (GList *l = windows; l; l = l->next)
    if (BONSAI_IS_LIBRARY_WINDOW (l->data))
      return l->data;
  return NULL;
}

void
desktop_ask_window (BonsaiApplication *application, const char *action, const char *text)
{
  GtkWidget *window = library_window (application);

  if (window)
    gtk_widget_activate_action (window, action, text ? "s" : NULL, text);
}

/* --- actions --- */

static void
on_errand (GSimpleAction *action, GVariant *parameter, gpointer application)
{
  const char *name = g_action_get_name (G_ACTION (action));
  BonsaiVm *vm = errand_find (application, g_variant_get_string (parameter, NULL));

  for (unsigned i = 0; vm && i < N_ERRANDS; i++)
    if (g_str_equal (name, errand_actions[i]))
      errand_run (application, vm, i);
}

static void
on_lease_notice (GSimpleAction *action, GVariant *parameter, gpointer application)
{
  BonsaiVm *vm = errand_find (application, g_variant_get_string (parameter, NULL));

  if (vm)
    notices_tell_lease (application, vm);
}

static void
on_show_library (GSimpleAction *action, GVariant *parameter, gpointer application)
{
  g_application_activate (application);
}

static void
on_create (GSimpleAction *action, GVariant *parameter, gpointer application)
{
  desktop_ask_window (application, "win.create", NULL);
}

void
desktop_add_actions (BonsaiApplication *application)
{
  static const GActionEntry entries[] = {
    { .name = "show-library", .activate = on_show_library },
    { .name = "create", .activate = on_create },
    { .name = "lease-notice", .activate = on_lease_notice, .parameter_type = "s" },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (application), entries, G_N_ELEMENTS (entries), application);
  for (unsigned i = 0; i < N_ERRANDS; i++)
    {
      g_autoptr (GSimpleAction) action = g_simple_action_new (errand_actions[i], G_VARIANT_TYPE_STRING);

      g_signal_connect (action, "activate", G_CALLBACK (on_errand), application);
      g_action_map_add_action (G_ACTION_MAP (application), G_ACTION (action));
    }
}

/* --- files --- */

void
desktop_open (BonsaiApplication *application, GFile **files, int n_files)
{
  for (int i = 0; i < n_files; i++)
    {
      g_autofree char *path = g_file_get_path (files[i]);

      if (path)
        desktop_ask_window (application, "win.open-file", path);
    }
}

/* --- the command line --- */

static const struct {
  const char *option;
  Errand errand;
  const char *summary;
} options[] = {
  { "start", ERRAND_START, N_ ("Start a machine, or show the window of one that runs") },
  { "console", ERRAND_START, N_ ("Show the window of a machine, starting it if it is off") },
  { "show", ERRAND_SHOW, N_ ("Show a machine in the library, or its window if it runs") },
  { "suspend", ERRAND_SUSPEND, N_ ("Save what a machine is doing to disk and switch it off") },
  { "snapshot", ERRAND_SNAPSHOT, N_ ("Take a snapshot of a machine") },
  { "resume", ERRAND_RESUME, N_ ("Let a paused machine go on") },
};

void
desktop_add_options (GApplication *application)
{
  static const GOptionEntry others[] = {
    { "create", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Open the wizard that makes a machine"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Print the version"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, NULL, NULL, N_ ("[FILE …]") },
    G_OPTION_ENTRY_NULL,
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (options); i++)
    g_application_add_main_option (application, options[i].option, 0, 0, G_OPTION_ARG_STRING,
                                   _ (options[i].summary), _ ("MACHINE"));
  g_application_add_main_option_entries (application, others);
  g_application_set_option_context_summary (
    application, _ ("Opens the library of virtual machines; files that are given become machines."));
}

static bool
open_arguments (BonsaiApplication *application, GApplicationCommandLine *command_line, GVariantDict *dict)
{
  g_autofree const char **names = NULL;
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_object_unref);

  if (!g_variant_dict_lookup (dict, G_OPTION_REMAINING, "^a&ay", &names))
    return false;
  for (unsigned i = 0; names[i]; i++)
    g_ptr_array_add (files, g_application_command_line_create_file_for_arg (command_line, names[i]));
  desktop_open (application, (GFile **)files->pdata, (int)files->len);
  return true;
}

int
desktop_run_command_line (BonsaiApplication *application, GApplicationCommandLine *command_line)
{
  GVariantDict *dict = g_application_command_line_get_options_dict (command_line);
  bool done = false;
  int status = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (options); i++)
    {
      const char *name;
      BonsaiVm *vm;

      if (!g_variant_dict_lookup (dict, options[i].option, "&s", &name))
        continue;
      done = true;
      vm = errand_find (application, name);
      if (vm)
        errand_run (application, vm, options[i].errand);
      else
        {
          g_application_command_line_printerr (command_line, _ ("bonsai-desktop: there is no machine “%s”\n"),
                                               name);
          status = 1;
        }
    }
  if (g_variant_dict_contains (dict, "create"))
    {
      done = true;
      desktop_ask_window (application, "win.create", NULL);
    }
  if (!open_arguments (application, command_line, dict) && !done)
    g_application_activate (G_APPLICATION (application));
  return status;
}

/* --- what it says --- */

void
desktop_follow_library (BonsaiApplication *application, BonsaiLibrary *library)
{
  notices_follow_library (GTK_APPLICATION (application), library);
  presence_follow (GTK_APPLICATION (application), library);
  bonsai_library_follow_on_desktop (library);
}
