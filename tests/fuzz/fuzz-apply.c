/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of machines: any bytes are read or refused; what was read is laid over a machine, and over what came of that. */
#include "tests/fuzz/fuzz.h"

#include "app/apply/apply-compare.h"

/* The second time nothing is to be done, but for disks that are still to be made. */
static void
lay_over (const ApplyFile *file, const ApplyMachine *machine)
{
  g_autoptr (ApplyWish) wish = apply_merge (file, machine, NULL, NULL), again = NULL;
  g_autoptr (GPtrArray) changes = NULL;
  g_autoptr (GError) error = NULL;

  if (wish == NULL)
    return;
  again = apply_merge (file, machine, wish->config, &error);
  g_assert_no_error (error);
  changes = apply_compare (wish->config, again->config, false);
  g_assert_cmpuint (changes->len, ==, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char *const names[] = { "lab.yaml", "lab.json" };

  for (guint n = 0; n < G_N_ELEMENTS (names); n++)
    {
      g_autoptr (ApplyFile) file = apply_file_parse ((const char *)data, size, names[n], NULL);

      for (guint i = 0; file != NULL && i < file->machines->len; i++)
        lay_over (file, g_ptr_array_index (file->machines, i));
    }
  return 0;
}
