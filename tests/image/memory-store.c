/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/memory-store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct Medium {
  int references; /* atomic */
  int fd;
  uint64_t limit;
  char *path;
};

/* --- the medium --- */

Medium *
medium_new (uint64_t limit)
{
  Medium *medium = g_new0 (Medium, 1);

  medium->references = 1;
  medium->limit = MIN (limit, (uint64_t)INT64_MAX - 65536);
  medium->fd = memfd_create ("medium", MFD_CLOEXEC);
  if (medium->fd < 0)
    g_error ("memfd_create: %s", g_strerror (errno));
  medium->path = g_strdup_printf ("/proc/%d/fd/%d", getpid (), medium->fd);
  return medium;
}

Medium *
medium_new_from (const void *data, size_t size, uint64_t limit)
{
  Medium *medium = medium_new (limit);

  if (size > 0 && medium_write (medium, 0, data, size) != 0)
    g_error ("a medium can't take %zu bytes", size);
  return medium;
}

static void
copy_descriptor (Medium *medium, int fd)
{
  g_autofree uint8_t *buffer = g_malloc (1 << 20);
  struct stat st;
  off_t at = 0;

  if (fstat (fd, &st) != 0 || medium_resize (medium, st.st_size) != 0)
    g_error ("a medium can't take a copy");
  while ((at = lseek (fd, at, SEEK_DATA)) >= 0)
    {
      off_t end = lseek (fd, at, SEEK_HOLE);

      while (at < end)
        {
          ssize_t got = pread (fd, buffer, MIN (end - at, 1 << 20), at);

          if (got <= 0 || medium_write (medium, at, buffer, got) != 0)
            g_error ("a medium can't be copied");
          at += got;
        }
    }
}

Medium *
medium_new_from_file (const char *path, uint64_t limit)
{
  Medium *medium = medium_new (limit);
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    g_error ("%s: %s", path, g_strerror (errno));
  copy_descriptor (medium, fd);
  close (fd);
  return medium;
}

Medium *
medium_copy (const Medium *medium)
{
  Medium *copy = medium_new (medium->limit);

  copy_descriptor (copy, medium->fd);
  return copy;
}

Medium *
medium_ref (Medium *medium)
{
  g_atomic_int_inc (&medium->references);
  return medium;
}

void
medium_unref (Medium *medium)
{
  if (medium == NULL || !g_atomic_int_dec_and_test (&medium->references))
    return;
  close (medium->fd);
  g_free (medium->path);
  g_free (medium);
}

uint64_t
medium_size (const Medium *medium)
{
  struct stat st;

  return fstat (medium->fd, &st) == 0 ? st.st_size : 0;
}

