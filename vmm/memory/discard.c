/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Pages whose residence is asked for in one go. */
#define PIECE 16384u

/* --- RAM that is a file's, mapped --- */

unsigned
guest_memory_max_mappings (void)
{
  /* The process has 65530 as a rule (vm.max_map_count), and other machines may be in it. */
  return 4096;
}

/* Takes the pages out of the list. Returns: whether there were any. */
static bool
forget_backing_locked (GArray *backing, uint64_t first, uint64_t end)
{
  bool any = false;

  for (unsigned i = 0; i < backing->len;)
    {
      BankBacking *piece = &g_array_index (backing, BankBacking, i);
      uint64_t piece_end = piece->first_page + piece->n_pages;
      BankBacking rest = { end, piece_end - end, piece->file_page + (end - piece->first_page), piece->device,
                           piece->inode };
      bool keeps_head = piece->first_page < first;

      if (piece->first_page >= end)
        break;
      if (piece_end <= first)
        {
          i++;
          continue;
        }
      any = true;
      if (keeps_head)
        {
          piece->n_pages = first - piece->first_page;
          i++;
          if (piece_end > end)
            g_array_insert_val (backing, i, rest);
        }
      else if (piece_end > end)
        *piece = rest;
      else
        g_array_remove_index (backing, i);
    }
  return any;
}

static bool
is_backed_locked (const MemoryBank *bank, uint64_t first, uint64_t end)
{
  for (unsigned i = 0; bank->backing && i < bank->backing->len; i++)
    {
      const BankBacking *piece = &g_array_index (bank->backing, BankBacking, i);

      if (piece->first_page < end && piece->first_page + piece->n_pages > first)
        return true;
    }
  return false;
}

/* Given back, the file's content would be there again: new memory takes its place. Where there are too many
 * pieces already the pages are written, which frees nothing. Returns: bytes given back. */
static uint64_t
discard_backed_locked (MemoryBank *bank, uint64_t start, uint64_t end)
{
  if (bank->backing->len < 2 * guest_memory_max_mappings () && bank_map_zeros (bank, start, end - start))
    {
      forget_backing_locked (bank->backing, start / GUEST_PAGE_SIZE, end / GUEST_PAGE_SIZE);
      return end - start;
    }
  memset (bank->data + start, 0, end - start);
  return 0;
}

/* Other RAM is private and anonymous: what is discarded is zero when it is touched next. */
static bool
give_back (MemoryBank *bank, uint64_t start, uint64_t end, uint64_t *given)
{
  GuestMemory *memory = bank->memory;
  bool ok = true;

  g_mutex_lock (&memory->backing_lock);
  *given = end - start;
  if (is_backed_locked (bank, start / GUEST_PAGE_SIZE, end / GUEST_PAGE_SIZE))
    *given = discard_backed_locked (bank, start, end);
  else
    ok = madvise (bank->data + start, end - start, MADV_DONTNEED) == 0;
  g_mutex_unlock (&memory->backing_lock);
  return ok;
}

static uint64_t
discard (MemoryBank *bank, uint64_t offset, uint64_t size)
{
  uint64_t given;
  uint64_t start = (offset + GUEST_PAGE_SIZE - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
  uint64_t end = (offset + size) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

  if (!bank_is_ram (bank) || start >= end || !give_back (bank, start, end, &given))
    return 0;
  memory_bank_set_dirty (bank, start, end - start);
  return given;
}

uint64_t
guest_memory_discard (GuestMemory *memory, uint64_t address, uint64_t size)
{
  uint64_t given = 0, piece;

  if (address + size < address)
    return 0;
  for (; size > 0; address += piece, size -= piece)
    {
      MapEntry entry;

      piece = MIN (size, GUEST_PAGE_SIZE - address % GUEST_PAGE_SIZE);
      if (!guest_memory_look_up (memory, address, &entry) || !entry.writable)
        continue;
      piece = MIN (size, entry.last - address + 1);
      given += discard (entry.bank, entry.offset + (address - entry.address), piece);
    }
  return given;
}

uint64_t
guest_memory_discard_host (GuestMemory *memory, void *host, uint64_t size)
{
  MemoryBank *found = NULL;
  uint64_t offset = 0;

  g_mutex_lock (&memory->map_lock);
  for (unsigned i = 0; i < memory->banks->len && found == NULL; i++)
    {
      MemoryBank *bank = memory->banks->pdata[i];

      offset = (uintptr_t)host - (uintptr_t)bank->data; /* wraps if it lies below */
      if (offset < bank->size && size <= bank->size - offset)
        found = bank;
    }
  g_mutex_unlock (&memory->map_lock);
  return found != NULL ? discard (found, offset, size) : 0;
}

/* Linux Documentation/admin-guide/mm/pagemap.rst: present, or swapped. */
#define PAGEMAP_TAKEN (UINT64_C (3) << 62)

typedef struct {
  int pagemap;
  uint64_t bytes;
} Resident;

/* A file's pages that the guest didn't touch are the file's, cached or not. */
static void
add_resident (MemoryBank *bank, void *data)
{
  Resident *resident = data;
  g_autofree uint64_t *entries = g_new (uint64_t, PIECE);

  for (uint64_t page = 0, n; bank_is_ram (bank) && page < bank->size / GUEST_PAGE_SIZE; page += n)
    {
      uint64_t at = ((uintptr_t)bank->data / GUEST_PAGE_SIZE + page) * sizeof *entries;

      n = MIN (bank->size / GUEST_PAGE_SIZE - page, PIECE);
      if (pread (resident->pagemap, entries, n * sizeof *entries, (off_t)at)
          != (ssize_t)(n * sizeof *entries))
        return;
      for (uint64_t i = 0; i < n; i++)
        resident->bytes += entries[i] & PAGEMAP_TAKEN ? GUEST_PAGE_SIZE : 0;
    }
}

uint64_t
guest_memory_resident (GuestMemory *memory)
{
  Resident resident = { .pagemap = open ("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) };

  if (resident.pagemap < 0)
    return 0;
  guest_memory_foreach (memory, add_resident, &resident);
  close (resident.pagemap);
  return resident.bytes;
}
