/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/cli/guest.h"
#include "app/library/library-private.h"
#include "app/session/runtime-dir.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

/* A host that does not answer (stopped in a debugger, say) must not hold up the others. */
#define SETTLE_TIMEOUT_MS 10000
/* Nor must one that has its machine switched off, and then doesn't end. */
#define RELEASE_TIMEOUT_MS 10000

/* --- options --- */

static void
complain_about_usage (const Verb *verb, const char *message)
{
  g_printerr ("bonsai %s: %s\nUsage: bonsai %s [OPTION…] %s\n", verb->name, message, verb->name,
              verb->arguments);
}

static bool
print_help (const char *name, const char *value, gpointer data, GError **error)
{
  *(bool *)data = true;
  return true;
}

bool
cli_parse (const Verb *verb, const GOptionEntry *entries, int *argc, char ***argv, int min_arguments,
           int max_arguments, int *status)
{
  g_autoptr (GOptionContext) context = g_option_context_new (verb->arguments);
  g_autofree char *name = g_strdup_printf ("bonsai %s", verb->name);
  GOptionGroup *group;
  bool wants_help = false;
  const GOptionEntry help[] = {
    { "help", 'h', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, (gpointer)print_help, "Show this help",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;

  group = g_option_group_new (NULL, NULL, NULL, &wants_help, NULL);
  g_option_group_add_entries (group, help);
  if (entries != NULL)
    g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);
  g_option_context_set_summary (context, verb->summary);
  g_option_context_set_help_enabled (context, false);
  /* "mouse NAME move -5 3", "guest exec NAME ls -l": what follows the name is no option. */
  g_option_context_set_strict_posix (context, verb == &verb_mouse || verb == &verb_guest_exec
                                                || verb == &verb_guest_freeze);
  g_set_prgname (name);

  *status = EXIT_STATUS_USAGE;
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      complain_about_usage (verb, error->message);
      return false;
    }
  if (wants_help)
    {
      g_autofree char *text = g_option_context_get_help (context, true, NULL);

      g_print ("%s", text);
      *status = EXIT_STATUS_OK;
      return false;
    }
  /* "--" stays where it was. */
  if (*argc > 1 && g_str_equal ((*argv)[1], "--"))
    {
      memmove (*argv + 1, *argv + 2, (*argc - 1) * sizeof **argv);
      (*argc)--;
    }
  if (*argc - 1 >= min_arguments && (max_arguments < 0 || *argc - 1 <= max_arguments))
    return true;
  complain_about_usage (verb, *argc - 1 < min_arguments ? "something is missing" : "too many arguments");
  return false;
}

int
cli_usage (const Verb *verb, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  complain_about_usage (verb, message);
  return EXIT_STATUS_USAGE;
}

int
cli_fail (GError *error)
{
  g_printerr ("bonsai: %s\n", error->message);
  g_error_free (error);
  return EXIT_STATUS_ERROR;
}

/* --- JSON --- */

void
cli_print_json (JsonBuilder *builder)
{
  g_autofree char *text = json_add_finish (builder);

  g_print ("%s\n", text);
}

/* --- waiting --- */

void
cli_wait_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  CliWait *wait = data;

  wait->result = g_object_ref (result);
}

GAsyncResult *
cli_wait (CliWait *wait)
{
  while (wait->result == NULL)
    g_main_context_iteration (NULL, true);
  return wait->result;
}

void
cli_wait_clear (CliWait *wait)
{
  g_clear_object (&wait->result);
}

static gboolean
set_flag (gpointer data)
{
  *(bool *)data = true;
  return G_SOURCE_REMOVE;
}

void
cli_pace (unsigned ms)
{
  bool over = false;

  g_timeout_add (ms, set_flag, &over);
  while (!over)
    g_main_context_iteration (NULL, true);
}

/* --- machines --- */

BonsaiLibrary *
cli_open_library (GError **error)
{
  g_autoptr (BonsaiLibrary) library = bonsai_library_new (NULL, error);
  bool too_late = false;
  guint timeout;

  if (library == NULL)
    return NULL;
  bonsai_library_write_events_at_once (library);
  timeout = g_timeout_add (SETTLE_TIMEOUT_MS, set_flag, &too_late);
  while (!bonsai_library_is_settled (library) && !too_late)
    g_main_context_iteration (NULL, true);
  if (!too_late)
    g_source_remove (timeout);
  return g_steal_pointer (&library);
}

int
cli_tell_machines (const Verb *verb, int argc, char **argv, const char *headings, CliTellMachine tell)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (BonsaiLibrary) library = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  library = cli_open_library (&error);
  if (library == NULL)
    return cli_fail (error);
  json_builder_begin_array (builder);
  if (!json && headings != NULL)
    g_print ("%s\n", headings);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);

      tell (vm, json ? builder : NULL);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

BonsaiVm *
cli_find_vm (BonsaiLibrary *library, const char *key, GError **error)
{
  BonsaiVm *vm = bonsai_library_find (library, key);

  if (vm == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                 "There is no machine named “%s” in %s; see “bonsai list”", key,
                 bonsai_library_get_folder (library));
  return vm;
}

void
cli_tell_desktop (BonsaiLibrary *library)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BonsaiLibrary) now = bonsai_library_new (bonsai_library_get_folder (library), &error);

  if (now == NULL || !bonsai_library_update_desktop (now, &error))
    g_printerr ("bonsai: %s\n", error->message);
}

