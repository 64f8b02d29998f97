/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/save-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FLUSH_EVERY (UINT64_C (16) << 20) /* bytes after which the disk is set to work */

typedef struct {
  const SaveJob *job;
  const SaveBank *bank;
  PageJudge judge;
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
write_chunk (Writer *writer, uint64_t page, unsigned n)
{
  uint64_t first = writer->bank->first + page;
  uint8_t *fates = writer->job->fates + first;
  unsigned run = 0; /* pages before i that are to be written */

  page_judge_look (&writer->judge, page, n);
  for (unsigned i = 0; i < n; i++)
    {
      fates[i] = (uint8_t)page_judge (&writer->judge, page + i, &writer->job->hashes[first + i]);
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

  writer->judge.bank = writer->bank;
  writer->judge.backing = writer->judge.known = 0;
  for (uint64_t page = 0; page < n_pages; page += PAGE_JUDGE_CHUNK)
    {
      unsigned n = (unsigned)MIN (PAGE_JUDGE_CHUNK, n_pages - page);

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
  writer.judge.known_hashes = job->known_hashes;
  writer.judge.careful = false;
  writer.judge.pagemap = page_judge_open_pagemap ();
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
  if (writer.judge.pagemap >= 0)
    syscall (SYS_close, writer.judge.pagemap);
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
