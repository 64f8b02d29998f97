/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-format.h"

#include "vmm/base/iov.h"

#include <errno.h>
#include <fcntl.h>

/*
 * Raw: the disk's bytes are the file's. A file whose size is no multiple of a sector reads as zeroes in
 * the rest of its last one.
 */

#define MAX_IOV 1024u

/* Zeroes for hosts that can't zero a range by themselves; only ever read. */
#define ZERO_SIZE 65536u
static const uint8_t zeroes[ZERO_SIZE];

/* What the host's file system turned out not to do; asked once per image. */
enum {
  RAW_NO_PUNCH = 1 << 0,
  RAW_NO_ZERO_RANGE = 1 << 1,
};

typedef struct {
  int missing; /* atomic */
} Raw;

/* How a range becomes zero, best first. */
enum {
  STAGE_PUNCH,
  STAGE_ZERO_RANGE,
  STAGE_PUNCH_ANYWAY, /* gives space back though nobody asked for it: still better than writing */
  STAGE_WRITE,
};

static void raw_zero_step (ImageRequest *request);
static void raw_transfer_step (ImageRequest *request);

static void
raw_finish (ImageRequest *request, int error)
{
  g_clear_pointer (&request->cut, g_free);
  image_request_done (request, error);
}

/* --- reads and writes --- */

static void
raw_transferred (LoopIo *io, int result)
{
  ImageRequest *request = io->data;
  uint64_t position = request->offset + request->progress;

  if (result == -EINTR || result == -EAGAIN)
    result = 0;
  else if (result < 0)
    {
      raw_finish (request, result);
      return;
    }
  else if (result == 0 && request->kind == IMAGE_WRITE)
    {
      raw_finish (request, -EIO);
      return;
    }
  else if (result == 0)
    {
      if (position < request->image->file.size)
        {
          raw_finish (request, -EIO); /* someone cut the file */
          return;
        }
      iov_scatter (request->iov, request->n_iov, request->progress, NULL,
                   request->length - request->progress);
      result = request->length - request->progress;
    }

  request->progress += result;
  if (request->progress >= request->length)
    raw_finish (request, 0);
  else
    raw_transfer_step (request);
}

static void
raw_transfer_step (ImageRequest *request)
{
  LoopIo *io = &request->io;

  io->kind = request->kind == IMAGE_READ ? LOOP_IO_READ : LOOP_IO_WRITE;
  io->fd = request->image->file.fd;
  io->offset = request->offset + request->progress;
  io->done = raw_transferred;
  io->data = request;
  io->iov = request->iov;
  io->n_iov = request->n_iov;
  if (request->progress > 0 || request->n_iov > MAX_IOV)
    {
      if (request->cut == NULL)
        request->cut = g_new (struct iovec, MIN (request->n_iov, MAX_IOV));
      io->iov = request->cut;
      io->n_iov = iov_slice (request->cut, MIN (request->n_iov, MAX_IOV), request->iov, request->n_iov,
                             request->progress, request->length - request->progress);
    }
  loop_io_submit (request->image->loop, io);
}

/* --- flush --- */

static void
raw_flushed (LoopIo *io, int result)
{
  ImageRequest *request = io->data;

  if (result == -EINTR || result == -EAGAIN)
    loop_io_submit (request->image->loop, io);
  else
    raw_finish (request, MIN (result, 0));
}

static void
raw_flush (ImageRequest *request)
{
  request->io =
    (LoopIo){ .kind = LOOP_IO_FSYNC, .fd = request->image->file.fd, .done = raw_flushed, .data = request };
  loop_io_submit (request->image->loop, &request->io);
}

/* --- discard and write zeroes --- */

static bool
unsupported (int result)
{
  /* EINVAL: a block device, and the range is not aligned to its sectors. */
  return result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL || result == -ENODEV;
}

static void
raw_ranged (LoopIo *io, int result)
{
  ImageRequest *request = io->data;
  Raw *raw = request->image->state;

  if (result == -EINTR || result == -EAGAIN)
    {
      loop_io_submit (request->image->loop, io);
      return;
    }
  if (!unsupported (result))
    {
      raw_finish (request, MIN (result, 0));
      return;
    }
  if (result != -EINVAL)
    g_atomic_int_or (&raw->missing, request->stage == STAGE_ZERO_RANGE ? RAW_NO_ZERO_RANGE : RAW_NO_PUNCH);
  if (request->kind == IMAGE_DISCARD)
    {
      raw_finish (request, 0); /* a discard is a hint */
      return;
    }
  request->stage++;
  raw_zero_step (request);
}

