/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/no-room.h"
#include "devices/virtio/virtio-blk-private.h"
#include "vmm/base/bytes.h"

#include <inttypes.h>

/* A disk's requests: virtio 1.2, section 5.2.6. Data goes between the image and the guest's memory without a
 * copy. */

#define HEADER_SIZE  16u
#define SEGMENT_SIZE 16u

/* Requests kept for reuse; a burst makes more and gives them back. */
#define MAX_SPARE 32u

/* Section 5.2.6. */
enum {
  BLK_T_IN = 0,
  BLK_T_OUT = 1,
  BLK_T_FLUSH = 4,
  BLK_T_GET_ID = 8,
  BLK_T_DISCARD = 11,
  BLK_T_WRITE_ZEROES = 13,
};

enum {
  BLK_S_OK = 0,
  BLK_S_IOERR = 1,
  BLK_S_UNSUPP = 2,
};

#define SEGMENT_F_UNMAP 1u

typedef struct {
  uint64_t sector;
  uint32_t n_sectors;
  uint32_t flags;
} Segment;

struct BlkRequest {
  VirtioBlk *blk;
  Virtq *vq;
  BlkRequest *next_spare;
  uint32_t type;
  bool syncing; /* the flush that a write-through cache adds */
  uint8_t *status;
  uint32_t written; /* bytes of the in-part on success, with the status */
  unsigned n_segments, segment;
  Segment segments[BLK_MAX_SEGMENTS];
  ImageRequest io;
  VirtqChain chain; /* without header and status once taken apart */
};

static void request_done (ImageRequest *io, int error);

/* --- requests' memory --- */

static BlkRequest *
request_new (VirtioBlk *blk, Virtq *vq)
{
  BlkRequest *request = blk->spare;

  if (request != NULL)
    {
      blk->spare = request->next_spare;
      blk->n_spare--;
    }
  else
    request = g_new (BlkRequest, 1);
  request->blk = blk;
  request->vq = vq;
  request->syncing = false;
  request->n_segments = request->segment = 0;
  return request;
}

static void
request_free (BlkRequest *request)
{
  VirtioBlk *blk = request->blk;

  if (blk->n_spare >= MAX_SPARE)
    {
      g_free (request);
      return;
    }
  request->next_spare = blk->spare;
  blk->spare = request;
  blk->n_spare++;
}

void
virtio_blk_free_spare (VirtioBlk *blk)
{
  while (blk->spare != NULL)
    {
      BlkRequest *next = blk->spare->next_spare;

      g_free (blk->spare);
      blk->spare = next;
    }
}

/* --- completion --- */

/* Section 2.7.8.2: the used length counts from the in-part's begin, and the status is its end. */
static void
finish (BlkRequest *request, uint8_t status)
{
  Device *device = &request->blk->virtio.pci.device;
  uint32_t on_failure = request->chain.in_size == 0 ? 1 : 0;

  TRACE (device, "done", "type=%u sector=%" PRIu64 " status=%u", request->type,
         request->io.offset / BLK_SECTOR, status);
  *request->status = status;
  virtq_push (request->vq, &request->chain, status == BLK_S_OK ? request->written : on_failure);
  request_free (request);
}

/* The host's disk is full: the guest must not hear of an error that its owner can mend. */
static void
wait_for_room (BlkRequest *request, int error)
{
  VirtioBlk *blk = request->blk;
  Device *device = &blk->virtio.pci.device;

  TRACE (device, "no-room", "sector=%" PRIu64 " error=%d", request->io.offset / BLK_SECTOR, error);
  if (!blk->blocked)
    pause_for_room (device, device->name, blk->image, error);
  blk->blocked = true;
  virtq_park (request->vq, &request->chain);
  request_free (request);
}

static void
submit (BlkRequest *request)
{
  request->io.done = request_done;
  request->io.data = request;
  board_io_begin (request->blk->virtio.pci.device.board);
  image_submit (request->blk->image, &request->io);
}

