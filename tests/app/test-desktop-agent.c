/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host's side of spice-vdagent against a scripted guest (spice-protocol 0.14, spice/vd_agent.h). */
#include "app/agent/desktop-agent.h"

#include "app/agent/vdagent-wire.h"
#include "app/base/error.h"
#include "vmm/base/bytes.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB (1u << 20)

/* BY_DEMAND, SELECTION, MONITORS_CONFIG; LINEEND_CRLF */
#define CAPS      (1u << 5 | 1u << 6 | 1u << 1)
#define CAPS_CRLF (1u << 9)

typedef struct {
  uint32_t type;
  GBytes *bytes;
} Message;

typedef struct {
  DesktopAgent *agent;
  int fd;
  VdReader *reader;
  GQueue messages; /* of Message: what the guest was sent */
  unsigned offered, n_offers;
} Guest;

static void
on_message (uint32_t type, const uint8_t *bytes, size_t size, void *data)
{
  Message *message = g_new (Message, 1);

  *message = (Message){ type, g_bytes_new (bytes, size) };
  g_queue_push_tail (&((Guest *)data)->messages, message);
}

static void
on_offered (unsigned kinds, gpointer data)
{
  Guest *guest = data;

  guest->offered = kinds;
  guest->n_offers++;
}

static void
plug_in (Guest *guest)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
  guest->fd = fds[1];
  guest->reader = vd_reader_new (on_message, guest);
  desktop_agent_attach (guest->agent, fds[0]);
}

static void
pull_out (Guest *guest)
{
  Message *message;

  while ((message = g_queue_pop_head (&guest->messages)) != NULL)
    {
      g_bytes_unref (message->bytes);
      g_free (message);
    }
  g_clear_pointer (&guest->reader, vd_reader_free);
  close (guest->fd);
}

static void
guest_new (Guest *guest, ClipboardPolicy policy)
{
  const DesktopAgentOps ops = { on_offered };

  *guest = (Guest){ .agent = desktop_agent_new (policy, &ops, guest) };
  plug_in (guest);
}

static void
guest_clear (Guest *guest)
{
  desktop_agent_free (guest->agent);
  pull_out (guest);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Guest, guest_clear)

