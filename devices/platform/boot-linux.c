/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/boot-private.h"

#include "vmm/base/bytes.h"
#include "vmm/memory/guest-memory.h"

#include <string.h>

/*
 * The Linux/x86 boot protocol (Documentation/x86/boot.rst). Offsets are those of the setup header,
 * which lies at the same place in the file and in the "zero page".
 */
enum {
  ZERO_PAGE_SIZE = 4096,
  ZP_SCREEN_MODE = 0x06,
  ZP_SCREEN_COLUMNS = 0x07,
  ZP_SCREEN_EGA = 0x0a,
  ZP_SCREEN_LINES = 0x0e,
  ZP_SCREEN_IS_VGA = 0x0f,
  ZP_SCREEN_POINTS = 0x10,
  ZP_RSDP = 0x70,
  ZP_ALT_MEMORY = 0x1e0, /* KiB above 1 MiB */
  ZP_N_E820 = 0x1e8,
  ZP_E820 = 0x2d0,

  SETUP_SECTORS = 0x1f1,
  SETUP_VIDEO_MODE = 0x1fa,
  SETUP_BOOT_FLAG = 0x1fe,
  SETUP_JUMP = 0x201, /* the header's length beyond 0x202 */
  SETUP_MAGIC = 0x202,
  SETUP_VERSION = 0x206,
  SETUP_LOADER = 0x210,
  SETUP_LOAD_FLAGS = 0x211,
  SETUP_CODE32 = 0x214,
  SETUP_RAMDISK = 0x218,
  SETUP_RAMDISK_SIZE = 0x21c,
  SETUP_COMMAND_LINE = 0x228,
  SETUP_INITRD_MAX = 0x22c,
  SETUP_ALIGNMENT = 0x230,
  SETUP_RELOCATABLE = 0x234,
  SETUP_XLOAD_FLAGS = 0x236,
  SETUP_COMMAND_LINE_SIZE = 0x238,
  SETUP_PREFERRED = 0x258,
  SETUP_INIT_SIZE = 0x260,
  SETUP_END = 0x290,

  LOADED_HIGH = 1 << 0,
  XLF_KERNEL_64 = 1 << 0,
  LOADER_UNDEFINED = 0xff,
  ENTRY_64 = 0x200,
};

#define OLD_INITRD_MAX 0x37ffffffu

static bool
check_command_line (const BootKernel *kernel, unsigned version, GError **error)
{
  uint32_t most = version >= 0x206 ? load_le32 (kernel->data + SETUP_COMMAND_LINE_SIZE) : 255;

  if (strlen (kernel->append) <= most)
    return true;
  return boot_refuse (kernel, error, "it takes a command line of at most %u characters. Shorten yours.",
                      most);
}

/* Where the kernel goes, and how much memory it needs to unpack itself. */
static bool
place_kernel (BootKernel *kernel, unsigned version, size_t setup_size, GError **error)
{
  const uint8_t *data = kernel->data;
  BootSegment segment = { .address = BOOT_KERNEL_MIN,
                          .offset = setup_size,
                          .file_size = kernel->size - setup_size };

  if (version >= 0x20a)
    {
      uint64_t preferred = load_le64 (data + SETUP_PREFERRED);

      segment.size = MAX (load_le32 (data + SETUP_INIT_SIZE), segment.file_size);
      if (preferred >= BOOT_KERNEL_MIN && preferred < UINT32_MAX
          && (!data[SETUP_RELOCATABLE]
              || (preferred < kernel->ram_end && segment.size <= kernel->ram_end - preferred)))
        segment.address = preferred;
    }
  else
    segment.size = segment.file_size;
  if (!boot_add_segment (kernel, &segment, error))
    return false;
  kernel->entry = segment.address + (kernel->long_mode ? ENTRY_64 : 0);
  return true;
}

