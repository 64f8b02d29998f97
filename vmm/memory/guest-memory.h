/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

typedef struct Hypervisor Hypervisor;

/*
 * GuestMemory: the guest-physical memory map's RAM and ROM. Banks named "ram-*" are private memory, in
 * huge pages if the host has them; the others are memfd-backed. A bank may be visible at one guest
 * address, or hidden (video memory whose BAR is off).
 *
 * Threading: creation, mapping and moving of banks: one thread at a time (the machine's map
 * lock is taken inside). Accessors: any thread, no lock; a bank's memory lives as long as
 * someone holds a reference to it.
 */
typedef struct GuestMemory GuestMemory;
typedef struct MemoryBank MemoryBank;
typedef void (*MemoryBankFunc) (MemoryBank *bank, void *data);

#define GUEST_PAGE_SIZE 4096u
#define PCI_HOLE_START  UINT64_C (0xb0000000) /* low RAM ends here at most; ECAM and BARs follow */
#define HIGH_RAM_START  UINT64_C (0x100000000)
#define BANK_HIDDEN     UINT64_MAX

typedef enum {
  BANK_RAM,
  BANK_ROM, /* guest writes leave KVM as MMIO exits */
} BankKind;

/* The host may hold pages of @bank, if it is RAM, that are equal to others, of this machine or another, once only, until
 * somebody writes (KSM, MADV_MERGEABLE): by and by, if its administrator has switched that on, and at the cost of huge
 * pages. Guests can find out by timing whether another has the same page. Before the machine runs. */
void bank_merge (MemoryBank *bank);

/* @hypervisor: (nullable): told of every mapping; NULL for benches. Returns: (transfer full). */
GuestMemory *guest_memory_new (Hypervisor *hypervisor);
void guest_memory_free (GuestMemory *memory);

/**
 * guest_memory_add_bank:
 * @name: for messages and saved states ("ram-low", "vram", "bios")
 * @size: bytes, a multiple of the page size, not 0
 *
 * Makes a zeroed, hidden bank. Returns: (transfer none): the bank, owned by @memory; NULL with
 * VMM_ERROR_RESOURCE if the host can't give that much.
 */
MemoryBank *guest_memory_add_bank (GuestMemory *memory, const char *name, uint64_t size, BankKind kind,
                                   GError **error);

/* Shows @bank at @address (page-aligned) or, with BANK_HIDDEN, nowhere. On overlap with a shown
 * bank nothing changes and false is returned: guests do that, it is not an error. */
bool memory_bank_map (MemoryBank *bank, uint64_t address);

/* Shows only [offset, offset+size) of @bank at @address; aliases of one bank: up to 15 of its pieces may be
 * shown at a time, each named by @slot (1..15; PAM and VGA windows). */
bool memory_bank_map_alias (MemoryBank *bank, unsigned slot, uint64_t address, uint64_t offset, uint64_t size,
                            BankKind kind);
void memory_bank_unmap_alias (MemoryBank *bank, unsigned slot);

void *memory_bank_data (MemoryBank *bank); /* host address of its first byte */
uint64_t memory_bank_size (const MemoryBank *bank);
uint64_t memory_bank_address (const MemoryBank *bank); /* or BANK_HIDDEN */
int memory_bank_fd (const MemoryBank *bank);           /* the memfd, the bank's; -1 of RAM */
const char *memory_bank_name (const MemoryBank *bank);

/* Keeps the memory mapped beyond the machine's end (a console that still shows it). */
MemoryBank *memory_bank_ref (MemoryBank *bank);
void memory_bank_unref (MemoryBank *bank);

/* --- dirty pages --- */

/* Starts or stops logging of the guest's writes to @bank. Pages written by memory_* and DMA accessors are
 * logged as well. */
void memory_bank_log_dirty (MemoryBank *bank, bool enable);

/**
 * memory_bank_take_dirty:
 * @bitmap: one bit per page of the bank, (size / 4096 + 63) / 64 words: bits are OR-ed in
 *
 * Moves the dirty bits since the last call to @bitmap. Returns: true if any was set.
 */
bool memory_bank_take_dirty (MemoryBank *bank, uint64_t *bitmap);

/* Like a write by a device: marks the pages dirty. */
void memory_bank_set_dirty (MemoryBank *bank, uint64_t offset, uint64_t size);

/**
 * memory_bank_watch_write:
 * @func: called once: at, or just before, the next write to @bank by a vCPU or a device (whoever writes calls
 *   memory_bank_set_dirty); on the writer's thread, device locks may be held, so it must not take any
 *
 * Waits for a write without polling and without cost in between: a frame buffer that nobody draws on. vCPUs
 * are stopped by a read-only view of the bank's memory, so it must not be memory that holds the guest's page
 * tables: RAM can't be watched, @func is called at once. Replaces an earlier watch; NULL @func ends it.
 */
void memory_bank_watch_write (MemoryBank *bank, MemoryBankFunc func, void *data);

/* For the engine: KVM_RUN failed with EFAULT. Ends all watches, calling their functions. Returns: true if the
 * vCPU may try again: a watch has ended since @generation was taken, before KVM_RUN. */
bool guest_memory_resolve_fault (GuestMemory *memory, unsigned generation);
unsigned guest_memory_watch_generation (GuestMemory *memory);

/* --- accessors; addresses are guest-physical --- */

/* Copies; false, having touched nothing, unless the whole range is RAM (reads: RAM or ROM). */
bool guest_read (GuestMemory *memory, uint64_t address, void *buffer, size_t size);
bool guest_write (GuestMemory *memory, uint64_t address, const void *buffer, size_t size);

/* Host address of a range that lies within one bank, or NULL. The guest may change what is there
 * at any time: copy before checking. For writing: RAM only, and marks it dirty. */
void *guest_map (GuestMemory *memory, uint64_t address, uint64_t size, bool for_writing);

/**
 * guest_map_iov:
 * @iov, @n_iov: array to fill and its capacity; on success the number used
 *
 * Like guest_map, for ranges that may cross banks. False if any byte is no RAM or @iov is too small.
 */
bool guest_map_iov (GuestMemory *memory, uint64_t address, uint64_t size, bool for_writing, struct iovec *iov,
                    unsigned *n_iov);

/* --- memory that the guest doesn't need --- */

/**
 * guest_memory_discard:
 *
 * Gives the whole pages within a range back to the host: they cost nothing and read as zeros until they are
 * written again. What is not the guest's RAM (banks named "ram-*"), or not writable there, is left alone. The
 * pages become dirty, for their content changes: a snapshot under way takes them as zeros. Any thread. Host
 * pointers into them stay good. Steps over what is no RAM page by page: keep @size small where a guest names
 * it.
 *
 * Returns: bytes that were given back.
 */
uint64_t guest_memory_discard (GuestMemory *memory, uint64_t address, uint64_t size);

/* The same for a piece that guest_map_iov gave. */
uint64_t guest_memory_discard_host (GuestMemory *memory, void *host, uint64_t size);

/* Bytes of RAM that the host has given to the guest so far and not got back. Walks the page tables: for
 * people who ask, not for devices. */
uint64_t guest_memory_resident (GuestMemory *memory);

/* Calls @func for each bank in order of creation. */
void guest_memory_foreach (GuestMemory *memory, MemoryBankFunc func, void *data);

/* Bytes of RAM banks named "ram-*". */
uint64_t guest_memory_ram_size (GuestMemory *memory);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GuestMemory, guest_memory_free)

G_END_DECLS
