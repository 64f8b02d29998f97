/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/no-room.h"
#include "devices/storage/nvme-private.h"
#include "vmm/base/iov.h"

#include <errno.h>
#include <inttypes.h>

/* NVM commands: section 6. Data go between the image and the guest's memory without a copy. */

#define MAX_SPARE  32u
#define MAX_RANGES 256u
#define RANGE_SIZE 16u
#define CHUNK      (16u << 10) /* of what is compared or verified at a time */

/* Section 6.1. */
enum {
  OP_FLUSH = 0x00,
  OP_WRITE = 0x01,
  OP_READ = 0x02,
  OP_COMPARE = 0x05,
  OP_WRITE_ZEROES = 0x08,
  OP_DATASET = 0x09,
  OP_VERIFY = 0x0c,
};

enum {
  DW12_DEALLOCATE = 1 << 25, /* of write zeroes */
  DW12_FORCE_UNIT_ACCESS = 1 << 30,
  DW11_DEALLOCATE = 1 << 2, /* of dataset management */
};

struct NvmeRequest {
  Nvme *nvme;
  NvmeSq *sq;
  NvmeRequest *next_spare;
  uint32_t generation;
  NvmeCommand command;
  bool flushing;                    /* what makes the write stable */
  uint64_t first, length, progress; /* bytes; of compare and verify */
  uint8_t *buffer;
  uint8_t *ranges; /* of dataset management */
  unsigned n_ranges, range;
  ImageRequest io;
  unsigned n_iov;
  struct iovec iov[NVME_MAX_PIECES];
};

static void request_done (ImageRequest *io, int error);

/* --- requests' memory --- */

static NvmeRequest *
request_new (NvmeSq *sq, const NvmeCommand *command)
{
  Nvme *nvme = sq->nvme;
  NvmeRequest *request = nvme->spare;

  if (request != NULL)
    {
      nvme->spare = request->next_spare;
      nvme->n_spare--;
    }
  else
    request = g_new (NvmeRequest, 1);
  request->nvme = nvme;
  request->sq = sq;
  request->generation = sq->generation;
  request->command = *command;
  request->flushing = false;
  request->first = request->length = request->progress = 0;
  request->buffer = request->ranges = NULL;
  request->n_ranges = request->range = request->n_iov = 0;
  request->io = (ImageRequest){ .offset = 0 };
  return request;
}

static void
request_free (NvmeRequest *request)
{
  Nvme *nvme = request->nvme;

  g_clear_pointer (&request->buffer, g_free);
  g_clear_pointer (&request->ranges, g_free);
  if (nvme->n_spare >= MAX_SPARE)
    {
      g_free (request);
      return;
    }
  request->next_spare = nvme->spare;
  nvme->spare = request;
  nvme->n_spare++;
}

void
nvme_free_spare (Nvme *nvme)
{
  while (nvme->spare != NULL)
    {
      NvmeRequest *next = nvme->spare->next_spare;

      g_free (nvme->spare);
      nvme->spare = next;
    }
}

/* --- at the disk --- */

static void
submit (NvmeRequest *request)
{
  Nvme *nvme = request->nvme;

  request->io.done = request_done;
  request->io.data = request;
  request->sq->in_flight++;
  nvme->n_busy++;
  board_io_begin (nvme->pci.device.board);
  image_submit (nvme->image, &request->io);
}

/* Section 5.21.1.6: without a volatile cache, a write is stable when it completes. */
static bool
must_flush (const NvmeRequest *request)
{
  const Nvme *nvme = request->nvme;

  switch (request->command.opcode)
    {
    case OP_WRITE:
    case OP_WRITE_ZEROES:
      return !nvme->write_through
             && (!nvme->features[NVME_FEATURE_WRITE_CACHE]
                 || (request->command.dw12 & DW12_FORCE_UNIT_ACCESS));
    case OP_DATASET:
      return !nvme->write_through && !nvme->features[NVME_FEATURE_WRITE_CACHE];
    default:
      return false;
    }
}

