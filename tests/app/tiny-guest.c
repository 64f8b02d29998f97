/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/tiny-guest.h"

#include "tests/app/scratch.h"

/* Multiboot 0.6.96, section 3.1: a header with load addresses, then the code, at 1 MiB. */
#define LOAD_ADDRESS 0x100000u
#define MAGIC        0x1badb002u
#define FLAGS        0x10000u

BonsaiVm *
tiny_guest_create (LibraryFixture *fixture, const char *name, const guint8 *code, gsize length)
{
  guint32 header[8] = { MAGIC, FLAGS, -(MAGIC + FLAGS), LOAD_ADDRESS, LOAD_ADDRESS, 0, 0, LOAD_ADDRESS + 32 };
  g_autoptr (GByteArray) kernel = g_byte_array_new ();
  g_autoptr (VmConfig) config = vm_config_new (name);
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm;

  g_byte_array_append (kernel, (const guint8 *)header, sizeof header);
  g_byte_array_append (kernel, code, (guint)length);
  config->kernel = g_build_filename (fixture->scratch, name, NULL);
  config->memory = 64 << 20;
  g_assert_true (g_file_set_contents (config->kernel, (char *)kernel->data, kernel->len, NULL));
  vm = bonsai_library_create (fixture->library, config, &error);
  g_assert_no_error (error);
  return vm;
}

BonsaiVm *
tiny_guest_create_sleeper (LibraryFixture *fixture)
{
  static const guint8 code[] = { 0xfa, 0xf4, 0xeb, 0xfd }; /* cli; hlt; jmp */

  return tiny_guest_create (fixture, "sleeper", code, sizeof code);
}

void
tiny_guest_keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

gboolean
tiny_guest_start (BonsaiVm *vm, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_start_async (vm, BONSAI_START_HEADLESS, NULL, tiny_guest_keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_start_finish (vm, result, error);
}

gboolean
tiny_guest_control (BonsaiVm *vm, BonsaiControl what, unsigned timeout_ms, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_control_async (vm, what, timeout_ms, NULL, tiny_guest_keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_control_finish (vm, result, error);
}
