/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The 82574L; sections are those of its data sheet. The network is a fake that shows what was sent. */
#include "devices/ethernet/e1000e.h"

#include "devices/ethernet/e1000e-private.h"
#include "tests/devices/net-frames.h"
#include "tests/devices/pci-bench.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/iov.h"

#define MAC_TEXT   "52:54:00:12:34:56"
#define RX_RING    UINT64_C (0x10000)
#define TX_RING    UINT64_C (0x20000)
#define RX_BUFFERS UINT64_C (0x100000)
#define TX_BUFFERS UINT64_C (0x200000)
#define N_DESC     16u
#define RX_STRIDE  2048u

static const uint8_t own_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

/* --- the network --- */

typedef struct {
  NetBackend backend; /* first */
  uint8_t frame[NET_PACKET_MAX];
  size_t size;
  NetOffload offload;
  unsigned n_sent, n_ready;
  bool full;
} Wire;

static bool
wire_send (NetBackend *backend, const NetPacket *packet)
{
  Wire *wire = (Wire *)backend;

  if (wire->full)
    return false;
  wire->size = iov_gather (packet->iov, packet->n_iov, 0, wire->frame, sizeof wire->frame);
  wire->offload = packet->offload;
  wire->n_sent++;
  return true;
}

static void
wire_receive_ready (NetBackend *backend)
{
  ((Wire *)backend)->n_ready++;
}

static void
wire_free (NetBackend *backend)
{
  g_free (backend);
}

static const NetBackendOps wire_ops = { .send = wire_send,
                                        .receive_ready = wire_receive_ready,
                                        .free = wire_free };

static void
add_card (Bench *bench, void *data)
{
  const E1000eConfig config = {
    .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) }, .id = "net0", .mac = MAC_TEXT, .network = "none"
  };
  E1000e *card = E1000E (bench_add (bench, &e1000e_class, NULL, &config));
  Wire *wire = g_new0 (Wire, 1);

  wire->backend.ops = &wire_ops;
  card->backend = &wire->backend;
  pci_bench_map (bench);
  bench_reset (bench);
  pci_bench_map (bench);
}

static Bench *
new_card (void)
{
  return bench_new_with (add_card, NULL);
}

static E1000e *
card_of (Bench *bench)
{
  return E1000E (bench_device (bench));
}

static Wire *
wire_of (Bench *bench)
{
  return (Wire *)card_of (bench)->backend;
}

static uint32_t
get (Bench *bench, unsigned offset)
{
  return bench_read32 (bench, PCI_BENCH_BAR (0) + offset);
}

static void
set (Bench *bench, unsigned offset, uint32_t value)
{
  bench_write32 (bench, PCI_BENCH_BAR (0) + offset, value);
}

static void
set_up_ring (Bench *bench, unsigned queue, uint64_t base)
{
  set (bench, queue + QUEUE_BAL, (uint32_t)base);
  set (bench, queue + QUEUE_BAH, 0);
  set (bench, queue + QUEUE_LEN, N_DESC * 16);
  set (bench, queue + QUEUE_HEAD, 0);
  set (bench, queue + QUEUE_TAIL, 0);
}

/* Receives with @rctl besides the enable bit; buffers of 2 KiB. */
static void
start_receiver (Bench *bench, uint32_t rctl)
{
  set_up_ring (bench, REG_RX_QUEUE, RX_RING);
  for (unsigned i = 0; i < N_DESC; i++)
    {
      uint8_t *descriptor = bench_memory (bench, RX_RING + i * 16, 16);

      memset (descriptor, 0, 16);
      store_le64 (descriptor, RX_BUFFERS + (uint64_t)i * RX_STRIDE);
    }
  set (bench, REG_RCTL, RCTL_EN | RCTL_SECRC | RCTL_BAM | rctl);
  set (bench, REG_RX_QUEUE + QUEUE_TAIL, N_DESC - 1);
}

static bool
deliver_with (Bench *bench, const uint8_t *frame, size_t size, bool good)
{
  const struct iovec iov = { (void *)frame, size };
  const NetPacket packet = { .iov = &iov, .n_iov = 1, .offload.checksum_good = good };

  return e1000e_card_ops.receive (card_of (bench), &packet);
}

static bool
deliver (Bench *bench, const uint8_t *frame, size_t size)
{
  return deliver_with (bench, frame, size, true);
}

static size_t
udp_to_card (uint8_t *frame, size_t payload)
{
  static const uint8_t data[FRAME_MAX] = { 1, 2, 3 };
  size_t size = frame_udp (frame, GATEWAY_ADDRESS, GUEST_ADDRESS, 5, 6, data, payload);

  memcpy (frame, own_mac, 6);
  return size;
}

static const uint8_t *
rx_desc (Bench *bench, unsigned i)
{
  return bench_memory (bench, RX_RING + (uint64_t)i * 16, 16);
}

/* --- identity, EEPROM, PHY --- */

static void
test_shows_itself (void)
{
  g_autoptr (Bench) bench = new_card ();

  g_assert_cmphex (pci_bench_read_config (bench, 0, 4), ==, 0x10d38086);
  g_assert_cmphex (pci_bench_read_config (bench, 8, 4) >> 8, ==, 0x020000);
  g_assert_cmpuint (pci_bench_capability (bench, 0x01, 0), !=, 0);
  g_assert_cmpuint (pci_bench_capability (bench, 0x05, 0), !=, 0);
  g_assert_cmpuint (pci_bench_capability (bench, 0x10, 0), !=, 0);
  g_assert_cmpuint (pci_bench_capability (bench, 0x11, 0), !=, 0);
  g_assert_cmpuint (pci_msix_vectors (&card_of (bench)->pci), ==, 5);
  g_assert_cmphex (get (bench, REG_STATUS), ==,
                   STATUS_FD | STATUS_LU | STATUS_SPEED_1000 | STATUS_MASTER_ENABLE);
  g_assert_cmphex (get (bench, REG_RAL), ==, 0x12005452);
  g_assert_cmphex (get (bench, REG_RAH), ==, RAH_AV | 0x5634);
  g_assert_cmphex (bench_read32 (bench, PCI_BENCH_BAR (1)), ==, 0xffffffff);
}

