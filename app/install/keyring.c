/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/install/keyring.h"

#include "app/base/error.h"

#include <dlfcn.h>
#include <libsecret/secret.h>
#include <string.h>

#define LIBRARY "libsecret-1.so.0"

static const SecretSchema schema = {
  .name = "org.bonsaivm.Login",
  .flags = SECRET_SCHEMA_NONE,
  .attributes = { { "machine", SECRET_SCHEMA_ATTRIBUTE_STRING }, { "user", SECRET_SCHEMA_ATTRIBUTE_STRING } },
};

typedef struct {
  char *uuid, *name, *user, *password;
} Login;

static void
login_free (gpointer data)
{
  Login *login = data;

  g_free (login->uuid);
  g_free (login->name);
  g_free (login->user);
  if (login->password != NULL)
    explicit_bzero (login->password, strlen (login->password));
  g_free (login->password);
  g_free (login);
}

/* What Bonsai does without where it isn't installed. */
static void *
find_function (const char *name, GError **error)
{
  void *library = dlopen (LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  void *function = library != NULL ? dlsym (library, name) : NULL;

  if (function == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                 "The keyring can't be used: %s. Install libsecret: sudo apt install libsecret-1-0",
                 dlerror ());
  return function;
}

/* Someone who never answers the keyring's question leaves a thread behind, no more. */
static void
run (Login *login, GTaskThreadFunc func, GCancellable *cancellable, GAsyncReadyCallback callback,
     gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);

  g_task_set_task_data (task, login, login_free);
  g_task_set_return_on_cancel (task, TRUE);
  g_task_run_in_thread (task, func);
}

/* --- store --- */

static void
store_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  typeof (secret_password_storev_sync) *store;
  const Login *login = data;
  g_autoptr (GHashTable) attributes = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *label = g_strdup_printf ("%s in the virtual machine “%s”", login->user, login->name);
  GError *error = NULL;

  store = find_function ("secret_password_storev_sync", &error);
  g_hash_table_insert (attributes, (gpointer) "machine", login->uuid);
  g_hash_table_insert (attributes, (gpointer) "user", login->user);
  if (store != NULL
      && store (&schema, attributes, SECRET_COLLECTION_DEFAULT, label, login->password, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
keyring_store_async (const char *uuid, const char *name, const char *user, const char *password,
                     GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  Login *login = g_new (Login, 1);

  *login = (Login){ g_strdup (uuid), g_strdup (name), g_strdup (user), g_strdup (password) };
  run (login, store_in_thread, cancellable, callback, data);
}

gboolean
keyring_store_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- forget --- */

bool
keyring_forget (const char *uuid, GError **error)
{
  typeof (secret_password_clearv_sync) *clear = find_function ("secret_password_clearv_sync", error);
  g_autoptr (GHashTable) attributes = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) trouble = NULL;

  g_hash_table_insert (attributes, (gpointer) "machine", (gpointer)uuid);
  if (clear == NULL || clear (&schema, attributes, NULL, &trouble) || trouble == NULL)
    return clear != NULL;
  g_propagate_error (error, g_steal_pointer (&trouble));
  return false;
}