static void
submit_segment (BlkRequest *request)
{
  const Segment *segment = &request->segments[request->segment++];

  request->io = (ImageRequest){
    .kind = request->type == BLK_T_DISCARD ? IMAGE_DISCARD : IMAGE_WRITE_ZEROES,
    .may_unmap = (segment->flags & SEGMENT_F_UNMAP) && !request->blk->no_discard,
    .offset = segment->sector * BLK_SECTOR,
    .length = (uint64_t)segment->n_sectors * BLK_SECTOR,
  };
  submit (request);
}

/* Section 5.2.6.2: without a cache that the guest knows to flush, a write is stable when it completes. */
static bool
must_flush (VirtioBlk *blk)
{
  if (blk->write_through)
    return false; /* the image sees to it */
  if (virtio_has_feature (&blk->virtio, BLK_F_CONFIG_WCE))
    return !blk->writeback;
  return !virtio_has_feature (&blk->virtio, BLK_F_FLUSH);
}

/* True if there was more to do and it was begun. */
static bool
go_on (BlkRequest *request)
{
  if (request->segment < request->n_segments)
    {
      submit_segment (request);
      return true;
    }
  if (!request->syncing && (request->type == BLK_T_OUT || request->n_segments > 0)
      && must_flush (request->blk))
    {
      request->syncing = true;
      request->io.kind = IMAGE_FLUSH;
      submit (request);
      return true;
    }
  return false;
}

/* On the loop's thread, without locks. */
static void
request_done (ImageRequest *io, int error)
{
  BlkRequest *request = io->data;
  VirtioBlk *blk = request->blk;
  Virtq *vq = request->vq;
  Device *device = &blk->virtio.pci.device;

  device_lock (device);
  if (request->chain.generation != vq->generation)
    request_free (request); /* the guest reset the device meanwhile */
  else if (is_no_room (io->kind, error))
    wait_for_room (request, error);
  else if (error < 0)
    {
      TRACE (device, "io-error", "type=%u sector=%" PRIu64 " error=%d", request->type,
             io->offset / BLK_SECTOR, error);
      finish (request, BLK_S_IOERR);
    }
  else if (!go_on (request))
    finish (request, BLK_S_OK);
  virtq_notify_soon (vq);
  device_unlock (device);
  board_io_end (device->board);
}

/* --- requests --- */

static void
start_transfer (BlkRequest *request, uint64_t sector)
{
  VirtioBlk *blk = request->blk;
  VirtqChain *chain = &request->chain;
  bool write = request->type == BLK_T_OUT;
  uint64_t length = write ? chain->out_size : chain->in_size,
           n_sectors = image_size (blk->image) / BLK_SECTOR;

  if (length % BLK_SECTOR != 0 || sector > n_sectors || length / BLK_SECTOR > n_sectors - sector
      || (write && blk->read_only))
    {
      GUEST_ERROR (blk, "request %u of %" PRIu64 " bytes at sector %" PRIu64 " of %" PRIu64, request->type,
                   length, sector, n_sectors);
      finish (request, BLK_S_IOERR);
      return;
    }
  request->written = write ? 1 : length + 1;
  request->io = (ImageRequest){
    .kind = write ? IMAGE_WRITE : IMAGE_READ,
    .offset = sector * BLK_SECTOR,
    .length = length,
    .iov = write ? chain->iov : chain->iov + chain->n_out,
    .n_iov = write ? chain->n_out : chain->n_in,
  };
  submit (request);
}

/* Section 5.2.6.2: which status a segment of discard or write zeroes gets by itself. */
static uint8_t
judge_segment (BlkRequest *request, const Segment *segment)
{
  VirtioBlk *blk = request->blk;
  uint64_t n_sectors = image_size (blk->image) / BLK_SECTOR;
  uint32_t known = request->type == BLK_T_WRITE_ZEROES ? SEGMENT_F_UNMAP : 0;

  if (segment->flags & ~known)
    return BLK_S_UNSUPP;
  if (segment->n_sectors > BLK_MAX_RANGE || segment->sector > n_sectors
      || segment->n_sectors > n_sectors - segment->sector)
    return BLK_S_IOERR;
  return BLK_S_OK;
}

