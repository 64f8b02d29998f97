/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct GuestMemory GuestMemory;

/* How the boot CPU starts after a reset. The others wait for INIT and SIPI. */
typedef enum {
  CPU_START_RESET_VECTOR, /* real mode at f000:fff0 (firmware); the registers below are ignored */
  CPU_START_PROTECTED,    /* 32-bit flat, paging off: Multiboot 1, PVH */
  CPU_START_LONG,         /* 64-bit, identity-mapped below 4 GiB by tables at @cr3: the Linux 64-bit protocol */
} CpuStartMode;

typedef struct {
  CpuStartMode mode;
  uint64_t rip, rax, rbx, rcx, rdx, rsi, rdi, rsp, cr3;
  uint64_t gdt; /* address of a table by cpu_start_write_gdt, or 0: GDTR is empty, the segments are loaded */
} CpuStart;

/* Segments that a started CPU has loaded, as the Linux boot protocol wants them. */
#define CPU_START_CODE_SELECTOR 0x10
#define CPU_START_DATA_SELECTOR 0x18

#define CPU_START_GDT_SIZE         40     /* bytes */
#define CPU_START_PAGE_TABLES_SIZE 0x6000 /* bytes, page-aligned */

/* Writes flat code and data descriptors for @mode. False if there is no RAM at @address. */
bool cpu_start_write_gdt (GuestMemory *memory, uint64_t address, CpuStartMode mode);

/* Writes tables that map the first 4 GiB to themselves. @address is the cr3 to use. False as above. */
bool cpu_start_write_page_tables (GuestMemory *memory, uint64_t address);

G_END_DECLS
