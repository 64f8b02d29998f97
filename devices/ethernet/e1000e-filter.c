/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/ethernet/e1000e-private.h"
#include "devices/net/net-offload.h"
#include "vmm/base/bytes.h"

#include <netinet/in.h>

/* Sections 7.1.1 (packet filtering), 7.1.10 (VLAN) and 7.1.12 (receive side scaling). */

#define N_ADDRESSES 16u
#define RSS_ENABLED 1u

/* Section 7.1.12.1: kinds of hash, and the bits of MRQC that want them. */
enum {
  RSS_NONE = 0,
  RSS_TCP4 = 1,
  RSS_IP4 = 2,
  RSS_TCP6 = 3,
  RSS_IP6 = 5,

  MRQC_TCP4 = 1 << 16,
  MRQC_IP4 = 1 << 17,
  MRQC_TCP6 = 1 << 18,
  MRQC_IP6 = 1 << 20,
};

/* --- addresses and VLANs --- */

static bool
is_own (E1000e *self, const uint8_t *frame)
{
  for (unsigned i = 0; i < N_ADDRESSES; i++)
    {
      uint32_t high = *e1000e_reg (self, REG_RAH + 8 * i);

      if ((high & RAH_AV) && load_le32 (frame) == *e1000e_reg (self, REG_RAL + 8 * i)
          && load_le16 (frame + 4) == (high & 0xffff))
        return true;
    }
  return false;
}

/* Section 10.2.5.16: twelve bits of the address, by RCTL.MO. */
static bool
is_in_multicast_table (E1000e *self, const uint8_t *frame)
{
  static const unsigned shifts[] = { 4, 3, 2, 0 };
  unsigned bits = load_le16 (frame + 4) >> shifts[*e1000e_reg (self, REG_RCTL) >> 12 & 3] & 0xfff;

  return *e1000e_reg (self, REG_MTA + 4 * (bits >> 5)) & BIT (bits & 31);
}

bool
e1000e_is_tagged (E1000e *self, const uint8_t *frame, size_t size)
{
  return size >= NET_HEADER + 4 && load_be16 (frame + 12) == (*e1000e_reg (self, REG_VET) & 0xffff);
}

static bool
is_wanted_vlan (E1000e *self, const uint8_t *frame, size_t size)
{
  unsigned vlan;

  if (!(*e1000e_reg (self, REG_RCTL) & RCTL_VFE) || !e1000e_is_tagged (self, frame, size))
    return true;
  vlan = load_be16 (frame + 14) & 0xfff;
  return *e1000e_reg (self, REG_VFTA + 4 * (vlan >> 5)) & BIT (vlan & 31);
}

bool
e1000e_filter_passes (E1000e *self, const uint8_t *frame, size_t size)
{
  static const uint8_t broadcast[NET_MAC_SIZE] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  uint32_t rctl = *e1000e_reg (self, REG_RCTL);

  if (size > 1518 + (e1000e_is_tagged (self, frame, size) ? 4u : 0) - 4 && !(rctl & RCTL_LPE))
    {
      e1000e_count (self, STAT_ROC, 1);
      return false;
    }
  if (!is_wanted_vlan (self, frame, size))
    return false;
  if (memcmp (frame, broadcast, NET_MAC_SIZE) == 0)
    return (rctl & (RCTL_BAM | RCTL_MPE)) || is_in_multicast_table (self, frame);
  if (is_own (self, frame))
    return true;
  return frame[0] & 1 ? (rctl & RCTL_MPE) || is_in_multicast_table (self, frame) : rctl & RCTL_UPE;
}

/* --- RSS --- */

/* Section 7.1.12.1: Toeplitz' hash. @hash: of what went before, @at: how many bytes that were. */
static uint32_t
toeplitz (const uint8_t *key, uint32_t hash, unsigned *at, const uint8_t *data, unsigned size)
{
  for (unsigned i = 0; i < size; i++, (*at)++)
    {
      uint32_t window = load_be32 (key + *at);

      for (unsigned bit = 0; bit < 8; bit++)
        {
          if (data[i] & 0x80 >> bit)
            hash ^= window;
          window = window << 1 | (key[*at + 4] >> (7 - bit) & 1);
        }
    }
  return hash;
}

static unsigned
rss_type (E1000e *self, const uint8_t *frame, size_t size, NetLayout *layout)
{
  uint32_t mrqc = *e1000e_reg (self, REG_MRQC);
  bool tcp;

  if ((mrqc & 3) != RSS_ENABLED || !(*e1000e_reg (self, REG_RXCSUM) & RXCSUM_PCSD)
      || !net_layout_read (layout, frame, size, false))
    return RSS_NONE;
  tcp = layout->protocol == IPPROTO_TCP && !layout->fragment;
  if (layout->ipv6)
    return tcp && (mrqc & MRQC_TCP6) ? RSS_TCP6 : mrqc & MRQC_IP6 ? RSS_IP6 : RSS_NONE;
  return tcp && (mrqc & MRQC_TCP4) ? RSS_TCP4 : mrqc & MRQC_IP4 ? RSS_IP4 : RSS_NONE;
}

unsigned
e1000e_rss_queue (E1000e *self, const uint8_t *frame, size_t size, uint32_t *hash, unsigned *type)
{
  uint8_t key[40 + 1] = { 0 };
  NetLayout layout;
  unsigned at = 0, entry;

  *hash = 0;
  *type = rss_type (self, frame, size, &layout);
  if (*type == RSS_NONE)
    return 0;
  for (unsigned i = 0; i < 10; i++)
    store_le32 (key + (size_t)4 * i, *e1000e_reg (self, REG_RSSRK + 4 * i));
  *hash = layout.ipv6 ? toeplitz (key, 0, &at, frame + layout.network + 8, 32)
                      : toeplitz (key, 0, &at, frame + layout.network + 12, 8);
  if (*type == RSS_TCP4 || *type == RSS_TCP6)
    *hash = toeplitz (key, *hash, &at, frame + layout.transport, 4);
  entry = *hash & 0x7f;
  return *e1000e_reg (self, REG_RETA + 4 * (entry / 4)) >> (8 * (entry % 4) + 7) & 1;
}
