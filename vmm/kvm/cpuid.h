/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/cpu-topology.h"
#include "vmm/kvm/cpuid-entry.h"

G_BEGIN_DECLS

/*
 * CPUID policy. "host": what processor and KVM can both do, less what has state that the engine
 * does not carry (nested virtualization, SGX, processor trace, AMX, performance counters, CET). Other models
 * (cpu-model.h): what they say, and what protects a guest on this host. All have KVM's paravirtual features.
 *
 * Threading: pure functions.
 */

/**
 * cpuid_base:
 * @model: (nullable): a processor model's name; NULL: "host"
 *
 * Returns: (transfer full): the features all vCPUs share, or NULL with @error set, which names the features
 * that are missing. Free with g_free().
 */
struct kvm_cpuid2 *cpuid_base (KvmVm *vm, const char *model, GError **error);

/* @base with the leaves of vCPU @index filled in, which are those of its place and of the clock rate
 * @tsc_khz; 0: unknown. (transfer full) */
struct kvm_cpuid2 *cpuid_for_cpu (const struct kvm_cpuid2 *base, const CpuTopology *topology, unsigned index,
                                  unsigned tsc_khz);

typedef struct {
  const char *name, *summary;
  const char *vendor; /* NULL: any */
  bool foreign;       /* it is another maker's */
  char *obstacle;     /* why it doesn't run here, and what to do; NULL: it does */
  char *missing;      /* names of features, separated by spaces */
} CpuModelReport;

/* All models and whether this host can give them. Returns: (transfer full): of CpuModelReport, or NULL with
 * @error set if there is no KVM. */
GPtrArray *cpuid_report_models (GError **error);

G_END_DECLS
