/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/boot-private.h"

#include "vmm/base/bytes.h"
#include "vmm/memory/guest-memory.h"

#include <string.h>

/* Multiboot Specification 0.6.96. */
#define HEADER_MAGIC  0x1badb002u
#define LOADER_MAGIC  0x2badb002u
#define SEARCH_LENGTH 8192u

enum {
  HEADER_FLAGS = 4,
  HEADER_CHECKSUM = 8,
  HEADER_ADDRESS = 12,
  HEADER_LOAD = 16,
  HEADER_LOAD_END = 20,
  HEADER_BSS_END = 24,
  HEADER_ENTRY = 28,
  HEADER_SHORT_SIZE = 12,
  HEADER_LONG_SIZE = 32,

  WANTS_PAGES = 1 << 0,
  WANTS_MEMORY = 1 << 1,
  WANTS_VIDEO = 1 << 2,
  WANTS_MASK = 0xffff, /* unknown ones among these must be refused */
  HAS_ADDRESSES = 1 << 16,

  INFO_FLAGS = 0,
  INFO_MEMORY_LOWER = 4,
  INFO_MEMORY_UPPER = 8,
  INFO_COMMAND_LINE = 16,
  INFO_N_MODULES = 20,
  INFO_MODULES = 24,
  INFO_MAP_LENGTH = 44,
  INFO_MAP = 48,
  INFO_LOADER_NAME = 64,
  INFO_SIZE = 88,

  GIVES_MEMORY = 1 << 0,
  GIVES_COMMAND_LINE = 1 << 2,
  GIVES_MODULES = 1 << 3,
  GIVES_MAP = 1 << 6,
  GIVES_LOADER_NAME = 1 << 9,

  MODULE_SIZE = 16,
  MAP_SIZE = 24,
};

/* The header's offset in the file, or -1. Section 3.1: in the first 8192 bytes, on a multiple of 4. */
static int
find_header (const BootKernel *kernel)
{
  size_t end = MIN (kernel->size, (size_t)SEARCH_LENGTH);

  for (size_t at = 0; at + HEADER_SHORT_SIZE <= end; at += 4)
    {
      const uint8_t *header = kernel->data + at;

      if (load_le32 (header) == HEADER_MAGIC
          && load_le32 (header) + load_le32 (header + HEADER_FLAGS) + load_le32 (header + HEADER_CHECKSUM)
               == 0)
        return at;
    }
  return -1;
}

/* Section 3.1.3: the file is loaded as it is. */
static bool
load_by_addresses (BootKernel *kernel, size_t at, GError **error)
{
  const uint8_t *header = kernel->data + at;
  uint32_t address, load, load_end, bss_end;
  BootSegment segment;

  if (kernel->size - at < HEADER_LONG_SIZE)
    return boot_refuse (kernel, error, "its Multiboot header is cut short.");
  address = load_le32 (header + HEADER_ADDRESS);
  load = load_le32 (header + HEADER_LOAD);
  load_end = load_le32 (header + HEADER_LOAD_END);
  bss_end = load_le32 (header + HEADER_BSS_END);
  if (address < load || address - load > at || (load_end && load_end < load))
    return boot_refuse (kernel, error, "the addresses in its Multiboot header contradict each other.");

  segment.address = load;
  segment.offset = at - (address - load);
  segment.file_size = load_end ? load_end - load : kernel->size - segment.offset;
  segment.size = segment.file_size;
  if (bss_end > load + segment.file_size)
    segment.size = bss_end - load;
  kernel->entry = load_le32 (header + HEADER_ENTRY);
  return boot_add_segment (kernel, &segment, error);
}

