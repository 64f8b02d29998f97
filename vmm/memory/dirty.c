/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-private.h"

static uint64_t
n_pages (const MemoryBank *bank)
{
  return bank->size / GUEST_PAGE_SIZE;
}

static size_t
n_words (uint64_t pages)
{
  return (size_t)((pages + 63) / 64);
}

static void
mark (MemoryBank *bank, uint64_t first_page, uint64_t last_page)
{
  _Atomic uint64_t *dirty = atomic_load (&bank->dirty);

  if (!dirty)
    return;
  for (uint64_t page = first_page; page <= last_page;)
    {
      unsigned bit = page % 64;
      unsigned n = (unsigned)MIN (64 - bit, last_page - page + 1);
      uint64_t mask = (n == 64 ? UINT64_MAX : (UINT64_C (1) << n) - 1) << bit;

      atomic_fetch_or (&dirty[page / 64], mask);
      page += n;
    }
}

void
memory_bank_set_dirty (MemoryBank *bank, uint64_t offset, uint64_t size)
{
  if (size == 0 || offset >= bank->size)
    return;
  size = MIN (size, bank->size - offset);
  if (atomic_load_explicit (&bank->logging, memory_order_relaxed))
    mark (bank, offset / GUEST_PAGE_SIZE, (offset + size - 1) / GUEST_PAGE_SIZE);
  bank_note_write (bank);
}

void
bank_collect_dirty_locked (MemoryBank *bank, const BankView *view)
{
  Hypervisor *hypervisor = bank->memory->hypervisor;
  uint64_t pages = view->size / GUEST_PAGE_SIZE;
  uint64_t first = view->offset / GUEST_PAGE_SIZE;
  g_autofree uint64_t *bitmap = NULL;

  if (!hypervisor || !view->shown || view->kind != BANK_RAM || !atomic_load (&bank->logging))
    return;
  bitmap = g_new0 (uint64_t, n_words (pages));
  if (!hypervisor->ops->get_dirty (hypervisor, view->slot, bitmap))
    {
      /* Better drawn once too often than not at all. */
      mark (bank, first, first + pages - 1);
      return;
    }
  for (size_t i = 0; i < n_words (pages); i++)
    for (uint64_t word = bitmap[i]; word != 0; word &= word - 1)
      {
        uint64_t page = i * 64 + (unsigned)__builtin_ctzll (word);

        if (page < pages)
          mark (bank, first + page, first + page);
      }
}

void
bank_clear_dirty_locked (MemoryBank *bank)
{
  _Atomic uint64_t *dirty = atomic_load (&bank->dirty);

  for (size_t i = 0; dirty && i < n_words (n_pages (bank)); i++)
    atomic_store (&dirty[i], 0);
}

void
memory_bank_log_dirty (MemoryBank *bank, bool enable)
{
  GuestMemory *memory = bank->memory;

  g_mutex_lock (&memory->map_lock);
  if (atomic_load (&bank->logging) != enable)
    {
      if (enable && !atomic_load (&bank->dirty))
        atomic_store (&bank->dirty,
                      (_Atomic uint64_t *)g_malloc0 (n_words (n_pages (bank)) * sizeof (uint64_t)));
      if (enable)
        bank_clear_dirty_locked (bank);
      atomic_store (&bank->logging, enable);
      for (unsigned v = 0; v < BANK_N_VIEWS; v++)
        if (bank->views[v].shown)
          bank_set_slot_locked (bank, &bank->views[v], bank->views[v].size);
    }
  g_mutex_unlock (&memory->map_lock);
}

bool
memory_bank_take_dirty (MemoryBank *bank, uint64_t *bitmap)
{
  GuestMemory *memory = bank->memory;
  _Atomic uint64_t *dirty;
  bool any = false;

  if (!memory)
    return false;

  g_mutex_lock (&memory->map_lock);
  for (unsigned v = 0; v < BANK_N_VIEWS; v++)
    bank_collect_dirty_locked (bank, &bank->views[v]);
  dirty = atomic_load (&bank->dirty);
  for (size_t i = 0; dirty && i < n_words (n_pages (bank)); i++)
    {
      uint64_t word = atomic_load_explicit (&dirty[i], memory_order_relaxed);

      if (word == 0)
        continue;
      word = atomic_exchange (&dirty[i], 0);
      bitmap[i] |= word;
      any = true;
    }
  g_mutex_unlock (&memory->map_lock);
  return any;
}
