/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network card (virtio 1.2, section 5.1), with the NAT behind it. */
#include "devices/virtio/virtio-net.h"

#include "tests/devices/net-frames.h"
#include "tests/devices/virtio-guest.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#define RX_RINGS   UINT64_C (0x10000)
#define TX_RINGS   UINT64_C (0x18000)
#define CTRL_RINGS UINT64_C (0x20000)
#define TX_FRAME   UINT64_C (0x80000)
#define COMMAND    UINT64_C (0xf0000)
#define RX_BUFFERS UINT64_C (0x100000)
#define RX_STRIDE  4096u

#define HEADER_SIZE 12u

#define F(bit)           (UINT64_C (1) << (bit))
#define F_CSUM           F (0)
#define F_GUEST_CSUM     F (1)
#define F_GUEST_OFFLOADS F (2)
#define F_MAC            F (5)
#define F_GUEST_TSO4     F (7)
#define F_HOST_TSO4      F (11)
#define F_MRG_RXBUF      F (15)
#define F_STATUS         F (16)
#define F_CTRL_VQ        F (17)
#define F_CTRL_RX        F (18)
#define F_CTRL_VLAN      F (19)
#define F_CTRL_RX_EXTRA  F (20)
#define F_ANNOUNCE       F (21)
#define F_MQ             F (22)
#define F_CTRL_MAC       F (23)
#define F_SPEED          F (63)
#define F_CONTROL                                                                                            \
  (F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_ANNOUNCE | F_CTRL_MAC | F_GUEST_OFFLOADS)

#define N_PAIRS 4u

#define MAC_TEXT "52:54:00:12:34:56"

static void
add_card (Bench *bench, void *network)
{
  const VirtioNetConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) },
                                   .id = "net0",
                                   .mac = MAC_TEXT,
                                   .network = network,
                                   .n_pairs = N_PAIRS };

  bench_add (bench, &virtio_net_class, NULL, &config);
  pci_bench_map (bench);
}

typedef struct {
  Bench *bench;
  GuestQueue rx, tx, control;
  unsigned n_rx; /* buffers offered so far */
  uint32_t rx_size;
  bool looks_at_headers; /* by itself */
  unsigned n_taken;      /* buffers, by those who count */
  size_t n_stream;
} Driver;

static void
driver_start (Driver *driver, const char *network, uint64_t features, uint32_t rx_size)
{
  driver->bench = bench_new_with (add_card, (void *)network);
  driver->n_rx = 0;
  driver->rx_size = rx_size;
  driver->looks_at_headers = false;
  driver->n_taken = 0;
  driver->n_stream = 0;
  g_assert_cmphex (
    virtio_guest_negotiate (driver->bench, F_VERSION_1 | F_MAC | features) & STATUS_FEATURES_OK, !=, 0);
  guest_queue_init (&driver->rx, driver->bench, 0, 64, RX_RINGS);
  guest_queue_init (&driver->tx, driver->bench, 1, 64, TX_RINGS);
  if (features & F_CTRL_VQ)
    guest_queue_init (&driver->control, driver->bench, features & F_MQ ? 2 * N_PAIRS : 2, 16, CTRL_RINGS);
  virtio_guest_driver_ok (driver->bench);
}

/* Section 5.1.6.5. Returns: the answer. */
static uint8_t
command (Driver *driver, uint8_t class, uint8_t what, const void *data, uint32_t size)
{
  const GuestBuffer buffers[] = { { COMMAND, 2, false },
                                  { COMMAND + 16, size, false },
                                  { COMMAND + 4096, 1, true } };
  const GuestBuffer without_data[] = { buffers[0], buffers[2] };
  uint8_t *header = bench_memory (driver->bench, COMMAND, 4097);

  header[0] = class;
  header[1] = what;
  memcpy (header + 16, data, size);
  header[4096] = 0xee;
  guest_queue_add (&driver->control, size > 0 ? buffers : without_data, size > 0 ? 3 : 2);
  guest_queue_kick (&driver->control);
  g_assert_cmpuint (guest_queue_wait (&driver->control, NULL), ==, 1);
  return header[4096];
}

