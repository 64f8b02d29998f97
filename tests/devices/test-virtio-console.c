/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The console with several ports: virtio 1.2, section 5.3. */
#include "devices/virtio/virtio-console.h"

#include "tests/devices/virtio-guest.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <sys/socket.h>
#include <unistd.h>

#define F_SIZE      (UINT64_C (1) << 0)
#define F_MULTIPORT (UINT64_C (1) << 1)
#define F_EMERG     (UINT64_C (1) << 2)

#define RINGS   UINT64_C (0x10000) /* 16 KiB per queue */
#define CONTROL UINT64_C (0x80000) /* buffers of 64 bytes */
#define OUT     UINT64_C (0x90000)
#define IN      UINT64_C (0xa0000)

enum { EV_READY, EV_ADD, EV_REMOVE, EV_PORT_READY, EV_CONSOLE, EV_RESIZE, EV_OPEN, EV_NAME };

/* A driver, and whoever holds channel 1. */
typedef struct {
  Bench *bench;
  GuestQueue control_in, control_out, in, out; /* of the port that is looked at */
  unsigned next_control;                       /* which buffer the device fills next */
  GString *story;                              /* events, and what came */
  Channel *channel;
  bool greedy; /* reads all that there is */
} Guest;

static void
setup (Bench *bench, void *data)
{
  const VirtioConsoleConfig config = {
    .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) },
    .cable = { .kind = CABLE_CONSOLE, .in_fd = -1, .out_fd = -1 },
    .channels = { CHANNEL_GUEST_AGENT, CHANNEL_DESKTOP_AGENT },
  };

  bench_add (bench, &virtio_console_class, NULL, &config);
  pci_bench_map (bench);
}

/* --- the driver --- */

static void
offer_control_buffer (Guest *guest, unsigned i)
{
  guest_queue_add (&guest->control_in, &(GuestBuffer){ CONTROL + 64 * i, 64, true }, 1);
  guest_queue_kick (&guest->control_in);
}

static void
say (Guest *guest, uint32_t port, uint16_t event, uint16_t value)
{
  uint8_t *p = bench_memory (guest->bench, CONTROL + 0x8000, 8);

  store_le32 (p, port);
  store_le16 (p + 4, event);
  store_le16 (p + 6, value);
  guest_queue_add (&guest->control_out, &(GuestBuffer){ CONTROL + 0x8000, 8, false }, 1);
  guest_queue_kick (&guest->control_out);
  guest_queue_wait (&guest->control_out, NULL);
}

/* The next message of the device; @more: what follows the header. */
static void
hear_more (Guest *guest, uint32_t port, uint16_t event, uint16_t value, const void *more, size_t more_size)
{
  uint32_t size = guest_queue_wait (&guest->control_in, NULL);
  uint8_t *p = bench_memory (guest->bench, CONTROL + 64 * guest->next_control, 64);

  g_assert_cmpuint (load_le32 (p), ==, port);
  g_assert_cmpuint (load_le16 (p + 4), ==, event);
  g_assert_cmpuint (load_le16 (p + 6), ==, value);
  g_assert_cmpmem (p + 8, size - 8, more, more_size);
  offer_control_buffer (guest, guest->next_control);
  guest->next_control = (guest->next_control + 1) % 8;
}

static void
hear (Guest *guest, uint32_t port, uint16_t event, uint16_t value, const char *text)
{
  hear_more (guest, port, event, value, text, text != NULL ? strlen (text) : 0);
}

static void
begin (Guest *guest, uint64_t features)
{
  *guest = (Guest){ .bench = bench_new_with (setup, NULL), .story = g_string_new (NULL), .greedy = true };
  g_assert_cmphex (virtio_guest_negotiate (guest->bench, F_VERSION_1 | features) & STATUS_FEATURES_OK, !=, 0);
  guest->channel = virtio_console_channel (bench_device (guest->bench), CHANNEL_GUEST_AGENT);
}

