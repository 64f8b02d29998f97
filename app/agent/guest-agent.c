/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/guest-agent.h"

#include "app/agent/agent-json.h"
#include "app/base/error.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_WAITING     64u
#define SYNC_TIMEOUT_MS 5000u
#define READ_CHUNK      65536u
#define READ_TURNS      16u
#define SYNC_BYTE       '\xff' /* no JSON text holds it */

typedef enum {
  PHASE_IDLE,
  PHASE_SYNCING,
  PHASE_WAITING,
} Phase;

typedef struct {
  GuestAgent *agent;
  GTask *task;
  char *command;
  char *line; /* what is sent */
  unsigned timeout_ms;
  GuestAgentFlags flags;
  GSource *cancelled;
} Request;

struct GuestAgent {
  GMainContext *context;
  int fd;       /* -1: nobody is there */
  GError *lost; /* the guest won't answer any more: why; NULL: it may */
  GSource *in_source, *out_source, *timer;
  gint64 deadline; /* µs; of the timer, while the machine runs */
  gint64 left;     /* µs that were left of it when the machine stopped; 0: no limit */
  bool running;

  GByteArray *input;  /* a line that isn't whole yet */
  bool skipping;      /* a line that is too long: up to its end */
  GByteArray *output; /* what the socket had no room for */
  Phase phase;
  bool synced;    /* the next line is the next answer */
  bool seen_sync; /* PHASE_SYNCING: the byte that precedes the answer has come */
  guint32 sync_id;
  Request *current;
  GQueue waiting;

  void (*came) (gpointer data);
  gpointer came_data;
};

static void go_on (GuestAgent *agent);

/* --- sources --- */

static void
drop_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static gboolean on_timeout (gpointer data);

static void
stop_timer (GuestAgent *agent)
{
  drop_source (&agent->timer);
  agent->left = 0;
}

static void
start_timer (GuestAgent *agent, gint64 us)
{
  drop_source (&agent->timer);
  agent->left = us;
  if (!agent->running)
    return;
  agent->deadline = g_get_monotonic_time () + us;
  agent->timer = g_timeout_source_new ((guint)((us + 999) / 1000));
  g_source_set_callback (agent->timer, on_timeout, agent, NULL);
  g_source_attach (agent->timer, agent->context);
}

void
guest_agent_set_running (GuestAgent *agent, bool running)
{
  if (agent->running == running)
    return;
  agent->running = running;
  if (agent->left == 0)
    return;
  if (running)
    start_timer (agent, agent->left);
  else
    {
      agent->left = MAX (agent->deadline - g_get_monotonic_time (), 1000);
      drop_source (&agent->timer);
    }
}

/* --- requests --- */

static void
request_free (Request *request)
{
  drop_source (&request->cancelled);
  g_object_unref (request->task);
  g_free (request->command);
  g_free (request->line);
  g_free (request);
}

static void
request_fail (Request *request, GError *error)
{
  g_task_return_error (request->task, error);
  request_free (request);
}

/* The request at hand is over, by @node or @error (transfer full). */
static void
finish_current (GuestAgent *agent, JsonNode *node, GError *error)
{
  Request *request = g_steal_pointer (&agent->current);

  stop_timer (agent);
  agent->phase = PHASE_IDLE;
  if (request == NULL)
    {
      g_clear_pointer (&node, json_node_unref);
      g_clear_error (&error);
      return;
    }
  if (error != NULL)
    {
      request_fail (request, error);
      return;
    }
  g_task_return_pointer (request->task, node, (GDestroyNotify)json_node_unref);
  request_free (request);
}

static GError *
absence (void)
{
  return g_error_new_literal (
    BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
    "No agent answers in the guest: install its package qemu-guest-agent there, and start the service");
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  Request *request = data;
  GuestAgent *agent = request->agent;
  GError *error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "It was cancelled");

  if (request == agent->current)
    {
      agent->synced = false; /* its answer may still come */
      finish_current (agent, NULL, error);
      go_on (agent);
    }
  else if (g_queue_remove (&agent->waiting, request))
    request_fail (request, error);
  return G_SOURCE_REMOVE;
}

