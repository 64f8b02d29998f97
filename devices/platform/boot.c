/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/boot-private.h"

#include "devices/platform/pc-map.h"
#include "vmm/base/error.h"
#include "vmm/memory/guest-memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define KERNEL_MAX_SIZE (512u << 20)
#define MIB             1048576u

bool
boot_refuse (const BootKernel *kernel, GError **error, const char *format, ...)
{
  va_list args;
  g_autofree char *cause = NULL;

  va_start (args, format);
  cause = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "The kernel %s can't be booted: %s", kernel->path, cause);
  return false;
}

/* --- files --- */

/* Opens a regular file; returns -1 with @error set. */
static int
open_file (const char *what, const char *path, uint64_t max_size, uint64_t *size, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat info;

  if (fd < 0 || fstat (fd, &info) < 0)
    {
      vmm_set_errno_error (error, errno, "Can't read the %s %s", what, path);
      if (fd >= 0)
        close (fd);
      return -1;
    }
  if (!S_ISREG (info.st_mode))
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "The %s %s is no regular file: name a file.", what,
                 path);
  else if (info.st_size == 0)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "The %s %s is empty: name another file.", what, path);
  else if ((uint64_t)info.st_size > max_size)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The %s %s is %" G_GUINT64_FORMAT " MiB large and does not fit: at most %" G_GUINT64_FORMAT
                 " MiB are possible. Give the machine more memory, or name a smaller file.",
                 what, path, (uint64_t)info.st_size / MIB, max_size / MIB);
  else
    {
      *size = info.st_size;
      return fd;
    }
  close (fd);
  return -1;
}

static bool
read_all (int fd, uint8_t *buffer, uint64_t size)
{
  uint64_t done = 0;

  while (done < size)
    {
      ssize_t n = pread (fd, buffer + done, size - done, done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          errno = n == 0 ? EIO : errno;
          return false;
        }
      done += n;
    }
  return true;
}

static GBytes *
read_kernel (const char *path, GError **error)
{
  uint64_t size;
  int fd = open_file ("kernel", path, KERNEL_MAX_SIZE, &size, error);
  uint8_t *content;
  bool ok;

  if (fd < 0)
    return NULL;
  content = g_malloc (size);
  ok = read_all (fd, content, size);
  if (!ok)
    vmm_set_errno_error (error, errno, "Can't read the kernel %s", path);
  close (fd);
  if (ok)
    return g_bytes_new_take (content, size);
  g_free (content);
  return NULL;
}

/* Unpacks a gzip file (RFC 1952); returns NULL with @error set. */
static GBytes *
unpack (BootKernel *kernel, GBytes *packed, GError **error)
{
  z_stream stream = { 0 };
  GByteArray *out = g_byte_array_new ();
  gsize size;
  const uint8_t *data = g_bytes_get_data (packed, &size);
  g_autofree uint8_t *piece = g_malloc (MIB);
  int result = inflateInit2 (&stream, 15 + 16);

  stream.next_in = (uint8_t *)data;
  stream.avail_in = size;
  while (result == Z_OK && out->len <= KERNEL_MAX_SIZE)
    {
      stream.next_out = piece;
      stream.avail_out = MIB;
      result = inflate (&stream, Z_NO_FLUSH);
      if (result == Z_OK || result == Z_STREAM_END)
        g_byte_array_append (out, piece, MIB - stream.avail_out);
    }
  inflateEnd (&stream);
  if (result == Z_STREAM_END && out->len > 0)
    return g_byte_array_free_to_bytes (out);
  boot_refuse (kernel, error, "its gzip packing is damaged or too large. Make a new copy of it.");
  g_byte_array_unref (out);
  return NULL;
}