/* With the queues of @port. */
static void
begin_ports (Guest *guest, unsigned port)
{
  begin (guest, F_MULTIPORT | F_SIZE);
  guest_queue_init (&guest->in, guest->bench, port ? 2 + 2 * port : 0, 8, RINGS);
  guest_queue_init (&guest->out, guest->bench, port ? 3 + 2 * port : 1, 8, RINGS + 0x4000);
  guest_queue_init (&guest->control_in, guest->bench, 2, 8, RINGS + 0x8000);
  guest_queue_init (&guest->control_out, guest->bench, 3, 8, RINGS + 0xc000);
  virtio_guest_driver_ok (guest->bench);
  for (unsigned i = 0; i < 8; i++)
    offer_control_buffer (guest, i);
  say (guest, 0, EV_READY, 1);
  for (unsigned i = 0; i < 3; i++)
    hear (guest, i, EV_ADD, 1, NULL);
}

static void
end (Guest *guest)
{
  bench_free (guest->bench);
  g_string_free (guest->story, TRUE);
}

static void
guest_says (Guest *guest, const char *text)
{
  size_t size = strlen (text);

  memcpy (bench_memory (guest->bench, OUT, size), text, size);
  guest_queue_add (&guest->out, &(GuestBuffer){ OUT, (uint32_t)size, false }, 1);
  guest_queue_kick (&guest->out);
}

static void
offer_input (Guest *guest, unsigned size)
{
  guest_queue_add (&guest->in, &(GuestBuffer){ IN, size, true }, 1);
  guest_queue_kick (&guest->in);
}

static void
assert_input (Guest *guest, const char *text)
{
  g_assert_cmpuint (guest_queue_wait (&guest->in, NULL), ==, strlen (text));
  g_assert_cmpmem (bench_memory (guest->bench, IN, strlen (text)), strlen (text), text, strlen (text));
}

/* --- the host's end --- */

static void
note (void *data, const char *what)
{
  g_string_append (((Guest *)data)->story, what);
}

static void
on_opened (void *data)
{
  note (data, "(opened)");
}

static void
on_closed (void *data)
{
  note (data, "(closed)");
}

static void
on_writable (void *data)
{
  note (data, "(writable)");
}

static void
on_readable (void *data)
{
  Guest *guest = data;
  char bytes[4];
  size_t n;

  while (guest->greedy && (n = channel_read (guest->channel, bytes, sizeof bytes)) > 0)
    g_string_append_len (guest->story, bytes, (gssize)n);
}

static const ChannelEvents events = {
  .opened = on_opened,
  .closed = on_closed,
  .readable = on_readable,
  .writable = on_writable,
};

static void
open_channel (Guest *guest)
{
  g_assert_true (channel_open (guest->channel, &events, guest, NULL));
}

static bool
is_at (Bench *bench, void *data)
{
  Guest *guest = ((void **)data)[0];

  return g_str_equal (guest->story->str, ((void **)data)[1]);
}

static void
assert_story (Guest *guest, const char *story)
{
  void *both[] = { guest, (char *)story };

  if (!bench_run_until (guest->bench, is_at, both))
    g_assert_cmpstr (guest->story->str, ==, story);
}

typedef struct {
  Guest *guest;
  const char *text;
  size_t taken;
} Write;

static void
write_on_loop (void *data)
{
  Write *w = data;

  w->taken = channel_write (w->guest->channel, w->text, strlen (w->text));
}

static size_t
host_says (Guest *guest, const char *text)
{
  Write w = { guest, text, 0 };

  loop_call_sync (bench_board (guest->bench)->loop, write_on_loop, &w);
  return w.taken;
}

static void
read_on_loop (void *data)
{
  on_readable (data);
}

/* --- ports and control --- */

