/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/vmm/kvm/guest.h"

#include "vmm/base/error.h"
#include "vmm/kvm/cpuid.h"

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

/* Each processor a core of its own of one package. */
static void
test_topology (Fixture *fixture, const void *data)
{
  static const struct {
    unsigned n, bits;
  } cases[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 64, 6 }, { 255, 8 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      unsigned index = cases[i].n - 1;
      g_autofree struct kvm_cpuid2 *cpuid = cpuid_for_cpu (fixture->base, index, cases[i].n);
      const struct kvm_cpuid_entry2 *entry = cpuid_find (cpuid, 1, 0);

      g_assert_cmpuint (entry->ebx >> 24, ==, index);
      g_assert_cmpuint (entry->ebx >> 16 & 0xff, >=, cases[i].n);
      g_assert_cmpuint (entry->edx >> 28 & 1, ==, cases[i].n > 1);
      if (last_leaf (cpuid) < 0xb)
        continue;
      entry = cpuid_find (cpuid, 0xb, 0);
      g_assert_cmphex (entry->ecx, ==, 0x100);
      g_assert_cmpuint (entry->eax, ==, 0);
      g_assert_cmpuint (entry->ebx, ==, 1);
      g_assert_cmpuint (entry->edx, ==, index);
      entry = cpuid_find (cpuid, 0xb, 1);
      g_assert_cmphex (entry->ecx, ==, 0x201);
      g_assert_cmpuint (entry->eax, ==, cases[i].bits);
      g_assert_cmpuint (entry->ebx, ==, cases[i].n);
      g_assert_cmpuint (cpuid_find (cpuid, 0xb, 2)->ebx, ==, 0);
    }
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!guest_have_kvm ())
    return 0;
  g_test_add ("/cpuid/features", Fixture, NULL, set_up, test_features, tear_down);
  g_test_add ("/cpuid/topology", Fixture, NULL, set_up, test_topology, tear_down);
  g_test_add ("/cpuid/models", Fixture, NULL, set_up, test_models, tear_down);
  return g_test_run ();
}
