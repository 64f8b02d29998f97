/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loan/fresh-program.h"

#include "vmm/loan/raw-call.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <stdbool.h>
#include <sys/mman.h>

#define PAGE         4096ul
#define MAX_SEGMENTS 16u
#define MAX_AUX      24u

#define PAGE_DOWN(address) ((address) & ~(PAGE - 1))
#define PAGE_UP(address)   PAGE_DOWN ((address) + PAGE - 1)

typedef struct {
  Elf64_Ehdr header;
  Elf64_Phdr segments[MAX_SEGMENTS];
  uintptr_t base; /* what is added to the file's addresses */
} Loader;

/* --- the loader is mapped (System V gABI, "Program Loading") --- */

static bool
read_headers (long fd, Loader *loader)
{
  const Elf64_Ehdr *header = &loader->header;
  long size;

  if (raw_call (SYS_pread64, fd, &loader->header, sizeof *header, 0) != (long)sizeof *header)
    return false;
  size = (long)(header->e_phnum * sizeof (Elf64_Phdr));
  return header->e_ident[EI_MAG0] == ELFMAG0 && header->e_ident[EI_CLASS] == ELFCLASS64
         && header->e_type == ET_DYN && header->e_phentsize == sizeof (Elf64_Phdr)
         && header->e_phnum <= MAX_SEGMENTS
         && raw_call (SYS_pread64, fd, loader->segments, size, header->e_phoff) == size;
}

