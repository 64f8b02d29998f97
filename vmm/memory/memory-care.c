/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-care.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

#define READ_PIECE  (UINT64_C (2) << 20)
#define BLOCK_SIZE  (UINT64_C (2) << 20) /* a huge page */
#define BLOCK_PAGES (BLOCK_SIZE / GUEST_PAGE_SIZE)

/* Linux Documentation/block/ioprio.rst */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE        (3 << 13)

/* Linux Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (UINT64_C (1) << 63)

typedef struct {
  int stop; /* atomic */
  GThread *thread;

  int *fds; /* reading ahead */
  unsigned n_fds;
  GArray *pieces;

  GPtrArray *banks; /* rejoining */
} CareWork;

struct MemoryCare {
  gatomicrefcount refs;
  GMutex lock;
  bool stopped;
  CareWork *reading;
  CareWork *rejoining;
};

MemoryCare *
memory_care_new (void)
{
  MemoryCare *care = g_new0 (MemoryCare, 1);

  g_atomic_ref_count_init (&care->refs);
  g_mutex_init (&care->lock);
  return care;
}

MemoryCare *
memory_care_ref (MemoryCare *care)
{
  g_atomic_ref_count_inc (&care->refs);
  return care;
}

void
memory_care_unref (MemoryCare *care)
{
  if (!g_atomic_ref_count_dec (&care->refs))
    return;
  memory_care_stop (care);
  g_mutex_clear (&care->lock);
  g_free (care);
}

static void
work_free (CareWork *work)
{
  for (unsigned i = 0; i < work->n_fds; i++)
    if (work->fds[i] >= 0)
      close (work->fds[i]);
  g_free (work->fds);
  g_clear_pointer (&work->pieces, g_array_unref);
  g_clear_pointer (&work->banks, g_ptr_array_unref);
  g_free (work);
}

static void
end_work (CareWork *work)
{
  if (!work)
    return;
  g_atomic_int_set (&work->stop, 1);
  if (work->thread)
    g_thread_join (work->thread);
  work_free (work);
}

void
memory_care_stop (MemoryCare *care)
{
  g_mutex_lock (&care->lock);
  care->stopped = true;
  end_work (g_steal_pointer (&care->reading));
  end_work (g_steal_pointer (&care->rejoining));
  g_mutex_unlock (&care->lock);
}

static void
begin_work (MemoryCare *care, CareWork **place, CareWork *work, const char *name, GThreadFunc func)
{
  g_mutex_lock (&care->lock);
  end_work (g_steal_pointer (place));
  if (!care->stopped)
    work->thread = g_thread_try_new (name, func, work, NULL);
  if (work->thread)
    *place = work;
  else
    work_free (work);
  g_mutex_unlock (&care->lock);
}

static void
stand_back (void)
{
  (void)setpriority (PRIO_PROCESS, (id_t)syscall (SYS_gettid), 10);
  (void)syscall (SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

/* --- reading ahead --- */

/* More would drive out what others need, or what was read first. */
static uint64_t
most_to_read (void)
{
  struct sysinfo info;

  return sysinfo (&info) == 0 ? (uint64_t)info.totalram * info.mem_unit / 2 : 0;
}

static gpointer
read_ahead (gpointer data)
{
  CareWork *work = data;
  uint64_t left = most_to_read ();

  stand_back ();
  for (unsigned i = 0; i < work->pieces->len; i++)
    {
      const CarePiece *piece = &g_array_index (work->pieces, CarePiece, i);

      for (uint64_t done = 0; done < piece->size; done += READ_PIECE)
        {
          uint64_t size = MIN (piece->size - done, READ_PIECE);

          if (g_atomic_int_get (&work->stop) || left < size)
            return NULL;
          left -= size;
          (void)readahead (work->fds[piece->file], (off64_t)(piece->offset + done), size);
        }
    }
  return NULL;
}

void
memory_care_read_ahead (MemoryCare *care, int *fds, unsigned n_fds, GArray *pieces)
{
  CareWork *work = g_new0 (CareWork, 1);

  work->fds = fds;
  work->n_fds = n_fds;
  work->pieces = pieces;
  begin_work (care, &care->reading, work, "read-ahead", read_ahead);
}

/* --- rejoining --- */

/* A block that isn't complete would take more memory than it does. */
static bool
is_complete (int pagemap, const uint8_t *block)
{
  uint64_t entries[BLOCK_PAGES];

  if (pread (pagemap, entries, sizeof entries,
             (off_t)((uintptr_t)block / GUEST_PAGE_SIZE * sizeof entries[0]))
      != (ssize_t)sizeof entries)
    return false;
  for (unsigned i = 0; i < BLOCK_PAGES; i++)
    if (!(entries[i] & PAGEMAP_PRESENT))
      return false;
  return true;
}

static void
rejoin_bank (CareWork *work, const MemoryBank *bank, int pagemap)
{
  for (uint64_t offset = 0; offset + BLOCK_SIZE <= bank->size; offset += BLOCK_SIZE)
    {
      if (g_atomic_int_get (&work->stop))
        return;
      /* What is a file's is refused by the kernel, and stays as it is. */
      if (is_complete (pagemap, bank->data + offset))
        (void)madvise (bank->data + offset, BLOCK_SIZE, MADV_COLLAPSE);
    }
}

static gpointer
rejoin (gpointer data)
{
  CareWork *work = data;
  int pagemap = open ("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

  stand_back ();
  for (unsigned i = 0; pagemap >= 0 && i < work->banks->len; i++)
    if (bank_is_ram (work->banks->pdata[i]))
      rejoin_bank (work, work->banks->pdata[i], pagemap);
  if (pagemap >= 0)
    close (pagemap);
  return NULL;
}

void
memory_care_rejoin (MemoryCare *care, GPtrArray *banks)
{
  CareWork *work = g_new0 (CareWork, 1);

  work->banks = banks;
  begin_work (care, &care->rejoining, work, "rejoin", rejoin);
}

void
memory_care_end_rejoining (MemoryCare *care)
{
  g_mutex_lock (&care->lock);
  end_work (g_steal_pointer (&care->rejoining));
  g_mutex_unlock (&care->lock);
}
