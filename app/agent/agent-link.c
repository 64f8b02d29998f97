/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/agent-link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 16384u
#define TURNS 16u /* chunks at a time */

/* Bytes that one side gave and the other had no room for yet. */
typedef struct {
  char bytes[CHUNK];
  size_t start, end;
} Rest;

struct AgentLink {
  EventLoop *loop;
  Channel *channel;
  AgentLinkFunc connected;
  void *data;
  int fd; /* our end of the socket, or -1 */
  LoopWatch *watch;
  bool ended; /* the other end has nothing more to say */
  bool more;  /* the guest may have */
  Rest to_guest, from_guest;
};

static void
disconnect (AgentLink *link)
{
  g_clear_pointer (&link->watch, loop_watch_free);
  if (link->fd >= 0)
    close (link->fd);
  link->fd = -1;
  link->more = false;
  link->to_guest = link->from_guest = (Rest){ .start = 0 };
}

/* What to wait for: the socket's bytes only if the guest has room, its room only if there are bytes. */
static void
update_watch (AgentLink *link)
{
  GIOCondition condition = 0;

  if (link->watch == NULL)
    return;
  if (link->to_guest.start == link->to_guest.end && !link->ended)
    condition |= G_IO_IN;
  if (link->more || link->from_guest.start < link->from_guest.end)
    condition |= G_IO_OUT;
  loop_watch_set_condition (link->watch, condition);
}

/* Returns: whether there may be more. */
static bool
pass_to_guest (AgentLink *link)
{
  Rest *rest = &link->to_guest;
  ssize_t n;

  if (rest->start == rest->end)
    {
      n = recv (link->fd, rest->bytes, sizeof rest->bytes, MSG_DONTWAIT);
      link->ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
      rest->start = 0;
      rest->end = (size_t)MAX (n, 0);
    }
  rest->start += channel_write (link->channel, rest->bytes + rest->start, rest->end - rest->start);
  return rest->end > 0 && rest->start == rest->end && !link->ended;
}

static bool
pass_from_guest (AgentLink *link)
{
  Rest *rest = &link->from_guest;
  ssize_t n;

  if (rest->start == rest->end)
    {
      rest->start = 0;
      rest->end = channel_read (link->channel, rest->bytes, sizeof rest->bytes);
    }
  if (rest->start == rest->end)
    return false;
  n = send (link->fd, rest->bytes + rest->start, rest->end - rest->start, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EINTR)
    rest->start = rest->end; /* nobody listens any more */
  else
    rest->start += (size_t)MAX (n, 0);
  return rest->start == rest->end;
}

/* As much as is fair to others on the loop; the watch goes on. */
static void
pull (AgentLink *link)
{
  link->more = true;
  for (unsigned i = 0; i < TURNS && link->more; i++)
    link->more = pass_from_guest (link);
}

static void
on_socket (void *data, int fd, GIOCondition condition)
{
  AgentLink *link = data;

  if (condition & G_IO_IN)
    for (unsigned i = 0; i < TURNS && pass_to_guest (link); i++)
      continue;
  if (condition & G_IO_OUT)
    pull (link);
  if (condition & (G_IO_HUP | G_IO_ERR))
    disconnect (link); /* until the guest opens its end anew */
  update_watch (link);
}

/* --- the channel --- */

static void
on_opened (void *data)
{
  AgentLink *link = data;
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
    {
      g_warning ("No connection to the guest's agent: %s", g_strerror (errno));
      return;
    }
  link->fd = fds[0];
  link->ended = false;
  link->watch = loop_watch_fd (link->loop, link->fd, G_IO_IN, on_socket, link);
  link->connected (fds[1], link->data);
}

static void
on_closed (void *data)
{
  disconnect (data);
}

static void
on_readable (void *data)
{
  AgentLink *link = data;

  if (link->fd < 0)
    return;
  pull (link);
  update_watch (link);
}

static void
on_writable (void *data)
{
  AgentLink *link = data;

  if (link->fd < 0)
    return;
  pass_to_guest (link);
  update_watch (link);
}

AgentLink *
agent_link_new (EventLoop *loop, Channel *channel, AgentLinkFunc connected, void *data, GError **error)
{
  static const ChannelEvents events = {
    .opened = on_opened, .closed = on_closed, .readable = on_readable, .writable = on_writable
  };
  AgentLink *link = g_new0 (AgentLink, 1);

  *link = (AgentLink){ .loop = loop, .channel = channel, .connected = connected, .data = data, .fd = -1 };
  if (channel_open (channel, &events, link, error))
    return link;
  g_free (link);
  return NULL;
}

static void
free_on_loop (void *data)
{
  AgentLink *link = data;

  channel_close (link->channel);
  disconnect (link);
}

void
agent_link_free (AgentLink *link)
{
  if (link == NULL)
    return;
  loop_call_sync (link->loop, free_on_loop, link);
  g_free (link);
}
