/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/boot-private.h"

#include "vmm/base/bytes.h"
#include "vmm/memory/guest-memory.h"

#include <elf.h>
#include <string.h>

/* One program header of either class. */
typedef struct {
  uint32_t type;
  uint64_t offset, virtual, physical, file_size, size;
} Header;

typedef struct {
  bool is_64;
  uint64_t entry;
  uint64_t table;
  unsigned n, entry_size;
} Elf;

static bool
read_elf (const BootKernel *kernel, Elf *elf)
{
  const uint8_t *data = kernel->data;
  uint16_t machine;

  if (kernel->size < sizeof (Elf64_Ehdr) || memcmp (data, ELFMAG, SELFMAG) != 0
      || data[EI_DATA] != ELFDATA2LSB)
    return false;
  machine = load_le16 (data + G_STRUCT_OFFSET (Elf32_Ehdr, e_machine));
  if (data[EI_CLASS] == ELFCLASS64 && machine == EM_X86_64)
    {
      elf->is_64 = true;
      elf->entry = load_le64 (data + G_STRUCT_OFFSET (Elf64_Ehdr, e_entry));
      elf->table = load_le64 (data + G_STRUCT_OFFSET (Elf64_Ehdr, e_phoff));
      elf->n = load_le16 (data + G_STRUCT_OFFSET (Elf64_Ehdr, e_phnum));
      elf->entry_size = load_le16 (data + G_STRUCT_OFFSET (Elf64_Ehdr, e_phentsize));
      return true;
    }
  if (data[EI_CLASS] == ELFCLASS32 && (machine == EM_386 || machine == EM_X86_64))
    {
      elf->is_64 = false;
      elf->entry = load_le32 (data + G_STRUCT_OFFSET (Elf32_Ehdr, e_entry));
      elf->table = load_le32 (data + G_STRUCT_OFFSET (Elf32_Ehdr, e_phoff));
      elf->n = load_le16 (data + G_STRUCT_OFFSET (Elf32_Ehdr, e_phnum));
      elf->entry_size = load_le16 (data + G_STRUCT_OFFSET (Elf32_Ehdr, e_phentsize));
      return true;
    }
  return false;
}

static bool
read_header (const BootKernel *kernel, const Elf *elf, unsigned index, Header *header)
{
  size_t least = elf->is_64 ? sizeof (Elf64_Phdr) : sizeof (Elf32_Phdr);
  uint64_t at = elf->table + (uint64_t)index * elf->entry_size;
  const uint8_t *p;

  if (elf->entry_size < least || elf->table > kernel->size || at > kernel->size || least > kernel->size - at)
    return false;
  p = kernel->data + at;
  header->type = load_le32 (p);
  if (elf->is_64)
    {
      header->offset = load_le64 (p + G_STRUCT_OFFSET (Elf64_Phdr, p_offset));
      header->virtual = load_le64 (p + G_STRUCT_OFFSET (Elf64_Phdr, p_vaddr));
      header->physical = load_le64 (p + G_STRUCT_OFFSET (Elf64_Phdr, p_paddr));
      header->file_size = load_le64 (p + G_STRUCT_OFFSET (Elf64_Phdr, p_filesz));
      header->size = load_le64 (p + G_STRUCT_OFFSET (Elf64_Phdr, p_memsz));
    }
  else
    {
      header->offset = load_le32 (p + G_STRUCT_OFFSET (Elf32_Phdr, p_offset));
      header->virtual = load_le32 (p + G_STRUCT_OFFSET (Elf32_Phdr, p_vaddr));
      header->physical = load_le32 (p + G_STRUCT_OFFSET (Elf32_Phdr, p_paddr));
      header->file_size = load_le32 (p + G_STRUCT_OFFSET (Elf32_Phdr, p_filesz));
      header->size = load_le32 (p + G_STRUCT_OFFSET (Elf32_Phdr, p_memsz));
    }
  return true;
}

bool
boot_elf_load (BootKernel *kernel, bool *found, GError **error)
{
  Elf elf;
  Header header;

  if (!read_elf (kernel, &elf))
    return true;
  *found = true;
  kernel->entry = elf.entry;
  for (unsigned i = 0; i < elf.n; i++)
    {
      if (!read_header (kernel, &elf, i, &header))
        return boot_refuse (kernel, error,
                            "its program headers lie beyond the file's end. Make a new copy of it.");
      if (header.type != PT_LOAD || header.size == 0)
        continue;

      const BootSegment segment = { header.physical, header.size, header.offset, header.file_size };
      if (!boot_add_segment (kernel, &segment, error))
        return false;
      /* The entry is virtual; the CPU starts without paging. */
      if (elf.entry >= header.virtual && elf.entry - header.virtual < header.size)
        kernel->entry = elf.entry - header.virtual + header.physical;
    }
  if (kernel->segments->len == 0)
    return boot_refuse (kernel, error, "it is an ELF file without anything to load.");
  return true;
}

/* --- PVH: Xen's docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h --- */

