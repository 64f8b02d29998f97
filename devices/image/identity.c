/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"

#include <errno.h>

/*
 * Images that are one raw layer: the map is trivial, every request is the store's.
 */

static void identity_done (StoreIo *io, int error);

static void
identity_submit (ImageRequest *request, StoreIoKind kind)
{
  request->io = (StoreIo){
    .kind = kind,
    .offset = request->offset,
    .length = request->length,
    .iov = request->iov,
    .n_iov = request->n_iov,
    .done = identity_done,
    .data = request,
  };
  store_submit (image_top (request->image)->store, &request->io);
}

static void
identity_done (StoreIo *io, int error)
{
  ImageRequest *request = io->data;
  bool change = request->kind != IMAGE_READ && request->kind != IMAGE_FLUSH;

  if (error == -EOPNOTSUPP && io->kind == STORE_PUNCH && request->kind == IMAGE_WRITE_ZEROES)
    identity_submit (request, STORE_ZERO);
  else if (error == -EOPNOTSUPP && io->kind == STORE_PUNCH)
    image_request_done (request, 0); /* a discard is a hint */
  else if (error == 0 && change && request->image->write_through && io->kind != STORE_SYNC)
    identity_submit (request, STORE_SYNC);
  else
    image_request_done (request, error);
}

bool
image_is_identity (const Image *image)
{
  return image->layers->len == 1 && image_top (image)->identity;
}

void
image_run_identity (ImageRequest *request)
{
  switch (request->kind)
    {
    case IMAGE_READ:
      identity_submit (request, STORE_READ);
      break;
    case IMAGE_WRITE:
      identity_submit (request, STORE_WRITE);
      break;
    case IMAGE_FLUSH:
      identity_submit (request, STORE_SYNC);
      break;
    case IMAGE_DISCARD:
      identity_submit (request, STORE_PUNCH);
      break;
    case IMAGE_WRITE_ZEROES:
      identity_submit (request, request->may_unmap ? STORE_PUNCH : STORE_ZERO);
      break;
    case IMAGE_PULL:
    case IMAGE_DRAIN:
      image_request_done_later (request, 0); /* there is no other layer */
      break;
    }
}
