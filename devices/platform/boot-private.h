/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/platform/boot.h"

G_BEGIN_DECLS

/* Where the loader puts things in low memory. */
enum {
  BOOT_GDT = 0x1000,
  BOOT_PAGE_TABLES = 0x2000,
  BOOT_INFO = 0x10000,    /* zero page, start info, multiboot information */
  BOOT_MAP = 0x12000,     /* memory map, for PVH and Multiboot */
  BOOT_MODULES = 0x14000, /* module list */
  BOOT_STRINGS = 0x20000, /* command lines */
  BOOT_STRINGS_END = 0x40000,
  BOOT_STACK = 0x90000,

  BOOT_KERNEL_MIN = 0x100000, /* nothing of a kernel lies below */
  BOOT_MAX_MODULES = 64,
  BOOT_MAX_SEGMENTS = 64,
};

/* A piece of the image in memory; the rest of @size is zero. */
typedef struct {
  uint64_t address, size;
  size_t offset, file_size;
} BootSegment;

typedef struct {
  int fd; /* stays open, so that a reset finds the same file */
  uint64_t size;
  char *path, *arguments;
  uint64_t address; /* once placed */
} BootModule;

typedef enum {
  BOOT_LINUX,
  BOOT_PVH,
  BOOT_MULTIBOOT,
} BootKind;

struct BootKernel {
  BootKind kind;
  char *path, *append;
  GBytes *image; /* unpacked */
  const uint8_t *data;
  size_t size;
  uint64_t ram_end; /* of the RAM that kernel and modules must fit into */

  GArray *segments; /* of BootSegment, checked */
  GArray *modules;  /* of BootModule */
  uint64_t entry;
  bool long_mode;

  /* Linux */
  uint64_t initrd_max;
};

/* E820 types: ACPI 6.3, section 15, table 15-6. */
enum { BOOT_MAP_RAM = 1, BOOT_MAP_RESERVED = 2, BOOT_MAP_ACPI = 3 };

typedef struct {
  uint64_t address, size;
  uint32_t type;
} BootMapEntry;

#define BOOT_MAP_MAX 8

/* Fills @map; returns the number of entries. */
unsigned boot_make_map (const BootMachine *machine, BootMapEntry map[BOOT_MAP_MAX]);

/* An error about @kernel's file: "The kernel <path> can't be booted: <format>". Always false. */
bool boot_refuse (const BootKernel *kernel, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Adds a checked segment: inside the file, inside RAM, overlapping no other. */
bool boot_add_segment (BootKernel *kernel, const BootSegment *segment, GError **error);

/* First address above all segments. */
uint64_t boot_kernel_end (const BootKernel *kernel);

/* Each looks at kernel->data. *@found: it is that kind; false with @error set: it is, but can't be booted. */
bool boot_linux_parse (BootKernel *kernel, bool *found, GError **error);
bool boot_multiboot_parse (BootKernel *kernel, bool *found, GError **error);
bool boot_pvh_parse (BootKernel *kernel, bool *found, GError **error);

/* ELF: adds the loadable segments; the entry point is physical. @found as above. */
bool boot_elf_load (BootKernel *kernel, bool *found, GError **error);

/* The boot information for each kind; segments and modules are in place. */
bool boot_linux_place (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine, CpuStart *start);
bool boot_multiboot_place (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine,
                           CpuStart *start);
bool boot_pvh_place (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine, CpuStart *start);

/* Writes a string and advances @at; false if there is no room. */
bool boot_write_string (GuestMemory *memory, const char *string, uint64_t *at);

G_END_DECLS
