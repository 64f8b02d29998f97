/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/vmm/kvm/guest.h"

#include "vmm/base/error.h"
#include "vmm/kvm/cpu-model.h"
#include "vmm/kvm/cpuid.h"
#include "vmm/kvm/msr.h"

#include <asm/kvm_para.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ALWAYS UINT32_MAX

typedef struct {
  KvmVm *vm;
  struct kvm_cpuid2 *base;
} Fixture;

static void
set_up (Fixture *fixture, const void *data)
{
  g_autoptr (GError) error = NULL;

  fixture->vm = kvm_vm_new (4, &error);
  g_assert_no_error (error);
  fixture->base = cpuid_base (fixture->vm, NULL, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, const void *data)
{
  g_free (fixture->base);
  kvm_vm_free (fixture->vm);
}

static uint32_t
last_leaf (const struct kvm_cpuid2 *cpuid)
{
  return cpuid_find (cpuid, 0, 0)->eax;
}

static bool
is_amd (const struct kvm_cpuid2 *cpuid)
{
  char vendor[13];

  cpu_model_read_vendor (cpuid, vendor);
  return g_str_equal (vendor, "AuthenticAMD") || g_str_equal (vendor, "HygonGenuine");
}

/* No feature whose state a saved machine would lack; a hypervisor that says so. */
static void
test_features (Fixture *fixture, const void *data)
{
  const struct kvm_cpuid_entry2 *entry = cpuid_find (fixture->base, 1, 0);

  g_assert_cmphex (entry->ecx & (1u << 31 | 1u << 21), ==, 1u << 31 | 1u << 21);
  g_assert_cmphex (entry->ecx & (1u << 5 | 1u << 27 | 1u << 3), ==, 0);
  entry = cpuid_find (fixture->base, 0x80000001, 0);
  g_assert_cmphex (entry->ecx & 1u << 2, ==, 0);
  g_assert_cmphex (entry->edx & 1u << 29, !=, 0); /* long mode */
  g_assert_null (cpuid_find (fixture->base, 0xa, 0));
  g_assert_null (cpuid_find (fixture->base, 0x8000000a, 0));
  entry = cpuid_find (fixture->base, 0x40000000, 0);
  g_assert_nonnull (entry);
  g_assert_cmpint (memcmp (&entry->ebx, "KVMK", 4), ==, 0);
  g_assert_nonnull (cpuid_find (fixture->base, 0x80000002, 0));
  g_assert_cmphex (cpuid_find (fixture->base, 0x80000002, 0)->eax, !=, 0);
}

static CpuTopology
topology_of (unsigned sockets, unsigned cores, unsigned threads)
{
  return (CpuTopology){ sockets, cores, threads };
}

/* Threads, cores and sockets have fields of an APIC id: Intel SDM vol. 3A, 9.9.1. */
static void
test_ids (void)
{
  static const struct {
    CpuTopology topology;
    unsigned index, id, thread_bits, core_bits;
  } cases[] = {
    { { 1, 1, 1 }, 0, 0, 0, 0 },   { { 1, 255, 1 }, 254, 254, 0, 8 }, { { 2, 1, 2 }, 1, 1, 1, 0 },
    { { 2, 1, 2 }, 2, 2, 1, 0 },   { { 2, 3, 1 }, 2, 2, 0, 2 },       { { 2, 3, 1 }, 3, 4, 0, 2 },
    { { 2, 3, 2 }, 11, 13, 1, 2 }, { { 3, 5, 3 }, 44, 82, 2, 3 },     { { 4, 1, 1 }, 3, 3, 0, 0 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const CpuTopology *topology = &cases[i].topology;

      g_assert_cmpuint (cpu_topology_apic_id (topology, cases[i].index), ==, cases[i].id);
      g_assert_cmpuint (cpu_topology_thread_bits (topology), ==, cases[i].thread_bits);
      g_assert_cmpuint (cpu_topology_core_bits (topology), ==, cases[i].core_bits);
      g_assert_true (cpu_topology_check (topology, cpu_topology_count (topology), NULL));
    }
}

static void
test_impossible_topologies (void)
{
  static const struct {
    CpuTopology topology;
    unsigned n;
    const char *said;
  } cases[] = {
    { { 2, 2, 2 }, 4, "make 8 processors, but the machine has 4" },
    { { 1, 0, 2 }, 2, "each number must be 1 to 255" },
    { { 1, 4294967295, 1 }, 4294967295, "each number must be 1 to 255" },
    { { 50, 5, 1 }, 250, "powers of two" },
    { { 2, 1, 128 }, 256, "255; 254 is the last" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (cpu_topology_check (&cases[i].topology, cases[i].n, &error));
      g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
      if (!strstr (error->message, cases[i].said))
        g_error ("\"%s\" is not in \"%s\"", cases[i].said, error->message);
    }
}

static uint32_t
reg_of (const struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index, CpuidRegister reg)
{
  const struct kvm_cpuid_entry2 *entry = cpuid_find (cpuid, function, index);

  g_assert_nonnull (entry);
  return *cpuid_register ((struct kvm_cpuid_entry2 *)entry, reg);
}

static void
check_place (const struct kvm_cpuid2 *base, CpuTopology topology, unsigned index)
{
  g_autofree struct kvm_cpuid2 *cpuid = cpuid_for_cpu (base, &topology, index, 2500000);
  unsigned n = topology.cores * topology.threads, id = cpu_topology_apic_id (&topology, index);
  unsigned thread_bits = cpu_topology_thread_bits (&topology);
  unsigned bits = thread_bits + cpu_topology_core_bits (&topology);

  g_assert_cmpuint (reg_of (cpuid, 1, 0, CPUID_EBX) >> 24, ==, id);
  g_assert_cmpuint (reg_of (cpuid, 1, 0, CPUID_EBX) >> 16 & 0xff, ==, MIN (1u << bits, 255));
  g_assert_cmpuint (reg_of (cpuid, 1, 0, CPUID_EDX) >> 28 & 1, ==, n > 1);
  if (last_leaf (cpuid) >= 0xb)
    {
      g_assert_cmphex (reg_of (cpuid, 0xb, 0, CPUID_ECX), ==, 0x100);
      g_assert_cmpuint (reg_of (cpuid, 0xb, 0, CPUID_EAX), ==, thread_bits);
      g_assert_cmpuint (reg_of (cpuid, 0xb, 0, CPUID_EBX), ==, topology.threads);
      g_assert_cmphex (reg_of (cpuid, 0xb, 1, CPUID_ECX), ==, 0x201);
      g_assert_cmpuint (reg_of (cpuid, 0xb, 1, CPUID_EAX), ==, bits);
      g_assert_cmpuint (reg_of (cpuid, 0xb, 1, CPUID_EBX), ==, n);
      g_assert_cmpuint (reg_of (cpuid, 0xb, 2, CPUID_EBX), ==, 0);
      for (unsigned level = 0; level < 3; level++)
        g_assert_cmpuint (reg_of (cpuid, 0xb, level, CPUID_EDX), ==, id);
    }
  if (is_amd (cpuid))
    {
      g_assert_cmpuint (reg_of (cpuid, 0x80000008, 0, CPUID_ECX), ==, (n - 1) | bits << 12);
      g_assert_cmpuint (reg_of (cpuid, 0x8000001e, 0, CPUID_EAX), ==, id);
      g_assert_cmpuint (reg_of (cpuid, 0x8000001e, 0, CPUID_EBX) >> 8, ==, topology.threads - 1);
      g_assert_cmpuint (reg_of (cpuid, 0x8000001e, 0, CPUID_ECX), ==, index / n);
      g_assert_cmphex (reg_of (cpuid, 0x80000000, 0, CPUID_EAX), >=, 0x8000001e);
    }
  g_assert_cmphex (reg_of (cpuid, 0x40000000, 0, CPUID_EAX), >=, 0x40000010);
  g_assert_cmpuint (reg_of (cpuid, 0x40000010, 0, CPUID_EAX), ==, 2500000);
}

static void
test_topology (Fixture *fixture, const void *data)
{
  check_place (fixture->base, topology_of (1, 1, 1), 0);
  check_place (fixture->base, topology_of (1, 3, 1), 2);
  check_place (fixture->base, topology_of (2, 1, 2), 2);
  check_place (fixture->base, topology_of (2, 3, 2), 11);
  check_place (fixture->base, topology_of (1, 255, 1), 254);
}

/* Intel SDM vol. 2A, leaf 4 (AMD APM vol. 3, 0x8000001d): who shares a cache. */
static void
test_caches (Fixture *fixture, const void *data)
{
  const CpuTopology topology = { 2, 3, 2 };
  g_autofree struct kvm_cpuid2 *base = cpuid_base (fixture->vm, "x86-64-v1", NULL);
  g_autofree struct kvm_cpuid2 *cpuid = cpuid_for_cpu (base, &topology, 0, 0);
  bool amd = is_amd (cpuid);
  uint32_t leaf = amd ? 0x8000001d : 4, kib = 0;

  for (unsigned i = 0; i < 4; i++)
    {
      uint32_t eax = reg_of (cpuid, leaf, i, CPUID_EAX), ebx = reg_of (cpuid, leaf, i, CPUID_EBX);
      bool last = (eax >> 5 & 7) == 3;

      g_assert_cmpuint ((eax >> 14 & 0xfff) + 1, ==, amd ? (last ? 6 : 2) : (last ? 8 : 2));
      g_assert_cmpuint ((eax >> 26) + 1, ==, amd ? 1 : 4);
      kib += ((ebx >> 22) + 1) * ((ebx & 0xfff) + 1) * (reg_of (cpuid, leaf, i, CPUID_ECX) + 1) / 1024;
    }
  g_assert_cmpuint (kib, ==, 32 + 32 + 512 + 16384);
  g_assert_cmphex (reg_of (cpuid, leaf, 4, CPUID_EAX) & 0x1f, ==, 0);
}

/* Every name in the table is known, and no model lacks what its base has. */
static void
test_model_table (void)
{
  for (const CpuModel *model = cpu_models; model->name; model++)
    {
      CpuFeatures own = { 0 }, all = cpu_model_features (model);

      if (!cpu_features_add (&own, model->adds))
        g_error ("%s has a feature of unknown name", model->name);
      if (model->base)
        {
          const CpuModel *base = cpu_model_find (model->base, NULL);
          CpuFeatures less;

          g_assert_nonnull (base);
          g_assert_true (base < model);
          g_assert_true (!base->vendor || g_str_equal (base->vendor, model->vendor));
          less = cpu_model_features (base);
          less = cpu_features_without (&less, &all);
          g_assert_true (cpu_features_empty (&less));
        }
      g_assert_true (cpu_features_have (&all, "lm"));
      g_assert_false (cpu_features_have (&all, "invtsc"));
    }
  g_assert_cmpstr (cpu_model_find ("baseline", "AuthenticAMD")->vendor, ==, "AuthenticAMD");
  g_assert_null (cpu_model_find ("baseline", "CentaurHauls")->vendor);
  g_assert_null (cpu_model_find ("Haswell", "AuthenticAMD"));
}

/* What a model does not have is not there, whatever the host has. */
static void
test_model (Fixture *fixture, const void *data)
{
  g_autofree struct kvm_cpuid2 *cpuid = cpuid_base (fixture->vm, "x86-64-v1", NULL);
  CpuFeatures present, host = cpu_features_of (fixture->base), more;
  char *brand;

  g_assert_nonnull (cpuid);
  present = cpu_features_of (cpuid);
  g_assert_true (cpu_features_have (&present, "sse2"));
  g_assert_true (cpu_features_have (&present, "hypervisor"));
  g_assert_true (cpu_features_have (&present, "x2apic"));
  g_assert_false (cpu_features_have (&present, "sse4_2"));
  g_assert_false (cpu_features_have (&present, "avx"));
  g_assert_null (cpuid_find (cpuid, 0xd, 0));
  more = cpu_features_without (&present, &host);
  g_assert_true (cpu_features_empty (&more));
  brand = (char *)&cpuid_find (cpuid, 0x80000002, 0)->eax;
  g_assert_cmpint (strncmp (brand, "x86-64 Processor", 16), ==, 0);
  g_assert_cmphex (cpuid_find (cpuid, 0, 0)->eax, ==, 0xb);
}

/* A host that has everything but one feature. */
static void
test_missing (void)
{
  g_autofree struct kvm_cpuid2 *table = g_malloc0 (sizeof *table);
  const CpuModel *model = cpu_model_find ("Haswell", NULL);
  CpuFeatures features = cpu_model_features (model), lost = { 0 };
  g_autofree char *fine = NULL, *text = NULL, *foreign = NULL;
  static const struct {
    uint32_t function, index;
  } leaves[] = { { 1, 0 }, { 7, 0 }, { 0xd, 1 }, { 0x80000001, 0 } };

  cpuid_put (&table, (struct kvm_cpuid_entry2){
                       .function = 0, .eax = 0xd, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e });
  for (unsigned i = 0; i < G_N_ELEMENTS (leaves); i++)
    cpuid_put (&table, (struct kvm_cpuid_entry2){
                         .function = leaves[i].function,
                         .index = leaves[i].index,
                         .flags = leaves[i].function < 0x80000000 ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0 });
  cpu_features_store (&features, table);
  fine = cpu_model_obstacle (model, table);
  g_assert_cmpstr (fine, ==, NULL);
  cpu_features_add (&lost, "avx2 movbe");
  features = cpu_features_without (&features, &lost);
  cpu_features_store (&features, table);
  text = cpu_model_obstacle (model, table);
  g_assert_nonnull (strstr (text, "\"Haswell\" has: movbe avx2."));
  g_assert_nonnull (strstr (text, "bonsai host --cpus"));
  foreign = cpu_model_obstacle (cpu_model_find ("EPYC", NULL), table);
  g_assert_nonnull (strstr (foreign, "AuthenticAMD"));
}

/* Those that the report says run give a table that KVM takes; the others are refused with the same words. */
static void
test_report (Fixture *fixture, const void *data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) reports = cpuid_report_models (&error);
  const CpuTopology flat = cpu_topology_flat (1);
  unsigned n_running = 0;

  g_assert_no_error (error);
  g_assert_cmpuint (reports->len, >, 20);
  for (unsigned i = 0; i < reports->len; i++)
    {
      const CpuModelReport *report = g_ptr_array_index (reports, i);
      g_autoptr (GError) refusal = NULL;
      g_autofree struct kvm_cpuid2 *base = cpuid_base (fixture->vm, report->name, &refusal);

      if (report->obstacle)
        {
          g_assert_error (refusal, VMM_ERROR, VMM_ERROR_UNSUPPORTED);
          g_assert_cmpstr (refusal->message, ==, report->obstacle);
          continue;
        }
      g_assert_no_error (refusal);
      n_running++;
      g_free (cpuid_for_cpu (base, &flat, 0, 0));
    }
  g_assert_cmpuint (n_running, >=, 2); /* "host" and "x86-64-v1" */
}

static void
test_models (Fixture *fixture, const void *data)
{
  g_autoptr (GError) error = NULL;
  g_autofree struct kvm_cpuid2 *host = cpuid_base (fixture->vm, "host", NULL);

  g_assert_nonnull (host);
  g_assert_null (cpuid_base (fixture->vm, "8086", &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
}

/* KVM works the sizes of leaf 0xd out of XCR0: Intel SDM vol. 1, 13.2. */
static void
test_state_sizes (Fixture *fixture, const void *data)
{
  g_autofree struct kvm_cpuid2 *cpuid = NULL, *after = NULL;
  const struct kvm_cpuid_entry2 *first = cpuid_find (fixture->base, 0xd, 0);
  const CpuTopology flat = cpu_topology_flat (1);
  struct kvm_xcrs xcrs = { .nr_xcrs = 1 };
  g_autoptr (GError) error = NULL;
  uint32_t size = 576;
  int cpu;

  if (!first)
    {
      g_test_skip ("this processor has no XSAVE");
      return;
    }
  g_assert_true (kvm_vm_create_chips (fixture->vm, &error));
  g_assert_no_error (error);
  cpu = ioctl (kvm_vm_fd (fixture->vm), KVM_CREATE_VCPU, 0);
  g_assert_cmpint (cpu, >=, 0);
  cpuid = cpuid_for_cpu (fixture->base, &flat, 0, 0);
  g_assert_cmpint (ioctl (cpu, KVM_SET_CPUID2, cpuid), ==, 0);
  xcrs.xcrs[0].value = first->eax;
  g_assert_cmpint (ioctl (cpu, KVM_SET_XCRS, &xcrs), ==, 0);
  after = g_malloc0 (sizeof *after + 256 * sizeof (struct kvm_cpuid_entry2));
  after->nent = 256;
  g_assert_cmpint (ioctl (cpu, KVM_GET_CPUID2, after), ==, 0);
  for (unsigned i = 2; i < 32; i++)
    {
      const struct kvm_cpuid_entry2 *entry = cpuid_find (cpuid, 0xd, i);

      g_assert_cmpint (!entry, ==, !(first->eax & 1u << i));
      if (entry)
        size = MAX (size, entry->eax + entry->ebx);
    }
  g_assert_cmpuint (reg_of (after, 0xd, 0, CPUID_EBX), ==, size);
  g_assert_cmpuint (reg_of (after, 0xd, 0, CPUID_ECX), >=, size);
  close (cpu);
}

/* The registers behind the clocks and KVM's paravirtual features (Linux Documentation/virt/kvm/x86/msr.rst)
 * are part of a saved state. */
static void
test_saved_registers (Fixture *fixture, const void *data)
{
  static const struct {
    uint32_t msr, feature;
  } wanted[] = {
    { 0x10, ALWAYS },
    { 0x4b564d00, KVM_FEATURE_CLOCKSOURCE2 },
    { 0x4b564d01, KVM_FEATURE_CLOCKSOURCE2 },
    { 0x4b564d02, KVM_FEATURE_ASYNC_PF },
    { 0x4b564d03, KVM_FEATURE_STEAL_TIME },
    { 0x4b564d04, KVM_FEATURE_PV_EOI },
    { 0x4b564d05, KVM_FEATURE_POLL_CONTROL },
    { 0x4b564d06, KVM_FEATURE_ASYNC_PF_INT },
  };
  g_autofree MsrValues *values = g_new0 (MsrValues, 1);
  const CpuTopology flat = cpu_topology_flat (1);
  g_autofree struct kvm_cpuid2 *cpuid = cpuid_for_cpu (fixture->base, &flat, 0, 0);
  uint32_t features = reg_of (cpuid, KVM_CPUID_FEATURES, 0, CPUID_EAX);
  g_autoptr (GError) error = NULL;
  int cpu;

  g_assert_true (kvm_vm_create_chips (fixture->vm, &error));
  cpu = ioctl (kvm_vm_fd (fixture->vm), KVM_CREATE_VCPU, 0);
  g_assert_cmpint (cpu, >=, 0);
  g_assert_cmpint (ioctl (cpu, KVM_SET_CPUID2, cpuid), ==, 0);
  g_assert_true (msr_list (fixture->vm, cpu, values, &error));
  for (unsigned i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      bool found = wanted[i].feature != ALWAYS && !(features & 1u << wanted[i].feature);

      for (uint32_t j = 0; j < values->count; j++)
        found |= values->index[j] == wanted[i].msr;
      if (!found)
        g_error ("register 0x%x is not saved", wanted[i].msr);
    }
  close (cpu);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpuid/ids", test_ids);
  g_test_add_func ("/cpuid/impossible-topologies", test_impossible_topologies);
  g_test_add_func ("/cpuid/model-table", test_model_table);
  g_test_add_func ("/cpuid/missing-features", test_missing);
  if (!guest_have_kvm ())
    return g_test_run ();
  g_test_add ("/cpuid/features", Fixture, NULL, set_up, test_features, tear_down);
  g_test_add ("/cpuid/topology", Fixture, NULL, set_up, test_topology, tear_down);
  g_test_add ("/cpuid/caches", Fixture, NULL, set_up, test_caches, tear_down);
  g_test_add ("/cpuid/model", Fixture, NULL, set_up, test_model, tear_down);
  g_test_add ("/cpuid/report", Fixture, NULL, set_up, test_report, tear_down);
  g_test_add ("/cpuid/state-sizes", Fixture, NULL, set_up, test_state_sizes, tear_down);
  g_test_add ("/cpuid/saved-registers", Fixture, NULL, set_up, test_saved_registers, tear_down);
  g_test_add ("/cpuid/models", Fixture, NULL, set_up, test_models, tear_down);
  return g_test_run ();
}
