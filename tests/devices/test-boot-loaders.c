/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels that are booted directly: what is accepted, where it goes, and what damaged files do. */
#include "devices/platform/boot.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/memory/guest-memory.h"

#include <elf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define RAM_SIZE    (UINT64_C (32) << 20)
#define KERNEL_SIZE 0x6000u

typedef struct {
  GuestMemory *memory;
  uint8_t *ram;
  char *folder, *kernel, *initrd;
} Fixture;

static void
fixture_set_up (Fixture *f, gconstpointer data)
{
  MemoryBank *bank;

  f->memory = guest_memory_new (NULL);
  bank = guest_memory_add_bank (f->memory, "ram", RAM_SIZE, BANK_RAM, NULL);
  memory_bank_map (bank, 0);
  f->ram = memory_bank_data (bank);
  f->folder = g_dir_make_tmp ("bonsai-boot-XXXXXX", NULL);
  f->kernel = g_build_filename (f->folder, "kernel", NULL);
  f->initrd = g_build_filename (f->folder, "initrd", NULL);
  g_assert_true (g_file_set_contents (f->initrd, "initial file system", -1, NULL));
}

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  g_unlink (f->kernel);
  g_unlink (f->initrd);
  g_rmdir (f->folder);
  g_free (f->folder);
  g_free (f->kernel);
  g_free (f->initrd);
  guest_memory_free (f->memory);
}

static void
write_kernel (Fixture *f, const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents_full (f->kernel, (const char *)data, size, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
                            &error);
  g_assert_no_error (error);
}

static BootKernel *
load (Fixture *f, const char *initrd, const char *append)
{
  g_autoptr (GError) error = NULL;
  BootKernel *kernel = boot_kernel_load (f->kernel, initrd, append, RAM_SIZE, &error);

  g_assert_no_error (error);
  return kernel;
}

static void
place (Fixture *f, BootKernel *kernel, CpuStart *start)
{
  const BootMachine machine = {
    .ram_low = RAM_SIZE,
    .tables = RAM_SIZE - BOOT_TABLES_SIZE,
    .rsdp = 0xf0000,
    .display = true,
  };
  g_autoptr (GError) error = NULL;

  g_assert_true (boot_kernel_place (kernel, f->memory, &machine, start, &error));
  g_assert_no_error (error);
}

/* --- samples --- */

static uint8_t *
make_linux (void)
{
  uint8_t *data = g_malloc0 (KERNEL_SIZE);

  for (unsigned i = 0x1000; i < KERNEL_SIZE; i++)
    data[i] = i * 7;
  data[0x1f1] = 7; /* setup is 8 sectors long: 0x1000 */
  store_le16 (data + 0x1fe, 0xaa55);
  data[0x201] = 0x6a;
  memcpy (data + 0x202, "HdrS", 4);
  store_le16 (data + 0x206, 0x20f);
  data[0x211] = 1;
  store_le32 (data + 0x214, 0x100000);
  store_le32 (data + 0x22c, 0x7fffffff);
  store_le32 (data + 0x230, 0x200000);
  data[0x234] = 1;
  store_le16 (data + 0x236, 3);
  store_le32 (data + 0x238, 2047);
  store_le64 (data + 0x258, 0x1000000);
  store_le32 (data + 0x260, 0x100000);
  return data;
}

