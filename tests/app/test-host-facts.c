/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/host/host-facts.h"
#include "tests/app/scratch.h"

#include <string.h>

static const HostFact *
find (GPtrArray *facts, const char *id)
{
  for (guint i = 0; i < facts->len; i++)
    if (g_str_equal (((HostFact *)g_ptr_array_index (facts, i))->id, id))
      return g_ptr_array_index (facts, i);
  return NULL;
}

static void
test_facts (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (HostReport) report = host_check (NULL);
  g_autoptr (GPtrArray) facts = host_facts (report, scratch);
  const char *const ids[] = { "kvm", "processor", "memory", "room", "group", "seabios", "ovmf", "ipxe" };

  for (unsigned i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      const HostFact *fact = find (facts, ids[i]);

      g_assert_nonnull (fact);
      g_assert_nonnull (fact->title);
      g_assert_nonnull (fact->text);
      g_assert_true (fact->level == HOST_FACT_FINE || i < 1 || fact->remedy != NULL);
    }
  g_assert_nonnull (strstr (find (facts, "room")->text, scratch));
}

/* Nothing is there: what is missing comes with a package. */
static void
test_no_firmware (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (HostReport) report = host_check (&(HostPaths){ .kvm_path = "/nowhere" });
  g_autoptr (GPtrArray) facts = NULL;

  g_setenv ("BONSAI_FIRMWARE_PATH", scratch, TRUE);
  facts = host_facts (report, scratch);
  g_unsetenv ("BONSAI_FIRMWARE_PATH");
  g_assert_cmpint (find (facts, "kvm")->level, ==, HOST_FACT_ERROR);
  g_assert_nonnull (find (facts, "seabios"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/host-facts/all", test_facts);
  g_test_add_func ("/host-facts/no-firmware", test_no_firmware);
  return g_test_run ();
}
