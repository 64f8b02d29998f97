/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/cpu-start.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * BootKernel: a kernel that the machine starts by itself, without firmware: Linux bzImage (64-bit
 * and 32-bit boot protocol), ELF with a PVH note, Multiboot 1 (ELF or a.out kludge). Any of them may be
 * packed with gzip.
 *
 * Threading: one thread at a time. Files are untrusted: every field is checked before it is used.
 */
typedef struct BootKernel BootKernel;

/* What the kernel is told about the machine, beyond RAM. */
typedef struct {
  uint64_t ram_low, ram_high; /* bytes from 0 and from 4 GiB */
  uint64_t tables;            /* ACPI tables lie from here to the end of low RAM */
  uint64_t rsdp;              /* address */
  bool display;               /* the VGA shows text mode 3 */
} BootMachine;

/* Addresses below this are the loader's own, except that a kernel's segments may not lie there. */
#define BOOT_LOW_MEMORY_END 0x9fc00u

/* Space that pc-start.c keeps for ACPI tables at the end of low RAM. */
#define BOOT_TABLES_SIZE 0x20000u

/**
 * boot_kernel_load:
 * @initrd: (nullable): for Multiboot, modules: "file arguments,file arguments"
 * @append: (nullable): the command line
 * @ram_low: bytes of RAM from address 0 that it must fit into
 *
 * Reads and checks the files. Errors name the file, what is wrong with it and the remedy.
 * Returns: (transfer full), or NULL with @error set.
 */
BootKernel *boot_kernel_load (const char *path, const char *initrd, const char *append, uint64_t ram_low,
                              GError **error);
void boot_kernel_free (BootKernel *kernel);

/* "linux-64", "linux-32", "pvh" or "multiboot". */
const char *boot_kernel_protocol (const BootKernel *kernel);

/* Writes kernel, modules and boot information to guest memory and says how the boot CPU starts. May be
 * repeated for each reset. Returns: false with @error set if memory or a module's file fails. */
bool boot_kernel_place (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine, CpuStart *start,
                        GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BootKernel, boot_kernel_free)

G_END_DECLS
