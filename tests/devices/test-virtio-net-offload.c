/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network card (virtio 1.2, section 5.1), with the NAT behind it: offloads, the control queue, the link.
 */
#include "devices/virtio/virtio-net.h"

#include "tests/devices/net-driver.h"
#include "vmm/base/bytes.h"

/* --- offloads --- */

/* 5.1.6.2: checksums that are the card's; 5.1.6.4: those that it vouches for. */
static void
test_checksum (void)
{
  uint8_t frame[FRAME_MAX], *header;
  unsigned n_buffers;
  size_t size;
  NetDriver driver;
  GuestBuffer buffer = { TX_FRAME, 0, false };

  net_driver_start (&driver, "nat", F_CSUM | F_GUEST_CSUM | F_MRG_RXBUF, 1526);
  driver.looks_at_headers = true;
  net_driver_offer (&driver, 4);
  size = frame_dhcp_discover (frame);
  header = bench_memory (driver.bench, TX_FRAME, HEADER_SIZE + size);
  memset (header, 0, HEADER_SIZE);
  header[0] = 1;
  store_le16 (header + 6, 34);
  store_le16 (header + 8, 6);
  memcpy (header + HEADER_SIZE, frame, size);
  /* UDP's pseudo header: all ones, 17, the length twice with the one in UDP's own header. */
  store_be16 (header + HEADER_SIZE + 40, (uint16_t)(17 + size - 34));
  buffer.length = (uint32_t)(HEADER_SIZE + size);
  guest_queue_add (&driver.tx, &buffer, 1);
  guest_queue_kick (&driver.tx);
  guest_queue_wait (&driver.tx, NULL);
  size = net_driver_receive (&driver, 0, frame, &n_buffers);
  frame_assert_is_offer (frame, size);
  header = bench_memory (driver.bench, RX_BUFFERS, HEADER_SIZE);
  g_assert_cmphex (header[0], ==, 2); /* DATA_VALID */
  g_assert_cmphex (header[1], ==, 0);
  bench_free (driver.bench);
}

/* Waits for a TCP segment to @port, in one frame or several buffers. Returns: how large its frame was. */
static size_t
receive_tcp (NetDriver *driver, uint16_t port, TcpSegment *segment, size_t *payload_size, uint8_t *header)
{
  g_autofree uint8_t *frame = g_malloc (1 << 17);
  const uint8_t *payload;

  for (;;)
    {
      unsigned first = driver->n_taken % 64, n_buffers;
      size_t size;
      uint8_t reply[FRAME_MAX];

      memcpy (header, bench_memory (driver->bench, RX_BUFFERS + first * (uint64_t)RX_STRIDE, HEADER_SIZE),
              HEADER_SIZE);
      size = net_driver_receive (driver, first, frame, &n_buffers);
      memcpy (header, bench_memory (driver->bench, RX_BUFFERS + first * (uint64_t)RX_STRIDE, HEADER_SIZE),
              HEADER_SIZE);
      driver->n_taken += n_buffers;
      net_driver_offer (driver, n_buffers);
      if (frame_arp_reply (reply, frame, size) > 0)
        net_driver_transmit (driver, reply, frame_arp_reply (reply, frame, size), true);
      if (!frame_read_tcp (frame, size, port, segment, &payload, payload_size))
        continue;
      if (segment->flags & TCP_SYN)
        driver->stream_start = segment->sequence + 1;
      /* On a slow host the acknowledgement may come too late: what was sent again is known. */
      if (*payload_size == 0 || segment->sequence - driver->stream_start == (uint32_t)driver->n_stream)
        {
          for (size_t i = 0; i < *payload_size; i++)
            g_assert_cmpint (payload[i], ==, (uint8_t)((driver->n_stream + i) * 7));
          return size;
        }
    }
}

/* 5.1.6.4: a download in segments that are larger than the network's frames; half-way the machine's state is
 * saved and loaded, and the driver stops taking them. */
