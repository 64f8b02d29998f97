/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The virtio transport and its rings (virtio 1.2, sections 2 and 4.1), through the entropy device (5.4). */
#include "devices/virtio/virtio-rng.h"

#include "tests/devices/virtio-guest.h"
#include "vmm/base/bytes.h"

#define RINGS  UINT64_C (0x10000)
#define BUFFER UINT64_C (0x80000)

static void
setup (Bench *bench, void *data)
{
  const VirtioRngConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) } };

  bench_add (bench, &virtio_rng_class, NULL, &config);
  pci_bench_map (bench);
}

/* A live device with one queue. */
static Bench *
start (GuestQueue *queue, uint64_t features, uint16_t size)
{
  Bench *bench = bench_new_with (setup, NULL);

  g_assert_cmphex (virtio_guest_negotiate (bench, F_VERSION_1 | features) & STATUS_FEATURES_OK, !=, 0);
  guest_queue_init (queue, bench, 0, size, RINGS);
  virtio_guest_driver_ok (bench);
  return bench;
}

static bool
is_all_zero (Bench *bench, uint64_t address, size_t size)
{
  const uint8_t *p = bench_memory (bench, address, size);

  for (size_t i = 0; i < size; i++)
    if (p[i] != 0)
      return false;
  return true;
}

/* 4.1.2: a modern device's identity; 4.1.4: its capabilities. */
static void
test_shows_itself (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  unsigned seen = 0;

  g_assert_cmphex (pci_bench_read_config (bench, 0, 4), ==, 0x10441af4);
  g_assert_cmphex (pci_bench_read_config (bench, 8, 1), >=, 1);
  for (unsigned n = 0, cap; (cap = pci_bench_capability (bench, 0x09, n)) != 0; n++)
    {
      uint8_t kind = pci_bench_read_config (bench, cap + 3, 1);

      g_assert_cmpuint (pci_bench_read_config (bench, cap + 2, 1), ==, kind == 2 || kind == 5 ? 20 : 16);
      seen |= 1u << kind;
    }
  g_assert_cmphex (seen, ==, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5); /* no device configuration */
  g_assert_cmpuint (bench_read16 (bench, VIRTIO_COMMON + REG_NUM_QUEUES), ==, 1);
}

/* 2.2: FEATURES_OK stays clear for what was not offered, and without VERSION_1. */
static void
test_refuses_features (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  g_assert_cmphex (virtio_guest_negotiate (bench, 0) & STATUS_FEATURES_OK, ==, 0);
  g_assert_cmphex (virtio_guest_negotiate (bench, F_VERSION_1 | 1) & STATUS_FEATURES_OK, ==, 0);
  g_assert_cmphex (virtio_guest_negotiate (bench, F_VERSION_1) & STATUS_FEATURES_OK, !=, 0);

  /* They are frozen now. */
  bench_write32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE_SELECT, 0);
  bench_write32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE, 0x10000000);
  g_assert_cmphex (bench_read32 (bench, VIRTIO_COMMON + REG_DRIVER_FEATURE), ==, 0);
}

/* 5.4.6 and 2.7.8: entropy arrives, with its length, and an interrupt. */
static void
test_fills_buffers (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, 0, 8);
  const GuestBuffer buffers[] = { { BUFFER, 40, true }, { BUFFER + 0x1000, 24, true } };
  uint16_t head, used;

  head = guest_queue_add (&queue, buffers, 2);
  guest_queue_kick (&queue);
  g_assert_cmpuint (guest_queue_wait (&queue, &used), ==, 64);
  g_assert_cmpuint (used, ==, head);
  g_assert_false (is_all_zero (bench, BUFFER, 40));
  g_assert_false (is_all_zero (bench, BUFFER + 0x1000, 24));
  g_assert_true (is_all_zero (bench, BUFFER + 40, 16));

  /* 4.1.4.5: INTx until the ISR is read. */
  g_assert_true (bench_irq (bench, PCI_BENCH_GSI));
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 1);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 0);
}

/* 4.1.5.1.2: each queue has its vector; one that does not exist reads as none. */
static void
test_msix (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  const GuestBuffer buffer = { BUFFER, 16, true };
  GuestQueue queue;

  pci_bench_enable_msix (bench, 1, 2);
  virtio_guest_negotiate (bench, F_VERSION_1);
  guest_queue_init (&queue, bench, 0, 8, RINGS);
  virtio_guest_driver_ok (bench);
  guest_queue_add (&queue, &buffer, 1);
  guest_queue_kick (&queue);
  guest_queue_wait (&queue, NULL);
  bench_wait_msi (bench, 1);
  g_assert_cmpuint (pci_bench_messages (bench, 1), ==, 1);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));

  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_VECTOR, 7);
  g_assert_cmphex (bench_read16 (bench, VIRTIO_COMMON + REG_QUEUE_VECTOR), ==, 0xffff);
}

