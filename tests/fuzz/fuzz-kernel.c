/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that claims to be a kernel: booted or refused. */
#include "tests/fuzz/fuzz.h"

#include "devices/platform/boot.h"
#include "tests/bench-device/bench.h"

#include <sys/mman.h>
#include <unistd.h>

#define RAM_SIZE (UINT64_C (8) << 20)

static void
place (BootKernel *kernel)
{
  BootMachine machine = { .ram_low = RAM_SIZE, .tables = RAM_SIZE - BOOT_TABLES_SIZE, .rsdp = 0xf0000 };
  g_autoptr (GuestMemory) memory = guest_memory_new (NULL);
  MemoryBank *ram = guest_memory_add_bank (memory, "ram-low", RAM_SIZE, BANK_RAM, NULL);
  CpuStart start = { 0 };

  g_assert_nonnull (ram);
  g_assert_true (memory_bank_map (ram, 0));
  boot_kernel_place (kernel, memory, &machine, &start, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  int fd = memfd_create ("fuzz-kernel", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (BootKernel) kernel = NULL;

  if (write (fd, data, size) == (ssize_t)size)
    kernel = boot_kernel_load (path, NULL, "quiet", RAM_SIZE, NULL);
  close (fd);
  if (kernel)
    place (kernel);
  return 0;
}