static uint16_t
nvm_word (Bench *bench, unsigned word)
{
  uint32_t value;

  set (bench, REG_EERD, word << 2 | EERD_START);
  value = get (bench, REG_EERD);
  g_assert_cmphex (value & EERD_DONE, !=, 0);
  return (uint16_t)(value >> 16);
}

/* 6.1.2.4, 10.2.2.4. */
static void
test_eeprom (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint16_t sum = 0;

  for (unsigned i = 0; i < 0x40; i++)
    sum = (uint16_t)(sum + nvm_word (bench, i));
  g_assert_cmphex (sum, ==, 0xbaba);
  for (unsigned i = 0; i < 3; i++)
    g_assert_cmphex (nvm_word (bench, i), ==, load_le16 (own_mac + 2 * i));
  g_assert_cmphex (nvm_word (bench, 0x3fff), ==, 0xffff);
  set (bench, REG_EEC, EEC_REQ);
  g_assert_cmphex (get (bench, REG_EEC) & EEC_GNT, !=, 0);
  set (bench, REG_EEC, 0);
  g_assert_cmphex (get (bench, REG_EEC) & EEC_GNT, ==, 0);
}

static uint32_t
mdic (Bench *bench, bool write, unsigned address, unsigned number, uint16_t value)
{
  set (bench, REG_MDIC, (write ? 1u : 2u) << 26 | address << 21 | number << 16 | value);
  g_assert_cmphex (get (bench, REG_MDIC) & MDIC_READY, !=, 0);
  return get (bench, REG_MDIC);
}

/* 10.2.2.7; IEEE 802.3, clause 22. */
static void
test_phy (void)
{
  g_autoptr (Bench) bench = new_card ();

  g_assert_cmphex (mdic (bench, false, 1, 2, 0) & 0xffff, ==, 0x0141);
  g_assert_cmphex (mdic (bench, false, 1, 3, 0) & 0xffff, ==, 0x0cb1);
  g_assert_cmphex (mdic (bench, false, 2, 2, 0) & MDIC_ERROR, !=, 0);
  g_assert_cmphex (mdic (bench, false, 1, 1, 0) & 0x24, ==, 0x24);
  g_assert_cmphex (mdic (bench, false, 1, 17, 0) & 0xac00, ==, 0xac00);
  mdic (bench, true, 1, 3, 0xffff); /* read-only */
  g_assert_cmphex (mdic (bench, false, 1, 3, 0) & 0xffff, ==, 0x0cb1);
  mdic (bench, true, 1, 4, 0x0001);
  g_assert_cmphex (mdic (bench, false, 1, 4, 0) & 0xffff, ==, 0x0001);
  mdic (bench, true, 1, 22, 5); /* another page */
  g_assert_cmphex (mdic (bench, false, 1, 17, 0) & 0xffff, ==, 0);
  mdic (bench, true, 1, 0, 0x8000);
  g_assert_cmphex (mdic (bench, false, 1, 4, 0) & 0xffff, ==, 0x0de1);

  set (bench, REG_IMS, CAUSE_LSC | CAUSE_MDAC);
  mdic (bench, true, 1, 0, 0x1200);
  g_assert_cmphex (get (bench, REG_ICR) & CAUSE_LSC, !=, 0);
  set (bench, REG_MDIC, MDIC_IRQ | 2u << 26 | 1 << 21);
  g_assert_cmphex (get (bench, REG_ICR) & CAUSE_MDAC, !=, 0);
}

static void
test_link (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[FRAME_MAX];

  start_receiver (bench, 0);
  set (bench, REG_IMS, CAUSE_LSC);
  e1000e_set_link (bench_device (bench), false);
  g_assert_true (bench_irq (bench, PCI_BENCH_GSI));
  g_assert_cmphex (get (bench, REG_ICR), ==, CAUSE_ASSERTED | CAUSE_LSC | CAUSE_OTHER);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));
  g_assert_cmphex (get (bench, REG_STATUS) & STATUS_LU, ==, 0);
  g_assert_cmphex (mdic (bench, false, 1, 1, 0) & 0x24, ==, 0);
  g_assert_true (deliver (bench, frame, udp_to_card (frame, 100))); /* lost */
  g_assert_cmpuint (get (bench, REG_RX_QUEUE + QUEUE_HEAD), ==, 0);
  e1000e_set_link (bench_device (bench), true);
  g_assert_cmphex (get (bench, REG_ICR) & CAUSE_LSC, !=, 0);
  g_assert_cmphex (get (bench, REG_STATUS) & STATUS_LU, !=, 0);
}

