/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/msr.h"

#include "vmm/base/error.h"
#include "vmm/memory/guest-memory.h"

#include <errno.h>
#include <sys/ioctl.h>

/* Intel SDM vol. 4; Linux Documentation/virt/kvm/x86/msr.rst for 0x4b564dxx. */
#define MSR_IA32_TSC          0x10u
#define MSR_PLATFORM_ID       0x17u
#define MSR_SMI_COUNT         0x34u
#define MSR_TSC_DEADLINE      0x6e0u
#define MSR_MTRR_PHYS_BASE    0x200u
#define MSR_MTRR_FIX_64K      0x250u
#define MSR_MTRR_FIX_16K      0x258u
#define MSR_MTRR_FIX_4K       0x268u
#define MSR_MTRR_DEF_TYPE     0x2ffu
#define MTRR_VALID            UINT64_C (0x800)
#define MTRR_ENABLED          UINT64_C (0x800)
#define MTRR_FIXED_ENABLED    UINT64_C (0x400)
#define MSR_MC0_CTL           0x400u
#define MSR_VMX_FIRST         0x480u
#define MSR_VMX_LAST          0x4ffu
#define MSR_HYPERV_FIRST      0x40000000u
#define MSR_HYPERV_LAST       0x400001ffu
#define N_MTRR_VARIABLE       8
#define N_MACHINE_CHECK_BANKS 10

typedef struct {
  uint32_t first, last;
} MsrRange;

/* In KVM's list, but not a part of a vCPU's state here: VMX capabilities, Hyper-V, performance counters,
 * last-branch records, processor trace, and registers that only tell the host's features. */
static const MsrRange left_out[] = {
  { 0x0a, 0x0b },
  { 0x8b, 0x8b },
  { 0xc1, 0xc8 },
  { 0xce, 0xcf },
  { 0x10a, 0x10a },
  { 0x122, 0x122 },
  { 0x186, 0x18d },
  { 0x1c4, 0x1c5 },
  { 0x1c9, 0x1c9 },
  { 0x1da, 0x1de },
  { 0x309, 0x30c },
  { 0x345, 0x345 },
  { 0x38d, 0x390 },
  { 0x3f1, 0x3f2 },
  { MSR_VMX_FIRST, MSR_VMX_LAST },
  { 0x4c1, 0x4c8 },
  { 0x560, 0x561 },
  { 0x570, 0x572 },
  { 0x580, 0x587 },
  { 0x600, 0x600 },
  { MSR_HYPERV_FIRST, MSR_HYPERV_LAST },
  { 0xc0000300, 0xc0000303 },
  { 0xc0010000, 0xc0010007 },
  { 0xc0010117, 0xc0010117 },
  { 0xc0010200, 0xc001020b },
};

/* Registers outside KVM's list that are state all the same. */
static const MsrRange also[] = {
  { MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE },
  { MSR_MTRR_FIX_64K, MSR_MTRR_FIX_64K },
  { MSR_MTRR_FIX_16K, MSR_MTRR_FIX_16K + 1 },
  { MSR_MTRR_FIX_4K, MSR_MTRR_FIX_4K + 7 },
  { MSR_MTRR_PHYS_BASE, MSR_MTRR_PHYS_BASE + 2 * N_MTRR_VARIABLE - 1 },
  { MSR_MC0_CTL, MSR_MC0_CTL + 4 * N_MACHINE_CHECK_BANKS - 1 },
};

/* Unknown registers that operating systems read without being ready for a fault: they are 0 and keep
 * nothing. Everything else faults, as on a processor that lacks it. */