static bool
load_image (BootKernel *kernel, GError **error)
{
  g_autoptr (GBytes) file = read_kernel (kernel->path, error);
  const uint8_t *data;
  gsize size;

  if (!file)
    return false;
  data = g_bytes_get_data (file, &size);
  if (size >= 18 && data[0] == 0x1f && data[1] == 0x8b)
    kernel->image = unpack (kernel, file, error);
  else
    kernel->image = g_bytes_ref (file);
  if (!kernel->image)
    return false;
  kernel->data = g_bytes_get_data (kernel->image, &kernel->size);
  return true;
}

/* --- modules --- */

static bool
add_module (BootKernel *kernel, const char *path, const char *arguments, GError **error)
{
  BootModule module = { 0 };

  if (kernel->modules->len == BOOT_MAX_MODULES)
    return boot_refuse (kernel, error, "it has more than %u modules. Name fewer.", BOOT_MAX_MODULES);
  module.fd = open_file (kernel->kind == BOOT_MULTIBOOT ? "module" : "initrd", path, kernel->ram_end,
                         &module.size, error);
  if (module.fd < 0)
    return false;
  module.path = g_strdup (path);
  module.arguments = g_strdup (arguments);
  g_array_append_val (kernel->modules, module);
  return true;
}

static void
clear_module (gpointer data)
{
  BootModule *module = data;

  close (module->fd);
  g_free (module->path);
  g_free (module->arguments);
}

static bool
add_modules (BootKernel *kernel, const char *initrd, GError **error)
{
  g_auto (GStrv) words = NULL;

  if (!initrd || !*initrd)
    return true;
  if (kernel->kind != BOOT_MULTIBOOT || g_file_test (initrd, G_FILE_TEST_EXISTS))
    return add_module (kernel, initrd, "", error);

  words = g_strsplit (initrd, ",", -1);
  for (unsigned i = 0; words[i]; i++)
    {
      char *space = strchr (words[i], ' ');

      if (space)
        *space = '\0';
      if (!add_module (kernel, words[i], space ? space + 1 : "", error))
        return false;
    }
  return true;
}