static void
offer_buffers (Driver *driver, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    {
      GuestBuffer buffer = { RX_BUFFERS + (driver->n_rx++ % 64) * (uint64_t)RX_STRIDE, driver->rx_size,
                             true };

      guest_queue_add (&driver->rx, &buffer, 1);
    }
  guest_queue_kick (&driver->rx);
}

/* Header and frame in two descriptors, as Linux does, or in one. */
static void
transmit (Driver *driver, const uint8_t *frame, size_t size, bool apart)
{
  GuestBuffer whole = { TX_FRAME, (uint32_t)(HEADER_SIZE + size), false };
  GuestBuffer parts[] = { { TX_FRAME, HEADER_SIZE, false },
                          { TX_FRAME + HEADER_SIZE, (uint32_t)size, false } };

  memset (bench_memory (driver->bench, TX_FRAME, HEADER_SIZE), 0, HEADER_SIZE);
  memcpy (bench_memory (driver->bench, TX_FRAME + HEADER_SIZE, size), frame, size);
  guest_queue_add (&driver->tx, apart ? parts : &whole, apart ? 2 : 1);
  guest_queue_kick (&driver->tx);
  g_assert_cmpuint (guest_queue_wait (&driver->tx, NULL), ==, 0);
}

/* Puts the next frame together from its buffers, in the order in which they were offered. */
static size_t
receive (Driver *driver, unsigned first, uint8_t *frame, unsigned *n_buffers)
{
  const uint8_t *buffer = bench_memory (driver->bench, RX_BUFFERS + first * (uint64_t)RX_STRIDE, RX_STRIDE);
  uint32_t length = guest_queue_wait (&driver->rx, NULL);
  size_t size;

  g_assert_cmpuint (length, >=, HEADER_SIZE);
  g_assert_cmpuint (length, <=, driver->rx_size);
  if (!driver->looks_at_headers)
    for (unsigned i = 0; i < 10; i++)
      g_assert_cmpint (buffer[i], ==, 0);
  *n_buffers = load_le16 (buffer + 10);
  size = length - HEADER_SIZE;
  memcpy (frame, buffer + HEADER_SIZE, size);
  for (unsigned i = 1; i < *n_buffers; i++)
    {
      length = guest_queue_wait (&driver->rx, NULL);
      g_assert_cmpuint (size + length, <=, driver->looks_at_headers ? 1u << 17 : FRAME_MAX);
      buffer = bench_memory (driver->bench, RX_BUFFERS + (first + i) % 64 * (uint64_t)RX_STRIDE, RX_STRIDE);
      memcpy (frame + size, buffer, length);
      size += length;
    }
  return size;
}

static void
assert_is_offer (const uint8_t *frame, size_t size)
{
  g_assert_true (frame_is_udp (frame, size, 68));
  g_assert_cmphex (load_be32 (frame + UDP_HEADER_END + 4), ==, 0x12345678);
  g_assert_cmphex (load_be32 (frame + UDP_HEADER_END + 16), ==, GUEST_ADDRESS);
}

