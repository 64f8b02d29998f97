/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The NAT as a guest sees it: frames in, frames out. */
#include "devices/net/net-offload.h"
#include "tests/devices/nat-card.h"
#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"
#include "vmm/loop/loop-private.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define DOWNLOAD_SIZE     (3u << 20)
#define N_RANDOM          20000u
#define SEGMENT_SIZE      CARD_SEGMENT_SIZE
#define SMALL_WINDOW      8000u
#define SMALL_WINDOW_SIZE (512u << 10)
#define UPLOAD_SIZE       (1u << 20)
#define UPLOAD_PIECE      20000u

static void
nothing (void *data)
{
}

static void
test_arp (void)
{
  Card *card = card_new ();
  g_autoptr (GBytes) bytes = card_next_frame (card);
  const uint8_t *frame = g_bytes_get_data (bytes, NULL);
  NetCounters counters;

  g_assert_cmphex (frame_type (frame), ==, 0x0806);
  g_assert_cmphex (load_be16 (frame + 20), ==, 2);
  g_assert_cmphex (load_be32 (frame + 28), ==, GATEWAY_ADDRESS);
  loop_call_sync (card->loop, nothing, NULL); /* the frame is counted after it came */
  net_get_counters (card->net, &counters);
  g_assert_cmpuint (counters.sent, ==, 1);
  g_assert_cmpuint (counters.sent_bytes, ==, 60);
  g_assert_cmpuint (counters.received, ==, 1);
  g_assert_cmpuint (counters.received_bytes, ==, g_bytes_get_size (bytes));
  card_free (card);
}

static void
test_dhcp (void)
{
  Card *card = card_new ();
  uint8_t frame[FRAME_MAX];
  bool offered = false;

  card_send (card, frame, frame_dhcp_discover (frame));
  while (!offered)
    {
      g_autoptr (GBytes) bytes = card_next_frame (card);
      size_t size;
      const uint8_t *reply = g_bytes_get_data (bytes, &size);

      if (!frame_is_udp (reply, size, 68))
        continue;
      offered = true;
      g_assert_cmphex (load_be32 (reply + UDP_HEADER_END + 4), ==, 0x12345678);
      g_assert_cmphex (load_be32 (reply + UDP_HEADER_END + 16), ==, GUEST_ADDRESS);
    }
  card_free (card);
}

static void
test_udp (void)
{
  Card *card = card_new ();
  uint8_t frame[FRAME_MAX];
  GThread *server;
  uint16_t port = echo_start (&server);
  bool echoed = false;

  card_send (card, frame, frame_udp (frame, GUEST_ADDRESS, GATEWAY_ADDRESS, 4000, port, "hello", 5));
  while (!echoed)
    {
      g_autoptr (GBytes) bytes = card_next_frame (card);
      size_t size;
      const uint8_t *reply = g_bytes_get_data (bytes, &size);

      if (!frame_is_udp (reply, size, 4000))
        continue;
      echoed = true;
      g_assert_cmpmem (reply + UDP_HEADER_END, 5, "hello", 5);
    }
  g_thread_join (server);
  card_free (card);
}

typedef struct {
  uint16_t port, peer_port;
  uint32_t sent, expected;
  uint16_t window; /* as TcpSegment's */
  size_t n_received;
  bool ended;
} Connection;

static void
send_segment (Card *card, const Connection *connection, uint8_t flags)
{
  TcpSegment segment = {
    connection->port, connection->peer_port, connection->sent, connection->expected, flags, connection->window
  };
  uint8_t frame[FRAME_MAX];

  card_send (card, frame, frame_tcp (frame, GATEWAY_ADDRESS, &segment, NULL, 0));
}

/* Takes one segment as a simple receiver does: in order or not at all. */
static void
take_segment (Card *card, Connection *connection)
{
  g_autoptr (GBytes) bytes = card_next_frame (card);
  TcpSegment segment;
  const uint8_t *payload;
  size_t size, payload_size;
  const uint8_t *frame = g_bytes_get_data (bytes, &size);

  if (!frame_read_tcp (frame, size, connection->port, &segment, &payload, &payload_size))
    return;
  g_assert_cmphex (segment.flags & TCP_RST, ==, 0);
  if (segment.flags & TCP_SYN)
    {
      connection->expected = segment.sequence + 1;
      connection->sent = segment.acknowledged;
    }
  else if (segment.sequence == connection->expected)
    {
      for (size_t i = 0; i < payload_size; i++)
        g_assert_cmpint (payload[i], ==, (uint8_t)((connection->n_received + i) * 7));
      connection->n_received += payload_size;
      connection->expected += (uint32_t)payload_size;
      if (segment.flags & TCP_FIN)
        {
          connection->expected++;
          connection->ended = true;
        }
    }
  else if (payload_size == 0)
    return;
  send_segment (card, connection, TCP_ACK);
}