static char *
make_line (const char *command, JsonObject *arguments)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autofree char *text = NULL;
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "execute", command);
  if (arguments != NULL)
    json_object_set_object_member (object, "arguments", arguments);
  json_node_take_object (node, object);
  json_generator_set_root (generator, node);
  text = json_generator_to_data (generator, NULL);
  return g_strconcat (text, "\n", NULL);
}

void
guest_agent_call_async (GuestAgent *agent, const char *command, JsonObject *arguments, unsigned timeout_ms,
                        GuestAgentFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer data)
{
  Request *request = g_new0 (Request, 1);

  *request = (Request){ .agent = agent,
                        .task = g_task_new (NULL, NULL, callback, data),
                        .command = g_strdup (command),
                        .line = make_line (command, arguments),
                        .timeout_ms = timeout_ms,
                        .flags = flags };
  g_task_set_source_tag (request->task, guest_agent_call_async);
  if (!guest_agent_is_there (agent))
    {
      request_fail (request, agent->lost != NULL ? g_error_copy (agent->lost) : absence ());
      return;
    }
  if (g_queue_get_length (&agent->waiting) >= MAX_WAITING && !(flags & GUEST_AGENT_URGENT))
    {
      request_fail (request, g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_BUSY,
                                                  "Too many requests to the guest's agent wait already"));
      return;
    }
  if (cancellable != NULL)
    {
      request->cancelled = g_cancellable_source_new (cancellable);
      g_source_set_callback (request->cancelled, G_SOURCE_FUNC (on_cancelled), request, NULL);
      g_source_attach (request->cancelled, agent->context);
    }
  if (flags & GUEST_AGENT_URGENT)
    g_queue_push_head (&agent->waiting, request);
  else
    g_queue_push_tail (&agent->waiting, request);
  go_on (agent);
}

JsonNode *
guest_agent_call_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- what is sent --- */

static void lose (GuestAgent *agent);

static gboolean
on_room (int fd, GIOCondition condition, gpointer data)
{
  GuestAgent *agent = data;
  ssize_t n = send (fd, agent->output->data, agent->output->len, MSG_DONTWAIT | MSG_NOSIGNAL);

  if (n < 0 && errno != EAGAIN && errno != EINTR)
    {
      lose (agent);
      return G_SOURCE_REMOVE;
    }
  if (n > 0)
    g_byte_array_remove_range (agent->output, 0, (guint)n);
  if (agent->output->len > 0)
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&agent->out_source, g_source_unref);
  return G_SOURCE_REMOVE;
}

static void
send_line (GuestAgent *agent, const char *prefix, const char *line)
{
  g_byte_array_append (agent->output, (const guint8 *)prefix, (guint)strlen (prefix));
  g_byte_array_append (agent->output, (const guint8 *)line, (guint)strlen (line));
  if (agent->out_source != NULL)
    return;
  agent->out_source = g_unix_fd_source_new (agent->fd, G_IO_OUT);
  g_source_set_callback (agent->out_source, G_SOURCE_FUNC (on_room), agent, NULL);
  g_source_attach (agent->out_source, agent->context);
}

/* The byte makes the agent forget half a request, and us half an answer. */
static void
send_sync (GuestAgent *agent)
{
  JsonObject *arguments = json_object_new ();
  g_autofree char *line = NULL;

  g_byte_array_set_size (agent->output, 0); /* what wasn't sent in time */
  agent->sync_id = g_random_int () >> 1;
  json_object_set_int_member (arguments, "id", agent->sync_id);
  line = make_line ("guest-sync-delimited", arguments);
  agent->phase = PHASE_SYNCING;
  agent->seen_sync = false;
  send_line (agent, "\xff", line);
  start_timer (agent, SYNC_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND);
}

static void
go_on (GuestAgent *agent)
{
  if (agent->fd < 0 || agent->phase != PHASE_IDLE)
    return;
  if (agent->current == NULL)
    agent->current = g_queue_pop_head (&agent->waiting);
  if (agent->current == NULL)
    return;
  if (!agent->synced)
    {
      send_sync (agent);
      return;
    }
  agent->phase = PHASE_WAITING;
  send_line (agent, "", agent->current->line);
  start_timer (agent, agent->current->timeout_ms * G_TIME_SPAN_MILLISECOND);
}

