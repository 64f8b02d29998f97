/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/desktop/desktop-entries.h"

#include "app/base/error.h"
#include "app/desktop/app-desktop-resources.h"
#include "app/desktop/machine-icon.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#define SUFFIX      ".desktop"
#define UUID_LENGTH 36
#define KEY_BUNDLE  "X-Bonsai-Bundle"
#define KEY_MACHINE "X-Bonsai-Machine"

#define TEMPLATES "/org/bonsaivm/Bonsai/desktop/"

typedef struct {
  char *path;
  char *uuid; /* NULL: broken */
  char *name;
  const char *icon;
  bool launcher, autostart;
} Machine;

struct DesktopEntries {
  GPtrArray *machines; /* of Machine */
};

static void
machine_free (gpointer data)
{
  Machine *machine = data;

  g_free (machine->path);
  g_free (machine->uuid);
  g_free (machine->name);
  g_free (machine);
}

DesktopEntries *
desktop_entries_new (void)
{
  DesktopEntries *entries = g_new0 (DesktopEntries, 1);

  entries->machines = g_ptr_array_new_with_free_func (machine_free);
  return entries;
}

void
desktop_entries_free (DesktopEntries *entries)
{
  g_ptr_array_unref (entries->machines);
  g_free (entries);
}

void
desktop_entries_add (DesktopEntries *entries, const char *path, const VmConfig *config)
{
  Machine *machine = g_new0 (Machine, 1);

  machine->path = g_strdup (path);
  if (config != NULL)
    {
      bool starts = config->template_state != VM_TEMPLATE_SEALED;

      machine->uuid = g_strdup (config->uuid);
      machine->name = g_strdup (config->name);
      machine->icon = machine_icon_name (config->os);
      machine->launcher = config->launcher && starts;
      machine->autostart = config->autostart && starts;
    }
  g_ptr_array_add (entries->machines, machine);
}

/* --- the text of an entry --- */

char *
desktop_entry_quote (const char *argument)
{
  GString *quoted;

  if (*argument != '\0' && strpbrk (argument, " \t\n\"'\\><~|&;$*?#()`%") == NULL)
    return g_strdup (argument);
  quoted = g_string_new ("\"");
  for (const char *c = argument; *c != '\0'; c++)
    {
      if (strchr ("\"`$\\", *c) != NULL)
        g_string_append_c (quoted, '\\');
      g_string_append_c (quoted, *c);
      if (*c == '%') /* no field code */
        g_string_append_c (quoted, '%');
    }
  g_string_append_c (quoted, '"');
  return g_string_free (quoted, FALSE);
}

static GKeyFile *
load_template (const char *name)
{
  g_autofree char *path = g_strconcat (TEMPLATES, name, NULL);
  g_autoptr (GBytes) text = g_resource_lookup_data (app_desktop_get_resource (), path, 0, NULL);
  GKeyFile *file = g_key_file_new ();

  g_assert (text != NULL); /* built in */
  g_key_file_load_from_bytes (file, text, G_KEY_FILE_KEEP_TRANSLATIONS, NULL);
  return file;
}

static void
set_command (GKeyFile *file, const char *group, const char *program, const char *arguments)
{
  g_autofree char *quoted = desktop_entry_quote (program);
  g_autofree char *command = g_strdup_printf ("%s %s", quoted, arguments);

  g_key_file_set_string (file, group, G_KEY_FILE_DESKTOP_KEY_EXEC, command);
}

static void
set_try_exec (GKeyFile *file, const char *program)
{
  g_key_file_set_string (file, G_KEY_FILE_DESKTOP_GROUP, G_KEY_FILE_DESKTOP_KEY_TRY_EXEC, program);
}

static char *
launcher_text (const Machine *machine, const DesktopPlaces *places)
{
  static const struct {
    const char *group, *option, *verb;
  } commands[] = {
    { G_KEY_FILE_DESKTOP_GROUP, "--start", "start" },
    { "Desktop Action start", "--start", "start" },
    { "Desktop Action suspend", "--suspend", "suspend" },
    { "Desktop Action snapshot", "--snapshot", "snapshot take" },
  };
  g_autoptr (GKeyFile) file = load_template ("launcher.desktop");
  const char *program = places->app != NULL ? places->app : places->command;

  g_key_file_set_string (file, G_KEY_FILE_DESKTOP_GROUP, G_KEY_FILE_DESKTOP_KEY_NAME, machine->name);
  g_key_file_set_string (file, G_KEY_FILE_DESKTOP_GROUP, G_KEY_FILE_DESKTOP_KEY_ICON, machine->icon);
  set_try_exec (file, program);
  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *arguments =
        g_strdup_printf ("%s %s", places->app != NULL ? commands[i].option : commands[i].verb, machine->uuid);

      set_command (file, commands[i].group, program, arguments);
    }
  g_key_file_set_string (file, G_KEY_FILE_DESKTOP_GROUP, KEY_MACHINE, machine->uuid);
  g_key_file_set_string (file, G_KEY_FILE_DESKTOP_GROUP, KEY_BUNDLE, machine->path);
  return g_key_file_to_data (file, NULL, NULL);
}