/* 4.6.1: a reset of the card's own leaves the PCI side alone. */
static void
test_reset (void)
{
  g_autoptr (Bench) bench = new_card ();

  start_receiver (bench, 0);
  set (bench, REG_RAL, 1);
  set (bench, REG_IMS, CAUSE_LSC);
  set (bench, REG_CTRL, CTRL_RST);
  g_assert_cmphex (get (bench, REG_CTRL) & CTRL_RST, ==, 0);
  g_assert_cmphex (get (bench, REG_RCTL), ==, 0);
  g_assert_cmphex (get (bench, REG_IMS), ==, 0);
  g_assert_cmphex (get (bench, REG_RAL), ==, 0x12005452);
  set (bench, REG_CTRL, CTRL_PHY_RST);
  g_assert_cmphex (get (bench, REG_STATUS) & STATUS_PHYRA, !=, 0);
  set (bench, REG_STATUS, 0);
  g_assert_cmphex (get (bench, REG_STATUS) & STATUS_PHYRA, ==, 0);

  /* 10.2.1.2: the same by ports. */
  pci_bench_write_config (bench, 0x18, 0xc000, 4);
  pci_bench_write_config (bench, 4, 7, 2);
  bench_out32 (bench, 0xc000, REG_STATUS);
  g_assert_cmphex (bench_in32 (bench, 0xc004), ==, get (bench, REG_STATUS));
  bench_out32 (bench, 0xc000, REG_IMS);
  bench_out32 (bench, 0xc004, CAUSE_LSC);
  g_assert_cmphex (get (bench, REG_IMS), ==, CAUSE_LSC);
}

/* --- reception --- */

/* 7.1.4. */
static void
test_legacy_receive (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[FRAME_MAX];
  size_t size = udp_to_card (frame, 1000);

  start_receiver (bench, 3u << 16); /* buffers of 256 bytes */
  set (bench, REG_RXCSUM, RXCSUM_IPOFLD | RXCSUM_TUOFLD);
  g_assert_true (deliver (bench, frame, size));
  g_assert_cmpuint (get (bench, REG_RX_QUEUE + QUEUE_HEAD), ==, (size + 255) / 256);
  for (unsigned i = 0; i * 256 < size; i++)
    {
      size_t part = MIN (256, size - i * 256);

      g_assert_cmpuint (load_le16 (rx_desc (bench, i) + 8), ==, part);
      g_assert_cmphex (rx_desc (bench, i)[12], ==, part < 256 ? 0x43 : 0x41); /* DD, IPCS; EOP */
      g_assert_cmphex (rx_desc (bench, i)[13], ==, 0);
      g_assert_cmpmem (bench_memory (bench, RX_BUFFERS + i * RX_STRIDE, part), part, frame + i * 256, part);
    }
  g_assert_cmphex (get (bench, REG_ICR) & (CAUSE_RXT0 | CAUSE_RXQ0), ==, CAUSE_RXT0 | CAUSE_RXQ0);

  /* A short one is padded; with the check sequence if that is wanted. */
  set (bench, REG_RCTL, RCTL_EN | RCTL_BAM);
  size = udp_to_card (frame, 1);
  g_assert_true (deliver (bench, frame, size));
  g_assert_cmpuint (load_le16 (rx_desc (bench, 5) + 8), ==, 64);
}

/* Frames that find no descriptors are offered again when there are some. */
static void
test_back_pressure (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[FRAME_MAX];
  size_t size = udp_to_card (frame, 100);

  start_receiver (bench, 0);
  set (bench, REG_IMS, CAUSE_RXDMT0);
  for (unsigned i = 0; i < N_DESC - 1; i++)
    g_assert_true (deliver (bench, frame, size));
  g_assert_cmphex (get (bench, REG_ICR) & CAUSE_RXDMT0, !=, 0);
  g_assert_false (deliver (bench, frame, size));
  g_assert_cmpuint (wire_of (bench)->n_ready, ==, 0);
  set (bench, REG_RX_QUEUE + QUEUE_TAIL, 3);
  g_assert_cmpuint (wire_of (bench)->n_ready, ==, 1);
  g_assert_true (deliver (bench, frame, size));
  g_assert_cmpuint (get (bench, STAT_GPRC), ==, N_DESC);
  g_assert_cmpuint (get (bench, STAT_GPRC), ==, 0);
  g_assert_cmpuint (get (bench, STAT_GORC), ==, N_DESC * (size + 4));
}

/* 7.1.5, 7.1.11: good and bad checksums. */
static void
test_extended_receive (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[FRAME_MAX];
  TcpSegment segment = { .port = 1, .peer_port = 2, .flags = TCP_ACK };
  size_t size = frame_tcp (frame, GUEST_ADDRESS, &segment, "hello, hello", 12);

  memcpy (frame, own_mac, 6);
  set (bench, REG_RFCTL, RFCTL_EXSTEN);
  set (bench, REG_RXCSUM, RXCSUM_IPOFLD | RXCSUM_TUOFLD);
  start_receiver (bench, 0);
  g_assert_true (deliver_with (bench, frame, size, false));
  frame[size - 1] ^= 1;
  g_assert_true (deliver_with (bench, frame, size, false));
  frame[24] ^= 1;
  g_assert_true (deliver_with (bench, frame, size, false));
  g_assert_cmphex (load_le32 (rx_desc (bench, 0) + 8), ==, 0x63);
  g_assert_cmphex (load_le32 (rx_desc (bench, 1) + 8), ==, 0x20000063);
  g_assert_cmphex (load_le32 (rx_desc (bench, 2) + 8), ==, 0x60000063);
  g_assert_cmpuint (load_le16 (rx_desc (bench, 0) + 12), ==, size);
}

