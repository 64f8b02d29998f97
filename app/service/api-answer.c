/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/api-answer.h"

#include "app/base/error.h"

#include <string.h>

void
api_answer_error (GDBusMethodInvocation *invocation, GError *error)
{
  if (error->domain == BONSAI_ERROR)
    g_dbus_method_invocation_return_gerror (invocation, error);
  else
    g_dbus_method_invocation_return_error_literal (invocation, BONSAI_ERROR, BONSAI_ERROR_FAILED,
                                                   error->message);
  g_error_free (error);
}

void
api_answer_empty (GDBusMethodInvocation *invocation, gboolean done, GError *error)
{
  if (done)
    g_dbus_method_invocation_return_value (invocation, NULL);
  else
    api_answer_error (invocation, error);
}

void
api_answer_text (GDBusMethodInvocation *invocation, char *text, GError *error)
{
  if (text == NULL)
    api_answer_error (invocation, error);
  else if (g_utf8_validate (text, -1, NULL)) /* D-Bus has no other strings */
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(s)", text));
  else
    g_dbus_method_invocation_return_error (invocation, BONSAI_ERROR, BONSAI_ERROR_FAILED,
                                           "The answer isn't UTF-8");
  g_free (text);
}

/* --- in a thread --- */

typedef struct {
  ApiMakeText make;
  gpointer data;
  GDestroyNotify free_data;
} Making;

static void
making_free (gpointer data)
{
  Making *making = data;

  making->free_data (making->data);
  g_free (making);
}

static void
run (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Making *making = data;
  GError *error = NULL;
  char *text = making->make (making->data, &error);

  if (text != NULL)
    g_task_return_pointer (task, text, g_free);
  else
    g_task_return_error (task, error);
}

static void
on_made (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  char *text = g_task_propagate_pointer (G_TASK (result), &error);

  api_answer_text (invocation, text, error);
}

void
api_answer_from_thread (GDBusMethodInvocation *invocation, ApiMakeText make, gpointer data,
                        GDestroyNotify free_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_made, invocation);
  Making *making = g_new (Making, 1);

  *making = (Making){ make, data, free_data };
  g_task_set_task_data (task, making, making_free);
  g_task_run_in_thread (task, run);
}

/* --- options --- */

static bool
check_option (const char *name, GVariant *value, const char *const *names, const char *types, GError **error)
{
  const char *type = g_variant_get_type_string (value);

  for (guint i = 0; names[i] != NULL; i++)
    if (g_str_equal (name, names[i]))
      {
        if (type[0] == types[i] && type[1] == '\0')
          return true;
        g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is of type %c, not %s", name, types[i],
                     type);
        return false;
      }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "There is no option “%s”", name);
  return false;
}

bool
api_check_options (GVariant *options, const char *const *names, const char *types, GError **error)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) held = value;

      if (!check_option (name, held, names, types, error))
        return false;
    }
  return true;
}
