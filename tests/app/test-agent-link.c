/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way between a program in the guest and a socket of ours, over the virtio console of a bench. */
#include "app/agent/agent-link.h"

#include "devices/virtio/virtio-console.h"
#include "tests/devices/virtio-guest.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define F_MULTIPORT (UINT64_C (1) << 1)
#define RINGS       UINT64_C (0x10000)
#define MESSAGE     UINT64_C (0x80000)
#define OUT         UINT64_C (0x100000)
#define IN          UINT64_C (0x400000)

enum { EV_READY = 0, EV_PORT_READY = 3, EV_OPEN = 6 };

typedef struct {
  Bench *bench;
  GuestQueue control, in, out;
  AgentLink *link;
  int fd; /* the socket that the link gave last; -1: none */
} Guest;

static void
setup (Bench *bench, void *data)
{
  bench_add (bench, &virtio_console_class, NULL,
             &(VirtioConsoleConfig){ .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) },
                                     .cable = { .kind = CABLE_CONSOLE },
                                     .channels = { CHANNEL_GUEST_AGENT } });
  pci_bench_map (bench);
}

static void
say (Guest *guest, uint16_t event, uint16_t value)
{
  uint8_t *p = bench_memory (guest->bench, MESSAGE, 8);

  store_le32 (p, 1);
  store_le16 (p + 4, event);
  store_le16 (p + 6, value);
  guest_queue_add (&guest->control, &(GuestBuffer){ MESSAGE, 8, false }, 1);
  guest_queue_kick (&guest->control);
  guest_queue_wait (&guest->control, NULL);
}

/* The machine's loop. */
static void
on_connected (int fd, void *data)
{
  ((Guest *)data)->fd = fd;
}

static bool
is_connected (Bench *bench, void *data)
{
  return ((Guest *)data)->fd >= 0;
}

static void
begin (Guest *guest)
{
  *guest = (Guest){ .bench = bench_new_with (setup, NULL), .fd = -1 };
  virtio_guest_negotiate (guest->bench, F_VERSION_1 | F_MULTIPORT);
  guest_queue_init (&guest->control, guest->bench, 3, 8, RINGS);
  guest_queue_init (&guest->in, guest->bench, 4, 8, RINGS + 0x4000);
  guest_queue_init (&guest->out, guest->bench, 5, 8, RINGS + 0x8000);
  virtio_guest_driver_ok (guest->bench);
  say (guest, EV_READY, 1);
  say (guest, EV_PORT_READY, 1);
  guest->link = agent_link_new (bench_board (guest->bench)->loop,
                                virtio_console_channel (bench_device (guest->bench), CHANNEL_GUEST_AGENT),
                                on_connected, guest, NULL);
  g_assert_nonnull (guest->link);
  say (guest, EV_OPEN, 1);
  g_assert_true (bench_run_until (guest->bench, is_connected, guest));
}

static void
end (Guest *guest)
{
  agent_link_free (guest->link);
  if (guest->fd >= 0)
    close (guest->fd);
  bench_free (guest->bench);
}

/* Waits for bytes; the socket does not block. */
static ssize_t
receive (int fd, void *bytes, size_t size)
{
  struct pollfd pfd = { .fd = fd, .events = POLLIN };

  g_assert_cmpint (poll (&pfd, 1, 20000), ==, 1);
  return recv (fd, bytes, size, MSG_DONTWAIT);
}

/* More than anything on the way holds: the guest waits, and nothing is lost. */
static void
test_from_guest (void)
{
  const uint32_t size = 2u << 20;
  g_autofree uint8_t *got = g_malloc (size);
  uint32_t done = 0;
  Guest guest;

  begin (&guest);
  for (uint32_t i = 0; i < size; i += 4)
    store_le32 (bench_memory (guest.bench, OUT + i, 4), i);
  guest_queue_add (&guest.out, &(GuestBuffer){ OUT, size, false }, 1);
  guest_queue_kick (&guest.out);
  bench_settle (guest.bench);
  g_assert_cmpuint (guest_queue_used_index (&guest.out), ==, 0);
  while (done < size)
    {
      ssize_t n = receive (guest.fd, got + done, size - done);

      g_assert_cmpint (n, >, 0);
      done += (uint32_t)n;
    }
  guest_queue_wait (&guest.out, NULL);
  g_assert_cmpmem (got, size, bench_memory (guest.bench, OUT, size), size);
  end (&guest);
}

/* Who writes waits until the guest has room. */
static void
test_to_guest (void)
{
  g_autofree char *sent = g_malloc0 (4u << 20);
  size_t total = 0, taken = 0;
  Guest guest;
  ssize_t n;

  begin (&guest);
  for (size_t i = 0; i < 4u << 20; i++)
    sent[i] = (char)(i * 7 / 5);
  do
    {
      n = send (guest.fd, sent + total, (4u << 20) - total, MSG_DONTWAIT);
      total += (size_t)MAX (n, 0);
      bench_settle (guest.bench);
    }
  while (n > 0);
  g_assert_cmpint (errno, ==, EAGAIN);
  g_assert_cmpuint (total, <, 4u << 20);
  while (taken < total)
    {
      uint32_t length;

      guest_queue_add (&guest.in, &(GuestBuffer){ IN, 65536, true }, 1);
      guest_queue_kick (&guest.in);
      length = guest_queue_wait (&guest.in, NULL);
      g_assert_cmpmem (bench_memory (guest.bench, IN, length), length, sent + taken, length);
      taken += length;
    }
  end (&guest);
}

/* Each time that the guest opens its end there is a new socket; the old one ends, after the last words. */
static void
test_comes_and_goes (void)
{
  Guest guest;
  char bytes[16];
  int first;

  begin (&guest);
  first = guest.fd;
  memcpy (bench_memory (guest.bench, OUT, 3), "bye", 3);
  guest_queue_add (&guest.out, &(GuestBuffer){ OUT, 3, false }, 1);
  guest_queue_kick (&guest.out);
  guest.fd = -1;
  say (&guest, EV_OPEN, 0);
  g_assert_cmpint (receive (first, bytes, sizeof bytes), ==, 3);
  g_assert_cmpint (receive (first, bytes, sizeof bytes), ==, 0);
  close (first);
  say (&guest, EV_OPEN, 1);
  g_assert_true (bench_run_until (guest.bench, is_connected, &guest));

  /* Whoever hangs up is not missed by the guest, whose words go nowhere. */
  close (guest.fd);
  guest.fd = -1;
  guest_queue_add (&guest.out, &(GuestBuffer){ OUT, 3, false }, 1);
  guest_queue_kick (&guest.out);
  bench_settle (guest.bench);
  say (&guest, EV_OPEN, 0);
  say (&guest, EV_OPEN, 1);
  g_assert_true (bench_run_until (guest.bench, is_connected, &guest));
  end (&guest);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/agent-link/from-guest", test_from_guest);
  g_test_add_func ("/agent-link/to-guest", test_to_guest);
  g_test_add_func ("/agent-link/comes-and-goes", test_comes_and_goes);
  return g_test_run ();
}
