/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/board.h"
#include "vmm/kvm/cpu-start.h"
#include "vmm/kvm/cpu-topology.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Machine: a KVM virtual machine's life. One event-loop thread, one thread per vCPU.
 *
 * Threading: all functions from any thread that is not a callback of this machine's loop, except
 * where noted. Commands are asynchronous: they are queued to the loop and answered by an event.
 */
typedef struct Machine Machine;

typedef enum {
  MACHINE_CREATED, /* never ran */
  MACHINE_RUNNING,
  MACHINE_PAUSED,
  MACHINE_ENDED, /* the end: only machine_free follows */
} MachineState;

typedef enum {
  MACHINE_REASON_NONE,
  MACHINE_REASON_USER,         /* paused, or ended, by the host's user */
  MACHINE_REASON_IO_ERROR,     /* paused: a disk can't take a write, or a file with the guest's memory is damaged;
                                  the message says which and why */
  MACHINE_REASON_GUEST_OFF,    /* ended: the guest switched itself off */
  MACHINE_REASON_GUEST_EXIT,   /* ended by the debug-exit port; status holds (value << 1) | 1 */
  MACHINE_REASON_TRIPLE_FAULT, /* ended: the guest crashed */
  MACHINE_REASON_GUEST_PANIC,  /* the guest said that it panicked: in any state */
  MACHINE_REASON_WATCHDOG,     /* the guest's watchdog ran out: in any state */
  MACHINE_REASON_ENGINE_ERROR, /* ended: KVM can't run this guest; the message says what it met */
} MachineReason;

typedef struct {
  MachineState state;
  MachineReason reason;
  int status;          /* GUEST_EXIT only */
  const char *message; /* (nullable): a sentence for people; valid during the callback */
  bool was_reset;      /* the guest, the user or a watchdog reset the machine; the state is unchanged */
  bool is_news;        /* the guest is in trouble, but nothing was done: the state is unchanged */
} MachineEvent;

/* On the machine's loop thread, without locks. */
typedef void (*MachineEventFunc) (Machine *machine, const MachineEvent *event, void *data);

typedef struct {
  const char *name;   /* for thread names and messages */
  unsigned n_cpus;    /* 1..255 */
  const char *cpu;    /* (nullable): CPU model (cpu-model.h); NULL: "host" */
  CpuTopology topology; /* sockets 0: one socket, one thread per core */
  const char *trace;  /* (nullable): trace patterns */
  const char *trace_path;

  /* Puts RAM and devices on the board. Once, before anything runs. */
  bool (*build) (Board *board, void *data, GError **error);
  /* After every reset: lays out memory for the first instruction and says where the boot CPU
   * starts. The others wait for INIT/SIPI. NULL: reset vector. */
  void (*prepare) (Board *board, CpuStart *start, void *data);
  void *build_data; /* must outlive the machine */

  MachineEventFunc on_event;
  void *on_event_data;
} MachineConfig;

/* Opens KVM and builds the machine. @config is read during the call only (but for build_data).
 * Returns: (transfer full): a machine in state CREATED, or NULL with @error set. */
Machine *machine_new (const MachineConfig *config, GError **error);

/* Powers off at once if need be, joins all threads, frees. Sends no event any more. */
void machine_free (Machine *machine);

Board *machine_board (Machine *machine);
MachineState machine_state (Machine *machine);

/* CREATED or PAUSED → RUNNING. */
void machine_run (Machine *machine);
/* RUNNING → PAUSED: vCPUs parked, devices drained, clock stopped. */
void machine_pause (Machine *machine);
/* Like the reset button. Keeps RUNNING or PAUSED. */
void machine_reset (Machine *machine);
/* Pulls the plug: → ENDED, reason USER. */
void machine_power_off (Machine *machine);

/* On the machine's loop. False with @error set if it failed. */
typedef bool (*MachineHoldFunc) (Machine *machine, void *data, GError **error);

typedef struct {
  bool stay;      /* stay PAUSED afterwards, if @func succeeded: told by an event, reason USER */
  int64_t *stood; /* (nullable) (out): ns for which a running guest stood */
} MachineHold;

/**
 * machine_hold:
 *
 * Calls @func while the machine stands: vCPUs parked, nothing in flight, no time passing for the guest; then it goes
 * on. No event tells of it, and the state stays what it is. In @func machine_save works. Any state but ENDED. What
 * the guest has asked for by then (a reset) is done first. Returns when all is over: false with @error set if @func
 * failed or the machine has ended.
 */
bool machine_hold (Machine *machine, const MachineHold *hold, MachineHoldFunc func, void *data, GError **error);

/* Waits for the state to be other than @state. @timeout_ms: -1 for ever. Returns: the state. */
MachineState machine_wait_while (Machine *machine, MachineState state, int timeout_ms);

/* The state of a machine that is CREATED, PAUSED or held: clock, devices, interrupt controllers, vCPUs. The contents
 * of memory banks are not in it. Returns: (transfer full): NULL with @error set. */
GBytes *machine_save (Machine *machine, GError **error);

/**
 * machine_load:
 * @data: @size bytes as machine_save gave them; untrusted
 *
 * Gives that state to a machine of the same configuration that is CREATED or PAUSED; its next machine_run
 * goes on from there. Fill the memory banks first. Everything is checked before anything changes; should KVM
 * then refuse a value all the same, the machine needs machine_reset. Returns: false with @error set.
 */
bool machine_load (Machine *machine, const uint8_t *data, size_t size, GError **error);

/* CPU time in ns that all vCPU threads have used, for graphs. */
uint64_t machine_cpu_time (Machine *machine);

/* From now on each processor gets @share, over 0 to 1, of its time; 1: all of it. What its devices do isn't counted. Any
 * thread. */
void machine_set_cap (Machine *machine, double share);

/* Exits to user space so far, by kind ("io", "mmio", "hlt", ...), as "kind count" lines. (transfer full) */
char *machine_exit_counts (Machine *machine);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Machine, machine_free)

G_END_DECLS
