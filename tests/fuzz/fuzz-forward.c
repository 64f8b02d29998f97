/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forwarded ports: what owners write is read or refused, and a guest's frames are judged. */
#include "tests/fuzz/fuzz.h"

#include "devices/net/nat-knock.h"

#include <string.h>

static void
read_text (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *)data, size);
  g_autofree char *complete = NULL;
  NetForward forward, again;

  if (!net_forward_parse (&forward, text, NULL))
    return;
  complete = net_forward_format (&forward);
  g_assert_true (net_forward_parse (&again, complete, NULL));
  g_assert_true (net_forward_equal (&forward, &again));
}

/* Frames are made of the guest's bytes, and of what would be right with some of them changed. */
static void
judge (const uint8_t *data, size_t size)
{
  NatKnock knock = { NET_GUEST_DEFAULT, 80, 1, 1000 };
  uint8_t frame[NAT_KNOCK_MAX], mac[NET_MAC_SIZE] = { 2 };
  size_t length = nat_knock_open (frame, mac, &knock);

  nat_knock_read (data, size, &knock);
  nat_knock_is_here (data, size, NET_GUEST_DEFAULT, mac);
  for (size_t i = 0; i + 1 < size; i += 2)
    frame[data[i] % length] = data[i + 1];
  if (size > 0)
    length = data[0] % (length + 1);
  nat_knock_read (frame, length, &knock);
  nat_knock_is_here (frame, length, NET_GUEST_DEFAULT, mac);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree uint8_t *own = g_memdup2 (data, size); /* its end is watched */

  read_text (data, size);
  if (size > 0)
    judge (own, size);
  return 0;
}
