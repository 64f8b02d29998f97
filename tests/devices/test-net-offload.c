/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checksums and cutting, against sums made the slow way (RFC 1071, section 1). */
#include "devices/net/nat-flows.h"
#include "devices/net/net-offload.h"
#include "tests/devices/net-frames.h"
#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

#include <netinet/in.h>

#define LARGE    20000u
#define N_RANDOM 20000u

static uint16_t
slow_sum (uint32_t total, const uint8_t *data, size_t size)
{
  for (size_t i = 0; i < size; i++)
    {
      total += i % 2 ? data[i] : (uint32_t)data[i] << 8;
      total = (total & 0xffff) + (total >> 16);
    }
  return (uint16_t)total;
}

/* Of an IPv4 or IPv6 frame without options whose transport begins at @transport. */
static void
assert_transport_is_right (const uint8_t *frame, size_t size, unsigned transport, unsigned addresses,
                           unsigned n_addresses, uint8_t protocol)
{
  uint32_t total = protocol + (uint32_t)(size - transport);

  total += slow_sum (0, frame + addresses, n_addresses);
  g_assert_cmphex (slow_sum (total, frame + transport, size - transport), ==, 0xffff);
}

static void
assert_ipv4_is_right (const uint8_t *frame, size_t size, unsigned network)
{
  g_assert_cmphex (slow_sum (0, frame + network, 20), ==, 0xffff);
  g_assert_cmpuint (load_be16 (frame + network + 2), ==, size - network);
}

static void
test_sums (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  uint8_t data[300];

  for (unsigned i = 0; i < sizeof data; i++)
    data[i] = (uint8_t)g_rand_int (rand);
  for (unsigned start = 0; start < 9; start++)
    for (unsigned size = 0; size + start <= sizeof data; size++)
      g_assert_cmphex (net_sum_fold (net_sum_add (7, data + start, size)), ==,
                       slow_sum (7, data + start, size));
  memset (data, 0xff, sizeof data);
  g_assert_cmphex (net_sum_fold (net_sum_add (0, data, sizeof data)), ==, 0xffff);
}

/* RFC 768: what a driver leaves to the card. */
static void
test_complete_udp (void)
{
  NetOffload offload = { .checksum_needed = true, .checksum_start = 34, .checksum_offset = 6 };
  uint8_t frame[FRAME_MAX];
  size_t size = frame_udp (frame, GUEST_ADDRESS, GATEWAY_ADDRESS, 1, 2, "hello", 5);
  NetLayout layout;

  g_assert_true (net_layout_read (&layout, frame, size, false));
  g_assert_cmpuint (layout.protocol, ==, IPPROTO_UDP);
  store_be16 (frame + 40, net_sum_fold (net_sum_pseudo (frame, &layout, size - 34)));
  g_assert_true (net_complete (frame, size, &offload));
  assert_transport_is_right (frame, size, 34, 26, 8, IPPROTO_UDP);

  offload.checksum_start = (uint16_t)(size - 7);
  g_assert_false (net_complete (frame, size, &offload));
  offload.checksum_start = 0xffff;
  offload.checksum_offset = 0xffff;
  g_assert_false (net_complete (frame, size, &offload));
  offload.checksum_start = (uint16_t)(size - 1);
  offload.checksum_offset = 0;
  g_assert_false (net_complete (frame, size, &offload));
}

/* A segment of TCP that is larger than any frame; its length and checksums are left out. @network: where IP
 * begins. */
