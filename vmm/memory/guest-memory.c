/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/guest-memory.h"

#include "vmm/base/error.h"
#include "vmm/memory/memory-care.h"
#include "vmm/memory/memory-private.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define HUGE_PAGE_SIZE (UINT64_C (2) << 20)
#define UNMAP_PIECE    (UINT64_C (64) << 20)

GuestMemory *
guest_memory_new (Hypervisor *hypervisor)
{
  GuestMemory *memory = g_new0 (GuestMemory, 1);

  memory->hypervisor = hypervisor;
  memory->banks = g_ptr_array_new ();
  memory->care = memory_care_new ();
  memory->free_slots = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  g_mutex_init (&memory->map_lock);
  g_mutex_init (&memory->backing_lock);
  g_mutex_init (&memory->watch_lock);
  published_init (&memory->table, g_malloc0 (sizeof (MemoryTable)), g_free);
  return memory;
}

/* The hypervisor's slots are left alone: they end with the virtual machine, much faster than one by one. */
void
guest_memory_free (GuestMemory *memory)
{
  memory_care_stop (memory->care);
  memory_care_unref (memory->care);
  for (unsigned i = memory->banks->len; i-- > 0;)
    {
      MemoryBank *bank = memory->banks->pdata[i];

      bank->memory = NULL;
      memory_bank_unref (bank);
    }
  published_clear (&memory->table);
  g_ptr_array_unref (memory->banks);
  g_array_unref (memory->free_slots);
  g_mutex_clear (&memory->map_lock);
  g_mutex_clear (&memory->backing_lock);
  g_mutex_clear (&memory->watch_lock);
  g_free (memory);
}

/* --- banks --- */

bool
bank_is_ram (const MemoryBank *bank)
{
  return bank->kind == BANK_RAM && g_str_has_prefix (bank->name, "ram-");
}

static bool
host_can_give (uint64_t size)
{
  struct sysinfo info;

  if (sysinfo (&info) < 0)
    return true;
  return size / MAX (info.mem_unit, 1) <= (uint64_t)info.totalram + info.totalswap;
}

/* Private memory, in huge pages where the host gives them: a guest's first touches then cost a 512th, and its
 * page walks one level less. Aligned so that they are huge for KVM as well. */
