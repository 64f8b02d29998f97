/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/cpuid.h"

#include "vmm/base/error.h"
#include "vmm/kvm/cpu-model.h"

#include <asm/kvm_para.h>
#include <cpuid.h>
#include <errno.h>
#include <sys/ioctl.h>

/* Leaf numbers and bits: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E; Linux
 * Documentation/virt/kvm/x86/cpuid.rst for 0x4000_00xx. */
#define BIT(n) (1u << (n))

typedef struct {
  uint32_t function;
  uint32_t index;
  CpuidRegister reg;
  uint32_t bits;
  const char *why;
} CpuidMask;

#define ALL UINT32_MAX

static const CpuidMask never[] = {
  { 0x1, 0, CPUID_ECX, BIT (2) | BIT (3), "DTES64, MONITOR" },
  { 0x1, 0, CPUID_ECX, BIT (5) | BIT (6), "VMX, SMX: nested state" },
  { 0x1, 0, CPUID_ECX, BIT (7) | BIT (8) | BIT (15), "EIST, TM2, PDCM: power and counters" },
  { 0x1, 0, CPUID_ECX, BIT (27), "OSXSAVE: KVM mirrors CR4" },
  { 0x1, 0, CPUID_EDX, BIT (21) | BIT (22) | BIT (29), "DS, ACPI, TM" },
  { 0x7, 0, CPUID_EBX, BIT (2) | BIT (25), "SGX, PT" },
  { 0x7, 0, CPUID_ECX, BIT (7) | BIT (30), "SHSTK, SGX_LC" },
  { 0x7, 0, CPUID_EDX, BIT (5) | BIT (19) | BIT (20) | BIT (22) | BIT (24) | BIT (25),
    "UINTR, LBR, IBT, AMX" },
  { 0x7, 1, CPUID_EAX, BIT (21), "AMX-FP16" },
  { 0x7, 1, CPUID_EDX, BIT (8) | BIT (18), "AMX-COMPLEX, CET-SSS" },
  { 0xd, 0, CPUID_EAX, BIT (17) | BIT (18), "AMX tiles" },
  { 0xd, 1, CPUID_EAX, BIT (4), "XFD" },
  { 0xd, 1, CPUID_ECX, ALL, "supervisor states: PT, PASID, CET, HDC, UINTR, LBR" },
  { 0x80000001, 0, CPUID_ECX, BIT (2) | BIT (12), "SVM, SKINIT: nested state" },
  { 0x80000001, 0, CPUID_ECX, BIT (10) | BIT (13) | BIT (15), "IBS, WDT, LWP" },
  { 0x80000001, 0, CPUID_ECX, BIT (23) | BIT (24) | BIT (27) | BIT (28), "performance counters" },
};

/* Leaves that describe something a guest never gets. */
static const uint32_t blank_leaves[] = {
  0x5,  0xa,  0xf,  0x10,       0x12,       0x14,       0x17,       0x18,       0x1a,
  0x1c, 0x1d, 0x1e, 0x8000000a, 0x8000001b, 0x8000001c, 0x8000001f, 0x80000022, 0x80000026,
};

#define PARAVIRT                                                                                             \
  (BIT (KVM_FEATURE_CLOCKSOURCE) | BIT (KVM_FEATURE_NOP_IO_DELAY) | BIT (KVM_FEATURE_CLOCKSOURCE2)           \
   | BIT (KVM_FEATURE_ASYNC_PF) | BIT (KVM_FEATURE_STEAL_TIME) | BIT (KVM_FEATURE_PV_EOI)                    \
   | BIT (KVM_FEATURE_PV_UNHALT) | BIT (KVM_FEATURE_PV_TLB_FLUSH) | BIT (KVM_FEATURE_ASYNC_PF_VMEXIT)        \
   | BIT (KVM_FEATURE_PV_SEND_IPI) | BIT (KVM_FEATURE_POLL_CONTROL) | BIT (KVM_FEATURE_PV_SCHED_YIELD)       \
   | BIT (KVM_FEATURE_ASYNC_PF_INT) | BIT (KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))

/* On PVM a hypercall from kernel mode never completes. */
#define HYPERCALLS                                                                                           \
  (BIT (KVM_FEATURE_PV_UNHALT) | BIT (KVM_FEATURE_PV_SEND_IPI) | BIT (KVM_FEATURE_PV_SCHED_YIELD))

