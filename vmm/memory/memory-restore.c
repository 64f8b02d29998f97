/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-restore.h"

#include "vmm/base/error.h"
#include "vmm/memory/memory-care.h"
#include "vmm/memory/memory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* RAM is mapped, or read, in blocks: as large as a huge page, which memory that is read can be in. */
#define BLOCK_PAGES 512u
/* A block with more pieces than this is read at once. Less, if all would be too many. */
#define MAX_PIECES 8u

typedef struct {
  GuestMemory *memory;
  const MemoryImage *image;
  CareFile *files; /* of each source */
  struct stat *stats;
  MemoryBank **banks; /* of each bank of the image */
  uint16_t **pieces;  /* how many extents are in each block of a bank; NULL: the bank is no RAM */
  unsigned limit;     /* of pieces in a block that is mapped */
} Restore;

/* --- checks --- */

static bool
find_banks (Restore *restore, GError **error)
{
  const GArray *banks = restore->image->banks;
  unsigned n_present = restore->memory->banks->len;

  restore->banks = g_new0 (MemoryBank *, banks->len + 1);
  for (unsigned i = 0; i < banks->len && banks->len == n_present; i++)
    {
      const MemoryImageBank *bank = &((const MemoryImageBank *)(const void *)banks->data)[i];
      MemoryBank *found = guest_memory_find (restore->memory, bank->name);

      if (!found || found->size != bank->size)
        break;
      restore->banks[i] = found;
    }
  if (banks->len == n_present && (n_present == 0 || restore->banks[n_present - 1]))
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_STATE,
    "The snapshot's memory belongs to a machine with other memory or devices; restore it to the machine it "
    "was taken of");
  return false;
}

/* Now: that of a suspended machine goes away as soon as it runs. */
static int
open_index (const Restore *restore, unsigned source)
{
  g_autofree char *path = memory_image_source_index (restore->image, source);

  return open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static bool
open_sources (Restore *restore, GError **error)
{
  unsigned n = restore->image->sources->len;

  restore->files = g_new (CareFile, n);
  restore->stats = g_new0 (struct stat, n);
  for (unsigned i = 0; i < n; i++)
    restore->files[i] = (CareFile){ -1, -1 };
  for (unsigned i = 0; i < n; i++)
    {
      if (memory_image_bytes_from (restore->image, i) == 0)
        continue;
      restore->files[i].memory = memory_image_open_source (restore->image, i, error);
      if (restore->files[i].memory < 0)
        return false;
      restore->files[i].index = open_index (restore, i);
      if (fstat (restore->files[i].memory, &restore->stats[i]) < 0)
        return vmm_set_errno_error (error, errno, "Can't look at a memory file");
    }
  return true;
}

static void
clear (Restore *restore)
{
  care_files_free (restore->files, restore->image->sources->len);
  for (unsigned i = 0; restore->pieces && i < restore->image->banks->len; i++)
    g_free (restore->pieces[i]);
  g_free (restore->pieces);
  g_free (restore->banks);
  g_free (restore->stats);
}

/* --- what is mapped and what is read --- */

static const MemoryImageExtent *
extent_at (const Restore *restore, unsigned i)
{
  return &((const MemoryImageExtent *)(const void *)restore->image->extents->data)[i];
}

static void
count_pieces (Restore *restore)
{
  restore->pieces = g_new0 (uint16_t *, restore->image->banks->len + 1);
  for (unsigned i = 0; i < restore->image->banks->len; i++)
    if (bank_is_ram (restore->banks[i]))
      restore->pieces[i] = g_new0 (uint16_t, restore->banks[i]->size / GUEST_PAGE_SIZE / BLOCK_PAGES + 1);
  for (unsigned i = 0; i < restore->image->extents->len; i++)
    {
      const MemoryImageExtent *extent = extent_at (restore, i);
      uint64_t last = (extent->first_page + extent->n_pages - 1) / BLOCK_PAGES;

      for (uint64_t block = extent->first_page / BLOCK_PAGES; restore->pieces[extent->bank] && block <= last;
           block++)
        restore->pieces[extent->bank][block]++; /* BLOCK_PAGES at most */
    }
}

static bool
is_mapped (const Restore *restore, unsigned bank, uint64_t page)
{
  return restore->pieces[bank] && restore->pieces[bank][page / BLOCK_PAGES] <= restore->limit;
}

/* Pages of @extent from @page on that are all mapped, or all read. */
static uint64_t
piece_length (const Restore *restore, const MemoryImageExtent *extent, uint64_t page)
{
  uint64_t end = extent->first_page + extent->n_pages;
  uint64_t next = page;
  bool mapped = is_mapped (restore, extent->bank, page);

  if (!restore->pieces[extent->bank])
    return end - page;
  while (next < end && is_mapped (restore, extent->bank, next) == mapped)
    next = (next / BLOCK_PAGES + 1) * BLOCK_PAGES;
  return MIN (next, end) - page;
}

typedef bool (*PieceFunc) (Restore *restore, const MemoryImageExtent *extent, uint64_t page, uint64_t n,
                           void *data, GError **error);

static bool
for_each_piece (Restore *restore, PieceFunc func, void *data, GError **error)
{
  for (unsigned i = 0; i < restore->image->extents->len; i++)
    {
      const MemoryImageExtent *extent = extent_at (restore, i);

      for (uint64_t page = extent->first_page, n; page < extent->first_page + extent->n_pages; page += n)
        {
          n = piece_length (restore, extent, page);
          if (!func (restore, extent, page, n, data, error))
            return false;
        }
    }
  return true;
}

static bool
count_mapping (Restore *restore, const MemoryImageExtent *extent, uint64_t page, uint64_t n, void *data,
               GError **error)
{
  *(unsigned *)data += is_mapped (restore, extent->bank, page);
  return true;
}

static void
choose_limit (Restore *restore)
{
  for (restore->limit = MAX_PIECES; restore->limit > 0; restore->limit /= 2)
    {
      unsigned n = 0;

      for_each_piece (restore, count_mapping, &n, NULL);
      if (n <= guest_memory_max_mappings ())
        return;
    }
}

/* --- the work --- */

bool
bank_empty (MemoryBank *bank)
{
  bool ok = true;

  if (bank->fd < 0)
    ok = bank_map_zeros (bank, 0, bank->size);
  else if (fallocate (bank->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)bank->size) < 0)
    memset (bank->data, 0, bank->size);
  if (ok && bank->backing)
    g_array_set_size (bank->backing, 0);
  return ok;
}