static void
start_segments (BlkRequest *request)
{
  uint64_t size = request->chain.out_size;
  uint8_t status = request->blk->read_only ? BLK_S_IOERR : BLK_S_OK;

  if (request->type == BLK_T_DISCARD && request->blk->no_discard)
    status = BLK_S_UNSUPP;
  else if (size == 0 || size % SEGMENT_SIZE != 0 || size / SEGMENT_SIZE > BLK_MAX_SEGMENTS)
    status = BLK_S_IOERR;
  for (unsigned i = 0; status == BLK_S_OK && i < size / SEGMENT_SIZE; i++)
    {
      uint8_t raw[SEGMENT_SIZE];

      virtq_chain_read (&request->chain, i * SEGMENT_SIZE, raw, sizeof raw);
      request->segments[i] = (Segment){ load_le64 (raw), load_le32 (raw + 8), load_le32 (raw + 12) };
      status = judge_segment (request, &request->segments[i]);
      request->n_segments++;
    }
  if (status == BLK_S_OK)
    submit_segment (request);
  else
    finish (request, status);
}

static void
get_id (BlkRequest *request)
{
  size_t n = virtq_chain_write (&request->chain, 0, request->blk->serial, BLK_SERIAL_SIZE);

  request->written = n + 1;
  finish (request, BLK_S_OK);
}

static void
start (BlkRequest *request, uint64_t sector)
{
  request->written = 1;
  request->io = (ImageRequest){ .offset = 0 };
  switch (request->type)
    {
    case BLK_T_IN:
    case BLK_T_OUT:
      start_transfer (request, sector);
      break;
    case BLK_T_FLUSH:
      request->io.kind = IMAGE_FLUSH;
      submit (request);
      break;
    case BLK_T_GET_ID:
      get_id (request);
      break;
    case BLK_T_DISCARD:
    case BLK_T_WRITE_ZEROES:
      start_segments (request);
      break;
    default:
      finish (request, BLK_S_UNSUPP);
    }
}

/* Takes header and status off the chain, wherever the guest cut it (section 2.7.4: no framing is assumed). */
static bool
take_apart (BlkRequest *request, uint64_t *sector)
{
  VirtqChain *chain = &request->chain;
  uint8_t header[HEADER_SIZE];
  size_t left = HEADER_SIZE;
  struct iovec *last;

  if (chain->in_size == 0 || virtq_chain_read (chain, 0, header, sizeof header) < sizeof header)
    return false;
  request->type = load_le32 (header);
  *sector = load_le64 (header + 8);

  for (unsigned i = 0; i < chain->n_out && left > 0; i++)
    {
      size_t n = MIN (chain->iov[i].iov_len, left);

      chain->iov[i].iov_base = (char *)chain->iov[i].iov_base + n;
      chain->iov[i].iov_len -= n;
      left -= n;
    }
  chain->out_size -= HEADER_SIZE;

  last = &chain->iov[chain->n_out + chain->n_in - 1];
  last->iov_len--;
  request->status = (uint8_t *)last->iov_base + last->iov_len;
  chain->in_size--;
  return true;
}

void
virtio_blk_serve (VirtioBlk *blk, Virtq *vq)
{
  VirtioDevice *vdev = &blk->virtio;
  uint64_t sector;

  while (!blk->blocked)
    {
      BlkRequest *request = request_new (blk, vq);

      if (!virtq_pop (vq, &request->chain))
        {
          request_free (request);
          break;
        }
      if (take_apart (request, &sector))
        {
          TRACE (vdev, "start", "queue=%u type=%u sector=%" PRIu64, vq->index, request->type, sector);
          start (request, sector);
          continue;
        }
      virtio_fail (vdev, "queue %u: a request without header or status", vq->index);
      virtq_push (vq, &request->chain, 0);
      request_free (request);
    }
  virtq_notify (vq);
}
