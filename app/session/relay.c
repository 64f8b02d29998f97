/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/relay.h"

#include <unistd.h>

struct Relay {
  gatomicrefcount refs;
  GWeakRef object;
  GMainContext *context;
};

typedef struct {
  Relay *relay;
  RelayFunc handle;
  gpointer content;
  GDestroyNotify free_content;
} Message;

Relay *
relay_new (GObject *object)
{
  Relay *relay = g_new0 (Relay, 1);

  g_atomic_ref_count_init (&relay->refs);
  g_weak_ref_init (&relay->object, object);
  relay->context = g_main_context_ref_thread_default ();
  return relay;
}

void
relay_unref (Relay *relay)
{
  if (!g_atomic_ref_count_dec (&relay->refs))
    return;
  g_weak_ref_clear (&relay->object);
  g_main_context_unref (relay->context);
  g_free (relay);
}

static void
message_free (gpointer data)
{
  Message *message = data;

  if (message->free_content != NULL)
    message->free_content (message->content);
  relay_unref (message->relay);
  g_free (message);
}

static gboolean
deliver (gpointer data)
{
  Message *message = data;
  g_autoptr (GObject) object = g_weak_ref_get (&message->relay->object);

  if (object != NULL)
    message->handle (object, message->content);
  return G_SOURCE_REMOVE;
}

void
relay_post (Relay *relay, RelayFunc handle, gpointer content, GDestroyNotify free_content)
{
  Message *message = g_new (Message, 1);
  /* Always a source of its own, also on the context's thread: so they keep their order. */
  g_autoptr (GSource) source = g_idle_source_new ();

  g_atomic_ref_count_inc (&relay->refs);
  *message = (Message){ relay, handle, content, free_content };
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver, message, message_free);
  g_source_attach (source, relay->context);
}

static void
descriptor_free (gpointer data)
{
  int *fd = data;

  if (*fd >= 0)
    close (*fd);
  g_free (fd);
}

void
relay_post_fd (Relay *relay, RelayFunc handle, int fd)
{
  relay_post (relay, handle, g_memdup2 (&fd, sizeof fd), descriptor_free);
}
