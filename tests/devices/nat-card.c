/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/nat-card.h"

#include "vmm/base/iov.h"

static bool
card_receive (void *data, const NetPacket *packet)
{
  Card *card = data;
  size_t size = net_iov_size (packet->iov, packet->n_iov);
  g_autofree uint8_t *frame = g_malloc (size);
  bool taken;

  iov_gather (packet->iov, packet->n_iov, 0, frame, size);

  g_assert_true (loop_is_current (card->loop));
  g_assert_cmpuint (size, >=, NET_HEADER);
  g_mutex_lock (&card->lock);
  taken = !card->blocked;
  if (packet->offload.gso != NET_GSO_NONE)
    {
      /* The guest's part: to finish and, if it passes it on, to cut it. */
      g_assert_true (packet->offload.checksum_needed);
      g_assert_cmpuint (packet->offload.checksum_start, ==, 34);
      g_assert_cmpuint (packet->offload.checksum_offset, ==, 16);
      g_assert_cmpuint (packet->offload.segment_size, ==, CARD_SEGMENT_SIZE);
      card->largest = MAX (card->largest, size);
      g_assert_true (net_complete (
        frame, size, &(NetOffload){ .checksum_needed = true, .checksum_start = 34, .checksum_offset = 16 }));
    }
  else
    g_assert_cmpuint (size, <=, NET_HEADER + 1500);
  if (taken)
    g_queue_push_tail (&card->frames, g_bytes_new (frame, size));
  else
    card->n_refused++;
  g_cond_broadcast (&card->cond);
  g_mutex_unlock (&card->lock);
  return taken;
}

static void
card_send_ready (void *data)
{
  Card *card = data;

  g_mutex_lock (&card->lock);
  card->n_ready++;
  g_cond_broadcast (&card->cond);
  g_mutex_unlock (&card->lock);
}

static const NetCardOps card_ops = { .receive = card_receive, .send_ready = card_send_ready };

void
card_send (Card *card, const uint8_t *frame, size_t size)
{
  struct iovec iov = { (void *)frame, size };

  g_assert_true (net_send (card->net, &(NetPacket){ .iov = &iov, .n_iov = 1 }));
}

Card *
card_new (void)
{
  Card *card = g_new0 (Card, 1);
  GError *error = NULL;
  uint8_t frame[FRAME_MAX];

  g_mutex_init (&card->lock);
  g_cond_init (&card->cond);
  card->loop = loop_new ("nat-test", &error);
  g_assert_no_error (error);
  card->net = net_nat_new (card->loop, &error);
  g_assert_no_error (error);
  net_attach (card->net, &card_ops, card);
  card_send (card, frame, frame_arp_request (frame, GATEWAY_ADDRESS)); /* who we are */
  return card;
}

static void
free_net (void *data)
{
  net_free (data);
}

void
card_free (Card *card)
{
  loop_call_sync (card->loop, free_net, card->net);
  loop_free (card->loop);
  g_queue_clear_full (&card->frames, (GDestroyNotify)g_bytes_unref);
  g_mutex_clear (&card->lock);
  g_cond_clear (&card->cond);
  g_free (card);
}

GBytes *
card_next_frame (Card *card)
{
  gint64 end = g_get_monotonic_time () + CARD_WAIT_SECONDS * G_TIME_SPAN_SECOND;

  for (;;)
    {
      uint8_t reply[FRAME_MAX];
      GBytes *bytes;
      size_t size, reply_size;
      const uint8_t *frame;

      g_mutex_lock (&card->lock);
      while (!(bytes = g_queue_pop_head (&card->frames)))
        g_assert_true (g_cond_wait_until (&card->cond, &card->lock, end));
      g_mutex_unlock (&card->lock);
      frame = g_bytes_get_data (bytes, &size);
      reply_size = frame_arp_reply (reply, frame, size);
      if (reply_size == 0)
        return bytes;
      card_send (card, reply, reply_size);
      g_bytes_unref (bytes);
    }
}
