/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-care.h"

#include "vmm/memory/memory-verify.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

#define BLOCK_SIZE  (UINT64_C (2) << 20) /* a huge page */
#define BLOCK_PAGES (BLOCK_SIZE / GUEST_PAGE_SIZE)

/* Linux Documentation/block/ioprio.rst */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE        (3 << 13)

/* Linux Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (UINT64_C (1) << 63)

typedef struct {
  GCancellable *stop;
  GThread *thread;

  MemoryImage *image; /* reading ahead */
  CareFile *files;    /* of its sources */
  MemoryFlawFunc flaw;
  void *data;
  unsigned source; /* that is being read */
  uint64_t left;   /* bytes that may be read */

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

void
care_files_free (CareFile *files, unsigned n)
{
  for (unsigned i = 0; files && i < n; i++)
    {
      if (files[i].memory >= 0)
        close (files[i].memory);
      if (files[i].index >= 0)
        close (files[i].index);
    }
  g_free (files);
}

static CareWork *
work_new (void)
{
  CareWork *work = g_new0 (CareWork, 1);

  work->stop = g_cancellable_new ();
  return work;
}

static void
work_free (CareWork *work)
{
  if (work->image)
    care_files_free (work->files, work->image->sources->len);
  g_clear_pointer (&work->image, memory_image_free);
  g_clear_pointer (&work->banks, g_ptr_array_unref);
  g_object_unref (work->stop);
  g_free (work);
}

static void
end_work (CareWork *work)
{
  if (!work)
    return;
  g_cancellable_cancel (work->stop);
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

static void
read_source (CareWork *work)
{
  for (unsigned i = 0; i < work->image->extents->len; i++)
    {
      const MemoryImageExtent *extent = &g_array_index (work->image->extents, MemoryImageExtent, i);

      for (uint64_t at = 0; extent->source == work->source && at < extent->n_pages; at += BLOCK_PAGES)
        {
          uint64_t size = MIN (extent->n_pages - at, BLOCK_PAGES) * GUEST_PAGE_SIZE;

          if (g_cancellable_is_cancelled (work->stop) || work->left < size)
            return;
          work->left -= size;
          (void)readahead (work->files[work->source].memory,
                           (off64_t)((extent->file_page + at) * GUEST_PAGE_SIZE), size);
        }
    }
}

static void
tell_flaw (CareWork *work, const char *flaw)
{
  g_autofree char *path = memory_image_source_path (work->image, work->source);

  if (work->flaw)
    work->flaw (path, flaw, work->data);
  g_cancellable_cancel (work->stop);
}

static void
on_damage (const char *bank, uint64_t first, uint64_t n, void *data)
{
  CareWork *work = data;
  g_autofree char *flaw = NULL;

  if (g_cancellable_is_cancelled (work->stop))
    return;
  flaw =
    g_strdup_printf ("%" G_GUINT64_FORMAT " page%s of “%s” from %" G_GUINT64_FORMAT " on %s changed since",
                     (guint64)n, n == 1 ? "" : "s", bank, (guint64)first, n == 1 ? "has" : "have");
  tell_flaw (work, flaw);
}

static void
on_verified (uint64_t n_bytes, void *data)
{
  CareWork *work = data;

  work->left -= MIN (work->left, n_bytes);
  if (work->left == 0)
    g_cancellable_cancel (work->stop);
}

/* @own: the memory file's own image, with its hashes. */
static void
verify_source (CareWork *work, const MemoryImage *own)
{
  const MemoryImageVerify how = {
    .cancellable = work->stop, .progress = on_verified, .damaged = on_damage, .data = work
  };
  g_autoptr (GError) error = NULL;

  if (!memory_image_verify_file (own, work->files[work->source].memory, &work->image, 1, &how, &error)
      && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    tell_flaw (work, error->message);
}

/* NULL: there is none, or it isn't to be trusted. */
static MemoryImage *
read_hashes (const CareWork *work)
{
  g_autofree char *path = memory_image_source_index (work->image, work->source);
  const MemoryImageSource *source = &g_array_index (work->image->sources, MemoryImageSource, work->source);
  int fd = work->files[work->source].index;
  g_autoptr (MemoryImage) own = fd >= 0 ? memory_image_read_open (fd, path, true, NULL) : NULL;

  if (!own || own->hashes->len == 0 || memcmp (memory_image_id (own), &source->id, sizeof source->id) != 0)
    return NULL;
  return g_steal_pointer (&own);
}

static bool
next_source (CareWork *work)
{
  while (work->source < work->image->sources->len && work->files[work->source].memory < 0)
    work->source++;
  return work->source < work->image->sources->len && !g_cancellable_is_cancelled (work->stop);
}

/* All is read before anything is compared: the guest waits for the former, and no processor may be idle. */
static gpointer
read_ahead (gpointer data)
{
  CareWork *work = data;

  stand_back ();
  work->left = most_to_read ();
  for (work->source = 0; next_source (work); work->source++)
    read_source (work);
  work->left = most_to_read ();
  for (work->source = 0; next_source (work); work->source++)
    {
      g_autoptr (MemoryImage) own = read_hashes (work);

      if (own)
        verify_source (work, own);
    }
  return NULL;
}

void
memory_care_read_ahead (MemoryCare *care, MemoryImage *image, CareFile *files, MemoryFlawFunc flaw,
                        void *data)
{
  CareWork *work = work_new ();

  work->image = image;
  work->files = files;
  work->flaw = flaw;
  work->data = data;
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
      if (g_cancellable_is_cancelled (work->stop))
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
  CareWork *work = work_new ();

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
