/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/store-file.h"

#include "devices/image/bounce.h"
#include "devices/image/range-lock.h"
#include "vmm/base/iov.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_IOV   1024u
#define N_WORKERS 4 /* misaligned transfers of one file at a time */

/* A longer write is worth a thread of the kernel's. */
#define BRIEF_BYTES 65536u

/* Zeroes for hosts that can't zero a range by themselves; only ever read. */
#define ZERO_SIZE   65536u
#define ZERO_PIECES 16u
static const uint8_t zeroes[ZERO_SIZE] __attribute__ ((aligned (4096)));

/* What the host's file system turned out not to do; asked once per file. */
enum {
  NO_PUNCH = 1 << 0,
  NO_ZERO_RANGE = 1 << 1,
};

/* How a range becomes zero, best first. */
enum {
  STAGE_ZERO_RANGE,
  STAGE_PUNCH,
  STAGE_WRITE,
};

typedef struct {
  ImageStore store;
  HostFile file;
  int missing; /* atomic */

  /* With O_DIRECT; else NULL. What changes whole pages shares them, what changes parts of them has them to
   * itself, because it writes the rest as well. */
  RangeLock *pages;
  uint64_t page_mask;
  GThreadPool *workers; /* for those that must wait, or bounce: one turn for each in @work */
  GMutex lock;
  GQueue work; /* of StoreIo */
} FileStore;

/* --- one step of an operation: a system call, now or by way of the loop --- */

static unsigned
zero_pieces (StoreIo *io, uint64_t left)
{
  unsigned n = 0;

  if (io->cut == NULL)
    io->cut = g_new (struct iovec, ZERO_PIECES);
  for (; n < ZERO_PIECES && left > 0; n++)
    {
      io->cut[n] = (struct iovec){ (void *)zeroes, MIN (left, ZERO_SIZE) };
      left -= io->cut[n].iov_len;
    }
  return n;
}

static void
prepare_transfer (FileStore *file, StoreIo *io)
{
  uint64_t left = io->length - io->progress;

  io->io.kind = io->kind == STORE_READ ? LOOP_IO_READ : LOOP_IO_WRITE;
  io->io.offset = io->offset + io->progress;
  io->io.length = store_size (io->store); /* for transferred: the end as it was before, others may move it */
  if (io->kind == STORE_ZERO)
    {
      io->io.n_iov = zero_pieces (io, left);
      io->io.iov = io->cut;
    }
  else if (io->progress == 0 && io->n_iov <= MAX_IOV)
    {
      io->io.iov = io->iov;
      io->io.n_iov = io->n_iov;
    }
  else
    {
      unsigned max = MIN (io->n_iov, MAX_IOV);

      if (io->cut == NULL)
        io->cut = g_new (struct iovec, max);
      io->io.iov = io->cut;
      io->io.n_iov = iov_slice (io->cut, max, io->iov, io->n_iov, io->progress, left);
    }
  io->io.fd = host_file_fd (&file->file, io->io.offset, io->io.iov, io->io.n_iov);
  io->io.brief = io->kind == STORE_WRITE && left <= BRIEF_BYTES && file->file.writes_are_brief;
}

static void
prepare_range (FileStore *file, StoreIo *io, int mode)
{
  io->io.kind = LOOP_IO_FALLOCATE;
  io->io.brief = false;
  io->io.fd = file->file.fd;
  io->io.flags = mode;
  io->io.offset = io->offset;
  io->io.length = io->length;
}

