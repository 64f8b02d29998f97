/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forwarded ports: a host's program on one side, a guest that answers as it likes on the other. */
#include "devices/net/nat-knock.h"
#include "tests/devices/nat-card.h"
#include "vmm/base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUEST_PORT 80u

typedef struct {
  Card *card;
  NetForward forward; /* with the port that the host gave */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer text)
{
  g_autoptr (GError) error = NULL;
  int fd;

  fixture->card = card_new ();
  g_assert_true (net_forward_parse (&fixture->forward, text, &error));
  fd = net_forward_listen (&fixture->forward, &error);
  g_assert_no_error (error);
  g_assert_true (net_add_forward (fixture->card->net, fixture->card->loop, &fixture->forward, fd, &error));
  g_assert_no_error (error);
  fixture->forward.host_port = net_socket_port (fd);
  close (fd);
}

static void
tear_down (Fixture *fixture, gconstpointer text)
{
  card_free (fixture->card);
}

static int
connect_to (const NetForward *forward)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                 .sin_port = htons (forward->host_port) };
  int fd =
    socket (AF_INET, (forward->protocol == NET_PROTOCOL_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

  if (connect (fd, (struct sockaddr *)&address, sizeof address) < 0)
    {
      int cause = errno;

      close (fd);
      errno = cause;
      return -1;
    }
  return fd;
}

/* The next segment that asks for a connection to the guest's server. */
static TcpSegment
next_syn (Card *card, uint32_t *from)
{
  for (;;)
    {
      g_autoptr (GBytes) bytes = card_next_frame (card);
      TcpSegment segment;
      const uint8_t *payload;
      size_t size, payload_size;
      const uint8_t *frame = g_bytes_get_data (bytes, &size);

      if (!frame_read_tcp (frame, size, GUEST_PORT, &segment, &payload, &payload_size)
          || !(segment.flags & TCP_SYN))
        continue;
      *from = load_be32 (frame + 26);
      return segment;
    }
}

static void
answer (Card *card, const TcpSegment *to, uint8_t flags, uint32_t sequence, const char *data)
{
  TcpSegment segment = { to->peer_port, to->port, sequence, to->sequence + 1, flags, 0 };
  uint8_t frame[FRAME_MAX];

  card_send (card, frame, frame_tcp (frame, GATEWAY_ADDRESS, &segment, data, data ? strlen (data) : 0));
}

/* Lets the gateway's question in, and the connection after it. Returns: that one's first segment. */
static TcpSegment
accept_one (Card *card)
{
  uint32_t from;
  TcpSegment syn = next_syn (card, &from);

  g_assert_cmphex (from, ==, GATEWAY_ADDRESS);
  if (syn.port < 1024)
    {
      answer (card, &syn, TCP_SYN | TCP_ACK, 7000, NULL);
      do
        syn = next_syn (card, &from);
      while (syn.port < 1024);
    }
  answer (card, &syn, TCP_SYN | TCP_ACK, 9000, NULL);
  return syn;
}

static void
expect (int fd, const char *text)
{
  char got[64] = { 0 };
  struct pollfd ready = { fd, POLLIN, 0 };

  g_assert_cmpint (poll (&ready, 1, CARD_WAIT_SECONDS * 1000), ==, 1);
  g_assert_cmpint (read (fd, got, sizeof got - 1), ==, (ssize_t)strlen (text));
  g_assert_cmpstr (got, ==, text);
}

/* A guest that refuses at first, as it is still starting, is asked again; who connected waits, and is served.
 */
static void
test_waits_for_guest (Fixture *fixture, gconstpointer text)
{
  Card *card = fixture->card;
  int client = connect_to (&fixture->forward);
  TcpSegment syn;
  uint32_t from;

  g_assert_cmpint (client, >=, 0);
  for (unsigned i = 0; i < 3; i++)
    {
      syn = next_syn (card, &from);
      g_assert_cmpuint (syn.port, <, 1024);
      answer (card, &syn, TCP_RST | TCP_ACK, 0, NULL);
    }
  syn = accept_one (card);
  answer (card, &syn, TCP_ACK | TCP_PSH, 9001, "hello");
  expect (client, "hello");
  close (client);

  /* From now on connections go straight to it, and its refusals straight back. */
  client = connect_to (&fixture->forward);
  syn = next_syn (card, &from);
  g_assert_cmpuint (syn.port, >=, 1024);
  answer (card, &syn, TCP_RST | TCP_ACK, 0, NULL);
  g_assert_cmpint (read (client, &from, 1), <=, 0);
  close (client);
}

/* Answers to questions that weren't asked so open nothing. */
static void
test_false_answers (Fixture *fixture, gconstpointer text)
{
  Card *card = fixture->card;
  int client = connect_to (&fixture->forward);
  uint32_t from;
  TcpSegment syn = next_syn (card, &from), wrong = syn;

  wrong.sequence += 77;
  answer (card, &wrong, TCP_SYN | TCP_ACK, 7000, NULL);
  wrong = syn;
  wrong.peer_port++;
  answer (card, &wrong, TCP_SYN | TCP_ACK, 7000, NULL);
  answer (card, &syn, TCP_ACK, 7000, NULL);
  syn = next_syn (card, &from);
  g_assert_cmpuint (syn.port, <, 1024);
  close (client);
}

/* The guest gives the next datagram back as "pong". */
static void
answer_datagram (Card *card)
{
  uint8_t frame[FRAME_MAX];

  for (;;)
    {
      g_autoptr (GBytes) bytes = card_next_frame (card);
      size_t size;
      const uint8_t *got = g_bytes_get_data (bytes, &size);

      if (!frame_is_udp (got, size, GUEST_PORT))
        continue;
      g_assert_cmpmem (got + UDP_HEADER_END, 4, "ping", 4);
      card_send (
        card, frame,
        frame_udp (frame, GUEST_ADDRESS, load_be32 (got + 26), GUEST_PORT, load_be16 (got + 34), "pong", 4));
      return;
    }
}

static void
test_datagrams (Fixture *fixture, gconstpointer text)
{
  int client = connect_to (&fixture->forward);

  for (unsigned i = 0; i < 100; i++)
    {
      g_assert_cmpint (write (client, "ping", 4), ==, 4);
      answer_datagram (fixture->card);
      expect (client, "pong");
    }
  close (client);
}

/* A guest that is known by then is asked nothing more for datagrams: what a TCP server says doesn't matter.
 */
static void
test_datagrams_later (Fixture *fixture, gconstpointer text)
{
  g_autoptr (GError) error = NULL;
  NetForward datagrams;
  int fd, client;

  client = connect_to (&fixture->forward);
  accept_one (fixture->card);
  close (client);
  g_assert_true (net_forward_parse (&datagrams, "udp:0:80", &error));
  fd = net_forward_listen (&datagrams, &error);
  g_assert_no_error (error);
  g_assert_true (net_add_forward (fixture->card->net, fixture->card->loop, &datagrams, fd, &error));
  datagrams.host_port = net_socket_port (fd);
  close (fd);
  client = connect_to (&datagrams);
  g_assert_cmpint (write (client, "ping", 4), ==, 4);
  answer_datagram (fixture->card);
  expect (client, "pong");
  close (client);
}

/* What is removed can't be connected to; what goes on there goes on, and the port is free. */
static void
test_remove (Fixture *fixture, gconstpointer text)
{
  Card *card = fixture->card;
  int client = connect_to (&fixture->forward), fd;
  TcpSegment syn = accept_one (card);
  g_autoptr (GError) error = NULL;

  net_remove_forward (card->net, card->loop, &fixture->forward);
  g_assert_cmpint (connect_to (&fixture->forward), ==, -1);
  g_assert_cmpint (errno, ==, ECONNREFUSED);
  answer (card, &syn, TCP_ACK | TCP_PSH, 9001, "still");
  expect (client, "still");
  close (client);
  fd = net_forward_listen (&fixture->forward, &error);
  g_assert_no_error (error);
  g_assert_true (net_add_forward (card->net, card->loop, &fixture->forward, fd, &error));
  close (fd);
  client = connect_to (&fixture->forward);
  accept_one (card);
  close (client);
  net_remove_forward (card->net, card->loop, &fixture->forward);
  net_remove_forward (card->net, card->loop, &fixture->forward); /* it isn't there */
}

/* A host's program that connects without end gets no more than a share of the process's descriptors. */
static void
test_crowd (Fixture *fixture, gconstpointer text)
{
  enum { N_CLIENTS = 100, SHARE = 32 };
  Card *card = fixture->card;
  int clients[N_CLIENTS];
  TcpSegment syn = { 0 };
  unsigned n = 0;
  uint32_t from;

  clients[0] = connect_to (&fixture->forward);
  accept_one (card);
  for (unsigned i = 1; i < N_CLIENTS; i++)
    clients[i] = connect_to (&fixture->forward);
  for (n = 1; n < SHARE; n++)
    {
      uint16_t before = syn.port;

      do
        syn = next_syn (card, &from);
      while (syn.port == before);
    }
  g_usleep (100000);
  g_assert_cmpuint (g_queue_get_length (&card->frames), <, 2 * SHARE); /* repetitions */
  /* One ends, and another comes in. */
  answer (card, &syn, TCP_RST | TCP_ACK, 0, NULL);
  for (unsigned before = syn.port; syn.port == before;)
    syn = next_syn (card, &from);
  for (unsigned i = 0; i < N_CLIENTS; i++)
    close (clients[i]);
}

static void
test_text (void)
{
  static const struct {
    const char *text, *complete; /* NULL: refused */
  } cases[] = {
    { "8080:80", "tcp:127.0.0.1:8080:80" },
    { "udp:5353:53", "udp:127.0.0.1:5353:53" },
    { "tcp:0.0.0.0:0:22", "tcp:0.0.0.0:0:22" },
    { "0.0.0.0:8080:10.0.2.20:80", "tcp:0.0.0.0:8080:10.0.2.20:80" },
    { "8080:10.0.2.15:80", "tcp:127.0.0.1:8080:80" },
    { "8080", NULL },
    { "8080:0", NULL },
    { "8080:65536", NULL },
    { "sctp:8080:80", NULL },
    { "1.2.3:8080:80", NULL },
    { "8080:80:90", NULL },
    { "-1:80", NULL },
    { "", NULL },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *complete = NULL;
      NetForward forward;

      if (!net_forward_parse (&forward, cases[i].text, &error))
        {
          g_assert_null (cases[i].complete);
          g_assert_nonnull (strstr (error->message, cases[i].text));
          continue;
        }
      complete = net_forward_format (&forward);
      g_assert_cmpstr (complete, ==, cases[i].complete);
    }
}

static void
refuse (const char *first, const char *second, const char *why)
{
  g_autoptr (GArray) forwards = net_forwards_new ();
  g_autoptr (GError) error = NULL;
  NetForward forward;
  unsigned at;

  g_assert_true (net_forward_parse (&forward, first, NULL));
  g_array_append_val (forwards, forward);
  if (second)
    {
      g_assert_true (net_forward_parse (&forward, second, NULL));
      g_array_append_val (forwards, forward);
    }
  g_assert_false (net_forwards_check (forwards, &at, &error));
  g_assert_cmpuint (at, ==, second ? 1 : 0);
  g_assert_nonnull (strstr (error->message, why));
}

static void
test_check (void)
{
  refuse ("8080:10.0.2.2:80", NULL, "10.0.2.2 can't");
  refuse ("8080:192.168.1.1:80", NULL, "192.168.1.1 can't");
  refuse ("224.0.0.1:8080:80", NULL, "many hosts");
  refuse ("8080:80", "8080:81", "port 8080 (tcp) is there twice");
  refuse ("0:80", "0:80", "already");
  refuse ("8080:80", "0.0.0.0:8080:81", "twice");
}

static void
test_busy_port (void)
{
  NetForward forward = { .host = NET_LOOPBACK, .guest = NET_GUEST_DEFAULT, .guest_port = 80 };
  g_autoptr (GError) error = NULL;
  int fd = net_forward_listen (&forward, &error);
  g_autofree char *self = g_strdup_printf ("(process %d)", getpid ());
  g_autofree char *port = NULL;

  g_assert_no_error (error);
  forward.host_port = net_socket_port (fd);
  port = g_strdup_printf ("Port %u of the host (tcp, 127.0.0.1) is in use by", forward.host_port);
  g_assert_cmpint (net_forward_listen (&forward, &error), ==, -1);
  g_assert_nonnull (strstr (error->message, port));
  g_assert_nonnull (strstr (error->message, self));
  g_clear_error (&error);
  close (fd);

  forward.host = 0xc0000201; /* 192.0.2.1: nobody's (RFC 5737) */
  g_assert_cmpint (net_forward_listen (&forward, &error), ==, -1);
  g_assert_nonnull (strstr (error->message, "has no address 192.0.2.1"));
}

static void
test_without_nat (void)
{
  NetForward forward = { .host = NET_LOOPBACK, .guest = NET_GUEST_DEFAULT, .guest_port = 80 };
  g_autoptr (GError) error = NULL;

  g_assert_false (net_add_forward (NULL, NULL, &forward, -1, &error));
  g_assert_nonnull (strstr (error->message, "nat"));
  net_remove_forward (NULL, NULL, &forward);
}

int
main (int argc, char **argv)
{
  const struct rlimit limit = { 256, 256 };

  g_test_init (&argc, &argv, NULL);
  setrlimit (RLIMIT_NOFILE, &limit); /* for the crowd */
  g_test_add ("/nat-forward/waits-for-guest", Fixture, "0:80", set_up, test_waits_for_guest, tear_down);
  g_test_add ("/nat-forward/false-answers", Fixture, "0:80", set_up, test_false_answers, tear_down);
  g_test_add ("/nat-forward/datagrams", Fixture, "udp:0:80", set_up, test_datagrams, tear_down);
  g_test_add ("/nat-forward/datagrams-later", Fixture, "0:80", set_up, test_datagrams_later, tear_down);
  g_test_add ("/nat-forward/all-addresses", Fixture, "0.0.0.0:0:80", set_up, test_remove, tear_down);
  g_test_add ("/nat-forward/remove", Fixture, "0:80", set_up, test_remove, tear_down);
  g_test_add ("/nat-forward/crowd", Fixture, "0:80", set_up, test_crowd, tear_down);
  g_test_add_func ("/nat-forward/text", test_text);
  g_test_add_func ("/nat-forward/check", test_check);
  g_test_add_func ("/nat-forward/busy-port", test_busy_port);
  g_test_add_func ("/nat-forward/without-nat", test_without_nat);
  return g_test_run ();
}