/* 5.3.2, 5.3.4: a pair of queues per port and one for control; how many ports there can be. */
static void
test_shows_itself (void)
{
  Guest guest;

  begin (&guest, 0);
  g_assert_cmphex (pci_bench_read_config (guest.bench, 0, 4), ==, 0x10431af4);
  g_assert_cmphex (pci_bench_read_config (guest.bench, 8, 4) >> 8, ==, 0x078000);
  g_assert_cmphex (virtio_guest_features (guest.bench) & 7, ==, F_SIZE | F_MULTIPORT | F_EMERG);
  g_assert_cmpuint (bench_read16 (guest.bench, VIRTIO_COMMON + REG_NUM_QUEUES), ==, 8);
  g_assert_cmpuint (bench_read32 (guest.bench, VIRTIO_CONFIG + 4), ==, 3);
  g_assert_cmpuint (bench_read32 (guest.bench, VIRTIO_CONFIG), ==, 0);
  end (&guest);
}

/* 5.3.6.2: how ports come to be: added, readied, and then said to be what they are. */
static void
test_ports_introduce_themselves (void)
{
  Guest guest;

  begin_ports (&guest, 1);
  say (&guest, 0, EV_PORT_READY, 1);
  hear (&guest, 0, EV_CONSOLE, 1, NULL);
  say (&guest, 1, EV_PORT_READY, 1);
  hear (&guest, 1, EV_NAME, 1, CHANNEL_GUEST_AGENT);
  open_channel (&guest);
  hear (&guest, 1, EV_OPEN, 1, NULL);
  say (&guest, 2, EV_PORT_READY, 1);
  hear (&guest, 2, EV_NAME, 1, CHANNEL_DESKTOP_AGENT);
  channel_close (guest.channel);
  hear (&guest, 1, EV_OPEN, 0, NULL);
  end (&guest);
}

/* Messages wait for buffers, and are of what is true when one comes. */
static void
test_control_waits_for_buffers (void)
{
  Guest guest;
  uint8_t *p;

  begin (&guest, F_MULTIPORT);
  guest_queue_init (&guest.control_in, guest.bench, 2, 8, RINGS + 0x8000);
  guest_queue_init (&guest.control_out, guest.bench, 3, 8, RINGS + 0xc000);
  virtio_guest_driver_ok (guest.bench);
  say (&guest, 0, EV_READY, 1);
  say (&guest, 1, EV_PORT_READY, 1);
  for (unsigned i = 0; i < 101; i++)
    if (i % 2 == 0)
      open_channel (&guest);
    else
      channel_close (guest.channel);
  for (unsigned i = 0; i < 5; i++)
    {
      static const unsigned expected[5][2] = {
        { 0, EV_ADD }, { 1, EV_ADD }, { 1, EV_NAME }, { 1, EV_OPEN }, { 2, EV_ADD }
      };

      offer_control_buffer (&guest, i);
      guest_queue_wait (&guest.control_in, NULL);
      p = bench_memory (guest.bench, CONTROL + 64 * i, 8);
      g_assert_cmpuint (load_le32 (p), ==, expected[i][0]);
      g_assert_cmpuint (load_le16 (p + 4), ==, expected[i][1]);
      g_assert_cmpuint (load_le16 (p + 6), ==, 1);
    }
  channel_close (guest.channel);
  end (&guest);
}

/* What no driver says is ignored; the device goes on. */
static void
test_control_mistakes (void)
{
  Guest guest;

  begin_ports (&guest, 1);
  say (&guest, 3, EV_PORT_READY, 1);
  say (&guest, UINT32_MAX, EV_OPEN, 1);
  say (&guest, 1, EV_PORT_READY, 0);
  say (&guest, 1, EV_RESIZE, 1);
  say (&guest, 1, 0xffff, 1);
  say (&guest, 0, EV_READY, 0);
  guest_queue_add (&guest.control_out, &(GuestBuffer){ CONTROL + 0x8000, 3, false }, 1);
  guest_queue_kick (&guest.control_out);
  guest_queue_wait (&guest.control_out, NULL);
  g_assert_cmphex (virtio_guest_status (guest.bench) & STATUS_NEEDS_RESET, ==, 0);
  say (&guest, 1, EV_PORT_READY, 1);
  hear (&guest, 1, EV_NAME, 1, CHANNEL_GUEST_AGENT);
  end (&guest);
}