#define NOTE_PHYS32_ENTRY 18u
#define START_INFO_MAGIC  0x336ec578u

enum {
  START_MAGIC = 0,
  START_VERSION = 4,
  START_N_MODULES = 12,
  START_MODULES = 16,
  START_COMMAND_LINE = 24,
  START_RSDP = 32,
  START_MAP = 40,
  START_N_MAP = 48,
  START_INFO_SIZE = 56,
  MODULE_SIZE = 32,
  MAP_SIZE = 24,
};

/* Looks through one segment of notes; each name and description is padded to 4 bytes. */
static bool
find_entry_note (const uint8_t *notes, uint64_t size, uint64_t *entry)
{
  uint64_t at = 0;

  while (size - at >= 12)
    {
      uint64_t name_size = (load_le32 (notes + at) + UINT64_C (3)) & ~UINT64_C (3);
      uint64_t content_size = load_le32 (notes + at + 4);
      uint64_t padded = (content_size + 3) & ~UINT64_C (3);
      uint32_t type = load_le32 (notes + at + 8);

      at += 12;
      if (name_size > size - at || content_size > size - at - name_size)
        return false;
      if (type == NOTE_PHYS32_ENTRY && name_size == 4 && memcmp (notes + at, "Xen", 4) == 0
          && (content_size == 4 || content_size == 8))
        {
          *entry = load_le (notes + at + name_size, content_size);
          return true;
        }
      if (padded > size - at - name_size)
        return false;
      at += name_size + padded;
    }
  return false;
}

static bool
find_pvh_entry (const BootKernel *kernel, uint64_t *entry)
{
  Elf elf;
  Header header;

  if (!read_elf (kernel, &elf))
    return false;
  for (unsigned i = 0; i < elf.n && read_header (kernel, &elf, i, &header); i++)
    if (header.type == PT_NOTE && header.offset <= kernel->size
        && header.file_size <= kernel->size - header.offset
        && find_entry_note (kernel->data + header.offset, header.file_size, entry))
      return true;
  return false;
}

bool
boot_pvh_parse (BootKernel *kernel, bool *found, GError **error)
{
  uint64_t entry;

  if (!boot_elf_load (kernel, found, error))
    return false;
  if (!*found)
    return true;
  if (!find_pvh_entry (kernel, &entry))
    return boot_refuse (
      kernel, error,
      "it is an ELF file without a PVH entry or a Multiboot header. For Linux, build it with "
      "CONFIG_PVH, or name its bzImage.");
  if (entry < BOOT_KERNEL_MIN || entry >= boot_kernel_end (kernel))
    return boot_refuse (kernel, error, "its PVH entry lies outside of it: the file is damaged.");
  kernel->kind = BOOT_PVH;
  kernel->entry = entry;
  return true;
}

static bool
write_modules (const BootKernel *kernel, GuestMemory *memory, uint64_t *strings)
{
  for (unsigned i = 0; i < kernel->modules->len; i++)
    {
      const BootModule *module = &g_array_index (kernel->modules, BootModule, i);
      uint8_t entry[MODULE_SIZE] = { 0 };

      store_le64 (entry, module->address);
      store_le64 (entry + 8, module->size);
      store_le64 (entry + 16, *strings);
      if (!boot_write_string (memory, module->arguments, strings)
          || !guest_write (memory, BOOT_MODULES + i * MODULE_SIZE, entry, sizeof entry))
        return false;
    }
  return true;
}

bool
boot_pvh_place (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine, CpuStart *start)
{
  BootMapEntry map[BOOT_MAP_MAX];
  unsigned n = boot_make_map (machine, map);
  uint8_t info[START_INFO_SIZE] = { 0 };
  uint8_t entries[BOOT_MAP_MAX * MAP_SIZE] = { 0 };
  uint64_t strings = BOOT_STRINGS;

  for (unsigned i = 0; i < n; i++)
    {
      store_le64 (entries + MAP_SIZE * i, map[i].address);
      store_le64 (entries + MAP_SIZE * i + 8, map[i].size);
      store_le32 (entries + MAP_SIZE * i + 16, map[i].type);
    }
  store_le32 (info + START_MAGIC, START_INFO_MAGIC);
  store_le32 (info + START_VERSION, 1);
  store_le32 (info + START_N_MODULES, kernel->modules->len);
  store_le64 (info + START_MODULES, kernel->modules->len ? BOOT_MODULES : 0);
  store_le64 (info + START_COMMAND_LINE, strings);
  store_le64 (info + START_RSDP, machine->rsdp);
  store_le64 (info + START_MAP, BOOT_MAP);
  store_le32 (info + START_N_MAP, n);
  start->rbx = BOOT_INFO;
  return boot_write_string (memory, kernel->append, &strings) && write_modules (kernel, memory, &strings)
         && guest_write (memory, BOOT_MAP, entries, n * MAP_SIZE)
         && guest_write (memory, BOOT_INFO, info, sizeof info);
}