bool
boot_multiboot_parse (BootKernel *kernel, bool *found, GError **error)
{
  int at = find_header (kernel);
  bool is_elf = false;
  uint32_t flags;

  if (at < 0)
    return true;
  *found = true;
  kernel->kind = BOOT_MULTIBOOT;
  flags = load_le32 (kernel->data + at + HEADER_FLAGS);
  if (flags & WANTS_MASK & ~(WANTS_PAGES | WANTS_MEMORY | WANTS_VIDEO))
    return boot_refuse (kernel, error, "it asks its loader for something unknown (Multiboot flags 0x%08x).",
                        flags);

  if (flags & HAS_ADDRESSES)
    return load_by_addresses (kernel, at, error);
  if (!boot_elf_load (kernel, &is_elf, error))
    return false;
  if (!is_elf)
    return boot_refuse (kernel, error, "its Multiboot header has no addresses and it is no ELF file.");
  if (kernel->entry > UINT32_MAX)
    return boot_refuse (kernel, error, "its entry lies above 4 GiB.");
  return true;
}

/* --- the information for the kernel: section 3.3 --- */

static bool
write_modules (const BootKernel *kernel, GuestMemory *memory, uint64_t *strings)
{
  for (unsigned i = 0; i < kernel->modules->len; i++)
    {
      const BootModule *module = &g_array_index (kernel->modules, BootModule, i);
      g_autofree char *line =
        g_strjoin (*module->arguments ? " " : "", module->path, module->arguments, NULL);
      uint8_t entry[MODULE_SIZE] = { 0 };

      store_le32 (entry, module->address);
      store_le32 (entry + 4, module->address + module->size);
      store_le32 (entry + 8, *strings);
      if (!boot_write_string (memory, line, strings)
          || !guest_write (memory, BOOT_MODULES + i * MODULE_SIZE, entry, sizeof entry))
        return false;
    }
  return true;
}

static bool
write_map (GuestMemory *memory, const BootMachine *machine, uint32_t *length)
{
  BootMapEntry map[BOOT_MAP_MAX];
  unsigned n = boot_make_map (machine, map);
  uint8_t entries[BOOT_MAP_MAX * MAP_SIZE];

  for (unsigned i = 0; i < n; i++)
    {
      store_le32 (entries + MAP_SIZE * i, MAP_SIZE - 4);
      store_le64 (entries + MAP_SIZE * i + 4, map[i].address);
      store_le64 (entries + MAP_SIZE * i + 12, map[i].size);
      store_le32 (entries + MAP_SIZE * i + 20, map[i].type);
    }
  *length = n * MAP_SIZE;
  return guest_write (memory, BOOT_MAP, entries, *length);
}

bool
boot_multiboot_place (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine, CpuStart *start)
{
  g_autofree char *line = g_strjoin (*kernel->append ? " " : "", kernel->path, kernel->append, NULL);
  uint8_t info[INFO_SIZE] = { 0 };
  uint64_t strings = BOOT_STRINGS;
  uint32_t map_length;

  store_le32 (info + INFO_FLAGS,
              GIVES_MEMORY | GIVES_COMMAND_LINE | GIVES_MODULES | GIVES_MAP | GIVES_LOADER_NAME);
  store_le32 (info + INFO_MEMORY_LOWER, BOOT_LOW_MEMORY_END / 1024);
  store_le32 (info + INFO_MEMORY_UPPER, (machine->tables - 0x100000) / 1024);
  store_le32 (info + INFO_COMMAND_LINE, strings);
  if (!boot_write_string (memory, line, &strings))
    return false;
  store_le32 (info + INFO_LOADER_NAME, strings);
  if (!boot_write_string (memory, "Bonsai", &strings) || !write_modules (kernel, memory, &strings)
      || !write_map (memory, machine, &map_length))
    return false;
  store_le32 (info + INFO_N_MODULES, kernel->modules->len);
  store_le32 (info + INFO_MODULES, BOOT_MODULES);
  store_le32 (info + INFO_MAP_LENGTH, map_length);
  store_le32 (info + INFO_MAP, BOOT_MAP);
  start->rax = LOADER_MAGIC;
  start->rbx = BOOT_INFO;
  return guest_write (memory, BOOT_INFO, info, sizeof info);
}
