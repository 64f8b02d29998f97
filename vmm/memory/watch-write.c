/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-private.h"

#include <sys/mman.h>

/*
 * The hypervisor sees a watched bank through a mapping of its own, which is read-only while the watch lasts:
 * a vCPU's write then fails in KVM_RUN, whatever the instruction, and is done again when the watch has ended.
 * A read-only slot would not do: KVM emulates writes to those, and knows but a part of the instructions. (KVM of kind
 * PVM, which emulates anyhow, hands the write over as MMIO; the engine then does it.)
 *
 * Order of locks: the map lock, the watch lock; nothing is called with either.
 */

static uint8_t *
map_again (MemoryBank *bank)
{
  void *data = mmap (NULL, bank->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, bank->fd, 0);

  if (data == MAP_FAILED)
    return NULL;
  madvise (data, bank->size, MADV_DONTDUMP);
  return data;
}

/* Moves the slots of @bank to its second mapping. Writes meanwhile may miss the dirty log, so all is dirty.
 */
static bool
separate_view_locked (MemoryBank *bank)
{
  uint8_t *mapping = map_again (bank);

  if (!mapping)
    return false;
  for (unsigned v = 0; v < BANK_N_VIEWS; v++)
    if (bank->views[v].shown)
      bank_set_slot_locked (bank, &bank->views[v], 0);
  bank->vcpu_data = mapping;
  for (unsigned v = 0; v < BANK_N_VIEWS; v++)
    if (bank->views[v].shown)
      bank_set_slot_locked (bank, &bank->views[v], bank->views[v].size);
  return true;
}

static bool
end_watch (MemoryBank *bank)
{
  GuestMemory *memory = bank->memory;
  MemoryBankFunc func = NULL;
  void *data = NULL;

  g_mutex_lock (&memory->watch_lock);
  if (atomic_load (&bank->watched))
    {
      if (bank->vcpu_data)
        mprotect (bank->vcpu_data, bank->size, PROT_READ | PROT_WRITE);
      atomic_store (&bank->watched, false);
      atomic_fetch_add (&memory->watch_generation, 1);
      func = bank->watch_func;
      data = bank->watch_data;
    }
  g_mutex_unlock (&memory->watch_lock);
  if (func)
    func (bank, data);
  return func != NULL;
}

void
bank_note_write (MemoryBank *bank)
{
  if (G_UNLIKELY (atomic_load_explicit (&bank->watched, memory_order_relaxed)))
    end_watch (bank);
}

void
memory_bank_watch_write (MemoryBank *bank, MemoryBankFunc func, void *data)
{
  GuestMemory *memory = bank->memory;
  bool separated = false, armed = false;

  g_mutex_lock (&memory->map_lock);
  if (func && memory->hypervisor && !bank->vcpu_data && bank->fd >= 0)
    separated = separate_view_locked (bank);
  g_mutex_unlock (&memory->map_lock);

  g_mutex_lock (&memory->watch_lock);
  if (func)
    {
      armed =
        !memory->hypervisor || (bank->vcpu_data && mprotect (bank->vcpu_data, bank->size, PROT_READ) == 0);
      bank->watch_func = func;
      bank->watch_data = data;
    }
  else if (atomic_load (&bank->watched) && bank->vcpu_data)
    {
      mprotect (bank->vcpu_data, bank->size, PROT_READ | PROT_WRITE);
      atomic_fetch_add (&memory->watch_generation, 1);
    }
  atomic_store (&bank->watched, armed);
  g_mutex_unlock (&memory->watch_lock);

  if (separated)
    memory_bank_set_dirty (bank, 0, bank->size);
  else if (func && !armed)
    func (bank, data); /* a write can't be seen: as if there were one */
}

unsigned
guest_memory_watch_generation (GuestMemory *memory)
{
  return atomic_load (&memory->watch_generation);
}

static void
end_any_watch (MemoryBank *bank, void *data)
{
  end_watch (bank);
}

bool
guest_memory_resolve_fault (GuestMemory *memory, unsigned generation)
{
  guest_memory_foreach (memory, end_any_watch, NULL);
  return atomic_load (&memory->watch_generation) != generation;
}
