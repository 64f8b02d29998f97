/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/cpu-model.h"

#include "vmm/kvm/cpuid-entry.h"

#define BIT(n) (1u << (n))

#define VENDOR_SIZE 12
#define BRAND_SIZE  48 /* leaves 0x80000002 to 4 */

/* Whatever the model: a guest without them would not know how to protect itself on this host. */
#define PROTECTIONS                                                                                          \
  "spec_ctrl intel_stibp ssbd md_clear flush_l1d arch_capabilities srbds_ctrl ibpb ibrs stibp "              \
  "ibrs_always_on stibp_always_on amd_ssbd virt_ssbd amd_ssb_no amd_psfd lfence_rdtsc autoibrs sbpb "        \
  "ibpb_brtype srso_no"

/* AMD repeats them in leaf 0x80000001: APM vol. 3, E.4.2. */
#define MIRRORED UINT32_C (0x0183f3ff)

/* --- which there are --- */

const CpuModel *
cpu_model_find (const char *name, const char *vendor)
{
  for (const CpuModel *model = cpu_models; model->name; model++)
    {
      if (g_str_equal (model->name, name)
          && (!vendor || !model->vendor || g_str_equal (model->vendor, vendor)))
        return model;
    }
  return NULL;
}

bool
cpu_model_exists (const char *name)
{
  return !name || g_str_equal (name, CPU_MODEL_HOST) || cpu_model_find (name, NULL);
}

CpuFeatures
cpu_model_features (const CpuModel *model)
{
  CpuFeatures features = { 0 };

  while (model)
    {
      cpu_features_add (&features, model->adds);
      model = model->base ? cpu_model_find (model->base, NULL) : NULL;
    }
  return features;
}

void
cpu_model_read_vendor (const struct kvm_cpuid2 *cpuid, char *vendor)
{
  const struct kvm_cpuid_entry2 *entry = cpuid_find (cpuid, 0, 0);

  memset (vendor, 0, VENDOR_SIZE + 1);
  if (!entry)
    return;
  memcpy (vendor, &entry->ebx, 4);
  memcpy (vendor + 4, &entry->edx, 4);
  memcpy (vendor + 8, &entry->ecx, 4);
}

char *
cpu_model_obstacle (const CpuModel *model, const struct kvm_cpuid2 *supported)
{
  CpuFeatures wanted = cpu_model_features (model);
  CpuFeatures present = cpu_features_of (supported);
  CpuFeatures missing = cpu_features_without (&wanted, &present);
  g_autofree char *names = cpu_features_names (&missing);
  char vendor[VENDOR_SIZE + 1];

  cpu_model_read_vendor (supported, vendor);
  if (model->vendor && !g_str_equal (model->vendor, vendor))
    return g_strdup_printf (
      "The processor model \"%s\" is %s, and this computer's processor is %s: choose one of its "
      "maker's, \"baseline\", or \"host\".",
      model->name, model->vendor, vendor);
  if (cpu_features_empty (&missing))
    return NULL;
  return g_strdup_printf (
    "This computer's processor, or its KVM, lacks what the processor model \"%s\" has: %s. Choose an "
    "older model, or \"host\"; \"bonsai host --cpus\" tells which run here.",
    model->name, names);
}

/* --- what a guest on one sees --- */

static bool
is_amd (const CpuModel *model, const struct kvm_cpuid2 *cpuid)
{
  char vendor[VENDOR_SIZE + 1];

  cpu_model_read_vendor (cpuid, vendor);
  return g_str_equal (vendor, "AuthenticAMD") || g_str_equal (vendor, "HygonGenuine");
}

/* Leaf 1, EAX: Intel SDM vol. 2A, figure 3-6. Models for any maker are AMD's family 10h there. */
static uint32_t
signature (const CpuModel *model, bool amd)
{
  unsigned family = amd && !model->vendor ? 16 : model->family;
  unsigned number = amd && !model->vendor ? 2 : model->model;
  unsigned base = MIN (family, 15u);

  return (family - base) << 20 | (number >> 4) << 16 | base << 8 | (number & 15) << 4 | model->stepping;
}

static void
put_name (struct kvm_cpuid2 **cpuid, const CpuModel *model)
{
  char brand[BRAND_SIZE + 4] = { 0 };

  g_snprintf (brand, BRAND_SIZE, "%s Processor (%s)",
              !model->vendor            ? "x86-64"
              : model->vendor[0] == 'G' ? "Intel"
                                        : "AMD",
              model->name);
  for (unsigned i = 0; i < 3; i++)
    {
      struct kvm_cpuid_entry2 entry = { .function = 0x80000002 + i };

      memcpy (&entry.eax, brand + 16 * i, 4);
      memcpy (&entry.ebx, brand + 16 * i + 4, 4);
      memcpy (&entry.ecx, brand + 16 * i + 8, 4);
      memcpy (&entry.edx, brand + 16 * i + 12, 4);
      cpuid_put (cpuid, entry);
    }
}

typedef struct {
  unsigned level, type, kib, ways; /* type: 1 data, 2 instructions, 3 both */
} Cache;

static const Cache caches[] = { { 1, 1, 32, 8 }, { 1, 2, 32, 8 }, { 2, 3, 512, 8 }, { 3, 3, 16384, 16 } };