/* Some kinds of KVM leave the processor's name out. */
static void
name_processor (struct kvm_cpuid2 *cpuid)
{
  for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; leaf++)
    {
      struct kvm_cpuid_entry2 *entry = cpuid_find_mutable (cpuid, leaf, 0);
      unsigned eax, ebx, ecx, edx;

      if (!entry || entry->eax || !__get_cpuid (leaf, &eax, &ebx, &ecx, &edx))
        continue;
      entry->eax = eax;
      entry->ebx = ebx;
      entry->ecx = ecx;
      entry->edx = edx;
    }
}

static void
add_platform_features (KvmVm *vm, struct kvm_cpuid2 **cpuid)
{
  struct kvm_cpuid_entry2 *entry = cpuid_find_mutable (*cpuid, 1, 0);

  if (entry)
    {
      entry->ecx |= BIT (31); /* a hypervisor is present */
      entry->ecx |= BIT (21); /* x2APIC: KVM's local APIC has it whatever the host's does */
      if (kvm_vm_check (vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
        entry->ecx |= BIT (24);
    }
  entry = cpuid_find_mutable (*cpuid, KVM_CPUID_FEATURES, 0);
  if (entry)
    {
      entry->eax &= kvm_vm_is_pvm (vm) ? PARAVIRT & ~HYPERCALLS & ~BIT (KVM_FEATURE_PV_TLB_FLUSH) : PARAVIRT;
      entry->edx = 0;
    }
  /* ARAT: the local APIC's timer never stops. */
  cpuid_put (cpuid, (struct kvm_cpuid_entry2){ .function = 6, .eax = BIT (2) });
}

/* No component whose subleaf tells of a state that is not there. */
static void
trim_state_leaves (struct kvm_cpuid2 *cpuid)
{
  const struct kvm_cpuid_entry2 *first = cpuid_find (cpuid, 0xd, 0);
  uint32_t components = first ? first->eax : 0;
  uint32_t kept = 0;

  for (uint32_t i = 0; i < cpuid->nent; i++)
    {
      const struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

      if (entry->function != 0xd || entry->index < 2
          || (entry->index < 32 && (components & BIT (entry->index))))
        cpuid->entries[kept++] = *entry;
    }
  cpuid->nent = kept;
}

/* What KVM supports and the engine can carry. */
static struct kvm_cpuid2 *
learn (int system_fd, GError **error)
{
  struct kvm_cpuid2 *cpuid = cpuid_new_supported (system_fd);

  if (!cpuid)
    {
      vmm_set_errno_error (error, errno, "Can't learn which processor features KVM supports");
      return NULL;
    }
  for (size_t i = 0; i < G_N_ELEMENTS (never); i++)
    {
      struct kvm_cpuid_entry2 *entry = cpuid_find_mutable (cpuid, never[i].function, never[i].index);

      if (entry)
        *cpuid_register (entry, never[i].reg) &= ~never[i].bits;
    }
  for (size_t i = 0; i < G_N_ELEMENTS (blank_leaves); i++)
    cpuid_drop (cpuid, blank_leaves[i], blank_leaves[i]);
  return cpuid;
}

static bool
is_amd (const struct kvm_cpuid2 *cpuid)
{
  char vendor[13];

  cpu_model_read_vendor (cpuid, vendor);
  return g_str_equal (vendor, "AuthenticAMD") || g_str_equal (vendor, "HygonGenuine");
}

static const CpuModel *
find_model (const char *name, const struct kvm_cpuid2 *supported)
{
  char vendor[13];
  const CpuModel *model;

  cpu_model_read_vendor (supported, vendor);
  model = cpu_model_find (name, vendor);
  return model ? model : cpu_model_find (name, NULL);
}

struct kvm_cpuid2 *
cpuid_base (KvmVm *vm, const char *name, GError **error)
{
  bool is_host = !name || g_str_equal (name, CPU_MODEL_HOST);
  g_autofree struct kvm_cpuid2 *cpuid = NULL;
  g_autofree char *obstacle = NULL;

  if (!cpu_model_exists (name))
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "There is no processor model \"%s\". \"bonsai host --cpus\" lists them; \"host\" is the processor "
        "of this computer.",
        name);
      return NULL;
    }
  cpuid = learn (kvm_vm_system_fd (vm), error);
  if (!cpuid)
    return NULL;
  if (!is_host)
    {
      const CpuModel *model = find_model (name, cpuid);

      obstacle = cpu_model_obstacle (model, cpuid);
      if (obstacle)
        {
          g_set_error_literal (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED, obstacle);
          return NULL;
        }
      cpu_model_apply (model, &cpuid);
    }
  else
    {
      name_processor (cpuid);
      if (is_amd (cpuid) && !cpuid_find (cpuid, 0x8000001d, 0))
        cpu_model_put_caches (&cpuid,
                              0x8000001d); /* as old as not to tell; but a guest may be told of threads */
    }
  trim_state_leaves (cpuid);
  add_platform_features (vm, &cpuid);
  return g_steal_pointer (&cpuid);
}

