/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-blk.h"

#include "devices/virtio/virtio-blk-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <inttypes.h>

/* virtio 1.2, section 5.2: the disk's configuration and life. */

#define MAX_QUEUES 8u
#define QUEUE_SIZE 256u

/* Section 5.2.4, struct virtio_blk_config. */
enum {
  CONFIG_CAPACITY = 0,
  CONFIG_SEG_MAX = 12,
  CONFIG_BLK_SIZE = 20,
  CONFIG_PHYSICAL_BLOCK_EXP = 24,
  CONFIG_MIN_IO_SIZE = 26,
  CONFIG_WRITEBACK = 32,
  CONFIG_NUM_QUEUES = 34,
  CONFIG_MAX_DISCARD_SECTORS = 36,
  CONFIG_MAX_DISCARD_SEG = 40,
  CONFIG_DISCARD_ALIGNMENT = 44,
  CONFIG_MAX_WRITE_ZEROES_SECTORS = 48,
  CONFIG_MAX_WRITE_ZEROES_SEG = 52,
  CONFIG_WRITE_ZEROES_MAY_UNMAP = 56,
  CONFIG_SIZE = 60,
};

/* --- configuration --- */

static void
blk_config_write (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size)
{
  VirtioBlk *blk = (VirtioBlk *)vdev;

  if (offset != CONFIG_WRITEBACK || size != 1)
    {
      GUEST_ERROR (vdev, "read-only configuration at 0x%x written", offset);
      return;
    }
  blk->writeback = value & 1;
  vdev->config[CONFIG_WRITEBACK] = blk->writeback;
}

static void
blk_virtio_reset (VirtioDevice *vdev)
{
  VirtioBlk *blk = (VirtioBlk *)vdev;

  blk->blocked = false;
  blk->writeback = !blk->write_through;
  vdev->config[CONFIG_WRITEBACK] = blk->writeback;
}

static void
fill_config (VirtioBlk *blk, unsigned n_queues)
{
  uint8_t *config = blk->virtio.config;
  unsigned block = image_block_size (blk->image);

  blk->virtio.config_size = CONFIG_SIZE;
  store_le64 (config + CONFIG_CAPACITY, image_size (blk->image) / BLK_SECTOR);
  store_le32 (config + CONFIG_SEG_MAX, QUEUE_SIZE - 2);
  store_le32 (config + CONFIG_BLK_SIZE, BLK_SECTOR);
  config[CONFIG_PHYSICAL_BLOCK_EXP] = g_bit_nth_lsf (block / BLK_SECTOR, -1);
  store_le16 (config + CONFIG_MIN_IO_SIZE, block / BLK_SECTOR);
  store_le16 (config + CONFIG_NUM_QUEUES, n_queues);
  store_le32 (config + CONFIG_MAX_DISCARD_SECTORS, BLK_MAX_RANGE);
  store_le32 (config + CONFIG_MAX_DISCARD_SEG, BLK_MAX_SEGMENTS);
  store_le32 (config + CONFIG_DISCARD_ALIGNMENT, block / BLK_SECTOR);
  store_le32 (config + CONFIG_MAX_WRITE_ZEROES_SECTORS, BLK_MAX_RANGE);
  store_le32 (config + CONFIG_MAX_WRITE_ZEROES_SEG, BLK_MAX_SEGMENTS);
  config[CONFIG_WRITE_ZEROES_MAY_UNMAP] = !blk->no_discard;
}

static void
blk_kick (VirtioDevice *vdev, Virtq *vq)
{
  virtio_blk_serve ((VirtioBlk *)vdev, vq);
}

static const VirtioClass blk_virtio = {
  .id = VIRTIO_ID_BLOCK,
  .class_code = 0x010000,
  .polled = true,
  .kick = blk_kick,
  .config_write = blk_config_write,
  .reset = blk_virtio_reset,
};

