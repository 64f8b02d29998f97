/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/desktop/desktop-entries.h"
#include "tests/app/scratch.h"

#include <gio/gdesktopappinfo.h>
#include <glib/gstdio.h>
#include <string.h>

typedef struct {
  char *scratch;
  char *applications, *autostart;
  DesktopPlaces places;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->scratch = scratch_new ();
  fixture->applications = g_build_filename (fixture->scratch, "applications", NULL);
  fixture->autostart = g_build_filename (fixture->scratch, "autostart", NULL);
  fixture->places = (DesktopPlaces){
    .applications = fixture->applications,
    .autostart = fixture->autostart,
    .app = "/bin/true",
    .command = "/bin/false",
  };
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_free (fixture->applications);
  g_free (fixture->autostart);
  scratch_free (fixture->scratch);
}

static char *
path_of (Fixture *fixture, const char *uuid)
{
  g_autofree char *name = g_strconcat (DESKTOP_ENTRY_PREFIX, uuid, ".desktop", NULL);

  return g_build_filename (fixture->applications, name, NULL);
}

static bool
has_entry (Fixture *fixture, const char *uuid)
{
  g_autofree char *path = path_of (fixture, uuid);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* The library has just these machines; NULL ends. */
static void
write_entries (Fixture *fixture, VmConfig *const *machines)
{
  g_autoptr (DesktopEntries) entries = desktop_entries_new ();
  g_autoptr (GError) error = NULL;

  for (unsigned i = 0; machines[i] != NULL; i++)
    desktop_entries_add (entries, "/vms/a.bonsai", machines[i]);
  g_assert_true (desktop_entries_write (entries, &fixture->places, &error));
  g_assert_no_error (error);
}

/* The desktop's own tool has nothing to say about it. */
static void
validate (const char *path)
{
  const char *const argv[] = { "desktop-file-validate", path, NULL };
  g_autofree char *out = NULL, *complaints = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &complaints, &status,
                &error);
  g_assert_no_error (error);
  g_assert_cmpstr (out, ==, "");
  g_assert_cmpstr (complaints, ==, "");
  g_assert_true (g_spawn_check_wait_status (status, NULL));
}

static GDesktopAppInfo *
read_entry (Fixture *fixture, const char *uuid)
{
  g_autofree char *path = path_of (fixture, uuid);
  GDesktopAppInfo *info;

  validate (path);
  info = g_desktop_app_info_new_from_filename (path);
  g_assert_nonnull (info);
  return info;
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = {
    "Debian 12",
    " leading and trailing ",
    "semi;colon;",
    "back\\slash \\n \\s \\t",
    "[Desktop Entry]",
    "Exec=rm -rf /",
    "per%cent %f %U",
    "“quotes” \"double\" 'single' `back` $HOME",
    "한국어 – Ελληνικά – עברית – 🌳",
    "# no comment",
    "=",
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (VmConfig) config = vm_config_new (names[i]);
      g_autoptr (GDesktopAppInfo) info = NULL;
      g_autofree char *command = g_strdup_printf ("/bin/true --start %s", config->uuid);
      const char *const *actions;

      write_entries (fixture, (VmConfig *const[]){ config, NULL });
      info = read_entry (fixture, config->uuid);
      g_assert_cmpstr (g_app_info_get_name (G_APP_INFO (info)), ==, names[i]);
      g_assert_cmpstr (g_app_info_get_commandline (G_APP_INFO (info)), ==, command);
      actions = g_desktop_app_info_list_actions (info);
      g_assert_cmpuint (g_strv_length ((char **)actions), ==, 3);
      g_assert_cmpstr (actions[0], ==, "start");
      g_assert_cmpstr (actions[1], ==, "suspend");
      g_assert_cmpstr (actions[2], ==, "snapshot");
    }
}

