/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-private.h"

#include <string.h>

bool
guest_memory_look_up (GuestMemory *memory, uint64_t address, MapEntry *found)
{
  PublishedReader reader;
  const MemoryTable *table = published_enter (&memory->table, &reader);
  unsigned low = 0, high = table->n_entries;
  bool hit;

  while (low < high)
    {
      unsigned middle = (low + high) / 2;

      if (table->entries[middle].last < address)
        low = middle + 1;
      else
        high = middle;
    }
  hit = low < table->n_entries && table->entries[low].address <= address;
  if (hit)
    *found = table->entries[low];
  published_leave (reader);
  return hit;
}

static void
mark_written (const MapEntry *entry, uint64_t address, uint64_t size)
{
  memory_bank_set_dirty (entry->bank, entry->offset + (address - entry->address), size);
}

/* The host address of @address and how many of @size bytes follow there; NULL: not (so) accessible. */
static void *
piece_at (GuestMemory *memory, uint64_t address, uint64_t size, bool for_writing, uint64_t *piece_size,
          MapEntry *entry)
{
  if (!guest_memory_look_up (memory, address, entry) || (for_writing && !entry->writable))
    return NULL;
  *piece_size = MIN (size, entry->last - address + 1);
  return entry->host + (address - entry->address);
}

static bool
is_range (uint64_t address, uint64_t size)
{
  return size == 0 || address + (size - 1) >= address;
}

static bool
is_accessible (GuestMemory *memory, uint64_t address, uint64_t size, bool for_writing)
{
  MapEntry entry;
  uint64_t piece;

  if (!is_range (address, size))
    return false;
  for (; size > 0; address += piece, size -= piece)
    if (!piece_at (memory, address, size, for_writing, &piece, &entry))
      return false;
  return true;
}

bool
guest_read (GuestMemory *memory, uint64_t address, void *buffer, size_t size)
{
  uint8_t *to = buffer;
  MapEntry entry;
  uint64_t piece;
  void *from;

  if (!is_range (address, size))
    return false;
  /* Nearly always it is one piece; otherwise look at all of it before touching @buffer. */
  from = size > 0 ? piece_at (memory, address, size, false, &piece, &entry) : NULL;
  if (from && piece == size)
    {
      memcpy (buffer, from, size);
      return true;
    }
  if (!is_accessible (memory, address, size, false))
    return false;

  for (; size > 0; address += piece, to += piece, size -= piece)
    {
      from = piece_at (memory, address, size, false, &piece, &entry);
      if (!from)
        return false;
      memcpy (to, from, piece);
    }
  return true;
}

bool
guest_write (GuestMemory *memory, uint64_t address, const void *buffer, size_t size)
{
  const uint8_t *from = buffer;
  MapEntry entry;
  uint64_t piece;
  void *to;

  if (!is_range (address, size))
    return false;
  to = size > 0 ? piece_at (memory, address, size, true, &piece, &entry) : NULL;
  if (to && piece == size)
    {
      memcpy (to, buffer, size);
      mark_written (&entry, address, size);
      return true;
    }
  if (!is_accessible (memory, address, size, true))
    return false;

  for (; size > 0; address += piece, from += piece, size -= piece)
    {
      to = piece_at (memory, address, size, true, &piece, &entry);
      if (!to)
        return false;
      memcpy (to, from, piece);
      mark_written (&entry, address, piece);
    }
  return true;
}

void *
guest_map (GuestMemory *memory, uint64_t address, uint64_t size, bool for_writing)
{
  MapEntry entry;
  uint64_t piece;
  void *host;

  if (size == 0 || !is_range (address, size))
    return NULL;
  host = piece_at (memory, address, size, for_writing, &piece, &entry);
  if (!host || piece != size)
    return NULL;
  if (for_writing)
    mark_written (&entry, address, size);
  return host;
}

bool
guest_map_iov (GuestMemory *memory, uint64_t address, uint64_t size, bool for_writing, struct iovec *iov,
               unsigned *n_iov)
{
  unsigned capacity = *n_iov;
  uint64_t start = address, left = size;
  unsigned n = 0;
  uint64_t piece;
  MapEntry entry;

  if (!is_range (address, size))
    return false;
  for (; left > 0; address += piece, left -= piece, n++)
    {
      void *host = piece_at (memory, address, left, for_writing, &piece, &entry);

      if (!host || n == capacity)
        return false;
      iov[n] = (struct iovec){ host, piece };
    }
  *n_iov = n;

  for (address = start, left = size; for_writing && left > 0; address += piece, left -= piece)
    {
      if (!piece_at (memory, address, left, true, &piece, &entry))
        break; /* moved away meanwhile */
      mark_written (&entry, address, piece);
    }
  return true;
}