/* On the loop's thread, without locks. */
static void
image_resized (Image *image, void *data)
{
  VirtioBlk *blk = data;
  Device *device = &blk->virtio.pci.device;

  device_lock (device);
  TRACE (device, "resized", "bytes=%" PRIu64, image_size (image));
  store_le64 (blk->virtio.config + CONFIG_CAPACITY, image_size (image) / BLK_SECTOR);
  virtio_config_changed (&blk->virtio);
  device_unlock (device);
}

/* --- the device --- */

static bool
blk_realize (Device *device, const void *config, GError **error)
{
  const VirtioBlkConfig *blk_config = config;
  VirtioBlk *blk = (VirtioBlk *)device;
  unsigned n_queues = MAX (blk_config->n_queues, 1);
  uint64_t features = VIRTIO_FEATURE (BLK_F_SEG_MAX) | VIRTIO_FEATURE (BLK_F_BLK_SIZE)
                      | VIRTIO_FEATURE (BLK_F_FLUSH) | VIRTIO_FEATURE (BLK_F_TOPOLOGY)
                      | VIRTIO_FEATURE (BLK_F_CONFIG_WCE);

  g_return_val_if_fail (blk_config->image != NULL && n_queues <= MAX_QUEUES, false);
  blk->read_only = blk_config->read_only || image_is_read_only (blk_config->image);
  blk->write_through = blk_config->write_through;
  blk->no_discard = blk_config->no_discard;
  if (blk->read_only)
    features |= VIRTIO_FEATURE (BLK_F_RO);
  else
    features |= VIRTIO_FEATURE (BLK_F_WRITE_ZEROES) | (blk->no_discard ? 0 : VIRTIO_FEATURE (BLK_F_DISCARD));
  if (n_queues > 1)
    features |= VIRTIO_FEATURE (BLK_F_MQ);

  if (!virtio_realize (&blk->virtio, &blk_virtio, &blk_config->place, features, error))
    return false;
  for (unsigned i = 0; i < n_queues; i++)
    virtio_add_queue (&blk->virtio, QUEUE_SIZE);
  if (blk_config->serial != NULL)
    memcpy (blk->serial, blk_config->serial, MIN (strlen (blk_config->serial), BLK_SERIAL_SIZE));
  blk->image = blk_config->image;
  fill_config (blk, n_queues);
  if (!virtio_realized (&blk->virtio, error))
    {
      blk->image = NULL; /* the caller keeps it */
      return false;
    }
  image_on_resize (blk->image, image_resized, blk);
  return true;
}

static void
blk_unrealize (Device *device)
{
  VirtioBlk *blk = (VirtioBlk *)device;

  device_lock (device);
  virtio_abandon (&blk->virtio);
  device_unlock (device);
  if (blk->image != NULL)
    image_on_resize (blk->image, NULL, NULL);
  g_clear_pointer (&blk->image, image_close);
  virtio_unrealize (device);
  virtio_blk_free_spare (blk);
}

static void
blk_stopped (Device *device)
{
  virtio_stopped (device);
  image_let_through (((VirtioBlk *)device)->image);
}

/* The user made room: what was parked comes out of the queues again. */
static void
blk_started (Device *device)
{
  VirtioBlk *blk = (VirtioBlk *)device;

  blk->blocked = false;
  virtio_started (device);
}

static void
blk_after_load (void *object)
{
  VirtioBlk *blk = object;

  blk->blocked = false;
  blk->virtio.config[CONFIG_WRITEBACK] = blk->writeback;
}

static const StateField blk_fields[] = {
  STATE_STRUCT (VirtioBlk, virtio, &virtio_device_state, 1),
  STATE_BOOL (VirtioBlk, writeback, 1),
  STATE_END,
};

static const StateTable blk_state = {
  .name = "virtio-blk",
  .version = 1,
  .fields = blk_fields,
  .object_size = sizeof (VirtioBlk),
  .after_load = blk_after_load,
};

const DeviceClass virtio_blk_class = {
  .id = "virtio-blk",
  .size = sizeof (VirtioBlk),
  .realize = blk_realize,
  .unrealize = blk_unrealize,
  .reset = virtio_reset,
  .stopped = blk_stopped,
  .started = blk_started,
  .state = &blk_state,
};
