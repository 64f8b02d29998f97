/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/save-writer.h"

#include "vmm/memory/page-hash.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK_PAGES 256u                  /* looked at, and written, at a time */
#define FLUSH_EVERY (UINT64_C (16) << 20) /* bytes after which the disk is set to work */

/* Linux Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (UINT64_C (1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C (1) << 62)
#define PAGEMAP_FILE    (UINT64_C (1) << 61)

typedef struct {
  const SaveJob *job;
  const SaveBank *bank;
  int pagemap; /* -1: can't be read */
  uint64_t entries[CHUNK_PAGES];
  bool has_entries;
  unsigned backing, known; /* where the walk along those lists is */
  uint64_t flushed, written;
} Writer;

static void
fail (const SaveJob *job, bool sync)
{
  atomic_store (&job->report->failed_sync, sync);
  atomic_store (&job->report->failed_errno, errno);
}

static bool
write_pages (Writer *writer, uint64_t page, uint64_t n)
{
  const SaveBank *bank = writer->bank;
  const uint8_t *data = bank->data + page * MEMORY_IMAGE_PAGE;
  uint64_t offset = bank->place + page * MEMORY_IMAGE_PAGE;
  uint64_t left = n * MEMORY_IMAGE_PAGE;

  while (left > 0)
    {
      long done = syscall (SYS_pwrite64, writer->job->fd, data, left, offset);

      if (done < 0 && errno == EINTR)
        continue;
      if (done <= 0)
        {
          if (done == 0)
            errno = EIO;
          fail (writer->job, false);
          return false;
        }
      data += done;
      offset += (uint64_t)done;
      left -= (uint64_t)done;
    }
  writer->written += n * MEMORY_IMAGE_PAGE;
  atomic_store (&writer->job->report->written, writer->written);
  if (writer->written - writer->flushed >= FLUSH_EVERY)
    {
      writer->flushed = writer->written;
      syscall (SYS_sync_file_range, writer->job->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
  return true;
}

static bool
is_zero (const uint8_t *page)
{
  const uint64_t *words = (const uint64_t *)(const void *)page;

  for (unsigned i = 0; i < MEMORY_IMAGE_PAGE / 8; i += 8)
    if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] | words[i + 6]
         | words[i + 7])
        != 0)
      return false;
  return true;
}

static bool
is_same_hash (const MemoryPageHash *a, const MemoryPageHash *b)
{
  const uint64_t *x = (const uint64_t *)(const void *)a;
  const uint64_t *y = (const uint64_t *)(const void *)b;

  return x[0] == y[0] && x[1] == y[1];
}

/* The extent that @page is in, walking on from *@at; pages come in their order. */
static const BankBacking *
walk (const BankBacking *extents, unsigned n, unsigned *at, uint64_t page)
{
  while (*at < n && extents[*at].first_page + extents[*at].n_pages <= page)
    (*at)++;
  return *at < n && extents[*at].first_page <= page ? &extents[*at] : NULL;
}

static bool
is_same_place (const BankBacking *a, const BankBacking *b, uint64_t page)
{
  return a->device == b->device && a->inode == b->inode
         && a->file_page + (page - a->first_page) == b->file_page + (page - b->first_page);
}

static PageFate
judge_content (Writer *writer, uint64_t page)
{
  const SaveJob *job = writer->job;
  const SaveBank *bank = writer->bank;
  const uint8_t *data = bank->data + page * MEMORY_IMAGE_PAGE;
  MemoryPageHash hash;

  if (is_zero (data))
    return PAGE_ZERO;
  page_hash (data, MEMORY_IMAGE_PAGE, &hash);
  if (job->known_hashes && is_same_hash (&job->known_hashes[bank->first + page], &hash))
    return PAGE_SAME;
  job->hashes[bank->first + page] = hash;
  return PAGE_OWN;
}