static size_t
large_segment (uint8_t *frame, unsigned network, bool ipv6, size_t payload)
{
  unsigned header = ipv6 ? 40 : 20;
  uint8_t *ip = frame + network, *tcp = ip + header;

  memset (frame, 0, network + header + 20);
  if (network == 18)
    {
      store_be16 (frame + 12, 0x8100);
      store_be16 (frame + 14, 5);
    }
  store_be16 (frame + network - 2, ipv6 ? 0x86dd : 0x0800);
  ip[0] = ipv6 ? 0x60 : 0x45;
  ip[ipv6 ? 6 : 9] = IPPROTO_TCP;
  memset (ip + (ipv6 ? 8 : 12), 0x11, ipv6 ? 32 : 8);
  if (!ipv6)
    store_be16 (ip + 4, 0xffff); /* the identification goes on from there */
  store_be16 (tcp, 80);
  store_be32 (tcp + 4, 0xfffff000);
  tcp[12] = 5 << 4;
  tcp[13] = TCP_FIN | TCP_PSH | TCP_ACK | 0x80;
  for (size_t i = 0; i < payload; i++)
    tcp[20 + i] = (uint8_t)(i * 13);
  return network + header + 20 + payload;
}

static void
test_complete_tcp (void)
{
  NetOffload offload = { .checksum_needed = true, .gso = NET_GSO_TCP4, .segment_size = 1000 };
  g_autofree uint8_t *frame = g_malloc (NET_PACKET_MAX);
  size_t size = large_segment (frame, 14, false, LARGE);

  g_assert_true (net_complete (frame, size, &offload));
  assert_ipv4_is_right (frame, size, 14);
  assert_transport_is_right (frame, size, 34, 26, 8, IPPROTO_TCP);

  frame[23] = IPPROTO_UDP;
  g_assert_false (net_complete (frame, size, &offload));
}

typedef struct {
  unsigned network, n;
  bool ipv6;
  size_t size, payload; /* of each; seen so far */
  size_t stop_after;
} Pieces;

static bool
take_piece (void *data, const NetPacket *packet)
{
  Pieces *pieces = data;
  uint8_t frame[2000] = { 0 };
  size_t size = iov_gather (packet->iov, packet->n_iov, 0, frame, sizeof frame);
  unsigned transport = pieces->network + (pieces->ipv6 ? 40 : 20);
  const uint8_t *tcp = frame + transport;
  bool last = size - transport - 20 < pieces->size;

  g_assert_cmpuint (packet->offload.gso, ==, NET_GSO_NONE);
  g_assert_cmpuint (size, ==, net_iov_size (packet->iov, packet->n_iov));
  assert_transport_is_right (frame, size, transport, pieces->network + (pieces->ipv6 ? 8 : 12),
                             pieces->ipv6 ? 32 : 8, IPPROTO_TCP);
  if (pieces->ipv6)
    g_assert_cmpuint (load_be16 (frame + pieces->network + 4), ==, size - transport);
  else
    {
      assert_ipv4_is_right (frame, size, pieces->network);
      g_assert_cmphex (load_be16 (frame + pieces->network + 4), ==, (uint16_t)(0xffff + pieces->n));
    }
  g_assert_cmphex (load_be32 (tcp + 4), ==, (uint32_t)(0xfffff000 + pieces->payload));
  g_assert_cmphex (tcp[13], ==, TCP_ACK | (last ? TCP_FIN | TCP_PSH : 0) | (pieces->n == 0 ? 0x80 : 0));
  for (size_t i = transport + 20; i < size; i++)
    g_assert_cmpint (frame[i], ==, (uint8_t)(pieces->payload++ * 13));
  pieces->n++;
  return pieces->n != pieces->stop_after;
}

static void
test_cut_tcp (void)
{
  g_autofree uint8_t *frame = g_malloc (NET_PACKET_MAX);

  for (unsigned kind = 0; kind < 4; kind++)
    {
      Pieces pieces = { .network = kind & 1 ? 18 : 14, .ipv6 = kind & 2, .size = 1448 };
      Pieces stopped = { .network = pieces.network, .ipv6 = pieces.ipv6, .size = 1448, .stop_after = 3 };
      size_t size = large_segment (frame, pieces.network, pieces.ipv6, LARGE);

      g_assert_true (net_cut_tcp (frame, size, 1448, take_piece, &pieces));
      g_assert_cmpuint (pieces.payload, ==, LARGE);
      g_assert_cmpuint (pieces.n, ==, (LARGE + 1447) / 1448);
      g_assert_false (net_cut_tcp (frame, size, 1448, take_piece, &stopped));
      g_assert_cmpuint (stopped.n, ==, 3);
      g_assert_false (net_cut_tcp (frame, size, 0, take_piece, &stopped));
    }
}