void
cpu_model_put_caches (struct kvm_cpuid2 **cpuid, uint32_t function)
{
  cpuid_drop (*cpuid, function, function);
  for (unsigned i = 0; i <= G_N_ELEMENTS (caches); i++)
    {
      struct kvm_cpuid_entry2 entry = { .function = function,
                                        .index = i,
                                        .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX };

      if (i < G_N_ELEMENTS (caches))
        {
          const Cache *cache = &caches[i];

          entry.eax = cache->type | cache->level << 5 | BIT (8) /* needs no initialising */;
          entry.ebx = 63 | (cache->ways - 1) << 22;
          entry.ecx = cache->kib * 1024 / 64 / cache->ways - 1;
        }
      cpuid_put (cpuid, entry);
    }
}

/* The same in AMD's older leaves, APM vol. 3, E.4.4; Intel leaves all but the second level's size there 0. */
static void
put_old_caches (struct kvm_cpuid2 **cpuid, bool amd)
{
  struct kvm_cpuid_entry2 first = { .function = 0x80000005 }, others = { .function = 0x80000006 };

  others.ecx = caches[2].kib << 16 | 6 /* 8 ways */ << 12 | (amd ? 1 << 8 : 0) | 64;
  if (amd)
    {
      first.ecx = caches[0].kib << 24 | caches[0].ways << 16 | 1 << 8 | 64;
      first.edx = caches[1].kib << 24 | caches[1].ways << 16 | 1 << 8 | 64;
      others.edx = caches[3].kib / 512 << 18 | 8 /* 16 ways */ << 12 | 1 << 8 | 64;
    }
  cpuid_put (cpuid, first);
  cpuid_put (cpuid, others);
}

/* Leaf 7's subleaves: 1 is a word of the model's, 2 protections only. */
static void
trim_leaf_7 (struct kvm_cpuid2 *cpuid)
{
  struct kvm_cpuid_entry2 *first = cpuid_find_mutable (cpuid, 7, 0);
  struct kvm_cpuid_entry2 *second = cpuid_find_mutable (cpuid, 7, 1);
  struct kvm_cpuid_entry2 *third = cpuid_find_mutable (cpuid, 7, 2);

  if (second)
    second->ebx = second->ecx = second->edx = 0;
  if (third)
    third->eax = third->ebx = third->ecx = 0;
  if (first)
    first->eax = third ? 2 : second ? 1 : 0;
}

/* State components: Intel SDM vol. 1, 13.1. */
static void
trim_state_components (struct kvm_cpuid2 *cpuid, const CpuFeatures *features)
{
  struct kvm_cpuid_entry2 *entry = cpuid_find_mutable (cpuid, 0xd, 0);

  if (!cpu_features_have (features, "xsave"))
    cpuid_drop (cpuid, 0xd, 0xd);
  else if (entry)
    {
      entry->eax &= BIT (0) | BIT (1) | (cpu_features_have (features, "avx") ? BIT (2) : 0)
                    | (cpu_features_have (features, "avx512f") ? BIT (5) | BIT (6) | BIT (7) : 0)
                    | (cpu_features_have (features, "pku") ? BIT (9) : 0);
      entry->edx = 0;
    }
}

static void
put_leaf_limits (struct kvm_cpuid2 *cpuid, const CpuFeatures *features)
{
  struct kvm_cpuid_entry2 *basic = cpuid_find_mutable (cpuid, 0, 0);
  struct kvm_cpuid_entry2 *extended = cpuid_find_mutable (cpuid, 0x80000000, 0);

  if (basic)
    basic->eax = cpu_features_have (features, "xsave") ? 0xd : 0xb;
  if (extended)
    extended->eax = 0x80000008;
  cpuid_drop (cpuid, 2, 6);
  cpuid_drop (cpuid, 8, 0xa);
  cpuid_drop (cpuid, 0xe, 0x3fffffff);
  cpuid_drop (cpuid, 0x80000009, 0x8000001f);
  cpuid_drop (cpuid, 0x80000022, 0x8000ffff);
}

void
cpu_model_apply (const CpuModel *model, struct kvm_cpuid2 **supported)
{
  CpuFeatures features = cpu_model_features (model), present = cpu_features_of (*supported), passed = { 0 };
  bool amd = is_amd (model, *supported);
  struct kvm_cpuid_entry2 *entry;

  cpu_features_add (&passed, PROTECTIONS);
  for (unsigned i = 0; i < N_CPU_WORDS; i++)
    features.words[i] = (features.words[i] | passed.words[i]) & present.words[i];
  if (amd)
    {
      features.words[CPU_WORD_80000001_EDX] |= features.words[CPU_WORD_1_EDX] & MIRRORED;
      /* Leaves of the engine's own making, whatever the host's are. */
      if (model->family >= 21)
        cpu_features_add (&features, "topoext");
    }
  cpu_features_store (&features, *supported);
  trim_leaf_7 (*supported);
  trim_state_components (*supported, &features);
  put_leaf_limits (*supported, &features);

  if ((entry = cpuid_find_mutable (*supported, 1, 0)))
    entry->eax = signature (model, amd);
  if ((entry = cpuid_find_mutable (*supported, 0x80000001, 0)))
    {
      entry->eax = amd ? signature (model, amd) : 0;
      entry->ebx = 0;
    }
  if ((entry = cpuid_find_mutable (*supported, 0x80000007, 0)))
    entry->eax = entry->ebx = entry->ecx = 0;
  if ((entry = cpuid_find_mutable (*supported, 0x80000008, 0)))
    entry->ecx = entry->edx = 0;

  put_name (supported, model);
  put_old_caches (supported, amd);
  if (amd)
    cpu_model_put_caches (supported, 0x8000001d);
  else
    {
      /* Descriptor 0xff: leaf 4 tells. */
      cpuid_put (supported, (struct kvm_cpuid_entry2){ .function = 2, .eax = 0xff01 });
      cpu_model_put_caches (supported, 4);
    }
}