static void *
map_ram (uint64_t size)
{
  uint64_t slack = size >= HUGE_PAGE_SIZE ? HUGE_PAGE_SIZE : 0;
  uint8_t *area =
    mmap (NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  uint64_t head;

  if (area == MAP_FAILED || !slack)
    return area;
  head = -(uintptr_t)area % HUGE_PAGE_SIZE;
  if (head)
    munmap (area, head);
  if (slack > head)
    munmap (area + head + size, slack - head);
  return area + head;
}

/* Only whoever takes a picture of RAM lets a child have it; dumps would be as large as the guest. */
static void
advise (const MemoryBank *bank, uint8_t *data, uint64_t size)
{
  if (bank_is_ram (bank))
    madvise (data, size, MADV_HUGEPAGE);
  if (bank->mergeable)
    madvise (data, size, MADV_MERGEABLE);
  madvise (data, size, MADV_DONTFORK);
  madvise (data, size, MADV_DONTDUMP);
}

void
bank_advise (MemoryBank *bank)
{
  advise (bank, bank->data, bank->size);
}

void
bank_merge (MemoryBank *bank)
{
  if (!bank_is_ram (bank))
    return;
  bank->mergeable = true;
  bank_advise (bank);
}

bool
bank_map_zeros (MemoryBank *bank, uint64_t offset, uint64_t size)
{
  void *data = mmap (bank->data + offset, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

  if (data == MAP_FAILED)
    return false;
  advise (bank, data, size);
  return true;
}

static void *
map_memfd (MemoryBank *bank)
{
  g_autofree char *memfd_name = g_strconcat ("bonsai-", bank->name, NULL);

  bank->fd = memfd_create (memfd_name, MFD_CLOEXEC);
  if (bank->fd < 0 || ftruncate (bank->fd, (off_t)bank->size) < 0)
    return MAP_FAILED;
  return mmap (NULL, bank->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, bank->fd, 0);
}

static bool
allocate (MemoryBank *bank, GError **error)
{
  void *data = MAP_FAILED;

  if (host_can_give (bank->size))
    data = bank_is_ram (bank) ? map_ram (bank->size) : map_memfd (bank);
  else
    errno = ENOMEM;
  if (data != MAP_FAILED)
    {
      bank->data = data;
      advise (bank, data, bank->size);
      return true;
    }

  g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE,
               "The host can't give the guest %" G_GUINT64_FORMAT
               " MiB of memory (%s): %s; give the guest less or "
               "close other programs",
               MAX (bank->size >> 20, 1), bank->name, g_strerror (errno));
  return false;
}

MemoryBank *
guest_memory_add_bank (GuestMemory *memory, const char *name, uint64_t size, BankKind kind, GError **error)
{
  MemoryBank *bank;

  g_return_val_if_fail (size > 0 && size % GUEST_PAGE_SIZE == 0, NULL);

  bank = g_new0 (MemoryBank, 1);
  g_atomic_ref_count_init (&bank->refs);
  bank->memory = memory;
  bank->name = g_strdup (name);
  bank->size = size;
  bank->kind = kind;
  bank->fd = -1;
  if (!allocate (bank, error))
    {
      memory_bank_unref (bank);
      return NULL;
    }

  g_mutex_lock (&memory->map_lock);
  g_ptr_array_add (memory->banks, bank);
  g_mutex_unlock (&memory->map_lock);
  return bank;
}

MemoryBank *
memory_bank_ref (MemoryBank *bank)
{
  g_atomic_ref_count_inc (&bank->refs);
  return bank;
}

/* Piece by piece: other threads that map something wait for one of them at most. */
static void
unmap (uint8_t *data, uint64_t size)
{
  for (uint64_t offset = 0; offset < size; offset += UNMAP_PIECE)
    munmap (data + offset, MIN (size - offset, UNMAP_PIECE));
}

void
memory_bank_unref (MemoryBank *bank)
{
  if (!g_atomic_ref_count_dec (&bank->refs))
    return;
  if (bank->data)
    unmap (bank->data, bank->size);
  if (bank->vcpu_data)
    munmap (bank->vcpu_data, bank->size);
  if (bank->fd >= 0)
    close (bank->fd);
  if (bank->backing)
    g_array_unref (bank->backing);
  g_free ((void *)atomic_load (&bank->dirty));
  g_free (bank->name);
  g_free (bank);
}

void *
memory_bank_data (MemoryBank *bank)
{
  return bank->data;
}

uint64_t
memory_bank_size (const MemoryBank *bank)
{
  return bank->size;
}

int
memory_bank_fd (const MemoryBank *bank)
{
  return bank->fd;
}

const char *
memory_bank_name (const MemoryBank *bank)
{
  return bank->name;
}

uint64_t
memory_bank_address (const MemoryBank *bank)
{
  GuestMemory *memory = bank->memory;
  uint64_t address;

  if (!memory)
    return BANK_HIDDEN;
  g_mutex_lock (&memory->map_lock);
  address = bank->views[WHOLE_VIEW].shown ? bank->views[WHOLE_VIEW].address : BANK_HIDDEN;
  g_mutex_unlock (&memory->map_lock);
  return address;
}

void
guest_memory_foreach (GuestMemory *memory, MemoryBankFunc func, void *data)
{
  g_autoptr (GPtrArray) banks = NULL;

  g_mutex_lock (&memory->map_lock);
  banks = g_ptr_array_copy (memory->banks, NULL, NULL);
  g_mutex_unlock (&memory->map_lock);
  for (unsigned i = 0; i < banks->len; i++)
    func (banks->pdata[i], data);
}

MemoryBank *
guest_memory_find (GuestMemory *memory, const char *name)
{
  MemoryBank *found = NULL;

  g_mutex_lock (&memory->map_lock);
  for (unsigned i = 0; i < memory->banks->len && !found; i++)
    if (g_str_equal (((MemoryBank *)memory->banks->pdata[i])->name, name))
      found = memory->banks->pdata[i];
  g_mutex_unlock (&memory->map_lock);
  return found;
}

static void
add_ram_size (MemoryBank *bank, void *data)
{
  uint64_t *size = data;

  if (bank_is_ram (bank))
    *size += bank->size;
}

uint64_t
guest_memory_ram_size (GuestMemory *memory)
{
  uint64_t size = 0;

  guest_memory_foreach (memory, add_ram_size, &size);
  return size;
}

/* --- the map --- */

static uint32_t
take_slot_locked (GuestMemory *memory)
{
  uint32_t slot;

  if (memory->free_slots->len == 0)
    return memory->n_slots++;
  slot = g_array_index (memory->free_slots, uint32_t, memory->free_slots->len - 1);
  g_array_set_size (memory->free_slots, memory->free_slots->len - 1);
  return slot;
}

bool
bank_set_slot_locked (MemoryBank *bank, const BankView *view, uint64_t size)
{
  Hypervisor *hypervisor = bank->memory->hypervisor;
  MemorySlot slot = {
    .slot = view->slot,
    .read_only = view->kind == BANK_ROM,
    .log_dirty = view->kind == BANK_RAM && atomic_load (&bank->logging),
    .address = view->address,
    .size = size,
    .host = (bank->vcpu_data ? bank->vcpu_data : bank->data) + view->offset,
  };

  return !hypervisor || hypervisor->ops->set_slot (hypervisor, &slot);
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const MapEntry *x = a;
  const MapEntry *y = b;

  return x->address < y->address ? -1 : x->address > y->address;
}

static bool
continues (const MapEntry *entry, const MapEntry *next)
{
  return entry->bank == next->bank && entry->writable == next->writable && entry->last + 1 == next->address
         && entry->host + (entry->last - entry->address) + 1 == next->host;
}

static void
publish_locked (GuestMemory *memory)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (MapEntry));
  MemoryTable *table;

  for (unsigned i = 0; i < memory->banks->len; i++)
    {
      MemoryBank *bank = memory->banks->pdata[i];

      for (unsigned v = 0; v < BANK_N_VIEWS; v++)
        {
          const BankView *view = &bank->views[v];
          MapEntry entry = { view->address, view->address + view->size - 1, bank->data + view->offset, bank,
                             view->offset,  view->kind == BANK_RAM };

          if (view->shown)
            g_array_append_val (entries, entry);
        }
    }
  g_array_sort (entries, compare_entries);

  table = g_malloc0 (sizeof (MemoryTable) + entries->len * sizeof (MapEntry));
  for (unsigned i = 0; i < entries->len; i++)
    {
      const MapEntry *entry = &g_array_index (entries, MapEntry, i);

      if (table->n_entries > 0 && continues (&table->entries[table->n_entries - 1], entry))
        table->entries[table->n_entries - 1].last = entry->last;
      else
        table->entries[table->n_entries++] = *entry;
    }
  published_replace (&memory->table, table);
}