/* 7.1.6: buffers of 128 bytes and of 1 KiB. */
static void
test_split_receive (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[FRAME_MAX];
  size_t size = udp_to_card (frame, 1300);
  const uint8_t *back;

  set (bench, REG_RFCTL, RFCTL_EXSTEN);
  set (bench, REG_PSRCTL, 1 | 1 << 8 | 1 << 16);
  set_up_ring (bench, REG_RX_QUEUE, RX_RING);
  for (unsigned i = 0; i < 4; i++)
    store_le64 (bench_memory (bench, RX_RING + i * 8, 8), RX_BUFFERS + i * 0x1000);
  set (bench, REG_RCTL, RCTL_EN | RCTL_SECRC | RCTL_DTYP_PS);
  set (bench, REG_RX_QUEUE + QUEUE_TAIL, 4);
  g_assert_true (deliver (bench, frame, size));
  back = bench_memory (bench, RX_RING, 32);
  g_assert_cmphex (load_le32 (back + 8) & 3, ==, 3);
  g_assert_cmpuint (load_le16 (back + 12), ==, 128);
  g_assert_cmpuint (load_le16 (back + 18), ==, 1024);
  g_assert_cmpuint (load_le16 (back + 20), ==, size - 1152);
  g_assert_cmpmem (bench_memory (bench, RX_BUFFERS + 0x1000, 1024), 1024, frame + 128, 1024);
  g_assert_cmpuint (get (bench, REG_RX_QUEUE + QUEUE_HEAD), ==, 2);
}

static bool
gets (Bench *bench, const uint8_t *frame, size_t size)
{
  uint32_t head = get (bench, REG_RX_QUEUE + QUEUE_HEAD);

  set (bench, REG_RX_QUEUE + QUEUE_TAIL, (head + N_DESC - 1) % N_DESC);
  g_assert_true (deliver (bench, frame, size));
  return get (bench, REG_RX_QUEUE + QUEUE_HEAD) != head;
}

/* 7.1.1: addresses; 10.2.5.16: the multicast table; 7.1.10: VLANs; 10.2.5.1: long frames. */
static void
test_filters (void)
{
  static const uint8_t multicast[6] = { 0x01, 0x00, 0x5e, 0x00, 0x12, 0x34 };
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[3000] = { 0 };
  size_t size = udp_to_card (frame, 100);

  start_receiver (bench, 0);
  g_assert_true (gets (bench, frame, size));
  frame[5] ^= 1;
  g_assert_false (gets (bench, frame, size));
  set (bench, REG_RAL + 8, load_le32 (frame));
  set (bench, REG_RAH + 8, RAH_AV | load_le16 (frame + 4));
  g_assert_true (gets (bench, frame, size));
  set (bench, REG_RAH + 8, load_le16 (frame + 4));
  g_assert_false (gets (bench, frame, size));
  set (bench, REG_RCTL, RCTL_EN | RCTL_SECRC | RCTL_UPE);
  g_assert_true (gets (bench, frame, size));
  memset (frame, 0xff, 6);
  g_assert_false (gets (bench, frame, size));
  set (bench, REG_RCTL, RCTL_EN | RCTL_SECRC | RCTL_BAM);
  g_assert_true (gets (bench, frame, size));

  memcpy (frame, multicast, 6);
  g_assert_false (gets (bench, frame, size));
  set (bench, REG_MTA + 4 * (0x3412 >> 4 >> 5 & 0x7f), BIT (0x3412 >> 4 & 31));
  g_assert_true (gets (bench, frame, size));
  set (bench, REG_MTA + 4 * (0x3412 >> 4 >> 5 & 0x7f), 0);
  set (bench, REG_RCTL, RCTL_EN | RCTL_SECRC | RCTL_MPE);
  g_assert_true (gets (bench, frame, size));

  memcpy (frame, own_mac, 6);
  g_assert_false (gets (bench, frame, 1515));
  g_assert_cmpuint (get (bench, STAT_ROC), ==, 1);
  set (bench, REG_RCTL, RCTL_EN | RCTL_SECRC | RCTL_LPE | RCTL_VFE);
  g_assert_true (gets (bench, frame, 1515));
  store_be16 (frame + 12, 0x8100);
  store_be16 (frame + 14, 0xe123);
  g_assert_false (gets (bench, frame, size));
  set (bench, REG_VFTA + 4 * (0x123 >> 5), BIT (0x123 & 31));
  g_assert_true (gets (bench, frame, size));
}

/* 7.5.2: tags are taken out, and put in. */
static void
test_vlan (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[FRAME_MAX + 4] = { 0 };
  size_t size = udp_to_card (frame, 100);
  uint8_t *descriptor = bench_memory (bench, TX_RING, 16);

  memmove (frame + 16, frame + 12, size - 12);
  store_be16 (frame + 12, 0x8100);
  store_be16 (frame + 14, 0x2005);
  start_receiver (bench, 0);
  set (bench, REG_CTRL, CTRL_VME);
  g_assert_true (deliver (bench, frame, size + 4));
  g_assert_cmphex (rx_desc (bench, 0)[12] & 8, ==, 8);
  g_assert_cmphex (load_le16 (rx_desc (bench, 0) + 14), ==, 0x2005);
  g_assert_cmpuint (load_le16 (rx_desc (bench, 0) + 8), ==, size);
  g_assert_cmpmem (bench_memory (bench, RX_BUFFERS + 12, 20), 20, frame + 16, 20);

  udp_to_card (frame, 100);
  memcpy (bench_memory (bench, TX_BUFFERS, size), frame, size);
  memset (descriptor, 0, 16);
  store_le64 (descriptor, TX_BUFFERS);
  store_le16 (descriptor + 8, (uint16_t)size);
  descriptor[11] = 0x49; /* VLE, RS, EOP */
  store_le16 (descriptor + 14, 0x4006);
  set_up_ring (bench, REG_TX_QUEUE, TX_RING);
  set (bench, REG_TCTL, TCTL_EN);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 1);
  g_assert_cmpuint (wire_of (bench)->size, ==, size + 4);
  g_assert_cmphex (load_be32 (wire_of (bench)->frame + 12), ==, 0x81004006);
  g_assert_cmpmem (wire_of (bench)->frame + 16, size - 12, frame + 12, size - 12);
}

