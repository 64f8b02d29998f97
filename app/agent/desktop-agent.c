/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/desktop-agent.h"

#include "app/agent/vdagent-wire.h"
#include "app/base/error.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS  10000u
#define READ_PIECE 65536u
#define READ_TURNS 16u /* pieces before others on the main loop get their turn */

/* What waits for the guest may be one large clipboard and some: more is not taken. */
#define OUT_MAX (VD_CLIPBOARD_MAX + (8u << 20))

#define MAX_TYPES 16u

/* VD_AGENT_CAP_... */
enum {
  CAP_MONITORS_CONFIG = 1,
  CAP_REPLY = 2,
  CAP_CLIPBOARD_BY_DEMAND = 5,
  CAP_CLIPBOARD_SELECTION = 6,
  CAP_GUEST_LINEEND_CRLF = 9,
  CAP_MAX_CLIPBOARD = 10,
  CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB = 16,
};

#define MONITOR_SIZE          20u
#define MONITORS_USE_POSITION 1u /* VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS */

#define SELECTION_SIZE      4u
#define SELECTION_CLIPBOARD 0u
#define KIND_NONE           0u

struct DesktopAgent {
  ClipboardPolicy policy;
  DesktopAgentOps ops;
  gpointer data;

  int fd;
  GSource *in, *out;
  VdReader *reader;
  bool greeted;
  uint32_t caps; /* the guest's, once it is greeted */
  GByteArray *waiting;
  size_t sent; /* of @waiting */

  ClipboardKind offer_kind;
  GBytes *offer;   /* the host's, or NULL */
  unsigned guests; /* kinds that the guest has */
  unsigned n_screens;
  struct {
    unsigned width, height; /* 0: unknown */
  } screens[DESKTOP_AGENT_MAX_SCREENS];

  GTask *request; /* who waits for the guest's clipboard, or NULL */
  ClipboardKind request_kind;
  GSource *patience;
};

static bool
has_cap (const DesktopAgent *agent, unsigned cap)
{
  return agent->caps >> cap & 1;
}

static bool
may_give (const DesktopAgent *agent)
{
  return agent->policy == CLIPBOARD_BOTH || agent->policy == CLIPBOARD_TO_GUEST;
}