/* Who doesn't even answer a sync won't answer the requests that wait. */
static void
fail_waiting (GuestAgent *agent, const GError *error)
{
  for (unsigned n = g_queue_get_length (&agent->waiting); n > 0 && !g_queue_is_empty (&agent->waiting); n--)
    request_fail (g_queue_pop_head (&agent->waiting), g_error_copy (error));
}

static gboolean
on_timeout (gpointer data)
{
  GuestAgent *agent = data;
  Request *request = agent->current;
  g_autoptr (GError) error = NULL;

  agent->synced = false;
  if (agent->phase == PHASE_SYNCING)
    {
      error = g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT,
                                   "The guest's agent does not answer: it is busy, or hangs");
      finish_current (agent, NULL, g_error_copy (error));
      fail_waiting (agent, error);
    }
  else if (request->flags & GUEST_AGENT_SILENT)
    finish_current (agent, json_node_new (JSON_NODE_NULL), NULL);
  else
    finish_current (agent, NULL,
                    g_error_new (BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT,
                                 "The guest's agent did not answer %s within %u s", request->command,
                                 request->timeout_ms / 1000));
  go_on (agent);
  return G_SOURCE_REMOVE;
}

/* --- what comes --- */

static void
take_sync (GuestAgent *agent, const char *line, gsize size)
{
  AgentReplyKind kind;
  g_autoptr (JsonNode) node = NULL;
  g_autofree char *reason = NULL;

  if (!agent_reply_parse (line, size, &kind, &node, &reason, NULL) || kind != AGENT_REPLY_RESULT
      || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64
      || json_node_get_int (node) != agent->sync_id)
    {
      agent->seen_sync = false; /* an older one's */
      return;
    }
  stop_timer (agent);
  agent->synced = true;
  agent->phase = PHASE_IDLE;
  go_on (agent);
}

static void
take_answer (GuestAgent *agent, const char *line, gsize size)
{
  AgentReplyKind kind = AGENT_REPLY_ERROR;
  JsonNode *node = NULL;
  g_autofree char *reason = NULL;
  GError *error = NULL;

  if (!agent_reply_parse (line, size, &kind, &node, &reason, &error))
    agent->synced = false;
  else if (kind == AGENT_REPLY_ERROR)
    error = g_error_new (BONSAI_ERROR, BONSAI_ERROR_REFUSED, "The guest's agent refused %s: %s",
                         agent->current->command, reason);
  finish_current (agent, node, error);
  go_on (agent);
}

static void
take_line (GuestAgent *agent, const char *line, gsize size)
{
  const char *after = line;

  /* Only what follows the last such byte counts. */
  for (const char *p = line; p < line + size; p++)
    if (*p == SYNC_BYTE)
      after = p + 1;
  if (after > line)
    agent->seen_sync = true;
  size -= (gsize)(after - line);
  if (size > 0 && after[size - 1] == '\r')
    size--;
  if (agent->phase == PHASE_SYNCING && agent->seen_sync)
    take_sync (agent, after, size);
  else if (agent->phase == PHASE_WAITING)
    take_answer (agent, after, size);
  else if (agent->phase == PHASE_IDLE)
    agent->synced = false; /* nobody asked */
}

static void
too_long (GuestAgent *agent)
{
  g_byte_array_set_size (agent->input, 0);
  agent->skipping = true;
  agent->synced = false;
  if (agent->phase != PHASE_WAITING)
    return;
  finish_current (agent, NULL,
                  g_error_new (BONSAI_ERROR, BONSAI_ERROR_FAILED,
                               "The guest's agent answered with more than %u MiB", AGENT_REPLY_MAX >> 20));
  go_on (agent);
}