static void
prepare (FileStore *file, StoreIo *io)
{
  int missing = g_atomic_int_get (&file->missing);

  switch (io->kind)
    {
    case STORE_READ:
    case STORE_WRITE:
      prepare_transfer (file, io);
      break;

    case STORE_SYNC:
      io->io.kind = LOOP_IO_FSYNC;
      io->io.brief = false;
      io->io.fd = file->file.fd;
      break;

    case STORE_PUNCH:
      prepare_range (file, io, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
      break;

    case STORE_ZERO:
      if (io->stage == STAGE_ZERO_RANGE && (missing & NO_ZERO_RANGE))
        io->stage++;
      if (io->stage == STAGE_PUNCH && (missing & NO_PUNCH))
        io->stage++;
      if (io->stage == STAGE_ZERO_RANGE)
        prepare_range (file, io, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
      else if (io->stage == STAGE_PUNCH)
        prepare_range (file, io, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
      else
        prepare_transfer (file, io);
      break;
    }
}

/* --- and what came of it: true with @error when the operation is over --- */

/* A write that failed may have made the file longer: what is there isn't zero. */
static void
notice_growth (FileStore *file)
{
  struct stat st;

  if (!file->store.fixed_size && fstat (file->file.fd, &st) == 0)
    store_grown (&file->store, (uint64_t)st.st_size);
}

static bool
transferred (FileStore *file, StoreIo *io, int result, int *error)
{
  uint64_t left = io->length - io->progress;

  if (result == 0 && io->kind == STORE_READ && io->io.offset >= io->io.length)
    {
      iov_scatter (io->iov, io->n_iov, io->progress, NULL, left);
      result = (int)MIN (left, INT_MAX);
      io->progress = io->length;
    }
  else if (result > 0)
    io->progress += (uint64_t)result;

  if (result == 0)
    *error = -EIO; /* someone cut the file */
  else if (result < 0)
    *error = result;
  else if (io->progress < io->length)
    return false;
  else
    *error = 0;
  if (*error == 0 && io->kind != STORE_READ)
    store_grown (io->store, io->offset + io->length);
  else if (*error < 0 && io->kind != STORE_READ)
    notice_growth (file);
  return true;
}

static bool
unsupported (int result)
{
  /* EINVAL: a block device, and the range is not aligned to its sectors. */
  return result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL || result == -ENODEV;
}

static bool
ranged (FileStore *file, StoreIo *io, int result, int *error)
{
  bool zero_range = io->kind == STORE_ZERO && io->stage == STAGE_ZERO_RANGE;

  *error = MIN (result, 0);
  if (!unsupported (result))
    return true;
  if (result != -EINVAL)
    g_atomic_int_or (&file->missing, zero_range ? NO_ZERO_RANGE : NO_PUNCH);
  *error = -EOPNOTSUPP;
  if (io->kind == STORE_PUNCH)
    return true;
  io->stage++;
  return false;
}

static bool
conclude (FileStore *file, StoreIo *io, int result, int *error)
{
  if (result == -EINTR || result == -EAGAIN)
    return false;
  if (io->io.kind == LOOP_IO_READ || io->io.kind == LOOP_IO_WRITE)
    return transferred (file, io, result, error);
  if (io->io.kind == LOOP_IO_FALLOCATE)
    return ranged (file, io, result, error);
  *error = MIN (result, 0);
  return true;
}

/* --- with O_DIRECT --- */

static bool
is_change (const StoreIo *io)
{
  return io->kind != STORE_READ && io->kind != STORE_SYNC;
}

/* Whether @io's next step, which is prepared, is none that O_DIRECT takes. */
static bool
must_bounce (const FileStore *file, const StoreIo *io)
{
  return file->pages != NULL && (io->io.kind == LOOP_IO_READ || io->io.kind == LOOP_IO_WRITE)
         && io->io.fd == file->file.buffered_fd;
}

static bool
has_whole_pages (const FileStore *file, const StoreIo *io)
{
  return ((io->offset | io->length) & file->page_mask) == 0;
}

/* An aligned write of less than a page doesn't touch the rest of it. */
static bool
needs_pages_alone (const FileStore *file, const StoreIo *io)
{
  return io->kind == STORE_WRITE ? must_bounce (file, io) : !has_whole_pages (file, io);
}

static uint64_t
first_page (const FileStore *file, const StoreIo *io)
{
  return io->offset & ~file->page_mask;
}

static uint64_t
end_page (const FileStore *file, const StoreIo *io)
{
  return (io->offset + io->length + file->page_mask) & ~file->page_mask;
}

static int
bounce (FileStore *file, StoreIo *io)
{
  uint64_t size = store_size (&file->store);
  int result;

  if (io->kind == STORE_READ)
    return bounce_read (&file->file, size, io->offset, io->iov, io->n_iov);
  result = bounce_write (&file->file, size, io->offset, io->kind == STORE_ZERO ? NULL : io->iov, io->n_iov,
                         io->length);
  if (result == 0)
    store_grown (&file->store, io->offset + io->length);
  else
    notice_growth (file);
  return result;
}

/* --- the class --- */

static int
run_steps (FileStore *file, StoreIo *io)
{
  int error = 0;

  do
    {
      prepare (file, io);
      if (must_bounce (file, io))
        return bounce (file, io);
    }
  while (!conclude (file, io, loop_io_run (&io->io), &error));
  return error;
}

/* Whether it starts to bounce on the way, after a short write, isn't known before. */
static int
file_run (ImageStore *store, StoreIo *io)
{
  FileStore *file = (FileStore *)store;
  RangeHold *hold = NULL;
  int error;

  if (file->pages != NULL && is_change (io))
    hold = range_lock_take (file->pages, first_page (file, io), end_page (file, io), true);
  error = run_steps (file, io);
  if (hold != NULL)
    range_lock_release (file->pages, hold);
  g_clear_pointer (&io->cut, g_free);
  return error;
}

static void
finish (FileStore *file, StoreIo *io, int error)
{
  g_clear_pointer (&io->cut, g_free);
  if (file->pages != NULL)
    range_lock_release (file->pages, g_steal_pointer (&io->hold));
  io->done (io, error);
}

/* From the beginning: what was written is written again. */
static void
to_worker (FileStore *file, StoreIo *io)
{
  g_clear_pointer (&io->cut, g_free);
  range_lock_release (file->pages, g_steal_pointer (&io->hold));
  io->progress = 0;
  g_mutex_lock (&file->lock);
  g_queue_push_tail (&file->work, io);
  g_mutex_unlock (&file->lock);
  g_thread_pool_push (file->workers, file, NULL);
}

static void
worked (void *data)
{
  StoreIo *io = data;

  finish ((FileStore *)io->store, io, io->stage);
}

static void
work (void *turn, void *user_data)
{
  FileStore *file = user_data;
  StoreIo *io;

  g_mutex_lock (&file->lock);
  io = g_queue_pop_head (&file->work);
  g_mutex_unlock (&file->lock);
  io->stage = file_run (&file->store, io);
  loop_call (file->store.loop, worked, io);
}

static void
step_done (LoopIo *loop_io, int result)
{
  StoreIo *io = loop_io->data;
  FileStore *file = (FileStore *)io->store;
  int error = 0;

  if (conclude (file, io, result, &error))
    {
      finish (file, io, error);
      return;
    }
  prepare (file, io);
  if (must_bounce (file, io))
    to_worker (file, io);
  else
    loop_io_submit (io->store->loop, &io->io);
}

static void
file_submit (ImageStore *store, StoreIo *io)
{
  FileStore *file = (FileStore *)store;

  io->io.done = step_done;
  io->io.data = io;
  prepare (file, io);
  if (file->pages != NULL && is_change (io) && !needs_pages_alone (file, io))
    io->hold = range_lock_try (file->pages, first_page (file, io), end_page (file, io), false);
  if (must_bounce (file, io) || (file->pages != NULL && is_change (io) && io->hold == NULL))
    to_worker (file, io);
  else
    loop_io_submit (store->loop, &io->io);
}

static int
file_resize (ImageStore *store, uint64_t size)
{
  FileStore *file = (FileStore *)store;

  if (store->fixed_size)
    return -EOPNOTSUPP;
  if (size > INT64_MAX)
    return -EFBIG;
  if (ftruncate (file->file.fd, (off_t)size) < 0)
    return -errno;
  __atomic_store_n (&store->size, size, __ATOMIC_RELEASE);
  return 0;
}

static uint64_t
file_allocated (ImageStore *store)
{
  FileStore *file = (FileStore *)store;
  struct stat st;

  if (file->file.is_block_device || fstat (file->file.fd, &st) < 0)
    return store_size (store);
  return (uint64_t)st.st_blocks * 512;
}

static int
file_status (ImageStore *store, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end)
{
  FileStore *file = (FileStore *)store;
  off_t data, hole;

  *is_data = true;
  *end = offset + length;
  if (file->file.is_block_device)
    return 0;
  data = lseek (file->file.fd, (off_t)offset, SEEK_DATA);
  if (data < 0 && errno == ENXIO) /* nothing up to the end of the file */
    {
      *is_data = false;
      return 0;
    }
  if (data < 0)
    return errno == EINVAL || errno == EOPNOTSUPP ? 0 : -errno;
  if ((uint64_t)data > offset)
    {
      *is_data = false;
      *end = MIN (*end, (uint64_t)data);
      return 0;
    }
  hole = lseek (file->file.fd, (off_t)offset, SEEK_HOLE);
  if (hole > 0 && (uint64_t)hole > offset)
    *end = MIN (*end, (uint64_t)hole);
  return 0;
}

static bool
file_lock (ImageStore *store, StoreLock lock, GError **error)
{
  return host_file_lock (&((FileStore *)store)->file, lock, error);
}

static void
file_close (ImageStore *store)
{
  FileStore *file = (FileStore *)store;

  if (file->workers != NULL)
    g_thread_pool_free (file->workers, FALSE, TRUE);
  range_lock_free (file->pages);
  g_mutex_clear (&file->lock);
  host_file_close (&file->file);
  g_free (store->path);
  g_free (file);
}

static const ImageStoreClass file_class = {
  .name = "file",
  .submit = file_submit,
  .run = file_run,
  .resize = file_resize,
  .allocated = file_allocated,
  .status = file_status,
  .lock = file_lock,
  .close = file_close,
};

static ImageStore *
store_new (EventLoop *loop, const HostFile *host_file)
{
  FileStore *file = g_new0 (FileStore, 1);

  file->file = *host_file;
  g_mutex_init (&file->lock);
  g_queue_init (&file->work);
  file->store = (ImageStore){
    .klass = &file_class,
    .loop = loop,
    .path = g_strdup (host_file->path),
    .read_only = host_file->read_only,
    .fixed_size = host_file->is_block_device,
    .size = host_file->size,
    .block_size = host_file->block_size,
    .alignment = host_file->alignment,
  };
  if (host_file->buffered_fd >= 0)
    {
      file->pages = range_lock_new ();
      file->page_mask = MAX ((unsigned)sysconf (_SC_PAGESIZE), host_file->alignment) - 1;
      file->workers = g_thread_pool_new (work, file, N_WORKERS, FALSE, NULL);
    }
  return &file->store;
}

ImageStore *
store_file_open (EventLoop *loop, const char *path, const StoreOptions *options, GError **error)
{
  static const StoreOptions defaults = { .lock = true };
  HostFile host_file;

  if (!host_file_open (&host_file, path, options != NULL ? options : &defaults, error))
    return NULL;
  return store_new (loop, &host_file);
}

ImageStore *
store_file_create (const char *path, GError **error)
{
  HostFile host_file;

  if (!host_file_create (&host_file, path, error))
    return NULL;
  return store_new (NULL, &host_file);
}
