/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/store.h"

#include "devices/image/nbd/nbd-link.h"
#include "devices/image/store-file.h"
#include "devices/image/nbd/store-nbd.h"
#include "vmm/base/iov.h"

#include <errno.h>

ImageStore *
store_open (EventLoop *loop, const char *location, const StoreOptions *options, GError **error)
{
  if (nbd_is_uri (location))
    return store_nbd_open (loop, location, options, error);
  return store_file_open (loop, location, options, error);
}

ImageStore *
store_create (const char *path, GError **error)
{
  return store_file_create (path, error);
}

bool
store_lock (ImageStore *store, StoreLock lock, GError **error)
{
  return store->klass->lock == NULL || store->klass->lock (store, lock, error);
}

void
store_close (ImageStore *store)
{
  if (store != NULL)
    store->klass->close (store);
}

uint64_t
store_size (const ImageStore *store)
{
  return __atomic_load_n (&store->size, __ATOMIC_ACQUIRE);
}

void
store_grown (ImageStore *store, uint64_t end)
{
  uint64_t size = store_size (store);

  while (
    size < end
    && !__atomic_compare_exchange_n (&store->size, &size, end, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    continue;
}

void
store_submit (ImageStore *store, StoreIo *io)
{
  io->store = store;
  io->progress = 0;
  io->cut = NULL;
  io->hold = NULL;
  io->stage = 0;
  store->klass->submit (store, io);
}

/* --- blocking --- */

static int
run (ImageStore *store, StoreIo io)
{
  if (io.length == 0 && io.kind != STORE_SYNC)
    return 0;
  io.store = store;
  return store->klass->run (store, &io);
}

int
store_readv (ImageStore *store, uint64_t offset, const struct iovec *iov, unsigned n_iov)
{
  return run (
    store,
    (StoreIo){
      .kind = STORE_READ, .offset = offset, .length = iov_size (iov, n_iov), .iov = iov, .n_iov = n_iov });
}

int
store_writev (ImageStore *store, uint64_t offset, const struct iovec *iov, unsigned n_iov)
{
  return run (
    store,
    (StoreIo){
      .kind = STORE_WRITE, .offset = offset, .length = iov_size (iov, n_iov), .iov = iov, .n_iov = n_iov });
}

int
store_read (ImageStore *store, uint64_t offset, void *buffer, size_t length)
{
  const struct iovec iov = { buffer, length };

  return store_readv (store, offset, &iov, 1);
}

int
store_write (ImageStore *store, uint64_t offset, const void *buffer, size_t length)
{
  const struct iovec iov = { (void *)buffer, length };

  return store_writev (store, offset, &iov, 1);
}

int
store_sync (ImageStore *store)
{
  return run (store, (StoreIo){ .kind = STORE_SYNC });
}

int
store_punch (ImageStore *store, uint64_t offset, uint64_t length)
{
  return run (store, (StoreIo){ .kind = STORE_PUNCH, .offset = offset, .length = length });
}

int
store_zero (ImageStore *store, uint64_t offset, uint64_t length)
{
  return run (store, (StoreIo){ .kind = STORE_ZERO, .offset = offset, .length = length });
}

int
store_resize (ImageStore *store, uint64_t size)
{
  if (store->read_only)
    return -EROFS;
  return store->klass->resize (store, size);
}

uint64_t
store_allocated (ImageStore *store)
{
  return store->klass->allocated != NULL ? store->klass->allocated (store) : store_size (store);
}

int
store_status (ImageStore *store, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end)
{
  if (store->klass->status != NULL)
    return store->klass->status (store, offset, length, is_data, end);
  *is_data = true;
  *end = offset + length;
  return 0;
}