static void
submit_range (NvmeRequest *request)
{
  const uint8_t *range = request->ranges + RANGE_SIZE * request->range++;

  request->io = (ImageRequest){
    .kind = IMAGE_DISCARD,
    .may_unmap = true,
    .offset = load_le64 (range + 8) << NVME_BLOCK_SHIFT,
    .length = (uint64_t)load_le32 (range + 4) << NVME_BLOCK_SHIFT,
  };
  submit (request);
}

static void
submit_chunk (NvmeRequest *request)
{
  request->iov[NVME_MAX_PIECES - 1] = (struct iovec){
    .iov_base = request->buffer,
    .iov_len = MIN (request->length - request->progress, CHUNK),
  };
  request->io = (ImageRequest){
    .kind = IMAGE_READ,
    .offset = request->first + request->progress,
    .length = request->iov[NVME_MAX_PIECES - 1].iov_len,
    .iov = &request->iov[NVME_MAX_PIECES - 1],
    .n_iov = 1,
  };
  submit (request);
}

/* Section 6.6: what the guest holds against what was read. */
static bool
chunk_is_equal (NvmeRequest *request)
{
  uint8_t theirs[CHUNK];
  size_t size = request->io.length;

  return iov_gather (request->iov, request->n_iov, request->progress, theirs, size) == size
         && memcmp (theirs, request->buffer, size) == 0;
}

/* What is next after a step that went well: NVME_PENDING if it was begun. */
static uint16_t
go_on (NvmeRequest *request)
{
  if (request->buffer != NULL)
    {
      if (request->command.opcode == OP_COMPARE && !chunk_is_equal (request))
        return NVME_COMPARE_FAILURE;
      request->progress += request->io.length;
      if (request->progress == request->length)
        return NVME_OK;
      submit_chunk (request);
      return NVME_PENDING;
    }
  if (request->range < request->n_ranges)
    {
      submit_range (request);
      return NVME_PENDING;
    }
  if (!request->flushing && must_flush (request))
    {
      request->flushing = true;
      request->io.kind = IMAGE_FLUSH;
      submit (request);
      return NVME_PENDING;
    }
  return NVME_OK;
}

/* The host's disk is full: the guest must not hear of an error that its owner can mend. The command is
 * carried out again as a whole. */
static void
wait_for_room (NvmeRequest *request, int error)
{
  Nvme *nvme = request->nvme;
  NvmeSq *sq = request->sq;
  Device *device = &nvme->pci.device;

  TRACE (device, "no-room", "offset=%" PRIu64 " error=%d", request->io.offset, error);
  if (!nvme->blocked)
    pause_for_room (device, device->name, nvme->image, error);
  nvme->blocked = true;
  memcpy (sq->parked + NVME_COMMAND_SIZE * sq->n_parked++, request->command.raw, NVME_COMMAND_SIZE);
}

static uint16_t
status_of (const NvmeRequest *request, int error)
{
  TRACE (request->nvme, "io-error", "opcode=0x%02x offset=%" PRIu64 " error=%d", request->command.opcode,
         request->io.offset, error);
  if (error == -EROFS)
    return NVME_READ_ONLY_RANGE;
  return request->io.kind == IMAGE_READ ? NVME_READ_ERROR : NVME_WRITE_FAULT;
}

static void
count (NvmeRequest *request)
{
  Nvme *nvme = request->nvme;

  if (request->command.opcode == OP_READ)
    {
      nvme->reads++;
      nvme->sectors_read += request->io.length >> NVME_BLOCK_SHIFT;
    }
  else if (request->command.opcode == OP_WRITE)
    {
      nvme->writes++;
      nvme->sectors_written += ((request->command.dw12 & 0xffff) + 1);
    }
}

/* Section 5.6: a deletion is over when the queue's commands are. */
static void
end_deletion (NvmeSq *sq)
{
  Nvme *nvme = sq->nvme;
  uint16_t id = sq->delete_id;

  nvme_sq_close (sq);
  nvme_route_doorbells (nvme, nvme->pci.bars[0].mapped ? nvme->pci.bars[0].address : BANK_HIDDEN);
  nvme_complete (&nvme->sq[0], id, NVME_OK, 0);
}

