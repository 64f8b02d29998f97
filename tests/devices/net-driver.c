/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/net-driver.h"

#include "devices/virtio/virtio-net.h"
#include "vmm/base/bytes.h"

void
net_driver_add_card (Bench *bench, void *network)
{
  const VirtioNetConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) },
                                   .id = "net0",
                                   .mac = MAC_TEXT,
                                   .network = network,
                                   .n_pairs = N_PAIRS };

  bench_add (bench, &virtio_net_class, NULL, &config);
  pci_bench_map (bench);
}

void
net_driver_start (NetDriver *driver, const char *network, uint64_t features, uint32_t rx_size)
{
  driver->bench = bench_new_with (net_driver_add_card, (void *)network);
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

uint8_t
net_driver_command (NetDriver *driver, uint8_t class, uint8_t what, const void *data, uint32_t size)
{
  const GuestBuffer buffers[] = { { COMMAND, 2, false },
                                  { COMMAND + 16, size, false },
                                  { COMMAND + 4096, 1, true } };
  const GuestBuffer without_data[] = { buffers[0], buffers[2] };
  uint8_t *header = bench_memory (driver->bench, COMMAND, 4097);

  header[0] = class;
  header[1] = what;
  if (size > 0)
    memcpy (header + 16, data, size);
  header[4096] = 0xee;
  guest_queue_add (&driver->control, size > 0 ? buffers : without_data, size > 0 ? 3 : 2);
  guest_queue_kick (&driver->control);
  g_assert_cmpuint (guest_queue_wait (&driver->control, NULL), ==, 1);
  return header[4096];
}

void
net_driver_offer (NetDriver *driver, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    {
      GuestBuffer buffer = { RX_BUFFERS + (driver->n_rx++ % 64) * (uint64_t)RX_STRIDE, driver->rx_size,
                             true };

      guest_queue_add (&driver->rx, &buffer, 1);
    }
  guest_queue_kick (&driver->rx);
}

void
net_driver_transmit (NetDriver *driver, const uint8_t *frame, size_t size, bool apart)
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

size_t
net_driver_receive (NetDriver *driver, unsigned first, uint8_t *frame, unsigned *n_buffers)
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

void
frame_assert_is_offer (const uint8_t *frame, size_t size)
{
  g_assert_true (frame_is_udp (frame, size, 68));
  g_assert_cmphex (load_be32 (frame + UDP_HEADER_END + 4), ==, 0x12345678);
  g_assert_cmphex (load_be32 (frame + UDP_HEADER_END + 16), ==, GUEST_ADDRESS);
}