static bool
take_fragment (void *data, const NetPacket *packet)
{
  size_t *payload = data;
  uint8_t frame[2000] = { 0 };
  size_t size = iov_gather (packet->iov, packet->n_iov, 0, frame, sizeof frame);
  bool more = *payload + size - 34 < LARGE + 8;

  assert_ipv4_is_right (frame, size, 14);
  g_assert_cmpuint (size, <=, 14 + 1500);
  g_assert_cmphex (load_be16 (frame + 20), ==, *payload / 8 | (more ? 0x2000 : 0));
  *payload += size - 34;
  return true;
}

/* RFC 791, section 3.2. */
static void
test_cut_ipv4 (void)
{
  g_autofree uint8_t *frame = g_malloc0 (NET_PACKET_MAX);
  g_autofree uint8_t *data = g_malloc0 (LARGE);
  size_t size = frame_udp (frame, GATEWAY_ADDRESS, GUEST_ADDRESS, 1, 2, data, LARGE);
  size_t payload = 0;

  g_assert_true (net_cut_ipv4 (frame, size, 1500, take_fragment, &payload));
  g_assert_cmpuint (payload, ==, LARGE + 8);
  frame[20] |= 0x40; /* don't fragment */
  g_assert_false (net_cut_ipv4 (frame, size, 1500, take_fragment, &payload));
  frame[20] = 0;
  g_assert_false (net_cut_ipv4 (frame, size, 27, take_fragment, &payload));
}

static bool
count_piece (void *data, const NetPacket *packet)
{
  size_t *n = data;

  g_assert_cmpuint (net_iov_size (packet->iov, packet->n_iov), <=, NET_PACKET_MAX);
  return ++*n < 2000;
}

/* Frames that are nearly right. The sanitizers watch. */
static void
test_hostile (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autoptr (NatFlows) flows = nat_flows_new ();

  for (unsigned i = 0; i < N_RANDOM; i++)
    {
      unsigned network = g_rand_boolean (rand) ? 18 : 14;
      size_t whole = (size_t)g_rand_int_range (rand, 0, 400);
      size_t size = 0, n = 0;
      NetOffload offload = { .checksum_needed = g_rand_boolean (rand),
                             .checksum_start = (uint16_t)g_rand_int_range (rand, 0, 600),
                             .checksum_offset = (uint16_t)g_rand_int_range (rand, 0, 40),
                             .gso = (NetGso)g_rand_int_range (rand, 0, 3) };
      g_autofree uint8_t *larger = g_malloc (1000);
      g_autofree uint8_t *frame = NULL;

      size = large_segment (larger, network, g_rand_boolean (rand), whole);
      for (int k = g_rand_int_range (rand, 0, 6); k > 0; k--)
        larger[g_rand_int_range (rand, 12, 90)] = (uint8_t)g_rand_int (rand);
      size = (size_t)g_rand_int_range (rand, NET_HEADER, (gint32)size + 1);
      frame = g_memdup2 (larger, size); /* so that what lies behind is seen */
      net_cut_tcp (frame, size, (unsigned)g_rand_int_range (rand, 1, 300), count_piece, &n);
      net_cut_ipv4 (frame, size, (unsigned)g_rand_int_range (rand, 0, 300), count_piece, &n);
      net_complete (frame, size, &offload);
      nat_flows_enlarge (flows, frame, size, 16384);
    }
}

/* --- the NAT's memory of segment sizes --- */