static uint8_t *
make_elf64 (bool note)
{
  uint8_t *data = g_malloc0 (KERNEL_SIZE);
  Elf64_Ehdr *header = (Elf64_Ehdr *)data;
  Elf64_Phdr *segments = (Elf64_Phdr *)(data + sizeof *header);

  memcpy (header->e_ident, ELFMAG, SELFMAG);
  header->e_ident[EI_CLASS] = ELFCLASS64;
  header->e_ident[EI_DATA] = ELFDATA2LSB;
  header->e_machine = EM_X86_64;
  header->e_entry = 0xffffffff81000000;
  header->e_phoff = sizeof *header;
  header->e_phentsize = sizeof *segments;
  header->e_phnum = 2;
  segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
                              .p_offset = 0x1000,
                              .p_vaddr = 0xffffffff81000000,
                              .p_paddr = 0x1000000,
                              .p_filesz = 0x2000,
                              .p_memsz = 0x5000 };
  segments[1] = (Elf64_Phdr){ .p_type = note ? PT_NOTE : PT_NULL, .p_offset = 0x3000, .p_filesz = 40 };
  memset (data + 0x1000, 0xab, 0x2000);
  /* A note of somebody else's first. */
  store_le32 (data + 0x3000, 4);
  store_le32 (data + 0x3004, 3);
  store_le32 (data + 0x3008, 1);
  memcpy (data + 0x300c, "GNU", 4);
  store_le32 (data + 0x3014, 4);
  store_le32 (data + 0x3018, 4);
  store_le32 (data + 0x301c, 18);
  memcpy (data + 0x3020, "Xen", 4);
  store_le32 (data + 0x3024, 0x1000200);
  return data;
}

static void
store_multiboot_header (uint8_t *at, uint32_t flags)
{
  store_le32 (at, 0x1badb002);
  store_le32 (at + 4, flags);
  store_le32 (at + 8, -(0x1badb002 + flags));
}

static uint8_t *
make_multiboot_flat (void)
{
  uint8_t *data = g_malloc0 (KERNEL_SIZE);

  store_multiboot_header (data + 0x100, 0x10003);
  store_le32 (data + 0x10c, 0x200100); /* header */
  store_le32 (data + 0x110, 0x200000); /* load */
  store_le32 (data + 0x114, 0x203000); /* load end */
  store_le32 (data + 0x118, 0x204000); /* bss end */
  store_le32 (data + 0x11c, 0x200200); /* entry */
  memset (data + 0x200, 0xcd, KERNEL_SIZE - 0x200);
  return data;
}

static uint8_t *
make_multiboot_elf (void)
{
  uint8_t *data = g_malloc0 (KERNEL_SIZE);
  Elf32_Ehdr *header = (Elf32_Ehdr *)data;
  Elf32_Phdr *segment = (Elf32_Phdr *)(data + sizeof *header);

  memcpy (header->e_ident, ELFMAG, SELFMAG);
  header->e_ident[EI_CLASS] = ELFCLASS32;
  header->e_ident[EI_DATA] = ELFDATA2LSB;
  header->e_machine = EM_386;
  header->e_entry = 0xc0100020;
  header->e_phoff = sizeof *header;
  header->e_phentsize = sizeof *segment;
  header->e_phnum = 1;
  *segment = (Elf32_Phdr){ .p_type = PT_LOAD,
                           .p_offset = 0x1000,
                           .p_vaddr = 0xc0100000,
                           .p_paddr = 0x100000,
                           .p_filesz = 0x1000,
                           .p_memsz = 0x3000 };
  store_multiboot_header (data + 0x1000, 3);
  return data;
}

/* --- what they become --- */

static void
test_linux (Fixture *f, gconstpointer unused)
{
  g_autofree uint8_t *data = make_linux ();
  g_autoptr (BootKernel) kernel = NULL;
  const uint8_t *zero_page;
  uint32_t initrd;
  CpuStart start;

  write_kernel (f, data, KERNEL_SIZE);
  kernel = load (f, f->initrd, "console=ttyS0");
  g_assert_cmpstr (boot_kernel_protocol (kernel), ==, "linux-64");
  for (unsigned i = 0; i < 2; i++) /* a reset places all of it again */
    {
      memset (f->ram, 0xff, RAM_SIZE);
      place (f, kernel, &start);
      g_assert_cmpint (start.mode, ==, CPU_START_LONG);
      g_assert_cmphex (start.rip, ==, 0x1000200);
      g_assert_cmpmem (f->ram + 0x1000000, KERNEL_SIZE - 0x1000, data + 0x1000, KERNEL_SIZE - 0x1000);
      zero_page = f->ram + start.rsi;
      g_assert_cmpmem (zero_page + 0x202, 4, "HdrS", 4);
      g_assert_cmpstr ((char *)f->ram + load_le32 (zero_page + 0x228), ==, "console=ttyS0");
      initrd = load_le32 (zero_page + 0x218);
      g_assert_cmpuint (load_le32 (zero_page + 0x21c), ==, strlen ("initial file system"));
      g_assert_cmpmem (f->ram + initrd, 19, "initial file system", 19);
      g_assert_cmphex (load_le64 (zero_page + 0x70), ==, 0xf0000);
      g_assert_cmpuint (zero_page[0x0f], ==, 1); /* VGA, 80x25 */
      g_assert_cmpuint (zero_page[0x1e8], >=, 4);
      g_assert_cmphex (load_le64 (zero_page + 0x2d0 + 3 * 20), ==, 0x100000);
      g_assert_cmpuint (load_le32 (zero_page + 0x2d0 + 3 * 20 + 16), ==, 1);
    }
}