/* Lines out of @bytes; each may end the connection. */
static void
take_bytes (GuestAgent *agent, const char *bytes, gsize size)
{
  while (size > 0 && agent->fd >= 0)
    {
      const char *end = memchr (bytes, '\n', size);
      gsize part = end != NULL ? (gsize)(end - bytes) : size;

      if (!agent->skipping)
        g_byte_array_append (agent->input, (const guint8 *)bytes, (guint)part);
      if (agent->input->len > AGENT_REPLY_MAX)
        too_long (agent);
      if (end == NULL)
        return;
      bytes += part + 1;
      size -= part + 1;
      if (!agent->skipping)
        {
          g_autoptr (GByteArray) line = g_steal_pointer (&agent->input);

          agent->input = g_byte_array_new ();
          take_line (agent, (const char *)line->data, line->len);
        }
      agent->skipping = false;
    }
}

/* Who only wished the guest's end has it. @error: (transfer full) */
static void
fail_current (GuestAgent *agent, GError *error)
{
  if (agent->phase == PHASE_WAITING && (agent->current->flags & GUEST_AGENT_SILENT))
    {
      g_error_free (error);
      finish_current (agent, json_node_new (JSON_NODE_NULL), NULL);
    }
  else
    finish_current (agent, NULL, error);
}

/* The agent is gone: nothing that was asked will be answered. */
static void
lose (GuestAgent *agent)
{
  Request *request;

  drop_source (&agent->in_source);
  drop_source (&agent->out_source);
  close (agent->fd);
  agent->fd = -1;
  agent->synced = agent->skipping = false;
  g_clear_error (&agent->lost);
  g_byte_array_set_size (agent->input, 0);
  g_byte_array_set_size (agent->output, 0);
  if (agent->current != NULL)
    fail_current (agent,
                  g_error_new (BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                               "The guest's agent ended while it was asked (%s)", agent->current->command));
  while (agent->fd < 0 && (request = g_queue_pop_head (&agent->waiting)) != NULL)
    request_fail (request, absence ());
}

void
guest_agent_lose (GuestAgent *agent, const GError *error)
{
  if (!guest_agent_is_there (agent))
    return;
  agent->lost = g_error_copy (error);
  fail_current (agent, g_error_copy (error));
  fail_waiting (agent, error);
}

static gboolean
on_bytes (int fd, GIOCondition condition, gpointer data)
{
  GuestAgent *agent = data;
  char bytes[READ_CHUNK];

  for (unsigned i = 0; i < READ_TURNS; i++)
    {
      ssize_t n = recv (fd, bytes, sizeof bytes, MSG_DONTWAIT);

      if (n > 0)
        take_bytes (agent, bytes, (gsize)n);
      else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        lose (agent);
      if (n <= 0 || agent->fd != fd)
        break;
    }
  return agent->fd == fd ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* --- life --- */

void
guest_agent_attach (GuestAgent *agent, int fd)
{
  if (agent->fd >= 0)
    lose (agent);
  agent->fd = fd;
  agent->synced = false;
  agent->in_source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP);
  g_source_set_callback (agent->in_source, G_SOURCE_FUNC (on_bytes), agent, NULL);
  g_source_attach (agent->in_source, agent->context);
  if (agent->came != NULL)
    agent->came (agent->came_data);
}

void
guest_agent_set_came (GuestAgent *agent, void (*came) (gpointer data), gpointer data)
{
  agent->came = came;
  agent->came_data = data;
  if (came != NULL && agent->fd >= 0)
    came (data);
}

bool
guest_agent_is_there (const GuestAgent *agent)
{
  return agent->fd >= 0 && agent->lost == NULL;
}

GuestAgent *
guest_agent_new (void)
{
  GuestAgent *agent = g_new0 (GuestAgent, 1);

  agent->context = g_main_context_ref_thread_default ();
  agent->fd = -1;
  agent->running = true;
  agent->input = g_byte_array_new ();
  agent->output = g_byte_array_new ();
  g_queue_init (&agent->waiting);
  return agent;
}

void
guest_agent_free (GuestAgent *agent)
{
  if (agent == NULL)
    return;
  if (agent->fd >= 0)
    lose (agent);
  g_byte_array_unref (agent->input);
  g_byte_array_unref (agent->output);
  g_main_context_unref (agent->context);
  g_free (agent);
}