/* 5.3.4, 5.3.6.2: the terminal's size, in the configuration and as a message. */
static void
test_size (void)
{
  Guest guest;

  begin_ports (&guest, 0);
  say (&guest, 0, EV_PORT_READY, 1);
  hear (&guest, 0, EV_CONSOLE, 1, NULL);
  virtio_console_resize (bench_device (guest.bench), 132, 43);
  hear_more (&guest, 0, EV_RESIZE, 1, "\x84\0\x2b\0", 4);
  g_assert_cmphex (bench_read32 (guest.bench, VIRTIO_CONFIG), ==, 43 << 16 | 132);
  end (&guest);
}

/* --- the terminal --- */

static int
plug (Guest *guest)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  g_assert_true (virtio_console_plug (bench_device (guest->bench), fds[0], false, NULL));
  return fds[1];
}

/* However it was cut into pieces. */
static void
receive_all (int fd, void *bytes, size_t size)
{
  for (size_t done = 0; done < size;)
    {
      ssize_t n = recv (fd, (char *)bytes + done, size - done, 0);

      g_assert_cmpint (n, >, 0);
      done += (size_t)n;
    }
}

static void
assert_reads (int fd, const char *text)
{
  char bytes[64];
  size_t size = strlen (text);

  receive_all (fd, bytes, size);
  g_assert_cmpmem (bytes, size, text, size);
}

/* 5.3.5: without MULTIPORT there is one port, which is there at once. */
static void
test_terminal (void)
{
  Guest guest;
  int fd;

  begin (&guest, 0);
  guest_queue_init (&guest.in, guest.bench, 0, 8, RINGS);
  guest_queue_init (&guest.out, guest.bench, 1, 8, RINGS + 0x4000);
  virtio_guest_driver_ok (guest.bench);
  guest_says (&guest, "early ");
  guest_queue_wait (&guest.out, NULL);
  fd = plug (&guest);
  guest_says (&guest, "late");
  assert_reads (fd, "early late");

  g_assert_cmpint (send (fd, "abcdef", 6, 0), ==, 6);
  offer_input (&guest, 4);
  assert_input (&guest, "abcd");
  offer_input (&guest, 4);
  assert_input (&guest, "ef");
  offer_input (&guest, 4);
  bench_settle (guest.bench);
  g_assert_cmpint (send (fd, "g", 1, 0), ==, 1);
  assert_input (&guest, "g");
  close (fd);
  end (&guest);
}

/* Who is there and doesn't read is waited for, in the guest. */
static void
test_terminal_throttles (void)
{
  const uint32_t size = 1u << 20;
  const GuestBuffer buffer = { 0x200000, size, false };
  g_autofree uint8_t *bytes = g_malloc (size);
  Guest guest;
  int fd;

  begin (&guest, 0);
  guest_queue_init (&guest.out, guest.bench, 1, 8, RINGS + 0x4000);
  virtio_guest_driver_ok (guest.bench);
  fd = plug (&guest);
  for (uint32_t i = 0; i < size; i += 4)
    store_le32 (bench_memory (guest.bench, buffer.address + i, 4), i);
  guest_queue_add (&guest.out, &buffer, 1);
  guest_queue_kick (&guest.out);
  bench_settle (guest.bench);
  g_assert_cmpuint (guest_queue_used_index (&guest.out), ==, 0);
  bench_round_trip_state (guest.bench);
  bench_settle (guest.bench); /* what was read of the guest's memory comes before what follows */

  receive_all (fd, bytes, size);
  g_assert_cmpmem (bytes, size, bench_memory (guest.bench, buffer.address, size), size);
  guest_queue_wait (&guest.out, NULL);
  close (fd);
  end (&guest);
}