static void
test_linux_32 (Fixture *f, gconstpointer unused)
{
  g_autofree uint8_t *data = make_linux ();
  g_autoptr (BootKernel) kernel = NULL;
  CpuStart start;

  store_le16 (data + 0x206, 0x204);
  write_kernel (f, data, KERNEL_SIZE);
  kernel = load (f, NULL, NULL);
  g_assert_cmpstr (boot_kernel_protocol (kernel), ==, "linux-32");
  place (f, kernel, &start);
  g_assert_cmpint (start.mode, ==, CPU_START_PROTECTED);
  g_assert_cmphex (start.rip, ==, 0x100000);
  g_assert_cmpmem (f->ram + 0x100000, KERNEL_SIZE - 0x1000, data + 0x1000, KERNEL_SIZE - 0x1000);
}

static void
test_pvh (Fixture *f, gconstpointer unused)
{
  g_autofree uint8_t *data = make_elf64 (true);
  g_autoptr (BootKernel) kernel = NULL;
  const uint8_t *info, *module;
  CpuStart start;

  write_kernel (f, data, KERNEL_SIZE);
  kernel = load (f, f->initrd, "quiet");
  g_assert_cmpstr (boot_kernel_protocol (kernel), ==, "pvh");
  memset (f->ram, 0xff, RAM_SIZE);
  place (f, kernel, &start);
  g_assert_cmpint (start.mode, ==, CPU_START_PROTECTED);
  g_assert_cmphex (start.rip, ==, 0x1000200);
  g_assert_cmpmem (f->ram + 0x1000000, 0x2000, data + 0x1000, 0x2000);
  g_assert_cmphex (f->ram[0x1002000], ==, 0); /* bss */
  g_assert_cmphex (f->ram[0x1004fff], ==, 0);
  info = f->ram + start.rbx;
  g_assert_cmphex (load_le32 (info), ==, 0x336ec578);
  g_assert_cmpuint (load_le32 (info + 12), ==, 1);
  module = f->ram + load_le64 (info + 16);
  g_assert_cmpmem (f->ram + load_le64 (module), 19, "initial file system", 19);
  g_assert_cmpstr ((char *)f->ram + load_le64 (info + 24), ==, "quiet");
  g_assert_cmphex (load_le64 (info + 32), ==, 0xf0000);
}

static void
check_multiboot (Fixture *f, BootKernel *kernel, const CpuStart *start)
{
  const uint8_t *info = f->ram + start->rbx;
  const uint8_t *module = f->ram + load_le32 (info + 24);
  g_autofree char *line = g_strdup_printf ("%s hello", f->kernel);

  g_assert_cmpstr (boot_kernel_protocol (kernel), ==, "multiboot");
  g_assert_cmpint (start->mode, ==, CPU_START_PROTECTED);
  g_assert_cmphex (start->rax, ==, 0x2badb002);
  g_assert_cmphex (load_le32 (info) & 0x4d, ==, 0x4d);
  g_assert_cmpuint (load_le32 (info + 4), ==, 639);
  g_assert_cmpstr ((char *)f->ram + load_le32 (info + 16), ==, line);
  g_assert_cmpuint (load_le32 (info + 20), ==, 2);
  g_assert_cmphex (load_le32 (module) % 4096, ==, 0);
  g_assert_cmpmem (f->ram + load_le32 (module), 19, "initial file system", 19);
  g_assert_nonnull (strstr ((char *)f->ram + load_le32 (module + 8), "initrd one two"));
  g_assert_cmpuint (load_le32 (info + 44) % 24, ==, 0);
  g_assert_cmpuint (load_le32 (f->ram + load_le32 (info + 48)), ==, 20);
}

