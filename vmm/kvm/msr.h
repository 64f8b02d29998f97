/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/vm.h"

G_BEGIN_DECLS

/*
 * Model-specific registers: which ones a vCPU's saved state holds, and what becomes of a guest's
 * access to one that KVM does not know.
 *
 * Threading: pure functions; the vCPU is parked for msr_get and msr_set.
 */
#define MSR_MOST 512

/* Values by register, in the order in which they are to be set. */
typedef struct {
  uint32_t count;
  uint32_t index[MSR_MOST];
  uint64_t value[MSR_MOST];
} MsrValues;

extern const StateTable msr_state_table;

/* The registers this host's vCPUs have, as read on the new vCPU @vcpu_fd, with its values. */
bool msr_list (KvmVm *vm, int vcpu_fd, MsrValues *values, GError **error);

/* Reads the registers named in @values. */
bool msr_get (int vcpu_fd, MsrValues *values, GError **error);

/* Sets them; one that can't be set but has the wanted value already is fine. */
bool msr_set (int vcpu_fd, const MsrValues *values, GError **error);

/* Gives memory types (MTRRs) to @values as firmware would, for a guest that starts without one: write-back, but
 * uncached for video memory and from PCI_HOLE_START to 4 GiB. @physical_bits: of an address. */
void msr_set_memory_types (MsrValues *values, unsigned physical_bits);

/* The guest's access to an unknown register: true if it reads as *@value or the write is dropped, false for
 * a general protection fault. */
bool msr_unknown_read (uint32_t index, uint64_t *value);
bool msr_unknown_write (uint32_t index, uint64_t value);

G_END_DECLS
