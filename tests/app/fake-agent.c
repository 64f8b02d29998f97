/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/fake-agent.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
fake_agent_send (FakeAgent *fake, gconstpointer bytes, gsize size)
{
  const char *p = bytes;

  while (size > 0 && fake->fd >= 0)
    {
      ssize_t n = send (fake->fd, p, size, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n > 0)
        {
          p += n;
          size -= (gsize)n;
        }
      else
        g_main_context_iteration (NULL, FALSE); /* the other end reads on this thread */
    }
}

static void
answer_sync (FakeAgent *fake, JsonObject *request)
{
  JsonObject *arguments = json_object_get_object_member (request, "arguments");
  g_autofree char *text = g_strdup_printf ("\xff{\"return\": %" G_GINT64_FORMAT "}\n",
                                           json_object_get_int_member (arguments, "id"));

  if (!fake->deaf)
    fake_agent_send (fake, text, strlen (text));
}

static void
take_line (FakeAgent *fake, const char *line)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GBytes) reply = NULL;
  g_autoptr (GError) error = NULL;
  JsonObject *request;
  const char *command;

  while (*line == '\xff')
    line++;
  g_assert_true (json_parser_load_from_data (parser, line, -1, &error));
  g_assert_no_error (error);
  request = json_node_get_object (json_parser_get_root (parser));
  command = json_object_get_string_member (request, "execute");
  if (g_str_equal (command, "guest-sync-delimited"))
    {
      answer_sync (fake, request);
      return;
    }
  g_string_append_printf (fake->heard, "%s ", command);
  reply = g_queue_pop_head (&fake->replies);
  if (reply != NULL)
    fake_agent_send (fake, g_bytes_get_data (reply, NULL), g_bytes_get_size (reply));
}

static gboolean
on_input (int fd, GIOCondition condition, gpointer data)
{
  FakeAgent *fake = data;
  char bytes[4096], *end;
  ssize_t n = recv (fd, bytes, sizeof bytes, MSG_DONTWAIT);

  if (n <= 0)
    {
      fake->source = 0;
      return G_SOURCE_REMOVE;
    }
  g_string_append_len (fake->input, bytes, n);
  while ((end = memchr (fake->input->str, '\n', fake->input->len)) != NULL)
    {
      g_autofree char *line = g_strndup (fake->input->str, (gsize)(end - fake->input->str));

      g_string_erase (fake->input, 0, end - fake->input->str + 1);
      take_line (fake, line);
    }
  return G_SOURCE_CONTINUE;
}

void
fake_agent_come (FakeAgent *fake)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  fake->fd = fds[1];
  fake->source = g_unix_fd_add (fake->fd, G_IO_IN, on_input, fake);
  guest_agent_attach (guest_service_get_agent (fake->service), fds[0]);
}

void
fake_agent_leave (FakeAgent *fake)
{
  if (fake->source != 0)
    g_source_remove (fake->source);
  fake->source = 0;
  if (fake->fd >= 0)
    close (fake->fd);
  fake->fd = -1;
  g_string_truncate (fake->input, 0);
  while (guest_agent_is_there (guest_service_get_agent (fake->service)))
    g_main_context_iteration (NULL, TRUE);
}

FakeAgent *
fake_agent_new (void)
{
  FakeAgent *fake = g_new0 (FakeAgent, 1);

  fake->service = guest_service_new ();
  fake->input = g_string_new (NULL);
  fake->heard = g_string_new (NULL);
  g_queue_init (&fake->replies);
  fake_agent_come (fake);
  return fake;
}

void
fake_agent_free (FakeAgent *fake)
{
  guest_service_free (fake->service);
  if (fake->source != 0)
    g_source_remove (fake->source);
  if (fake->fd >= 0)
    close (fake->fd);
  g_queue_clear_full (&fake->replies, (GDestroyNotify)g_bytes_unref);
  g_string_free (fake->input, TRUE);
  g_string_free (fake->heard, TRUE);
  g_free (fake);
}

void
fake_agent_reply_bytes (FakeAgent *fake, gconstpointer bytes, gsize size)
{
  g_queue_push_tail (&fake->replies, g_bytes_new (bytes, size));
}

void
fake_agent_reply (FakeAgent *fake, const char *text)
{
  g_autofree char *line = text != NULL ? g_strconcat (text, "\n", NULL) : NULL;

  fake_agent_reply_bytes (fake, line, line != NULL ? strlen (line) : 0);
}

void
fake_agent_wait_heard (FakeAgent *fake, const char *text)
{
  while (strlen (fake->heard->str) < strlen (text))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (fake->heard->str, ==, text);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

GVariant *
fake_agent_ask (FakeAgent *fake, const char *operation, GVariant *arguments, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  guest_service_ask_async (fake->service, operation,
                           arguments != NULL ? arguments : g_variant_new ("a{sv}", NULL), NULL, on_answer,
                           &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return guest_service_ask_finish (result, error);
}
