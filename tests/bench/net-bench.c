/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What receiving costs without a guest: one TCP connection from a server of the host through the NAT into the
 * receive queue of a virtio card, whose driver is this program. "name value unit" lines; profilers and
 * counters of system calls can look at it on any host.
 *
 * Usage: net-bench [MIB]
 */
#include "devices/virtio/virtio-net-private.h"
#include "tests/devices/net-driver.h"
#include "vmm/base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#define PORT   7000u
#define WINDOW 64240u /* as Linux begins with */

typedef struct {
  NetDriver driver;
  VirtioNet *net;
  TcpSegment segment;
  unsigned n_kicks, n_frames;
} Guest;

static double
processor_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Kicks come by the loop, as with a hypervisor; 2.7.10: if the device wants to be told. */
static void
kick (Guest *guest, GuestQueue *queue, unsigned n)
{
  uint16_t event;

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  event = load_le16 (bench_memory (queue->bench, queue->used + 4 + 8u * queue->size, 2));
  if ((uint16_t)(queue->avail_idx - event - 1) >= n)
    return;
  guest->n_kicks++;
  eventfd_write (guest->net->virtio.queues[queue->index].kick_fd, 1);
}

static void
send_frame (Guest *guest, const uint8_t *frame, size_t size, bool tcp)
{
  GuestQueue *tx = &guest->driver.tx;
  uint64_t where = TX_FRAME + tx->avail_idx % 32 * UINT64_C (2048);
  GuestBuffer buffer = { where, (uint32_t)(HEADER_SIZE + size), false };

  uint8_t *header = bench_memory (tx->bench, where, HEADER_SIZE + size);

  memset (header, 0, HEADER_SIZE);
  if (tcp)
    {
      /* As a segment to cut, so that the card does its checksum. */
      header[0] = header[1] = 1;
      store_le16 (header + 4, 1460);
      store_le16 (header + 6, 34);
      store_le16 (header + 8, 16);
    }
  memcpy (header + HEADER_SIZE, frame, size);
  guest_queue_add (tx, &buffer, 1);
  kick (guest, tx, 1);
}

static void
send_tcp (Guest *guest, const uint8_t *options, size_t size)
{
  uint8_t frame[FRAME_MAX];
  size_t n = frame_tcp (frame, GATEWAY_ADDRESS, &guest->segment, options, size);

  frame[34 + 12] = (uint8_t)((5 + size / 4) << 4);
  store_be16 (frame + 34 + 14, WINDOW);
  send_frame (guest, frame, n, true);
}

static void
offer (Guest *guest, unsigned n)
{
  NetDriver *driver = &guest->driver;

  for (unsigned i = 0; i < n; i++)
    {
      GuestBuffer buffer = { RX_BUFFERS + driver->n_rx++ % 64 * (uint64_t)RX_STRIDE, driver->rx_size, true };

      guest_queue_add (&driver->rx, &buffer, 1);
    }
  kick (guest, &driver->rx, n);
}

/* One frame from its buffers. Returns: its size, 0 if there is none. */
static size_t
take_frame (Guest *guest, uint8_t *frame)
{
  NetDriver *driver = &guest->driver;
  GuestQueue *rx = &driver->rx;
  unsigned n_buffers = 1;
  size_t size = 0;

  if (guest_queue_used_index (rx) == rx->used_idx)
    return 0;
  for (unsigned i = 0; i < n_buffers; i++)
    {
      const uint8_t *element = bench_memory (rx->bench, rx->used + 4 + 8u * (rx->used_idx++ % rx->size), 8);
      const uint8_t *buffer =
        bench_memory (rx->bench, RX_BUFFERS + driver->n_taken++ % 64 * (uint64_t)RX_STRIDE, RX_STRIDE);
      size_t header = i == 0 ? HEADER_SIZE : 0;

      if (i == 0)
        n_buffers = load_le16 (buffer + 10);
      memcpy (frame + size, buffer + header, load_le32 (element + 4) - header);
      size += load_le32 (element + 4) - header;
    }
  offer (guest, n_buffers);
  return size;
}

/* Takes a frame as a TCP would. Returns: whether the connection goes on. */
static bool
take (Guest *guest, const uint8_t *frame, size_t size)
{
  uint8_t reply[FRAME_MAX];
  const uint8_t *payload;
  size_t payload_size;
  TcpSegment got;

  if (frame_arp_reply (reply, frame, size) > 0)
    send_frame (guest, reply, frame_arp_reply (reply, frame, size), false);
  if (!frame_read_tcp (frame, size, PORT, &got, &payload, &payload_size))
    return true;
  if (got.flags & TCP_SYN)
    guest->segment.sequence = got.acknowledged;
  else if (got.sequence != guest->segment.acknowledged)
    payload_size = 0; /* sent again */
  guest->driver.n_stream += payload_size;
  guest->segment.acknowledged =
    (got.flags & TCP_SYN ? got.sequence + 1 : guest->segment.acknowledged) + (uint32_t)payload_size;
  guest->segment.flags = TCP_ACK;
  send_tcp (guest, NULL, 0);
  return !(got.flags & TCP_FIN);
}

static void
connect_to_server (Guest *guest)
{
  static const uint8_t largest_segment[] = { 2, 4, 1460 >> 8, 1460 & 0xff };

  guest->segment.flags = TCP_SYN;
  send_tcp (guest, largest_segment, sizeof largest_segment);
}

static bool
is_quiet (Guest *guest)
{
  return guest_queue_used_index (&guest->driver.rx) == guest->driver.rx.used_idx;
}

int
main (int argc, char **argv)
{
  size_t n_mib = argc > 1 ? strtoul (argv[1], NULL, 10) : 256;
  g_autofree uint8_t *frame = g_malloc (1 << 17);
  Guest guest = { .segment = { .port = PORT } };
  GThread *server;
  double began, cpu;
  bool going = true;

  guest.segment.peer_port = server_start (n_mib << 20, &server);
  net_driver_start (
    &guest.driver, "nat",
    F_CONTROL | F_CSUM | F_GUEST_CSUM | F_GUEST_TSO4 | F_HOST_TSO4 | F_MRG_RXBUF | F_EVENT_IDX, 1526);
  guest.net = VIRTIO_NET (bench_device (guest.driver.bench));
  offer (&guest, 60);
  began = (double)g_get_monotonic_time () / 1e6;
  cpu = processor_time ();
  connect_to_server (&guest);
  while (going)
    {
      size_t size;

      while (going && (size = take_frame (&guest, frame)) > 0)
        {
          guest.n_frames++;
          going = take (&guest, frame, size);
        }
      while (going && is_quiet (&guest))
        g_thread_yield ();
    }
  began = (double)g_get_monotonic_time () / 1e6 - began;
  printf ("receive %.1f MB/s\n", (double)(guest.driver.n_stream >> 20) / began);
  printf ("receive-cpu %.3f ms/MB\n", (processor_time () - cpu) * 1e3 / (double)n_mib);
  printf ("receive-frames %.1f /MB\n", (double)guest.n_frames / (double)n_mib);
  printf ("receive-kicks %.1f /MB\n", (double)guest.n_kicks / (double)n_mib);
  g_thread_join (server);
  bench_free (guest.driver.bench);
  return 0;
}
