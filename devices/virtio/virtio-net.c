/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-net.h"

#include "devices/virtio/virtio-net-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* virtio 1.2, section 5.1: the network card's configuration and life. */

#define QUEUE_SIZE  256u
#define SPEED       10000u /* Mbit/s, as a number to show */
#define FULL_DUPLEX 1u

static const uint64_t net_features =
  VIRTIO_FEATURE (NET_F_CSUM) | NET_GUEST_OFFLOADS | VIRTIO_FEATURE (NET_F_CTRL_GUEST_OFFLOADS)
  | VIRTIO_FEATURE (NET_F_MAC) | VIRTIO_FEATURE (NET_F_HOST_TSO4) | VIRTIO_FEATURE (NET_F_HOST_TSO6)
  | VIRTIO_FEATURE (NET_F_HOST_ECN) | VIRTIO_FEATURE (NET_F_MRG_RXBUF) | VIRTIO_FEATURE (NET_F_STATUS)
  | VIRTIO_FEATURE (NET_F_CTRL_VQ) | VIRTIO_FEATURE (NET_F_CTRL_RX) | VIRTIO_FEATURE (NET_F_CTRL_VLAN)
  | VIRTIO_FEATURE (NET_F_CTRL_RX_EXTRA) | VIRTIO_FEATURE (NET_F_GUEST_ANNOUNCE)
  | VIRTIO_FEATURE (NET_F_CTRL_MAC_ADDR) | VIRTIO_FEATURE (NET_F_SPEED_DUPLEX);

/* --- what the guest is told, and tells --- */

void
virtio_net_update_status (VirtioNet *net, bool announce)
{
  bool up = net->backend != NULL && net->link_up;

  store_le16 (net->virtio.config + NET_CONFIG_STATUS,
              (up ? NET_STATUS_LINK_UP : 0) | (up && announce ? NET_STATUS_ANNOUNCE : 0));
}

void
virtio_net_update_abilities (VirtioNet *net)
{
  bool checksum = net->guest_offloads & VIRTIO_FEATURE (NET_F_GUEST_CSUM);
  bool tso = net->guest_offloads & VIRTIO_FEATURE (NET_F_GUEST_TSO4);

  if (net->backend != NULL)
    net_set_card_abilities (net->backend,
                            (checksum ? NET_CARD_CHECKSUM : 0) | (checksum && tso ? NET_CARD_TSO4 : 0));
}

static void
net_negotiated (VirtioDevice *vdev)
{
  VirtioNet *net = VIRTIO_NET (vdev);

  net->guest_offloads = vdev->driver_features & NET_GUEST_OFFLOADS;
  virtio_net_update_abilities (net);
}

/* Section 5.1.2: the control queue comes after all pairs, or after the first if the driver knows of no more.
 */
static void
net_kick (VirtioDevice *vdev, Virtq *vq)
{
  VirtioNet *net = VIRTIO_NET (vdev);
  unsigned n_pairs = virtio_has_feature (vdev, NET_F_MQ) ? net->max_pairs : 1;

  if (vq->index < 2 * n_pairs)
    {
      if (vq->index % 2 == 0)
        virtio_net_offer_again (net);
      else
        virtio_net_transmit (net, vq);
    }
  else if (vq->index == 2 * n_pairs && virtio_has_feature (vdev, NET_F_CTRL_VQ))
    virtio_net_control (net, vq);
}

static void
net_virtio_reset (VirtioDevice *vdev)
{
  VirtioNet *net = VIRTIO_NET (vdev);

  net->n_pairs = 1;
  net->guest_offloads = 0;
  memcpy (net->mac, net->own_mac, NET_MAC_SIZE);
  memcpy (net->virtio.config + NET_CONFIG_MAC, net->mac, NET_MAC_SIZE);
  net->announce_due = false;
  virtio_net_filter_reset (&net->filter);
  memset (net->steering, 0, sizeof net->steering);
  virtio_net_update_abilities (net);
  virtio_net_update_status (net, false);
  virtio_net_offer_again (net);
}

static const VirtioClass net_virtio = {
  .id = VIRTIO_ID_NET,
  .class_code = 0x020000,
  .polled = true,
  .kick = net_kick,
  .negotiated = net_negotiated,
  .reset = net_virtio_reset,
};

void
virtio_net_set_link (Device *device, bool up)
{
  VirtioNet *net = (VirtioNet *)device;

  device_lock (device);
  if (net->link_up != up)
    {
      TRACE (device, "link", "%s", up ? "up" : "down");
      net->link_up = up;
      virtio_net_update_status (net, false);
      virtio_config_changed (&net->virtio);
    }
  device_unlock (device);
}