/* 7.1.12.1: the verification suite that was published with the hash (Microsoft, "Verifying the RSS Hash
 * Calculation"). */
static void
test_rss (void)
{
  static const uint8_t key[40] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                   0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                   0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                   0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa };
  g_autoptr (Bench) bench = new_card ();
  TcpSegment segment = { .port = 2794, .peer_port = 1766, .flags = TCP_ACK };
  uint8_t frame[FRAME_MAX];
  size_t size = frame_tcp (frame, (161u << 24) + (142u << 16) + (100u << 8) + 80, &segment, NULL, 0);

  memcpy (frame, own_mac, 6);
  store_be32 (frame + 26, (66u << 24) + (9u << 16) + (149u << 8) + 187);
  for (unsigned i = 0; i < 10; i++)
    set (bench, REG_RSSRK + 4 * i, load_le32 (key + 4 * i));
  set (bench, REG_RFCTL, RFCTL_EXSTEN);
  set (bench, REG_RXCSUM, RXCSUM_PCSD);
  set (bench, REG_MRQC, 1 | 1 << 16 | 1 << 17);
  start_receiver (bench, 0);
  g_assert_true (deliver (bench, frame, size));
  g_assert_cmphex (load_le32 (rx_desc (bench, 0)), ==, 1);
  g_assert_cmphex (load_le32 (rx_desc (bench, 0) + 4), ==, 0x51ccc178);
  set (bench, REG_MRQC, 1 | 1 << 17);
  g_assert_true (deliver (bench, frame, size));
  g_assert_cmphex (load_le32 (rx_desc (bench, 1)), ==, 2);
  g_assert_cmphex (load_le32 (rx_desc (bench, 1) + 4), ==, 0x323e8fc2);

  /* The table sends it to the other queue. */
  set (bench, REG_MRQC, 1 | 1 << 16);
  set (bench, REG_RETA + 4 * (0x78 / 4), 0x80u << 8 * (0x78 % 4));
  set_up_ring (bench, REG_RX_QUEUE + QUEUE_STRIDE, RX_RING + 0x1000);
  store_le64 (bench_memory (bench, RX_RING + 0x1000, 8), RX_BUFFERS);
  set (bench, REG_RX_QUEUE + QUEUE_STRIDE + QUEUE_TAIL, 2);
  g_assert_true (deliver (bench, frame, size));
  g_assert_cmpuint (get (bench, REG_RX_QUEUE + QUEUE_HEAD), ==, 2);
  g_assert_cmpuint (get (bench, REG_RX_QUEUE + QUEUE_STRIDE + QUEUE_HEAD), ==, 1);
  g_assert_cmphex (load_le32 (bench_memory (bench, RX_RING + 0x1000, 4)), ==, 0x101);
}

/* --- transmission --- */

static void
put_desc (Bench *bench, unsigned i, uint64_t address, uint32_t type_length, uint32_t last)
{
  uint8_t *descriptor = bench_memory (bench, TX_RING + (uint64_t)i * 16, 16);

  store_le64 (descriptor, address);
  store_le32 (descriptor + 8, type_length);
  store_le32 (descriptor + 12, last);
}

static void
start_sender (Bench *bench)
{
  set_up_ring (bench, REG_TX_QUEUE, TX_RING);
  set (bench, REG_TCTL, TCTL_EN | TCTL_PSP);
}

static uint8_t
tx_status (Bench *bench, unsigned i)
{
  return *(uint8_t *)bench_memory (bench, TX_RING + (uint64_t)i * 16 + 12, 1) & 1;
}

/* 7.2.5, 7.2.4: three descriptors, one of which reports; the checksum is put in. */
static void
test_legacy_transmit (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t *frame = bench_memory (bench, TX_BUFFERS, FRAME_MAX), sent[FRAME_MAX];
  size_t size = udp_to_card (frame, 200);
  Wire *wire = wire_of (bench);

  memset (frame + 24, 0, 2);
  start_sender (bench);
  set (bench, REG_IMS, CAUSE_TXDW);
  put_desc (bench, 0, TX_BUFFERS, 14 | 0x04u << 24 | 24u << 16, 14u << 8); /* IC: all from 14 on, at 24 */
  put_desc (bench, 1, TX_BUFFERS + 14, 100, 0);
  put_desc (bench, 2, TX_BUFFERS + 114, (uint32_t)(size - 114) | 0x09u << 24, 0);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 2); /* not whole yet */
  g_assert_cmpuint (wire->n_sent, ==, 0);
  g_assert_cmpuint (get (bench, REG_TX_QUEUE + QUEUE_HEAD), ==, 0);
  bench_round_trip_state (bench);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 3);
  g_assert_cmpuint (wire->n_sent, ==, 1);
  g_assert_cmpuint (wire->size, ==, size);
  memcpy (sent, frame, size);
  memcpy (sent + 24, wire->frame + 24, 2);
  g_assert_cmpmem (wire->frame, size, sent, size);
  g_assert_cmphex (load_be16 (wire->frame + 24), !=, 0);
  g_assert_cmpuint (tx_status (bench, 0), ==, 0);
  g_assert_cmpuint (tx_status (bench, 2), ==, 1);
  g_assert_cmpuint (get (bench, REG_TX_QUEUE + QUEUE_HEAD), ==, 3);
  g_assert_true (bench_irq (bench, PCI_BENCH_GSI));
  g_assert_cmphex (get (bench, REG_ICR) & (CAUSE_TXDW | CAUSE_TXQE | CAUSE_TXQ0), ==,
                   CAUSE_TXDW | CAUSE_TXQE | CAUSE_TXQ0);

  put_desc (bench, 3, TX_BUFFERS, 20 | 0x09u << 24, 0);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 4);
  g_assert_cmpuint (wire->size, ==, 60); /* padded */
  g_assert_cmpuint (get (bench, STAT_GPTC), ==, 2);
}