/* 2.7.7: a driver that polls is left in peace. */
static void
test_no_interrupt_flag (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, 0, 8);
  const GuestBuffer buffer = { BUFFER, 16, true };

  store_le16 (bench_memory (bench, queue.avail, 2), 1);
  guest_queue_add (&queue, &buffer, 1);
  guest_queue_kick (&queue);
  guest_queue_wait (&queue, NULL);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));
}

/* 2.7.7.2 and 2.7.10: both sides say after which index they want to hear. */
static void
test_event_index (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_EVENT_IDX, 8);
  const GuestBuffer buffer = { BUFFER, 16, true };

  for (unsigned i = 0; i < 3; i++)
    {
      store_le16 (bench_memory (bench, queue.avail + 4 + 2 * queue.size, 2), 2); /* used_event */
      guest_queue_add (&queue, &buffer, 1);
      guest_queue_kick (&queue);
      guest_queue_wait (&queue, NULL);
      bench_settle (bench);
      /* The first notification always goes out; then none before index 3. */
      g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, i == 1 ? 0 : 1);
      g_assert_cmpuint (load_le16 (bench_memory (bench, queue.used + 4 + 8 * queue.size, 2)), ==, i + 1);
    }
}

/* 2.7.5.3: a table of descriptors elsewhere, also after direct ones. */
static void
test_indirect (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_INDIRECT, 8);
  uint8_t *table = bench_memory (bench, 0x90000, 32);

  store_le64 (table, BUFFER + 0x100);
  store_le32 (table + 8, 32);
  store_le16 (table + 12, 1 | 2);
  store_le16 (table + 14, 1);
  store_le64 (table + 16, BUFFER + 0x200);
  store_le32 (table + 24, 32);
  store_le16 (table + 28, 2);
  guest_queue_set_desc (&queue, 0, BUFFER, 32, 1 | 2, 1);
  guest_queue_set_desc (&queue, 1, 0x90000, 32, 4, 0);
  guest_queue_publish (&queue, 0);
  guest_queue_kick (&queue);
  g_assert_cmpuint (guest_queue_wait (&queue, NULL), ==, 96);
  g_assert_false (is_all_zero (bench, BUFFER + 0x200, 32));
}

typedef struct {
  const char *name;
  uint64_t features, address;
  uint32_t length;
  uint16_t flags, next, head;
  uint16_t jump; /* of the available index */
} Mistake;

/* 2.1.2: what a guest may get wrong ends in DEVICE_NEEDS_RESET, and a reset heals it. */
static const Mistake mistakes[] = {
  { "loop", 0, BUFFER, 16, 1 | 2, 0, 0, 0 },
  { "next-beyond", 0, BUFFER, 16, 1 | 2, 8, 0, 0 },
  { "head-beyond", 0, BUFFER, 16, 2, 0, 8, 0 },
  { "no-ram", 0, BENCH_RAM_SIZE - 8, 16, 2, 0, 0, 0 },
  { "wraps", 0, UINT64_MAX - 4, 16, 2, 0, 0, 0 },
  { "huge", 0, BUFFER, UINT32_MAX, 2, 0, 0, 0 },
  { "index-jumps", 0, BUFFER, 16, 2, 0, 0, 100 },
  { "indirect-not-negotiated", 0, BUFFER, 16, 4, 0, 0, 0 },
  { "indirect-odd-size", F_INDIRECT, BUFFER, 17, 4, 0, 0, 0 },
  { "indirect-and-next", F_INDIRECT, BUFFER, 16, 4 | 1, 0, 0, 0 },
  { "indirect-in-itself", F_INDIRECT, RINGS, 16, 4, 0, 0, 0 },
};

static void
test_mistake (gconstpointer data)
{
  const Mistake *mistake = data;
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, mistake->features, 8);
  const GuestBuffer buffer = { BUFFER, 16, true };

  guest_queue_set_desc (&queue, 0, mistake->address, mistake->length, mistake->flags, mistake->next);
  queue.avail_idx += mistake->jump;
  guest_queue_publish (&queue, mistake->head);
  guest_queue_kick (&queue);
  bench_settle (bench);
  g_assert_cmphex (virtio_guest_status (bench) & STATUS_NEEDS_RESET, !=, 0);
  g_assert_cmpuint (guest_queue_used_index (&queue), ==, 0);
  g_assert_cmphex (bench_read8 (bench, VIRTIO_ISR), ==, 2);

  virtio_guest_negotiate (bench, F_VERSION_1);
  g_assert_cmphex (virtio_guest_status (bench) & STATUS_NEEDS_RESET, ==, 0);
  guest_queue_init (&queue, bench, 0, 8, RINGS);
  virtio_guest_driver_ok (bench);
  guest_queue_add (&queue, &buffer, 1);
  guest_queue_kick (&queue);
  g_assert_cmpuint (guest_queue_wait (&queue, NULL), ==, 16);
}

