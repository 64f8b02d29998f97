/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/vm.h"

G_BEGIN_DECLS

/*
 * Tables of CPUID leaves as KVM takes them, freed with g_free().
 *
 * Threading: pure functions.
 */

typedef enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX } CpuidRegister;

/* What KVM, open as @system_fd, supports. Returns: (transfer full): NULL with errno set. */
struct kvm_cpuid2 *cpuid_new_supported (int system_fd);
/* (transfer full) */
struct kvm_cpuid2 *cpuid_copy (const struct kvm_cpuid2 *cpuid);

/* The entry for @function and @index, or NULL. */
const struct kvm_cpuid_entry2 *cpuid_find (const struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index);
struct kvm_cpuid_entry2 *cpuid_find_mutable (struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index);

uint32_t *cpuid_register (struct kvm_cpuid_entry2 *entry, CpuidRegister reg);

/* Adds the entry, or replaces it. The table may move. */
void cpuid_put (struct kvm_cpuid2 **cpuid, struct kvm_cpuid_entry2 entry);
/* Takes all entries of leaves @first..@last away. */
void cpuid_drop (struct kvm_cpuid2 *cpuid, uint32_t first, uint32_t last);

G_END_DECLS