static void
set_blocked (Card *card, bool blocked)
{
  g_mutex_lock (&card->lock);
  card->blocked = blocked;
  g_mutex_unlock (&card->lock);
  if (!blocked)
    net_receive_ready (card->net);
}

/* A download arrives whole though the card is often full; the frames that it refused weren't lost. */
static void
test_tcp_with_back_pressure (void)
{
  Card *card = card_new ();
  GThread *server;
  Connection connection = { .port = 5000, .peer_port = server_start (DOWNLOAD_SIZE, &server), .sent = 1000 };
  size_t next_stop = DOWNLOAD_SIZE / 10;
  unsigned refused;

  send_segment (card, &connection, TCP_SYN);
  while (!connection.ended)
    {
      if (connection.n_received >= next_stop)
        {
          next_stop += DOWNLOAD_SIZE / 10;
          set_blocked (card, true);
          send_segment (card, &connection, TCP_ACK);
          g_usleep (2000);
          set_blocked (card, false);
        }
      take_segment (card, &connection);
    }
  g_assert_cmpuint (connection.n_received, ==, DOWNLOAD_SIZE);
  g_mutex_lock (&card->lock);
  refused = card->n_refused;
  g_mutex_unlock (&card->lock);
  g_assert_cmpuint (refused, >, 0);
  g_thread_join (server);
  card_free (card);
}

/* --- large segments --- */

/* As send_segment, with the option that says how large segments may be. */
static void
send_syn (Card *card, const Connection *connection)
{
  static const uint8_t option[] = { 2, 4, SEGMENT_SIZE >> 8, SEGMENT_SIZE & 0xff };
  TcpSegment segment = { connection->port, connection->peer_port, connection->sent, 0, TCP_SYN, 0 };
  uint8_t frame[FRAME_MAX];
  size_t size = frame_tcp (frame, GATEWAY_ADDRESS, &segment, option, sizeof option);
  const struct iovec iov = { frame, size };
  const NetOffload offload = { .gso = NET_GSO_TCP4, .segment_size = 1 }; /* the checksum is the card's */

  frame[34 + 12] = 6 << 4;
  g_assert_true (net_send (card->net, &(NetPacket){ &iov, 1, offload }));
}

static void
download (int abilities, bool lose_them)
{
  Card *card = card_new ();
  GThread *server;
  Connection connection = { .port = 5001, .peer_port = server_start (DOWNLOAD_SIZE, &server), .sent = 1000 };
  size_t largest;

  net_set_card_abilities (card->net, abilities);
  send_syn (card, &connection);
  while (!connection.ended)
    {
      take_segment (card, &connection);
      if (lose_them && connection.n_received > DOWNLOAD_SIZE / 2)
        net_set_card_abilities (card->net, 0);
    }
  g_assert_cmpuint (connection.n_received, ==, DOWNLOAD_SIZE);
  g_mutex_lock (&card->lock);
  largest = card->largest;
  g_mutex_unlock (&card->lock);
  if (abilities & NET_CARD_TSO4)
    g_assert_cmpuint (largest, >, 5000);
  else
    g_assert_cmpuint (largest, ==, 0);
  g_thread_join (server);
  card_free (card);
}

/* What a guest takes in large segments comes in such; a driver that doesn't take them any more gets them cut.
 */
static void
test_large_segments (void)
{
  download (NET_CARD_CHECKSUM | NET_CARD_TSO4, false);
  download (NET_CARD_CHECKSUM | NET_CARD_TSO4, true);
  download (NET_CARD_CHECKSUM, false);
}

/* A guest whose window shrinks after it took large segments isn't left to wait for one that no longer fits.
 */
static void
test_small_window (void)
{
  Card *card = card_new ();
  GThread *server;
  Connection connection = { .port = 5002,
                            .peer_port = server_start (SMALL_WINDOW_SIZE, &server),
                            .sent = 1000 };
  gint64 end = g_get_monotonic_time () + CARD_WAIT_SECONDS * G_TIME_SPAN_SECOND;

  net_set_card_abilities (card->net, NET_CARD_CHECKSUM | NET_CARD_TSO4);
  send_syn (card, &connection);
  while (!connection.ended)
    {
      take_segment (card, &connection);
      if (connection.n_received > SMALL_WINDOW_SIZE / 4)
        connection.window = SMALL_WINDOW;
      /* It would be probed each five seconds for some KiB (RFC 9293, section 3.8.6.1). */
      g_assert_cmpint (g_get_monotonic_time (), <, end);
    }
  g_assert_cmpuint (connection.n_received, ==, SMALL_WINDOW_SIZE);
  g_thread_join (server);
  card_free (card);
}

