/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/nat-forwards.h"

#include <poll.h>
#include <time.h>

#define PATIENCE  (120 * NS_PER_SECOND) /* from the start on */
#define ASK_EVERY (250 * NS_PER_MS)
#define FIRST_KNOCK                                                                                          \
  1u /* the gateway's ports from there on: no program of an ordinary user's connects from these */

typedef enum {
  FORWARD_WAITING, /* for the first who connects */
  FORWARD_ASKING,  /* the guest, which is still starting */
  FORWARD_OPEN,    /* libslirp's */
} ForwardState;

typedef struct {
  NetForward what;
  int fd;
  ForwardState state;
  NatKnock knock;
} Forward;

struct NatForwards {
  const NatForwardsOps *ops;
  void *data;
  GArray *list; /* of Forward */
  unsigned n_asking;
  bool knows_mac;
  uint32_t guest; /* whose @mac is */
  uint8_t mac[NET_MAC_SIZE];
  LoopTimer *timer;
  int64_t patience; /* until then */
};

static int64_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

static Forward *
at (const NatForwards *forwards, unsigned i)
{
  return &g_array_index (forwards->list, Forward, i);
}

/* --- asking --- */

static void
open_forward (NatForwards *forwards, Forward *forward)
{
  if (forward->state == FORWARD_ASKING && --forwards->n_asking == 0)
    loop_timer_cancel (forwards->timer);
  forward->state = FORWARD_OPEN;
}

static void
knock (NatForwards *forwards, Forward *forward)
{
  uint8_t frame[NAT_KNOCK_MAX];

  if (!forwards->knows_mac || forwards->guest != forward->what.guest)
    {
      forwards->ops->send (forwards->data, frame, nat_knock_ask (frame, forward->what.guest));
      return;
    }
  if (forward->what.protocol == NET_PROTOCOL_UDP)
    {
      open_forward (forwards, forward); /* whether anybody takes datagrams can't be asked */
      return;
    }
  forward->knock = (NatKnock){ .guest = forward->what.guest,
                               .guest_port = forward->what.guest_port,
                               .port = (uint16_t)(FIRST_KNOCK + (unsigned)(forward - at (forwards, 0))),
                               .sequence = g_random_int () };
  forwards->ops->send (forwards->data, frame, nat_knock_open (frame, forwards->mac, &forward->knock));
}

/* There is no event for "the guest's server has begun to listen". */
static void
ask (void *data)
{
  NatForwards *forwards = data;
  bool impatient = now () >= forwards->patience;

  for (unsigned i = 0; i < forwards->list->len; i++)
    if (at (forwards, i)->state == FORWARD_ASKING)
      {
        if (impatient)
          open_forward (forwards, at (forwards, i));
        else
          knock (forwards, at (forwards, i));
      }
  if (forwards->n_asking > 0)
    loop_timer_arm (forwards->timer, now () + ASK_EVERY);
  forwards->ops->turn (forwards->data);
}

static void
begin_asking (NatForwards *forwards, Forward *forward)
{
  forward->state = FORWARD_ASKING;
  if (forwards->n_asking++ == 0)
    loop_timer_arm (forwards->timer, now ());
}

static void
guest_is_here (NatForwards *forwards, uint32_t guest, const uint8_t *mac)
{
  forwards->knows_mac = true;
  forwards->guest = guest;
  memcpy (forwards->mac, mac, NET_MAC_SIZE);
  for (unsigned i = 0; i < forwards->list->len; i++)
    {
      Forward *forward = at (forwards, i);

      if (forward->state == FORWARD_ASKING && forward->what.guest == guest)
        knock (forwards, forward);
    }
}

static bool
take_answer (NatForwards *forwards, Forward *forward, const uint8_t *frame, size_t size)
{
  NatAnswer answer = nat_knock_read (frame, size, &forward->knock);
  uint8_t reset[NAT_KNOCK_MAX];

  if (answer == NAT_ANSWER_OPEN)
    {
      forwards->ops->send (forwards->data, reset, nat_knock_reset (reset, forwards->mac, &forward->knock));
      open_forward (forwards, forward);
    }
  return answer != NAT_ANSWER_NONE;
}

bool
nat_forwards_take (NatForwards *forwards, const uint8_t *frame, size_t size)
{
  if (forwards->n_asking == 0)
    return false;
  for (unsigned i = 0; i < forwards->list->len; i++)
    {
      Forward *forward = at (forwards, i);
      uint8_t mac[NET_MAC_SIZE];

      if (forward->state != FORWARD_ASKING)
        continue;
      if (nat_knock_is_here (frame, size, forward->what.guest, mac))
        {
          guest_is_here (forwards, forward->what.guest, mac);
          return false; /* libslirp may have asked as well */
        }
      if (forward->knock.port != 0 && take_answer (forwards, forward, frame, size))
        return true;
    }
  return false;
}

/* --- what libslirp sees --- */

static struct pollfd *
find_poll (GArray *polled, int fd)
{
  for (unsigned i = 0; i < polled->len; i++)
    if (g_array_index (polled, struct pollfd, i).fd == fd)
      return &g_array_index (polled, struct pollfd, i);
  return NULL;
}

void
nat_forwards_look (NatForwards *forwards, GArray *polled)
{
  for (unsigned i = 0; i < forwards->list->len; i++)
    {
      Forward *forward = at (forwards, i);
      struct pollfd *entry = forward->state == FORWARD_WAITING ? find_poll (polled, forward->fd) : NULL;

      if (entry == NULL || !(entry->revents & POLLIN))
        continue;
      if (now () >= forwards->patience)
        {
          open_forward (forwards, forward);
          continue;
        }
      entry->revents = 0;
      begin_asking (forwards, forward);
    }
}

void
nat_forwards_mask (NatForwards *forwards, GArray *polled, bool full)
{
  for (unsigned i = 0; i < forwards->list->len; i++)
    {
      const Forward *forward = at (forwards, i);
      bool held = forward->state == FORWARD_ASKING || (full && forward->what.protocol == NET_PROTOCOL_TCP);
      struct pollfd *entry = held ? find_poll (polled, forward->fd) : NULL;

      if (entry != NULL)
        entry->events = 0;
    }
}

/* --- life --- */

void
nat_forwards_add (NatForwards *forwards, const NetForward *what, int fd)
{
  Forward forward = { .what = *what, .fd = fd };

  g_array_append_val (forwards->list, forward);
}

bool
nat_forwards_remove (NatForwards *forwards, const NetForward *what)
{
  for (unsigned i = 0; i < forwards->list->len; i++)
    {
      Forward *forward = at (forwards, i);

      if (forward->what.protocol != what->protocol || forward->what.host != what->host
          || forward->what.host_port != what->host_port)
        continue;
      open_forward (forwards, forward);
      g_array_remove_index (forwards->list, i);
      return true;
    }
  return false;
}

NatForwards *
nat_forwards_new (EventLoop *loop, const NatForwardsOps *ops, void *data)
{
  NatForwards *forwards = g_new0 (NatForwards, 1);

  forwards->ops = ops;
  forwards->data = data;
  forwards->list = g_array_new (FALSE, FALSE, sizeof (Forward));
  forwards->timer = loop_timer_new (loop, NULL, ask, forwards);
  forwards->patience = now () + PATIENCE;
  return forwards;
}

void
nat_forwards_free (NatForwards *forwards)
{
  loop_timer_free (forwards->timer);
  g_array_unref (forwards->list);
  g_free (forwards);
}
