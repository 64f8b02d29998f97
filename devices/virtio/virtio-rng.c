/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-rng.h"

#include "devices/virtio/virtio.h"

#include <sys/random.h>

/* virtio 1.2, section 5.4. One queue; the host's getrandom fills what the guest offers. */

/* A buffer gets no more than this at a time, so that a guest can't hold the loop. Section 5.4.6.1 wants one
 * byte at least. */
#define MAX_FILL 65536u

typedef struct {
  VirtioDevice virtio;
} VirtioRng;

static size_t
fill (const VirtqChain *chain)
{
  size_t filled = 0;

  for (unsigned i = chain->n_out; i < chain->n_out + chain->n_in && filled < MAX_FILL; i++)
    {
      size_t wanted = MIN (chain->iov[i].iov_len, MAX_FILL - filled);
      ssize_t n = getrandom (chain->iov[i].iov_base, wanted, GRND_NONBLOCK);

      if (n < 0)
        break;
      filled += n;
      if ((size_t)n < wanted)
        break;
    }
  return filled;
}

static void
rng_kick (VirtioDevice *vdev, Virtq *vq)
{
  VirtqChain chain;

  while (virtq_pop (vq, &chain))
    {
      size_t filled = fill (&chain);

      TRACE (vdev, "fill", "wanted=%" G_GUINT64_FORMAT " filled=%zu", chain.in_size, filled);
      virtq_push (vq, &chain, filled);
    }
  virtq_notify (vq);
}

static const VirtioClass rng_virtio = {
  .id = VIRTIO_ID_ENTROPY,
  .class_code = 0x00ff00,
  .kick = rng_kick,
};

static bool
rng_realize (Device *device, const void *config, GError **error)
{
  const VirtioRngConfig *rng_config = config;
  VirtioDevice *vdev = (VirtioDevice *)device;

  if (!virtio_realize (vdev, &rng_virtio, &rng_config->place, 0, error))
    return false;
  virtio_add_queue (vdev, 8);
  return virtio_realized (vdev, error);
}

static const StateField rng_fields[] = {
  STATE_STRUCT (VirtioRng, virtio, &virtio_device_state, 1),
  STATE_END,
};

static const StateTable rng_state = {
  .name = "virtio-rng",
  .version = 1,
  .fields = rng_fields,
  .object_size = sizeof (VirtioRng),
};

const DeviceClass virtio_rng_class = {
  .id = "virtio-rng",
  .size = sizeof (VirtioRng),
  .realize = rng_realize,
  .unrealize = virtio_unrealize,
  .reset = virtio_reset,
  .stopped = virtio_stopped,
  .started = virtio_started,
  .state = &rng_state,
};
