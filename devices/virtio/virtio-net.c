/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-net.h"

#include "devices/net/net.h"
#include "devices/virtio/virtio.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* virtio 1.2, section 5.1: one pair of queues, no offloads. */

#define QUEUE_SIZE  256u
#define MAC_SIZE    6u
#define HEADER_SIZE 12u /* struct virtio_net_hdr, section 5.1.6 */

/* Buffers that one frame may be spread over. */
#define MAX_MERGED 16u

/* Pieces of guest memory that a frame to send may lie in; one more is for what the header left over. */
#define MAX_PIECES VIRTQ_CHAIN_MAX

/* Section 5.1.3. */
enum {
  NET_F_MAC = 5,
  NET_F_MRG_RXBUF = 15,
  NET_F_STATUS = 16,
};

/* Section 5.1.4, struct virtio_net_config. */
enum {
  CONFIG_MAC = 0,
  CONFIG_STATUS = 6,
  CONFIG_SIZE = 8,
};

#define STATUS_LINK_UP 1u

/* Section 5.1.6, struct virtio_net_hdr. */
enum { HEADER_NUM_BUFFERS = 10 };

enum { QUEUE_RX, QUEUE_TX };

typedef struct {
  VirtioDevice virtio;
  NetBackend *backend; /* NULL: the cable is out */
  bool rx_waiting;     /* the backend holds a frame back until there are buffers */
  VirtqChain *chains;  /* MAX_MERGED of them, for the frame at hand */
} VirtioNet;

/* --- to the network --- */

/* The frame without its header, in place. Returns the number of pieces, 0 if there is no frame. */
static unsigned
strip_header (const VirtqChain *chain, struct iovec *iov)
{
  size_t skip = HEADER_SIZE;
  unsigned n = 0;

  for (unsigned i = 0; i < chain->n_out; i++)
    {
      size_t cut = MIN (skip, chain->iov[i].iov_len);

      skip -= cut;
      if (chain->iov[i].iov_len > cut)
        iov[n++] = (struct iovec){ (uint8_t *)chain->iov[i].iov_base + cut, chain->iov[i].iov_len - cut };
    }
  return n;
}

static void
send_frames (VirtioNet *net)
{
  VirtioDevice *vdev = &net->virtio;
  Virtq *vq = &vdev->queues[QUEUE_TX];
  VirtqChain *chain = &net->chains[0];
  struct iovec iov[MAX_PIECES];

  while (virtq_pop (vq, chain))
    {
      unsigned n = strip_header (chain, iov);

      TRACE (vdev, "tx", "size=%" G_GUINT64_FORMAT, chain->out_size);
      if (net->backend && !net_send (net->backend, iov, n))
        {
          virtq_park (vq, chain);
          break;
        }
      virtq_push (vq, chain, 0);
    }
  virtq_notify (vq);
}

static void
card_send_ready (void *card)
{
  VirtioNet *net = card;

  device_lock (&net->virtio.pci.device);
  send_frames (net);
  device_unlock (&net->virtio.pci.device);
}

/* --- to the guest --- */

static void
park_all (Virtq *vq, VirtqChain *chains, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    virtq_park (vq, &chains[i]);
}

typedef enum {
  BUFFERS_TAKEN,
  BUFFERS_MISSING,   /* the guest has to offer more */
  BUFFERS_TOO_SMALL, /* more won't help */
} Buffers;

/* Takes buffers for @size bytes; @n: how many they are. If they don't do, the queue has them back. */
static Buffers
take_buffers (VirtioNet *net, Virtq *vq, size_t size, unsigned *n)
{
  unsigned limit = virtio_has_feature (&net->virtio, NET_F_MRG_RXBUF) ? MAX_MERGED : 1;
  uint64_t room = 0;

  for (*n = 0; room < size; (*n)++)
    {
      if (*n == limit)
        {
          GUEST_ERROR (net, "no room for a frame of %zu bytes in %u buffers", size, limit);
          park_all (vq, net->chains, *n);
          return BUFFERS_TOO_SMALL;
        }
      if (!virtq_pop (vq, &net->chains[*n]))
        {
          park_all (vq, net->chains, *n);
          return BUFFERS_MISSING;
        }
      room += net->chains[*n].in_size;
    }
  return BUFFERS_TAKEN;
}

static void
fill_buffers (VirtioNet *net, Virtq *vq, unsigned n, const uint8_t *frame, size_t size)
{
  uint8_t header[HEADER_SIZE] = { 0 };
  uint32_t written[MAX_MERGED];
  size_t done = 0;

  store_le16 (header + HEADER_NUM_BUFFERS, (uint16_t)n);
  virtq_chain_write (&net->chains[0], 0, header, sizeof header);
  for (unsigned i = 0; i < n; i++)
    {
      size_t start = i == 0 ? HEADER_SIZE : 0;
      size_t part = virtq_chain_write (&net->chains[i], start, frame + done, size - done);

      written[i] = (uint32_t)(start + part);
      done += part;
    }
  virtq_push_all (vq, net->chains, written, n);
}

