/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/vm.h"

G_BEGIN_DECLS

/*
 * CPUID policy. "host": what processor and KVM can both do, less what has state that the engine
 * does not carry (nested virtualization, SGX, processor trace, AMX, performance counters, CET), with the
 * topology one package of n cores, one thread each.
 *
 * Threading: pure functions.
 */

/**
 * cpuid_base:
 * @model: (nullable): NULL or "host"
 *
 * Returns: (transfer full): the features all vCPUs share, or NULL with @error set. Free with g_free().
 */
struct kvm_cpuid2 *cpuid_base (KvmVm *vm, const char *model, GError **error);

/* @base with the leaves of vCPU @index of @n_cpus filled in. (transfer full) */
struct kvm_cpuid2 *cpuid_for_cpu (const struct kvm_cpuid2 *base, unsigned index, unsigned n_cpus);

/* The entry for @function and @index, or NULL. */
const struct kvm_cpuid_entry2 *cpuid_find (const struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index);

G_END_DECLS