/* --- files --- */

static bool
make_folder (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0700) == 0)
    return true;
  bonsai_set_errno_error (error, errno, "Can't create the folder for desktop entries, %s", path);
  return false;
}

static bool
replace (const char *path, const char *text, GError **error)
{
  g_autofree char *present = NULL, *folder = g_path_get_dirname (path);

  if (g_file_get_contents (path, &present, NULL, NULL) && g_str_equal (present, text))
    return true;
  return make_folder (folder, error)
         && g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error);
}

static char *
entry_path (const DesktopPlaces *places, const char *uuid)
{
  g_autofree char *name = g_strconcat (DESKTOP_ENTRY_PREFIX, uuid, SUFFIX, NULL);

  return g_build_filename (places->applications, name, NULL);
}

static bool
is_entry_name (const char *name)
{
  g_autofree char *uuid = NULL;

  if (!g_str_has_prefix (name, DESKTOP_ENTRY_PREFIX) || !g_str_has_suffix (name, SUFFIX)
      || strlen (name) != strlen (DESKTOP_ENTRY_PREFIX) + UUID_LENGTH + strlen (SUFFIX))
    return false;
  uuid = g_strndup (name + strlen (DESKTOP_ENTRY_PREFIX), UUID_LENGTH);
  return g_uuid_string_is_valid (uuid);
}

/* Whose machine is broken: what it was may be soon again. */
static bool
is_of_broken (const DesktopEntries *entries, const char *path)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *bundle = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    return false;
  bundle = g_key_file_get_string (file, G_KEY_FILE_DESKTOP_GROUP, KEY_BUNDLE, NULL);
  for (guint i = 0; bundle != NULL && i < entries->machines->len; i++)
    {
      const Machine *machine = g_ptr_array_index (entries->machines, i);

      if (machine->uuid == NULL && g_str_equal (machine->path, bundle))
        return true;
    }
  return false;
}

/* @wanted: paths */
static void
remove_stale (const DesktopEntries *entries, const DesktopPlaces *places, GHashTable *wanted)
{
  g_autoptr (GDir) dir = g_dir_open (places->applications, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (places->applications, name, NULL);

      if (is_entry_name (name) && !g_hash_table_contains (wanted, path) && !is_of_broken (entries, path))
        g_unlink (path);
    }
}

/* A session's settings may have switched it off, or given it a delay: that stays. */
static bool
write_autostart (const DesktopPlaces *places, const char *path, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *text = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_KEEP_COMMENTS | G_KEY_FILE_KEEP_TRANSLATIONS, NULL))
    {
      g_key_file_unref (file);
      file = load_template ("autostart.desktop");
    }
  set_try_exec (file, places->command);
  set_command (file, G_KEY_FILE_DESKTOP_GROUP, places->command, "autostart");
  text = g_key_file_to_data (file, NULL, NULL);
  return replace (path, text, error);
}

static bool
update_autostart (const DesktopEntries *entries, const DesktopPlaces *places, GError **error)
{
  g_autofree char *path = g_build_filename (places->autostart, DESKTOP_AUTOSTART_ENTRY, NULL);
  bool unsure = false;

  for (guint i = 0; i < entries->machines->len; i++)
    {
      const Machine *machine = g_ptr_array_index (entries->machines, i);

      if (machine->autostart)
        return write_autostart (places, path, error);
      unsure = unsure || machine->uuid == NULL;
    }
  if (!unsure && g_unlink (path) < 0 && errno != ENOENT)
    {
      bonsai_set_errno_error (error, errno, "Can't remove %s", path);
      return false;
    }
  return true;
}

bool
desktop_entries_write (const DesktopEntries *entries, const DesktopPlaces *places, GError **error)
{
  g_autoptr (GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < entries->machines->len; i++)
    {
      const Machine *machine = g_ptr_array_index (entries->machines, i);
      char *path = machine->launcher ? entry_path (places, machine->uuid) : NULL;
      g_autofree char *text = NULL;

      /* A copy made by hand has its original's UUID: the first one counts. */
      if (path == NULL || !g_hash_table_add (wanted, path))
        continue;
      text = launcher_text (machine, places);
      if (!replace (path, text, error))
        return false;
    }
  remove_stale (entries, places, wanted);
  return update_autostart (entries, places, error);
}
