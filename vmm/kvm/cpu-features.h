/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/vm.h"

G_BEGIN_DECLS

/*
 * CpuFeatures: a set of processor features, with the names that Linux gives them in /proc/cpuinfo.
 * Bits stand as in CPUID: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E.
 *
 * Threading: pure functions.
 */
typedef enum {
  CPU_WORD_1_EDX,
  CPU_WORD_1_ECX,
  CPU_WORD_7_EBX,
  CPU_WORD_7_ECX,
  CPU_WORD_7_EDX,
  CPU_WORD_7_1_EAX,
  CPU_WORD_D_1_EAX,
  CPU_WORD_80000001_EDX,
  CPU_WORD_80000001_ECX,
  CPU_WORD_80000007_EDX,
  CPU_WORD_80000008_EBX,
  CPU_WORD_80000021_EAX,
  N_CPU_WORDS,
} CpuWord;

typedef struct {
  uint32_t words[N_CPU_WORDS];
} CpuFeatures;

/* Adds the features named in @names, which spaces separate. False if one is unknown; the others are added. */
bool cpu_features_add (CpuFeatures *features, const char *names);
/* Whether it has the feature called @name. */
bool cpu_features_have (const CpuFeatures *features, const char *name);
/* Their names, separated by spaces; a nameless one by its place. (transfer full) */
char *cpu_features_names (const CpuFeatures *features);

/* What is in @features and not in @others. */
CpuFeatures cpu_features_without (const CpuFeatures *features, const CpuFeatures *others);
bool cpu_features_empty (const CpuFeatures *features);

/* Reads the words out of @cpuid, and writes them into the leaves that it has. */
CpuFeatures cpu_features_of (const struct kvm_cpuid2 *cpuid);
void cpu_features_store (const CpuFeatures *features, struct kvm_cpuid2 *cpuid);

G_END_DECLS