/* Moves bytes both ways once. Returns: whether any came to the guest. */
static bool
turn (Guest *guest)
{
  uint8_t bytes[65536];
  ssize_t n;

  while (g_main_context_iteration (NULL, FALSE))
    if ((n = recv (guest->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
      g_assert_true (vd_reader_feed (guest->reader, bytes, (size_t)n));
  n = recv (guest->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n > 0)
    g_assert_true (vd_reader_feed (guest->reader, bytes, (size_t)n));
  return n > 0;
}

static void
settle (Guest *guest)
{
  while (turn (guest))
    continue;
}

static void
send_all (Guest *guest, const uint8_t *p, size_t size)
{
  while (size > 0)
    {
      ssize_t n = send (guest->fd, p, size, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n > 0)
        {
          p += n;
          size -= (size_t)n;
        }
      turn (guest);
    }
  settle (guest);
}

static void
say (Guest *guest, VdType type, const void *bytes, size_t size)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  vd_append (out, type, bytes, size);
  send_all (guest, out->data, out->len);
}

static void
say_words (Guest *guest, VdType type, unsigned n, ...)
{
  uint8_t words[32];
  va_list args;

  va_start (args, n);
  for (unsigned i = 0; i < n; i++)
    store_le32 (words + 4 * i, va_arg (args, unsigned));
  va_end (args);
  say (guest, type, words, 4 * n);
}

/* The next message that the guest got, which must be a @type. */
static GBytes *
heard (Guest *guest, VdType type)
{
  g_autofree Message *message = NULL;

  settle (guest);
  message = g_queue_pop_head (&guest->messages);
  g_assert_nonnull (message);
  g_assert_cmpuint (message->type, ==, type);
  return message->bytes;
}

static void
assert_words (Guest *guest, VdType type, unsigned n, ...)
{
  g_autoptr (GBytes) bytes = heard (guest, type);
  gsize size;
  const uint8_t *p = g_bytes_get_data (bytes, &size);
  va_list args;

  g_assert_cmpuint (size, ==, 4 * n);
  va_start (args, n);
  for (unsigned i = 0; i < n; i++)
    g_assert_cmphex (load_le32 (p + 4 * i), ==, va_arg (args, unsigned));
  va_end (args);
}

static void
assert_silence (Guest *guest)
{
  settle (guest);
  g_assert_true (g_queue_is_empty (&guest->messages));
}

/* Both sides know each other. */
static void
greet (Guest *guest, uint32_t caps)
{
  g_autoptr (GBytes) hello = heard (guest, VD_ANNOUNCE_CAPABILITIES);

  g_assert_cmpuint (load_le32 (g_bytes_get_data (hello, NULL)), ==, 1);
  say_words (guest, VD_ANNOUNCE_CAPABILITIES, 2, 0, caps);
  g_assert_true (desktop_agent_is_there (guest->agent));
}

static GBytes *
text_of (unsigned size)
{
  char *text = g_malloc (size);

  for (unsigned i = 0; i < size; i++)
    text[i] = i % 64 == 63 ? '\n' : (char)('a' + i % 23);
  return g_bytes_new_take (text, size);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static GBytes *
finish (Guest *guest, GAsyncResult **result, GError **error)
{
  g_autoptr (GAsyncResult) done = NULL;

  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  done = g_steal_pointer (result);
  return desktop_agent_request_finish (done, error);
}

static GAsyncResult *result;

static void
ask (Guest *guest)
{
  desktop_agent_request_async (guest->agent, CLIPBOARD_TEXT, NULL, keep_result, &result);
}

static void
test_greeting (void)
{
  g_auto (Guest) guest = { 0 };

  guest_new (&guest, CLIPBOARD_BOTH);
  desktop_agent_set_size (guest.agent, 0, 800, 600);
  greet (&guest, CAPS | 1u << 10);
  assert_words (&guest, VD_MAX_CLIPBOARD, 1, 64 * MIB);
  assert_words (&guest, VD_MONITORS_CONFIG, 7, 1, 0, 600, 800, 32, 0, 0);
  desktop_agent_set_size (guest.agent, 0, 800, 600);
  assert_silence (&guest);

  /* One that asks is answered, and told everything anew. */
  say_words (&guest, VD_ANNOUNCE_CAPABILITIES, 2, 1, CAPS);
  assert_words (&guest, VD_ANNOUNCE_CAPABILITIES, 2, 0, 1u << 1 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 16);
  assert_words (&guest, VD_MONITORS_CONFIG, 7, 1, 0, 600, 800, 32, 0, 0);

  /* So is one that comes back. */
  pull_out (&guest);
  while (desktop_agent_is_there (guest.agent))
    g_main_context_iteration (NULL, TRUE);
  plug_in (&guest);
  greet (&guest, CAPS);
  assert_words (&guest, VD_MONITORS_CONFIG, 7, 1, 0, 600, 800, 32, 0, 0);
}

/* Screens that the message leaves out would be switched off. */
static void
test_screens (void)
{
  g_auto (Guest) guest = { 0 };

  guest_new (&guest, CLIPBOARD_OFF);
  greet (&guest, CAPS);
  desktop_agent_set_size (guest.agent, 2, 640, 480);
  assert_silence (&guest);
  g_assert_true (desktop_agent_assume_size (guest.agent, 0, 1280, 800));
  g_assert_true (desktop_agent_assume_size (guest.agent, 1, 720, 400));
  assert_silence (&guest);
  desktop_agent_set_size (guest.agent, 1, 800, 600);
  assert_words (&guest, VD_MONITORS_CONFIG, 17, 3, 1, 800, 1280, 32, 0, 0, 600, 800, 32, 1280, 0, 480, 640,
                32, 2080, 0);
  g_assert_false (desktop_agent_assume_size (guest.agent, 1, 720, 400));
  desktop_agent_set_size (guest.agent, DESKTOP_AGENT_MAX_SCREENS, 800, 600);
  assert_silence (&guest);
}

/* A mebibyte to the guest, when it asks and not before. */
static void
test_to_guest (void)
{
  g_auto (Guest) guest = { 0 };
  g_autoptr (GBytes) text = text_of (MIB + 7), got = NULL;

  guest_new (&guest, CLIPBOARD_BOTH);
  desktop_agent_offer (guest.agent, CLIPBOARD_TEXT, text);
  greet (&guest, CAPS);
  assert_words (&guest, VD_CLIPBOARD_GRAB, 2, 0, CLIPBOARD_TEXT);
  assert_silence (&guest);
  say_words (&guest, VD_CLIPBOARD_REQUEST, 2, 1, CLIPBOARD_TEXT); /* the primary selection */
  assert_silence (&guest);
  say_words (&guest, VD_CLIPBOARD_REQUEST, 2, 0, CLIPBOARD_TEXT);
  got = heard (&guest, VD_CLIPBOARD);
  g_assert_cmpmem ((const char *)g_bytes_get_data (got, NULL) + 8, g_bytes_get_size (got) - 8,
                   g_bytes_get_data (text, NULL), g_bytes_get_size (text));

  /* What was not offered, or is withdrawn, is not given. */
  say_words (&guest, VD_CLIPBOARD_REQUEST, 2, 0, CLIPBOARD_PNG);
  assert_words (&guest, VD_CLIPBOARD, 2, 0, 0);
  desktop_agent_offer (guest.agent, CLIPBOARD_TEXT, NULL);
  assert_words (&guest, VD_CLIPBOARD_RELEASE, 1, 0);
  say_words (&guest, VD_CLIPBOARD_REQUEST, 2, 0, CLIPBOARD_TEXT);
  assert_words (&guest, VD_CLIPBOARD, 2, 0, 0);
  desktop_agent_offer (guest.agent, CLIPBOARD_TEXT, NULL);
  assert_silence (&guest);
}

/* A mebibyte from the guest, in one chunk, as its agent sends it. */
static void
test_to_host (void)
{
  g_auto (Guest) guest = { 0 };
  g_autoptr (GBytes) text = text_of (MIB), got = NULL;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  uint8_t head[36] = { 0 };

  guest_new (&guest, CLIPBOARD_BOTH);
  greet (&guest, CAPS);
  say_words (&guest, VD_CLIPBOARD_GRAB, 4, 0, 77, CLIPBOARD_TEXT, CLIPBOARD_PNG);
  g_assert_cmphex (guest.offered, ==, CLIPBOARD_HAS (CLIPBOARD_TEXT) | CLIPBOARD_HAS (CLIPBOARD_PNG));
  ask (&guest);
  assert_words (&guest, VD_CLIPBOARD_REQUEST, 2, 0, CLIPBOARD_TEXT);
  store_le32 (head, 1);
  store_le32 (head + 4, 20 + 8 + MIB);
  store_le32 (head + 8, 1);
  store_le32 (head + 12, VD_CLIPBOARD);
  store_le32 (head + 24, 8 + MIB);
  store_le32 (head + 32, CLIPBOARD_TEXT);
  g_byte_array_append (out, head, sizeof head);
  g_byte_array_append (out, g_bytes_get_data (text, NULL), MIB);
  send_all (&guest, out->data, out->len);
  got = finish (&guest, &result, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (got, text));

  /* What nobody asked for is let pass; what is released can't be had. */
  say (&guest, VD_CLIPBOARD, "\0\0\0\0\1\0\0\0hello", 13);
  say_words (&guest, VD_CLIPBOARD_RELEASE, 1, 0);
  g_assert_cmphex (guest.offered, ==, 0);
  ask (&guest);
  g_assert_null (finish (&guest, &result, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
}

/* Own offers come back as nobody's news: no loop. What the guest grabs ends the host's offer. */
static void
test_no_loop (void)
{
  g_auto (Guest) guest = { 0 };
  g_autoptr (GBytes) text = text_of (10);

  guest_new (&guest, CLIPBOARD_BOTH);
  greet (&guest, CAPS);
  desktop_agent_offer (guest.agent, CLIPBOARD_TEXT, text);
  assert_words (&guest, VD_CLIPBOARD_GRAB, 2, 0, CLIPBOARD_TEXT);
  g_assert_cmpuint (guest.n_offers, ==, 0);
  say_words (&guest, VD_CLIPBOARD_GRAB, 2, 0, CLIPBOARD_TEXT);
  g_assert_cmpuint (guest.n_offers, ==, 1);
  say_words (&guest, VD_CLIPBOARD_REQUEST, 2, 0, CLIPBOARD_TEXT);
  assert_words (&guest, VD_CLIPBOARD, 2, 0, 0);
}

/* Lines end as the guest's system has it; text is UTF-8. */
static void
test_text (void)
{
  g_auto (Guest) guest = { 0 };
  g_autoptr (GBytes) text = g_bytes_new_static ("a\nb\r\nc\n", 7), got = NULL, back = NULL;
  g_autoptr (GError) error = NULL;

  guest_new (&guest, CLIPBOARD_BOTH);
  desktop_agent_offer (guest.agent, CLIPBOARD_TEXT, text);
  greet (&guest, 1u << 5 | CAPS_CRLF); /* without selections */
  assert_words (&guest, VD_CLIPBOARD_GRAB, 1, CLIPBOARD_TEXT);
  say_words (&guest, VD_CLIPBOARD_REQUEST, 1, CLIPBOARD_TEXT);
  got = heard (&guest, VD_CLIPBOARD);
  g_assert_cmpmem (g_bytes_get_data (got, NULL), g_bytes_get_size (got), "\1\0\0\0a\r\nb\r\nc\r\n", 13);

  say_words (&guest, VD_CLIPBOARD_GRAB, 1, CLIPBOARD_TEXT);
  ask (&guest);
  say (&guest, VD_CLIPBOARD, "\1\0\0\0x\r\ny\rz\r\n", 12);
  back = finish (&guest, &result, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (back, NULL), g_bytes_get_size (back), "x\ny\rz\n", 6);

  ask (&guest);
  say (&guest, VD_CLIPBOARD, "\1\0\0\0\xff\xfe", 6);
  g_assert_null (finish (&guest, &result, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED);
}

/* What the owner forbids does not happen, whatever the guest says. */
static void
test_policies (void)
{
  static const struct {
    ClipboardPolicy policy;
    bool gives, takes;
  } cases[] = { { CLIPBOARD_TO_GUEST, true, false },
                { CLIPBOARD_TO_HOST, false, true },
                { CLIPBOARD_OFF, false, false } };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Guest) guest = { 0 };
      g_autoptr (GBytes) text = text_of (10);
      g_autoptr (GError) error = NULL;

      guest_new (&guest, cases[i].policy);
      greet (&guest, CAPS);
      desktop_agent_offer (guest.agent, CLIPBOARD_TEXT, text);
      if (cases[i].gives)
        assert_words (&guest, VD_CLIPBOARD_GRAB, 2, 0, CLIPBOARD_TEXT);
      assert_silence (&guest);
      if (!cases[i].gives)
        {
          say_words (&guest, VD_CLIPBOARD_REQUEST, 2, 0, CLIPBOARD_TEXT);
          if (cases[i].takes)
            assert_words (&guest, VD_CLIPBOARD, 2, 0, 0);
          assert_silence (&guest);
        }
      say_words (&guest, VD_CLIPBOARD_GRAB, 2, 0, CLIPBOARD_TEXT);
      g_assert_cmpuint (guest.n_offers, ==, cases[i].takes);
      ask (&guest);
      if (cases[i].takes)
        say (&guest, VD_CLIPBOARD, "\0\0\0\0\1\0\0\0hello", 13);
      g_bytes_unref (text);
      text = finish (&guest, &result, &error);
      if (cases[i].takes)
        g_assert_no_error (error);
      else
        {
          g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
          text = text_of (1);
        }
    }
}

/* A guest that breaks the protocol is left alone; who waited is told. */
static void
test_hostile (void)
{
  static const struct {
    uint32_t port, size, protocol, message_size;
  } cases[] = {
    { 0, 20, 1, 0 }, { 3, 20, 1, 0 }, { 1, 20, 2, 0 }, { 1, 20, 1, 64 * MIB + 65 }, { 2, 20, 1, UINT32_MAX }
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Guest) guest = { 0 };
      g_autoptr (GError) error = NULL;
      uint8_t head[28] = { 0 };

      guest_new (&guest, CLIPBOARD_BOTH);
      greet (&guest, CAPS);
      say_words (&guest, VD_CLIPBOARD_GRAB, 2, 0, CLIPBOARD_TEXT);
      ask (&guest);
      settle (&guest);
      store_le32 (head, cases[i].port);
      store_le32 (head + 4, cases[i].size);
      store_le32 (head + 8, cases[i].protocol);
      store_le32 (head + 12, VD_CLIPBOARD);
      store_le32 (head + 24, cases[i].message_size);
      g_assert_cmpint (send (guest.fd, head, sizeof head, 0), ==, sizeof head);
      g_assert_null (finish (&guest, &result, &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
      g_assert_false (desktop_agent_is_there (guest.agent));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/desktop-agent/greeting", test_greeting);
  g_test_add_func ("/desktop-agent/screens", test_screens);
  g_test_add_func ("/desktop-agent/to-guest", test_to_guest);
  g_test_add_func ("/desktop-agent/to-host", test_to_host);
  g_test_add_func ("/desktop-agent/no-loop", test_no_loop);
  g_test_add_func ("/desktop-agent/text", test_text);
  g_test_add_func ("/desktop-agent/policies", test_policies);
  g_test_add_func ("/desktop-agent/hostile", test_hostile);
  return g_test_run ();
}
