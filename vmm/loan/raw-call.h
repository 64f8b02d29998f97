/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/*
 * System calls without the C library, for code that runs where that isn't there any more, or not yet. Results
 * are the kernel's: -errno. System V ABI, AMD64 supplement, A.2.1.
 */
static inline long
raw_call6 (long number, long a, long b, long c, long d, long e, long f)
{
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;

  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

#define RAW_CALL_N(number, a, b, c, d, e, f, ...)                                                            \
  raw_call6 (number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* raw_call (SYS_close, fd): up to six arguments. */
#define raw_call(...) RAW_CALL_N (__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

static inline void
raw_copy (void *to, const void *from, size_t size)
{
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static inline void
raw_zero (void *to, size_t size)
{
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(0) : "memory");
}

static inline size_t
raw_length (const char *text)
{
  size_t length = 0;

  while (text[length])
    length++;
  return length;
}
