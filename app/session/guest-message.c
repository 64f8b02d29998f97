/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/guest-message.h"

#include "app/base/error.h"

/* --- the host's side --- */

/* A connection that froze a guest. */
typedef struct {
  BonsaiSession *session;
  guint32 id; /* of the freeze */
} Freeze;

static void
freeze_free (gpointer data, GClosure *closure)
{
  Freeze *freeze = data;

  g_object_unref (freeze->session);
  g_free (freeze);
}

static void
thaw (BonsaiSession *session, guint32 id)
{
  GVariantDict arguments;

  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "id", "u", id);
  bonsai_session_ask_guest_async (session, "thaw", g_variant_dict_end (&arguments), NULL, NULL, NULL);
}

static void
on_holder_gone (GDBusConnection *connection, gboolean by_peer, GError *error, gpointer data)
{
  const Freeze *freeze = data;

  thaw (freeze->session, freeze->id);
  g_signal_handlers_disconnect_by_data (connection, data);
}

static void
hold (BonsaiSession *session, GDBusConnection *connection, GVariant *answer)
{
  guint32 id = 0;

  if (!g_variant_lookup (answer, "id", "u", &id))
    return;
  if (g_dbus_connection_is_closed (connection))
    thaw (session, id);
  else
    {
      Freeze *freeze = g_new (Freeze, 1);

      *freeze = (Freeze){ g_object_ref (session), id };
      g_signal_connect_data (connection, "closed", G_CALLBACK (on_holder_gone), freeze, freeze_free, 0);
    }
}

/* A question that somebody waits for, as long as they are connected. */
typedef struct {
  GDBusMethodInvocation *invocation;
  GCancellable *cancellable;
  bool freezes;
} Question;

static void
answered (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data;
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (question->invocation);
  GError *error = NULL;
  g_autoptr (GVariant) answer = bonsai_session_ask_guest_finish (BONSAI_SESSION (source), result, &error);

  g_signal_handlers_disconnect_by_data (connection, question->cancellable);
  if (answer != NULL && question->freezes)
    hold (BONSAI_SESSION (source), connection, answer);
  if (answer != NULL)
    g_dbus_method_invocation_return_value (question->invocation, g_variant_new ("(@a{sv})", answer));
  else
    g_dbus_method_invocation_take_error (question->invocation, error);
  g_object_unref (question->cancellable);
  g_free (question);
}

void
guest_message_answer (BonsaiSession *session, GDBusMethodInvocation *invocation, const char *operation,
                      GVariant *arguments)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (invocation);
  Question *question = g_new (Question, 1);

  *question = (Question){ invocation, g_cancellable_new (), g_str_equal (operation, "freeze") };
  g_signal_connect_data (connection, "closed", G_CALLBACK (g_cancellable_cancel), question->cancellable, NULL,
                         G_CONNECT_SWAPPED);
  bonsai_session_ask_guest_async (session, operation, arguments, question->cancellable, answered, question);
}

/* --- the other side --- */

static void
answer_came (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);

  if (reply == NULL)
    {
      g_dbus_error_strip_remote_error (error);
      g_task_return_error (task, error);
    }
  else if (!g_variant_is_of_type (reply, G_VARIANT_TYPE ("(a{sv})")))
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host sent no answer");
  else
    g_task_return_pointer (task, g_variant_get_child_value (reply, 0), (GDestroyNotify)g_variant_unref);
}

/* A program in the guest may take any time. */
void
guest_message_send (GDBusProxy *proxy, const char *operation, GVariant *arguments, GTask *task)
{
  g_dbus_proxy_call (proxy, "AskGuest", g_variant_new ("(s@a{sv})", operation, arguments),
                     G_DBUS_CALL_FLAGS_NONE, G_MAXINT, g_task_get_cancellable (task), answer_came, task);
}
