/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-net-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* virtio 1.2, section 5.1.6.5: the control queue, and the filter that it sets. */

enum {
  CLASS_RX = 0,
  CLASS_MAC = 1,
  CLASS_VLAN = 2,
  CLASS_ANNOUNCE = 3,
  CLASS_MQ = 4,
  CLASS_GUEST_OFFLOADS = 5,
};

enum {
  RX_PROMISCUOUS = 0,
  RX_ALL_MULTICAST = 1,
  RX_ALL_UNICAST = 2,
  RX_NO_MULTICAST = 3,
  RX_NO_UNICAST = 4,
  RX_NO_BROADCAST = 5,

  MAC_TABLE_SET = 0,
  MAC_ADDR_SET = 1,

  VLAN_ADD = 0,
  VLAN_DEL = 1,

  ANNOUNCE_ACK = 0,
  MQ_PAIRS_SET = 0,
  GUEST_OFFLOADS_SET = 0,
};

enum { ACK_OK = 0, ACK_ERROR = 1 };

#define COMMAND_HEADER 2u /* class, command */

/* --- the filter --- */

void
virtio_net_filter_reset (NetFilter *filter)
{
  /* A driver that says nothing gets everything. */
  *filter = (NetFilter){ .promiscuous = true };
}

static bool
is_listed (const uint8_t *table, unsigned n, const uint8_t *address)
{
  for (unsigned i = 0; i < n; i++)
    if (memcmp (table + (size_t)i * NET_MAC_SIZE, address, NET_MAC_SIZE) == 0)
      return true;
  return false;
}

static bool
wants_vlan (const VirtioNet *net, const uint8_t *frame, size_t size)
{
  unsigned vlan;

  if (!virtio_has_feature (&net->virtio, NET_F_CTRL_VLAN) || size < NET_HEADER + 2
      || load_be16 (frame + 12) != 0x8100)
    return true;
  vlan = load_be16 (frame + 14) % NET_N_VLANS;
  return net->filter.vlans[vlan / 8] & 1u << vlan % 8;
}

bool
virtio_net_filter_passes (const VirtioNet *net, const uint8_t *frame, size_t size)
{
  static const uint8_t broadcast[NET_MAC_SIZE] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  const NetFilter *filter = &net->filter;

  if (size < NET_MAC_SIZE || !wants_vlan (net, frame, size))
    return false;
  if (filter->promiscuous)
    return true;
  if (memcmp (frame, broadcast, NET_MAC_SIZE) == 0)
    return !filter->no_broadcast;
  if (frame[0] & 1)
    return !filter->no_multicast
           && (filter->all_multicast || filter->too_many_multicast
               || is_listed (filter->multicast, filter->n_multicast, frame));
  return !filter->no_unicast
         && (filter->all_unicast || filter->too_many_unicast || memcmp (frame, net->mac, NET_MAC_SIZE) == 0
             || is_listed (filter->unicast, filter->n_unicast, frame));
}

static bool
filter_check (const void *object, const void *incoming, GError **error)
{
  const NetFilter *filter = incoming;

  if (filter->n_unicast <= NET_MAX_ADDRESSES && filter->n_multicast <= NET_MAX_ADDRESSES)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
               "The saved state of a network card lists %u and %u addresses; %u are the most",
               filter->n_unicast, filter->n_multicast, NET_MAX_ADDRESSES);
  return false;
}

static const StateField filter_fields[] = {
  STATE_BOOL (NetFilter, promiscuous, 1),      STATE_BOOL (NetFilter, all_multicast, 1),
  STATE_BOOL (NetFilter, all_unicast, 1),      STATE_BOOL (NetFilter, no_multicast, 1),
  STATE_BOOL (NetFilter, no_unicast, 1),       STATE_BOOL (NetFilter, no_broadcast, 1),
  STATE_BOOL (NetFilter, too_many_unicast, 1), STATE_BOOL (NetFilter, too_many_multicast, 1),
  STATE_U32 (NetFilter, n_unicast, 1),         STATE_U32 (NetFilter, n_multicast, 1),
  STATE_BYTES (NetFilter, unicast, 1),         STATE_BYTES (NetFilter, multicast, 1),
  STATE_BYTES (NetFilter, vlans, 1),           STATE_END,
};

const StateTable virtio_net_filter_state = {
  .name = "virtio-net-filter",
  .version = 1,
  .fields = filter_fields,
  .object_size = sizeof (NetFilter),
  .check = filter_check,
};

/* --- commands: each gives false if it makes no sense --- */

static bool
set_rx_mode (VirtioNet *net, unsigned command, const VirtqChain *chain)
{
  NetFilter *filter = &net->filter;
  bool *const switches[] = { &filter->promiscuous,  &filter->all_multicast, &filter->all_unicast,
                             &filter->no_multicast, &filter->no_unicast,    &filter->no_broadcast };
  unsigned feature = command >= RX_ALL_UNICAST ? NET_F_CTRL_RX_EXTRA : NET_F_CTRL_RX;
  uint8_t on;

  if (command >= G_N_ELEMENTS (switches) || !virtio_has_feature (&net->virtio, feature)
      || virtq_chain_read (chain, COMMAND_HEADER, &on, 1) < 1)
    return false;
  *switches[command] = on != 0;
  return true;
}

/* While a table is longer than ours, the card lets all of its kind through. Returns where it ends; 0: it
 * isn't whole. */
