/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/cpu-start.h"

#include "vmm/base/bytes.h"
#include "vmm/memory/guest-memory.h"

/* Intel SDM vol. 3A, 3.4.5 "Segment Descriptors" and 4.5 "4-Level Paging". */
#define CODE32 UINT64_C (0x00cf9b000000ffff)
#define CODE64 UINT64_C (0x00af9b000000ffff)
#define DATA   UINT64_C (0x00cf93000000ffff)
#define TASK   UINT64_C (0x00008b0000000067)

#define PAGE_PRESENT  0x1u
#define PAGE_WRITABLE 0x2u
#define PAGE_LARGE    0x80u
#define N_DIRECTORIES 4 /* of 1 GiB */

bool
cpu_start_write_gdt (GuestMemory *memory, uint64_t address, CpuStartMode mode)
{
  const uint64_t descriptors[] = { 0, 0, mode == CPU_START_LONG ? CODE64 : CODE32, DATA, TASK };
  uint8_t gdt[CPU_START_GDT_SIZE];

  G_STATIC_ASSERT (sizeof descriptors == CPU_START_GDT_SIZE);
  for (unsigned i = 0; i < G_N_ELEMENTS (descriptors); i++)
    store_le64 (gdt + i * 8, descriptors[i]);
  return guest_write (memory, address, gdt, sizeof gdt);
}

bool
cpu_start_write_page_tables (GuestMemory *memory, uint64_t address)
{
  g_autofree uint8_t *tables = g_malloc0 (CPU_START_PAGE_TABLES_SIZE);
  uint8_t *pointers = tables + 0x1000;
  uint8_t *directories = tables + 0x2000;

  store_le64 (tables, (address + 0x1000) | PAGE_PRESENT | PAGE_WRITABLE);
  for (unsigned i = 0; i < N_DIRECTORIES; i++)
    store_le64 (pointers + i * 8, (address + 0x2000 + i * 0x1000u) | PAGE_PRESENT | PAGE_WRITABLE);
  for (unsigned i = 0; i < N_DIRECTORIES * 512; i++)
    store_le64 (directories + i * 8, (uint64_t) i << 21 | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE);
  return guest_write (memory, address, tables, CPU_START_PAGE_TABLES_SIZE);
}