static void
step_over (NvmeRequest *request, int error)
{
  NvmeSq *sq = request->sq;
  uint16_t status;

  sq->in_flight--;
  if (is_no_room (request->io.kind, error) && !sq->deleting)
    {
      wait_for_room (request, error);
      request_free (request);
      return;
    }
  status = error < 0 ? status_of (request, error) : go_on (request);
  if (status == NVME_PENDING)
    return;
  if (status == NVME_OK)
    count (request);
  else
    request->nvme->n_errors++;
  nvme_complete (sq, request->command.id, status, 0);
  request_free (request);
  if (sq->deleting && sq->in_flight == 0)
    end_deletion (sq);
  else if (sq->starved)
    nvme_sq_serve (sq);
}

/* On the loop's thread, without locks. */
static void
request_done (ImageRequest *io, int error)
{
  NvmeRequest *request = io->data;
  Nvme *nvme = request->nvme;
  Device *device = &nvme->pci.device;

  device_lock (device);
  nvme->n_busy--;
  if (request->generation != request->sq->generation || nvme->reset_pending)
    request_free (request); /* nobody wants to know any more */
  else
    step_over (request, error);
  if (nvme->n_busy == 0)
    nvme_idle (nvme);
  nvme_notify_soon (nvme);
  device_unlock (device);
  board_io_end (device->board);
}

/* --- shutdown --- */

static void
shutdown_flushed (ImageRequest *io, int error)
{
  Nvme *nvme = io->data;
  Device *device = &nvme->pci.device;

  g_free (io);
  device_lock (device);
  nvme->n_busy--;
  if (nvme->n_busy == 0)
    nvme_idle (nvme);
  device_unlock (device);
  board_io_end (device->board);
}

void
nvme_flush_for_shutdown (Nvme *nvme)
{
  ImageRequest *io = g_new0 (ImageRequest, 1);

  io->kind = IMAGE_FLUSH;
  io->done = shutdown_flushed;
  io->data = nvme;
  nvme->n_busy++;
  board_io_begin (nvme->pci.device.board);
  image_submit (nvme->image, io);
}

/* --- commands --- */

static bool
is_in_range (const Nvme *nvme, uint64_t block, uint64_t n_blocks)
{
  uint64_t size = image_size (nvme->image) >> NVME_BLOCK_SHIFT;

  return block <= size && n_blocks <= size - block;
}

static uint16_t
begin_transfer (NvmeSq *sq, const NvmeCommand *command, uint64_t offset, uint64_t length)
{
  bool write = command->opcode == OP_WRITE;
  NvmeRequest *request;
  uint16_t status;

  if (length > NVME_MAX_TRANSFER)
    return NVME_INVALID_FIELD | NVME_DNR;
  request = request_new (sq, command);
  status = nvme_map_data (sq->nvme, command, length, !write, request->iov, &request->n_iov);
  if (status != NVME_OK)
    {
      request_free (request);
      return status;
    }
  request->io = (ImageRequest){
    .kind = write ? IMAGE_WRITE : IMAGE_READ,
    .offset = offset,
    .length = length,
    .iov = request->iov,
    .n_iov = request->n_iov,
  };
  submit (request);
  return NVME_PENDING;
}

static uint16_t
begin_chunks (NvmeSq *sq, const NvmeCommand *command, uint64_t offset, uint64_t length)
{
  NvmeRequest *request = request_new (sq, command);
  uint16_t status = NVME_OK;

  /* The last place in iov is the buffer's: a comparison has one page less. */
  if (command->opcode == OP_COMPARE)
    status = length > NVME_MAX_TRANSFER - NVME_PAGE
               ? NVME_INVALID_FIELD | NVME_DNR
               : nvme_map_data (sq->nvme, command, length, false, request->iov, &request->n_iov);
  if (status == NVME_OK && request->n_iov == NVME_MAX_PIECES)
    status = NVME_DATA_TRANSFER_ERROR | NVME_DNR;
  if (status != NVME_OK)
    {
      request_free (request);
      return status;
    }
  request->first = offset;
  request->length = length;
  request->buffer = g_malloc (CHUNK);
  submit_chunk (request);
  return NVME_PENDING;
}