static void
test_large_receive (void)
{
  static const uint8_t option[] = { 2, 4, 1460 >> 8, 1460 & 0xff };
  NetDriver driver;
  GThread *server;
  TcpSegment segment = { .port = 7000, .peer_port = server_start (400000, &server), .flags = TCP_SYN };
  uint8_t frame[FRAME_MAX], header[HEADER_SIZE];
  size_t size, payload_size, largest = 0;
  bool ended = false, saved = false;

  net_driver_start (&driver, "nat",
                    F_CONTROL | F_CSUM | F_GUEST_CSUM | F_GUEST_TSO4 | F_HOST_TSO4 | F_MRG_RXBUF, 2048);
  driver.looks_at_headers = true;
  net_driver_offer (&driver, 60);
  size = frame_tcp (frame, GATEWAY_ADDRESS, &segment, option, sizeof option);
  frame[34 + 12] = 6 << 4;
  memset (frame + 50, 0, 2);
  {
    /* As a segment to cut, so that the card does its checksum. */
    GuestBuffer buffer = { TX_FRAME, (uint32_t)(HEADER_SIZE + size), false };
    uint8_t *tx = bench_memory (driver.bench, TX_FRAME, HEADER_SIZE + size);

    memset (tx, 0, HEADER_SIZE);
    tx[0] = 1;
    tx[1] = 1;
    store_le16 (tx + 4, 1460);
    store_le16 (tx + 6, 34);
    store_le16 (tx + 8, 16);
    memcpy (tx + HEADER_SIZE, frame, size);
    guest_queue_add (&driver.tx, &buffer, 1);
    guest_queue_kick (&driver.tx);
    guest_queue_wait (&driver.tx, NULL);
  }
  while (!ended)
    {
      TcpSegment got;

      size = receive_tcp (&driver, 7000, &got, &payload_size, header);
      largest = MAX (largest, size);
      if (size > FRAME_MAX)
        {
          g_assert_cmphex (header[0], ==, 1);
          g_assert_cmphex (header[1], ==, 1);
          g_assert_cmpuint (load_le16 (header + 2), ==, 54);
          g_assert_cmpuint (load_le16 (header + 4), ==, 1460);
          g_assert_cmpuint (load_le16 (header + 6), ==, 34);
          g_assert_cmpuint (load_le16 (header + 8), ==, 16);
        }
      if (got.flags & TCP_SYN)
        segment.sequence = got.acknowledged;
      driver.n_stream += payload_size;
      ended = got.flags & TCP_FIN;
      segment.acknowledged = got.sequence + (uint32_t)payload_size + !!(got.flags & (TCP_SYN | TCP_FIN));
      segment.flags = TCP_ACK;
      net_driver_transmit (&driver, frame, frame_tcp (frame, GATEWAY_ADDRESS, &segment, NULL, 0), true);
      if (!saved && driver.n_stream > 200000)
        {
          const uint64_t checksum_only = F_GUEST_CSUM;

          saved = true;
          bench_settle (driver.bench);
          bench_round_trip_state (driver.bench);
          g_assert_cmpuint (net_driver_command (&driver, 5, 0, &checksum_only, 8), ==, 0);
          net_driver_transmit (&driver, frame, frame_tcp (frame, GATEWAY_ADDRESS, &segment, NULL, 0), true);
        }
    }
  g_assert_cmpuint (driver.n_stream, ==, 400000);
  g_assert_cmpuint (largest, >, 5000);
  g_thread_join (server);
  bench_free (driver.bench);
}

/* 5.1.6.2.2: headers that make no sense cost the guest its frame, and nothing else. */
static void
test_bad_headers (void)
{
  static const struct {
    uint8_t flags, gso;
    uint16_t size, start, offset;
  } bad[] = {
    { 1, 0, 0, 0xffff, 0xffff }, { 1, 0, 0, 59, 0 }, { 1, 0, 0, 0, 0xffff }, { 1, 1, 0, 34, 16 },
    { 1, 1, 1, 34, 16 },         { 1, 3, 9, 34, 6 }, { 1, 4, 9, 34, 16 },    { 1, 0x7f, 9, 34, 16 },
  };
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;
  NetDriver driver;

  net_driver_start (&driver, "nat", F_CSUM | F_HOST_TSO4 | F_MRG_RXBUF, 1526);
  net_driver_offer (&driver, 4);
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      GuestBuffer buffer = { TX_FRAME, HEADER_SIZE + 60, false };
      uint8_t *header = bench_memory (driver.bench, TX_FRAME, HEADER_SIZE + 60);

      memset (header, 0, HEADER_SIZE);
      frame_arp_request (header + HEADER_SIZE, GATEWAY_ADDRESS);
      header[0] = bad[i].flags;
      header[1] = bad[i].gso;
      store_le16 (header + 4, bad[i].size);
      store_le16 (header + 6, bad[i].start);
      store_le16 (header + 8, bad[i].offset);
      guest_queue_add (&driver.tx, &buffer, 1);
      guest_queue_kick (&driver.tx);
      guest_queue_wait (&driver.tx, NULL);
    }
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  net_driver_transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  net_driver_receive (&driver, 0, frame, &n_buffers);
  g_assert_cmphex (virtio_guest_status (driver.bench) & STATUS_NEEDS_RESET, ==, 0);
  bench_free (driver.bench);
}