/* What the shell would be given, however strange the folder of the program. */
static void
test_program (Fixture *fixture, gconstpointer data)
{
  static const char *const folders[] = { "plain", "with space", "a\"b$c`d\\e", "semi;colon" };

  for (unsigned i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = g_build_filename (fixture->scratch, folders[i], NULL);
      g_autofree char *program = g_build_filename (folder, "bonsai-desktop", NULL);
      g_autofree char *unescaped = NULL;
      g_autoptr (VmConfig) config = vm_config_new ("A");
      g_autoptr (GDesktopAppInfo) info = NULL;
      g_autoptr (GError) error = NULL;
      g_auto (GStrv) argv = NULL;

      g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
      g_assert_true (g_file_set_contents (program, "#!/bin/sh\n", -1, &error));
      g_assert_cmpint (g_chmod (program, 0700), ==, 0);
      fixture->places.app = program;
      write_entries (fixture, (VmConfig *const[]){ config, NULL });
      info = read_entry (fixture, config->uuid);
      g_assert_true (
        g_shell_parse_argv (g_app_info_get_commandline (G_APP_INFO (info)), NULL, &argv, &error));
      g_assert_no_error (error);
      g_assert_cmpstr (argv[0], ==, program);
      g_assert_cmpstr (argv[1], ==, "--start");
      g_assert_cmpstr (argv[2], ==, config->uuid);
    }
}

static void
test_quote (void)
{
  static const struct {
    const char *argument, *quoted;
  } cases[] = {
    { "plain-1.0/x", "plain-1.0/x" },
    { "", "\"\"" },
    { "two words", "\"two words\"" },
    { "100%f", "\"100%%f\"" },
    { "$HOME`id`\"\\", "\"\\$HOME\\`id\\`\\\"\\\\\"" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *quoted = desktop_entry_quote (cases[i].argument);

      g_assert_cmpstr (quoted, ==, cases[i].quoted);
    }
}

/* The icon says what runs in it. */
static void
test_icon (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *os, *icon;
  } cases[] = {
    { NULL, "org.bonsaivm.Bonsai.machine" },
    { "nonsense", "org.bonsaivm.Bonsai.machine" },
    { "http://debian.org/debian/12", "org.bonsaivm.Bonsai.machine-linux" },
    { "http://microsoft.com/win/11", "org.bonsaivm.Bonsai.machine-windows" },
    { "http://freebsd.org/freebsd/14.0", "org.bonsaivm.Bonsai.machine-bsd" },
    { "http://libosinfo.org/unknown", "org.bonsaivm.Bonsai.machine" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (VmConfig) config = vm_config_new ("A");
      g_autoptr (GDesktopAppInfo) info = NULL;
      g_autofree char *icon = NULL;

      config->os = g_strdup (cases[i].os);
      write_entries (fixture, (VmConfig *const[]){ config, NULL });
      info = read_entry (fixture, config->uuid);
      icon = g_icon_to_string (g_app_info_get_icon (G_APP_INFO (info)));
      g_assert_cmpstr (icon, ==, cases[i].icon);
    }
}

static void
test_without_app (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = vm_config_new ("A");
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *path = path_of (fixture, config->uuid), *command = NULL;
  g_autofree char *wanted = g_strdup_printf ("/bin/false snapshot take %s", config->uuid);

  fixture->places.app = NULL;
  write_entries (fixture, (VmConfig *const[]){ config, NULL });
  g_assert_true (g_key_file_load_from_file (file, path, 0, NULL));
  command = g_key_file_get_string (file, "Desktop Action snapshot", "Exec", NULL);
  g_assert_cmpstr (command, ==, wanted);
}

/* Entries come, change and go with their machines. */
static void
test_lives (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) a = vm_config_new ("A"), b = vm_config_new ("B"), c = vm_config_new ("C");
  g_autofree char *path_a = path_of (fixture, a->uuid);
  g_autoptr (GDesktopAppInfo) info = NULL;
  GStatBuf before, after;

  write_entries (fixture, (VmConfig *const[]){ a, b, c, NULL });
  g_assert_true (has_entry (fixture, a->uuid) && has_entry (fixture, b->uuid)
                 && has_entry (fixture, c->uuid));
  g_assert_cmpint (g_stat (path_a, &before), ==, 0);

  b->launcher = false;
  vm_config_set (&c->name, "Sea");
  write_entries (fixture, (VmConfig *const[]){ a, b, c, NULL });
  g_assert_true (has_entry (fixture, a->uuid) && !has_entry (fixture, b->uuid));
  info = read_entry (fixture, c->uuid);
  g_assert_cmpstr (g_app_info_get_name (G_APP_INFO (info)), ==, "Sea");
  g_assert_cmpint (g_stat (path_a, &after), ==, 0);
  g_assert_true (before.st_ino == after.st_ino); /* not written again */

  a->template_state = VM_TEMPLATE_SEALED;
  write_entries (fixture, (VmConfig *const[]){ a, c, NULL });
  g_assert_true (!has_entry (fixture, a->uuid) && has_entry (fixture, c->uuid));
  write_entries (fixture, (VmConfig *const[]){ NULL });
  g_assert_false (has_entry (fixture, c->uuid));
}