bool
boot_linux_parse (BootKernel *kernel, bool *found, GError **error)
{
  const uint8_t *data = kernel->data;
  size_t setup_size;
  unsigned version;

  if (kernel->size < SETUP_END || load_le16 (data + SETUP_BOOT_FLAG) != 0xaa55
      || memcmp (data + SETUP_MAGIC, "HdrS", 4) != 0)
    return true;

  *found = true;
  kernel->kind = BOOT_LINUX;
  version = load_le16 (data + SETUP_VERSION);
  setup_size = ((data[SETUP_SECTORS] ? data[SETUP_SECTORS] : 4) + 1) * 512;
  if (version < 0x202 || !(data[SETUP_LOAD_FLAGS] & LOADED_HIGH))
    return boot_refuse (
      kernel, error,
      "it is a zImage, or from before Linux 2.4 (boot protocol %u.%02u). Boot it by a boot loader on "
      "a disk.",
      version >> 8, version & 0xff);
  if (setup_size >= kernel->size)
    return boot_refuse (kernel, error, "it is cut short after its setup code. Make a new copy of it.");

  kernel->initrd_max = version >= 0x203 ? load_le32 (data + SETUP_INITRD_MAX) : OLD_INITRD_MAX;
  kernel->initrd_max += 1; /* the highest address an initrd's byte may have */
  kernel->long_mode = version >= 0x20c && (load_le16 (data + SETUP_XLOAD_FLAGS) & XLF_KERNEL_64);
  if (kernel->long_mode && kernel->size - setup_size <= ENTRY_64)
    return boot_refuse (kernel, error, "it has no 64-bit entry. Make a new copy of it.");
  if (!kernel->long_mode && load_le32 (data + SETUP_CODE32) == 0)
    return boot_refuse (
      kernel, error,
      "it starts in real mode only and calls the BIOS. Boot it by a boot loader on a disk or a CD.");
  return check_command_line (kernel, version, error) && place_kernel (kernel, version, setup_size, error);
}

static void
fill_screen (uint8_t *zero_page)
{
  zero_page[ZP_SCREEN_MODE] = 3;
  zero_page[ZP_SCREEN_COLUMNS] = 80;
  store_le16 (zero_page + ZP_SCREEN_EGA, 3);
  zero_page[ZP_SCREEN_LINES] = 25;
  zero_page[ZP_SCREEN_IS_VGA] = 1;
  store_le16 (zero_page + ZP_SCREEN_POINTS, 16);
}

static void
fill_memory (uint8_t *zero_page, const BootMachine *machine)
{
  BootMapEntry map[BOOT_MAP_MAX];
  unsigned n = boot_make_map (machine, map);

  for (unsigned i = 0; i < n; i++)
    {
      store_le64 (zero_page + ZP_E820 + 20 * i, map[i].address);
      store_le64 (zero_page + ZP_E820 + 20 * i + 8, map[i].size);
      store_le32 (zero_page + ZP_E820 + 20 * i + 16, map[i].type);
    }
  zero_page[ZP_N_E820] = n;
  store_le32 (zero_page + ZP_ALT_MEMORY, (machine->tables - 0x100000) / 1024);
}

/* The setup header, as far as the kernel says it goes. */
static void
fill_header (uint8_t *zero_page, const BootKernel *kernel)
{
  size_t end = MIN ((size_t)SETUP_MAGIC + kernel->data[SETUP_JUMP], (size_t)SETUP_END);

  memcpy (zero_page + SETUP_SECTORS, kernel->data + SETUP_SECTORS, end - SETUP_SECTORS);
  zero_page[SETUP_LOADER] = LOADER_UNDEFINED;
  store_le16 (zero_page + SETUP_VIDEO_MODE, 0xffff);
  store_le32 (zero_page + SETUP_COMMAND_LINE, BOOT_STRINGS);
  if (kernel->modules->len)
    {
      const BootModule *initrd = &g_array_index (kernel->modules, BootModule, 0);

      store_le32 (zero_page + SETUP_RAMDISK, initrd->address);
      store_le32 (zero_page + SETUP_RAMDISK_SIZE, initrd->size);
    }
}

bool
boot_linux_place (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine, CpuStart *start)
{
  uint8_t zero_page[ZERO_PAGE_SIZE] = { 0 };
  uint64_t strings = BOOT_STRINGS;

  fill_header (zero_page, kernel);
  fill_memory (zero_page, machine);
  store_le64 (zero_page + ZP_RSDP, machine->rsdp);
  if (machine->display)
    fill_screen (zero_page);
  start->rsi = BOOT_INFO;
  return guest_write (memory, BOOT_INFO, zero_page, sizeof zero_page)
         && boot_write_string (memory, kernel->append, &strings);
}