NetBackend *
virtio_net_get_backend (Device *device)
{
  return ((VirtioNet *)device)->backend;
}

void
virtio_net_get_counters (Device *device, NetCounters *counters)
{
  net_get_counters (((VirtioNet *)device)->backend, counters);
}

/* --- the device --- */

static void
fill_config (VirtioNet *net)
{
  uint8_t *config = net->virtio.config;

  net->virtio.config_size = NET_CONFIG_SIZE;
  memcpy (config + NET_CONFIG_MAC, net->mac, NET_MAC_SIZE);
  store_le16 (config + NET_CONFIG_MAX_PAIRS, (uint16_t)net->max_pairs);
  store_le32 (config + NET_CONFIG_SPEED, SPEED);
  config[NET_CONFIG_DUPLEX] = FULL_DUPLEX;
}

static bool
net_realize (Device *device, const void *config, GError **error)
{
  const VirtioNetConfig *net_config = config;
  VirtioNet *net = (VirtioNet *)device;
  VirtioDevice *vdev = &net->virtio;
  uint64_t features = net_features;

  net->max_pairs = CLAMP (net_config->n_pairs, 1, VIRTIO_NET_MAX_PAIRS);
  net->link_up = !net_config->link_down;
  if (net->max_pairs > 1)
    features |= VIRTIO_FEATURE (NET_F_MQ);
  if (!net_card_connect (device->board->loop, net_config->id, net_config->mac, net_config->network, net->own_mac,
                         &net->backend, error)
      || !virtio_realize (vdev, &net_virtio, &net_config->place, features, error))
    return false;
  if (net->backend != NULL)
    net_attach (net->backend, &virtio_net_card_ops, net);
  net->chains = g_new (VirtqChain, NET_MAX_MERGED);
  for (unsigned i = 0; i < 2 * net->max_pairs + 1; i++)
    virtio_add_queue (vdev, QUEUE_SIZE);
  fill_config (net);
  net_virtio_reset (vdev);
  return virtio_realized (vdev, error);
}

static void
net_unrealize (Device *device)
{
  VirtioNet *net = (VirtioNet *)device;

  device_lock (device);
  virtio_abandon (&net->virtio);
  device_unlock (device);
  g_clear_pointer (&net->backend, net_free);
  virtio_unrealize (device);
  g_clear_pointer (&net->chains, g_free);
}

/* Section 5.1.6.5.4: the network learns where the guest is now from a frame that it sends. */
static void
net_started (Device *device)
{
  VirtioNet *net = (VirtioNet *)device;

  virtio_started (device);
  if (net->announce_due && virtio_is_live (&net->virtio)
      && virtio_has_feature (&net->virtio, NET_F_GUEST_ANNOUNCE))
    {
      virtio_net_update_status (net, true);
      virtio_config_changed (&net->virtio);
    }
  net->announce_due = false;
}

static bool
net_check (const void *object, const void *incoming, GError **error)
{
  const VirtioNet *net = object, *other = incoming;

  if (other->n_pairs >= 1 && other->n_pairs <= net->max_pairs
      && (other->guest_offloads & ~(other->virtio.driver_features & NET_GUEST_OFFLOADS)) == 0)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
               "The saved state of %s uses %u pairs of queues; this machine's device has %u",
               net->virtio.pci.device.name, other->n_pairs, net->max_pairs);
  return false;
}

static void
net_after_load (void *object)
{
  VirtioNet *net = object;

  net->rx_waiting = true; /* whatever the backend holds */
  net->announce_due = true;
  memset (net->steering, 0, sizeof net->steering);
  memcpy (net->virtio.config + NET_CONFIG_MAC, net->mac, NET_MAC_SIZE);
  virtio_net_update_abilities (net);
  virtio_net_update_status (net, false);
}

static const StateField net_fields[] = {
  STATE_STRUCT (VirtioNet, virtio, &virtio_device_state, 1),
  STATE_U16 (VirtioNet, n_pairs, 2),
  STATE_U64 (VirtioNet, guest_offloads, 2),
  STATE_BYTES (VirtioNet, mac, 2),
  STATE_STRUCT (VirtioNet, filter, &virtio_net_filter_state, 2),
  STATE_END,
};

static const StateTable net_state = {
  .name = "virtio-net",
  .version = 2,
  .fields = net_fields,
  .object_size = sizeof (VirtioNet),
  .check = net_check,
  .after_load = net_after_load,
};

const DeviceClass virtio_net_class = {
  .id = "virtio-net",
  .size = sizeof (VirtioNet),
  .realize = net_realize,
  .unrealize = net_unrealize,
  .reset = virtio_reset,
  .stopped = virtio_stopped,
  .started = net_started,
  .state = &net_state,
};
