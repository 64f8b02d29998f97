/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bonsai-publish add FOLDER VERSION | remove NAME: run by “bonsai template”, through polkit or as root. */
#include "app/published/publish.h"
#include "app/session/exit-status.h"

#include <locale.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* pkexec(1) says who it is for. */
static bool
find_reader (uid_t *reader)
{
  const char *text = g_getenv ("PKEXEC_UID");
  guint64 number = getuid ();

  if (text != NULL && !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32 - 1, &number, NULL))
    return false;
  *reader = (uid_t)number;
  return true;
}

static bool
add (const char *folder, const char *text, GError **error)
{
  guint64 version = 0;
  struct passwd *user;
  uid_t reader;

  if (!find_reader (&reader) || !g_path_is_absolute (folder)
      || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT, &version, error))
    {
      if (error != NULL && *error == NULL)
        g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s is no absolute path", folder);
      return false;
    }
  user = getpwuid (reader);
  umask (022);
  return publish_add (folder, reader, user != NULL ? user->pw_name : "unknown", (unsigned)version, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  bool done;

  setlocale (LC_ALL, "");
  if (argc == 4 && g_str_equal (argv[1], "add"))
    done = add (argv[2], argv[3], &error);
  else if (argc == 3 && g_str_equal (argv[1], "remove"))
    done = publish_remove (argv[2], &error);
  else
    {
      g_printerr ("Usage: bonsai-publish add FOLDER VERSION | remove NAME\n");
      return EXIT_STATUS_USAGE;
    }
  if (!done)
    g_printerr ("bonsai-publish: %s\n", error->message);
  return done ? EXIT_STATUS_OK : EXIT_STATUS_ERROR;
}