static void
test_shows_itself (void)
{
  g_autoptr (Bench) bench = bench_new_with (add_card, (void *)"nat");
  g_autoptr (Bench) unplugged = bench_new_with (add_card, (void *)"none");
  const uint8_t mac[] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

  g_assert_cmphex (pci_bench_read_config (bench, 0, 4), ==, 0x10411af4);
  g_assert_cmphex (pci_bench_read_config (bench, 8, 4) >> 8, ==, 0x020000);
  g_assert_cmphex (virtio_guest_features (bench) & 0x80000000ffffffff, ==,
                   F_CSUM | F_GUEST_CSUM | F_GUEST_OFFLOADS | F_MAC | F_GUEST_TSO4 | F (8) | F (9)
                     | F_HOST_TSO4 | F (12) | F (13) | F_MRG_RXBUF | F_STATUS | F_CTRL_VQ | F_CTRL_RX
                     | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_ANNOUNCE | F_MQ | F_CTRL_MAC | F_INDIRECT
                     | F_EVENT_IDX | F_SPEED);
  g_assert_cmpuint (bench_read16 (bench, VIRTIO_COMMON + REG_NUM_QUEUES), ==, 2 * N_PAIRS + 1);
  g_assert_cmpuint (bench_read16 (bench, VIRTIO_CONFIG + 8), ==, N_PAIRS);
  g_assert_cmpuint (bench_read32 (bench, VIRTIO_CONFIG + 12), ==, 10000);
  g_assert_cmpuint (bench_read8 (bench, VIRTIO_CONFIG + 16), ==, 1);
  for (unsigned i = 0; i < sizeof mac; i++)
    g_assert_cmphex (bench_read8 (bench, VIRTIO_CONFIG + i), ==, mac[i]);
  g_assert_cmphex (bench_read16 (bench, VIRTIO_CONFIG + 6), ==, 1);
  g_assert_cmphex (bench_read16 (unplugged, VIRTIO_CONFIG + 6), ==, 0);
}

static void
add_bus (Bench *bench, void *bus)
{
  *(PciBus **)bus = pci_bench_bus_new (bench);
}

static void
test_bad_configurations (void)
{
  static const char *macs[] = { NULL,
                                "",
                                "52:54:00:12:34",
                                "52:54:00:12:34:5g",
                                "53:54:00:12:34:56",
                                "52-54-00-12-34-56",
                                "52:54:00:12:34:567" };
  PciBus *bus;
  g_autoptr (Bench) bench = bench_new_with (add_bus, &bus);
  VirtioNetConfig config = { .place = { bus, PCI_DEVFN (3, 0) }, .id = "net7", .network = "nat" };

  for (unsigned i = 0; i < G_N_ELEMENTS (macs); i++)
    {
      g_autoptr (GError) error = NULL;

      config.mac = macs[i];
      g_assert_null (board_add (bench_board (bench), &virtio_net_class, NULL, &config, &error));
      g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, "net7"));
    }
  {
    g_autoptr (GError) error = NULL;

    config.mac = MAC_TEXT;
    config.network = "bridge";
    g_assert_null (board_add (bench_board (bench), &virtio_net_class, NULL, &config, &error));
    g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
    g_assert_nonnull (strstr (error->message, "bridge"));
  }
}

static void
test_dhcp (gconstpointer data)
{
  uint64_t features = GPOINTER_TO_SIZE (data);
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;
  size_t size;
  Driver driver;

  driver_start (&driver, "nat", features, 1526);
  offer_buffers (&driver, 8);
  for (unsigned i = 0; i < 3; i++)
    {
      transmit (&driver, frame, frame_dhcp_discover (frame), i % 2 == 0);
      size = receive (&driver, i, frame, &n_buffers);
      g_assert_cmpuint (n_buffers, ==, 1);
      assert_is_offer (frame, size);
    }
  g_assert_true (bench_irq (driver.bench, PCI_BENCH_GSI));
  bench_free (driver.bench);
}

/* 5.1.6.3.1: without merging a frame that doesn't fit is lost, and the buffer isn't. */
static void
test_small_buffers (void)
{
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;
  size_t size;
  Driver driver;

  driver_start (&driver, "nat", 0, 128);
  offer_buffers (&driver, 2);
  transmit (&driver, frame, frame_dhcp_discover (frame), true);
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  size = receive (&driver, 0, frame, &n_buffers);
  g_assert_cmphex (frame_type (frame), ==, 0x0806);
  g_assert_cmpuint (size, >=, 42);
  bench_free (driver.bench);
}