/* 5.3.4: a character without a driver. */
static void
test_emergency_write (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  Guest guest = { .bench = bench };
  int fd = plug (&guest);

  bench_write32 (bench, VIRTIO_CONFIG + 8, 'x');
  bench_write32 (bench, VIRTIO_CONFIG + 8, 'y');
  bench_write32 (bench, VIRTIO_CONFIG, 0x12345678);
  g_assert_cmpuint (bench_read32 (bench, VIRTIO_CONFIG), ==, 0);
  assert_reads (fd, "xy");
  close (fd);
}

/* --- channels --- */

/* A channel whose two ends are open. */
static void
begin_channel (Guest *guest)
{
  begin_ports (guest, 1);
  open_channel (guest);
  say (guest, 1, EV_PORT_READY, 1);
  hear (guest, 1, EV_NAME, 1, CHANNEL_GUEST_AGENT);
  hear (guest, 1, EV_OPEN, 1, NULL);
  say (guest, 1, EV_OPEN, 1);
  assert_story (guest, "(opened)");
}

static void
test_channel (void)
{
  Guest guest;
  g_autoptr (GError) error = NULL;

  begin_channel (&guest);
  g_assert_false (channel_open (guest.channel, &events, &guest, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  guest_says (&guest, "hello");
  guest_queue_wait (&guest.out, NULL);
  assert_story (&guest, "(opened)hello");

  /* More than there is room for. */
  offer_input (&guest, 4);
  g_assert_cmpuint (host_says (&guest, "ping!"), ==, 4);
  assert_input (&guest, "ping");
  offer_input (&guest, 4);
  assert_story (&guest, "(opened)hello(writable)");
  g_assert_cmpuint (host_says (&guest, "!"), ==, 1);
  assert_input (&guest, "!");

  say (&guest, 1, EV_OPEN, 0);
  assert_story (&guest, "(opened)hello(writable)(closed)");
  g_assert_cmpuint (host_says (&guest, "x"), ==, 0);
  say (&guest, 1, EV_OPEN, 1);
  assert_story (&guest, "(opened)hello(writable)(closed)(opened)");
  channel_close (guest.channel);
  say (&guest, 1, EV_OPEN, 0);
  bench_settle (guest.bench);
  assert_story (&guest, "(opened)hello(writable)(closed)(opened)");
  end (&guest);
}

/* Last words are heard before the end is. */
static void
test_channel_last_words (void)
{
  Guest guest;

  begin_channel (&guest);
  guest_says (&guest, "bye");
  say (&guest, 1, EV_OPEN, 0);
  say (&guest, 1, EV_OPEN, 1);
  guest_says (&guest, "again");
  assert_story (&guest, "(opened)bye(closed)(opened)again");
  channel_close (guest.channel);
  end (&guest);
}

/* Nobody reads: the guest's buffers stay its own, in pieces as well, and over a save. */
static void
test_channel_throttles (void)
{
  Guest guest;
  char bytes[3];

  begin_channel (&guest);
  guest.greedy = false;
  guest_says (&guest, "abcdef");
  bench_settle (guest.bench);
  g_assert_cmpuint (guest_queue_used_index (&guest.out), ==, 0);
  bench_round_trip_state (guest.bench);
  guest.greedy = true;
  loop_call_sync (bench_board (guest.bench)->loop, read_on_loop, &guest);
  guest_queue_wait (&guest.out, NULL);
  assert_story (&guest, "(opened)abcdef");
  g_assert_cmpuint (channel_read (guest.channel, bytes, sizeof bytes), ==, 0);
  channel_close (guest.channel);
  end (&guest);
}

typedef struct {
  Guest *guest;
  char bytes[3];
  size_t size;
} Taste;

static void
taste_on_loop (void *data)
{
  Taste *taste = data;

  taste->size = channel_read (taste->guest->channel, taste->bytes, sizeof taste->bytes);
}

/* A state in the middle of a chain. */
static void
test_channel_state (void)
{
  Guest guest;
  Taste taste = { .guest = &guest };

  begin_channel (&guest);
  guest.greedy = false;
  guest_says (&guest, "abcdef");
  bench_settle (guest.bench);
  loop_call_sync (bench_board (guest.bench)->loop, taste_on_loop, &taste);
  g_assert_cmpmem (taste.bytes, taste.size, "abc", 3);
  bench_round_trip_state (guest.bench);
  guest.greedy = true;
  loop_call_sync (bench_board (guest.bench)->loop, read_on_loop, &guest);
  assert_story (&guest, "(opened)def");
  channel_close (guest.channel);
  end (&guest);
}

/* What is said to nobody is lost. */
static void
test_channel_without_host (void)
{
  Guest guest;

  begin_ports (&guest, 1);
  say (&guest, 1, EV_PORT_READY, 1);
  hear (&guest, 1, EV_NAME, 1, CHANNEL_GUEST_AGENT);
  say (&guest, 1, EV_OPEN, 1);
  guest_says (&guest, "lost");
  guest_queue_wait (&guest.out, NULL);
  open_channel (&guest);
  assert_story (&guest, "(opened)");
  guest_says (&guest, "found");
  assert_story (&guest, "(opened)found");
  channel_close (guest.channel);
  end (&guest);
}

/* A reset closes, the machine's as well as the driver's. */
static void
test_channel_reset (void)
{
  Guest guest;

  begin_channel (&guest);
  bench_reset (guest.bench);
  assert_story (&guest, "(opened)(closed)");
  channel_close (guest.channel);
  end (&guest);
}

/* Empty buffers and ones that end nowhere. */
static void
test_channel_hostile (void)
{
  Guest guest;

  begin_channel (&guest);
  for (unsigned i = 0; i < 8; i++)
    guest_queue_add (&guest.out, &(GuestBuffer){ IN, 16, true }, 1);
  guest_queue_kick (&guest.out);
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmpuint (guest_queue_wait (&guest.out, NULL), ==, 0);
  guest_queue_add (&guest.in, &(GuestBuffer){ OUT, 16, false }, 1);
  guest_queue_kick (&guest.in);
  g_assert_cmpuint (host_says (&guest, "x"), ==, 0);
  guest_queue_add (&guest.out, &(GuestBuffer){ BENCH_RAM_SIZE - 4, 16, false }, 1);
  guest_queue_kick (&guest.out);
  bench_settle (guest.bench);
  g_assert_cmphex (virtio_guest_status (guest.bench) & STATUS_NEEDS_RESET, !=, 0);
  channel_close (guest.channel);
  end (&guest);
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  Guest guest = { .bench = bench, .story = g_string_new (NULL), .greedy = true };

  guest.channel = virtio_console_channel (bench_device (bench), CHANNEL_GUEST_AGENT);
  open_channel (&guest);
  bench_fuzz_with (bench, 53, 40000, virtio_guest_fuzz_step, NULL);
  channel_close (guest.channel);
  g_string_free (guest.story, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-console/shows-itself", test_shows_itself);
  g_test_add_func ("/virtio-console/ports-introduce-themselves", test_ports_introduce_themselves);
  g_test_add_func ("/virtio-console/control-waits-for-buffers", test_control_waits_for_buffers);
  g_test_add_func ("/virtio-console/control-mistakes", test_control_mistakes);
  g_test_add_func ("/virtio-console/size", test_size);
  g_test_add_func ("/virtio-console/terminal", test_terminal);
  g_test_add_func ("/virtio-console/terminal-throttles", test_terminal_throttles);
  g_test_add_func ("/virtio-console/emergency-write", test_emergency_write);
  g_test_add_func ("/virtio-console/channel", test_channel);
  g_test_add_func ("/virtio-console/channel-last-words", test_channel_last_words);
  g_test_add_func ("/virtio-console/channel-throttles", test_channel_throttles);
  g_test_add_func ("/virtio-console/channel-state", test_channel_state);
  g_test_add_func ("/virtio-console/channel-without-host", test_channel_without_host);
  g_test_add_func ("/virtio-console/channel-reset", test_channel_reset);
  g_test_add_func ("/virtio-console/channel-hostile", test_channel_hostile);
  g_test_add_func ("/virtio-console/fuzz", test_fuzz);
  return g_test_run ();
}
