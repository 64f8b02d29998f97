/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-private.h"

#include <sys/mman.h>

/* Pages whose residence is asked for in one go. */
#define PIECE 16384u

/* RAM is private and anonymous: what is discarded is zero when it is touched next. */
static uint64_t
discard (MemoryBank *bank, uint64_t offset, uint64_t size)
{
  uint64_t start = (offset + GUEST_PAGE_SIZE - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
  uint64_t end = (offset + size) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

  if (!bank_is_ram (bank) || start >= end || madvise (bank->data + start, end - start, MADV_DONTNEED) < 0)
    return 0;
  memory_bank_set_dirty (bank, start, end - start);
  return end - start;
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

static void
add_resident (MemoryBank *bank, void *data)
{
  uint64_t *resident = data;
  unsigned char pages[PIECE];

  for (uint64_t offset = 0; bank_is_ram (bank) && offset < bank->size;)
    {
      uint64_t size = MIN (bank->size - offset, (uint64_t)PIECE * GUEST_PAGE_SIZE);

      if (mincore (bank->data + offset, size, pages) < 0)
        return;
      for (unsigned i = 0; i < size / GUEST_PAGE_SIZE; i++)
        *resident += pages[i] & 1 ? GUEST_PAGE_SIZE : 0;
      offset += size;
    }
}

uint64_t
guest_memory_resident (GuestMemory *memory)
{
  uint64_t resident = 0;

  guest_memory_foreach (memory, add_resident, &resident);
  return resident;
}