/* --- the control queue --- */

/* Whether the gateway's answer to an ARP request gets through. */
static bool
hears_answers (NetDriver *driver)
{
  uint16_t before = guest_queue_used_index (&driver->rx);
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;

  net_driver_transmit (driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  bench_settle (driver->bench);
  if (guest_queue_used_index (&driver->rx) == before)
    return false;
  net_driver_receive (driver, driver->n_taken++ % 64, frame, &n_buffers);
  net_driver_offer (driver, 1);
  return true;
}

/* 5.1.6.5.1, 5.1.6.5.2. */
static void
test_filter (void)
{
  static const uint8_t on = 1, off = 0, other[6] = { 0x52, 0x54, 0, 1, 2, 3 };
  static const uint8_t ours[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
  uint8_t tables[4 + 6 + 4] = { 1 };
  uint8_t many[4 + 65 * 6 + 4] = { 65 };
  NetDriver driver;

  net_driver_start (&driver, "nat", F_CONTROL | F_MRG_RXBUF, 1526);
  net_driver_offer (&driver, 8);
  g_assert_true (hears_answers (&driver)); /* promiscuous until told */
  g_assert_cmpuint (net_driver_command (&driver, 0, 0, &off, 1), ==, 0);
  g_assert_true (hears_answers (&driver));
  g_assert_cmpuint (net_driver_command (&driver, 1, 1, other, 6), ==, 0); /* another address of its own */
  g_assert_cmphex (bench_read8 (driver.bench, VIRTIO_CONFIG + 5), ==, 3);
  g_assert_false (hears_answers (&driver));
  memcpy (tables + 4, ours, 6);
  g_assert_cmpuint (net_driver_command (&driver, 1, 0, tables, sizeof tables), ==, 0);
  g_assert_true (hears_answers (&driver));
  g_assert_cmpuint (net_driver_command (&driver, 0, 4, &on, 1), ==, 0); /* no unicast */
  g_assert_false (hears_answers (&driver));
  bench_round_trip_state (driver.bench);
  g_assert_cmpuint (net_driver_command (&driver, 0, 4, &off, 1), ==, 0);
  memset (tables, 0, sizeof tables);
  g_assert_cmpuint (net_driver_command (&driver, 1, 0, tables, 8), ==, 0);
  g_assert_false (hears_answers (&driver));
  g_assert_cmpuint (net_driver_command (&driver, 1, 0, many, sizeof many), ==,
                    0); /* too many to list: all come */
  g_assert_true (hears_answers (&driver));
  g_assert_cmpuint (net_driver_command (&driver, 1, 0, tables, 8), ==, 0);
  g_assert_false (hears_answers (&driver));
  g_assert_cmpuint (net_driver_command (&driver, 0, 2, &on, 1), ==, 0); /* all unicast */
  g_assert_true (hears_answers (&driver));
  bench_free (driver.bench);
}

/* 5.1.6.5: what is wrong is refused, and changes nothing. */
static void
test_refused_commands (void)
{
  static const uint8_t zeroes[16] = { 0 }, ones[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  static const uint8_t five[2] = { 5 }, four[2] = { 4 }, table[8] = { 0xff, 0xff, 0xff, 0x2a };
  NetDriver driver;

  net_driver_start (&driver, "nat", F_CONTROL | F_MQ | F_MRG_RXBUF | F_GUEST_CSUM, 1526);
  g_assert_cmpuint (net_driver_command (&driver, 4, 0, zeroes, 2), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 4, 0, five, 2), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 4, 1, four, 2), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 4, 0, four, 1), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 4, 0, four, 2), ==, 0);
  g_assert_cmpuint (net_driver_command (&driver, 5, 0, ones, 8), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 5, 0, zeroes, 8), ==, 0);
  g_assert_cmpuint (net_driver_command (&driver, 0, 0, NULL, 0), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 0, 6, zeroes, 1), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 1, 0, table, 8), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 1, 0, zeroes, 7), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 1, 1, zeroes, 5), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 2, 0, ones, 2), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 2, 0, four, 2), ==, 0);
  g_assert_cmpuint (net_driver_command (&driver, 2, 1, four, 2), ==, 0);
  g_assert_cmpuint (net_driver_command (&driver, 2, 2, four, 2), ==, 1);
  g_assert_cmpuint (net_driver_command (&driver, 9, 0, zeroes, 2), ==, 1);
  bench_round_trip_state (driver.bench);
  bench_free (driver.bench);

  /* Nothing that wasn't negotiated. */
  net_driver_start (&driver, "nat", F_CTRL_VQ | F_MRG_RXBUF, 1526);
  for (uint8_t class = 0; class < 6; class ++)
    g_assert_cmpuint (net_driver_command (&driver, class, 0, zeroes, 8), ==, 1);
  bench_free (driver.bench);
}

