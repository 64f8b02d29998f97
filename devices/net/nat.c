/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/nat-delivery.h"
#include "devices/net/nat-forwards.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <libslirp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Sockets that one guest may hold on the host: a quarter of the process's descriptors, between these. */
#define MIN_SOCKETS 64u
#define MAX_SOCKETS 1024u

/* What libslirp answers for “nothing to time” if asked to wait for ever; it looks at the clock once a second
 * for no reason of its own. */
#define SLIRP_IDLE_TIMEOUT 1000u

#define ETHERTYPE_IPV4  0x0800u
#define IP_PROTOCOL_TCP 6u
#define IP_PROTOCOL_UDP 17u
#define UDP_PORT_DHCP   67u

typedef struct Nat Nat;

typedef struct {
  GSource source; /* first: GLib allocates and counts it */
  Nat *nat;
} NatSource;

struct Nat {
  NetBackend backend;   /* first */
  gatomicrefcount refs; /* its owner and each queued call */
  EventLoop *loop;
  Slirp *slirp; /* NULL once freed */
  GSource *source;
  LoopTimer *timer;
  unsigned max_sockets;
  unsigned n_sockets;    /* that libslirp has for connections and datagrams */
  NatForwards *forwards; /* loop's thread */

  GArray *wanted; /* of struct pollfd: what libslirp waits for, by its index */
  GPtrArray
    *watched; /* of GPollFD: what the source polls; some for nothing, as their turn comes again soon */

  NatDelivery delivery; /* loop's thread */

  GMutex lock;
  NetQueue from_guest;
  bool scheduled;    /* a call of run is queued */
  bool sender_waits; /* a send was refused */
};

/* libslirp keeps its clock and the host's name server in variables of the process, so that machines, each
 * with a thread of its own, take turns. Taken before any card's lock; net_send and net_receive_ready never
 * take it. */
static GMutex slirp_lock;

static void nat_schedule (Nat *nat);

static void
nat_unref (Nat *nat)
{
  if (!g_atomic_ref_count_dec (&nat->refs))
    return;
  net_queue_clear (&nat->from_guest);
  nat_delivery_clear (&nat->delivery);
  g_array_unref (nat->wanted);
  g_ptr_array_unref (nat->watched);
  g_mutex_clear (&nat->lock);
  g_free (nat);
}

static ssize_t
nat_send_packet (const void *frame, size_t size, void *opaque)
{
  Nat *nat = opaque;

  nat_deliver (&nat->delivery, frame, size);
  return (ssize_t)size;
}

/* While the card takes nothing, sockets aren't read, so that senders on the network are slowed down too. */
static bool
is_held_up (Nat *nat)
{
  return !net_queue_is_empty (&nat->delivery.waiting);
}

/* --- libslirp's descriptors and time --- */

static int
to_poll (int slirp_events)
{
  return (slirp_events & SLIRP_POLL_IN ? POLLIN : 0) | (slirp_events & SLIRP_POLL_OUT ? POLLOUT : 0)
         | (slirp_events & SLIRP_POLL_PRI ? POLLPRI : 0) | (slirp_events & SLIRP_POLL_ERR ? POLLERR : 0)
         | (slirp_events & SLIRP_POLL_HUP ? POLLHUP : 0);
}