/* 7.2.6, 7.2.8: checksums by a context, which stays for the next frame. */
static void
test_context (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t *frame = bench_memory (bench, TX_BUFFERS, FRAME_MAX), good[FRAME_MAX];
  TcpSegment segment = { .port = 1, .peer_port = 2, .flags = TCP_ACK };
  size_t size = frame_tcp (good, GATEWAY_ADDRESS, &segment, "0123456789", 10);
  Wire *wire = wire_of (bench);
  uint32_t pseudo = 6 + 30;

  for (unsigned i = 26; i < 34; i += 2)
    pseudo += load_be16 (good + i);
  memcpy (frame, good, size);
  memset (frame + 24, 0, 2);
  store_be16 (frame + 50, (uint16_t)((pseudo & 0xffff) + (pseudo >> 16)));
  start_sender (bench);
  put_desc (bench, 0, 14 | 24u << 8 | 33u << 16 | UINT64_C (0x00003222) << 32, 0x20u << 24, 0);
  for (unsigned i = 1; i < 3; i++)
    put_desc (bench, i, TX_BUFFERS, (uint32_t)size | 0x29u << 24 | 1u << 20, 3u << 8);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 3);
  g_assert_cmpuint (wire->n_sent, ==, 2);
  g_assert_cmpmem (wire->frame, MIN (wire->size, size), good, size);

  /* Places that aren't in the frame. */
  put_desc (bench, 3, UINT64_MAX, 0x20u << 24, 0);
  put_desc (bench, 4, TX_BUFFERS, (uint32_t)size | 0x29u << 24 | 1u << 20, 3u << 8);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 5);
  g_assert_cmpuint (wire->n_sent, ==, 3);
}

/* 7.2.7: what is to be cut goes to the network whole. */
static void
test_segmentation (void)
{
  g_autoptr (Bench) bench = new_card ();
  Wire *wire = wire_of (bench);
  TcpSegment segment = { .port = 1, .peer_port = 2, .flags = TCP_ACK };
  size_t size =
    frame_tcp (bench_memory (bench, TX_BUFFERS, 20000), GATEWAY_ADDRESS, &segment, NULL, 0) + 15000;

  start_sender (bench);
  put_desc (bench, 0, UINT64_C (0x00003222) << 32 | 14 | 24u << 8 | 33u << 16, 15000 | 0x27u << 24,
            54u << 8 | 1460u << 16);
  put_desc (bench, 1, TX_BUFFERS, 54 | 0x24u << 24 | 1u << 20, 3u << 8);
  put_desc (bench, 2, TX_BUFFERS + 54, 15000 | 0x2du << 24 | 1u << 20, 0);
  wire->full = true;
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 3);
  g_assert_cmpuint (get (bench, REG_TX_QUEUE + QUEUE_HEAD), ==, 1);
  bench_round_trip_state (bench);
  wire->full = false;
  e1000e_card_ops.send_ready (card_of (bench));
  g_assert_cmpuint (wire->n_sent, ==, 1);
  g_assert_cmpuint (wire->size, ==, size);
  g_assert_cmpuint (wire->offload.gso, ==, NET_GSO_TCP4);
  g_assert_cmpuint (wire->offload.segment_size, ==, 1460);
  g_assert_cmpuint (get (bench, STAT_TSCTC), ==, 1);

  /* Into segments of nothing: dropped. */
  put_desc (bench, 3, 0, 15000 | 0x27u << 24, 54u << 8);
  put_desc (bench, 4, TX_BUFFERS, 5000 | 0x2du << 24 | 1u << 20, 3u << 8);
  /* Larger than any IP packet: dropped. */
  put_desc (bench, 5, 0, 15000 | 0x27u << 24, 54u << 8 | 1460u << 16);
  put_desc (bench, 6, TX_BUFFERS, 0x1ffff | 0x2du << 24 | 1u << 20, 3u << 8);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 7);
  g_assert_cmpuint (wire->n_sent, ==, 1);
  g_assert_cmpuint (get (bench, REG_TX_QUEUE + QUEUE_HEAD), ==, 7);
}

/* --- interrupts --- */

/* 10.2.4.1: what reading acknowledges. */
static void
test_causes (void)
{
  g_autoptr (Bench) bench = new_card ();

  set (bench, REG_ICS, CAUSE_RXT0);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));
  g_assert_cmphex (get (bench, REG_ICR), ==, CAUSE_RXT0); /* all masked: cleared */
  g_assert_cmphex (get (bench, REG_ICR), ==, 0);
  set (bench, REG_IMS, CAUSE_LSC);
  set (bench, REG_ICS, CAUSE_RXT0);
  g_assert_cmphex (get (bench, REG_ICR), ==, CAUSE_RXT0); /* not ours: stays */
  g_assert_cmphex (get (bench, REG_ICR), ==, CAUSE_RXT0);
  set (bench, REG_IMS, CAUSE_RXT0);
  g_assert_true (bench_irq (bench, PCI_BENCH_GSI));
  set (bench, REG_IMC, CAUSE_RXT0);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));
  set (bench, REG_IMS, CAUSE_RXT0);
  set (bench, REG_ICR, CAUSE_RXT0);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));

  /* IAM: read and masked at once. */
  set (bench, REG_IAM, 0xffffffff);
  set (bench, REG_CTRL_EXT, CTRL_EXT_IAME);
  set (bench, REG_ICS, CAUSE_RXT0);
  g_assert_cmphex (get (bench, REG_ICR), ==, CAUSE_ASSERTED | CAUSE_RXT0);
  g_assert_cmphex (get (bench, REG_IMS), ==, 0);
}

