/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/cpuid.h"

#include "vmm/base/error.h"

#include <asm/kvm_para.h>
#include <cpuid.h>
#include <errno.h>
#include <sys/ioctl.h>

/* Leaf numbers and bits: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E; Linux
 * Documentation/virt/kvm/x86/cpuid.rst for 0x4000_00xx. */
#define MOST_ENTRIES 512
#define OWN_ENTRIES  8 /* topology leaves that cpuid_for_cpu may add */

#define BIT(n) (1u << (n))

enum { EAX, EBX, ECX, EDX };

typedef struct {
  uint32_t function;
  uint32_t index;
  unsigned reg;
  uint32_t bits;
  const char *why;
} CpuidMask;

#define ALL UINT32_MAX

static const CpuidMask never[] = {
  { 0x1, 0, ECX, BIT (2) | BIT (3), "DTES64, MONITOR" },
  { 0x1, 0, ECX, BIT (5) | BIT (6), "VMX, SMX: nested state" },
  { 0x1, 0, ECX, BIT (7) | BIT (8) | BIT (15), "EIST, TM2, PDCM: power and counters" },
  { 0x1, 0, ECX, BIT (27), "OSXSAVE: KVM mirrors CR4" },
  { 0x1, 0, EDX, BIT (21) | BIT (22) | BIT (29), "DS, ACPI, TM" },
  { 0x7, 0, EBX, BIT (2) | BIT (25), "SGX, PT" },
  { 0x7, 0, ECX, BIT (7) | BIT (30), "SHSTK, SGX_LC" },
  { 0x7, 0, EDX, BIT (5) | BIT (19) | BIT (20) | BIT (22) | BIT (24) | BIT (25), "UINTR, LBR, IBT, AMX" },
  { 0x7, 1, EAX, BIT (21), "AMX-FP16" },
  { 0x7, 1, EDX, BIT (8) | BIT (18), "AMX-COMPLEX, CET-SSS" },
  { 0xd, 0, EAX, BIT (17) | BIT (18), "AMX tiles" },
  { 0xd, 1, EAX, BIT (4), "XFD" },
  { 0xd, 1, ECX, ALL, "supervisor states: PT, PASID, CET, HDC, UINTR, LBR" },
  { 0x80000001, 0, ECX, BIT (2) | BIT (12), "SVM, SKINIT: nested state" },
  { 0x80000001, 0, ECX, BIT (10) | BIT (13) | BIT (15), "IBS, WDT, LWP" },
  { 0x80000001, 0, ECX, BIT (23) | BIT (24) | BIT (27) | BIT (28), "performance counters" },
};