static int
from_poll (int events)
{
  return (events & POLLIN ? SLIRP_POLL_IN : 0) | (events & POLLOUT ? SLIRP_POLL_OUT : 0)
         | (events & POLLPRI ? SLIRP_POLL_PRI : 0) | (events & POLLERR ? SLIRP_POLL_ERR : 0)
         | (events & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static int
nat_add_poll (int fd, int events, void *opaque)
{
  Nat *nat = opaque;
  struct pollfd entry = { fd, (short)to_poll (events), 0 };

  g_array_append_val (nat->wanted, entry);
  return (int)nat->wanted->len - 1;
}

static int
nat_get_revents (int index, void *opaque)
{
  Nat *nat = opaque;

  if (index < 0 || (unsigned)index >= nat->wanted->len)
    return 0;
  return from_poll (g_array_index (nat->wanted, struct pollfd, index).revents);
}

static void
unwatch (Nat *nat, unsigned i)
{
  g_source_remove_poll (nat->source, nat->watched->pdata[i]);
  g_ptr_array_remove_index_fast (nat->watched, i);
}

/* The watch of @fd, which as a rule comes soon after the one that was looked for last. */
static GPollFD *
find_watch (Nat *nat, int fd, unsigned *at)
{
  unsigned n = nat->watched->len;

  for (unsigned i = 0; i < n; i++)
    {
      unsigned place = (*at + i) % n;
      GPollFD *watch = nat->watched->pdata[place];

      if (watch->fd != fd)
        continue;
      *at = place + 1;
      return watch;
    }
  return NULL;
}

static void
watch (Nat *nat, const struct pollfd *wanted)
{
  GPollFD *watch = g_new (GPollFD, 1);

  *watch = (GPollFD){ .fd = wanted->fd, .events = (gushort)wanted->events };
  g_ptr_array_add (nat->watched, watch);
  g_source_add_poll (nat->source, watch);
}

/* Makes the source poll what libslirp waits for. That changes with every turn, so it must cost nothing:
 * adding and removing descriptors wakes the loop once more. */
static void
watch_wanted (Nat *nat)
{
  unsigned n = is_held_up (nat) ? 0 : nat->wanted->len;
  unsigned at = 0;

  for (unsigned i = 0; i < nat->watched->len; i++)
    ((GPollFD *)nat->watched->pdata[i])->events = 0;
  for (unsigned i = 0; i < n; i++)
    {
      const struct pollfd *wanted = &g_array_index (nat->wanted, struct pollfd, i);
      GPollFD *watched = find_watch (nat, wanted->fd, &at);

      if (watched != NULL)
        watched->events = (gushort)wanted->events;
      else
        watch (nat, wanted);
    }
}

static int64_t
nat_clock (void *opaque)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

/* The deadline moves a little with every frame: a timer that is due before it finds nothing to do, and costs
 * less than setting it anew each time. */
static void
set_deadline (Nat *nat, uint32_t timeout)
{
  int64_t deadline = nat_clock (NULL) + (int64_t)MAX (timeout, 1) * NS_PER_MS;
  int64_t armed = loop_timer_deadline (nat->timer);

  if (timeout >= SLIRP_IDLE_TIMEOUT)
    loop_timer_cancel (nat->timer);
  else if (armed < 0 || armed > deadline)
    loop_timer_arm (nat->timer, deadline);
}

/* What libslirp waits for from now on. Returns: for how long at most, in ms. */
static uint32_t
ask_slirp (Nat *nat)
{
  uint32_t timeout = UINT32_MAX;

  g_array_set_size (nat->wanted, 0);
  slirp_pollfds_fill (nat->slirp, &timeout, nat_add_poll, nat);
  /* Who connects from outside leaves the guest's own connections half of the room. */
  nat_forwards_mask (nat->forwards, nat->wanted, nat->n_sockets >= nat->max_sockets / 2);
  return timeout;
}

/* Lets libslirp work on what is ready, then learns what it waits for next. */
static void
turn_locked (Nat *nat)
{
  struct pollfd *fds = (struct pollfd *)(void *)nat->wanted->data;

  if (!is_held_up (nat) && nat->wanted->len > 0)
    poll (fds, nat->wanted->len, 0);
  else
    for (unsigned i = 0; i < nat->wanted->len; i++)
      fds[i].revents = 0;
  nat_forwards_look (nat->forwards, nat->wanted);
  slirp_pollfds_poll (nat->slirp, 0, nat_get_revents, nat);
  set_deadline (nat, ask_slirp (nat));
  watch_wanted (nat);
  nat_delivery_done (&nat->delivery);
}

static void
nat_turn (void *data)
{
  Nat *nat = data;

  g_mutex_lock (&slirp_lock);
  turn_locked (nat);
  g_mutex_unlock (&slirp_lock);
}

static gboolean
nat_check (GSource *source)
{
  const GPtrArray *watched = ((NatSource *)source)->nat->watched;

  for (unsigned i = 0; i < watched->len; i++)
    if (((GPollFD *)watched->pdata[i])->revents != 0)
      return TRUE;
  return FALSE;
}

static gboolean
nat_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  Nat *nat = ((NatSource *)source)->nat;

  /* Errors and hang-ups tell of themselves unasked, again and again. */
  for (unsigned i = nat->watched->len; i-- > 0;)
    {
      const GPollFD *watch = nat->watched->pdata[i];

      if (watch->revents != 0 && watch->events == 0)
        unwatch (nat, i);
    }
  nat_turn (nat);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs nat_source_funcs = { .check = nat_check, .dispatch = nat_dispatch };

/* --- from the guest --- */

/* Whether a frame may make libslirp open another socket: TCP's first segment, or any datagram but DHCP. */
static bool
may_open_socket (const NetFrame *frame)
{
  const uint8_t *ip = frame->data + NET_HEADER;
  size_t size = frame->size - NET_HEADER;
  size_t header;

  if (size < 20 || ((unsigned)frame->data[12] << 8 | frame->data[13]) != ETHERTYPE_IPV4)
    return false;
  header = (size_t)(ip[0] & 0x0f) * 4;
  if (ip[9] != IP_PROTOCOL_TCP)
    return ip[9] != IP_PROTOCOL_UDP || size < header + 4
           || ((unsigned)ip[header + 2] << 8 | ip[header + 3]) != UDP_PORT_DHCP;
  return size < header + 14 || (ip[header + 13] & (NET_TCP_SYN | NET_TCP_ACK)) != NET_TCP_ACK;
}

/* Finishes what the guest left to its card, and hands the frame over. */
static void
input (Nat *nat, NetFrame *frame)
{
  if (!net_complete (frame->data, frame->size, &frame->offload))
    {
      if (nat->backend.card_ops && nat->backend.card_ops->guest_error)
        nat->backend.card_ops->guest_error (nat->backend.card, "a frame isn't what its header says");
      return;
    }
  if (nat_forwards_take (nat->forwards, frame->data, frame->size))
    return;
  if (g_atomic_int_get (&nat->backend.card_abilities) & NET_CARD_TSO4)
    nat_flows_enlarge (nat->delivery.flows, frame->data, frame->size, NAT_LARGE_SEGMENT);
  slirp_input (nat->slirp, frame->data, (int)frame->size);
}

static NetFrame *
next_from_guest (Nat *nat)
{
  NetFrame *frame;

  g_mutex_lock (&nat->lock);
  frame = net_queue_pop (&nat->from_guest);
  g_mutex_unlock (&nat->lock);
  return frame;
}

static void
tell_sender (Nat *nat)
{
  bool waits;

  g_mutex_lock (&nat->lock);
  waits = nat->sender_waits;
  nat->sender_waits = false;
  g_mutex_unlock (&nat->lock);
  if (waits && nat->backend.card_ops)
    nat->backend.card_ops->send_ready (nat->backend.card);
}

static void
nat_run (void *data)
{
  Nat *nat = data;
  NetFrame *frame;

  g_mutex_lock (&nat->lock);
  nat->scheduled = false;
  g_mutex_unlock (&nat->lock);

  if (nat->slirp)
    {
      g_mutex_lock (&slirp_lock);
      nat_deliver_waiting (&nat->delivery);
      for (unsigned n = 0; n < NET_QUEUE_MAX && (frame = next_from_guest (nat)); n++)
        {
          if (nat->wanted->len < nat->max_sockets || !may_open_socket (frame))
            input (nat, frame);
          else if (nat->backend.card_ops && nat->backend.card_ops->guest_error)
            nat->backend.card_ops->guest_error (nat->backend.card, "too many connections");
          g_free (frame);
          /* Each turn counts the sockets: a burst must not run past the limit. */
          if (n % 16 == 15)
            turn_locked (nat);
        }
      turn_locked (nat);
      g_mutex_unlock (&slirp_lock);
      tell_sender (nat);
    }
  nat_unref (nat);
}

static void
nat_schedule (Nat *nat)
{
  bool call;

  g_mutex_lock (&nat->lock);
  call = !nat->scheduled;
  nat->scheduled = true;
  g_mutex_unlock (&nat->lock);
  if (!call)
    return;
  g_atomic_ref_count_inc (&nat->refs);
  loop_call (nat->loop, nat_run, nat);
}

static bool
nat_send (NetBackend *backend, const NetPacket *packet)
{
  Nat *nat = (Nat *)backend;
  bool queued;

  g_mutex_lock (&nat->lock);
  queued = net_queue_push (&nat->from_guest, packet);
  if (!queued)
    nat->sender_waits = true;
  g_mutex_unlock (&nat->lock);
  nat_schedule (nat);
  return queued;
}

static void
nat_receive_ready (NetBackend *backend)
{
  nat_schedule ((Nat *)backend);
}

/* --- libslirp's other wishes --- */

static void
nat_guest_error (const char *message, void *opaque)
{
  Nat *nat = opaque;

  if (nat->backend.card_ops && nat->backend.card_ops->guest_error)
    nat->backend.card_ops->guest_error (nat->backend.card, message);
}

typedef struct {
  Nat *nat;
  SlirpTimerId id;
  void *data;
  LoopTimer *timer;
} NatTimer;

static void
nat_timer_expired (void *data)
{
  NatTimer *timer = data;
  Nat *nat = timer->nat;

  g_mutex_lock (&slirp_lock);
  slirp_handle_timer (nat->slirp, timer->id, timer->data);
  turn_locked (nat);
  g_mutex_unlock (&slirp_lock);
}

static void *
nat_timer_new (SlirpTimerId id, void *data, void *opaque)
{
  Nat *nat = opaque;
  NatTimer *timer = g_new (NatTimer, 1);

  *timer = (NatTimer){ nat, id, data, loop_timer_new (nat->loop, NULL, nat_timer_expired, timer) };
  return timer;
}

static void
nat_timer_free (void *data, void *opaque)
{
  NatTimer *timer = data;

  loop_timer_free (timer->timer);
  g_free (timer);
}

static void
nat_timer_mod (void *data, int64_t expire_ms, void *opaque)
{
  loop_timer_arm (((NatTimer *)data)->timer, expire_ms * NS_PER_MS);
}

static void
nat_fd_opened (int fd, void *opaque)
{
  ((Nat *)opaque)->n_sockets++;
}

static void
nat_fd_closes (int fd, void *opaque)
{
  Nat *nat = opaque;

  if (fd >= 0 && nat->n_sockets > 0)
    nat->n_sockets--;
  for (unsigned i = nat->watched->len; i-- > 0;)
    if (((GPollFD *)nat->watched->pdata[i])->fd == fd)
      unwatch (nat, i);
}

static void
nat_notify (void *opaque)
{
  nat_schedule (opaque);
}

static const SlirpCb nat_callbacks = {
  .send_packet = nat_send_packet,
  .guest_error = nat_guest_error,
  .clock_get_ns = nat_clock,
  .timer_new_opaque = nat_timer_new,
  .timer_free = nat_timer_free,
  .timer_mod = nat_timer_mod,
  .register_poll_fd = nat_fd_opened,
  .unregister_poll_fd = nat_fd_closes,
  .notify = nat_notify,
};

/* --- forwarded ports --- */

static struct sockaddr_in
to_sockaddr (uint32_t address, uint16_t port)
{
  return (struct sockaddr_in){ .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl (address),
                               .sin_port = htons (port) };
}

static int
find_bound (const Nat *nat, const struct sockaddr_in *address)
{
  for (unsigned i = 0; i < nat->wanted->len; i++)
    {
      int fd = g_array_index (nat->wanted, struct pollfd, i).fd;
      struct sockaddr_in bound = { 0 };
      socklen_t length = sizeof bound;

      if (getsockname (fd, (struct sockaddr *)&bound, &length) == 0 && bound.sin_family == AF_INET
          && bound.sin_addr.s_addr == address->sin_addr.s_addr)
        return fd;
    }
  return -1;
}

/* libslirp opens sockets for ports itself and takes none that are open. Those that it opens here are bound where nobody
 * looks, and ours put in their places: with a queue of a useful length, errors that say something, and who waits in one
 * that another process had listened at before. */
static int
put_in_place (Nat *nat, const NetForward *forward, int fd)
{
  int flags = forward->protocol == NET_PROTOCOL_UDP ? SLIRP_HOSTFWD_UDP : 0;
  struct sockaddr_in guest = to_sockaddr (forward->guest, forward->guest_port);
  struct sockaddr_in nowhere = to_sockaddr (0x7f800000u | g_random_int_range (1, 0x7fffff), 0);
  int own;

  if (slirp_add_hostxfwd (nat->slirp, (struct sockaddr *)&nowhere, sizeof nowhere, (struct sockaddr *)&guest,
                          sizeof guest, flags)
      < 0)
    return -1;
  ask_slirp (nat);
  own = find_bound (nat, &nowhere);
  return own >= 0 && dup3 (fd, own, O_CLOEXEC) >= 0 ? own : -1;
}

static bool
nat_add_forward (NetBackend *backend, const NetForward *forward, int fd, GError **error)
{
  Nat *nat = (Nat *)backend;
  NetForward there = *forward;
  int own;

  g_mutex_lock (&slirp_lock);
  own = put_in_place (nat, forward, fd);
  there.host_port = net_socket_port (fd);
  if (own >= 0)
    {
      nat->n_sockets++; /* libslirp tells of its end only */
      nat_forwards_add (nat->forwards, &there, own);
    }
  turn_locked (nat);
  g_mutex_unlock (&slirp_lock);
  if (own < 0)
    g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED, "Port %u of the host can't be forwarded: %s", there.host_port,
                 g_strerror (errno));
  return own >= 0;
}

static void
nat_remove_forward (NetBackend *backend, const NetForward *forward)
{
  Nat *nat = (Nat *)backend;
  struct sockaddr_in host = to_sockaddr (forward->host, forward->host_port);

  g_mutex_lock (&slirp_lock);
  if (nat_forwards_remove (nat->forwards, forward))
    {
      slirp_remove_hostxfwd (nat->slirp, (struct sockaddr *)&host, sizeof host,
                             forward->protocol == NET_PROTOCOL_UDP ? SLIRP_HOSTFWD_UDP : 0);
      set_deadline (nat, ask_slirp (nat));
      watch_wanted (nat);
    }
  g_mutex_unlock (&slirp_lock);
}

static void
forwards_send (void *data, const uint8_t *frame, size_t size)
{
  Nat *nat = data;

  nat_deliver (&nat->delivery, frame, size);
  nat_delivery_done (&nat->delivery);
}

static const NatForwardsOps forwards_ops = { .send = forwards_send, .turn = nat_turn };

/* --- life --- */

static void
nat_free (NetBackend *backend)
{
  Nat *nat = (Nat *)backend;

  backend->card_ops = NULL;
  g_mutex_lock (&slirp_lock);
  g_clear_pointer (&nat->slirp, slirp_cleanup);
  g_mutex_unlock (&slirp_lock);
  g_source_destroy (nat->source);
  g_clear_pointer (&nat->source, g_source_unref);
  g_clear_pointer (&nat->timer, loop_timer_free);
  g_clear_pointer (&nat->forwards, nat_forwards_free);
  nat_unref (nat);
}

static const NetBackendOps nat_ops = { .send = nat_send,
                                       .receive_ready = nat_receive_ready,
                                       .add_forward = nat_add_forward,
                                       .remove_forward = nat_remove_forward,
                                       .free = nat_free };

static unsigned
socket_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
    return MAX_SOCKETS;
  return (unsigned)CLAMP (limit.rlim_cur / 4, MIN_SOCKETS, MAX_SOCKETS);
}