/* --- what runs here --- */

static void
report_free (void *data)
{
  CpuModelReport *report = data;

  g_free (report->obstacle);
  g_free (report->missing);
  g_free (report);
}

static void
add_report (GPtrArray *reports, const CpuModel *model, const struct kvm_cpuid2 *supported)
{
  CpuModelReport *report = g_new0 (CpuModelReport, 1);
  CpuFeatures wanted = cpu_model_features (model), present = cpu_features_of (supported);
  CpuFeatures missing = cpu_features_without (&wanted, &present);

  char vendor[13];

  cpu_model_read_vendor (supported, vendor);
  *report = (CpuModelReport){ .foreign = model->vendor && !g_str_equal (model->vendor, vendor),
                              .name = model->name,
                              .summary = model->summary,
                              .vendor = model->vendor,
                              .obstacle = cpu_model_obstacle (model, supported),
                              .missing = cpu_features_names (&missing) };
  g_ptr_array_add (reports, report);
}

GPtrArray *
cpuid_report_models (GError **error)
{
  g_autoptr (GPtrArray) reports = g_ptr_array_new_with_free_func (report_free);
  g_autofree struct kvm_cpuid2 *supported = NULL;
  g_autoptr (KvmVm) vm = kvm_vm_new (1, error);
  CpuModelReport *host = g_new0 (CpuModelReport, 1);

  host->name = CPU_MODEL_HOST;
  host->summary = "this computer's processor, with all that KVM can lend";
  host->missing = g_strdup ("");
  g_ptr_array_add (reports, host);
  supported = vm ? learn (kvm_vm_system_fd (vm), error) : NULL;
  if (!supported)
    return NULL;
  for (const CpuModel *model = cpu_models; model->name; model++)
    {
      if (find_model (model->name, supported) == model)
        add_report (reports, model, supported);
    }
  return g_steal_pointer (&reports);
}

/* --- a vCPU's own --- */

/* Leaf 4 (Intel) and 0x8000001d (AMD) describe caches alike; the third level is the socket's, the others are
 * a core's. */
static void
share_caches (struct kvm_cpuid2 *cpuid, uint32_t function, const CpuTopology *topology)
{
  unsigned thread_bits = cpu_topology_thread_bits (topology), core_bits = cpu_topology_core_bits (topology);

  for (uint32_t i = 0; i < cpuid->nent; i++)
    {
      struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
      bool of_socket = (entry->eax >> 5 & 7) >= 3;

      if (entry->function != function || !(entry->eax & 0x1f))
        continue;
      entry->eax &= 0x3fff;
      /* Intel counts ids, AMD processors. */
      if (function == 4)
        entry->eax |= (uint32_t)((1u << (of_socket ? thread_bits + core_bits : thread_bits)) - 1) << 14
                      | (uint32_t)((1u << MIN (core_bits, 6u)) - 1) << 26;
      else
        entry->eax |= ((of_socket ? topology->cores * topology->threads : topology->threads) - 1) << 14;
    }
}

/* Leaf 0xb and 0x1f: threads of a core and processors of a socket; the x2APIC id is in EDX. */
static void
put_levels (struct kvm_cpuid2 **cpuid, uint32_t function, const CpuTopology *topology, unsigned apic_id)
{
  enum { NONE = 0, SMT = 1, CORE = 2 };
  const struct {
    unsigned type, bits, n;
  } levels[] = {
    { SMT, cpu_topology_thread_bits (topology), topology->threads },
    { CORE, cpu_topology_thread_bits (topology) + cpu_topology_core_bits (topology),
      topology->cores * topology->threads },
    { NONE, 0, 0 },
  };

  cpuid_drop (*cpuid, function, function);
  for (uint32_t level = 0; level < G_N_ELEMENTS (levels); level++)
    cpuid_put (cpuid, (struct kvm_cpuid_entry2){
                        .function = function,
                        .index = level,
                        .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
                        .eax = levels[level].bits,
                        .ebx = levels[level].n,
                        .ecx = level | levels[level].type << 8,
                        .edx = apic_id,
                      });
}

