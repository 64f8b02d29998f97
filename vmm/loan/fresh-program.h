/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A program that begins in this process as if by execve, but beside the memory that is there already: its
 * loader (ld.so, which maps the program, as when it is called by hand) is mapped, and entered with a new
 * stack.
 *
 * Neither the C library nor thread-local storage is used: what they were made of may be unmapped.
 */

/* All in memory that stays. */
typedef struct {
  const char *loader;    /* path of the ELF interpreter (PT_INTERP) of the program */
  const char *arguments; /* argv, each with its NUL: the loader's path, the program's, its arguments */
  const char *variables; /* envp, the same way */
  unsigned n_arguments, n_variables;
  uint8_t *stack; /* new, aligned to 16 */
  size_t stack_size;
  uintptr_t vdso;                                  /* the kernel's (AT_SYSINFO_EHDR) */
  unsigned long hardware, hardware2, signal_stack; /* AT_HWCAP, AT_HWCAP2, AT_MINSIGSTKSZ */
} FreshProgram;

/* The process has one thread, no signal handlers, and its descriptors as the program is to find them.
 * Returns only if that fails: -errno. */
__attribute__ ((visibility ("hidden"))) int fresh_program_run (const FreshProgram *program);