/* 5.1.6.1: a flow comes in by the queue next to the one that it went out by. */
static void
test_steering (void)
{
  static const uint8_t four[2] = { 4 };
  GuestBuffer buffer = { RX_BUFFERS, 1526, true };
  uint8_t frame[FRAME_MAX];
  NetDriver driver, third;

  net_driver_start (&driver, "nat", F_CONTROL | F_MQ | F_MRG_RXBUF, 1526);
  third = driver;
  guest_queue_init (&third.rx, driver.bench, 4, 64, 0x28000);
  guest_queue_init (&third.tx, driver.bench, 5, 64, 0x30000);
  guest_queue_add (&third.rx, &buffer, 1);
  guest_queue_kick (&third.rx);
  g_assert_cmpuint (net_driver_command (&driver, 4, 0, four, 2), ==, 0);
  net_driver_transmit (&third, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  g_assert_cmpuint (guest_queue_wait (&third.rx, NULL), >, HEADER_SIZE);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);

  net_driver_offer (&driver, 1);
  net_driver_transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  g_assert_cmpuint (guest_queue_wait (&driver.rx, NULL), >, HEADER_SIZE);
  bench_round_trip_state (driver.bench);
  bench_free (driver.bench);
}

/* --- the link --- */

static uint16_t
status (NetDriver *driver)
{
  return bench_read16 (driver->bench, VIRTIO_CONFIG + 6);
}

static void
test_link (void)
{
  NetDriver driver;

  net_driver_start (&driver, "nat", F_CONTROL | F_MRG_RXBUF | F_STATUS, 1526);
  net_driver_offer (&driver, 8);
  g_assert_cmpuint (status (&driver), ==, 1);
  g_assert_true (hears_answers (&driver));
  bench_read8 (driver.bench, VIRTIO_ISR);
  virtio_net_set_link (bench_device (driver.bench), false);
  g_assert_cmpuint (status (&driver), ==, 0);
  g_assert_cmphex (bench_read8 (driver.bench, VIRTIO_ISR), ==, 2);
  virtio_net_set_link (bench_device (driver.bench), false); /* nothing new */
  g_assert_cmphex (bench_read8 (driver.bench, VIRTIO_ISR), ==, 0);
  g_assert_false (hears_answers (&driver));
  virtio_net_set_link (bench_device (driver.bench), true);
  g_assert_cmpuint (status (&driver), ==, 1);
  g_assert_cmphex (bench_read8 (driver.bench, VIRTIO_ISR) & 2, ==, 2);
  g_assert_true (hears_answers (&driver));
  bench_free (driver.bench);
}

/* 5.1.6.5.4: after a state was loaded, the guest is asked to make itself known. */
static void
test_announce (void)
{
  NetDriver driver;
  g_autoptr (GBytes) state = NULL;
  GError *error = NULL;

  net_driver_start (&driver, "nat", F_CONTROL | F_MRG_RXBUF | F_STATUS, 1526);
  board_stopped (bench_board (driver.bench));
  board_started (bench_board (driver.bench));
  g_assert_cmpuint (status (&driver), ==, 1);
  board_stopped (bench_board (driver.bench));
  state = board_save (bench_board (driver.bench));
  g_assert_true (board_load (bench_board (driver.bench), g_bytes_get_data (state, NULL),
                             g_bytes_get_size (state), &error));
  g_assert_no_error (error);
  bench_read8 (driver.bench, VIRTIO_ISR);
  board_started (bench_board (driver.bench));
  g_assert_cmpuint (status (&driver), ==, 3);
  g_assert_cmphex (bench_read8 (driver.bench, VIRTIO_ISR), ==, 2);
  g_assert_cmpuint (net_driver_command (&driver, 3, 0, NULL, 0), ==, 0);
  g_assert_cmpuint (status (&driver), ==, 1);
  bench_free (driver.bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-net-offload/checksum", test_checksum);
  g_test_add_func ("/virtio-net-offload/large-receive", test_large_receive);
  g_test_add_func ("/virtio-net-offload/bad-headers", test_bad_headers);
  g_test_add_func ("/virtio-net-offload/filter", test_filter);
  g_test_add_func ("/virtio-net-offload/refused-commands", test_refused_commands);
  g_test_add_func ("/virtio-net-offload/steering", test_steering);
  g_test_add_func ("/virtio-net-offload/link", test_link);
  g_test_add_func ("/virtio-net-offload/announce", test_announce);
  return g_test_run ();
}