static bool
reserve (Loader *loader)
{
  uintptr_t end = 0;
  long base;

  for (unsigned i = 0; i < loader->header.e_phnum; i++)
    {
      const Elf64_Phdr *segment = &loader->segments[i];

      if (segment->p_type == PT_LOAD && segment->p_vaddr + segment->p_memsz > end)
        end = segment->p_vaddr + segment->p_memsz;
    }
  base = raw_call (SYS_mmap, 0, PAGE_UP (end), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  loader->base = (uintptr_t)base;
  return end > 0 && base > 0;
}

static bool
map_segment (long fd, const Loader *loader, const Elf64_Phdr *segment)
{
  int protection = (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0)
                   | (segment->p_flags & PF_X ? PROT_EXEC : 0);
  uintptr_t start = loader->base + segment->p_vaddr;
  uintptr_t file_end = start + segment->p_filesz, end = start + segment->p_memsz;
  uintptr_t skew = start - PAGE_DOWN (start);

  if (raw_call (SYS_mmap, start - skew, segment->p_filesz + skew, protection, MAP_PRIVATE | MAP_FIXED, fd,
                segment->p_offset - skew)
      < 0)
    return false;
  if (end <= file_end)
    return true;
  raw_zero ((void *)file_end, PAGE_UP (file_end) - file_end);
  return PAGE_UP (end) == PAGE_UP (file_end)
         || raw_call (SYS_mmap, PAGE_UP (file_end), PAGE_UP (end) - PAGE_UP (file_end), protection,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
              > 0;
}

static int
map_loader (const char *path, Loader *loader)
{
  long fd = raw_call (SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
  bool mapped;

  if (fd < 0)
    return (int)fd;
  mapped = read_headers (fd, loader) && reserve (loader);
  for (unsigned i = 0; mapped && i < loader->header.e_phnum; i++)
    if (loader->segments[i].p_type == PT_LOAD)
      mapped = map_segment (fd, loader, &loader->segments[i]);
  raw_call (SYS_close, fd);
  return mapped ? 0 : -ENOEXEC;
}

/* --- the stack as the kernel would make it (System V ABI, AMD64 supplement, 3.4.1) --- */

typedef struct {
  uint64_t *words; /* argc, argv, NULL, envp, NULL, pairs of the auxiliary vector */
  unsigned n, aux; /* words so far; where the vector begins */
  struct prctl_mm_map map;
} Stack;

static void
push (Stack *stack, uint64_t word)
{
  stack->words[stack->n++] = word;
}

static void
push_pair (Stack *stack, uint64_t kind, uint64_t value)
{
  push (stack, kind);
  push (stack, value);
}

static uintptr_t
push_strings (Stack *stack, uintptr_t text, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    {
      push (stack, text);
      text += raw_length ((const char *)text) + 1;
    }
  push (stack, 0);
  return text;
}

static void
push_vector (Stack *stack, const FreshProgram *program, const Loader *loader, uintptr_t random)
{
  push_pair (stack, AT_SYSINFO_EHDR, program->vdso);
  push_pair (stack, AT_HWCAP, program->hardware);
  push_pair (stack, AT_HWCAP2, program->hardware2);
  push_pair (stack, AT_MINSIGSTKSZ, program->signal_stack);
  push_pair (stack, AT_PAGESZ, PAGE);
  push_pair (stack, AT_CLKTCK, 100);
  push_pair (stack, AT_PHDR, loader->base + loader->header.e_phoff);
  push_pair (stack, AT_PHENT, sizeof (Elf64_Phdr));
  push_pair (stack, AT_PHNUM, loader->header.e_phnum);
  push_pair (stack, AT_BASE, 0);
  push_pair (stack, AT_FLAGS, 0);
  push_pair (stack, AT_ENTRY, loader->base + loader->header.e_entry);
  push_pair (stack, AT_UID, (uint64_t)raw_call (SYS_getuid));
  push_pair (stack, AT_EUID, (uint64_t)raw_call (SYS_geteuid));
  push_pair (stack, AT_GID, (uint64_t)raw_call (SYS_getgid));
  push_pair (stack, AT_EGID, (uint64_t)raw_call (SYS_getegid));
  push_pair (stack, AT_SECURE, 0);
  push_pair (stack, AT_RANDOM, random);
  push_pair (stack, AT_EXECFN, (uintptr_t)program->loader);
  push_pair (stack, AT_NULL, 0);
}

/* The strings stay where they are. */
static uint64_t *
make_stack (const FreshProgram *program, const Loader *loader, Stack *stack)
{
  size_t most = (program->n_arguments + program->n_variables + 3 + 2 * MAX_AUX) * sizeof (uint64_t);
  uintptr_t random = (uintptr_t)program->stack + program->stack_size - 16;
  uintptr_t words = (random - most) & ~(uintptr_t)15;

  if (most + 16 > program->stack_size / 2 || raw_call (SYS_getrandom, random, 16, 0) != 16)
    return NULL;
  stack->words = (uint64_t *)words;
  push (stack, program->n_arguments);
  /* The loader isn't what people look for in a list of processes. */
  stack->map.arg_start = (uintptr_t)program->arguments + raw_length (program->arguments) + 1;
  stack->map.arg_end = push_strings (stack, (uintptr_t)program->arguments, program->n_arguments);
  stack->map.env_start = (uintptr_t)program->variables;
  stack->map.env_end = push_strings (stack, stack->map.env_start, program->n_variables);
  stack->aux = stack->n;
  push_vector (stack, program, loader, random);
  return stack->words;
}

/* What /proc says of the process: its command line, environment and heap, which is to begin where the old one
 * ended. Where the kernel can't (CONFIG_CHECKPOINT_RESTORE) it says what it said before. */
static void
tell_kernel (const Stack *stack)
{
  struct prctl_mm_map map = stack->map;

  map.start_brk = map.brk = PAGE_UP ((uintptr_t)raw_call (SYS_brk, 0));
  map.start_code = map.start_data = map.brk - 2 * PAGE; /* of no use to anybody, but they must be in order */
  map.end_code = map.end_data = map.brk - PAGE;
  map.start_stack = (uintptr_t)stack->words;
  map.auxv = (void *)(stack->words + stack->aux);
  map.auxv_size = (stack->n - stack->aux) * (unsigned)sizeof (uint64_t);
  map.exe_fd = ~0u;
  raw_call (SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}

/* --- the jump --- */

/* The first instruction sees nothing of what was: 3.4.1, "Initial Stack and Register State". */
__attribute__ ((noreturn)) static void
enter (uint64_t *stack, uintptr_t entry)
{
  __asm__ volatile("mov %0, %%rsp\n\t"
                   "xor %%edx, %%edx\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "cld\n\t"
                   "jmp *%1"
                   :
                   : "r"(stack), "r"(entry)
                   : "memory");
  __builtin_unreachable ();
}

int
fresh_program_run (const FreshProgram *program)
{
  Loader loader;
  Stack stack = { 0 };
  int failed = map_loader (program->loader, &loader);

  if (failed)
    return failed;
  if (!make_stack (program, &loader, &stack))
    return -E2BIG;
  tell_kernel (&stack);
  enter (stack.words, loader.base + loader.header.e_entry);
}