/* AMD APM vol. 3, E.4.2, E.4.7, E.4.15, E.4.16: without leaf 0x8000001e nobody learns of threads. */
static void
fill_amd_topology (struct kvm_cpuid2 **cpuid, const CpuTopology *topology, unsigned apic_id)
{
  unsigned bits = cpu_topology_thread_bits (topology) + cpu_topology_core_bits (topology);
  unsigned n = topology->cores * topology->threads;
  unsigned thread_bits = cpu_topology_thread_bits (topology);
  struct kvm_cpuid_entry2 *features = cpuid_find_mutable (*cpuid, 0x80000001, 0);
  struct kvm_cpuid_entry2 *sizes = cpuid_find_mutable (*cpuid, 0x80000008, 0);
  struct kvm_cpuid_entry2 *limit = cpuid_find_mutable (*cpuid, 0x80000000, 0);

  if (features)
    {
      features->ecx = n > 1 ? features->ecx | BIT (1) : features->ecx & ~BIT (1); /* CmpLegacy */
      features->ecx |= topology->threads > 1 ? BIT (22) : 0;                      /* TopologyExtensions */
    }
  if (sizes)
    sizes->ecx = (n - 1) | bits << 12;
  if (limit && limit->eax < 0x8000001e)
    limit->eax = 0x8000001e;
  share_caches (*cpuid, 0x8000001d, topology);
  cpuid_put (cpuid, (struct kvm_cpuid_entry2){
                      .function = 0x8000001e,
                      .eax = apic_id,
                      .ebx = (apic_id >> thread_bits & (BIT (cpu_topology_core_bits (topology)) - 1))
                             | (topology->threads - 1) << 8,
                      .ecx = apic_id >> bits, /* a node is a socket */
                    });
}

/* Intel SDM vol. 2A, leaf 0x15: TSC = crystal × EBX / EAX; the crystal is what KVM's local APIC timer counts,
 * 1 GHz. Leaf 0x40000010: both in kHz. */
static void
put_frequencies (struct kvm_cpuid2 **cpuid, uint32_t last_leaf, bool amd, unsigned tsc_khz)
{
  enum { APIC_KHZ = 1000000 };
  struct kvm_cpuid_entry2 *signature;

  cpuid_drop (*cpuid, 0x15, 0x16);
  if (!tsc_khz)
    return;
  if (last_leaf >= 0x15 && !amd)
    cpuid_put (cpuid, (struct kvm_cpuid_entry2){
                        .function = 0x15, .eax = APIC_KHZ, .ebx = tsc_khz, .ecx = APIC_KHZ * 1000u });
  signature = cpuid_find_mutable (*cpuid, KVM_CPUID_SIGNATURE, 0);
  if (!signature)
    return;
  signature->eax = MAX (signature->eax, 0x40000010u);
  cpuid_put (cpuid, (struct kvm_cpuid_entry2){ .function = 0x40000010, .eax = tsc_khz, .ebx = APIC_KHZ });
}

struct kvm_cpuid2 *
cpuid_for_cpu (const struct kvm_cpuid2 *base, const CpuTopology *topology, unsigned index, unsigned tsc_khz)
{
  struct kvm_cpuid2 *cpuid = cpuid_copy (base);
  struct kvm_cpuid_entry2 *entry = cpuid_find_mutable (cpuid, 0, 0);
  uint32_t last_leaf = entry ? entry->eax : 0;
  unsigned apic_id = cpu_topology_apic_id (topology, index);
  unsigned bits = cpu_topology_thread_bits (topology) + cpu_topology_core_bits (topology);
  bool amd = is_amd (cpuid);

  entry = cpuid_find_mutable (cpuid, 1, 0);
  if (entry)
    {
      entry->ebx = (entry->ebx & 0xffff) | MIN (1u << bits, 255u) << 16 | apic_id << 24;
      entry->edx = bits ? entry->edx | BIT (28) : entry->edx & ~BIT (28); /* HTT */
    }
  if (amd)
    fill_amd_topology (&cpuid, topology, apic_id);
  else
    share_caches (cpuid, 4, topology);
  cpuid_drop (cpuid, 0x1f, 0x1f);
  if (last_leaf >= 0xb)
    put_levels (&cpuid, 0xb, topology, apic_id);
  if (last_leaf >= 0x1f)
    put_levels (&cpuid, 0x1f, topology, apic_id);
  put_frequencies (&cpuid, last_leaf, amd, tsc_khz);
  return cpuid;
}
