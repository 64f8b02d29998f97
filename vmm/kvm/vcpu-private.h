/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/msr.h"
#include "vmm/kvm/vcpu.h"

#include <pthread.h>
#include <time.h>

G_BEGIN_DECLS

/* Everything a vCPU remembers. */
typedef struct {
  struct kvm_regs regs;
  struct kvm_sregs2 sregs;
  struct kvm_vcpu_events events;
  struct kvm_debugregs debug;
  uint64_t xcr0;
  uint32_t mp_state;
  struct kvm_lapic_state lapic;
  uint8_t *xsave;
  size_t xsave_size;
  MsrValues msrs;
} VcpuState;

extern const StateTable vcpu_state_table;

typedef enum {
  EXIT_IO,
  EXIT_MMIO,
  EXIT_HLT,
  EXIT_MSR,
  EXIT_KICK,
  EXIT_SHUTDOWN,
  EXIT_ERROR,
  EXIT_OTHER,
  N_EXIT_KINDS,
} ExitKind;

#define VCPU_CAP_NONE 1000u /* thousandths */

/* Of the own thread. */
typedef struct {
  unsigned share; /* that holds for it by now */
  bool has_timer;
  timer_t timer;               /* on the thread's CPU clock */
  int64_t base_used, base_time; /* ns: since when it is counted, by the CPU clock and the monotonic one */
} VcpuCap;

typedef struct {
  VcpuSet *set;
  unsigned index;
  int fd;
  struct kvm_run *run;
  char trace_name[8];
  bool traced;
  bool in_guest;   /* set->lock: counted in set->n_running */
  bool stuck;      /* own thread: an exit that it can't go on from */
  bool has_thread;
  pthread_t thread;
  VcpuState *power_on;
  VcpuCap cap;
  uint64_t exits[N_EXIT_KINDS]; /* atomic, written by the own thread */
} Vcpu;

/* What the time-stamp counters of a machine whose time stands still go on from. */
typedef struct {
  bool stopped;
  uint64_t tsc; /* of the first vCPU */
} VcpuTime;

struct VcpuSet {
  KvmVm *vm;
  Board *board;
  char *name;
  VcpuTroubleFunc on_trouble;
  void *data;
  unsigned n;
  CpuTopology topology;
  Vcpu *vcpus;
  size_t xsave_size;
  unsigned physical_bits; /* of a guest-physical address */
  int kick_signal;
  VcpuTime time;
  unsigned cap; /* share of its time that each may use, thousandths; written with the lock, read without */

  GMutex lock;
  GCond wake;   /* target, round or cap changed */
  GCond parked; /* n_running fell to 0 */
  int target;   /* VcpuTarget; written with the lock, read without */
  unsigned round; /* counts runs; a stuck vCPU waits for the next */
  unsigned n_running;
};

typedef enum { VCPU_PARK, VCPU_RUN, VCPU_QUIT } VcpuTarget;

/* vcpu.c: all that are in the guest come out of it, and go on. With set->lock. */
void vcpu_set_kick (VcpuSet *set);

/* vcpu-cap.c, on the own thread: takes over what set->cap says. */
void vcpu_cap_update (Vcpu *vcpu);
/* It was interrupted: it rests if it has used more than its share. */
void vcpu_cap_rest (Vcpu *vcpu);
void vcpu_cap_end (Vcpu *vcpu);

/* vcpu-exit.c: handles what KVM_RUN returned with. Sets @stuck if the vCPU can't go on. */
void vcpu_handle_exit (Vcpu *vcpu);
void vcpu_fail_run (Vcpu *vcpu, int run_errno);

/* vcpu-time.c: what a counter that was read as @tsc goes on from, while time stands; exact. */
uint64_t vcpu_time_of (Vcpu *vcpu, uint64_t tsc);
/* Gives the first vCPU's counter the value @tsc, any other's what it is @ahead of the first's. Before the counter is
 * written as an MSR: KVM takes a value within a second of what it expects for its own. */
void vcpu_time_put (Vcpu *vcpu, uint64_t ahead, uint64_t tsc);
/* Time stands still, and the first vCPU's counter is to go on from @tsc. */
void vcpu_time_set (VcpuSet *set, uint64_t tsc);

/* vcpu-state.c */
VcpuState *vcpu_state_new (const VcpuSet *set);
void vcpu_state_free (VcpuState *state);
bool vcpu_get_state (Vcpu *vcpu, VcpuState *state, GError **error);
bool vcpu_set_state (Vcpu *vcpu, const VcpuState *state, GError **error);
bool vcpu_reset (Vcpu *vcpu, const CpuStart *start, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VcpuState, vcpu_state_free)

G_END_DECLS
