/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The lender: a process that is nothing but memory as it was at one instant, which either side copies where
 * it writes. Each program that it is asked for is a fork of it that begins anew (fresh-program.h), and so has
 * that memory, at the same addresses, without a byte being copied.
 *
 * It listens on a socket (AF_UNIX, SOCK_SEQPACKET), takes one client, and ends with it, or if none comes. A
 * LoanRequest with the program's descriptors (SCM_RIGHTS), which become 0, 1, …, is answered with the
 * program's process id, or -errno (int32_t). The descriptor after them is the loan's contents, for the
 * program to know what is where.
 *
 * What runs in it is built without sanitizers and stack protector: the C library and thread-local storage are
 * gone.
 */
#define LOAN_MAX_TEXT (120u * 1024)
#define LOAN_MAX_FDS  16u
#define LOAN_MAX_KEPT 128u
#define LOAN_PATIENCE 60000 /* ms, for a client to come */

typedef struct {
  uint32_t n_arguments, n_variables;
  uint32_t is_last;         /* the lender itself becomes the program: one fork less */
  char text[LOAN_MAX_TEXT]; /* each with its NUL: a working folder, then FreshProgram's loader, which is also
                               the first argument, and variables */
} LoanRequest;

#define LOAN_REQUEST_SIZE(n_text) (offsetof (LoanRequest, text) + (n_text))

typedef struct {
  uintptr_t start, end;
} LoanRange;

/* All that the lender has besides what it lends. Made before the fork in private zeroed memory of its own;
 * programs begin on its stack. */
typedef struct {
  LoanRange kept[LOAN_MAX_KEPT]; /* what is lent */
  unsigned n_kept;
  int listener, contents; /* descriptors */
  uintptr_t rseq;         /* of the thread that forks; 0: none */
  uintptr_t vdso;         /* as FreshProgram; and so on */
  unsigned long hardware, hardware2, signal_stack;

  LoanRequest request;
  _Alignas(4096) char maps[16u << 20]; /* the text of /proc/self/maps */
  _Alignas(16) uint8_t stack[256 * 1024];
  _Alignas(16) uint8_t program_stack[8u << 20];
} Lender;

/* Forks it. Returns: a descriptor of the process, which sends no signal at its end and has to be waited for
 * with
 * __WALL; -1 with errno set. */
__attribute__ ((visibility ("hidden"))) int lender_fork (Lender *lender);