static uint16_t
begin_zeroes (NvmeSq *sq, const NvmeCommand *command, uint64_t offset, uint64_t length)
{
  NvmeRequest *request = request_new (sq, command);

  request->io = (ImageRequest){
    .kind = IMAGE_WRITE_ZEROES,
    .may_unmap = (command->dw12 & DW12_DEALLOCATE) && !sq->nvme->no_discard,
    .offset = offset,
    .length = length,
  };
  submit (request);
  return NVME_PENDING;
}

static uint16_t
begin_block_command (NvmeSq *sq, const NvmeCommand *command)
{
  uint64_t block = command->dw10 | (uint64_t)command->dw11 << 32, n_blocks = (command->dw12 & 0xffff) + 1;
  uint64_t offset = block << NVME_BLOCK_SHIFT, length = n_blocks << NVME_BLOCK_SHIFT;
  bool changes = command->opcode == OP_WRITE || command->opcode == OP_WRITE_ZEROES;

  if (!is_in_range (sq->nvme, block, n_blocks))
    return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
  if (changes && sq->nvme->read_only)
    return NVME_READ_ONLY_RANGE | NVME_DNR;
  switch (command->opcode)
    {
    case OP_READ:
    case OP_WRITE:
      return begin_transfer (sq, command, offset, length);
    case OP_WRITE_ZEROES:
      return begin_zeroes (sq, command, offset, length);
    default:
      return begin_chunks (sq, command, offset, length);
    }
}

/* Section 6.7. All ranges are judged before the first is given up. */
static uint16_t
begin_dataset (NvmeSq *sq, const NvmeCommand *command)
{
  unsigned n = (command->dw10 & 0xff) + 1;
  struct iovec iov[NVME_MAX_PIECES];
  NvmeRequest *request;
  unsigned n_iov;
  uint16_t status = nvme_map_data (sq->nvme, command, n * RANGE_SIZE, false, iov, &n_iov);

  if (status != NVME_OK || !(command->dw11 & DW11_DEALLOCATE))
    return status; /* the other attributes are hints */
  if (sq->nvme->read_only)
    return NVME_READ_ONLY_RANGE | NVME_DNR;
  request = request_new (sq, command);
  request->n_ranges = n;
  request->ranges = g_malloc (n * RANGE_SIZE);
  iov_gather (iov, n_iov, 0, request->ranges, n * RANGE_SIZE);
  for (unsigned i = 0; i < n; i++)
    if (!is_in_range (sq->nvme, load_le64 (request->ranges + i * RANGE_SIZE + 8),
                      load_le32 (request->ranges + i * RANGE_SIZE + 4)))
      {
        request_free (request);
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
      }
  submit_range (request);
  return NVME_PENDING;
}

static uint16_t
begin_flush (NvmeSq *sq, const NvmeCommand *command)
{
  NvmeRequest *request = request_new (sq, command);

  request->io.kind = IMAGE_FLUSH;
  submit (request);
  return NVME_PENDING;
}

uint16_t
nvme_io_command (NvmeSq *sq, const NvmeCommand *command)
{
  bool any = command->opcode == OP_FLUSH && command->nsid == NVME_NSID_ALL;

  if (command->nsid != NVME_NSID && !any)
    return NVME_INVALID_NAMESPACE | NVME_DNR;
  switch (command->opcode)
    {
    case OP_FLUSH:
      return begin_flush (sq, command);
    case OP_READ:
    case OP_WRITE:
    case OP_COMPARE:
    case OP_WRITE_ZEROES:
    case OP_VERIFY:
      return begin_block_command (sq, command);
    case OP_DATASET:
      if (!sq->nvme->no_discard)
        return begin_dataset (sq, command);
      G_GNUC_FALLTHROUGH;
    default:
      return NVME_INVALID_OPCODE | NVME_DNR;
    }
}