/* A SYN whose option lies @padding bytes behind TCP's header. */
static size_t
syn (uint8_t *frame, uint16_t port, unsigned padding, uint16_t segment_size)
{
  TcpSegment segment = { .port = port, .peer_port = 80, .sequence = 1, .flags = TCP_SYN };
  uint8_t options[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
  size_t size;
  NetLayout layout;

  options[padding] = 2;
  options[padding + 1] = 4;
  store_be16 (options + padding + 2, segment_size);
  size = frame_tcp (frame, GATEWAY_ADDRESS, &segment, options, sizeof options);
  frame[34 + 12] = 7 << 4;
  g_assert_true (net_layout_read (&layout, frame, size, false));
  store_be16 (frame + 50, 0);
  store_be16 (frame + 50,
              (uint16_t)~net_sum_fold (net_sum_add (net_sum_pseudo (frame, &layout, 28), frame + 34, 28)));
  return size;
}

static unsigned
answered_with (const NatFlows *flows, uint16_t port, uint32_t from)
{
  uint8_t frame[FRAME_MAX];
  TcpSegment segment = { .port = 80, .peer_port = port, .flags = TCP_ACK };
  size_t size = frame_tcp (frame, GUEST_ADDRESS, &segment, NULL, 0);
  NetLayout layout;

  store_be32 (frame + 26, from);
  g_assert_true (net_layout_read (&layout, frame, size, false));
  return nat_flows_segment_size (flows, frame, &layout);
}

static void
test_flows (void)
{
  g_autoptr (NatFlows) flows = nat_flows_new ();
  uint8_t frame[FRAME_MAX], before[FRAME_MAX];

  for (unsigned padding = 0; padding < 5; padding++)
    {
      size_t size = syn (frame, (uint16_t)(1000 + padding), padding, 1460);

      nat_flows_enlarge (flows, frame, size, 16384);
      g_assert_cmpuint (load_be16 (frame + 54 + padding + 2), ==, 16384 / 1460 * 1460);
      assert_transport_is_right (frame, size, 34, 26, 8, IPPROTO_TCP);
      g_assert_cmpuint (answered_with (flows, (uint16_t)(1000 + padding), GATEWAY_ADDRESS), ==, 1460);
    }
  g_assert_cmpuint (answered_with (flows, 1000, GATEWAY_ADDRESS + 1), ==, 536);
  g_assert_cmpuint (answered_with (flows, 2000, GATEWAY_ADDRESS), ==, 536);

  /* Those who want little, or much already, are let alone. */
  for (unsigned i = 0; i < 3; i++)
    {
      static const uint16_t sizes[] = { 100, 9000, 0xffff };
      size_t size = syn (frame, 3000, 0, sizes[i]);

      memcpy (before, frame, size);
      nat_flows_enlarge (flows, frame, size, 16384);
      g_assert_cmpmem (frame, size, before, size);
    }
}

/* More connections than there are places: the table doesn't grow, the newest are right. */
static void
test_many_flows (void)
{
  g_autoptr (NatFlows) flows = nat_flows_new ();
  uint8_t frame[FRAME_MAX];
  unsigned n_known = 0;

  for (unsigned port = 1; port < 20000; port++)
    {
      nat_flows_enlarge (flows, frame, syn (frame, (uint16_t)port, 0, 1400), 16384);
      g_assert_cmpuint (answered_with (flows, (uint16_t)port, GATEWAY_ADDRESS), ==, 1400);
    }
  for (unsigned port = 1; port < 20000; port++)
    {
      unsigned segment_size = answered_with (flows, (uint16_t)port, GATEWAY_ADDRESS);

      g_assert_true (segment_size == 1400 || segment_size == 536);
      n_known += segment_size == 1400;
    }
  g_assert_cmpuint (n_known, <=, 4096);
  g_assert_cmpuint (n_known, >=, 2048);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net-offload/sums", test_sums);
  g_test_add_func ("/net-offload/complete-udp", test_complete_udp);
  g_test_add_func ("/net-offload/complete-tcp", test_complete_tcp);
  g_test_add_func ("/net-offload/cut-tcp", test_cut_tcp);
  g_test_add_func ("/net-offload/cut-ipv4", test_cut_ipv4);
  g_test_add_func ("/net-offload/hostile", test_hostile);
  g_test_add_func ("/net-offload/flows", test_flows);
  g_test_add_func ("/net-offload/many-flows", test_many_flows);
  return g_test_run ();
}