/* 5.1.6.4: one frame in several buffers. */
static void
test_merged_buffers (void)
{
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;
  size_t size;
  Driver driver;

  driver_start (&driver, "nat", F_MRG_RXBUF, 100);
  offer_buffers (&driver, 2); /* too few: the frame waits */
  transmit (&driver, frame, frame_dhcp_discover (frame), true);
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  offer_buffers (&driver, 14);
  size = receive (&driver, 0, frame, &n_buffers);
  g_assert_cmpuint (n_buffers, ==, (HEADER_SIZE + size + 99) / 100);
  assert_is_offer (frame, size);
  bench_free (driver.bench);
}

/* A frame that finds no buffer waits for one, also while the machine stands still. */
static void
test_frames_wait (void)
{
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;
  size_t size;
  Driver driver;

  driver_start (&driver, "nat", F_MRG_RXBUF, 1526);
  transmit (&driver, frame, frame_dhcp_discover (frame), true);
  bench_settle (driver.bench);
  board_stopped (bench_board (driver.bench));
  offer_buffers (&driver, 4);
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  board_started (bench_board (driver.bench));
  size = receive (&driver, 0, frame, &n_buffers);
  assert_is_offer (frame, size);
  bench_free (driver.bench);
}

static void
test_burst (void)
{
  uint8_t frame[FRAME_MAX];
  size_t size = frame_arp_request (frame, GATEWAY_ADDRESS);
  Driver driver;

  driver_start (&driver, "nat", F_MRG_RXBUF, 1526);
  memcpy (bench_memory (driver.bench, TX_FRAME + HEADER_SIZE, size), frame, size);
  offer_buffers (&driver, 64);
  for (unsigned round = 0; round < 20; round++)
    {
      const GuestBuffer buffer = { TX_FRAME, (uint32_t)(HEADER_SIZE + size), false };

      for (unsigned i = 0; i < 60; i++)
        guest_queue_add (&driver.tx, &buffer, 1);
      guest_queue_kick (&driver.tx);
      for (unsigned i = 0; i < 60; i++)
        guest_queue_wait (&driver.tx, NULL);
      for (unsigned i = 0; i < 60; i++)
        guest_queue_wait (&driver.rx, NULL);
      offer_buffers (&driver, 60);
    }
  bench_free (driver.bench);
}

static void
test_no_cable (void)
{
  uint8_t frame[FRAME_MAX];
  Driver driver;

  driver_start (&driver, "none", F_MRG_RXBUF | F_STATUS, 1526);
  offer_buffers (&driver, 4);
  transmit (&driver, frame, frame_dhcp_discover (frame), true);
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  bench_free (driver.bench);
}

/* 5.1.6.3: a receive buffer holds the header at least. */
static void
test_tiny_buffer (void)
{
  uint8_t frame[FRAME_MAX];
  Driver driver;

  driver_start (&driver, "nat", F_MRG_RXBUF, 8);
  offer_buffers (&driver, 16);
  transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  bench_settle (driver.bench);
  g_assert_cmphex (virtio_guest_status (driver.bench) & STATUS_NEEDS_RESET, !=, 0);
  bench_free (driver.bench);
}

static void
test_state (void)
{
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;
  Driver driver;

  driver_start (&driver, "nat", F_MRG_RXBUF | F_EVENT_IDX, 1526);
  offer_buffers (&driver, 4);
  transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  receive (&driver, 0, frame, &n_buffers);
  bench_round_trip_state (driver.bench);
  bench_free (driver.bench);
}

/* --- offloads --- */

/* 5.1.6.2: checksums that are the card's; 5.1.6.4: those that it vouches for. */
static void
test_checksum (void)
{
  uint8_t frame[FRAME_MAX], *header;
  unsigned n_buffers;
  size_t size;
  Driver driver;
  GuestBuffer buffer = { TX_FRAME, 0, false };

  driver_start (&driver, "nat", F_CSUM | F_GUEST_CSUM | F_MRG_RXBUF, 1526);
  driver.looks_at_headers = true;
  offer_buffers (&driver, 4);
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
  size = receive (&driver, 0, frame, &n_buffers);
  assert_is_offer (frame, size);
  header = bench_memory (driver.bench, RX_BUFFERS, HEADER_SIZE);
  g_assert_cmphex (header[0], ==, 2); /* DATA_VALID */
  g_assert_cmphex (header[1], ==, 0);
  bench_free (driver.bench);
}

