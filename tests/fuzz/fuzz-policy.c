/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies: any bytes are read or refused; what was read is written and read again, and can be tried out. */
#include "tests/fuzz/fuzz.h"

#include "app/policy/evaluator.h"

static void
count (const PolicyFiring *firing, void *data)
{
  g_assert_nonnull (firing->rule->name);
  ++*(unsigned *)data;
}

static void
try_out (VmPolicy *policy)
{
  g_autoptr (Evaluator) evaluator = evaluator_new (policy);
  PolicySample sample = { .step = 5 };
  unsigned n = 0;

  for (unsigned i = 0; i < 64; i++)
    {
      sample.time += 1 + (i & 8) * 100;
      for (unsigned j = 0; j < VM_N_METRICS; j++)
        sample.values[j] = i & 16 ? 1e12 : 0;
      evaluator_feed (evaluator, &sample, count, &n);
    }
  g_assert_cmpuint (n, <=, 64 * (policy->rules->len + 1));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (VmPolicy) policy = vm_policy_parse ((const char *)data, size, "policy", NULL);

  if (policy)
    {
      g_autofree char *json = vm_policy_to_json (policy);
      g_autoptr (GError) error = NULL;
      g_autoptr (VmPolicy) again = vm_policy_parse (json, strlen (json), "policy", &error);

      g_assert_no_error (error);
      g_assert_nonnull (again);
      try_out (policy);
    }
  return 0;
}