static uint64_t
read_table (const VirtqChain *chain, uint64_t at, uint8_t *table, uint32_t *n, bool *overflow)
{
  uint8_t count[4];
  uint64_t size;

  if (virtq_chain_read (chain, at, count, sizeof count) < sizeof count)
    return 0;
  size = (uint64_t)load_le32 (count) * NET_MAC_SIZE;
  at += sizeof count;
  if (size > chain->out_size || at > chain->out_size - size)
    return 0;
  *overflow = load_le32 (count) > NET_MAX_ADDRESSES;
  *n = *overflow ? 0 : load_le32 (count);
  virtq_chain_read (chain, at, table, (size_t)*n * NET_MAC_SIZE);
  return at + size;
}

static bool
set_mac_table (VirtioNet *net, const VirtqChain *chain)
{
  NetFilter read = net->filter;
  uint64_t at = read_table (chain, COMMAND_HEADER, read.unicast, &read.n_unicast, &read.too_many_unicast);

  if (!virtio_has_feature (&net->virtio, NET_F_CTRL_RX) || at == 0
      || read_table (chain, at, read.multicast, &read.n_multicast, &read.too_many_multicast) == 0)
    return false;
  net->filter = read;
  return true;
}

static bool
set_mac (VirtioNet *net, unsigned command, const VirtqChain *chain)
{
  uint8_t mac[NET_MAC_SIZE];

  if (command == MAC_TABLE_SET)
    return set_mac_table (net, chain);
  if (command != MAC_ADDR_SET || !virtio_has_feature (&net->virtio, NET_F_CTRL_MAC_ADDR)
      || virtq_chain_read (chain, COMMAND_HEADER, mac, sizeof mac) < sizeof mac)
    return false;
  memcpy (net->mac, mac, sizeof mac);
  memcpy (net->virtio.config + NET_CONFIG_MAC, mac, sizeof mac);
  return true;
}

static bool
set_vlan (VirtioNet *net, unsigned command, const VirtqChain *chain)
{
  uint8_t id[2];
  unsigned vlan;

  if (!virtio_has_feature (&net->virtio, NET_F_CTRL_VLAN) || command > VLAN_DEL
      || virtq_chain_read (chain, COMMAND_HEADER, id, sizeof id) < sizeof id
      || (vlan = load_le16 (id)) >= NET_N_VLANS)
    return false;
  if (command == VLAN_ADD)
    net->filter.vlans[vlan / 8] |= (uint8_t)(1u << vlan % 8);
  else
    net->filter.vlans[vlan / 8] &= (uint8_t) ~(1u << vlan % 8);
  return true;
}

static bool
acknowledge_announcement (VirtioNet *net, unsigned command)
{
  if (command != ANNOUNCE_ACK || !virtio_has_feature (&net->virtio, NET_F_GUEST_ANNOUNCE))
    return false;
  virtio_net_update_status (net, false);
  return true;
}

static bool
set_pairs (VirtioNet *net, unsigned command, const VirtqChain *chain)
{
  uint8_t bytes[2];
  unsigned n;

  if (command != MQ_PAIRS_SET || !virtio_has_feature (&net->virtio, NET_F_MQ)
      || virtq_chain_read (chain, COMMAND_HEADER, bytes, sizeof bytes) < sizeof bytes)
    return false;
  n = load_le16 (bytes);
  if (n < 1 || n > net->max_pairs)
    return false;
  net->n_pairs = (uint16_t)n;
  memset (net->steering, 0, sizeof net->steering);
  return true;
}

static bool
set_offloads (VirtioNet *net, unsigned command, const VirtqChain *chain)
{
  uint64_t possible = net->virtio.driver_features & NET_GUEST_OFFLOADS;
  uint8_t bytes[8];

  if (command != GUEST_OFFLOADS_SET || !virtio_has_feature (&net->virtio, NET_F_CTRL_GUEST_OFFLOADS)
      || virtq_chain_read (chain, COMMAND_HEADER, bytes, sizeof bytes) < sizeof bytes
      || (load_le64 (bytes) & ~possible) != 0)
    return false;
  net->guest_offloads = load_le64 (bytes);
  virtio_net_update_abilities (net);
  return true;
}

static bool
obey (VirtioNet *net, const uint8_t *command, const VirtqChain *chain)
{
  switch (command[0])
    {
    case CLASS_RX:
      return set_rx_mode (net, command[1], chain);
    case CLASS_MAC:
      return set_mac (net, command[1], chain);
    case CLASS_VLAN:
      return set_vlan (net, command[1], chain);
    case CLASS_ANNOUNCE:
      return acknowledge_announcement (net, command[1]);
    case CLASS_MQ:
      return set_pairs (net, command[1], chain);
    case CLASS_GUEST_OFFLOADS:
      return set_offloads (net, command[1], chain);
    default:
      return false;
    }
}

void
virtio_net_control (VirtioNet *net, Virtq *vq)
{
  VirtqChain *chain = &net->chains[0];

  while (virtq_pop (vq, chain))
    {
      uint8_t command[COMMAND_HEADER] = { 0xff, 0xff };
      bool whole = virtq_chain_read (chain, 0, command, sizeof command) == sizeof command;
      uint8_t ack = whole && obey (net, command, chain) ? ACK_OK : ACK_ERROR;

      TRACE (net, "control", "class=%u command=%u %s", command[0], command[1],
             ack == ACK_OK ? "done" : "refused");
      virtq_push (vq, chain, (uint32_t)virtq_chain_write (chain, 0, &ack, 1));
    }
  virtq_notify (vq);
}
