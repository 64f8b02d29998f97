/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network card (virtio 1.2, section 5.1), with the NAT behind it. */
#include "devices/virtio/virtio-net.h"

#include "tests/devices/net-driver.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

static void
test_shows_itself (void)
{
  g_autoptr (Bench) bench = bench_new_with (net_driver_add_card, (void *)"nat");
  g_autoptr (Bench) unplugged = bench_new_with (net_driver_add_card, (void *)"none");
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
  NetDriver driver;

  net_driver_start (&driver, "nat", features, 1526);
  net_driver_offer (&driver, 8);
  for (unsigned i = 0; i < 3; i++)
    {
      net_driver_transmit (&driver, frame, frame_dhcp_discover (frame), i % 2 == 0);
      size = net_driver_receive (&driver, i, frame, &n_buffers);
      g_assert_cmpuint (n_buffers, ==, 1);
      frame_assert_is_offer (frame, size);
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
  NetDriver driver;

  net_driver_start (&driver, "nat", 0, 128);
  net_driver_offer (&driver, 2);
  net_driver_transmit (&driver, frame, frame_dhcp_discover (frame), true);
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  net_driver_transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  size = net_driver_receive (&driver, 0, frame, &n_buffers);
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
  NetDriver driver;

  net_driver_start (&driver, "nat", F_MRG_RXBUF, 100);
  net_driver_offer (&driver, 2); /* too few: the frame waits */
  net_driver_transmit (&driver, frame, frame_dhcp_discover (frame), true);
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  net_driver_offer (&driver, 14);
  size = net_driver_receive (&driver, 0, frame, &n_buffers);
  g_assert_cmpuint (n_buffers, ==, (HEADER_SIZE + size + 99) / 100);
  frame_assert_is_offer (frame, size);
  bench_free (driver.bench);
}

/* A frame that finds no buffer waits for one, also while the machine stands still. */
static void
test_frames_wait (void)
{
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;
  size_t size;
  NetDriver driver;

  net_driver_start (&driver, "nat", F_MRG_RXBUF, 1526);
  net_driver_transmit (&driver, frame, frame_dhcp_discover (frame), true);
  bench_settle (driver.bench);
  board_stopped (bench_board (driver.bench));
  net_driver_offer (&driver, 4);
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  board_started (bench_board (driver.bench));
  size = net_driver_receive (&driver, 0, frame, &n_buffers);
  frame_assert_is_offer (frame, size);
  bench_free (driver.bench);
}

static void
test_burst (void)
{
  uint8_t frame[FRAME_MAX];
  size_t size = frame_arp_request (frame, GATEWAY_ADDRESS);
  NetDriver driver;

  net_driver_start (&driver, "nat", F_MRG_RXBUF, 1526);
  memcpy (bench_memory (driver.bench, TX_FRAME + HEADER_SIZE, size), frame, size);
  net_driver_offer (&driver, 64);
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
      net_driver_offer (&driver, 60);
    }
  bench_free (driver.bench);
}

static void
test_no_cable (void)
{
  uint8_t frame[FRAME_MAX];
  NetDriver driver;

  net_driver_start (&driver, "none", F_MRG_RXBUF | F_STATUS, 1526);
  net_driver_offer (&driver, 4);
  net_driver_transmit (&driver, frame, frame_dhcp_discover (frame), true);
  bench_settle (driver.bench);
  g_assert_cmpuint (guest_queue_used_index (&driver.rx), ==, 0);
  bench_free (driver.bench);
}

/* 5.1.6.3: a receive buffer holds the header at least. */
static void
test_tiny_buffer (void)
{
  uint8_t frame[FRAME_MAX];
  NetDriver driver;

  net_driver_start (&driver, "nat", F_MRG_RXBUF, 8);
  net_driver_offer (&driver, 16);
  net_driver_transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  bench_settle (driver.bench);
  g_assert_cmphex (virtio_guest_status (driver.bench) & STATUS_NEEDS_RESET, !=, 0);
  bench_free (driver.bench);
}

static void
test_state (void)
{
  uint8_t frame[FRAME_MAX];
  unsigned n_buffers;
  NetDriver driver;

  net_driver_start (&driver, "nat", F_MRG_RXBUF | F_EVENT_IDX, 1526);
  net_driver_offer (&driver, 4);
  net_driver_transmit (&driver, frame, frame_arp_request (frame, GATEWAY_ADDRESS), true);
  net_driver_receive (&driver, 0, frame, &n_buffers);
  bench_round_trip_state (driver.bench);
  bench_free (driver.bench);
}

static void
test_fuzz (gconstpointer network)
{
  g_autoptr (Bench) bench = bench_new_with (net_driver_add_card, (void *)network);

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
  g_test_add_data_func ("/virtio-net/fuzz/nat", "nat", test_fuzz);
  g_test_add_data_func ("/virtio-net/fuzz/none", "none", test_fuzz);
  return g_test_run ();
}