static void
raw_zeroes_written (LoopIo *io, int result)
{
  ImageRequest *request = io->data;

  if (result == -EINTR || result == -EAGAIN)
    result = 0;
  else if (result <= 0)
    {
      raw_finish (request, result < 0 ? result : -EIO);
      return;
    }
  request->progress += result;
  if (request->progress >= request->length)
    raw_finish (request, 0);
  else
    raw_zero_step (request);
}

static void
raw_write_zeroes (ImageRequest *request)
{
  uint64_t left = request->length - request->progress;
  unsigned n = 0;

  if (request->cut == NULL)
    request->cut = g_new (struct iovec, 16);
  for (; n < 16 && left > 0; n++)
    {
      request->cut[n].iov_base = (void *)zeroes;
      request->cut[n].iov_len = MIN (left, ZERO_SIZE);
      left -= request->cut[n].iov_len;
    }
  request->io = (LoopIo){
    .kind = LOOP_IO_WRITE,
    .fd = request->image->file.fd,
    .offset = request->offset + request->progress,
    .iov = request->cut,
    .n_iov = n,
    .done = raw_zeroes_written,
    .data = request,
  };
  loop_io_submit (request->image->loop, &request->io);
}

static void
raw_fallocate (ImageRequest *request, int mode)
{
  request->io = (LoopIo){
    .kind = LOOP_IO_FALLOCATE,
    .fd = request->image->file.fd,
    .flags = mode | FALLOC_FL_KEEP_SIZE,
    .offset = request->offset,
    .length = request->length,
    .done = raw_ranged,
    .data = request,
  };
  loop_io_submit (request->image->loop, &request->io);
}

static void
raw_zero_step (ImageRequest *request)
{
  Raw *raw = request->image->state;
  int missing = g_atomic_int_get (&raw->missing);

  if (request->stage == STAGE_PUNCH && !request->may_unmap)
    request->stage++;
  if (request->stage == STAGE_PUNCH && (missing & RAW_NO_PUNCH))
    request->stage++;
  if (request->stage == STAGE_ZERO_RANGE && (missing & RAW_NO_ZERO_RANGE))
    request->stage++;
  if (request->stage == STAGE_PUNCH_ANYWAY && (request->may_unmap || (missing & RAW_NO_PUNCH)))
    request->stage++;

  if (request->stage == STAGE_WRITE)
    raw_write_zeroes (request);
  else
    raw_fallocate (request, request->stage == STAGE_ZERO_RANGE ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE);
}

static void
raw_discard (ImageRequest *request)
{
  Raw *raw = request->image->state;

  if (g_atomic_int_get (&raw->missing) & RAW_NO_PUNCH)
    image_request_done_later (request, 0);
  else
    raw_fallocate (request, FALLOC_FL_PUNCH_HOLE);
}

/* --- the format --- */

static void
raw_submit (Image *image, ImageRequest *request)
{
  switch (request->kind)
    {
    case IMAGE_READ:
    case IMAGE_WRITE:
      raw_transfer_step (request);
      break;
    case IMAGE_FLUSH:
      raw_flush (request);
      break;
    case IMAGE_DISCARD:
      raw_discard (request);
      break;
    case IMAGE_WRITE_ZEROES:
      raw_zero_step (request);
      break;
    }
}

static bool
raw_probe (const ImageProbe *probe)
{
  return true;
}

static bool
raw_open (Image *image, GError **error)
{
  image->size = (image->file.size + IMAGE_SECTOR_SIZE - 1) & ~(uint64_t)(IMAGE_SECTOR_SIZE - 1);
  image->state = g_new0 (Raw, 1);
  return true;
}

static void
raw_close (Image *image)
{
  g_clear_pointer (&image->state, g_free);
}

const ImageFormat image_raw = {
  .name = "raw",
  .probe = raw_probe,
  .open = raw_open,
  .close = raw_close,
  .submit = raw_submit,
};
