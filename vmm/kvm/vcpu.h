/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/board.h"
#include "vmm/kvm/cpu-start.h"
#include "vmm/kvm/cpu-topology.h"
#include "vmm/kvm/vm.h"

G_BEGIN_DECLS

/*
 * VcpuSet: the processors of one machine, a thread each. They are born parked.
 *
 * Threading: new, free, run, park, reset, save and load: one thread at a time, never a vCPU's.
 * The rest: any thread.
 */
typedef struct VcpuSet VcpuSet;

typedef enum {
  VCPU_TROUBLE_TRIPLE_FAULT, /* the guest crashed */
  VCPU_TROUBLE_POWER_OFF,    /* the guest asked KVM to switch the machine off */
  VCPU_TROUBLE_RESET,        /* the guest asked KVM for a reset */
  VCPU_TROUBLE_PANIC,        /* the guest told KVM that it panicked */
  VCPU_TROUBLE_ERROR,        /* KVM can't go on with this guest */
} VcpuTrouble;

/* On a vCPU's thread, which runs no more of the guest until the next vcpu_set_run. @message: for people. */
typedef void (*VcpuTroubleFunc) (VcpuTrouble trouble, const char *message, void *data);

/**
 * vcpu_set_new:
 * @name: the machine's, for thread names
 * @model: (nullable): CPU model
 * @topology: of board->n_cpus processors
 *
 * Makes board->n_cpus vCPUs. Returns: (transfer full): NULL with @error set.
 */
VcpuSet *vcpu_set_new (KvmVm *vm, Board *board, const char *name, const char *model, const CpuTopology *topology,
                       VcpuTroubleFunc on_trouble, void *data, GError **error);

/* Parks, joins the threads, frees. */
void vcpu_set_free (VcpuSet *set);

void vcpu_set_run (VcpuSet *set);

/* Returns when all vCPUs are out of the guest, with the access they were in completed. */
void vcpu_set_park (VcpuSet *set);

/* Begins to park and returns at once; also from a vCPU's own device access, which is then its last. */
void vcpu_set_request_park (VcpuSet *set);

/* Power-on state, then as @start says. Parked only. */
bool vcpu_set_reset (VcpuSet *set, const CpuStart *start, GError **error);

/* Between the two, no time passes by the guest's time-stamp counters (on PVM it does), and its paravirtual clock
 * tells its watchdogs to keep quiet. Parked only. */
void vcpu_set_stop_time (VcpuSet *set);
void vcpu_set_start_time (VcpuSet *set);

/* Appends all vCPUs' states to @out. Parked only. */
bool vcpu_set_save (VcpuSet *set, GByteArray *out, GError **error);

/* Checks what vcpu_set_save wrote, and with @commit makes it the vCPUs' state. Parked only. If KVM refuses a
 * checked state the vCPUs are undefined until the next reset or load. */
bool vcpu_set_load (VcpuSet *set, const uint8_t *data, size_t size, bool commit, GError **error);

uint64_t vcpu_set_cpu_time (VcpuSet *set); /* ns */

/* From now on each vCPU gets @share, over 0 to 1, of its time; 1: all of it. */
void vcpu_set_cap (VcpuSet *set, double share);

/* "kind count" lines. (transfer full) */
char *vcpu_set_exit_counts (VcpuSet *set);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VcpuSet, vcpu_set_free)

G_END_DECLS