static PageFate
judge (Writer *writer, uint64_t page, uint64_t entry)
{
  const SaveBank *bank = writer->bank;
  const GArray *list = bank->bank->backing;
  const BankBacking *backing, *known;

  if (!writer->has_entries || (entry & PAGEMAP_SWAPPED)
      || ((entry & PAGEMAP_PRESENT) && !(entry & PAGEMAP_FILE)))
    return judge_content (writer, page);
  backing =
    list ? walk ((const BankBacking *)(const void *)list->data, list->len, &writer->backing, page) : NULL;
  if (!backing)
    return entry & PAGEMAP_PRESENT ? judge_content (writer, page) : PAGE_ZERO;
  known = walk (bank->known, bank->n_known, &writer->known, page);
  if (known && is_same_place (backing, known, page))
    return PAGE_SAME;
  return judge_content (writer, page);
}

static bool
read_entries (Writer *writer, uint64_t page, unsigned n)
{
  uint64_t at = ((uintptr_t)writer->bank->data / MEMORY_IMAGE_PAGE + page) * 8;

  return writer->pagemap >= 0
         && syscall (SYS_pread64, writer->pagemap, writer->entries, n * 8ul, at) == (long)(n * 8ul);
}

static bool
write_chunk (Writer *writer, uint64_t page, unsigned n)
{
  uint8_t *fates = writer->job->fates + writer->bank->first + page;
  unsigned run = 0; /* pages before i that are to be written */

  writer->has_entries = read_entries (writer, page, n);
  for (unsigned i = 0; i < n; i++)
    {
      fates[i] = (uint8_t)judge (writer, page + i, writer->has_entries ? writer->entries[i] : 0);
      if (fates[i] == PAGE_OWN)
        run++;
      else if (run > 0 && !write_pages (writer, page + i - run, run))
        return false;
      if (fates[i] != PAGE_OWN)
        run = 0;
    }
  return run == 0 || write_pages (writer, page + n - run, run);
}

static bool
may_go_on (const SaveJob *job)
{
  if (atomic_load (&job->report->cancelled))
    return false;
  return job->parent == 0 || syscall (SYS_getppid) == job->parent;
}

static bool
write_bank (Writer *writer)
{
  const SaveJob *job = writer->job;
  uint64_t n_pages = writer->bank->n_pages;

  writer->backing = writer->known = 0;
  for (uint64_t page = 0; page < n_pages; page += CHUNK_PAGES)
    {
      unsigned n = (unsigned)MIN (CHUNK_PAGES, n_pages - page);

      if (!may_go_on (job) || !write_chunk (writer, page, n))
        return false;
      atomic_fetch_add (&job->report->done, n);
    }
  return true;
}

void
save_write (const SaveJob *job)
{
  Writer writer;

  writer.job = job;
  writer.written = writer.flushed = 0;
  writer.pagemap = (int)syscall (SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
  for (unsigned i = 0; i < job->n_banks; i++)
    {
      writer.bank = &job->banks[i];
      if (!write_bank (&writer))
        break;
      if (i + 1 < job->n_banks)
        continue;
      if (syscall (SYS_fdatasync, job->fd) < 0)
        fail (job, true);
      else
        atomic_store (&job->report->finished, 1);
    }
  if (writer.pagemap >= 0)
    syscall (SYS_close, writer.pagemap);
}

/* Rather the picture than a guest: if memory runs out, and where the processor is short. */
static void
stand_back (void)
{
  long fd = syscall (SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY, 0);

  if (fd >= 0)
    {
      syscall (SYS_write, fd, "1000", 4ul);
      syscall (SYS_close, fd);
    }
  syscall (SYS_setpriority, PRIO_PROCESS, 0, 5);
}

_Noreturn static void
be_child (const SaveJob *job)
{
  SaveJob own = *job;

  /* What others opened must end when they close it. */
  syscall (SYS_dup3, job->fd, 0, 0);
  syscall (SYS_close_range, 1u, ~0u, 0u);
  own.fd = 0;
  stand_back ();
  save_write (&own);
  for (;;)
    syscall (SYS_exit_group, 0);
}

int
save_fork (const SaveJob *job)
{
  uint64_t all = ~UINT64_C (0), before;
  int pidfd = -1, saved_errno;
  long child;

  /* No handler of this process may run in the child. */
  syscall (SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  child = syscall (SYS_clone, (unsigned long)CLONE_PIDFD, NULL, &pidfd, NULL, 0ul);
  if (child == 0)
    be_child (job);
  saved_errno = errno;
  syscall (SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
  errno = saved_errno;
  return child < 0 ? -1 : pidfd;
}