static const MsrRange harmless[] = {
  { MSR_PLATFORM_ID, MSR_PLATFORM_ID },
  { MSR_SMI_COUNT, MSR_SMI_COUNT },
  { 0x2a, 0x2a },               /* EBL_CR_POWERON */
  { 0xce, 0xce },               /* PLATFORM_INFO */
  { 0xe2, 0xe2 },               /* PKG_CST_CONFIG_CONTROL */
  { 0x19c, 0x19c },             /* THERM_STATUS */
  { 0x1a2, 0x1a2 },             /* TEMPERATURE_TARGET */
  { 0x1ad, 0x1ad },             /* TURBO_RATIO_LIMIT */
  { 0x606, 0x606 },             /* RAPL_POWER_UNIT */
  { 0x60f, 0x641 },             /* energy counters */
  { 0xc0010010, 0xc0010010 },   /* AMD SYSCFG */
  { 0xc0010055, 0xc0010055 },   /* AMD interrupt pending */
  { 0xc0010063, 0xc0010064 },   /* AMD P-states */
  { 0xc0010140, 0xc0010141 },   /* AMD OS-visible workarounds */
  { 0xc0011020, 0xc0011023 },   /* AMD load-store and cache configuration */
  { 0xc0011029, 0xc001102a },   /* AMD decode and cache configuration */
};

static bool
in_ranges (uint32_t index, const MsrRange *ranges, size_t n)
{
  for (size_t i = 0; i < n; i++)
    {
      if (index >= ranges[i].first && index <= ranges[i].last)
        return true;
    }
  return false;
}

bool
msr_unknown_read (uint32_t index, uint64_t *value)
{
  *value = 0;
  return in_ranges (index, harmless, G_N_ELEMENTS (harmless));
}

bool
msr_unknown_write (uint32_t index, uint64_t value)
{
  return in_ranges (index, harmless, G_N_ELEMENTS (harmless));
}

static bool
msrs_check (const void *object, const void *incoming, GError **error)
{
  const MsrValues *values = incoming;

  if (values->count <= MSR_MOST)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state counts %u processor registers; %u are possible.",
               values->count, MSR_MOST);
  return false;
}

static const StateField msr_fields[] = {
  STATE_U32 (MsrValues, count, 1),
  STATE_U32 (MsrValues, index, 1),
  STATE_U64 (MsrValues, value, 1),
  STATE_END,
};

const StateTable msr_state_table = {
  .name = "msrs",
  .version = 1,
  .fields = msr_fields,
  .object_size = sizeof (MsrValues),
  .check = msrs_check,
};

static struct kvm_msrs *
msrs_new (const MsrValues *values, uint32_t first, uint32_t count)
{
  struct kvm_msrs *msrs = g_malloc0 (sizeof *msrs + count * sizeof (struct kvm_msr_entry));

  msrs->nmsrs = count;
  for (uint32_t i = 0; i < count; i++)
    {
      msrs->entries[i].index = values->index[first + i];
      msrs->entries[i].data = values->value[first + i];
    }
  return msrs;
}

/* Reads what can be read of @values and forgets the rest. */
static bool
probe (int vcpu_fd, MsrValues *values)
{
  uint32_t kept = 0;

  for (uint32_t first = 0; first < values->count;)
    {
      g_autofree struct kvm_msrs *msrs = msrs_new (values, first, values->count - first);
      int n = ioctl (vcpu_fd, KVM_GET_MSRS, msrs);

      if (n < 0)
        return false;
      for (int i = 0; i < n; i++, kept++)
        {
          values->index[kept] = msrs->entries[i].index;
          values->value[kept] = msrs->entries[i].data;
        }
      first += (uint32_t) n + 1; /* KVM stops at the first that it can't read */
    }
  values->count = kept;
  return true;
}

static void
append (MsrValues *values, uint32_t index)
{
  if (values->count < MSR_MOST)
    values->index[values->count++] = index;
}

bool
msr_list (KvmVm *vm, int vcpu_fd, MsrValues *values, GError **error)
{
  g_autofree struct kvm_msr_list *list = g_malloc0 (sizeof *list + MSR_MOST * sizeof (uint32_t));
  bool has_deadline = false;

  list->nmsrs = MSR_MOST;
  if (ioctl (kvm_vm_system_fd (vm), KVM_GET_MSR_INDEX_LIST, list) < 0)
    return vmm_set_errno_error (error, errno, "Can't learn which processor registers KVM has");
  memset (values, 0, sizeof *values);
  for (uint32_t i = 0; i < list->nmsrs; i++)
    {
      if (list->indices[i] == MSR_TSC_DEADLINE)
        has_deadline = true;
      else if (!in_ranges (list->indices[i], left_out, G_N_ELEMENTS (left_out)))
        append (values, list->indices[i]);
    }
  for (size_t i = 0; i < G_N_ELEMENTS (also); i++)
    {
      for (uint32_t index = also[i].first; index <= also[i].last; index++)
        append (values, index);
    }
  /* Counts from the TSC that was set before it. */
  if (has_deadline)
    append (values, MSR_TSC_DEADLINE);
  if (!probe (vcpu_fd, values))
    return vmm_set_errno_error (error, errno, "Can't read processor registers");
  return true;
}