static bool
is_free_locked (GuestMemory *memory, uint64_t address, uint64_t size, const BankView *except)
{
  for (unsigned i = 0; i < memory->banks->len; i++)
    {
      MemoryBank *bank = memory->banks->pdata[i];

      for (unsigned v = 0; v < BANK_N_VIEWS; v++)
        {
          const BankView *view = &bank->views[v];

          if (view->shown && view != except && view->address < address + size
              && address < view->address + view->size)
            return false;
        }
    }
  return true;
}

static void
hide_locked (MemoryBank *bank, BankView *view)
{
  if (!view->shown)
    return;
  bank_collect_dirty_locked (bank, view);
  bank_set_slot_locked (bank, view, 0);
  g_array_append_val (bank->memory->free_slots, view->slot);
  view->shown = false;
}

static bool
show_locked (MemoryBank *bank, BankView *view, const BankView *wanted)
{
  uint32_t slot = take_slot_locked (bank->memory);

  *view = *wanted;
  view->slot = slot;
  view->shown = bank_set_slot_locked (bank, view, view->size);
  if (!view->shown)
    g_array_append_val (bank->memory->free_slots, slot);
  return view->shown;
}

/* Moves a view; the place it leaves is free at once. */
static bool
change_view_locked (MemoryBank *bank, BankView *view, const BankView *wanted)
{
  BankView old = *view;
  bool shown;

  if (!is_free_locked (bank->memory, wanted->address, wanted->size, view))
    return false;
  if (view->shown && view->address == wanted->address && view->offset == wanted->offset
      && view->size == wanted->size && view->kind == wanted->kind)
    return true;

  hide_locked (bank, view);
  shown = show_locked (bank, view, wanted);
  if (!shown && old.shown)
    show_locked (bank, view, &old);
  publish_locked (bank->memory);
  return shown;
}

static bool
is_sound (uint64_t address, uint64_t size)
{
  return address % GUEST_PAGE_SIZE == 0 && size > 0 && size % GUEST_PAGE_SIZE == 0
         && address + size > address;
}

bool
memory_bank_map (MemoryBank *bank, uint64_t address)
{
  GuestMemory *memory = bank->memory;
  BankView *view = &bank->views[WHOLE_VIEW];
  bool done = true;

  g_mutex_lock (&memory->map_lock);
  if (address == BANK_HIDDEN)
    {
      if (view->shown)
        {
          hide_locked (bank, view);
          publish_locked (memory);
        }
    }
  else
    {
      BankView wanted = { .kind = bank->kind, .address = address, .size = bank->size };

      done = is_sound (address, bank->size) && change_view_locked (bank, view, &wanted);
    }
  g_mutex_unlock (&memory->map_lock);
  return done;
}

bool
memory_bank_map_alias (MemoryBank *bank, unsigned slot, uint64_t address, uint64_t offset, uint64_t size,
                       BankKind kind)
{
  GuestMemory *memory = bank->memory;
  BankView wanted = { .kind = kind, .address = address, .offset = offset, .size = size };
  bool done;

  g_return_val_if_fail (slot >= 1 && slot < BANK_N_VIEWS, false);

  if (!is_sound (address, size) || offset % GUEST_PAGE_SIZE != 0 || offset > bank->size
      || size > bank->size - offset)
    return false;
  g_mutex_lock (&memory->map_lock);
  done = change_view_locked (bank, &bank->views[slot], &wanted);
  g_mutex_unlock (&memory->map_lock);
  return done;
}

void
memory_bank_unmap_alias (MemoryBank *bank, unsigned slot)
{
  GuestMemory *memory = bank->memory;

  g_return_if_fail (slot >= 1 && slot < BANK_N_VIEWS);

  g_mutex_lock (&memory->map_lock);
  if (bank->views[slot].shown)
    {
      hide_locked (bank, &bank->views[slot]);
      publish_locked (memory);
    }
  g_mutex_unlock (&memory->map_lock);
}