static bool
read_pages (const Restore *restore, const MemoryImageExtent *extent, uint64_t page, uint64_t n,
            GError **error)
{
  uint8_t *to = restore->banks[extent->bank]->data + page * GUEST_PAGE_SIZE;
  uint64_t offset = (extent->file_page + (page - extent->first_page)) * GUEST_PAGE_SIZE;
  uint64_t left = n * GUEST_PAGE_SIZE;

  while (left > 0)
    {
      ssize_t done = pread (restore->files[extent->source].memory, to, left, (off_t)offset);
      g_autofree char *path = NULL;

      if (done < 0 && errno == EINTR)
        continue;
      if (done <= 0)
        {
          path = memory_image_source_path (restore->image, extent->source);
          return vmm_set_errno_error (error, done < 0 ? errno : EIO, "Can't read the memory file \"%s\"",
                                      path);
        }
      to += done;
      offset += (uint64_t)done;
      left -= (uint64_t)done;
    }
  return true;
}

static bool
fill_piece (Restore *restore, const MemoryImageExtent *extent, uint64_t page, uint64_t n, void *data,
            GError **error)
{
  MemoryBank *bank = restore->banks[extent->bank];
  const struct stat *file = &restore->stats[extent->source];
  BankBacking backing = { page, n, extent->file_page + (page - extent->first_page), file->st_dev,
                          file->st_ino };
  void *mapped;

  if (!is_mapped (restore, extent->bank, page))
    return read_pages (restore, extent, page, n, error);
  mapped = mmap (bank->data + page * GUEST_PAGE_SIZE, n * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, restore->files[extent->source].memory,
                 (off_t)(backing.file_page * GUEST_PAGE_SIZE));
  if (mapped == MAP_FAILED)
    return read_pages (restore, extent, page, n, error);
  if (!bank->backing)
    bank->backing = g_array_new (FALSE, FALSE, sizeof (BankBacking));
  g_array_append_val (bank->backing, backing);
  return true;
}

static bool
fill (Restore *restore, GError **error)
{
  bool ok = true;

  g_mutex_lock (&restore->memory->backing_lock);
  for (unsigned i = 0; i < restore->image->banks->len && ok; i++)
    ok =
      bank_empty (restore->banks[i]) || vmm_set_errno_error (error, errno, "Can't empty the guest's memory");
  ok = ok && for_each_piece (restore, fill_piece, NULL, error);
  for (unsigned i = 0; i < restore->image->banks->len; i++)
    bank_advise (restore->banks[i]);
  g_mutex_unlock (&restore->memory->backing_lock);
  for (unsigned i = 0; i < restore->image->banks->len; i++)
    memory_bank_set_dirty (restore->banks[i], 0, restore->banks[i]->size);
  return ok;
}

bool
guest_memory_restore (GuestMemory *memory, const MemoryImage *image, MemoryFlawFunc flaw, void *data,
                      GError **error)
{
  Restore restore = { .memory = memory, .image = image };
  bool ok = find_banks (&restore, error) && open_sources (&restore, error);

  if (ok)
    {
      count_pieces (&restore);
      choose_limit (&restore);
      ok = fill (&restore, error);
    }
  if (ok)
    memory_care_read_ahead (memory->care, memory_image_share (image), g_steal_pointer (&restore.files), flaw,
                            data);
  clear (&restore);
  return ok;
}