bool
msr_get (int vcpu_fd, MsrValues *values, GError **error)
{
  g_autofree struct kvm_msrs *msrs = msrs_new (values, 0, values->count);
  int n = ioctl (vcpu_fd, KVM_GET_MSRS, msrs);

  if (n < 0)
    return vmm_set_errno_error (error, errno, "Can't read processor registers");
  if ((uint32_t) n < values->count)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED, "KVM refuses to read processor register 0x%x.",
                   values->index[n]);
      return false;
    }
  for (uint32_t i = 0; i < values->count; i++)
    values->value[i] = msrs->entries[i].data;
  return true;
}

static void
set_value (MsrValues *values, uint32_t index, uint64_t value)
{
  for (uint32_t i = 0; i < values->count; i++)
    {
      if (values->index[i] == index)
        values->value[i] = value;
    }
}

/* Intel SDM vol. 3A, 12.11: types 0 uncached, 5 write-protected, 6 write-back. */
void
msr_set_memory_types (MsrValues *values, unsigned physical_bits)
{
  static const struct {
    uint64_t base, size;
  } uncached[] = { { 0xc0000000, 0x40000000 }, { PCI_HOLE_START, 0xc0000000 - PCI_HOLE_START } };
  const uint64_t all = (UINT64_C (1) << physical_bits) - 1;
  const uint64_t write_back = UINT64_C (0x0606060606060606);
  const uint64_t write_protected = UINT64_C (0x0505050505050505);

  set_value (values, MSR_MTRR_FIX_64K, write_back);
  set_value (values, MSR_MTRR_FIX_16K, write_back);
  set_value (values, MSR_MTRR_FIX_16K + 1, 0);
  for (unsigned i = 0; i < 8; i++)
    set_value (values, MSR_MTRR_FIX_4K + i, write_protected);
  for (unsigned i = 0; i < G_N_ELEMENTS (uncached); i++)
    {
      set_value (values, MSR_MTRR_PHYS_BASE + 2 * i, uncached[i].base);
      set_value (values, MSR_MTRR_PHYS_BASE + 2 * i + 1, (all & ~(uncached[i].size - 1)) | MTRR_VALID);
    }
  set_value (values, MSR_MTRR_DEF_TYPE, MTRR_ENABLED | MTRR_FIXED_ENABLED | 6);
}

static bool
has_value (int vcpu_fd, uint32_t index, uint64_t value)
{
  MsrValues *present = g_new0 (MsrValues, 1);
  bool same;

  append (present, index);
  same = msr_get (vcpu_fd, present, NULL) && present->value[0] == value;
  g_free (present);
  return same;
}

bool
msr_set (int vcpu_fd, const MsrValues *values, GError **error)
{
  for (uint32_t first = 0; first < values->count;)
    {
      g_autofree struct kvm_msrs *msrs = msrs_new (values, first, values->count - first);
      int n = ioctl (vcpu_fd, KVM_SET_MSRS, msrs);
      uint32_t refused;

      if (n < 0)
        return vmm_set_errno_error (error, errno, "Can't set processor registers");
      refused = first + (uint32_t) n;
      if (refused < values->count && !has_value (vcpu_fd, values->index[refused], values->value[refused]))
        {
          g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                       "This host's processor can't take the value 0x%" G_GINT64_MODIFIER
                       "x in register 0x%x. The state was saved on another kind of processor.",
                       values->value[refused], values->index[refused]);
          return false;
        }
      first = refused + 1;
    }
  return true;
}