static void
test_multiboot (Fixture *f, gconstpointer unused)
{
  g_autofree uint8_t *flat = make_multiboot_flat ();
  g_autofree uint8_t *elf = make_multiboot_elf ();
  g_autofree char *modules = g_strdup_printf ("%s one two,%s", f->initrd, f->initrd);
  BootKernel *kernel;
  CpuStart start;

  write_kernel (f, flat, KERNEL_SIZE);
  kernel = load (f, modules, "hello");
  memset (f->ram, 0xff, RAM_SIZE);
  place (f, kernel, &start);
  check_multiboot (f, kernel, &start);
  g_assert_cmphex (start.rip, ==, 0x200200);
  g_assert_cmpmem (f->ram + 0x200000, 0x3000, flat, 0x3000);
  g_assert_cmphex (f->ram[0x203000], ==, 0);
  boot_kernel_free (kernel);

  write_kernel (f, elf, KERNEL_SIZE);
  kernel = load (f, modules, "hello");
  place (f, kernel, &start);
  check_multiboot (f, kernel, &start);
  g_assert_cmphex (start.rip, ==, 0x100020);
  boot_kernel_free (kernel);
}

static void
test_gzip (Fixture *f, gconstpointer unused)
{
  g_autofree uint8_t *data = make_multiboot_flat ();
  g_autoptr (BootKernel) kernel = NULL;
  gzFile out = gzopen (f->kernel, "wb");

  g_assert_cmpint (gzwrite (out, data, KERNEL_SIZE), ==, KERNEL_SIZE);
  gzclose (out);
  kernel = load (f, NULL, NULL);
  g_assert_cmpstr (boot_kernel_protocol (kernel), ==, "multiboot");
}

/* --- refusals --- */

static void
refused (Fixture *f, const char *path, const char *initrd, const char *append, uint64_t ram,
         const char *message)
{
  g_autoptr (GError) error = NULL;
  BootKernel *kernel = boot_kernel_load (path, initrd, append, ram, &error);

  if (kernel)
    g_error ("It should have been refused: %s", message);
  if (!strstr (error->message, message))
    g_error ("\"%s\" does not say \"%s\"", error->message, message);
}

static void
test_refusals (Fixture *f, gconstpointer unused)
{
  g_autofree uint8_t *bzimage = make_linux ();
  g_autofree uint8_t *elf = make_elf64 (false);
  g_autofree char *long_line = g_strnfill (3000, 'x');

  refused (f, f->kernel, NULL, NULL, RAM_SIZE, "No such file");
  refused (f, f->folder, NULL, NULL, RAM_SIZE, "no regular file");
  write_kernel (f, (const uint8_t *)"", 0);
  refused (f, f->kernel, NULL, NULL, RAM_SIZE, "empty");
  write_kernel (f, (const uint8_t *)"MZ\x90 not a kernel", 17);
  refused (f, f->kernel, NULL, NULL, RAM_SIZE, "no kernel that Bonsai knows");
  write_kernel (f, elf, KERNEL_SIZE);
  refused (f, f->kernel, NULL, NULL, RAM_SIZE, "PVH");
  write_kernel (f, bzimage, KERNEL_SIZE);
  refused (f, f->kernel, f->folder, NULL, RAM_SIZE, "initrd");
  refused (f, f->kernel, "/no/such/file", NULL, RAM_SIZE, "/no/such/file");
  refused (f, f->kernel, NULL, long_line, RAM_SIZE, "command line");
  refused (f, f->kernel, NULL, NULL, 2 << 20, "more memory");
  store_le16 (bzimage + 0x206, 0x207);
  store_le32 (bzimage + 0x214, 0);
  write_kernel (f, bzimage, KERNEL_SIZE);
  refused (f, f->kernel, NULL, NULL, RAM_SIZE, "real mode");
  write_kernel (f, bzimage, 0xf00);
  refused (f, f->kernel, NULL, NULL, RAM_SIZE, "cut short");
}