static Slirp *
start_slirp (Nat *nat)
{
  SlirpConfig config = {
    .version = 4,
    .in_enabled = true,
    .if_mtu = NAT_LARGE_MTU,
    .if_mru = NAT_LARGE_MTU,
    .vnetwork.s_addr = htonl (0x0a000200),
    .vnetmask.s_addr = htonl (0xffffff00),
    .vhost.s_addr = htonl (0x0a000202),
    .vnameserver.s_addr = htonl (0x0a000203),
    .vdhcp_start.s_addr = htonl (0x0a00020f),
  };
  Slirp *slirp;

  g_mutex_lock (&slirp_lock);
  slirp = slirp_new (&config, &nat_callbacks, nat);
  g_mutex_unlock (&slirp_lock);
  return slirp;
}

NetBackend *
net_nat_new (EventLoop *loop, GError **error)
{
  Nat *nat = g_new0 (Nat, 1);

  nat->backend.ops = &nat_ops;
  g_atomic_ref_count_init (&nat->refs);
  nat->loop = loop;
  nat->max_sockets = socket_limit ();
  nat_delivery_init (&nat->delivery, &nat->backend);
  nat->wanted = g_array_new (FALSE, FALSE, sizeof (struct pollfd));
  nat->watched = g_ptr_array_new_with_free_func (g_free);
  g_mutex_init (&nat->lock);
  nat->slirp = start_slirp (nat);
  if (!nat->slirp)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_FAILED,
        "Can't set up the NAT network: libslirp %s refuses; give the machine no network or update libslirp0",
        slirp_version_string ());
      nat_unref (nat);
      return NULL;
    }
  nat->timer = loop_timer_new (loop, NULL, nat_turn, nat);
  nat->forwards = nat_forwards_new (loop, &forwards_ops, nat);
  nat->source = g_source_new (&nat_source_funcs, sizeof (NatSource));
  ((NatSource *)nat->source)->nat = nat;
  g_source_set_can_recurse (nat->source, TRUE); /* else GLib wakes the loop twice for each dispatch */
  g_source_attach (nat->source, loop_context (loop));
  return &nat->backend;
}
