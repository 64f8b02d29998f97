/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/base/published.h"
#include "vmm/kvm/hypervisor.h"
#include "vmm/memory/guest-memory.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* A bank as a whole, or up to 15 pieces of it. */
#define BANK_N_VIEWS 16u
#define WHOLE_VIEW   0u

/* One appearance of a bank in the guest's address space: one slot of the hypervisor. */
typedef struct {
  bool shown;
  BankKind kind;
  uint32_t slot;
  uint64_t address;
  uint64_t offset; /* in the bank */
  uint64_t size;
} BankView;

/* Pages of a bank that are a file's, mapped privately: as they are there unless they were written since. */
typedef struct {
  uint64_t first_page, n_pages;
  uint64_t file_page;
  uint64_t device, inode; /* which file: it lives for as long as it is mapped */
} BankBacking;

struct MemoryBank {
  gatomicrefcount refs;
  GuestMemory *memory; /* NULL after the machine's end */
  char *name;
  uint64_t size;
  BankKind kind;
  bool mergeable; /* as guest_memory_merge says */
  int fd;
  uint8_t *data;
  uint8_t *vcpu_data;           /* NULL, or a second mapping: what vCPUs see (map lock) */
  BankView views[BANK_N_VIEWS]; /* guarded by the map lock */
  GArray *backing;              /* NULL, or of BankBacking by first_page, disjoint (backing lock) */

  atomic_bool logging;
  _Atomic (_Atomic uint64_t *) dirty; /* one bit per page; made when logging first starts */

  atomic_bool watched; /* the next write is awaited; set with the watch lock */
  MemoryBankFunc watch_func;
  void *watch_data;
};

/* What accessors search: sorted, disjoint; neighbours in one bank are joined. */
typedef struct {
  uint64_t address, last; /* last: inclusive */
  uint8_t *host;
  MemoryBank *bank;
  uint64_t offset;
  bool writable;
} MapEntry;

typedef struct {
  unsigned n_entries;
  MapEntry entries[];
} MemoryTable;

struct GuestMemory {
  Hypervisor *hypervisor;
  GMutex map_lock;
  GMutex backing_lock; /* and the mappings themselves; nothing is called with it */
  GPtrArray *banks;
  struct MemoryCare *care;
  Published table; /* of MemoryTable */
  GArray *free_slots;
  uint32_t n_slots;
  GMutex watch_lock;
  atomic_uint watch_generation; /* watches ended so far */
};

/* Whether it is what the guest takes for its memory. */
bool bank_is_ram (const MemoryBank *bank);

/* Puts new zeroed memory into a place of a RAM bank. False: the host can't, and nothing has changed. */
bool bank_map_zeros (MemoryBank *bank, uint64_t offset, uint64_t size);

/* New memory instead of what was there; banks that others map too keep theirs, emptied. False with errno set.
 * Under the backing lock. */
bool bank_empty (MemoryBank *bank);

/* Tells the kernel how the bank's memory is used, again after mappings have changed. */
void bank_advise (MemoryBank *bank);

/* How often the process may map pieces of files into one guest's memory. */
unsigned guest_memory_max_mappings (void);

/* The bank of that name, or NULL. */
MemoryBank *guest_memory_find (GuestMemory *memory, const char *name);

/* Copies the map's entry that @address is in. It stays true enough afterwards: a bank's memory is never
 * unmapped while the machine lives, and a guest that moves it meanwhile gets either place. */
bool guest_memory_look_up (GuestMemory *memory, uint64_t address, MapEntry *found);

/* Moves the hypervisor's dirty bits of a view into the bank's. */
void bank_collect_dirty_locked (MemoryBank *bank, const BankView *view);
void bank_clear_dirty_locked (MemoryBank *bank);

/* A device writes to @bank: ends a watch. */
void bank_note_write (MemoryBank *bank);

/* Tells the hypervisor of a view, with @size 0 removing it. */
bool bank_set_slot_locked (MemoryBank *bank, const BankView *view, uint64_t size);

G_END_DECLS
