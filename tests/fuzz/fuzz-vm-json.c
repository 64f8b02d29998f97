/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vm.json: any bytes are read or refused; what was read is written and read again. */
#include "tests/fuzz/fuzz.h"

#include "app/bundle/vm-config.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (VmConfig) config = vm_config_parse ((const char *)data, size, "vm.json", NULL);

  if (config)
    {
      g_autofree char *json = vm_config_to_json (config);
      g_autoptr (GError) error = NULL;
      g_autoptr (VmConfig) again = vm_config_parse (json, strlen (json), "vm.json", &error);

      g_assert_no_error (error);
      g_assert_nonnull (again);
    }
  return 0;
}