/* 7.4.2, 10.2.4.7, 10.2.4.9. */
static void
test_msix (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[FRAME_MAX];

  pci_bench_enable_msix (bench, 3, 5);
  set (bench, REG_IVAR, 0x0000000a | 0xbu << 8 | 0xcu << 16); /* RxQ0: 2, TxQ0: 3, other: 4 */
  set (bench, REG_EIAC, CAUSE_RXQ0);
  set (bench, REG_IMS, CAUSE_RXQ0 | CAUSE_TXQ0 | CAUSE_OTHER | CAUSE_LSC);
  start_receiver (bench, 0);
  g_assert_true (deliver (bench, frame, udp_to_card (frame, 100)));
  g_assert_cmpuint (pci_bench_messages (bench, 2), ==, 1);
  g_assert_cmphex (card_of (bench)->mac[REG_ICR / 4] & CAUSE_RXQ0, ==, 0); /* cleared by itself */
  g_assert_true (deliver (bench, frame, udp_to_card (frame, 100)));
  g_assert_cmpuint (pci_bench_messages (bench, 2), ==, 2);
  e1000e_set_link (bench_device (bench), false);
  g_assert_cmpuint (pci_bench_messages (bench, 4), ==, 1);
  g_assert_cmphex (get (bench, REG_ICR) & CAUSE_LSC, !=, 0);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));

  /* EIAME: masked by itself. */
  set (bench, REG_IAM, CAUSE_TXQ0);
  set (bench, REG_CTRL_EXT, CTRL_EXT_EIAME);
  set (bench, REG_ICS, CAUSE_TXQ0);
  set (bench, REG_ICS, CAUSE_TXQ0);
  g_assert_cmpuint (pci_bench_messages (bench, 3), ==, 1);
  g_assert_cmphex (get (bench, REG_IMS) & CAUSE_TXQ0, ==, 0);
  set (bench, REG_IMS, CAUSE_TXQ0); /* still pending */
  g_assert_cmpuint (pci_bench_messages (bench, 3), ==, 2);
}

/* 7.4.4: units of 256 ns. */
static void
test_throttling (void)
{
  g_autoptr (Bench) bench = new_card ();

  set (bench, REG_ITR, 1000);
  set (bench, REG_IMS, CAUSE_RXT0);
  set (bench, REG_ICS, CAUSE_RXT0);
  g_assert_cmpuint (bench_irq_edges (bench, PCI_BENCH_GSI), ==, 1);
  get (bench, REG_ICR);
  set (bench, REG_ICS, CAUSE_RXT0);
  bench_advance_clock (bench, 255000);
  g_assert_cmpuint (bench_irq_edges (bench, PCI_BENCH_GSI), ==, 1);
  bench_round_trip_state (bench);
  bench_advance_clock (bench, 1000);
  g_assert_cmpuint (bench_irq_edges (bench, PCI_BENCH_GSI), ==, 2);
  get (bench, REG_ICR);
  bench_advance_clock (bench, 1000000);
  g_assert_cmpuint (bench_irq_edges (bench, PCI_BENCH_GSI), ==, 2);

  pci_bench_enable_msix (bench, 3, 5);
  set (bench, REG_IVAR, 0x8);
  set (bench, REG_EITR, 1000);
  set (bench, REG_EIAC, CAUSE_RXQ0);
  set (bench, REG_IMS, CAUSE_RXQ0);
  for (unsigned i = 0; i < 5; i++)
    set (bench, REG_ICS, CAUSE_RXQ0);
  g_assert_cmpuint (pci_bench_messages (bench, 0), ==, 1);
  bench_advance_clock (bench, 256000);
  g_assert_cmpuint (pci_bench_messages (bench, 0), ==, 2);
  bench_advance_clock (bench, 256000);
  g_assert_cmpuint (pci_bench_messages (bench, 0), ==, 2);
}

/* --- hostile guests --- */

static void
test_wrong_rings (void)
{
  g_autoptr (Bench) bench = new_card ();
  uint8_t frame[FRAME_MAX];
  size_t size = udp_to_card (frame, 100);
  unsigned n = 0;

  start_receiver (bench, 0);
  set (bench, REG_RX_QUEUE + QUEUE_TAIL, 0xffff); /* beyond its end */
  g_assert_false (deliver (bench, frame, size));
  set (bench, REG_RX_QUEUE + QUEUE_TAIL, 5);
  set (bench, REG_RX_QUEUE + QUEUE_LEN, 0);
  g_assert_false (deliver (bench, frame, size));
  set (bench, REG_RX_QUEUE + QUEUE_LEN, 0xfff80);
  set (bench, REG_RX_QUEUE + QUEUE_BAH, 0xffffffff);
  g_assert_true (deliver (bench, frame, size)); /* a descriptor that isn't there is skipped */
  set (bench, REG_RX_QUEUE + QUEUE_BAH, 0);
  store_le64 (bench_memory (bench, RX_RING + 16, 8), UINT64_MAX - 3);
  g_assert_true (deliver (bench, frame, size));

  start_sender (bench);
  set (bench, REG_TX_QUEUE + QUEUE_BAH, 0xffffffff);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 3);
  g_assert_cmpuint (get (bench, REG_TX_QUEUE + QUEUE_HEAD), ==, 3);
  set (bench, REG_TX_QUEUE + QUEUE_BAH, 0);
  put_desc (bench, 3, UINT64_C (0xfffffffffffffff0), 100 | 0x0bu << 24, 0);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 4);
  g_assert_cmpuint (get (bench, REG_TX_QUEUE + QUEUE_HEAD), ==, 4);
  g_assert_cmpuint (wire_of (bench)->n_sent, ==, 0);

  /* A frame that never ends. */
  for (unsigned i = 0; i < N_DESC; i++)
    put_desc (bench, i, TX_BUFFERS, 0xffff, 0);
  for (unsigned i = 0; i < 100; i++)
    set (bench, REG_TX_QUEUE + QUEUE_TAIL, (4 + i) % N_DESC);
  g_assert_cmpuint (wire_of (bench)->n_sent, ==, 0);

  /* Bus mastering is off. */
  pci_bench_write_config (bench, 4, 2, 2);
  put_desc (bench, 4, TX_BUFFERS, 100 | 0x09u << 24, 0);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 5);
  n = wire_of (bench)->n_sent;
  g_assert_cmpuint (n, ==, 0);
  g_assert_false (deliver (bench, frame, size));
  pci_bench_write_config (bench, 4, 6, 2);
  g_assert_cmpuint (wire_of (bench)->n_sent, ==, 1);
}