/* Waits for a TCP segment to @port, in one frame or several buffers. Returns: how large its frame was. */
static size_t
receive_tcp (Driver *driver, uint16_t port, TcpSegment *segment, size_t *payload_size, uint8_t *header)
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
      size = receive (driver, first, frame, &n_buffers);
      memcpy (header, bench_memory (driver->bench, RX_BUFFERS + first * (uint64_t)RX_STRIDE, HEADER_SIZE),
              HEADER_SIZE);
      driver->n_taken += n_buffers;
      offer_buffers (driver, n_buffers);
      if (frame_arp_reply (reply, frame, size) > 0)
        transmit (driver, reply, frame_arp_reply (reply, frame, size), true);
      if (frame_read_tcp (frame, size, port, segment, &payload, payload_size))
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
  Driver driver;
  GThread *server;
  TcpSegment segment = { .port = 7000, .peer_port = server_start (400000, &server), .flags = TCP_SYN };
  uint8_t frame[FRAME_MAX], header[HEADER_SIZE];
  size_t size, payload_size, largest = 0;
  bool ended = false, saved = false;

  driver_start (&driver, "nat", F_CONTROL | F_CSUM | F_GUEST_CSUM | F_GUEST_TSO4 | F_HOST_TSO4 | F_MRG_RXBUF,
                2048);
  driver.looks_at_headers = true;
  offer_buffers (&driver, 60);
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
      transmit (&driver, frame, frame_tcp (frame, GATEWAY_ADDRESS, &segment, NULL, 0), true);
      if (!saved && driver.n_stream > 200000)
        {
          const uint64_t checksum_only = F_GUEST_CSUM;

          saved = true;
          bench_settle (driver.bench);
          bench_round_trip_state (driver.bench);
          g_assert_cmpuint (command (&driver, 5, 0, &checksum_only, 8), ==, 0);
          transmit (&driver, frame, frame_tcp (frame, GATEWAY_ADDRESS, &segment, NULL, 0), true);
        }
    }
  g_assert_cmpuint (driver.n_stream, ==, 400000);
  g_assert_cmpuint (largest, >, 10000);
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
  Driver driver;

  driver_start (&driver, "nat", F_CSUM | F_HOST_TSO4 | F_MRG_RXBUF, 1526);
  offer_buffers (&driver, 4);
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
  transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  receive (&driver, 0, frame, &n_buffers);
  g_assert_cmphex (virtio_guest_status (driver.bench) & STATUS_NEEDS_RESET, ==, 0);
  bench_free (driver.bench);
}

/* --- the control queue --- */