/* 4.1.4.3.2: a queue can be reset and set up anew by itself. */
static void
test_queue_reset (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_RING_RESET, 8);
  const GuestBuffer buffer = { BUFFER, 16, true };

  bench_write16 (bench, VIRTIO_COMMON + REG_QUEUE_RESET, 1);
  g_assert_cmpuint (bench_read16 (bench, VIRTIO_COMMON + REG_QUEUE_RESET), ==, 0);
  g_assert_cmpuint (bench_read16 (bench, VIRTIO_COMMON + REG_QUEUE_ENABLE), ==, 0);
  guest_queue_add (&queue, &buffer, 1);
  guest_queue_kick (&queue);
  bench_settle (bench);
  g_assert_cmpuint (guest_queue_used_index (&queue), ==, 0);

  guest_queue_init (&queue, bench, 0, 4, RINGS);
  guest_queue_add (&queue, &buffer, 1);
  guest_queue_kick (&queue);
  g_assert_cmpuint (guest_queue_wait (&queue, NULL), ==, 16);
}

/* 4.1.4.9: registers through the configuration space. */
static void
test_pci_cfg_window (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  unsigned cap = 0;

  for (unsigned n = 0; (cap = pci_bench_capability (bench, 0x09, n)) != 0; n++)
    if (pci_bench_read_config (bench, cap + 3, 1) == 5)
      break;
  g_assert_cmpuint (cap, !=, 0);
  pci_bench_write_config (bench, cap + 4, 0, 1);
  pci_bench_write_config (bench, cap + 8, REG_STATUS, 4);
  pci_bench_write_config (bench, cap + 12, 1, 4);
  pci_bench_write_config (bench, cap + 16, STATUS_ACKNOWLEDGE, 1);
  g_assert_cmphex (virtio_guest_status (bench), ==, STATUS_ACKNOWLEDGE);
  g_assert_cmphex (pci_bench_read_config (bench, cap + 16, 1), ==, STATUS_ACKNOWLEDGE);

  /* A window beyond the BAR shows nothing. */
  pci_bench_write_config (bench, cap + 8, 0xfffffffc, 4);
  pci_bench_write_config (bench, cap + 12, 4, 4);
  pci_bench_read_config (bench, cap + 16, 4);
  pci_bench_write_config (bench, cap + 16, 0xffffffff, 4);
}

/* Without bus mastering nothing is touched; when it comes, what waited is done. */
static void
test_bus_master (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, 0, 8);
  const GuestBuffer buffer = { BUFFER, 16, true };

  pci_bench_write_config (bench, 4, 0x02, 2);
  guest_queue_add (&queue, &buffer, 1);
  guest_queue_kick (&queue);
  bench_settle (bench);
  g_assert_cmpuint (guest_queue_used_index (&queue), ==, 0);
  pci_bench_write_config (bench, 4, 0x06, 2);
  g_assert_cmpuint (guest_queue_wait (&queue, NULL), ==, 16);
}

static void
test_state (void)
{
  GuestQueue queue;
  g_autoptr (Bench) bench = start (&queue, F_EVENT_IDX | F_INDIRECT, 8);
  const GuestBuffer buffer = { BUFFER, 16, true };

  guest_queue_add (&queue, &buffer, 1);
  guest_queue_kick (&queue);
  guest_queue_wait (&queue, NULL);
  bench_round_trip_state (bench);
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  bench_fuzz_with (bench, 44, 40000, virtio_guest_fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio/shows-itself", test_shows_itself);
  g_test_add_func ("/virtio/refuses-features", test_refuses_features);
  g_test_add_func ("/virtio/msix", test_msix);
  g_test_add_func ("/virtio/no-interrupt-flag", test_no_interrupt_flag);
  g_test_add_func ("/virtio/event-index", test_event_index);
  g_test_add_func ("/virtio/indirect", test_indirect);
  for (unsigned i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/virtio/mistake/%s", mistakes[i].name);

      g_test_add_data_func (path, &mistakes[i], test_mistake);
    }
  g_test_add_func ("/virtio/queue-reset", test_queue_reset);
  g_test_add_func ("/virtio/pci-cfg-window", test_pci_cfg_window);
  g_test_add_func ("/virtio/bus-master", test_bus_master);
  g_test_add_func ("/virtio-rng/fills-buffers", test_fills_buffers);
  g_test_add_func ("/virtio-rng/state", test_state);
  g_test_add_func ("/virtio-rng/fuzz", test_fuzz);
  return g_test_run ();
}
