/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/cpu-features.h"

G_BEGIN_DECLS

/*
 * CpuModel: a processor by name, as data (cpu-model-table.c). A guest on one sees the same features on every
 * host that can give them; "host" is whatever this host has.
 *
 * Each model has all features of its base: what makers took away again later (TSX, MPX, 3DNow!, XOP, FMA4) is
 * in none, so that machines can move to newer processors.
 *
 * Threading: pure functions.
 */
typedef struct {
  const char *name;
  const char *summary; /* for people */
  const char *vendor;  /* CPUID's 12 characters; NULL: the host's */
  const char *base;    /* (nullable): a model that comes earlier in the table */
  const char *adds;    /* names of features */
  unsigned family, model, stepping;
} CpuModel;

#define CPU_MODEL_HOST     "host"
#define CPU_MODEL_BASELINE "baseline"

/* A NULL name ends. "baseline" is there once for each maker. */
extern const CpuModel cpu_models[];

/* The first of that name for processors of @vendor, or NULL. */
const CpuModel *cpu_model_find (const char *name, const char *vendor);
/* Whether any maker has a model of that name; "host" as well. NULL is "host". */
bool cpu_model_exists (const char *name);

/* Everything that it has. */
CpuFeatures cpu_model_features (const CpuModel *model);

/* The maker in leaf 0 of @cpuid, @vendor[13]. */
void cpu_model_read_vendor (const struct kvm_cpuid2 *cpuid, char *vendor);

/* Why @model can't run where KVM supports @supported, as a sentence with the missing features' names and what
 * to do; NULL: it can. (transfer full) */
char *cpu_model_obstacle (const CpuModel *model, const struct kvm_cpuid2 *supported);

/* Turns @supported, a table of what KVM supports, into what a guest on @model sees. The table may move. */
void cpu_model_apply (const CpuModel *model, struct kvm_cpuid2 **supported);

/* Adds caches as a desktop's processor has them, in leaf 4 (Intel) or 0x8000001d (AMD); who shares one is
 * filled in later. The table may move. */
void cpu_model_put_caches (struct kvm_cpuid2 **cpuid, uint32_t leaf);

G_END_DECLS
