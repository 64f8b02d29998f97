/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/machine/machine.h"

#include <glib.h>

G_BEGIN_DECLS

/*
 * Guest: a machine on the host's real KVM with 2 MiB of RAM at 0, a 64 KiB ROM below 1 MiB and
 * below 4 GiB, and a test device that records what reaches it:
 *
 *   port 0x500 (4)  log: writes are recorded; reads give GUEST_PATTERN's low bytes
 *   port 0x504 (4)  count: each write must be the one before plus 1, else gaps is raised
 *   port 0x508 (1)  ends the machine with status (value << 1) | 1
 *   port 0x50c (1)  asks the board: GUEST_ASK_*
 *   memory at GUEST_MMIO (64 KiB): like the log; at 0xf000 and 0xf008 like the ports 0x504 and 0x508
 */
#define GUEST_RAM_SIZE     (2u << 20)
#define GUEST_PAGE_TABLES  0x1000u
#define GUEST_GDT          0x8000u
#define GUEST_CODE         0x10000u
#define GUEST_OTHER_CODE   0x20000u /* other processors start here */
#define GUEST_DATA         0x30000u
#define GUEST_STACK        0x50000u
#define GUEST_ROM          0xf0000u
#define GUEST_MMIO         UINT64_C (0xd0000000)
#define GUEST_LAPIC        UINT64_C (0xfee00000)
#define GUEST_PATTERN      UINT64_C (0xf1e2d3c4b5a69788)

enum {
  GUEST_ASK_RESET,
  GUEST_ASK_POWER_OFF,
  GUEST_ASK_PAUSE,
  GUEST_ASK_CRASH,
  GUEST_ASK_PANIC = 8,     /* + BoardAction */
  GUEST_ASK_WATCHDOG = 16, /* + BoardAction */
};

typedef struct {
  const uint8_t *code, *code_end;   /* at GUEST_CODE, or at f000:0 with real_mode */
  const uint8_t *other, *other_end; /* at GUEST_OTHER_CODE */
  bool real_mode;
  unsigned n_cpus; /* 0: 1 */
  uint64_t ram_size; /* 0: GUEST_RAM_SIZE */
  bool user_pages;   /* all of memory is open to user mode */
  CpuStart start;  /* registers; mode, rip, rsp, cr3 and gdt are filled in */
} GuestConfig;

#define GUEST_CODE_OF(name) .code = guest_##name, .code_end = guest_##name##_end

typedef struct {
  bool port, write;
  uint64_t address; /* relative to the region */
  unsigned size;
  uint64_t value;
} GuestAccess;

typedef struct {
  GuestConfig config;
  Machine *machine;
  Device *device;
  MemoryBank *ram;

  GMutex lock;
  GCond changed;
  GArray *accesses; /* of GuestAccess; lock, like all below */
  uint32_t count;
  unsigned gaps;
  unsigned n_events, n_resets, n_runs, n_news;
  MachineEvent last; /* message: last_message */
  char *last_message;
} Guest;

/* The machine must come into being. (transfer full) */
Guest *guest_new (const GuestConfig *config);
void guest_free (Guest *guest);

/* Waits for an event; failing after 60 s. */
void guest_wait_state (Guest *guest, MachineState state);
void guest_wait_accesses (Guest *guest, unsigned n);
void guest_wait_count (Guest *guest, uint32_t count);
void guest_wait_resets (Guest *guest, unsigned n);
void guest_wait_news (Guest *guest, unsigned n);

/* Runs it until it ends, which must be by its exit port with status 3 (quit 1). */
void guest_run_to_exit (Guest *guest);

uint32_t guest_count_now (Guest *guest);
GuestAccess guest_access (Guest *guest, unsigned i);
uint8_t *guest_data (Guest *guest, uint64_t address);

/* Reads /dev/kvm's presence; false after telling the test framework why it is skipped. */
bool guest_have_kvm (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Guest, guest_free)

#define GUEST_DECLARE(name) extern const uint8_t guest_##name[], guest_##name##_end[]
GUEST_DECLARE (ports);
GUEST_DECLARE (mmio);
GUEST_DECLARE (strings);
GUEST_DECLARE (count);
GUEST_DECLARE (ask);
GUEST_DECLARE (triple_fault);
GUEST_DECLARE (run_away);
GUEST_DECLARE (write_rom);
GUEST_DECLARE (read_msr);
GUEST_DECLARE (kick);
GUEST_DECLARE (messages);
GUEST_DECLARE (smp);
GUEST_DECLARE (smp_hurry);
GUEST_DECLARE (smp_lost);
GUEST_DECLARE (smp_other);
GUEST_DECLARE (smp_spinner);
GUEST_DECLARE (real_mode);
GUEST_DECLARE (writer);

G_END_DECLS