VmConfig *
cli_copy_config (BonsaiVm *vm, GError **error)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  if (config == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is broken: %s", bonsai_vm_get_name (vm),
                 bonsai_vm_get_state_text (vm));
  return config != NULL ? vm_config_copy (config) : NULL;
}

bool
cli_parse_switch (const char *text, gboolean *on)
{
  *on = g_str_equal (text, "on");
  return *on || g_str_equal (text, "off");
}

static BonsaiSession *
connect_to (const char *uuid, GError **error)
{
  g_auto (CliWait) wait = { 0 };
  RemoteSession *session;

  remote_session_connect_async (uuid, NULL, cli_wait_ready, &wait);
  session = remote_session_connect_finish (cli_wait (&wait), error);
  return session != NULL ? BONSAI_SESSION (session) : NULL;
}

GPtrArray *
cli_list_strays (BonsaiLibrary *library)
{
  GPtrArray *strays = g_ptr_array_new_with_free_func (g_object_unref);
  g_auto (GStrv) uuids = runtime_dir_list ();

  for (unsigned i = 0; uuids[i] != NULL; i++)
    {
      BonsaiSession *session =
        bonsai_library_find (library, uuids[i]) == NULL ? connect_to (uuids[i], NULL) : NULL;

      if (session != NULL)
        g_ptr_array_add (strays, session);
    }
  return strays;
}

BonsaiSession *
cli_connect_shared (const SharedSocket *shared, GError **error)
{
  g_auto (CliWait) wait = { 0 };
  RemoteSession *session;

  remote_session_connect_shared_async (shared, NULL, cli_wait_ready, &wait);
  session = remote_session_connect_finish (cli_wait (&wait), error);
  return session != NULL ? BONSAI_SESSION (session) : NULL;
}

static BonsaiSession *
find_shared (uid_t owner, const char *name)
{
  g_autoptr (GPtrArray) list = shared_dir_list ();

  for (guint i = 0; i < list->len; i++)
    {
      const SharedSocket *shared = g_ptr_array_index (list, i);
      g_autoptr (BonsaiSession) session = shared->owner == owner ? cli_connect_shared (shared, NULL) : NULL;

      if (session != NULL && g_str_equal (bonsai_session_get_name (session), name))
        return g_steal_pointer (&session);
    }
  return NULL;
}

/* "OWNER/NAME"; else NULL without an error. */
static BonsaiSession *
find_shared_session (const char *key, GError **error)
{
  const char *slash = strchr (key, '/');
  g_autofree char *user = slash != NULL ? g_strndup (key, (gsize)(slash - key)) : NULL;
  const struct passwd *owner = user != NULL ? getpwnam (user) : NULL;
  BonsaiSession *session = owner != NULL ? find_shared (owner->pw_uid, slash + 1) : NULL;

  if (owner != NULL && session == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                 "%s shares no machine “%s” with you that runs; see “bonsai shared”", user, slash + 1);
  return session;
}

BonsaiSession *
cli_find_session_of (const char *key, char **path, GError **error)
{
  g_autoptr (BonsaiLibrary) library = cli_open_library (error);
  g_autoptr (GPtrArray) strays = NULL;
  BonsaiSession *shared;
  GError *trouble = NULL;
  BonsaiVm *vm;

  *path = NULL;
  if (library == NULL)
    return NULL;
  vm = bonsai_library_find (library, key);
  if (vm != NULL)
    *path = g_strdup (bonsai_vm_get_path (vm));
  if (vm != NULL && bonsai_vm_get_session (vm) != NULL)
    return g_object_ref (bonsai_vm_get_session (vm));
  if (vm == NULL && (shared = find_shared_session (key, &trouble)) != NULL)
    return shared;
  if (trouble != NULL)
    {
      g_propagate_error (error, trouble);
      return NULL;
    }

  strays = cli_list_strays (library);
  for (unsigned i = 0; i < strays->len; i++)
    {
      BonsaiSession *session = g_ptr_array_index (strays, i);

      if (g_str_equal (bonsai_session_get_name (session), key)
          || g_str_equal (bonsai_session_get_uuid (session), key))
        return g_object_ref (session);
    }
  if (vm != NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "“%s” is not running%s%s", key,
                 bonsai_vm_get_state_text (vm)[0] != '\0' ? ": " : "", bonsai_vm_get_state_text (vm));
  else
    cli_find_vm (library, key, error);
  return NULL;
}

BonsaiSession *
cli_find_session (const char *key, GError **error)
{
  g_autofree char *path = NULL;

  return cli_find_session_of (key, &path, error);
}

void
cli_await_release (const char *path)
{
  if (path != NULL)
    bundle_await_unlock (path, RELEASE_TIMEOUT_MS);
}

int
cli_control (const Verb *verb, int argc, char **argv, BonsaiControl control)
{
  g_autoptr (BonsaiSession) session = NULL;
  g_autofree char *path = NULL;
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 1, 1, &status))
    return status;
  session = cli_find_session_of (argv[1], &path, &error);
  if (session == NULL)
    return cli_fail (error);
  bonsai_session_control_async (session, control, 0, NULL, cli_wait_ready, &wait);
  if (!bonsai_session_control_finish (session, cli_wait (&wait), &error))
    return cli_fail (error);
  if (control == BONSAI_CONTROL_POWER_OFF)
    cli_await_release (path);
  return EXIT_STATUS_OK;
}