/* Others' files stay, and the entry of a machine that is broken for the moment. */
static void
test_others (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "org.bonsaivm.Bonsai.desktop", "org.bonsaivm.Bonsai.vm-mine.desktop",
                                       "org.example.Editor.desktop" };
  g_autoptr (VmConfig) config = vm_config_new ("A");
  g_autoptr (DesktopEntries) broken = desktop_entries_new ();
  g_autoptr (GError) error = NULL;

  write_entries (fixture, (VmConfig *const[]){ config, NULL });
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (fixture->applications, names[i], NULL);

      g_assert_true (g_file_set_contents (path, "[Desktop Entry]\n", -1, NULL));
    }
  desktop_entries_add (broken, "/vms/a.bonsai", NULL);
  g_assert_true (desktop_entries_write (broken, &fixture->places, &error));
  g_assert_no_error (error);
  g_assert_true (has_entry (fixture, config->uuid));
  write_entries (fixture, (VmConfig *const[]){ NULL });
  g_assert_false (has_entry (fixture, config->uuid));
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (fixture->applications, names[i], NULL);

      g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
    }
}

/* One entry starts all that want it; what its owner set there stays. */
static void
test_autostart (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) a = vm_config_new ("A"), b = vm_config_new ("B");
  g_autofree char *path = g_build_filename (fixture->autostart, DESKTOP_AUTOSTART_ENTRY, NULL);
  g_autofree char *command = NULL, *off = NULL;
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;

  write_entries (fixture, (VmConfig *const[]){ a, b, NULL });
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  b->autostart = true;
  write_entries (fixture, (VmConfig *const[]){ a, b, NULL });
  validate (path);
  g_assert_true (g_key_file_load_from_file (file, path, G_KEY_FILE_KEEP_TRANSLATIONS, &error));
  command = g_key_file_get_string (file, "Desktop Entry", "Exec", NULL);
  g_assert_cmpstr (command, ==, "/bin/false autostart");

  g_key_file_set_string (file, "Desktop Entry", "X-GNOME-Autostart-enabled", "false");
  g_assert_true (g_key_file_save_to_file (file, path, &error));
  fixture->places.command = "/bin/true";
  write_entries (fixture, (VmConfig *const[]){ a, b, NULL });
  g_assert_true (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error));
  off = g_key_file_get_string (file, "Desktop Entry", "X-GNOME-Autostart-enabled", NULL);
  g_assert_cmpstr (off, ==, "false");
  g_clear_pointer (&command, g_free);
  command = g_key_file_get_string (file, "Desktop Entry", "Exec", NULL);
  g_assert_cmpstr (command, ==, "/bin/true autostart");

  write_entries (fixture, (VmConfig *const[]){ a, NULL });
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* A folder that can't be written is told, not ignored. */
static void
test_no_room (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = vm_config_new ("A");
  g_autoptr (DesktopEntries) entries = desktop_entries_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (fixture->applications, "a file", -1, NULL));
  desktop_entries_add (entries, "/vms/a.bonsai", config);
  g_assert_false (desktop_entries_write (entries, &fixture->places, &error));
  g_assert_nonnull (strstr (error->message, fixture->applications));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/desktop-entries/" name, Fixture, NULL, set_up, func, tear_down)
  g_test_add_func ("/desktop-entries/quote", test_quote);
  ADD ("names", test_names);
  ADD ("program", test_program);
  ADD ("icon", test_icon);
  ADD ("without-app", test_without_app);
  ADD ("lives", test_lives);
  ADD ("others", test_others);
  ADD ("autostart", test_autostart);
  ADD ("no-room", test_no_room);
  return g_test_run ();
}