/* Multiboot kernels expect modules close behind them; Linux takes its initrd from the end of memory. */
static bool
place_modules (BootKernel *kernel, GError **error)
{
  uint64_t up = boot_kernel_end (kernel);
  uint64_t down = kernel->initrd_max ? MIN (kernel->ram_end, kernel->initrd_max) : kernel->ram_end;
  uint64_t least = up;

  for (unsigned i = 0; i < kernel->modules->len; i++)
    {
      BootModule *module = &g_array_index (kernel->modules, BootModule, i);

      up = (up + GUEST_PAGE_SIZE - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
      if (up > down || module->size > down - up)
        return boot_refuse (kernel, error,
                            "there is no room for %s (%" G_GUINT64_FORMAT
                            " MiB) beside it. Give the machine more "
                            "memory.",
                            module->path, module->size / MIB + 1);
      if (kernel->kind == BOOT_MULTIBOOT)
        {
          module->address = up;
          up += module->size;
        }
      else
        {
          module->address = (down - module->size) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
          down = module->address;
        }
    }
  return down >= least
         || boot_refuse (kernel, error, "its initrd does not fit. Give the machine more memory.");
}

/* --- segments --- */

bool
boot_add_segment (BootKernel *kernel, const BootSegment *segment, GError **error)
{
  if (segment->offset > kernel->size || segment->file_size > kernel->size - segment->offset)
    return boot_refuse (kernel, error,
                        "it is cut short: a part lies beyond the file's end. Make a new copy of it.");
  if (segment->size < segment->file_size)
    return boot_refuse (kernel, error,
                        "a part of it is larger in the file than in memory: the file is damaged.");
  if (segment->address < BOOT_KERNEL_MIN)
    return boot_refuse (kernel, error,
                        "it wants to be loaded at 0x%" G_GINT64_MODIFIER
                        "x, below 1 MiB. Boot it by a boot loader on a "
                        "disk instead.",
                        segment->address);
  if (segment->address > kernel->ram_end || segment->size > kernel->ram_end - segment->address)
    return boot_refuse (kernel, error,
                        "it needs memory at 0x%" G_GINT64_MODIFIER
                        "x where this machine has none. Give the machine more "
                        "memory.",
                        segment->address);
  for (unsigned i = 0; i < kernel->segments->len; i++)
    {
      const BootSegment *other = &g_array_index (kernel->segments, BootSegment, i);

      if (segment->address < other->address + other->size
          && other->address < segment->address + segment->size)
        return boot_refuse (kernel, error, "two parts of it overlap in memory: the file is damaged.");
    }
  if (kernel->segments->len == BOOT_MAX_SEGMENTS)
    return boot_refuse (kernel, error, "it has more than %u parts.", BOOT_MAX_SEGMENTS);
  g_array_append_val (kernel->segments, *segment);
  return true;
}

uint64_t
boot_kernel_end (const BootKernel *kernel)
{
  uint64_t end = BOOT_KERNEL_MIN;

  for (unsigned i = 0; i < kernel->segments->len; i++)
    {
      const BootSegment *segment = &g_array_index (kernel->segments, BootSegment, i);

      end = MAX (end, segment->address + segment->size);
    }
  return end;
}

/* --- loading --- */

static bool
recognize (BootKernel *kernel, GError **error)
{
  static bool (*const parsers[]) (BootKernel *, bool *, GError **) = { boot_linux_parse, boot_multiboot_parse,
                                                                       boot_pvh_parse };

  for (unsigned i = 0; i < G_N_ELEMENTS (parsers); i++)
    {
      bool found = false;

      if (!parsers[i](kernel, &found, error))
        return false;
      if (found)
        return true;
    }
  return boot_refuse (
    kernel, error,
    "it is no kernel that Bonsai knows. Linux bzImage, ELF with a PVH entry and Multiboot 1 are "
    "possible; other systems boot from a disk or a CD.");
}

BootKernel *
boot_kernel_load (const char *path, const char *initrd, const char *append, uint64_t ram_low, GError **error)
{
  g_autoptr (BootKernel) kernel = g_new0 (BootKernel, 1);

  kernel->path = g_strdup (path);
  kernel->append = g_strdup (append ? append : "");
  kernel->segments = g_array_new (FALSE, FALSE, sizeof (BootSegment));
  kernel->modules = g_array_new (FALSE, FALSE, sizeof (BootModule));
  g_array_set_clear_func (kernel->modules, clear_module);
  kernel->ram_end = ram_low > BOOT_TABLES_SIZE ? ram_low - BOOT_TABLES_SIZE : 0;

  if (strlen (kernel->append) >= BOOT_STRINGS_END - BOOT_STRINGS - 4096)
    {
      boot_refuse (kernel, error, "its command line is too long. Shorten it.");
      return NULL;
    }
  if (!load_image (kernel, error) || !recognize (kernel, error) || !add_modules (kernel, initrd, error)
      || !place_modules (kernel, error))
    return NULL;
  return g_steal_pointer (&kernel);
}

void
boot_kernel_free (BootKernel *kernel)
{
  if (!kernel)
    return;
  g_clear_pointer (&kernel->image, g_bytes_unref);
  g_array_unref (kernel->segments);
  g_array_unref (kernel->modules);
  g_free (kernel->path);
  g_free (kernel->append);
  g_free (kernel);
}

const char *
boot_kernel_protocol (const BootKernel *kernel)
{
  if (kernel->kind == BOOT_LINUX)
    return kernel->long_mode ? "linux-64" : "linux-32";
  return kernel->kind == BOOT_PVH ? "pvh" : "multiboot";
}

/* --- placing --- */

unsigned
boot_make_map (const BootMachine *machine, BootMapEntry map[BOOT_MAP_MAX])
{
  unsigned n = 0;

  map[n++] = (BootMapEntry){ 0, BOOT_LOW_MEMORY_END, BOOT_MAP_RAM };
  map[n++] = (BootMapEntry){ BOOT_LOW_MEMORY_END, 0xa0000 - BOOT_LOW_MEMORY_END, BOOT_MAP_RESERVED };
  map[n++] = (BootMapEntry){ 0xf0000, 0x10000, BOOT_MAP_RESERVED };
  map[n++] = (BootMapEntry){ 0x100000, machine->tables - 0x100000, BOOT_MAP_RAM };
  map[n++] = (BootMapEntry){ machine->tables, machine->ram_low - machine->tables, BOOT_MAP_ACPI };
  map[n++] = (BootMapEntry){ PC_ECAM_BASE, PC_ECAM_SIZE, BOOT_MAP_RESERVED };
  map[n++] = (BootMapEntry){ PC_PAGES_OF_KVM, PC_PAGES_OF_KVM_SIZE, BOOT_MAP_RESERVED };
  if (machine->ram_high)
    map[n++] = (BootMapEntry){ HIGH_RAM_START, machine->ram_high, BOOT_MAP_RAM };
  return n;
}

bool
boot_write_string (GuestMemory *memory, const char *string, uint64_t *at)
{
  size_t size = strlen (string) + 1;

  if (size > BOOT_STRINGS_END - *at || !guest_write (memory, *at, string, size))
    return false;
  *at += size;
  return true;
}

static bool
place_segment (const BootKernel *kernel, GuestMemory *memory, const BootSegment *segment)
{
  uint8_t *host;

  if (segment->size == 0)
    return true;
  host = guest_map (memory, segment->address, segment->size, true);
  if (!host)
    return false;
  memcpy (host, kernel->data + segment->offset, segment->file_size);
  memset (host + segment->file_size, 0, segment->size - segment->file_size);
  return true;
}

static bool
place_module (GuestMemory *memory, const BootModule *module, GError **error)
{
  uint8_t *host = guest_map (memory, module->address, module->size, true);

  if (host && read_all (module->fd, host, module->size))
    return true;
  return vmm_set_errno_error (error, host ? errno : ENOMEM, "Can't read %s again for the guest's start",
                              module->path);
}

static bool
place_information (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine, CpuStart *start)
{
  *start = (CpuStart){
    .mode = kernel->long_mode ? CPU_START_LONG : CPU_START_PROTECTED,
    .rip = kernel->entry,
    .rsp = BOOT_STACK,
    .gdt = BOOT_GDT,
  };
  if (!cpu_start_write_gdt (memory, BOOT_GDT, start->mode))
    return false;
  if (kernel->long_mode)
    {
      start->cr3 = BOOT_PAGE_TABLES;
      if (!cpu_start_write_page_tables (memory, BOOT_PAGE_TABLES))
        return false;
    }
  switch (kernel->kind)
    {
    case BOOT_LINUX:
      return boot_linux_place (kernel, memory, machine, start);
    case BOOT_PVH:
      return boot_pvh_place (kernel, memory, machine, start);
    case BOOT_MULTIBOOT:
    default:
      return boot_multiboot_place (kernel, memory, machine, start);
    }
}

bool
boot_kernel_place (BootKernel *kernel, GuestMemory *memory, const BootMachine *machine, CpuStart *start,
                   GError **error)
{
  for (unsigned i = 0; i < kernel->segments->len; i++)
    if (!place_segment (kernel, memory, &g_array_index (kernel->segments, BootSegment, i)))
      return boot_refuse (kernel, error, "its place in guest memory is not there.");
  for (unsigned i = 0; i < kernel->modules->len; i++)
    if (!place_module (memory, &g_array_index (kernel->modules, BootModule, i), error))
      return false;
  return place_information (kernel, memory, machine, start)
         || boot_refuse (kernel, error, "its boot information does not fit into guest memory.");
}