uint64_t
medium_allocated (const Medium *medium)
{
  struct stat st;

  return fstat (medium->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

const char *
medium_path (const Medium *medium)
{
  return medium->path;
}

int
medium_read (const Medium *medium, uint64_t offset, void *data, size_t length)
{
  uint8_t *to = data;

  if (offset > INT64_MAX - length)
    {
      memset (to, 0, length);
      return 0;
    }
  while (length > 0)
    {
      ssize_t got = pread (medium->fd, to, length, offset);

      if (got < 0)
        return -errno;
      if (got == 0)
        {
          memset (to, 0, length);
          break;
        }
      to += got;
      offset += got;
      length -= got;
    }
  return 0;
}

static bool
within (const Medium *medium, uint64_t offset, uint64_t length)
{
  return length <= medium->limit && offset <= medium->limit - length;
}

int
medium_write (Medium *medium, uint64_t offset, const void *data, size_t length)
{
  const uint8_t *from = data;

  if (!within (medium, offset, length))
    return -ENOSPC;
  while (length > 0)
    {
      ssize_t put = pwrite (medium->fd, from, length, offset);

      if (put < 0)
        return -errno;
      from += put;
      offset += put;
      length -= put;
    }
  return 0;
}

int
medium_zero (Medium *medium, uint64_t offset, uint64_t length)
{
  uint64_t size = medium_size (medium);

  if (length == 0 || offset >= size)
    return 0;
  length = MIN (length, size - offset);
  if (fallocate (medium->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) != 0)
    return -errno;
  return 0;
}

int
medium_resize (Medium *medium, uint64_t size)
{
  if (size > medium->limit)
    return -ENOSPC;
  return ftruncate (medium->fd, size) == 0 ? 0 : -errno;
}

int
medium_status (const Medium *medium, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end)
{
  uint64_t size = medium_size (medium);
  off_t next;

  *end = offset + length;
  *is_data = false;
  if (offset >= size)
    return 0;
  next = lseek (medium->fd, offset, SEEK_DATA);
  if (next < 0)
    return errno == ENXIO ? 0 : -errno;
  if ((uint64_t)next > offset)
    {
      *end = MIN (*end, (uint64_t)next);
      return 0;
    }
  *is_data = true;
  next = lseek (medium->fd, offset, SEEK_HOLE);
  if (next < 0)
    return -errno;
  *end = MIN (*end, (uint64_t)next);
  return 0;
}

static int
medium_transfer (Medium *medium, StoreIo *io)
{
  uint64_t at = io->offset;
  int result = 0;

  for (unsigned i = 0; i < io->n_iov && result == 0; i++)
    {
      if (io->kind == STORE_READ)
        result = medium_read (medium, at, io->iov[i].iov_base, io->iov[i].iov_len);
      else
        result = medium_write (medium, at, io->iov[i].iov_base, io->iov[i].iov_len);
      at += io->iov[i].iov_len;
    }
  if (result == 0 && at != io->offset + io->length)
    g_error ("a request of %" G_GUINT64_FORMAT " bytes has pieces of %" G_GUINT64_FORMAT, io->length,
             at - io->offset);
  return result;
}

int
medium_do (Medium *medium, StoreIo *io)
{
  int result = 0;

  switch (io->kind)
    {
    case STORE_READ:
    case STORE_WRITE:
      result = medium_transfer (medium, io);
      break;
    case STORE_SYNC:
      break;
    case STORE_PUNCH:
    case STORE_ZERO:
      result = medium_zero (medium, io->offset, io->length);
      break;
    }
  if (result == 0 && io->kind == STORE_WRITE)
    store_grown (io->store, io->offset + io->length);
  return result;
}

/* --- the store --- */

typedef struct {
  ImageStore store;
  Medium *medium;
} MemoryStore;

static Medium *
medium_of (ImageStore *store)
{
  return ((MemoryStore *)store)->medium;
}

static int
memory_run (ImageStore *store, StoreIo *io)
{
  io->store = store;
  if (store->read_only && io->kind != STORE_READ && io->kind != STORE_SYNC)
    return -EROFS;
  return medium_do (medium_of (store), io);
}

static void
memory_done (void *data)
{
  StoreIo *io = data;

  io->done (io, io->stage);
}

static void
memory_submit (ImageStore *store, StoreIo *io)
{
  io->stage = memory_run (store, io);
  loop_call (store->loop, memory_done, io);
}

static int
memory_resize (ImageStore *store, uint64_t size)
{
  int result = store->read_only ? -EROFS : medium_resize (medium_of (store), size);

  if (result == 0)
    __atomic_store_n (&store->size, size, __ATOMIC_RELEASE);
  return result;
}

static uint64_t
memory_allocated (ImageStore *store)
{
  return medium_allocated (medium_of (store));
}

static int
memory_status (ImageStore *store, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end)
{
  return medium_status (medium_of (store), offset, length, is_data, end);
}

static void
memory_close (ImageStore *store)
{
  medium_unref (medium_of (store));
  g_free (store->path);
  g_free (store);
}

static const ImageStoreClass memory_store_class = {
  .name = "memory",
  .submit = memory_submit,
  .run = memory_run,
  .resize = memory_resize,
  .allocated = memory_allocated,
  .status = memory_status,
  .close = memory_close,
};

ImageStore *
memory_store_new (EventLoop *loop, Medium *medium, const char *name, bool read_only)
{
  MemoryStore *self = g_new0 (MemoryStore, 1);

  self->medium = medium_ref (medium);
  self->store.klass = &memory_store_class;
  self->store.loop = loop;
  self->store.path = g_strdup (name);
  self->store.read_only = read_only;
  self->store.size = medium_size (medium);
  self->store.block_size = 512;
  self->store.alignment = 1;
  return &self->store;
}