/* --- damaged files --- */

static void
damage (GRand *rand, uint8_t *data, size_t *size)
{
  static const uint32_t tempting[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffff000, 0x1000000 };

  for (int n = g_rand_int_range (rand, 1, 12); n > 0; n--)
    {
      /* Mostly in the headers. */
      unsigned limit = g_rand_int_range (rand, 0, 4) ? 0x400 : KERNEL_SIZE - 4;
      unsigned at = g_rand_int_range (rand, 0, limit);

      if (g_rand_boolean (rand))
        data[at] = g_rand_int (rand);
      else
        store_le32 (data + at, tempting[g_rand_int_range (rand, 0, G_N_ELEMENTS (tempting))]);
    }
  if (g_rand_int_range (rand, 0, 4) == 0)
    *size = g_rand_int_range (rand, 1, KERNEL_SIZE);
}

static uint8_t *
make_gzip (size_t *size)
{
  g_autofree uint8_t *data = make_multiboot_flat ();
  uint8_t *packed = g_malloc0 (KERNEL_SIZE);
  z_stream stream = { 0 };

  deflateInit2 (&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = data;
  stream.avail_in = KERNEL_SIZE;
  stream.next_out = packed;
  stream.avail_out = KERNEL_SIZE;
  g_assert_cmpint (deflate (&stream, Z_FINISH), ==, Z_STREAM_END);
  *size = stream.total_out;
  deflateEnd (&stream);
  return packed;
}

static uint8_t *
make_sample (unsigned kind, size_t *size)
{
  *size = KERNEL_SIZE;
  switch (kind)
    {
    case 0:
      return make_linux ();
    case 1:
      return make_elf64 (true);
    case 2:
      return make_multiboot_flat ();
    case 3:
      return make_multiboot_elf ();
    case 4:
      return make_gzip (size);
    default:
      return g_malloc0 (KERNEL_SIZE);
    }
}

/* 10,000 files: damaged kernels of every kind, and noise. Each is refused with a message, or placed inside
 * RAM. */
static void
test_damaged (Fixture *f, gconstpointer unused)
{
  GRand *rand = g_rand_new_with_seed (0xb007);
  unsigned n_accepted = 0, n_refused = 0;

  for (unsigned i = 0; i < 10000; i++)
    {
      size_t size;
      g_autofree uint8_t *data = make_sample (i % 6, &size);
      g_autoptr (GError) error = NULL;
      g_autoptr (BootKernel) kernel = NULL;
      CpuStart start;

      if (i % 6 == 5)
        for (unsigned b = 0; b < KERNEL_SIZE; b += 4)
          store_le32 (data + b, g_rand_int (rand));
      damage (rand, data, &size);
      g_assert_true (
        g_file_set_contents_full (f->kernel, (char *)data, size, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
      kernel = boot_kernel_load (f->kernel, f->initrd, "x", RAM_SIZE, &error);
      if (kernel)
        {
          place (f, kernel, &start);
          n_accepted++;
        }
      else
        {
          g_assert_nonnull (strstr (error->message, f->kernel));
          n_refused++;
        }
    }
  g_test_message ("%u accepted, %u refused", n_accepted, n_refused);
  g_assert_cmpuint (n_accepted, >, 100);
  g_assert_cmpuint (n_refused, >, 1000);
  g_rand_free (rand);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/boot/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("linux", test_linux);
  ADD ("linux-32", test_linux_32);
  ADD ("pvh", test_pvh);
  ADD ("multiboot", test_multiboot);
  ADD ("gzip", test_gzip);
  ADD ("refusals", test_refusals);
  ADD ("damaged", test_damaged);
#undef ADD
  return g_test_run ();
}
