/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/guest-memory.h"

/*
 * The PC's address map. Low RAM ends at PCI_HOLE_START at most; there ECAM begins, then the window
 * of 32-bit PCI memory, the chips, and at the top the firmware.
 */
#define PC_ECAM_BASE         UINT64_C (0xb0000000)
#define PC_ECAM_SIZE         UINT64_C (0x10000000)
#define PC_WINDOW_START      UINT64_C (0xc0000000) /* BARs */
#define PC_WINDOW_END        UINT64_C (0xfec00000)
#define PC_IOAPIC_BASE       0xfec00000u
#define PC_LAPIC_BASE        0xfee00000u
#define PC_PAGES_OF_KVM      UINT64_C (0xfeffc000) /* kept out of every map handed to the guest */
#define PC_PAGES_OF_KVM_SIZE UINT64_C (0x4000)
#define PC_IO_WINDOW_START   0xc000u               /* port BARs, when no firmware places them */
#define PC_HIGH_WINDOW_END   (UINT64_C (64) << 30) /* what 36 address bits reach */

/* The window for 64-bit BARs above RAM, which ends at @ram_end; its size, or 0 where none fits. */
static inline uint64_t
pc_high_window (uint64_t ram_end, uint64_t *start)
{
  uint64_t from = ram_end < HIGH_RAM_START ? HIGH_RAM_START : ram_end;

  *start = (from + (UINT64_C (1) << 30) - 1) & ~((UINT64_C (1) << 30) - 1);
  return *start + (UINT64_C (4) << 30) <= PC_HIGH_WINDOW_END ? PC_HIGH_WINDOW_END - *start : 0;
}