static void
fuzz_step (Bench *bench, GRand *rand, void *data)
{
  uint8_t frame[2000] = { 0 };
  size_t size = (size_t)g_rand_int_range (rand, NET_HEADER, sizeof frame);

  switch (g_rand_int_range (rand, 0, 6))
    {
    case 0:
      start_receiver (bench, g_rand_int (rand) & 0x03033f38);
      break;
    case 1:
      start_sender (bench);
      for (unsigned i = 0; i < N_DESC; i++)
        put_desc (bench, i, (uint64_t)g_rand_int_range (rand, 0, BENCH_RAM_SIZE),
                  g_rand_int (rand) & 0xff1fffff, g_rand_int (rand));
      set (bench, REG_TX_QUEUE + QUEUE_TAIL, (uint32_t)g_rand_int_range (rand, 0, N_DESC));
      break;
    case 2:
      set (bench, REG_RFCTL, g_rand_boolean (rand) ? RFCTL_EXSTEN : 0);
      set (bench, REG_MRQC, g_rand_int (rand));
      set (bench, REG_PSRCTL, g_rand_int (rand));
      break;
    case 3:
      pci_bench_fuzz_step (bench, rand, data);
      pci_bench_map (bench);
      break;
    default:
      udp_to_card (frame, 100);
      for (int n = g_rand_int_range (rand, 0, 8); n > 0; n--)
        frame[g_rand_int_range (rand, 6, 60)] = (uint8_t)g_rand_int (rand);
      deliver_with (bench, frame, size, g_rand_boolean (rand));
      break;
    }
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = new_card ();

  bench_fuzz_with (bench, 61, 40000, fuzz_step, NULL);
}

/* With the NAT behind it: DHCP, from the first frame to the answer. */
static void
add_nat_card (Bench *bench, void *data)
{
  const E1000eConfig config = {
    .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) }, .id = "net0", .mac = MAC_TEXT, .network = "nat"
  };

  bench_add (bench, &e1000e_class, NULL, &config);
  pci_bench_map (bench);
}

static bool
has_received (Bench *bench, void *data)
{
  return get (bench, REG_RX_QUEUE + QUEUE_HEAD) > 0;
}

static void
test_dhcp (void)
{
  g_autoptr (Bench) bench = bench_new_with (add_nat_card, NULL);
  uint8_t *frame = bench_memory (bench, TX_BUFFERS, FRAME_MAX);
  size_t size = frame_dhcp_discover (frame);

  start_receiver (bench, 0);
  start_sender (bench);
  put_desc (bench, 0, TX_BUFFERS, (uint32_t)size | 0x09u << 24, 0);
  set (bench, REG_TX_QUEUE + QUEUE_TAIL, 1);
  g_assert_true (bench_run_until (bench, has_received, NULL));
  g_assert_true (
    frame_is_udp (bench_memory (bench, RX_BUFFERS, FRAME_MAX), load_le16 (rx_desc (bench, 0) + 8), 68));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/e1000e/shows-itself", test_shows_itself);
  g_test_add_func ("/e1000e/eeprom", test_eeprom);
  g_test_add_func ("/e1000e/phy", test_phy);
  g_test_add_func ("/e1000e/link", test_link);
  g_test_add_func ("/e1000e/reset", test_reset);
  g_test_add_func ("/e1000e/legacy-receive", test_legacy_receive);
  g_test_add_func ("/e1000e/back-pressure", test_back_pressure);
  g_test_add_func ("/e1000e/extended-receive", test_extended_receive);
  g_test_add_func ("/e1000e/split-receive", test_split_receive);
  g_test_add_func ("/e1000e/filters", test_filters);
  g_test_add_func ("/e1000e/vlan", test_vlan);
  g_test_add_func ("/e1000e/rss", test_rss);
  g_test_add_func ("/e1000e/legacy-transmit", test_legacy_transmit);
  g_test_add_func ("/e1000e/context", test_context);
  g_test_add_func ("/e1000e/segmentation", test_segmentation);
  g_test_add_func ("/e1000e/causes", test_causes);
  g_test_add_func ("/e1000e/msix", test_msix);
  g_test_add_func ("/e1000e/throttling", test_throttling);
  g_test_add_func ("/e1000e/wrong-rings", test_wrong_rings);
  g_test_add_func ("/e1000e/fuzz", test_fuzz);
  g_test_add_func ("/e1000e/dhcp", test_dhcp);
  return g_test_run ();
}
