/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/net-frames.h"

#include "vmm/base/bytes.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

/* RFC 1071. */
static uint32_t
sum (uint32_t total, const uint8_t *data, size_t size)
{
  for (size_t i = 0; i < size; i++)
    total += i % 2 ? data[i] : (uint32_t)data[i] << 8;
  return total;
}

static uint16_t
fold (uint32_t total)
{
  while (total > 0xffff)
    total = (total & 0xffff) + (total >> 16);
  return (uint16_t)~total;
}

static void
put_ethernet (uint8_t *frame, uint16_t type)
{
  memset (frame, 0xff, 6);
  memcpy (frame + 6, guest_mac, 6);
  store_be16 (frame + 12, type);
}

size_t
frame_arp_request (uint8_t *frame, uint32_t target)
{
  memset (frame, 0, 60);
  put_ethernet (frame, TYPE_ARP);
  store_be16 (frame + 14, 1);
  store_be16 (frame + 16, TYPE_IPV4);
  frame[18] = 6;
  frame[19] = 4;
  store_be16 (frame + 20, 1);
  memcpy (frame + 22, guest_mac, 6);
  store_be32 (frame + 28, GUEST_ADDRESS);
  store_be32 (frame + 38, target);
  return 60;
}

size_t
frame_arp_reply (uint8_t *frame, const uint8_t *request, size_t size)
{
  if (size < 42 || frame_type (request) != TYPE_ARP || load_be16 (request + 20) != 1
      || load_be32 (request + 38) != GUEST_ADDRESS)
    return 0;
  frame_arp_request (frame, load_be32 (request + 28));
  store_be16 (frame + 20, 2);
  memcpy (frame + 32, request + 22, 6);
  return 60;
}

static void
put_ipv4 (uint8_t *frame, uint32_t from, uint32_t to, uint8_t protocol, size_t payload)
{
  uint8_t *ip = frame + 14;

  put_ethernet (frame, TYPE_IPV4);
  memset (ip, 0, 20);
  ip[0] = 0x45;
  store_be16 (ip + 2, (uint16_t)(20 + payload));
  ip[8] = 64;
  ip[9] = protocol;
  store_be32 (ip + 12, from);
  store_be32 (ip + 16, to);
  store_be16 (ip + 10, fold (sum (0, ip, 20)));
}

size_t
frame_udp (uint8_t *frame, uint32_t from, uint32_t to, uint16_t port, uint16_t peer_port, const void *data,
           size_t size)
{
  uint8_t *udp = frame + 34;

  put_ipv4 (frame, from, to, PROTOCOL_UDP, 8 + size);
  store_be16 (udp, port);
  store_be16 (udp + 2, peer_port);
  store_be16 (udp + 4, (uint16_t)(8 + size));
  store_be16 (udp + 6, 0); /* no checksum */
  memcpy (udp + 8, data, size);
  return UDP_HEADER_END + size;
}

size_t
frame_tcp (uint8_t *frame, uint32_t to, const TcpSegment *segment, const void *data, size_t size)
{
  uint8_t *tcp = frame + 34;
  uint32_t total;

  put_ipv4 (frame, GUEST_ADDRESS, to, PROTOCOL_TCP, 20 + size);
  memset (tcp, 0, 20);
  store_be16 (tcp, segment->port);
  store_be16 (tcp + 2, segment->peer_port);
  store_be32 (tcp + 4, segment->sequence);
  store_be32 (tcp + 8, segment->acknowledged);
  tcp[12] = 5 << 4;
  tcp[13] = segment->flags;
  store_be16 (tcp + 14, segment->window != 0 ? segment->window : 32768);
  if (size > 0)
    memcpy (tcp + 20, data, size);
  total = sum (PROTOCOL_TCP + 20 + (uint32_t)size, frame + 26, 8);
  store_be16 (tcp + 16, fold (sum (total, tcp, 20 + size)));
  return TCP_HEADER_END + size;
}

size_t
frame_dhcp_discover (uint8_t *frame)
{
  uint8_t message[300] = { 1, 1, 6, 0 };

  store_be32 (message + 4, 0x12345678);
  memcpy (message + 28, guest_mac, 6);
  store_be32 (message + 236, 0x63825363);
  message[240] = 53; /* DHCP message type: discover */
  message[241] = 1;
  message[242] = 1;
  message[243] = 255;
  return frame_udp (frame, 0, 0xffffffff, 68, 67, message, sizeof message);
}

uint16_t
frame_type (const uint8_t *frame)
{
  return load_be16 (frame + 12);
}

bool
frame_is_udp (const uint8_t *frame, size_t size, uint16_t port)
{
  return size >= UDP_HEADER_END && frame_type (frame) == TYPE_IPV4 && frame[23] == PROTOCOL_UDP
         && load_be16 (frame + 36) == port;
}

bool
frame_read_tcp (const uint8_t *frame, size_t size, uint16_t port, TcpSegment *segment,
                const uint8_t **payload, size_t *payload_size)
{
  const uint8_t *tcp = frame + 34;
  size_t end, header;

  if (size < TCP_HEADER_END || frame_type (frame) != TYPE_IPV4 || frame[23] != PROTOCOL_TCP
      || load_be16 (tcp + 2) != port)
    return false;
  *segment = (TcpSegment){ load_be16 (tcp), load_be16 (tcp + 2), load_be32 (tcp + 4), load_be32 (tcp + 8),
                           tcp[13],         load_be16 (tcp + 14) };
  header = 34 + (size_t)(tcp[12] >> 4) * 4;
  end = 14 + (size_t)load_be16 (frame + 16); /* short frames are padded */
  g_assert_cmpuint (header, <=, end);
  g_assert_cmpuint (end, <=, size);
  *payload = frame + header;
  *payload_size = end - header;
  return true;
}

/* --- servers --- */

typedef struct {
  int fd;
  size_t size;
} Server;

static uint16_t
bind_here (int fd)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;

  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  return ntohs (address.sin_port);
}

static gpointer
serve (gpointer data)
{
  g_autofree Server *server = data;
  g_autofree uint8_t *bytes = g_malloc (server->size);
  int client = accept (server->fd, NULL, NULL);
  size_t done = 0;

  for (size_t i = 0; i < server->size; i++)
    bytes[i] = (uint8_t)(i * 7);
  while (done < server->size)
    {
      ssize_t n = send (client, bytes + done, server->size - done, MSG_NOSIGNAL);

      if (n <= 0)
        break;
      done += (size_t)n;
    }
  close (client);
  close (server->fd);
  return NULL;
}

uint16_t
server_start (size_t size, GThread **thread)
{
  Server *server = g_new0 (Server, 1);
  uint16_t port;

  server->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  server->size = size;
  port = bind_here (server->fd);
  g_assert_cmpint (listen (server->fd, 4), ==, 0);
  *thread = g_thread_new ("server", serve, server);
  return port;
}

static gpointer
echo (gpointer data)
{
  int fd = GPOINTER_TO_INT (data);
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  uint8_t bytes[2048];
  ssize_t n = recvfrom (fd, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, &length);

  if (n > 0)
    n = sendto (fd, bytes, (size_t)n, 0, (struct sockaddr *)&peer, length);
  close (fd);
  return NULL;
}

uint16_t
echo_start (GThread **thread)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  uint16_t port = bind_here (fd);

  *thread = g_thread_new ("echo", echo, GINT_TO_POINTER (fd));
  return port;
}