static gpointer
take_upload (gpointer data)
{
  int fd = GPOINTER_TO_INT (data);
  int client = accept (fd, NULL, NULL);
  uint8_t bytes[4096];
  size_t done = 0;
  ssize_t n;

  while ((n = read (client, bytes, sizeof bytes)) > 0)
    for (ssize_t i = 0; i < n; i++)
      g_assert_cmpint (bytes[i], ==, (uint8_t)(done++ * 7));
  close (client);
  close (fd);
  return GSIZE_TO_POINTER (done);
}

/* A guest's large segments reach the host's sockets whole. */
static void
test_upload (void)
{
  Card *card = card_new ();
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autofree uint8_t *frame = g_malloc (NET_PACKET_MAX);
  g_autofree uint8_t *bytes = g_malloc (UPLOAD_PIECE);
  Connection connection = { .port = 5002, .sent = 1000 };
  GThread *server;
  uint32_t start;

  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  connection.peer_port = ntohs (address.sin_port);
  server = g_thread_new ("upload", take_upload, GINT_TO_POINTER (fd));
  send_syn (card, &connection);
  while (connection.expected == 0)
    take_segment (card, &connection);
  start = connection.sent;
  while (connection.sent - start < UPLOAD_SIZE)
    {
      uint32_t done = connection.sent - start;
      size_t part = MIN (UPLOAD_PIECE, UPLOAD_SIZE - done);
      TcpSegment segment = { connection.port, connection.peer_port,
                             connection.sent, connection.expected,
                             TCP_ACK,         0 };
      struct iovec iov = { frame, 0 };

      for (size_t i = 0; i < part; i++)
        bytes[i] = (uint8_t)((done + i) * 7);
      iov.iov_len = frame_tcp (frame, GATEWAY_ADDRESS, &segment, bytes, part);
      memset (frame + 50, 0xaa, 2); /* the checksum */
      memset (frame + 16, 0xbb, 2); /* IP's length */
      g_assert_true (
        net_send (card->net, &(NetPacket){ &iov, 1, { .gso = NET_GSO_TCP4, .segment_size = SEGMENT_SIZE } }));
      /* One at a time: the next when this one is acknowledged. */
      while (connection.sent < segment.sequence + part)
        {
          g_autoptr (GBytes) answer = card_next_frame (card);
          const uint8_t *payload;
          size_t size, payload_size;
          const uint8_t *data = g_bytes_get_data (answer, &size);

          if (frame_read_tcp (data, size, connection.port, &segment, &payload, &payload_size))
            connection.sent = MAX (connection.sent, segment.acknowledged);
          segment.sequence = start + done;
        }
    }
  send_segment (card, &connection, TCP_FIN | TCP_ACK);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (server)), ==, UPLOAD_SIZE);
  card_free (card);
}

static gpointer
answer_large (gpointer data)
{
  int fd = GPOINTER_TO_INT (data);
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  uint8_t bytes[5000] = { 0 };

  if (recvfrom (fd, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, &length) > 0)
    sendto (fd, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, length);
  close (fd);
  return NULL;
}

/* A datagram that is larger than the network carries comes in fragments. */
static void
test_large_datagram (void)
{
  Card *card = card_new ();
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  uint8_t frame[FRAME_MAX];
  size_t received = 0;
  GThread *server;

  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  server = g_thread_new ("answer", answer_large, GINT_TO_POINTER (fd));
  card_send (card, frame,
             frame_udp (frame, GUEST_ADDRESS, GATEWAY_ADDRESS, 4000, ntohs (address.sin_port), "?", 1));
  while (received < 5000 + 8)
    {
      g_autoptr (GBytes) bytes = card_next_frame (card);
      size_t size;
      const uint8_t *piece = g_bytes_get_data (bytes, &size);

      if (frame_type (piece) != 0x0800 || piece[23] != 17)
        continue;
      g_assert_cmpuint ((load_be16 (piece + 20) & 0x1fff) * 8u, ==, received);
      received += load_be16 (piece + 16) - 20u;
      g_assert_cmpint (!!(load_be16 (piece + 20) & 0x2000), ==, received < 5000 + 8);
    }
  g_thread_join (server);
  card_free (card);
}

static void
block_loop (void *data)
{
  Card *card = data;
  unsigned n_sent = 0;
  uint8_t frame[FRAME_MAX];
  size_t size = frame_arp_request (frame, GATEWAY_ADDRESS);
  struct iovec iov = { frame, size };

  /* The loop is busy here, so that nothing leaves the queue. */
  while (net_send (card->net, &(NetPacket){ .iov = &iov, .n_iov = 1 }))
    n_sent++;
  g_assert_cmpuint (n_sent, <=, NET_QUEUE_MAX);
  g_assert_cmpuint (n_sent, >=, NET_QUEUE_MAX - 1);
}

