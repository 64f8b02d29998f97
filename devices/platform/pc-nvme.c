/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/storage/nvme.h"

#include <string.h>

/*
 * A disk's name that no other has, and that stays: made of the machine's UUID and the disk's id as RFC 4122,
 * section 4.3, says (version 5, SHA-1).
 */
static void
make_uuid (const Pc *pc, const char *id, uint8_t uuid[NVME_UUID_SIZE])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  uint8_t digest[20];
  gsize size = sizeof digest;

  g_checksum_update (checksum, (const guchar *)pc->spec->uuid, -1);
  g_checksum_update (checksum, (const guchar *)id, -1);
  g_checksum_get_digest (checksum, digest, &size);
  memcpy (uuid, digest, NVME_UUID_SIZE);
  uuid[6] = (uuid[6] & 0x0f) | 0x50;
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

Device *
pc_add_nvme_disk (Pc *pc, const DiskSpec *disk, const char *serial, unsigned slot, Image *image,
                  GError **error)
{
  NvmeConfig config = {
    .place = pc_place (pc, slot, 0),
    .image = image,
    .serial = serial,
    .read_only = disk->read_only,
    .write_through = disk->options.cache == DISK_CACHE_WRITETHROUGH,
    .no_discard = disk->options.discard == DISK_DISCARD_IGNORE,
    .n_queues = MIN (pc->spec->n_cpus, NVME_MAX_IO_QUEUES),
  };

  make_uuid (pc, disk->id, config.uuid);
  return board_add (pc->board, &nvme_class, disk->id, &config, error);
}
