/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/hypervisor.h"
#include "vmm/state/state.h"

#include <linux/kvm.h>

G_BEGIN_DECLS

/*
 * KvmVm: one KVM virtual machine with PIC, IOAPIC, PIT and local APICs in the kernel.
 *
 * GSI routes: 0..15 reach the PIC, 0..23 the IOAPIC; GSI 0 (the PIT) ends at IOAPIC pin 2, so the
 * MADT must override ISA interrupt 0 to GSI 2. MSI routes are numbered from 24.
 * Until kvm_vm_create_chips, lines only keep their levels and no MSI can be routed.
 * Port 0x61 and the PIT's ports are the kernel's.
 *
 * Threading: any thread, except new and free; state functions want all vCPUs parked.
 */
typedef struct KvmVm KvmVm;

/* Guest pages that KVM itself uses on some processors; no RAM, ROM or BAR may lie there. */
#define KVM_VM_RESERVED_START UINT64_C (0xfeffc000)
#define KVM_VM_RESERVED_SIZE  UINT64_C (0x4000)

/* A KVM capability that the engine can't do without. */
typedef struct {
  int number;
  const char *name; /* "KVM_CAP_IRQFD" */
  const char *what; /* what it is for */
} KvmCapability;

/* Ends with a NULL name. */
extern const KvmCapability kvm_required_capabilities[];

/* Makes a VM for up to @n_cpus vCPUs. Returns: (transfer full): NULL with @error set if this host can't. */
KvmVm *kvm_vm_new (unsigned n_cpus, GError **error);
void kvm_vm_free (KvmVm *vm); /* vCPUs must be gone */

/* Makes interrupt controllers and PIT: once, after the first memory slots and before any vCPU. A slot that is
 * added right after the chips waits milliseconds for KVM to let go of its old list of ports. */
bool kvm_vm_create_chips (KvmVm *vm, GError **error);

Hypervisor *kvm_vm_hypervisor (KvmVm *vm);
int kvm_vm_fd (const KvmVm *vm);
int kvm_vm_system_fd (const KvmVm *vm);          /* /dev/kvm */
int kvm_vm_check (const KvmVm *vm, int capability); /* 0: absent */
size_t kvm_vm_run_size (const KvmVm *vm);        /* bytes of a vCPU's kvm_run mapping */
bool kvm_vm_is_pvm (const KvmVm *vm);            /* kernel-mode code of guests is emulated */

/* What the kernel's chips remember; walked by kvm_vm_state_table. */
typedef struct {
  struct kvm_pic_state pic[2];
  struct kvm_ioapic_state ioapic;
  struct kvm_pit_state2 pit;
  uint64_t clock; /* ns of KVM's paravirtual clock */
} KvmVmState;

extern const StateTable kvm_vm_state_table;

bool kvm_vm_get_state (KvmVm *vm, KvmVmState *state, GError **error);
bool kvm_vm_set_state (KvmVm *vm, const KvmVmState *state, GError **error);

/* The members pit and clock alone. They are taken when a machine stops, whose vCPUs are parked, and put back when it
 * goes on, so that no time passes for the guest, and the PIT does nothing, in between. */
bool kvm_vm_get_time (KvmVm *vm, KvmVmState *state, GError **error);
bool kvm_vm_stop_time (KvmVm *vm, KvmVmState *state, GError **error);
bool kvm_vm_start_time (KvmVm *vm, const KvmVmState *state, GError **error);

/* Interrupt controllers and PIT as after power-on; the clock goes on. */
bool kvm_vm_reset (KvmVm *vm, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvmVm, kvm_vm_free)

G_END_DECLS