static bool
receive_locked (VirtioNet *net, const void *frame, size_t size)
{
  VirtioDevice *vdev = &net->virtio;
  Virtq *vq = &vdev->queues[QUEUE_RX];
  unsigned n;

  if (!virtq_is_live (vq))
    return true;
  switch (take_buffers (net, vq, HEADER_SIZE + size, &n))
    {
    case BUFFERS_MISSING:
      net->rx_waiting = true;
      return false;
    case BUFFERS_TOO_SMALL:
      return true;
    case BUFFERS_TAKEN:
      break;
    }
  if (net->chains[0].in_size < HEADER_SIZE)
    {
      virtio_fail (vdev, "a receive buffer of %" G_GUINT64_FORMAT " bytes", net->chains[0].in_size);
      park_all (vq, net->chains, n);
      return true;
    }
  TRACE (vdev, "rx", "size=%zu buffers=%u", size, n);
  fill_buffers (net, vq, n, frame, size);
  virtq_notify (vq);
  return true;
}

static bool
card_receive (void *card, const void *frame, size_t size)
{
  VirtioNet *net = card;
  bool taken;

  device_lock (&net->virtio.pci.device);
  taken = receive_locked (net, frame, size);
  device_unlock (&net->virtio.pci.device);
  return taken;
}

static void
card_guest_error (void *card, const char *message)
{
  GUEST_ERROR (card, "%s", message);
}

static const NetCardOps card_ops = {
  .receive = card_receive,
  .send_ready = card_send_ready,
  .guest_error = card_guest_error,
};

/* A frame that is held back gets another chance. */
static void
offer_again (VirtioNet *net)
{
  if (net->rx_waiting && net->backend)
    net_receive_ready (net->backend);
  net->rx_waiting = false;
}

/* --- virtio --- */

static void
net_kick (VirtioDevice *vdev, Virtq *vq)
{
  if (vq->index == QUEUE_RX)
    offer_again ((VirtioNet *)vdev);
  else
    send_frames ((VirtioNet *)vdev);
}

static void
net_virtio_reset (VirtioDevice *vdev)
{
  offer_again ((VirtioNet *)vdev);
}

static const VirtioClass net_virtio = {
  .id = VIRTIO_ID_NET,
  .class_code = 0x020000,
  .kick = net_kick,
  .reset = net_virtio_reset,
};

/* --- the device --- */

static bool
parse_mac (const char *text, uint8_t *mac)
{
  if (!text || strlen (text) != 17)
    return false;
  for (unsigned i = 0; i < MAC_SIZE; i++, text += 3)
    {
      if (!g_ascii_isxdigit (text[0]) || !g_ascii_isxdigit (text[1])
          || text[2] != (i < MAC_SIZE - 1 ? ':' : '\0'))
        return false;
      mac[i] = (uint8_t)(g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]));
    }
  return (mac[0] & 1) == 0;
}

static bool
check_config (const VirtioNetConfig *config, uint8_t *mac, GError **error)
{
  const char *id = config->id ? config->id : "net";

  if (!parse_mac (config->mac, mac))
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "Network card “%s”: “%s” is no address for a card; write one such as 52:54:00:12:34:56 (the second "
        "digit even)",
        id, config->mac ? config->mac : "");
      return false;
    }
  if (g_strcmp0 (config->network, "nat") != 0 && g_strcmp0 (config->network, "none") != 0)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "Network card “%s”: there is no network “%s”; choose “nat” or “none”", id,
                   config->network ? config->network : "");
      return false;
    }
  return true;
}

static bool
net_realize (Device *device, const void *config, GError **error)
{
  const VirtioNetConfig *net_config = config;
  VirtioNet *net = (VirtioNet *)device;
  VirtioDevice *vdev = &net->virtio;
  uint8_t mac[MAC_SIZE];

  if (!check_config (net_config, mac, error)
      || !virtio_realize (
        vdev, &net_virtio, &net_config->place,
        VIRTIO_FEATURE (NET_F_MAC) | VIRTIO_FEATURE (NET_F_MRG_RXBUF) | VIRTIO_FEATURE (NET_F_STATUS), error))
    return false;
  net->chains = g_new (VirtqChain, MAX_MERGED);
  virtio_add_queue (vdev, QUEUE_SIZE);
  virtio_add_queue (vdev, QUEUE_SIZE);
  vdev->config_size = CONFIG_SIZE;
  memcpy (vdev->config + CONFIG_MAC, mac, MAC_SIZE);

  if (g_str_equal (net_config->network, "nat"))
    {
      net->backend = net_nat_new (device->board->loop, error);
      if (!net->backend)
        return false;
      net_attach (net->backend, &card_ops, net);
      store_le16 (vdev->config + CONFIG_STATUS, STATUS_LINK_UP);
    }
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

static const StateField net_fields[] = {
  STATE_STRUCT (VirtioNet, virtio, &virtio_device_state, 1),
  STATE_END,
};

static const StateTable net_state = {
  .name = "virtio-net",
  .version = 1,
  .fields = net_fields,
  .object_size = sizeof (VirtioNet),
};

const DeviceClass virtio_net_class = {
  .id = "virtio-net",
  .size = sizeof (VirtioNet),
  .realize = net_realize,
  .unrealize = net_unrealize,
  .reset = virtio_reset,
  .stopped = virtio_stopped,
  .started = virtio_started,
  .state = &net_state,
};