/* Leaves that describe something a guest never gets. */
static const uint32_t blank_leaves[] = {
  0x5, 0xa, 0xf, 0x10, 0x12, 0x14, 0x17, 0x18, 0x1a, 0x1c, 0x1d, 0x1e,
  0x8000000a, 0x8000001b, 0x8000001c, 0x8000001f, 0x80000022, 0x80000026,
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

static struct kvm_cpuid_entry2 *
find (struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
  for (uint32_t i = 0; i < cpuid->nent; i++)
    {
      struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

      if (entry->function == function
          && (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == index))
        return entry;
    }
  return NULL;
}

const struct kvm_cpuid_entry2 *
cpuid_find (const struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
  return find ((struct kvm_cpuid2 *) cpuid, function, index);
}

static uint32_t *
entry_register (struct kvm_cpuid_entry2 *entry, unsigned reg)
{
  uint32_t *const registers[] = { &entry->eax, &entry->ebx, &entry->ecx, &entry->edx };

  return registers[reg];
}

/* The leaves that KVM supports. Returns NULL with errno set. */
static struct kvm_cpuid2 *
get_supported (KvmVm *vm)
{
  for (uint32_t room = 128; room <= MOST_ENTRIES; room *= 2)
    {
      g_autofree struct kvm_cpuid2 *cpuid
        = g_malloc0 (sizeof *cpuid + (room + OWN_ENTRIES) * sizeof (struct kvm_cpuid_entry2));

      cpuid->nent = room;
      if (ioctl (kvm_vm_system_fd (vm), KVM_GET_SUPPORTED_CPUID, cpuid) == 0)
        return g_steal_pointer (&cpuid);
      if (errno != E2BIG)
        break;
    }
  return NULL;
}

static void
blank (struct kvm_cpuid2 *cpuid, uint32_t function)
{
  uint32_t kept = 0;

  for (uint32_t i = 0; i < cpuid->nent; i++)
    {
      if (cpuid->entries[i].function != function)
        cpuid->entries[kept++] = cpuid->entries[i];
    }
  cpuid->nent = kept;
}

/* Some kinds of KVM leave the processor's name out. */
static void
name_processor (struct kvm_cpuid2 *cpuid)
{
  for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; leaf++)
    {
      struct kvm_cpuid_entry2 *entry = find (cpuid, leaf, 0);
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
add_platform_features (KvmVm *vm, struct kvm_cpuid2 *cpuid)
{
  struct kvm_cpuid_entry2 *entry = find (cpuid, 1, 0);

  if (entry)
    {
      entry->ecx |= BIT (31); /* a hypervisor is present */
      entry->ecx |= BIT (21); /* x2APIC: KVM's local APIC has it whatever the host's does */
      if (kvm_vm_check (vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
        entry->ecx |= BIT (24);
    }
  entry = find (cpuid, KVM_CPUID_FEATURES, 0);
  if (entry)
    {
      entry->eax &= kvm_vm_is_pvm (vm) ? PARAVIRT & ~HYPERCALLS & ~BIT (KVM_FEATURE_PV_TLB_FLUSH) : PARAVIRT;
      entry->edx = 0;
    }
  /* ARAT: the local APIC's timer never stops. */
  entry = find (cpuid, 6, 0);
  if (entry)
    {
      entry->eax = BIT (2);
      entry->ebx = entry->ecx = entry->edx = 0;
    }
}

struct kvm_cpuid2 *
cpuid_base (KvmVm *vm, const char *model, GError **error)
{
  g_autofree struct kvm_cpuid2 *cpuid = NULL;

  if (model && strcmp (model, "host") != 0)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "There is no processor model \"%s\". Use \"host\", the processor of this computer.", model);
      return NULL;
    }
  cpuid = get_supported (vm);
  if (!cpuid)
    {
      vmm_set_errno_error (error, errno, "Can't learn which processor features KVM supports");
      return NULL;
    }
  for (size_t i = 0; i < G_N_ELEMENTS (never); i++)
    {
      struct kvm_cpuid_entry2 *entry = find (cpuid, never[i].function, never[i].index);

      if (entry)
        *entry_register (entry, never[i].reg) &= ~never[i].bits;
    }
  for (size_t i = 0; i < G_N_ELEMENTS (blank_leaves); i++)
    blank (cpuid, blank_leaves[i]);
  name_processor (cpuid);
  add_platform_features (vm, cpuid);
  return g_steal_pointer (&cpuid);
}

/* Bits that hold the numbers 0..n-1. */
static unsigned
bits_for (unsigned n)
{
  return n <= 1 ? 0 : 32u - (unsigned) __builtin_clz (n - 1);
}

static bool
is_amd (const struct kvm_cpuid2 *cpuid)
{
  const struct kvm_cpuid_entry2 *vendor = cpuid_find (cpuid, 0, 0);

  return vendor && (vendor->ebx == 0x68747541 /* "Auth" */ || vendor->ebx == 0x6f677948 /* "Hygo" */);
}

/* Leaf 4 (Intel) and 0x8000001d (AMD) describe caches alike; the last level is the package's. */
static void
share_caches (struct kvm_cpuid2 *cpuid, uint32_t function, unsigned n_cpus)
{
  for (uint32_t i = 0; i < cpuid->nent; i++)
    {
      struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
      unsigned level = entry->eax >> 5 & 7;

      if (entry->function != function || !(entry->eax & 0x1f))
        continue;
      entry->eax &= 0x3fff;
      if (level >= 3)
        entry->eax |= (n_cpus - 1) << 14;
      if (function == 4)
        entry->eax |= (uint32_t) ((1u << MIN (bits_for (n_cpus), 6u)) - 1) << 26;
    }
}

/* Leaf 0xb and 0x1f: threads (one) and cores of the package; x2APIC id in EDX. */
static void
add_topology (struct kvm_cpuid2 *cpuid, uint32_t function, unsigned index, unsigned n_cpus)
{
  static const struct {
    unsigned type;
  } levels[] = { { 1 /* SMT */ }, { 2 /* core */ }, { 0 /* none */ } };

  blank (cpuid, function);
  for (uint32_t level = 0; level < G_N_ELEMENTS (levels); level++)
    {
      struct kvm_cpuid_entry2 *entry = &cpuid->entries[cpuid->nent++];

      memset (entry, 0, sizeof *entry);
      entry->function = function;
      entry->index = level;
      entry->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
      entry->eax = level == 1 ? bits_for (n_cpus) : 0;
      entry->ebx = level == 0 ? 1 : level == 1 ? n_cpus : 0;
      entry->ecx = level | levels[level].type << 8;
      entry->edx = index;
    }
}

static void
fill_amd_topology (struct kvm_cpuid2 *cpuid, unsigned index, unsigned n_cpus)
{
  struct kvm_cpuid_entry2 *entry = find (cpuid, 0x80000001, 0);

  if (entry)
    entry->ecx = n_cpus > 1 ? entry->ecx | BIT (1) : entry->ecx & ~BIT (1); /* CmpLegacy */
  entry = find (cpuid, 0x80000008, 0);
  if (entry)
    entry->ecx = (n_cpus - 1) | bits_for (n_cpus) << 12;
  entry = find (cpuid, 0x8000001e, 0);
  if (entry)
    {
      entry->eax = index;
      entry->ebx = index & 0xff; /* core id; one thread */
      entry->ecx = entry->edx = 0;
    }
  share_caches (cpuid, 0x8000001d, n_cpus);
}

struct kvm_cpuid2 *
cpuid_for_cpu (const struct kvm_cpuid2 *base, unsigned index, unsigned n_cpus)
{
  size_t size = sizeof *base + (base->nent + OWN_ENTRIES) * sizeof (struct kvm_cpuid_entry2);
  struct kvm_cpuid2 *cpuid = g_malloc0 (size);
  struct kvm_cpuid_entry2 *entry;
  uint32_t last_leaf;

  memcpy (cpuid, base, sizeof *base + base->nent * sizeof (struct kvm_cpuid_entry2));
  entry = find (cpuid, 0, 0);
  last_leaf = entry ? entry->eax : 0;
  entry = find (cpuid, 1, 0);
  if (entry)
    {
      entry->ebx = (entry->ebx & 0xffff) | MIN (1u << bits_for (n_cpus), 255u) << 16 | index << 24;
      entry->edx = n_cpus > 1 ? entry->edx | BIT (28) : entry->edx & ~BIT (28); /* HTT */
    }
  if (is_amd (cpuid))
    fill_amd_topology (cpuid, index, n_cpus);
  else
    share_caches (cpuid, 4, n_cpus);
  blank (cpuid, 0x1f);
  if (last_leaf >= 0xb)
    add_topology (cpuid, 0xb, index, n_cpus);
  if (last_leaf >= 0x1f)
    add_topology (cpuid, 0x1f, index, n_cpus);
  return cpuid;
}
