/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/ui-state.h"

#include <gio/gio.h>

#define WRITE_DELAY_MS 500

struct UiState {
  GKeyFile *keys;
  char *path;
  guint write_id;
};

UiState *
ui_state_new (const char *path)
{
  UiState *state = g_new0 (UiState, 1);

  state->keys = g_key_file_new ();
  state->path =
    path ? g_strdup (path) : g_build_filename (g_get_user_state_dir (), "bonsai", "desktop.ini", NULL);
  g_key_file_load_from_file (state->keys, state->path, G_KEY_FILE_NONE, NULL);
  return state;
}

/* --- writing --- */

static void
write_in_thread (GTask *task, gpointer source, gpointer text, GCancellable *cancellable)
{
  const char *path = g_object_get_data (G_OBJECT (task), "path");
  g_autofree char *folder = g_path_get_dirname (path);

  g_mkdir_with_parents (folder, 0700);
  g_file_set_contents (path, text, -1, NULL);
  g_task_return_boolean (task, TRUE);
}

static GTask *
prepare_write (UiState *state)
{
  GTask *task = g_task_new (NULL, NULL, NULL, NULL);

  g_task_set_task_data (task, g_key_file_to_data (state->keys, NULL, NULL), g_free);
  g_object_set_data_full (G_OBJECT (task), "path", g_strdup (state->path), g_free);
  return task;
}

static gboolean
write_later (gpointer data)
{
  UiState *state = data;
  g_autoptr (GTask) task = prepare_write (state);

  state->write_id = 0;
  g_task_run_in_thread (task, write_in_thread);
  return G_SOURCE_REMOVE;
}

static void
changed (UiState *state)
{
  if (state->write_id == 0)
    state->write_id = g_timeout_add (WRITE_DELAY_MS, write_later, state);
}

void
ui_state_free (UiState *state)
{
  if (state->write_id != 0)
    {
      g_autoptr (GTask) task = prepare_write (state);

      g_source_remove (state->write_id);
      g_task_run_in_thread_sync (task, write_in_thread);
    }
  g_key_file_unref (state->keys);
  g_free (state->path);
  g_free (state);
}

/* --- values --- */

char *
ui_state_get_string (UiState *state, const char *group, const char *key)
{
  return g_key_file_get_string (state->keys, group, key, NULL);
}

int
ui_state_get_int (UiState *state, const char *group, const char *key, int otherwise)
{
  g_autoptr (GError) error = NULL;
  int value = g_key_file_get_integer (state->keys, group, key, &error);

  return error ? otherwise : value;
}

bool
ui_state_get_bool (UiState *state, const char *group, const char *key)
{
  return g_key_file_get_boolean (state->keys, group, key, NULL);
}

GStrv
ui_state_get_strings (UiState *state, const char *group, const char *key)
{
  return g_key_file_get_string_list (state->keys, group, key, NULL, NULL);
}

void
ui_state_set_string (UiState *state, const char *group, const char *key, const char *value)
{
  if (value)
    g_key_file_set_string (state->keys, group, key, value);
  else
    g_key_file_remove_key (state->keys, group, key, NULL);
  changed (state);
}

void
ui_state_set_int (UiState *state, const char *group, const char *key, int value)
{
  g_key_file_set_integer (state->keys, group, key, value);
  changed (state);
}

void
ui_state_set_bool (UiState *state, const char *group, const char *key, bool value)
{
  g_key_file_set_boolean (state->keys, group, key, value);
  changed (state);
}

void
ui_state_set_strings (UiState *state, const char *group, const char *key, const char *const *value)
{
  g_key_file_set_string_list (state->keys, group, key, value, g_strv_length ((char **)value));
  changed (state);
}

void
ui_state_remove_group (UiState *state, const char *group)
{
  g_key_file_remove_group (state->keys, group, NULL);
  changed (state);
}