/* Whether the gateway's answer to an ARP request gets through. */
static bool
hears_answers (Driver *driver)
{
  uint16_t before = guest_queue_used_index (&driver->rx);
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;

  transmit (driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  bench_settle (driver->bench);
  if (guest_queue_used_index (&driver->rx) == before)
    return false;
  receive (driver, driver->n_taken++ % 64, frame, &n_buffers);
  offer_buffers (driver, 1);
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
  Driver driver;

  driver_start (&driver, "nat", F_CONTROL | F_MRG_RXBUF, 1526);
  offer_buffers (&driver, 8);
  g_assert_true (hears_answers (&driver)); /* promiscuous until told */
  g_assert_cmpuint (command (&driver, 0, 0, &off, 1), ==, 0);
  g_assert_true (hears_answers (&driver));
  g_assert_cmpuint (command (&driver, 1, 1, other, 6), ==, 0); /* another address of its own */
  g_assert_cmphex (bench_read8 (driver.bench, VIRTIO_CONFIG + 5), ==, 3);
  g_assert_false (hears_answers (&driver));
  memcpy (tables + 4, ours, 6);
  g_assert_cmpuint (command (&driver, 1, 0, tables, sizeof tables), ==, 0);
  g_assert_true (hears_answers (&driver));
  g_assert_cmpuint (command (&driver, 0, 4, &on, 1), ==, 0); /* no unicast */
  g_assert_false (hears_answers (&driver));
  bench_round_trip_state (driver.bench);
  g_assert_cmpuint (command (&driver, 0, 4, &off, 1), ==, 0);
  memset (tables, 0, sizeof tables);
  g_assert_cmpuint (command (&driver, 1, 0, tables, 8), ==, 0);
  g_assert_false (hears_answers (&driver));
  g_assert_cmpuint (command (&driver, 1, 0, many, sizeof many), ==, 0); /* too many to list: all come */
  g_assert_true (hears_answers (&driver));
  g_assert_cmpuint (command (&driver, 1, 0, tables, 8), ==, 0);
  g_assert_false (hears_answers (&driver));
  g_assert_cmpuint (command (&driver, 0, 2, &on, 1), ==, 0); /* all unicast */
  g_assert_true (hears_answers (&driver));
  bench_free (driver.bench);
}

/* 5.1.6.5: what is wrong is refused, and changes nothing. */
static void
test_refused_commands (void)
{
  static const uint8_t zeroes[16] = { 0 }, ones[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  static const uint8_t five[2] = { 5 }, four[2] = { 4 }, table[8] = { 0xff, 0xff, 0xff, 0x2a };
  Driver driver;

  driver_start (&driver, "nat", F_CONTROL | F_MQ | F_MRG_RXBUF | F_GUEST_CSUM, 1526);
  g_assert_cmpuint (command (&driver, 4, 0, zeroes, 2), ==, 1);
  g_assert_cmpuint (command (&driver, 4, 0, five, 2), ==, 1);
  g_assert_cmpuint (command (&driver, 4, 1, four, 2), ==, 1);
  g_assert_cmpuint (command (&driver, 4, 0, four, 1), ==, 1);
  g_assert_cmpuint (command (&driver, 4, 0, four, 2), ==, 0);
  g_assert_cmpuint (command (&driver, 5, 0, ones, 8), ==, 1);
  g_assert_cmpuint (command (&driver, 5, 0, zeroes, 8), ==, 0);
  g_assert_cmpuint (command (&driver, 0, 0, NULL, 0), ==, 1);
  g_assert_cmpuint (command (&driver, 0, 6, zeroes, 1), ==, 1);
  g_assert_cmpuint (command (&driver, 1, 0, table, 8), ==, 1);
  g_assert_cmpuint (command (&driver, 1, 0, zeroes, 7), ==, 1);
  g_assert_cmpuint (command (&driver, 1, 1, zeroes, 5), ==, 1);
  g_assert_cmpuint (command (&driver, 2, 0, ones, 2), ==, 1);
  g_assert_cmpuint (command (&driver, 2, 0, four, 2), ==, 0);
  g_assert_cmpuint (command (&driver, 2, 1, four, 2), ==, 0);
  g_assert_cmpuint (command (&driver, 2, 2, four, 2), ==, 1);
  g_assert_cmpuint (command (&driver, 9, 0, zeroes, 2), ==, 1);
  bench_round_trip_state (driver.bench);
  bench_free (driver.bench);

  /* Nothing that wasn't negotiated. */
  driver_start (&driver, "nat", F_CTRL_VQ | F_MRG_RXBUF, 1526);
  for (uint8_t class = 0; class < 6; class ++)
    g_assert_cmpuint (command (&driver, class, 0, zeroes, 8), ==, 1);
  bench_free (driver.bench);
}

/* 5.1.6.1: a flow comes in by the queue next to the one that it went out by. */
static void
test_steering (void)
{
  static const uint8_t four[2] = { 4 };
  GuestBuffer buffer = { RX_BUFFERS, 1526, true };
  uint8_t frame[FRAME_MAX];
  Driver driver, third;

  driver_start (&driver, "nat", F_CONTROL | F_MQ | F_MRG_RXBUF, 1526);
  third = driver;
  guest_queue_init (&third.rx, driver.bench, 4, 64, 0x28000);
  guest_queue_init (&third.tx, driver.bench, 5, 64, 0x30000);
  guest_queue_add (&third.rx, &buffer, 1);
  guest_queue_kick (&third.rx);
  g_assert_cmpuint (command (&driver, 4, 0, four, 2), ==, 0);
  transmit (&third, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  g_assert_cmpuint (guest_queue_wait (&third.rx, NULL), >, HEADER_SIZE);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);

  offer_buffers (&driver, 1);
  transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  g_assert_cmpuint (guest_queue_wait (&driver.rx, NULL), >, HEADER_SIZE);
  bench_round_trip_state (driver.bench);
  bench_free (driver.bench);
}

/* --- the link --- */

static uint16_t
status (Driver *driver)
{
  return bench_read16 (driver->bench, VIRTIO_CONFIG + 6);
}

static void
test_link (void)
{
  Driver driver;

  driver_start (&driver, "nat", F_CONTROL | F_MRG_RXBUF | F_STATUS, 1526);
  offer_buffers (&driver, 8);
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
  Driver driver;
  g_autoptr (GBytes) state = NULL;
  GError *error = NULL;

  driver_start (&driver, "nat", F_CONTROL | F_MRG_RXBUF | F_STATUS, 1526);
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
  g_assert_cmpuint (command (&driver, 3, 0, NULL, 0), ==, 0);
  g_assert_cmpuint (status (&driver), ==, 1);
  bench_free (driver.bench);
}

static void
test_fuzz (gconstpointer network)
{
  g_autoptr (Bench) bench = bench_new_with (add_card, (void *)network);

  bench_fuzz_with (bench, 51, 40000, virtio_guest_fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-net/shows-itself", test_shows_itself);
  g_test_add_func ("/virtio-net/bad-configurations", test_bad_configurations);
  g_test_add_data_func ("/virtio-net/dhcp/plain", GSIZE_TO_POINTER (0), test_dhcp);
  g_test_add_data_func ("/virtio-net/dhcp/merged", GSIZE_TO_POINTER (F_MRG_RXBUF), test_dhcp);
  g_test_add_data_func ("/virtio-net/dhcp/event-index", GSIZE_TO_POINTER (F_MRG_RXBUF | F_EVENT_IDX),
                        test_dhcp);
  g_test_add_func ("/virtio-net/small-buffers", test_small_buffers);
  g_test_add_func ("/virtio-net/merged-buffers", test_merged_buffers);
  g_test_add_func ("/virtio-net/tiny-buffer", test_tiny_buffer);
  g_test_add_func ("/virtio-net/frames-wait", test_frames_wait);
  g_test_add_func ("/virtio-net/burst", test_burst);
  g_test_add_func ("/virtio-net/no-cable", test_no_cable);
  g_test_add_func ("/virtio-net/state", test_state);
  g_test_add_func ("/virtio-net/checksum", test_checksum);
  g_test_add_func ("/virtio-net/large-receive", test_large_receive);
  g_test_add_func ("/virtio-net/bad-headers", test_bad_headers);
  g_test_add_func ("/virtio-net/filter", test_filter);
  g_test_add_func ("/virtio-net/refused-commands", test_refused_commands);
  g_test_add_func ("/virtio-net/steering", test_steering);
  g_test_add_func ("/virtio-net/link", test_link);
  g_test_add_func ("/virtio-net/announce", test_announce);
  g_test_add_data_func ("/virtio-net/fuzz/nat", "nat", test_fuzz);
  g_test_add_data_func ("/virtio-net/fuzz/none", "none", test_fuzz);
  return g_test_run ();
}