static void
test_send_is_bounded (void)
{
  Card *card = card_new ();
  gint64 end = g_get_monotonic_time () + CARD_WAIT_SECONDS * G_TIME_SPAN_SECOND;

  loop_call_sync (card->loop, block_loop, card);
  g_mutex_lock (&card->lock);
  while (card->n_ready == 0)
    g_assert_true (g_cond_wait_until (&card->cond, &card->lock, end));
  g_mutex_unlock (&card->lock);
  card_free (card);
}

/* A guest that opens connections for ever finds an end, and gets on when it closes some. */
static void
test_connections_are_bounded (void)
{
  Card *card = card_new ();
  uint8_t frame[FRAME_MAX];
  unsigned n_fds = 0;

  for (uint16_t port = 1000; port < 6000; port++)
    {
      struct iovec iov = { frame, frame_udp (frame, GUEST_ADDRESS, GATEWAY_ADDRESS, port, 9, "x", 1) };

      while (!net_send (card->net, &(NetPacket){ .iov = &iov, .n_iov = 1 }))
        loop_call_sync (card->loop, nothing, NULL);
    }
  loop_call_sync (card->loop, nothing, NULL);
  loop_call_sync (card->loop, nothing, NULL);
  {
    g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);

    while (g_dir_read_name (dir))
      n_fds++;
  }
  g_assert_cmpuint (n_fds, <, 1024 + 64);
  card_free (card);
}

/* Random frames, many of them nearly right. */
static void
test_random (void)
{
  Card *card = card_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  uint8_t frame[NET_FRAME_MAX];

  for (unsigned i = 0; i < N_RANDOM; i++)
    {
      TcpSegment segment = { 1, 2, 3, 4, (uint8_t)g_rand_int (rand), 0 };
      size_t size = (size_t)g_rand_int_range (rand, 0, 200);
      struct iovec iov = { frame, 0 };

      for (size_t k = 0; k < size; k++)
        frame[k] = (uint8_t)g_rand_int (rand);
      switch (g_rand_int_range (rand, 0, 4))
        {
        case 0:
          size = MAX (frame_dhcp_discover (frame), size);
          break;
        case 1:
          size = MAX (frame_arp_request (frame, g_rand_int (rand)), size);
          break;
        case 2:
          /* TEST-NET-1: nobody is there. */
          size = frame_tcp (frame, 0xc0000200u | (g_rand_int (rand) & 0xff), &segment, "data", 4);
          break;
        default:
          break;
        }
      for (int n = g_rand_int_range (rand, 0, 4); n > 0 && size > 14; n--)
        frame[g_rand_int_range (rand, 14, (gint32)size)] = (uint8_t)g_rand_int (rand);
      iov.iov_len = size;
      while (!net_send (card->net, &(NetPacket){ .iov = &iov, .n_iov = 1 }))
        loop_call_sync (card->loop, nothing, NULL);
      if (i % 256 == 0)
        {
          g_mutex_lock (&card->lock);
          g_queue_clear_full (&card->frames, (GDestroyNotify)g_bytes_unref);
          g_mutex_unlock (&card->lock);
        }
    }
  card_free (card);
}

/* Nothing to do, nothing done: without connections the loop sleeps. */
static void
count_iteration (void *data)
{
  g_atomic_int_inc ((int *)data);
}

static void
test_idle (void)
{
  Card *card = card_new ();
  int n = 0;

  g_bytes_unref (card_next_frame (card));
  loop_call_sync (card->loop, nothing, NULL);
  loop_call_sync (card->loop, nothing, NULL);
  loop_set_iteration_hook (card->loop, count_iteration, &n);
  loop_call_sync (card->loop, nothing, NULL);
  g_atomic_int_set (&n, 0);
  g_usleep (2500 * 1000);
  g_assert_cmpint (g_atomic_int_get (&n), <=, 1);
  loop_set_iteration_hook (card->loop, NULL, NULL);
  card_free (card);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/nat/arp", test_arp);
  g_test_add_func ("/nat/dhcp", test_dhcp);
  g_test_add_func ("/nat/udp", test_udp);
  g_test_add_func ("/nat/tcp-with-back-pressure", test_tcp_with_back_pressure);
  g_test_add_func ("/nat/large-segments", test_large_segments);
  g_test_add_func ("/nat/small-window", test_small_window);
  g_test_add_func ("/nat/upload", test_upload);
  g_test_add_func ("/nat/large-datagram", test_large_datagram);
  g_test_add_func ("/nat/send-is-bounded", test_send_is_bounded);
  g_test_add_func ("/nat/connections-are-bounded", test_connections_are_bounded);
  g_test_add_func ("/nat/idle", test_idle);
  g_test_add_func ("/nat/random", test_random);
  return g_test_run ();
}