static bool
may_take (const DesktopAgent *agent)
{
  return agent->policy == CLIPBOARD_BOTH || agent->policy == CLIPBOARD_TO_HOST;
}

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
watch (DesktopAgent *agent, GIOCondition condition, GUnixFDSourceFunc func)
{
  GSource *source = g_unix_fd_source_new (agent->fd, condition);

  g_source_set_callback (source, G_SOURCE_FUNC (func), agent, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

/* --- requests of the host --- */

/* Ends the request with @bytes or @error (transfer full). */
static void
answer (DesktopAgent *agent, GBytes *bytes, GError *error)
{
  GTask *task = g_steal_pointer (&agent->request);

  clear_source (&agent->patience);
  if (bytes != NULL)
    g_task_return_pointer (task, bytes, (GDestroyNotify)g_bytes_unref);
  else
    g_task_return_error (task, error);
  g_object_unref (task);
}

static GError *
nothing_of (ClipboardKind kind)
{
  return g_error_new (BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "The guest's clipboard has no %s",
                      kind == CLIPBOARD_TEXT ? "text" : "picture");
}

/* --- the connection --- */

static void
detach (DesktopAgent *agent)
{
  clear_source (&agent->in);
  clear_source (&agent->out);
  if (agent->fd >= 0)
    close (agent->fd);
  agent->fd = -1;
  g_clear_pointer (&agent->reader, vd_reader_free);
  g_byte_array_set_size (agent->waiting, 0);
  agent->sent = 0;
  agent->caps = 0;
  agent->greeted = false;
  if (agent->guests != 0 && agent->ops.offered != NULL)
    agent->ops.offered (0, agent->data);
  agent->guests = 0;
  if (agent->request != NULL)
    answer (agent, NULL,
            g_error_new (BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "The guest's spice-vdagent went away"));
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer data)
{
  DesktopAgent *agent = data;

  while (agent->sent < agent->waiting->len)
    {
      ssize_t n = send (fd, agent->waiting->data + agent->sent, agent->waiting->len - agent->sent,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
      if (n <= 0)
        break; /* the reading side sees the end */
      agent->sent += (size_t)n;
    }
  g_byte_array_unref (agent->waiting);
  agent->waiting = g_byte_array_new ();
  agent->sent = 0;
  g_clear_pointer (&agent->out, g_source_unref);
  return G_SOURCE_REMOVE;
}

static void
send_message (DesktopAgent *agent, VdType type, const void *bytes, size_t size)
{
  if (agent->fd < 0 || agent->waiting->len - agent->sent + size > OUT_MAX)
    return;
  vd_append (agent->waiting, type, bytes, size);
  if (agent->out == NULL)
    agent->out = watch (agent, G_IO_OUT, on_writable);
}

/* A message about the clipboard: with the selection before it if the guest knows selections. */
static void
send_clipboard (DesktopAgent *agent, VdType type, const uint32_t *word, const void *bytes, size_t size)
{
  g_autoptr (GByteArray) message = g_byte_array_new ();
  uint8_t selection[SELECTION_SIZE] = { SELECTION_CLIPBOARD }, le[4];

  if (has_cap (agent, CAP_CLIPBOARD_SELECTION))
    g_byte_array_append (message, selection, sizeof selection);
  if (word != NULL)
    {
      store_le32 (le, *word);
      g_byte_array_append (message, le, sizeof le);
    }
  if (size > 0)
    g_byte_array_append (message, bytes, (guint)size);
  send_message (agent, type, message->data, message->len);
}

/* VDAgentAnnounceCapabilities */
static void
announce (DesktopAgent *agent, bool request)
{
  uint32_t caps = 1u << CAP_MONITORS_CONFIG | 1u << CAP_REPLY;
  uint8_t message[8];

  if (agent->policy != CLIPBOARD_OFF)
    caps |= 1u << CAP_CLIPBOARD_BY_DEMAND | 1u << CAP_CLIPBOARD_SELECTION
            | 1u << CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB;
  store_le32 (message, request);
  store_le32 (message + 4, caps);
  send_message (agent, VD_ANNOUNCE_CAPABILITIES, message, sizeof message);
}

/* --- the screen --- */

/* VDAgentMonitorsConfig with a VDAgentMonConfig for each screen, side by side: height, width, depth, x, y.
 * What isn't in it would be switched off. */
static void
tell_sizes (DesktopAgent *agent)
{
  uint8_t message[8 + DESKTOP_AGENT_MAX_SCREENS * MONITOR_SIZE] = { 0 };
  uint32_t x = 0;

  if (!agent->greeted || !has_cap (agent, CAP_MONITORS_CONFIG) || agent->n_screens == 0)
    return;
  store_le32 (message, agent->n_screens);
  store_le32 (message + 4, agent->n_screens > 1 ? MONITORS_USE_POSITION : 0);
  for (unsigned i = 0; i < agent->n_screens; i++)
    {
      uint8_t *monitor = message + 8 + (size_t)i * MONITOR_SIZE;

      if (agent->screens[i].width == 0)
        return;
      store_le32 (monitor, agent->screens[i].height);
      store_le32 (monitor + 4, agent->screens[i].width);
      store_le32 (monitor + 8, 32);
      store_le32 (monitor + 12, x);
      x += agent->screens[i].width;
    }
  send_message (agent, VD_MONITORS_CONFIG, message, 8 + (size_t)agent->n_screens * MONITOR_SIZE);
}

bool
desktop_agent_assume_size (DesktopAgent *agent, unsigned screen, unsigned width, unsigned height)
{
  if (screen >= DESKTOP_AGENT_MAX_SCREENS || agent->screens[screen].width != 0)
    return false;
  agent->screens[screen].width = width;
  agent->screens[screen].height = height;
  agent->n_screens = MAX (agent->n_screens, screen + 1);
  return true;
}

void
desktop_agent_set_size (DesktopAgent *agent, unsigned screen, unsigned width, unsigned height)
{
  if (!desktop_agent_assume_size (agent, screen, width, height))
    {
      if (screen >= DESKTOP_AGENT_MAX_SCREENS
          || (width == agent->screens[screen].width && height == agent->screens[screen].height))
        return;
      agent->screens[screen].width = width;
      agent->screens[screen].height = height;
    }
  tell_sizes (agent);
}

/* --- the clipboard --- */

static void
tell_offer (DesktopAgent *agent)
{
  uint32_t kind = agent->offer_kind;

  if (!agent->greeted || !may_give (agent) || !has_cap (agent, CAP_CLIPBOARD_BY_DEMAND))
    return;
  if (agent->offer != NULL)
    send_clipboard (agent, VD_CLIPBOARD_GRAB, &kind, NULL, 0);
  else
    send_clipboard (agent, VD_CLIPBOARD_RELEASE, NULL, NULL, 0);
}

void
desktop_agent_offer (DesktopAgent *agent, ClipboardKind kind, GBytes *bytes)
{
  bool had = agent->offer != NULL;

  if (bytes != NULL && g_bytes_get_size (bytes) > VD_CLIPBOARD_MAX)
    bytes = NULL;
  g_clear_pointer (&agent->offer, g_bytes_unref);
  agent->offer = bytes != NULL ? g_bytes_ref (bytes) : NULL;
  agent->offer_kind = kind;
  if (bytes != NULL)
    agent->guests = 0;
  if (had || bytes != NULL)
    tell_offer (agent);
}

/* LF becomes CRLF, or the other way round. (transfer full) */
static GBytes *
convert_lines (GBytes *bytes, bool to_crlf)
{
  gsize size;
  const char *text = g_bytes_get_data (bytes, &size);
  GString *out = g_string_sized_new (size + 1);

  for (gsize i = 0; i < size; i++)
    {
      if (to_crlf && text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
        g_string_append_c (out, '\r');
      if (to_crlf || text[i] != '\r' || i + 1 == size || text[i + 1] != '\n')
        g_string_append_c (out, text[i]);
    }
  return g_string_free_to_bytes (out);
}

/* The guest pastes. What was withdrawn meanwhile is nothing. */
static void
give (DesktopAgent *agent, uint32_t kind)
{
  const uint32_t none = KIND_NONE;
  g_autoptr (GBytes) bytes = NULL;
  gsize size;
  const void *data;

  if (agent->offer == NULL || kind != agent->offer_kind || !may_give (agent))
    {
      send_clipboard (agent, VD_CLIPBOARD, &none, NULL, 0);
      return;
    }
  if (kind == CLIPBOARD_TEXT && has_cap (agent, CAP_GUEST_LINEEND_CRLF))
    bytes = convert_lines (agent->offer, true);
  else
    bytes = g_bytes_ref (agent->offer);
  data = g_bytes_get_data (bytes, &size);
  send_clipboard (agent, VD_CLIPBOARD, &kind, data, size);
}

static void
take (DesktopAgent *agent, const uint8_t *p, size_t size)
{
  uint32_t kind = size >= 4 ? load_le32 (p) : KIND_NONE;
  g_autoptr (GBytes) bytes = NULL;

  if (agent->request == NULL)
    return;
  if (kind != agent->request_kind)
    {
      answer (agent, NULL, nothing_of (agent->request_kind));
      return;
    }
  bytes = g_bytes_new (p + 4, size - 4);
  if (kind == CLIPBOARD_TEXT && !g_utf8_validate ((const char *)p + 4, (gssize)(size - 4), NULL))
    answer (
      agent, NULL,
      g_error_new (BONSAI_ERROR, BONSAI_ERROR_FAILED, "The text in the guest's clipboard is not UTF-8"));
  else if (kind == CLIPBOARD_TEXT && has_cap (agent, CAP_GUEST_LINEEND_CRLF))
    answer (agent, convert_lines (bytes, false), NULL);
  else
    answer (agent, g_steal_pointer (&bytes), NULL);
}

static void
guest_has (DesktopAgent *agent, unsigned kinds)
{
  if (kinds == 0 && agent->guests == 0)
    return;
  agent->guests = kinds;
  if (agent->ops.offered != NULL && may_take (agent))
    agent->ops.offered (kinds, agent->data);
}

static void
guest_grabbed (DesktopAgent *agent, const uint8_t *p, size_t size)
{
  unsigned kinds = 0;

  for (size_t i = 0; i + 4 <= size && i < MAX_TYPES * 4; i += 4)
    {
      uint32_t kind = load_le32 (p + i);

      if (kind >= CLIPBOARD_TEXT && kind <= CLIPBOARD_BMP)
        kinds |= CLIPBOARD_HAS (kind);
    }
  /* What the host had offered is gone from the guest's clipboard. */
  g_clear_pointer (&agent->offer, g_bytes_unref);
  guest_has (agent, kinds);
}

static void
on_clipboard (DesktopAgent *agent, uint32_t type, const uint8_t *p, size_t size)
{
  if (has_cap (agent, CAP_CLIPBOARD_SELECTION))
    {
      if (size < SELECTION_SIZE || p[0] != SELECTION_CLIPBOARD)
        return; /* the selection of the mouse stays where it is */
      p += SELECTION_SIZE;
      size -= SELECTION_SIZE;
    }
  if (type == VD_CLIPBOARD_GRAB)
    guest_grabbed (agent, p, size);
  else if (type == VD_CLIPBOARD_RELEASE)
    guest_has (agent, 0);
  else if (type == VD_CLIPBOARD)
    take (agent, p, size);
  else if (size >= 4)
    give (agent, load_le32 (p));
}

static void
on_capabilities (DesktopAgent *agent, const uint8_t *p, size_t size)
{
  uint8_t max[4];

  if (size < 8)
    return;
  agent->caps = load_le32 (p + 4);
  agent->greeted = true;
  if (load_le32 (p) != 0)
    announce (agent, false);
  if (has_cap (agent, CAP_MAX_CLIPBOARD))
    {
      store_le32 (max, VD_CLIPBOARD_MAX);
      send_message (agent, VD_MAX_CLIPBOARD, max, sizeof max);
    }
  tell_sizes (agent);
  if (agent->offer != NULL)
    tell_offer (agent);
}

/* What isn't known, or of no interest, is let pass. */
static void
on_message (uint32_t type, const uint8_t *bytes, size_t size, void *data)
{
  DesktopAgent *agent = data;

  if (type == VD_ANNOUNCE_CAPABILITIES)
    on_capabilities (agent, bytes, size);
  else if (agent->greeted && agent->policy != CLIPBOARD_OFF
           && (type == VD_CLIPBOARD || (type >= VD_CLIPBOARD_GRAB && type <= VD_CLIPBOARD_RELEASE)))
    on_clipboard (agent, type, bytes, size);
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  DesktopAgent *agent = data;
  g_autofree uint8_t *bytes = g_malloc (READ_PIECE);

  for (unsigned i = 0; i < READ_TURNS; i++)
    {
      ssize_t n = recv (fd, bytes, READ_PIECE, MSG_DONTWAIT);

      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
      if (n > 0 && vd_reader_feed (agent->reader, bytes, (size_t)n))
        continue;
      if (n > 0)
        g_debug ("The guest's spice-vdagent does not keep to the protocol: it is left alone");
      detach (agent);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

/* --- its life --- */

DesktopAgent *
desktop_agent_new (ClipboardPolicy policy, const DesktopAgentOps *ops, gpointer data)
{
  DesktopAgent *agent = g_new0 (DesktopAgent, 1);

  agent->policy = policy;
  agent->ops = *ops;
  agent->data = data;
  agent->fd = -1;
  agent->waiting = g_byte_array_new ();
  return agent;
}

void
desktop_agent_free (DesktopAgent *agent)
{
  agent->ops = (DesktopAgentOps){ 0 };
  detach (agent);
  g_clear_pointer (&agent->offer, g_bytes_unref);
  g_byte_array_unref (agent->waiting);
  g_free (agent);
}

void
desktop_agent_attach (DesktopAgent *agent, int fd)
{
  detach (agent);
  agent->fd = fd;
  agent->reader = vd_reader_new (on_message, agent);
  agent->in = watch (agent, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable);
  announce (agent, true);
}

bool
desktop_agent_is_there (const DesktopAgent *agent)
{
  return agent->greeted;
}

static gboolean
patience_ended (gpointer data)
{
  answer (
    data, NULL,
    g_error_new (BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT, "The guest did not hand its clipboard over in time"));
  return G_SOURCE_REMOVE;
}

static GError *
refusal (const DesktopAgent *agent, ClipboardKind kind)
{
  if (!may_take (agent))
    return g_error_new (BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                        "This machine's clipboard does not come to the host: see “agents.clipboard” in its "
                        "vm.json");
  if (!agent->greeted || !has_cap (agent, CAP_CLIPBOARD_BY_DEMAND))
    return g_error_new (BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                        "No spice-vdagent with a clipboard runs in the guest; install it there, and log in");
  if (agent->request != NULL)
    return g_error_new (BONSAI_ERROR, BONSAI_ERROR_BUSY, "The guest's clipboard is being asked for already");
  return agent->guests & CLIPBOARD_HAS (kind) ? NULL : nothing_of (kind);
}

void
desktop_agent_request_async (DesktopAgent *agent, ClipboardKind kind, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, data);
  GError *error = refusal (agent, kind);
  uint32_t word = kind;

  if (error != NULL)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  agent->request = task;
  agent->request_kind = kind;
  agent->patience = g_timeout_source_new (ANSWER_MS);
  g_source_set_callback (agent->patience, patience_ended, agent, NULL);
  g_source_attach (agent->patience, g_main_context_get_thread_default ());
  send_clipboard (agent, VD_CLIPBOARD_REQUEST, &word, NULL, 0);
}

GBytes *
desktop_agent_request_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
